//! What operators are told besides the values that they read.

use super::Attribute::{self, Float, Int, Ints};
use crate::network::{ConvSpec, Function, Op, Padding};

/// Operations that are one operator without stored tensors.
pub(super) fn simple(op: &Op) -> (&'static str, Vec<(&'static str, Attribute<'static>)>) {
    let plain = |name| (name, Vec::new());
    match op {
        Op::Relu => plain("Relu"),
        Op::LeakyRelu { slope } => ("LeakyRelu", vec![("alpha", Float(*slope as f32))]),
        Op::Elu { alpha } => ("Elu", vec![("alpha", Float(*alpha as f32))]),
        Op::Tanh => plain("Tanh"),
        Op::Sigmoid => plain("Sigmoid"),
        Op::Softplus => plain("Softplus"),
        Op::Function(Function::Exp) => plain("Exp"),
        Op::Function(Function::Log) => plain("Log"),
        Op::Function(Function::Sqrt) => plain("Sqrt"),
        Op::Function(Function::Erf) => plain("Erf"),
        Op::Function(Function::Reciprocal) => plain("Reciprocal"),
        Op::GlobalAvgPool => plain("GlobalAveragePool"),
        Op::GlobalMaxPool => plain("GlobalMaxPool"),
        Op::Flatten => ("Flatten", vec![("axis", Int(1))]),
        _ => plain("Identity"),
    }
}

/// The numbers of a window as the format has them.
pub(super) struct Geometry {
    kernel: [i64; 2],
    stride: [i64; 2],
    dilation: [i64; 2],
    pads: [i64; 4],
    groups: i64,
}

impl Geometry {
    pub(super) fn of(conv: &ConvSpec) -> Self {
        let Padding {
            top,
            bottom,
            left,
            right,
        } = conv.padding;
        Self {
            kernel: conv.kernel.map(|n| n as i64),
            stride: conv.stride.map(|n| n as i64),
            dilation: conv.dilation.map(|n| n as i64),
            pads: [top, left, bottom, right].map(|n| n as i64),
            groups: conv.groups as i64,
        }
    }

    pub(super) fn window(&self) -> Vec<(&'static str, Attribute<'_>)> {
        vec![
            ("kernel_shape", Ints(&self.kernel)),
            ("strides", Ints(&self.stride)),
            ("pads", Ints(&self.pads)),
        ]
    }

    pub(super) fn attributes(&self) -> Vec<(&'static str, Attribute<'_>)> {
        let mut attributes = self.window();
        attributes.push(("dilations", Ints(&self.dilation)));
        attributes.push(("group", Int(self.groups)));
        attributes
    }
}
