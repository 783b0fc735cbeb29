//! The region that is taken hold of: its words and its numbers, to be read and typed.

use egui::{
    Align, DragValue, Layout, RichText, TextEdit, TextStyle, TextWrapMode, Ui, WidgetText, vec2,
};
use ganoscope_core::jobs::Scene;
use ganoscope_core::region::{Place, Region, Shape};
use ganoscope_core::sky::{Frame, Grid, format_degrees, format_hours};

use crate::command::{RegionChange, RegionVerb, UiCommand};
use crate::theme::Tokens;
use crate::views::ViewCx;

/// The words that are being typed, and the region they are for: they count when the typing is over, as one change.
#[derive(Default)]
pub(super) struct Form {
    typed: Option<(usize, String)>,
}

impl Form {
    /// Draws the form of the region that is taken hold of.
    pub(super) fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui, scene: &Scene) {
        let Some((index, region)) = cx.selected_region() else {
            self.typed = None;
            let count = cx.document.regions.len();
            let text = match count {
                0 => return,
                1 => "1 region; click to take hold of it".to_owned(),
                _ => format!("{count} regions; click one to take hold of it"),
            };
            ui.label(RichText::new(text).color(Tokens::of(ui).weak));
            return;
        };
        ui.horizontal_wrapped(|ui| {
            let title = format!("{} {}", region.shape.name(), index + 1);
            ui.label(RichText::new(title).color(Tokens::of(ui).strong));
            self.words_ui(cx, ui, index, region);
            let mut is_excluded = region.exclude;
            let tooltip = UiCommand::ExcludeRegion.tooltip();
            let response = ui.checkbox(&mut is_excluded, "excluded");
            if response.on_hover_text(tooltip).changed() {
                cx.commands.push(UiCommand::ExcludeRegion);
            }
        });
        let grid = Grid::of(&scene.blend);
        ui.horizontal_wrapped(|ui| numbers_ui(cx, ui, index, region, &grid));
        if let Some(sky) = grid.sky(region.shape.centre()) {
            let sky = sky.to(Frame::Icrs).unwrap_or(sky);
            let text = format!(
                "{} {}  {}",
                format_hours(sky.longitude, 3),
                format_degrees(sky.latitude, 2),
                sky.frame.name()
            );
            let text = RichText::new(text).text_style(TextStyle::Monospace);
            ui.label(text.color(Tokens::of(ui).weak));
        }
    }

    fn words_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui, index: usize, region: &Region) {
        let own = self.typed.take().filter(|(of, _)| *of == index);
        let mut text = own.map_or_else(|| region.text.clone(), |(_, text)| text);
        let edit = TextEdit::singleline(&mut text)
            .hint_text("label")
            .desired_width(90.0);
        let response = ui.add(edit).accessible_name("Label of the region");
        if response.has_focus() {
            self.typed = Some((index, text));
        } else if response.lost_focus() && text != region.text {
            let region = region.clone().with_text(text);
            let verb = RegionVerb::Label;
            cx.commands.push(RegionChange::Set {
                index,
                region,
                verb,
            });
        }
    }
}

/// The numbers of a shape: position as FITS counts it, sizes in pixels, angle in degrees.
fn numbers_ui(cx: &ViewCx<'_>, ui: &mut Ui, index: usize, region: &Region, grid: &Grid) {
    let set = |shape: Shape, verb: RegionVerb| {
        if let Ok(shape) = shape.checked() {
            let region = Region {
                shape,
                ..region.clone()
            };
            cx.commands.push(RegionChange::Set {
                index,
                region,
                verb,
            });
        }
    };
    let centre = region.shape.centre();
    let [mut x, mut y] = grid.to_fits(centre);
    let is_moved = [
        number_ui(
            ui,
            "x",
            "Column of the centre as FITS counts it, from 1",
            &mut x,
        ),
        number_ui(
            ui,
            "y",
            "Row of the centre as FITS counts it, from 1",
            &mut y,
        ),
    ];
    if is_moved.contains(&true) {
        let to: Place = grid.from_fits([x, y]);
        let moved = region
            .shape
            .moved(to.column - centre.column, to.row - centre.row);
        set(moved, RegionVerb::Move);
    }
    let mut shape = region.shape.clone();
    let (mut is_resized, mut is_turned) = (false, false);
    match &mut shape {
        Shape::Circle { radius, .. } => {
            is_resized = number_ui(ui, "radius", "Pixels", radius);
        }
        Shape::Ellipse {
            semi_axes: [a, b],
            angle,
            ..
        } => {
            is_resized |= number_ui(ui, "half axis a", "Half axis along the angle, pixels", a);
            is_resized |= number_ui(ui, "b", "Half axis across the angle, pixels", b);
            is_turned = number_ui(ui, "angle", ANGLE, angle);
        }
        Shape::Box {
            size: [a, b],
            angle,
            ..
        } => {
            is_resized |= number_ui(ui, "width", "Along the angle, pixels", a);
            is_resized |= number_ui(ui, "height", "Across the angle, pixels", b);
            is_turned = number_ui(ui, "angle", ANGLE, angle);
        }
        Shape::Polygon { corners } | Shape::Freehand { corners } => {
            ui.label(format!("{} corners", corners.len()));
        }
    }
    if is_resized {
        set(shape, RegionVerb::Resize);
    } else if is_turned {
        set(shape, RegionVerb::Turn);
    }
}

const ANGLE: &str = "Degrees, counter-clockwise from the direction of growing columns";

/// Room for a number of a position or a size, points.
const NUMBER_WIDTH: f32 = 56.0;

/// A number with its name; whether it was changed.
fn number_ui(ui: &mut Ui, name: &str, tooltip: &str, value: &mut f64) -> bool {
    let before = *value;
    let text = RichText::new(name).text_style(TextStyle::Small);
    let text = WidgetText::from(text.color(Tokens::of(ui).weak));
    let wrap = Some(TextWrapMode::Extend);
    let galley = text.into_galley(ui, wrap, f32::INFINITY, TextStyle::Small);
    // Together, so that a narrow view does not part a number from its name; of a known width, so that it goes to the next row.
    let width = galley.size().x + ui.spacing().item_spacing.x + NUMBER_WIDTH;
    let size = vec2(width, ui.spacing().interact_size.y);
    let response = ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        let label = ui.label(galley);
        let drag = DragValue::new(value).speed(0.1).max_decimals(3);
        ui.add(drag).labelled_by(label.id).on_hover_text(tooltip)
    });
    response.inner.changed() && *value != before
}
