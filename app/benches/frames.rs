//! Whole frames of the window at 1280 x 720 on the software driver, painting included: a slider dragged, the training
//! scrubbed, a picture panned, the units of a layer panned, on the bundled demonstration.
//!
//! Every frame is read back, which a window does not do: what is printed is more than a window needs. Prints median, the
//! time 19 of 20 frames keep to, and the longest; 19 of 20 above 33 ms makes the exit code 1.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its result, and one that cannot prepare itself has failed"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::process::ExitCode;
use std::time::Instant;

use common::{Painted, settle};
use egui_kittest::Harness;
use ganoscope::app::App;
use ganoscope::command::{Change, Command, UiCommand};
use ganoscope::demo;
use ganoscope::document::Document;
use ganoscope::workbench::Navigation;
use ganoscope_core::edit::UnitSet;

#[path = "../src/allocator.rs"]
mod allocator;

const FRAMES: usize = 90;
const TARGET_MS: f64 = 33.0;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    // `cargo test` builds and calls benchmarks too, in a profile that says nothing about speed.
    if cfg!(debug_assertions) && !std::env::args().any(|a| a == "--any-profile") {
        println!("skipped: measured in release only, with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    if !common::can_take_snapshots() {
        return ExitCode::SUCCESS;
    }
    let demo = demo::locate();
    let document = Document::new(demo.series, demo.inputs);
    let mut harness = common::painted_app(document, [1280.0, 720.0]);
    settle(&mut harness);
    let series = harness.state().results().series.ready().unwrap().clone();
    let steps: Vec<u64> = series.checkpoints.iter().map(|c| c.step).collect();
    let mut is_slow = false;

    let pan = |i: usize| {
        let turn = i as f32 * 0.1;
        let navigation = Navigation {
            zoom: 4.0,
            centre: [0.5 + 0.3 * turn.sin(), 0.5 + 0.3 * turn.cos()],
            ..Navigation::default()
        };
        Command::Navigate(navigation)
    };
    is_slow |= measure(&mut harness, "a picture panned in all views", pan);
    is_slow |= measure(&mut harness, "the training scrubbed", |i| {
        Change::GoToStep(steps[i % steps.len()]).into()
    });
    harness.state().push(UiCommand::PresetRepair);
    settle(&mut harness);
    is_slow |= measure(&mut harness, "all units of a layer panned", pan);
    let layer = harness.state().results().units.ready().unwrap();
    let units = UnitSet::of_layer(layer.layer.clone(), [0, 1, 2]);
    harness.state().push(Change::SelectUnits(units.clone()));
    settle(&mut harness);
    is_slow |= measure(&mut harness, "the strength of three units dragged", |i| {
        let strength = 2.0 * (i as f64 * 0.07).sin().abs();
        let units = units.clone();
        Change::SetStrength { units, strength }.into()
    });
    ExitCode::from(u8::from(is_slow))
}

/// Paints frames, before each of which something is asked for; says whether they are too slow.
fn measure(harness: &mut Painted, what: &str, command: impl Fn(usize) -> Command) -> bool {
    let mut ms = Vec::new();
    for i in 0..FRAMES {
        harness.state().push(command(i));
        ms.push(frame(harness));
    }
    settle(harness);
    ms.sort_by(f64::total_cmp);
    let usual = ms[FRAMES * 19 / 20];
    println!(
        "{what}: median {:.1} ms, 19 of 20 frames {usual:.1} ms, longest {:.1} ms",
        ms[FRAMES / 2],
        ms[FRAMES - 1]
    );
    usual > TARGET_MS
}

/// One frame with its painting, milliseconds.
fn frame(harness: &mut Harness<'_, App>) -> f64 {
    let begun = Instant::now();
    harness.step();
    harness.render().unwrap();
    1e3 * begun.elapsed().as_secs_f64()
}
