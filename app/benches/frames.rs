//! Whole frames of the window at 1280 x 720 on the software driver, painting included: a slider dragged, the training
//! scrubbed, a picture panned, the units of a layer panned, on the bundled demonstration.
//!
//! A frame is painted into a texture and waited for; bringing that to the screen is left to the system. Prints median, the
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
use eframe::egui_wgpu::{RenderState, ScreenDescriptor};
use ganoscope::command::{Change, Command, UiCommand};
use ganoscope::demo;
use ganoscope::document::Document;
use ganoscope::workbench::Navigation;
use ganoscope_core::edit::UnitSet;

#[path = "../src/allocator.rs"]
mod allocator;

const FRAMES: usize = 90;
/// Of the window, pixels.
const SIZE: [u32; 2] = [1280, 720];
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
    let (mut harness, state) = common::painted_as_a_window(document, SIZE.map(|v| v as f32));
    settle(&mut harness);
    let screen = Screen::new(state);
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
    is_slow |= measure(&mut harness, &screen, "a picture panned in all views", pan);
    is_slow |= measure(&mut harness, &screen, "the training scrubbed", |i| {
        Change::GoToStep(steps[i % steps.len()]).into()
    });
    harness.state().push(UiCommand::PresetRepair);
    settle(&mut harness);
    is_slow |= measure(&mut harness, &screen, "all units of a layer panned", pan);
    let layer = harness.state().results().units.ready().unwrap();
    let units = UnitSet::of_layer(layer.layer.clone(), [0, 1, 2]);
    harness.state().push(Change::SelectUnits(units.clone()));
    settle(&mut harness);
    is_slow |= measure(
        &mut harness,
        &screen,
        "the strength of three units dragged",
        |i| {
            let strength = 2.0 * (i as f64 * 0.07).sin().abs();
            let units = units.clone();
            Change::SetStrength { units, strength }.into()
        },
    );
    ExitCode::from(u8::from(is_slow))
}

/// Paints frames, before each of which something is asked for; says whether they are too slow.
fn measure(
    harness: &mut Painted,
    screen: &Screen,
    what: &str,
    command: impl Fn(usize) -> Command,
) -> bool {
    let (mut ms, mut steps) = (Vec::new(), Vec::new());
    for i in 0..FRAMES {
        harness.state().push(command(i));
        let begun = Instant::now();
        harness.step();
        steps.push(1e3 * begun.elapsed().as_secs_f64());
        screen.paint(harness);
        ms.push(1e3 * begun.elapsed().as_secs_f64());
    }
    settle(harness);
    ms.sort_by(f64::total_cmp);
    steps.sort_by(f64::total_cmp);
    let usual = ms[FRAMES * 19 / 20];
    println!(
        "{what}: median {:.1} ms ({:.1} before painting), 19 of 20 frames {usual:.1} ms, longest {:.1} ms",
        ms[FRAMES / 2],
        steps[FRAMES / 2],
        ms[FRAMES - 1]
    );
    usual > TARGET_MS
}

/// What is painted on instead of a window.
struct Screen {
    state: RenderState,
    view: wgpu::TextureView,
}

impl Screen {
    fn new(state: RenderState) -> Self {
        let texture = state.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("screen"),
            size: wgpu::Extent3d {
                width: SIZE[0],
                height: SIZE[1],
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { state, view }
    }

    /// Paints what the last step came to, and waits for it.
    fn paint(&self, harness: &Painted) {
        let RenderState { device, queue, .. } = &self.state;
        let primitives = harness.ctx.tessellate(harness.output().shapes.clone(), 1.0);
        let screen = ScreenDescriptor {
            pixels_per_point: 1.0,
            size_in_pixels: SIZE,
        };
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut renderer = self.state.renderer.write();
        let before = renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
        {
            let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &self.view,
                    resolve_target: None,
                    ops: wgpu::Operations::default(),
                    depth_slice: None,
                })],
                ..wgpu::RenderPassDescriptor::default()
            });
            renderer.render(&mut pass.forget_lifetime(), &primitives, &screen);
        }
        queue.submit(before.into_iter().chain([encoder.finish()]));
        device
            .poll(wgpu::PollType::wait_indefinitely())
            .expect("the driver paints");
    }
}
