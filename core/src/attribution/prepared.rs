//! A network made ready for many attributions by one method: canonised, rules chosen, weights split once.

use candle_core::{DType, Tensor};

use super::lrp::Plan;
use super::propagate::{sample_sums, stacked_mul};
use super::{
    AttributionError, AttributionMap, Balance, Composite, Method, Options, Precision, Start,
    Target, gradient, occlusion, polarized,
};
use crate::kernels;
use crate::network::{Edits, Network, NetworkError, NodeId, Retain, Run, is_finite};

/// A network prepared for one method. Building one costs about as much as a forward pass, a map after that two to four.
#[derive(Clone, Debug)]
pub struct Prepared {
    method: Method,
    options: Options,
    kind: Kind,
    /// Type of the maps; differs from that of the computation when that is more precise.
    dtype: DType,
}

#[derive(Clone, Debug)]
enum Kind {
    Relevance(Box<Plan>),
    Sensitivity(Network),
}

impl Prepared {
    /// Prepares `network` for `method`.
    ///
    /// # Errors
    /// When a rule does not fit a layer, or a layer named by the options does not exist.
    pub fn new(
        network: &Network,
        method: &Method,
        options: &Options,
    ) -> Result<Self, AttributionError> {
        let composite = method.composite(options.input_range);
        let double = match options.precision {
            Precision::Auto => method.amplifies_rounding(composite.as_ref()),
            Precision::Network => false,
            Precision::Double => true,
        };
        let dtype = network.dtype();
        // Metal has no f64.
        let network = if double && dtype == DType::F32 && !network.device().is_metal() {
            &network.to_dtype(DType::F64)?
        } else {
            network
        };
        let kind = match composite {
            Some(composite) => Kind::Relevance(Box::new(Plan::new(network, composite, options)?)),
            None => Kind::Sensitivity(network.clone()),
        };
        Ok(Self {
            method: method.clone(),
            options: options.clone(),
            kind,
            dtype,
        })
    }

    /// The method it was prepared for.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The network as the method sees it (canonised when batch normalisation is folded).
    pub fn network(&self) -> &Network {
        match &self.kind {
            Kind::Relevance(plan) => &plan.network,
            Kind::Sensitivity(network) => network,
        }
    }

    /// The composite of a rule-based method.
    pub fn composite(&self) -> Option<&Composite> {
        match &self.kind {
            Kind::Relevance(plan) => Some(&plan.composite),
            Kind::Sensitivity(_) => None,
        }
    }

