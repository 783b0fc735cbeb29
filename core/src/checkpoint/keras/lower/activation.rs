//! Activations, by layer or by the name that another layer gives.

use serde_json::Value as Json;

use super::{At, Lowering};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::keras::fields::{Fields, shown};
use crate::checkpoint::keras::value::Value;
use crate::network::Op;

/// SELU's constants, as Keras has them (Klambauer et al. 2017, <https://arxiv.org/abs/1706.02515>).
const SELU: [f64; 2] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5];

const KNOWN: &str = "linear, relu, relu6, leaky_relu, elu, selu, tanh, sigmoid, hard_sigmoid, swish, silu and softplus";

impl Lowering<'_> {
    /// A layer that is an activation and nothing else.
    pub(super) fn activation_layer(
        &mut self,
        at: &At<'_>,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        match at.fields.get("activation") {
            Some(activation) => self.by_value(at, &at.name, x, activation),
            None => Err(at.fields.broken("activation is missing")),
        }
    }

    /// The activation that a layer applies to its own result.
    pub(super) fn activated(&mut self, at: &At<'_>, x: Value) -> Result<Value, CheckpointError> {
        match at.fields.get("activation") {
            None => Ok(x),
            Some(Json::String(name)) if name == "linear" => Ok(x),
            Some(activation) => self.by_value(at, &at.beside("activation"), &x, activation),
        }
    }

    /// An activation by its name, by a function with a name, or by a layer.
    fn by_value(
        &mut self,
        at: &At<'_>,
        name: &str,
        x: &Value,
        activation: &Json,
    ) -> Result<Value, CheckpointError> {
        if let Some(function) = activation.as_str() {
            return self.by_name(at, name, x, function);
        }
        let class = activation.get("class_name").and_then(Json::as_str);
        match (class, activation.get("config")) {
            (Some("function"), Some(Json::String(function))) => self.by_name(at, name, x, function),
            (Some("Activation"), Some(Json::Object(config))) => match config.get("activation") {
                Some(Json::String(function)) => self.by_name(at, name, x, function),
                _ => Err(at
                    .fields
                    .unsupported(format!("activation {}", shown(activation)))),
            },
            (Some(class @ ("LeakyReLU" | "ReLU" | "ELU")), Some(Json::Object(config))) => {
                let inner = At {
                    fields: Fields {
                        class,
                        config,
                        ..at.fields
                    },
                    place: at.place,
                    name: name.to_owned(),
                };
                match class {
                    "LeakyReLU" => {
                        let slope = inner.fields.number("negative_slope")?;
                        let slope = slope.or(inner.fields.number("alpha")?).unwrap_or(0.3);
                        self.leaky_relu(name, x, slope)
                    }
                    "ReLU" => self.relu(&inner, x),
                    _ => {
                        let alpha = inner.fields.number("alpha")?.unwrap_or(1.0);
                        self.elu(name, x, alpha)
                    }
                }
            }
            _ => Err(at.fields.unsupported(format!(
                "activation {}; known are {KNOWN}",
                shown(activation)
            ))),
        }
    }

    /// An activation by the name that Keras gives it.
    pub(super) fn by_name(
        &mut self,
        at: &At<'_>,
        name: &str,
        x: &Value,
        function: &str,
    ) -> Result<Value, CheckpointError> {
        match function {
            "linear" => self.plain(name, Op::Identity, x),
            "relu" => self.plain(name, Op::Relu, x),
            "relu6" => {
                let positive = self.plain(&format!("{name}.relu"), Op::Relu, x)?;
                self.clipped_above(name, &positive, 6.0)
            }
            // The functions of TensorFlow and Keras 3 have 0.2; the layer has 0.3.
            "leaky_relu" => self.leaky_relu(name, x, 0.2),
            "elu" => self.elu(name, x, 1.0),
            "selu" => {
                let [alpha, scale] = SELU;
                let elu = self.elu(&format!("{name}.elu"), x, alpha)?;
                self.scaled(name, &elu, scale)
            }
            "tanh" => self.plain(name, Op::Tanh, x),
            "sigmoid" => self.plain(name, Op::Sigmoid, x),
            "hard_sigmoid" => self.hard_sigmoid(name, x),
            "swish" | "silu" => self.plain(name, Op::Silu, x),
            "softplus" => self.plain(name, Op::Softplus, x),
            other => Err(at
                .fields
                .unsupported(format!("activation {other}; known are {KNOWN}"))),
        }
    }

    /// `x` or `slope x` below zero.
    pub(super) fn leaky_relu(
        &mut self,
        name: &str,
        x: &Value,
        slope: f64,
    ) -> Result<Value, CheckpointError> {
        self.plain(name, Op::LeakyRelu { slope }, x)
    }

    /// `x` or `alpha (exp(x) - 1)` below zero.
    pub(super) fn elu(
        &mut self,
        name: &str,
        x: &Value,
        alpha: f64,
    ) -> Result<Value, CheckpointError> {
        self.plain(name, Op::Elu { alpha }, x)
    }

    /// A line through 1/2 between 0 and 1: slope 1/6 since Keras 3, 1/5 before.
    fn hard_sigmoid(&mut self, name: &str, x: &Value) -> Result<Value, CheckpointError> {
        let slope = if self.keras >= 3 { 1.0 / 6.0 } else { 0.2 };
        let line = self.scaled(&format!("{name}.line"), x, slope)?;
        let line = self.shifted(&format!("{name}.half"), &line, 0.5)?;
        let positive = self.plain(&format!("{name}.relu"), Op::Relu, &line)?;
        self.clipped_above(name, &positive, 1.0)
    }

    /// The layer `ReLU` with its slope, threshold and highest value.
    pub(super) fn relu(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let number = |name: &str| Ok::<_, CheckpointError>(at.fields.number(name)?.unwrap_or(0.0));
        let slope = number("negative_slope")?;
        if number("threshold")? != 0.0 {
            return Err(at.fields.unsupported("a threshold other than 0"));
        }
        let op = if slope == 0.0 {
            Op::Relu
        } else {
            Op::LeakyRelu { slope }
        };
        let Some(highest) = at.fields.number("max_value")? else {
            return self.plain(&at.name, op, x);
        };
        let positive = self.plain(&at.beside("relu"), op, x)?;
        self.clipped_above(&at.name, &positive, highest)
    }
}
