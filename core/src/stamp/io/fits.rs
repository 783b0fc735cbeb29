//! FITS files: images in the primary HDU and in extensions, all BITPIX, scaled, tile-compressed, or split into bands.
//!
//! Invariant: nothing is allocated before the header's claim was checked against the limit and against the bytes that
//! are there. Source: FITS standard 4.0. The reader is our own because fitsrs 0.4 takes a cut image for a complete one and
//! panics on losslessly compressed floats.

use super::error::StampProblem;
use super::fits_header::{BLOCK, Header, product};
use super::fits_tiles;
use super::numbers::{Endian, Number, Scaling, decode, looks_reversed};
use super::raw::{Raw, guess_range};
use super::{MAX_PIXELS, Selector};
use crate::stamp::{Card, RowOrder, ValueRange};

/// Keyword of the black level in files that this program writes; the pair survives a round trip.
pub(super) const RANGE_LOW: &str = "VRANGELO";
/// Keyword of the white level, see [`RANGE_LOW`].
pub(super) const RANGE_HIGH: &str = "VRANGEHI";

/// One HDU: its header, its axes (fastest first) and the bytes of its data, possibly fewer than the header claims.
pub(super) struct Hdu<'a> {
    pub(super) header: Header,
    pub(super) axes: Vec<usize>,
    pub(super) data: &'a [u8],
    /// Bytes of data that the header claims.
    pub(super) claimed_bytes: u128,
}

impl Hdu<'_> {
    fn is_compressed_image(&self) -> bool {
        self.header.text("XTENSION") == Some("BINTABLE") && self.header.flag("ZIMAGE") == Some(true)
    }

    /// Whether there should be pixels: not in tables, nor in an empty primary HDU.
    fn is_image(&self) -> bool {
        is_image(&self.header, &self.axes) || (self.is_compressed_image() && !self.axes.is_empty())
    }

    /// The data, complete.
    pub(super) fn complete_data(&self) -> Result<&[u8], StampProblem> {
        if (self.data.len() as u128) < self.claimed_bytes {
            return Err(StampProblem::truncated(
                format!("image data of the {}", self.header.part()),
                self.claimed_bytes,
                self.data.len(),
            ));
        }
        Ok(self.data)
    }
}

/// Whether an HDU holds pixels that are stored as they are.
pub(super) fn is_image(header: &Header, axes: &[usize]) -> bool {
    let image = match header.text("XTENSION") {
        None => header.index == 0,
        Some(kind) => matches!(kind, "IMAGE" | "IUEIMAGE"),
    };
    image && !axes.is_empty()
}

/// The HDUs of a file. Bytes after the last HDU that start no extension are ignored, as the standard allows.
pub(super) fn hdus(bytes: &[u8]) -> Result<Vec<Hdu<'_>>, StampProblem> {
    let (hdus, stopped) = hdus_until(bytes);
    stopped.map_or(Ok(hdus), Err)
}

/// The HDUs up to the first that cannot be read, and what is wrong with that one.
pub(super) fn hdus_until(bytes: &[u8]) -> (Vec<Hdu<'_>>, Option<StampProblem>) {
    let mut found = Vec::new();
    let mut rest = bytes;
    while found.is_empty() || rest.starts_with(b"XTENSION") {
        match hdu(found.len(), rest) {
            Ok((hdu, after)) => {
                found.push(hdu);
                rest = after;
            }
            Err(problem) => return (found, Some(problem)),
        }
    }
    (found, None)
}

/// The HDU at the start of `bytes`, and the bytes after it.
fn hdu(index: usize, bytes: &[u8]) -> Result<(Hdu<'_>, &[u8]), StampProblem> {
    let (header, header_bytes) = Header::parse(index, bytes)?;
    let axes = header.axes("")?;
    let claimed_bytes = header.data_bytes(&axes)?;
    let after = bytes.get(header_bytes..).unwrap_or_default();
    let available = usize::try_from(claimed_bytes)
        .unwrap_or(usize::MAX)
        .min(after.len());
    let (data, after) = after.split_at(available);
    let padding = available.next_multiple_of(BLOCK) - available;
    let hdu = Hdu {
        header,
        axes,
        data,
        claimed_bytes,
    };
    Ok((hdu, after.get(padding..).unwrap_or_default()))
}

