//! Operators with learned weights: convolutions, matrices, slopes.

use super::super::array::Array;
use super::super::call::{Call, Constant, Operands};
use super::super::fault::{Fault, Reading};
use super::super::lower::Lowering;
use super::windows::Window;
use crate::network::{ConvSpec, NodeId, Op, Padding, Param, Role};

/// The weights of a convolution and its kernel.
fn kernel_of<'o>(call: &Call<'_>, operands: &'o Operands) -> Reading<(&'o Constant, [usize; 4])> {
    let weight = operands.needed(1, "its weight")?;
    let &[a, b, rows, columns] = weight.array.dims() else {
        return Err(Fault::unsupported(format!(
            "its weight {} has {} axes; only two-dimensional {}s are read",
            weight.key,
            weight.array.dims().len(),
            call.node.op
        )));
    };
    Ok((weight, [a, b, rows, columns]))
}

fn groups_of(call: &Call<'_>) -> Reading<usize> {
    let group = call.int("group", 1);
    usize::try_from(group).map_err(|_| Fault::broken(format!("it has {group} groups")))
}

fn with_bias(
    mut params: Vec<Param>,
    operands: &Operands,
    at: usize,
    channels: usize,
) -> Reading<Vec<Param>> {
    if let Some(bias) = operands.constant(at, "its bias")? {
        params.push(bias.param(Role::Bias, &[channels])?);
    }
    Ok(params)
}

pub(super) fn conv(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let mut x = operands.layer(0)?;
    let (weight, [channels, inner, rows, columns]) = kernel_of(call, operands)?;
    let window = Window::of(call, [rows, columns])?;
    let size = image_size(l, x)?;
    let mut spec = ConvSpec {
        kernel: [rows, columns],
        stride: window.stride,
        padding: window.padding(size)?,
        dilation: window.dilation,
        groups: groups_of(call)?,
    };
    // Zeros that a layer before adds are padding of this one.
    if let (Op::Pad { padding, value }, &[before]) = {
        let draft = l.layers.draft(x);
        (&draft.op, draft.inputs.as_slice())
    } && *value == 0.0
    {
        spec.padding = sum(spec.padding, *padding);
        x = before;
    }
    let weight = weight.param(Role::Weight, &[channels, inner, rows, columns])?;
    let params = with_bias(vec![weight], operands, 2, channels)?;
    l.add(call, "", Op::Conv2d(spec), &[x], params)
}

const fn sum(a: Padding, b: Padding) -> Padding {
    Padding {
        top: a.top.saturating_add(b.top),
        bottom: a.bottom.saturating_add(b.bottom),
        left: a.left.saturating_add(b.left),
        right: a.right.saturating_add(b.right),
    }
}

/// Rows and columns of a picture.
pub(super) fn image_size(l: &Lowering<'_>, x: NodeId) -> Reading<[usize; 2]> {
    match l.layers.dims(x) {
        &[_, h, w] => Ok([h, w]),
        dims => Err(Fault::unsupported(format!(
            "it reads a value of {dims:?}, not a picture of channels, rows and columns"
        ))),
    }
}

pub(super) fn conv_transpose(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let (weight, [channels, per_group, rows, columns]) = kernel_of(call, operands)?;
    let window = Window::of(call, [rows, columns])?;
    let groups = groups_of(call)?;
    let size = image_size(l, x)?;
    let output_padding = pair(call.ints("output_padding"), 0)?;
    let (mut padding, asked) = match (&window.pads, call.ints("output_shape")) {
        (_, Some(shape)) if !shape.is_empty() => (Padding::all(0), Some(pair(Some(shape), 0)?)),
        (Some(pads), _) => (*pads, None),
        // SAME: as large as the stride says.
        (None, _) => {
            let asked = [0, 1].map(|i| size[i].saturating_mul(window.stride[i]));
            (Padding::all(0), Some(asked))
        }
    };
    if let Some(asked) = asked {
        let upper = call.text("auto_pad") == Some("SAME_UPPER");
        let spread = |i: usize| -> Reading<(usize, usize)> {
            let reach = window.reach(i)?;
            let full = (size[i].saturating_sub(1))
                .saturating_mul(window.stride[i])
                .saturating_add(reach)
                .saturating_add(output_padding[i]);
            let total = full.checked_sub(asked[i]).ok_or_else(|| {
                Fault::unsupported(format!(
                    "it is to give {asked:?}, more than its kernel reaches"
                ))
            })?;
            let (small, large) = (total / 2, total - total / 2);
            Ok(if upper {
                (small, large)
            } else {
                (large, small)
            })
        };
        let ((top, bottom), (left, right)) = (spread(0)?, spread(1)?);
        padding = Padding {
            top,
            bottom,
            left,
            right,
        };
    }
    let op = Op::ConvTranspose2d {
        conv: ConvSpec {
            kernel: [rows, columns],
            stride: window.stride,
            padding,
            dilation: window.dilation,
            groups,
        },
        output_padding,
    };
    let outer = per_group.saturating_mul(groups);
    let weight = weight.param(Role::Weight, &[channels, per_group, rows, columns])?;
    let params = with_bias(vec![weight], operands, 2, outer)?;
    l.add(call, "", op, &[x], params)
}

