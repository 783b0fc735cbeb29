//! What is done to a value in the place where it was computed, run by run while it is in the cache.

use super::super::{Affine, Node, Op, Role, activation, normalise};
use super::NetworkError;
use crate::kernels::{update_run, zip_run};

/// One value per channel, or one per element of a sample.
#[derive(Clone, Debug)]
pub(super) enum Spread {
    Channels(Vec<f32>),
    Elements(Vec<f32>),
}

/// The sizes of a sample that is worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) sample: usize,
    /// Elements of a channel; of the whole sample when a channel is one element.
    pub(super) plane: usize,
}

impl Extent {
    /// Of a sample of dimensions `dims` (batch left out).
    pub(super) fn of(dims: &[usize]) -> Self {
        let sample = dims.iter().product::<usize>().max(1);
        let plane: usize = dims.iter().skip(1).product();
        let plane = if dims.len() > 1 && plane > 1 {
            plane
        } else {
            sample
        };
        Self { sample, plane }
    }

    /// `values` spread over a sample: `[1]`, `[C]` or one for every element.
    fn spread(self, values: Vec<f32>, channels: usize) -> Spread {
        let planes = self.sample / self.plane;
        let values = match values.len() {
            n if n == self.sample => return Spread::Elements(values),
            1 => vec![values[0]; channels],
            _ => values,
        };
        if planes == values.len() {
            Spread::Channels(values)
        } else {
            // A channel of one element: the sample is worked on as one plane.
            Spread::Elements(values)
        }
    }
}

/// One thing that is done to a value.
#[derive(Clone, Debug)]
pub(super) enum Link {
    /// `x + b`.
    Bias(Spread),
    /// `gain x + offset`.
    Affine(Spread, Spread),
    /// An activation with the slopes of a `PReLU`.
    Activation(Op, Option<Spread>),
    /// Adds a value of the same dimensions.
    Add(usize),
    /// Multiplies by a value of the same dimensions.
    Mul(usize),
    /// Applies the edit of an editable layer, if there is one.
    Edit(usize),
}

impl Link {
    /// What `node`, an element-wise operation of one input, does; `None` for any other.
    pub(super) fn of(node: &Node) -> Result<Option<Self>, NetworkError> {
        let extent = Extent::of(&node.fact.dims);
        let channels = node.fact.dims.first().copied().unwrap_or(1);
        let spread = |t: &candle_core::Tensor| -> Result<Spread, NetworkError> {
            Ok(extent.spread(t.flatten_all()?.to_vec1()?, channels))
        };
        Ok(match &node.op {
            Op::BatchNorm { eps } => {
                let (gain, offset) = normalise::affine_of(node, *eps)?;
                Some(Self::Affine(spread(&gain)?, spread(&offset)?))
            }
            Op::Prelu => {
                let slope = spread(node.require(Role::Slope)?)?;
                Some(Self::Activation(Op::Prelu, Some(slope)))
            }
            op if op.is_activation() => Some(Self::Activation(op.clone(), None)),
            _ => None,
        })
    }

    /// Weight and bias of a normalisation, where it has them.
    pub(super) fn scaling(node: &Node) -> Result<Option<Self>, NetworkError> {
        let (weight, bias) = (node.param(Role::Weight), node.param(Role::Bias));
        if weight.is_none() && bias.is_none() {
            return Ok(None);
        }
        let channels = node.fact.dims.first().copied().unwrap_or(1);
        let spread = |t: Option<&candle_core::Tensor>, missing: f32| {
            let values = match t {
                Some(t) => t.flatten_all()?.to_vec1()?,
                None => vec![missing; channels],
            };
            Ok::<_, NetworkError>(Extent::of(&node.fact.dims).spread(values, channels))
        };
        Ok(Some(Self::Affine(spread(weight, 1.0)?, spread(bias, 0.0)?)))
    }

    /// A bias of any form for a value of dimensions `dims`.
    pub(super) fn bias(bias: &candle_core::Tensor, dims: &[usize]) -> Result<Self, NetworkError> {
        let values = bias.flatten_all()?.to_vec1()?;
        Ok(Self::Bias(Extent::of(dims).spread(values, dims[0])))
    }
}

/// The edit of one layer for one sample, spread over it.
#[derive(Clone, Debug)]
pub(super) struct SpreadEdit {
    gain: Spread,
    offset: Spread,
}

