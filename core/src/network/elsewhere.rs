//! Convolutions with their gradients by tensor operations, for devices and types that the kernels of this crate do not
//! know; on CUDA the weights' gradient has kernels of its own.

use candle_core::{Result, Tensor};

use super::{ConvSpec, Padding, cuda};

/// Cross-correlation without bias.
pub(super) fn convolved(x: &Tensor, weight: &Tensor, conv: &ConvSpec) -> Result<Tensor> {
    let x = pad(x, conv.padding)?;
    if let Some((stride, dilation)) = equal_steps(conv) {
        return x.conv2d(&weight.contiguous()?, 0, stride, dilation, conv.groups);
    }
    let wide = spread_both(weight, conv.dilation)?;
    every_both(&x.conv2d(&wide, 0, 1, 1, conv.groups)?, conv.stride)
}

/// The transpose of [`convolved`] with respect to its input of rows and columns `size`.
pub(super) fn transposed(
    g: &Tensor,
    weight: &Tensor,
    conv: &ConvSpec,
    size: [usize; 2],
) -> Result<Tensor> {
    if let Some(gradient) = turned_kernel(g, weight, conv)? {
        return Ok(gradient);
    }
    let (g, weight, (stride, dilation)) = match equal_steps(conv) {
        Some(steps) => (g.clone(), weight.clone(), steps),
        None => (
            spread_both(g, conv.stride)?,
            spread_both(weight, conv.dilation)?,
            (1, 1),
        ),
    };
    let parts = |t: &Tensor, axis: usize| t.chunk(conv.groups, axis);
    let joined = parts(&g, 1)?
        .iter()
        .zip(parts(&weight, 0)?)
        .map(|(g, w)| {
            g.contiguous()?
                .conv_transpose2d(&w.contiguous()?, 0, 0, stride, dilation)
        })
        .collect::<Result<Vec<_>>>()?;
    // Without padding the result covers the rows that the kernel reached; the rest of the padded input got nothing.
    let full = Tensor::cat(&joined, 1)?;
    let full = fit(&full, 2, conv.padding.top, size[0])?;
    fit(&full, 3, conv.padding.left, size[1])?.contiguous()
}

/// The transpose of a convolution without steps as the convolution with the kernel turned by half a circle: `candle`'s
/// transposed convolution reads memory in an order that is slow on GPUs. `None` where there are steps, groups or more
/// padding than the kernel reaches.
fn turned_kernel(g: &Tensor, weight: &Tensor, conv: &ConvSpec) -> Result<Option<Tensor>> {
    if conv.groups != 1 || equal_steps(conv).is_none_or(|(stride, _)| stride != 1) {
        return Ok(None);
    }
    let reach = [0, 1].map(|axis| conv.dilation[axis] * (conv.kernel[axis] - 1));
    let (rows, columns) = (
        reach[0].checked_sub(conv.padding.top),
        reach[1].checked_sub(conv.padding.left),
    );
    let (below, right) = (
        reach[0].checked_sub(conv.padding.bottom),
        reach[1].checked_sub(conv.padding.right),
    );
    let (Some(top), Some(left), Some(bottom), Some(right)) = (rows, columns, below, right) else {
        return Ok(None);
    };
    let mut turned = weight.transpose(0, 1)?.contiguous()?;
    for axis in [2, 3] {
        let last = turned.dim(axis)? as u32;
        let indices: Vec<u32> = (0..last).rev().collect();
        turned = turned.index_select(&Tensor::new(indices, turned.device())?, axis)?;
    }
    let padding = Padding {
        top,
        bottom,
        left,
        right,
    };
    let g = pad(g, padding)?;
    Ok(Some(g.conv2d(
        &turned.contiguous()?,
        0,
        1,
        conv.dilation[0],
        1,
    )?))
}

