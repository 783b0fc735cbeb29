//! The layers of a file that no family fits, one after the other: a start for a description written by a person.

use super::draft::{Draft, after};
use super::modules::{Kind, Module};
use super::sequence::{EPS, LEAKY};
use crate::checkpoint::blueprint::{Blueprint, Geometry, LayerOp};
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::Op;

/// Rows and columns of the pictures when nobody says others.
const SIZE: usize = 64;

const ORDER: &str = "that it is here, and what it reads";

/// All modules in the order of the file.
pub(super) fn list(modules: &[Module], size: Option<usize>) -> Blueprint {
    let size = size.unwrap_or(SIZE);
    let first = modules.iter().find(|module| module.is_weighted());
    let dims = match first.map(|module| &module.kind) {
        Some(Kind::Kernel {
            dims: [_, inner, ..],
            ..
        }) => vec![*inner, size, size],
        Some(Kind::Dense { dims: [_, inner] }) => vec![*inner],
        _ => vec![3, size, size],
    };
    let mut draft = Draft::new("input", &dims, Some("not visible in the weights"));
    draft.reserve(modules.iter().map(|module| module.name.as_str()));
    let last = modules.iter().rposition(Module::is_weighted);
    for (i, module) in modules.iter().enumerate() {
        let doubts = vec![("name", ORDER)];
        match &module.kind {
            Kind::Kernel {
                dims: [.., rows, _],
                ..
            } => {
                draft.conv(module, Geometry::square(1, rows / 2), doubts);
            }
            Kind::Dense { .. } => {
                draft.module(module, LayerOp::Plain(Op::Dense), doubts);
            }
            Kind::BatchNorm { .. } => {
                draft.norm(module, EPS);
            }
            Kind::Slope { .. } => {
                draft.module(module, LayerOp::Plain(Op::Prelu), doubts);
            }
            Kind::WeightScale { .. } | Kind::Unknown => continue,
        }
        let is_followed = modules.get(i + 1).is_some_and(|next| !next.is_weighted());
        if module.is_weighted() && !is_followed && Some(i) != last {
            draft.activation(&after(&module.name, "act", 1), LEAKY);
        }
    }
    let drafted = draft.finish(
        "output",
        "unknown",
        NetworkRole::Generator,
        Confidence::Doubtful,
    );
    drafted.blueprint
}
