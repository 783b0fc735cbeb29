//! Comparing in the whole window, over a real worker.

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use ganoscope::app::App;
use ganoscope::command::{Change, Command, UiCommand};
use ganoscope::comparison::{CompareMode, Comparison};
use ganoscope::kept::Kept;
use ganoscope::source::Source;
use ganoscope::views::ViewKey;
use ganoscope_core::edit::UnitSet;

use crate::common::{Files, opened, settle, step_until};
use crate::stage::shows;

/// The Compare view in front of all others, comparing A with B.
fn compare(harness: &mut Harness<'static, App>, first: Source, second: Source) {
    harness.key_press(Key::Num5);
    settle(harness);
    let ids = harness.state().workbench().comparing();
    assert_eq!(ids.len(), 1);
    let comparison = Comparison {
        first,
        second,
        ..Comparison::default()
    };
    let command = Command::CompareIn(ids[0], Box::new(comparison));
    harness.state().push(command);
    settle(harness);
}

fn compared(harness: &Harness<'_, App>) -> Comparison {
    let bench = harness.state().workbench();
    bench.comparison_of(bench.comparing()[0]).clone()
}

#[test]
fn outputs_of_two_checkpoints_are_compared() {
    let files = Files::new();
    let mut harness = opened(&files);
    let last = harness.state().results().deblend.ready().unwrap().clone();
    harness.key_press(Key::P);
    harness.run_steps(2);
    let toasts = harness.state().toasts();
    assert_eq!(toasts, ["Kept step 300, first"]);
    let id = harness.state().results().kept.iter().next().unwrap().id;
    compare(&mut harness, Source::Output(0), Source::Kept(id, 0));
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    assert!(shows(&harness, "A: Galaxy 1, generated"));
    assert!(shows(&harness, "B: Galaxy 1, step 300, first"));
    let results = harness.state().results();
    let now = results.deblend.ready().unwrap();
    assert_eq!(now.step, 200);
    let document = harness.state().document();
    let kept = Source::Kept(id, 0).stamp(document, results).unwrap();
    assert_eq!(kept.pixels.as_ptr(), last.outputs[0].pixels.as_ptr());
    assert_ne!(kept.pixels, now.outputs[0].pixels);
    // Another picture and an edit are kept beside it, with names of their own.
    harness.key_press(Key::ArrowDown);
    settle(&mut harness);
    let layer = harness
        .state()
        .document()
        .layer_in(harness.state().results().series.ready().unwrap());
    let units = UnitSet::of_layer(layer.unwrap(), [0, 1, 2]);
    harness.state().push(Change::Ablate(units));
    settle(&mut harness);
    harness.key_press(Key::P);
    harness.run_steps(2);
    let titles: Vec<&str> = harness
        .state()
        .results()
        .kept
        .iter()
        .map(|run| &*run.title)
        .collect();
    assert_eq!(titles, ["step 300, first", "step 200, second, edited"]);
    harness.state().push(UiCommand::ForgetKept);
    harness.run_steps(3);
    assert!(harness.state().results().kept.is_empty());
    assert!(!shows(&harness, "B: Galaxy 1, step 300, first"));
}

#[test]
fn unedited_outputs_are_computed_where_they_are_compared() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press(Key::F7);
    settle(&mut harness);
    assert!(!harness.state().workbench().inspector_open);
    let trained = harness.state().results().deblend.ready().unwrap().clone();
    compare(&mut harness, Source::Output(0), Source::Unedited(0));
    let series = harness.state().results().series.ready().unwrap().clone();
    let layer = harness.state().document().layer_in(&series).unwrap();
    let units = UnitSet::of_layer(layer, [0, 1]);
    harness.state().push(Change::Ablate(units));
    settle(&mut harness);
    assert!(shows(&harness, "A: Galaxy 1, edited"));
    assert!(shows(&harness, "B: Galaxy 1, as trained"));
    let unedited = harness.state().results().unedited.ready().unwrap();
    assert_eq!(unedited.outputs[0].pixels, trained.outputs[0].pixels);
}

#[test]
fn b_blinks_what_is_compared_and_else_the_truths() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press(Key::B);
    settle(&mut harness);
    assert!(harness.state().workbench().blink);
    assert!(shows(&harness, "Truth 1 (blink)"));
    harness.key_press_modifiers(Modifiers::SHIFT, Key::B);
    settle(&mut harness);
    assert!(!harness.state().workbench().blink);

    compare(&mut harness, Source::Output(0), Source::Truth(0));
    for (modifiers, name) in [
        (Modifiers::NONE, "B: Galaxy 1, truth (2 of 2)"),
        (Modifiers::NONE, "A: Galaxy 1, generated (1 of 2)"),
        (Modifiers::SHIFT, "B: Galaxy 1, truth (2 of 2)"),
    ] {
        harness.key_press_modifiers(modifiers, Key::B);
        settle(&mut harness);
        assert!(shows(&harness, name), "{name}");
        assert!(!harness.state().workbench().blink);
    }
    assert_eq!(compared(&harness).mode, CompareMode::Blink);
    // The truths of Deblend are one command away.
    harness.state().push(UiCommand::BlinkTruths);
    settle(&mut harness);
    assert!(harness.state().workbench().shows(ViewKey::Deblend));
    assert!(shows(&harness, "Truth 1 (blink)"));
}

