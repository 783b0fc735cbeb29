//! A network made ready for many attributions by one method: canonised, rules chosen, weights split once.

use candle_core::{DType, Tensor};

use super::lrp::Plan;
use super::propagate::stacked_mul;
use super::scored::{Scored, balances, magnitude, per_sample, stop};
use super::{
    AttributionError, AttributionMap, Composite, Method, Options, Precision, Start, Target,
    gradient, occlusion, polarized,
};
use crate::kernels;
use crate::network::{Network, NetworkError, is_finite};

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
        Self::prepare(network, method, composite, options)
    }

    /// Prepares `network` for a rule-based `method` with other rules than its own: rules chosen layer by layer, for example.
    ///
    /// # Errors
    /// As [`Prepared::new`], and when the method has no rules.
    pub fn with_composite(
        network: &Network,
        method: &Method,
        composite: Composite,
        options: &Options,
    ) -> Result<Self, AttributionError> {
        if !method.is_relevance() {
            return Err(AttributionError::Method {
                method: method.to_string(),
                what: "has no rules".to_owned(),
            });
        }
        Self::prepare(network, method, Some(composite), options)
    }

    fn prepare(
        network: &Network,
        method: &Method,
        composite: Option<Composite>,
        options: &Options,
    ) -> Result<Self, AttributionError> {
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

    /// The plan of a rule-based method.
    pub(super) fn plan(&self) -> Option<&Plan> {
        match &self.kind {
            Kind::Relevance(plan) => Some(plan),
            Kind::Sensitivity(_) => None,
        }
    }

    /// The element type that maps are given back in.
    pub(super) const fn dtype(&self) -> DType {
        self.dtype
    }

    /// The options it was prepared with.
    pub(super) const fn options(&self) -> &Options {
        &self.options
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
    let start = stacked_mul(&scored.above(&scored.output)?, &scored.seed()?)?
        .broadcast_mul(&per_sample(&factors, &scored.output)?)?;
    let starts = [(scored.node, start)];
    let walk = plan.walk(&scored.run, &starts, options)?;
    let mut balances = balances(
        &scored.scores,
        &starts[0].1,
        &walk.inputs[0],
        &walk.absorbed,
    )?;
    stop(&mut balances, &walk.stopped);
    let mut inputs = walk.inputs.into_iter();
    Ok(AttributionMap {
        relevance: first(&mut inputs, plan)?,
        other_inputs: inputs.collect(),
        poles: None,
        output: scored.output.clone(),
        balances,
        layers: walk.layers,
        units: walk.units,
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
