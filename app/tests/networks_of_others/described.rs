//! What is known of a network, and the description of one whose weights alone do not tell.

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Command, UiCommand};

use super::common::others::{GENERATOR, UNKNOWN, put};
use super::common::{Files, drop_files, opened, press_key_of, settle, step_until};
use super::{assert_seen, assert_seen_in_part, dropped};

#[test]
fn what_is_known_of_a_network_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netG.safetensors");
    put(&path, &GENERATOR);
    let mut harness = dropped(&[&path]);
    press_key_of(&mut harness, UiCommand::AboutNetwork);
    harness.run_steps(4);
    assert_seen_in_part(&harness, "because all kernels are transposed");
    assert_seen(&harness, "input z: 8 x 1 x 1");
    assert_seen_in_part(&harness, "3 applied");
    assert!(harness.query_all_by_label("stride").next().is_some());
    harness.get_by_label("Describe the network…").click();
    step_until(&mut harness, "the draft", |h| {
        h.state().workbench().sheet.is_some()
    });
    let sheet = harness.state().workbench().sheet.clone().unwrap();
    assert!(sheet.text.contains("ganoscope_model"), "{}", sheet.text);
    assert!(sheet.draft.why.is_none());
}

#[test]
fn weights_that_do_not_tell_are_described_by_hand() {
    let files = Files::new();
    let path = files.path("mystery.safetensors");
    put(&path, &UNKNOWN);
    let mut harness = opened(&files);
    let before = harness.state().document().clone();
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the draft", |h| {
        h.state().workbench().sheet.is_some()
    });
    assert_eq!(
        harness.state().document(),
        &before,
        "nothing that is open is lost"
    );
    let sheet = harness.state().workbench().sheet.clone().unwrap();
    assert!(
        sheet.text.contains("No architecture that is known fits"),
        "{}",
        sheet.text
    );
    let told = harness.state().toasts().join("\n");
    assert!(told.contains("mystery.safetensors"), "{told}");
    // A person knows better: one convolution, on pictures of 16 x 16.
    harness
        .state()
        .push(Command::EditDescription(DESCRIPTION.to_owned()));
    harness.run_steps(2);
    harness.get_by_label("Save and open").click();
    step_until(&mut harness, "the network", |h| {
        h.state().document().series.as_ref() == Some(&path)
    });
    settle(&mut harness);
    let series = harness.state().results().series.ready().unwrap().clone();
    let file = series.network.file.clone().unwrap();
    assert!(
        file.identity.evidence[0].contains("described by"),
        "{:?}",
        file.identity
    );
    assert_eq!(file.report.unused.len(), 1);
    assert!(harness.state().results().deblend.ready().is_some());
    assert!(
        path.with_file_name("mystery.safetensors.model.toml")
            .is_file()
    );
}

/// One convolution of the two tensors, on pictures of the size of the tiny blends.
const DESCRIPTION: &str = r#"ganoscope_model = 1
family = "made by hand"
role = "generator"

[[input]]
name = "image"
dims = [3, 16, 16]

[[layer]]
name = "only"
op = "conv"
weight = "odd.weight"
padding = 1

[[output]]
name = "image"
layer = "only"
"#;

#[test]
fn escape_closes_the_sheets_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netG.safetensors");
    put(&path, &GENERATOR);
    let mut harness = dropped(&[&path]);
    let escape = |harness: &mut Harness<'_, App>| {
        harness.key_press(Key::Escape);
        harness.run_steps(3);
    };
    press_key_of(&mut harness, UiCommand::AboutNetwork);
    harness.run_steps(3);
    assert!(harness.state().workbench().network_open);
    escape(&mut harness);
    assert!(!harness.state().workbench().network_open);

    let describe = |harness: &mut Harness<'_, App>| {
        harness.state().push(UiCommand::Describe);
        step_until(harness, "the draft", |h| {
            h.state().workbench().sheet.is_some()
        });
    };
    describe(&mut harness);
    escape(&mut harness);
    assert!(harness.state().workbench().sheet.is_none());
    describe(&mut harness);
    harness
        .state()
        .push(Command::EditDescription("mine".to_owned()));
    harness.run_steps(3);
    escape(&mut harness);
    let kept = harness.state().workbench().sheet.as_ref();
    assert_eq!(kept.map(|sheet| sheet.text.as_str()), Some("mine"));
}

#[test]
fn one_checkpoint_is_nothing_to_scrub() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("netG.safetensors");
    put(&path, &GENERATOR);
    let harness = dropped(&[&path]);
    assert!(harness.state().workbench().timeline_open);
    let scrubber = harness.query_by_role_and_label(Role::Slider, "Checkpoint");
    assert!(scrubber.is_none());
}