/// Keeps `start..start + len` of an axis, with zeros where the tensor ends before.
fn fit(t: &Tensor, axis: usize, start: usize, len: usize) -> Result<Tensor> {
    let missing = (start + len).saturating_sub(t.dim(axis)?);
    let t = if missing > 0 {
        t.pad_with_zeros(axis, 0, missing)?
    } else {
        t.clone()
    };
    t.narrow(axis, start, len)
}

/// The gradient of a convolution's weights: a convolution over the batch with stride and dilation exchanged.
pub(super) fn weight_gradient(
    x: &Tensor,
    g: &Tensor,
    conv: &ConvSpec,
    dims: &[usize],
) -> Result<Tensor> {
    if let Some(gradient) = cuda::convolution_weight(x, g, conv, dims)? {
        return Ok(gradient);
    }
    if equal_steps(conv).is_none() {
        // With the strides spread out, the kernel's gradient is that of a dense kernel, of which the dilation's taps count.
        let dense = |i: usize| conv.dilation[i] * (dims[i + 2] - 1) + 1;
        let plain = ConvSpec {
            kernel: [dense(0), dense(1)],
            stride: [1, 1],
            dilation: [1, 1],
            ..*conv
        };
        let dims = [dims[0], dims[1], dense(0), dense(1)];
        let full = weight_gradient(x, &spread_both(g, conv.stride)?, &plain, &dims)?;
        return every_both(&full, conv.dilation);
    }
    let x = pad(x, conv.padding)?;
    let groups = x
        .chunk(conv.groups, 1)?
        .iter()
        .zip(g.chunk(conv.groups, 1)?)
        .map(|(x, g)| {
            let (x, g) = (
                x.transpose(0, 1)?.contiguous()?,
                g.transpose(0, 1)?.contiguous()?,
            );
            let full = x.conv2d(&g, 0, conv.dilation[0], conv.stride[0], 1)?;
            full.narrow(2, 0, dims[2])?
                .narrow(3, 0, dims[3])?
                .transpose(0, 1)?
                .contiguous()
        })
        .collect::<Result<Vec<_>>>()?;
    Tensor::cat(&groups, 0)
}

/// Stride and dilation where rows and columns have the same, which is all that candle's convolutions know.
fn equal_steps(conv: &ConvSpec) -> Option<(usize, usize)> {
    let [stride, dilation] = [conv.stride, conv.dilation];
    (stride[0] == stride[1] && dilation[0] == dilation[1]).then_some((stride[0], dilation[0]))
}

/// Rows and columns moved apart, with `step - 1` zeros between neighbours: a dilated kernel, the gradient of a stride.
fn spread_both(t: &Tensor, steps: [usize; 2]) -> Result<Tensor> {
    let mut t = t.clone();
    for (axis, step) in [2, 3].into_iter().zip(steps) {
        let n = t.dim(axis)?;
        if n == 1 {
            // No neighbours to move apart, however large the step.
            continue;
        }
        let mut dims = t.dims().to_vec();
        dims[axis] = n * step;
        let apart = t.unsqueeze(axis + 1)?;
        let apart = apart.pad_with_zeros(axis + 1, 0, step - 1)?.reshape(dims)?;
        t = apart.narrow(axis, 0, (n - 1) * step + 1)?;
    }
    t.contiguous()
}

/// Every `step`th row and column from the first: the transpose of [`spread_both`].
fn every_both(t: &Tensor, steps: [usize; 2]) -> Result<Tensor> {
    let mut t = t.clone();
    for (axis, step) in [2, 3].into_iter().zip(steps) {
        let kept = t.dim(axis)?.div_ceil(step) as u32;
        let indices: Vec<u32> = (0..kept).map(|i| i * step as u32).collect();
        t = t.index_select(&Tensor::new(indices, t.device())?, axis)?;
    }
    t.contiguous()
}

fn pad(x: &Tensor, padding: Padding) -> Result<Tensor> {
    let x = if padding.is_zero() {
        x.clone()
    } else {
        x.pad_with_zeros(2, padding.top, padding.bottom)?
            .pad_with_zeros(3, padding.left, padding.right)?
    };
    x.contiguous()
}
