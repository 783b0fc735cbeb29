//! ONNX models as networks of ours: the standard operators up to version 22, lowered node by node.
//!
//! Invariants: no code of the file is run, weights are read where their size was checked against the file, and every
//! loop is bounded by what the file holds. The batch, the first axis of every value, is left out of our dimensions, so a
//! model exported for one sample runs for any number.

mod ahead;
mod array;
mod call;
mod fault;
mod fold;
mod layers;
mod lower;
mod names;
mod operators;
mod order;
mod parts;
mod proto;
mod shape;
mod tensor;
mod wire;
mod write;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use self::call::Value;
use self::fault::{Fault, Reading};
use self::lower::Lowering;
use self::proto::{Graph, Model, Parts, ValueInfo};
use self::tensor::{Element, Store};
pub use self::write::write_onnx;
use super::memory::Budget;
use super::{
    CheckpointError, Confidence, Guess, Identity, LoadReport, ReadNetwork, bytes, hash, role,
};
use crate::network::{GoOn, NodeId, Op, always};

/// Versions of the standard operators that were looked at.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=22;

/// Rows and columns where the model leaves them open and nobody says otherwise.
const USUAL_SIZE: usize = 64;

/// Reads a model. `size`: rows and columns of its pictures, used where the model leaves them open.
///
/// # Errors
/// When the file is broken, asks for more memory than `budget` gives, or has an operator that no layer of ours does;
/// the message names the node. [`CheckpointError::Stopped`] when `go_on` says no.
pub(super) fn read(
    path: &Path,
    size: Option<usize>,
    budget: &Budget,
    go_on: GoOn<'_>,
) -> Result<ReadNetwork, CheckpointError> {
    let mut hash = Sha256::new();
    let (bytes, _held) = bytes::whole(path, budget, &mut hash, go_on)?;
    let reader = Reader {
        path,
        size,
        budget,
        go_on,
    };
    let (read, beside) = reader.model(&bytes).map_err(|fault| fault.of_file(path))?;
    // Weights beside the model are a part of what it is.
    for file in beside {
        hash::add_file(&mut hash, &file, go_on)?;
    }
    let sha256 = hash::hex(hash);
    Ok(ReadNetwork { sha256, ..read })
}

/// The files beside a model that its weights are in.
///
/// # Errors
/// When the model is broken, or names a file outside its folder or none that is there.
pub(super) fn files_beside(path: &Path, budget: &Budget) -> Result<Vec<PathBuf>, CheckpointError> {
    let (bytes, _held) = bytes::whole(path, budget, &mut Sha256::new(), &always)?;
    let list = || -> Reading<Vec<PathBuf>> {
        let mut parts = Parts::new(budget, path);
        let model = Model::read(&bytes, &mut parts)?;
        let _held = parts.held()?;
        let tensors = model.graph.iter().flat_map(|graph| &graph.initializers);
        let mut files: Vec<PathBuf> = tensors
            .filter(|tensor| tensor.is_external)
            .map(|tensor| tensor::place_of(tensor, path).map(|(place, _)| place))
            .collect::<Reading<_>>()?;
        files.sort();
        files.dedup();
        Ok(files)
    };
    list().map_err(|fault| fault.of_file(path))
}

struct Reader<'r> {
    path: &'r Path,
    size: Option<usize>,
    budget: &'r Budget,
    go_on: GoOn<'r>,
}

