//! Operations that only move elements, as one list: where every element of the result comes from.
//!
//! Invariant: the list is what the operation makes of the numbers of the elements, so it cannot disagree with it.

use candle_core::{DType, Device, Tensor};

use super::super::{Mode, NetworkError, Node, Op, node_forward};

/// For an element that comes from nowhere.
const NOWHERE: u32 = u32::MAX;

/// Where every element of a sample comes from.
#[derive(Debug)]
pub(super) struct Gather {
    from: Vec<u32>,
    /// The value of elements that come from nowhere (padding).
    other: f32,
    /// Elements of a sample of the source.
    source: usize,
}

impl Gather {
    /// Of `node`, which moves the elements of one value of `dims`.
    pub(super) fn of(node: &Node, dims: &[usize]) -> Result<Self, NetworkError> {
        let mut node = node.clone();
        let mut other = 0.0;
        if let Op::Pad { value, .. } = &mut node.op {
            other = std::mem::replace(value, f64::from(NOWHERE)) as f32;
        }
        let numbers = numbers(dims)?;
        let moved = node_forward(&node, &[&numbers], 1, Mode::Inference, |_| ())?;
        Self::listed(&moved, dims, other)
    }

    /// That repeats a value of `dims` along the axes where `wide`, with which it ends, has more.
    pub(super) fn repeating(dims: &[usize], wide: &[usize]) -> Result<Self, NetworkError> {
        let lifted = [&vec![1; wide.len() - dims.len()], dims].concat();
        let moved = numbers(dims)?.reshape(lifted)?.broadcast_as(wide)?;
        Self::listed(&moved, dims, 0.0)
    }

    fn listed(moved: &Tensor, dims: &[usize], other: f32) -> Result<Self, NetworkError> {
        let list = moved.contiguous()?.flatten_all()?.to_vec1::<f64>()?;
        Ok(Self {
            from: list.iter().map(|at| *at as u32).collect(),
            other,
            source: dims.iter().product::<usize>().max(1),
        })
    }

    /// Fills `run`, elements of the result from `offset` on (over all samples), from the samples `x`.
    ///
    /// `x` may have fewer samples; they are read again and again.
    pub(super) fn fill(&self, x: &[f32], offset: usize, run: &mut [f32]) {
        let (sample, start) = (offset / self.from.len(), offset % self.from.len());
        let x = &x[sample * self.source % x.len()..][..self.source];
        for (y, at) in run.iter_mut().zip(&self.from[start..]) {
            *y = x.get(*at as usize).copied().unwrap_or(self.other);
        }
    }
}

/// The number of every element of a sample of `dims`, `[1, dims]`; exact in f64.
fn numbers(dims: &[usize]) -> Result<Tensor, NetworkError> {
    let count = dims.iter().product::<usize>().max(1);
    match u32::try_from(count) {
        Ok(count) if count < NOWHERE => {}
        _ => {
            let message = format!("a value of {count} elements is too large for a plan");
            return Err(candle_core::Error::Msg(message).into());
        }
    }
    let dims = [&[1], dims].concat();
    Ok(Tensor::arange(0_u32, count as u32, &Device::Cpu)?
        .to_dtype(DType::F64)?
        .reshape(dims)?)
}
