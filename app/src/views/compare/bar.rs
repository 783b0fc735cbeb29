//! The bar of a comparison: which pictures, how, and what was kept.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align, ComboBox, DragValue, Layout, PopupCloseBehavior, RichText, ScrollArea, Ui};
use ganoscope_core::stamp::stretch::Limits;

use super::super::ViewCx;
use super::super::parts::combo;
use crate::command::{Command, UiCommand};
use crate::comparison::{CompareMode, Comparison};
use crate::source::Source;
use crate::theme::{Tokens, is_still, size};
use crate::widgets::{Icon, icon_button};

/// Width of a list of pictures, points.
const LIST: std::ops::RangeInclusive<f32> = 84.0..=230.0;
/// Width of everything beside the two lists in their row, points.
const BESIDE_LISTS: f32 = 200.0;

/// Draws the bar; what is chosen is written into `next`.
pub(super) fn bar_ui(cx: &ViewCx<'_>, ui: &mut Ui, next: &mut Comparison) {
    let list = (ui.available_width() - BESIDE_LISTS) / 2.0;
    let list = list.clamp(*LIST.start(), *LIST.end());
    ui.horizontal(|ui| {
        picture_ui(cx, ui, ("A", list), &mut next.first);
        let command = UiCommand::ExchangeCompared;
        let tooltip = format!("{} ({})", command.text(), command.keys_text(ui.ctx()));
        if icon_button(ui, Icon::Exchange, command.text(), false)
            .on_hover_text(tooltip)
            .clicked()
        {
            next.exchange();
        }
        picture_ui(cx, ui, ("B", list), &mut next.second);
        let command = UiCommand::KeepPicture;
        let tooltip = format!("{} ({})", command.tooltip(), command.keys_text(ui.ctx()));
        let can_keep = cx.results.deblend.ready().is_some();
        let keep = ui.add_enabled(can_keep, egui::Button::new("Keep"));
        if keep.on_hover_text(tooltip).clicked() {
            cx.commands.push(command);
        }
        more_ui(cx, ui, next);
    });
    let has_room = ui.available_width() >= size::BAR;
    ui.horizontal(|ui| {
        for mode in CompareMode::ALL {
            ui.selectable_value(&mut next.mode, mode, mode.name());
        }
        if has_room {
            ui.add_space(size::GAP);
            mode_ui(ui, next);
        }
    });
    if !has_room && matches!(next.mode, CompareMode::Blink | CompareMode::Difference) {
        ui.horizontal(|ui| mode_ui(ui, next));
    }
}

/// The choices of one way of comparing.
fn mode_ui(ui: &mut Ui, next: &mut Comparison) {
    match next.mode {
        CompareMode::Blink => blink_ui(ui, next),
        CompareMode::Difference => scale_ui(ui, next),
        CompareMode::SideBySide | CompareMode::Swipe => {}
    }
}

/// The list of everything that can be compared.
fn picture_ui(cx: &ViewCx<'_>, ui: &mut Ui, (label, width): (&str, f32), source: &mut Source) {
    let name = |source: Source| source.name(cx.document, cx.results);
    let text = ui.label(RichText::new(label).strong());
    let shown = name(source.known(cx.results));
    // A list is as wide as its text unless there is less room.
    let size = egui::vec2(width, ui.spacing().interact_size.y);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_max_width(width);
        ComboBox::from_id_salt(("picture", label))
            .selected_text(shown)
            .width(width)
            .truncate()
            .height(360.0)
            .show_ui(ui, |ui| {
                for choice in Source::all(cx.document, cx.results) {
                    ui.selectable_value(source, choice, name(choice));
                }
                let checkpoints = Source::all_checkpoints(cx.results);
                if !checkpoints.is_empty() {
                    ui.separator();
                }
                for choice in checkpoints {
                    ui.selectable_value(source, choice, name(choice));
                }
            })
            .response
            .labelled_by(text.id);
    });
}

/// Further pictures to tick, and what was kept to be removed.
fn more_ui(cx: &ViewCx<'_>, ui: &mut Ui, next: &mut Comparison) {
    let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::new("More…").config(stays).ui(ui, |ui| {
        ui.set_max_width(340.0);
        ScrollArea::vertical().max_height(280.0).show(ui, |ui| {
            further_ui(cx, ui, next);
            kept_ui(cx, ui);
        });
    });
    response
        .on_hover_text("Pictures shown beside A and B and blinked with them, and what was kept");
}

