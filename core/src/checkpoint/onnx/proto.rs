//! The messages of an ONNX model that are needed (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>), borrowed
//! from the bytes of the file.
//!
//! Invariant: at most [`MAX_PARTS`] parts are kept, whatever the file claims; weights stay where they are.

use std::path::Path;

use super::fault::{Fault, Reading};
use super::wire::{Field, Fields};
use crate::checkpoint::memory::{Budget, Held};

/// Most nodes, names, dimensions, attributes and numbers of attributes: the graphs of the largest networks have a tenth.
const MAX_PARTS: usize = 1 << 20;

/// What a file may still keep.
pub(super) struct Parts<'p> {
    left: usize,
    /// Memory of what is kept, in lists that double when they grow.
    bytes: u64,
    budget: &'p Budget,
    path: &'p Path,
}

impl<'p> Parts<'p> {
    /// Nothing is kept yet.
    pub(super) const fn new(budget: &'p Budget, path: &'p Path) -> Self {
        Self {
            left: MAX_PARTS,
            bytes: 0,
            budget,
            path,
        }
    }

    fn keep<T>(&mut self, list: &mut Vec<T>, part: T) -> Reading<()> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(Fault::broken(format!("it has more than {MAX_PARTS} parts")));
        };
        self.left = left;
        self.bytes += 2 * size_of::<T>() as u64;
        if self.bytes > self.budget.left() {
            return self.held().map(drop);
        }
        list.push(part);
        Ok(())
    }

    /// Counts the memory of what is kept.
    pub(super) fn held(&self) -> Reading<Held> {
        let held = self.budget.take(self.bytes, "its graph", self.path);
        held.map_err(Fault::Placed)
    }
}

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    /// The program that wrote it.
    pub(super) producer: &'a str,
    /// Domains of operators and their versions.
    pub(super) opsets: Vec<(&'a str, i64)>,
    /// The graph, if there is one.
    pub(super) graph: Option<Graph<'a>>,
}

/// A graph of nodes.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

/// One operation.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    /// Names of the values read; empty where an optional one is left out.
    pub(super) inputs: Vec<&'a str>,
    /// Names of the values made; empty where nobody wants one.
    pub(super) outputs: Vec<&'a str>,
    /// Its own name, often empty.
    pub(super) name: &'a str,
    /// The operator.
    pub(super) op: &'a str,
    /// The domain of the operator, empty for the standard.
    pub(super) domain: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
    /// The modules around it, where the exporter says them (`pkg.torch.onnx.name_scopes`).
    pub(super) scopes: Option<&'a str>,
}

/// A named property of a node.
#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) float: Option<f32>,
    pub(super) int: Option<i64>,
    pub(super) text: Option<&'a [u8]>,
    pub(super) tensor: Option<Tensor<'a>>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    /// Whether it holds a graph, as those of control flow do.
    pub(super) has_graph: bool,
}

/// A stored tensor.
#[derive(Clone, Debug, Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    /// Number of the element type.
    pub(super) data_type: i64,
    /// The elements, little endian.
    pub(super) raw: Option<&'a [u8]>,
    /// Fields with elements of one type each, by number, and their bytes.
    pub(super) typed: Vec<(u64, Field<'a>)>,
    /// Where elements in another file are: `location`, `offset`, `length`.
    pub(super) external: Vec<(&'a str, &'a str)>,
    pub(super) is_external: bool,
}

/// A named value with its type, as the graph declares its inputs and outputs.
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    /// Number of the element type; 0 for what is no tensor.
    pub(super) data_type: i64,
    /// The dimensions, where they are given; a dimension without a number is `None`.
    pub(super) dims: Option<Vec<Option<i64>>>,
}

impl<'a> Model<'a> {
    /// The model in the bytes of a file.
    pub(super) fn read(bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<Self> {
        let mut model = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (2, field) => model.producer = field.text().unwrap_or_default(),
                (7, field) => model.graph = Some(Graph::read(field.bytes()?, parts)?),
                (8, field) => {
                    let (mut domain, mut version) = ("", 0);
                    for field in Fields::of(field.bytes()?) {
                        match field? {
                            (1, field) => domain = field.text()?,
                            (2, field) => version = field.int()?,
                            _ => {}
                        }
                    }
                    parts.keep(&mut model.opsets, (domain, version))?;
                }
                _ => {}
            }
        }
        Ok(model)
    }
}

