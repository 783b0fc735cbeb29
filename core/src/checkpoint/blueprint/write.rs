//! A description as `model.toml`: one table a layer, doubtful lines marked.

use super::{Blueprint, Geometry, Layer, LayerOp, Pad};
use crate::network::{Function, Op, Padding, PoolSpec, Role, UpsampleMode};
use crate::stamp::ValueRange;

impl Blueprint {
    /// The text of a `model.toml`. `notes`: lines for the top, without line feeds.
    pub(in crate::checkpoint) fn to_toml(&self, notes: &[String]) -> String {
        let mut text = String::new();
        // First, so that the kind of file is told from its beginning.
        text.push_str("ganoscope_model = 1\n");
        for note in notes {
            text.push_str(&format!("# {note}\n"));
        }
        text.push_str(&format!("family = {}\n", quoted(&self.family)));
        text.push_str(&format!("role = {}\n", quoted(self.role.name())));
        if let Some(weights) = &self.weights {
            text.push_str(&format!("weights = {}\n", quoted(weights)));
        }
        for (name, range) in [
            ("input_range", self.input_range),
            ("output_range", self.output_range),
        ] {
            if let Some(ValueRange { low, high }) = range {
                text.push_str(&format!("{name} = {{ low = {low:?}, high = {high:?} }}\n"));
            }
        }
        for port in &self.inputs {
            text.push_str(&format!("\n[[input]]\nname = {}\n", quoted(&port.name)));
            let doubt = port.doubt.map(|why| format!("  # doubtful: {why}"));
            text.push_str(&format!(
                "dims = {:?}{}\n",
                port.dims,
                doubt.unwrap_or_default()
            ));
        }
        let mut before = self.inputs.last().map(|port| port.name.as_str());
        for layer in &self.layers {
            text.push_str(&layer_text(layer, before));
            before = Some(&layer.name);
        }
        for (name, layer) in &self.outputs {
            text.push_str(&format!(
                "\n[[output]]\nname = {}\nlayer = {}\n",
                quoted(name),
                quoted(layer)
            ));
        }
        text
    }
}

/// The table of a layer. `before`: the layer that is read when nothing is said.
fn layer_text(layer: &Layer, before: Option<&str>) -> String {
    let mut fields = vec![
        ("name", quoted(&layer.name)),
        ("op", quoted(op_name(&layer.op))),
    ];
    let is_source = matches!(layer.op, LayerOp::Constant(_));
    match layer.inputs.as_slice() {
        [one] if Some(one.as_str()) == before => {}
        [] if is_source => {}
        inputs => {
            let inputs: Vec<String> = inputs.iter().map(|input| quoted(input)).collect();
            fields.push(("inputs", format!("[{}]", inputs.join(", "))));
        }
    }
    for (role, key) in &layer.params {
        fields.push((param_field(*role), quoted(key)));
    }
    op_fields(&layer.op, &mut fields);
    let mut text = "\n[[layer]]\n".to_owned();
    for (field, value) in fields {
        let mut doubts = layer.doubts.iter().filter(|(of, _)| *of == field);
        let doubt = doubts.next().map(|(_, why)| format!("  # doubtful: {why}"));
        text.push_str(&format!("{field} = {value}{}\n", doubt.unwrap_or_default()));
    }
    text
}

/// The field that holds the key of a parameter.
const fn param_field(role: Role) -> &'static str {
    match role {
        Role::Weight | Role::Slope => "weight",
        Role::Bias => "bias",
        Role::Mean => "mean",
        Role::Var => "variance",
        Role::Value => "value",
    }
}

/// The name of an operation in the file.
pub(super) const fn op_name(op: &LayerOp) -> &'static str {
    match op {
        LayerOp::Conv(_) => "conv",
        LayerOp::ConvTranspose(..) => "conv-transpose",
        LayerOp::AvgPool(_) => "avg-pool",
        LayerOp::MaxPool(_) => "max-pool",
        LayerOp::Constant(_) => "constant",
        LayerOp::Scale(_) => "scale",
        LayerOp::Plain(op) => plain_name(op),
    }
}

const fn plain_name(op: &Op) -> &'static str {
    match op {
        Op::Input { .. } => "input",
        Op::Constant => "constant",
        Op::Identity => "identity",
        Op::Conv2d(_) => "conv",
        Op::ConvTranspose2d { .. } => "conv-transpose",
        Op::Dense => "dense",
        Op::BatchNorm { .. } => "batch-norm",
        Op::InstanceNorm { .. } => "instance-norm",
        Op::PixelNorm { .. } => "pixel-norm",
        Op::Relu => "relu",
        Op::LeakyRelu { .. } => "leaky-relu",
        Op::Prelu => "prelu",
        Op::Tanh => "tanh",
        Op::Sigmoid => "sigmoid",
        Op::Elu { .. } => "elu",
        Op::Silu => "silu",
        Op::Softplus => "softplus",
        Op::Add => "add",
        Op::Mul => "mul",
        Op::Concat { .. } => "concat",
        Op::Upsample { .. } => "upsample",
        Op::PixelShuffle { .. } => "pixel-shuffle",
        Op::AvgPool(_) => "avg-pool",
        Op::MaxPool(_) => "max-pool",
        Op::GlobalAvgPool => "global-avg-pool",
        Op::GlobalMaxPool => "global-max-pool",
        Op::Reshape { .. } => "reshape",
        Op::Flatten => "flatten",
        Op::Pad { .. } => "pad",
        Op::Slice { .. } => "slice",
        Op::Select { .. } => "select",
        Op::Transpose { .. } => "transpose",
        Op::Function(Function::Exp) => "exp",
        Op::Function(Function::Log) => "log",
        Op::Function(Function::Sqrt) => "sqrt",
        Op::Function(Function::Erf) => "erf",
        Op::Function(Function::Reciprocal) => "reciprocal",
    }
}

