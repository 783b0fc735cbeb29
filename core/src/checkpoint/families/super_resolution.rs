//! Generators that enlarge a picture: residual blocks (SRGAN) or residual-in-residual dense blocks (ESRGAN) between a first
//! convolution and enlargements by pixel shuffle or nearest neighbours.
//!
//! Sources: Ledig et al. 2017 (arXiv 1609.04802), Wang et al. 2018 (arXiv 1809.00219).

use super::Recognised;
use super::blocks::{Block, blocks, companion};
use super::draft::{Draft, after, beside};
use super::modules::{Kind, Module};
use super::sequence::{EPS, LEAKY};
use crate::checkpoint::blueprint::{Geometry, LayerOp};
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::{Op, UpsampleMode};

/// Rows and columns of the picture that is enlarged when nobody says another.
const SIZE: usize = 32;

/// Factor of the residual branches of dense blocks, as published.
const BRANCH: f64 = 0.2;

/// The modules by what they do.
struct Parts<'a> {
    head: &'a Module,
    trunk: Vec<Block<'a>>,
    /// The convolution after the trunk, whose value is added to the head's.
    join: Option<&'a Module>,
    /// Convolutions with the factor they enlarge by, and whether by pixel shuffle.
    ups: Vec<(&'a Module, usize, bool)>,
    /// A convolution at full size.
    fine: Option<&'a Module>,
    last: &'a Module,
    kernels: Vec<&'a Module>,
    norms: Vec<&'a Module>,
    slopes: Vec<&'a Module>,
}

/// Such a generator, if the modules are its.
pub(super) fn recognise(modules: &[Module], size: Option<usize>) -> Option<Recognised> {
    let parts = parts(modules)?;
    let size = size.unwrap_or(SIZE);
    let [_, inputs, ..] = parts.head.kernel()?;
    let mut draft = Draft::new("image", &[inputs, size, size], Some("it takes any size"));
    draft.reserve(modules.iter().map(|module| module.name.as_str()));
    conv(&mut draft, parts.head);
    if let Some(slope) = companion(parts.head, &parts.kernels, &parts.slopes) {
        draft.module(slope, LayerOp::Plain(Op::Prelu), Vec::new());
    }
    let stem = draft.at();
    let mut is_dense = false;
    for block in &parts.trunk {
        is_dense |= trunk_block(&mut draft, block)?;
    }
    if let Some(join) = parts.join {
        conv(&mut draft, join);
        if let Some(norm) = companion(join, &parts.kernels, &parts.norms) {
            draft.norm(norm, EPS);
        }
        let end = draft.at();
        draft.sum("sum", &stem, &end);
    }
    for up in &parts.ups {
        enlarge(&mut draft, &parts, *up);
    }
    if let Some(fine) = parts.fine {
        conv(&mut draft, fine);
        draft.activation(&after(&fine.name, "act", 1), LEAKY);
    }
    conv(&mut draft, parts.last);
    if !parts.slopes.is_empty() {
        draft.activation(&beside(&parts.last.name, "tanh", 1), Op::Tanh);
    }
    Some(finish(draft, &parts, is_dense, size))
}

fn finish(mut draft: Draft, parts: &Parts<'_>, is_dense: bool, size: usize) -> Recognised {
    draft.guess(
        "stamp size",
        size.to_string(),
        "this network takes any size",
    );
    let end = if parts.slopes.is_empty() {
        "nothing"
    } else {
        "tanh"
    };
    draft.guess("last activation", end, "not in the weights");
    if is_dense {
        draft.guess(
            "activations",
            "LeakyReLU 0.2",
            "not in the weights, as published",
        );
        draft.guess(
            "factor of the residual branches",
            BRANCH.to_string(),
            "not in the weights, as published",
        );
    }
    let factor: usize = parts.ups.iter().map(|(_, factor, _)| factor).product();
    draft.evidence.push(format!(
        "{} blocks of one shape between a first and a last convolution, enlarged x{factor}",
        parts.trunk.len()
    ));
    let (family, confidence) = if is_dense {
        draft
            .evidence
            .push("inside a block every kernel takes all channels before it".to_owned());
        (
            "residual-dense super-resolution generator (ESRGAN)",
            Confidence::Likely,
        )
    } else {
        (
            "residual super-resolution generator (SRGAN)",
            Confidence::Likely,
        )
    };
    draft.finish("image", family, NetworkRole::Generator, confidence)
}

