//! Class activation maps: the units of an inner layer, weighted by their mean gradients.
//!
//! Source: Selvaraju et al. 2017, arXiv 1610.02391. The sign is kept until the end, so that the raw map is there too.

use candle_core::Tensor;

use super::scored::Scored;
use super::{AttributionError, Enlarge};
use crate::network::{LayerName, Network, NodeId, Wanted};

/// The layer of a class activation map: the one asked for, or the last below the output with rows and columns.
pub(super) fn layer(
    network: &Network,
    layer: Option<&LayerName>,
    output: NodeId,
) -> Option<Result<NodeId, AttributionError>> {
    if let Some(layer) = layer {
        let found = network.find(layer).map_err(Into::into);
        let has_picture = |id: &NodeId| network.node(*id).fact.dims.len() == 3;
        return match found {
            Ok(id) => has_picture(&id).then_some(Ok(id)),
            Err(error) => Some(Err(error)),
        };
    }
    network
        .iter()
        .rev()
        .find(|(id, node)| *id < output && node.fact.size().iter().all(|n| *n > 1))
        .map(|(id, _)| Ok(id))
}

/// `sum_units mean(gradient) activation` of a layer, `[N, 1, h, w]`, without what is negative when `rectify` is set.
pub(super) fn grad_cam(
    network: &Network,
    scored: &Scored,
    id: NodeId,
    rectify: bool,
) -> Result<Tensor, AttributionError> {
    let wanted = Wanted {
        nodes: vec![id],
        ..Wanted::default()
    };
    let seeds = [(scored.node, scored.seed()?)];
    let gradients = network.pullback(&scored.run, &seeds, &wanted)?;
    let value = scored.run.value(network, id)?;
    let gradient = match gradients.nodes.get(&id) {
        Some(gradient) => gradient.clone(),
        None => value.zeros_like()?,
    };
    let weights = gradient.mean_keepdim(3)?.mean_keepdim(2)?;
    let cam = value.broadcast_mul(&weights)?.sum_keepdim(1)?;
    Ok(if rectify { cam.relu()? } else { cam })
}

/// A map of one channel at the size of `input`, equal in all of its channels.
pub(super) fn enlarged(
    map: &Tensor,
    how: Enlarge,
    input: &Tensor,
) -> Result<Tensor, AttributionError> {
    let (rows, columns) = (input.dim(2)?, input.dim(3)?);
    Ok(resampled(map, how, rows, columns)?
        .broadcast_as(input.dims())?
        .contiguous()?)
}

/// Resampling of `[N, C, h, w]` to any size; pixels are squares that fill the same picture.
fn resampled(
    map: &Tensor,
    how: Enlarge,
    rows: usize,
    columns: usize,
) -> Result<Tensor, candle_core::Error> {
    let axis = |from: usize, to: usize| -> Result<Tensor, candle_core::Error> {
        let mut weights = vec![0.0; to * from];
        for o in 0..to {
            let row = &mut weights[o * from..(o + 1) * from];
            if how == Enlarge::Nearest {
                row[o * from / to] = 1.0;
                continue;
            }
            let place =
                ((o as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            let low = place.floor() as usize;
            let high = (low + 1).min(from - 1);
            row[low] += 1.0 - (place - low as f64);
            row[high] += place - low as f64;
        }
        Tensor::from_vec(weights, (to, from), map.device())?.to_dtype(map.dtype())
    };
    let (n, c, h, w) = map.dims4()?;
    let wide = map
        .contiguous()?
        .reshape((n * c * h, w))?
        .matmul(&axis(w, columns)?.t()?.contiguous()?)?
        .reshape((n * c, h, columns))?;
    axis(h, rows)?
        .unsqueeze(0)?
        .broadcast_matmul(&wide)?
        .reshape((n, c, rows, columns))
}
