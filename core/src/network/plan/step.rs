//! One step of a plan, computed into its buffer.

use candle_core::{Device, Tensor};

use super::super::forward::inside;
use super::super::{NetworkError, Node, normalise};
use super::Steps;
use super::build::Step;
use super::head::Head;
use super::links::{self, Sources, SpreadEdit};
use crate::kernels::{self, DenseShape, PreparedConv};

/// A tensor of the first `batch` samples of a buffer.
pub(super) fn tensor(values: &[f32], batch: usize, dims: &[usize]) -> Result<Tensor, NetworkError> {
    let dims = [&[batch], dims].concat();
    let len = dims.iter().product();
    Ok(Tensor::from_slice(&values[..len], dims, &Device::Cpu)?)
}

/// What a step reads.
pub(super) struct State<'a> {
    pub(super) steps: &'a Steps,
    /// Pictures of the run.
    pub(super) pictures: usize,
    /// Samples to compute: the pictures, for every edit of many.
    pub(super) batch: usize,
    /// The buffers of the run, and those of values that the many edits change.
    pub(super) main: &'a [Vec<f32>],
    pub(super) changed: &'a [Vec<f32>],
    /// Per value: whether many edits change it. Empty for one edit.
    pub(super) is_changed: &'a [bool],
    /// Per edit of many, per editable layer.
    pub(super) edits: &'a [Vec<Option<SpreadEdit>>],
}

impl Sources for State<'_> {
    fn value(&self, id: usize) -> &[f32] {
        let len = self.batch_of(id) * self.steps.values[id].sample();
        let buffers = if self.is_changed(id) {
            self.changed
        } else {
            self.main
        };
        &buffers[self.steps.buffers[id]][..len]
    }

    fn edit(&self, index: usize, sample: usize) -> Option<&SpreadEdit> {
        self.edits[sample / self.pictures][index].as_ref()
    }
}

impl State<'_> {
    fn is_changed(&self, value: usize) -> bool {
        self.is_changed.get(value).is_some_and(|changed| *changed)
    }

    /// For how many samples a value was computed.
    fn batch_of(&self, value: usize) -> usize {
        if self.is_changed(value) {
            self.batch
        } else {
            self.pictures
        }
    }

    /// Computes one step into `write`, which may hold the value that a copy is made of.
    pub(super) fn execute(
        &self,
        step: &Step,
        node: &Node,
        write: &mut [f32],
    ) -> Result<(), NetworkError> {
        let extent = step.extent;
        let write = &mut write[..self.batch * extent.sample];
        let finish =
            |offset: usize, run: &mut [f32]| links::apply(&step.links, extent, self, offset, run);
        match &step.head {
            Head::Conv(conv) => {
                if self.convolve((step, node), conv, write, &finish)? {
                    return Ok(());
                }
            }
            Head::Dense {
                shape,
                weight,
                bias,
            } => {
                let of = self.batch_of(step.sources[0]);
                let shape = DenseShape {
                    batch: of,
                    ..*shape
                };
                let x = self.value(step.sources[0]);
                let part = &mut write[..of * extent.sample];
                kernels::dense_into(shape, x, weight, bias.as_deref(), part);
                repeat(write, of * extent.sample);
            }
            Head::Copy => {
                let source = step.sources[0];
                if self.steps.buffers[source] != self.steps.buffers[step.write] {
                    let from = self.value(source);
                    return {
                        let _: () = kernels::for_planes(write, extent.plane, |offset, run| {
                            run.copy_from_slice(&from[offset % from.len()..][..run.len()]);
                            finish(offset, run);
                        });
                        Ok(())
                    };
                }
            }
            Head::Concat { blocks } => self.concat(step, *blocks, write),
            Head::Gather(gather) => {
                let x = self.value(step.sources[0]);
                return {
                    kernels::for_planes(write, extent.plane, |offset, run| {
                        gather.fill(x, offset, run);
                        finish(offset, run);
                    });
                    Ok(())
                };
            }
            Head::Planes(work) => {
                let x = self.value(step.sources[0]);
                let [from, to] = work.lens();
                kernels::for_planes(write, to, |offset, run| {
                    work.run(&x[offset / to * from % x.len()..][..from], run);
                });
            }
            Head::PixelNorm { eps, plane } => {
                let x = self.value(step.sources[0]);
                kernels::for_planes(write, extent.sample, |offset, run| {
                    let x = &x[offset % x.len()..][..extent.sample];
                    normalise::pixel_norm_sample(x, run, *plane, *eps);
                });
            }
            Head::Constant(value) => {
                for sample in write.chunks_mut(extent.sample) {
                    sample.copy_from_slice(value);
                }
            }
        }
        if !step.links.is_empty() {
            kernels::for_planes(write, extent.plane, finish);
        }
        Ok(())
    }

    /// Convolves into `write`; whether the links are done too.
    fn convolve(
        &self,
        (step, node): (&Step, &Node),
        conv: &PreparedConv,
        write: &mut [f32],
        finish: kernels::Finish<'_>,
    ) -> Result<bool, NetworkError> {
        let of = self.batch_of(step.sources[0]);
        let is_shared = of != self.batch;
        let finish = (!is_shared && !step.links.is_empty()).then_some(finish);
        let (x, part) = (self.value(step.sources[0]), of * step.extent.sample);
        let done = conv.run(of, x, &mut write[..part], finish);
        done.map_err(|error| inside(node, candle_core::Error::wrap(error).into()))?;
        if is_shared {
            repeat(write, part);
        }
        Ok(!is_shared)
    }

    fn concat(&self, step: &Step, blocks: usize, write: &mut [f32]) {
        let sample = step.extent.sample;
        let mut start = 0;
        for source in &step.sources {
            let (from, part) = (self.value(*source), self.steps.values[*source].sample());
            let block = part / blocks;
            for (n, sample) in write.chunks_mut(sample).enumerate() {
                let from = &from[n * part % from.len()..][..part];
                let to = sample.chunks_mut(step.extent.sample / blocks);
                for (to, from) in to.zip(from.chunks(block)) {
                    to[start..start + block].copy_from_slice(from);
                }
            }
            start += block;
        }
    }
}

/// Repeats the first `part` elements over the rest: what many edits share until the links of its step.
fn repeat(values: &mut [f32], part: usize) {
    for start in (part..values.len()).step_by(part) {
        values.copy_within(..part, start);
    }
}
