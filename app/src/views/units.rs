//! Units: the activation map of every unit of one layer, as a grid of which only the visible part is drawn.

use egui::{Id, Label, Modifiers, RichText, ScrollArea, TextStyle, Ui, Vec2, vec2};
use ganoscope_core::edit::{Combine, Unit, UnitSet};
use ganoscope_core::jobs::{LayerInfo, Slot, UnitMaps};
use ganoscope_core::network::LayerName;
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::parts::{combo, is_stale, is_there};
use super::{View, ViewCx, ViewKey};
use crate::command::{Change, Command, UiCommand};
use crate::results::Results;
use crate::theme::{Tokens, size};
use crate::widgets::{Look, Picture, StampView, loading_over, plane_text};
use crate::workbench::{UnitOrder, Workbench};

/// Height of a row in the list of layers, points.
const LAYER_ROW: f32 = 21.0;

/// The view.
#[derive(Default)]
pub(super) struct Units {
    /// The unit clicked last: where a Shift click starts.
    anchor: Option<usize>,
    /// The layer the list was scrolled to.
    scrolled_to: Option<LayerName>,
}

impl View for Units {
    fn key(&self) -> ViewKey {
        ViewKey::Units
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let units = &cx.results.units;
        egui::Panel::left("layers")
            .resizable(true)
            .default_size(168.0)
            .size_range(110.0..=260.0)
            .frame(egui::Frame::NONE)
            .show(ui, |ui| self.layers_ui(cx, ui));
        let frame = egui::Frame::new().inner_margin(egui::Margin {
            left: size::MARGIN,
            ..egui::Margin::ZERO
        });
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            if !is_there(cx, ui, units, Slot::Units, "The units") {
                return;
            }
            let Some(maps) = units.shown() else {
                return;
            };
            bar_ui(cx, ui, maps);
            let is_dimmed = is_stale(ui, units);
            let space = ui.available_rect_before_wrap();
            self.grid_ui(cx, ui, maps, is_dimmed);
            if units.is_pending() && is_dimmed {
                loading_over(ui, space, "Computing the units");
            }
        });
    }
}

fn layer_row(ui: &mut Ui, cx: &ViewCx<'_>, layer: &LayerInfo, is_shown: bool) -> egui::Response {
    let tokens = Tokens::of(ui);
    let is_edited = cx
        .document
        .edits
        .edits
        .iter()
        .any(|edit| edit.enabled && edit.units.iter().any(|unit| unit.layer == layer.name));
    let mut text = RichText::new(&*layer.name).text_style(TextStyle::Small);
    if is_edited {
        text = text.color(tokens.accent);
    }
    let button = egui::Button::selectable(is_shown, text)
        .right_text(
            RichText::new(layer.units().to_string())
                .text_style(TextStyle::Small)
                .weak(),
        )
        .min_size(vec2(ui.available_width() - 8.0, LAYER_ROW));
    ui.add(button).on_hover_ui(|ui| {
        ui.label(&layer.summary);
        ui.label(format!("{:?}, {} parameters", layer.dims, layer.parameters));
    })
}

/// Sorting and what is shown.
fn bar_ui(cx: &ViewCx<'_>, ui: &mut Ui, maps: &UnitMaps) {
    ui.horizontal(|ui| {
        let mut order = cx.workbench.unit_order;
        combo(ui, "Sort by", order.name(), |ui| {
            for choice in UnitOrder::ALL {
                ui.selectable_value(&mut order, choice, choice.name());
            }
        });
        if order != cx.workbench.unit_order {
            cx.commands.push(Command::SortUnits(order));
        }
        if order == UnitOrder::Mean && stats_of(cx.results, maps).is_none() {
            let command = UiCommand::MeasureUnits;
            let button = ui.button("Measure").on_hover_text(command.tooltip());
            if button.clicked() {
                cx.commands.push(command);
            }
        }
        let [units, rows, columns] = maps.dims;
        let text = format!("{} - {units} units of {columns} x {rows}", maps.layer);
        // Cut rather than let out: the grid below takes its width from here.
        ui.add(Label::new(RichText::new(text).color(Tokens::of(ui).weak)).truncate());
    });
}

fn stats_of<'a>(results: &'a Results, maps: &UnitMaps) -> Option<&'a [f64]> {
    let stats = results.unit_stats.as_ref()?;
    let fits = stats.layer == maps.layer && stats.mean_abs.len() == maps.units();
    fits.then_some(&stats.mean_abs[..])
}

/// The units in the order chosen.
pub fn unit_order(workbench: &Workbench, results: &Results, maps: &UnitMaps) -> Vec<usize> {
    let mut units: Vec<usize> = (0..maps.units()).collect();
    match workbench.unit_order {
        UnitOrder::Index => {}
        UnitOrder::Peak => {
            units.sort_by(|a, b| {
                let peak = |u: &usize| maps.ranges[*u].largest();
                peak(b).total_cmp(&peak(a))
            });
        }
        UnitOrder::Mean => {
            if let Some(means) = stats_of(results, maps) {
                units.sort_by(|a, b| means[*b].total_cmp(&means[*a]));
            }
        }
    }
    units
}

/// Height of the line below a map, points.
const UNIT_CAPTION: f32 = 15.0;

/// Side of a map, points: as large as all maps of the layer fit, between the smallest and the largest of
/// [`size::UNIT_CELL`].
fn cell_side(space: Vec2, count: usize) -> f32 {
    let fitting = |columns: usize| {
        let rows = count.div_ceil(columns);
        let side = |length: f32, n: usize| (length + size::GAP) / n as f32 - size::GAP;
        side(space.x, columns).min(side(space.y, rows) - UNIT_CAPTION)
    };
    let largest = (1..=count).map(fitting).fold(0.0, f32::max);
    largest
        .floor()
        .clamp(*size::UNIT_CELL.start(), *size::UNIT_CELL.end())
}

