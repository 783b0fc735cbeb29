//! Keys of foreign state dicts brought to the names of the network: wrappers leave a prefix on every key.

use std::cmp::Ordering;

/// Prefixes that training frameworks and scripts put before every key.
const WRAPPERS: [&str; 12] = [
    "module.",
    "_orig_mod.",
    "ema_model.",
    "_forward_module.",
    "model.",
    "netG.",
    "netD.",
    "G.",
    "D.",
    "generator.",
    "discriminator.",
    "gen.",
];

/// The prefix that all keys share and that no network of ours has, possibly several wrappers deep.
pub(super) fn wrapper_of<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> usize {
    let mut length = 0;
    // Every round strips at least two characters, so this ends.
    while let Some(wrapper) = WRAPPERS.iter().find(|wrapper| {
        let mut stripped = keys.clone().map(|key| key.get(length..));
        // A layer named `0` would say nothing; then the wrapper is the name of a sequence.
        let all = stripped.all(|key| {
            let rest = key.and_then(|key| key.strip_prefix(**wrapper));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        all && keys.clone().next().is_some()
    }) {
        length += wrapper.len();
    }
    length
}

/// Whether the keys are those of the discriminator without the name of its container, `conv0.weight` for
/// `net.conv0.weight`.
pub(super) fn lacks_container<'a>(mut keys: impl Iterator<Item = &'a str>) -> bool {
    keys.any(|key| key == "conv0.weight")
}

/// Order of keys in which `conv10` follows `conv9`.
pub(super) fn in_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (chunks(a), chunks(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                let number = |text: &str| text.parse::<u64>().ok();
                let by_value = match (number(x), number(y)) {
                    (Some(x), Some(y)) => x.cmp(&y),
                    _ => Ordering::Equal,
                };
                let order = by_value.then_with(|| x.cmp(y));
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

/// Runs of digits and of what is between them.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    text.as_bytes()
        .chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
        .map(|chunk| std::str::from_utf8(chunk).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Ordering, in_order, wrapper_of};

    #[test]
    fn numbers_in_keys_are_ordered_by_value() {
        assert_eq!(
            in_order("net.conv9.bias", "net.conv10.bias"),
            Ordering::Less
        );
        assert_eq!(in_order("a.2", "a.02"), Ordering::Greater);
        assert_eq!(in_order("a", "a.1"), Ordering::Less);
    }

    #[test]
    fn a_sequence_keeps_its_name() {
        let of = |keys: &[&str]| wrapper_of(keys.iter().copied());
        assert_eq!(of(&["module.model.0.weight", "module.model.2.bias"]), 7);
        assert_eq!(of(&["module.netG.conv.weight", "module.netG.bn.bias"]), 12);
        assert_eq!(of(&["module.a", "b"]), 0);
        assert_eq!(of(&[]), 0);
    }
}
