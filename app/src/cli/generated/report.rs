//! What is said about the maps over outputs and truths: verdicts, gaps, other methods, parts, faithfulness.

use std::fmt::Write as _;

use ganoscope_core::attribution::FlippingCurve;
use ganoscope_core::jobs::{FlippingPreview, PoleMap, RelevancePreview, RelevanceRow};
use serde_json::{Value, json};

use super::super::Failure;
use super::super::common::{Common, Console, columns};

/// What was computed, and what of it is asked for.
pub(super) struct Report<'a> {
    pub(super) relevance: &'a RelevancePreview,
    pub(super) flipping: Option<&'a FlippingPreview>,
    pub(super) has_regions: bool,
}

impl Report<'_> {
    /// Prints it as the common arguments say.
    pub(super) fn print(&self, common: &Common, console: Console) -> Result<(), Failure> {
        if common.json {
            let rows = self.relevance.rows.iter().enumerate();
            let rows: Vec<Value> = rows.map(|(i, row)| self.json_of(i, row)).collect();
            let all = json!({ "method": self.relevance.method, "pictures": rows });
            console.table(&serde_json::to_string_pretty(&all)?)?;
        } else if !common.quiet {
            let mut table = vec![
                ["picture", "logit", "conservation gaps"]
                    .map(str::to_owned)
                    .to_vec(),
            ];
            table.extend(self.relevance.rows.iter().map(|row| {
                let gaps: Vec<String> = row.maps.iter().map(gap_text).collect();
                vec![name(row), format!("{:.6}", row.logit), gaps.join(", ")]
            }));
            console.table(&columns(&table, &[]))?;
            let more = self.more();
            if !more.is_empty() {
                console.table(&more)?;
            }
        }
        Ok(())
    }

    /// The curves of a picture with the names of their methods.
    fn curves(&self, picture: usize) -> impl Iterator<Item = (&str, &FlippingCurve)> {
        let row = self
            .flipping
            .and_then(|flipping| flipping.rows.get(picture));
        let curves = row.map(|row| &*row.curves).unwrap_or_default().iter();
        curves.filter_map(|(method, curve)| Some((method.name(), curve.as_ref().ok()?)))
    }

    fn json_of(&self, picture: usize, row: &RelevanceRow) -> Value {
        let gaps: Vec<Option<f64>> = row.maps.iter().map(|m| m.conservation_gap).collect();
        let mut all = json!({ "picture": name(row), "logit": row.logit, "gaps": gaps });
        if !row.beside.is_empty() {
            let beside = row.beside.iter().map(|beside| match &beside.map {
                Ok(map) => json!({
                    "method": beside.method.name(),
                    "agreement": beside.agreement,
                    "gap": map.conservation_gap,
                }),
                Err(why) => json!({ "method": beside.method.name(), "error": why.to_string() }),
            });
            all["beside"] = beside.collect();
        }
        if self.has_regions {
            let regions = row.every_map().map(|map| json!(map.regions));
            all["regions"] = regions.collect();
        }
        if self.flipping.is_some() {
            let flips = self.curves(picture).map(|(method, curve)| {
                json!({
                    "method": method,
                    "area": curve.area,
                    "random_area": curve.random_area(),
                    "gain": curve.gain(),
                    "curve": curve,
                })
            });
            all["flip"] = flips.collect();
        }
        all
    }

    /// What was asked for beside the verdicts, in lines.
    fn more(&self) -> String {
        let mut text = String::new();
        for (picture, row) in self.relevance.rows.iter().enumerate() {
            let name = name(row);
            for beside in &row.beside {
                let method = beside.method.name();
                let _ = match &beside.map {
                    Ok(_) => {
                        let agreement = beside.agreement;
                        writeln!(text, "{name}: {method}: rank correlation {agreement:.3}")
                    }
                    Err(why) => writeln!(text, "{name}: {method}: {why}"),
                };
            }
            let maps = row.every_map().filter(|_| self.has_regions);
            for region in maps.flat_map(|map| &map.regions) {
                let _ = writeln!(
                    text,
                    "{name}: {}: {:.1} % of the area, {:.1} % of the magnitudes, sum {:.6}",
                    region.part,
                    100.0 * region.area_share,
                    100.0 * region.share,
                    region.sum
                );
            }
            for (method, curve) in self.curves(picture) {
                let _ = writeln!(
                    text,
                    "{name}: {method}: hiding what the map calls important, the output falls by {:.4} on average, by {:.4} in random order",
                    curve.area,
                    curve.random_area()
                );
            }
        }
        text
    }
}

fn name(row: &RelevanceRow) -> String {
    let kind = if row.is_generated { "output" } else { "truth" };
    format!("{kind} {}", row.galaxy + 1)
}

fn gap_text(map: &PoleMap) -> String {
    match map.conservation_gap {
        Some(gap) => format!("{:.3} %", 100.0 * gap),
        None => "not claimed".to_owned(),
    }
}
