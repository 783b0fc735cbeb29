//! Regions in the whole window: drawn, moved and undone by hand, measured as the core does, to and from DS9's files.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::Path;

use common::{Files, Start, app, drop_files, settle, step_until};
use egui::accesskit::Role;
use egui::{Key, Modifiers, OutputCommand, Pos2, Rect, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{KeySystem, RegionChange, UiCommand};
use ganoscope::document::Document;
use ganoscope::testing::SIDE;
use ganoscope::workbench::RegionTool;
use ganoscope_core::region::ds9::{self, System};
use ganoscope_core::region::{Place, Region, Shape, measure};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io;
use ganoscope_core::table::{Table, Values};

fn opened(files: &Files, answers: Vec<std::path::PathBuf>) -> Harness<'static, App> {
    let mut harness = app(Start {
        document: files.document(),
        answers: answers.into_iter().map(|path| vec![path]).collect(),
        ..Start::default()
    });
    settle(&mut harness);
    harness
}

/// Where the blend is on the screen.
fn blend(harness: &Harness<'_, App>) -> Rect {
    harness.get_by_role_and_label(Role::Image, "Blend").rect()
}

/// The position of a place of the 16 x 16 blend.
fn at(harness: &Harness<'_, App>, column: f32, row: f32) -> Pos2 {
    let rect = blend(harness);
    rect.min + vec2(column + 0.5, row + 0.5) / SIDE as f32 * rect.size()
}

