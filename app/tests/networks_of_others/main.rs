//! A network file is dropped on the window: its pictures, layers, units and outputs are there, without a manifest; what cannot be
//! opened is told by name and nothing that was open is lost.

#[path = "../common/mod.rs"]
mod common;
mod described;

use std::path::Path;
use std::sync::Arc;

use common::others::{CONDITIONAL, DISCRIMINATOR, GENERATOR, UPSCALER, put};
use common::{Files, Start, app, drop_files, opened, press_key_of, settle, step_until};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::cli::compose::{Composed, compose, parses};
use ganoscope::command::{Change, UiCommand};
use ganoscope::document::Document;
use ganoscope::export::{Shown, Subject};
use ganoscope::store;
use ganoscope::testing::tiny_scene;
use ganoscope::views::ViewKey;
use ganoscope_core::edit::UnitSet;
use ganoscope_core::jobs::{DeblendPreview, Input, Latent};
use ganoscope_core::latent::Takes;
use ganoscope_core::stamp::io::{Format, write};
use ganoscope_core::stamp::{Stamp, ValueRange};

/// An empty window with these files dropped on it, everything there.
fn dropped(paths: &[&Path]) -> Harness<'static, App> {
    let mut harness = app(Start::default());
    harness.run_steps(2);
    drop_files(&mut harness, paths);
    step_until(&mut harness, "the network", |h| {
        h.state().results().series.ready().is_some()
    });
    settle(&mut harness);
    harness
}

/// A label is on the screen, once or in several places.
#[track_caller]
fn assert_seen(harness: &Harness<'_, App>, label: &str) {
    assert!(
        harness.query_all_by_label(label).next().is_some(),
        "{label} is not seen"
    );
}

#[track_caller]
fn assert_seen_in_part(harness: &Harness<'_, App>, label: &str) {
    assert!(
        harness.query_all_by_label_contains(label).next().is_some(),
        "{label} is not seen"
    );
}

fn outputs(harness: &Harness<'_, App>) -> Arc<DeblendPreview> {
    let preview = harness.state().results().deblend.ready();
    preview.expect("outputs").clone()
}

fn pixels(harness: &Harness<'_, App>) -> Vec<f32> {
    outputs(harness).outputs[0].pixels.to_vec()
}

fn command_of(harness: &Harness<'_, App>, view: ViewKey) -> Result<Vec<String>, String> {
    let state = harness.state();
    let subject = Subject::default();
    let shown = Shown {
        view,
        subject: &subject,
        document: state.document(),
        workbench: state.workbench(),
        results: state.results(),
    };
    match compose(&shown, None)? {
        Composed::Arguments(words) => Ok(words),
        Composed::Needs(need) => Err(format!("{need:?}")),
    }
}

#[test]
fn a_generator_of_numbers_draws_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netG.safetensors");
    put(&path, &GENERATOR);
    let mut harness = dropped(&[&path]);
    let series = harness.state().results().series.ready().unwrap().clone();
    assert_eq!(series.takes, Takes::Latents { classes: 0 });
    assert!(series.is_file);
    assert_eq!(harness.state().document().series.as_ref(), Some(&path));
    assert_eq!(harness.state().document().input, Some(Input::seed(0)));
    let recent = &harness.state().workbench().recent;
    assert_eq!(recent.as_slice(), std::slice::from_ref(&path));
    let first = pixels(&harness);
    assert_eq!(first.len(), 3 * 16 * 16);
    // A name for the one output, a list of seeds, what it was recognised as; no residual of a blend that there is not.
    assert_seen(&harness, "Output, generated");
    assert_seen(&harness, "Seeds");
    assert_seen_in_part(&harness, "DCGAN generator, likely");
    assert!(harness.query_all_by_label("Residual").next().is_none());
    assert!(harness.query_all_by_label("Blend").next().is_none());

    press_key_of(&mut harness, UiCommand::NextSeed);
    settle(&mut harness);
    assert_eq!(harness.state().document().input, Some(Input::seed(1)));
    assert_ne!(pixels(&harness), first);
    press_key_of(&mut harness, UiCommand::PreviousSeed);
    press_key_of(&mut harness, UiCommand::PreviousSeed);
    settle(&mut harness);
    assert_eq!(harness.state().document().input, Some(Input::seed(0)));
    assert_eq!(pixels(&harness), first, "a seed draws the same again");
    press_key_of(&mut harness, UiCommand::RandomSeed);
    settle(&mut harness);
    let latent = harness.state().document().input.as_ref().unwrap().latent();
    assert!(latent.is_some());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert_eq!(harness.state().document().input, Some(Input::seed(0)));
    // Every seed of the list gets a small picture of its own.
    let known = &harness.state().results().thumbnails;
    let small = |seed| {
        known
            .get(&Input::seed(seed))
            .unwrap()
            .as_ref()
            .unwrap()
            .stamp
            .clone()
    };
    assert_ne!(small(0).pixels, small(1).pixels);
}

