//! From the nodes of a graph to the layers of a network: values by name, one node after the other.
//!
//! Invariant: the first axis of every value is the batch and is left out of our dimensions; a node that would move it,
//! mix it with another axis or compute with it is refused by name. Nodes are gone through once, without recursion.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use candle_core::Tensor;

use super::array::{Array, Count};
use super::call::{Call, Constant, Operands, Value};
use super::fault::{Fault, Reading};
use super::layers::Layers;
use super::proto::Graph;
use super::tensor::Store;
use super::{ahead, fold, names, operators};
use crate::checkpoint::Guess;
use crate::network::{NodeId, Op, Param, Role};

/// A graph on its way to becoming a network.
pub(super) struct Lowering<'a> {
    pub(super) graph: &'a Graph<'a>,
    pub(super) layers: Layers,
    pub(super) guesses: Vec<Guess>,
    /// The batch size that the graph was exported for, where it is fixed.
    pub(super) fixed_batch: Option<i64>,
    /// Inputs whose channels come last in the file and first here.
    pub(super) channels_last: BTreeSet<&'a str>,
    store: &'a RefCell<Store<'a>>,
    opset: i64,
    values: HashMap<&'a str, Value>,
    initializers: HashMap<&'a str, usize>,
    /// How often a name is read by nodes or leaves the graph.
    readers: HashMap<&'a str, usize>,
    /// Stored tensors that were read.
    used: BTreeSet<&'a str>,
    constants: HashMap<(Arc<str>, Vec<usize>), NodeId>,
}

impl<'a> Lowering<'a> {
    /// Nothing is lowered yet.
    pub(super) fn new(graph: &'a Graph<'a>, opset: i64, store: &'a RefCell<Store<'a>>) -> Self {
        let initializers = graph.initializers.iter().enumerate();
        let initializers = initializers.map(|(i, tensor)| (tensor.name, i)).collect();
        let mut readers = HashMap::new();
        let read = graph
            .nodes
            .iter()
            .flat_map(|node| node.inputs.iter().copied());
        for name in read.chain(graph.outputs.iter().map(|output| output.name)) {
            *readers.entry(name).or_insert(0) += 1;
        }
        Self {
            graph,
            layers: Layers::new(),
            guesses: Vec::new(),
            fixed_batch: None,
            channels_last: BTreeSet::new(),
            store,
            opset,
            values: HashMap::new(),
            initializers,
            readers,
            used: BTreeSet::new(),
            constants: HashMap::new(),
        }
    }

    /// Whether the file stores a tensor of this name.
    pub(super) fn is_stored(&self, name: &str) -> bool {
        self.initializers.contains_key(name)
    }

    /// Whether only one node reads the value of this name.
    pub(super) fn is_read_once(&self, name: &str) -> bool {
        self.readers.get(name) == Some(&1)
    }

    /// Whether anybody reads the value of this name.
    pub(super) fn is_read(&self, name: &str) -> bool {
        self.readers.contains_key(name)
    }

    /// The names of the stored tensors, those that were read and the others.
    pub(super) fn stored(&self) -> (Vec<String>, Vec<String>) {
        let names = self.graph.initializers.iter().map(|t| t.name.to_owned());
        names.partition(|name| self.used.contains(name.as_str()))
    }

    /// Gives a name to a value.
    pub(super) fn define(&mut self, name: &'a str, value: Value) {
        if !name.is_empty() {
            self.values.insert(name, value);
        }
    }

    /// What a name stands for.
    pub(super) fn value(&mut self, name: &'a str) -> Reading<Value> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        let stored = self.initializers.get(name).copied();
        let Some(tensor) = stored.and_then(|i| self.graph.initializers.get(i)) else {
            let what = format!("reads {name}, which no node and no stored tensor gives");
            return Err(Fault::broken(what));
        };
        let array = self.store.borrow_mut().array(tensor)?;
        self.used.insert(tensor.name);
        let value = Value::Constant(Constant {
            key: name.into(),
            array,
        });
        self.values.insert(name, value.clone());
        Ok(value)
    }

    /// Lowers one node.
    pub(super) fn node(&mut self, index: usize) -> Reading<()> {
        let Some(node) = self.graph.nodes.get(index) else {
            return Ok(());
        };
        let call = Call {
            node,
            index,
            opset: self.opset,
            store: self.store,
        };
        let lowered = self.lower(&call);
        lowered.map_err(|fault| fault.at_node(&format!("{} ({})", call.label(), node.op)))
    }

