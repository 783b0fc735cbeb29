//! The drawing itself: what is seen of it is painted, and pointer and keys act on it.

use egui::{
    EventFilter, Key, Painter, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, vec2,
};
use ganoscope_core::graph::{Area, Shown};

use super::brackets;
use super::camera::{Camera, rect_of};
use super::details::details_ui;
use super::edges;
use super::faces::{Face, Faces, Part};
use super::marks::Mark;
use super::notes::Notes;
use super::overview::{self, overview_ui};
use super::sheet::Sheet;
use super::walk::{self, Way};
use super::words::{last_layer, spoken};
use crate::theme::{Tokens, size};

/// One step of the keys that magnify.
const ZOOM_STEP: f32 = 1.25;

/// What a person asked of the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Act on an item: show its last layer, or open it.
    Take(Shown),
    /// Show a layer, by position.
    Show(usize),
    /// Show the units of the layer that was taken before.
    ShowUnits,
    /// Open or close a chain.
    Open(usize, bool),
}

/// A drawing with what is said of it.
pub(super) struct Canvas<'a> {
    /// What the network is called.
    pub(super) name: &'static str,
    /// Tells widgets of different networks apart.
    pub(super) salt: usize,
    /// What concerns the layers.
    pub(super) notes: &'a Notes,
    /// What to bring into view, a layer by position.
    pub(super) reveal: Option<usize>,
}

