//! The weighted operations (convolution, transposed convolution, dense) as linear maps with any weights: forward,
//! transpose with respect to the input, and transpose with respect to the weights.
//!
//! Attribution rules run these with modified weights; the pullback of the network runs them with its own.

use candle_core::{Result, Tensor};

use super::elementwise::{floats, from_vec, is_fast, with_slice};
use super::flow::Flow;
use super::{ConvSpec, NetworkError, Op, cuda, elsewhere};
use crate::kernels::{self, Algorithm, ConvShape, DenseShape, Window};

/// `W x + b`. `x`: `[N, ...]`; `weight` and `bias` in the layout of [`Op`]; a bias of rank 3 is a map `[Co, H, W]`.
///
/// `algorithm` says how convolutions on the CPU are computed: rules, which divide by small sums, need [`Algorithm::Direct`].
///
/// # Errors
/// When `op` is not a weighted operation or the shapes do not fit.
pub fn apply(
    algorithm: Algorithm,
    op: &Op,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> std::result::Result<Tensor, NetworkError> {
    let y = match op {
        Op::Conv2d(conv) if is_fast(x) && bias.is_none_or(|b| b.rank() == 1) => {
            return Ok(conv2d_fast(algorithm, x, weight, bias, conv)?);
        }
        Op::Conv2d(conv) => {
            if algorithm == Algorithm::Fastest
                && let Some(y) = cuda::convolve(x, weight, bias, conv)?
            {
                return Ok(y);
            }
            conv2d(algorithm, x, weight, conv)?
        }
        Op::ConvTranspose2d {
            conv,
            output_padding,
        } => {
            let (h, w) = (x.dim(2)?, x.dim(3)?);
            conv2d_transposed(
                algorithm,
                x,
                weight,
                conv,
                transposed_size(conv, [h, w], *output_padding),
            )?
        }
        Op::Dense if is_fast(x) && bias.is_none_or(|b| b.rank() == 1) => {
            return Ok(dense_fast(x, weight, bias)?);
        }
        Op::Dense => x.matmul(&weight.t()?)?,
        other => return Err(not_weighted(other)),
    };
    let Some(bias) = bias else { return Ok(y) };
    let bias = match (bias.rank(), y.rank()) {
        (1, 4) => bias.reshape((1, bias.elem_count(), 1, 1))?,
        (3, 4) => bias.unsqueeze(0)?,
        _ => bias.clone(),
    };
    Ok(y.broadcast_add(&bias)?)
}

/// `W' g`: the transpose with respect to the input, whose dimensions (batch included) are `x_dims`.
///
/// # Errors
/// When `op` is not a weighted operation or the shapes do not fit.
pub fn pullback_input(
    algorithm: Algorithm,
    op: &Op,
    g: &Tensor,
    weight: &Tensor,
    x_dims: &[usize],
) -> std::result::Result<Tensor, NetworkError> {
    Ok(input_flow(algorithm, op, g, weight, x_dims)?.into_tensor()?)
}

/// [`pullback_input`] as a gradient that nobody else holds, where that is f32 on the CPU.
pub(super) fn input_flow(
    algorithm: Algorithm,
    op: &Op,
    g: &Tensor,
    weight: &Tensor,
    x_dims: &[usize],
) -> std::result::Result<Flow, NetworkError> {
    Ok(match op {
        Op::Conv2d(conv) if is_fast(g) => Flow::Own(
            transposed_values(algorithm, g, weight, conv, x_dims)?,
            x_dims.to_vec(),
        ),
        Op::Conv2d(conv) => {
            let own = match algorithm {
                Algorithm::Fastest => cuda::convolve_back(g, weight, conv, x_dims)?,
                Algorithm::Direct => None,
            };
            Flow::Shared(match own {
                Some(gradient) => gradient,
                None => conv2d_transposed(algorithm, g, weight, conv, [x_dims[2], x_dims[3]])?,
            })
        }
        Op::ConvTranspose2d { conv, .. } if is_fast(g) => {
            let (values, dims) = conv2d_values(algorithm, g, weight, None, conv)?;
            Flow::Own(values, dims)
        }
        Op::ConvTranspose2d { conv, .. } => Flow::Shared(conv2d(algorithm, g, weight, conv)?),
        Op::Dense if is_fast(g) => {
            let (g, w) = (g.contiguous()?, weight.contiguous()?);
            let shape = dense_shape(&g, weight)?;
            let values = kernels::dense_input_gradient(shape, &floats(&g)?, &floats(&w)?);
            Flow::Own(values, x_dims.to_vec())
        }
        Op::Dense => Flow::Shared(g.matmul(weight)?),
        other => return Err(not_weighted(other)),
    })
}

/// The gradient of `sum(g * (W x))` with respect to `W`, in the dimensions of the weight.
///
/// # Errors
/// When `op` is not a weighted operation or the shapes do not fit.
pub fn pullback_weight(
    op: &Op,
    x: &Tensor,
    g: &Tensor,
    weight_dims: &[usize],
) -> std::result::Result<Tensor, NetworkError> {
    Ok(match op {
        Op::Conv2d(conv) => conv2d_weight(x, g, conv, weight_dims)?,
        // A transposed convolution reads the same weights with input and output exchanged.
        Op::ConvTranspose2d { conv, .. } => conv2d_weight(g, x, conv, weight_dims)?,
        Op::Dense if is_fast(x) && is_fast(g) => {
            let shape = DenseShape {
                batch: x.dim(0)?,
                inputs: weight_dims[1],
                outputs: weight_dims[0],
            };
            with_two(
                x,
                g,
                |x, g| kernels::dense_weight_gradient(shape, x, g),
                weight_dims,
            )?
        }
        Op::Dense => g.t()?.matmul(&x.contiguous()?)?,
        other => return Err(not_weighted(other)),
    })
}

fn not_weighted(op: &Op) -> NetworkError {
    NetworkError::Layer {
        layer: op.kind().into(),
        op: op.kind(),
        what: "has no weights to apply".to_owned(),
    }
}

/// Rows and columns of a transposed convolution's output.
fn transposed_size(conv: &ConvSpec, size: [usize; 2], output_padding: [usize; 2]) -> [usize; 2] {
    let pads = [
        conv.padding.top + conv.padding.bottom,
        conv.padding.left + conv.padding.right,
    ];
    let grow = |i: usize| {
        (size[i] - 1) * conv.stride[i]
            + conv.dilation[i] * (conv.kernel[i] - 1)
            + 1
            + output_padding[i]
            - pads[i]
    };
    [grow(0), grow(1)]
}

/// The kernels' description of a convolution of `[N, Ci, H, W]` with `[Co, Ci / groups, kh, kw]`.
pub(crate) fn shape(x: &[usize], weight: &[usize], conv: &ConvSpec) -> Result<ConvShape> {
    let (&[n, c, h, w], &[co, per_group, kh, kw]) = (x, weight) else {
        candle_core::bail!(
            "a convolution takes [N, C, H, W] and [Co, Ci, kh, kw], not {x:?} and {weight:?}"
        )
    };
    // A step over the whole image is as good as any larger one, for which the kernels would have to make room.
    let padded = conv.padded_size([h, w]).unwrap_or([usize::MAX; 2]);
    let window = Window {
        stride: [0, 1].map(|axis| conv.stride[axis].min(padded[axis])),
        dilation: conv.dilation,
        pad_before: [conv.padding.top, conv.padding.left],
        pad_after: [conv.padding.bottom, conv.padding.right],
        groups: conv.groups,
    };
    ConvShape::new([n, c, h, w], [co, per_group, kh, kw], window).map_err(candle_core::Error::wrap)
}

/// Calls `f` with the elements of two CPU tensors and gives its result the dimensions `dims`.
fn with_two(
    a: &Tensor,
    b: &Tensor,
    f: impl FnOnce(&[f32], &[f32]) -> Vec<f32>,
    dims: &[usize],
) -> Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    match with_slice(&a, |a: &[f32]| with_slice(&b, |b: &[f32]| f(a, b))).flatten() {
        Some(values) => from_vec(values, dims),
        None => candle_core::bail!("both tensors must be f32 on the CPU"),
    }
}

