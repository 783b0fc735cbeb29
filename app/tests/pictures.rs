//! Pictures of files in the window: a picture without symmetry stands as astronomers see it, from its bytes to the screen; one
//! that is too large is shown smaller and says so; missing pixels have a colour of their own and count nowhere.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::{Path, PathBuf};

use common::{Start, app, drop_files, settle, step_until};
use egui::accesskit::Role;
use egui::{Pos2, Rect, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Commands, UiCommand};
use ganoscope::display::{Colouring, Display, Levels};
use ganoscope::document::Document;
use ganoscope::results::{Loadable, Results};
use ganoscope::theme;
use ganoscope::views::{ViewCx, ViewKey};
use ganoscope::widgets::{Look, Textures, image_of, rgb};
use ganoscope::workbench::Workbench;
use ganoscope_core::jobs::{Cancel, Engine as _, Preview, PreviewSpec, Scene, Step, Studio};
use ganoscope_core::stamp::stretch::{Limits, Stretch};

const WIDTH: usize = 6;
const HEIGHT: usize = 5;

/// The value of the FITS pixel (x, y), counted from 1 at the bottom left.
fn value(x: usize, y: usize) -> f32 {
    (10 * y + x) as f32
}

/// A FITS file of such values; the pixels `missing` are BLANK. 32-bit integers.
fn write_fits(path: &Path, [width, height]: [usize; 2], missing: &[[usize; 2]]) {
    const BLANK: i32 = -99_999;
    let cards = [
        "SIMPLE  = T".to_owned(),
        "BITPIX  = 32".to_owned(),
        "NAXIS   = 2".to_owned(),
        format!("NAXIS1  = {width}"),
        format!("NAXIS2  = {height}"),
        format!("BLANK   = {BLANK}"),
        "BUNIT   = 'adu'".to_owned(),
        "END".to_owned(),
    ];
    let mut bytes: Vec<u8> = cards
        .iter()
        .flat_map(|card| format!("{card:<80}").into_bytes())
        .collect();
    bytes.resize(2880, b' ');
    for y in 1..=height {
        for x in 1..=width {
            let value = if missing.contains(&[x, y]) {
                BLANK
            } else {
                value(x, y) as i32
            };
            bytes.extend(value.to_be_bytes());
        }
    }
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    std::fs::write(path, bytes).unwrap();
}

fn scene(path: &Path) -> std::sync::Arc<Scene> {
    let mut studio = Studio::default();
    let spec = PreviewSpec::Scene(path.into());
    let mut job = studio.preview(&spec, &Cancel::default()).unwrap();
    match job.step(&mut studio).unwrap() {
        Step::Done(Some(Preview::Scene(scene))) => scene,
        other => panic!("{other:?}"),
    }
}

/// One map, straight, from the smallest value to the largest.
fn straight() -> Display {
    Display {
        stretch: Stretch::Linear,
        limits: Limits::MinMax,
        colouring: Colouring::Grey,
        ..Display::default()
    }
}

fn folder_with(missing: &[[usize; 2]]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uneven.fits");
    write_fits(&path, [WIDTH, HEIGHT], missing);
    (folder, path)
}

/// Every FITS pixel and the pixel of the picture, from the top left, in which it must be seen.
fn pixels() -> impl Iterator<Item = ([usize; 2], [usize; 2])> {
    (1..=HEIGHT).flat_map(|y| (1..=WIDTH).map(move |x| ([x, y], [x - 1, HEIGHT - y])))
}

#[test]
fn the_texture_of_a_fits_picture_has_row_one_at_the_bottom() {
    let (_folder, path) = folder_with(&[[2, 4]]);
    let scene = scene(&path);
    let levels = Levels::of(&scene.blend, Limits::MinMax);
    let missing = rgb(theme::DARK.missing);
    let look = Look::Exact(straight().look(levels, missing));
    let image = image_of(&scene.blend, None, look);
    assert_eq!(image.size, [WIDTH, HEIGHT]);
    for ([x, y], [column, row]) in pixels() {
        let color = image.pixels[row * WIDTH + column];
        if [x, y] == [2, 4] {
            assert_eq!(color, theme::DARK.missing);
            continue;
        }
        let share = (value(x, y) - value(1, 1)) / (value(WIDTH, HEIGHT) - value(1, 1));
        let grey = f32::from(color.r());
        assert!((grey - 255.0 * share).abs() <= 1.0, "{x} {y}: {grey}");
    }
}

