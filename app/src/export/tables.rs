//! The tables of the views: measures, metrics of checkpoints, statistics of units, verdicts, layers.
//!
//! Invariant: a table says in its header what it was made from; values are those on the screen, without rounding.

use std::collections::BTreeMap;

use ganoscope_core::graph::Graph;
use ganoscope_core::jobs::{CheckpointInfo, Measures, RelevancePreview, TimelinePoint, UnitMaps};
use ganoscope_core::table::{Column, Table, TableProblem};

use super::Shown;
use crate::views::ViewKey;

/// The table of a view.
///
/// # Errors
/// Why there is none, in words for a person.
pub fn table(shown: &Shown<'_>) -> Result<Table, String> {
    let made = match shown.view {
        ViewKey::Deblend => measures_table(&shown.deblend()?.measures),
        ViewKey::Units => units_table(shown, shown.units()?),
        ViewKey::Relevance => verdicts_table(shown.relevance()?),
        ViewKey::Timeline => {
            timeline_table(&shown.series()?.checkpoints, &shown.results.timeline.points)
        }
        ViewKey::Layers => layers_table(shown.graph()?),
        ViewKey::Regions => {
            return Err("the commands of regions write this table: Save region table…".to_owned());
        }
        ViewKey::Compare | ViewKey::Header => {
            let view = shown.view.title();
            return Err(format!("what {view} shows is no table"));
        }
    };
    let mut table = made.map_err(|error| error.to_string())?;
    table.meta = meta(shown);
    Ok(table)
}

fn meta(shown: &Shown<'_>) -> Vec<(String, String)> {
    let mut meta = vec![(
        "program".to_owned(),
        concat!("ganoscope ", env!("CARGO_PKG_VERSION")).to_owned(),
    )];
    let mut say = |key: &str, value: String| meta.push((key.to_owned(), value));
    if let Some(series) = shown.results.series.shown() {
        say("series", series.path.display().to_string());
        if let Some(step) = shown.document.step_in(series)
            && shown.view != ViewKey::Timeline
        {
            say("step", step.to_string());
        }
    }
    if matches!(shown.view, ViewKey::Layers | ViewKey::Timeline) {
        return meta;
    }
    if let Some(input) = &shown.document.input {
        say("input", input.to_string());
    }
    let edits = shown.document.edits.edits.iter().filter(|e| e.enabled);
    for edit in edits {
        let masked = || format!("{} within a mask", edit.units);
        say("edit", edit.terse().unwrap_or_else(masked));
    }
    meta
}

/// One row per galaxy, pixels in the 0 to 1 range of the blend, places from the upper left pixel, from 0.
///
/// # Errors
/// Never for measures; as [`Table::new`].
pub fn measures_table(measures: &[Measures]) -> Result<Table, TableProblem> {
    let of = |value: &dyn Fn(&Measures) -> Option<f64>| -> Vec<Option<f64>> {
        measures.iter().map(value).collect()
    };
    let galaxy: Vec<i64> = (1..=measures.len() as i64).collect();
    Table::new(vec![
        Column::new("galaxy", galaxy),
        Column::new("psnr", of(&|m| m.psnr))
            .with_unit("dB")
            .with_description("peak signal-to-noise ratio against the truth"),
        Column::new("psnr_of_blend", of(&|m| m.psnr_of_blend))
            .with_unit("dB")
            .with_description("of the blend itself against the truth"),
        Column::new("ssim", of(&|m| m.ssim))
            .with_description("structural similarity to the truth, at most 1"),
        Column::new("flux", of(&|m| m.flux))
            .with_description("light above the sky, mean over bands"),
        Column::new("flux_of_truth", of(&|m| m.flux_of_truth)),
        Column::new("x", of(&|m| Some(m.centroid?[0])))
            .with_unit("pix")
            .with_description("centre of light, column from the left, from 0"),
        Column::new("y", of(&|m| Some(m.centroid?[1])))
            .with_unit("pix")
            .with_description("centre of light, row from the top, from 0"),
        Column::new("x_of_truth", of(&|m| Some(m.centroid_of_truth?[0]))).with_unit("pix"),
        Column::new("y_of_truth", of(&|m| Some(m.centroid_of_truth?[1]))).with_unit("pix"),
    ])
}

/// One row per unit, in the order of the layer.
fn units_table(shown: &Shown<'_>, maps: &UnitMaps) -> Result<Table, TableProblem> {
    let of = |value: &dyn Fn(usize) -> f32| -> Vec<f64> {
        (0..maps.units()).map(|u| f64::from(value(u))).collect()
    };
    let edits = &shown.document.edits;
    let strength = |unit: usize| {
        let unit = ganoscope_core::edit::Unit::new(maps.layer.clone(), unit);
        edits.scale_of(&unit)
    };
    let mut columns = vec![
        Column::new("layer", vec![maps.layer.to_string(); maps.units()]),
        Column::new("unit", (0..maps.units() as i64).collect::<Vec<i64>>()),
        Column::new("mean", of(&|u| maps.ranges[u].mean))
            .with_description("over the pixels of this picture, before edits"),
        Column::new("min", of(&|u| maps.ranges[u].min)),
        Column::new("max", of(&|u| maps.ranges[u].max)),
        Column::new(
            "strength",
            (0..maps.units()).map(strength).collect::<Vec<f64>>(),
        )
        .with_description("the factor of its slider; 1 without edits"),
    ];
    let stats = shown.results.unit_stats.as_ref();
    let stats = stats.filter(|s| s.layer == maps.layer && s.mean_abs.len() == maps.units());
    if let Some(stats) = stats {
        let over = format!("over {} pictures, step {}", stats.blends, stats.step);
        columns.push(Column::new("mean_abs", stats.mean_abs.clone()).with_description(&*over));
        columns.push(Column::new("max_abs", stats.max_abs.clone()).with_description(over));
    }
    Table::new(columns)
}

