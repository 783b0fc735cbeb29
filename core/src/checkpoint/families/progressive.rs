//! Generators of the progressive GAN: pixel normalisation, nearest enlargement, weights scaled when the network runs.
//!
//! Source: Karras et al. 2018 (arXiv 1710.10196).

use super::Recognised;
use super::draft::{Draft, after, beside};
use super::modules::{Kind, Module};
use crate::checkpoint::blueprint::{Geometry, LayerOp};
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::{Op, Role, UpsampleMode};

/// Added to the mean square, as published.
const NORM: Op = Op::PixelNorm { eps: 1e-8 };

/// Such a generator, if the modules are its.
pub(super) fn recognise(modules: &[Module]) -> Option<Recognised> {
    let convs: Vec<&Module> = modules.iter().filter(|m| m.kernel().is_some()).collect();
    let scales: Vec<&Module> = modules
        .iter()
        .filter(|m| matches!(m.kind, Kind::WeightScale { .. }))
        .collect();
    if convs.len() < 3 || convs.len() != scales.len() || modules.len() != 2 * convs.len() {
        return None;
    }
    // The picture is made by a kernel of one pixel; it is last, wherever its name sorts.
    let to_picture = convs
        .iter()
        .position(|m| matches!(m.kernel(), Some([1 | 3, _, 1, 1])))?;
    let mut order: Vec<usize> = (0..convs.len()).filter(|i| *i != to_picture).collect();
    order.push(to_picture);
    let mut channels = convs.get(*order.first()?)?.kernel()?[1];
    let latent = channels;
    for index in &order {
        let [outer, inner, ..] = convs.get(*index)?.kernel()?;
        let Kind::WeightScale { channels: scaled } = scales.get(*index)?.kind else {
            return None;
        };
        if inner != channels || scaled != outer {
            return None;
        }
        channels = outer;
    }
    let mut draft = Draft::new("z", &[latent, 1, 1], None);
    draft.reserve(modules.iter().map(|module| module.name.as_str()));
    draft.activation(&beside(&convs[order[0]].name, "norm_in", 0), NORM);
    for (place, index) in order.iter().enumerate() {
        let is_last = place + 1 == order.len();
        layer(&mut draft, convs[*index], scales[*index], place, is_last);
    }
    draft.guess(
        "activations",
        "LeakyReLU 0.2 and pixel normalisation, none at the end",
        "not in the weights, as published",
    );
    draft.guess(
        "enlargement",
        "nearest x2 before every second layer",
        "not in the weights, as published",
    );
    draft.evidence.push(format!(
        "{} kernels, each with a factor and a bias of its own",
        convs.len()
    ));
    draft.evidence.push(
        "pairs of kernels of 3 x 3 after one of 4 x 4, and one of 1 x 1 to a picture".to_owned(),
    );
    let family = "progressive GAN generator";
    Some(draft.finish("image", family, NetworkRole::Generator, Confidence::Likely))
}

fn layer(draft: &mut Draft, conv: &Module, scale: &Module, place: usize, is_last: bool) {
    let kernel = conv.kernel().map_or(1, |[_, _, rows, _]| rows);
    if place > 1 && place.is_multiple_of(2) && !is_last {
        let op = Op::Upsample {
            scale: [2, 2],
            mode: UpsampleMode::Nearest,
        };
        draft.activation(&beside(&conv.name, &format!("up{}", place / 2), 0), op);
    }
    let padding = if place == 0 { kernel - 1 } else { kernel / 2 };
    draft.conv(conv, Geometry::square(1, padding), Vec::new());
    weight_scale(draft, scale);
    if is_last {
        return;
    }
    draft.activation(&after(&conv.name, "act", 1), super::sequence::LEAKY);
    draft.activation(&after(&conv.name, "norm", 1), NORM);
}

/// `x * scale + bias`, under the name of the module that holds both.
fn weight_scale(draft: &mut Draft, module: &Module) {
    let Kind::WeightScale { channels } = module.kind else {
        return;
    };
    let key = |role: Role| {
        let mut found = module.params.iter().filter(|(r, _)| *r == role);
        found.next().map(|(_, key)| key.clone()).unwrap_or_default()
    };
    let x = draft.at();
    let mut constant = |end: &str, role: Role, dims: &[usize]| {
        let op = LayerOp::Constant(Some(dims.to_vec()));
        let params = vec![(Role::Value, key(role))];
        draft.add(
            &format!("{}.{end}", module.name),
            op,
            &[],
            params,
            Vec::new(),
        )
    };
    let scale = constant("scale", Role::Weight, &[1]);
    let bias = constant("bias", Role::Bias, &[channels, 1, 1]);
    let name = format!("{}.scaled", module.name);
    let scaled = draft.add(
        &name,
        LayerOp::Plain(Op::Mul),
        &[&x, &scale],
        Vec::new(),
        Vec::new(),
    );
    draft.release(&module.name);
    draft.sum(&module.name, &scaled, &bias);
}