impl Canvas<'_> {
    /// Draws it into all of `ui`; returns what was asked for.
    pub(super) fn ui(&self, ui: &mut Ui, sheet: &mut Sheet) -> Vec<Wish> {
        let (view, overview) = overview::split(sheet, ui.available_rect_before_wrap());
        ui.advance_cursor_after_rect(ui.available_rect_before_wrap());
        let id = ui.scope_id().with(("layers", self.salt));
        let canvas = ui.interact(view, id, Sense::click_and_drag());
        let label = format!("Layers of the {}", self.name);
        canvas.widget_info(|| WidgetInfo::labeled(Role::Canvas, ui.is_enabled(), &label));
        let mut wishes = Vec::new();
        if !ui.is_rect_visible(view) || sheet.layout().items.is_empty() {
            return wishes;
        }
        let before = sheet.camera;
        let mut camera = before.unwrap_or_else(|| self.first(sheet, view));
        for area in self.revealed(sheet).into_iter().flatten() {
            camera = camera.showing(sheet.size(), view, area);
        }
        camera = navigated(ui, &canvas, view, sheet.size(), camera);
        if canvas.has_focus() {
            camera = self.keys(ui, &canvas, (view, camera), sheet, &mut wishes);
        }
        if let Some(rect) = overview {
            let looking = (view, camera);
            camera = overview_ui(ui, rect, looking, sheet, self.notes, self.salt);
        }
        let is_moved = before.is_some() || camera != self.first(sheet, view);
        sheet.camera = is_moved.then_some(camera);
        sheet.painted = Some(camera);
        if canvas.double_clicked() {
            sheet.camera = Some(Camera::whole(sheet.size(), view));
        }
        self.paint(ui, &canvas, (view, camera), sheet, &mut wishes);
        if canvas.clicked() {
            canvas.request_focus();
        }
        wishes
    }

    /// What is looked at until a person chooses: the layer shown, else the first one.
    fn first(&self, sheet: &Sheet, view: Rect) -> Camera {
        let shown = self.notes.shown.and_then(|l| sheet.item_of_layer(l));
        let at = sheet.area(shown.unwrap_or(0));
        Camera::first(sheet.size(), view, at)
    }

    /// What is to be brought into view, and was not yet.
    fn revealed(&self, sheet: &mut Sheet) -> [Option<Area>; 2] {
        let here = sheet.reveal.take().and_then(|shown| sheet.item_of(shown));
        let there = self.reveal.and_then(|layer| sheet.item_of_layer(layer));
        [here, there].map(|item| sheet.area(item?))
    }

    /// Arrows go along the edges, Enter acts, + and - magnify, Home shows the whole.
    fn keys(
        &self,
        ui: &Ui,
        canvas: &Response,
        (view, camera): (Rect, Camera),
        sheet: &mut Sheet,
        wishes: &mut Vec<Wish>,
    ) -> Camera {
        let filter = EventFilter {
            horizontal_arrows: true,
            vertical_arrows: true,
            ..EventFilter::default()
        };
        ui.memory_mut(|m| m.set_focus_lock_filter(canvas.id, filter));
        let pressed = |key| ui.input(|i| i.key_pressed(key));
        let drawing = sheet.size();
        let mut camera = camera;
        for (key, way) in [
            (Key::ArrowUp, Way::Up),
            (Key::ArrowDown, Way::Down),
            (Key::ArrowLeft, Way::Left),
            (Key::ArrowRight, Way::Right),
        ] {
            if pressed(key) {
                camera = self.walk(sheet, way, (view, camera));
            }
        }
        for (keys, factor) in [
            ([Key::Plus, Key::Equals], ZOOM_STEP),
            ([Key::Minus, Key::Minus], 1.0 / ZOOM_STEP),
        ] {
            if keys.into_iter().any(pressed) {
                camera = camera.zoomed(drawing, view, factor, view.center());
            }
        }
        if pressed(Key::Home) {
            camera = Camera::whole(drawing, view);
        }
        if let Some(at) = sheet.at
            && (pressed(Key::Enter) || pressed(Key::Space))
        {
            wishes.push(Wish::Take(at));
        }
        if let Some(Shown::Box(at)) = sheet.at
            && pressed(Key::Backspace)
            && let Some(chain) = sheet.graph().chain_of(at)
        {
            wishes.push(Wish::Open(chain, false));
        }
        camera
    }

    /// The first step goes to the layer shown, or to the top.
    fn walk(&self, sheet: &mut Sheet, way: Way, (view, camera): (Rect, Camera)) -> Camera {
        let next = match sheet.at.and_then(|at| sheet.item_of(at)) {
            Some(from) => walk::step(sheet.layout(), from, way),
            None => {
                let shown = self
                    .notes
                    .shown
                    .and_then(|layer| sheet.item_of_layer(layer));
                Some(shown.unwrap_or(0))
            }
        };
        let Some((next, item)) =
            next.and_then(|next| Some((next, sheet.layout().items.get(next)?)))
        else {
            return camera;
        };
        sheet.at = Some(item.shown);
        let area = sheet.area(next).unwrap_or_default();
        camera.showing(sheet.size(), view, area)
    }

    fn paint(
        &self,
        ui: &Ui,
        canvas: &Response,
        (view, camera): (Rect, Camera),
        sheet: &Sheet,
        wishes: &mut Vec<Wish>,
    ) {
        let tokens = Tokens::of(ui);
        let painter = ui.painter_at(view);
        let seen = camera.seen(view).expand(8.0);
        let is_seen = |area| rect_of(area).intersects(seen);
        let layout = sheet.layout();
        let visible: Vec<(Shown, Rect, Response)> = layout
            .items
            .iter()
            .filter(|item| is_seen(item.area))
            .map(|item| {
                let rect = camera.rect(view, item.area);
                let response = self.interact(ui, item.shown, rect.intersect(view), sheet);
                (item.shown, rect, response)
            })
            .collect();
        let hovered = visible.iter().find(|(.., r)| r.hovered());
        let hovered = hovered.map(|(shown, ..)| *shown);
        let stressed = hovered.into_iter().chain(sheet.at);
        let ends: Vec<usize> = stressed.filter_map(|s| sheet.item_of(s)).collect();
        edges::paint(&painter, tokens, (view, &camera), &layout.routes, |route| {
            ends.contains(&route.from) || ends.contains(&route.to)
        });
        let faces = Faces {
            painter: &painter,
            tokens,
            sheet,
            zoom: camera.zoom,
            largest_cost: sheet.largest_cost(),
        };
        brackets::paint(ui, &faces, (view, &camera), self.salt, wishes);
        for (shown, rect, response) in visible {
            let marks = self.notes.marks(sheet, shown);
            let face = Face {
                // A hit is gone to from the search, which has the focus then.
                is_at: sheet.at == Some(shown)
                    && (canvas.has_focus() || marks.contains(&Mark::Found)),
                marks,
                is_hovered: response.hovered(),
                shown_layer: self.notes.shown,
            };
            let parts = faces.paint(shown, rect, &face);
            self.acts_on(ui, shown, &response, wishes);
            self.parts(ui, &painter, (view, tokens), sheet, &parts, wishes);
            if response.clicked() {
                canvas.request_focus();
            }
            response.on_hover_ui(|ui| details_ui(ui, sheet, shown, &face.marks));
        }
        if canvas.has_focus() {
            focus_ring(&painter, tokens, view);
        }
    }

    /// An item as a button that pointer and assistive technology find.
    fn interact(&self, ui: &Ui, shown: Shown, rect: Rect, sheet: &Sheet) -> Response {
        let id = ui.scope_id().with(("layer item", self.salt, shown));
        let response = ui.interact(rect, id, Sense::CLICK);
        response.widget_info(|| {
            let label = spoken(sheet.graph(), shown);
            let is_shown = self
                .notes
                .shown
                .is_some_and(|layer| sheet.layers(shown).any(|other| other == layer));
            WidgetInfo::selected(Role::Button, ui.is_enabled(), is_shown, label)
        });
        response
    }

    fn acts_on(&self, ui: &Ui, shown: Shown, response: &Response, wishes: &mut Vec<Wish>) {
        if response.hovered() {
            ui.set_cursor_icon(egui::CursorIcon::PointingHand);
        }
        if response.double_clicked() {
            if let Shown::Box(_) = shown {
                wishes.push(Wish::Take(shown));
                wishes.push(Wish::ShowUnits);
            }
        } else if response.clicked() {
            wishes.push(Wish::Take(shown));
        }
    }

    /// The layers written in a box, each a button of its own.
    fn parts(
        &self,
        ui: &Ui,
        painter: &Painter,
        (view, tokens): (Rect, &Tokens),
        sheet: &Sheet,
        parts: &[Part],
        wishes: &mut Vec<Wish>,
    ) {
        for (layer, rect) in parts {
            let Some(info) = sheet.graph().layers.get(*layer) else {
                continue;
            };
            let id = ui.scope_id().with(("layer part", self.salt, *layer));
            let response = ui.interact(rect.intersect(view), id, Sense::CLICK);
            let label = format!("Layer {}", info.name);
            response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &label));
            if response.hovered() {
                ui.set_cursor_icon(egui::CursorIcon::PointingHand);
                let under = [rect.left_bottom(), rect.right_bottom()];
                let under = under.map(|p| p - vec2(0.0, 1.5));
                painter.line_segment(under, Stroke::new(1.0, tokens.strong));
            }
            if response.clicked() {
                wishes.push(Wish::Show(*layer));
            }
            response.on_hover_text(format!("{label}, {}", info.summary));
        }
    }
}