/// The numbers of an operation, those that are as usual left out.
fn op_fields(op: &LayerOp, fields: &mut Vec<(&'static str, String)>) {
    match op {
        LayerOp::Conv(geometry) => geometry_fields(geometry, fields),
        LayerOp::ConvTranspose(geometry, extra) => {
            geometry_fields(geometry, fields);
            if *extra != [0, 0] {
                fields.push(("output_padding", pair(*extra)));
            }
        }
        LayerOp::AvgPool(pool) | LayerOp::MaxPool(pool) => pool_fields(pool, fields),
        LayerOp::Constant(dims) => {
            if let Some(dims) = dims {
                fields.push(("dims", format!("{dims:?}")));
            }
        }
        LayerOp::Scale(by) => fields.push(("by", format!("{by:?}"))),
        LayerOp::Plain(op) => plain_fields(op, fields),
    }
}

fn plain_fields(op: &Op, fields: &mut Vec<(&'static str, String)>) {
    match op {
        Op::BatchNorm { eps } | Op::InstanceNorm { eps } | Op::PixelNorm { eps } => {
            fields.push(("eps", format!("{eps:?}")));
        }
        Op::LeakyRelu { slope } => fields.push(("slope", format!("{slope:?}"))),
        Op::Elu { alpha } => fields.push(("alpha", format!("{alpha:?}"))),
        Op::Concat { axis } => fields.push(("axis", axis.to_string())),
        Op::Upsample { scale, mode } => {
            fields.push(("scale", pair(*scale)));
            let mode = match mode {
                UpsampleMode::Nearest => "nearest",
                UpsampleMode::Bilinear {
                    align_corners: false,
                } => "bilinear",
                UpsampleMode::Bilinear {
                    align_corners: true,
                } => "bilinear-corners",
            };
            fields.push(("mode", quoted(mode)));
        }
        Op::PixelShuffle { factor } => fields.push(("factor", factor.to_string())),
        Op::Reshape { dims } => fields.push(("dims", format!("{dims:?}"))),
        Op::Pad { padding, value } => {
            fields.push(("padding", sides(*padding)));
            fields.push(("number", format!("{value:?}")));
        }
        Op::Slice { axis, start, end } => {
            fields.push(("axis", axis.to_string()));
            fields.push(("start", start.to_string()));
            fields.push(("end", end.to_string()));
        }
        Op::Select { axis, indices } => {
            fields.push(("axis", axis.to_string()));
            fields.push(("indices", format!("{indices:?}")));
        }
        Op::Transpose { order } => fields.push(("order", format!("{order:?}"))),
        _ => {}
    }
}

fn geometry_fields(geometry: &Geometry, fields: &mut Vec<(&'static str, String)>) {
    fields.push(("stride", pair(geometry.stride)));
    let padding = match geometry.padding {
        Pad::Same => quoted("same"),
        Pad::Sides(padding) => sides(padding),
    };
    fields.push(("padding", padding));
    if geometry.dilation != [1, 1] {
        fields.push(("dilation", pair(geometry.dilation)));
    }
    if geometry.groups != 1 {
        fields.push(("groups", geometry.groups.to_string()));
    }
}

fn pool_fields(pool: &PoolSpec, fields: &mut Vec<(&'static str, String)>) {
    fields.push(("kernel", pair(pool.kernel)));
    if pool.stride != pool.kernel {
        fields.push(("stride", pair(pool.stride)));
    }
    if !pool.padding.is_zero() {
        fields.push(("padding", sides(pool.padding)));
    }
    if !pool.count_padding {
        fields.push(("count_padding", "false".to_owned()));
    }
}

/// `n`, or `[rows, columns]` where they differ.
fn pair([rows, columns]: [usize; 2]) -> String {
    if rows == columns {
        rows.to_string()
    } else {
        format!("[{rows}, {columns}]")
    }
}

/// `n`, or `[top, bottom, left, right]` where they differ.
fn sides(padding: Padding) -> String {
    if padding == Padding::all(padding.top) {
        return padding.top.to_string();
    }
    let Padding {
        top,
        bottom,
        left,
        right,
    } = padding;
    format!("[{top}, {bottom}, {left}, {right}]")
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
