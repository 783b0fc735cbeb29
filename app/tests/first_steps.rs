//! What a person meets first: the tour, the list with its small pictures, the status bar.

mod common;

use std::path::Path;

use common::{Files, Start, app, opened, settle, step_until};
use egui::Key;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Change, UiCommand};
use ganoscope::testing::SIDE;
use ganoscope::tour::TourStep;
use ganoscope::views::ViewKey;
use ganoscope_core::edit::UnitSet;
use ganoscope_core::jobs::Input;
use ganoscope_core::network::LayerName;
use ganoscope_core::stamp::io::{Format, write};
use ganoscope_core::stamp::{Stamp, ValueRange};

type Window = egui_kittest::Harness<'static, App>;

fn step(harness: &Window) -> Option<TourStep> {
    harness.state().workbench().tour
}

/// The pixels of the small picture of a file, once it is there.
fn small_pixels(harness: &egui_kittest::Harness<'_, App>, path: &Path) -> Option<Vec<f32>> {
    let known = &harness.state().results().thumbnails;
    let picture = known.get(&Input::from(path))?.as_ref().ok()?;
    Some(picture.stamp.pixels.to_vec())
}

fn click(harness: &mut Window, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

#[test]
fn the_tour_is_walked_from_the_first_step_to_the_last() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::Tour);
    harness.run_steps(3);
    assert_eq!(step(&harness), Some(TourStep::Outputs));
    for at in TourStep::ALL {
        assert_eq!(step(&harness), Some(at));
        assert!(harness.query_by_label(at.title()).is_some(), "{at:?}");
        let place = format!("{} of 5", at.number());
        assert!(harness.query_by_label(&place).is_some(), "{place}");
        let next = if at == TourStep::Reasons {
            "Finish"
        } else {
            "Next"
        };
        click(&mut harness, next);
    }
    assert_eq!(step(&harness), None);
    assert_eq!(harness.state().workbench().view, ViewKey::Relevance);
}

#[test]
fn a_step_of_the_tour_says_when_it_is_done() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::Tour);
    harness.run_steps(3);
    click(&mut harness, "Next");
    click(&mut harness, "Next");
    assert_eq!(step(&harness), Some(TourStep::Units));
    assert!(harness.query_by_label("done").is_none());
    let units = UnitSet::of_layer(LayerName::from("act_in"), [1]);
    harness.state().push(Change::SelectUnits(units));
    harness.run_steps(3);
    assert!(harness.query_by_label("done").is_some());
    click(&mut harness, "Back");
    assert_eq!(step(&harness), Some(TourStep::Checkpoints));
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert_eq!(step(&harness), None, "Escape leaves the tour");
    assert!(
        !harness.state().document().units.is_empty(),
        "and nothing else"
    );
}

#[test]
fn the_list_has_a_small_picture_of_every_file_or_says_why_not() {
    let files = Files::new();
    let broken = files.path("broken.fits");
    std::fs::write(&broken, "SIMPLE  = no").unwrap();
    let mut document = files.document();
    let broken = Input::from(broken);
    document.inputs.push(broken.clone());
    let mut harness = app(Start {
        document,
        ..Start::default()
    });
    settle(&mut harness);
    step_until(&mut harness, "small pictures", |h| {
        let known = &h.state().results().thumbnails;
        known.get(&broken).is_some()
    });
    let known = &harness.state().results().thumbnails;
    for blend in &files.blends {
        let small = known.get(&Input::from(blend.clone()));
        assert!(small.is_some_and(Result::is_ok), "{blend:?}");
    }
    let why = known.get(&broken).unwrap().as_ref().unwrap_err();
    assert!(why.to_string().contains("broken.fits"), "{why}");
    assert!(
        harness.state().toasts().is_empty(),
        "a file nobody looks at disturbs nobody"
    );
    // Reading again looks at the files again.
    let second = files.blends[1].clone();
    let before = small_pixels(&harness, &second).unwrap();
    let dark: Vec<f32> = before.iter().map(|v| v / 2.0).collect();
    let stamp = Stamp::new("BLEND", dark, [3, SIDE, SIDE], ValueRange::UNIT);
    write(&files.blends[1], &[stamp], Format::Fits, &[]).unwrap();
    harness.state().push(UiCommand::Reload);
    step_until(&mut harness, "the new picture", |h| {
        small_pixels(h, &second).is_some_and(|now| now != before)
    });
}

#[test]
fn the_status_bar_says_what_the_program_needs() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.run_steps(3);
    for part in ["CPU", " MiB", "preview "] {
        assert!(
            harness.query_all_by_label_contains(part).next().is_some(),
            "{part}"
        );
    }
}

#[test]
fn where_motion_is_not_wanted_nothing_moves_by_itself() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::ToggleMotion);
    harness.run_steps(3);
    assert_eq!(harness.ctx.global_style().animation_time, 0.0);
    assert!(harness.state().workbench().is_still);
    harness.state().push(UiCommand::ToggleMotion);
    harness.run_steps(3);
    assert!(harness.ctx.global_style().animation_time > 0.0);
}

#[test]
fn edits_are_listed_beside_the_pictures_and_select_their_units() {
    let files = Files::new();
    let mut harness = opened(&files);
    let units = UnitSet::of_layer(LayerName::from("act_in"), [1, 2]);
    harness.state().push(Change::Ablate(units.clone()));
    settle(&mut harness);
    assert!(harness.state().document().units.is_empty());
    click(&mut harness, "Select the units of edit 1");
    assert_eq!(harness.state().document().units, units);
    harness
        .state()
        .push(Change::ShowLayer(LayerName::from("conv_in")));
    settle(&mut harness);
    let cost = harness.query_all_by_label_contains("multiply-adds a stamp");
    assert!(cost.count() > 0, "the inspector says what a layer costs");
}
