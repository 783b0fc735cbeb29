//! Masks: where an edit applies, painted once in image space and pooled to the size of any layer.

use serde::{Deserialize, Serialize};

/// The largest mask that is read: larger than any stamp, small enough that a wrong file cannot exhaust memory.
const MAX_PIXELS: usize = 1 << 26;

/// How several pixels of a mask become one of a coarser layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The largest: a single painted pixel reaches the coarsest layer.
    #[default]
    Max,
    /// The mean: keeps the painted area.
    Mean,
}

/// What can be wrong with a mask.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MaskError {
    /// The size is zero, too large or does not match the number of values.
    #[error("a mask of {rows} by {columns} pixels cannot have {values} values")]
    Size {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
        /// Number of values given.
        values: u64,
    },
    /// A value is not between 0 and 1.
    #[error("mask value {value} at pixel {index} is not between 0 and 1")]
    Value {
        /// Place of the value, row by row.
        index: u64,
        /// The value.
        value: f32,
    },
}

/// Weights between 0 (untouched) and 1 (fully edited), one per pixel of an image; row 0 is the image's row 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Runs", into = "Runs")]
pub struct Mask {
    size: [usize; 2],
    values: Vec<f32>,
}

impl Mask {
    /// A mask of `[rows, columns]` from its values row by row.
    pub fn new(size: [usize; 2], values: Vec<f32>) -> Result<Self, MaskError> {
        check_size(size, values.len() as u64)?;
        let wrong = values.iter().position(|v| !(0.0..=1.0).contains(v));
        match wrong {
            Some(index) => Err(MaskError::Value {
                index: index as u64,
                value: values[index],
            }),
            None => Ok(Self { size, values }),
        }
    }

    /// A mask with the weight `f(row, column)`, brought to 0..1 (not-a-number to 0).
    pub fn from_fn(
        size: [usize; 2],
        mut f: impl FnMut(usize, usize) -> f32,
    ) -> Result<Self, MaskError> {
        check_size(size, (size[0] as u64).saturating_mul(size[1] as u64))?;
        let pixels = (0..size[0]).flat_map(|y| (0..size[1]).map(move |x| (y, x)));
        let values = pixels.map(|(y, x)| weight(f(y, x))).collect();
        Ok(Self { size, values })
    }

    /// Rows and columns.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The weights row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The weights changed in place, brought back to 0..1 (not-a-number to 0).
    pub fn edit(&mut self, f: impl FnOnce(&mut [f32])) {
        f(&mut self.values);
        for value in &mut self.values {
            *value = weight(*value);
        }
    }

    /// Whether every weight is 0.
    pub fn is_blank(&self) -> bool {
        self.values.iter().all(|v| *v == 0.0)
    }

    /// The weights at a layer of `[rows, columns]`, row by row.
    ///
    /// Each layer pixel pools the mask pixels that its share of the image touches, as adaptive pooling does; a layer
    /// finer than the mask repeats pixels, and a layer of the mask's own size gets it unchanged.
    pub fn to_layer(&self, size: [usize; 2], pooling: Pooling) -> Vec<f32> {
        if size == self.size {
            return self.values.clone();
        }
        let [rows, columns] = self.size;
        let span = |i: usize, of: usize, from: usize| i * from / of..((i + 1) * from).div_ceil(of);
        let mut out = Vec::with_capacity(size[0] * size[1]);
        for y in 0..size[0] {
            for x in 0..size[1] {
                let columns_here = span(x, size[1], columns);
                let window = span(y, size[0], rows)
                    .flat_map(|row| &self.values[row * columns..][columns_here.clone()]);
                out.push(match pooling {
                    Pooling::Max => window.fold(0.0, |a: f32, b| a.max(*b)),
                    Pooling::Mean => {
                        let (sum, n) = window.fold((0.0, 0), |(s, n), v| (s + v, n + 1));
                        sum / n as f32
                    }
                });
            }
        }
        out
    }
}

/// Any number brought to 0..1.
const fn weight(value: f32) -> f32 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

