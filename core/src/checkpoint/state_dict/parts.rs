//! Which networks a checkpoint holds, told from the names people give them, and which of them is meant.

use std::path::Path;

use crate::checkpoint::{CheckpointError, Guess, NetworkRole};

/// Words for a network that draws, in lower case.
const GENERATOR: [&str; 8] = [
    "g",
    "netg",
    "gen",
    "generator",
    "modelg",
    "gnet",
    "generators",
    "gs",
];

/// Words for a network that judges, in lower case.
const DISCRIMINATOR: [&str; 9] = [
    "d",
    "netd",
    "dis",
    "disc",
    "discriminator",
    "modeld",
    "dnet",
    "critic",
    "netf",
];

/// Words for a running average of weights, in lower case.
const AVERAGED: [&str; 7] = [
    "ema", "avg", "average", "averaged", "shadow", "swa", "smoothed",
];

/// Beginnings of words for what is no network: states of optimisers, networks that only measure.
const OTHER: [&str; 10] = [
    "optim",
    "sched",
    "rng",
    "scaler",
    "loss",
    "criterion",
    "vgg",
    "percept",
    "lpips",
    "inception",
];

/// A tensor of a checkpoint.
pub(in crate::checkpoint) struct Leaf<'a> {
    /// Keys of the dictionaries around it.
    pub(in crate::checkpoint) folder: &'a [String],
    /// Its key.
    pub(in crate::checkpoint) key: &'a str,
    /// Whether it is a matrix or a kernel of floating-point numbers.
    pub(in crate::checkpoint) is_weight: bool,
    /// Number of its elements.
    pub(in crate::checkpoint) elements: u64,
}

/// A network in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checkpoint) struct Part {
    /// Its keys joined by dots; empty when the file is the state dict itself.
    pub(in crate::checkpoint) name: String,
    /// What its name says of it.
    pub(in crate::checkpoint) role: Option<NetworkRole>,
    /// Whether it is a running average.
    pub(in crate::checkpoint) is_averaged: bool,
    /// Its tensors: position among the leaves, and the key in the network.
    pub(in crate::checkpoint) members: Vec<(usize, String)>,
    elements: u64,
}

/// Which network of a file is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::checkpoint) struct Selector<'a> {
    /// By role.
    pub(in crate::checkpoint) role: Option<NetworkRole>,
    /// By its name, or the end of it.
    pub(in crate::checkpoint) part: Option<&'a str>,
}

/// The networks among `leaves`, in the order of the file.
pub(in crate::checkpoint) fn parts(leaves: &[Leaf<'_>]) -> Vec<Part> {
    let mut groups: Vec<(String, Vec<(usize, String)>)> = Vec::new();
    let mut folders: Vec<&[String]> = Vec::new();
    for leaf in leaves {
        if !folders.contains(&leaf.folder) && folders.len() < 1000 {
            folders.push(leaf.folder);
        }
    }
    for folder in folders {
        let members = leaves
            .iter()
            .enumerate()
            .filter(|(_, l)| l.folder == folder);
        let members: Vec<(usize, &str)> = members.map(|(i, l)| (i, l.key)).collect();
        let name = folder.join(".");
        if splits(&members) {
            for (first, members) in by_first(&members) {
                let dot = if name.is_empty() { "" } else { "." };
                groups.push((format!("{name}{dot}{first}"), members));
            }
        } else {
            let members = members.into_iter().map(|(i, key)| (i, key.to_owned()));
            groups.push((name, members.collect()));
        }
    }
    groups
        .into_iter()
        .filter(|(name, _)| !words(name).any(|word| OTHER.iter().any(|o| word.starts_with(o))))
        .filter(|(_, members)| members.iter().any(|(i, _)| leaves[*i].is_weight))
        .map(|(name, members)| Part {
            role: role_of(&name),
            is_averaged: is_averaged(&name),
            elements: members.iter().map(|(i, _)| leaves[*i].elements).sum(),
            name,
            members,
        })
        .collect()
}

/// Whether the first names of the keys are those of several networks: both roles, or one beside its average.
fn splits(members: &[(usize, &str)]) -> bool {
    let firsts: Vec<&str> = by_first(members)
        .into_iter()
        .map(|(first, _)| first)
        .collect();
    let has = |role| firsts.iter().any(|first| role_of(first) == Some(role));
    let base = |name: &str| -> Vec<String> {
        words(name)
            .filter(|word| !AVERAGED.contains(&word.as_str()))
            .collect()
    };
    let averaged = firsts.iter().any(|first| {
        is_averaged(first)
            && firsts
                .iter()
                .any(|other| other != first && base(other) == base(first))
    });
    (has(NetworkRole::Generator) && has(NetworkRole::Discriminator)) || averaged
}

/// The members by the first name of their keys, which is stripped.
fn by_first<'a>(members: &[(usize, &'a str)]) -> Vec<(&'a str, Vec<(usize, String)>)> {
    let mut groups: Vec<(&str, Vec<(usize, String)>)> = Vec::new();
    for (index, key) in members {
        let Some((first, rest)) = key.split_once('.') else {
            continue;
        };
        let member = (*index, rest.to_owned());
        match groups.iter_mut().find(|(name, _)| *name == first) {
            Some((_, members)) => members.push(member),
            None => groups.push((first, vec![member])),
        }
    }
    groups
}

