//! ECSV 1.0: CSV after a YAML header with types, units and descriptions.
//!
//! Invariant: what is written is read by astropy and by this reader with equal values, types, units and `meta`. Source: Astropy
//! proposal for enhancement 6 (ECSV 1.0).

use super::csv_file::{self, Lines};
use super::yaml;
use super::{Column, Table, TableProblem, Values};

pub(super) fn write(table: &Table) -> String {
    let mut lines = vec![
        "%ECSV 1.0".to_owned(),
        "---".to_owned(),
        "delimiter: ','".to_owned(),
        "datatype:".to_owned(),
    ];
    for column in table.columns() {
        let datatype = match column.values {
            Values::Float(_) => "float64",
            Values::Integer(_) => "int64",
            Values::Text(_) => "string",
            Values::Flag(_) => "bool",
        };
        let mut entry = format!("- {{name: {}, ", yaml::quoted(&column.name));
        if !column.unit.is_empty() {
            entry.push_str(&format!("unit: {}, ", yaml::quoted(&column.unit)));
        }
        entry.push_str(&format!("datatype: {datatype}"));
        if !column.description.is_empty() {
            let description = yaml::quoted(&column.description);
            entry.push_str(&format!(", description: {description}"));
        }
        entry.push('}');
        lines.push(entry);
    }
    if !table.meta.is_empty() {
        lines.push("meta: !!omap".to_owned());
        for (key, value) in &table.meta {
            lines.push(format!(
                "- {{{}: {}}}",
                yaml::quoted(key),
                yaml::quoted(value)
            ));
        }
    }
    lines.push("schema: astropy-2.0".to_owned());
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("# {line}\n"));
    }
    text.push_str(&csv_file::write(table, Lines::Lf));
    text
}

/// Parts of a header.
#[derive(Debug, Default)]
struct Head {
    delimiter: Option<u8>,
    columns: Vec<Vec<(String, String)>>,
    meta: Vec<(String, String)>,
}

pub(super) fn read(text: &str) -> Result<Table, TableProblem> {
    let mut lines = text.lines();
    if !lines
        .next()
        .is_some_and(|line| line.starts_with("# %ECSV "))
    {
        return Err(TableProblem::NoEcsv);
    }
    let header: Vec<&str> = lines.take_while(|line| line.starts_with('#')).collect();
    let head = Head::read(&header)?;
    let start: usize = text
        .split_inclusive('\n')
        .take(header.len() + 1)
        .map(str::len)
        .sum();
    let body = text.get(start..).unwrap_or_default();
    let (names, columns) = csv_file::fields(body, head.delimiter.unwrap_or(b' '))?;
    let said: Vec<&str> = head.columns.iter().map(|c| value(c, "name")).collect();
    if names != said {
        return Err(TableProblem::Names {
            found: names.join(", "),
            expected: said.join(", "),
        });
    }
    let mut read = Vec::new();
    for (entry, fields) in head.columns.iter().zip(columns) {
        let name = value(entry, "name");
        read.push(Column {
            name: name.to_owned(),
            unit: value(entry, "unit").to_owned(),
            description: value(entry, "description").to_owned(),
            values: values(name, value(entry, "datatype"), &fields)?,
        });
    }
    let mut table = Table::new(read)?;
    table.meta = head.meta;
    Ok(table)
}

/// The value of a key, or nothing.
fn value<'a>(entry: &'a [(String, String)], key: &str) -> &'a str {
    let found = entry.iter().find(|(name, _)| name == key);
    found.map_or("", |(_, value)| value)
}

impl Head {
    /// Understands `delimiter`, the list `datatype` and a flat `meta`; other keys are left out.
    fn read(header: &[&str]) -> Result<Self, TableProblem> {
        let mut head = Self::default();
        let mut list = String::new();
        for (number, content) in joined(header) {
            let problem = |why: String| TableProblem::Header { line: number, why };
            if let Some(item) = content.strip_prefix("- ") {
                match list.as_str() {
                    "datatype" => head
                        .columns
                        .push(yaml::flow_mapping(item).map_err(problem)?),
                    // Nested values of other programs are left out.
                    "meta" => head
                        .meta
                        .extend(yaml::flow_mapping(item).unwrap_or_default()),
                    _ => {}
                }
                continue;
            }
            if content == "---" || content.is_empty() {
                continue;
            }
            let (key, value) = yaml::entry(&content).map_err(problem)?;
            match (key.as_str(), value.as_str()) {
                ("delimiter", ",") => head.delimiter = Some(b','),
                ("delimiter", " ") => head.delimiter = Some(b' '),
                ("delimiter", other) => {
                    return Err(problem(format!(
                        "the delimiter is `{other}`, expected `,` or a blank"
                    )));
                }
                // `{__serialized_columns__: ...}` and the like.
                ("meta", value) if value.starts_with('{') => {
                    head.meta
                        .extend(yaml::flow_mapping(value).unwrap_or_default());
                }
                _ => {}
            }
            list = key;
        }
        Ok(head)
    }
}

/// Header lines without `# `, with lines that go on joined, and their numbers in the file.
fn joined(header: &[&str]) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in header.iter().enumerate() {
        let content = line.strip_prefix('#').unwrap_or(line);
        let content = content.strip_prefix(' ').unwrap_or(content).trim_end();
        match lines.last_mut() {
            Some((_, last)) if content.starts_with("  ") => {
                last.push(' ');
                last.push_str(content.trim_start());
            }
            _ => lines.push((index + 2, content.to_owned())),
        }
    }
    lines
}

fn values(column: &str, datatype: &str, fields: &[String]) -> Result<Values, TableProblem> {
    match datatype {
        "float16" | "float32" | "float64" | "float128" => {
            parsed(column, fields, "a number", |text| text.parse().ok()).map(Values::Float)
        }
        "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64" => {
            parsed(column, fields, "an integer", |text| text.parse().ok()).map(Values::Integer)
        }
        "bool" => parsed(column, fields, "True or False", csv_file::flag).map(Values::Flag),
        _ => parsed(column, fields, "text", |text| Some(text.to_owned())).map(Values::Text),
    }
}

fn parsed<T>(
    column: &str,
    fields: &[String],
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, TableProblem> {
    let value = |(index, field): (usize, &String)| match (field.as_str(), parse(field)) {
        ("", _) => Ok(None),
        (_, Some(value)) => Ok(Some(value)),
        (_, None) => Err(TableProblem::Field {
            row: index + 1,
            column: column.to_owned(),
            found: field.clone(),
            expected,
        }),
    };
    fields.iter().enumerate().map(value).collect()
}