/// The images of a file, all of them or those that `selector` names. Images that are sound but no pictures (a spectrum,
/// an unknown compression) are inner errors; damage is an outer one.
pub(super) fn read(
    bytes: &[u8],
    selector: Option<&Selector>,
) -> Result<Vec<Result<Raw, StampProblem>>, StampProblem> {
    let hdus = hdus(bytes)?;
    let inherited: Vec<Card> = match hdus.first() {
        Some(primary) if primary.axes.is_empty() => {
            let cards = primary.header.cards.iter();
            cards
                .filter(|c| !is_structural(&c.keyword))
                .cloned()
                .collect()
        }
        _ => Vec::new(),
    };
    let mut raws = Vec::new();
    for hdu in hdus.iter().filter(|hdu| hdu.is_image()) {
        let version = hdu.header.integer("EXTVER").unwrap_or(1);
        if selector.is_some_and(|s| !s.matches(hdu.header.index, hdu.header.name(), version)) {
            continue;
        }
        match read_image(hdu) {
            Ok(mut raw) => {
                if hdu.header.index > 0 && hdu.header.flag("INHERIT") != Some(false) {
                    inherit(&mut raw.cards, &inherited);
                }
                raws.push(Ok(raw));
            }
            Err(problem @ (StampProblem::Unsupported { .. } | StampProblem::NoPixels { .. })) => {
                raws.push(Err(problem));
            }
            Err(problem) => return Err(problem),
        }
    }
    if raws.is_empty() {
        let names: Vec<String> = hdus.iter().map(|hdu| hdu.header.part()).collect();
        let wanted = selector.map_or("image".to_owned(), |s| format!("image {s}"));
        return Err(StampProblem::NotFound {
            wanted,
            available: super::list(&names),
        });
    }
    if selector.is_none() {
        merge_bands(&mut raws);
    }
    Ok(raws)
}

/// Adds the cards of an empty primary HDU, which speak for the whole file.
fn inherit(cards: &mut Vec<Card>, inherited: &[Card]) {
    for card in inherited {
        if !cards.iter().any(|own| own.keyword == card.keyword) {
            cards.push(card.clone());
        }
    }
}

fn read_image(hdu: &Hdu<'_>) -> Result<Raw, StampProblem> {
    let Hdu { header, .. } = hdu;
    let compressed = hdu.is_compressed_image();
    let prefix = if compressed { "Z" } else { "" };
    let axes = header.axes(prefix)?;
    let part = header.part();
    if axes.contains(&0) || axes.is_empty() {
        if header.flag("GROUPS") == Some(true) {
            return Err(StampProblem::unsupported(
                &part,
                "random groups",
                "an image",
            ));
        }
        return Err(StampProblem::NoPixels {
            part,
            dims: super::raw::dims_text(&axes),
        });
    }
    let pixels = product(&axes);
    if pixels > MAX_PIXELS as u128 {
        return Err(StampProblem::TooLarge {
            part,
            claimed: pixels,
            limit: MAX_PIXELS as u128,
            unit: "pixels",
        });
    }
    let number = number_of(header, prefix)?;
    let scaling = scaling(header, number)?;
    let values = if compressed {
        fits_tiles::decompress(hdu, &axes, number, scaling)?
    } else {
        let data = hdu.complete_data()?;
        let data = data.get(..pixels as usize * number.size()).unwrap_or(data);
        if looks_reversed(data, number, Endian::Big) {
            return Err(StampProblem::WrongEndian {
                part: format!("image data of the {part}"),
                expected: Endian::Big.name(),
            });
        }
        decode(data, number, Endian::Big, scaling)
    };
    let dims = axes.iter().rev().copied().collect();
    let key = header.name().filter(|n| *n != "COMPRESSED_IMAGE");
    let mut raw = Raw::new(key.map(str::to_owned), header.index, dims, values);
    raw.range = known_range(header, number, scaling);
    raw.bands = raw_bands(header);
    raw.rows = row_order(header);
    raw.cards.clone_from(&header.cards);
    Ok(raw)
}