/// The maps that are drawn.
struct Grid<'a> {
    maps: &'a UnitMaps,
    /// All maps as one block of pixels.
    block: Stamp,
    is_dimmed: bool,
}

impl Units {
    /// The layers of the generator; click shows one.
    fn layers_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        ui.take_available_width();
        let Some(series) = cx.results.series.shown() else {
            return;
        };
        let shown = cx.document.layer_in(series);
        let layers = &series.network.layers;
        ui.label(RichText::new("Layers").color(Tokens::of(ui).weak));
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut area = ScrollArea::vertical().auto_shrink(false);
        if shown != self.scrolled_to {
            // A layer that is shown is seen in the list, wherever the wish came from.
            let at = layers.iter().position(|l| Some(&l.name) == shown.as_ref());
            let middle = at.unwrap_or(0) as f32 * LAYER_ROW - ui.available_height() / 2.0;
            area = area.vertical_scroll_offset(middle.max(0.0));
            self.scrolled_to.clone_from(&shown);
        }
        area.show_rows(ui, LAYER_ROW, layers.len(), |ui, rows| {
            for layer in &layers[rows] {
                let is_shown = shown.as_ref() == Some(&layer.name);
                let response = layer_row(ui, cx, layer, is_shown);
                if response.clicked() && !is_shown {
                    self.scrolled_to = Some(layer.name.clone());
                    cx.commands.push(Change::ShowLayer(layer.name.clone()));
                }
            }
        });
    }

    fn grid_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui, maps: &UnitMaps, is_dimmed: bool) {
        let grid = Grid {
            maps,
            block: Stamp::new(
                &*maps.layer,
                maps.values.clone(),
                maps.dims,
                ValueRange::UNIT,
            ),
            is_dimmed,
        };
        let order = unit_order(cx.workbench, cx.results, maps);
        let cell = cell_side(ui.available_size(), order.len());
        let columns = ((ui.available_width() + size::GAP) / (cell + size::GAP)).max(1.0) as usize;
        let rows = order.len().div_ceil(columns);
        ScrollArea::vertical().auto_shrink(false).show_rows(
            ui,
            cell + UNIT_CAPTION,
            rows,
            |ui, visible| {
                cx.textures.wall(ui, |ui| {
                    for row in visible {
                        ui.horizontal(|ui| {
                            let from = row * columns;
                            for place in from..(from + columns).min(order.len()) {
                                self.unit_ui(cx, ui, &grid, (&order, place), cell);
                            }
                        });
                    }
                });
            },
        );
    }

    fn unit_ui(
        &mut self,
        cx: &ViewCx<'_>,
        ui: &mut Ui,
        grid: &Grid<'_>,
        (order, place): (&[usize], usize),
        side: f32,
    ) {
        let channel = order[place];
        let Grid {
            maps,
            block,
            is_dimmed,
        } = grid;
        let unit = Unit::new(maps.layer.clone(), channel);
        let is_selected = cx.document.units.contains(&unit);
        let range = maps.ranges[channel];
        let largest = range.largest();
        let look = if maps.is_signed() {
            let is_dark = ui.visuals().dark_mode;
            Look::Signed { largest, is_dark }
        } else {
            Look::Activation { largest }
        };
        let label = format!("Unit {channel}");
        let strength = cx.document.edits.scale_of(&unit);
        let response = ui
            .vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                let response = StampView {
                    place: Id::unique(("unit", place)),
                    label: &label,
                    picture: Picture::of_plane(block, channel, look),
                    side,
                    link: cx.follows(block),
                    is_dimmed: *is_dimmed,
                    is_selected,
                }
                .show(ui, cx.textures, cx.commands);
                let tokens = Tokens::of(ui);
                let (text, color) = if strength == 1.0 {
                    (channel.to_string(), tokens.weak)
                } else {
                    (format!("{channel}  x {strength:.2}"), tokens.accent)
                };
                ui.label(
                    RichText::new(text)
                        .text_style(TextStyle::Small)
                        .color(color),
                );
                response
            })
            .inner;
        if response.clicked() {
            let modifiers = ui.input(|i| i.modifiers);
            let units = self.clicked(cx, maps, order, place, modifiers);
            cx.commands.push(Change::SelectUnits(units));
        }
        response.on_hover_ui(|ui| {
            ui.label(format!("Unit {channel} of {}", maps.layer));
            if let Some([x, y]) = cx.workbench.cursor {
                let value = plane_text(block, channel, [x, y]);
                ui.label(format!("at x {x}, y {y}: {value}"));
            }
            ui.label(format!(
                "from {:.3} to {:.3}, mean {:.3}",
                range.min, range.max, range.mean
            ));
        });
    }

    /// The selection after a click: alone, with Ctrl added or removed, with Shift everything up to it.
    fn clicked(
        &mut self,
        cx: &ViewCx<'_>,
        maps: &UnitMaps,
        order: &[usize],
        place: usize,
        modifiers: Modifiers,
    ) -> UnitSet {
        let of_layer =
            |channels: &[usize]| UnitSet::of_layer(maps.layer.clone(), channels.iter().copied());
        let one = of_layer(&order[place..=place]);
        let anchor = self.anchor.filter(|a| *a < order.len());
        if modifiers.shift
            && let Some(anchor) = anchor
        {
            let span = anchor.min(place)..=anchor.max(place);
            return of_layer(&order[span]);
        }
        self.anchor = Some(place);
        if modifiers.command {
            return cx.document.units.combine(Combine::Xor, &one);
        }
        if cx.document.units == one {
            return UnitSet::default();
        }
        one
    }
}
