//! Regions to and from files: DS9's region files, tables, sessions; and the header of a picture's file.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{Files, Start, app, drop_files, opened, press_key_of, settle, step_until};
use egui::OutputCommand;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{RegionChange, UiCommand};
use ganoscope::document::Document;
use ganoscope_core::region::ds9::{self, System};
use ganoscope_core::region::{Place, Region, Shape};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io;
use ganoscope_core::table::{Table, Values};

fn regions<'a>(harness: &'a Harness<'_, App>) -> &'a [Region] {
    &harness.state().document().regions
}

fn circle(column: f64, row: f64, radius: f64) -> Region {
    Region::new(Shape::Circle {
        centre: Place::new(column, row),
        radius,
    })
}

/// A document over the files with a circle, and a box that is excluded.
fn marked(files: &Files) -> Document {
    let mut document = files.document();
    document.regions = Arc::new(vec![
        circle(7.25, 8.5, 3.5).with_text("core"),
        Region::new(Shape::box_between(
            Place::new(1.0, 2.0),
            Place::new(9.0, 8.0),
        ))
        .excluded(),
    ]);
    document
}

#[test]
fn a_region_file_is_saved_and_opened_again() {
    let files = Files::new();
    let path = files.path("saved.reg");
    let mut harness = app(Start {
        document: marked(&files),
        answers: vec![vec![path.clone()], vec![path.clone()]],
        ..Start::default()
    });
    settle(&mut harness);
    let before = regions(&harness).to_vec();
    harness.state().push(UiCommand::SaveRegions);
    step_until(&mut harness, "the file", |_| path.exists());
    let scene = harness.state().results().scene.ready().unwrap().clone();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\nimage\n"), "{text}");
    // The row 8.5 from the top of 16 is the FITS row 16 - 8.5.
    assert!(
        text.contains("circle(8.25,7.5,3.5) # text={core}"),
        "{text}"
    );
    let read = ds9::read(&text, &Grid::of(&scene.blend)).unwrap();
    assert_eq!(read.regions, before);

    harness.state().push(RegionChange::Clear);
    settle(&mut harness);
    harness.run_steps(3);
    assert!(regions(&harness).is_empty());
    harness.state().push(UiCommand::OpenRegions);
    step_until(&mut harness, "the regions", |h| !regions(h).is_empty());
    assert_eq!(regions(&harness), before);
    assert_eq!(
        harness.state().history().undo_name(),
        Some("open saved.reg")
    );
    // Dropped on the window they come too, once.
    harness.state().push(RegionChange::Clear);
    settle(&mut harness);
    for _ in 0..2 {
        drop_files(&mut harness, &[&path]);
        step_until(&mut harness, "the regions", |h| !regions(h).is_empty());
        settle(&mut harness);
        assert_eq!(regions(&harness), before);
    }
}

#[test]
fn a_region_file_that_is_wrong_is_refused_by_line_and_name() {
    let files = Files::new();
    let path = files.path("wrong.reg");
    std::fs::write(&path, "image\ncircle(3, 4, 1)\ncircle(three, 4, 1)\n").unwrap();
    let mut harness = app(Start {
        document: marked(&files),
        ..Start::default()
    });
    settle(&mut harness);
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the message", |h| {
        !h.state().toasts().is_empty()
    });
    let text = harness.state().toasts().join("\n");
    assert!(
        text.contains("Line 3") && text.contains("wrong.reg"),
        "{text}"
    );
    assert_eq!(regions(&harness).len(), 2);
    // A file on the sky needs a picture with one.
    std::fs::write(&path, "fk5\ncircle(150.1, 2.2, 3\")\n").unwrap();
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the message", |h| {
        h.state().toasts().len() > 1
    });
    let text = harness.state().toasts().join("\n");
    assert!(text.contains("no sky coordinates"), "{text}");
}

