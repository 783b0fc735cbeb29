//! What the window says: errors stay in sight, many of a kind are one message, and nothing lies over what is worked with.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{Files, drop_files, opened, settle, step_until};
use egui::Rect;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope_core::jobs::Input;

/// So many files that are no pictures.
fn broken(files: &Files, count: usize) -> Vec<PathBuf> {
    let paths = (0..count).map(|i| files.path(&format!("broken{i}.fits")));
    let paths: Vec<PathBuf> = paths.collect();
    for path in &paths {
        std::fs::write(path, "SIMPLE  =                    T").unwrap();
    }
    paths
}

fn drop_broken(harness: &mut Harness<'_, App>, files: &Files, count: usize) {
    let mut paths = broken(files, count);
    paths.push(files.blends[1].clone());
    let all: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    drop_files(harness, &all);
    let said = format!("{count} of {} files could not be opened", count + 1);
    step_until(harness, "the message", |h| {
        h.state().toasts().contains(&said)
    });
    settle(harness);
    harness.run_steps(3);
}

#[test]
fn files_that_cannot_be_opened_are_one_message_with_a_list() {
    let files = Files::new();
    let mut harness = opened(&files);
    drop_broken(&mut harness, &files, 6);
    let toasts = harness.state().toasts();
    assert_eq!(toasts, ["6 of 7 files could not be opened"]);
    for i in 0..6 {
        let name = format!("broken{i}.fits");
        let listed = harness.query_all_by_label_contains(&name);
        assert!(listed.count() > 0, "{name}");
    }
    let shown = harness.state().document().input.clone();
    assert_eq!(shown, Some(Input::from(files.blends[1].clone())));
}

#[test]
fn messages_lie_over_neither_timeline_nor_inspector() {
    let files = Files::new();
    let mut harness = opened(&files);
    drop_broken(&mut harness, &files, 6);
    for i in 0..4 {
        let path = files.path(&format!("alone{i}.fits"));
        std::fs::write(&path, "no picture").unwrap();
        drop_files(&mut harness, &[&path]);
        let name = format!("alone{i}.fits");
        step_until(&mut harness, "the message", |h| {
            h.state().toasts().iter().any(|t| t.contains(&name))
        });
    }
    harness.run_steps(3);
    let scrubber = harness.get_by_role_and_label(Role::Slider, "Checkpoint");
    let scrubber: Rect = scrubber.rect();
    let inspector = harness.get_by_label("now, without edits").rect();
    let dismissals: Vec<Rect> = harness
        .get_all_by_label("Dismiss")
        .map(|node| node.rect())
        .collect();
    assert_eq!(dismissals.len(), 5);
    for dismissal in dismissals {
        assert!(
            dismissal.bottom() < scrubber.top(),
            "{dismissal} {scrubber}"
        );
        assert!(
            dismissal.right() < inspector.left(),
            "{dismissal} {inspector}"
        );
    }
}
