//! The pairs of one step as tensors on the device that trains.

use candle_core::{Device, Result, Tensor};

use super::data::Pair;

/// Blends with their truths, `[N, 3, H, W]` each.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) blend: Tensor,
    pub(super) truths: [Tensor; 2],
}

/// [`Batch`] in the computer's own memory: all values of the blends, then of the first truths, then of the second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostBatch {
    pub(super) values: Vec<f32>,
    /// `[N, 3, H, W]` of a third of the values.
    pub(super) dims: [usize; 4],
}

impl HostBatch {
    /// The pairs one after another, of stamps with `side` rows and columns.
    pub(super) fn of(pairs: &[Pair], side: usize) -> Self {
        let parts: [fn(&Pair) -> &[f32]; 3] = [|p| &p.blend, |p| &p.truth1, |p| &p.truth2];
        let mut values = Vec::with_capacity(9 * pairs.len() * side * side);
        for part in parts {
            for pair in pairs {
                values.extend_from_slice(part(pair));
            }
        }
        Self {
            values,
            dims: [pairs.len(), 3, side, side],
        }
    }
}

impl Batch {
    /// Takes over the values.
    pub(super) fn new(host: HostBatch, device: &Device) -> Result<Self> {
        let [n, c, h, w] = host.dims;
        Self::split(&Tensor::from_vec(host.values, (3 * n, c, h, w), device)?)
    }

    /// The parts of `[3 N, 3, H, W]`, see [`HostBatch`].
    pub(super) fn split(all: &Tensor) -> Result<Self> {
        let n = all.dim(0)? / 3;
        let part = |i: usize| all.narrow(0, i * n, n);
        Ok(Self {
            blend: part(0)?,
            truths: [part(1)?, part(2)?],
        })
    }

    /// Number of blends.
    pub(super) fn len(&self) -> usize {
        self.blend.dims()[0]
    }

    /// Blends `start..start + len`.
    pub(super) fn part(&self, start: usize, len: usize) -> Result<Self> {
        let [one, two] = &self.truths;
        Ok(Self {
            blend: self.blend.narrow(0, start, len)?,
            truths: [one.narrow(0, start, len)?, two.narrow(0, start, len)?],
        })
    }
}
