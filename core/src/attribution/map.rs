//! The result of an attribution: the map and everything that says how far to trust it.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use crate::network::LayerName;

/// Where the relevance of one sample went.
///
/// `start = sum + absorbed + stopped + the rest`; the rest had nowhere to go (no evidence for it in some layer, or a stabiliser).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Balance {
    /// The explained value, for example the logit.
    pub score: f64,
    /// The relevance the walk started from.
    pub start: f64,
    /// Sum of the map.
    pub sum: f64,
    /// Sum of the map's magnitudes.
    pub absolute: f64,
    /// Relevance that biases, constants and other inputs took.
    pub absorbed: f64,
    /// Relevance that stayed at the layers of [`super::Options::stop_at`].
    pub stopped: f64,
    /// What is not accounted for, relative to the start: `(start - sum - absorbed - stopped) / |start|`. For gradients times an
    /// input difference it is the completeness gap; `None` where conservation is not claimed.
    pub gap: Option<f64>,
}

impl Balance {
    /// The share of the start that did not reach the input: `1 - sum / start`.
    pub fn leak(&self) -> f64 {
        if self.start == 0.0 {
            0.0
        } else {
            1.0 - self.sum / self.start
        }
    }

    pub(super) fn close(mut self) -> Self {
        let rest = self.start - self.sum - self.absorbed - self.stopped;
        self.gap = Some(if self.start == 0.0 {
            rest
        } else {
            rest / self.start.abs()
        });
        self
    }
}

/// The map of one pole.
#[derive(Clone, Debug)]
pub struct PoleMap {
    /// `[N, C, H, W]`; not negative for the real pole, not positive for the other.
    pub relevance: Tensor,
    /// One per sample.
    pub balances: Vec<Balance>,
}

/// Both poles of a Polarized-LRP.
#[derive(Clone, Debug)]
pub struct Poles {
    /// Evidence for "real".
    pub real: PoleMap,
    /// Evidence for "generated".
    pub fake: PoleMap,
}

/// The relevance that arrived at a layer's output.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSum {
    /// The layer.
    pub layer: LayerName,
    /// Sum over each sample.
    pub sums: Vec<f64>,
}

/// The relevance that arrived at the units of a layer, summed over rows and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitSums {
    /// The layer.
    pub layer: LayerName,
    /// For every sample one sum per unit.
    pub sums: Vec<Vec<f64>>,
    /// The same of magnitudes: what positive and negative pixels hide from each other in `sums`.
    pub absolutes: Vec<Vec<f64>>,
}

impl UnitSums {
    /// Adds those of the same layer and samples.
    pub(super) fn add(&mut self, other: &Self) {
        let add = |to: &mut [Vec<f64>], more: &[Vec<f64>]| {
            for (to, more) in to.iter_mut().zip(more) {
                for (to, more) in to.iter_mut().zip(more) {
                    *to += more;
                }
            }
        };
        add(&mut self.sums, &other.sums);
        add(&mut self.absolutes, &other.absolutes);
    }
}

/// What an attribution returns.
#[derive(Clone, Debug)]
pub struct AttributionMap {
    /// Attribution of the first input, in its dimensions, `[N, C, H, W]`; positive pushes the score up.
    pub relevance: Tensor,
    /// Attribution of the other inputs, in the network's order.
    pub other_inputs: Vec<Tensor>,
    /// Each pole alone, for Polarized-LRP with both poles.
    pub poles: Option<Poles>,
    /// The explained output's value, `[N, ...]`.
    pub output: Tensor,
    /// Where the relevance went, one per sample.
    pub balances: Vec<Balance>,
    /// Relevance arriving at every layer's output, from output to input, when asked for.
    pub layers: Vec<LayerSum>,
    /// Relevance arriving at every unit, from output to input, when asked for.
    pub units: Vec<UnitSums>,
    /// Inner relevance of the layers asked for or stopped at, in the layers' dimensions.
    pub inner: BTreeMap<LayerName, Tensor>,
    /// What a reader of the map should know, as sentences without a full stop.
    pub warnings: Vec<String>,
}

impl AttributionMap {
    /// The same map in another element type.
    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self, candle_core::Error> {
        let pole = |pole: &PoleMap| -> Result<PoleMap, candle_core::Error> {
            Ok(PoleMap {
                relevance: pole.relevance.to_dtype(dtype)?,
                balances: pole.balances.clone(),
            })
        };
        let poles = match &self.poles {
            Some(Poles { real, fake }) => Some(Poles {
                real: pole(real)?,
                fake: pole(fake)?,
            }),
            None => None,
        };
        let others = self.other_inputs.iter().map(|t| t.to_dtype(dtype));
        let inner = self.inner.iter();
        Ok(Self {
            relevance: self.relevance.to_dtype(dtype)?,
            other_inputs: others.collect::<Result<_, _>>()?,
            poles,
            output: self.output.to_dtype(dtype)?,
            inner: inner
                .map(|(layer, t)| Ok((layer.clone(), t.to_dtype(dtype)?)))
                .collect::<Result<_, candle_core::Error>>()?,
            ..self.clone()
        })
    }

    /// The map summed over channels: `[N, H, W]`.
    ///
    /// # Errors
    /// When the input has no channels.
    pub fn heat(&self) -> Result<Tensor, candle_core::Error> {
        self.relevance.sum(1)
    }

    /// The largest gap of the samples, in magnitude; `None` where the method claims no conservation.
    pub fn conservation_gap(&self) -> Option<f64> {
        self.balances
            .iter()
            .filter_map(|balance| balance.gap.map(f64::abs))
            .reduce(f64::max)
    }
}
