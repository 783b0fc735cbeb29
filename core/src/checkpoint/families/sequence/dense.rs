//! Fully connected generators and discriminators.

use super::{LEAKY, PICTURE, between, finish_link, names};
use crate::checkpoint::blueprint::LayerOp;
use crate::checkpoint::families::Recognised;
use crate::checkpoint::families::chain::Link;
use crate::checkpoint::families::draft::{Draft, beside};
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::Op;

/// Channels and side of the square picture that has so many elements.
fn picture_of(elements: usize) -> Option<[usize; 3]> {
    PICTURE.into_iter().find_map(|channels| {
        let side = (elements / channels).isqrt();
        (side > 3 && channels * side * side == elements).then_some([channels, side, side])
    })
}

/// A network of dense layers alone.
pub(super) fn network(links: &[Link<'_>]) -> Option<Recognised> {
    let (first, last) = (links.first()?, links.last()?);
    let draws = last.outer > 1;
    let dims = if draws {
        vec![first.inner]
    } else {
        picture_of(first.inner)?.to_vec()
    };
    let picture = if draws {
        Some(picture_of(last.outer)?)
    } else {
        None
    };
    let mut draft = Draft::new(if draws { "z" } else { "image" }, &dims, None);
    draft.reserve(names(links));
    if !draws {
        draft.plain("flatten", Op::Flatten);
    }
    for (i, link) in links.iter().enumerate() {
        draft.module(link.module, LayerOp::Plain(Op::Dense), Vec::new());
        finish_link(
            &mut draft,
            link,
            &between(link, links.get(i + 1)),
            &LEAKY,
            "act",
        );
    }
    draft.guess(
        "activations",
        "LeakyReLU 0.2",
        "not in the weights, as is usual",
    );
    draft.evidence.push(format!(
        "{} dense layers in a row, from {} numbers to {}",
        links.len(),
        first.inner,
        last.outer
    ));
    let Some(dims) = picture else {
        draft.guess("last activation", "none: the logit", "not in the weights");
        return Some(draft.finish(
            "logit",
            "fully connected discriminator",
            NetworkRole::Discriminator,
            Confidence::Likely,
        ));
    };
    // The activation is last, because it tells the range of the pixels.
    draft.plain(
        &beside(&last.module.name, "image", 1),
        Op::Reshape {
            dims: dims.to_vec(),
        },
    );
    draft.activation(&beside(&last.module.name, "tanh", 2), Op::Tanh);
    draft.guess("last activation", "tanh", "not in the weights");
    draft.guess(
        "picture",
        format!("{dims:?}"),
        "the square picture that has so many elements",
    );
    Some(draft.finish(
        "image",
        "fully connected generator",
        NetworkRole::Generator,
        Confidence::Likely,
    ))
}
