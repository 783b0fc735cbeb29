//! Writing down a network layer by layer while it is inferred: names for the layers that a state dict does not list, and
//! what had to be guessed.

use std::collections::BTreeSet;

use super::Recognised;
use super::modules::Module;
use crate::checkpoint::blueprint::{Blueprint, Geometry, Layer, LayerOp, Port};
use crate::checkpoint::{Confidence, Guess, NetworkRole};
use crate::network::{Op, Role};

/// A blueprint in the making; every layer reads the one before it unless told otherwise.
pub(super) struct Draft {
    inputs: Vec<Port>,
    layers: Vec<Layer>,
    outputs: Vec<(String, String)>,
    names: BTreeSet<String>,
    reserved: BTreeSet<String>,
    at: String,
    /// What the tensors do not show.
    pub(super) guesses: Vec<Guess>,
    /// What speaks for the family.
    pub(super) evidence: Vec<String>,
}

impl Draft {
    /// A draft that begins with an input.
    pub(super) fn new(input: &str, dims: &[usize], doubt: Option<&'static str>) -> Self {
        Self {
            inputs: vec![Port {
                name: input.to_owned(),
                dims: dims.to_vec(),
                doubt,
                line: None,
            }],
            layers: Vec::new(),
            outputs: Vec::new(),
            names: BTreeSet::from([input.to_owned()]),
            reserved: BTreeSet::new(),
            at: input.to_owned(),
            guesses: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Keeps these names for the layers of the file.
    pub(super) fn reserve<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.reserved.extend(names.map(str::to_owned));
    }

    /// Lets a layer without parameters have the name of a module whose value it is.
    pub(super) fn release(&mut self, name: &str) {
        self.reserved.remove(name);
    }

    fn is_taken(&self, name: &str, is_module: bool) -> bool {
        self.names.contains(name) || (!is_module && self.reserved.contains(name))
    }

    /// The layer that the next one reads.
    pub(super) fn at(&self) -> String {
        self.at.clone()
    }

    /// Lets the next layer read another one than the last.
    pub(super) fn go_to(&mut self, layer: &str) {
        layer.clone_into(&mut self.at);
    }

    /// Adds a layer that reads `inputs`; returns its name, which is made unique.
    pub(super) fn add(
        &mut self,
        name: &str,
        op: LayerOp,
        inputs: &[&str],
        params: Vec<(Role, String)>,
        doubts: Vec<(&'static str, &'static str)>,
    ) -> String {
        let mut unique = name.to_owned();
        let mut again = 0;
        let is_module = !params.is_empty();
        while self.is_taken(&unique, is_module) {
            again += 1;
            unique = format!("{name}#{again}");
        }
        self.layers.push(Layer {
            name: unique.clone(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            op,
            params,
            doubts,
            line: None,
        });
        self.names.insert(unique.clone());
        self.at.clone_from(&unique);
        unique
    }

    /// Adds an operation without parameters.
    pub(super) fn plain(&mut self, name: &str, op: Op) -> String {
        let at = self.at();
        self.add(name, LayerOp::Plain(op), &[&at], Vec::new(), Vec::new())
    }

    /// [`Self::plain`] for an activation, which no tensor shows.
    pub(super) fn activation(&mut self, name: &str, op: Op) -> String {
        let doubts = vec![("op", "activations are not in the weights")];
        let at = self.at();
        self.add(name, LayerOp::Plain(op), &[&at], Vec::new(), doubts)
    }

    /// Adds a module of the file under its own name.
    pub(super) fn module(
        &mut self,
        module: &Module,
        op: LayerOp,
        doubts: Vec<(&'static str, &'static str)>,
    ) -> String {
        let at = self.at();
        self.add(&module.name, op, &[&at], module.params.clone(), doubts)
    }

    /// Adds a convolution.
    pub(super) fn conv(
        &mut self,
        module: &Module,
        geometry: Geometry,
        doubts: Vec<(&'static str, &'static str)>,
    ) -> String {
        self.module(module, LayerOp::Conv(geometry), doubts)
    }

    /// Adds a batch normalisation.
    pub(super) fn norm(&mut self, module: &Module, eps: f64) -> String {
        let doubts = vec![("eps", "not in the weights")];
        self.module(module, LayerOp::Plain(Op::BatchNorm { eps }), doubts)
    }

    /// Joins two layers element by element.
    pub(super) fn sum(&mut self, name: &str, a: &str, b: &str) -> String {
        self.add(
            name,
            LayerOp::Plain(Op::Add),
            &[a, b],
            Vec::new(),
            Vec::new(),
        )
    }

    /// States something that the tensors do not show.
    pub(super) fn guess(
        &mut self,
        what: &'static str,
        value: impl Into<String>,
        why: &'static str,
    ) {
        if !self.guesses.iter().any(|guess| guess.what == what) {
            self.guesses.push(Guess::new(what, value, why));
        }
    }

    /// Makes the last layer an output and ends the draft.
    pub(super) fn finish(
        mut self,
        output: &str,
        family: &str,
        role: NetworkRole,
        confidence: Confidence,
    ) -> Recognised {
        self.outputs.push((output.to_owned(), self.at()));
        Recognised {
            blueprint: Blueprint {
                family: family.to_owned(),
                role,
                weights: None,
                input_range: None,
                output_range: None,
                inputs: self.inputs,
                layers: self.layers,
                outputs: self.outputs,
            },
            confidence,
            evidence: self.evidence,
            guesses: self.guesses,
        }
    }
}

/// The name of a layer without parameters that follows `module` by `steps`: the next number in a sequence, the same number
/// under another word (`net.act3` after `net.conv3`), or the module's name with the word (`stem_act`).
pub(super) fn after(module: &str, word: &str, steps: usize) -> String {
    let (container, last) = match module.rsplit_once('.') {
        Some((container, last)) => (format!("{container}."), last),
        None => (String::new(), module),
    };
    if let Ok(number) = last.parse::<usize>() {
        return format!("{container}{}", number.saturating_add(steps));
    }
    let letters = last
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(last.len());
    let numbers = &last[letters..];
    let is_numbered = numbers.starts_with(|c: char| c.is_ascii_digit())
        && numbers.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if is_numbered {
        format!("{container}{word}{numbers}")
    } else {
        format!("{container}{last}_{word}")
    }
}

/// The name of a layer beside `module`, for example `net.tanh` beside `net.deconv4`.
pub(super) fn beside(module: &str, word: &str, steps: usize) -> String {
    match module.rsplit_once('.') {
        Some((container, last)) => match last.parse::<usize>() {
            Ok(number) => format!("{container}.{}", number.saturating_add(steps)),
            Err(_) => format!("{container}.{word}"),
        },
        None => word.to_owned(),
    }
}
