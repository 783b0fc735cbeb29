//! What several views are made of: a well with its caption, the look of light, the bar of display choices.

use egui::{Align, Align2, ComboBox, Layout, RichText, TextStyle, Ui, vec2};
use ganoscope_core::jobs::{Scene, SeriesInfo, Slot};
use ganoscope_core::stamp::stretch::{Limits, Stretch, ZScale};

use super::ViewCx;
use super::contours::contours_ui;
use crate::command::{Change, Command, UiCommand};
use crate::display::Colouring;
use crate::glossary::Explained;
use crate::results::Loadable;
use crate::theme::{DARK, Tokens, size};
use crate::widgets::{
    Look, Picture, StampView, corner_text, empty_ui, failed_ui, loading_ui, rgb, same_place,
    value_text, visible_part,
};
use crate::workbench::Navigation;

/// Old pictures are dimmed only after this time, so that a fast answer does not flicker. Seconds.
const DIM_AFTER_SECS: f64 = 0.15;

/// Height of a view from which it has a bar of choices, points.
const BAR_FROM: f32 = 200.0;

/// The most height of an open list, points.
const LIST_HEIGHT: f32 = 320.0;

/// Height of the line above a well, points.
pub(super) const CAPTION: f32 = 18.0;
/// Height of the line below a well, points.
pub(super) const FOOTNOTE: f32 = 16.0;

/// The look of light under the document's choices.
pub(super) fn light(cx: &ViewCx<'_>) -> Look {
    let missing = rgb(DARK.missing);
    Look::Exact(cx.document.display.look(cx.levels, missing))
}

/// Whether a result has been old for long enough to show it.
pub(super) fn is_stale<T>(ui: &Ui, loadable: &Loadable<T>) -> bool {
    match loadable {
        Loadable::Pending { since, .. } => {
            let late = ui.ctx().time() - since > DIM_AFTER_SECS;
            if !late {
                ui.ctx().request_repaint_after_secs(DIM_AFTER_SECS as f32);
            }
            late
        }
        Loadable::Failed { .. } => true,
        Loadable::Empty | Loadable::Ready(_) => false,
    }
}

/// What is shown in the place of a result that was never there. Returns whether there is one to draw.
pub(super) fn is_there<T>(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    loadable: &Loadable<T>,
    slot: Slot,
    what: &str,
) -> bool {
    match loadable {
        Loadable::Ready(_)
        | Loadable::Pending {
            previous: Some(_), ..
        } => true,
        Loadable::Failed { why, .. } => {
            if failed_ui(ui, &format!("{what} could not be computed"), why) {
                cx.commands.push(Command::Retry(slot));
            }
            false
        }
        Loadable::Pending { previous: None, .. } => {
            loading_ui(ui, &format!("Computing {}", what.to_lowercase()));
            false
        }
        Loadable::Empty => {
            nothing_open_ui(cx, ui);
            false
        }
    }
}

/// Says what is missing before anything can be shown, and offers it.
fn nothing_open_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let button = |ui: &mut Ui, command: UiCommand| {
        let button = ui.button(command.text());
        if button.on_hover_text(command.tooltip()).clicked() {
            cx.commands.push(command);
        }
    };
    // The series comes first: without it a picture has nothing to be shown to.
    if let Loadable::Failed { why, .. } = &cx.results.series {
        if failed_ui(ui, "The series cannot be opened", why) {
            cx.commands.push(Command::Retry(Slot::Series));
        }
    } else if cx.document.series.is_none() {
        let hint =
            "Open the folder of a training run or the file of a network, or drop it on the window.";
        empty_ui(ui, "No series is open", hint, |ui| {
            button(ui, UiCommand::OpenSeries);
            button(ui, UiCommand::OpenDemo);
        });
    } else if let Loadable::Failed { why, .. } = &cx.results.scene {
        if failed_ui(ui, "The picture cannot be opened", why) {
            cx.commands.push(Command::Retry(Slot::Scene));
        }
    } else if cx.document.input.is_none() {
        let hint = "Open a FITS, PNG, JPEG, TIFF, NPY or TFRecord file, or drop it on the window.";
        empty_ui(ui, "No picture is open", hint, |ui| {
            button(ui, UiCommand::OpenFiles);
        });
    } else {
        loading_ui(ui, "Opening the series");
    }
}

