//! Names of layers: the module a layer was in where the exporter left it, the node's own name otherwise.
//!
//! PyTorch names nodes by their modules (`/root/root.0/conv1/Conv`), newer versions keep the modules beside the node,
//! older ones leave only the names of the weights.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::Draft;
use super::proto::{Graph, Node};
use crate::network::Op;

/// Last parts of weights' names, before which the module stands.
const OF_A_MODULE: [&str; 5] = ["weight", "bias", "running_mean", "running_var", "alpha"];

/// What messages call a node.
pub(super) fn label(node: &Node<'_>, index: usize) -> String {
    if !node.name.is_empty() {
        return node.name.to_owned();
    }
    let output = node.outputs.first().copied().unwrap_or_default();
    if output.chars().any(char::is_alphabetic) {
        return output.to_owned();
    }
    format!("{}_{index}", node.op)
}

/// The name of a constant's layer.
pub(super) fn of_value(key: &str) -> String {
    match modules_and_leaf(key) {
        Some((Some(module), leaf)) => format!("{module}.{leaf}"),
        Some((None, leaf)) => leaf,
        None => key.to_owned(),
    }
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// In a module, with a name of its own there.
    In { module: String, leaf: String },
    /// The name is known as it is.
    Exactly(String),
}

/// A name for every draft, each once.
pub(super) fn of_drafts(graph: &Graph<'_>, drafts: &[Draft], live: &[bool]) -> Vec<String> {
    let places = places(graph, drafts);
    // The last layer of a module carries its value.
    let mut last_of_node = BTreeMap::new();
    let mut last_of_module = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        if let (Some(node), true) = (draft.node, live[index]) {
            last_of_node.insert(node, index);
            if let Some(Place::In { module, .. }) = places.get(&node) {
                last_of_module.insert(module.clone(), index);
            }
        }
    }
    let mut taken = BTreeSet::new();
    let names = drafts.iter().enumerate().map(|(index, draft)| {
        if !live[index] {
            return draft.label.clone();
        }
        let Some(node) = draft.node else {
            return unique(draft.label.clone(), &mut taken);
        };
        let name = match places.get(&node) {
            Some(Place::In { module, .. }) if last_of_module.get(module) == Some(&index) => {
                module.clone()
            }
            Some(Place::In { module, leaf }) => format!("{module}.{leaf}"),
            Some(Place::Exactly(name)) => name.clone(),
            None => draft.label.clone(),
        };
        let is_whole = last_of_node.get(&node) == Some(&index) || draft.part.is_empty();
        let name = if is_whole {
            name
        } else {
            format!("{name}.{}", draft.part)
        };
        unique(name, &mut taken)
    });
    names.collect()
}

fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut found = name.clone();
    let mut again = 0;
    while !taken.insert(found.clone()) {
        again += 1;
        found = format!("{name}#{again}");
    }
    found
}

fn places(graph: &Graph<'_>, drafts: &[Draft]) -> BTreeMap<usize, Place> {
    let mut keys = BTreeMap::new();
    for draft in drafts.iter().filter(|draft| draft.op != Op::Constant) {
        if let (Some(node), Some(param)) = (draft.node, draft.params.first()) {
            keys.insert(node, param.key.clone());
        }
    }
    let nodes = graph.nodes.iter().enumerate();
    let mut places: BTreeMap<usize, Place> = nodes
        .map(|(index, node)| {
            let key = keys.get(&index).map(|key| &**key);
            (index, place(node, index, key))
        })
        .collect();
    number_repeated(graph, &mut places, drafts);
    places
}