fn parts(modules: &[Module]) -> Option<Parts<'_>> {
    let of_kind = |wanted: fn(&Kind) -> bool| -> Vec<&Module> {
        modules.iter().filter(|m| wanted(&m.kind)).collect()
    };
    if modules.iter().any(|m| {
        matches!(
            m.kind,
            Kind::Dense { .. } | Kind::WeightScale { .. } | Kind::Unknown
        )
    }) {
        return None;
    }
    let kernels = of_kind(|kind| matches!(kind, Kind::Kernel { .. }));
    let (groups, _) = blocks(modules.iter(), "");
    let mut trunk: Vec<Block<'_>> = groups
        .into_iter()
        .filter(|b| width_of(b).is_some())
        .collect();
    let width = width_of(trunk.first()?)?;
    trunk.retain(|block| width_of(block) == Some(width));
    trunk.sort_by(|a, b| crate::checkpoint::rename::in_order(&a.name, &b.name));
    let in_trunk = |module: &Module| {
        trunk
            .iter()
            .any(|b| b.modules.iter().any(|m| m.name == module.name))
    };
    let rest: Vec<&Module> = kernels.iter().copied().filter(|m| !in_trunk(m)).collect();
    let (mut head, mut last, mut join, mut fine) = (None, None, None, None);
    let mut ups = Vec::new();
    for module in rest {
        let [outer, inner, ..] = module.kernel()?;
        let name = module.name.to_ascii_lowercase();
        let place = match (outer, inner) {
            (o, 1 | 3) if o == width => &mut head,
            (1 | 3, i) if i == width => &mut last,
            (o, i) if i == width && [4, 9].contains(&(o / width.max(1))) && o % width == 0 => {
                ups.push((module, (o / width).isqrt(), true));
                continue;
            }
            (o, i) if o == width && i == width && name.contains("up") => {
                ups.push((module, 2, false));
                continue;
            }
            (o, i) if o == width && i == width && name.contains("hr") => &mut fine,
            (o, i) if o == width && i == width => &mut join,
            _ => return None,
        };
        if place.replace(module).is_some() {
            return None;
        }
    }
    Some(Parts {
        head: head?,
        last: last?,
        join,
        fine,
        ups,
        trunk,
        kernels,
        norms: of_kind(|kind| matches!(kind, Kind::BatchNorm { .. })),
        slopes: of_kind(|kind| matches!(kind, Kind::Slope { .. })),
    })
}

/// Channels of a residual or dense block that gives as many as it takes.
fn width_of(block: &Block<'_>) -> Option<usize> {
    let (inner, _) = blocks(block.modules.iter().copied(), &format!("{}.", block.name));
    let first = block.kernels().first()?.kernel()?[1];
    let is_dense = |block: &Block<'_>| dense_kernels(block, first).is_some();
    let nested = inner.len() > 1 && inner.iter().all(is_dense);
    let residual = block.kernels().len() == 2
        && block
            .kernels()
            .iter()
            .all(|m| matches!(m.kernel(), Some([o, i, ..]) if o == first && i == first));
    (nested || residual || is_dense(block)).then_some(first)
}

/// The kernels of a dense block, each of which takes all channels before it.
fn dense_kernels<'a>(block: &Block<'a>, width: usize) -> Option<Vec<&'a Module>> {
    let kernels = block.kernels();
    if kernels.len() < 3 || kernels.len() != block.modules.len() {
        return None;
    }
    let mut channels = width;
    for (i, module) in kernels.iter().enumerate() {
        let [outer, inner, ..] = module.kernel()?;
        if inner != channels || (i + 1 == kernels.len() && outer != width) {
            return None;
        }
        channels += outer;
    }
    Some(kernels)
}

