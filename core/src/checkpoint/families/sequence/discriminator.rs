//! Discriminators in a row, from a picture to one number.

use super::{LEAKY, UNSEEN, between, finish_link, names};
use crate::checkpoint::blueprint::{Geometry, LayerOp};
use crate::checkpoint::families::Recognised;
use crate::checkpoint::families::chain::{Link, Way};
use crate::checkpoint::families::draft::{Draft, beside};
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::{Op, Role};

/// Rows and columns of the picture when nobody says others.
const SIZE: usize = 64;

/// Whether it judges patches (Isola et al. 2017, arXiv 1611.07004): kernels of 4 x 4, of which the first and the last have a
/// bias and those between a normalisation instead.
fn judges_patches(links: &[Link<'_>]) -> bool {
    let [first, inner @ .., last] = links else {
        return false;
    };
    let has_bias = |link: &Link<'_>| {
        link.module
            .params
            .iter()
            .any(|(role, _)| *role == Role::Bias)
    };
    links
        .iter()
        .all(|link| link.way == Way::Conv && link.kernel() == 4)
        && has_bias(first)
        && has_bias(last)
        && inner.len() > 1
        && inner
            .iter()
            .all(|link| link.norm.is_some() && !has_bias(link))
}

/// Strides and padding of the convolutions of a discriminator.
fn judging(links: &[Link<'_>]) -> Vec<(usize, usize)> {
    if judges_patches(links) {
        let strides = (0..links.len()).map(|i| if i + 2 < links.len() { 2 } else { 1 });
        return strides.map(|stride| (stride, 1)).collect();
    }
    let convs: Vec<&Link<'_>> = links.iter().filter(|link| link.way == Way::Conv).collect();
    let to_dense = links.last().is_some_and(|link| link.way == Way::Dense);
    // Layers that keep the number of channels alternate with layers that do not: the former halve the picture.
    let alternate = convs
        .iter()
        .any(|link| link.kernel() == 3 && link.inner == link.outer);
    let geometry = |(i, link): (usize, &&Link<'_>)| {
        let is_last = i + 1 == convs.len() && !to_dense;
        let half = link.kernel() / 2;
        match link.kernel() {
            4 if is_last => (1, 0),
            4 => (2, 1),
            _ if is_last => (1, half),
            3 if alternate => (if link.inner == link.outer { 2 } else { 1 }, 1),
            3 | 5 => (2, half),
            _ => (1, half),
        }
    };
    convs.iter().enumerate().map(geometry).collect()
}

/// Rows and columns of the picture it takes, and whether it takes any: then `wanted`, where somebody said it.
fn input_size(
    links: &[Link<'_>],
    geometries: &[(usize, usize)],
    wanted: Option<usize>,
) -> Option<(usize, bool)> {
    let last_conv = links.get(geometries.len().checked_sub(1)?)?;
    let (mut size, steps) = match links.get(geometries.len()) {
        Some(dense) => {
            let side = (dense.inner / last_conv.outer.max(1)).isqrt();
            if side * side * last_conv.outer != dense.inner {
                return None;
            }
            (side, geometries)
        }
        // A last kernel without padding sees the whole of what is left.
        None if geometries.last()?.1 == 0 => {
            let (_, before) = geometries.split_last()?;
            (last_conv.kernel(), before)
        }
        None => return Some((wanted.unwrap_or(SIZE), true)),
    };
    for (stride, _) in steps {
        size = size.checked_mul(*stride)?;
    }
    Some((size, false))
}

/// A discriminator, from its layers in order. `wanted`: rows and columns of its pictures, where it takes any.
pub(super) fn network(links: &[Link<'_>], wanted: Option<usize>) -> Option<Recognised> {
    let first = links.first()?;
    let geometries = judging(links);
    let (size, takes_any) = input_size(links, &geometries, wanted)?;
    let mut draft = Draft::new("image", &[first.inner, size, size], Some(UNSEEN));
    draft.reserve(names(links));
    let why = if takes_any {
        "this network takes any size"
    } else {
        "follows from the strides, which are not in the weights"
    };
    draft.guess("input size", size.to_string(), why);
    if first.inner > 4 {
        let value = format!("{} channels", first.inner);
        let why = "more than a picture has: the others may be planes that tell a class, or a second picture";
        draft.guess("condition", value, why);
    }
    layers(&mut draft, links, &geometries)?;
    draft.guess("stride", strides_text(&geometries), "not in the weights");
    let why = "not in the weights, as published";
    draft.guess("activations", "LeakyReLU 0.2", why);
    draft.guess("last activation", "none: the logit", "not in the weights");
    draft.evidence.push(format!(
        "{} layers in a row, from a picture of {} channels to one",
        links.len(),
        first.inner
    ));
    let all_four = links
        .iter()
        .all(|link| link.kernel() == 4 && link.way == Way::Conv);
    let (family, confidence) = if judges_patches(links) {
        let why = "the first and the last kernel have a bias, those between a normalisation";
        draft.evidence.push(why.to_owned());
        ("PatchGAN discriminator", Confidence::Doubtful)
    } else if all_four {
        let why = "all kernels are of 4 x 4, which halve a picture";
        draft.evidence.push(why.to_owned());
        ("DCGAN discriminator", Confidence::Likely)
    } else {
        ("convolutional discriminator", Confidence::Doubtful)
    };
    Some(draft.finish("logit", family, NetworkRole::Discriminator, confidence))
}

fn strides_text(geometries: &[(usize, usize)]) -> String {
    let strides: Vec<String> = geometries
        .iter()
        .map(|(stride, _)| stride.to_string())
        .collect();
    strides.join(", ")
}

fn layers(draft: &mut Draft, links: &[Link<'_>], geometries: &[(usize, usize)]) -> Option<()> {
    for (i, link) in links.iter().enumerate() {
        if let Some((stride, padding)) = geometries.get(i) {
            let doubts = vec![("stride", UNSEEN), ("padding", UNSEEN)];
            draft.conv(link.module, Geometry::square(*stride, *padding), doubts);
        } else {
            if i == geometries.len() {
                let before = links.get(i.checked_sub(1)?)?;
                draft.plain(&beside(&before.end().name, "flatten", 2), Op::Flatten);
            }
            draft.module(link.module, LayerOp::Plain(Op::Dense), Vec::new());
        }
        let between = between(link, links.get(i + 1));
        finish_link(draft, link, &between, &LEAKY, "act");
    }
    // One number is flat; a map of judgements keeps its rows and columns.
    if geometries.len() == links.len() && geometries.last()?.1 == 0 {
        draft.plain(
            &beside(&links.last()?.module.name, "flatten", 1),
            Op::Flatten,
        );
    }
    Some(())
}
