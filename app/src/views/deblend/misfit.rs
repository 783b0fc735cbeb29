//! What Deblend shows of a picture that the network does not take as it is: the picture, why, and what can be done about it.

use egui::{Rect, RichText, Stroke, StrokeKind, Ui, pos2};
use ganoscope_core::jobs::{Scene, SeriesInfo};
use ganoscope_core::latent::Takes;

use super::super::ViewCx;
use super::super::contours::ContourMaps;
use super::super::parts::{Well, display_bar, light, side_for};
use super::size_note;
use crate::command::{Change, Command, UiCommand};
use crate::theme::Tokens;
use crate::widgets::{Picture, fitted, visible_part};
use crate::workbench::RegionTool;

/// A picture that the network shown does not take as it is.
pub(super) struct Misfit<'a> {
    scene: &'a Scene,
    /// `[C, H, W]` that the network takes.
    takes: [usize; 3],
}

/// What can be done about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A part of it has the pixels that the network takes.
    CutOut,
    /// It has more bands than the network takes.
    Bands,
    /// Too few pixels or bands.
    None,
}

impl<'a> Misfit<'a> {
    /// The picture shown, where both it and the network are known and do not fit.
    pub(super) fn of(cx: &ViewCx<'a>) -> Option<Self> {
        let series: &SeriesInfo = cx.results.series.shown()?;
        let scene: &Scene = cx.results.scene.ready()?;
        let takes = series.network.picture?;
        let file = series.network.file.as_ref();
        let takes_any_size = file.is_some_and(|file| file.takes_any_size);
        let [bands, rows, columns] = takes;
        let blend = &scene.blend;
        let bands_fit = blend.channels == bands || blend.channels == 1;
        let has_size = takes_any_size || blend.size_in_file() == [rows, columns];
        let is_of_pictures = series.takes == Takes::Pictures && cx.document.picture().is_some();
        (is_of_pictures && !(bands_fit && has_size)).then_some(Self { scene, takes })
    }

    fn way(&self) -> Way {
        let (blend, [bands, rows, columns]) = (&self.scene.blend, self.takes);
        let [high, wide] = blend.size_in_file();
        let has_too_few_bands = blend.channels < bands && blend.channels > 1;
        if has_too_few_bands || high < rows || wide < columns {
            Way::None
        } else if [high, wide] == [rows, columns] {
            Way::Bands
        } else {
            Way::CutOut
        }
    }

    pub(super) fn ui(&self, cx: &ViewCx<'_>, ui: &mut Ui) {
        display_bar(cx, ui);
        let tokens = Tokens::of(ui);
        let [bands, rows, columns] = self.takes;
        let words = |bands: usize| if bands == 1 { "band" } else { "bands" };
        let text = format!(
            "The network takes {columns} x {rows} pixels in {bands} {}; this picture has {}.",
            words(bands),
            size_note(&self.scene.blend)
        );
        ui.label(RichText::new(text).color(tokens.strong));
        match self.way() {
            Way::CutOut => {
                let keys = UiCommand::CutOut.keys_text(ui.ctx());
                let text = format!(
                    "Click a galaxy to cut it out, or press {keys} with the pointer over it. The picture stays in the list."
                );
                ui.label(RichText::new(text).color(tokens.text));
            }
            Way::Bands => self.bands_ui(cx, ui),
            Way::None => {
                let text = "Open another picture or network.";
                ui.label(RichText::new(text).color(tokens.text));
            }
        }
        self.picture_ui(cx, ui);
    }

    fn bands_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let Some(numbers) = self.scene.blend.bands_for(self.takes[0]) else {
            return;
        };
        let names = numbers.iter().map(|number| {
            let name = self.scene.blend.bands.get(number - 1);
            name.map_or_else(|| number.to_string(), String::clone)
        });
        let names: Vec<String> = names.collect();
        let button = ui.button(format!("Take bands {}", names.join(", ")));
        let tooltip =
            "Which bands, and in which order, can be changed under Reading in the inspector";
        if button.on_hover_text(tooltip).clicked() {
            let mut reading = self.scene.picture.reading.clone();
            reading.bands = numbers;
            cx.commands.push(Change::ReadAs(reading));
        }
    }

    fn picture_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let blend = &self.scene.blend;
        let contours = ContourMaps::of(cx, ui);
        let response = Well {
            place: ("deblend", 0, 0),
            caption: "Picture",
            footnote: size_note(blend),
            picture: contours.over(Picture::new(blend, light(cx)), None),
            side: side_for(ui, 1, 1, 0.0),
            is_dimmed: false,
        }
        .respond(cx, ui);
        let Some(pixel) = cx.workbench.cursor.filter(|_| response.hovered()) else {
            return;
        };
        if self.way() != Way::CutOut || cx.workbench.regions.tool != RegionTool::Select {
            return;
        }
        self.frame_ui(cx, ui, response.rect, pixel);
        if response.clicked() {
            cx.commands.push(Command::CutOut(Some(pixel)));
        }
    }

    /// Outlines what a click would cut out.
    fn frame_ui(&self, cx: &ViewCx<'_>, ui: &Ui, well: Rect, [x, y]: [usize; 2]) {
        let blend = &self.scene.blend;
        let factor = blend.reduction_factor() as f32;
        let [_, rows, columns] = self.takes;
        let (width, height) = (columns as f32 / factor, rows as f32 / factor);
        // As the cut-out is moved inside at the edges.
        let start = |at: usize, length: f32, within: usize| {
            (at as f32 - (length / 2.0).floor()).clamp(0.0, (within as f32 - length).max(0.0))
        };
        let left = start(x, width, blend.width);
        let top = start(y, height, blend.height);
        let (frame, seen) = (fitted(well, blend), visible_part(cx.workbench.navigation));
        let on_screen = |x: f32, y: f32| {
            let share = pos2(x / blend.width as f32, y / blend.height as f32);
            frame.min + (share - seen.min) / seen.size() * frame.size()
        };
        let square =
            Rect::from_min_max(on_screen(left, top), on_screen(left + width, top + height));
        let painter = ui.painter_at(frame);
        let stroke = Stroke::new(1.5, Tokens::of(ui).accent);
        painter.rect_stroke(square, 0.0, stroke, StrokeKind::Outside);
    }
}
