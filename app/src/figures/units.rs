//! The figure of Units: every map of a layer.

use ganoscope_core::edit::{EditStack, Unit};
use ganoscope_core::figure::{Bar, Panel, Sheet, number_text};
use ganoscope_core::jobs::UnitMaps;
use ganoscope_core::stamp::{Stamp, ValueRange, look};

use super::Setting;
use crate::widgets::Look;

/// With so many columns there is room for a word above a map.
const FEW_COLUMNS: usize = 8;
/// The most columns of the wall.
const MOST_COLUMNS: usize = 16;

/// The wall of maps in an order; each has its own scale, as on the screen.
pub fn units(maps: &UnitMaps, order: &[usize], edits: &EditStack, setting: &Setting) -> Sheet {
    let mut sheet = Sheet::new(&*setting.title, setting.paper.palette());
    let dims = maps.dims;
    let block = Stamp::new(&*maps.layer, maps.values.clone(), dims, ValueRange::UNIT);
    let is_signed = maps.is_signed();
    let look_of = |largest: f32| -> look::Look {
        if is_signed {
            setting.signed(largest)
        } else {
            Look::Activation { largest }.exact()
        }
    };
    let columns = columns(order.len(), dims);
    let panels = order.iter().filter_map(|unit| {
        let largest = maps.ranges.get(*unit)?.largest();
        let strength = edits.scale_of(&Unit::new(maps.layer.clone(), *unit));
        let unit_text = if columns <= FEW_COLUMNS {
            format!("unit {unit}")
        } else {
            unit.to_string()
        };
        let caption = if strength == 1.0 {
            unit_text
        } else {
            format!("{unit_text} ×{strength:.2}")
        };
        let mut panel = Panel::new(caption, block.clone(), look_of(largest));
        panel.plane = Some(*unit);
        let sign = if is_signed { "±" } else { "" };
        Some(panel.with_note(format!("{sign}{}", number_text(f64::from(largest)))))
    });
    let panels: Vec<Panel> = panels.collect();
    sheet.rows = panels.chunks(columns).map(<[Panel]>::to_vec).collect();
    let title = "Share of the largest value (below each map)";
    sheet.bars = vec![Bar::new(title, look_of(1.0))];
    sheet.notes.clone_from(&setting.notes);
    sheet
}

/// So many that the page is about as high as it is wide.
fn columns(count: usize, [_, height, width]: [usize; 3]) -> usize {
    let aspect = height.max(1) as f64 / width.max(1) as f64;
    let columns = (count as f64 * aspect).sqrt().ceil() as usize;
    columns.clamp(1, MOST_COLUMNS)
}