/// The picture, or what stands in its place. It needs no series.
pub(super) fn picture_or_state<'a>(cx: &ViewCx<'a>, ui: &mut Ui) -> Option<&'a Scene> {
    let scene = &cx.results.scene;
    if let Some(scene) = scene.shown() {
        return Some(scene);
    }
    match scene {
        Loadable::Failed { why, .. } => {
            if failed_ui(ui, "The picture cannot be opened", why) {
                cx.commands.push(Command::Retry(Slot::Scene));
            }
        }
        _ if cx.document.picture().is_some() => loading_ui(ui, "Opening the picture"),
        _ if cx.document.input.is_some() => {
            let hint = "Regions and headers belong to the picture of a file. This network draws from seeds; Compare shows what it draws.";
            empty_ui(ui, "No picture of a file", hint, |_| {});
        }
        _ => {
            let hint =
                "Open a FITS, PNG, JPEG, TIFF, NPY or TFRecord file, or drop it on the window.";
            empty_ui(ui, "No picture is open", hint, |ui| {
                for command in [UiCommand::OpenFiles, UiCommand::OpenDemo] {
                    let button = ui.button(command.text());
                    if button.on_hover_text(command.tooltip()).clicked() {
                        cx.commands.push(command);
                    }
                }
            });
        }
    }
    None
}

/// The series, or what stands in its place.
pub(super) fn series_or_state<'a>(cx: &ViewCx<'a>, ui: &mut Ui) -> Option<&'a SeriesInfo> {
    match &cx.results.series {
        Loadable::Empty => {
            let hint = "Open the folder of a training run, or drop it on the window.";
            empty_ui(ui, "No series is open", hint, |ui| {
                for command in [UiCommand::OpenSeries, UiCommand::OpenDemo] {
                    if ui.button(command.text()).clicked() {
                        cx.commands.push(command);
                    }
                }
            });
            None
        }
        Loadable::Failed {
            why,
            previous: None,
        } => {
            if failed_ui(ui, "The series cannot be opened", why) {
                cx.commands.push(UiCommand::Reload);
            }
            None
        }
        Loadable::Pending { previous: None, .. } => {
            loading_ui(ui, "Opening the series");
            None
        }
        other => other.shown().map(|s| &**s),
    }
}

/// A picture with a caption above and a footnote below.
pub(super) struct Well<'a> {
    pub(super) place: (&'static str, usize, usize),
    pub(super) caption: &'a str,
    pub(super) footnote: String,
    pub(super) picture: Picture<'a>,
    pub(super) side: f32,
    pub(super) is_dimmed: bool,
}

impl Well<'_> {
    /// Height of a well of a given side with its lines.
    pub(super) fn height(side: f32) -> f32 {
        CAPTION + side + FOOTNOTE
    }

    /// Draws it, linked with all others; returns where the picture is.
    pub(super) fn show(&self, cx: &ViewCx<'_>, ui: &mut Ui) -> egui::Rect {
        self.respond(cx, ui).rect
    }

    /// The same; returns what was done to the picture.
    pub(super) fn respond(&self, cx: &ViewCx<'_>, ui: &mut Ui) -> egui::Response {
        let size = vec2(self.side, Self::height(self.side));
        ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
            ui.set_min_size(size);
            ui.spacing_mut().item_spacing.y = 1.0;
            let tokens = Tokens::of(ui);
            line(ui, self.side, CAPTION - 2.0, |ui| {
                ui.label(RichText::new(self.caption).color(tokens.text))
                    .explained(self.caption);
            });
            let response = StampView {
                // Two panes show the same place in other colours.
                place: ui.scope_id().with(self.place),
                label: self.caption,
                picture: self.picture,
                side: self.side,
                link: cx.leads(),
                is_dimmed: self.is_dimmed,
                is_selected: false,
            }
            .show(ui, cx.textures, cx.commands);
            if let Some(pixel) = cx.workbench.cursor {
                let shown = self.picture.over.unwrap_or(self.picture.stamp);
                let pixel = match cx.results.scene.shown() {
                    Some(scene) => same_place(pixel, scene.blend.size(), shown.size()),
                    None => pixel,
                };
                let text = value_text(shown, pixel);
                let navigation = cx.workbench.navigation;
                let corner = corner_away_from(pixel, shown.height, navigation);
                corner_text(ui, response.rect, corner, &text);
            }
            line(ui, self.side, FOOTNOTE - 2.0, |ui| {
                let text = RichText::new(&self.footnote).text_style(TextStyle::Small);
                ui.label(text.color(tokens.weak));
            });
            response
        })
        .inner
    }
}

/// The corner for a text that must not lie over the pixel under the pointer.
fn corner_away_from([_, row]: [usize; 2], rows: usize, navigation: Navigation) -> Align2 {
    let seen = visible_part(navigation);
    let share = (row as f32 + 0.5) / rows.max(1) as f32;
    if share > seen.center().y {
        Align2::LEFT_TOP
    } else {
        Align2::LEFT_BOTTOM
    }
}

/// One line of a fixed size whose text is cut rather than wrapped.
pub(super) fn line(ui: &mut Ui, width: f32, height: f32, content: impl FnOnce(&mut Ui)) {
    let size = vec2(width, height);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_size(size);
        ui.set_max_width(width);
        ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
        content(ui);
    });
}

