//! Regions: the picture with its marked areas, the tools to draw them, and the statistics of what is in them.

mod form;
mod table;

use egui::{Align, ComboBox, Layout, RichText, TextStyle, Ui, vec2};
use ganoscope_core::jobs::{Scene, Slot};
use ganoscope_core::region::ds9::System;
use ganoscope_core::sky::{Frame, Grid};

use super::parts::{CAPTION, FOOTNOTE, Well, combo, display_bar, light, picture_or_state};
use super::{View, ViewCx, ViewKey};
use crate::command::{Command, UiCommand};
use crate::results::Loadable;
use crate::theme::{Tokens, size};
use crate::widgets::{Icon, Picture, failed_ui, icon_button, loading_ui, sky_ui};
use crate::workbench::RegionTool;

/// The view.
#[derive(Default)]
pub(super) struct Regions {
    form: form::Form,
    band: table::Band,
    /// The region whose rows the table was scrolled to.
    revealed: Option<usize>,
}

/// The share of the width that the picture takes.
const PICTURE_SHARE: f32 = 0.46;

impl View for Regions {
    fn key(&self) -> ViewKey {
        ViewKey::Regions
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let Some(scene) = picture_or_state(cx, ui) else {
            return;
        };
        tools_ui(cx, ui, scene);
        if ui.available_width() >= size::BAR {
            display_bar(cx, ui);
        }
        let space = ui.available_size();
        let is_wide = space.x > 1.2 * space.y;
        let side = if is_wide {
            (space.x * PICTURE_SHARE).min(space.y - CAPTION - FOOTNOTE)
        } else {
            space.x.min(0.5 * space.y)
        };
        let side = side.max(size::STAMP_MIN).floor();
        let layout = if is_wide {
            Layout::left_to_right(Align::Min)
        } else {
            Layout::top_down(Align::Min)
        };
        ui.with_layout(layout, |ui| {
            picture_ui(cx, ui, scene, side);
            ui.vertical(|ui| {
                self.form.ui(cx, ui, scene);
                self.table_ui(cx, ui, scene);
            });
        });
    }
}

impl Regions {
    /// The statistics, or what stands in their place.
    fn table_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui, scene: &Scene) {
        if cx.document.regions.is_empty() {
            let text = "No region yet: take a tool and drag over a picture, open a DS9 file, or drop one on the window.";
            ui.label(RichText::new(text).color(Tokens::of(ui).weak));
            return;
        }
        let regions = &cx.results.regions;
        match (regions, regions.shown()) {
            (Loadable::Failed { why, .. }, None) => {
                if failed_ui(ui, "The regions could not be measured", why) {
                    cx.commands.push(Command::Retry(Slot::Regions));
                }
            }
            (_, Some(preview)) => {
                self.band.choice_ui(ui, scene);
                let selected = cx.workbench.regions.selected;
                let reveal = selected.filter(|_| self.revealed != selected);
                self.revealed = selected;
                table::table_ui(cx, ui, preview, self.band, reveal);
            }
            (_, None) => loading_ui(ui, "Measuring the regions"),
        }
    }
}

const fn icon_of(tool: RegionTool) -> Icon {
    match tool {
        RegionTool::Select => Icon::Pointer,
        RegionTool::Circle => Icon::Circle,
        RegionTool::Ellipse => Icon::Ellipse,
        RegionTool::Box => Icon::Box,
        RegionTool::Polygon => Icon::Polygon,
        RegionTool::Freehand => Icon::Freehand,
    }
}

/// The tools, and what can be done with all regions.
fn tools_ui(cx: &ViewCx<'_>, ui: &mut Ui, scene: &Scene) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for tool in RegionTool::ALL {
            let is_on = cx.workbench.regions.tool == tool;
            tool_ui(cx, ui, icon_of(tool), tool.command(), is_on, true);
        }
        ui.add_space(size::GAP);
        let has_selected = cx.selected_region().is_some();
        tool_ui(
            cx,
            ui,
            Icon::Cross,
            UiCommand::DeleteRegion,
            false,
            has_selected,
        );
        ui.add_space(size::GAP);
        let has_any = !cx.document.regions.is_empty();
        for (icon, command, is_possible) in [
            (Icon::Folder, UiCommand::OpenRegions, true),
            (Icon::Disk, UiCommand::SaveRegions, has_any),
            (Icon::Table, UiCommand::SaveRegionTable, has_any),
            (Icon::Duplicate, UiCommand::CopyRegionTable, has_any),
        ] {
            tool_ui(cx, ui, icon, command, false, is_possible);
        }
        ui.add_space(size::GAP);
        system_ui(cx, ui, scene);
    });
}

fn tool_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    icon: Icon,
    command: UiCommand,
    is_on: bool,
    is_possible: bool,
) {
    let keys = command.keys_text(ui.ctx());
    let mut tooltip = format!("{}: {}", command.text(), command.tooltip());
    if !keys.is_empty() {
        tooltip += &format!(" ({keys})");
    }
    let response = ui
        .add_enabled_ui(is_possible, |ui| {
            icon_button(ui, icon, command.text(), is_on)
        })
        .inner;
    if is_on {
        // Not by brightness alone.
        let under = response.rect.shrink2(vec2(4.0, 0.0));
        let stroke = egui::Stroke::new(2.0, Tokens::of(ui).accent);
        ui.painter()
            .hline(under.x_range(), under.bottom() - 1.0, stroke);
    }
    if response.on_hover_text(tooltip).clicked() {
        cx.commands.push(command);
    }
}

/// The coordinates of files that are written; the sky where the picture has one.
fn system_ui(cx: &ViewCx<'_>, ui: &mut Ui, scene: &Scene) {
    let chosen = cx.workbench.regions.system;
    let grid = Grid::of(&scene.blend);
    let mut systems = vec![System::Image, System::Physical];
    if grid.wcs().is_ok() {
        systems.extend([Frame::Icrs, Frame::Fk5, Frame::Galactic].map(System::Sky));
    }
    combo(ui, "Files in", chosen.name(), |ui| {
        for system in systems {
            let mut system_chosen = chosen;
            let row = ui.selectable_value(&mut system_chosen, system, system.name());
            if row.changed() {
                cx.commands.push(Command::SetRegionSystem(system));
            }
        }
    });
}

fn picture_ui(cx: &ViewCx<'_>, ui: &mut Ui, scene: &Scene, side: f32) {
    let blend = &scene.blend;
    let [rows, columns] = blend.size_in_file();
    let footnote = match blend.reduction {
        Some(reduction) => format!(
            "{columns} x {rows}, shown {} times smaller",
            reduction.factor
        ),
        None => format!("{columns} x {rows}"),
    };
    let well = Well {
        place: ("regions", 0, 0),
        caption: "Blend",
        footnote,
        picture: Picture::new(blend, light(cx)),
        side,
        is_dimmed: cx.results.scene.is_pending(),
    }
    .show(cx, ui);
    if let Some(compass) = &scene.compass {
        let longest = blend.width.max(blend.height).max(1);
        let points_per_pixel = side / longest as f32 * cx.workbench.navigation.zoom;
        sky_ui(ui, well, compass, points_per_pixel);
    }
}

/// A small list without a caption beside it.
fn small_combo(ui: &mut Ui, name: &str, chosen: &str, content: impl FnOnce(&mut Ui)) {
    let response = ComboBox::from_id_salt(name)
        .selected_text(RichText::new(chosen).text_style(TextStyle::Small))
        .width(70.0)
        .show_ui(ui, content)
        .response;
    response.accessible_name(name);
}
