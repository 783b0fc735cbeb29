//! How pictures are taken from their files: cut out of a scene that the network does not take, in values a person gives, and by
//! image of a file.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::PathBuf;

use common::{Files, drop_files, opened, press_key_of, settle, step_until};
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Change, Command, UiCommand};
use ganoscope::testing::SIDE;
use ganoscope::views::ViewKey;
use ganoscope_core::jobs::Input;
use ganoscope_core::stamp::io::{Format, PictureFile, write};
use ganoscope_core::stamp::{Stamp, ValueRange};

/// Rows and columns of a scene that is larger than what the network takes.
const SCENE: [usize; 2] = [3 * SIDE, 2 * SIDE];

/// A scene of five bands as a survey has them; the value of a pixel tells its band, row and column.
fn scene(files: &Files) -> PathBuf {
    let [rows, columns] = SCENE;
    let value = |i: usize| {
        let (band, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
        (band * 10_000 + row * 100 + column) as f32 / 60_000.0
    };
    let pixels: Vec<f32> = (0..5 * rows * columns).map(value).collect();
    let mut stamp = Stamp::new("SCENE", pixels, [5, rows, columns], ValueRange::UNIT);
    stamp.bands = ["g", "r", "i", "z", "y"].map(str::to_owned).to_vec();
    let path = files.path("scene.fits");
    write(&path, &[stamp], Format::Fits, &[]).unwrap();
    path
}

fn shown(window: &egui_kittest::Harness<'_, App>) -> PictureFile {
    window.state().document().picture().unwrap().clone()
}

/// Points at the middle of the scene; the pixel there.
fn point_at_the_middle(window: &mut egui_kittest::Harness<'_, App>) -> [usize; 2] {
    let well = window.get_by_role_and_label(Role::Image, "Picture").rect();
    window.hover_at(well.center());
    window.run_steps(3);
    window.state().workbench().cursor.unwrap()
}

#[test]
fn a_galaxy_is_cut_out_of_a_scene_that_the_network_does_not_take() {
    let files = Files::new();
    let path = scene(&files);
    let mut window = opened(&files);
    drop_files(&mut window, &[&path]);
    step_until(&mut window, "the scene", |h| {
        h.query_by_label_contains("Click a galaxy to cut it out")
            .is_some()
    });
    assert_eq!(shown(&window).path, path);
    let pixel = point_at_the_middle(&mut window);
    press_key_of(&mut window, UiCommand::CutOut);
    step_until(&mut window, "the outputs of the cut-out", |h| {
        let results = h.state().results();
        results.deblend.is_settled() && results.deblend.ready().is_some()
    });
    let cut = shown(&window);
    assert_eq!(cut.path, path);
    let section = cut.reading.section.unwrap();
    assert_eq!(section.size(), [SIDE, SIDE]);
    assert_eq!(cut.reading.bands, [3, 2, 1]);
    let blend = window
        .state()
        .results()
        .scene
        .ready()
        .unwrap()
        .blend
        .clone();
    assert_eq!(blend.dims(), [3, SIDE, SIDE]);
    // Red first, and half the size to the left of the pointer and above it.
    let [column, row] = pixel.map(|at| at - SIDE / 2);
    let expected = (2 * 10_000 + row * 100 + column) as f32 / 60_000.0;
    assert!(
        (blend.pixels[0] - expected).abs() < 1e-4,
        "{}",
        blend.pixels[0]
    );
    assert!(window.query_by_label_contains("Click a galaxy").is_none());
    // The scene is still in the list, and the cut-out is undone like anything else.
    let inputs = &window.state().document().inputs;
    assert!(inputs.contains(&Input::from(path.clone())), "{inputs:?}");
    window.state().push(UiCommand::Undo);
    window.run_steps(2);
    assert_eq!(shown(&window), PictureFile::from(path));
}

#[test]
fn a_click_on_a_scene_cuts_out() {
    let files = Files::new();
    let path = scene(&files);
    let mut window = opened(&files);
    drop_files(&mut window, &[&path]);
    step_until(&mut window, "the scene", |h| {
        h.query_by_label_contains("Click a galaxy to cut it out")
            .is_some()
    });
    let _ = point_at_the_middle(&mut window);
    window.get_by_role_and_label(Role::Image, "Picture").click();
    step_until(&mut window, "the cut-out", |h| {
        shown(h).reading.section.is_some()
    });
}

#[test]
fn black_and_white_are_what_a_person_says() {
    let files = Files::new();
    let mut window = opened(&files);
    let before = window
        .state()
        .results()
        .scene
        .ready()
        .unwrap()
        .range_in_file;
    let half = ValueRange {
        low: 0.0,
        high: 0.5 * before.high,
    };
    let reading = shown(&window).reading.with_range(Some(half));
    window.state().push(Change::ReadAs(reading));
    step_until(&mut window, "the other range", |h| {
        let scene = h.state().results().scene.ready();
        scene.is_some_and(|scene| scene.range_in_file == half)
    });
    settle(&mut window);
    assert!(window.state().results().deblend.ready().is_some());
    let inputs = window.state().document().inputs.len();
    assert_eq!(inputs, files.blends.len(), "in its place of the list");
    window.state().push(UiCommand::Undo);
    step_until(&mut window, "the range of the file", |h| {
        let scene = h.state().results().scene.ready();
        scene.is_some_and(|scene| scene.range_in_file == before)
    });
}

#[test]
fn another_image_of_a_file_is_shown_by_itself() {
    let files = Files::new();
    let image = |name: &str, level: f32| {
        let pixels = vec![level; 3 * SIDE * SIDE];
        Stamp::new(name, pixels, [3, SIDE, SIDE], ValueRange::UNIT)
    };
    let path = files.path("many.fits");
    let images = [image("FIRST", 0.25), image("SECOND", 0.75)];
    write(&path, &images, Format::Fits, &[]).unwrap();
    let mut window = opened(&files);
    drop_files(&mut window, &[&path]);
    window.state().push(Command::Show(ViewKey::Header));
    step_until(&mut window, "the pictures of the file", |h| {
        h.query_by_label("Image").is_some() && h.state().results().file.ready().is_some()
    });
    let known = window
        .state()
        .results()
        .file
        .ready()
        .unwrap()
        .images
        .clone();
    let second = known.iter().find(|(_, name)| name.contains("SECOND"));
    let (selector, _) = second.unwrap().clone();
    let other = PictureFile::from(path)
        .read_as(ganoscope_core::stamp::io::Reading::of_image(Some(selector)));
    window.state().push(Change::ShowInput(other.clone().into()));
    step_until(&mut window, "the second picture", |h| {
        let scene = h.state().results().scene.ready();
        scene.is_some_and(|scene| scene.picture == other && scene.blend.pixels[0] > 0.5)
    });
}

#[test]
fn a_part_of_a_file_is_opened_by_its_name() {
    let files = Files::new();
    let path = scene(&files);
    let text = format!("{}[1:{SIDE},1:{SIDE}][bands=3,2,1]", path.display());
    let mut window = opened(&files);
    window
        .state()
        .push(Command::Open(vec![text.clone().into()]));
    step_until(&mut window, "the part", |h| {
        let scene = h.state().results().scene.ready();
        scene.is_some_and(|scene| scene.picture.to_string() == text)
    });
    settle(&mut window);
    assert!(window.state().results().deblend.ready().is_some());
    // A part that is not there names itself.
    let outside = format!("{}[1:9999,1:2]", path.display());
    window.state().push(Command::Open(vec![outside.into()]));
    step_until(&mut window, "the refusal", |h| {
        h.query_by_label_contains("1:9999,1:2").is_some()
    });
}