/// The type of the stored numbers.
pub(super) fn number_of(header: &Header, prefix: &str) -> Result<Number, StampProblem> {
    let bitpix = header.required(&format!("{prefix}BITPIX"))?;
    Ok(match bitpix {
        8 => Number::U8,
        16 => Number::I16,
        32 => Number::I32,
        64 => Number::I64,
        -32 => Number::F32,
        -64 => Number::F64,
        _ => {
            return Err(StampProblem::damaged(
                format!("FITS header of the {}", header.part()),
                format!("{prefix}BITPIX is {bitpix}, not 8, 16, 32, 64, -32 or -64"),
            ));
        }
    })
}

/// Which row of the file comes first.
pub(super) fn row_order(header: &Header) -> RowOrder {
    match header.text("ROWORDER") {
        Some(order) if order.eq_ignore_ascii_case("TOP-DOWN") => RowOrder::TopDown,
        _ => RowOrder::BottomUp,
    }
}

pub(super) fn scaling(header: &Header, number: Number) -> Result<Scaling, StampProblem> {
    let coefficient = |keyword, default| match (header.text(keyword), header.float(keyword)) {
        (None, _) => Ok(default),
        (Some(_), Some(value)) => Ok(value),
        (Some(text), None) => Err(StampProblem::damaged(
            format!("FITS header of the {}", header.part()),
            format!("{keyword} is `{text}`, not a number"),
        )),
    };
    let is_float = matches!(number, Number::F32 | Number::F64);
    Ok(Scaling {
        scale: coefficient("BSCALE", 1.0)?,
        zero: coefficient("BZERO", 0.0)?,
        // BLANK has no meaning for floats.
        blank: header.integer("BLANK").filter(|_| !is_float),
    })
}

/// Black and white, where the header says so: our own keywords, the extremes that DATAMIN and DATAMAX promise, or the
/// limits of the integer type. Extremes inside `[-1, 1]` say less than the guess from the pixels does.
pub(super) fn known_range(header: &Header, number: Number, scaling: Scaling) -> Option<ValueRange> {
    let pair = |low, high| {
        let (low, high) = (header.float(low)? as f32, header.float(high)? as f32);
        (low < high && (high - low).is_finite()).then_some(ValueRange { low, high })
    };
    if let Some(range) = pair(RANGE_LOW, RANGE_HIGH) {
        return Some(range);
    }
    let extremes = pair("DATAMIN", "DATAMAX");
    if let Some(ValueRange { low, high }) = extremes
        && !matches!(
            guess_range(low, high),
            ValueRange::UNIT | ValueRange::SIGNED
        )
    {
        return extremes;
    }
    integer_range(number, scaling)
}

/// Black and white of 8- and 16-bit pictures: the limits of the unsigned type, or of a scaling that was chosen to store
/// `[0, 1]` or `[-1, 1]`. Other scalings are physical units, whose range is unknown.
fn integer_range(number: Number, scaling: Scaling) -> Option<ValueRange> {
    let (low, high) = match number {
        Number::U8 => (0.0, 255.0),
        // Unsigned 16-bit numbers are stored with their middle, BZERO = 32768, taken off.
        Number::I16 if scaling.scale == 1.0 && scaling.zero == 32768.0 => (-32768.0, 32767.0),
        Number::I16 if scaling.scale != 1.0 => (-32767.5, 32767.0),
        _ => return None,
    };
    let low = (scaling.zero + scaling.scale * low) as f32;
    let high = (scaling.zero + scaling.scale * high) as f32;
    let is_near = |range: ValueRange| {
        // Half a step at either end is the difference between the customs (1/32767 or 1/32768).
        (low - range.low).abs() < 1e-4 && (high - range.high).abs() < 1e-4
    };
    [ValueRange::UNIT, ValueRange::SIGNED]
        .into_iter()
        .find(|range| is_near(*range))
        .or((scaling.scale == 1.0 && low == 0.0).then_some(ValueRange { low, high }))
}

