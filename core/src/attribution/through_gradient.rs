//! The gradient of a discriminator's logit through its generator: activation times gradient of every unit.
//!
//! What switching off a unit would do to the logit, to first order; the counterpart of relevance by rules, which says what the
//! logit is made of.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::scored::Scored;
use super::sums::{plane_sums, sample_sums};
use super::{
    AttributionError, Balance, Prepared, Target, Through, ThroughMap, ThroughPart, UnitSums,
};
use crate::network::{Network, NetworkError, NodeId, Op, Wanted};

impl Through {
    /// As [`Through::attribute`]; `slopes`: the judge prepared for its gradient.
    pub(super) fn activations_times_gradients(
        &self,
        generator: &Network,
        slopes: &Prepared,
        inputs: &[Tensor],
        others: &[Tensor],
    ) -> Result<ThroughMap, AttributionError> {
        let first = self.settings.outputs.first().copied().unwrap_or_default();
        let scored = Scored::new(generator, inputs, &Target::output(first))?;
        let wanted = Wanted {
            inputs: true,
            params: false,
            nodes: generator.iter().map(|(id, _)| id).collect(),
        };
        let mut map = ThroughMap {
            pictures: Vec::new(),
            parts: Vec::new(),
            warnings: Vec::new(),
        };
        for index in &self.settings.outputs {
            let drawn = &scored.run.outputs()[*index];
            let shown = [&[self.shown(drawn)?], others].concat();
            let slope = slopes.attribute(&shown, &Target::default())?;
            let seed = (slope.relevance * self.scale)?;
            let node = generator.outputs()[*index].node;
            let gradients = generator.pullback(&scored.run, &[(node, seed.clone())], &wanted)?;
            let value = |id: NodeId| scored.run.value(generator, id);
            let mut units = Vec::new();
            let mut inner = BTreeMap::new();
            // From the output to the input, as relevance goes.
            for (id, gradient) in gradients.nodes.iter().rev() {
                let node = generator.node(*id);
                if matches!(node.op, Op::Constant) {
                    continue;
                }
                let product = (gradient * value(*id)?)?;
                units.push(UnitSums {
                    layer: node.name.clone(),
                    sums: plane_sums(&product)?,
                    absolutes: plane_sums(&product.abs()?)?,
                });
                if self.settings.retain.contains(&node.name) {
                    inner.insert(node.name.clone(), product);
                }
            }
            let id = generator.inputs().first();
            let id = *id.ok_or(NetworkError::NoInputOrOutput)?;
            let input = match gradients.nodes.get(&id) {
                Some(gradient) => (gradient * value(id)?)?,
                None => value(id)?.zeros_like()?,
            };
            let (sums, absolutes) = (sample_sums(&input)?, sample_sums(&input.abs()?)?);
            let rows = slope.balances.iter().zip(sums).zip(absolutes);
            let balances = rows.map(|((judged, sum), absolute)| Balance {
                score: judged.score,
                start: judged.score,
                sum,
                absolute,
                ..Balance::default()
            });
            map.parts.push(ThroughPart {
                output: *index,
                pole: None,
                picture: (seed * drawn)?,
                input,
                judged: slope.balances.clone(),
                balances: balances.collect(),
                units,
                inner,
            });
            map.pictures.push(drawn.clone());
        }
        Ok(map)
    }
}
