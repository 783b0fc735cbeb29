//! Discriminators of residual blocks that halve a picture.
//!
//! Sources: He et al. 2016 (arXiv 1512.03385) where blocks normalise; Miyato et al. 2018 (arXiv 1802.05957) where they do not.

use super::Recognised;
use super::blocks::{Block, blocks};
use super::draft::{Draft, after};
use super::modules::{Kind, Module};
use super::sequence::{EPS, LEAKY};
use crate::checkpoint::blueprint::{Geometry, LayerOp};
use crate::checkpoint::{Confidence, NetworkRole};
use crate::network::{Op, PoolSpec};

/// Rows and columns of the picture when nobody says another.
const SIZE: usize = 64;

const UNSEEN: &str = "not visible in the weights";

/// A block: two kernels, a kernel of one pixel beside them where the channels change.
struct Residual<'a> {
    block: Block<'a>,
    main: [&'a Module; 2],
    skip: Option<&'a Module>,
    inner: usize,
    outer: usize,
}

/// Such a discriminator, if the modules are its.
pub(super) fn recognise(modules: &[Module], size: Option<usize>) -> Option<Recognised> {
    let (groups, rest) = blocks(modules.iter(), "");
    let mut residuals: Vec<Residual<'_>> =
        groups.into_iter().map(residual).collect::<Option<_>>()?;
    residuals.sort_by(|a, b| crate::checkpoint::rename::in_order(&a.block.name, &b.block.name));
    let first = residuals.first()?;
    let stem = rest
        .iter()
        .copied()
        .find(|m| matches!(m.kernel(), Some([o, 1 | 3, ..]) if o == first.inner));
    let dense: Vec<&Module> = rest
        .iter()
        .copied()
        .filter(|m| matches!(m.kind, Kind::Dense { .. }))
        .collect();
    let Kind::Dense { dims: [1, columns] } = dense.last()?.kind else {
        return None;
    };
    let channels = stem.map_or(first.inner, |stem| {
        stem.kernel().map_or(0, |[_, inner, ..]| inner)
    });
    let size = size.unwrap_or(SIZE);
    let mut draft = Draft::new("image", &[channels, size, size], Some(UNSEEN));
    draft.reserve(modules.iter().map(|module| module.name.as_str()));
    if let Some(stem) = stem {
        same(&mut draft, stem);
        draft.activation(&after(&stem.name, "act", 1), LEAKY);
    }
    let mut width = first.inner;
    let has_norms = residuals.iter().any(|r| !r.block.norms().is_empty());
    for (i, residual) in residuals.iter().enumerate() {
        if residual.inner != width {
            return None;
        }
        width = residual.outer;
        if has_norms {
            normalised(&mut draft, residual);
        } else {
            plain(&mut draft, residual, i == 0 && stem.is_none());
        }
    }
    let tail = rest
        .iter()
        .copied()
        .filter(|m| m.kernel().is_some() && stem.is_none_or(|s| s.name != m.name));
    for module in tail {
        let [outer, inner, ..] = module.kernel()?;
        tail_conv(&mut draft, module, inner, width)?;
        width = outer;
    }
    ending(
        &mut draft,
        width,
        columns,
        has_norms,
        size >> residuals.len(),
    )?;
    for (i, module) in dense.iter().enumerate() {
        draft.module(module, LayerOp::Plain(Op::Dense), Vec::new());
        if i + 1 < dense.len() {
            draft.activation(&after(&module.name, "act", 1), LEAKY);
        }
    }
    Some(finish(draft, residuals.len(), columns, size))
}

/// What was guessed and what speaks for it.
fn finish(mut draft: Draft, blocks: usize, columns: usize, size: usize) -> Recognised {
    draft.guess(
        "activations",
        "LeakyReLU 0.2 outside the blocks, ReLU inside",
        "not in the weights",
    );
    draft.guess(
        "halving",
        "mean of 2 x 2 in every block",
        "not in the weights",
    );
    draft.guess(
        "input size",
        size.to_string(),
        "this network takes several sizes",
    );
    draft.evidence.push(format!(
        "{blocks} blocks of two kernels, with a kernel of one pixel beside them"
    ));
    draft.evidence.push(format!(
        "a dense layer from {columns} features to one number"
    ));
    draft.finish(
        "logit",
        "residual discriminator",
        NetworkRole::Discriminator,
        Confidence::Doubtful,
    )
}

