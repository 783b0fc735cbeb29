//! The status bar: the pixel under the pointer, what is shown how, and the running studies.

use egui::{Align, Layout, RichText, TextStyle, Ui};

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
        let mut text = format!(
            "x {x:>3}  y {y:>3}   blend {}",
            value_text(&scene.blend, [x, y])
        );
        if let Some(preview) = self.cx.results.deblend.shown() {
            for (i, output) in preview.outputs.iter().enumerate() {
                text += &format!("   galaxy {} {}", i + 1, value_text(output, [x, y]));
            }
        }
        Some(text)
    }

    fn state_text(&self) -> String {
        let display = &self.cx.document.display;
        let mut text = format!(
            "{} stretch, {}",
            display.stretch.name(),
            self.cx.levels.text()
        );
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
