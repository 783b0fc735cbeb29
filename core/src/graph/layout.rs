//! Where everything of a graph is drawn: boxes and closed chains in rows from the inputs at the top to the outputs at
//! the bottom, branches side by side, edges that never cross a box.
//!
//! Invariant: the same graph with the same open chains gives the same layout; no two areas overlap; every route goes down.
//! Lengths are points at a magnification of 1.

use super::place::{self, Placed};
use super::{Family, Graph, route};

/// Width of everything that is drawn as a box.
pub(super) const WIDTH: f32 = 232.0;
/// Height of a box with several lines.
const HEIGHT: f32 = 78.0;
/// Height of a closed chain.
const CHAIN_HEIGHT: f32 = 84.0;
/// Height of inputs, constants, sums and joins, which say less.
const SMALL_HEIGHT: f32 = 44.0;

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Area {
    /// Distance from the left edge of the layout.
    pub left: f32,
    /// Distance from the top edge of the layout.
    pub top: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Area {
    /// Distance of the right side from the left edge of the layout.
    pub const fn right(&self) -> f32 {
        self.left + self.width
    }

    /// Distance of the lower side from the top edge of the layout.
    pub const fn bottom(&self) -> f32 {
        self.top + self.height
    }

    /// Distance of the middle from the left edge of the layout.
    pub const fn middle(&self) -> f32 {
        self.left + self.width / 2.0
    }
}

/// What is drawn as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// A box of the graph, by position.
    Box(usize),
    /// A chain of the graph that is closed, by position.
    Chain(usize),
}

/// Something drawn, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub shown: Shown,
    /// Its row, from 0 at the top.
    pub row: usize,
    /// Where it is.
    pub area: Area,
    /// The items it reads, by position, each once.
    pub inputs: Vec<usize>,
}

/// How an edge goes from the item that makes a value to one that reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Where it begins, an item by position.
    pub from: usize,
    /// Where it ends, an item by position.
    pub to: usize,
    /// The corners, (x, y); vertical and horizontal pieces in turn, never upwards.
    pub points: Vec<[f32; 2]>,
    /// Whether it passes beside boxes that lie between its ends.
    pub is_skip: bool,
}

/// Where everything of a graph is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// What is drawn, each after those it reads.
    pub items: Vec<Item>,
    /// The edges, by the item they end at.
    pub routes: Vec<Route>,
    /// Width of everything.
    pub width: f32,
    /// Height of everything.
    pub height: f32,
}

impl Layout {
    /// Lays a graph out; `is_open` says of every chain whether its boxes are drawn one by one.
    pub fn of(graph: &Graph, is_open: impl Fn(usize) -> bool) -> Self {
        let mut items = items(graph, &is_open);
        let placed = Placed::of(&items);
        let tops = place::rows(&mut items, &placed);
        let routes = route::routes(&items, &tops);
        let mut layout = Self {
            items,
            routes,
            width: 0.0,
            height: 0.0,
        };
        layout.fit();
        layout
    }

    /// The item that shows a box of the graph.
    pub fn item_of(&self, graph: &Graph, of: usize) -> Option<usize> {
        let chain = graph.chain_of(of);
        let is_it = |shown: Shown| match shown {
            Shown::Box(index) => index == of,
            Shown::Chain(index) => Some(index) == chain,
        };
        self.items.iter().position(|item| is_it(item.shown))
    }

    /// The area that the open boxes of a chain take together; nothing while it is closed.
    pub fn area_of_chain(&self, graph: &Graph, chain: usize) -> Option<Area> {
        let boxes = graph.chains.get(chain)?.boxes();
        let is_in = |item: &&Item| matches!(item.shown, Shown::Box(i) if boxes.contains(&i));
        let mut areas = self.items.iter().filter(is_in).map(|item| item.area);
        let first = areas.next()?;
        Some(areas.fold(first, |sum, area| {
            let (left, top) = (sum.left.min(area.left), sum.top.min(area.top));
            Area {
                left,
                top,
                width: sum.right().max(area.right()) - left,
                height: sum.bottom().max(area.bottom()) - top,
            }
        }))
    }

    /// Moves everything so that it begins at 0, 0, and measures it.
    fn fit(&mut self) {
        let areas = self.items.iter().map(|item| item.area);
        let corners = self.routes.iter().flat_map(|route| &route.points);
        let left = areas.clone().map(|area| area.left);
        let left = left.fold(f32::INFINITY, f32::min);
        let right = areas.clone().map(|area| area.right());
        let right = right.chain(corners.map(|point| point[0]));
        let shift = if left.is_finite() { left } else { 0.0 };
        self.width = (right.fold(shift, f32::max) - shift).max(0.0);
        self.height = areas.map(|area| area.bottom()).fold(0.0, f32::max);
        for item in &mut self.items {
            item.area.left -= shift;
        }
        for point in self.routes.iter_mut().flat_map(|route| &mut route.points) {
            point[0] -= shift;
        }
    }
}

/// The boxes and closed chains without their places.
fn items(graph: &Graph, is_open: &impl Fn(usize) -> bool) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut item_of = vec![0; graph.boxes.len()];
    for (at, one) in graph.boxes.iter().enumerate() {
        let chain = graph.chain_of(at).filter(|chain| !is_open(*chain));
        let shown = chain.map_or(Shown::Box(at), Shown::Chain);
        if items.last().map(|item| item.shown) != Some(shown) {
            items.push(Item {
                shown,
                row: 0,
                area: Area {
                    width: WIDTH,
                    height: height(graph, shown),
                    ..Area::default()
                },
                inputs: Vec::new(),
            });
        }
        let here = items.len() - 1;
        item_of[at] = here;
        for input in one.inputs.iter().map(|input| item_of[*input]) {
            if input != here && !items[here].inputs.contains(&input) {
                items[here].inputs.push(input);
            }
        }
    }
    items
}

fn height(graph: &Graph, shown: Shown) -> f32 {
    match shown {
        Shown::Chain(_) => CHAIN_HEIGHT,
        Shown::Box(at) => {
            let layers = &graph.boxes[at].layers;
            let family = graph.layers[graph.boxes[at].main].family;
            match family {
                Family::Source | Family::Join | Family::Arrangement if layers.len() == 1 => {
                    SMALL_HEIGHT
                }
                _ => HEIGHT,
            }
        }
    }
}