/// The last two numbers of a list, one for rows and one for columns.
pub(super) fn pair(list: Option<&[i64]>, default: usize) -> Reading<[usize; 2]> {
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Ok([default; 2]);
    };
    let &[.., rows, columns] = list else {
        return Err(Fault::unsupported("it is not two-dimensional"));
    };
    let of = |n: i64| usize::try_from(n).map_err(|_| Fault::broken(format!("{n} is negative")));
    Ok([of(rows)?, of(columns)?])
}

/// The length of a vector, which dense layers read.
fn features(l: &Lowering<'_>, x: NodeId) -> Reading<usize> {
    match l.layers.dims(x) {
        &[n] => Ok(n),
        dims => Err(Fault::unsupported(format!(
            "it multiplies a value of {dims:?} by a matrix; only vectors are read"
        ))),
    }
}

/// A matrix as the weight of a dense layer, `[out, in]`, scaled.
fn matrix(
    call: &Call<'_>,
    weight: &Constant,
    is_transposed: bool,
    scale: f32,
) -> Reading<Constant> {
    if weight.array.dims().len() != 2 {
        let what = format!("has the shape {:?}, expected a matrix", weight.array.dims());
        return Err(Fault::tensor(&weight.key, what));
    }
    let mut tensor = weight.array.to_tensor()?;
    if !is_transposed {
        call.hold(tensor.elem_count())?;
        tensor = tensor.t()?.contiguous()?;
    }
    if scale != 1.0 {
        call.hold(tensor.elem_count())?;
        tensor = (tensor * f64::from(scale))?;
    }
    Ok(Constant {
        key: weight.key.clone(),
        array: Array::Floats(tensor),
    })
}

pub(super) fn gemm(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    if call.int("transA", 0) != 0 {
        return Err(Fault::unsupported(
            "it transposes its input, and so the batch",
        ));
    }
    let n = features(l, x)?;
    let weight = operands.needed(1, "its matrix")?;
    let is_transposed = call.int("transB", 0) != 0;
    let weight = matrix(call, weight, is_transposed, call.float("alpha", 1.0))?;
    let out = weight.array.dims()[0];
    let mut params = vec![weight.param(Role::Weight, &[out, n])?];
    if let Some(bias) = operands.constant(2, "its bias")? {
        let beta = f64::from(call.float("beta", 1.0));
        let dims = super::without_batch(bias.array.dims(), 1)?;
        call.hold(out)?;
        let spread = bias.array.reshape(&dims)?.expand(&[out])?;
        let tensor = spread.to_tensor()?;
        params.push(Param {
            role: Role::Bias,
            key: bias.key.clone(),
            tensor: if beta == 1.0 {
                tensor
            } else {
                (tensor * beta)?
            },
        });
    }
    l.add(call, "", Op::Dense, &[x], params)
}

pub(super) fn mat_mul(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0).map_err(|_| {
        Fault::unsupported(
            "it multiplies a constant by a layer, or two layers; attention is not read",
        )
    })?;
    let n = features(l, x)?;
    let weight = matrix(call, operands.needed(1, "its matrix")?, false, 1.0)?;
    let out = weight.array.dims()[0];
    let weight = weight.param(Role::Weight, &[out, n])?;
    l.add(call, "", Op::Dense, &[x], vec![weight])
}

/// Slopes of dimensions that a `PReLU` layer takes: one, one a channel, or one an element.
pub(super) fn slopes(call: &Call<'_>, slope: &Constant, dims: &[usize]) -> Reading<Param> {
    let own = super::without_batch(slope.array.dims(), dims.len())?;
    let channels = dims.first().copied().unwrap_or(1);
    let rest_is_one = own.iter().skip(1).all(|dim| *dim == 1);
    if slope.array.len() == 1 {
        return slope.param(Role::Slope, &[1]);
    }
    if own.len() == dims.len() && own.first() == Some(&channels) && rest_is_one {
        return slope.param(Role::Slope, &[channels]);
    }
    let elements = super::super::array::product(dims)?;
    call.hold(elements)?;
    let _room = call.room(32_u64.saturating_mul(elements as u64))?;
    let full = Constant {
        key: slope.key.clone(),
        array: slope.array.reshape(&own)?.expand(dims)?,
    };
    full.param(Role::Slope, dims)
}

pub(super) fn prelu(l: &mut Lowering<'_>, call: &Call<'_>, operands: &Operands) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let slope = slopes(call, operands.needed(1, "its slope")?, l.layers.dims(x))?;
    l.add(call, "", Op::Prelu, &[x], vec![slope])
}
