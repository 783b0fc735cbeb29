//! Limits, stretch and colours of one pane alone.

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Command, UiCommand};
use ganoscope::display::Display;
use ganoscope::layout::PaneId;
use ganoscope_core::stamp::stretch::{Limits, Stretch};

use crate::common::{Files, Start, app, drop_files, settle, step_until};

fn opened(files: &Files, answers: Vec<Vec<std::path::PathBuf>>) -> Harness<'static, App> {
    let mut harness = app(Start {
        document: files.document(),
        answers,
        ..Start::default()
    });
    settle(&mut harness);
    harness
}

fn own(harness: &Harness<'_, App>, id: PaneId) -> Option<Display> {
    let bench = harness.state().workbench();
    bench.display_of(bench.layout.pane(id)?)
}

/// Chooses from the list "Stretch" of the only pane that has one.
fn choose_stretch(harness: &mut Harness<'_, App>, name: &str) {
    let role = egui::accesskit::Role::ComboBox;
    let list = harness.get_all_by_role_and_label(role, "Stretch").next();
    list.unwrap().click();
    harness.run_steps(3);
    harness.get_by_label(name).click();
    settle(harness);
}

#[test]
fn a_pane_with_its_own_scale_leaves_the_others_alone() {
    let files = Files::new();
    let mut harness = opened(&files, Vec::new());
    let id = harness.state().workbench().attention;
    let before = harness.state().document().display;
    harness.get_by_label("Own scale for Deblend").click();
    settle(&mut harness);
    assert_eq!(own(&harness, id), Some(before));
    harness.get_by_label("Deblend (own scale)");
    choose_stretch(&mut harness, Stretch::Linear.name());
    let changed = own(&harness, id).unwrap();
    assert_eq!(changed.stretch, Stretch::Linear);
    assert_eq!(harness.state().document().display, before);
    assert_eq!(harness.state().history().undo_name(), None);
    // The inspector is for the pane with the attention, and says so.
    let section = harness.get_by_label("Display of Deblend alone");
    section.click_accesskit();
    harness.run_steps(20);
    harness.get_by_label("Inverted").click_accesskit();
    settle(&mut harness);
    assert!(own(&harness, id).unwrap().is_inverted);
    assert_eq!(harness.state().document().display, before);

    harness.key_press_modifiers(Modifiers::SHIFT, Key::K);
    settle(&mut harness);
    assert_eq!(own(&harness, id), None);
    assert!(harness.query_by_label("Deblend (own scale)").is_none());
    harness.state().push(UiCommand::ToggleScale);
    settle(&mut harness);
    assert!(own(&harness, id).unwrap().is_inverted, "not forgotten");
}

#[test]
fn a_copy_begins_as_its_original() {
    let files = Files::new();
    let mut harness = opened(&files, Vec::new());
    let id = harness.state().workbench().attention;
    harness.key_press_modifiers(Modifiers::SHIFT, Key::K);
    settle(&mut harness);
    let display = Display {
        stretch: Stretch::Sqrt,
        ..Display::default()
    };
    harness.state().push(Command::DisplayAlone(id, display));
    settle(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    settle(&mut harness);
    let copy = harness.state().workbench().attention;
    assert_ne!(copy, id);
    assert_eq!(own(&harness, copy), Some(display));
}

#[test]
fn own_limits_survive_a_session() {
    let files = Files::new();
    let session = files.path("mine.ron");
    let mut harness = opened(&files, vec![vec![session.clone()]]);
    let id = harness.state().workbench().attention;
    harness.key_press_modifiers(Modifiers::SHIFT, Key::K);
    settle(&mut harness);
    let display = Display {
        limits: Limits::Manual {
            low: 0.1,
            high: 0.4,
        },
        stretch: Stretch::Squared,
        ..Display::default()
    };
    harness.state().push(Command::DisplayAlone(id, display));
    harness.state().push(UiCommand::ZoomFour);
    harness.state().push(UiCommand::CompareSwipe);
    settle(&mut harness);
    let bench = harness.state().workbench().clone();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    step_until(&mut harness, "saving", |h| {
        h.state().toasts() == ["Saved mine.ron"]
    });
    drop(harness);

    let mut again = app(Start::default());
    drop_files(&mut again, &[&session]);
    step_until(&mut again, "the session", |h| {
        h.state().document() == &files.document()
    });
    settle(&mut again);
    assert_eq!(own(&again, id), Some(display));
    let opened = again.state().workbench();
    assert_eq!(opened.navigation.exact, Some(4.0));
    assert_eq!(opened.own_comparison, bench.own_comparison);
    assert!(!opened.own_comparison.is_empty());
}
