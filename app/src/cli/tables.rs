//! Tables as the commands give them: to a file, as JSON, or as columns of text.

use std::path::Path;

use ganoscope_core::table::{Table, TableFormat};

use super::Failure;
use super::common::{Common, Console, columns, refuse_to_replace};

/// Refuses a table that has another ending than .ecsv or .csv, or that would be written over one of `inputs`.
pub(super) fn check_table<'a>(
    out: Option<&Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), Failure> {
    let Some(out) = out else {
        return Ok(());
    };
    if TableFormat::from_path(out).is_none() {
        let what = format!("--out is a table, .ecsv or .csv, not {}", out.display());
        return Err(Failure::Usage(what));
    }
    Ok(refuse_to_replace(out, inputs)?)
}

/// Which program a table was made by, for its header.
pub(super) fn made_by_program() -> (String, String) {
    let program = concat!("ganoscope ", env!("CARGO_PKG_VERSION"));
    ("program".to_owned(), program.to_owned())
}

/// Writes a table to `out`, or prints it where there is none.
pub(super) fn put_table(
    table: &Table,
    out: Option<&Path>,
    common: &Common,
    console: Console,
) -> Result<(), Failure> {
    match out {
        Some(out) => table.write(out)?,
        None if common.json => console.table(&json(table)?)?,
        None => console.table(&plain(table))?,
    }
    Ok(())
}

/// The rows as objects.
fn json(table: &Table) -> Result<String, anyhow::Error> {
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
fn plain(table: &Table) -> String {
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
