//! The pairs of the steps to come, drawn by threads of their own ahead of the trainer.
//!
//! Invariant: what a step gets depends on the recipe, the stamps, the step and the number of returns alone, not on the
//! number of threads or their pace.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use candle_core::Device;
use crossbeam_channel::{Receiver, bounded};

use super::TrainError;
use super::batch::{Batch, HostBatch};
use super::data::{DataError, Pair, PairSource};

/// Steps that each thread may be ahead.
const AHEAD: usize = 4;

/// Pairs that are skipped for every return to a saved state: more than any run draws.
const SKIPPED: u64 = 1 << 40;

/// Which pairs a run draws.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// The first step.
    pub(super) step: u64,
    /// Pairs per step.
    pub(super) size: usize,
    /// How often the run went back; it sees other pairs then.
    pub(super) returns: u64,
}

/// Hands out the batches of one step after another.
#[derive(Debug)]
pub(super) struct Feed {
    lanes: Vec<Receiver<Result<HostBatch, DataError>>>,
    threads: Vec<JoinHandle<()>>,
    next: usize,
    upload: Upload,
}

impl Feed {
    /// Starts to draw on `threads` threads.
    pub(super) fn start(
        source: &Arc<PairSource>,
        from: Position,
        threads: usize,
        device: &Device,
    ) -> Self {
        let threads = threads.max(1);
        let (lanes, threads) = (0..threads)
            .map(|lane| {
                let (sender, receiver) = bounded(AHEAD);
                let source = Arc::clone(source);
                let draw = move || {
                    let steps = (from.step + lane as u64..).step_by(threads);
                    for step in steps {
                        let batch = drawn(&source, Position { step, ..from });
                        // Nobody waits for it any more when the feed is gone.
                        if sender.send(batch).is_err() {
                            return;
                        }
                    }
                };
                (receiver, thread::spawn(draw))
            })
            .unzip();
        Self {
            lanes,
            threads,
            next: 0,
            upload: Upload::new(device),
        }
    }

    /// The batch of the next step, on the device.
    ///
    /// # Errors
    /// When a pair cannot be drawn or the device does not take it.
    pub(super) fn next(&mut self) -> Result<Batch, TrainError> {
        let host = self.next_host()?;
        Ok(self.upload.put(host)?)
    }

    fn next_host(&mut self) -> Result<HostBatch, TrainError> {
        let lane = self.next % self.lanes.len();
        self.next += 1;
        let ended = || candle_core::Error::Msg("a thread that draws pairs has ended".to_owned());
        Ok(self.lanes[lane].recv().map_err(|_| ended())??)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.lanes.clear();
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The pairs of one step.
fn drawn(source: &PairSource, at: Position) -> Result<HostBatch, DataError> {
    let first = at
        .returns
        .wrapping_mul(SKIPPED)
        .wrapping_add(at.step * at.size as u64);
    let pairs: Vec<Pair> = (0..at.size as u64)
        .map(|i| source.pair(first.wrapping_add(i)))
        .collect::<Result<_, _>>()?;
    Ok(HostBatch::of(&pairs, source.recipe().side))
}

/// Threads that keep a device fed: nearly all of a computer whose GPU does the rest, few beside a processor that trains.
pub(super) fn threads_for(device: &Device) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if device.is_cpu() {
        (cores / 4).max(1)
    } else {
        cores.saturating_sub(2).clamp(1, 24)
    }
}

/// The way to the device.
#[derive(Debug)]
struct Upload {
    device: Device,
    #[cfg(feature = "cuda")]
    buffers: Option<ganoscope_cuda::kernels::Upload>,
}

impl Upload {
    fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            #[cfg(feature = "cuda")]
            buffers: None,
        }
    }

    #[cfg(feature = "cuda")]
    fn put(&mut self, host: HostBatch) -> candle_core::Result<Batch> {
        if !self.device.is_cuda() {
            return Batch::new(host, &self.device);
        }
        let buffers = match &mut self.buffers {
            Some(buffers) => buffers,
            empty => empty.insert(ganoscope_cuda::kernels::Upload::new(
                &self.device,
                host.values.len(),
            )?),
        };
        let [n, c, h, w] = host.dims;
        Batch::split(&buffers.put(&host.values, &[3 * n, c, h, w])?)
    }

    #[cfg(not(feature = "cuda"))]
    fn put(&mut self, host: HostBatch) -> candle_core::Result<Batch> {
        Batch::new(host, &self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::{DataRecipe, ExclusionList};

    #[test]
    fn steps_come_in_order_whatever_the_number_of_threads() {
        let recipe = DataRecipe {
            simulated: 4,
            side: 16,
            ..DataRecipe::default()
        };
        let source = PairSource::new(recipe, Vec::new(), &ExclusionList::default()).unwrap();
        let source = Arc::new(source);
        let from = Position {
            step: 3,
            size: 2,
            returns: 0,
        };
        for threads in [1, 2, 5] {
            let mut feed = Feed::start(&source, from, threads, &Device::Cpu);
            for step in 3..15 {
                let expected = drawn(&source, Position { step, ..from }).unwrap();
                assert_eq!(feed.next_host().unwrap(), expected, "{threads} {step}");
            }
        }
    }

    #[test]
    fn a_return_brings_other_pairs() {
        let recipe = DataRecipe {
            simulated: 4,
            side: 16,
            ..DataRecipe::default()
        };
        let source = PairSource::new(recipe, Vec::new(), &ExclusionList::default()).unwrap();
        let at = |returns| {
            let from = Position {
                step: 3,
                size: 2,
                returns,
            };
            drawn(&source, from).unwrap()
        };
        assert_ne!(at(0), at(1));
        assert_ne!(at(1), at(2));
    }
}
