//! How fast a wall of 512 maps is panned and shaded on the software driver, beside an empty window.
//!
//! Every frame is read back, which a window does not do; the time of an empty window is therefore taken off. Prints medians
//! and longest frames; missing the target of 60 frames a second in the median makes the exit code 1.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its result, and one that cannot prepare itself has failed"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use egui::{Id, Rect, Vec2, pos2, vec2};
use egui_kittest::Harness;
use ganoscope::widgets::{Look, Picture, Spot, Textures};
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::look::{self, Ink};
use ganoscope_core::stamp::stretch::Stretch;
use ganoscope_core::stamp::{Stamp, ValueRange};

const FRAMES: usize = 60;
/// Maps beside each other, and the side of one on the screen.
const COLUMNS: usize = 32;
const CELL: f32 = 40.0;
const TARGET_MS: f64 = 1000.0 / 60.0;

fn main() -> ExitCode {
    // `cargo test` builds and calls benchmarks too, in a profile that says nothing about speed.
    if cfg!(debug_assertions) && !std::env::args().any(|a| a == "--any-profile") {
        println!("skipped: measured in release only, with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    if !common::can_take_snapshots() {
        return ExitCode::SUCCESS;
    }
    // Reading a frame back, clearing and the library's own work are not the wall's.
    let empty = pan(0, Stretch::Linear);
    let stretches = [Stretch::Linear, Stretch::default(), Stretch::Log(1000.0)];
    let slow = stretches.map(|stretch| pan(512, stretch) - empty > TARGET_MS);
    ExitCode::from(u8::from(slow.contains(&true)))
}

/// Pans a wall of so many maps; returns the median time of a frame, milliseconds.
fn pan(maps: usize, stretch: Stretch) -> f64 {
    let side = 80;
    let value = |i: usize| (i as f32 * 0.37).sin();
    let pixels: Vec<f32> = (0..512 * side * side).map(value).collect();
    let block = Stamp::new("wall", pixels, [512, side, side], ValueRange::SIGNED);
    let (state, renderer) = common::renderer();
    let textures = Textures::on(&state);
    let step = Rc::new(Cell::new(0));
    let at = step.clone();
    let mut harness = Harness::builder()
        .with_size([COLUMNS as f32 * CELL, 512.0 / COLUMNS as f32 * CELL])
        .with_pixels_per_point(1.0)
        .renderer(renderer)
        .build_ui(move |ui| {
            let share = 0.4 * at.get() as f32 / FRAMES as f32;
            let look = look::Look {
                bias: 0.3 + share,
                ..look::Look::new(Ink::Map(Colormap::Inferno), [-1.0, 1.0], stretch)
            };
            let visible = Rect::from_min_size(pos2(share, share), vec2(0.5, 0.5));
            textures.wall(ui, |ui| {
                for plane in 0..maps {
                    let place = [plane % COLUMNS, plane / COLUMNS].map(|v| v as f32 * CELL);
                    let spot = Spot {
                        place: Id::unique(plane),
                        frame: Rect::from_min_size(place.into(), Vec2::splat(CELL)),
                        visible,
                        opacity: 1.0,
                    };
                    let picture = Picture::of_plane(&block, plane, Look::Exact(look));
                    textures.paint(ui.painter(), &picture, &spot);
                }
            });
            textures.end_frame();
        });
    // Fonts, the upload and the compilation of the shader belong to the start.
    harness.run_steps(2);
    harness.render().unwrap();
    let mut frames = Vec::new();
    let mut steps = Vec::new();
    for i in 0..FRAMES {
        step.set(i);
        let begun = Instant::now();
        harness.step();
        steps.push(1e3 * begun.elapsed().as_secs_f64());
        harness.render().unwrap();
        frames.push(1e3 * begun.elapsed().as_secs_f64());
    }
    steps.sort_by(f64::total_cmp);
    frames.sort_by(f64::total_cmp);
    let (median, longest) = (frames[FRAMES / 2], frames[FRAMES - 1]);
    println!(
        "{maps} maps panned, {}: median {median:.1} ms of which before painting {:.1} ms, longest {longest:.1} ms",
        stretch.name(),
        steps[FRAMES / 2]
    );
    median
}
