//! The window as a person uses it: what closes, what is told where, what stays in place, and that small windows live.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::sync::Arc;

use common::{Files, Start, app, edited, opened, settle};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Change, Command, UiCommand};
use ganoscope::document::Document;
use ganoscope::results::Loadable;
use ganoscope::testing::{SIDE, tiny_scene};
use ganoscope::tour::TourStep;
use ganoscope::workbench::Workbench;
use ganoscope_core::edit::UnitSet;
use ganoscope_core::jobs::DeblendPreview;
use ganoscope_core::stamp::io::{Format, write};

fn bench<'a>(harness: &'a Harness<'_, App>) -> &'a Workbench {
    harness.state().workbench()
}

#[test]
fn escape_closes_what_lies_on_top_before_it_deselects() {
    let files = Files::new();
    let mut harness = opened(&files);
    let layer = "root.0.act";
    let units = UnitSet::of_layer(layer, [1]);
    harness.state().push(Change::SelectUnits(units.clone()));
    settle(&mut harness);
    for (opener, inside) in [
        ("File", "Quit"),
        ("Study", "Measure units over all pictures"),
        ("More of Deblend", "Copy as command"),
    ] {
        harness.get_by_label(opener).click();
        harness.run_steps(3);
        let is_open = |h: &Harness<'_, App>| h.query_all_by_label_contains(inside).count() > 0;
        assert!(is_open(&harness), "{opener}");
        harness.key_press(Key::Escape);
        harness.run_steps(3);
        assert!(!is_open(&harness), "{opener} is open still");
        assert_eq!(harness.state().document().units, units, "{opener}");
    }
    harness
        .get_by_role_and_label(Role::ComboBox, "Limits")
        .click();
    harness.run_steps(3);
    // All of the list is in sight.
    harness.get_by_label("zscale");
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label("zscale").is_none());
    harness.key_press(Key::F10);
    harness.run_steps(3);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(!bench(&harness).history_open);
    assert_eq!(harness.state().document().units, units);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.state().document().units.is_empty());
}

#[test]
fn the_export_window_stays_with_its_pane() {
    let files = Files::new();
    let mut harness = opened(&files);
    let deblend = bench(&harness).attention;
    harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    harness.run_steps(3);
    assert_eq!(bench(&harness).export_of, Some(deblend));
    harness.get_by_label("Data").click();
    harness.run_steps(3);
    // Every array is listed.
    harness.get_by_label("RESID");
    harness.key_press(Key::F2);
    harness.run_steps(3);
    assert_ne!(bench(&harness).attention, deblend);
    harness.get_by_label("Export Deblend");
    assert_eq!(bench(&harness).export_of, Some(deblend));
}

#[test]
fn checkpoints_are_compared_by_choosing_them() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::ShowCompare);
    settle(&mut harness);
    for (list, choice) in [("A", "Galaxy 1, step 100"), ("B", "Galaxy 1, step 300")] {
        harness.get_by_role_and_label(Role::ComboBox, list).click();
        harness.run_steps(3);
        harness.get_by_label(choice).click();
        settle(&mut harness);
    }
    for title in ["A: Galaxy 1, step 100", "B: Galaxy 1, step 300"] {
        let titles = harness.query_all_by_label_contains(title);
        assert!(titles.count() > 0, "{title}");
    }
    let results = harness.state().results();
    let last = &results.timeline.points[&300].outputs[0];
    let shown = &results.deblend.ready().unwrap().outputs[0];
    assert_eq!(last.dims(), shown.dims());
}

#[test]
fn contrast_that_was_dragged_is_told_and_taken_back() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(Command::Shade([0.1, -0.2]));
    settle(&mut harness);
    let told = "contrast 2.51, bias 0.60";
    assert!(harness.query_all_by_label_contains(told).count() >= 2);
    harness.state().push(UiCommand::ResetShade);
    settle(&mut harness);
    assert_eq!(harness.query_all_by_label_contains("bias 0.60").count(), 0);
    let display = harness.state().document().display;
    assert!(!display.is_shaded());
}

#[test]
fn the_price_of_an_edit_is_told_in_the_inspector() {
    let files = Files::new();
    let mut harness = opened(&files);
    edited(&mut harness);
    let results = harness.state().results();
    let psnr = |outputs: &Loadable<Arc<DeblendPreview>>| outputs.ready().unwrap().measures[1].psnr;
    let before = psnr(&results.unedited).unwrap();
    let now = psnr(&results.deblend).unwrap();
    let text = format!("galaxy 2: {:+.2} dB, {now:.2} now", now - before);
    harness.get_by_label(&text);
}

