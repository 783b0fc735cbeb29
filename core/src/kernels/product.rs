//! The bounds-checked way to the micro-kernels.
//!
//! Invariant: every offset that a micro-kernel will touch is checked here against the slices, once per call.

use super::micro::{Block, DotArgs, ProductArgs, Step};

/// A list of steps with its bounds.
#[derive(Debug, Default)]
pub(super) struct Steps {
    list: Vec<Step>,
    x_last: usize,
    w_last: usize,
}

impl Extend<Step> for Steps {
    fn extend<I: IntoIterator<Item = Step>>(&mut self, steps: I) {
        for step in steps {
            self.x_last = self.x_last.max(step.x);
            self.w_last = self.w_last.max(step.w);
            self.list.push(step);
        }
    }
}

impl FromIterator<Step> for Steps {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        let mut list = Self::default();
        list.extend(steps);
        list
    }
}

impl Steps {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

/// Rows of weights with the distance between neighbouring rows.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// `out[r][p] = init[r] + sum over steps of w[r] * x[p]` for one block of rows.
///
/// Computes pixels `0..count` rounded up to whole vectors; rows of `out` lie `out_row` apart.
///
/// # Panics
/// When a slice is too short for what the steps reach.
pub(super) fn product(
    block: &'static Block,
    steps: &Steps,
    x: &[f32],
    w: Rows<'_>,
    init: &[f32],
    count: usize,
    (out, out_row): (&mut [f32], usize),
) {
    let lanes = block.lanes;
    let vectors = count.div_ceil(lanes);
    let rounded = vectors * lanes;
    let below = block.rows - 1;
    assert!(steps.list.is_empty() || steps.x_last + rounded <= x.len());
    assert!(steps.list.is_empty() || steps.w_last + below * w.stride < w.values.len());
    assert!(init.len() >= block.rows && rounded <= out_row);
    assert!(below * out_row + rounded <= out.len());
    let mut done = 0;
    while done < vectors {
        let (columns, entry) = block
            .products
            .iter()
            .find(|(columns, _)| *columns <= vectors - done)
            .expect("the last entry has one column");
        let p = done * lanes;
        let args = ProductArgs {
            steps: &steps.list,
            // In bounds: p < rounded, and x and out hold at least `rounded` values. Without steps x is never read.
            x: x.as_ptr().wrapping_add(p),
            w: w.values.as_ptr(),
            w_row: w.stride,
            init: init.as_ptr(),
            out: out.as_mut_ptr().wrapping_add(p),
            out_row,
        };
        // SAFETY: a `Block` exists for detected instruction sets only. p + columns * lanes <= rounded, so that with the
        // asserts above step.x + p .. + columns * lanes lies in x, step.w + r * stride in w, r in init, and
        // r * out_row + p .. + columns * lanes in out, for every step and every r < rows.
        unsafe { entry(&args) }
        done += columns;
    }
}

/// `out[r][k] += sum over p of g[r][p] * x[step k + p]` for one block of rows and all steps.
///
/// # Panics
/// When `count` is not a multiple of the lanes or a slice is too short.
pub(super) fn dots(
    block: &'static Block,
    steps: &Steps,
    x: &[f32],
    g: Rows<'_>,
    count: usize,
    (out, out_row): (&mut [f32], usize),
) {
    let below = block.rows - 1;
    assert!(count.is_multiple_of(block.lanes));
    assert!(steps.list.is_empty() || steps.x_last + count <= x.len());
    assert!(below * g.stride + count <= g.values.len());
    assert!(steps.len() <= out_row && below * out_row + steps.len() <= out.len());
    let mut done = 0;
    while done < steps.len() {
        let rest = &steps.list[done..];
        let (columns, entry) = block
            .dots
            .iter()
            .find(|(columns, _)| *columns <= rest.len())
            .expect("the last entry has one column");
        let args = DotArgs {
            windows: &rest[..*columns],
            x: x.as_ptr(),
            g: g.values.as_ptr(),
            g_row: g.stride,
            count,
            out: out.as_mut_ptr().wrapping_add(done),
            out_row,
        };
        // SAFETY: a `Block` exists for detected instruction sets only; `windows` has `columns` steps. The asserts above
        // keep step.x .. + count in x, r * stride .. + count in g and r * out_row + done + c in out, for r < rows and
        // c < columns; count is a multiple of the lanes.
        unsafe { entry(&args) }
        done += columns;
    }
}
