//! Regions, headers and what files of results say of themselves.

use std::fs;

use ganoscope_core::stamp::io::{self, Format, Selector};
use ganoscope_core::stamp::{Card, Stamp, ValueRange};
use ganoscope_core::table::{Table, Values};

use crate::desk::{Desk, Outcome, SIZE, assert_close, stamp};

/// The stamp of the desk with bands, coordinates and a unit, as FITS.
fn field(desk: &Desk) -> Outcome {
    let mut stamp = stamp();
    stamp.bands = ["g", "r", "z"].map(str::to_owned).to_vec();
    stamp.cards = vec![
        Card::text("CTYPE1", "RA---TAN"),
        Card::text("CTYPE2", "DEC--TAN"),
        Card::value("CRPIX1", 8),
        Card::value("CRPIX2", 8),
        Card::value("CRVAL1", 150.0),
        Card::value("CRVAL2", 2.0),
        Card::value("CDELT1", -0.001),
        Card::value("CDELT2", 0.001),
        Card::text("BUNIT", "adu"),
    ];
    io::write(&desk.path("field.fits"), &[stamp], Format::Fits, &[])?;
    let regions = "# Region file format: DS9 version 4.1\nglobal color=green\nimage\n\
        box(3,2,3,1,0) # text={low, left}\n-circle(3,2,0.4)\npoint(1,1)\nfk5; circle(150.0,2.0,0.3\")\n";
    fs::write(desk.path("field.reg"), regions)?;
    Ok(())
}