impl SpreadEdit {
    /// Spreads `edit`, whose tensors broadcast to `[1, dims]`.
    pub(super) fn new(edit: &Affine, dims: &[usize]) -> Result<Self, NetworkError> {
        let extent = Extent::of(dims);
        let channels = dims.first().copied().unwrap_or(1);
        let spread = |t: &candle_core::Tensor| -> Result<Spread, NetworkError> {
            let is_per_channel = t.elem_count() == 1
                || (t.rank() == dims.len() + 1
                    && t.elem_count() == channels
                    && t.dims()[1] == channels);
            let values = if is_per_channel {
                t.flatten_all()?.to_vec1()?
            } else {
                let full = [&[1], dims].concat();
                t.broadcast_as(full)?
                    .contiguous()?
                    .flatten_all()?
                    .to_vec1()?
            };
            Ok(extent.spread(values, channels))
        };
        Ok(Self {
            gain: spread(&edit.gain)?,
            offset: spread(&edit.offset)?,
        })
    }
}

/// What links read besides the value itself.
pub(super) trait Sources: Sync {
    /// A value, for one or more samples.
    fn value(&self, id: usize) -> &[f32];
    /// The edit of editable layer `index` for sample `sample` of the batch.
    fn edit(&self, index: usize, sample: usize) -> Option<&SpreadEdit>;
}

/// Does all of `links` to `run`, which begins at `offset` of a value and lies within one plane.
pub(super) fn apply(
    links: &[Link],
    extent: Extent,
    sources: &impl Sources,
    offset: usize,
    run: &mut [f32],
) {
    let place = Place {
        channel: offset % extent.sample / extent.plane,
        element: offset % extent.sample,
    };
    for link in links {
        match link {
            Link::Bias(Spread::Channels(bias)) => {
                let bias = bias[place.channel];
                update_run(run, move |x| x + bias);
            }
            Link::Bias(Spread::Elements(bias)) => {
                zip_run(run, &bias[place.element..], |x, b| x + b);
            }
            Link::Affine(gain, shift) => place.affine(gain, shift, run),
            Link::Activation(op, slope) => {
                let slope = match slope {
                    None => activation::Slope::None,
                    Some(Spread::Channels(slope)) => activation::Slope::One(slope[place.channel]),
                    Some(Spread::Elements(slope)) => {
                        activation::Slope::Each(&slope[place.element..])
                    }
                };
                activation::update_run(op, slope, run);
            }
            Link::Add(value) => zip_run(run, wrapped(sources.value(*value), offset), |x, y| x + y),
            Link::Mul(value) => zip_run(run, wrapped(sources.value(*value), offset), |x, y| x * y),
            Link::Edit(index) => {
                if let Some(edit) = sources.edit(*index, offset / extent.sample) {
                    place.affine(&edit.gain, &edit.offset, run);
                }
            }
        }
    }
}

/// The rest of `values` from `offset`, for a value that was computed once for many edits.
fn wrapped(values: &[f32], offset: usize) -> &[f32] {
    &values[offset % values.len()..]
}

#[derive(Clone, Copy)]
struct Place {
    channel: usize,
    /// First element within the sample.
    element: usize,
}

impl Place {
    fn affine(self, gain: &Spread, shift: &Spread, run: &mut [f32]) {
        match (gain, shift) {
            (Spread::Channels(gain), Spread::Channels(shift)) => {
                let (gain, shift) = (gain[self.channel], shift[self.channel]);
                update_run(run, move |x| gain * x + shift);
            }
            (Spread::Elements(gain), Spread::Elements(shift)) => {
                // As one multiply and one add, rounded like the whole.
                zip_run(run, &gain[self.element..], |x, gain| gain * x);
                zip_run(run, &shift[self.element..], |x, shift| x + shift);
            }
            (Spread::Channels(gain), Spread::Elements(shift)) => {
                let gain = gain[self.channel];
                zip_run(run, &shift[self.element..], move |x, shift| {
                    gain * x + shift
                });
            }
            (Spread::Elements(gain), Spread::Channels(shift)) => {
                let shift = shift[self.channel];
                zip_run(run, &gain[self.element..], move |x, gain| gain * x + shift);
            }
        }
    }
}
