//! The layers of a model and what reads what, from the configuration that Keras writes: Sequential and Functional, of
//! Keras 2, Keras 3 and TensorFlow.js.
//!
//! Invariant: every reference of an accepted model is to a layer of it, and its calls are sorted so that each comes
//! after what it reads.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

use super::KIND;
use super::fields::shown;
use super::{names, order};
use crate::checkpoint::CheckpointError;

/// Most layers of one model: far beyond any network, little enough to sort.
const MAX_LAYERS: usize = 20_000;

/// Deepest nesting of models in models.
const MAX_DEPTH: usize = 8;

/// One output of one call of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reference {
    /// Index of the layer in its model.
    pub(super) layer: usize,
    /// Which call of the layer.
    pub(super) call: usize,
    /// Which output of that call.
    pub(super) output: usize,
}

/// What a layer is called with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument<'a> {
    /// The value of another layer.
    Value(Reference),
    /// A constant.
    Constant(&'a Json),
}

/// One use of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Call<'a> {
    /// Arguments by position.
    pub(super) positional: Vec<Argument<'a>>,
    /// Arguments by name.
    pub(super) named: Vec<(&'a str, Argument<'a>)>,
}

impl Call<'_> {
    /// The values that the call reads.
    pub(super) fn references(&self) -> impl Iterator<Item = Reference> {
        let named = self.named.iter().map(|(_, argument)| argument);
        self.positional
            .iter()
            .chain(named)
            .filter_map(|argument| match argument {
                Argument::Value(reference) => Some(*reference),
                Argument::Constant(_) => None,
            })
    }
}

/// One layer.
pub(super) struct Layer<'a> {
    /// Class, for example `Conv2D`.
    pub(super) class: &'a str,
    /// Name, unique in its model.
    pub(super) name: &'a str,
    /// Configuration.
    pub(super) config: &'a Map<String, Json>,
    /// The whole entry, of which `build_config` and `module` are read.
    pub(super) entry: &'a Map<String, Json>,
    /// Its uses.
    pub(super) calls: Vec<Call<'a>>,
    /// Its layers, where it is a model itself.
    pub(super) inner: Option<Box<Model<'a>>>,
    /// What Keras 3 stores its weights under, for example `conv2d_1`.
    pub(super) stored: String,
}

/// A graph of layers.
pub(super) struct Model<'a> {
    /// All layers, in the order of the file.
    pub(super) layers: Vec<Layer<'a>>,
    /// Values that are given to the model; empty for a Sequential that does not name its input.
    pub(super) inputs: Vec<Reference>,
    /// Values that it returns.
    pub(super) outputs: Vec<Reference>,
    /// Layer and call, each after those that it reads.
    pub(super) order: Vec<(usize, usize)>,
    /// Shape of the input of a Sequential without an input layer, batch included.
    pub(super) shape: Option<&'a Json>,
}

/// Whether a class with this configuration is a model of layers.
pub(super) fn is_model(class: &str, config: &Json) -> bool {
    match class {
        "Sequential" | "Functional" | "Model" => true,
        _ => config.get("layers").is_some() && config.get("output_layers").is_some(),
    }
}

/// Reads a model from its class and its configuration.
pub(super) fn model<'a>(
    class: &str,
    config: &'a Json,
    path: &Path,
    depth: usize,
) -> Result<Model<'a>, CheckpointError> {
    let broken = |what: String| CheckpointError::Broken {
        format: KIND,
        what,
        path: path.to_owned(),
    };
    if depth > MAX_DEPTH {
        return Err(broken(format!("models are nested deeper than {MAX_DEPTH}")));
    }
    let entries = config
        .get("layers")
        .or(Some(config))
        .and_then(Json::as_array)
        .ok_or_else(|| broken(format!("the configuration of {class} has no layers")))?;
    if entries.is_empty() || entries.len() > MAX_LAYERS {
        let count = entries.len();
        return Err(broken(format!(
            "{class} has {count} layers, expected 1 to {MAX_LAYERS}"
        )));
    }
    let is_sequential = class == "Sequential";
    let mut reader = Reader {
        path,
        depth,
        by_name: HashMap::new(),
        layers: Vec::with_capacity(entries.len()),
        stored: HashMap::new(),
    };
    for entry in entries {
        reader.add(entry)?;
    }
    let (inputs, outputs) = if is_sequential {
        reader.chain()
    } else {
        reader.connect(entries)?;
        let ends = |name: &str| reader.ends(config.get(name).unwrap_or(&Json::Null), name);
        (ends("input_layers")?, ends("output_layers")?)
    };
    let mut model = Model {
        order: Vec::new(),
        layers: reader.layers,
        inputs,
        outputs,
        shape: config.get("build_input_shape").filter(|s| s.is_array()),
    };
    model.count_calls_of_models();
    model.order = order::sorted(&model, path)?;
    Ok(model)
}

