//! From the layers of Keras to the operations of a network, one layer at a time.
//!
//! Invariant: the last operation of a layer, or the one with its weights, carries the layer's name; operations beside
//! it are named `layer.what`. What cannot be computed exactly is refused by name.

mod activation;
mod affine;
mod call;
mod inputs;
mod merge;
mod named;
mod norm;
mod shape;
mod weighted;
mod weights;
mod window;

pub(super) use shape::completed;
use weights::Weight;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use candle_core::Tensor;

use super::Place;
use super::fields::Fields;
use super::graph::{Layer, Model, Reference};
use super::store::Store;
use super::value::{Form, Value};
use crate::checkpoint::memory::Budget;
use crate::checkpoint::{CheckpointError, Guess};
use crate::network::{Fact, GoOn, Network, NetworkBuilder, NetworkError, NodeId, Op, Param};

/// Most operations of a network: models used many times inside each other grow fast.
const MAX_NODES: usize = 50_000;

/// A layer at its place, about to become operations.
pub(super) struct At<'a> {
    /// What the file says of it.
    pub(super) fields: Fields<'a>,
    /// Where its weights are.
    pub(super) place: &'a Place<'a>,
    /// Name of its operation; that of a second call gets a number.
    pub(super) name: String,
}

impl At<'_> {
    /// Name of an operation beside the one that carries the layer's name.
    pub(super) fn beside(&self, what: &str) -> String {
        format!("{}.{what}", self.name)
    }
}

/// A network under construction.
pub(super) struct Lowering<'s> {
    path: &'s Path,
    store: Store,
    builder: NetworkBuilder<'static>,
    /// How often each name was asked for.
    names: HashMap<String, usize>,
    nodes: usize,
    /// Weights as they are in the network, by entry and by how they were turned, shared by all calls of a layer.
    turned: HashMap<(usize, String), Tensor>,
    budget: &'s Budget,
    go_on: GoOn<'s>,
    stamp_size: Option<usize>,
    /// First number of the version of Keras that wrote the file.
    keras: u32,
    is_javascript: bool,
    guesses: Vec<Guess>,
}

/// What a lowering is told beside the model.
pub(super) struct Setting<'s> {
    /// The file.
    pub(super) path: &'s Path,
    /// How much memory the weights may take.
    pub(super) budget: &'s Budget,
    /// Whether to go on, asked before every weight.
    pub(super) go_on: GoOn<'s>,
    /// Size of the stamps to be run, where known.
    pub(super) stamp_size: Option<usize>,
    /// First number of the version of Keras that wrote the file.
    pub(super) keras: u32,
    /// Whether the file is one of TensorFlow.js.
    pub(super) is_javascript: bool,
}

/// What became of a model.
pub(super) struct Lowered {
    pub(super) network: Network,
    pub(super) store: Store,
    pub(super) guesses: Vec<Guess>,
}

/// Makes a network of a model.
pub(super) fn lower(
    model: &Model<'_>,
    store: Store,
    setting: &Setting<'_>,
) -> Result<Lowered, CheckpointError> {
    let builder = NetworkBuilder::new(|key, _, _| {
        Err(NetworkError::MissingParam {
            layer: key.into(),
            key: key.to_owned(),
        })
    });
    let mut lowering = Lowering {
        path: setting.path,
        store,
        builder,
        names: HashMap::new(),
        nodes: 0,
        turned: HashMap::new(),
        budget: setting.budget,
        go_on: setting.go_on,
        stamp_size: setting.stamp_size,
        keras: setting.keras,
        is_javascript: setting.is_javascript,
        guesses: Vec::new(),
    };
    let place = Place {
        names: Vec::new(),
        stored: String::new(),
    };
    let inputs = lowering.inputs(model)?;
    let outputs = lowering.model(model, &place, inputs)?;
    let mut named = HashSet::new();
    for (reference, value) in model.outputs.iter().zip(outputs) {
        let layer = model
            .layers
            .get(reference.layer)
            .map_or("output", |l| l.name);
        let name = if named.insert(layer) {
            layer.to_owned()
        } else {
            format!("{layer}.{}", named.len())
        };
        lowering.builder.output(&name, value.node);
    }
    let Lowering {
        builder,
        store,
        guesses,
        path,
        ..
    } = lowering;
    let network = builder.finish().map_err(wrap(path))?;
    Ok(Lowered {
        network,
        store,
        guesses,
    })
}

/// A network's error as one of the file.
fn wrap(path: &Path) -> impl FnOnce(NetworkError) -> CheckpointError {
    move |source| match source {
        NetworkError::Stopped => CheckpointError::Stopped {
            path: path.to_owned(),
        },
        source => CheckpointError::Network {
            source,
            path: path.to_owned(),
        },
    }
}

