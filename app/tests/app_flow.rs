//! The whole app with a real worker and a tiny network: from an empty window to a session that is opened again.

mod common;

use std::path::PathBuf;

use common::{Files, Start, app, drop_files, settle, step_until};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use ganoscope::document::Document;
use ganoscope::testing::{SIDE, tiny_scene, write_tiny_series};
use ganoscope::views::ViewKey;
use ganoscope_core::edit::UnitSet;
use ganoscope_core::stamp::io::{Format, write};

/// The pixels of the first output.
fn first_output(harness: &egui_kittest::Harness<'_, ganoscope::app::App>) -> Vec<f32> {
    let preview = harness.state().results().deblend.ready();
    preview.expect("outputs").outputs[0].pixels.to_vec()
}

/// A session over all files, saved by a window that is closed again.
fn saved_session(files: &Files) -> PathBuf {
    let session = files.path("mine.ron");
    let mut harness = app(Start {
        document: files.document(),
        answers: vec![vec![session.clone()]],
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    step_until(&mut harness, "saving", |h| {
        h.state().toasts() == ["Saved mine.ron"]
    });
    session
}

#[test]
fn a_session_survives_a_round_trip() {
    let files = Files::new();
    let session = files.path("mine.ron");
    let mut harness = app(Start {
        answers: vec![
            vec![files.series.clone()],
            vec![files.blends[0].clone()],
            vec![session.clone()],
        ],
        ..Start::default()
    });
    harness.run_steps(2);
    // Each pane that can be seen says so.
    assert_eq!(harness.get_all_by_label("No series is open").count(), 2);

    // Open a series and a picture by dialog.
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    step_until(&mut harness, "the series", |h| {
        h.state().results().series.ready().is_some()
    });
    assert_eq!(harness.get_all_by_label("No picture is open").count(), 2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    step_until(&mut harness, "the outputs", |h| {
        h.state().results().deblend.ready().is_some()
    });
    for label in ["Galaxy 1, generated", "Galaxy 2, truth"] {
        assert!(
            harness.query_all_by_label(label).next().is_some(),
            "{label}"
        );
    }
    let trained = first_output(&harness);

    // Pick a unit and ablate it.
    harness.key_press(Key::Num2);
    settle(&mut harness);
    harness.get_by_label("Unit 1").click();
    settle(&mut harness);
    let layer = harness
        .state()
        .results()
        .units
        .ready()
        .unwrap()
        .layer
        .clone();
    assert_eq!(
        harness.state().document().units,
        UnitSet::of_layer(layer, [1])
    );
    harness.key_press(Key::A);
    settle(&mut harness);
    assert_eq!(harness.state().history().undo_name(), Some("ablate 1 unit"));
    let ablated = first_output(&harness);
    assert_ne!(ablated, trained);

    // Undo and redo.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert_eq!(first_output(&harness), trained, "undone to the last bit");
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    settle(&mut harness);
    assert_eq!(first_output(&harness), ablated);

    // Save, and open the session in another window.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    step_until(&mut harness, "saving", |h| {
        h.state().toasts() == ["Saved mine.ron"]
    });
    let document = harness.state().document().clone();
    let mut second = app(Start::default());
    drop_files(&mut second, &[&session]);
    step_until(&mut second, "the refusal", |h| {
        !h.state().toasts().is_empty()
    });
    let refusal = second.state().toasts().join("\n");
    assert!(refusal.contains("open in another window"), "{refusal}");
    assert!(refusal.ends_with("mine.ron"), "{refusal}");
    assert_ne!(second.state().document(), &document);

    drop(harness);
    drop_files(&mut second, &[&session]);
    step_until(&mut second, "the session", |h| {
        h.state().document() == &document
    });
    settle(&mut second);
    assert_eq!(first_output(&second), ablated);
    assert_eq!(second.state().workbench().view, ViewKey::Units);
}

#[test]
fn a_session_over_a_changed_picture_says_so() {
    let files = Files::new();
    let session = saved_session(&files);
    let blend = tiny_scene(&files.blends[1], SIDE).blend;
    write(&files.blends[1], &[blend], Format::Fits, &[]).unwrap();
    let mut again = app(Start::default());
    drop_files(&mut again, &[&session]);
    step_until(&mut again, "the warning", |h| {
        !h.state().toasts().is_empty()
    });
    let toasts = again.state().toasts();
    assert_eq!(toasts.len(), 1, "{toasts:?}");
    assert!(toasts[0].starts_with("Not the file it was"), "{toasts:?}");
    assert!(toasts[0].ends_with("second.fits"), "{toasts:?}");
    settle(&mut again);
}

#[test]
fn files_of_one_gesture_are_one_undo_step() {
    let files = Files::new();
    let mut harness = app(Start::default());
    drop_files(&mut harness, &[&files.blends[0], &files.series]);
    step_until(&mut harness, "the outputs", |h| {
        h.state().results().deblend.ready().is_some()
    });
    assert_eq!(harness.state().history().undo_name(), Some("open series"));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    assert_eq!(harness.state().document(), &Document::default());
}

#[test]
fn measurements_do_not_outlive_their_series() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    let other = files.path("other");
    write_tiny_series(&other, &[100, 200, 300]).unwrap();
    drop_files(&mut harness, &[&other]);
    step_until(&mut harness, "the other series", |h| {
        h.state().document().series.as_ref() == Some(&other)
    });
    settle(&mut harness);
    harness.key_press(Key::M);
    step_until(&mut harness, "all checkpoints", |h| {
        let results = h.state().results();
        results.timeline.points.len() == 3 && results.jobs.is_empty()
    });
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert_eq!(
        harness.state().document().series.as_ref(),
        Some(&files.series)
    );
    assert!(harness.state().results().timeline.points.is_empty());
}

