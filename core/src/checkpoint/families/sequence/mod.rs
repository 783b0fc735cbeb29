//! Networks in a row: DCGAN and other plain convolutional generators and discriminators, and fully connected GANs.
//!
//! Sources: Radford et al. 2016 (arXiv 1511.06434); Goodfellow et al. 2014 (arXiv 1406.2661).

mod dense;
mod discriminator;
mod generator;

use super::Recognised;
use super::chain::{Link, Way, chain, gap};
use super::draft::{Draft, after};
use super::modules::{Kind, Module};
use crate::checkpoint::blueprint::LayerOp;
use crate::network::Op;

/// PyTorch's default of the number added to a variance.
pub(super) const EPS: f64 = 1e-5;

/// Slope of the leaky activations in discriminators since Radford et al. 2016.
pub(super) const LEAKY: Op = Op::LeakyRelu { slope: 0.2 };

const UNSEEN: &str = "not visible in the weights";

/// Channels that a picture may have.
const PICTURE: [usize; 3] = [1, 3, 4];

/// A network in a row, if the modules form one. `size`: rows and columns of its pictures, where it takes any.
pub(super) fn recognise(modules: &[Module], size: Option<usize>) -> Option<Recognised> {
    let links = chain(modules)?;
    // One layer is no network that anybody trains against another.
    if links.len() < 2 {
        return None;
    }
    let (first, last) = (links.first()?, links.last()?);
    let all_dense = links.iter().all(|link| link.way == Way::Dense);
    let has_transposed = links.iter().any(|link| link.way == Way::Transposed);
    let draws = PICTURE.contains(&last.outer) && last.way != Way::Dense;
    if all_dense {
        return dense::network(&links);
    }
    if draws && (has_transposed || first.way == Way::Dense) {
        return generator::network(&links);
    }
    let judges = first.way == Way::Conv && (last.way == Way::Dense || last.outer == 1);
    if judges && !has_transposed {
        return discriminator::network(&links, size);
    }
    None
}

fn names<'a>(links: &'a [Link<'_>]) -> impl Iterator<Item = &'a str> {
    let modules = links
        .iter()
        .flat_map(|link| [Some(link.module), link.norm, link.slope]);
    modules.flatten().map(|module| module.name.as_str())
}

/// What lies between two weighted layers beside their normalisation.
struct Between {
    /// An activation before the normalisation.
    before_norm: bool,
    /// An activation after it.
    after_norm: bool,
}

/// Reads the gaps of a numbered sequence; where names do not tell, the activation follows the normalisation.
fn between(link: &Link<'_>, next: Option<&Link<'_>>) -> Between {
    let to_norm = link
        .norm
        .and_then(|norm| gap(&link.module.name, &norm.name));
    let before_norm = link.slope.is_none() && to_norm.is_some_and(|gap| gap > 0);
    let to_next = next.and_then(|next| gap(&link.end().name, &next.module.name));
    if link.slope.is_some() || before_norm {
        return Between {
            before_norm,
            after_norm: false,
        };
    }
    // One layer between a dense layer that becomes a picture and a convolution enlarges it.
    let is_picture = link.way == Way::Dense && next.is_some_and(|next| next.way != Way::Dense);
    let is_bare = to_next == Some(0) || (is_picture && to_next == Some(1));
    Between {
        before_norm,
        after_norm: next.is_some() && !is_bare,
    }
}

/// Adds normalisation and activation of a link.
fn finish_link(draft: &mut Draft, link: &Link<'_>, between: &Between, op: &Op, word: &str) {
    if between.before_norm {
        draft.activation(&after(&link.module.name, word, 1), op.clone());
    }
    if let Some(norm) = link.norm {
        reshape_for(draft, link, norm);
        draft.norm(norm, EPS);
        draft.guess(
            "eps",
            EPS.to_string(),
            "added to variances; not in the weights, PyTorch's default",
        );
    }
    if let Some(slope) = link.slope {
        draft.module(slope, LayerOp::Plain(Op::Prelu), Vec::new());
    } else if between.after_norm {
        let end = link.norm.unwrap_or(link.module);
        // The number of a normalisation is that of its layer where both are counted apart.
        let name = after(&end.name, word, 1);
        draft.activation(&name, op.clone());
    }
}

/// A dense layer whose normalisation has fewer channels is reshaped to a picture before it.
fn reshape_for(draft: &mut Draft, link: &Link<'_>, norm: &Module) {
    let Kind::BatchNorm { channels } = norm.kind else {
        return;
    };
    if link.way == Way::Dense && channels != link.outer {
        reshape(draft, link, channels);
    }
}

/// Gives a square picture of `channels` to the output of a dense layer, where that is possible.
fn reshape(draft: &mut Draft, link: &Link<'_>, channels: usize) {
    let side = (link.outer / channels.max(1)).isqrt();
    let dims = vec![channels, side, side];
    draft.plain(
        &after(&link.module.name, "reshape", 1),
        Op::Reshape { dims },
    );
}