fn residual(block: Block<'_>) -> Option<Residual<'_>> {
    let kernels = block.kernels();
    let is_point = |module: &&Module| matches!(module.kernel(), Some([_, _, 1, 1]));
    let (points, main): (Vec<&Module>, Vec<&Module>) = kernels.into_iter().partition(is_point);
    let (&[one, two], [] | [_]) = (main.as_slice(), points.as_slice()) else {
        return None;
    };
    let ([middle, inner, ..], [outer, second, ..]) = (one.kernel()?, two.kernel()?);
    let skip = points.first().copied();
    let fits = match skip.and_then(Module::kernel) {
        Some([o, i, ..]) => o == outer && i == inner,
        None => inner == outer,
    };
    let norms = block.norms().len();
    let counts =
        norms + main.len() + points.len() == block.modules.len() && [0, 2].contains(&norms);
    (fits && counts && middle == second).then_some(Residual {
        main: [one, two],
        skip,
        inner,
        outer,
        block,
    })
}

fn same(draft: &mut Draft, module: &Module) -> String {
    let rows = module.kernel().map_or(1, |[_, _, rows, _]| rows);
    draft.conv(module, Geometry::square(1, rows / 2), Vec::new())
}

fn half(draft: &mut Draft, name: &str) {
    let at = draft.at();
    let doubts = vec![("op", UNSEEN), ("kernel", UNSEEN)];
    draft.add(
        name,
        LayerOp::AvgPool(PoolSpec::square(2)),
        &[&at],
        Vec::new(),
        doubts,
    );
}

/// Kernel, normalisation, ReLU, kernel, normalisation, halved; added to the halved input; ReLU.
fn normalised(draft: &mut Draft, residual: &Residual<'_>) {
    let name = &residual.block.name;
    let (start, norms) = (draft.at(), residual.block.norms());
    for (i, module) in residual.main.iter().enumerate() {
        same(draft, module);
        if let Some(norm) = norms.get(i) {
            draft.norm(norm, EPS);
        }
        if i == 0 {
            draft.activation(&format!("{name}.act1"), Op::Relu);
        }
    }
    half(draft, &format!("{name}.pool"));
    let main = draft.at();
    draft.go_to(&start);
    half(draft, &format!("{name}.skip_pool"));
    if let Some(skip) = residual.skip {
        same(draft, skip);
    }
    let skip = draft.at();
    draft.sum(&format!("{name}.add"), &main, &skip);
    draft.activation(&format!("{name}.act2"), Op::Relu);
}

/// ReLU, kernel, ReLU, kernel, halved; added to the halved input. The first block has no ReLU before its first kernel.
fn plain(draft: &mut Draft, residual: &Residual<'_>, is_first: bool) {
    let name = &residual.block.name;
    let start = draft.at();
    for (i, module) in residual.main.iter().enumerate() {
        if i > 0 || !is_first {
            draft.activation(&format!("{name}.act{}", i + 1), Op::Relu);
        }
        same(draft, module);
    }
    half(draft, &format!("{name}.pool"));
    let main = draft.at();
    draft.go_to(&start);
    half(draft, &format!("{name}.skip_pool"));
    if let Some(skip) = residual.skip {
        same(draft, skip);
    }
    let skip = draft.at();
    draft.sum(&format!("{name}.add"), &main, &skip);
}

/// A convolution after the blocks; one that takes twice the channels takes maximum and mean side by side.
fn tail_conv(draft: &mut Draft, module: &Module, inner: usize, width: usize) -> Option<()> {
    if inner == 2 * width {
        let start = draft.at();
        let (doubts, pool) = (vec![("op", UNSEEN)], PoolSpec::square(2));
        let max = draft.add(
            "maxpool",
            LayerOp::MaxPool(pool),
            &[&start],
            Vec::new(),
            doubts.clone(),
        );
        let mean = draft.add(
            "avgpool",
            LayerOp::AvgPool(pool),
            &[&start],
            Vec::new(),
            doubts,
        );
        let op = LayerOp::Plain(Op::Concat { axis: 0 });
        draft.add("cat", op, &[&max, &mean], Vec::new(), Vec::new());
        draft.guess(
            "doubled channels",
            "maximum and mean of 2 x 2 side by side",
            "not in the weights",
        );
    } else if inner != width {
        return None;
    }
    same(draft, module);
    draft.activation(&after(&module.name, "act", 1), LEAKY);
    Some(())
}

/// From a picture of `width` channels to the `columns` features of the dense layer.
fn ending(
    draft: &mut Draft,
    width: usize,
    columns: usize,
    has_norms: bool,
    side: usize,
) -> Option<()> {
    if columns == width {
        if !has_norms {
            draft.activation("act", Op::Relu);
        }
        draft.plain("gap", Op::GlobalAvgPool);
        if !has_norms {
            // Published without normalisation, the features are summed and not averaged.
            let at = draft.at();
            let by = (side * side) as f64;
            draft.add(
                "sum",
                LayerOp::Scale(by),
                &[&at],
                Vec::new(),
                vec![("by", UNSEEN)],
            );
        }
    } else if !columns.is_multiple_of(width) {
        return None;
    }
    draft.plain("flatten", Op::Flatten);
    Some(())
}