/// The kernels' description of a dense layer with `rows` `[N, ...]` at its input or output.
fn dense_shape(rows: &Tensor, weight: &Tensor) -> Result<DenseShape> {
    let (outputs, inputs) = weight.dims2()?;
    Ok(DenseShape {
        batch: rows.dim(0)?,
        inputs,
        outputs,
    })
}

/// A dense layer with the CPU kernels, which read the weights once: with one row a matrix product of a library does not.
fn dense_fast(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let shape = dense_shape(x, weight)?;
    let bias = bias.map(Tensor::to_vec1::<f32>).transpose()?;
    with_two(
        x,
        weight,
        |x, w| kernels::dense(shape, x, w, bias.as_deref()),
        &[shape.batch, shape.outputs],
    )
}

/// The values of a convolution with the CPU kernels and their dimensions, before anybody made a tensor of them; `bias`:
/// `[Co]` or a map `[Co, H, W]`. All f32 on the CPU.
pub(super) fn conv2d_values(
    algorithm: Algorithm,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: &ConvSpec,
) -> Result<(Vec<f32>, Vec<usize>)> {
    let shape = shape(x.dims(), weight.dims(), conv)?;
    let [oh, ow] = shape.out_size();
    let dims = vec![x.dim(0)?, weight.dim(0)?, oh, ow];
    let per_channel = bias.filter(|b| b.rank() == 1);
    let per_channel = per_channel.map(Tensor::to_vec1::<f32>).transpose()?;
    let (x, w) = (x.contiguous()?, weight.contiguous()?);
    let (x, w) = (floats(&x)?, floats(&w)?);
    let mut values = kernels::conv2d(algorithm, &shape, &x, &w, per_channel.as_deref());
    if let Some(map) = bias.filter(|b| b.rank() == 3) {
        let map = map.contiguous()?;
        kernels::update_zip_planes(&mut values, &floats(&map)?, oh * ow, |_| |a, b| a + b);
    }
    Ok((values, dims))
}