impl<'s> Lowering<'s> {
    /// Lowers the layers of a model whose inputs have these values; returns the values of its outputs.
    fn model(
        &mut self,
        model: &Model<'_>,
        place: &Place<'_>,
        inputs: Vec<Value>,
    ) -> Result<Vec<Value>, CheckpointError> {
        let mut values: HashMap<Reference, Value> = model
            .inputs
            .iter()
            .copied()
            .zip(inputs.iter().cloned())
            .collect();
        for (layer, call) in &model.order {
            let described = &model.layers[*layer];
            let at = |output| Reference {
                layer: *layer,
                call: *call,
                output,
            };
            if described.class == "InputLayer" {
                if !values.contains_key(&at(0)) {
                    let what = "is not among the inputs of its model";
                    return Err(self.fields(described).broken(what));
                }
                continue;
            }
            // The first layer of a Sequential that does not name its input reads the model's.
            let first =
                (described.calls[*call].references().next().is_none()).then(|| inputs.first());
            let outputs = self.layer(model, (*layer, *call), place, &values, first.flatten())?;
            values.extend(
                outputs
                    .into_iter()
                    .enumerate()
                    .map(|(i, value)| (at(i), value)),
            );
        }
        model
            .outputs
            .iter()
            .map(|reference| {
                values.get(reference).cloned().ok_or_else(|| {
                    let layer = &model.layers[reference.layer];
                    self.fields(layer)
                        .broken(format!("has no output {}", reference.output))
                })
            })
            .collect()
    }

    /// Lowers one call of one layer.
    fn layer(
        &mut self,
        model: &Model<'_>,
        (index, call): (usize, usize),
        outer: &Place<'_>,
        values: &HashMap<Reference, Value>,
        first: Option<&Value>,
    ) -> Result<Vec<Value>, CheckpointError> {
        let layer = &model.layers[index];
        let fields = self.fields(layer);
        let mut inputs: Vec<Value> = first.into_iter().cloned().collect();
        for reference in layer.calls[call].references() {
            let value = values.get(&reference);
            inputs.push(value.cloned().ok_or_else(|| {
                fields.broken(format!(
                    "reads an output {} that is not there",
                    reference.output
                ))
            })?);
        }
        let place = outer.inside(layer.name, &layer.stored);
        if let Some(inner) = &layer.inner {
            let wanted = inner.inputs.len().max(1);
            if inputs.len() != wanted {
                return Err(fields.broken(format!("takes {wanted} inputs, gets {}", inputs.len())));
            }
            return self.model(inner, &place, inputs);
        }
        let at = At {
            fields,
            place: &place,
            name: place.names.join("."),
        };
        let value = self.call(&at, model, (index, call), &inputs)?;
        Ok(vec![value])
    }

    /// What the file says of a layer.
    fn fields<'a>(&self, layer: &Layer<'a>) -> Fields<'a>
    where
        's: 'a,
    {
        Fields {
            layer: layer.name,
            class: layer.class,
            config: layer.config,
            path: self.path,
        }
    }

    /// Adds an operation.
    pub(super) fn op(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
        params: Vec<Param>,
    ) -> Result<NodeId, CheckpointError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(CheckpointError::Unsupported {
                what: format!("the network has more than {MAX_NODES} operations"),
                path: self.path.to_owned(),
            });
        }
        let unique = self.unique(name);
        self.builder
            .add(&unique, op, inputs, params)
            .map_err(wrap(self.path))
    }

    /// `name`, with a number from the second time on.
    fn unique(&mut self, name: &str) -> String {
        let count = self.names.entry(name.to_owned()).or_insert(0);
        *count += 1;
        let mut number = *count;
        if number == 1 {
            return name.to_owned();
        }
        // A layer may have a name that looks like a numbered one.
        loop {
            let numbered = format!("{name}#{number}");
            if let Entry::Vacant(free) = self.names.entry(numbered.clone()) {
                free.insert(1);
                self.names.insert(name.to_owned(), number);
                return numbered;
            }
            number += 1;
        }
    }

    /// Type and dimensions of a value.
    pub(super) fn fact(&self, value: &Value) -> &Fact {
        self.builder.fact(value.node)
    }

    /// Dimensions of a picture, or an error that the layer does not take vectors.
    pub(super) fn picture_dims(
        &self,
        at: &At<'_>,
        value: &Value,
    ) -> Result<[usize; 3], CheckpointError> {
        match (&value.form, self.fact(value).dims.as_slice()) {
            (Form::Picture, [channels, rows, columns]) => Ok([*channels, *rows, *columns]),
            (_, dims) => Err(at.fields.broken(format!(
                "takes pictures of rows, columns and channels, gets {dims:?}"
            ))),
        }
    }

    /// States a guess, once.
    pub(super) fn guess(&mut self, guess: Guess) {
        if !self.guesses.contains(&guess) {
            self.guesses.push(guess);
        }
    }
}
