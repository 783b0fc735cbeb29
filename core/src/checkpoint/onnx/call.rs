//! A node as its lowering sees it: attributes, and operands that are constants or layers.

use std::cell::RefCell;
use std::sync::Arc;

use super::array::Array;
use super::fault::{Fault, Reading};
use super::names;
use super::proto::{Attribute, Node};
use super::tensor::Store;
use crate::checkpoint::memory::Held;
use crate::network::{NodeId, Param, Role};

/// A constant of the graph.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    /// The name under which the file has it.
    pub(super) key: Arc<str>,
    pub(super) array: Array,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// The value of a layer.
    Layer(NodeId),
    /// Known before the network runs.
    Constant(Constant),
}

/// A node with what is needed to read its attributes.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) node: &'a Node<'a>,
    /// Its place in the graph.
    pub(super) index: usize,
    /// The version of the standard operators.
    pub(super) opset: i64,
    pub(super) store: &'a RefCell<Store<'a>>,
}

impl<'a> Call<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'a Attribute<'a>> {
        self.node.attributes.iter().find(|a| a.name == name)
    }

    /// An integer attribute.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.int).unwrap_or(default)
    }

    /// A float attribute.
    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name)
            .and_then(|a| a.float)
            .unwrap_or(default)
    }

    /// A float attribute that has no usual value.
    pub(super) fn attribute_float(&self, name: &str) -> Option<f32> {
        self.attribute(name).and_then(|a| a.float)
    }

    /// A list of integers.
    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    /// A list of floats.
    pub(super) fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|a| a.floats.as_slice())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.attribute(name)?.text?;
        std::str::from_utf8(text).ok()
    }

    /// A tensor.
    pub(super) fn tensor(&self, name: &str) -> Reading<Option<Array>> {
        let tensor = self.attribute(name).and_then(|a| a.tensor.as_ref());
        let array = tensor.map(|tensor| self.store.borrow_mut().array(tensor));
        array.transpose()
    }

    /// A list of integers that older versions have as an attribute and newer ones as an input.
    pub(super) fn ints_or_input(
        &self,
        name: &str,
        input: Option<&Array>,
    ) -> Reading<Option<Vec<i64>>> {
        match (self.ints(name), input) {
            (Some(ints), _) => Ok(Some(ints.to_vec())),
            (None, Some(array)) => array.as_ints().map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Counts constants of `elements` numbers that the node makes.
    pub(super) fn hold(&self, elements: usize) -> Reading<()> {
        self.room(4_u64.saturating_mul(elements as u64))
            .map(Held::keep)
    }

    /// Counts `bytes` that the node needs.
    pub(super) fn room(&self, bytes: u64) -> Reading<Held> {
        let store = self.store.borrow();
        let what = format!("node {} ({})", self.label(), self.node.op);
        store
            .budget
            .take(bytes, &what, store.path)
            .map_err(Fault::Placed)
    }

    /// The node as people find it in the graph.
    pub(super) fn label(&self) -> String {
        names::label(self.node, self.index)
    }
}

/// The values that a node reads.
pub(super) struct Operands {
    pub(super) values: Vec<Option<Value>>,
}

impl Operands {
    /// An operand that may be left out.
    pub(super) fn get(&self, i: usize) -> Option<&Value> {
        self.values.get(i).and_then(Option::as_ref)
    }

    /// The operand that is computed when the network runs.
    pub(super) fn layer(&self, i: usize) -> Reading<NodeId> {
        match self.get(i) {
            Some(Value::Layer(id)) => Ok(*id),
            Some(Value::Constant(constant)) => Err(Fault::unsupported(format!(
                "its input {} is a constant, which is not computed for this operator",
                constant.key
            ))),
            None => Err(Fault::broken(format!("input {i} is missing"))),
        }
    }

    /// An operand that must be known before the network runs, or may be left out.
    pub(super) fn constant(&self, i: usize, what: &str) -> Reading<Option<&Constant>> {
        match self.get(i) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(Value::Layer(_)) => Err(Fault::unsupported(format!(
                "{what} is computed from the input of the network"
            ))),
        }
    }

    /// An operand that must be known before the network runs.
    pub(super) fn needed(&self, i: usize, what: &str) -> Reading<&Constant> {
        let constant = self.constant(i, what)?;
        constant.ok_or_else(|| Fault::broken(format!("{what} is missing")))
    }

    /// The constants among the operands, in their places.
    pub(super) fn arrays(&self) -> Vec<Option<Array>> {
        let array = |value: &Option<Value>| match value {
            Some(Value::Constant(constant)) => Some(constant.array.clone()),
            _ => None,
        };
        self.values.iter().map(array).collect()
    }
}

impl Constant {
    /// The constant as a parameter of a layer.
    pub(super) fn param(&self, role: Role, dims: &[usize]) -> Reading<Param> {
        let tensor = self.array.to_tensor()?;
        if tensor.elem_count() != dims.iter().product::<usize>() {
            return Err(Fault::tensor(
                &self.key,
                format!("has the shape {:?}, expected {dims:?}", tensor.dims()),
            ));
        }
        Ok(Param {
            role,
            key: self.key.clone(),
            tensor: tensor.reshape(dims)?,
        })
    }
}
