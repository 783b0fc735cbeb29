//! Which networks a checkpoint holds, told from the names people give them, and which of them is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::words::{base_of, is_averaged, is_other, role_of};
use crate::checkpoint::{CheckpointError, Guess, NetworkRole};

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
    let by_folder = grouped(
        leaves
            .iter()
            .enumerate()
            .map(|(i, l)| (l.folder, (i, l.key))),
    );
    for (folder, members) in by_folder {
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
        .filter(|(name, _)| !is_other(name))
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
    let plain: BTreeSet<Vec<String>> = firsts
        .iter()
        .filter(|first| !is_averaged(first))
        .map(|first| base_of(first))
        .collect();
    let mut averages = firsts.iter().filter(|first| is_averaged(first));
    let averaged = averages.any(|first| plain.contains(&base_of(first)));
    (has(NetworkRole::Generator) && has(NetworkRole::Discriminator)) || averaged
}

/// The members by the first name of their keys, which is stripped.
fn by_first<'a>(members: &[(usize, &'a str)]) -> Vec<(&'a str, Vec<(usize, String)>)> {
    let named = members.iter().filter_map(|(index, key)| {
        let (first, rest) = key.split_once('.')?;
        Some((first, (*index, rest.to_owned())))
    });
    grouped(named)
}

/// Items by their keys, in the order in which the keys first come.
fn grouped<K: Ord + Copy, T>(items: impl Iterator<Item = (K, T)>) -> Vec<(K, Vec<T>)> {
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for (key, item) in items {
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, group)) => group.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
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
        let found = found.ok_or_else(|| {
            fail(format!(
                "no network is named {wanted}: the file holds {listed}"
            ))
        })?;
        return Ok((parts.swap_remove(found), Vec::new()));
    }
    let rank = |part: &Part| {
        let role = match (selector.role, part.role) {
            (Some(wanted), Some(role)) if wanted != role => return None,
            (_, None) => 1,
            (None, Some(NetworkRole::Discriminator)) => 2,
            _ => 0,
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Leaf, Part, Selector, choose, parts};
    use crate::checkpoint::NetworkRole::{self, Discriminator, Generator};

    /// The networks of a file with a weight under every one of these paths: folders before the slash, keys behind it.
    fn found(paths: &[&str]) -> Vec<Part> {
        let split: Vec<(Vec<String>, &str)> = paths
            .iter()
            .map(|path| {
                let (folder, key) = path.rsplit_once('/').unwrap_or(("", path));
                let folder = folder.split('/').filter(|part| !part.is_empty());
                (folder.map(str::to_owned).collect(), key)
            })
            .collect();
        let leaves: Vec<Leaf<'_>> = split
            .iter()
            .enumerate()
            .map(|(i, (folder, key))| Leaf {
                folder,
                key,
                is_weight: true,
                elements: i as u64 + 1,
            })
            .collect();
        parts(&leaves)
    }

    fn chosen(paths: &[&str], role: Option<NetworkRole>, part: Option<&str>) -> Option<String> {
        let selector = Selector { role, part };
        let chosen = choose(found(paths), &selector, Path::new("file"));
        chosen.ok().map(|(part, _)| part.name)
    }

    #[test]
    fn a_plain_state_dict_is_one_network() {
        let one = found(&["conv.weight", "fc.weight"]);
        assert_eq!(one.len(), 1);
        assert_eq!((&*one[0].name, one[0].role), ("", None));
        // Words that look like roles, but all of one role.
        assert_eq!(
            found(&["g_mapping.fc.weight", "g_synthesis.conv.weight"]).len(),
            1
        );
        assert_eq!(
            chosen(&["conv.weight"], Some(Discriminator), None).as_deref(),
            Some("")
        );
    }

    #[test]
    fn the_running_average_of_the_generator_comes_first() {
        let file = ["g/w", "d/w", "g_optim/state/w", "g_ema/w", "vgg/w"];
        let roles: Vec<_> = found(&file)
            .into_iter()
            .map(|p| (p.name, p.role, p.is_averaged))
            .collect();
        let expected = [
            ("g".to_owned(), Some(Generator), false),
            ("d".to_owned(), Some(Discriminator), false),
            ("g_ema".to_owned(), Some(Generator), true),
        ];
        assert_eq!(roles, expected);
        assert_eq!(chosen(&file, None, None).as_deref(), Some("g_ema"));
        assert_eq!(
            chosen(&file, Some(Discriminator), None).as_deref(),
            Some("d")
        );
        assert_eq!(chosen(&file, None, Some("G")).as_deref(), Some("g"));
        assert_eq!(chosen(&file, None, Some("x")), None);
    }

    #[test]
    fn names_people_use_are_understood() {
        for (file, role, expected) in [
            (
                ["netG_state_dict/w", "netD_state_dict/w"],
                Generator,
                "netG_state_dict",
            ),
            (
                ["netG_state_dict/w", "netD_state_dict/w"],
                Discriminator,
                "netD_state_dict",
            ),
            (["params/w", "params_ema/w"], Generator, "params_ema"),
            (["models/G/w", "models/D/w"], Discriminator, "models.D"),
            (
                ["state_dict/generator.a.w", "state_dict/discriminator.a.w"],
                Discriminator,
                "state_dict.discriminator",
            ),
            (["model.a.w", "model_ema.a.w"], Generator, "model_ema"),
            (["critic/w", "gen/w"], Discriminator, "critic"),
        ] {
            assert_eq!(
                chosen(&file, Some(role), None).as_deref(),
                Some(expected),
                "{file:?}"
            );
        }
    }

    #[test]
    fn keys_lose_the_name_of_their_network() {
        let both = found(&["netG.conv.weight", "netD.conv.weight", "netG.fc.weight"]);
        let keys: Vec<&str> = both[0]
            .members
            .iter()
            .map(|(_, key)| key.as_str())
            .collect();
        assert_eq!(
            (&*both[0].name, keys),
            ("netG", vec!["conv.weight", "fc.weight"])
        );
    }

    #[test]
    fn a_choice_between_several_is_told() {
        let selector = Selector::default();
        let told = |paths: &[&str]| -> Vec<String> {
            let (_, guesses) =
                choose(found(paths), &selector, Path::new("file")).expect("a network");
            guesses.iter().map(ToString::to_string).collect()
        };
        let average = told(&["g/w", "g_ema/w"]);
        assert!(
            average[0].contains("running average") && average[0].contains("another: g"),
            "{average:?}"
        );
        let first = told(&["G/w", "D/w"]);
        assert!(
            first[0].contains("several networks") && first[0].contains("another: D"),
            "{first:?}"
        );
        assert_eq!(told(&["only/w"]), [""; 0]);
    }
}