impl<'a> Graph<'a> {
    fn read(bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<Self> {
        let mut graph = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => {
                    let node = Node::read(field.bytes()?, parts)?;
                    parts.keep(&mut graph.nodes, node)?;
                }
                (5, field) => {
                    let tensor = Tensor::read(field.bytes()?, parts)?;
                    parts.keep(&mut graph.initializers, tensor)?;
                }
                (11, field) => {
                    let info = ValueInfo::read(field.bytes()?, parts)?;
                    parts.keep(&mut graph.inputs, info)?;
                }
                (12, field) => {
                    let info = ValueInfo::read(field.bytes()?, parts)?;
                    parts.keep(&mut graph.outputs, info)?;
                }
                (15, _) => return Err(Fault::unsupported("it has sparse weights")),
                _ => {}
            }
        }
        Ok(graph)
    }
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<Self> {
        let mut node = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => parts.keep(&mut node.inputs, field.text()?)?,
                (2, field) => parts.keep(&mut node.outputs, field.text()?)?,
                (3, field) => node.name = field.text()?,
                (4, field) => node.op = field.text()?,
                (5, field) => {
                    let attribute = Attribute::read(field.bytes()?, parts)?;
                    parts.keep(&mut node.attributes, attribute)?;
                }
                (7, field) => node.domain = field.text()?,
                (9, field) => {
                    if let ("pkg.torch.onnx.name_scopes", scopes) = entry(field)? {
                        node.scopes = Some(scopes);
                    }
                }
                _ => {}
            }
        }
        Ok(node)
    }
}

impl<'a> Attribute<'a> {
    fn read(bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<Self> {
        let mut attribute = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => attribute.name = field.text()?,
                (2, field) => attribute.float = Some(field.float()?),
                (3, field) => attribute.int = Some(field.int()?),
                (4, field) => attribute.text = Some(field.bytes()?),
                (5, field) => attribute.tensor = Some(Tensor::read(field.bytes()?, parts)?),
                (7, Field::Bytes(packed)) => {
                    for float in packed.as_chunks().0 {
                        parts.keep(&mut attribute.floats, f32::from_le_bytes(*float))?;
                    }
                }
                (7, field) => parts.keep(&mut attribute.floats, field.float()?)?,
                (8, field) => ints(field, &mut attribute.ints, parts)?,
                (6 | 11, _) => attribute.has_graph = true,
                _ => {}
            }
        }
        Ok(attribute)
    }
}

impl<'a> Tensor<'a> {
    fn read(bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<Self> {
        let mut tensor = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => ints(field, &mut tensor.dims, parts)?,
                (2, field) => tensor.data_type = field.int()?,
                (3, _) => return Err(Fault::unsupported("a tensor is stored in segments")),
                (number @ (4 | 5 | 7 | 10 | 11), field) => {
                    parts.keep(&mut tensor.typed, (number, field))?;
                }
                (8, field) => tensor.name = field.text()?,
                (9, field) => tensor.raw = Some(field.bytes()?),
                (13, field) => parts.keep(&mut tensor.external, entry(field)?)?,
                (14, field) => tensor.is_external = field.int()? == 1,
                _ => {}
            }
        }
        Ok(tensor)
    }
}

impl<'a> ValueInfo<'a> {
    fn read(bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<Self> {
        let mut info = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => info.name = field.text()?,
                (2, field) => {
                    for field in Fields::of(field.bytes()?) {
                        // Of the kinds of types only tensors have a number 1.
                        if let (1, field) = field? {
                            info.read_tensor_type(field.bytes()?, parts)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(info)
    }

    fn read_tensor_type(&mut self, bytes: &'a [u8], parts: &mut Parts<'_>) -> Reading<()> {
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => self.data_type = field.int()?,
                (2, field) => {
                    let mut dims = Vec::new();
                    for field in Fields::of(field.bytes()?) {
                        if let (1, field) = field? {
                            parts.keep(&mut dims, dimension(field.bytes()?)?)?;
                        }
                    }
                    self.dims = Some(dims);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The number of a dimension, if it has one.
fn dimension(bytes: &[u8]) -> Reading<Option<i64>> {
    let mut value = None;
    for field in Fields::of(bytes) {
        if let (1, field) = field? {
            value = Some(field.int()?);
        }
    }
    // Exporters write 0 and -1 for what may be anything.
    Ok(value.filter(|n| *n > 0))
}

/// A key and its text.
fn entry(field: Field<'_>) -> Reading<(&str, &str)> {
    let (mut key, mut value) = ("", "");
    for field in Fields::of(field.bytes()?) {
        match field? {
            (1, field) => key = field.text()?,
            (2, field) => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Integers, one or packed.
fn ints(field: Field<'_>, list: &mut Vec<i64>, parts: &mut Parts<'_>) -> Reading<()> {
    let Field::Bytes(mut packed) = field else {
        return parts.keep(list, field.int()?);
    };
    while !packed.is_empty() {
        let n = super::wire::number(&mut packed)?;
        parts.keep(list, n as i64)?;
    }
    Ok(())
}
