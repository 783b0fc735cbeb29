//! The inputs of a network, with sizes that the file leaves open taken from the stamp.

use serde_json::Value as Json;

use super::Lowering;
use crate::checkpoint::keras::fields::{Fields, shown};
use crate::checkpoint::keras::graph::Model;
use crate::checkpoint::keras::value::{Order, Value};
use crate::checkpoint::{CheckpointError, Guess};
use crate::network::Op;

/// Rows and columns taken where the file leaves them open and no stamp says otherwise: the published stamp size.
const OPEN_SIZE: usize = 64;

impl Lowering<'_> {
    /// Adds the inputs of the outermost model.
    pub(super) fn inputs(&mut self, model: &Model<'_>) -> Result<Vec<Value>, CheckpointError> {
        if model.inputs.is_empty() {
            let first = &model.layers[0];
            let fields = self.fields(first);
            let stated = ["batch_input_shape", "batch_shape"];
            let shape = stated
                .into_iter()
                .find_map(|name| fields.get(name))
                .or(model.shape)
                .or_else(|| first.entry.get("build_config")?.get("input_shape"));
            // A model as the first layer knows its own input.
            let inner = first.inner.as_ref().and_then(|inner| input_shape(inner));
            let shape = shape.or(inner).ok_or_else(|| {
                fields.unsupported(
                    "nothing says the shape of its input; call the model once before saving it",
                )
            })?;
            return Ok(vec![self.input("input", fields, shape)?]);
        }
        let mut inputs = Vec::new();
        for reference in &model.inputs {
            let layer = &model.layers[reference.layer];
            let fields = self.fields(layer);
            if layer.class != "InputLayer" {
                return Err(fields.broken("is an input of the model, but no InputLayer"));
            }
            let shape = fields
                .get("batch_input_shape")
                .or(fields.get("batch_shape"));
            let shape = shape.ok_or_else(|| fields.broken("has no shape"))?;
            inputs.push(self.input(layer.name, fields, shape)?);
        }
        Ok(inputs)
    }

    fn input(
        &mut self,
        name: &str,
        fields: Fields<'_>,
        shape: &Json,
    ) -> Result<Value, CheckpointError> {
        let wrong = || {
            fields.unsupported(format!(
            "its input has the shape {}; pictures [batch, rows, columns, channels] and vectors [batch, features] are read",
            shown(shape)
        ))
        };
        let dims = shape.as_array().ok_or_else(wrong)?;
        let size = |dim: &Json| match dim {
            Json::Null => Ok(None),
            dim => fields.count_of("shape", dim).map(Some),
        };
        match dims.as_slice() {
            [_, rows, columns, channels] => {
                let channels = size(channels)?.ok_or_else(wrong)?;
                let [rows, columns] = self.opened([size(rows)?, size(columns)?]);
                let op = Op::Input {
                    dims: vec![channels, rows, columns],
                };
                Ok(Value::picture(self.op(name, op, &[], Vec::new())?))
            }
            [_, features] => {
                let features = size(features)?.ok_or_else(wrong)?;
                let op = Op::Input {
                    dims: vec![features],
                };
                let node = self.op(name, op, &[], Vec::new())?;
                Ok(Value::vector(node, Order::plain(features)))
            }
            _ => Err(wrong()),
        }
    }

    /// Rows and columns of an input, those of the stamp where the file leaves them open.
    fn opened(&mut self, size: [Option<usize>; 2]) -> [usize; 2] {
        let open = self.stamp_size.unwrap_or(OPEN_SIZE);
        if size.contains(&None) && !self.guesses.iter().any(|guess| guess.what == "stamp size") {
            self.guesses.push(Guess::new(
                "stamp size",
                open.to_string(),
                match self.stamp_size {
                    Some(_) => "this network takes any size; that of the first stamp",
                    None => "this network takes any size; as published",
                },
            ));
        }
        size.map(|size| size.unwrap_or(open))
    }
}

/// Shape of the first input of a model, from its input layer or its first layer.
fn input_shape<'a>(model: &Model<'a>) -> Option<&'a Json> {
    let layer = match model.inputs.first() {
        Some(reference) => model.layers.get(reference.layer)?,
        None => model.layers.first()?,
    };
    let shape = layer.config.get("batch_input_shape");
    let shape = shape
        .or_else(|| layer.config.get("batch_shape"))
        .or(model.shape);
    shape.or_else(|| layer.inner.as_ref().and_then(|inner| input_shape(inner)))
}