/// A line around what the keys act on.
fn focus_ring(painter: &Painter, tokens: &Tokens, view: Rect) {
    let stroke = Stroke::new(1.0, tokens.accent);
    painter.rect_stroke(view, size::CORNER, stroke, StrokeKind::Inside);
}

/// Dragging pans, the wheel magnifies around the pointer and goes sideways.
fn navigated(ui: &Ui, canvas: &Response, view: Rect, drawing: Vec2, camera: Camera) -> Camera {
    let mut camera = camera;
    if canvas.dragged() && canvas.drag_delta() != Vec2::ZERO {
        camera = camera.panned(drawing, view, canvas.drag_delta());
    }
    let pointer = ui.input(|i| i.pointer.hover_pos());
    if let Some(pos) = pointer.filter(|_| canvas.contains_pointer()) {
        let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
        let factor = (scroll.y / 200.0).exp() * pinch;
        if factor != 1.0 {
            camera = camera.zoomed(drawing, view, factor, pos);
        }
        if scroll.x != 0.0 {
            camera = camera.panned(drawing, view, vec2(scroll.x, 0.0));
        }
    }
    camera
}

/// The layer that acting on a box shows: its last one.
pub(super) fn layer_of(sheet: &Sheet, shown: Shown) -> Option<usize> {
    match shown {
        Shown::Box(_) => last_layer(sheet.graph(), shown),
        Shown::Chain(_) => None,
    }
}
