//! Sensitivity: gradients of the score, alone, times the input, averaged over noise or along a path, or pooled.

use candle_core::{DType, Tensor};

use super::scored::Scored;
use super::sums::sample_sums;
use super::{AttributionError, AttributionMap, Balance, Method, Target, cam, path};
use crate::network::{Network, Wanted};
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
        Method::SmoothGrad { samples, std, seed } | Method::VarGrad { samples, std, seed } => {
            if *samples == 0 || !std.is_finite() {
                return Err(wrong(
                    "at least one sample and a finite deviation are needed",
                ));
            }
            let copies = Copies {
                count: *samples,
                std: *std,
                seed: *seed,
            };
            let (mean, variance) = copies.moments(network, inputs, target)?;
            let is_mean = matches!(method, Method::SmoothGrad { .. });
            finish(&scored, vec![if is_mean { mean } else { variance }], false)
        }
        Method::IntegratedGradients {
            steps,
            baseline,
            path,
        } => {
            if *steps == 0 || !baseline.is_finite() {
                return Err(wrong("at least one step and a finite baseline are needed"));
            }
            let nodes = path.nodes(*steps);
            path::integrated(network, inputs, target, &scored, &nodes, *baseline)
        }
        Method::GradCam {
            layer,
            rectify,
            enlarge,
        } => {
            let id = cam::layer(network, layer.as_ref(), scored.node)
                .ok_or_else(|| wrong("no layer has rows and columns"))??;
            let small = cam::grad_cam(network, &scored, id, *rectify)?;
            let map = cam::enlarged(&small, *enlarge, first)?;
            let mut result = finish(&scored, vec![map], false)?;
            result.inner.insert(network.node(id).name.clone(), small);
            Ok(result)
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

pub(super) fn first_gradient(
    network: &Network,
    inputs: &[Tensor],
    target: &Target,
) -> Result<Tensor, AttributionError> {
    let scored = Scored::new(network, inputs, target)?;
    let gradients = input_gradients(network, &scored)?;
    Ok(gradients[0].clone())
}

/// Noisy copies of the first input.
struct Copies {
    count: usize,
    std: f64,
    seed: u64,
}

impl Copies {
    /// Mean and population variance of the copies' gradients, one copy at a time (Welford 1962, doi:10.2307/1266577).
    fn moments(
        &self,
        network: &Network,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<(Tensor, Tensor), AttributionError> {
        let mut mean = inputs[0].zeros_like()?;
        let mut squares = mean.clone();
        for k in 0..self.count {
            let mut noisy = inputs.to_vec();
            noisy[0] = (&inputs[0] + (noise(&inputs[0], k, self.seed)? * self.std)?)?;
            let gradient = first_gradient(network, &noisy, target)?;
            let before = (&gradient - &mean)?;
            mean = (mean + (&before / (k + 1) as f64)?)?;
            squares = (squares + (before * (gradient - &mean)?)?)?;
        }
        Ok((mean, (squares / self.count as f64)?))
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

/// Collects the maps; `complete`: whether they should sum to the score.
pub(super) fn finish(
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
            ..Balance::default()
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
        units: Vec::new(),
        inner: std::collections::BTreeMap::new(),
        warnings: Vec::new(),
    })
}
