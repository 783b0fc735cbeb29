//! The section of the inspector that says how light becomes colours: histogram, limits, curve, colours, contrast and bias.

use std::sync::Arc;

use egui::{CollapsingHeader, DragValue, Id, RichText, Slider, SliderClamping, Ui};
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::histogram::Histogram;
use ganoscope_core::stamp::stretch::Limits;

use super::ViewCx;
use super::parts::combo;
use crate::command::Change;
use crate::display::{Colouring, Display, some_of};
use crate::theme::{DARK, Tokens};
use crate::widgets::{HistogramView, color_bar_ui, rgb};

/// Bins of the histogram.
const BINS: usize = 128;

/// A histogram and the pixels it is of, kept so that no other pixels can take their address.
#[derive(Clone)]
struct Counted {
    pixels: Arc<[f32]>,
    histogram: Option<Arc<Histogram>>,
}

/// Draws the section, closed until it is opened.
pub(super) fn tone_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let attended = cx.workbench.layout.pane(cx.workbench.attention);
    let own = attended.filter(|pane| pane.has_own_scale);
    let title = own.map_or_else(
        || "Display".to_owned(),
        |pane| format!("Display of {} alone", pane.view.title()),
    );
    let is_wanted = cx.workbench.display_wanted;
    let section = CollapsingHeader::new(RichText::new(title).strong())
        .id_salt("display")
        .open(is_wanted.then_some(true))
        .show_unindented(ui, |ui| content_ui(cx, ui));
    if is_wanted {
        section.header_response.scroll_to_me(Some(egui::Align::Min));
    }
}

fn content_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let mut display = cx.document.display;
    let look = display.look(cx.levels, rgb(DARK.missing));
    if let Some(histogram) = histogram_of(cx, ui) {
        let view = HistogramView {
            histogram: &histogram,
            look: &look,
        };
        let (response, limits) = view.show(ui);
        response.on_hover_text(
            "The blend's pixels, counted on a logarithmic scale. Drag black or white; the curve is the brightness \
             between them",
        );
        if let Some([low, high]) = limits {
            display.limits = Limits::Manual { low, high };
        }
    }
    limits_ui(cx, ui, &mut display);
    color_bar_ui(ui, &look);
    colours_ui(ui, &mut display);
    shift_ui(ui, &mut display);
    if display != cx.document.display {
        cx.commands.push(Change::SetDisplay(display));
    }
}

/// The histogram of the blend, counted once.
fn histogram_of(cx: &ViewCx<'_>, ui: &Ui) -> Option<Arc<Histogram>> {
    let blend = &cx.results.scene.shown()?.blend;
    let id = Id::unique("histogram of the blend");
    let kept = ui.data(|data| data.get_temp::<Counted>(id));
    if let Some(kept) = kept.filter(|kept| Arc::ptr_eq(&kept.pixels, &blend.pixels)) {
        return kept.histogram;
    }
    let counted = Counted {
        pixels: blend.pixels.clone(),
        histogram: Histogram::of(&some_of(&blend.pixels), BINS).map(Arc::new),
    };
    ui.data_mut(|data| data.insert_temp(id, counted.clone()));
    counted.histogram
}

/// Black and white as numbers.
fn limits_ui(cx: &ViewCx<'_>, ui: &mut Ui, display: &mut Display) {
    let [mut low, mut high] = cx.levels.limits();
    let speed = f64::from((high - low).abs().max(1e-6)) / 200.0;
    ui.horizontal(|ui| {
        let weak = Tokens::of(ui).weak;
        for (name, value) in [("Black", &mut low), ("White", &mut high)] {
            let label = ui.label(RichText::new(name).color(weak));
            let number = DragValue::new(value).speed(speed).max_decimals(4);
            ui.add(number).labelled_by(label.id);
        }
    });
    if [low, high] != cx.levels.limits() {
        display.limits = Limits::Manual { low, high };
    }
}

/// Bands as colours or through a map, and the map.
fn colours_ui(ui: &mut Ui, display: &mut Display) {
    ui.horizontal(|ui| {
        combo(ui, "Bands as", display.colouring.name(), |ui| {
            for choice in Colouring::ALL {
                ui.selectable_value(&mut display.colouring, choice, choice.name());
            }
        });
    });
    ui.horizontal(|ui| {
        combo(ui, "Map", display.colormap.name(), |ui| {
            for map in Colormap::ALL {
                ui.selectable_value(&mut display.colormap, map, map.name());
            }
        });
        ui.checkbox(&mut display.is_inverted, "Inverted");
    });
}

/// Contrast and bias, as dragging on a picture with the right button sets them.
fn shift_ui(ui: &mut Ui, display: &mut Display) {
    let weak = Tokens::of(ui).weak;
    for (name, value, range) in [
        ("Contrast", &mut display.contrast, Display::CONTRAST),
        ("Bias", &mut display.bias, Display::BIAS),
    ] {
        ui.horizontal(|ui| {
            let label = ui.label(RichText::new(name).color(weak));
            let slider = Slider::new(value, range)
                .max_decimals(2)
                // What a drag or a session has set is shown as it is, not rounded by being shown.
                .clamping(SliderClamping::Edits);
            ui.add(slider)
                .labelled_by(label.id)
                .on_hover_text("Also by dragging on a picture with the right button");
        });
    }
    ui.horizontal(|ui| {
        let start = Display {
            overlay: display.overlay,
            contours: display.contours,
            ..Display::default()
        };
        let button = ui.add_enabled(*display != start, egui::Button::new("Reset the display"));
        if button.clicked() {
            *display = start;
        }
    });
}
