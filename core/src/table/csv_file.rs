//! Rows of tables as CSV. Source: RFC 4180.

use super::{Column, Table, TableProblem, Values};

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// As RFC 4180 wants it.
    CrLf,
    /// As ECSV has it.
    Lf,
}

/// The line of names and the rows.
pub(super) fn write(table: &Table, lines: Lines) -> String {
    let ending = match lines {
        Lines::CrLf => "\r\n",
        Lines::Lf => "\n",
    };
    let mut text = String::new();
    let mut put = |fields: Vec<String>| {
        // A lone empty field would be an empty line, which readers leave out.
        let lone = fields.len() == 1;
        let fields: Vec<String> = fields.iter().map(|field| quoted(field, lone)).collect();
        text.push_str(&fields.join(","));
        text.push_str(ending);
    };
    put(table.columns().iter().map(|c| c.name.clone()).collect());
    for row in 0..table.rows() {
        put(table
            .columns()
            .iter()
            .map(|c| c.values.field(row))
            .collect());
    }
    text
}

/// A field in quotes where it needs them. A leading `#` would be a comment to some readers, blanks at the ends get lost.
fn quoted(field: &str, quote_empty: bool) -> String {
    let special = field.contains([',', '"', '\n', '\r', '#']);
    if special || field.trim() != field || (quote_empty && field.is_empty()) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Names and columns of fields of a CSV text.
pub(super) fn fields(
    text: &str,
    delimiter: u8,
) -> Result<(Vec<String>, Vec<Vec<String>>), TableProblem> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut columns = vec![Vec::new(); names.len()];
    for record in reader.records() {
        for (column, field) in columns.iter_mut().zip(&record?) {
            column.push(field.to_owned());
        }
    }
    Ok((names, columns))
}

pub(super) fn read(text: &str) -> Result<Table, TableProblem> {
    let (names, columns) = fields(text, b',')?;
    let columns = names
        .into_iter()
        .zip(columns)
        .map(|(name, fields)| Column::new(name, guessed(&fields)))
        .collect();
    Table::new(columns)
}

/// The values of fields of an unknown type.
fn guessed(fields: &[String]) -> Values {
    fn all<T>(fields: &[String], parse: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
        let value = |field: &String| match field.as_str() {
            "" => Some(None),
            text => Some(Some(parse(text)?)),
        };
        fields.iter().map(value).collect()
    }
    let anything = fields.iter().any(|field| !field.is_empty());
    None.or_else(|| all(fields, |text| text.parse().ok()).map(Values::Integer))
        .or_else(|| all(fields, |text| text.parse().ok()).map(Values::Float))
        .or_else(|| all(fields, flag).map(Values::Flag))
        .filter(|_| anything)
        .unwrap_or_else(|| {
            let text = |field: &String| Some(field.clone()).filter(|field| !field.is_empty());
            Values::Text(fields.iter().map(text).collect())
        })
}

/// `True`, `False` and what other programs write for them.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "True" | "true" | "TRUE" => Some(true),
        "False" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}