/// A convolution that keeps rows and columns.
fn conv(draft: &mut Draft, module: &Module) -> String {
    let rows = module.kernel().map_or(1, |[_, _, rows, _]| rows);
    draft.conv(module, Geometry::square(1, rows / 2), Vec::new())
}

/// Adds a block of the trunk; whether it is one of dense blocks.
fn trunk_block(draft: &mut Draft, block: &Block<'_>) -> Option<bool> {
    let start = draft.at();
    let width = block.kernels().first()?.kernel()?[1];
    if let Some(kernels) = dense_kernels(block, width) {
        dense_block(draft, &block.name, &kernels);
        return Some(true);
    }
    let (mut inner, _) = blocks(block.modules.iter().copied(), &format!("{}.", block.name));
    inner.sort_by(|a, b| crate::checkpoint::rename::in_order(&a.name, &b.name));
    if inner.len() > 1 && block.kernels().len() > 2 {
        for inner in &inner {
            dense_block(draft, &inner.name, &dense_kernels(inner, width)?);
        }
        let at = draft.at();
        let op = LayerOp::Scale(BRANCH);
        let scaled = draft.add(
            &format!("{}.scaled", block.name),
            op,
            &[&at],
            Vec::new(),
            vec![("by", "not in the weights")],
        );
        draft.sum(&block.name, &start, &scaled);
        return Some(true);
    }
    let (norms, slopes) = (block.norms(), block.slopes());
    for (i, module) in block.kernels().iter().enumerate() {
        conv(draft, module);
        if let Some(norm) = norms.get(i) {
            draft.norm(norm, EPS);
        }
        match slopes.first() {
            Some(slope) if i == 0 => {
                draft.module(slope, LayerOp::Plain(Op::Prelu), Vec::new());
            }
            None if i == 0 => {
                draft.activation(&format!("{}.act", block.name), Op::Relu);
            }
            _ => {}
        }
    }
    let end = draft.at();
    draft.sum(&format!("{}.add", block.name), &start, &end);
    Some(false)
}

fn dense_block(draft: &mut Draft, name: &str, kernels: &[&Module]) {
    let start = draft.at();
    let mut joined = vec![start.clone()];
    for (i, module) in kernels.iter().enumerate() {
        if i > 0 {
            let inputs: Vec<&str> = joined.iter().map(String::as_str).collect();
            let op = LayerOp::Plain(Op::Concat { axis: 0 });
            draft.add(
                &format!("{name}.cat{}", i + 1),
                op,
                &inputs,
                Vec::new(),
                Vec::new(),
            );
        }
        conv(draft, module);
        if i + 1 < kernels.len() {
            joined.push(draft.activation(&format!("{name}.act"), LEAKY));
        }
    }
    let at = draft.at();
    let doubts = vec![("by", "not in the weights")];
    let scaled = draft.add(
        &format!("{name}.scaled"),
        LayerOp::Scale(BRANCH),
        &[&at],
        Vec::new(),
        doubts,
    );
    draft.sum(name, &start, &scaled);
}

fn enlarge(
    draft: &mut Draft,
    parts: &Parts<'_>,
    (module, factor, by_shuffle): (&Module, usize, bool),
) {
    if !by_shuffle {
        let op = Op::Upsample {
            scale: [factor, factor],
            mode: UpsampleMode::Nearest,
        };
        draft.activation(&format!("{}_up", module.name), op);
    }
    conv(draft, module);
    let norm = companion(module, &parts.kernels, &parts.norms);
    if let Some(norm) = norm {
        draft.norm(norm, EPS);
    }
    if by_shuffle {
        draft.plain(
            &beside(&module.name, "shuffle", 1 + usize::from(norm.is_some())),
            Op::PixelShuffle { factor },
        );
    }
    match companion(module, &parts.kernels, &parts.slopes) {
        Some(slope) => {
            draft.module(slope, LayerOp::Plain(Op::Prelu), Vec::new());
        }
        None => {
            draft.activation(&after(&module.name, "act", 2), LEAKY);
        }
    }
}