#[test]
fn the_table_is_saved_and_copied() {
    let files = Files::new();
    let path = files.path("table.ecsv");
    let mut harness = app(Start {
        document: marked(&files),
        answers: vec![vec![path.clone()]],
        ..Start::default()
    });
    settle(&mut harness);
    // The view is not open yet; the table comes when it is measured.
    harness.state().push(UiCommand::SaveRegionTable);
    step_until(&mut harness, "the table", |_| path.exists());
    let table = Table::from_ecsv(&std::fs::read_to_string(&path).unwrap()).unwrap();
    // 6 pictures, one region that is not excluded, 3 bands.
    assert_eq!(table.rows(), 18);
    let found = harness.state().results().regions.ready().unwrap().clone();
    let Values::Float(sums) = &table.column("sum").unwrap().values else {
        panic!("numbers");
    };
    let first = found.pictures[0].statistics[0].as_ref().unwrap();
    for (sum, band) in sums.iter().zip(&first.bands) {
        assert_eq!(*sum, Some(band.sum));
    }
    assert!(table.meta.iter().any(|(key, _)| key == "step"));

    harness.state().push(UiCommand::CopyRegionTable);
    let mut copied = None;
    for _ in 0..20 {
        harness.step();
        let commands = &harness.output().platform_output.commands;
        copied = copied.or_else(|| {
            commands.iter().find_map(|command| match command {
                OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            })
        });
    }
    let copied = copied.expect("a text on the clipboard");
    assert_eq!(copied.lines().count(), 19);
    assert!(copied.starts_with("stamp\tregion\ttext"), "{copied}");
}

#[test]
fn regions_are_saved_with_the_session_and_old_sessions_open() {
    let files = Files::new();
    let session = files.path("session.ron");
    let mut harness = app(Start {
        document: marked(&files),
        answers: vec![vec![session.clone()]],
        ..Start::default()
    });
    settle(&mut harness);
    harness.state().push(UiCommand::SaveAs);
    step_until(&mut harness, "the session", |_| session.exists());
    let document = harness.state().document().clone();
    drop(harness);
    let reopened = |path: &Path| {
        let mut harness = app(Start::default());
        drop_files(&mut harness, &[path]);
        step_until(&mut harness, "the session", |h| {
            h.state().document().series.is_some()
        });
        settle(&mut harness);
        harness.state().document().clone()
    };
    assert_eq!(reopened(&session), document);
    // A session from before there were regions.
    let text = std::fs::read_to_string(&session).unwrap();
    let old: Document = ron::from_str("(inputs: [])").unwrap();
    assert!(old.regions.is_empty());
    assert!(text.contains("regions:"));
}

#[test]
fn coordinates_of_files_are_chosen() {
    let files = Files::new();
    let mut harness = opened(&files);
    press_key_of(&mut harness, UiCommand::ShowRegions);
    settle(&mut harness);
    harness
        .get_by_role_and_label(Role::ComboBox, "Files in")
        .click();
    harness.run_steps(3);
    harness.get_by_label("physical").click();
    harness.run_steps(3);
    let system = harness.state().workbench().regions.system;
    assert_eq!(system, System::Physical);
    assert!(
        harness.query_by_label("icrs").is_none(),
        "the picture has no sky"
    );
}

#[test]
fn the_header_is_shown_searched_and_copied() {
    let files = Files::new();
    let mut harness = opened(&files);
    press_key_of(&mut harness, UiCommand::ShowHeader);
    settle(&mut harness);
    harness.get_by_label("HDU 0");
    let info = harness.state().results().file.ready().unwrap().clone();
    let (headers, _) = io::read_headers(&files.blends[0]).unwrap();
    assert_eq!(info.headers, headers);
    harness.get_by_label("Search the header").click();
    harness.run_steps(2);
    harness
        .get_by_label("Search the header")
        .type_text("extname");
    harness.run_steps(3);
    harness.get_by_label("3 lines found");
    harness.get_by_label("Copy").click();
    let mut copied = None;
    for _ in 0..4 {
        harness.step();
        for command in &harness.output().platform_output.commands {
            if let OutputCommand::CopyText(text) = command {
                copied = Some(text.clone());
            }
        }
    }
    let copied = copied.expect("a text on the clipboard");
    for name in ["BLEND", "GALAXY1", "GALAXY2"] {
        assert!(copied.contains(&format!("'{name}'")), "{copied}");
    }
    assert!(!copied.contains("BITPIX"));
}
