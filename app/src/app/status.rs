//! The status bar: the pixel under the pointer, the running studies, and the program itself.

use egui::{Align, Label, Layout, RichText, TextStyle, Ui};
use ganoscope_core::jobs::{Progress, Scene, Slot};
use ganoscope_core::sky::{Grid, Place, format_degrees, format_hours};
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::chrome::Shell;
use crate::command::Command;
use crate::results::RunningJob;
use crate::theme::Tokens;
use crate::widgets::{Icon, icon_button, same_place, value_text};

/// Width of the bar from which it tells of the program itself, points; a narrower one is left to the readout.
const PROGRAM_FROM: f32 = 620.0;

impl Shell<'_> {
    /// Readout on the left; on the right the running studies, then device, memory and times.
    pub(super) fn status_ui(&self, ui: &mut Ui) {
        let tokens = Tokens::of(ui);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.set_min_height(20.0);
            // What is under the pointer has the whole bar: it is longer, and what one looks at.
            let readout = self.readout();
            if readout.is_none() && ui.available_width() >= PROGRAM_FROM {
                self.program_ui(ui);
            }
            for job in self.cx.results.jobs.iter().rev() {
                self.job_ui(ui, job);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let text = readout.unwrap_or_else(|| self.state_text());
                let text = RichText::new(text).text_style(TextStyle::Monospace);
                ui.add(Label::new(text.color(tokens.weak)).truncate());
            });
        });
    }

    /// Device, memory, frame time and inference time, from the right.
    fn program_ui(&self, ui: &mut Ui) {
        let reading = self.meters.reading();
        let took = self.cx.results.took_secs.get(&Slot::Deblend);
        let preview = took.map(|secs| {
            let tooltip = "The last preview: network, recombination and measurements";
            (format!("preview {:.0} ms", 1e3 * secs), tooltip.to_owned())
        });
        let frame = reading.frame_secs.map(|secs| {
            let mut tooltip = "What 19 of the last 20 frames needed".to_owned();
            if let Some(graphics) = self.meters.graphics() {
                tooltip = format!("{tooltip}; {graphics}");
            }
            (format!("frame {:.0} ms", 1e3 * secs), tooltip)
        });
        let memory = reading.memory_bytes.map(|bytes| {
            let tooltip = "Memory the program holds";
            (format!("{} MiB", bytes >> 20), tooltip.to_owned())
        });
        let tooltip = "What the networks run on; chosen at the start with --device";
        let device = Some((self.device.to_owned(), tooltip.to_owned()));
        let tokens = Tokens::of(ui);
        let fallback = self.meters.fallback().map(|text| {
            let why = self.meters.graphics().unwrap_or(text);
            (text.to_owned(), why.to_owned())
        });
        for (text, tooltip) in [preview, frame, memory, fallback, device]
            .into_iter()
            .flatten()
        {
            let text = RichText::new(text).text_style(TextStyle::Small);
            ui.label(text.color(tokens.weak)).on_hover_text(tooltip);
        }
    }

    /// A study that waits or is under way, from the right.
    fn job_ui(&self, ui: &mut Ui, job: &RunningJob) {
        let name = format!("Cancel {}", job.title.to_lowercase());
        let button = icon_button(ui, Icon::Cross, &name, false);
        if button.on_hover_text("Cancel").clicked() {
            self.cx.commands.push(Command::Cancel(job.id));
        }
        let progress = job.progress.as_ref();
        let left = job
            .time_left_secs
            .map(|s| format!(", {} left", duration_text(s)))
            .unwrap_or_default();
        let text = progress.map_or_else(
            || "waiting".to_owned(),
            |p| format!("{} of {}{left}", p.done, p.total),
        );
        let bar = egui::ProgressBar::new(progress.map_or(0.0, Progress::fraction))
            .desired_width(170.0)
            .desired_height(14.0)
            .text(RichText::new(text).text_style(TextStyle::Small));
        ui.add(bar);
        ui.label(RichText::new(job.title).color(Tokens::of(ui).weak));
    }

    /// The pixel under the pointer in blend and outputs.
    fn readout(&self) -> Option<String> {
        let [x, y] = self.cx.workbench.cursor?;
        let scene = self.cx.results.scene.shown();
        // As DS9 counts pixels, here as in the tables and region files.
        let [column, row] = match scene {
            Some(scene) => Grid::of(&scene.blend).to_fits(place_in_file(&scene.blend, [x, y])),
            None => [x + 1, y + 1].map(|at| at as f64),
        };
        let mut text = format!("x {column:>3}  y {row:>3}");
        if let Some(scene) = scene {
            text += &format!("   blend {}", value_text(&scene.blend, [x, y]));
            text += &self.file_text(scene, [x, y]);
        }
        if let Some(preview) = self.cx.results.deblend.shown() {
            for (i, output) in preview.outputs.iter().enumerate() {
                let name = preview.title_of(i).to_lowercase();
                let there = match scene {
                    Some(scene) => same_place([x, y], scene.blend.size(), output.size()),
                    None => [x, y],
                };
                text += &format!("   {name} {}", value_text(output, there));
            }
        }
        Some(text)
    }

    /// What the file has there, where it counts otherwise than the window: the values, the pixels that a mean is of, the sky.
    fn file_text(&self, scene: &Scene, [x, y]: [usize; 2]) -> String {
        let blend = &scene.blend;
        let mut text = String::new();
        let range = scene.range_in_file;
        let is_inside = x < blend.width && y < blend.height;
        if range != ValueRange::UNIT && is_inside {
            let values: Vec<String> = (0..blend.channels)
                .filter_map(|channel| blend.plane(channel).get(y * blend.width + x))
                .map(|value| format!("{:.6}", ValueRange::UNIT.map_to(range, *value)))
                .collect();
            text += &format!(" (file {})", values.join("  "));
        }
        let factor = blend.reduction_factor();
        if factor > 1 {
            text += &format!(", mean of {factor} x {factor}");
        }
        if let Some(sky) = Grid::of(blend).sky(place_in_file(blend, [x, y])) {
            text += &format!(
                "   {} {}",
                format_hours(sky.longitude, 2),
                format_degrees(sky.latitude, 1)
            );
        }
        text
    }

    /// What is seen while the pointer is over no picture.
    fn state_text(&self) -> String {
        let stretch = self.cx.document.display.stretch.name();
        let mut text = format!("{stretch} stretch, {}", self.cx.levels.text());
        if let Some(shade) = self.cx.document.display.shade_text() {
            text += &format!(", {shade}");
        }
        if let Some(scene) = self.cx.results.scene.shown() {
            let factor = scene.blend.reduction_factor();
            if factor > 1 {
                text += &format!("   picture shown {factor} times smaller");
            }
        }
        text
    }
}

/// The middle of a shown pixel, in pixels of the file.
fn place_in_file(blend: &Stamp, pixel: [usize; 2]) -> Place {
    let factor = blend.reduction_factor() as f64;
    let [column, row] = pixel.map(|at| (at as f64 + 0.5) * factor - 0.5);
    Place::new(column, row)
}

/// `8 s`, `3 min`.
fn duration_text(secs: f64) -> String {
    if secs < 100.0 {
        format!("{secs:.0} s")
    } else {
        format!("{:.0} min", secs / 60.0)
    }
}
