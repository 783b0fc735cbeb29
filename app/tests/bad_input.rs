//! Bad files and folders: the message names the file, nothing that is open is lost, and the program lives on.

mod common;

use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use common::{Files, Start, app, drop_files, settle, step_until};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::Command;
use ganoscope::demo::Demo;
use ganoscope::document::Document;
use ganoscope_core::checkpoint::{TensorFile, write_tensors};

/// The one toast, once it is there.
fn toast(harness: &mut Harness<'_, App>) -> String {
    step_until(harness, "the message", |h| !h.state().toasts().is_empty());
    harness.state().toasts().join("\n")
}

/// An app with everything open.
fn open_app(files: &Files) -> Harness<'static, App> {
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    harness
}

/// The message names the file, the document is as it was, and the app goes on.
#[track_caller]
fn assert_refused(files: &Files, path: &Path, expected: &str) {
    let mut harness = open_app(files);
    let before = harness.state().document().clone();
    drop_files(&mut harness, &[path]);
    let text = toast(&mut harness);
    let name = path
        .file_name()
        .and_then(|n| n.to_str())
        .expect("the file has a name");
    assert!(text.contains(name), "{text}");
    assert!(text.to_lowercase().contains(expected), "{text}");
    assert_eq!(harness.state().document(), &before);
    drop_files(&mut harness, &[&files.blends[1]]);
    step_until(&mut harness, "the next file", |h| {
        h.state()
            .document()
            .picture()
            .is_some_and(|p| p.path == files.blends[1])
    });
    settle(&mut harness);
    assert!(harness.state().results().deblend.ready().is_some());
}

#[test]
fn a_broken_picture_is_refused_by_name() {
    let files = Files::new();
    let path = files.path("broken.fits");
    let whole = fs::read(&files.blends[0]).unwrap();
    fs::write(&path, &whole[..whole.len() / 4]).unwrap();
    assert_refused(&files, &path, "");
}

#[test]
fn a_text_file_is_no_picture() {
    let files = Files::new();
    let path = files.path("notes.png");
    fs::write(&path, "not a picture").unwrap();
    assert_refused(&files, &path, "");
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let files = Files::new();
    let path = files.path("gone.fits");
    assert_refused(&files, &path, "");
}

#[test]
fn an_unreadable_session_is_refused_by_name() {
    let files = Files::new();
    let path = files.path("old.ron");
    fs::write(&path, "(version: 1, document: (").unwrap();
    assert_refused(&files, &path, "line 1");
    fs::write(&path, "(version: 99, program: \"9.9\")").unwrap();
    assert_refused(&files, &path, "version 99");
}

#[test]
fn a_broken_recipe_is_refused_by_name() {
    let files = Files::new();
    let path = files.path("edits.toml");
    fs::write(&path, "version = 1\nedits = 3").unwrap();
    assert_refused(&files, &path, "");
}

#[test]
fn a_folder_without_a_series_is_refused_by_name() {
    let files = Files::new();
    let path = files.path("empty");
    fs::create_dir(&path).unwrap();
    assert_refused(&files, &path, "");
}

#[test]
fn a_picture_of_another_size_is_explained_in_place() {
    let files = Files::new();
    let path = files.path("large.fits");
    let scene = ganoscope::testing::tiny_scene(&path, 20);
    let format = ganoscope_core::stamp::io::Format::Fits;
    ganoscope_core::stamp::io::write(&path, &[scene.blend], format, &[]).unwrap();
    let mut harness = open_app(&files);
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the failure", |h| {
        h.state().results().deblend.failure().is_some()
    });
    let why = harness
        .state()
        .results()
        .deblend
        .failure()
        .unwrap()
        .to_string();
    assert!(why.contains("20 x 20") && why.contains("16 x 16"), "{why}");
    assert!(why.contains("large.fits"), "{why}");
    // Back to a picture that fits.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert!(harness.state().results().deblend.ready().is_some());
}

#[test]
fn a_series_with_a_broken_step_opens_without_it_and_says_so() {
    let files = Files::new();
    fs::remove_file(files.series.join("step-0000200/generator.safetensors")).unwrap();
    let mut harness = app(Start::default());
    drop_files(&mut harness, &[&files.series, &files.blends[0]]);
    // First: a warning goes away after a while of the window's clock, which runs by frames here.
    let text = toast(&mut harness);
    assert!(text.contains("step-0000200"), "{text}");
    step_until(&mut harness, "the outputs", |h| {
        h.state().results().deblend.ready().is_some()
    });
    let series = harness.state().results().series.ready().unwrap().clone();
    let steps: Vec<u64> = series.checkpoints.iter().map(|c| c.step).collect();
    assert_eq!(steps, [100, 300]);
}

