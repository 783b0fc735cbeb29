//! The session of the last time: its name and its changes after a kill, and what others took the place of.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::Path;

use common::{Files, Start, app, settle, step_until};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use ganoscope::command::UiCommand;
use ganoscope::store::Recovery;

/// A window that saved `mine.ron` and went to another checkpoint since, as a kill leaves it in another state folder.
fn killed(files: &Files) -> Recovery {
    let folder = files.path("state");
    let mut harness = app(Start {
        document: files.document(),
        answers: vec![vec![files.path("mine.ron")]],
        recovery: Some(Recovery::take(&folder).unwrap()),
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    step_until(&mut harness, "saving", |h| {
        h.state().toasts() == ["Saved mine.ron"]
    });
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    let file = folder.join("session.ron");
    let text = || std::fs::read_to_string(&file).unwrap_or_default();
    step_until(&mut harness, "the running session's file", |_| {
        text().contains("step: Some(200)") && text().contains("is_changed: true")
    });
    let text = text();
    drop(harness);
    let after = files.path("after the kill");
    std::fs::create_dir(&after).unwrap();
    std::fs::write(after.join("session.ron"), text).unwrap();
    for lock in [after.join("session.ron.lock"), files.path("mine.ron.lock")] {
        std::fs::write(lock, "4242").unwrap();
    }
    Recovery::take(&after).unwrap()
}

#[test]
fn after_a_kill_the_session_is_saved_under_its_own_name() {
    let files = Files::new();
    let recovery = killed(&files);
    assert!(recovery.was_killed());
    let session = recovery.load().unwrap().unwrap();
    let mut harness = app(Start {
        document: session.document,
        workbench: session.workbench.mended(),
        recovery: Some(recovery),
        ..Start::default()
    });
    settle(&mut harness);
    harness.get_by_label("mine.ron *");
    // No dialog would answer.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    step_until(&mut harness, "saving", |h| {
        h.state().toasts() == ["Saved mine.ron"]
    });
    harness.get_by_label("mine.ron");
    let text = std::fs::read_to_string(files.path("mine.ron")).unwrap();
    assert!(text.contains("step: Some(200)") && !text.contains("is_changed"));
    drop(harness);
    assert!(
        !files.path("mine.ron.lock").exists(),
        "a lock is left behind"
    );
}

#[test]
fn the_session_before_is_opened_from_the_menu() {
    let files = Files::new();
    let recovery = killed(&files);
    let before = recovery.load().unwrap().unwrap();
    recovery.set_aside().unwrap();
    let mut harness = app(Start {
        recovery: Some(recovery),
        ..Start::default()
    });
    harness.run_steps(3);
    harness.get_by_label("File").click();
    harness.run_steps(3);
    harness.get_by_label("Open recent").hover();
    harness.run_steps(20);
    harness.get_by_label("Session before this one").click();
    step_until(&mut harness, "the session", |h| {
        h.state().document() == &before.document
    });
    settle(&mut harness);
    // Under the name that it had, not under that of the program's own file.
    harness.get_by_label("mine.ron *");
    harness.state().push(UiCommand::Quit);
    let own = Path::new("session-before-1.ron.lock");
    assert!(!files.path("after the kill").join(own).exists());
}

#[test]
fn without_dialogs_a_path_is_typed() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        no_dialogs: true,
        ..Start::default()
    });
    settle(&mut harness);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
    harness.run_steps(4);
    harness.get_by_label("Save the session");
    let field = harness.get_by_role_and_label(Role::TextInput, "Path");
    let suggested = field.value().unwrap_or_default();
    assert!(suggested.ends_with("session.ron"), "{suggested}");
    let path = files.path("typed.ron");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    harness.event(egui::Event::Text(path.display().to_string()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    step_until(&mut harness, "saving", |h| {
        h.state().toasts() == ["Saved typed.ron"]
    });
    assert!(path.exists());
    harness.get_by_label("typed.ron");
    // The selection stayed as it was: the keys were those of the field.
    assert!(harness.state().document().units.is_empty());
}