/// The choices of stretch, limits and colouring, one row.
pub(super) fn display_bar(cx: &ViewCx<'_>, ui: &mut Ui) {
    // Where it would leave nothing for the pictures, the inspector of a larger window has it.
    if ui.available_height() < BAR_FROM {
        return;
    }
    let mut display = cx.document.display;
    // A second row is better than a row that makes everything below it too wide.
    ui.horizontal_wrapped(|ui| {
        combo(ui, "Stretch", display.stretch.name(), |ui| {
            for stretch in Stretch::ALL {
                ui.selectable_value(&mut display.stretch, stretch, stretch.name());
            }
        });
        combo(ui, "Limits", &limits_text(display.limits), |ui| {
            for percent in [99.9, 99.5, 99.0, 98.0, 95.0, 90.0] {
                let limits = Limits::Percentile(percent);
                ui.selectable_value(&mut display.limits, limits, limits_text(limits));
            }
            for limits in [
                Limits::MinMax,
                Limits::ZScale(ZScale::default()),
                Limits::Manual {
                    low: 0.0,
                    high: 1.0,
                },
            ] {
                ui.selectable_value(&mut display.limits, limits, limits_text(limits));
            }
        });
        let mut in_colour = display.colouring != Colouring::Grey;
        if ui.checkbox(&mut in_colour, "Colour").changed() {
            display.colouring = if in_colour {
                Colouring::Natural
            } else {
                Colouring::Grey
            };
        }
        contours_ui(cx, ui, &mut display);
        // In a narrow pane the numbers are left to the inspector and the status bar.
        if ui.available_width() >= size::LEVELS {
            let text = RichText::new(cx.levels.text()).text_style(TextStyle::Small);
            // As one piece: two numbers on two lines are no range.
            let range = egui::Label::new(text.color(Tokens::of(ui).weak)).extend();
            ui.add(range).on_hover_text(
                "Black and white, in the 0 to 1 range of the blend; the same for all pictures",
            );
        }
        if let Some(text) = display.shade_text() {
            let text = RichText::new(text).text_style(TextStyle::Small);
            let text = text.color(Tokens::of(ui).accent);
            ui.add(egui::Label::new(text).extend())
                .on_hover_text("Set by dragging on a picture with the right button");
            let reset = ui.small_button("Reset");
            let reset = reset.on_hover_text(UiCommand::ResetShade.text());
            if reset.clicked() {
                display = display.unshaded();
            }
        }
    });
    if display != cx.document.display {
        cx.commands.push(Change::SetDisplay(display));
    }
}

fn limits_text(limits: Limits) -> String {
    match limits {
        Limits::MinMax => "min to max".to_owned(),
        Limits::Percentile(percent) | Limits::Symmetric(percent) => format!("{percent} %"),
        Limits::ZScale(_) => "zscale".to_owned(),
        Limits::Manual { low, high } => format!("{low} to {high}"),
    }
}

/// Width of a list to choose from, points.
const COMBO_WIDTH: f32 = 84.0;

/// A labelled list to choose from.
pub(super) fn combo(ui: &mut Ui, label: &str, chosen: &str, content: impl FnOnce(&mut Ui)) {
    let text = RichText::new(label).color(Tokens::of(ui).weak);
    let galley =
        egui::WidgetText::from(text.clone()).into_galley(ui, None, f32::INFINITY, TextStyle::Body);
    // A list that would come into the next line takes its name with it.
    let together = galley.size().x + ui.spacing().item_spacing.x + COMBO_WIDTH;
    if ui.layout().main_wrap() && ui.available_size_before_wrap().x < together {
        ui.end_row();
    }
    let text = ui.label(text).explained(label);
    ComboBox::from_id_salt(label)
        .selected_text(chosen)
        .width(COMBO_WIDTH)
        // All of a short list is seen: what is hidden below an edge without a sign is not found.
        .height(LIST_HEIGHT)
        .show_ui(ui, content)
        .response
        .labelled_by(text.id);
}

/// The side of wells so that `columns` by `rows` of them fit into the space left.
pub(super) fn side_for(ui: &Ui, columns: usize, rows: usize, extra_height: f32) -> f32 {
    let space = ui.available_size();
    let gaps = size::GAP * (columns.saturating_sub(1)) as f32;
    let by_width = (space.x - gaps) / columns.max(1) as f32;
    let row_gaps = size::GAP * rows.saturating_sub(1) as f32;
    let by_height = (space.y - row_gaps) / rows.max(1) as f32 - CAPTION - FOOTNOTE - extra_height;
    by_width.min(by_height).max(size::STAMP_MIN).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_away_from_the_pointer() {
        let whole = Navigation::default();
        assert_eq!(corner_away_from([3, 2], 80, whole), Align2::LEFT_BOTTOM);
        assert_eq!(corner_away_from([3, 77], 80, whole), Align2::LEFT_TOP);
    }
}
