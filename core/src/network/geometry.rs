//! Windows that slide over a picture: kernel, steps and padding, and the sizes that follow from them.

use serde::{Deserialize, Serialize};

/// Zero padding of the two spatial axes, possibly asymmetric (TensorFlow's SAME pads more on the far side).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Padding {
    /// Rows added above.
    pub top: usize,
    /// Rows added below.
    pub bottom: usize,
    /// Columns added on the left.
    pub left: usize,
    /// Columns added on the right.
    pub right: usize,
}

impl Padding {
    /// The same number of rows and columns on every side.
    pub const fn all(n: usize) -> Self {
        Self {
            top: n,
            bottom: n,
            left: n,
            right: n,
        }
    }

    /// TensorFlow's SAME padding for one input size: output is `ceil(size / stride)`, the odd pixel goes to the far side.
    pub fn same(
        [h, w]: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> Self {
        let total = |size: usize, i: usize| {
            let out = size.div_ceil(stride[i].max(1));
            let reach =
                out.saturating_sub(1) * stride[i] + kernel[i].saturating_sub(1) * dilation[i];
            (reach + 1).saturating_sub(size)
        };
        let (rows, cols) = (total(h, 0), total(w, 1));
        Self {
            top: rows / 2,
            bottom: rows - rows / 2,
            left: cols / 2,
            right: cols - cols / 2,
        }
    }

    /// Whether nothing is padded.
    pub const fn is_zero(self) -> bool {
        self.top == 0 && self.bottom == 0 && self.left == 0 && self.right == 0
    }
}

/// Geometry of a convolution (and, read backwards, of a transposed convolution).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConvSpec {
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Steps between neighbouring outputs.
    pub stride: [usize; 2],
    /// Zero padding of the input.
    pub padding: Padding,
    /// Steps between neighbouring kernel taps.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl ConvSpec {
    /// A square kernel with equal padding on all sides, no dilation, one group.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kernel: [kernel, kernel],
            stride: [stride, stride],
            padding: Padding::all(padding),
            dilation: [1, 1],
            groups: 1,
        }
    }

    /// Output rows and columns for an input of `[h, w]`, or `None` when the kernel does not fit.
    pub fn output_size(&self, [h, w]: [usize; 2]) -> Option<[usize; 2]> {
        let padded = self.padded_size([h, w])?;
        let one = |i: usize| {
            let steps = padded[i].checked_sub(self.reach(i)?)?;
            steps.checked_div(self.stride[i])?.checked_add(1)
        };
        Some([one(0)?, one(1)?])
    }

    /// Rows and columns of an input of `[h, w]` with its padding, or `None` beyond the address space.
    pub(super) fn padded_size(&self, [h, w]: [usize; 2]) -> Option<[usize; 2]> {
        let Padding {
            top,
            bottom,
            left,
            right,
        } = self.padding;
        let rows = h.checked_add(top)?.checked_add(bottom)?;
        Some([rows, w.checked_add(left)?.checked_add(right)?])
    }

    /// Output rows and columns of the transposed convolution for an input of `[h, w]` with `extra` rows and columns at
    /// the far side, or `None` when the padding leaves nothing.
    pub fn transposed_size(&self, [h, w]: [usize; 2], extra: [usize; 2]) -> Option<[usize; 2]> {
        let one = |size: usize, before: usize, after: usize, i: usize| {
            let steps = size.checked_sub(1)?.checked_mul(self.stride[i])?;
            let full = steps.checked_add(self.reach(i)?)?.checked_add(extra[i])?;
            let left = full.checked_sub(before)?.checked_sub(after)?;
            (left > 0).then_some(left)
        };
        let Padding {
            top,
            bottom,
            left,
            right,
        } = self.padding;
        Some([one(h, top, bottom, 0)?, one(w, left, right, 1)?])
    }

    /// Rows (axis 0) or columns (axis 1) that the dilated kernel covers.
    fn reach(&self, axis: usize) -> Option<usize> {
        let gaps = self.kernel[axis].checked_sub(1)?;
        self.dilation[axis].checked_mul(gaps)?.checked_add(1)
    }
}

/// Window of a pooling operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PoolSpec {
    /// Window rows and columns.
    pub kernel: [usize; 2],
    /// Steps between windows.
    pub stride: [usize; 2],
    /// Padding: minus infinity for max pooling, see `count_padding` for average pooling.
    pub padding: Padding,
    /// Average pooling divides by the whole window, padded pixels included.
    pub count_padding: bool,
}

impl PoolSpec {
    /// Non-overlapping square windows.
    pub const fn square(size: usize) -> Self {
        Self {
            kernel: [size, size],
            stride: [size, size],
            padding: Padding::all(0),
            count_padding: true,
        }
    }

    /// The convolution with the same geometry.
    pub const fn as_conv(&self) -> ConvSpec {
        ConvSpec {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            dilation: [1, 1],
            groups: 1,
        }
    }
}
