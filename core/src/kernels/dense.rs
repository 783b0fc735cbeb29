//! Dense (fully connected) layers: the same two micro-kernels over rows instead of windows.
//!
//! Invariant: every element is summed in one fixed order; features beyond the last whole vector are added one by one.

use rayon::prelude::*;

use super::product::{Rows, Steps, dots, product};
use super::tiles::{Level, Step};

/// Pieces of less work than this are not worth a thread.
const PIECE_FLOPS: usize = 1_000_000;
/// Features that are summed before the partial sums are added.
const FEATURES: usize = 4096;

/// Sizes of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Features of the input.
    pub inputs: usize,
    /// Features of the output.
    pub outputs: usize,
}

impl DenseShape {
    fn check(&self, arrays: [(&str, usize, [usize; 2]); 2]) {
        for (name, len, [rows, columns]) in arrays {
            assert!(rows.checked_mul(columns) == Some(len), "{name} length");
        }
    }

    /// Rows per piece so that a piece is worth a thread; a multiple of the tallest block.
    fn piece_rows(&self, rows: usize, level: Level) -> usize {
        let per_row = (2 * self.batch * self.inputs * self.outputs / rows.max(1)).max(1);
        let most = level.block(usize::MAX).rows;
        (PIECE_FLOPS / per_row).max(1).next_multiple_of(most)
    }
}

/// `y[n][g] = bias[g] + sum over f of x[n][f] * w[g][f]` for `x` `[N, F]` and `w` `[G, F]`: `[N, G]`.
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn dense(shape: DenseShape, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    dense_at(Level::best(), shape, x, w, bias)
}

/// [`dense`] with the instruction set `level`.
pub fn dense_at(
    level: Level,
    shape: DenseShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let DenseShape {
        batch,
        inputs,
        outputs,
    } = shape;
    shape.check([
        ("input", x.len(), [batch, inputs]),
        ("weight", w.len(), [outputs, inputs]),
    ]);
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "bias length");
    // Computed as [G, N], so that a piece owns some rows of the weights.
    let rows = shape.piece_rows(outputs, level);
    let mut transposed = vec![0.0; outputs * batch];
    transposed
        .par_chunks_mut((rows * batch).max(1))
        .enumerate()
        .for_each(|(piece, sums)| {
            let first = piece * rows;
            let w = &w[first * inputs..first * inputs + sums.len() / batch * inputs];
            dense_rows(level, shape, x, w, sums);
        });
    let mut y = vec![0.0; batch * outputs];
    for (n, row) in y.chunks_mut(outputs.max(1)).enumerate() {
        for (g, value) in row.iter_mut().enumerate() {
            *value = transposed[g * batch + n] + bias.map_or(0.0, |bias| bias[g]);
        }
    }
    y
}

/// Adds the dot products of some rows of weights with all rows of `x` to `sums` `[rows, N]`.
fn dense_rows(level: Level, shape: DenseShape, x: &[f32], w: &[f32], sums: &mut [f32]) {
    let DenseShape { batch, inputs, .. } = shape;
    let whole = inputs - inputs % level.lanes();
    let rows = sums.len() / batch;
    for start in (0..whole).step_by(FEATURES) {
        let count = FEATURES.min(whole - start);
        let mut steps = Steps::default();
        (0..batch).for_each(|n| {
            steps.push(Step {
                x: n * inputs + start,
                w: 0,
            })
        });
        let mut row = 0;
        while row < rows {
            let block = level.block(rows - row);
            let weights = Rows {
                values: &w[row * inputs + start..],
                stride: inputs,
            };
            dots(
                block,
                &steps,
                x,
                weights,
                count,
                (&mut sums[row * batch..], batch),
            );
            row += block.rows;
        }
    }
    for (sums, w) in sums.chunks_mut(batch).zip(w.chunks(inputs)) {
        for (sum, x) in sums.iter_mut().zip(x.chunks(inputs)) {
            *sum += x[whole..]
                .iter()
                .zip(&w[whole..])
                .map(|(x, w)| x * w)
                .sum::<f32>();
        }
    }
}

/// The gradient of [`dense`] at its input: `[N, F]` from `g` `[N, G]` and `w` `[G, F]`.
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn dense_input_gradient(shape: DenseShape, g: &[f32], w: &[f32]) -> Vec<f32> {
    dense_input_gradient_at(Level::best(), shape, g, w)
}

/// [`dense_input_gradient`] with the instruction set `level`.
pub fn dense_input_gradient_at(level: Level, shape: DenseShape, g: &[f32], w: &[f32]) -> Vec<f32> {
    let DenseShape {
        batch,
        inputs,
        outputs,
    } = shape;
    shape.check([
        ("gradient", g.len(), [batch, outputs]),
        ("weight", w.len(), [outputs, inputs]),
    ]);
    let terms = (outputs, 1);
    combine(level, shape, w, (g, outputs), terms, batch)
}

/// The gradient of [`dense`] at its weights, summed over the batch: `[G, F]` from `x` `[N, F]` and `g` `[N, G]`.
///
/// # Panics
/// When a slice does not have the length that `shape` gives.
pub fn dense_weight_gradient(shape: DenseShape, x: &[f32], g: &[f32]) -> Vec<f32> {
    dense_weight_gradient_at(Level::best(), shape, x, g)
}

/// [`dense_weight_gradient`] with the instruction set `level`.
pub fn dense_weight_gradient_at(level: Level, shape: DenseShape, x: &[f32], g: &[f32]) -> Vec<f32> {
    let DenseShape {
        batch,
        inputs,
        outputs,
    } = shape;
    shape.check([
        ("input", x.len(), [batch, inputs]),
        ("gradient", g.len(), [batch, outputs]),
    ]);
    let terms = (batch, outputs);
    combine(level, shape, x, (g, 1), terms, outputs)
}

/// `out[r][f] = sum over terms t of factors[r * factor_row + t * factor_term] * rows[t][f]`, `F` features each.
fn combine(
    level: Level,
    shape: DenseShape,
    values: &[f32],
    (factors, factor_row): (&[f32], usize),
    (terms, factor_term): (usize, usize),
    rows: usize,
) -> Vec<f32> {
    let inputs = shape.inputs;
    let whole = inputs - inputs % level.lanes();
    let mut steps = Steps::default();
    (0..terms).for_each(|t| {
        steps.push(Step {
            x: t * inputs,
            w: t * factor_term,
        })
    });
    let piece_rows = shape.piece_rows(rows, level);
    let mut out = vec![0.0; rows * inputs];
    out.par_chunks_mut((piece_rows * inputs).max(1))
        .enumerate()
        .for_each(|(piece, out)| {
            let count = out.len() / inputs;
            let mut row = 0;
            while row < count {
                let block = level.block(count - row);
                let first = (piece * piece_rows + row) * factor_row;
                let weights = Rows {
                    values: &factors[first..],
                    stride: factor_row,
                };
                let to = (&mut out[row * inputs..], inputs);
                product(block, &steps, values, weights, &[0.0; 8], whole, to);
                row += block.rows;
            }
            for (row, out) in out.chunks_mut(inputs).enumerate() {
                let first = (piece * piece_rows + row) * factor_row;
                for (f, sum) in out.iter_mut().enumerate().skip(whole) {
                    let term = |t: usize| factors[first + t * factor_term] * values[t * inputs + f];
                    *sum = (0..terms).map(term).sum();
                }
            }
        });
    out
}