#[test]
fn buttons_of_the_tour_stay_under_the_pointer() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::Tour);
    settle(&mut harness);
    let place = harness.get_by_label("Next").rect();
    for step in [
        TourStep::Checkpoints,
        TourStep::Units,
        TourStep::Strength,
        TourStep::Reasons,
    ] {
        harness.get_by_label("Next").click();
        settle(&mut harness);
        assert_eq!(bench(&harness).tour, Some(step));
        let name = if step == TourStep::Reasons {
            "Finish"
        } else {
            "Next"
        };
        assert_eq!(harness.get_by_label(name).rect(), place, "{step:?}");
    }
}

#[test]
fn the_present_state_is_in_sight_in_a_long_history() {
    let files = Files::new();
    let mut harness = opened(&files);
    for i in 0..40 {
        let units = UnitSet::of_layer("root.0.act", [i % 3]);
        harness.state().push(Change::SelectUnits(units));
        harness.run_steps(4);
    }
    harness.key_press(Key::F10);
    harness.run_steps(20);
    let mut marked = harness
        .query_all_by_label_contains("now")
        .map(|node| node.rect());
    // The row of the list is as wide as the list; the inspector has a narrow line of its own.
    let is_seen = |r: egui::Rect| r.width() > 180.0 && r.top() > 40.0 && r.bottom() < 480.0;
    assert!(marked.any(is_seen));
}

/// A window of so many points, everything open.
fn sized(files: &Files, size: [f32; 2]) -> Harness<'static, App> {
    let mut harness = opened(files);
    harness.set_size(size.into());
    settle(&mut harness);
    harness.run_steps(3);
    harness
}

#[test]
fn a_picture_is_seen_in_the_smallest_window() {
    let files = Files::new();
    for size in [[200.0, 200.0], [320.0, 240.0], [640.0, 420.0]] {
        let harness = sized(&files, size);
        let window = egui::Rect::from_min_size(egui::Pos2::ZERO, size.into());
        for name in ["Blend", "Galaxy 1, generated"] {
            let mut pictures = harness.query_all_by_label(name).map(|node| node.rect());
            let is_seen = |rect: egui::Rect| rect.width() >= 60.0 && window.contains(rect.center());
            assert!(pictures.any(is_seen), "{name} at {size:?}");
        }
    }
}

#[test]
fn the_bar_of_a_narrow_window_has_nothing_over_something_else() {
    let files = Files::new();
    for width in [640.0, 800.0, 1280.0] {
        let harness = sized(&files, [width, 500.0]);
        let mut names = vec!["File", "Help", "Undo", "Keys"];
        if width > 1000.0 {
            names.push("Train");
        }
        let rects: Vec<egui::Rect> = names
            .iter()
            .map(|name| harness.get_by_label(name).rect())
            .collect();
        for (i, a) in rects.iter().enumerate() {
            assert!(a.right() <= width && a.left() >= 0.0, "{} {a}", names[i]);
            for b in &rects[..i] {
                assert!(!a.shrink(1.0).intersects(b.shrink(1.0)), "{a} {b}");
            }
        }
    }
}

#[test]
fn the_residual_of_a_picture_without_truths_is_in_sight() {
    let files = Files::new();
    let alone = files.path("alone.fits");
    let blend = tiny_scene(&alone, SIDE).blend;
    write(&alone, &[blend], Format::Fits, &[]).unwrap();
    let mut harness = app(Start {
        document: Document::new(Some(files.series.clone()), vec![alone]),
        ..Start::default()
    });
    harness.set_size(egui::vec2(1280.0, 720.0));
    settle(&mut harness);
    let relevance = harness.get_by_role_and_label(Role::Tab, "Relevance").rect();
    let residuals = harness.query_all_by_label("Residual");
    let places: Vec<egui::Rect> = residuals.map(|node| node.rect()).collect();
    assert!(!places.is_empty());
    for place in places {
        assert!(place.right() < relevance.left(), "{place} {relevance}");
    }
}

#[test]
fn the_tab_in_front_is_in_sight() {
    let files = Files::new();
    let mut harness = sized(&files, [1000.0, 700.0]);
    let more = |h: &Harness<'_, App>| h.get_by_label("More of Timeline").rect();
    harness.key_press(Key::Num4);
    settle(&mut harness);
    harness.run_steps(12);
    let tab = harness.get_by_role_and_label(Role::Tab, "Timeline").rect();
    let buttons = more(&harness);
    assert!(tab.right() <= buttons.left() + 1.0, "{tab} {buttons}");
    harness.key_press(Key::Num1);
    settle(&mut harness);
    harness.run_steps(12);
    let tab = harness.get_by_role_and_label(Role::Tab, "Deblend").rect();
    assert!(tab.left() >= 0.0 && tab.right() > 40.0, "{tab}");
}
