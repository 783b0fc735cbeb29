//! The table of Relevance: one row per map, with its doubt, its sums over parts of the picture and its faithfulness.

use ganoscope_core::attribution::SourcePart;
use ganoscope_core::jobs::{PoleMap, RelevancePreview, RelevanceRow};
use ganoscope_core::table::{Column, Table, TableProblem};

use crate::export::Shown;

/// A map with the picture it is of, the name of its method, and the place of that among the methods.
struct Map<'a> {
    row: &'a RelevanceRow,
    picture: usize,
    method: &'a str,
    place: usize,
    /// Rank correlation with the method asked for.
    agreement: Option<f64>,
    pixels: &'a PoleMap,
}

/// One row per map.
pub(super) fn table(shown: &Shown<'_>, preview: &RelevancePreview) -> Result<Table, TableProblem> {
    let maps = maps_of(preview);
    let mut columns = verdicts(&maps);
    columns.extend(sums(&maps));
    columns.extend(gains(shown, &maps));
    Table::new(columns)
}

fn maps_of(preview: &RelevancePreview) -> Vec<Map<'_>> {
    let mut maps = Vec::new();
    for (picture, row) in preview.rows.iter().enumerate() {
        maps.extend(row.maps.iter().map(|map| Map {
            row,
            picture,
            method: &preview.method,
            place: 0,
            agreement: None,
            pixels: map,
        }));
        let beside = row.beside.iter().enumerate();
        maps.extend(beside.filter_map(|(place, beside)| {
            Some(Map {
                row,
                picture,
                method: beside.method.name(),
                place: place + 1,
                agreement: Some(beside.agreement),
                pixels: beside.map.as_ref().ok()?,
            })
        }));
    }
    maps
}

fn verdicts(maps: &[Map<'_>]) -> Vec<Column> {
    let galaxy: Vec<i64> = maps.iter().map(|m| m.row.galaxy as i64 + 1).collect();
    let generated: Vec<bool> = maps.iter().map(|m| m.row.is_generated).collect();
    let picture: Vec<String> = maps.iter().map(|m| m.row.short_name()).collect();
    let logit: Vec<f64> = maps.iter().map(|m| f64::from(m.row.logit)).collect();
    let method: Vec<String> = maps.iter().map(|m| m.method.to_owned()).collect();
    let pole = |real: Option<bool>| match real {
        Some(true) => "real",
        Some(false) => "fake",
        None => "both",
    };
    let pole: Vec<String> = maps
        .iter()
        .map(|m| pole(m.pixels.is_real_pole).to_owned())
        .collect();
    let total = |map: &PoleMap| map.map.pixels.iter().map(|v| f64::from(*v)).sum();
    let sum: Vec<f64> = maps.iter().map(|m| total(m.pixels)).collect();
    let gap: Vec<Option<f64>> = maps.iter().map(|m| m.pixels.conservation_gap).collect();
    let absorbed: Vec<Option<f64>> = maps.iter().map(|m| m.pixels.absorbed).collect();
    let mut columns = vec![
        Column::new("galaxy", galaxy),
        Column::new("generated", generated)
            .with_description("whether the picture is an output; a truth or the blend otherwise"),
        Column::new("picture", picture).with_description("truthN, outN or blend"),
        Column::new("logit", logit)
            .with_description("the explained score; of the discriminator above zero for real"),
        Column::new("method", method),
        Column::new("pole", pole).with_description("the evidence that the map collects"),
        Column::new("sum", sum).with_description("sum of the map"),
        Column::new("gap", gap).with_description("share of the evidence not accounted for"),
        Column::new("absorbed", absorbed).with_description("share of the evidence in biases"),
    ];
    if maps.iter().any(|map| map.agreement.is_some()) {
        let agreement: Vec<Option<f64>> = maps.iter().map(|m| m.agreement).collect();
        let what = "rank correlation of the pixels with those of the first method";
        columns.push(Column::new("agreement", agreement).with_description(what));
    }
    columns
}

/// A column of shares for every part that any picture has.
fn sums(maps: &[Map<'_>]) -> Vec<Column> {
    let parts = maps.iter().flat_map(|m| &m.pixels.regions);
    let mut parts: Vec<SourcePart> = parts.map(|sum| sum.part).collect();
    parts.sort_unstable();
    parts.dedup();
    let column = |part: SourcePart| {
        let share = |m: &Map<'_>| {
            let found = m.pixels.regions.iter().find(|sum| sum.part == part);
            found.map(|sum| sum.share)
        };
        let shares: Vec<Option<f64>> = maps.iter().map(share).collect();
        let name = format!("share_{}", part.to_string().replace(' ', "_"));
        Column::new(name, shares).with_description("share of the map's magnitudes in this part")
    };
    parts.into_iter().map(column).collect()
}

/// Faithfulness, where it was looked at.
fn gains(shown: &Shown<'_>, maps: &[Map<'_>]) -> Vec<Column> {
    let Some(flipping) = shown.results.flipping.ready() else {
        return Vec::new();
    };
    let curve = |m: &Map<'_>| {
        let row = flipping.rows.get(m.picture)?;
        let (method, curve) = row.curves.get(m.place)?;
        curve.as_ref().ok().filter(|_| method.name() == m.method)
    };
    let areas: Vec<Option<f64>> = maps.iter().map(|m| Some(curve(m)?.area)).collect();
    let gains: Vec<Option<f64>> = maps.iter().map(|m| Some(curve(m)?.gain())).collect();
    vec![
        Column::new("flipping_area", areas).with_description(
            "mean fall of the score while the method's important blocks are hidden",
        ),
        Column::new("flipping_gain", gains).with_description("the same beyond random orders"),
    ]
}
