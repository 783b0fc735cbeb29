//! Deblend: the blend, what the generator makes of it, the truth where it is known, and what is left over.

mod measures;
mod misfit;

use egui::{RichText, ScrollArea, Ui};
use ganoscope_core::checkpoint::NetworkRole;
use ganoscope_core::jobs::{DeblendPreview, Measures, OutputNumbers, Scene, Slot};
use ganoscope_core::stamp::{Stamp, ValueRange};

use self::measures::measures_ui;
use self::misfit::Misfit;
use super::contours::ContourMaps;
use super::parts::{CAPTION, Well, display_bar, is_stale, is_there, light, side_for};
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
        if let Some(misfit) = Misfit::of(cx) {
            misfit.ui(cx, ui);
            return;
        }
        let deblend = &cx.results.deblend;
        if !is_there(cx, ui, deblend, Slot::Deblend, "The outputs") {
            return;
        }
        let Some(preview) = deblend.shown() else {
            return;
        };
        // What is drawn from a seed has no blend.
        let scene = cx.results.scene.shown();
        let scene = scene
            .filter(|_| cx.document.picture().is_some())
            .map(|s| &**s);
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
    scene: Option<&'a Scene>,
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
        let account = self.preview.account.as_ref();
        let first: Vec<Cell> = self
            .scene
            .map(|_| Cell::Blend)
            .into_iter()
            .chain((0..outputs).map(Cell::Output))
            .chain(account.map(|_| Cell::Recombination))
            .collect();
        let truths = self.truths().iter().take(outputs).enumerate();
        let truths: Vec<Cell> = truths.map(|(i, _)| Cell::Truth(i)).collect();
        if self.preview.has_truth && fits(ui, first.len()) {
            self.rows_ui(ui, &first, &truths);
        } else {
            self.flow_ui(ui, first, truths);
        }
    }

    /// In one row where that gives the largest pictures, else in several: nothing lies beside the view.
    fn flow_ui(&self, ui: &mut Ui, first: Vec<Cell>, truths: Vec<Cell>) {
        let account = self.preview.account.as_ref();
        let all: Vec<Cell> = first
            .into_iter()
            .chain(truths.into_iter().filter(|_| self.preview.has_truth))
            .chain(account.map(|_| Cell::Residual))
            .collect();
        let (columns, side) = grid_for(ui, all.len());
        let count = all.len().div_ceil(columns);
        for (i, row) in all.chunks(columns).enumerate() {
            ui.horizontal_top(|ui| {
                self.row_ui(ui, side, row);
                if i + 1 == count {
                    self.numbers_ui(ui);
                }
            });
        }
        if all.is_empty() {
            self.numbers_ui(ui);
        }
        measures_ui(ui, &self.preview.measures, self.scene);
    }

    /// Outputs above, each truth below its output.
    fn rows_ui(&self, ui: &mut Ui, first: &[Cell], truths: &[Cell]) {
        let side = side_for(ui, first.len(), 2, 0.0);
        ui.horizontal_top(|ui| {
            self.row_ui(ui, side, first);
            self.numbers_ui(ui);
        });
        // In the first place the table, where it fits, else the residual with the table below.
        let has_room = side >= size::MEASURES;
        ui.horizontal_top(|ui| {
            if has_room {
                let size = egui::vec2(side, Well::height(side));
                let down = egui::Layout::top_down(egui::Align::Min);
                ui.allocate_ui_with_layout(size, down, |ui| {
                    ui.set_min_size(size);
                    measures_ui(ui, &self.preview.measures, self.scene);
                });
            } else {
                self.residual_ui(ui, side);
            }
            self.row_ui(ui, side, truths);
            if has_room {
                self.residual_ui(ui, side);
            }
        });
        if !has_room {
            measures_ui(ui, &self.preview.measures, self.scene);
        }
    }

    fn row_ui(&self, ui: &mut Ui, side: f32, cells: &[Cell]) {
        for cell in cells {
            self.cell_ui(ui, side, *cell);
        }
    }

    fn cell_ui(&self, ui: &mut Ui, side: f32, cell: Cell) {
        let nothing = String::new;
        match cell {
            Cell::Blend => {
                if let Some(scene) = self.scene {
                    self.blend_ui(ui, side, scene);
                }
            }
            Cell::Output(i) => self.output_ui(ui, side, i),
            Cell::Recombination => {
                if let Some(account) = &self.preview.account {
                    let place = 1 + self.preview.outputs.len();
                    let stamp = &account.recombination;
                    self.picture_ui(ui, side, place, "Recombination", stamp, nothing());
                }
            }
            Cell::Truth(i) => {
                if let Some(truth) = self.truths().get(i) {
                    let caption = format!("{}, truth", self.preview.title_of(i));
                    self.picture_ui(ui, side, 10 + i, &caption, truth, nothing());
                }
            }
            Cell::Residual => self.residual_ui(ui, side),
        }
    }

    /// An output; while blinking, its truth in its place.
    fn output_ui(&self, ui: &mut Ui, side: f32, i: usize) {
        let Some(output) = self.preview.outputs.get(i) else {
            return;
        };
        let blink = self.cx.workbench.blink && self.preview.has_truth;
        let truth = self.truths().get(i).filter(|_| blink);
        let is_edited = !self.cx.document.edits.is_idle();
        let caption = match truth {
            Some(_) => format!("Truth {} (blink)", i + 1),
            None if is_edited => format!("{}, edited", self.preview.title_of(i)),
            None => format!("{}, generated", self.preview.title_of(i)),
        };
        let measures = self.preview.measures.get(i).filter(|_| truth.is_none());
        let note = measures.map(|m| self.psnr_note(i, m));
        let note = note.unwrap_or_else(|| size_note(output));
        self.picture_ui(ui, side, 1 + i, &caption, truth.unwrap_or(output), note);
    }

    fn truths(&self) -> &[Stamp] {
        self.scene.map_or(&[], |scene| &scene.truths)
    }

    /// The outputs that are no pictures: a logit says what the discriminator holds the picture for.
    fn numbers_ui(&self, ui: &mut Ui) {
        if self.preview.numbers.is_empty() {
            return;
        }
        let tokens = Tokens::of(ui);
        let is_judge = self.cx.results.series.shown();
        let is_judge = is_judge.is_some_and(|s| s.role == NetworkRole::Discriminator);
        ui.vertical(|ui| {
            ui.add_space(CAPTION);
            for output in &self.preview.numbers {
                let text = numbers_text(output);
                let label = ui.label(RichText::new(text).color(tokens.strong));
                if let (true, [logit]) = (is_judge, output.values.as_slice()) {
                    let verdict = if *logit > 0.0 { "real" } else { "generated" };
                    label.on_hover_text("Above zero is evidence for a real picture");
                    ui.label(RichText::new(format!("taken for {verdict}")).color(tokens.weak));
                }
            }
        });
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
    fn blend_ui(&self, ui: &mut Ui, side: f32, scene: &Scene) {
        let blend = &scene.blend;
        let caption = if self.preview.account.is_some() {
            "Blend"
        } else {
            "Picture"
        };
        let well = self.picture_ui(ui, side, 0, caption, blend, size_note(blend));
        if let Some(compass) = &scene.compass {
            let longest = blend.width.max(blend.height).max(1);
            let scale = ui.ctx().pixels_per_point();
            let navigation = self.cx.workbench.navigation;
            let points_per_pixel = navigation.points_per_pixel(side, longest, scale);
            sky_ui(ui, well, compass, points_per_pixel);
        }
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
        let Some(account) = &self.preview.account else {
            return;
        };
        let residual = &account.residual;
        let largest = account.residual_scale;
        let look = Look::Exact(signed_with_marks(largest, ui.visuals().dark_mode));
        let picture = Picture::new(residual, look).with_over(&account.residual_mean);
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
                let in_file = largest * self.scene.map_or(1.0, Scene::step_in_file);
                let (low, high) = (format!("-{in_file:.3}"), format!("+{in_file:.3}"));
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
        let rows = count.div_ceil(columns).max(1);
        let side = side_for(ui, columns, rows, MEASURES / rows as f32);
        (columns, side)
    });
    // Of equal ones the first: fewer columns leave more room for captions.
    sized
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .unwrap_or((1, size::STAMP_MIN))
}

/// `64 x 64, 3 bands`.
fn size_note(stamp: &Stamp) -> String {
    let [bands, rows, columns] = stamp.dims();
    let bands = if bands == 1 {
        "1 band".to_owned()
    } else {
        format!("{bands} bands")
    };
    format!("{columns} x {rows}, {bands}")
}

/// `logit = 1.2345`; of many values the first.
fn numbers_text(output: &OutputNumbers) -> String {
    const MOST: usize = 8;
    let values = output.values.iter().take(MOST);
    let values: Vec<String> = values.map(|v| format!("{v:.4}")).collect();
    let more = output.values.len().saturating_sub(MOST);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} = {}{more}", output.name, values.join("  "))
}

fn psnr_text(measures: &Measures) -> String {
    match measures.psnr {
        Some(psnr) => format!("PSNR {psnr:.2} dB"),
        None => String::new(),
    }
}