impl Model<'_> {
    /// Keras counts the making of a model as its first call, and references to its later calls from 1.
    fn count_calls_of_models(&mut self) {
        let mut highest = vec![None; self.layers.len()];
        let calls = self.layers.iter().flat_map(|layer| &layer.calls);
        let read = calls.flat_map(Call::references).chain(self.outputs.clone());
        for reference in read {
            if let Some(highest) = highest.get_mut(reference.layer) {
                *highest = Some(reference.call).max(*highest);
            }
        }
        let shifted: Vec<bool> = self
            .layers
            .iter()
            .zip(highest)
            .map(|(layer, highest)| layer.inner.is_some() && highest == Some(layer.calls.len()))
            .collect();
        let shift = |reference: &mut Reference| {
            if shifted.get(reference.layer) == Some(&true) {
                reference.call = reference.call.saturating_sub(1);
            }
        };
        self.outputs.iter_mut().for_each(shift);
        for call in self.layers.iter_mut().flat_map(|layer| &mut layer.calls) {
            let named = call.named.iter_mut().map(|(_, argument)| argument);
            for argument in call.positional.iter_mut().chain(named) {
                if let Argument::Value(reference) = argument {
                    shift(reference);
                }
            }
        }
    }
}

/// The configuration of a model that is a mere list of layers.
static EMPTY: LazyLock<Map<String, Json>> = LazyLock::new(Map::new);

/// Reads the layers of one model.
pub(super) struct Reader<'a, 'p> {
    path: &'p Path,
    depth: usize,
    pub(super) by_name: HashMap<&'a str, usize>,
    pub(super) layers: Vec<Layer<'a>>,
    /// How often each stored name was used.
    stored: HashMap<String, usize>,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn broken(&self, what: String) -> CheckpointError {
        CheckpointError::Broken {
            format: KIND,
            what,
            path: self.path.to_owned(),
        }
    }

    fn add(&mut self, entry: &'a Json) -> Result<(), CheckpointError> {
        let wrong = || self.broken(format!("a layer is {}", shown(entry)));
        let fields = entry.as_object().ok_or_else(wrong)?;
        let class = fields.get("class_name").and_then(Json::as_str);
        let class = class.ok_or_else(wrong)?;
        let config = fields.get("config").ok_or_else(wrong)?;
        // Old Sequential models have a list of layers where others have an object.
        let name = [fields.get("name"), config.get("name")];
        let name = name.into_iter().flatten().find_map(Json::as_str);
        let name = name.unwrap_or(class);
        let inner = if is_model(class, config) {
            Some(Box::new(model(class, config, self.path, self.depth + 1)?))
        } else {
            None
        };
        let config = match config.as_object() {
            Some(config) => config,
            None if inner.is_some() => &EMPTY,
            None => return Err(wrong()),
        };
        if self.by_name.insert(name, self.layers.len()).is_some() {
            return Err(self.broken(format!("two layers are named {name}")));
        }
        let stored = names::stored(class, &mut self.stored);
        self.layers.push(Layer {
            class,
            name,
            config,
            entry: fields,
            calls: Vec::new(),
            inner,
            stored,
        });
        Ok(())
    }

    /// Connects the layers of a Sequential, each to the one before it.
    fn chain(&mut self) -> (Vec<Reference>, Vec<Reference>) {
        let at = |layer: usize| Reference {
            layer,
            call: 0,
            output: 0,
        };
        let has_input = self.layers.first().is_some_and(|l| l.class == "InputLayer");
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let before = index.checked_sub(1).map(at);
            layer.calls = vec![Call {
                positional: before.map(Argument::Value).into_iter().collect(),
                named: Vec::new(),
            }];
        }
        let inputs = if has_input { vec![at(0)] } else { Vec::new() };
        (inputs, vec![at(self.layers.len() - 1)])
    }
}
