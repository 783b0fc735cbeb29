//! Networks as ONNX models (operators of version 17, a batch of any size), which other programs run.
//!
//! Nodes have the names of layers and stored tensors those of parameters, so that what is written and read again is the
//! same network.

mod attributes;
mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use sha2::{Digest as _, Sha256};

use super::super::CheckpointError;
use super::wire::Message;
use crate::atomic::atomic_write_bytes;
use crate::network::{Network, NodeId, Op};

/// Version of the operators.
const OPSET: i64 = 17;
/// Version of the format, of the same time.
const FORMAT: i64 = 8;
/// Number of the element type f32.
const FLOAT: i64 = 1;
/// Number of the element type i64.
const INT64: i64 = 7;
/// What a message may hold: lengths are signed 32 bit numbers for many readers.
const MAX_BYTES: usize = i32::MAX as usize;

/// Writes a network as an ONNX model under `path`, atomically; returns the SHA-256 of the file.
///
/// # Errors
/// [`CheckpointError::Unsupported`] for a network that one file cannot hold, [`CheckpointError::Encode`] for a tensor
/// that cannot be brought to the CPU, [`CheckpointError::Write`].
pub fn write_onnx(path: &Path, network: &Network) -> Result<String, CheckpointError> {
    let model = Writer::of(network)?.model();
    if model.bytes().len() > MAX_BYTES {
        return Err(CheckpointError::Unsupported {
            what: "the model would be larger than 2 GiB; write safetensors instead".to_owned(),
            path: path.to_owned(),
        });
    }
    atomic_write_bytes(path, model.bytes())?;
    Ok(super::super::hash::hex(Sha256::new_with_prefix(
        model.bytes(),
    )))
}

/// An attribute of a node.
enum Attribute<'v> {
    Int(i64),
    Ints(&'v [i64]),
    Float(f32),
    Text(&'v str),
}

/// A model on its way.
struct Writer<'n> {
    network: &'n Network,
    nodes: Vec<Message>,
    stored: Vec<Message>,
    /// Names of stored parameters by their keys and dimensions.
    stored_as: BTreeMap<(Arc<str>, Vec<usize>), String>,
    /// All names of values and stored tensors.
    taken: BTreeSet<String>,
    /// Name of every layer's value.
    values: Vec<String>,
    /// Names of the outputs.
    outputs: Vec<String>,
}