    /// Explains `target` for `inputs`, one `[N, ...]` tensor per input of the network.
    ///
    /// # Errors
    /// When the inputs or the target do not fit, or a value is not finite.
    pub fn attribute(
        &self,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<AttributionMap, AttributionError> {
        let network = self.network();
        target.check(network)?;
        let map = if network.dtype() == self.dtype {
            // On a thread of the pool, with the others awake, so that not every loop has to wake them.
            kernels::awake(|| self.explain(inputs, target))?
        } else {
            let inputs = inputs.iter().map(|x| x.to_dtype(network.dtype()));
            let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
            self.explain(&inputs, target)?.to_dtype(self.dtype)?
        };
        // Gradients may overflow where no activation does, and a map in f64 may be too large for f32.
        let maps = std::iter::once(&map.relevance).chain(&map.other_inputs);
        for (map, input) in maps.zip(network.inputs()) {
            if !is_finite(map)? {
                return Err(AttributionError::NotFinite {
                    layer: network.node(*input).name.clone(),
                    what: "attribution",
                });
            }
        }
        Ok(map)
    }

    fn explain(
        &self,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<AttributionMap, AttributionError> {
        match (&self.kind, &self.method) {
            (Kind::Relevance(plan), method) => {
                let scored = Scored::planned(plan, inputs, target)?;
                if let Method::Polarized { pole } = method {
                    polarized::attribute(plan, &scored, *pole, &self.options)
                } else {
                    relevance(plan, &scored, &self.options)
                }
            }
            (
                Kind::Sensitivity(network),
                Method::Occlusion {
                    window,
                    stride,
                    baseline,
                },
            ) => occlusion::attribute(network, inputs, target, [*window, *stride], *baseline),
            (Kind::Sensitivity(network), method) => {
                gradient::attribute(network, inputs, target, method)
            }
        }
    }
}

/// A run with the target's value.
pub(super) struct Scored {
    pub(super) run: Run,
    /// Node of the explained output.
    pub(super) node: NodeId,
    /// Value of the explained output, `[N, ...]`.
    pub(super) output: Tensor,
    /// Gradient of the score with respect to the output, `[1, ...]`.
    pub(super) weights: Tensor,
    /// The score of each sample.
    pub(super) scores: Vec<f64>,
}

impl Scored {
    /// Runs the network, retaining everything, and checks that every layer the target depends on is finite.
    pub(super) fn new(
        network: &Network,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<Self, AttributionError> {
        let run = network.forward(inputs, &Edits::new(), &Retain::All)?;
        let node = network.outputs()[target.output].node;
        check_finite(network, &run, node)?;
        Self::of(network, run, target)
    }

    /// Runs the network of `plan`, which keeps what a walk reads, and checks as [`Scored::new`] does.
    pub(super) fn planned(
        plan: &Plan,
        inputs: &[Tensor],
        target: &Target,
    ) -> Result<Self, AttributionError> {
        let run = plan.run(inputs)?;
        if !plan.is_finite(&run)? {
            // Only a run that keeps all can tell where it began.
            return Self::new(&plan.network, inputs, target);
        }
        Self::of(&plan.network, run, target)
    }

    fn of(network: &Network, run: Run, target: &Target) -> Result<Self, AttributionError> {
        let node = network.outputs()[target.output].node;
        let output = run.outputs()[target.output].clone();
        let weights = target.weights(&output)?;
        let scores = sample_sums(&output.broadcast_mul(&weights)?)?;
        Ok(Self {
            run,
            node,
            output,
            weights,
            scores,
        })
    }

    /// The weights repeated for every sample.
    pub(super) fn seed(&self) -> Result<Tensor, candle_core::Error> {
        self.weights.broadcast_as(self.output.dims())?.contiguous()
    }
}

/// The magnitude of the starting relevance for a score.
pub(super) fn magnitude(start: Start, score: f64) -> f64 {
    match start {
        Start::Score => score.abs(),
        Start::One => 1.0,
        Start::Probability => 1.0 / (1.0 + (-score.abs()).exp()),
    }
}

/// One factor per sample as a tensor that broadcasts with `like`.
pub(super) fn per_sample(factors: &[f64], like: &Tensor) -> Result<Tensor, candle_core::Error> {
    let mut dims = vec![1; like.rank()];
    dims[0] = factors.len();
    Tensor::from_slice(factors, dims, like.device())?.to_dtype(like.dtype())
}

/// Plain LRP by the composite of the plan.
fn relevance(
    plan: &Plan,
    scored: &Scored,
    options: &Options,
) -> Result<AttributionMap, AttributionError> {
    let mut warnings = plan.warnings.clone();
    let mut factors = Vec::with_capacity(scored.scores.len());
    for (sample, score) in scored.scores.iter().enumerate() {
        factors.push(match options.start {
            Start::Score => 1.0,
            start if *score != 0.0 => magnitude(start, *score) / score.abs(),
            _ => {
                warnings.push(format!("sample {sample}: the score is zero, so is its map"));
                0.0
            }
        });
    }
    let start = stacked_mul(&scored.output, &scored.seed()?)?
        .broadcast_mul(&per_sample(&factors, &scored.output)?)?;
    let walk = plan.walk(&scored.run, scored.node, &start, options)?;
    let balances = balances(&scored.scores, &start, &walk.inputs[0], &walk.absorbed)?;
    let mut inputs = walk.inputs.into_iter();
    Ok(AttributionMap {
        relevance: first(&mut inputs, plan)?,
        other_inputs: inputs.collect(),
        poles: None,
        output: scored.output.clone(),
        balances,
        layers: walk.layers,
        inner: walk.inner,
        warnings,
    })
}

/// The relevance of the first input.
pub(super) fn first(
    inputs: &mut impl Iterator<Item = Tensor>,
    plan: &Plan,
) -> Result<Tensor, AttributionError> {
    let missing = NetworkError::NoInputOrOutput;
    debug_assert!(!plan.network.inputs().is_empty(), "a network has an input");
    inputs.next().ok_or_else(|| missing.into())
}

/// The balance of each sample.
pub(super) fn balances(
    scores: &[f64],
    start: &Tensor,
    map: &Tensor,
    absorbed: &[f64],
) -> Result<Vec<Balance>, candle_core::Error> {
    let (starts, sums) = (sample_sums(start)?, sample_sums(map)?);
    let absolutes = sample_sums(&map.abs()?)?;
    let rows = scores
        .iter()
        .zip(starts)
        .zip(sums)
        .zip(absolutes)
        .zip(absorbed);
    Ok(rows
        .map(|((((score, start), sum), absolute), absorbed)| {
            Balance {
                score: *score,
                start,
                sum,
                absolute,
                absorbed: *absorbed,
                gap: None,
            }
            .close()
        })
        .collect())
}

/// Names the first layer below `node` whose activation is not finite.
fn check_finite(network: &Network, run: &Run, node: NodeId) -> Result<(), AttributionError> {
    let mut below = vec![false; network.nodes().len()];
    below[node.index()] = true;
    for (id, node) in network.iter().rev() {
        if below[id.index()] {
            for input in &node.inputs {
                below[input.index()] = true;
            }
        }
    }
    for (id, node) in network.iter().filter(|(id, _)| below[id.index()]) {
        if !is_finite(run.value(network, id)?)? {
            return Err(AttributionError::NotFinite {
                layer: node.name.clone(),
                what: "activation",
            });
        }
    }
    Ok(())
}