#[test]
fn units_of_a_generator_of_others_are_ablated_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netG.safetensors");
    put(&path, &GENERATOR);
    let mut harness = dropped(&[&path]);
    let trained = pixels(&harness);
    harness.key_press(Key::Num2);
    settle(&mut harness);
    let layer = harness
        .state()
        .results()
        .units
        .ready()
        .unwrap()
        .layer
        .clone();
    harness.get_by_label("Unit 1").click();
    settle(&mut harness);
    press_key_of(&mut harness, UiCommand::AblateSelection);
    settle(&mut harness);
    assert_ne!(pixels(&harness), trained);
    let words = command_of(&harness, ViewKey::Deblend).unwrap();
    assert!(words.contains(&"seed:0".to_owned()), "{words:?}");
    assert!(words.contains(&format!("--set={layer}:1=off")), "{words:?}");
    assert!(
        words[2].ends_with("netG.safetensors:generator"),
        "{words:?}"
    );
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert_eq!(pixels(&harness), trained);
    // The graph is drawn, with the one network there is.
    harness.key_press(Key::L);
    settle(&mut harness);
    assert_seen(&harness, "Generator");
    assert!(harness.query_all_by_label("Discriminator").next().is_none());
    // What needs a discriminator or a file says so.
    harness.key_press(Key::Num3);
    settle(&mut harness);
    assert_seen_in_part(&harness, "only generators");
    harness.key_press(Key::Num6);
    settle(&mut harness);
    let hint = "Regions and headers belong to the picture of a file";
    assert_seen_in_part(&harness, hint);
}

#[test]
fn a_class_is_chosen_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netG.safetensors");
    put(&path, &CONDITIONAL);
    let mut harness = dropped(&[&path]);
    assert_eq!(
        harness.state().results().series.ready().unwrap().takes,
        Takes::Latents { classes: 5 }
    );
    let first = pixels(&harness);
    assert_seen(&harness, "Class");
    harness.state().push(Change::SetClass(4));
    settle(&mut harness);
    assert_ne!(pixels(&harness), first);
    let chosen = Input::Latent(Latent {
        seed: 0,
        class: Some(4),
    });
    let state = harness.state();
    assert_eq!(state.document().input, Some(chosen.clone()));
    let text = store::text_of(state.document(), state.workbench()).unwrap();
    assert!(text.contains("seed:0:4"), "{text}");
    let session = store::read(&text).unwrap();
    assert_eq!(session.document, *state.document());
    let mut harness = app(Start {
        document: session.document,
        ..Start::default()
    });
    settle(&mut harness);
    assert_eq!(harness.state().document().input, Some(chosen));
    assert!(harness.state().results().deblend.ready().is_some());
}

#[test]
fn a_network_that_enlarges_takes_pictures_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("upscaler.safetensors");
    put(&network, &UPSCALER);
    let picture = folder.path().join("wide.fits");
    let scene = tiny_scene(&picture, 20);
    // 12 rows of 20 columns.
    let planes = (0..3).flat_map(|band| scene.blend.plane(band)[..12 * 20].to_vec());
    let pixels: Vec<f32> = planes.collect();
    let wide = Stamp::new("wide", pixels, [3, 12, 20], ValueRange::UNIT);
    write(&picture, &[wide], Format::Fits, &[]).unwrap();
    let mut harness = dropped(&[&network, &picture]);
    let preview = outputs(&harness);
    assert_eq!(preview.outputs[0].dims(), [3, 24, 40]);
    assert!(preview.account.is_none());
    assert_seen(&harness, "Picture");
    assert_seen(&harness, "Output, generated");
    assert!(harness.query_all_by_label("Recombination").next().is_none());
    harness.key_press(Key::Num2);
    settle(&mut harness);
    assert!(harness.state().results().units.ready().is_some());
    let words = command_of(&harness, ViewKey::Units).unwrap();
    assert!(parses(&words).is_ok(), "{words:?}");
}