/// Band names from the customs in use: a list `BANDS = 'g,r,i'`, `CTYPE3 = 'RGB'`, or the filter of a single plane.
pub(super) fn raw_bands(header: &Header) -> Vec<String> {
    if let Some(list) = header.text("BANDS") {
        return list.split(',').map(|b| b.trim().to_owned()).collect();
    }
    if header.text("CTYPE3") == Some("RGB") {
        return RGB.map(|(_, band)| band.to_owned()).to_vec();
    }
    let filter = header.text("FILTER").or_else(|| header.text("BAND"));
    filter.map(str::to_owned).into_iter().collect()
}

/// Names of the colour planes, as extension and as band.
const RGB: [(&str, &str); 3] = [("RED", "red"), ("GREEN", "green"), ("BLUE", "blue")];

/// Joins two-dimensional images of one size into one colour picture if all are named after bands: RED, GREEN, BLUE (or
/// R, G, B, in this order whatever the file's) or filters such as g, r, z (in file order).
fn merge_bands(raws: &mut Vec<Result<Raw, StampProblem>>) {
    let Some(mut planes) = raws
        .iter()
        .map(|raw| raw.as_ref().ok())
        .collect::<Option<Vec<&Raw>>>()
    else {
        return;
    };
    let first = planes[0];
    let fits_together =
        |raw: &&Raw| raw.dims.len() == 2 && raw.dims == first.dims && raw.range == first.range;
    if planes.len() < 2 || !planes.iter().all(fits_together) {
        return;
    }
    let colour = |raw: &&Raw| {
        let key = raw.key.as_deref().unwrap_or("");
        RGB.iter()
            .position(|(name, _)| key.eq_ignore_ascii_case(name) || key == &name[..1])
    };
    let bands: Vec<String> = if planes.len() == 3 && planes.iter().all(|p| colour(p).is_some()) {
        planes.sort_by_key(colour);
        RGB.map(|(_, band)| band.to_owned()).to_vec()
    } else {
        let names = planes.iter().map(|p| p.key.clone().unwrap_or_default());
        names.collect()
    };
    let is_filter = |band: &String| {
        RGB.iter().any(|(_, name)| band == name)
            || ["u", "g", "r", "i", "z", "y", "Y", "J", "H", "K", "Ks"].contains(&band.as_str())
    };
    let distinct: std::collections::BTreeSet<&String> = bands.iter().collect();
    if distinct.len() != bands.len() || !bands.iter().all(is_filter) {
        return;
    }
    let mut merged = (*first).clone();
    merged.key = None;
    merged.dims.insert(0, planes.len());
    merged.values = planes
        .iter()
        .flat_map(|p| p.values.iter().copied())
        .collect();
    merged.bands = bands;
    *raws = vec![Ok(merged)];
}

/// Whether a card describes how the bytes of its HDU are stored, which a new file decides anew.
pub(super) fn is_structural(keyword: &str) -> bool {
    const WORDS: [&str; 28] = [
        "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE",
        "BZERO", "BLANK", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM", "EXTNAME", "EXTVER",
        "INHERIT", "TFIELDS", "THEAP", "ZIMAGE", "ZCMPTYPE", "ZQUANTIZ", "ZDITHER0", "LONGSTRN",
        "ROWORDER", RANGE_LOW, RANGE_HIGH,
    ];
    const NUMBERED: [&str; 8] = [
        "NAXIS", "TTYPE", "TFORM", "ZNAXIS", "ZTILE", "ZNAME", "ZVAL", "TDIM",
    ];
    const COMPRESSED: [&str; 8] = [
        "ZTENSION", "ZBITPIX", "ZNAXIS", "ZPCOUNT", "ZGCOUNT", "ZBLANK", "ZSIMPLE", "BANDS",
    ];
    let stem = keyword.trim_end_matches(|c: char| c.is_ascii_digit());
    WORDS.contains(&keyword)
        || COMPRESSED.contains(&keyword)
        || (stem.len() < keyword.len() && NUMBERED.contains(&stem))
}