/// One row per map.
fn verdicts_table(preview: &RelevancePreview) -> Result<Table, TableProblem> {
    let rows: Vec<_> = preview
        .rows
        .iter()
        .flat_map(|row| row.maps.iter().map(move |map| (row, map)))
        .collect();
    let galaxy: Vec<i64> = rows.iter().map(|(row, _)| row.galaxy as i64 + 1).collect();
    let generated: Vec<bool> = rows.iter().map(|(row, _)| row.is_generated).collect();
    let logit: Vec<f64> = rows.iter().map(|(row, _)| f64::from(row.logit)).collect();
    let pole = |real: Option<bool>| match real {
        Some(true) => "real",
        Some(false) => "fake",
        None => "both",
    };
    let pole: Vec<String> = rows
        .iter()
        .map(|(_, map)| pole(map.is_real_pole).to_owned())
        .collect();
    let sum: Vec<f64> = rows
        .iter()
        .map(|(_, map)| map.map.pixels.iter().map(|v| f64::from(*v)).sum())
        .collect();
    let gap: Vec<Option<f64>> = rows.iter().map(|(_, m)| m.conservation_gap).collect();
    let absorbed: Vec<Option<f64>> = rows.iter().map(|(_, m)| m.absorbed).collect();
    Table::new(vec![
        Column::new("galaxy", galaxy),
        Column::new("generated", generated)
            .with_description("whether the picture is an output; a truth otherwise"),
        Column::new("logit", logit).with_description("above zero for real"),
        Column::new("pole", pole).with_description("the evidence that the map collects"),
        Column::new("sum", sum).with_description("sum of the map"),
        Column::new("gap", gap).with_description("share of the evidence not accounted for"),
        Column::new("absorbed", absorbed).with_description("share of the evidence in biases"),
    ])
}

/// One row per checkpoint: what was measured, and what the training wrote.
///
/// # Errors
/// When names that the training wrote are no names of columns.
pub fn timeline_table(
    checkpoints: &[CheckpointInfo],
    points: &BTreeMap<u64, TimelinePoint>,
) -> Result<Table, TableProblem> {
    let measured = |value: &dyn Fn(&TimelinePoint) -> Option<f64>| -> Vec<Option<f64>> {
        let found = checkpoints.iter().map(|c| points.get(&c.step));
        found.map(|p| value(p?)).collect()
    };
    let steps: Vec<i64> = checkpoints.iter().map(|c| c.step as i64).collect();
    let mut columns = vec![Column::new("step", steps)];
    let galaxies = points.values().map(|p| p.psnr.len()).max().unwrap_or(0);
    for galaxy in 0..galaxies {
        let name = format!("psnr_{}", galaxy + 1);
        let values = measured(&|p| p.psnr.get(galaxy).copied());
        let said = format!("galaxy {}, mean over the pictures with truths", galaxy + 1);
        columns.push(
            Column::new(name, values)
                .with_unit("dB")
                .with_description(said),
        );
    }
    if galaxies > 0 {
        let done = |p: &TimelinePoint| p.failure.is_none();
        columns.push(
            Column::new(
                "psnr_of_blend",
                measured(&|p| done(p).then_some(p.psnr_of_blend)),
            )
            .with_unit("dB"),
        );
        let count = |value: fn(&TimelinePoint) -> usize| -> Vec<Option<i64>> {
            let found = checkpoints.iter().map(|c| points.get(&c.step));
            found.map(|p| Some(value(p?) as i64)).collect()
        };
        let integer = ganoscope_core::table::Values::Integer;
        columns.push(Column::new("pictures", integer(count(|p| p.blends))));
        columns.push(Column::new("left_out", integer(count(|p| p.left_out))));
    }
    let mut names: Vec<&String> = checkpoints.iter().flat_map(|c| c.metrics.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let values: Vec<Option<f64>> = checkpoints
            .iter()
            .map(|c| c.metrics.get(name).copied())
            .collect();
        let said = "written by the training";
        columns.push(Column::new(format!("training_{name}"), values).with_description(said));
    }
    Table::new(columns)
}

/// One row per layer.
fn layers_table(graph: &Graph) -> Result<Table, TableProblem> {
    let layers = &graph.layers;
    let text =
        |value: &dyn Fn(usize) -> String| -> Vec<String> { (0..layers.len()).map(value).collect() };
    let dims = |at: usize| {
        let dims: Vec<String> = layers[at].dims.iter().map(ToString::to_string).collect();
        dims.join("x")
    };
    let reads = |at: usize| {
        let inputs = layers[at].inputs.iter();
        let names: Vec<&str> = inputs.map(|input| &*layers[*input].name).collect();
        names.join(" ")
    };
    Table::new(vec![
        Column::new("layer", text(&|at| layers[at].name.to_string())),
        Column::new("operation", text(&|at| layers[at].summary.clone())),
        Column::new("shape", text(&dims)).with_description("batch left out"),
        Column::new(
            "parameters",
            layers
                .iter()
                .map(|l| l.parameters as i64)
                .collect::<Vec<i64>>(),
        ),
        Column::new(
            "multiply_adds",
            layers
                .iter()
                .map(|l| l.multiply_adds as i64)
                .collect::<Vec<i64>>(),
        )
        .with_description("for one stamp"),
        Column::new("reads", text(&reads)),
    ])
}
