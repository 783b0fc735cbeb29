//! Windows that slide over a picture: their steps and padding, and pooling.

use super::super::call::{Call, Operands};
use super::super::fault::{Fault, Reading};
use super::super::lower::Lowering;
use super::reduce;
use super::weights::{image_size, pair};
use crate::network::{NodeId, Op, Padding, PoolSpec};

/// The window of a convolution or a pooling.
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    /// The padding, where the size of the picture does not decide.
    pub(super) pads: Option<Padding>,
    /// Whether SAME padding puts the odd pixel in front.
    is_lower: bool,
}

impl Window {
    /// The window that a node describes.
    pub(super) fn of(call: &Call<'_>, kernel: [usize; 2]) -> Reading<Self> {
        let auto = call.text("auto_pad").unwrap_or("NOTSET");
        let pads = match auto {
            "NOTSET" | "" => Some(pads_of(call.ints("pads"))?),
            "VALID" => Some(Padding::all(0)),
            "SAME_UPPER" | "SAME_LOWER" => None,
            other => return Err(Fault::unsupported(format!("it pads by the rule {other}"))),
        };
        if let Some(shape) = call.ints("kernel_shape").filter(|shape| !shape.is_empty())
            && (shape.len() != 2 || pair(Some(shape), 1)? != kernel)
        {
            let what = format!("its kernel_shape is {shape:?}, its weight has {kernel:?}");
            return Err(Fault::broken(what));
        }
        let window = Self {
            kernel,
            stride: pair(call.ints("strides"), 1)?,
            dilation: pair(call.ints("dilations"), 1)?,
            pads,
            is_lower: auto == "SAME_LOWER",
        };
        let steps = [window.kernel, window.stride, window.dilation];
        if steps.iter().any(|pair| pair.contains(&0)) {
            return Err(Fault::broken(
                "kernel, strides and dilations must be at least 1",
            ));
        }
        Ok(window)
    }

    /// Rows (0) or columns (1) that the kernel covers.
    pub(super) fn reach(&self, axis: usize) -> Reading<usize> {
        let gaps = self.kernel[axis].saturating_sub(1);
        let reach = gaps
            .checked_mul(self.dilation[axis])
            .and_then(|n| n.checked_add(1));
        reach.ok_or_else(|| Fault::broken("its kernel is too large"))
    }

    /// The padding for a picture of these rows and columns.
    pub(super) fn padding(&self, size: [usize; 2]) -> Reading<Padding> {
        if let Some(pads) = self.pads {
            return Ok(pads);
        }
        let small = [self.kernel, self.stride, self.dilation];
        if small.iter().flatten().any(|n| *n > 1 << 20) {
            return Err(Fault::broken("its kernel is too large"));
        }
        let upper = Padding::same(size, self.kernel, self.stride, self.dilation);
        if !self.is_lower {
            return Ok(upper);
        }
        Ok(Padding {
            top: upper.bottom,
            bottom: upper.top,
            left: upper.right,
            right: upper.left,
        })
    }
}

/// Padding as a list: the beginnings of all axes, then their ends.
fn pads_of(pads: Option<&[i64]>) -> Reading<Padding> {
    match pads.unwrap_or_default() {
        [] => Ok(Padding::all(0)),
        &[top, left, bottom, right] => {
            let of = |n: i64| {
                let what = || Fault::unsupported("it pads by a negative number");
                usize::try_from(n).map_err(|_| what())
            };
            Ok(Padding {
                top: of(top)?,
                bottom: of(bottom)?,
                left: of(left)?,
                right: of(right)?,
            })
        }
        other => Err(Fault::unsupported(format!(
            "it pads by {other:?}; only two-dimensional windows are read"
        ))),
    }
}

pub(super) fn pool(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    if call.node.outputs.iter().skip(1).any(|name| l.is_read(name)) {
        return Err(Fault::unsupported("the places of its maxima are read"));
    }
    let kernel = pair(call.ints("kernel_shape"), 0)?;
    let window = Window::of(call, kernel)?;
    if window.dilation != [1, 1] {
        return Err(Fault::unsupported("its window has gaps"));
    }
    let size = image_size(l, x)?;
    let mut padding = window.padding(size)?;
    let counts = call.int("count_include_pad", 0) != 0;
    if call.int("ceil_mode", 0) != 0 {
        let more = [
            ceil(size[0], padding.top, padding.bottom, &window, 0),
            ceil(size[1], padding.left, padding.right, &window, 1),
        ];
        if counts && more != [0, 0] && call.node.op == "AveragePool" {
            return Err(Fault::unsupported(
                "it rounds its size up and counts its padding, which no layer of ours does",
            ));
        }
        padding.bottom = padding.bottom.saturating_add(more[0]);
        padding.right = padding.right.saturating_add(more[1]);
    }
    let spec = PoolSpec {
        kernel,
        stride: window.stride,
        padding,
        count_padding: counts || padding.is_zero(),
    };
    let op = match call.node.op {
        "MaxPool" => Op::MaxPool(PoolSpec {
            count_padding: true,
            ..spec
        }),
        _ => Op::AvgPool(spec),
    };
    l.plain(call, "", op, &[x])
}

/// Rows or columns that a window needs beyond the padding when the size is rounded up. One that would begin in them is
/// left out.
fn ceil(size: usize, before: usize, after: usize, window: &Window, axis: usize) -> usize {
    let (kernel, stride) = (window.kernel[axis], window.stride[axis]);
    let padded = size.saturating_add(before).saturating_add(after);
    let Some(free) = padded.checked_sub(kernel) else {
        return 0;
    };
    let mut steps = free.div_ceil(stride);
    if steps.saturating_mul(stride) >= size.saturating_add(before) {
        steps = steps.saturating_sub(1);
    }
    steps
        .saturating_mul(stride)
        .saturating_add(kernel)
        .saturating_sub(padded)
}

pub(super) fn global_pool(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let rank = l.layers.dims(x).len();
    let is_mean = call.node.op == "GlobalAveragePool";
    if rank == 3 {
        let op = if is_mean {
            Op::GlobalAvgPool
        } else {
            Op::GlobalMaxPool
        };
        return l.plain(call, "", op, &[x]);
    }
    reduce::over(l, call, x, 1..rank, is_mean)
}
