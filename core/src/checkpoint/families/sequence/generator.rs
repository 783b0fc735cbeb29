//! Generators in a row, from a latent to a picture: transposed convolutions, or enlargements before plain ones.

use super::{LEAKY, UNSEEN, between, finish_link, names, reshape};
use crate::checkpoint::blueprint::{Geometry, LayerOp};
use crate::checkpoint::families::Recognised;
use crate::checkpoint::families::chain::{Link, Way, gap};
use crate::checkpoint::families::draft::{Draft, beside};
use crate::checkpoint::families::modules::Kind;
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::{Op, UpsampleMode};

/// Strides, padding and output padding that transposed convolutions of a kernel double a picture with.
const fn doubling(kernel: usize) -> (usize, usize, usize) {
    match kernel {
        1 => (1, 0, 0),
        8 => (4, 2, 0),
        even if even % 2 == 0 => (2, (even - 2) / 2, 0),
        odd => (2, odd / 2, 1),
    }
}

/// A generator, from its layers in order.
pub(super) fn network(links: &[Link<'_>]) -> Option<Recognised> {
    let first = links.first()?;
    let from_dense = first.way == Way::Dense;
    let dims = if from_dense {
        vec![first.inner]
    } else {
        vec![first.inner, 1, 1]
    };
    let mut draft = Draft::new("z", &dims, None);
    draft.reserve(names(links));
    let is_transposed = links.iter().any(|link| link.way == Way::Transposed);
    let (act, word) = if is_transposed {
        (Op::Relu, "relu")
    } else {
        (LEAKY, "act")
    };
    for (i, link) in links.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| links.get(i));
        // Dense layers follow each other as rows.
        if let Some(before) = before.filter(|before| link.way != Way::Dense && is_flat(before)) {
            reshape(&mut draft, before, link.inner);
        }
        if link.way == Way::Conv && is_enlarged(before, link, i + 1 == links.len()) {
            let mode = UpsampleMode::Nearest;
            let scale = [2, 2];
            draft.activation(
                &format!("{}_up", link.module.name),
                Op::Upsample { scale, mode },
            );
            draft.guess(
                "enlargement",
                "nearest x2",
                "between the layers that numbers leave out; not in the weights",
            );
        }
        generator_layer(&mut draft, link, i == 0);
        finish_link(
            &mut draft,
            link,
            &between(link, links.get(i + 1)),
            &act,
            word,
        );
    }
    finish(draft, links, is_transposed)
}

/// The end of a generator: its last activation, what was guessed, and what it is.
fn finish(mut draft: Draft, links: &[Link<'_>], is_transposed: bool) -> Option<Recognised> {
    let first = links.first()?;
    let last = links.last()?;
    draft.activation(&beside(&last.module.name, "tanh", 1), Op::Tanh);
    draft.guess(
        "activations",
        if is_transposed {
            "ReLU, then tanh"
        } else {
            "LeakyReLU 0.2, then tanh"
        },
        "not in the weights, as published",
    );
    draft.evidence.push(format!(
        "{} layers in a row, from {} numbers to {} channels",
        links.len(),
        first.inner,
        last.outer
    ));
    if let Some(classes) = crate::latent::classes_among(first.inner) {
        let value = format!("the last {classes} of {} inputs", first.inner);
        draft.guess(
            "classes",
            value,
            "latents usually have 100 numbers; the others choose a class, one of them 1",
        );
    }
    let is_dcgan = links
        .iter()
        .all(|link| link.way == Way::Transposed && link.kernel() == 4);
    let (family, confidence) = if is_dcgan {
        draft
            .evidence
            .push("all kernels are transposed ones of 4 x 4 that double a picture".to_owned());
        ("DCGAN generator", Confidence::Likely)
    } else if is_transposed {
        ("transposed-convolution generator", Confidence::Doubtful)
    } else {
        ("up-sampling generator", Confidence::Doubtful)
    };
    Some(draft.finish("image", family, NetworkRole::Generator, confidence))
}

/// Whether a layer's value is a row of numbers: it is dense, and its normalisation has not made a picture of it.
fn is_flat(link: &Link<'_>) -> bool {
    let has_row = match link.norm.map(|norm| &norm.kind) {
        Some(Kind::BatchNorm { channels }) => *channels == link.outer,
        _ => true,
    };
    link.way == Way::Dense && has_row
}

/// Whether a picture is enlarged before a plain convolution: numbers of the sequence tell, otherwise all but the last do.
fn is_enlarged(before: Option<&Link<'_>>, link: &Link<'_>, is_last: bool) -> bool {
    let Some(before) = before.filter(|before| before.way != Way::Transposed) else {
        return false;
    };
    match gap(&before.end().name, &link.module.name) {
        Some(0) => false,
        // After a reshaped dense layer there is no activation.
        Some(1) => before.way == Way::Dense,
        Some(_) => true,
        None => !is_last,
    }
}

fn generator_layer(draft: &mut Draft, link: &Link<'_>, is_first: bool) {
    let kernel = link.kernel();
    match link.way {
        Way::Dense => {
            draft.module(link.module, LayerOp::Plain(Op::Dense), Vec::new());
        }
        Way::Conv => {
            draft.conv(
                link.module,
                Geometry::square(1, kernel / 2),
                vec![("padding", UNSEEN)],
            );
        }
        Way::Transposed => {
            let (stride, padding, extra) = if is_first {
                (1, 0, 0)
            } else {
                doubling(kernel)
            };
            let op = LayerOp::ConvTranspose(Geometry::square(stride, padding), [extra, extra]);
            let doubts = if is_first {
                Vec::new()
            } else {
                vec![("stride", UNSEEN), ("padding", UNSEEN)]
            };
            draft.module(link.module, op, doubts);
            draft.guess(
                "stride",
                "2, the first 1",
                "not in the weights; padding so that every layer doubles the picture",
            );
        }
    }
}