impl<'n> Writer<'n> {
    fn of(network: &'n Network) -> Result<Self, CheckpointError> {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for id in network.inputs() {
            taken.insert(network.node(*id).name.to_string());
        }
        let outputs = network.outputs().iter().map(|output| {
            let is_taken = taken.contains(&*output.name);
            let mark = if is_taken { "_out" } else { "" };
            format!("{}{mark}", output.name)
        });
        let outputs: Vec<String> = outputs.collect();
        taken.extend(outputs.iter().cloned());
        let mut values = vec![String::new(); network.nodes().len()];
        for (output, name) in network.outputs().iter().zip(&outputs) {
            let value = &mut values[output.node.index()];
            if value.is_empty() && !matches!(network.node(output.node).op, Op::Input { .. }) {
                value.clone_from(name);
            }
        }
        for (value, node) in values.iter_mut().zip(network.nodes()) {
            match node.op {
                // Called like the tensor that is stored for it.
                Op::Constant => value.clear(),
                Op::Input { .. } => *value = node.name.to_string(),
                _ if value.is_empty() => *value = free(&mut taken, &node.name),
                _ => {}
            }
        }
        let mut writer = Self {
            network,
            nodes: Vec::new(),
            stored: Vec::new(),
            stored_as: BTreeMap::new(),
            taken,
            values,
            outputs,
        };
        for (id, _) in network.iter() {
            writer.layer(id)?;
        }
        Ok(writer)
    }

    fn model(self) -> Message {
        let mut nodes = self.nodes;
        let mut outputs = Vec::new();
        for (output, name) in self.network.outputs().iter().zip(&self.outputs) {
            let value = &self.values[output.node.index()];
            // One value may leave under several names.
            if value != name {
                nodes.push(node_message("Identity", name, &[value], name, &[]));
            }
            let dims = &self.network.node(output.node).fact.dims;
            outputs.push(value_info(name, dims));
        }
        let mut graph = Message::default();
        for node in &nodes {
            graph.put(1, node.bytes());
        }
        graph.put(2, b"network");
        for tensor in &self.stored {
            graph.put(5, tensor.bytes());
        }
        for id in self.network.inputs() {
            let name = &self.values[id.index()];
            graph.put(
                11,
                value_info(name, &self.network.node(*id).fact.dims).bytes(),
            );
        }
        for output in &outputs {
            graph.put(12, output.bytes());
        }
        let mut model = Message::default();
        model
            .int(1, FORMAT)
            .put(2, b"ganoscope")
            .put(3, env!("CARGO_PKG_VERSION").as_bytes())
            .put(7, graph.bytes())
            .message(8, |opset| {
                opset.put(1, b"").int(2, OPSET);
            });
        model
    }

    /// The name of a layer's value.
    fn value(&self, id: NodeId) -> String {
        self.values[id.index()].clone()
    }

    /// Adds a node that makes the value `output` of other values.
    fn node(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Attribute<'_>)],
    ) {
        self.nodes
            .push(node_message(op, name, inputs, output, attributes));
    }

    /// Stores a tensor of f32 under its key, or a name near it where the key stands for something else.
    fn tensor(
        &mut self,
        key: &Arc<str>,
        tensor: &Tensor,
        dims: &[usize],
    ) -> Result<String, CheckpointError> {
        let place = (key.clone(), dims.to_vec());
        if let Some(name) = self.stored_as.get(&place) {
            return Ok(name.clone());
        }
        let name = free(&mut self.taken, key);
        let values: Vec<f32> = tensor
            .to_device(&Device::Cpu)
            .and_then(|t| t.to_dtype(DType::F32)?.flatten_all()?.to_vec1())
            .map_err(|source| CheckpointError::Encode {
                tensor: name.clone(),
                source,
            })?;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.store(&name, FLOAT, dims, &bytes);
        self.stored_as.insert(place, name.clone());
        Ok(name)
    }

    /// Stores integers.
    fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.own(name, INT64, &[values.len()], &bytes)
    }

    /// Stores floats that are no parameter.
    fn floats(&mut self, name: &str, values: &[f32], dims: &[usize]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.own(name, FLOAT, dims, &bytes)
    }

    fn own(&mut self, name: &str, data_type: i64, dims: &[usize], bytes: &[u8]) -> String {
        let name = free(&mut self.taken, name);
        self.store(&name, data_type, dims, bytes);
        name
    }

    fn store(&mut self, name: &str, data_type: i64, dims: &[usize], bytes: &[u8]) {
        let mut tensor = Message::default();
        for dim in dims {
            tensor.int(1, *dim as i64);
        }
        tensor
            .int(2, data_type)
            .put(8, name.as_bytes())
            .put(9, bytes);
        self.stored.push(tensor);
    }
}

/// A name that nothing else has: `name`, or with a mark for every other one.
fn free(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut name = name.to_owned();
    while !taken.insert(name.clone()) {
        name.push('\'');
    }
    name
}

fn node_message(
    op: &str,
    name: &str,
    inputs: &[&str],
    output: &str,
    attributes: &[(&str, Attribute<'_>)],
) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node.put(1, input.as_bytes());
    }
    node.put(2, output.as_bytes())
        .put(3, name.as_bytes())
        .put(4, op.as_bytes());
    for (name, value) in attributes {
        node.message(5, |attribute| {
            attribute.put(1, name.as_bytes());
            // The last field is the number of the kind of attribute.
            match value {
                Attribute::Float(x) => attribute.float(2, *x).int(20, 1),
                Attribute::Int(n) => attribute.int(3, *n).int(20, 2),
                Attribute::Text(text) => attribute.put(4, text.as_bytes()).int(20, 3),
                Attribute::Ints(ints) => {
                    for n in *ints {
                        attribute.int(8, *n);
                    }
                    attribute.int(20, 7)
                }
            };
        });
    }
    node
}

/// A value of f32 with a batch of any size.
fn value_info(name: &str, dims: &[usize]) -> Message {
    let mut info = Message::default();
    info.put(1, name.as_bytes()).message(2, |kind| {
        kind.message(1, |tensor| {
            tensor.int(1, FLOAT).message(2, |shape| {
                shape.message(1, |batch| {
                    batch.put(2, b"batch");
                });
                for dim in dims {
                    shape.message(1, |d| {
                        d.int(1, *dim as i64);
                    });
                }
            });
        });
    });
    info
}