/// Drags over the blend; `during` is asked while the button is down.
fn drag(
    harness: &mut Harness<'_, App>,
    path: &[[f32; 2]],
    during: impl FnOnce(&mut Harness<'_, App>),
) {
    let places: Vec<Pos2> = path.iter().map(|[x, y]| at(harness, *x, *y)).collect();
    let (first, last) = (places[0], places[places.len() - 1]);
    harness.hover_at(first);
    harness.step();
    harness.drag_at(first);
    harness.step();
    for way in places.windows(2) {
        harness.hover_at(way[0].lerp(way[1], 0.5));
        harness.step();
        harness.hover_at(way[1]);
        harness.step();
    }
    during(harness);
    harness.drop_at(last);
    harness.run_steps(4);
}

/// Presses the key of a command, whichever it is.
fn press(harness: &mut Harness<'_, App>, command: UiCommand) {
    let keys = command.keys(KeySystem::of(&harness.ctx))[0];
    harness.key_press_modifiers(keys.modifiers, keys.logical_key);
    harness.run_steps(2);
}

fn regions<'a>(harness: &'a Harness<'_, App>) -> &'a [Region] {
    &harness.state().document().regions
}

#[track_caller]
fn assert_circle(region: &Region, [column, row, size]: [f64; 3]) {
    let Shape::Circle { centre, radius } = &region.shape else {
        panic!("{:?}", region.shape);
    };
    let away = centre.distance(Place::new(column, row));
    assert!(away < 0.01 && (radius - size).abs() < 0.01, "{region:?}");
}

/// The statistics on the screen are those of the core, on every picture.
#[track_caller]
fn assert_measured(harness: &mut Harness<'_, App>) {
    step_until(harness, "the statistics", |h| {
        let ready = h.state().results().regions.ready();
        ready.is_some_and(|found| found.regions == h.state().document().regions)
    });
    let results = harness.state().results();
    let (found, scene) = (
        results.regions.ready().unwrap(),
        results.scene.ready().unwrap(),
    );
    let outputs = &results.deblend.ready().unwrap().outputs;
    let residual = &results.deblend.ready().unwrap().residual;
    let stamps: Vec<_> = [&scene.blend]
        .into_iter()
        .chain(outputs)
        .chain(&scene.truths)
        .chain([residual])
        .collect();
    let names: Vec<&str> = found.pictures.iter().map(|p| p.name.as_str()).collect();
    let expected = [
        "blend", "galaxy 1", "galaxy 2", "truth 1", "truth 2", "residual",
    ];
    assert_eq!(names, expected);
    for (picture, stamp) in found.pictures.iter().zip(stamps) {
        for (region, statistics) in found.regions.iter().zip(&picture.statistics) {
            let expected = measure(stamp, region, []);
            assert_eq!(statistics.as_ref(), Some(&expected), "{}", picture.name);
        }
    }
}

#[test]
fn a_circle_is_drawn_moved_resized_and_undone() {
    let files = Files::new();
    let mut harness = opened(&files, Vec::new());
    press(&mut harness, UiCommand::ToolCircle);
    assert_eq!(harness.state().workbench().regions.tool, RegionTool::Circle);
    drag(&mut harness, &[[7.0, 8.0], [10.0, 8.0]], |_| {});
    assert_eq!(regions(&harness).len(), 1);
    assert_circle(&regions(&harness)[0], [7.0, 8.0, 3.0]);
    let desk = &harness.state().workbench().regions;
    assert_eq!((desk.tool, desk.selected), (RegionTool::Select, Some(0)));
    assert_eq!(harness.state().history().undo_name(), Some("draw circle"));

    // Inside of what is taken hold of, a drag moves it.
    drag(&mut harness, &[[7.5, 8.0], [9.5, 7.0]], |_| {});
    assert_circle(&regions(&harness)[0], [9.0, 7.0, 3.0]);
    assert_eq!(harness.state().history().undo_name(), Some("move circle"));
    // A handle changes its size.
    drag(&mut harness, &[[12.0, 7.0], [13.5, 7.0]], |_| {});
    assert_circle(&regions(&harness)[0], [9.0, 7.0, 4.5]);
    assert_eq!(harness.state().history().undo_name(), Some("resize circle"));
    for (left, [column, row, size]) in [
        ("move circle", [9.0, 7.0, 3.0]),
        ("draw circle", [7.0, 8.0, 3.0]),
    ] {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        settle(&mut harness);
        assert_circle(&regions(&harness)[0], [column, row, size]);
        assert_eq!(harness.state().history().undo_name(), Some(left));
    }
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert!(regions(&harness).is_empty());
    // Beside regions a drag pans as ever, and leaves no step to undo.
    assert_eq!(harness.state().history().undo_name(), None);
}

#[test]
fn statistics_follow_the_hand() {
    let files = Files::new();
    let mut harness = opened(&files, Vec::new());
    press(&mut harness, UiCommand::ShowRegions);
    settle(&mut harness);
    harness.get_by_label("Draw ellipse").click();
    harness.run_steps(2);
    drag(&mut harness, &[[7.0, 8.0], [10.0, 10.0]], assert_measured);
    drag(&mut harness, &[[7.0, 8.0], [6.0, 5.0]], assert_measured);
    assert_measured(&mut harness);
    harness.get_by_label_contains("ellipse 1");
}

#[test]
fn a_region_that_is_taken_hold_of_takes_the_arrow_keys_and_delete() {
    let files = Files::new();
    let mut harness = opened(&files, Vec::new());
    let step = harness.state().document().step;
    press(&mut harness, UiCommand::ToolCircle);
    // Enter puts one into the middle of what is seen.
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    let middle = (SIDE as f64 - 1.0) / 2.0;
    assert_circle(&regions(&harness)[0], [middle, middle, 2.0]);
    for (key, [column, row]) in [
        (Key::ArrowLeft, [-1.0, 0.0]),
        (Key::ArrowUp, [-1.0, -1.0]),
        (Key::ArrowRight, [0.0, -1.0]),
        (Key::ArrowDown, [0.0, 0.0]),
        (Key::ArrowDown, [0.0, 1.0]),
    ] {
        harness.key_press(key);
        settle(&mut harness);
        assert_circle(&regions(&harness)[0], [middle + column, middle + row, 2.0]);
    }
    assert_eq!(harness.state().document().step, step, "no other checkpoint");
    harness.key_press(Key::Delete);
    settle(&mut harness);
    assert!(regions(&harness).is_empty());
    assert_eq!(
        harness.state().history().undo_name(),
        Some("delete region 1")
    );
    // Nothing is taken hold of any more: the keys are those of the checkpoints.
    harness.key_press(Key::ArrowLeft);
    settle(&mut harness);
    assert_ne!(harness.state().document().step, step);
}

#[test]
fn polygons_are_clicked_and_outlines_drawn_by_hand() {
    let files = Files::new();
    let mut harness = opened(&files, Vec::new());
    let click = |harness: &mut Harness<'_, App>, [column, row]: [f32; 2]| {
        let pos = at(harness, column, row);
        harness.hover_at(pos);
        harness.step();
        harness.drag_at(pos);
        harness.step();
        harness.drop_at(pos);
        harness.run_steps(3);
        // Two clicks at different places are no double-click, however fast.
        harness.input_mut().time = harness.input_mut().time.map(|time| time + 1.0);
    };
    press(&mut harness, UiCommand::ToolPolygon);
    let corners = [[3.0, 3.0], [11.0, 4.0], [9.0, 12.0]];
    for corner in corners {
        click(&mut harness, corner);
    }
    assert_eq!(harness.state().workbench().regions.draft.len(), 3);
    assert!(regions(&harness).is_empty());
    // A click on the first corner closes it.
    click(&mut harness, corners[0]);
    let Shape::Polygon { corners: found } = &regions(&harness)[0].shape else {
        panic!("{:?}", regions(&harness));
    };
    assert_eq!(found.len(), 3);
    for (place, [column, row]) in found.iter().zip(corners) {
        assert!(place.distance(Place::new(column.into(), row.into())) < 0.01);
    }
    assert_eq!(harness.state().history().undo_name(), Some("draw polygon"));

    // Escape puts an unfinished one away, then the tool.
    press(&mut harness, UiCommand::ToolPolygon);
    click(&mut harness, [2.0, 12.0]);
    for expected in [(0, RegionTool::Polygon), (0, RegionTool::Select)] {
        harness.key_press(Key::Escape);
        harness.run_steps(2);
        let desk = &harness.state().workbench().regions;
        assert_eq!((desk.draft.len(), desk.tool), expected);
    }

    press(&mut harness, UiCommand::ToolFreehand);
    let path = [[4.0, 9.0], [8.0, 9.0], [8.0, 13.0], [4.0, 13.0], [4.0, 9.5]];
    drag(&mut harness, &path, |_| {});
    let drawn = &regions(&harness)[1].shape;
    assert!(matches!(drawn, Shape::Freehand { .. }));
    assert!((drawn.area() - 16.0).abs() < 1.0, "{}", drawn.area());
    assert_eq!(harness.state().history().undo_name(), Some("draw freehand"));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert_eq!(regions(&harness).len(), 1, "one gesture, one step");
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
    document.regions = vec![
        circle(7.25, 8.5, 3.5).with_text("core"),
        Region::new(Shape::box_between(
            Place::new(1.0, 2.0),
            Place::new(9.0, 8.0),
        ))
        .excluded(),
    ];
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
    let mut harness = opened(&files, Vec::new());
    press(&mut harness, UiCommand::ShowRegions);
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
    let mut harness = opened(&files, Vec::new());
    press(&mut harness, UiCommand::ShowHeader);
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