    fn lower(&mut self, call: &Call<'a>) -> Reading<()> {
        let node = call.node;
        if !matches!(node.domain, "" | "ai.onnx") {
            return Err(Fault::unsupported(format!(
                "the operator {} of {} is not one of ONNX itself; export the network without it",
                node.op, node.domain
            )));
        }
        if node.attributes.iter().any(|attribute| attribute.has_graph) {
            return Err(Fault::unsupported(
                "control flow (a graph inside a graph) is not read; export with fixed sizes",
            ));
        }
        if node.op == "Constant" {
            return self.constant_node(call);
        }
        let inputs = node.inputs.iter().map(|name| match *name {
            "" => Ok(None),
            name => self.value(name).map(Some),
        });
        let inputs: Vec<Option<Value>> = inputs.collect::<Reading<_>>()?;
        let constants: Option<Vec<Option<Array>>> = inputs
            .iter()
            .map(|input| match input {
                None => Some(None),
                Some(Value::Constant(constant)) => Some(Some(constant.array.clone())),
                Some(Value::Layer(_)) => None,
            })
            .collect();
        if let Some(arrays) = constants.filter(|arrays| !arrays.is_empty()) {
            let mut held = call.room(ahead::bytes_needed(node.op, &arrays))?;
            if let Some(values) = fold::evaluate(call, &arrays)? {
                held.shrink_to(ahead::bytes_kept(node.op, &values));
                held.keep();
                let first = inputs.first().and_then(Option::as_ref);
                self.define_constants(call, first, values);
                return Ok(());
            }
        }
        if let ("Shape", Some(Some(Value::Layer(id)))) = (node.op, inputs.first()) {
            let mut dims = vec![Count::BATCH];
            dims.extend(self.layers.dims(*id).iter().map(|d| Count::of(*d as i64)));
            let shape = fold::shape(call, &dims);
            self.define_constants(call, None, vec![shape]);
            return Ok(());
        }
        let outputs = operators::lower(self, call, &Operands { values: inputs })?;
        for (name, id) in node.outputs.iter().zip(outputs) {
            self.define(name, Value::Layer(id));
        }
        Ok(())
    }

    /// Names computed constants. What only has other dimensions keeps the name it is stored under.
    fn define_constants(&mut self, call: &Call<'a>, of: Option<&Value>, values: Vec<Array>) {
        let keeps_key = matches!(
            call.node.op,
            "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten"
        );
        for (name, array) in call.node.outputs.iter().zip(values) {
            let key = match of {
                Some(Value::Constant(constant)) if keeps_key => constant.key.clone(),
                _ => (*name).into(),
            };
            self.define(name, Value::Constant(Constant { key, array }));
        }
    }

    fn constant_node(&mut self, call: &Call<'a>) -> Reading<()> {
        let array = if let Some(array) = call.tensor("value")? {
            array
        } else if let Some(floats) = call.floats("value_floats").filter(|f| !f.is_empty()) {
            Array::floats(floats.to_vec(), &[floats.len()])?
        } else if let Some(ints) = call.ints("value_ints").filter(|i| !i.is_empty()) {
            Array::counts(ints.iter().copied().map(Count::of).collect())
        } else if let Some(float) = call.attribute("value_float").and_then(|a| a.float) {
            Array::floats(vec![float], &[])?
        } else if let Some(int) = call.attribute("value_int").and_then(|a| a.int) {
            Array::counts(vec![Count::of(int)]).reshape(&[])?
        } else {
            return Err(Fault::unsupported("a constant without numbers"));
        };
        self.define_constants(call, None, vec![array]);
        Ok(())
    }

    /// Adds a layer that belongs to a node; `part` names it among several.
    pub(super) fn add(
        &mut self,
        call: &Call<'_>,
        part: &'static str,
        op: Op,
        inputs: &[NodeId],
        params: Vec<Param>,
    ) -> Reading<NodeId> {
        let label = call.label();
        self.layers
            .add(&label, Some(call.index), part, op, inputs, params)
    }

    /// Adds a layer without parameters.
    pub(super) fn plain(
        &mut self,
        call: &Call<'_>,
        part: &'static str,
        op: Op,
        inputs: &[NodeId],
    ) -> Reading<NodeId> {
        self.add(call, part, op, inputs, Vec::new())
    }

    /// The layer that gives a constant to others, in dimensions without the batch.
    pub(super) fn constant(&mut self, constant: &Constant, dims: &[usize]) -> Reading<NodeId> {
        let place = (constant.key.clone(), dims.to_vec());
        if let Some(id) = self.constants.get(&place) {
            return Ok(*id);
        }
        let tensor = constant.array.to_tensor()?.reshape(dims)?;
        let id = self.stored_value(constant.key.clone(), tensor)?;
        self.constants.insert(place, id);
        Ok(id)
    }

    /// The layer of a number that the node itself implies.
    pub(super) fn number(&mut self, call: &Call<'_>, part: &str, x: f32) -> Reading<NodeId> {
        let key = format!("{}.{part}", call.label());
        let constant = Constant {
            key: key.into(),
            array: Array::floats(vec![x], &[1])?,
        };
        self.constant(&constant, &[1])
    }

    fn stored_value(&mut self, key: Arc<str>, tensor: Tensor) -> Reading<NodeId> {
        let label = names::of_value(&key);
        let value = Param {
            role: Role::Value,
            key,
            tensor,
        };
        self.layers
            .add(&label, None, "", Op::Constant, &[], vec![value])
    }
}