#[test]
fn a_checkpoint_that_breaks_later_fails_in_place_and_others_work() {
    let files = Files::new();
    let mut harness = open_app(&files);
    let weights = files.series.join("step-0000200/generator.safetensors");
    fs::write(&weights, b"damaged").unwrap();
    harness.key_press(Key::ArrowLeft);
    step_until(&mut harness, "the failure", |h| {
        h.state().results().deblend.failure().is_some()
    });
    let results = harness.state().results();
    let why = results.deblend.failure().unwrap().to_string();
    assert!(why.contains("step-0000200"), "{why}");
    assert!(results.deblend.shown().is_some(), "the old picture stays");
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    assert_eq!(harness.state().results().deblend.ready().unwrap().step, 100);
}

#[test]
fn an_unwritable_folder_keeps_everything_open() {
    let files = Files::new();
    // A file in the place of the folder: unwritable for every user.
    let blocked = files.path("blocked");
    fs::write(&blocked, "").unwrap();
    let path = blocked.join("mine.ron");
    let mut harness = app(Start {
        document: files.document(),
        answers: vec![vec![path], vec![files.path("good.ron")]],
        ..Start::default()
    });
    settle(&mut harness);
    let before = harness.state().document().clone();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    let text = toast(&mut harness);
    assert!(text.contains("mine.ron"), "{text}");
    assert_eq!(harness.state().document(), &before);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    step_until(&mut harness, "saving elsewhere", |h| {
        h.state()
            .toasts()
            .last()
            .is_some_and(|t| t == "Saved good.ron")
    });
    harness.get_by_label("good.ron");
}

#[test]
fn a_session_whose_files_are_gone_says_which() {
    let files = Files::new();
    let mut document = files.document();
    document.series = Some(files.path("moved"));
    let mut harness = app(Start {
        document,
        ..Start::default()
    });
    step_until(&mut harness, "the failure", |h| {
        h.state().results().series.failure().is_some()
    });
    // Each pane that can be seen says so.
    let said = harness.get_all_by_label("The series cannot be opened");
    assert_eq!(said.count(), 2);
    let why = harness
        .state()
        .results()
        .series
        .failure()
        .unwrap()
        .to_string();
    assert!(why.contains("moved"), "{why}");
}

#[test]
fn weights_that_are_not_finite_are_refused_by_tensor_and_file() {
    let files = Files::new();
    for step in ["step-0000100", "step-0000200", "step-0000300"] {
        change_weights(&files, step, |_| f32::NAN).unwrap();
    }
    let mut harness = app(Start::default());
    drop_files(&mut harness, &[&files.series]);
    let text = toast(&mut harness);
    for part in [
        "conv_in.weight",
        "NaN or infinite",
        "generator.safetensors",
        "step-0000300",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(harness.state().document().series, None);
}

#[test]
fn an_output_that_overflows_says_so_in_place_and_other_steps_work() {
    let files = Files::new();
    change_weights(&files, "step-0000200", |_| 3e38).unwrap();
    let mut harness = open_app(&files);
    harness.key_press(Key::ArrowLeft);
    step_until(&mut harness, "the failure", |h| {
        h.state().results().deblend.failure().is_some()
    });
    let results = harness.state().results();
    let why = results.deblend.failure().unwrap().to_string();
    assert!(why.contains("values that are NaN or infinite"), "{why}");
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    assert_eq!(harness.state().results().deblend.ready().unwrap().step, 100);
}

/// Replaces the first kernel of a step's generator, value by value.
fn change_weights(
    files: &Files,
    step: &str,
    f: impl Fn(f32) -> f32,
) -> Result<(), Box<dyn std::error::Error>> {
    let path = files.series.join(step).join("generator.safetensors");
    let file = TensorFile::read(&path)?;
    let mut tensors = file.tensors;
    let kernel = &tensors["conv_in.weight"];
    let values = kernel.flatten_all()?.to_vec1::<f32>()?;
    let values: Vec<f32> = values.into_iter().map(f).collect();
    let changed = Tensor::from_vec(values, kernel.dims(), &Device::Cpu)?;
    tensors.insert("conv_in.weight".to_owned(), changed);
    write_tensors(&path, &tensors, &file.header.metadata)?;
    Ok(())
}

#[test]
fn a_broken_picture_leaves_the_demonstration_its_own() {
    let files = Files::new();
    let broken = files.path("broken.fits");
    std::fs::write(&broken, "SIMPLE  = no").unwrap();
    // As the window begins where nothing but a picture was asked for.
    let mut harness = app(Start {
        document: Document::new(Some(files.series.clone()), Vec::new()),
        demo: Demo {
            series: Some(files.series.clone()),
            inputs: files.blends.clone(),
        },
        ..Start::default()
    });
    harness.state().push(Command::Open(vec![broken]));
    step_until(&mut harness, "the demonstration's picture", |h| {
        let shown = h.state().document().picture();
        shown.is_some_and(|picture| picture.path == files.blends[0])
    });
    assert!(harness.query_by_label_contains("broken.fits").is_some());
}
