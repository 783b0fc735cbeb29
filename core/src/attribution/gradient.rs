//! Sensitivity: gradients of the score, alone, times the input, averaged over noise or along a path, or pooled.

use candle_core::{DType, Tensor};

use super::prepared::{Scored, balances, per_sample};
use super::propagate::sample_sums;
use super::{AttributionError, AttributionMap, Balance, Method, Target};
use crate::network::{LayerName, Network, NodeId, Wanted};
use crate::seed::hash_gauss;

/// Explains `target` by a gradient method.
pub(super) fn attribute(
    network: &Network,
    inputs: &[Tensor],
    target: &Target,
    method: &Method,
) -> Result<AttributionMap, AttributionError> {
    let scored = Scored::new(network, inputs, target)?;
    let wrong = |what: &str| AttributionError::Method {
        method: method.to_string(),
        what: what.to_owned(),
    };
    let first = inputs
        .first()
        .ok_or_else(|| wrong("the network has no input"))?;
    match method {
        Method::Gradient => finish(&scored, input_gradients(network, &scored)?, false),
        Method::InputXGradient => {
            let maps = input_gradients(network, &scored)?
                .iter()
                .zip(inputs)
                .map(|(g, x)| g * x)
                .collect::<Result<_, _>>()?;
            finish(&scored, maps, true)
        }
        Method::SmoothGrad { samples, std, seed } => {
            if *samples == 0 || !std.is_finite() {
                return Err(wrong(
                    "at least one sample and a finite deviation are needed",
                ));
            }
            let mut total: Option<Tensor> = None;
            for k in 0..*samples {
                let mut noisy = inputs.to_vec();
                noisy[0] = (first + (noise(first, k, *seed)? * *std)?)?;
                let gradient = first_gradient(network, &noisy, target)?;
                total = Some(add(total, gradient)?);
            }
            let mean = total.map(|t| t / *samples as f64).transpose()?;
            finish(&scored, mean.into_iter().collect(), false)
        }
        Method::IntegratedGradients { steps, baseline } => {
            if *steps == 0 || !baseline.is_finite() {
                return Err(wrong("at least one step and a finite baseline are needed"));
            }
            integrated(network, inputs, target, &scored, *steps, *baseline)
        }
        Method::GradCam { layer } => {
            let id = cam_layer(network, layer.as_ref(), scored.node)
                .ok_or_else(|| wrong("no layer has rows and columns"))??;
            let map = grad_cam(network, &scored, id, first)?;
            finish(&scored, vec![map], false)
        }
        _ => Err(wrong("is not a gradient method")),
    }
}

fn input_gradients(network: &Network, scored: &Scored) -> Result<Vec<Tensor>, AttributionError> {
    let seeds = [(scored.node, scored.seed()?)];
    let gradients = network.pullback(&scored.run, &seeds, &Wanted::inputs())?;
    network
        .inputs()
        .iter()
        .map(|id| match gradients.nodes.get(id) {
            Some(gradient) => Ok(gradient.clone()),
            None => Ok(scored.run.value(network, *id)?.zeros_like()?),
        })
        .collect()
}

fn first_gradient(
    network: &Network,
    inputs: &[Tensor],
    target: &Target,
) -> Result<Tensor, AttributionError> {
    let scored = Scored::new(network, inputs, target)?;
    let gradients = input_gradients(network, &scored)?;
    Ok(gradients[0].clone())
}

fn add(total: Option<Tensor>, more: Tensor) -> Result<Tensor, candle_core::Error> {
    match total {
        Some(total) => total + more,
        None => Ok(more),
    }
}

/// Standard normal values for copy `k`, the same for every sample of the batch, so that a map does not depend on the
/// batch it was made in.
fn noise(like: &Tensor, k: usize, seed: u64) -> Result<Tensor, candle_core::Error> {
    let mut dims = like.dims().to_vec();
    dims[0] = 1;
    let values = hash_gauss(&format!("smoothgrad:{k}"), dims.iter().product(), seed);
    Tensor::from_vec(values, dims, like.device())?
        .to_dtype(like.dtype())?
        .broadcast_as(like.dims())?
        .contiguous()
}

