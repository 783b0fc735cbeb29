//! Export and *Copy as command* as a person does them: by keys, menus and the names of buttons, with the files read back.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use common::{Files, Start, app, edited, opened, opened_with, settle, step_until};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ganoscope::app::App;
use ganoscope::views::ViewKey;
use ganoscope_core::stamp::io::{self, Selector};
use ganoscope_core::stamp::{Stamp, ValueRange};
use ganoscope_core::table::Table;

/// Presses a button of the export window.
fn press(harness: &mut Harness<'_, App>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

fn open_export(harness: &mut Harness<'_, App>) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::E);
    harness.run_steps(3);
    harness.get_by_label("Choose file…");
}

/// Chooses the file and waits for what is said about it.
#[track_caller]
fn write(harness: &mut Harness<'_, App>) -> String {
    press(harness, "Choose file…");
    step_until(harness, "the export", |h| h.state().is_complete());
    harness.state().toasts().pop().unwrap_or_default()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Leaves a file where a person can look at it, if one asked for that.
fn keep(path: &Path) {
    if let Ok(folder) = std::env::var("GANOSCOPE_KEEP_EXPORTS") {
        let name = path.file_name().unwrap();
        std::fs::copy(path, Path::new(&folder).join(name)).unwrap();
    }
}

#[test]
fn a_figure_is_written_in_every_format_by_name() {
    let files = Files::new();
    let paths = ["a.svg", "b.pdf", "c.png"].map(|name| files.path(name));
    let mut harness = opened_with(&files, paths.to_vec());
    for (path, format, magic) in [
        (&paths[0], "SVG", &b"<svg"[..]),
        (&paths[1], "PDF", b"%PDF"),
        (&paths[2], "PNG", b"\x89PNG"),
    ] {
        open_export(&mut harness);
        press(&mut harness, "Figure");
        press(&mut harness, format);
        harness.get_by_label_contains("7 pictures");
        let said = write(&mut harness);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(said.contains(&format!("Exported {name}, ")), "{said}");
        assert!(std::fs::read(path).unwrap().starts_with(magic), "{name}");
        // The window closes when there is nothing left to do in it.
        assert!(harness.query_by_label("Choose file…").is_none());
    }
    let svg = std::fs::read_to_string(&paths[0]).unwrap();
    for text in [
        "Galaxy 1, generated",
        "Residual",
        "step 300",
        "Row (pixels)",
    ] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn every_view_has_a_figure_and_a_table_or_says_why_not() {
    let files = Files::new();
    let figures = ["u.svg", "r.svg", "l.svg", "t.svg"].map(|name| files.path(name));
    let tables = ["u.ecsv", "r.csv", "l.ecsv", "t.ecsv"].map(|name| files.path(name));
    let answers = figures
        .iter()
        .zip(&tables)
        .flat_map(|(f, t)| [f.clone(), t.clone()]);
    let mut harness = opened_with(&files, answers.collect());
    for (at, key) in [Key::Num2, Key::Num3, Key::L, Key::Num4]
        .into_iter()
        .enumerate()
    {
        harness.key_press(key);
        settle(&mut harness);
        open_export(&mut harness);
        press(&mut harness, "Figure");
        write(&mut harness);
        open_export(&mut harness);
        press(&mut harness, "Table");
        let said = write(&mut harness);
        assert!(said.starts_with("Exported"), "{said}");
        let svg = std::fs::read_to_string(&figures[at]).unwrap();
        assert!(svg.contains("Tiny deblender"), "{key:?}");
        keep(&figures[at]);
    }
    let units = Table::from_ecsv(&std::fs::read_to_string(&tables[0]).unwrap()).unwrap();
    assert_eq!(units.rows(), 4);
    assert!(units.column("mean").is_some());
    let timeline = Table::from_ecsv(&std::fs::read_to_string(&tables[3]).unwrap()).unwrap();
    assert_eq!(timeline.rows(), 3);
    let layers = std::fs::read_to_string(&tables[2]).unwrap();
    assert!(layers.contains("branch1.0.conv1"), "{layers}");
    // The network as a graph has no pixels of data.
    harness.key_press(Key::L);
    settle(&mut harness);
    open_export(&mut harness);
    press(&mut harness, "Data");
    harness.get_by_label("What Layers shows is a table; choose Table");
    let button = harness.get_by_label("Choose file…");
    assert!(button.accesskit_node().is_disabled());
}

#[test]
fn data_is_written_as_fits_bit_for_bit_with_its_provenance() {
    let files = Files::new();
    let path = files.path("all.fits");
    let mut harness = opened_with(&files, vec![path.clone()]);
    edited(&mut harness);
    // Activations and relevance are there once they are looked at.
    for key in [Key::Num2, Key::Num3] {
        harness.key_press(key);
        settle(&mut harness);
    }
    open_export(&mut harness);
    press(&mut harness, "Data");
    harness.get_by_label_contains("INPUT, OUT1, OUT2");
    let said = write(&mut harness);
    assert!(said.starts_with("Exported all.fits, "), "{said}");
    let read = |name: &str| -> Stamp {
        let found = io::read(&path, Some(&Selector::name(name)));
        found
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .remove(0)
    };
    let same = |a: &Stamp, b: &[f32]| {
        let pairs = a.pixels.iter().zip(b);
        assert_eq!(a.pixels.len(), b.len());
        assert!(pairs.into_iter().all(|(a, b)| a.to_bits() == b.to_bits()));
    };
    let results = harness.state().results();
    let deblend = results.deblend.ready().expect("outputs");
    same(&read("OUT1"), &deblend.outputs[0].pixels);
    same(&read("OUT2"), &deblend.outputs[1].pixels);
    let account = deblend.account.as_ref().unwrap();
    same(&read("RESID"), &account.residual.pixels);
    let scene = results.scene.ready().expect("a scene");
    same(&read("INPUT"), &scene.blend.pixels);
    same(&read("TRUTH2"), &scene.truths[1].pixels);
    assert_eq!(read("INPUT").range, ValueRange::UNIT);
    let relevance = results.relevance.ready().expect("relevance");
    let row = relevance
        .rows
        .iter()
        .find(|row| row.is_generated && row.galaxy == 0);
    same(&read("REL_D_OUT1_REAL"), &row.unwrap().maps[0].map.pixels);
    let header = String::from_utf8_lossy(&std::fs::read(&path).unwrap()[..5760]).into_owned();
    for card in [
        "GANHASH",
        "GANSTEP =                  300",
        "GANEDITS=                    2",
        "root.0.act:1-2 off",
    ] {
        assert!(header.contains(card), "{card}: {header}");
    }
}

#[test]
fn a_folder_that_takes_no_files_is_said_and_nothing_is_left() {
    let files = Files::new();
    let nowhere = files.path("no/where.svg");
    let inside_a_file = files.blends[0].join("a.svg");
    let mut harness = opened_with(&files, vec![nowhere.clone(), inside_a_file]);
    let before = names_in(files.folder.path());
    for name in ["no", "first.fits"] {
        open_export(&mut harness);
        let said = write(&mut harness);
        assert!(said.starts_with("Not exported: "), "{said}");
        assert!(said.contains(name), "{said}");
    }
    assert_eq!(names_in(files.folder.path()), before);
}

#[test]
fn a_file_that_was_chosen_late_shows_what_was_asked_for() {
    let files = Files::new();
    let path = files.path("measures.csv");
    let dialogs_stay = Rc::new(Cell::new(true));
    let mut harness = app(Start {
        document: files.document(),
        answers: vec![vec![path.clone()]],
        dialogs_stay: dialogs_stay.clone(),
        ..Start::default()
    });
    settle(&mut harness);
    let psnr = |harness: &Harness<'_, App>| {
        let preview = harness.state().results().deblend.ready().unwrap();
        preview.measures[0].psnr.unwrap()
    };
    let asked_for = psnr(&harness);
    open_export(&mut harness);
    press(&mut harness, "Table");
    press(&mut harness, "Choose file…");
    edited(&mut harness);
    assert_ne!(psnr(&harness), asked_for, "the edit changes the outputs");
    assert!(!path.exists(), "the dialog is open");
    dialogs_stay.set(false);
    step_until(&mut harness, "the export", |_| path.exists());
    let table = Table::from_csv(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        table.column("psnr").unwrap().values.field(0),
        format!("{asked_for:?}")
    );
}

#[test]
fn a_pane_has_its_own_menu() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.get_by_label("More of Relevance").click();
    harness.run_steps(3);
    harness.get_by_label_contains("Export…").click();
    settle(&mut harness);
    assert!(harness.state().workbench().export_of.is_some());
    let view = |h: &Harness<'_, App>| h.state().workbench().view;
    assert_eq!(view(&harness), ViewKey::Relevance);
    // From another pane's menu the open window goes over to that pane.
    harness.get_by_label("More of Deblend").click();
    harness.run_steps(3);
    harness.get_by_label_contains("Export…").click();
    settle(&mut harness);
    assert!(harness.state().workbench().export_of.is_some());
    assert_eq!(view(&harness), ViewKey::Deblend);
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.state().workbench().export_of.is_none());
}