impl Reader<'_> {
    /// The network, still without its hash, and the files beside the model that its weights are in.
    fn model(self, bytes: &[u8]) -> Reading<(ReadNetwork, Vec<PathBuf>)> {
        let mut parts = Parts::new(self.budget, self.path);
        let model = Model::read(bytes, &mut parts)?;
        let _held = parts.held()?;
        let opset = opset_of(&model)?;
        let Some(graph) = &model.graph else {
            return Err(Fault::broken("it has no graph"));
        };
        let store = RefCell::new(Store {
            path: self.path,
            budget: self.budget,
            beside: Vec::new(),
        });
        let order = order::sorted(graph)?;
        let mut lowering = Lowering::new(graph, opset, &store);
        self.inputs(&mut lowering)?;
        for index in order {
            if !(self.go_on)() {
                return Err(Fault::Stopped);
            }
            lowering.node(index)?;
        }
        let outputs = outputs(&mut lowering)?;
        let (applied, unused) = lowering.stored();
        let Lowering {
            layers,
            mut guesses,
            ..
        } = lowering;
        let live = layers.live(&outputs);
        let names = names::of_drafts(graph, layers.drafts(), &live);
        let network = layers.finish(&live, names, &outputs)?;
        let role = role::of(&network, &mut guesses);
        let read = ReadNetwork {
            network,
            role,
            identity: identity(&model, opset),
            report: LoadReport {
                applied,
                missing: Vec::new(),
                unused,
                renamed: Vec::new(),
            },
            guesses,
            sha256: String::new(),
        };
        let beside = std::mem::take(&mut store.borrow_mut().beside);
        Ok((read, beside))
    }

    /// Makes a layer of every input that is no stored tensor.
    fn inputs(&self, lowering: &mut Lowering<'_>) -> Reading<()> {
        for info in &lowering.graph.inputs {
            if lowering.is_stored(info.name) || !lowering.is_read(info.name) {
                continue;
            }
            let is_float = Element::of(info.data_type).is_some_and(Element::is_float);
            if !is_float {
                return Err(Fault::unsupported(format!(
                    "the input {} takes integers; only networks of floating-point inputs are read",
                    info.name
                )));
            }
            let mut dims = self.dims_of(info, lowering)?;
            if let (&[h, w, c], true) = (dims.as_slice(), has_channels_last(lowering.graph, info)) {
                dims = vec![c, h, w];
                lowering.guess_channels_last(info.name, "input");
            }
            let op = Op::Input { dims };
            let layers = &mut lowering.layers;
            let id = layers.add(info.name, None, "", op, &[], Vec::new())?;
            lowering.define(info.name, Value::Layer(id));
        }
        Ok(())
    }

    /// The dimensions of an input without the batch.
    fn dims_of(&self, info: &ValueInfo<'_>, lowering: &mut Lowering<'_>) -> Reading<Vec<usize>> {
        let Some((batch, rest)) = info.dims.as_ref().and_then(|dims| dims.split_first()) else {
            let what = format!("the input {} has no shape; export it with one", info.name);
            return Err(Fault::unsupported(what));
        };
        if rest.len() > array::MAX_RANK {
            let what = format!("the input {} has {} axes", info.name, rest.len());
            return Err(Fault::unsupported(what));
        }
        lowering.fixed_batch = lowering.fixed_batch.or(*batch);
        let channels_last = has_channels_last(lowering.graph, info);
        let mut dims = Vec::new();
        for (axis, dim) in rest.iter().enumerate() {
            let is_channel = axis == if channels_last { 2 } else { 0 };
            dims.push(match dim {
                Some(n) => usize::try_from(*n).unwrap_or(0),
                None if rest.len() == 3 && !is_channel => self.open_size(info, lowering),
                None => {
                    return Err(Fault::unsupported(format!(
                        "the input {} leaves its axis {} open; export it with a number",
                        info.name,
                        axis + 1
                    )));
                }
            });
        }
        if dims.is_empty() {
            // One number a sample.
            dims.push(1);
        }
        Ok(dims)
    }

    fn open_size(&self, info: &ValueInfo<'_>, lowering: &mut Lowering<'_>) -> usize {
        let size = self.size.unwrap_or(USUAL_SIZE);
        let what = format!("rows and columns of {}", info.name);
        if lowering.guesses.iter().all(|guess| guess.what != what) {
            let why = match self.size {
                Some(_) => "the model takes any size, that of the stamp",
                None => "the model takes any size",
            };
            lowering
                .guesses
                .push(Guess::new(what, size.to_string(), why));
        }
        size
    }
}

