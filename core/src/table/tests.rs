//! Tables against their files.

use super::*;
use crate::seed::hash_uniform;

fn table() -> Table {
    let text = |values: &[&str]| {
        let value = |text: &&str| Some((*text).to_owned()).filter(|text| !text.is_empty());
        Values::Text(values.iter().map(value).collect())
    };
    let mut table = Table::new(vec![
        Column::new("id", vec![1_i64, -2, i64::MAX, i64::MIN])
            .with_description("number: of \"it\" # and {more}, 'said'"),
        Column::new(
            "flux, raw",
            Values::Float(vec![Some(0.1), None, Some(f64::NAN), Some(-1e-300)]),
        )
        .with_unit("adu / s"),
        Column::new("name", text(&["a,b", "", " \"q\" ", "# two\nlines é"])),
        Column::new(
            "good",
            Values::Flag(vec![Some(true), Some(false), None, Some(true)]),
        ),
        Column::new("big", vec![f64::INFINITY, f64::NEG_INFINITY, 1e300, 1.0]),
    ])
    .expect("a table");
    table.meta = vec![
        ("program".to_owned(), "ganoscope 0.1.0".to_owned()),
        (
            "odd: key".to_owned(),
            "line\nbreak \\ \"quoted\" \u{85}{x: 1}".to_owned(),
        ),
    ];
    table
}

/// NaN equals NaN here.
fn assert_same(a: &Table, b: &Table) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

#[test]
fn ecsv_reads_back_equal() {
    let table = table();
    let text = table.to_ecsv();
    assert_same(&Table::from_ecsv(&text).expect(&text), &table);
    let empty = Table::new(vec![Column::new("a", Vec::<f64>::new())]).expect("a table");
    assert_same(&Table::from_ecsv(&empty.to_ecsv()).expect("read"), &empty);
    let lone = Values::Float(vec![None, Some(1.0), None]);
    let lone = Table::new(vec![Column::new("a", lone)]).expect("a table");
    assert_same(&Table::from_ecsv(&lone.to_ecsv()).expect("read"), &lone);
}

#[test]
fn csv_reads_back_without_units() {
    let mut table = table();
    let text = table.to_csv();
    assert!(
        text.starts_with("id,\"flux, raw\",name,good,big\r\n"),
        "{text}"
    );
    assert!(text.contains("-2,,,False,-inf\r\n"), "{text}");
    let read = Table::from_csv(&text).expect("read");
    table.meta.clear();
    for column in &mut table.columns {
        column.unit.clear();
        column.description.clear();
    }
    assert_same(&read, &table);
}

#[test]
fn floats_keep_every_bit() {
    let values: Vec<f64> = hash_uniform("floats", 400, 5)
        .into_iter()
        .enumerate()
        .map(|(i, u)| u * 10_f64.powi(i as i32 - 200))
        .collect();
    let table = Table::new(vec![Column::new("v", values)]).expect("a table");
    assert_same(&Table::from_ecsv(&table.to_ecsv()).expect("read"), &table);
    assert_same(&Table::from_csv(&table.to_csv()).expect("read"), &table);
}

/// As astropy 8.0.2 writes it: `Table(...).write('t.ecsv')`.
#[test]
fn ecsv_of_astropy_is_read() {
    let text = include_str!("astropy.ecsv");
    let table = Table::from_ecsv(text).expect("read");
    assert_eq!(table.rows(), 3);
    let names: Vec<&str> = table.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "flux", "label", "ok"]);
    assert_eq!(table.columns()[0].values, vec![1_i64, 2, 3].into());
    let flux = &table.columns()[1];
    assert_eq!(
        (flux.unit.as_str(), flux.description.as_str()),
        ("Jy", "flux: a 'long' one, with a comma")
    );
    assert_eq!(
        flux.values,
        Values::Float(vec![Some(1.5), None, Some(-2e-7)])
    );
    let label = |text: &str| Some(text.to_owned());
    assert_eq!(
        table.columns()[2].values,
        Values::Text(vec![label("x y"), label("it's"), label("\"q\"")])
    );
    assert_eq!(table.columns()[3].values, vec![true, false, true].into());
    assert!(
        table
            .meta
            .contains(&("origin".to_owned(), "a test: yes".to_owned()))
    );
}

#[test]
fn wrong_tables_are_refused() {
    let long = Column::new("b", vec![1.0, 2.0]);
    let error = Table::new(vec![Column::new("a", vec![1.0]), long]).expect_err("lengths");
    assert_eq!(
        error.to_string(),
        "the column b has 2 values, expected 1 as in the first"
    );
    for names in [["a", "a"], ["a", " "]] {
        assert!(Table::new(names.map(|n| Column::new(n, vec![1.0])).to_vec()).is_err());
    }
    let error = table().write(Path::new("table.txt")).expect_err("format");
    assert!(
        error
            .to_string()
            .ends_with("expected .ecsv or .csv: table.txt")
    );
}

#[test]
fn damaged_files_are_errors_not_panics() {
    let good = table().to_ecsv();
    for (from, to, wanted) in [
        ("%ECSV", "%CSV", "line 1 is not `# %ECSV`"),
        (
            "delimiter: ','",
            "delimiter: ';'",
            "line 3 of the header: the delimiter is `;`",
        ),
        ("datatype: int64", "datatype int64", "line 5 of the header"),
        (
            "-2,,",
            "two,,",
            "row 2 of the column id is `two`, expected an integer",
        ),
        (
            "id,\"flux",
            "ID,\"flux",
            "the names of the columns are `ID, flux, raw",
        ),
        ("-2,,", "-2,", "damaged rows"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        let error = Table::from_ecsv(&bad).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    for (end, _) in good.char_indices() {
        let _ = Table::from_ecsv(&good[..end]);
        let _ = Table::from_csv(&good[..end]);
    }
}