fn integrated(
    network: &Network,
    inputs: &[Tensor],
    target: &Target,
    scored: &Scored,
    steps: usize,
    baseline: f64,
) -> Result<AttributionMap, AttributionError> {
    let from = (inputs[0].zeros_like()? + baseline)?;
    let way = (&inputs[0] - &from)?;
    let at = |t: f64| -> Result<Vec<Tensor>, candle_core::Error> {
        let mut inputs = inputs.to_vec();
        inputs[0] = (&from + (&way * t)?)?;
        Ok(inputs)
    };
    let mut total: Option<Tensor> = None;
    for (node, weight) in gauss_legendre(steps) {
        let gradient = first_gradient(network, &at(node)?, target)?;
        total = Some(add(total, (gradient * weight)?)?);
    }
    let map = match total {
        Some(total) => (total * &way)?,
        None => way.zeros_like()?,
    };
    let base = Scored::new(network, &at(0.0)?, target)?;
    let rise = scored.scores.iter().zip(&base.scores).map(|(a, b)| a - b);
    let start = per_sample(&rise.collect::<Vec<_>>(), &map)?;
    let none = vec![0.0; scored.scores.len()];
    let balances = balances(&scored.scores, &start, &map, &none)?;
    let mut result = finish(scored, vec![map], false)?;
    result.balances = balances;
    Ok(result)
}

/// Nodes in `[0, 1]` and weights (summing to one) of Gauss-Legendre quadrature, by Newton's method on the Legendre
/// polynomial from Chebyshev-like first guesses.
fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    (0..n)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut p, mut before) = (1.0, 0.0);
                for k in 1..=n {
                    let k = k as f64;
                    (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
                }
                slope = n as f64 * (x * p - before) / (x * x - 1.0);
                let step = p / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (f64::midpoint(1.0, x), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// The layer of a class activation map: the one asked for, or the last below the output with rows and columns.
fn cam_layer(
    network: &Network,
    layer: Option<&LayerName>,
    output: NodeId,
) -> Option<Result<NodeId, AttributionError>> {
    if let Some(layer) = layer {
        return Some(network.find(layer).map_err(Into::into));
    }
    network
        .iter()
        .rev()
        .find(|(id, node)| *id < output && node.fact.size().iter().all(|n| *n > 1))
        .map(|(id, _)| Ok(id))
}

/// `relu(sum_units mean(gradient) activation)`, enlarged bilinearly (half-pixel centres), equal in all channels of the
/// input.
fn grad_cam(
    network: &Network,
    scored: &Scored,
    id: NodeId,
    input: &Tensor,
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
    let cam = value.broadcast_mul(&weights)?.sum_keepdim(1)?.relu()?;
    let (rows, columns) = (input.dim(2)?, input.dim(3)?);
    Ok(enlarge(&cam, rows, columns)?
        .broadcast_as(input.dims())?
        .contiguous()?)
}

/// Bilinear resampling of `[N, 1, h, w]` to any size, half-pixel centres.
fn enlarge(map: &Tensor, rows: usize, columns: usize) -> Result<Tensor, candle_core::Error> {
    let axis = |from: usize, to: usize| -> Result<Tensor, candle_core::Error> {
        let mut weights = vec![0.0; to * from];
        for o in 0..to {
            let place =
                ((o as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            let low = place.floor() as usize;
            let high = (low + 1).min(from - 1);
            weights[o * from + low] += 1.0 - (place - low as f64);
            weights[o * from + high] += place - low as f64;
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

/// Collects the maps; `complete`: whether they should sum to the score.
fn finish(
    scored: &Scored,
    maps: Vec<Tensor>,
    complete: bool,
) -> Result<AttributionMap, AttributionError> {
    let mut maps = maps.into_iter();
    let relevance = match maps.next() {
        Some(map) => map,
        None => scored.output.zeros_like()?,
    };
    let sums = sample_sums(&relevance)?;
    let absolutes = sample_sums(&relevance.abs()?.to_dtype(DType::F64)?)?;
    let rows = scored.scores.iter().zip(sums).zip(absolutes);
    let balances = rows.map(|((score, sum), absolute)| {
        let balance = Balance {
            score: *score,
            start: *score,
            sum,
            absolute,
            absorbed: 0.0,
            gap: None,
        };
        if complete { balance.close() } else { balance }
    });
    Ok(AttributionMap {
        relevance,
        other_inputs: maps.collect(),
        poles: None,
        output: scored.output.clone(),
        balances: balances.collect(),
        layers: Vec::new(),
        inner: std::collections::BTreeMap::new(),
        warnings: Vec::new(),
    })
}