/// The words of a name in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

/// What a name says of a network's role.
pub(in crate::checkpoint) fn role_of(name: &str) -> Option<NetworkRole> {
    words(name).find_map(|word| {
        if GENERATOR.contains(&word.as_str()) {
            Some(NetworkRole::Generator)
        } else if DISCRIMINATOR.contains(&word.as_str()) {
            Some(NetworkRole::Discriminator)
        } else {
            None
        }
    })
}

/// Whether a name says that it is a running average.
pub(in crate::checkpoint) fn is_averaged(name: &str) -> bool {
    words(name).any(|word| AVERAGED.contains(&word.as_str()))
}

/// The network that is asked for: by name, by role, or the generator before the discriminator and the running average
/// before the weights it averages.
///
/// # Errors
/// [`CheckpointError::Unsupported`] with the networks there are.
pub(in crate::checkpoint) fn choose(
    mut parts: Vec<Part>,
    selector: &Selector<'_>,
    path: &Path,
) -> Result<(Part, Vec<Guess>), CheckpointError> {
    let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
    let listed = names.join(", ");
    let fail = |what: String| CheckpointError::Unsupported {
        what,
        path: path.to_owned(),
    };
    if let Some(wanted) = selector.part {
        let found = by_name(&names, wanted);
        let found =
            found.ok_or_else(|| fail(format!("no network {wanted}; the file holds {listed}")))?;
        return Ok((parts.swap_remove(found), Vec::new()));
    }
    let rank = |part: &Part| {
        let role = match (selector.role, part.role) {
            (Some(wanted), Some(role)) if wanted != role => return None,
            (_, Some(NetworkRole::Generator)) => 0,
            (Some(_), Some(NetworkRole::Discriminator)) => 0,
            (_, None) => 1,
            (None, Some(NetworkRole::Discriminator)) => 2,
        };
        let has_role = part.role.is_some();
        // Between networks that say nothing of themselves the larger one is the likelier.
        let size = if has_role {
            0
        } else {
            u64::MAX - part.elements
        };
        Some((role, !part.is_averaged, size))
    };
    let ranked = parts
        .iter()
        .enumerate()
        .filter_map(|(i, part)| Some((rank(part)?, i)));
    let best = ranked.min().map(|(_, index)| index);
    let Some(best) = best else {
        let what = match selector.role {
            Some(role) if !parts.is_empty() => format!("no {role}; the file holds {listed}"),
            _ => "no network: it holds no tensor of two or more axes".to_owned(),
        };
        return Err(fail(what));
    };
    let part = parts.swap_remove(best);
    let guesses = guesses(&part, &names, selector);
    Ok((part, guesses))
}

/// The name that is equal to `wanted`, or the only one that ends with it.
fn by_name(names: &[String], wanted: &str) -> Option<usize> {
    let equal = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(wanted));
    equal.or_else(|| {
        let tail = format!(".{}", wanted.to_ascii_lowercase());
        let mut ends = names.iter().enumerate();
        let found = ends.find(|(_, name)| name.to_ascii_lowercase().ends_with(&tail))?;
        let again = ends.any(|(_, name)| name.to_ascii_lowercase().ends_with(&tail));
        (!again).then_some(found.0)
    })
}

fn guesses(part: &Part, names: &[String], selector: &Selector<'_>) -> Vec<Guess> {
    let others: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| *name != part.name)
        .collect();
    let mut guesses = Vec::new();
    if others.is_empty() {
        return guesses;
    }
    let listed = others.join(", ");
    if part.is_averaged {
        let why = format!(
            "a running average of the weights, which draws better; write FILE:NAME for another: {listed}"
        );
        guesses.push(Guess::new("weights", part.name.clone(), why));
    } else if selector.role.is_none() || part.role.is_none() {
        let why = format!("the file holds several networks; write FILE:NAME for another: {listed}");
        guesses.push(Guess::new("network", part.name.clone(), why));
    }
    guesses
}
