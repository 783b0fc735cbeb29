//! Keys of foreign state dicts brought to the names of the network: wrappers leave a prefix on every key.

/// Prefixes that training frameworks and scripts put before every key.
const WRAPPERS: [&str; 10] = [
    "module.",
    "_orig_mod.",
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
        let all = stripped.all(|key| key.is_some_and(|key| key.starts_with(**wrapper)));
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
