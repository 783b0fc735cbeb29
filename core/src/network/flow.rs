//! A gradient on its way back through a network.
//!
//! Invariant: values that a [`Flow`] owns are seen by nobody else, so a pullback may write its result in their place.

use std::ops::Deref;

use candle_core::{Result, Tensor};

use super::elementwise::{self, floats, from_vec, is_fast};
use crate::kernels;

/// The gradient at a node's value, `[N, ...]`.
#[derive(Debug)]
pub(super) enum Flow {
    /// Values in f32 on the CPU that nobody else holds, with their dimensions.
    Own(Vec<f32>, Vec<usize>),
    /// Any tensor, perhaps held elsewhere too.
    Shared(Tensor),
}

impl Flow {
    pub(super) fn dims(&self) -> &[usize] {
        match self {
            Self::Own(_, dims) => dims,
            Self::Shared(tensor) => tensor.dims(),
        }
    }

    /// Elements of one channel of one sample.
    pub(super) fn plane(&self) -> usize {
        self.dims().iter().skip(2).product()
    }

    /// Whether it is f32 on the CPU.
    pub(super) fn is_fast(&self) -> bool {
        match self {
            Self::Own(..) => true,
            Self::Shared(tensor) => is_fast(tensor),
        }
    }

    /// The same as a tensor; copies nothing.
    pub(super) fn into_tensor(self) -> Result<Tensor> {
        match self {
            Self::Own(values, dims) => from_vec(values, &dims),
            Self::Shared(tensor) => Ok(tensor),
        }
    }

    /// Two handles of the same gradient.
    pub(super) fn split(self) -> Result<(Self, Self)> {
        let tensor = self.into_tensor()?;
        Ok((Self::Shared(tensor.clone()), Self::Shared(tensor)))
    }

    /// The same values with other dimensions of as many elements.
    pub(super) fn reshape(self, dims: &[usize]) -> Result<Self> {
        Ok(match self {
            Self::Own(values, _) => Self::Own(values, dims.to_vec()),
            Self::Shared(tensor) => Self::Shared(tensor.reshape(dims)?),
        })
    }

    /// The elements; f32 on the CPU only.
    pub(super) fn values(&self) -> Result<Box<dyn Deref<Target = [f32]> + '_>> {
        Ok(match self {
            Self::Own(values, _) => Box::new(values.as_slice()),
            Self::Shared(tensor) => Box::new(floats(tensor)?),
        })
    }

    /// `f(i)(g, x)` for every pair of elements of every plane `i`, in the place of `g` when that is owned; f32 on the CPU
    /// only, `x` as long as the gradient.
    pub(super) fn zip_planes<F: Fn(f32, f32) -> f32>(
        self,
        x: &[f32],
        f: impl Fn(usize) -> F + Sync,
    ) -> Result<Self> {
        let plane = self.plane();
        Ok(match self {
            Self::Own(mut values, dims) => {
                kernels::update_zip_planes(&mut values, x, plane, f);
                Self::Own(values, dims)
            }
            Self::Shared(tensor) => {
                let values = kernels::zip_planes(&floats(&tensor)?, x, plane, f);
                Self::Own(values, tensor.dims().to_vec())
            }
        })
    }

    /// [`Self::zip_planes`] with a third value, a sample that repeats.
    pub(super) fn zip3_planes<F: Fn(f32, f32, f32) -> f32>(
        self,
        x: &[f32],
        sample: &[f32],
        f: impl Fn(usize) -> F + Sync,
    ) -> Result<Self> {
        let plane = self.plane();
        Ok(match self {
            Self::Own(mut values, dims) => {
                kernels::update_zip3_planes(&mut values, x, sample, plane, f);
                Self::Own(values, dims)
            }
            Self::Shared(tensor) => {
                let values = kernels::zip3_planes(&floats(&tensor)?, x, sample, plane, f);
                Self::Own(values, tensor.dims().to_vec())
            }
        })
    }

    /// The sum of two gradients of the same value.
    pub(super) fn plus(self, other: Self) -> Result<Self> {
        let (own, other) = match (self, other) {
            (other @ Self::Shared(_), own @ Self::Own(..)) => (own, other),
            pair => pair,
        };
        if own.is_fast() && other.is_fast() && own.dims() == other.dims() {
            let other = other.values()?;
            return own.zip_planes(&other, |_| |a, b| a + b);
        }
        let sum = elementwise::add(&own.into_tensor()?, &other.into_tensor()?)?;
        Ok(Self::Shared(sum))
    }
}