fn floats(table: &Table, name: &str) -> Vec<Option<f64>> {
    match table.column(name).map(|column| &column.values) {
        Some(Values::Float(values)) => values.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn measure_writes_one_row_per_region_and_band() -> Outcome {
    let desk = Desk::new()?;
    field(&desk)?;
    let output = desk.line("measure field.fits --regions field.reg --out out.ecsv")?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("warning: line 6: the shape point is not understood"),
        "{said}"
    );
    let table = Table::from_ecsv(&fs::read_to_string(desk.path("out.ecsv"))?)?;
    assert_eq!(table.rows(), 6);
    let column = |name: &str| table.column(name).ok_or("no column");
    assert_eq!(column("region")?.values, vec![1_i64, 1, 1, 3, 3, 3].into());
    assert_eq!(column("band")?.values.field(4), "r");
    assert_eq!(column("text")?.values.field(0), "low, left");
    assert_eq!(
        (column("sum")?.unit.as_str(), column("ra")?.unit.as_str()),
        ("adu", "deg")
    );
    // FITS row 2 is the second from the bottom.
    let stamp = stamp();
    let row = (SIZE - 2) * SIZE;
    let hole = std::f64::consts::PI * 0.16;
    for band in 0..3 {
        let value = |column: usize| f64::from(stamp.plane(band)[row + column]);
        let sum = value(1) + value(3) + (1.0 - hole) * value(2);
        let found = floats(&table, "sum")[band].ok_or("a sum")?;
        assert!((found - sum).abs() < 1e-6, "{found} {sum}");
        let area = floats(&table, "area")[band].ok_or("an area")?;
        assert!((area - (3.0 - hole)).abs() < 1e-9);
        // The reference pixel is (8, 8).
        let mean = floats(&table, "mean")[3 + band].ok_or("a mean")?;
        let wanted = f64::from(stamp.plane(band)[(SIZE - 8) * SIZE + 7]);
        assert!((mean - wanted).abs() < 1e-6);
    }
    let ra = floats(&table, "ra")[0].ok_or("a position")?;
    assert!((ra - 150.005).abs() < 1e-4, "{ra}");

    desk.done("measure field.fits --regions field.reg --out out.csv --quiet")?;
    let csv = Table::from_csv(&fs::read_to_string(desk.path("out.csv"))?)?;
    assert_eq!(floats(&csv, "sum"), floats(&table, "sum"));
    let text = desk.done("measure field.fits --regions field.reg --json")?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(json["rows"][5]["band"], "z");
    let text = desk.done("measure field.fits[a] --regions field.reg")?;
    assert!(text.contains("low, left"), "{text}");
    Ok(())
}

#[test]
fn measure_names_what_is_wrong() -> Outcome {
    let desk = Desk::new()?;
    field(&desk)?;
    fs::write(desk.path("bad.reg"), "image\nellipse(1,2,3,4,5,6,0)\n")?;
    fs::write(desk.path("none.reg"), "image\n-circle(1,2,3)\n")?;
    fs::write(desk.path("sky.reg"), "fk5\ncircle(150,2,1\")\n")?;
    let error = desk.failed("measure field.fits --regions bad.reg --out out.csv")?;
    assert!(
        error.contains("line 2, column 1") && error.ends_with("bad.reg"),
        "{error}"
    );
    let error = desk.failed("measure field.fits --regions none.reg --out out.csv")?;
    assert!(error.contains("no region that includes pixels"), "{error}");
    let error = desk.failed("measure a.fits --regions sky.reg --out out.csv")?;
    assert!(error.contains("the file has no sky coordinates"), "{error}");
    let error = desk.failed("measure field.fits --regions absent.reg --out out.csv")?;
    assert!(error.contains("absent.reg"), "{error}");
    assert!(!desk.path("out.csv").exists());
    let output = desk.line("measure field.fits --regions field.reg --out out.txt")?;
    assert_eq!(output.status.code(), Some(2));
    let before = fs::read(desk.path("field.reg"))?;
    fs::copy(desk.path("field.reg"), desk.path("same.csv"))?;
    let error = desk.failed("measure field.fits --regions same.csv --out same.csv")?;
    assert!(error.contains("would replace"), "{error}");
    assert_eq!(fs::read(desk.path("same.csv"))?, before);
    Ok(())
}

#[test]
fn header_shows_every_card_and_what_breaks_the_standard() -> Outcome {
    let desk = Desk::new()?;
    field(&desk)?;
    let text = desk.done("header field.fits")?;
    for part in [
        "HDU 0\n",
        "HDU 1 a\n",
        "CTYPE1",
        "'RA---TAN'",
        "black level",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = desk.done("header field.fits[a] --json")?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(json["hdus"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["hdus"][0]["name"], "a");
    assert_eq!(json["hdus"][0]["cards"][0]["keyword"], "XTENSION");
    let error = desk.failed("header b.png")?;
    assert!(error.contains("this is a PNG file"), "{error}");
    let error = desk.failed("header field.fits[SCI]")?;
    assert!(error.contains("no HDU [SCI]"), "{error}");

    // A file whose second header lost a card: the first is shown, the error names the card.
    let mut bytes = fs::read(desk.path("field.fits"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.find("NAXIS1  =").ok_or("a card")?;
    bytes[at..at + 30].copy_from_slice(b"NAXIS1  =               broken");
    let odd = text
        .find("BITPIX  =                    8")
        .ok_or("a card")?;
    bytes[odd + 80..odd + 110].copy_from_slice(b"NAXIS   =                    0");
    fs::write(desk.path("broken.fits"), bytes)?;
    let output = desk.line("header broken.fits")?;
    let (shown, said) = (
        String::from_utf8(output.stdout)?,
        String::from_utf8(output.stderr)?,
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        shown.contains("HDU 0") && !shown.contains("HDU 1"),
        "{shown}"
    );
    assert!(
        said.contains("NAXIS1 is `broken`, not an integer"),
        "{said}"
    );
    Ok(())
}

#[test]
fn fits_results_have_their_names_coordinates_and_provenance() -> Outcome {
    let desk = Desk::new()?;
    field(&desk)?;
    let mut pictures = vec![io::read_one(&desk.path("field.fits"), None)?];
    for (name, level) in [("GALAXY1", 0.25), ("GALAXY2", 0.5)] {
        let pixels = vec![level; 3 * SIZE * SIZE];
        pictures.push(Stamp::new(name, pixels, [3, SIZE, SIZE], ValueRange::UNIT));
    }
    pictures[0].name = "BLEND".into();
    io::write(&desk.path("blend.fits"), &pictures, Format::Fits, &[])?;
    let text = desk.done("run series --input blend.fits --out out --retain conv_in --json")?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(
        json["files"][0]["names"],
        serde_json::json!(["OUT1", "OUT2", "ACT_conv_in"])
    );
    let path = desk.path("out/blend.fits");
    let read = io::read(&path, None)?;
    let names: Vec<&str> = read.iter().map(|stamp| &*stamp.name).collect();
    assert_eq!(
        names,
        [
            "INPUT",
            "OUT1",
            "OUT2",
            "ACT_conv_in",
            "RESID",
            "TRUTH1",
            "TRUTH2"
        ]
    );
    assert_eq!(read[0].pixels, pictures[0].pixels);
    // The outputs are in the range of the input beside them, so that one less the other is the residual.
    let signed = &desk.expected("conv_in")?[1];
    let unit: Vec<f32> = signed.iter().map(|v| f32::midpoint(*v, 1.0)).collect();
    assert_close(&read[2].pixels, &unit, 1e-6);
    assert_eq!(read[2].range, read[0].range);
    for at in [0, 7, 300] {
        let made = read[1].pixels[at].max(read[2].pixels[at]);
        let residual = read[0].pixels[at] - made;
        assert!((read[4].pixels[at] - residual).abs() < 1e-6);
    }
    for stamp in &read[..4] {
        assert_eq!(stamp.card("CRVAL1"), Some("150"), "{}", stamp.name);
        assert_eq!(stamp.card("GANSTEP"), Some("40"));
        assert_eq!(stamp.card("GANROLE"), Some("generator"));
        assert_eq!(stamp.card("GANEDITS"), Some("0"));
        assert!(stamp.card("GANHASH").is_some_and(|hash| hash.len() == 64));
    }
    // The result opens as a blend with its truths, and what is made of it says its own provenance.
    let blend = io::read_blend(&path)?;
    assert_eq!((&*blend.blend.name, blend.truths.len()), ("INPUT", 2));
    desk.done("run series@5 --input out/blend.fits --out again")?;
    let header = io::read_header(&desk.path("again/blend.fits"))?;
    assert_eq!(header[0].text("GANSTEP"), Some("5"));
    assert!(header[1..].iter().all(|h| h.text("GANSTEP").is_none()));
    desk.done("relevance series --input out/blend.fits[INPUT] --out rel.fits --method zplus")?;
    let map = io::read(&desk.path("rel.fits"), Some(&Selector::name("REL_D")))?;
    assert_eq!(map[0].card("CRVAL1"), Some("150"));
    Ok(())
}
