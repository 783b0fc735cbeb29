//! What is known of a picture's file: its format and size, its pixels and their meaning, its cards.

use std::fs;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::jobs::{Fact, Failure, FileInfo, Scene};
use crate::sky::Grid;
use crate::stamp::io::{Format, Header, Selector, read, read_headers};
use crate::stamp::{RowOrder, Stamp, ValueRange};

/// Describes the file of a scene.
pub(super) fn describe(scene: &Scene) -> Result<FileInfo, Failure> {
    let path = &scene.picture.path;
    let fail = |error: std::io::Error| Failure::from(error).at(path);
    let size_bytes = fs::metadata(path).map_err(fail)?.len();
    let mut head = Vec::new();
    let mut start = File::open(path).map_err(fail)?.take(4096);
    start.read_to_end(&mut head).map_err(fail)?;
    let is_packed = head.starts_with(b"\x1f\x8b");
    let format = Format::sniff(&head);
    // What is packed may be FITS too: reading its headers tells.
    let (headers, stopped) = match format {
        Some(Format::Fits) => read_headers(path)?,
        None if is_packed => read_headers(path).unwrap_or_default(),
        _ => (Vec::new(), None),
    };
    let name = match format {
        Some(format) => format.name().to_owned(),
        None if !headers.is_empty() => "FITS, packed by gzip".to_owned(),
        None if is_packed => "packed by gzip".to_owned(),
        None => "unknown".to_owned(),
    };
    let mut facts = vec![
        Fact::new("format", name),
        Fact::new("size of the file", bytes_text(size_bytes)),
    ];
    facts.extend(pixel_facts(scene));
    facts.extend(calibration_facts(&scene.blend));
    Ok(FileInfo {
        path: path.clone(),
        images: images_of(path, format, &headers),
        facts,
        headers,
        stopped: stopped.map(|error| error.to_string()),
    })
}

/// The pictures of a file: the images of a FITS file by their numbers, those of other formats by their names.
fn images_of(path: &Path, format: Option<Format>, headers: &[Header]) -> Vec<(Selector, String)> {
    let images: Vec<(Selector, String)> = match format {
        _ if !headers.is_empty() => headers.iter().filter_map(image_of).collect(),
        Some(Format::Npz | Format::Safetensors | Format::TfRecord) => {
            // The scene was read from it before, so this seldom fails.
            let stamps = read(path, None).unwrap_or_default();
            let named = |stamp: &Stamp| {
                let [bands, rows, columns] = stamp.dims();
                let text = format!("{}: {columns} x {rows}, bands {bands}", stamp.name);
                (Selector::name(&*stamp.name), text)
            };
            stamps.iter().map(named).collect()
        }
        _ => Vec::new(),
    };
    if images.len() > 1 { images } else { Vec::new() }
}

/// The image of an HDU, compressed ones too, if it has one of rows and columns.
fn image_of(header: &Header) -> Option<(Selector, String)> {
    let prefix = if header.flag("ZIMAGE") == Some(true) {
        "Z"
    } else {
        ""
    };
    let is_image = match header.text("XTENSION").map(str::trim) {
        None | Some("IMAGE") => true,
        Some(_) => prefix == "Z",
    };
    let axis = |n: i64| {
        header
            .integer(&format!("{prefix}NAXIS{n}"))
            .filter(|n| *n > 0)
    };
    let count = header.integer(&format!("{prefix}NAXIS"))?;
    let axes: Option<Vec<i64>> = (1..=count.clamp(0, 9)).map(axis).collect();
    let axes = axes.filter(|axes| is_image && axes.len() >= 2)?;
    let size: Vec<String> = axes.iter().map(ToString::to_string).collect();
    let name = header.name().unwrap_or_default();
    let text = format!("{} {name}: {}", header.index, size.join(" x "));
    Some((Selector::Index(header.index), text))
}

fn pixel_facts(scene: &Scene) -> Vec<Fact> {
    let Scene { blend, truths, .. } = scene;
    let [rows, columns] = blend.size_in_file();
    let mut facts = vec![Fact::new("pixels", format!("{columns} x {rows}"))];
    if let Some(reduction) = blend.reduction {
        let factor = reduction.factor;
        let text = format!(
            "{} x {}, each the mean of {factor} x {factor}",
            blend.width, blend.height
        );
        facts.push(Fact::new("shown as", text));
    }
    let bands = match (blend.channels, blend.bands.as_slice()) {
        (count, []) => count.to_string(),
        (count, names) => format!("{count}: {}", names.join(", ")),
    };
    facts.push(Fact::new("bands", bands));
    if !truths.is_empty() {
        facts.push(Fact::new("galaxies with truth", truths.len().to_string()));
    }
    let ValueRange { low, high } = scene.range_in_file;
    let how = if scene.is_range_guessed {
        "guessed from the pixels"
    } else {
        "said by the file or its format"
    };
    facts.push(Fact::new(
        "black and white",
        format!("{low} to {high}, {how}"),
    ));
    let in_file = |value: f32| ValueRange::UNIT.map_to(scene.range_in_file, value);
    let extremes = blend.finite_extremes().map_or_else(
        || "none".to_owned(),
        |(low, high)| format!("{} to {}", in_file(low), in_file(high)),
    );
    facts.push(Fact::new("values", extremes));
    facts.push(Fact::new("missing values", blend.missing().to_string()));
    let order = match blend.rows {
        RowOrder::TopDown => "top first",
        RowOrder::BottomUp => "bottom first",
    };
    facts.push(Fact::new("rows in the file", order));
    facts
}

/// What turns the stored numbers into light and directions on the sky.
fn calibration_facts(blend: &Stamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (keyword, name) in [
        ("BUNIT", "unit of the values"),
        ("BSCALE", "scale of the stored numbers"),
        ("BZERO", "zero of the stored numbers"),
        ("BLANK", "stored number that means missing"),
        ("PHOTFLAM", "flux density per count"),
        ("MAGZERO", "magnitude of one count"),
        ("EXPTIME", "exposure time, seconds"),
    ] {
        if let Some(value) = blend.card(keyword).filter(|value| !value.is_empty()) {
            facts.push(Fact::new(name, format!("{value} ({keyword})")));
        }
    }
    let grid = Grid::of(blend);
    facts.push(match grid.wcs() {
        Ok(wcs) => Fact::new("sky coordinates", wcs.frame().name()),
        Err(why) => Fact::new("sky coordinates", format!("none: {why}")),
    });
    facts
}

/// `512 bytes`, `1.6 GB`.
fn bytes_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = UNITS.iter().find(|(size, _)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(size, name)| format!("{:.1} {name}", bytes as f64 / *size as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::bytes_text;

    #[test]
    fn sizes_are_said_shortly() {
        assert_eq!(bytes_text(512), "512 bytes");
        assert_eq!(bytes_text(2880), "2.9 kB");
        assert_eq!(bytes_text(1_600_008_640), "1.6 GB");
    }
}
