//! Arrays of bytes as `f32` pixels: number types, byte orders and the linear scaling of FITS, for every tensor format.
//!
//! Invariant: values go through `f64`, so that 32-bit integers and 64-bit floats are rounded once. Missing integers
//! (BLANK) become NaN.

use crate::stamp::ValueRange;

/// The type of one stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    Bf16,
    F32,
    F64,
}

/// Byte order of stored numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Endian {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Little => "little-endian",
            Self::Big => "big-endian",
        }
    }
}

impl Number {
    /// Bytes per number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Black and white of pictures stored in this type; `None` where the type says nothing.
    pub(super) fn picture_range(self) -> Option<ValueRange> {
        let high = match self {
            Self::Bool => 1.0,
            Self::U8 => f32::from(u8::MAX),
            Self::U16 => f32::from(u16::MAX),
            _ => return None,
        };
        Some(ValueRange { low: 0.0, high })
    }
}

/// physical = `zero` + `scale` x stored; stored integers equal to `blank` are missing (FITS 4.0, section 4.4.2.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    pub(super) scale: f64,
    pub(super) zero: f64,
    pub(super) blank: Option<i64>,
}

impl Scaling {
    pub(super) const NONE: Self = Self {
        scale: 1.0,
        zero: 0.0,
        blank: None,
    };

    fn float(self, stored: f64) -> f32 {
        (self.zero + self.scale * stored) as f32
    }

    /// The physical value of a stored integer.
    pub(super) fn integer(self, stored: i64) -> f32 {
        if self.blank == Some(stored) {
            return f32::NAN;
        }
        self.float(stored as f64)
    }
}

/// Decodes all complete numbers in `bytes`.
pub(super) fn decode(bytes: &[u8], number: Number, endian: Endian, scaling: Scaling) -> Vec<f32> {
    let s = scaling;
    match number {
        Number::Bool => each(bytes, endian, |[b]| f32::from(u8::from(b != 0))),
        Number::U8 => each(bytes, endian, |[b]| s.integer(i64::from(b))),
        Number::I8 => each(bytes, endian, |b| {
            s.integer(i64::from(i8::from_be_bytes(b)))
        }),
        Number::U16 => each(bytes, endian, |b| {
            s.integer(i64::from(u16::from_be_bytes(b)))
        }),
        Number::I16 => each(bytes, endian, |b| {
            s.integer(i64::from(i16::from_be_bytes(b)))
        }),
        Number::U32 => each(bytes, endian, |b| {
            s.integer(i64::from(u32::from_be_bytes(b)))
        }),
        Number::I32 => each(bytes, endian, |b| {
            s.integer(i64::from(i32::from_be_bytes(b)))
        }),
        Number::U64 => each(bytes, endian, |b| s.float(u64::from_be_bytes(b) as f64)),
        Number::I64 => each(bytes, endian, |b| s.integer(i64::from_be_bytes(b))),
        Number::F16 => each(bytes, endian, |b| {
            s.float(half::f16::from_be_bytes(b).into())
        }),
        Number::Bf16 => each(bytes, endian, |b| {
            s.float(half::bf16::from_be_bytes(b).into())
        }),
        Number::F32 if scaling == Scaling::NONE => each(bytes, endian, f32::from_be_bytes),
        Number::F32 => each(bytes, endian, |b| s.float(f32::from_be_bytes(b).into())),
        Number::F64 => each(bytes, endian, |b| s.float(f64::from_be_bytes(b))),
    }
}

/// Applies `number` to each group of `N` bytes, brought into big-endian order.
fn each<const N: usize>(bytes: &[u8], endian: Endian, number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (groups, _) = bytes.as_chunks::<N>();
    groups
        .iter()
        .map(|group| {
            let mut group = *group;
            if endian == Endian::Little {
                group.reverse();
            }
            number(group)
        })
        .collect()
}

/// Whether floats look as if written in the other byte order: as they stand their magnitudes are scattered or absurd,
/// reversed nearly all are of a kind. Noisy data in unusual units is safe: reversed, its noise becomes the exponent.
pub(super) fn looks_reversed(bytes: &[u8], number: Number, endian: Endian) -> bool {
    if !matches!(number, Number::F32 | Number::F64) {
        return false;
    }
    let reversed = match endian {
        Endian::Little => Endian::Big,
        Endian::Big => Endian::Little,
    };
    coherence(bytes, number, endian) < 0.5 && coherence(bytes, number, reversed) > 0.95
}

/// The fraction of values that are zero or share a magnitude: between 1e-30 and 1e30 (from watts per square metre to
/// photons) and within 16 powers of two around a common one.
fn coherence(bytes: &[u8], number: Number, endian: Endian) -> f64 {
    const WINDOW: usize = 33;
    let values = decode(bytes, number, endian, Scaling::NONE);
    let mut exponents = [0_u32; 256];
    let mut zeros = 0;
    for value in &values {
        if *value == 0.0 {
            zeros += 1;
        } else if (1e-30..1e30).contains(&value.abs()) {
            exponents[(value.to_bits() >> 23 & 0xFF) as usize] += 1;
        }
    }
    let most = exponents
        .windows(WINDOW)
        .map(|w| w.iter().sum::<u32>())
        .max();
    f64::from(zeros + most.unwrap_or(0)) / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversed_floats_are_noticed_and_right_ones_are_not() {
        let pixels: Vec<f32> = (0..300).map(|i| (i as f32 * 0.37).sin()).collect();
        let big: Vec<u8> = pixels.iter().flat_map(|v| v.to_be_bytes()).collect();
        assert!(!looks_reversed(&big, Number::F32, Endian::Big));
        assert!(looks_reversed(&big, Number::F32, Endian::Little));
        let faint: Vec<u8> = pixels
            .iter()
            .flat_map(|v| (v * 1e-35).to_be_bytes())
            .collect();
        assert!(!looks_reversed(&faint, Number::F32, Endian::Big));
    }

    #[test]
    fn blank_integers_become_nan_and_scaling_is_linear() {
        let scaling = Scaling {
            scale: 0.5,
            zero: 1.0,
            blank: Some(-1),
        };
        let stored: Vec<u8> = [-1_i16, 4].iter().flat_map(|v| v.to_be_bytes()).collect();
        let values = decode(&stored, Number::I16, Endian::Big, scaling);
        assert!(values[0].is_nan());
        assert_eq!(values[1], 3.0);
    }
}