#[test]
fn a_picture_that_does_not_fit_is_left_out_of_the_means() {
    let files = Files::new();
    let large = files.path("large.fits");
    write(
        &large,
        &[tiny_scene(&large, 2 * SIDE).blend],
        Format::Fits,
        &[],
    )
    .unwrap();
    let mut means = Vec::new();
    // The means are the same whichever picture is shown, and without the one that does not fit.
    for inputs in [
        vec![
            files.blends[0].clone(),
            large.clone(),
            files.blends[1].clone(),
        ],
        files.blends.clone(),
    ] {
        let mut harness = app(Start {
            document: Document::new(Some(files.series.clone()), inputs.clone()),
            ..Start::default()
        });
        settle(&mut harness);
        for key in [Key::M, Key::U] {
            harness.key_press(key);
            step_until(&mut harness, "measuring", |h| {
                let results = h.state().results();
                results.timeline.points.len() == 3 && results.jobs.is_empty()
            });
        }
        let results = harness.state().results();
        let point = &results.timeline.points[&300];
        assert!(point.failure.is_none());
        assert_eq!((point.blends, point.left_out), (2, inputs.len() - 2));
        means.push(point.psnr.clone());
    }
    assert_eq!(means[0], means[1]);
}

#[test]
fn what_was_open_before_a_session_is_one_undo_away() {
    let files = Files::new();
    let session = saved_session(&files);
    let mine = Document::new(None, vec![files.blends[1].clone()]);
    let mut again = app(Start {
        document: mine.clone(),
        ..Start::default()
    });
    drop_files(&mut again, &[&session]);
    step_until(&mut again, "the session", |h| {
        h.state().document() == &files.document()
    });
    again.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    again.run_steps(2);
    assert_eq!(again.state().document(), &mine);
}

