//! The figure of Compare: the pictures that are held against each other, and their difference.

use ganoscope_core::figure::{Bar, Panel, Sheet};
use ganoscope_core::jobs::Scene;
use ganoscope_core::stamp::difference::Difference;
use ganoscope_core::stamp::look::{self, Ink};
use ganoscope_core::stamp::stretch::Stretch;

use super::Setting;
use crate::comparison::{CompareMode, Comparison, full_colour};
use crate::document::Document;
use crate::results::Results;
use crate::source::Source;
use crate::widgets::{rgb, signed_with_marks};

/// The pictures side by side; where their difference is looked at, A minus B after them.
///
/// # Errors
/// When one of them is not there, in words for a person.
pub fn compare(
    scene: &Scene,
    comparison: &Comparison,
    (document, results): (&Document, &Results),
    setting: &Setting,
) -> Result<Sheet, String> {
    let mut sheet = Sheet::new(&*setting.title, setting.paper.palette());
    let (mut row, mut has_light) = (Vec::new(), false);
    let sources = comparison.pictures().into_iter();
    for source in sources.map(|source| source.known(results)) {
        let name = source.name(document, results);
        let stamp = source.stamp(document, results);
        let stamp = stamp.ok_or_else(|| source.absence(document, results))?;
        let look = match source.signed_scale(results) {
            Some(scale) => {
                let look = signed(source, scale, setting);
                sheet.bars.push(Bar::new(&*name, look));
                look
            }
            None => {
                has_light = true;
                setting.light(scene)
            }
        };
        row.push(Panel::new(name, stamp.clone(), look));
    }
    if has_light {
        sheet.bars.insert(0, setting.light_bar(scene));
    }
    if comparison.mode == CompareMode::Difference
        && let [a, b, ..] = row.as_slice()
    {
        let difference = Difference::of(&a.stamp, &b.stamp).map_err(|error| error.to_string())?;
        let largest = full_colour(&difference.stamp, comparison.scale);
        let look = signed_with_marks(largest, setting.is_dark());
        let mut panel = Panel::new("A minus B", difference.stamp, look);
        panel.over = Some(difference.mean);
        row.push(panel);
        sheet.bars.push(Bar::new("A minus B", look));
    }
    sheet.rows = vec![row];
    sheet.axes = setting.sides.axes(scene);
    sheet.notes.clone_from(&setting.notes);
    Ok(setting.with_outlines(sheet))
}

/// A residual in the colours of light, relevance in those of evidence.
fn signed(source: Source, scale: f32, setting: &Setting) -> look::Look {
    if !matches!(source, Source::Relevance { .. }) {
        return setting.signed(scale);
    }
    let tokens = setting.paper.tokens();
    let ends = [tokens.generated, tokens.level, tokens.real].map(rgb);
    let scale = scale.max(f32::MIN_POSITIVE);
    look::Look::new(Ink::Ramp(ends), [-scale, scale], Stretch::Linear)
}
