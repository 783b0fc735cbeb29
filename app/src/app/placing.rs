//! Where the window is on the screen, so that it is there again at the next start.

use egui::{Context, ViewportInfo};

use super::App;
use crate::workbench::WindowPlace;

impl App {
    /// Notes where the window is.
    pub(super) fn note_place(&mut self, ctx: &Context) {
        let before = self.workbench.window;
        let now = ctx.input(|input| place_of(input.viewport(), before));
        self.workbench.window = now.or(before);
    }
}

/// Where a window is; while it fills the screen, where it was `before`, which it goes back to.
fn place_of(window: &ViewportInfo, before: Option<WindowPlace>) -> Option<WindowPlace> {
    if window.minimized == Some(true) || window.fullscreen == Some(true) {
        return None;
    }
    let size = window.inner_rect?.size();
    let position = window.outer_rect.map(|rect| rect.min.into());
    let here = WindowPlace {
        position,
        size: size.into(),
        is_maximized: false,
    };
    if window.maximized == Some(true) {
        return Some(WindowPlace {
            is_maximized: true,
            ..before.unwrap_or(here)
        });
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use egui::{Rect, pos2, vec2};

    use super::*;

    #[test]
    fn a_window_that_fills_the_screen_keeps_the_place_it_goes_back_to() {
        let mut window = ViewportInfo::default();
        assert_eq!(place_of(&window, None), None);
        let inner = Rect::from_min_size(pos2(30.0, 60.0), vec2(900.0, 600.0));
        window.inner_rect = Some(inner);
        window.outer_rect = Some(inner.expand2(vec2(0.0, 20.0)));
        let here = place_of(&window, None).unwrap();
        let position = Some([30.0, 40.0]);
        assert_eq!((here.position, here.size), (position, [900.0, 600.0]));
        window.inner_rect = Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(1920.0, 1080.0)));
        window.maximized = Some(true);
        let large = place_of(&window, Some(here)).unwrap();
        assert!(large.is_maximized);
        assert_eq!((large.position, large.size), (position, [900.0, 600.0]));
    }
}
