//! Groups of modules that are repeated: the blocks of residual networks, told by a number in their names.

use super::modules::{Kind, Module};

/// Modules whose names begin alike, up to a number.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    /// What the names begin with, for example `body.3`.
    pub(super) name: String,
    pub(super) modules: Vec<&'a Module>,
}

impl<'a> Block<'a> {
    /// Its convolutions, by the numbers in their names.
    pub(super) fn kernels(&self) -> Vec<&'a Module> {
        self.modules
            .iter()
            .copied()
            .filter(|m| m.kernel().is_some())
            .collect()
    }

    /// Its normalisations.
    pub(super) fn norms(&self) -> Vec<&'a Module> {
        let is_norm = |module: &&Module| matches!(module.kind, Kind::BatchNorm { .. });
        self.modules.iter().copied().filter(is_norm).collect()
    }

    /// Its slopes.
    pub(super) fn slopes(&self) -> Vec<&'a Module> {
        let is_slope = |module: &&Module| matches!(module.kind, Kind::Slope { .. });
        self.modules.iter().copied().filter(is_slope).collect()
    }
}

/// The name up to the first part that ends with a number, when more follows.
fn block_name(name: &str) -> Option<&str> {
    let mut end = 0;
    let mut parts = name.split('.').peekable();
    while let Some(part) = parts.next() {
        end += part.len();
        parts.peek()?;
        if part.ends_with(|c: char| c.is_ascii_digit()) {
            return name.get(..end);
        }
        end += 1;
    }
    None
}

/// The groups by their names after `prefix`, and the modules that are in none.
pub(super) fn blocks<'a>(
    modules: impl Iterator<Item = &'a Module>,
    prefix: &str,
) -> (Vec<Block<'a>>, Vec<&'a Module>) {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut rest = Vec::new();
    for module in modules {
        let name = module.name.strip_prefix(prefix).and_then(block_name);
        let Some(name) = name.map(|name| format!("{prefix}{name}")) else {
            rest.push(module);
            continue;
        };
        match blocks.iter_mut().find(|block| block.name == name) {
            Some(block) => block.modules.push(module),
            None => blocks.push(Block {
                name,
                modules: vec![module],
            }),
        }
    }
    (blocks, rest)
}

/// The last part of a name.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// The module of `among` that belongs to a convolution: in the same container, with the next number where numbers tell.
pub(super) fn companion<'a>(
    conv: &Module,
    kernels: &[&Module],
    among: &[&'a Module],
) -> Option<&'a Module> {
    let container = |name: &str| {
        name.rsplit_once('.')
            .map_or(String::new(), |(c, _)| c.to_owned())
    };
    let number = |name: &str| last_part(name).parse::<usize>().ok();
    let here = container(&conv.name);
    let next = kernels
        .iter()
        .filter(|k| container(&k.name) == here)
        .filter_map(|k| number(&k.name))
        .filter(|n| Some(*n) > number(&conv.name))
        .min();
    let mut found = among.iter().copied().filter(|module| {
        if here.is_empty() || container(&module.name) != here {
            return false;
        }
        match (number(&conv.name), number(&module.name)) {
            (Some(conv), Some(at)) => at > conv && next.is_none_or(|next| at < next),
            (None, None) => {
                kernels
                    .iter()
                    .filter(|k| container(&k.name) == here)
                    .count()
                    == 1
            }
            _ => false,
        }
    });
    found.next()
}
