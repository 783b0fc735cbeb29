//! From the bytes of one tile to its pixels: `RICE_1`, `GZIP_1`, `GZIP_2` and NOCOMPRESS, integers and quantised floats.
//!
//! Invariant: a tile gives exactly as many pixels as the image has there, or an error that names it. Source: FITS
//! standard 4.0, sections 10.2 to 10.4 and appendix I (subtractive dithering).

use std::io::Read as _;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use super::error::StampProblem;
use super::fits_header::Header;
use super::fits_rice;
use super::fits_tiles::Table;
use super::numbers::{Endian, Number, Scaling, decode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Rice {
        block: usize,
        bytes_per_pixel: usize,
    },
    Gzip {
        shuffled: bool,
    },
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dither {
    None,
    /// Subtractive dithering; `keeps_zero` is method 2, which stores zeros apart.
    Subtractive {
        keeps_zero: bool,
    },
}

/// How the bytes of a tile become pixels.
pub(super) struct Codec {
    method: Method,
    number: Number,
    scaling: Scaling,
    dither: Dither,
    /// ZDITHER0, 1 to 10000.
    seed: usize,
}

impl Codec {
    pub(super) fn new(
        header: &Header,
        number: Number,
        scaling: Scaling,
        part: &str,
    ) -> Result<Self, StampProblem> {
        let parameter = |name: &str, default: usize| {
            (1..=9)
                .find(|i| header.text(&format!("ZNAME{i}")) == Some(name))
                .and_then(|i| header.integer(&format!("ZVAL{i}")))
                .map_or(Some(default), |value| usize::try_from(value).ok())
                .filter(|value| *value <= 256)
                .ok_or_else(|| StampProblem::damaged(part, format!("its parameter {name}")))
        };
        let method = match header.text("ZCMPTYPE").unwrap_or("") {
            "RICE_1" | "RICE_ONE" => Method::Rice {
                block: parameter("BLOCKSIZE", 32)?,
                bytes_per_pixel: parameter("BYTEPIX", 4)?,
            },
            "GZIP_1" => Method::Gzip { shuffled: false },
            "GZIP_2" => Method::Gzip { shuffled: true },
            "NOCOMPRESS" => Method::None,
            other => {
                return Err(StampProblem::unsupported(
                    part,
                    format!("it is compressed by `{other}`"),
                    "RICE_1, GZIP_1, GZIP_2 or NOCOMPRESS (funpack rewrites it)",
                ));
            }
        };
        let dither = match header.text("ZQUANTIZ") {
            Some("SUBTRACTIVE_DITHER_1") => Dither::Subtractive { keeps_zero: false },
            Some("SUBTRACTIVE_DITHER_2") => Dither::Subtractive { keeps_zero: true },
            _ => Dither::None,
        };
        let seed = header.integer("ZDITHER0").unwrap_or(1).clamp(1, 10_000) as usize;
        Ok(Self {
            method,
            number,
            scaling,
            dither,
            seed,
        })
    }

    /// The `count` pixels of tile `row`.
    pub(super) fn tile(
        &self,
        table: &Table<'_>,
        row: usize,
        count: usize,
        part: &str,
    ) -> Result<Vec<f32>, StampProblem> {
        let values = self.try_tile(table, row, count);
        values
            .filter(|values| values.len() == count)
            .ok_or_else(|| {
                StampProblem::damaged(part, format!("tile {} cannot be decoded", row + 1))
            })
    }

    fn try_tile(&self, table: &Table<'_>, row: usize, count: usize) -> Option<Vec<f32>> {
        let stored = |bytes: &[u8]| decode(bytes, self.number, Endian::Big, self.scaling);
        let data = table.bytes(row, "COMPRESSED_DATA")?;
        if data.is_empty() {
            // Tiles that do not quantise well are kept as they are.
            let zipped = table.bytes(row, "GZIP_COMPRESSED_DATA")?;
            if zipped.is_empty() {
                return Some(stored(table.bytes(row, "UNCOMPRESSED_DATA")?));
            }
            return Some(stored(&gunzip(zipped, count * self.number.size())?));
        }
        let is_float = matches!(self.number, Number::F32 | Number::F64);
        let scale = table.number(row, "ZSCALE").filter(|_| is_float);
        let blank = table.number(row, "ZBLANK").map(|blank| blank as i64);
        let integers: Vec<i32> = match self.method {
            Method::Rice {
                block,
                bytes_per_pixel,
            } => fits_rice::decode(data, count, block, bytes_per_pixel)?,
            _ if is_float && scale.is_none() => {
                return Some(stored(&self.unpack(data, count, self.number.size())?));
            }
            _ => {
                let bytes = self.unpack(data, count, 4)?;
                integers_from(&bytes, count, self.number)?
            }
        };
        match scale {
            None if is_float => None,
            None => {
                let scaling = Scaling {
                    blank: blank.or(self.scaling.blank),
                    ..self.scaling
                };
                Some(
                    integers
                        .iter()
                        .map(|v| scaling.integer(i64::from(*v)))
                        .collect(),
                )
            }
            Some(scale) => {
                let zero = table.number(row, "ZZERO").unwrap_or(0.0);
                Some(self.dequantise(&integers, row, scale, zero, blank))
            }
        }
    }

    /// Undoes gzip and byte shuffling; at most `count` numbers of `size` bytes.
    fn unpack(&self, data: &[u8], count: usize, size: usize) -> Option<Vec<u8>> {
        let bytes = match self.method {
            Method::None => data.to_vec(),
            _ => gunzip(data, count.checked_mul(size)?)?,
        };
        if self.method != (Method::Gzip { shuffled: true }) {
            return Some(bytes);
        }
        // All most significant bytes come first, then all second ones, ...
        let size = bytes.len() / count.max(1);
        let numbers = (0..count).flat_map(|i| (0..size).map(move |b| b * count + i));
        Some(numbers.filter_map(|at| bytes.get(at).copied()).collect())
    }

    /// Quantised floats: `zero` + `scale` x (stored - dither + 1/2).
    fn dequantise(
        &self,
        integers: &[i32],
        row: usize,
        scale: f64,
        zero: f64,
        blank: Option<i64>,
    ) -> Vec<f32> {
        /// Stored by dithering method 2 for pixels that are exactly zero.
        const ZERO: i32 = -2_147_483_646;
        let start = |at: usize| (RANDOM[at] * 500.0) as usize;
        let mut series = (row + self.seed - 1) % RANDOM.len();
        let mut next = start(series);
        let floats = integers.iter().map(|stored| {
            let offset = match self.dither {
                Dither::None => 0.0,
                Dither::Subtractive { .. } => 0.5 - RANDOM[next],
            };
            next += 1;
            if next == RANDOM.len() {
                series = (series + 1) % RANDOM.len();
                next = start(series);
            }
            if blank == Some(i64::from(*stored)) {
                f32::NAN
            } else if self.dither == (Dither::Subtractive { keeps_zero: true }) && *stored == ZERO {
                0.0
            } else {
                (zero + scale * (f64::from(*stored) + offset)) as f32
            }
        });
        floats.collect()
    }
}

/// The integers of an unpacked tile, whose width follows from its length.
fn integers_from(bytes: &[u8], count: usize, number: Number) -> Option<Vec<i32>> {
    let (words, halves) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<2>().0);
    Some(match bytes.len() / count.max(1) {
        4 => words.iter().map(|b| i32::from_be_bytes(*b)).collect(),
        2 => halves
            .iter()
            .map(|b| i16::from_be_bytes(*b).into())
            .collect(),
        1 if number == Number::U8 => bytes.iter().map(|b| (*b).into()).collect(),
        _ => return None,
    })
}

/// At most `limit` bytes of a gzip stream.
fn gunzip(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    let mut stream = GzDecoder::new(bytes).take(limit as u64);
    stream.read_to_end(&mut unpacked).ok()?;
    Some(unpacked)
}

/// The 10,000 random numbers that the standard fixes for dithering (Park and Miller 1988, appendix I of the standard).
static RANDOM: LazyLock<Vec<f64>> = LazyLock::new(random_numbers);

fn random_numbers() -> Vec<f64> {
    let seeds = std::iter::successors(Some(1_u64), |seed| Some(seed * 16_807 % MODULUS));
    seeds
        .skip(1)
        .take(10_000)
        // The reference implementation keeps single precision.
        .map(|seed| f64::from((seed as f64 / MODULUS as f64) as f32))
        .collect()
}

/// 2^31 - 1, a prime.
const MODULUS: u64 = 2_147_483_647;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_random_series_ends_where_the_standard_says() {
        // The standard gives the last seed to check against.
        let last = f64::from((1_043_618_065.0 / MODULUS as f64) as f32);
        assert_eq!(RANDOM.last(), Some(&last));
        assert_eq!(RANDOM.len(), 10_000);
    }
}
