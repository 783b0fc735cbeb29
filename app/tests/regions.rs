//! Regions in the whole window: drawn, moved and undone by hand, measured as the core does.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use common::{Files, opened, press_key_of, settle, step_until};
use egui::accesskit::Role;
use egui::{Key, Modifiers, Pos2, Rect, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::UiCommand;
use ganoscope::testing::SIDE;
use ganoscope::workbench::RegionTool;
use ganoscope_core::region::{Place, Region, Shape, measure};
use ganoscope_core::stamp::ValueRange;

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
    let preview = results.deblend.ready().unwrap();
    let residual = &preview.account.as_ref().unwrap().residual;
    // Nothing left over is 0, however it is shown.
    let residual = &residual.clone().with_range(ValueRange::UNIT);
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
    let mut harness = opened(&files);
    press_key_of(&mut harness, UiCommand::ToolCircle);
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
    let desk = &harness.state().workbench().regions;
    assert_eq!(desk.selected, None, "there is none to take hold of");
    // Beside regions a drag pans as ever, and leaves no step to undo.
    assert_eq!(harness.state().history().undo_name(), None);
}

#[test]
fn statistics_follow_the_hand() {
    let files = Files::new();
    let mut harness = opened(&files);
    press_key_of(&mut harness, UiCommand::ShowRegions);
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
    let mut harness = opened(&files);
    let step = harness.state().document().step;
    press_key_of(&mut harness, UiCommand::ToolCircle);
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
    let mut harness = opened(&files);
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
    press_key_of(&mut harness, UiCommand::ToolPolygon);
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
    press_key_of(&mut harness, UiCommand::ToolPolygon);
    click(&mut harness, [2.0, 12.0]);
    for expected in [(0, RegionTool::Polygon), (0, RegionTool::Select)] {
        harness.key_press(Key::Escape);
        harness.run_steps(2);
        let desk = &harness.state().workbench().regions;
        assert_eq!((desk.draft.len(), desk.tool), expected);
    }

    // On another picture its corners would lie anywhere.
    press_key_of(&mut harness, UiCommand::ToolPolygon);
    click(&mut harness, [2.0, 12.0]);
    assert_eq!(harness.state().workbench().regions.draft.len(), 1);
    for there_and_back in [UiCommand::NextInput, UiCommand::PreviousInput] {
        harness.state().push(there_and_back);
        settle(&mut harness);
        assert!(harness.state().workbench().regions.draft.is_empty());
    }

    // A stroke without an area is no region, and takes hold of none.
    press_key_of(&mut harness, UiCommand::ToolFreehand);
    drag(&mut harness, &[[4.0, 9.0], [8.0, 9.0]], |_| {});
    assert_eq!(regions(&harness).len(), 1);
    let desk = &harness.state().workbench().regions;
    assert_ne!(desk.selected, Some(1), "it was not made");

    press_key_of(&mut harness, UiCommand::ToolFreehand);
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
