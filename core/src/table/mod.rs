//! Small tables of columns: written and read as ECSV and CSV.
//!
//! Invariant: all columns have as many values as the table has rows. Missing values are `None` in memory and empty fields in
//! files; an empty string cannot be told from a missing one in a file.

mod csv_file;
mod ecsv;
mod error;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;

pub use self::error::{TableError, TableProblem};

/// A column's values, all of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 64-bit floats; NaN is a value, not a missing one.
    Float(Vec<Option<f64>>),
    /// Integers.
    Integer(Vec<Option<i64>>),
    /// Text.
    Text(Vec<Option<String>>),
    /// Truth values.
    Flag(Vec<Option<bool>>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Flag(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The field of one row as files have it; empty when missing. Floats have the fewest digits that read back equal.
    pub fn field(&self, row: usize) -> String {
        let text = match self {
            Self::Float(values) => values.get(row).copied().flatten().map(float_text),
            Self::Integer(values) => values.get(row).copied().flatten().map(|v| v.to_string()),
            Self::Text(values) => values.get(row).cloned().flatten(),
            Self::Flag(values) => {
                let word = |v| if v { "True" } else { "False" };
                values
                    .get(row)
                    .copied()
                    .flatten()
                    .map(|v| word(v).to_owned())
            }
        };
        text.unwrap_or_default()
    }
}

/// A float as Python and Rust read it: `1.0`, `1e-20`, `nan`, `-inf`.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    format!("{value:?}")
}

impl From<Vec<Option<f64>>> for Values {
    fn from(values: Vec<Option<f64>>) -> Self {
        Self::Float(values)
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Self::Float(values.into_iter().map(Some).collect())
    }
}

impl From<Vec<i64>> for Values {
    fn from(values: Vec<i64>) -> Self {
        Self::Integer(values.into_iter().map(Some).collect())
    }
}

impl From<Vec<String>> for Values {
    fn from(values: Vec<String>) -> Self {
        Self::Text(values.into_iter().map(Some).collect())
    }
}

impl From<Vec<bool>> for Values {
    fn from(values: Vec<bool>) -> Self {
        Self::Flag(values.into_iter().map(Some).collect())
    }
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Unit as astropy writes it (`pix`, `deg`, `arcsec`); empty when it has none.
    pub unit: String,
    /// What it is, in words; may be empty.
    pub description: String,
    /// Its values.
    pub values: Values,
}

impl Column {
    /// A column without unit and description.
    pub fn new(name: impl Into<String>, values: impl Into<Values>) -> Self {
        Self {
            name: name.into(),
            unit: String::new(),
            description: String::new(),
            values: values.into(),
        }
    }

    /// The same column with a unit.
    pub fn with_unit(self, unit: impl Into<String>) -> Self {
        Self {
            unit: unit.into(),
            ..self
        }
    }

    /// The same column with a description.
    pub fn with_description(self, description: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            ..self
        }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    /// What the table says of itself, in order: where it comes from and how it was made. CSV drops it.
    pub meta: Vec<(String, String)>,
}

impl Table {
    /// A table of columns that are equally long and have distinct, non-empty names.
    pub fn new(columns: Vec<Column>) -> Result<Self, TableProblem> {
        let rows = columns.first().map_or(0, |column| column.values.len());
        for (index, column) in columns.iter().enumerate() {
            if column.values.len() != rows {
                return Err(TableProblem::Length {
                    column: column.name.clone(),
                    found: column.values.len(),
                    expected: rows,
                });
            }
            let repeated = columns.iter().take(index).any(|c| c.name == column.name);
            if repeated || column.name.trim().is_empty() {
                return Err(TableProblem::Name(column.name.clone()));
            }
        }
        Ok(Self {
            columns,
            meta: Vec::new(),
        })
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The table as ECSV 1.0 with commas: types, units, descriptions and `meta` in a YAML header, then CSV. Source: Astropy
    /// proposal for enhancement 6.
    pub fn to_ecsv(&self) -> String {
        ecsv::write(self)
    }

    /// The table as CSV of RFC 4180: a line of names, then the rows, lines ended by CR LF. Units and `meta` are lost.
    pub fn to_csv(&self) -> String {
        csv_file::write(self, csv_file::Lines::CrLf)
    }

    /// Reads ECSV, also as astropy writes it (blanks as separators).
    pub fn from_ecsv(text: &str) -> Result<Self, TableProblem> {
        ecsv::read(text)
    }

    /// Reads CSV with a line of names. A column is of the first of integer, float, flag and text that fits all its fields.
    pub fn from_csv(text: &str) -> Result<Self, TableProblem> {
        csv_file::read(text)
    }

    /// Writes the table in the format of the path's extension, `.ecsv` or `.csv`; the file appears when it is complete.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        let text = match TableFormat::from_path(path) {
            Some(TableFormat::Ecsv) => self.to_ecsv(),
            Some(TableFormat::Csv) => self.to_csv(),
            None => return Err(TableProblem::UnknownFormat.at(path)),
        };
        crate::atomic::atomic_write(path, |out| std::io::Write::write_all(out, text.as_bytes()))
            .map_err(|error| TableProblem::Write(error).at(path))
    }
}

/// A format of tables.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// Enhanced CSV with types and units.
    #[default]
    Ecsv,
    /// Plain CSV.
    Csv,
}

impl TableFormat {
    /// The format that the extension of a path asks for.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "ecsv" => Some(Self::Ecsv),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}