/// The Regions view over a scene, drawn by the software driver or by the processor; the colour in the middle of every pixel.
#[test]
fn a_fits_picture_is_painted_with_row_one_at_the_bottom() {
    if !common::can_take_snapshots() {
        return;
    }
    let (_folder, path) = folder_with(&[[2, 4]]);
    for by_card in [true, false] {
        let (state, renderer) = common::renderer();
        let textures = if by_card {
            Textures::on(&state)
        } else {
            Textures::default()
        };
        let scene = scene(&path);
        let levels = Levels::of(&scene.blend, Limits::MinMax);
        let mut document = Document::new(None, vec![path.clone()]);
        document.display = straight();
        let results = Results {
            scene: Loadable::Ready(scene),
            ..Results::default()
        };
        let (commands, workbench) = (Commands::default(), Workbench::default());
        let mut view = ViewKey::Regions.make();
        let mut harness = Harness::builder()
            .with_size([600.0, 420.0])
            .with_pixels_per_point(1.0)
            .with_context_setup(theme::install)
            .renderer(renderer)
            .build_ui(move |ui| {
                let cx = ViewCx {
                    document: &document,
                    workbench: &workbench,
                    results: &results,
                    levels,
                    commands: &commands,
                    textures: &textures,
                };
                view.ui(&cx, ui);
                cx.commands.take();
            });
        harness.run_steps(3);
        let well = harness.get_by_role_and_label(Role::Image, "Blend").rect();
        let image = harness.render().unwrap();
        let colour = |[column, row]: [usize; 2]| {
            let pos = place_in(well, column as f32, row as f32);
            image.get_pixel(pos.x as u32, pos.y as u32).0
        };
        let mut seen: Vec<(f32, u8)> = Vec::new();
        for ([x, y], pixel) in pixels() {
            let [r, g, b, _] = colour(pixel);
            if [x, y] == [2, 4] {
                assert_eq!([r, g, b], rgb(theme::DARK.missing), "{by_card}");
            } else {
                seen.push((value(x, y), r));
            }
        }
        seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        let is_rising = seen.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        assert!(is_rising, "{by_card}: {seen:?}");
        assert!(seen[0].1 < 3 && seen[seen.len() - 1].1 > 252, "{seen:?}");
    }
}

/// The middle of a pixel of the 6 x 5 picture in a square well.
fn place_in(well: Rect, column: f32, row: f32) -> Pos2 {
    let scale = well.width() / WIDTH as f32;
    let frame = Rect::from_center_size(well.center(), scale * vec2(WIDTH as f32, HEIGHT as f32));
    frame.min + scale * vec2(column + 0.5, row + 0.5)
}

fn opened(path: &Path, most_pixels: Option<usize>) -> Harness<'static, App> {
    let mut harness = app(Start {
        document: Document::new(None, vec![path.to_owned()]),
        most_pixels,
        ..Start::default()
    });
    harness.state().push(UiCommand::ShowRegions);
    step_until(&mut harness, "the picture", |h| {
        h.state().results().scene.ready().is_some()
    });
    harness
}

fn well(harness: &Harness<'_, App>) -> Rect {
    harness.get_by_role_and_label(Role::Image, "Blend").rect()
}

#[test]
fn readout_and_regions_count_as_the_file_does() {
    let (folder, path) = folder_with(&[]);
    let mut harness = opened(&path, None);
    // The pointer is over the upper left pixel, which is (1, 5) of the file.
    let over = place_in(well(&harness), 0.0, 0.0);
    harness.hover_at(over);
    harness.run_steps(3);
    assert_eq!(harness.state().workbench().cursor, Some([0, 0]));
    harness.get_by_label_contains("(file 51.0");

    let regions = folder.path().join("corners.reg");
    let text = "image\ncircle(1,5,0.4)\ncircle(6,1,0.4) # text={lower right}\nbox(3,2,1,1,0)\n";
    std::fs::write(&regions, text).unwrap();
    drop_files(&mut harness, &[&regions]);
    step_until(&mut harness, "the statistics", |h| {
        h.state().results().regions.ready().is_some()
    });
    let found = harness.state().results().regions.ready().unwrap().clone();
    assert_eq!(found.unit, "adu");
    let means: Vec<f64> = found.pictures[0]
        .statistics
        .iter()
        .map(|one| one.as_ref().unwrap().bands[0].mean.unwrap())
        .collect();
    for (mean, [x, y]) in means.iter().zip([[1, 5], [6, 1], [3, 2]]) {
        assert!((mean - f64::from(value(x, y))).abs() < 1e-4, "{means:?}");
    }
    // They lie over those pixels on the screen: a click there takes hold of them.
    for (index, [column, row]) in [[0.0, 0.0], [5.0, 4.0], [2.0, 3.0]].into_iter().enumerate() {
        let pos = place_in(well(&harness), column, row);
        harness.hover_at(pos);
        harness.step();
        harness.drag_at(pos);
        harness.step();
        harness.drop_at(pos);
        harness.run_steps(3);
        assert_eq!(harness.state().workbench().regions.selected, Some(index));
    }
}

