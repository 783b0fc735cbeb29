//! Dense (fully connected) layers: the same two micro-kernels over rows instead of windows.
//!
//! Invariant: every element is summed in one fixed order; features beyond the last whole vector are added one by one.

use rayon::prelude::*;

use super::awake::in_order;
use super::finish::{Target, overwritten};
use super::micro::{InstructionSet, MAX_ROWS, Step};
use super::pack::with_scratch;
use super::product::{Rows, Steps, dots, product};

/// Pieces of less work than this are not worth a thread. A piece for one picture waits for its weights to be read, which takes
/// longer than the work.
const PIECE_FLOPS: usize = 250_000;
/// Features that are summed before the partial sums are added.
const FEATURES: usize = 1024;

/// Sizes of a dense layer, each at least 1.
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
    /// Rows per piece so that a piece is worth a thread; a multiple of the tallest block.
    fn piece_rows(&self, rows: usize, set: InstructionSet) -> usize {
        let per_row = (2 * self.batch * self.inputs * self.outputs / rows.max(1)).max(1);
        let most = set.most_rows();
        (PIECE_FLOPS / per_row).max(1).next_multiple_of(most)
    }
}

/// Checks the length of a matrix.
fn check(name: &str, values: &[f32], [rows, columns]: [usize; 2]) {
    assert!(rows > 0 && columns > 0, "{name} has no elements");
    assert_eq!(
        rows.checked_mul(columns),
        Some(values.len()),
        "{name} length"
    );
}

/// `y[n][g] = bias[g] + sum over f of x[n][f] * w[g][f]` for `x` `[N, F]` and `w` `[G, F]`: `[N, G]`.
///
/// # Panics
/// When a size is zero or a slice does not have the length that `shape` gives.
pub fn dense(shape: DenseShape, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    dense_with(InstructionSet::best(), shape, x, w, bias)
}

/// [`dense`] with the instruction set `set`.
pub fn dense_with(
    set: InstructionSet,
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
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "bias length");
    // Before anything is allocated for sizes that fit nothing.
    check("input", x, [batch, inputs]);
    check("weight", w, [outputs, inputs]);
    let mut y = vec![0.0; batch * outputs];
    dense_into_with(set, shape, x, w, bias, &mut y);
    y
}

/// [`dense`] into `y` `[N, G]`, without allocating after the first call of a size.
pub fn dense_into(shape: DenseShape, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    dense_into_with(InstructionSet::best(), shape, x, w, bias, y);
}

fn dense_into_with(
    set: InstructionSet,
    shape: DenseShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    let DenseShape {
        batch,
        inputs,
        outputs,
    } = shape;
    check("input", x, [batch, inputs]);
    check("weight", w, [outputs, inputs]);
    check("output", y, [batch, outputs]);
    // Computed as [G, N], so that a piece owns some rows of the weights.
    let rows = shape.piece_rows(outputs, set);
    with_scratch(|scratch| {
        let transposed = scratch.staged.zeros(outputs * batch);
        let sums = Target::new(overwritten(transposed), None);
        in_order(outputs.div_ceil(rows), |piece| {
            let (first, end) = (piece * rows, (piece * rows + rows).min(outputs));
            // SAFETY: each piece owns its rows, which are zeros.
            let sums = unsafe {
                sums.part(first * batch, (end - first) * batch)
                    .assume_init_mut()
            };
            dense_rows(set, shape, x, &w[first * inputs..end * inputs], sums);
        });
        for (n, row) in y.chunks_mut(outputs).enumerate() {
            for (g, value) in row.iter_mut().enumerate() {
                *value = transposed[g * batch + n] + bias.map_or(0.0, |bias| bias[g]);
            }
        }
    });
}

/// Adds the dot products of some rows of weights with all rows of `x` to `sums` `[rows, N]`.
fn dense_rows(set: InstructionSet, shape: DenseShape, x: &[f32], w: &[f32], sums: &mut [f32]) {
    let DenseShape { batch, inputs, .. } = shape;
    let whole = inputs - inputs % set.lanes();
    let rows = sums.len() / batch;
    for start in (0..whole).step_by(FEATURES) {
        let count = FEATURES.min(whole - start);
        let step = |n| Step {
            x: n * inputs + start,
            w: 0,
        };
        let steps: Steps = (0..batch).map(step).collect();
        let mut row = 0;
        while row < rows {
            let block = set.block(rows - row);
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
/// When a size is zero or a slice does not have the length that `shape` gives.
pub fn dense_input_gradient(shape: DenseShape, g: &[f32], w: &[f32]) -> Vec<f32> {
    dense_input_gradient_with(InstructionSet::best(), shape, g, w)
}

/// [`dense_input_gradient`] with the instruction set `set`.
pub fn dense_input_gradient_with(
    set: InstructionSet,
    shape: DenseShape,
    g: &[f32],
    w: &[f32],
) -> Vec<f32> {
    let DenseShape {
        batch,
        inputs,
        outputs,
    } = shape;
    check("gradient", g, [batch, outputs]);
    check("weight", w, [outputs, inputs]);
    let terms = (outputs, 1);
    combine(set, shape, w, (g, outputs), terms, batch)
}

/// The gradient of [`dense`] at its weights, summed over the batch: `[G, F]` from `x` `[N, F]` and `g` `[N, G]`.
///
/// # Panics
/// When a size is zero or a slice does not have the length that `shape` gives.
pub fn dense_weight_gradient(shape: DenseShape, x: &[f32], g: &[f32]) -> Vec<f32> {
    dense_weight_gradient_with(InstructionSet::best(), shape, x, g)
}

/// [`dense_weight_gradient`] with the instruction set `set`.
pub fn dense_weight_gradient_with(
    set: InstructionSet,
    shape: DenseShape,
    x: &[f32],
    g: &[f32],
) -> Vec<f32> {
    let DenseShape {
        batch,
        inputs,
        outputs,
    } = shape;
    check("input", x, [batch, inputs]);
    check("gradient", g, [batch, outputs]);
    let terms = (batch, outputs);
    combine(set, shape, x, (g, 1), terms, outputs)
}

/// `out[r][f] = sum over terms t of factors[r * factor_row + t * factor_term] * rows[t][f]`, `F` features each.
fn combine(
    set: InstructionSet,
    shape: DenseShape,
    values: &[f32],
    (factors, factor_row): (&[f32], usize),
    (terms, factor_term): (usize, usize),
    rows: usize,
) -> Vec<f32> {
    let inputs = shape.inputs;
    let whole = inputs - inputs % set.lanes();
    let step = |t| Step {
        x: t * inputs,
        w: t * factor_term,
    };
    let steps: Steps = (0..terms).map(step).collect();
    let piece_rows = shape.piece_rows(rows, set);
    let mut out = vec![0.0; rows * inputs];
    out.par_chunks_mut((piece_rows * inputs).max(1))
        .enumerate()
        .for_each(|(piece, out)| {
            let count = out.len() / inputs;
            let mut row = 0;
            while row < count {
                let block = set.block(count - row);
                let first = (piece * piece_rows + row) * factor_row;
                let weights = Rows {
                    values: &factors[first..],
                    stride: factor_row,
                };
                let to = (&mut out[row * inputs..], inputs);
                product(block, &steps, values, weights, &[0.0; MAX_ROWS], whole, to);
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
