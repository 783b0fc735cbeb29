//! What names of checkpoints say: the step, the role, whether it is a running average.
//!
//! Names seen: `netG_epoch_99.pth`, `G_1000.pth`, `ckpt-100.pt`, `network-snapshot-002419.pkl`, `60_net_G.pth`,
//! `epoch=12-step=3400.ckpt`, `model.ckpt-12345`, `step-0002000`, `latest_net_G.pth`.

use crate::checkpoint::NetworkRole;
use crate::checkpoint::state_dict::{is_averaged, role_of};

/// Words before a number that counts the training, the finest first.
const COUNTERS: [&str; 10] = [
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "it",
    "kimg",
    "epoch",
    "epochs",
    "ep",
];

/// What the name of a file or folder says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The number that counts the training.
    pub(super) step: Option<u64>,
    /// What network it is.
    pub(super) role: Option<NetworkRole>,
    /// Whether it is a running average.
    pub(super) is_averaged: bool,
}

/// Reads a name; the last ending is that of the kind of file unless it is a number.
pub(super) fn read(name: &str) -> Named {
    let stem = match name.rsplit_once('.') {
        Some((stem, ending)) if !is_numbered_ending(ending) => stem,
        _ => name,
    };
    // Letters and digits apart, so that `G1000` and `epoch12` are two words.
    let words: Vec<&str> = stem
        .split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(letters_and_digits)
        .filter(|word| !word.is_empty())
        .collect();
    let spaced = words.join(" ");
    Named {
        step: step_of(&words),
        role: role_of(&spaced),
        is_averaged: is_averaged(&spaced),
    }
}

/// `ckpt-12345`, as TensorFlow writes it.
fn is_numbered_ending(ending: &str) -> bool {
    ending.contains('-') || ending.bytes().all(|b| b.is_ascii_digit())
}

fn letters_and_digits(word: &str) -> impl Iterator<Item = &str> {
    word.as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
        .filter_map(|chunk| std::str::from_utf8(chunk).ok())
}

/// The number after the finest counter, or the last number that is not one of a size such as `64x64`.
fn step_of(words: &[&str]) -> Option<u64> {
    let number = |word: &&str| word.parse::<u64>().ok();
    for counter in COUNTERS {
        let mut pairs = words.windows(2).rev();
        let found = pairs.find_map(|pair| match pair {
            [word, after] if word.eq_ignore_ascii_case(counter) => number(after),
            _ => None,
        });
        if found.is_some() {
            return found;
        }
    }
    let is_size = |i: usize| {
        let near = [
            i.checked_sub(1).and_then(|i| words.get(i)),
            words.get(i + 1),
        ];
        near.into_iter()
            .flatten()
            .any(|word| word.eq_ignore_ascii_case("x"))
    };
    let numbered = words.iter().enumerate().rev();
    numbered
        .filter(|(i, _)| !is_size(*i))
        .find_map(|(_, word)| number(word))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::checkpoint::NetworkRole::{Discriminator, Generator};

    #[test]
    fn names_tell_step_role_and_average() {
        for (name, step, role, averaged) in [
            ("netG_epoch_99.pth", Some(99), Some(Generator), false),
            ("netD_epoch_0.pth", Some(0), Some(Discriminator), false),
            ("G_1000.pth", Some(1000), Some(Generator), false),
            ("D1000.pt", Some(1000), Some(Discriminator), false),
            ("G_ema_1000.pth", Some(1000), Some(Generator), true),
            ("ckpt-100.pt", Some(100), None, false),
            ("network-snapshot-002419.pkl", Some(2419), None, false),
            ("60_net_G.pth", Some(60), Some(Generator), false),
            ("epoch=12-step=3400.ckpt", Some(3400), None, false),
            ("model.ckpt-12345", Some(12345), None, false),
            ("step-0002000", Some(2000), None, false),
            ("generator_64x64_20.pth", Some(20), Some(Generator), false),
            ("latest_net_G.pth", None, Some(Generator), false),
            ("best.pth", None, None, false),
            ("99999999999999999999.pth", None, None, false),
        ] {
            let named = read(name);
            let got = (named.step, named.role, named.is_averaged);
            assert_eq!(got, (step, role, averaged), "{name}");
        }
    }
}
