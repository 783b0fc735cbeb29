//! Deblend: the blend, what the generator makes of it, the truth where it is known, and what is left over.

use egui::{Grid, RichText, ScrollArea, TextStyle, Ui};
use ganoscope_core::jobs::{DeblendPreview, Measures, Scene, Slot};
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::contours::ContourMaps;
use super::parts::{Well, display_bar, is_stale, is_there, light, side_for};
use super::{View, ViewCx, ViewKey};
use crate::theme::{Tokens, size};
use crate::widgets::{Look, Picture, legend_ui, loading_over, signed_with_marks, sky_ui};

/// Height of the table of measures where there are no truths, points.
const MEASURES: f32 = 64.0;

/// The view.
pub(super) struct Deblend;

impl View for Deblend {
    fn key(&self) -> ViewKey {
        ViewKey::Deblend
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let deblend = &cx.results.deblend;
        if !is_there(cx, ui, deblend, Slot::Deblend, "The outputs") {
            return;
        }
        let (Some(preview), Some(scene)) = (deblend.shown(), cx.results.scene.shown()) else {
            return;
        };
        display_bar(cx, ui);
        let is_dimmed = is_stale(ui, deblend);
        let contours = ContourMaps::of(cx, ui);
        let space = ui.available_rect_before_wrap();
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            Pictures {
                cx,
                preview,
                scene,
                look: light(cx),
                contours: &contours,
                is_dimmed,
            }
            .ui(ui);
        });
        if deblend.is_pending() && is_dimmed {
            loading_over(ui, space, "Computing the outputs");
        }
    }
}

struct Pictures<'a> {
    cx: &'a ViewCx<'a>,
    preview: &'a DeblendPreview,
    scene: &'a Scene,
    look: Look,
    contours: &'a ContourMaps,
    is_dimmed: bool,
}

/// A picture of the view.
#[derive(Clone, Copy)]
enum Cell {
    Blend,
    Output(usize),
    Recombination,
    Truth(usize),
    Residual,
}

