//! Functions that a file names instead of a layer: a fixed list, of which nothing is run from the file.
//!
//! TensorFlow writes them as `TFOpLambda` with a dotted name, Keras 3 as a class of its module of operations, both as
//! `Lambda` where a function with a name was given. A `Lambda` that carries code is refused.

use serde_json::Value as Json;

use super::{At, Lowering};
use crate::checkpoint::keras::fields::shown;
use crate::checkpoint::keras::graph::{Argument, Call};
use crate::checkpoint::keras::value::Value;
use crate::checkpoint::{CheckpointError, Guess};

const KNOWN: &str = "depth_to_space, add, subtract, multiply, maximum, minimum, concat, relu, relu6, leaky_relu, elu, \
    selu, sigmoid, tanh, silu and softplus";

impl Lowering<'_> {
    /// A function by its name.
    pub(super) fn function(
        &mut self,
        at: &At<'_>,
        call: &Call<'_>,
        inputs: &[Value],
    ) -> Result<Value, CheckpointError> {
        let name = Self::function_name(at)?;
        let [x, ..] = inputs else {
            return Err(at.fields.broken("is called without a value"));
        };
        // The last word: `nn.depth_to_space`, `__operators__.add`, `TrueDivide` of a module.
        let word = name.rsplit(['.', '>']).next().unwrap_or_default();
        if at.fields.class == "Lambda" {
            self.guess(Guess::new(
                "function",
                word.to_owned(),
                "the file only gives its name; taken for the function of Keras that has it",
            ));
        }
        match word.to_ascii_lowercase().as_str() {
            "depth_to_space" | "depthtospace" | "pixel_shuffle" | "pixelshuffle" => {
                let names = ["block_size", "scale", "upscale_factor", "factor", "r"];
                let arguments = at.fields.get("arguments");
                let stated = names.into_iter().find_map(|name| {
                    let named = argument(call, name).or_else(|| arguments?.get(name));
                    named.or_else(|| at.fields.get(name))
                });
                let factor = Self::factor_of(at, stated.or_else(|| first_constant(call)))?;
                self.depth_to_space(at, x, factor)
            }
            "add" | "__add__" | "radd" => self.with_number_or_value(at, call, inputs, "Add"),
            "multiply" | "mul" | "rmul" => self.with_number_or_value(at, call, inputs, "Multiply"),
            "subtract" | "sub" => self.with_number_or_value(at, call, inputs, "Subtract"),
            "truediv" | "truedivide" | "divide" => match (inputs, number(call)) {
                ([x], Some(by)) if by != 0.0 && is_value_first(call) => {
                    self.scaled(&at.name, x, 1.0 / by)
                }
                _ => Err(at.fields.unsupported("only division by a number is read")),
            },
            "maximum" => self.with_number_or_value(at, call, inputs, "Maximum"),
            "minimum" => self.with_number_or_value(at, call, inputs, "Minimum"),
            "concat" | "concatenate" => {
                let axis = argument(call, "axis").or_else(|| at.fields.get("axis"));
                let axis = axis.or_else(|| first_constant(call)).and_then(Json::as_i64);
                self.concatenated(at, inputs, axis.unwrap_or(-1))
            }
            "leaky_relu" | "leakyrelu" => {
                let slope = ["alpha", "negative_slope"];
                let slope = slope
                    .into_iter()
                    .find_map(|name| argument(call, name).or_else(|| at.fields.get(name)));
                let slope = slope.and_then(Json::as_f64).unwrap_or(0.2);
                self.leaky_relu(&at.name, x, slope)
            }
            function @ ("relu" | "relu6" | "elu" | "selu" | "sigmoid" | "tanh" | "silu"
            | "swish" | "softplus") => self.by_name(at, &at.name, x, function),
            "identity" | "stop_gradient" | "stopgradient" => self.identity(at, x),
            _ => Err(at
                .fields
                .unsupported(format!("function {name} is not read; known are {KNOWN}"))),
        }
    }

    /// The name of the function, unless the layer carries code.
    fn function_name(at: &At<'_>) -> Result<String, CheckpointError> {
        let code = || {
            at.fields.unsupported(
                "it holds Python code, which is never run; build the network with layers instead, or export it as ONNX",
            )
        };
        match (at.fields.class, at.fields.get("function")) {
            ("Lambda" | "TFOpLambda", Some(Json::String(name))) => {
                if at.fields.text("function_type", "function")? != "function" {
                    return Err(code());
                }
                Ok(name.clone())
            }
            ("Lambda", Some(function)) => {
                let class = function.get("class_name").and_then(Json::as_str);
                match (class, function.get("config")) {
                    (Some("function"), Some(Json::String(name))) => Ok(name.clone()),
                    _ => Err(code()),
                }
            }
            ("Lambda" | "TFOpLambda", None) => Err(at.fields.broken("function is missing")),
            ("TFOpLambda", Some(other)) => {
                Err(at.fields.broken(format!("function is {}", shown(other))))
            }
            (class, _) => Ok(class.to_owned()),
        }
    }

    /// Two values, or one and a number on either side.
    fn with_number_or_value(
        &mut self,
        at: &At<'_>,
        call: &Call<'_>,
        inputs: &[Value],
        class: &str,
    ) -> Result<Value, CheckpointError> {
        match (inputs, number(call)) {
            ([a, b], _) => {
                if a.form != b.form {
                    return Err(at
                        .fields
                        .unsupported("it combines values of different forms"));
                }
                self.two(&at.name, class, a, b)
            }
            ([x], Some(by)) => match (class, is_value_first(call)) {
                ("Add", _) => self.shifted(&at.name, x, by),
                ("Multiply", _) => self.scaled(&at.name, x, by),
                ("Subtract", true) => self.shifted(&at.name, x, -by),
                ("Subtract", false) => {
                    let minus = self.scaled(&at.beside("minus"), x, -1.0)?;
                    self.shifted(&at.name, &minus, by)
                }
                ("Minimum", _) => self.clipped_above(&at.name, x, by),
                ("Maximum", _) => {
                    let above = self.shifted(&at.beside("shifted"), x, -by)?;
                    let positive =
                        self.plain(&at.beside("excess"), crate::network::Op::Relu, &above)?;
                    self.shifted(&at.name, &positive, by)
                }
                _ => Err(at.fields.unsupported("a number as its argument")),
            },
            _ => Err(at
                .fields
                .unsupported("its arguments are not values and numbers")),
        }
    }
}

/// An argument by its name, where it is no value.
fn argument<'a>(call: &Call<'a>, name: &str) -> Option<&'a Json> {
    call.named
        .iter()
        .find_map(|(key, argument)| match argument {
            Argument::Constant(value) if *key == name && !value.is_null() => Some(*value),
            _ => None,
        })
}

/// The first argument by position that is no value.
fn first_constant<'a>(call: &Call<'a>) -> Option<&'a Json> {
    call.positional.iter().find_map(|argument| match argument {
        Argument::Constant(value) => Some(*value),
        Argument::Value(_) => None,
    })
}

/// The number that a value is combined with.
fn number(call: &Call<'_>) -> Option<f64> {
    let named = ["y", "x2", "x", "x1"];
    let named = || named.into_iter().find_map(|name| argument(call, name));
    let number = first_constant(call).or_else(named)?.as_f64()?;
    number.is_finite().then_some(number)
}

/// Whether the value comes before the number.
fn is_value_first(call: &Call<'_>) -> bool {
    let first = call.positional.first();
    first.is_none_or(|argument| matches!(argument, Argument::Value(_)))
}
