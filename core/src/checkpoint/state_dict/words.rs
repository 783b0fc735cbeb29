//! What the words of a name say of a network: that it draws or judges, that it is a running average, or none at all.

use crate::checkpoint::NetworkRole;

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

/// Whether a name says that it is no network to be looked into.
pub(super) fn is_other(name: &str) -> bool {
    words(name).any(|word| OTHER.iter().any(|other| word.starts_with(other)))
}

/// The words of a name without those for a running average.
pub(super) fn base_of(name: &str) -> Vec<String> {
    words(name)
        .filter(|word| !AVERAGED.contains(&word.as_str()))
        .collect()
}