/// Cross-correlation with the CPU kernels; `bias`: `[Co]`.
fn conv2d_fast(
    algorithm: Algorithm,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: &ConvSpec,
) -> Result<Tensor> {
    let (values, dims) = conv2d_values(algorithm, x, weight, bias, conv)?;
    from_vec(values, &dims)
}

/// Cross-correlation without bias.
fn conv2d(algorithm: Algorithm, x: &Tensor, weight: &Tensor, conv: &ConvSpec) -> Result<Tensor> {
    if is_fast(x) {
        return conv2d_fast(algorithm, x, weight, None, conv);
    }
    elsewhere::convolved(x, weight, conv)
}

/// The transpose of a convolution with the CPU kernels; `dims`: those of its input.
fn transposed_values(
    algorithm: Algorithm,
    g: &Tensor,
    weight: &Tensor,
    conv: &ConvSpec,
    dims: &[usize],
) -> Result<Vec<f32>> {
    let shape = shape(dims, weight.dims(), conv)?;
    let (g, w) = (g.contiguous()?, weight.contiguous()?);
    let (g, w) = (floats(&g)?, floats(&w)?);
    Ok(kernels::conv2d_input_gradient(algorithm, &shape, &g, &w))
}

/// The transpose of [`conv2d`] with respect to its input of rows and columns `size`.
fn conv2d_transposed(
    algorithm: Algorithm,
    g: &Tensor,
    weight: &Tensor,
    conv: &ConvSpec,
    size: [usize; 2],
) -> Result<Tensor> {
    if is_fast(g) {
        let dims = [g.dim(0)?, weight.dim(1)? * conv.groups, size[0], size[1]];
        return from_vec(transposed_values(algorithm, g, weight, conv, &dims)?, &dims);
    }
    elsewhere::transposed(g, weight, conv, size)
}

/// The gradient of a convolution's weights: a convolution over the batch with stride and dilation exchanged.
fn conv2d_weight(x: &Tensor, g: &Tensor, conv: &ConvSpec, dims: &[usize]) -> Result<Tensor> {
    if is_fast(x) && is_fast(g) {
        let shape = shape(x.dims(), dims, conv)?;
        return with_two(
            x,
            g,
            |x, g| kernels::conv2d_weight_gradient(Algorithm::Fastest, &shape, x, g),
            dims,
        );
    }
    elsewhere::weight_gradient(x, g, conv, dims)
}
