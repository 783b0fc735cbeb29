//! Takes the pictures of the guide on the bundled demonstration, with the software driver:
//! `UPDATE_GUIDE=1 cargo test --release -p ganoscope --test guide_pictures`. Without it, it takes them and keeps none,
//! which shows that every preset, the tour and a narrow window can be painted.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::Path;

use common::{Painted, painted_app, settle};
use ganoscope::command::{Change, Command, RegionChange, RegionVerb, UiCommand};
use ganoscope::demo;
use ganoscope::document::Document;
use ganoscope::tour::TourStep;
use ganoscope_core::edit::UnitSet;
use ganoscope_core::region::{Place, Region, Shape};

/// Takes a picture of the window and keeps it in the guide when that is asked for.
fn take(harness: &mut Painted, name: &str) {
    settle(harness);
    let image = harness.render().unwrap();
    let first = *image.get_pixel(0, 0);
    assert!(
        image.pixels().any(|pixel| *pixel != first),
        "{name} is blank"
    );
    if std::env::var("UPDATE_GUIDE").is_ok_and(|v| v == "1") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guide");
        let opaque = image::DynamicImage::from(image).to_rgb8();
        opaque.save(folder.join(format!("{name}.png"))).unwrap();
    }
}

#[test]
fn every_preset_and_the_tour_are_painted() {
    if !common::can_take_snapshots() {
        return;
    }
    let demo = demo::locate();
    let document = Document::new(demo.series, demo.inputs);
    let mut harness = painted_app(document, [1280.0, 800.0]);
    take(&mut harness, "inspect");
    harness
        .state()
        .push(Command::Tour(Some(TourStep::Checkpoints)));
    take(&mut harness, "tour");
    harness.state().push(Command::Tour(None));
    harness.state().push(UiCommand::PresetRepair);
    settle(&mut harness);
    let layer = harness.state().results().units.ready().unwrap();
    let units = UnitSet::of_layer(layer.layer.clone(), [3, 5]);
    harness.state().push(Change::SelectUnits(units.clone()));
    harness.state().push(Change::Ablate(units));
    take(&mut harness, "repair");
    harness.state().push(UiCommand::Undo);
    harness.state().push(UiCommand::ShowLayers);
    take(&mut harness, "layers");
    harness.state().push(UiCommand::PresetCompare);
    take(&mut harness, "compare");
    for (index, [x, y, size]) in [[38.0, 40.0, 14.0], [52.0, 52.0, 9.0]]
        .into_iter()
        .enumerate()
    {
        let centre = Place::new(x, y);
        let change = RegionChange::Set {
            index,
            region: Region::new(Shape::circle_between(centre, Place::new(x + size, y))),
            verb: RegionVerb::Draw,
        };
        harness.state().push(change);
    }
    harness.state().push(UiCommand::PresetInspect);
    harness.state().push(UiCommand::ShowRegions);
    harness.state().push(UiCommand::Export);
    take(&mut harness, "regions");
    harness.state().push(UiCommand::Export);
    harness.state().push(UiCommand::ClearRegions);
    harness.state().push(UiCommand::PresetExplore);
    settle(&mut harness);
    assert!(harness.render().is_ok());
    harness.state().push(UiCommand::PresetTrain);
    harness.state().push(UiCommand::MeasureCheckpoints);
    settle(&mut harness);
    take(&mut harness, "train");
}

#[test]
fn a_tiny_window_and_a_dense_screen_are_painted() {
    if !common::can_take_snapshots() {
        return;
    }
    let demo = demo::locate();
    let document = Document::new(demo.series, demo.inputs);
    for (size, dense) in [([200.0, 200.0], 1.0), ([640.0, 420.0], 3.0)] {
        let mut harness = painted_app(document.clone(), size);
        harness.ctx.set_pixels_per_point(dense);
        settle(&mut harness);
        for preset in [UiCommand::PresetInspect, UiCommand::PresetTrain] {
            harness.state().push(preset);
            settle(&mut harness);
            assert!(harness.render().is_ok(), "{size:?}");
        }
    }
}