fn place(node: &Node<'_>, index: usize, key: Option<&str>) -> Place {
    let output = node.outputs.first().copied().unwrap_or_default();
    let of_path = modules_and_leaf(node.name).or_else(|| modules_and_leaf(output));
    match of_path {
        Some((Some(module), leaf)) => return Place::In { module, leaf },
        Some((None, leaf)) => return Place::Exactly(leaf),
        None => {}
    }
    if let Some(module) = node.scopes.and_then(innermost_scope) {
        let leaf = label(node, index);
        return Place::In { module, leaf };
    }
    // A name with dots is that of a module already, as this program writes it.
    if node.name.contains('.') && !node.name.contains('/') {
        return Place::Exactly(node.name.to_owned());
    }
    let of_key = key.and_then(|key| key.rsplit_once('.'));
    match of_key {
        Some((module, last)) if OF_A_MODULE.contains(&last) => Place::Exactly(module.to_owned()),
        _ => Place::Exactly(label(node, index)),
    }
}

/// The modules and the last part of a name like `/root/root.0/conv1/Conv`, which may be that of a node or its value.
fn modules_and_leaf(name: &str) -> Option<(Option<String>, String)> {
    let path = name.strip_prefix('/')?;
    let path = match path.rsplit_once("_output_") {
        Some((path, number)) if number.bytes().all(|b| b.is_ascii_digit()) => path,
        _ => path,
    };
    let mut segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let leaf = segments.pop()?.to_owned();
    let mut modules: Vec<&str> = Vec::new();
    for segment in segments {
        // The children of a sequence repeat its name: `root/root.0`.
        let repeats = |parent: &str| {
            let rest = segment.strip_prefix(parent);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        if modules.last().is_some_and(|parent| repeats(parent)) {
            modules.pop();
        }
        modules.push(segment);
    }
    let module = (!modules.is_empty()).then(|| modules.join("."));
    Some((module, leaf))
}

/// The module in a list like `['', 'net', 'net.conv0', 'conv2d']`, whose last entry is the node.
fn innermost_scope(scopes: &str) -> Option<String> {
    let names: Vec<&str> = scopes.split('\'').skip(1).step_by(2).collect();
    let (_, modules) = names.split_last()?;
    let module = modules.last()?;
    (!module.is_empty()).then(|| (*module).to_owned())
}

/// A module that is called again gets a number in the exporter's name, `act_1`; here it is `act#1`, unless there is a
/// module of that very name.
fn number_repeated(graph: &Graph<'_>, places: &mut BTreeMap<usize, Place>, drafts: &[Draft]) {
    let mut kinds: BTreeSet<(String, &str)> = BTreeSet::new();
    for (node, place) in places.iter() {
        if let (Place::In { module, .. }, Some(node)) = (place, graph.nodes.get(*node)) {
            kinds.insert((module.clone(), node.op));
        }
    }
    let keys = drafts.iter().flat_map(|d| d.params.iter().map(|p| &*p.key));
    let owners: BTreeSet<&str> = keys
        .filter_map(|key| Some(key.rsplit_once('.')?.0))
        .collect();
    for (node, place) in places.iter_mut() {
        let (Place::In { module, .. }, Some(node)) = (place, graph.nodes.get(*node)) else {
            continue;
        };
        let Some((base, number)) = module.rsplit_once('_') else {
            continue;
        };
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let is_again = kinds.contains(&(base.to_owned(), node.op));
        if is_number && is_again && !owners.contains(module.as_str()) {
            *module = format!("{base}#{number}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_told_from_the_names_of_nodes() {
        let of = |name: &str| modules_and_leaf(name);
        let module = |name: &str| of(name).and_then(|(module, _)| module);
        assert_eq!(module("/net/conv0/Conv").as_deref(), Some("net.conv0"));
        assert_eq!(
            module("/body/body.0/rdb1/act_2/LeakyRelu_output_0").as_deref(),
            Some("body.0.rdb1.act_2")
        );
        assert_eq!(
            module("/features/features.0/features.0.1/Relu").as_deref(),
            Some("features.0.1")
        );
        assert_eq!(of("/Add_1_output_0"), Some((None, "Add_1".to_owned())));
        assert_eq!(of("Conv_3"), None);
        assert_eq!(of("/"), None);
        let scope = innermost_scope("['', 'net', 'net.conv0', 'conv2d']");
        assert_eq!(scope.as_deref(), Some("net.conv0"));
        assert_eq!(innermost_scope("[]"), None);
        assert_eq!(innermost_scope("'"), None);
    }
}
