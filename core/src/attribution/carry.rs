//! Relevance that is carried on from inner layers, instead of from the score of an output.

use candle_core::Tensor;

use super::prepared::{Prepared, first};
use super::scored::{Scored, balances, stop};
use super::sums::{add_to, sample_sums};
use super::{AttributionError, AttributionMap, Balance, Target};
use crate::network::{LayerName, NetworkError, NodeId};

impl Prepared {
    /// Carries relevance from inner layers to the inputs: `starts` are relevances at the values of layers, `[N, ...]` each. What
    /// other layers get from outputs takes no part. With the inner relevance of a map
    /// ([`Options::retain`](super::Options::retain)) in which all units but some are zero, it is the part of that map that went
    /// through those units.
    ///
    /// # Errors
    /// When the method distributes nothing by rules, a layer does not exist, or a relevance has not the dimensions of its layer.
    pub fn carry(
        &self,
        inputs: &[Tensor],
        starts: &[(LayerName, Tensor)],
    ) -> Result<AttributionMap, AttributionError> {
        let wrong = |what: String| AttributionError::Method {
            method: self.method().to_string(),
            what,
        };
        let Some(plan) = self.plan() else {
            return Err(wrong("only relevance can be carried on".to_owned()));
        };
        let (network, dtype) = (&plan.network, plan.network.dtype());
        let inputs = inputs.iter().map(|x| x.to_dtype(dtype));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let batch = inputs.first().map_or(Ok(0), |x| x.dim(0))?;
        let mut from: Vec<(NodeId, Tensor)> = Vec::new();
        for (layer, relevance) in starts {
            let id = network.find(layer)?;
            let mut expected = vec![batch];
            expected.extend_from_slice(&network.node(id).fact.dims);
            if relevance.dims() != expected {
                let found = relevance.dims();
                return Err(wrong(format!(
                    "layer {layer} has {expected:?} values, the relevance {found:?}"
                )));
            }
            from.push((id, relevance.to_dtype(dtype)?));
        }
        if from.is_empty() {
            return Err(wrong("there is no relevance to carry on".to_owned()));
        }
        let scored = Scored::planned(plan, &inputs, &Target::default())?;
        let walk = plan.walk(&scored.run, &from, self.options())?;
        let mut total = vec![0.0; batch];
        for (_, start) in &from {
            add_to(&mut total, &sample_sums(start)?);
        }
        let map = walk.inputs.first().ok_or(NetworkError::NoInputOrOutput)?;
        let whole = Tensor::from_slice(&total, (batch, 1), map.device())?;
        let mut balances: Vec<Balance> = balances(&total, &whole, map, &walk.absorbed)?;
        stop(&mut balances, &walk.stopped);
        let mut inputs = walk.inputs.into_iter();
        let map = AttributionMap {
            relevance: first(&mut inputs, plan)?,
            other_inputs: inputs.collect(),
            poles: None,
            output: scored.output,
            balances,
            layers: walk.layers,
            units: walk.units,
            inner: walk.inner,
            warnings: plan.warnings.clone(),
        };
        Ok(map.to_dtype(self.dtype())?)
    }
}