#[test]
fn missing_pixels_are_counted_and_enter_nothing_else() {
    let (folder, path) = folder_with(&[[2, 4], [3, 4]]);
    let mut harness = opened(&path, None);
    let scene = harness.state().results().scene.ready().unwrap().clone();
    assert_eq!(scene.blend.missing(), 2);
    let levels = Levels::of(&scene.blend, Limits::MinMax);
    assert_eq!(levels, Levels::UNIT, "limits are those of the others");
    let regions = folder.path().join("row.reg");
    std::fs::write(&regions, "image\nbox(3.5,4,6,1,0)\n").unwrap();
    drop_files(&mut harness, &[&regions]);
    step_until(&mut harness, "the statistics", |h| {
        h.state().results().regions.ready().is_some()
    });
    let found = harness.state().results().regions.ready().unwrap().clone();
    let band = found.pictures[0].statistics[0].as_ref().unwrap().bands[0];
    assert_eq!((band.pixels, band.missing), (4, 2));
    let sum = f64::from(value(1, 4) + value(4, 4) + value(5, 4) + value(6, 4));
    assert!((band.sum - sum).abs() < 1e-3 && (band.area - 4.0).abs() < 1e-9);
}

#[test]
fn a_large_picture_is_shown_smaller_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.fits");
    write_fits(&path, [90, 60], &[]);
    let mut harness = app(Start {
        most_pixels: Some(30 * 20),
        ..Start::default()
    });
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the picture", |h| {
        h.state().results().scene.ready().is_some()
    });
    let scene = harness.state().results().scene.ready().unwrap().clone();
    assert_eq!(scene.blend.dims(), [1, 20, 30]);
    settle(&mut harness);
    let said = harness.query_all_by_label_contains("mean of 3 x 3").count();
    assert!(said > 0, "{:?}", harness.state().toasts());
    harness.get_by_label("90 x 60, shown 3 times smaller");
    // The readout counts the pixels of the file as DS9 does, that in the middle of the block.
    let well = well(&harness);
    let scale = well.width() / 30.0;
    let over = well.min + scale * vec2(10.5, 5.0 + 7.5);
    harness.hover_at(over);
    harness.run_steps(3);
    assert_eq!(harness.state().workbench().cursor, Some([10, 7]));
    harness.get_by_label_contains("x  32  y  38   blend");

    // A region file is in the pixels of the file, and so are its numbers.
    let regions = folder.path().join("one.reg");
    std::fs::write(&regions, "image\ncircle(31,40,0.4)\n").unwrap();
    drop_files(&mut harness, &[&regions]);
    step_until(&mut harness, "the statistics", |h| {
        h.state().results().regions.ready().is_some()
    });
    let found = harness.state().results().regions.ready().unwrap().clone();
    let band = found.pictures[0].statistics[0].as_ref().unwrap().bands[0];
    assert_eq!(band.minimum, Some(f64::from(value(31, 40))));
    assert_eq!(band.minimum, band.maximum);
    // (31, 40) is the pixel (30, 20) from the top left of 90 x 60, in the block (10, 6).
    let pos = well.min + scale * vec2(30.5 / 3.0, 5.0 + 20.5 / 3.0);
    harness.hover_at(pos);
    harness.step();
    harness.drag_at(pos);
    harness.step();
    harness.drop_at(pos);
    harness.run_steps(3);
    assert_eq!(harness.state().workbench().regions.selected, Some(0));
}

#[test]
fn a_header_that_claims_too_much_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.fits");
    write_fits(&good, [WIDTH, HEIGHT], &[]);
    let path = folder.path().join("absurd.fits");
    let mut bytes = std::fs::read(&good).unwrap();
    for (card, claim) in [(3, "NAXIS1  = 10000000000"), (4, "NAXIS2  = 10000000000")] {
        bytes[80 * card..80 * (card + 1)].copy_from_slice(format!("{claim:<80}").as_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let mut harness = opened(&good, None);
    let before = harness.state().document().clone();
    drop_files(&mut harness, &[&path]);
    step_until(&mut harness, "the message", |h| {
        !h.state().toasts().is_empty()
    });
    let text = harness.state().toasts().join("\n");
    assert!(
        text.contains("cut short") && text.contains("absurd.fits"),
        "{text}"
    );
    assert_eq!(harness.state().document(), &before);
}
