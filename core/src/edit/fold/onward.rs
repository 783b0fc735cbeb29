//! Folding an edit into the layers that read the edited one.

use super::into::{Placed, keeps_scales};
use super::{FoldError, Folding, Map, Pending};
use crate::network::{LayerName, NodeId, Op, Role};

impl Folding {
    /// Makes all that read `id` see what `map` makes of its value.
    pub(super) fn hand_on(
        &mut self,
        id: NodeId,
        map: &Map,
        edited: &LayerName,
    ) -> Result<Placed, FoldError> {
        if self.is_output(id) {
            return Ok(Err("its value leaves the network".to_owned()));
        }
        let readers = self.readers[id.index()].clone();
        for reader in &readers {
            if let Err(why) = self.can_take(*reader, id, map) {
                return Ok(Err(format!("{} {why}", self.node(*reader).name)));
            }
        }
        for reader in readers {
            self.take(reader, id, map, edited)?;
        }
        Ok(Ok(()))
    }

    /// Whether the reader can be changed so that it sees the edited value.
    fn can_take(&self, reader: NodeId, id: NodeId, map: &Map) -> Result<(), String> {
        let node = self.node(reader);
        if node.inputs.iter().filter(|input| **input == id).count() > 1 {
            return Err("reads it twice".to_owned());
        }
        let has_weights = node.op.is_weighted() || matches!(node.op, Op::BatchNorm { .. });
        if let Some(other) = self.shares(reader).filter(|_| has_weights) {
            return Err(format!("has the weights of {other} too"));
        }
        match &node.op {
            Op::Conv2d(conv) if map.has_offset() && !conv.padding.is_zero() => {
                Err("pads with zeros, which are not shifted".to_owned())
            }
            Op::ConvTranspose2d { .. } if map.has_offset() => {
                Err("spreads a shift unevenly".to_owned())
            }
            Op::Conv2d(_)
            | Op::ConvTranspose2d { .. }
            | Op::Dense
            | Op::BatchNorm { .. }
            | Op::Identity
            | Op::Flatten
            | Op::Concat { axis: 0 }
            | Op::Upsample { .. }
            | Op::GlobalAvgPool => Ok(()),
            Op::AvgPool(pool) if pool.padding.is_zero() || !map.has_offset() => Ok(()),
            Op::MaxPool(_) | Op::GlobalMaxPool if map.gain.iter().all(|g| *g >= 0.0) => Ok(()),
            Op::Pad { value, .. } if *value == 0.0 && !map.has_offset() => Ok(()),
            Op::Add if map.gain.iter().all(|g| *g == 1.0) && self.is_alike(reader, id) => Ok(()),
            Op::Mul if !map.has_offset() && self.is_alike(reader, id) => Ok(()),
            op if keeps_scales(op, map) => Ok(()),
            op => Err(format!("({}) cannot take it", op.kind())),
        }
    }

    fn is_alike(&self, reader: NodeId, id: NodeId) -> bool {
        self.node(reader).fact.dims == self.node(id).fact.dims
    }

    /// Changes the reader, or leaves the edit to the reader's own value.
    fn take(
        &mut self,
        reader: NodeId,
        id: NodeId,
        map: &Map,
        edited: &LayerName,
    ) -> Result<(), FoldError> {
        let node = self.node(reader);
        let units = node.fact.units();
        let onward = match &node.op {
            Op::Conv2d(_) | Op::ConvTranspose2d { .. } | Op::Dense => {
                return self.change_inputs(reader, map);
            }
            Op::BatchNorm { eps } => {
                let eps = *eps;
                return self.change_statistics(reader, map, eps);
            }
            Op::Flatten => {
                let each = units / map.gain.len().max(1);
                map.regrouped(units, |i| i / each.max(1))
            }
            Op::Concat { .. } => {
                let before = node.inputs.iter().take_while(|input| **input != id);
                let start: usize = before.map(|input| self.node(*input).fact.units()).sum();
                map.regrouped(units, |i| i.checked_sub(start).unwrap_or(usize::MAX))
            }
            _ => map.clone(),
        };
        // The reader's own edit comes after what it sees.
        let pending = &mut self.pending[reader.index()];
        *pending = Some(match pending.take() {
            Some(own) => Pending {
                map: onward.then(&own.map),
                ..own
            },
            None => Pending {
                map: onward,
                edited: edited.clone(),
            },
        });
        Ok(())
    }

    /// Scales the weights of every input channel; the offsets go through the kernel into the bias.
    fn change_inputs(&mut self, reader: NodeId, map: &Map) -> Result<(), FoldError> {
        let Some(mut weight) = self.values(reader, Role::Weight)? else {
            return Ok(());
        };
        let node = self.node(reader);
        let units = node.fact.units();
        let inputs = map.gain.len();
        let taps = |conv: &crate::network::ConvSpec| conv.kernel[0] * conv.kernel[1];
        let (taps, groups, is_transposed) = match &node.op {
            Op::Conv2d(conv) => (taps(conv), conv.groups, false),
            Op::ConvTranspose2d { conv, .. } => (taps(conv), conv.groups, true),
            _ => (1, 1, false),
        };
        let (inner, outer) = (inputs / groups.max(1), units / groups.max(1));
        let mut shift = vec![0.0; units];
        for (i, weight) in weight.iter_mut().enumerate() {
            let row = i / taps.max(1);
            let input = if is_transposed {
                row / outer.max(1)
            } else {
                let unit = row / inner.max(1);
                let input = unit / outer.max(1) * inner + row % inner.max(1);
                shift[unit] += *weight * map.offset[input];
                input
            };
            *weight *= map.gain[input];
        }
        self.set(reader, Role::Weight, weight)?;
        if map.has_offset() {
            let bias = self.values(reader, Role::Bias)?;
            let mut bias = bias.unwrap_or_else(|| vec![0.0; units]);
            let pixels = (bias.len() / units.max(1)).max(1);
            for (i, bias) in bias.iter_mut().enumerate() {
                *bias += shift[i / pixels];
            }
            self.set(reader, Role::Bias, bias)?;
        }
        Ok(())
    }

    /// `w (g x + o - m) / s + b = (w g) (x - m) / s + b + w (g m + o - m) / s`.
    fn change_statistics(&mut self, reader: NodeId, map: &Map, eps: f64) -> Result<(), FoldError> {
        let roles = [Role::Weight, Role::Bias, Role::Mean, Role::Var];
        let mut values = Vec::new();
        for role in roles {
            values.push(self.values(reader, role)?.unwrap_or_default());
        }
        let [weight, bias, mean, var] = values.as_mut_slice() else {
            return Ok(());
        };
        let params = weight.iter_mut().zip(bias.iter_mut());
        let params = params.zip(mean.iter().zip(var.iter()));
        for (((weight, bias), (mean, var)), (gain, offset)) in
            params.zip(map.gain.iter().zip(&map.offset))
        {
            *bias += *weight * (gain * mean + offset - mean) / (var + eps).sqrt();
            *weight *= gain;
        }
        let (weight, bias) = (std::mem::take(weight), std::mem::take(bias));
        self.set(reader, Role::Weight, weight)?;
        self.set(reader, Role::Bias, bias)
    }
}