fn check_size([rows, columns]: [usize; 2], values: u64) -> Result<(), MaskError> {
    let pixels = rows.checked_mul(columns);
    let fits = pixels.is_some_and(|n| n > 0 && n <= MAX_PIXELS && n as u64 == values);
    if fits {
        Ok(())
    } else {
        Err(MaskError::Size {
            rows,
            columns,
            values,
        })
    }
}

/// A mask in a file: `[count, weight]` runs, row by row. Painted masks are mostly 0 and 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Runs {
    size: [usize; 2],
    runs: Vec<(u64, f32)>,
}

impl TryFrom<Runs> for Mask {
    type Error = MaskError;

    fn try_from(Runs { size, runs }: Runs) -> Result<Self, MaskError> {
        // The counts are checked before anything of their size is made.
        let total = runs
            .iter()
            .fold(0_u64, |sum, (count, _)| sum.saturating_add(*count));
        check_size(size, total)?;
        let values = runs
            .iter()
            .flat_map(|(count, value)| std::iter::repeat_n(*value, *count as usize))
            .collect();
        Self::new(size, values)
    }
}

impl From<Mask> for Runs {
    fn from(Mask { size, values }: Mask) -> Self {
        let runs = values
            .chunk_by(|a, b| a == b)
            .map(|run| (run.len() as u64, run[0]))
            .collect();
        Self { size, runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single_pixel() -> Mask {
        Mask::from_fn([80, 80], |y, x| f32::from((y, x) == (37, 12))).unwrap()
    }

    #[test]
    fn mask_pools_by_max_keeps_single_pixel() {
        let pooled = single_pixel().to_layer([5, 5], Pooling::Max);
        assert_eq!(pooled.iter().sum::<f32>(), 1.0);
        assert_eq!(pooled[2 * 5], 1.0);
    }

    #[test]
    fn mean_pooling_keeps_the_area() {
        let pooled = single_pixel().to_layer([5, 5], Pooling::Mean);
        assert!((pooled.iter().sum::<f32>() * 256.0 - 1.0).abs() < 1e-6);
        let all = Mask::from_fn([7, 9], |_, _| 1.0).unwrap();
        for size in [[1, 1], [3, 4], [7, 9], [20, 11]] {
            for pooling in [Pooling::Max, Pooling::Mean] {
                let ones = all.to_layer(size, pooling);
                assert_eq!(ones, vec![1.0; size[0] * size[1]], "{size:?}");
            }
        }
    }

    #[test]
    fn finer_layers_repeat_pixels() {
        let mask = Mask::new([1, 2], vec![0.25, 1.0]).unwrap();
        let fine = mask.to_layer([2, 4], Pooling::Mean);
        assert_eq!(fine, [0.25, 0.25, 1.0, 1.0, 0.25, 0.25, 1.0, 1.0]);
    }

    #[test]
    fn wrong_masks_are_errors() {
        assert!(Mask::new([0, 3], Vec::new()).is_err());
        assert!(Mask::new([2, 2], vec![0.0; 3]).is_err());
        assert!(Mask::new([usize::MAX, 2], vec![0.0; 3]).is_err());
        let error = Mask::new([1, 2], vec![0.0, f32::NAN]).unwrap_err();
        assert!(error.to_string().contains("pixel 1"), "{error}");
        let bomb = Runs {
            size: [4, 4],
            runs: vec![(u64::MAX, 0.0), (u64::MAX, 1.0)],
        };
        assert!(Mask::try_from(bomb).is_err());
    }

    #[test]
    fn painting_stays_between_0_and_1() {
        let mut mask = Mask::from_fn([1, 3], |_, x| x as f32).unwrap();
        assert_eq!(mask.values(), [0.0, 1.0, 1.0]);
        mask.edit(|v| v.copy_from_slice(&[-3.0, f32::NAN, 0.5]));
        assert_eq!(mask.values(), [0.0, 0.0, 0.5]);
        assert!(!mask.is_blank());
    }
}