impl Pictures<'_> {
    fn ui(&self, ui: &mut Ui) {
        let outputs = self.preview.outputs.len();
        let first: Vec<Cell> = std::iter::once(Cell::Blend)
            .chain((0..outputs).map(Cell::Output))
            .chain([Cell::Recombination])
            .collect();
        let truths = self.scene.truths.iter().take(outputs).enumerate();
        let truths: Vec<Cell> = truths.map(|(i, _)| Cell::Truth(i)).collect();
        if self.preview.has_truth && fits(ui, first.len()) {
            self.rows_ui(ui, &first, &truths);
        } else {
            // In one row where that gives the largest pictures, else in several: nothing lies beside the view.
            let all: Vec<Cell> = first
                .into_iter()
                .chain(truths.into_iter().filter(|_| self.preview.has_truth))
                .chain([Cell::Residual])
                .collect();
            let (columns, side) = grid_for(ui, all.len());
            for row in all.chunks(columns) {
                self.row_ui(ui, side, row);
            }
            measures_ui(ui, &self.preview.measures);
        }
    }

    /// Outputs above, each truth below its output.
    fn rows_ui(&self, ui: &mut Ui, first: &[Cell], truths: &[Cell]) {
        let side = side_for(ui, first.len(), 2, 0.0);
        self.row_ui(ui, side, first);
        // In the first place the table, where it fits, else the residual with the table below.
        let has_room = side >= size::MEASURES;
        ui.horizontal_top(|ui| {
            if has_room {
                let size = egui::vec2(side, Well::height(side));
                let down = egui::Layout::top_down(egui::Align::Min);
                ui.allocate_ui_with_layout(size, down, |ui| {
                    ui.set_min_size(size);
                    measures_ui(ui, &self.preview.measures);
                });
            } else {
                self.residual_ui(ui, side);
            }
            for cell in truths {
                self.cell_ui(ui, side, *cell);
            }
            if has_room {
                self.residual_ui(ui, side);
            }
        });
        if !has_room {
            measures_ui(ui, &self.preview.measures);
        }
    }

    fn row_ui(&self, ui: &mut Ui, side: f32, cells: &[Cell]) {
        ui.horizontal_top(|ui| {
            for cell in cells {
                self.cell_ui(ui, side, *cell);
            }
        });
    }

    fn cell_ui(&self, ui: &mut Ui, side: f32, cell: Cell) {
        let nothing = String::new;
        match cell {
            Cell::Blend => self.blend_ui(ui, side),
            Cell::Output(i) => self.output_ui(ui, side, i),
            Cell::Recombination => {
                let place = 1 + self.preview.outputs.len();
                let stamp = &self.preview.recombination;
                self.picture_ui(ui, side, place, "Recombination", stamp, nothing());
            }
            Cell::Truth(i) => {
                let Some(truth) = self.scene.truths.get(i) else {
                    return;
                };
                let caption = format!("Galaxy {}, truth", i + 1);
                self.picture_ui(ui, side, 10 + i, &caption, truth, nothing());
            }
            Cell::Residual => self.residual_ui(ui, side),
        }
    }

    /// An output; while blinking, its truth in its place.
    fn output_ui(&self, ui: &mut Ui, side: f32, i: usize) {
        let blink = self.cx.workbench.blink && self.preview.has_truth;
        let truth = self.scene.truths.get(i).filter(|_| blink);
        let is_edited = !self.cx.document.edits.is_idle();
        let caption = match truth {
            Some(_) => format!("Truth {} (blink)", i + 1),
            None if is_edited => format!("Galaxy {}, edited", i + 1),
            None => format!("Galaxy {}, generated", i + 1),
        };
        let measures = self.preview.measures.get(i).filter(|_| truth.is_none());
        let note = measures.map(|m| self.psnr_note(i, m)).unwrap_or_default();
        if let Some(stamp) = truth.or_else(|| self.preview.outputs.get(i)) {
            self.picture_ui(ui, side, 1 + i, &caption, stamp, note);
        }
    }

    /// The PSNR, and without edits it was.
    fn psnr_note(&self, galaxy: usize, measures: &Measures) -> String {
        let text = psnr_text(measures);
        let cx = self.cx;
        let unedited = cx.results.unedited.ready();
        let unedited = unedited.filter(|_| !cx.document.edits.is_idle());
        let trained = unedited.and_then(|u| u.measures.get(galaxy)?.psnr);
        match trained {
            Some(trained) => format!("{text}, was {trained:.2}"),
            None => text,
        }
    }

    /// The blend, with compass and scale bar where its file says where it is on the sky.
    fn blend_ui(&self, ui: &mut Ui, side: f32) {
        let blend = &self.scene.blend;
        let well = self.picture_ui(ui, side, 0, "Blend", blend, self.blend_note());
        if let Some(compass) = &self.scene.compass {
            let longest = blend.width.max(blend.height).max(1);
            let scale = ui.ctx().pixels_per_point();
            let navigation = self.cx.workbench.navigation;
            let points_per_pixel = navigation.points_per_pixel(side, longest, scale);
            sky_ui(ui, well, compass, points_per_pixel);
        }
    }

    fn blend_note(&self) -> String {
        let [bands, rows, columns] = self.scene.blend.dims();
        let bands = if bands == 1 {
            "1 band".to_owned()
        } else {
            format!("{bands} bands")
        };
        format!("{columns} x {rows}, {bands}")
    }

    fn picture_ui(
        &self,
        ui: &mut Ui,
        side: f32,
        place: usize,
        caption: &str,
        stamp: &Stamp,
        footnote: String,
    ) -> egui::Rect {
        // Outputs are at places from 1, truths from 10; the others show both galaxies.
        let galaxy = match place {
            0 => None,
            10.. => Some(place - 10),
            at => Some(at - 1).filter(|at| *at < self.preview.outputs.len()),
        };
        Well {
            place: ("deblend", place, 0),
            caption,
            footnote,
            picture: self.contours.over(Picture::new(stamp, self.look), galaxy),
            side,
            is_dimmed: self.is_dimmed,
        }
        .show(self.cx, ui)
    }

    fn residual_ui(&self, ui: &mut Ui, side: f32) {
        let residual = &self.preview.residual;
        let largest = self.preview.residual_scale;
        let look = Look::Exact(signed_with_marks(largest, ui.visuals().dark_mode));
        let picture = Picture::new(residual, look).with_over(&self.preview.residual_mean);
        let well = Well {
            place: ("deblend", 20, 0),
            caption: "Residual",
            footnote: String::new(),
            picture: self.contours.over(picture, None),
            side,
            is_dimmed: self.is_dimmed,
        };
        ui.vertical(|ui| {
            let rect = well.show(self.cx, ui);
            let ends = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|t| {
                let stamp = Stamp::new("l", vec![t * largest], [1, 1, 1], ValueRange::SIGNED);
                crate::widgets::image_of(&stamp, None, look).pixels[0]
            });
            let strip = egui::Rect::from_min_size(
                egui::pos2(rect.left(), rect.bottom() + 1.0),
                egui::vec2(rect.width(), 14.0),
            );
            ui.scope_builder(egui::UiBuilder::new().max_rect(strip), |ui| {
                let (low, high) = (format!("-{largest:.3}"), format!("+{largest:.3}"));
                legend_ui(ui, (side - 90.0).max(20.0), &ends, &low, &high);
            });
        });
    }
}

