//! A network on its sheet: the layout with the chains that are open, what is looked at, where the keys are.
//!
//! Invariant: the layout is that of the graph and the open chains; it is made again only when one of them changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Vec2, vec2};
use ganoscope_core::graph::{Area, Chain, Graph, Layout, Shown};

use super::camera::Camera;

/// A drawing of one network.
#[derive(Clone, Default)]
pub(super) struct Sheet {
    graph: Arc<Graph>,
    open: BTreeSet<usize>,
    layout: Layout,
    largest_cost: u64,
    /// What is looked at; chosen by itself until a person pans or zooms.
    pub(super) camera: Option<Camera>,
    /// Whether the whole is to be looked at when the size of the view is known.
    pub(super) is_to_fit: bool,
    /// What was looked at in the last frame, chosen by itself or not.
    pub(super) painted: Option<Camera>,
    /// What is to be brought into view.
    pub(super) reveal: Option<Shown>,
    /// What the keys move on and act on.
    pub(super) at: Option<Shown>,
}

impl Sheet {
    /// Draws a graph; what was open and looked at stays when it is the same network again.
    pub(super) fn show(&mut self, graph: &Arc<Graph>) {
        if Arc::ptr_eq(&self.graph, graph) {
            return;
        }
        if *self.graph == **graph {
            self.graph = graph.clone();
            return;
        }
        *self = Self {
            graph: graph.clone(),
            ..Self::default()
        };
        self.lay_out();
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The largest cost of an item, multiply-adds for one stamp.
    pub(super) const fn largest_cost(&self) -> u64 {
        self.largest_cost
    }

    /// Width and height of the drawing.
    pub(super) fn size(&self) -> Vec2 {
        vec2(self.layout.width, self.layout.height)
    }

    /// Whether the boxes of a chain are drawn one by one.
    pub(super) fn is_open(&self, chain: usize) -> bool {
        self.open.contains(&chain)
    }

    /// The chains whose boxes are drawn one by one.
    pub(super) const fn open_chains(&self) -> &BTreeSet<usize> {
        &self.open
    }

    /// Whether all chains are open.
    pub(super) fn is_all_open(&self) -> bool {
        self.open.len() == self.graph.chains.len()
    }

    /// Opens or closes a chain; what is drawn in its place stays where it was on the screen.
    pub(super) fn set_open(&mut self, chain: usize, is_open: bool) {
        let is_changed = if is_open {
            self.open.insert(chain)
        } else {
            self.open.remove(&chain)
        };
        let Some(first) = self.graph.chains.get(chain).map(|c| c.first) else {
            return;
        };
        if !is_changed {
            return;
        }
        let (closed, opened) = (Shown::Chain(chain), Shown::Box(first));
        let (before, after) = if is_open {
            (closed, opened)
        } else {
            (opened, closed)
        };
        let corner = |sheet: &Self, shown| {
            let area = sheet.item_of(shown).and_then(|item| sheet.area(item));
            area.map(|area| vec2(area.left, area.top))
        };
        let old = corner(self, before);
        self.lay_out();
        let moved = corner(self, after).zip(old).map(|(new, old)| new - old);
        self.camera = self.camera.or(self.painted).map(|camera| Camera {
            centre: camera.centre + moved.unwrap_or_default(),
            ..camera
        });
        self.reveal = Some(after);
        let is_inside =
            |shown| matches!(shown, Shown::Box(at) if self.graph.chain_of(at) == Some(chain));
        if self.at.is_some_and(|at| at == closed || is_inside(at)) {
            self.at = Some(after);
        }
    }

    /// Opens or closes all chains.
    pub(super) fn set_all_open(&mut self, is_open: bool) {
        for chain in 0..self.graph.chains.len() {
            self.set_open(chain, is_open);
        }
        (self.camera, self.painted, self.reveal) = (None, None, None);
    }

    fn lay_out(&mut self) {
        let open = &self.open;
        self.layout = Layout::of(&self.graph, |chain| open.contains(&chain));
        let items = self.layout.items.iter();
        let costs = items.map(|item| self.cost(item.shown).1);
        self.largest_cost = costs.max().unwrap_or(0);
    }

    /// The item that shows a layer, by position.
    pub(super) fn item_of_layer(&self, layer: usize) -> Option<usize> {
        let at = self.graph.box_of(layer)?;
        self.layout.item_of(&self.graph, at)
    }

    /// The item of something shown, by position.
    pub(super) fn item_of(&self, shown: Shown) -> Option<usize> {
        self.layout
            .items
            .iter()
            .position(|item| item.shown == shown)
    }

    /// Where an item is.
    pub(super) fn area(&self, item: usize) -> Option<Area> {
        self.layout.items.get(item).map(|item| item.area)
    }

    /// The layers that an item shows, by position.
    pub(super) fn layers(&self, shown: Shown) -> impl Iterator<Item = usize> {
        let boxes = match shown {
            Shown::Box(at) => at..at + 1,
            Shown::Chain(at) => self.graph.chains.get(at).map_or(0..0, Chain::boxes),
        };
        let boxes = self.graph.boxes.get(boxes).unwrap_or_default();
        boxes.iter().flat_map(|one| one.layers.iter().copied())
    }

    /// Parameters and multiply-adds of an item.
    pub(super) fn cost(&self, shown: Shown) -> (usize, u64) {
        let layers = self.layers(shown);
        layers
            .filter_map(|layer| self.graph.layers.get(layer))
            .fold((0, 0), |(parameters, cost), layer| {
                (parameters + layer.parameters, cost + layer.multiply_adds)
            })
    }
}
