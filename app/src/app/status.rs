//! The status bar: the pixel under the pointer, what is shown how, and the running studies.

use egui::{Align, Layout, RichText, TextStyle, Ui};

use ganoscope_core::jobs::Scene;
use ganoscope_core::sky::{Grid, Place, format_degrees, format_hours};
use ganoscope_core::stamp::ValueRange;

use super::chrome::Shell;
use crate::command::Command;
use crate::theme::Tokens;
use crate::widgets::{Icon, icon_button, value_text};

impl Shell<'_> {
    /// Readout on the left, running studies on the right.
    pub(super) fn status_ui(&self, ui: &mut Ui) {
        let tokens = Tokens::of(ui);
        ui.horizontal(|ui| {
            ui.set_min_height(20.0);
            let text = self.readout().unwrap_or_else(|| self.state_text());
            ui.label(
                RichText::new(text)
                    .text_style(TextStyle::Monospace)
                    .color(tokens.weak),
            );
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                for job in self.cx.results.jobs.iter().rev() {
                    let name = format!("Cancel {}", job.title.to_lowercase());
                    if icon_button(ui, Icon::Cross, &name, false)
                        .on_hover_text("Cancel")
                        .clicked()
                    {
                        self.cx.commands.push(Command::Cancel(job.id));
                    }
                    let progress = job.progress.as_ref();
                    let fraction = progress.map_or(0.0, ganoscope_core::jobs::Progress::fraction);
                    let left = job
                        .time_left_secs
                        .map(|s| format!(", {} left", duration_text(s)))
                        .unwrap_or_default();
                    let text = progress.map_or_else(
                        || "waiting".to_owned(),
                        |p| format!("{} of {}{left}", p.done, p.total),
                    );
                    let bar = egui::ProgressBar::new(fraction)
                        .desired_width(170.0)
                        .desired_height(14.0)
                        .text(RichText::new(text).text_style(TextStyle::Small));
                    ui.add(bar);
                    ui.label(RichText::new(job.title).color(tokens.weak));
                }
            });
        });
    }

    /// The pixel under the pointer in blend and outputs.
    fn readout(&self) -> Option<String> {
        let [x, y] = self.cx.workbench.cursor?;
        let scene = self.cx.results.scene.shown()?;
        let blend = &scene.blend;
        let factor = blend.reduction_factor();
        let mut text = format!(
            "x {:>3}  y {:>3}   blend {}",
            x * factor,
            y * factor,
            value_text(blend, [x, y])
        );
        text += &self.file_text(scene, [x, y]);
        if let Some(preview) = self.cx.results.deblend.shown() {
            for (i, output) in preview.outputs.iter().enumerate() {
                text += &format!("   galaxy {} {}", i + 1, value_text(output, [x, y]));
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
        let middle = |pixel: usize| (pixel as f64 + 0.5) * factor as f64 - 0.5;
        if let Some(sky) = Grid::of(blend).sky(Place::new(middle(x), middle(y))) {
            text += &format!(
                "   {} {}",
                format_hours(sky.longitude, 2),
                format_degrees(sky.latitude, 1)
            );
        }
        text
    }

    fn state_text(&self) -> String {
        let display = &self.cx.document.display;
        let mut text = format!(
            "{} stretch, {}",
            display.stretch.name(),
            self.cx.levels.text()
        );
        if let Some(scene) = self.cx.results.scene.shown() {
            let factor = scene.blend.reduction_factor();
            if factor > 1 {
                text += &format!("   picture shown {factor} times smaller");
            }
        }
        if let Some(secs) = self
            .cx
            .results
            .took_secs
            .get(&ganoscope_core::jobs::Slot::Deblend)
        {
            // The whole preview, measurements and files included.
            text += &format!("   last preview {:.0} ms on {}", 1e3 * secs, self.device);
        }
        text
    }
}

/// `8 s`, `3 min`.
fn duration_text(secs: f64) -> String {
    if secs < 100.0 {
        format!("{secs:.0} s")
    } else {
        format!("{:.0} min", secs / 60.0)
    }
}