#[test]
fn a_lone_discriminator_shows_its_logit() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("netD.safetensors");
    put(&network, &DISCRIMINATOR);
    let picture = folder.path().join("stamp.fits");
    let blend = tiny_scene(&picture, 16).blend;
    write(&picture, &[blend], Format::Fits, &[]).unwrap();
    let mut harness = dropped(&[&network, &picture]);
    let preview = outputs(&harness);
    assert!(preview.outputs.is_empty());
    assert_eq!(preview.numbers[0].values.len(), 1);
    let text = format!(
        "{} = {:.4}",
        preview.numbers[0].name, preview.numbers[0].values[0]
    );
    assert_seen(&harness, &text);
    assert_seen_in_part(&harness, "taken for");
    for key in [Key::L, Key::Num2] {
        harness.key_press(key);
        settle(&mut harness);
    }
    assert!(harness.state().results().units.ready().is_some());
    harness
        .state()
        .push(Change::SelectUnits(UnitSet::of_layer("main.0", [0])));
    press_key_of(&mut harness, UiCommand::AblateSelection);
    settle(&mut harness);
    let edited = harness.state().results().deblend.ready().unwrap().clone();
    assert_ne!(edited.numbers[0].values, preview.numbers[0].values);
    let words = command_of(&harness, ViewKey::Deblend).unwrap();
    assert!(words[2].ends_with(":discriminator"), "{words:?}");
}

#[test]
fn a_folder_of_both_networks_is_one_step() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("generator.safetensors"), &GENERATOR);
    put(
        &folder.path().join("discriminator.safetensors"),
        &DISCRIMINATOR,
    );
    let mut harness = dropped(&[folder.path()]);
    let series = harness.state().results().series.ready().unwrap().clone();
    assert_eq!(series.checkpoints.len(), 1);
    assert!(series.discriminator.is_some());
    harness.key_press(Key::Num3);
    settle(&mut harness);
    let relevance = harness
        .state()
        .results()
        .relevance
        .ready()
        .expect("relevance");
    assert_eq!(relevance.rows.len(), 1, "the output, and no truth");
}

#[test]
fn a_broken_network_is_refused_by_name() {
    let files = Files::new();
    let path = files.path("cut.pth");
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/weights/gan_checkpoint.pth");
    let whole = std::fs::read(weights).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut harness = opened(&files);
    let before = harness.state().document().clone();
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the message", |h| {
        !h.state().toasts().is_empty()
    });
    let told = harness.state().toasts().join("\n");
    assert!(
        told.contains("cut.pth") && told.contains("PyTorch"),
        "{told}"
    );
    assert_eq!(harness.state().document(), &before);
    assert!(harness.state().results().deblend.ready().is_some());
}

#[test]
fn pictures_wait_for_the_next_network_that_takes_them() {
    let files = Files::new();
    let path = files.path("netG.safetensors");
    put(&path, &GENERATOR);
    let mut harness = opened(&files);
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the network", |h| {
        h.state().document().series.as_ref() == Some(&path)
    });
    settle(&mut harness);
    assert_eq!(harness.state().document().input, Some(Input::seed(0)));
    drop_files(&mut harness, &[&files.series]);
    step_until(&mut harness, "the series", |h| {
        h.state().document().series.as_ref() == Some(&files.series)
    });
    settle(&mut harness);
    let document: &Document = harness.state().document();
    assert_eq!(
        document.picture().map(|p| &*p.path),
        Some(&*files.blends[0])
    );
    assert!(harness.state().results().deblend.ready().is_some());
}
