//! Layers in a row: an order of the modules in which every layer takes the channels that the one before it gives.

use super::modules::{Kind, Module};

/// How a layer reads its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Conv,
    Transposed,
    Dense,
}

/// A weighted layer with what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Link<'a> {
    pub(super) module: &'a Module,
    pub(super) way: Way,
    /// Channels or features it takes and gives.
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) norm: Option<&'a Module>,
    pub(super) slope: Option<&'a Module>,
}

impl Link<'_> {
    /// Rows of the kernel; 1 for a dense layer.
    pub(super) fn kernel(&self) -> usize {
        self.module.kernel().map_or(1, |[_, _, rows, _]| rows)
    }

    /// The last module that belongs to it.
    pub(super) fn end(&self) -> &Module {
        self.slope.or(self.norm).unwrap_or(self.module)
    }
}

/// Modules missing between two numbered ones of one sequence: layers without parameters. `None` when their names do not
/// tell.
pub(super) fn gap(a: &str, b: &str) -> Option<usize> {
    let split = |name: &str| -> Option<(String, usize)> {
        let (container, last) = name.rsplit_once('.').unwrap_or(("", name));
        Some((container.to_owned(), last.parse().ok()?))
    };
    let ((one, a), (other, b)) = (split(a)?, split(b)?);
    if one != other {
        return None;
    }
    b.checked_sub(a)?.checked_sub(1)
}

/// The modules as a chain, or `None` when they form none in the orders that names suggest.
pub(super) fn chain(modules: &[Module]) -> Option<Vec<Link<'_>>> {
    let given: Vec<&Module> = modules.iter().collect();
    if let Some(links) = try_chain(&given) {
        return Some(links);
    }
    let mut numbered = given.clone();
    numbered.sort_by_key(|module| (number(&module.name), place(module)));
    if let Some(links) = try_chain(&numbered) {
        return Some(links);
    }
    let is_dense = |module: &&Module| matches!(module.kind, Kind::Dense { .. });
    let (dense, others): (Vec<&Module>, Vec<&Module>) = numbered.into_iter().partition(is_dense);
    let last = [others.clone(), dense.clone()].concat();
    try_chain(&last).or_else(|| try_chain(&[dense, others].concat()))
}

/// The number at the end of a name; names without one keep their place in front.
fn number(name: &str) -> Option<u64> {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name[letters.len()..].parse().ok()
}

/// Within one number: the weighted layer, its normalisation, its slopes.
const fn place(module: &Module) -> u8 {
    match module.kind {
        Kind::Kernel { .. } | Kind::Dense { .. } => 0,
        Kind::BatchNorm { .. } => 1,
        _ => 2,
    }
}

fn try_chain<'a>(modules: &[&'a Module]) -> Option<Vec<Link<'a>>> {
    [Way::Conv, Way::Transposed]
        .into_iter()
        .find_map(|first| chain_from(modules, first))
}

/// A chain whose first convolution is of this way.
fn chain_from<'a>(modules: &[&'a Module], first: Way) -> Option<Vec<Link<'a>>> {
    let mut links: Vec<Link<'a>> = Vec::new();
    for module in modules.iter().copied() {
        match &module.kind {
            Kind::Kernel { dims, bias } => {
                let link = kernel_link(module, *dims, *bias, links.last(), first)?;
                links.push(link);
            }
            Kind::Dense {
                dims: [outer, inner],
            } => {
                let fits = links.last().is_none_or(|before| match before.way {
                    Way::Dense => before.outer == *inner,
                    _ => inner % before.outer == 0,
                });
                if !fits {
                    return None;
                }
                links.push(Link {
                    module,
                    way: Way::Dense,
                    inner: *inner,
                    outer: *outer,
                    norm: None,
                    slope: None,
                });
            }
            Kind::BatchNorm { channels } => {
                let link = links.last_mut()?;
                // After a dense layer the channels may be those of the picture it is reshaped to.
                let fits = link.outer == *channels
                    || (link.way == Way::Dense && *channels > 0 && link.outer % channels == 0);
                if !fits || link.norm.replace(module).is_some() {
                    return None;
                }
            }
            Kind::Slope { dims } => {
                let link = links.last_mut()?;
                let fits = dims.first().is_some_and(|n| *n == 1 || *n == link.outer);
                if !fits || link.slope.replace(module).is_some() {
                    return None;
                }
            }
            Kind::WeightScale { .. } | Kind::Unknown => return None,
        }
    }
    (!links.is_empty()).then_some(links)
}

fn kernel_link<'a>(
    module: &'a Module,
    [a, b, ..]: [usize; 4],
    bias: Option<usize>,
    before: Option<&Link<'_>>,
    first: Way,
) -> Option<Link<'a>> {
    let follows = |inner: usize| match before {
        None => true,
        Some(before) if before.way == Way::Dense => before.outer % inner == 0,
        Some(before) => before.outer == inner,
    };
    let usual = match before {
        Some(before) if before.way != Way::Dense => before.way,
        _ => first,
    };
    // A square kernel does not tell; it is like the one before it.
    let ways = match usual {
        _ if a == b => vec![usual],
        Way::Transposed => vec![Way::Transposed, Way::Conv],
        _ => vec![Way::Conv, Way::Transposed],
    };
    let ways = if before.is_none() { vec![first] } else { ways };
    ways.into_iter().find_map(|way| {
        let (inner, outer) = if way == Way::Conv { (b, a) } else { (a, b) };
        let fits = follows(inner) && bias.is_none_or(|bias| bias == outer);
        fits.then_some(Link {
            module,
            way,
            inner,
            outer,
            norm: None,
            slope: None,
        })
    })
}