/// Whether so many pictures of the least size fit beside each other.
fn fits(ui: &Ui, columns: usize) -> bool {
    let gaps = size::GAP * columns.saturating_sub(1) as f32;
    columns as f32 * size::STAMP_MIN + gaps <= ui.available_width()
}

/// In how many columns so many pictures are largest without lying beside the view, and their side.
fn grid_for(ui: &Ui, count: usize) -> (usize, f32) {
    let choices = (1..=count.max(1)).filter(|columns| *columns == 1 || fits(ui, *columns));
    let sized = choices.map(|columns| {
        let rows = count.div_ceil(columns);
        (columns, side_for(ui, columns, rows, MEASURES / rows as f32))
    });
    // Of equal ones the first: fewer columns leave more room for captions.
    sized
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .unwrap_or((1, size::STAMP_MIN))
}

fn psnr_text(measures: &Measures) -> String {
    match measures.psnr {
        Some(psnr) => format!("PSNR {psnr:.2} dB"),
        None => String::new(),
    }
}

/// The table of measures: one column per galaxy.
fn measures_ui(ui: &mut Ui, measures: &[Measures]) {
    let tokens = Tokens::of(ui);
    let small = |text: String| RichText::new(text).text_style(TextStyle::Small);
    let number = |text: String| small(text).color(tokens.strong);
    let rows = rows_of(measures);
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
fn rows_of(measures: &[Measures]) -> Vec<(&'static str, &'static str, Vec<String>)> {
    let one = |digits: usize, value: &dyn Fn(&Measures) -> Option<f64>| -> Vec<Option<String>> {
        let text = |m| value(m).map(|v| format!("{v:.digits$}"));
        measures.iter().map(text).collect()
    };
    let place = |value: fn(&Measures) -> Option<[f64; 2]>| -> Vec<Option<String>> {
        let text = |m| value(m).map(|[x, y]| format!("{x:.1}, {y:.1}"));
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
            "Light above the sky, mean over bands",
            one(2, &|m| m.flux),
        ),
        (
            "flux, truth",
            "Light of the truth, measured the same way",
            one(2, &|m| m.flux_of_truth),
        ),
        (
            "x, y",
            "Centre of light: column and row from the top left, from 0",
            place(|m| m.centroid),
        ),
        (
            "x, y, truth",
            "Centre of light of the truth: column and row from the top left, from 0",
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
