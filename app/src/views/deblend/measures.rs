//! The table of measures below the pictures.

use egui::{Grid, RichText, TextStyle, Ui};
use ganoscope_core::jobs::{Measures, Scene};
use ganoscope_core::sky::{Grid as PixelGrid, Place};

use crate::theme::{Tokens, size};

/// The table of measures: one column per galaxy.
pub(super) fn measures_ui(ui: &mut Ui, measures: &[Measures], scene: Option<&Scene>) {
    let Some(scene) = scene.filter(|_| !measures.is_empty()) else {
        return;
    };
    let tokens = Tokens::of(ui);
    let small = |text: String| RichText::new(text).text_style(TextStyle::Small);
    let number = |text: String| small(text).color(tokens.strong);
    let rows = rows_of(measures, scene);
    ui.add_space(size::GAP);
    Grid::new("measures")
        .num_columns(measures.len() + 1)
        .min_row_height(0.0)
        .spacing([8.0, 4.0])
        .show(ui, |ui| {
            ui.label(small(String::new()));
            for i in 0..measures.len() {
                ui.label(small(format!("galaxy {}", i + 1)).color(tokens.weak));
            }
            ui.end_row();
            for (name, tooltip, texts) in rows {
                ui.label(small(name.to_owned()).color(tokens.weak))
                    .on_hover_text(tooltip);
                for text in texts {
                    ui.label(number(text));
                }
                ui.end_row();
            }
        });
}

/// The rows of the table that have any value: name, tooltip, one text per galaxy.
fn rows_of(measures: &[Measures], scene: &Scene) -> Vec<(&'static str, &'static str, Vec<String>)> {
    let step = f64::from(scene.step_in_file());
    let pixels = PixelGrid::of(&scene.blend);
    let one = |digits: usize, value: &dyn Fn(&Measures) -> Option<f64>| -> Vec<Option<String>> {
        let text = |m| value(m).map(|v| format!("{v:.digits$}"));
        measures.iter().map(text).collect()
    };
    let place = |value: fn(&Measures) -> Option<[f64; 2]>| -> Vec<Option<String>> {
        let text = |m| {
            let [column, row] = value(m)?;
            let [x, y] = pixels.to_fits(Place::new(column, row));
            Some(format!("{x:.1}, {y:.1}"))
        };
        measures.iter().map(text).collect()
    };
    let rows = [
        ("PSNR", "Against the truth, dB", one(2, &|m| m.psnr)),
        (
            "blend PSNR",
            "PSNR of the blend itself: what doing nothing gives, dB",
            one(2, &|m| m.psnr_of_blend),
        ),
        (
            "SSIM",
            "Structural similarity to the truth, at most 1",
            one(3, &|m| m.ssim),
        ),
        (
            "flux",
            "Light above the sky, mean over bands, in the values of the file",
            one(2, &|m| Some(step * m.flux?)),
        ),
        (
            "flux, truth",
            "Light of the truth, measured the same way",
            one(2, &|m| Some(step * m.flux_of_truth?)),
        ),
        (
            "x, y",
            "Centre of light, in pixels of the file as DS9 counts them: the first is 1",
            place(|m| m.centroid),
        ),
        (
            "x, y, truth",
            "Centre of light of the truth, in pixels of the file as DS9 counts them: the first is 1",
            place(|m| m.centroid_of_truth),
        ),
        (
            "off by",
            "Distance between the two centres, pixels",
            one(2, &distance),
        ),
    ];
    rows.into_iter()
        .filter(|(_, _, texts)| texts.iter().any(Option::is_some))
        .map(|(name, tooltip, texts)| {
            let texts = texts
                .into_iter()
                .map(|t| t.unwrap_or_else(|| "-".to_owned()));
            (name, tooltip, texts.collect())
        })
        .collect()
}

fn distance(measures: &Measures) -> Option<f64> {
    let ([x, y], [u, v]) = (measures.centroid?, measures.centroid_of_truth?);
    Some((x - u).hypot(y - v))
}