impl<'a> Lowering<'a> {
    /// Takes the channels of an input or output first, though the file has them last.
    fn guess_channels_last(&mut self, name: &'a str, which: &str) {
        self.channels_last.insert(name);
        self.guesses.push(Guess::new(
            format!("axes of the {which} {name}"),
            "channels, rows, columns",
            "the model has rows, columns, channels; its transposition is left out",
        ));
    }

    /// Whether a value is a picture that leaves the network, of which `x` is the form with channels first.
    fn is_picture_output(&self, name: &str, x: NodeId) -> bool {
        let is_output = self.graph.outputs.iter().any(|output| output.name == name);
        let is_colour = matches!(self.layers.dims(x), [1 | 3, h, w] if h * w > 1);
        is_output && (is_colour || !self.channels_last.is_empty())
    }

    /// Whether all readers of a value turn it into another type again.
    fn is_only_cast(&self, name: &str) -> bool {
        let mut readers = self
            .graph
            .nodes
            .iter()
            .filter(|node| node.inputs.contains(&name));
        let is_output = self.graph.outputs.iter().any(|output| output.name == name);
        !is_output && readers.all(|node| node.op == "Cast")
    }

    /// Says once that half precision is not kept.
    fn guess_precision(&mut self) {
        if self.guesses.iter().all(|guess| guess.what != "precision") {
            self.guesses.push(Guess::new(
                "precision",
                "32 bits",
                "the model computes parts of itself in 16 bits",
            ));
        }
    }
}

/// Whether all readers of an input move its last axis to the front: the model takes rows, columns, channels.
fn has_channels_last(graph: &Graph<'_>, info: &ValueInfo<'_>) -> bool {
    let rank = info.dims.as_ref().map_or(0, Vec::len);
    let readers = graph
        .nodes
        .iter()
        .filter(|node| node.inputs.contains(&info.name));
    let readers: Vec<_> = readers.collect();
    let moves = |node: &&proto::Node<'_>| {
        let perm = node.attributes.iter().find(|a| a.name == "perm");
        node.op == "Transpose" && perm.is_some_and(|perm| perm.ints == [0, 3, 1, 2])
    };
    rank == 4 && !readers.is_empty() && readers.iter().all(moves)
}

/// The version of the standard operators.
fn opset_of(model: &Model<'_>) -> Reading<i64> {
    let mut opsets = model.opsets.iter();
    let standard = opsets.find(|(domain, _)| matches!(*domain, "" | "ai.onnx"));
    match standard {
        Some((_, version)) if OPSETS.contains(version) => Ok(*version),
        Some((_, version)) => Err(Fault::unsupported(format!(
            "it uses version {version} of the operators; {} to {} are read",
            OPSETS.start(),
            OPSETS.end()
        ))),
        None if model.graph.is_none() => Err(Fault::broken("it has no graph")),
        None => Err(Fault::broken(
            "it does not say which version of the operators it uses",
        )),
    }
}

/// The named outputs.
fn outputs(lowering: &mut Lowering<'_>) -> Reading<Vec<(String, NodeId)>> {
    let mut outputs = Vec::new();
    let mut seen = BTreeSet::new();
    for info in &lowering.graph.outputs {
        let value = lowering.value(info.name)?;
        let id = match value {
            Value::Layer(id) => id,
            Value::Constant(constant) => {
                let dims = constant.array.dims().get(1..).unwrap_or_default().to_vec();
                lowering.constant(&constant, &dims)?
            }
        };
        if seen.insert(info.name) {
            outputs.push((info.name.to_owned(), id));
        }
    }
    Ok(outputs)
}

fn identity(model: &Model<'_>, opset: i64) -> Identity {
    let by = if model.producer.is_empty() {
        "a program that does not say its name"
    } else {
        model.producer
    };
    Identity {
        family: Cow::Borrowed("ONNX graph"),
        confidence: Confidence::Stated,
        evidence: vec![format!(
            "the file holds the graph itself, written by {by} with operators of version {opset}"
        )],
    }
}
