//! What layers are called with, in the forms of Keras 2, TensorFlow and Keras 3.

use serde_json::Value as Json;

use super::fields::shown;
use super::graph::{Argument, Call, Reader, Reference};
use crate::checkpoint::CheckpointError;

impl<'a> Reader<'a, '_> {
    /// Reads what every layer is called with.
    pub(super) fn connect(&mut self, entries: &'a [Json]) -> Result<(), CheckpointError> {
        for (index, entry) in entries.iter().enumerate() {
            let nodes = entry.get("inbound_nodes").and_then(Json::as_array);
            let mut calls = Vec::new();
            for node in nodes.into_iter().flatten() {
                calls.push(self.call(node)?);
            }
            if calls.is_empty() && self.layers[index].class == "InputLayer" {
                calls.push(Call::default());
            }
            self.layers[index].calls = calls;
        }
        Ok(())
    }

    fn call(&self, node: &'a Json) -> Result<Call<'a>, CheckpointError> {
        let mut call = Call::default();
        if let Some(node) = node.as_object() {
            // Keras 3: arguments by position and by name, tensors as objects.
            self.collect(
                node.get("args").unwrap_or(&Json::Null),
                &mut call.positional,
                0,
            )?;
            for (name, value) in node
                .get("kwargs")
                .and_then(Json::as_object)
                .into_iter()
                .flatten()
            {
                let mut arguments = Vec::new();
                self.collect(value, &mut arguments, 0)?;
                call.named
                    .extend(arguments.into_iter().map(|a| (name.as_str(), a)));
            }
            return Ok(call);
        }
        // Keras 2: [layer, call, output, arguments by name] each, or one of them without a list around it.
        let wrong = || self.broken(format!("a layer is called with {}", shown(node)));
        let items = node.as_array().ok_or_else(wrong)?;
        let items = match items.first() {
            Some(Json::String(_)) => std::slice::from_ref(node),
            _ => items.as_slice(),
        };
        for item in items {
            let parts = item.as_array().ok_or_else(wrong)?;
            let argument = match parts.as_slice() {
                [Json::String(name), _, value, ..] if name == "_CONSTANT_VALUE" => {
                    Argument::Constant(value)
                }
                parts => Argument::Value(self.triple(parts)?.ok_or_else(wrong)?),
            };
            call.positional.push(argument);
            for (name, value) in parts.get(3).and_then(Json::as_object).into_iter().flatten() {
                let inner = value.as_array().map(|parts| self.triple(parts));
                let argument = match inner.transpose()?.flatten() {
                    Some(reference) => Argument::Value(reference),
                    None => Argument::Constant(value),
                };
                call.named.push((name, argument));
            }
        }
        Ok(call)
    }

    /// The arguments of Keras 3 in `value`, lists of tensors opened.
    fn collect(
        &self,
        value: &'a Json,
        arguments: &mut Vec<Argument<'a>>,
        depth: usize,
    ) -> Result<(), CheckpointError> {
        let holds_tensor = |items: &[Json]| {
            items
                .iter()
                .any(|i| i.get("class_name").is_some() || i.is_array())
        };
        match value {
            Json::Array(items) if depth == 0 || (depth < 4 && holds_tensor(items)) => {
                for item in items {
                    self.collect(item, arguments, depth + 1)?;
                }
            }
            value if value.get("class_name").and_then(Json::as_str) == Some("__keras_tensor__") => {
                let history = value
                    .pointer("/config/keras_history")
                    .and_then(Json::as_array);
                let reference = history.map(|parts| self.triple(parts)).transpose()?;
                let wrong = || self.broken(format!("a tensor is {}", shown(value)));
                let reference = reference.flatten().ok_or_else(wrong)?;
                arguments.push(Argument::Value(reference));
            }
            value => arguments.push(Argument::Constant(value)),
        }
        Ok(())
    }

    /// `[layer, call, output, ...]`, or nothing when the list is not of this form.
    fn triple(&self, parts: &[Json]) -> Result<Option<Reference>, CheckpointError> {
        let (Some(Json::String(name)), Some(call), Some(output)) =
            (parts.first(), parts.get(1), parts.get(2))
        else {
            return Ok(None);
        };
        let (Some(call), Some(output)) = (call.as_u64(), output.as_u64()) else {
            return Ok(None);
        };
        let layer = self.by_name.get(name.as_str()).copied();
        let layer = layer.ok_or_else(|| self.broken(format!("no layer is named {name}")))?;
        Ok(Some(Reference {
            layer,
            call: call as usize,
            output: output as usize,
        }))
    }

    /// All references in `value`: a triple, a list of them or an object of them.
    pub(super) fn ends(&self, value: &Json, what: &str) -> Result<Vec<Reference>, CheckpointError> {
        let wrong = || self.broken(format!("{what} is {}", shown(value)));
        let one = |parts: &Vec<Json>| self.triple(parts).transpose();
        if let Some(reference) = value.as_array().and_then(one) {
            return Ok(vec![reference?]);
        }
        let items: Vec<&Json> = match value {
            Json::Array(items) => items.iter().collect(),
            Json::Object(items) => items.values().collect(),
            _ => return Err(wrong()),
        };
        let references = items
            .into_iter()
            .map(|item| {
                item.as_array()
                    .and_then(one)
                    .unwrap_or_else(|| Err(wrong()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if references.is_empty() {
            return Err(wrong());
        }
        Ok(references)
    }
}
