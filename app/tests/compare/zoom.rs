//! Zoom in whole pixels of the screen.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::UiCommand;
use ganoscope::comparison::CompareMode;
use ganoscope::results::Loadable;
use ganoscope::workbench::Navigation;

use crate::common::{Files, Start, app, settle};
use crate::stage::Stage;

fn navigation(harness: &Harness<'_, App>) -> Navigation {
    harness.state().workbench().navigation
}

#[test]
fn keys_zoom_by_two_and_to_whole_pixels() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press(Key::Z);
    harness.key_press(Key::Z);
    settle(&mut harness);
    assert_eq!(navigation(&harness).zoom, 4.0);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Z);
    settle(&mut harness);
    assert_eq!(navigation(&harness).zoom, 2.0);
    for _ in 0..12 {
        harness.state().push(UiCommand::ZoomIn);
    }
    harness.state().push(UiCommand::ZoomOut);
    settle(&mut harness);
    let most = Navigation::max_zoom(ganoscope::testing::SIDE);
    assert_eq!(
        navigation(&harness).zoom,
        most / 2.0,
        "one step back is seen"
    );
    for (key, pixels) in [
        (Key::Num1, 1.0),
        (Key::Num2, 2.0),
        (Key::Num4, 4.0),
        (Key::Num8, 8.0),
    ] {
        harness.key_press_modifiers(Modifiers::ALT, key);
        settle(&mut harness);
        assert_eq!(navigation(&harness).exact, Some(pixels));
    }
    harness.key_press(Key::Z);
    settle(&mut harness);
    assert_eq!(navigation(&harness).exact, Some(16.0));
    harness.key_press(Key::Num0);
    settle(&mut harness);
    assert_eq!(navigation(&harness), Navigation::default());
    // A pane that is not linked is zoomed alone.
    harness.key_press(Key::K);
    harness.run_steps(2);
    harness.state().push(UiCommand::ZoomEight);
    settle(&mut harness);
    let bench = harness.state().workbench();
    assert_eq!(bench.navigation, Navigation::default());
    assert_eq!(bench.own_navigation[&bench.attention].exact, Some(8.0));
}

#[test]
fn panes_of_any_size_show_the_same_pixels() {
    let mut stage = Stage::ready(CompareMode::SideBySide);
    let columns: Vec<f32> = (0..64).map(|i| i as f32).collect();
    stage = stage.with_outputs([&columns, &columns]);
    stage.workbench.navigation = Navigation::default().at_exactly(2);
    // Without a blend pixels are counted by the pictures themselves.
    stage.results.scene = Loadable::Empty;
    let mut harness = stage.harness();
    let pictures: Vec<egui::Rect> = ["A: Galaxy 1, generated", "B: Galaxy 2, generated"]
        .map(|name| harness.get_by_role_and_label(Role::Image, name).rect())
        .to_vec();
    // 64 columns of 2 pixels stand in the middle of a wider well, on whole pixels.
    for well in pictures {
        assert!(well.width() > 128.0);
        let left = (well.center().x - 64.0).round();
        for (offset, column) in [(1.0, 0), (63.0, 31), (127.0, 63)] {
            harness.hover_at(egui::pos2(left + offset, well.center().y));
            harness.run_steps(2);
            let pointed = harness.state().pointed;
            assert_eq!(pointed, Some([column, 0]), "{offset} from the left");
        }
        harness.hover_at(egui::pos2(left - 2.0, well.center().y));
        harness.run_steps(2);
        assert_eq!(harness.state().pointed, None, "beside the picture");
    }
}

#[test]
fn panning_keeps_whole_pixels_and_the_wheel_lets_go_of_them() {
    let mut stage = Stage::ready(CompareMode::SideBySide);
    stage.workbench.navigation = Navigation::default().at_exactly(32);
    let mut harness = stage.harness();
    let name = "A: Galaxy 1, generated";
    let well = harness.get_by_role_and_label(Role::Image, name).rect();
    harness.drag_at(well.center());
    harness.step();
    harness.hover_at(well.center() + egui::vec2(32.0, 0.0));
    harness.step();
    harness.drop_at(well.center() + egui::vec2(32.0, 0.0));
    harness.run_steps(2);
    let moved = harness.state().workbench.navigation;
    assert_eq!(moved.exact, Some(32.0));
    // 24 columns: one of them is 1/24 of the width.
    assert!(
        (moved.centre[0] - (0.5 - 1.0 / 24.0)).abs() < 2e-3,
        "{moved:?}"
    );
    harness.hover_at(well.center());
    harness.step();
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, 120.0),
        modifiers: Modifiers::NONE,
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
    });
    harness.run_steps(4);
    let zoomed = harness.state().workbench.navigation;
    assert_eq!(zoomed.exact, None);
    assert!(zoomed.zoom > 1.0);
}