#[test]
fn arrow_keys_go_through_the_checkpoints() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    let step = |h: &egui_kittest::Harness<'_, ganoscope::app::App>| {
        h.state().results().deblend.ready().unwrap().step
    };
    assert_eq!(step(&harness), 300, "the last one is shown first");
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    assert_eq!(step(&harness), 200);
    assert_eq!(
        harness.state().history().undo_name(),
        Some("go to step 200")
    );
    harness.key_press(Key::ArrowRight);
    harness.key_press(Key::ArrowRight);
    settle(&mut harness);
    assert_eq!(step(&harness), 300, "there is no step after the last");
}

#[test]
fn a_slider_drag_is_one_undo_step() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press(Key::Num2);
    settle(&mut harness);
    harness.get_by_label("Unit 0").click();
    settle(&mut harness);
    let rail = harness
        .get_by_role_and_label(egui::accesskit::Role::Slider, "Unit 0")
        .rect();
    let at = |share: f32| egui::pos2(rail.left() + share * 0.6 * rail.width(), rail.center().y);
    harness.drag_at(at(0.2));
    harness.step();
    for i in 3..9 {
        harness.hover_at(at(i as f32 / 10.0));
        harness.step();
    }
    harness.drop_at(at(0.9));
    settle(&mut harness);
    let unit = harness
        .state()
        .document()
        .units
        .iter()
        .next()
        .unwrap()
        .clone();
    let strength = harness.state().document().edits.scale_of(&unit);
    assert!(strength > 1.2, "dragged to {strength}");
    // The first edit must not push the slider away from under the pointer.
    let now = harness.get_by_role_and_label(egui::accesskit::Role::Slider, "Unit 0");
    assert_eq!(now.rect(), rail);
    let name = format!("set 1 unit to {strength:.2}");
    assert_eq!(harness.state().history().undo_name(), Some(&*name));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert!(harness.state().document().edits.edits.is_empty());
    assert_eq!(harness.state().history().undo_name(), Some("select 1 unit"));
}

#[test]
fn checkpoints_are_measured_and_can_be_cancelled() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press(Key::M);
    step_until(&mut harness, "all checkpoints", |h| {
        let results = h.state().results();
        results.timeline.points.len() == 3 && results.jobs.is_empty()
    });
    let timeline = &harness.state().results().timeline;
    for point in timeline.points.values() {
        assert_eq!(point.blends, 2);
        assert_eq!(point.psnr.len(), 2);
        assert!(point.failure.is_none());
    }
    harness.key_press(Key::Num4);
    harness.run_steps(2);
    harness.get_by_label("Galaxy 2 at step 100").click();
    settle(&mut harness);
    assert_eq!(harness.state().document().step, Some(100));
}

#[test]
fn the_discriminator_is_explained() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press(Key::Num3);
    settle(&mut harness);
    let relevance = harness
        .state()
        .results()
        .relevance
        .ready()
        .expect("relevance");
    assert_eq!(relevance.rows.len(), 4);
    for row in &relevance.rows {
        let poles: Vec<_> = row.maps.iter().map(|m| m.is_real_pole).collect();
        assert_eq!(poles, [Some(true), Some(false)]);
        for map in &row.maps {
            assert!(map.conservation_gap.is_some());
        }
    }
    assert!(harness.query_all_by_label("for real").count() >= 4);
}

#[test]
fn the_running_session_is_there_again_at_the_next_start() {
    let files = Files::new();
    let folder = files.path("state");
    let recovery = ganoscope::store::Recovery::take(&folder).unwrap();
    let mut harness = app(Start {
        document: files.document(),
        recovery: Some(recovery),
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    let document = harness.state().document().clone();
    // A second window finds it taken.
    let error = ganoscope::store::Recovery::take(&folder).unwrap_err();
    assert!(error.to_string().contains("another window"), "{error}");
    let file = folder.join("session.ron");
    step_until(&mut harness, "the running session's file", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("step: Some(200)"))
    });
    drop(harness);
    let recovery = ganoscope::store::Recovery::take(&folder).unwrap();
    let session = recovery.load().unwrap().expect("a session");
    assert_eq!(session.document, document);
}