#[test]
fn every_pane_compares_its_own_pictures() {
    let files = Files::new();
    let mut harness = opened(&files);
    compare(&mut harness, Source::Output(0), Source::Truth(0));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::D);
    settle(&mut harness);
    let copy = harness.state().workbench().attention;
    assert_eq!(harness.state().workbench().comparing(), [copy]);
    harness.state().push(UiCommand::CompareDifference);
    settle(&mut harness);
    assert!(shows(&harness, "B: Galaxy 1, truth"), "the first stays");
    let name = "A - B: Galaxy 1, generated - Galaxy 1, truth";
    assert!(shows(&harness, name));
    harness.key_press(Key::X);
    settle(&mut harness);
    let name = "A - B: Galaxy 1, truth - Galaxy 1, generated";
    assert!(shows(&harness, name));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    settle(&mut harness);
    assert!(
        !harness
            .state()
            .workbench()
            .own_comparison
            .contains_key(&copy)
    );
}

#[test]
fn modes_are_commands_that_bring_the_view() {
    let files = Files::new();
    let mut harness = opened(&files);
    for (command, mode) in [
        (UiCommand::CompareSwipe, CompareMode::Swipe),
        (UiCommand::CompareSideBySide, CompareMode::SideBySide),
        (UiCommand::CompareDifference, CompareMode::Difference),
    ] {
        harness.state().push(command);
        settle(&mut harness);
        assert!(harness.state().workbench().shows(ViewKey::Compare));
        assert_eq!(compared(&harness).mode, mode);
    }
}

#[test]
fn keeping_ends_with_a_word_and_not_with_a_loss() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::KeepPicture);
    harness.state().push(UiCommand::KeepPicture);
    harness.run_steps(2);
    let toasts = harness.state().toasts();
    assert!(toasts[1].starts_with("These outputs are kept already"));
    assert_eq!(harness.state().results().kept.len(), 1);
    // Each change of the checkpoint gives outputs of its own.
    for _ in 0..Kept::MOST {
        let by = if harness.state().document().step == Some(200) {
            Key::ArrowRight
        } else {
            Key::ArrowLeft
        };
        harness.key_press(by);
        settle(&mut harness);
        harness.state().push(UiCommand::KeepPicture);
        harness.run_steps(2);
    }
    assert_eq!(harness.state().results().kept.len(), Kept::MOST);
    let toasts = harness.state().toasts();
    assert!(
        toasts.last().unwrap().starts_with("12 entries are kept"),
        "{toasts:?}"
    );
    let first = harness.state().results().kept.iter().next().unwrap();
    assert_eq!(first.title, "step 300, first");
}

#[test]
fn contours_of_relevance_ask_for_it() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press(Key::Num5);
    harness.run_steps(2);
    harness.state().push(UiCommand::ToggleContours);
    settle(&mut harness);
    let contours = |h: &Harness<'_, App>| h.state().document().display.contours;
    assert!(contours(&harness).is_some());
    assert_eq!(
        harness.state().history().undo_name(),
        Some("change the display")
    );
    harness.key_press_modifiers(Modifiers::SHIFT, Key::C);
    settle(&mut harness);
    assert_eq!(contours(&harness), None);
    let layout = ganoscope::layout::Layout::preset(ganoscope::layout::Preset::Train);
    harness.state().push(Command::Arrange(Box::new(layout)));
    settle(&mut harness);
    harness.state().push(Change::GoToStep(100));
    settle(&mut harness);
    let is_fresh = |h: &Harness<'_, App>| {
        let relevance = h.state().results().relevance.ready();
        relevance.is_some_and(|r| r.step == 100)
    };
    assert!(!is_fresh(&harness), "nobody looks at the relevance");
    let mut display = harness.state().document().display;
    let source = Source::Relevance {
        galaxy: 0,
        is_generated: true,
        map: 0,
    };
    display.contours = Some(ganoscope::contours::ContourChoice {
        of: ganoscope::contours::ContoursOf::Picture(source),
        ..Default::default()
    });
    harness.state().push(Change::SetDisplay(display));
    step_until(&mut harness, "the relevance", is_fresh);
}
