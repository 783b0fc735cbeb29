//! Convolutions and dense layers: kernels turned from rows, columns, inputs, outputs to outputs, inputs, rows, columns.

use candle_core::{Device, Tensor};

use super::{At, Lowering, Weight};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::keras::graph::Model;
use crate::checkpoint::keras::value::{Form, Order, Value};
use crate::network::{ConvSpec, Op, Padding, Param, Role};

impl Lowering<'_> {
    /// Kernel, strides, dilation and padding of a convolution over a picture of this size.
    fn geometry(&self, at: &At<'_>, size: [usize; 2]) -> Result<ConvSpec, CheckpointError> {
        at.fields.check_channels_last()?;
        let kernel = at.fields.steps("kernel_size", [0; 2])?;
        if kernel.contains(&0) {
            return Err(at.fields.broken("kernel_size is missing"));
        }
        let stride = at.fields.steps("strides", [1; 2])?;
        let dilation = at.fields.steps("dilation_rate", [1; 2])?;
        let padding = if at.fields.is_same()? {
            Padding::same(size, kernel, stride, dilation)
        } else {
            Padding::default()
        };
        Ok(ConvSpec {
            kernel,
            stride,
            padding,
            dilation,
            groups: 1,
        })
    }

    fn has_bias(at: &At<'_>) -> Result<bool, CheckpointError> {
        at.fields.flag("use_bias", true)
    }

    /// `kernel [kh, kw, inputs / groups, outputs]`.
    pub(super) fn conv(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let [channels, rows, columns] = self.picture_dims(at, x)?;
        let groups = at.fields.count_or("groups", 1)?;
        let conv = ConvSpec {
            groups,
            ..self.geometry(at, [rows, columns])?
        };
        let outputs = at.fields.count("filters")?;
        if groups == 0 || channels % groups != 0 || outputs % groups != 0 {
            return Err(at.fields.broken(format!(
                "{groups} groups do not divide {channels} and {outputs} channels"
            )));
        }
        let [kh, kw] = conv.kernel;
        let bias = Self::has_bias(at)?.then(|| vec![outputs]);
        let wanted = [
            ("kernel", Some(vec![kh, kw, channels / groups, outputs])),
            ("bias", bias),
        ];
        let [kernel, bias] = self.weights(at, wanted)?;
        let params = [
            self.turned(Role::Weight, kernel, "conv", |k| k.permute((3, 2, 0, 1)))?,
            self.turned(Role::Bias, bias, "", |b| Ok(b.clone()))?,
        ];
        self.finish(at, Op::Conv2d(conv), x, params)
    }

    /// `kernel [kh, kw, outputs, inputs]`; the size of the result is the one that the convolution would bring back.
    pub(super) fn conv_transpose(
        &mut self,
        at: &At<'_>,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        let [channels, rows, columns] = self.picture_dims(at, x)?;
        let plain = self.geometry(at, [rows, columns])?;
        let given = at.fields.pair("output_padding")?;
        let is_same = at.fields.is_same()?;
        let reach = |i: usize| (plain.kernel[i] - 1) * plain.dilation[i] + 1;
        let size = [rows, columns];
        // `keras.src.utils.conv_utils.deconv_output_length`, which TensorFlow is then told.
        let out = [0, 1].map(|i| match (given, is_same) {
            (None, true) => size[i] * plain.stride[i],
            (None, false) => size[i] * plain.stride[i] + reach(i).saturating_sub(plain.stride[i]),
            (Some(extra), same) => {
                let pad = if same { reach(i) / 2 } else { 0 };
                ((size[i] - 1) * plain.stride[i] + reach(i) + extra[i]).saturating_sub(2 * pad)
            }
        });
        let padding = if is_same {
            Padding::same(out, plain.kernel, plain.stride, plain.dilation)
        } else {
            Padding::default()
        };
        let padded = [padding.top + padding.bottom, padding.left + padding.right];
        let output_padding = [0, 1].map(|i| {
            let full = (size[i] - 1) * plain.stride[i] + reach(i);
            (out[i] + padded[i]).checked_sub(full)
        });
        let [Some(below), Some(right)] = output_padding else {
            return Err(at
                .fields
                .unsupported("its output_padding leaves less than the kernel reaches"));
        };
        let outputs = at.fields.count("filters")?;
        let [kh, kw] = plain.kernel;
        let bias = Self::has_bias(at)?.then(|| vec![outputs]);
        let wanted = [
            ("kernel", Some(vec![kh, kw, outputs, channels])),
            ("bias", bias),
        ];
        let [kernel, bias] = self.weights(at, wanted)?;
        let params = [
            self.turned(Role::Weight, kernel, "conv", |k| k.permute((3, 2, 0, 1)))?,
            self.turned(Role::Bias, bias, "", |b| Ok(b.clone()))?,
        ];
        let op = Op::ConvTranspose2d {
            conv: ConvSpec { padding, ..plain },
            output_padding: [below, right],
        };
        self.finish(at, op, x, params)
    }

    /// `depthwise_kernel [kh, kw, inputs, multiplier]`.
    pub(super) fn depthwise(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let [channels, rows, columns] = self.picture_dims(at, x)?;
        let conv = ConvSpec {
            groups: channels,
            ..self.geometry(at, [rows, columns])?
        };
        let multiplier = at.fields.count_or("depth_multiplier", 1)?;
        let outputs = channels * multiplier;
        let [kh, kw] = conv.kernel;
        let bias = Self::has_bias(at)?.then(|| vec![outputs]);
        let shape = vec![kh, kw, channels, multiplier];
        // Keras 3 names it like every other kernel.
        let wanted = [("depthwise_kernel|kernel", Some(shape)), ("bias", bias)];
        let [kernel, bias] = self.weights(at, wanted)?;
        let params = [
            self.turned(Role::Weight, kernel, "depthwise", |k| {
                depthwise_kernel(k, outputs)
            })?,
            self.turned(Role::Bias, bias, "", |b| Ok(b.clone()))?,
        ];
        self.finish(at, Op::Conv2d(conv), x, params)
    }

    /// A convolution of every channel and one of every pixel, the second with the layer's name.
    pub(super) fn separable(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let [channels, rows, columns] = self.picture_dims(at, x)?;
        let conv = ConvSpec {
            groups: channels,
            ..self.geometry(at, [rows, columns])?
        };
        let multiplier = at.fields.count_or("depth_multiplier", 1)?;
        let (inner, outputs) = (channels * multiplier, at.fields.count("filters")?);
        let [kh, kw] = conv.kernel;
        let wanted = [
            ("depthwise_kernel", Some(vec![kh, kw, channels, multiplier])),
            ("pointwise_kernel", Some(vec![1, 1, inner, outputs])),
            ("bias", Self::has_bias(at)?.then(|| vec![outputs])),
        ];
        let [depthwise, pointwise, bias] = self.weights(at, wanted)?;
        let weight = self.turned(Role::Weight, depthwise, "depthwise", |k| {
            depthwise_kernel(k, inner)
        })?;
        let params = weight.into_iter().collect();
        let name = at.beside("depthwise");
        let between = Value::picture(self.op(&name, Op::Conv2d(conv), &[x.node], params)?);
        let params = [
            self.turned(Role::Weight, pointwise, "conv", |k| k.permute((3, 2, 0, 1)))?,
            self.turned(Role::Bias, bias, "", |b| Ok(b.clone()))?,
        ];
        self.finish(at, Op::Conv2d(ConvSpec::square(1, 1, 0)), &between, params)
    }

    /// `kernel [inputs, outputs]`; on a picture, every pixel alike.
    pub(super) fn dense(
        &mut self,
        at: &At<'_>,
        model: &Model<'_>,
        layer: usize,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        let outputs = at.fields.count("units")?;
        let inputs = self.fact(x).units();
        let bias = Self::has_bias(at)?.then(|| vec![outputs]);
        let wanted = [("kernel", Some(vec![inputs, outputs])), ("bias", bias)];
        let [kernel, bias] = self.weights(at, wanted)?;
        let Form::Vector(order) = &x.form else {
            let params = [
                self.turned(Role::Weight, kernel, "pixels", |k| {
                    k.t()?.reshape((outputs, inputs, 1, 1))
                })?,
                self.turned(Role::Bias, bias, "", |b| Ok(b.clone()))?,
            ];
            return self.finish(at, Op::Conv2d(ConvSpec::square(1, 1, 0)), x, params);
        };
        // A picture that is made of the result has its channels first here: the units are sorted so at once.
        let result = match model.reshaped_to(layer, outputs) {
            Some(dims) => Order::picture(dims),
            None => Order::plain(outputs),
        };
        let how = format!("dense {order:?} {result:?}");
        let params = [
            self.turned(Role::Weight, kernel, &how, |k| {
                sorted(&sorted(k, 0, order)?, 1, &result)?.t()
            })?,
            self.turned(Role::Bias, bias, &how, |b| sorted(b, 0, &result))?,
        ];
        let params = params.into_iter().flatten().collect();
        let node = self.op(&at.name, Op::Dense, &[x.node], params)?;
        self.activated(at, Value::vector(node, result))
    }

    fn turned(
        &mut self,
        role: Role,
        weight: Option<Weight>,
        how: &str,
        turn: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Option<Param>, CheckpointError> {
        weight
            .map(|weight| self.param(role, &weight, how, turn))
            .transpose()
    }

    fn finish<const N: usize>(
        &mut self,
        at: &At<'_>,
        op: Op,
        x: &Value,
        params: [Option<Param>; N],
    ) -> Result<Value, CheckpointError> {
        let params = params.into_iter().flatten().collect();
        let node = self.op(&at.name, op, &[x.node], params)?;
        self.activated(at, Value::picture(node))
    }
}

/// `[kh, kw, inputs, multiplier]` as `[inputs multiplier, 1, kh, kw]`.
fn depthwise_kernel(kernel: &Tensor, outputs: usize) -> candle_core::Result<Tensor> {
    let (kh, kw, _, _) = kernel.dims4()?;
    kernel
        .permute((2, 3, 0, 1))?
        .contiguous()?
        .reshape((outputs, 1, kh, kw))
}

/// A weight with the elements of an axis sorted as they are here.
pub(super) fn sorted(weight: &Tensor, axis: usize, order: &Order) -> candle_core::Result<Tensor> {
    if order.is_plain() {
        return Ok(weight.clone());
    }
    let positions = order.positions();
    let count = positions.len();
    weight.index_select(&Tensor::from_vec(positions, count, &Device::Cpu)?, axis)
}