fn further_ui(cx: &ViewCx<'_>, ui: &mut Ui, next: &mut Comparison) {
    ui.label(RichText::new("Shown with A and B").strong());
    let pair = [next.first, next.second].map(|s| s.known(cx.results));
    for source in Source::all(cx.document, cx.results) {
        if pair.contains(&source) {
            continue;
        }
        let mut is_on = next.further.contains(&source);
        let has_room = is_on || next.further.len() < Comparison::MOST_FURTHER;
        let name = source.name(cx.document, cx.results);
        let tick = egui::Checkbox::new(&mut is_on, format!("With {name}"));
        if ui.add_enabled(has_room, tick).changed() {
            next.toggle(source);
        }
    }
}

fn kept_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    ui.separator();
    let kept = &cx.results.kept;
    let title = format!("Kept, {} of {}", kept.len(), crate::kept::Kept::MOST);
    ui.label(RichText::new(title).strong());
    if kept.is_empty() {
        let text = "Nothing yet. P keeps the outputs as they are now.";
        ui.label(RichText::new(text).color(Tokens::of(ui).weak));
    }
    for run in kept.iter() {
        ui.horizontal(|ui| {
            let name = format!("Remove {}", run.title);
            if icon_button(ui, Icon::Cross, &name, false)
                .on_hover_text("Let go of it")
                .clicked()
            {
                cx.commands.push(Command::RemoveKept(run.id));
            }
            ui.label(&run.title);
        });
    }
}

/// Forwards, backwards, and by itself.
fn blink_ui(ui: &mut Ui, next: &mut Comparison) {
    for (name, command, by) in [
        ("Backwards", UiCommand::BlinkBack, -1),
        ("Forwards", UiCommand::Blink, 1),
    ] {
        let tooltip = format!("{} ({})", command.tooltip(), command.keys_text(ui.ctx()));
        if ui.button(name).on_hover_text(tooltip).clicked() {
            *next = next.clone().blinked(by);
            next.is_automatic = false;
        }
    }
    let may_move = !is_still(ui);
    let automatic = egui::Checkbox::new(&mut next.is_automatic, "Automatic");
    ui.add_enabled(may_move, automatic)
        .on_hover_text("Show one picture after the other until a key or button is pressed")
        .on_disabled_hover_text("Motion is reduced: pictures change only when asked to");
    let label = ui.label(RichText::new("every").color(Tokens::of(ui).weak));
    let period = DragValue::new(&mut next.period_secs)
        .range(Comparison::PERIOD_SECS)
        .clamp_existing_to_range(false)
        .speed(0.02)
        .suffix(" s");
    ui.add_enabled(may_move, period).labelled_by(label.id);
}

/// What of the difference is drawn in full colour.
fn scale_ui(ui: &mut Ui, next: &mut Comparison) {
    let text = |limits: Limits| match limits {
        Limits::Symmetric(percent) if percent >= 100.0 => "the largest".to_owned(),
        Limits::Symmetric(percent) => format!("{percent} %"),
        Limits::Manual { .. } => "a value".to_owned(),
        _ => "other".to_owned(),
    };
    combo(ui, "Full colour at", &text(next.scale), |ui| {
        for percent in [100.0, 99.9, 99.5, 99.0, 95.0, 90.0] {
            let limits = Limits::Symmetric(percent);
            ui.selectable_value(&mut next.scale, limits, text(limits));
        }
        let value = match next.scale {
            manual @ Limits::Manual { .. } => manual,
            _ => Limits::Manual {
                low: -0.1,
                high: 0.1,
            },
        };
        ui.selectable_value(&mut next.scale, value, text(value));
    });
    if let Limits::Manual { high, .. } = next.scale {
        let mut largest = high;
        let label = ui.label(RichText::new("from zero").color(Tokens::of(ui).weak));
        let number = DragValue::new(&mut largest)
            .speed(f64::from(high.abs().max(1e-6)) / 100.0)
            .max_decimals(5);
        ui.add(number).labelled_by(label.id);
        if largest != high {
            let high = largest.abs().max(1e-6);
            next.scale = Limits::Manual { low: -high, high };
        }
    }
}
