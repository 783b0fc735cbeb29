//! Where a picture lies in its well when pixels of the screen are counted.
//!
//! Invariant: at a whole number of pixels of the screen for one of the picture, every pixel is drawn equally large.

use egui::{Pos2, Rect, Ui, pos2, vec2};
use ganoscope_core::stamp::Stamp;

use super::stamp_view::fitted;
use crate::workbench::Navigation;

/// Where a picture lies in its well, points, and the navigation that shows the same there relative to it.
///
/// Where pixels of the screen are counted, pixels of the picture begin on them, so that every one is drawn equally large.
pub(super) fn settled(
    ui: &Ui,
    well: Rect,
    stamp: &Stamp,
    navigation: Navigation,
) -> (Rect, Navigation) {
    let frame = fitted(well, stamp);
    let Some(exact) = navigation.usable_exact() else {
        let navigation = Navigation {
            exact: None,
            ..navigation
        };
        return (frame, navigation);
    };
    let scale = ui.ctx().pixels_per_point();
    let on_pixel = |pos: Pos2| pos2((pos.x * scale).round(), (pos.y * scale).round()) / scale;
    let pixels = exact * vec2(stamp.width.max(1) as f32, stamp.height.max(1) as f32);
    let zoom = pixels.x / scale / frame.width().max(f32::MIN_POSITIVE);
    if zoom <= 1.0 {
        // Smaller than its well: the whole picture in the middle.
        let whole = Rect::from_center_size(well.center(), pixels / scale);
        let frame = Rect::from_min_size(on_pixel(whole.min), whole.size());
        let navigation = Navigation {
            exact: Some(exact),
            ..Navigation::default()
        };
        return (frame, navigation);
    }
    let near = Navigation { zoom, ..navigation }.clamped();
    let half = 0.5 / zoom;
    let on_pixel_of = |centre: f32, n: f32| ((centre - half) * n).round() / n + half;
    let centre = [
        on_pixel_of(near.centre[0], pixels.x),
        on_pixel_of(near.centre[1], pixels.y),
    ];
    let frame = Rect::from_min_size(on_pixel(frame.min), frame.size());
    (frame, Navigation { centre, ..near })
}

#[cfg(test)]
mod tests {
    use egui::Vec2;
    use ganoscope_core::stamp::ValueRange;

    use super::*;
    use crate::widgets::visible_part;

    fn stamp() -> Stamp {
        Stamp::new("s", vec![0.0; 80 * 40], [1, 40, 80], ValueRange::UNIT)
    }

    /// The frame and the shown part of a stamp of 80 x 40 at so many pixels of a screen of 2 pixels per point.
    fn at_exactly(well: Rect, screen_pixels: u8, centre: [f32; 2]) -> (Rect, Rect) {
        let ctx = egui::Context::default();
        let mut found = None;
        let input = egui::RawInput {
            viewports: std::iter::once((
                egui::ViewportId::ROOT,
                egui::ViewportInfo {
                    native_pixels_per_point: Some(2.0),
                    ..egui::ViewportInfo::default()
                },
            ))
            .collect(),
            ..egui::RawInput::default()
        };
        let output = ctx.run_ui(input, |ui| {
            let navigation = Navigation {
                centre,
                ..Navigation::default()
            };
            let navigation = navigation.at_exactly(screen_pixels);
            let (frame, navigation) = settled(ui, well, &stamp(), navigation);
            found = Some((frame, visible_part(navigation)));
        });
        output.drop_without_applying_deltas();
        found.unwrap()
    }

    #[test]
    fn at_one_to_one_a_pixel_is_a_pixel_of_the_screen() {
        let well = Rect::from_min_size(pos2(10.3, 10.0), Vec2::splat(100.0));
        // 80 pixels are 40 points: smaller than the well, in its middle, beginning on a pixel of the screen.
        let (frame, uv) = at_exactly(well, 1, [0.2, 0.9]);
        assert_eq!(frame.size(), vec2(40.0, 20.0));
        assert_eq!(frame.min, pos2(40.5, 50.0));
        assert_eq!(uv, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)));
        // 8 to one are 320 points: a part is shown, and its first pixel begins on one of the screen.
        let (frame, uv) = at_exactly(well, 8, [0.41, 0.5]);
        let shown = uv.width() * 80.0 * 8.0;
        assert!((shown - frame.width() * 2.0).abs() < 1e-3, "{shown}");
        let from = uv.min.x * 80.0 * 8.0;
        assert!((from - from.round()).abs() < 1e-3, "{from}");
        assert_eq!(frame.min.x, 10.5);
    }
}
