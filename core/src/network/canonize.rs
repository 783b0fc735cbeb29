//! Folding batch normalisation into neighbouring weighted layers, so that attribution rules meet one linear map.
//!
//! A normalisation after a weighted layer is folded backward into it. One after an activation (the published
//! discriminator) is folded forward into every weighted layer that reads it; because zero padding comes after the
//! normalisation, its shift becomes a position-dependent bias map, which is exact at the borders too.
//! Folded layers stay in the graph as identities, so names and facts are unchanged; the original is kept for undoing.

use candle_core::Tensor;

use super::linear;
use super::normalise::affine_of;
use super::{LayerName, Network, NetworkError, Node, NodeId, Op, Param, Role};
use crate::kernels::Algorithm;

/// A canonised network with what was done to it.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// The network with normalisation folded where possible; same names, same outputs to rounding.
    pub network: Network,
    /// The folded normalisations and the layers that took them in.
    pub folded: Vec<(LayerName, Vec<LayerName>)>,
    /// Normalisations that could not be folded (read by an addition, for example).
    pub left: Vec<LayerName>,
    original: Network,
}

impl Canonical {
    /// The network as it was.
    pub fn undo(self) -> Network {
        self.original
    }
}

/// Folds every batch normalisation that can be folded exactly.
///
/// # Errors
/// When a tensor operation fails.
pub fn canonize(network: &Network) -> Result<Canonical, NetworkError> {
    canonize_but(network, |_| false)
}

/// Folds every batch normalisation that can be folded without another value of a layer that `is_asked` for.
pub(super) fn canonize_but(
    network: &Network,
    is_asked: impl Fn(NodeId) -> bool,
) -> Result<Canonical, NetworkError> {
    let mut nodes = network.nodes().to_vec();
    let consumers = network.consumers();
    let is_output = |id: NodeId| network.outputs().iter().any(|o| o.node == id);
    let (mut folded, mut left) = (Vec::new(), Vec::new());
    for (id, node) in network.iter() {
        let Op::BatchNorm { eps } = node.op else {
            continue;
        };
        let (gain, shift) = affine_of(node, eps)?;
        let source = node.inputs[0];
        let targets = forward_targets(network, &consumers, id, &is_asked);
        let into = if network.node(source).op.is_weighted()
            && consumers[source.index()].len() == 1
            && !is_output(source)
            && !is_asked(source)
        {
            fold_backward(&mut nodes[source.index()], &gain, &shift)?;
            vec![source]
        } else if let (Some(targets), false) = (targets, is_output(id)) {
            for target in &targets {
                fold_forward(&mut nodes, *target, &gain, &shift, &node.fact.dims)?;
            }
            targets
        } else {
            left.push(node.name.clone());
            continue;
        };
        folded.push((
            node.name.clone(),
            into.iter().map(|t| network.node(*t).name.clone()).collect(),
        ));
        nodes[id.index()].op = Op::Identity;
        nodes[id.index()].params.clear();
    }
    let canonical = Network::from_nodes(nodes, network.outputs().to_vec())?;
    Ok(Canonical {
        network: canonical,
        folded,
        left,
        original: network.clone(),
    })
}

/// The weighted layers that read `id`, possibly through reshaping; `None` when anything else reads it or looks at it.
fn forward_targets(
    network: &Network,
    consumers: &[Vec<NodeId>],
    id: NodeId,
    is_asked: impl Fn(NodeId) -> bool,
) -> Option<Vec<NodeId>> {
    let mut targets = Vec::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        if is_asked(id) {
            return None;
        }
        for reader in &consumers[id.index()] {
            match network.node(*reader).op {
                Op::Conv2d(_) | Op::Dense => targets.push(*reader),
                Op::Flatten | Op::Identity
                    if !network.outputs().iter().any(|o| o.node == *reader) =>
                {
                    open.push(*reader);
                }
                _ => return None,
            }
        }
    }
    targets.sort_unstable();
    (!targets.is_empty()).then_some(targets)
}

/// `W'[o] = g_o W[o]`, `b'_o = g_o b_o + d_o` (axis 1 of a transposed convolution).
fn fold_backward(node: &mut Node, gain: &Tensor, shift: &Tensor) -> Result<(), NetworkError> {
    let weight = node.require(Role::Weight)?;
    let mut dims = vec![1; weight.rank()];
    let scaled = if let Op::ConvTranspose2d { conv, .. } = &node.op {
        // Output channel o of group k is row o of that group's slice of axis 1.
        let (ci, per_group, groups) = (weight.dim(0)?, weight.dim(1)?, conv.groups);
        let tail = weight.dims()[2..].iter().product::<usize>();
        let grouped = weight.reshape((groups, ci / groups, per_group, tail))?;
        grouped
            .broadcast_mul(&gain.reshape((groups, 1, per_group, 1))?)?
            .reshape(weight.dims())?
    } else {
        dims[0] = gain.elem_count();
        weight.broadcast_mul(&gain.reshape(dims)?)?
    };
    let bias = match node.param(Role::Bias) {
        Some(bias) if bias.rank() == 3 => {
            let column = |t: &Tensor| t.reshape((t.elem_count(), 1, 1));
            bias.broadcast_mul(&column(gain)?)?
                .broadcast_add(&column(shift)?)?
        }
        Some(bias) => ((bias * gain)? + shift)?,
        None => shift.clone(),
    };
    set(node, Role::Weight, scaled);
    set(node, Role::Bias, bias);
    Ok(())
}

/// `W'[o, c] = W[o, c] g_c`, bias map `b_o + conv_zero_pad(d, W)_o`.
///
/// `dims`: the normalisation's `[C, H, W]` (or `[F]`).
fn fold_forward(
    nodes: &mut [Node],
    target: NodeId,
    gain: &Tensor,
    shift: &Tensor,
    dims: &[usize],
) -> Result<(), NetworkError> {
    let node = &mut nodes[target.index()];
    let weight = node.require(Role::Weight)?.clone();
    let pixels: usize = dims[1..].iter().product();
    let plane = |values: &Tensor| -> Result<Tensor, candle_core::Error> {
        values
            .unsqueeze(1)?
            .broadcast_as((dims[0], pixels))?
            .contiguous()
    };
    let (scaled, constant) = match &node.op {
        Op::Conv2d(conv) => {
            let (co, per_group) = (weight.dim(0)?, weight.dim(1)?);
            let tail = weight.dims()[2..].iter().product::<usize>();
            let grouped = weight.reshape((conv.groups, co / conv.groups, per_group, tail))?;
            let scaled = grouped.broadcast_mul(&gain.reshape((conv.groups, 1, per_group, 1))?)?;
            let constant = plane(shift)?.reshape((1, dims[0], dims[1], dims[2]))?;
            (scaled.reshape(weight.dims())?, constant)
        }
        _ => {
            let columns = plane(gain)?.reshape((1, dims[0] * pixels))?;
            (
                weight.broadcast_mul(&columns)?,
                plane(shift)?.reshape((1, dims[0] * pixels))?,
            )
        }
    };
    let mapped = linear::apply(
        Algorithm::Fastest,
        &node.op,
        &constant,
        &weight,
        node.param(Role::Bias),
    )?
    .squeeze(0)?;
    set(node, Role::Weight, scaled);
    set(node, Role::Bias, mapped);
    Ok(())
}

fn set(node: &mut Node, role: Role, tensor: Tensor) {
    if let Some(param) = node.params.iter_mut().find(|p| p.role == role) {
        param.tensor = tensor;
    } else {
        let key = format!("{}.bias", node.name).into();
        node.params.push(Param { role, key, tensor });
    }
}
