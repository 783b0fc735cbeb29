//! The tab in front of each bar of tabs is in sight: when another comes to the front, the bar is scrolled to it.

use std::collections::HashMap;

use egui::{Rect, Ui};
use egui_tiles::TileId;

/// Width of the arrow at an end of a bar that scrolls, with its distance, points.
const ARROW: f32 = 34.0;
/// Frames in which a bar is scrolled: its arrows come and go meanwhile, which moves the tabs.
const FRAMES: u8 = 4;

/// Where tabs are, and which bars are being scrolled.
#[derive(Default)]
pub(super) struct TabsInSight {
    /// Where the tabs were in the frame before.
    places: HashMap<TileId, Rect>,
    /// The tab in front of each bar, and in how many frames it still is brought into sight.
    fronts: HashMap<TileId, (TileId, u8)>,
}

impl TabsInSight {
    /// A tab was drawn at a place.
    pub(super) fn note(&mut self, tab: TileId, place: Rect) {
        self.places.insert(tab, place);
    }

    /// Moves the scroll of a bar so that its front tab lies in the space left in `ui`.
    pub(super) fn scroll(&mut self, ui: &Ui, bar: TileId, front: Option<TileId>, scroll: &mut f32) {
        let Some(front) = front else {
            return;
        };
        let (last, frames) = self.fronts.get(&bar).copied().unwrap_or((front, FRAMES));
        let frames = if last == front { frames } else { FRAMES };
        self.fronts.insert(bar, (front, frames.saturating_sub(1)));
        if frames == 0 {
            return;
        }
        ui.ctx().request_repaint();
        if let Some(tab) = self.places.get(&front) {
            *scroll += missing(ui.available_rect_before_wrap(), *tab);
        }
    }
}

/// How far a bar has to go on until a tab is in sight; its left end counts where both do not fit.
fn missing(space: Rect, tab: Rect) -> f32 {
    let (left, right) = (space.left() + ARROW, space.right() - ARROW);
    if tab.left() < left && tab.left() < space.left() {
        tab.left() - left
    } else if tab.right() > space.right() {
        (tab.right() - right).min(tab.left() - left)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use egui::Rangef;

    use super::*;

    #[test]
    fn a_bar_goes_to_its_tab_and_no_further() {
        let place = |from: f32, to: f32| Rect::from_x_y_ranges(from..=to, Rangef::new(0.0, 26.0));
        let space = place(100.0, 300.0);
        assert_eq!(missing(space, place(120.0, 180.0)), 0.0);
        assert_eq!(missing(space, place(40.0, 120.0)), 40.0 - 134.0);
        assert_eq!(missing(space, place(280.0, 340.0)), 340.0 - 266.0);
        // A tab wider than the bar.
        assert_eq!(missing(space, place(200.0, 500.0)), 200.0 - 134.0);
    }
}
