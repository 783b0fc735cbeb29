//! What would be written, in one line, or why nothing can be.

use egui::Vec2;
use ganoscope_core::network::LayerName;

use super::job::NO_FIGURE;
use super::{ExportChoice, Kind, Shown, data, tables};
use crate::comparison::CompareMode;
use crate::figures::Sides;
use crate::source::Source;
use crate::views::{Curves, ViewKey};

/// What would be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What a person reads before they choose the file.
    pub line: String,
    /// Suggested name of the file.
    pub name: String,
    /// What will be in it, one by one, where it has parts with names: arrays, or the columns of a table.
    pub items: Vec<String>,
}

impl Offer {
    /// What a choice comes to; `size` is that of the view on the screen, points.
    ///
    /// # Errors
    /// Why nothing can be written, in words for a person.
    pub fn of(
        choice: &ExportChoice,
        shown: &Shown<'_>,
        size: Option<Vec2>,
    ) -> Result<Self, String> {
        let line = match choice.kind {
            Kind::View => view_line(choice, size)?,
            Kind::Figure => figure_line(choice, shown)?,
            Kind::Data => data_line(choice, shown)?,
            Kind::Table => table_line(choice, shown)?,
        };
        let extension = choice.extensions().first().copied().unwrap_or_default();
        Ok(Self {
            line,
            name: format!("{}.{extension}", shown.stem()),
            items: items(choice, shown)?,
        })
    }
}

/// The parts of what is written.
fn items(choice: &ExportChoice, shown: &Shown<'_>) -> Result<Vec<String>, String> {
    match choice.kind {
        Kind::View | Kind::Figure => Ok(Vec::new()),
        Kind::Data => data::names(choice, shown),
        Kind::Table => {
            let table = tables::table(shown)?;
            let columns = table.columns().iter();
            Ok(columns
                .map(|column| match column.unit.as_str() {
                    "" => column.name.clone(),
                    unit => format!("{}, {unit}", column.name),
                })
                .collect())
        }
    }
}

fn view_line(choice: &ExportChoice, size: Option<Vec2>) -> Result<String, String> {
    let size = size.ok_or("the view is not on the screen")?;
    let pixels = size * f32::from(choice.scale);
    Ok(format!(
        "PNG, {:.0} x {:.0} pixels",
        pixels.x.round(),
        pixels.y.round()
    ))
}

fn figure_line(choice: &ExportChoice, shown: &Shown<'_>) -> Result<String, String> {
    let pictures = |count: usize| match count {
        1 => "1 picture".to_owned(),
        count => format!("{count} pictures"),
    };
    let what = match shown.view {
        ViewKey::Deblend => {
            let (preview, scene) = (shown.deblend()?, shown.scene_of_file()?);
            let truths = scene.filter(|_| preview.has_truth);
            let truths = truths.map_or(0, |scene| scene.truths.len());
            let account = if preview.account.is_some() { 2 } else { 0 };
            let truths = truths.min(preview.outputs.len());
            let count = usize::from(scene.is_some()) + account + preview.outputs.len() + truths;
            if count == 0 {
                return Err("there is nothing to draw: the network gives numbers only".to_owned());
            }
            pictures(count)
        }
        ViewKey::Units => pictures(shown.units()?.units()),
        ViewKey::Relevance => {
            let rows = shown.relevance()?.rows.iter();
            pictures(rows.map(|row| 1 + row.every_map().count()).sum())
        }
        ViewKey::Compare => {
            shown.canvas()?;
            let comparison = &shown.workbench.comparison;
            let sources = comparison.pictures().into_iter();
            let pictures_of: Vec<Source> = sources.map(|s| s.known(shown.results)).collect();
            let is_there = |s: &Source| s.stamp(shown.document, shown.results).is_some();
            if let Some(gone) = pictures_of.iter().find(|source| !is_there(source)) {
                return Err(gone.absence(shown.document, shown.results));
            }
            let has_difference = comparison.mode == CompareMode::Difference;
            pictures(pictures_of.len() + usize::from(has_difference))
        }
        ViewKey::Regions => {
            shown.scene()?;
            format!("1 picture with {} regions", shown.document.regions.len())
        }
        ViewKey::Header => return Err(NO_FIGURE.to_owned()),
        ViewKey::Layers => format!("{} layers", shown.graph()?.layers.len()),
        ViewKey::Timeline => {
            let curves = Curves::of(shown.document, shown.results, shown.series()?);
            let (lines, steps) = (curves.lanes.len(), curves.steps.len());
            if lines == 0 {
                return Err("nothing is measured yet; measure all checkpoints first".to_owned());
            }
            format!("{lines} lines over {steps} checkpoints")
        }
    };
    let sides = match shown.view {
        ViewKey::Deblend | ViewKey::Relevance | ViewKey::Compare | ViewKey::Regions
            if choice.sides != Sides::None =>
        {
            format!(", axes in {}", choice.sides.name())
        }
        _ => String::new(),
    };
    let ground = choice.paper.name();
    let format = choice.figure.name();
    Ok(format!("{format}, {what}{sides}, {ground} ground"))
}

fn data_line(choice: &ExportChoice, shown: &Shown<'_>) -> Result<String, String> {
    let names = data::names(choice, shown)?;
    let format = choice.data.format().name();
    let is_map = |name: &&String| name.starts_with("REL_") || name.starts_with("relevance.");
    let maps: Vec<&String> = names.iter().filter(is_map).collect();
    let mut listed: Vec<&str> = Vec::new();
    for name in &names {
        // Of many maps the first and the last say what the others are.
        let is_inner = maps.len() > 3
            && is_map(&name)
            && maps.first() != Some(&name)
            && maps.last() != Some(&name);
        if !is_inner {
            listed.push(name);
        } else if listed.last() != Some(&"…") {
            listed.push("…");
        }
    }
    Ok(format!("{format}: {}", listed.join(", ")))
}

fn table_line(choice: &ExportChoice, shown: &Shown<'_>) -> Result<String, String> {
    let table = tables::table(shown)?;
    let columns: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    let rows = match table.rows() {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    };
    let format = choice.extensions().first().copied().unwrap_or_default();
    Ok(format!(
        "{}, {rows}: {}",
        format.to_uppercase(),
        columns.join(", ")
    ))
}

/// The layer whose activations would be written.
pub(super) fn layer_of<'a>(shown: &Shown<'a>) -> Option<&'a LayerName> {
    shown.units().ok().map(|maps| &maps.layer)
}
