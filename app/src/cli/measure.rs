//! `ganoscope measure`: statistics of the regions of a DS9 file, per band.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ganoscope_core::region::{Catalogue, ds9};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io::{self, split_selector};
use ganoscope_core::table::{Table, TableFormat};

use super::Failure;
use super::common::{Common, Console, columns, refuse_to_replace};

/// Arguments of `measure`.
#[derive(Args, Debug)]
pub(super) struct Measure {
    /// Stamps: every image of a file, or one: FILE, FILE[SCI].
    #[arg(value_name = "FILE", num_args = 1.., required = true)]
    input: Vec<String>,
    /// Regions, a DS9 file in image, physical, fk5, icrs or galactic coordinates.
    #[arg(long, value_name = "FILE.reg")]
    regions: PathBuf,
    /// Table to write, .ecsv or .csv; printed when not given.
    #[arg(long, value_name = "TABLE")]
    out: Option<PathBuf>,
}

impl Measure {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        self.check_out()?;
        let text = fs::read(&self.regions)
            .with_context(|| format!("cannot read the file {}", self.regions.display()))?;
        // DS9 writes ASCII; words in another encoding only lose letters.
        let text = String::from_utf8_lossy(&text);
        let mut catalogue = Catalogue::new();
        for (index, input) in self.input.iter().enumerate() {
            let (path, selector) = split_selector(input);
            for stamp in io::read(Path::new(path), selector.as_ref())? {
                let grid = Grid::of(&stamp);
                let file = ds9::read(&text, &grid).map_err(|error| {
                    anyhow!("{error} (for {input}): {}", self.regions.display())
                })?;
                if index == 0 && catalogue.is_empty() {
                    for warning in &file.warnings {
                        console.note(&format!("warning: {warning}: {}", self.regions.display()));
                    }
                }
                catalogue.add(&stamp, &grid, &file.regions);
            }
        }
        if catalogue.is_empty() {
            let why = "it has no region that includes pixels";
            return Err(anyhow!("{why}: {}", self.regions.display()).into());
        }
        let mut table = catalogue.table()?;
        table.meta = self.meta();
        match &self.out {
            Some(out) => table.write(out)?,
            None if common.json => console.table(&json(&table)?)?,
            None => console.table(&plain(&table))?,
        }
        Ok(())
    }

    fn check_out(&self) -> Result<(), Failure> {
        let Some(out) = &self.out else {
            return Ok(());
        };
        if TableFormat::from_path(out).is_none() {
            let what = format!("--out is a table, .ecsv or .csv, not {}", out.display());
            return Err(Failure::Usage(what));
        }
        let inputs = self
            .input
            .iter()
            .map(|text| Path::new(split_selector(text).0));
        Ok(refuse_to_replace(out, inputs.chain([&*self.regions]))?)
    }

    fn meta(&self) -> Vec<(String, String)> {
        let entry = |key: &str, value: String| (key.to_owned(), value);
        vec![
            entry(
                "program",
                concat!("ganoscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            entry("input", self.input.join(" ")),
            entry("regions", self.regions.display().to_string()),
        ]
    }
}

/// The rows as objects.
pub(super) fn json(table: &Table) -> Result<String, anyhow::Error> {
    use ganoscope_core::table::Values;
    use serde_json::{Map, Value, json};
    let cell = |values: &Values, row: usize| match values {
        Values::Float(v) => json!(v.get(row)),
        Values::Integer(v) => json!(v.get(row)),
        Values::Text(v) => json!(v.get(row)),
        Values::Flag(v) => json!(v.get(row)),
    };
    let row = |row: usize| -> Map<String, Value> {
        let columns = table.columns().iter();
        columns
            .map(|c| (c.name.clone(), cell(&c.values, row)))
            .collect()
    };
    let rows: Vec<_> = (0..table.rows()).map(row).collect();
    Ok(serde_json::to_string_pretty(&json!({ "rows": rows }))?)
}

/// Columns of text, floats with six digits.
pub(super) fn plain(table: &Table) -> String {
    use ganoscope_core::table::Values;
    let cell = |values: &Values, row: usize| match values {
        Values::Float(v) => v.get(row).copied().flatten().map_or_else(String::new, |v| {
            if v.abs() >= 1e5 || (v != 0.0 && v.abs() < 1e-3) {
                format!("{v:.4e}")
            } else {
                format!("{v:.5}")
            }
        }),
        other => other.field(row),
    };
    let mut rows = vec![table.columns().iter().map(|c| c.name.clone()).collect()];
    rows.extend((0..table.rows()).map(|row| {
        let columns = table.columns().iter();
        columns.map(|c| cell(&c.values, row)).collect::<Vec<_>>()
    }));
    columns(&rows, &[2, 3])
}
