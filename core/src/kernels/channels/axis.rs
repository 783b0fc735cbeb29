//! Rows or columns of a convolution, forward or transposed: which sources a target reads.
//!
//! Invariant: targets of one phase are `spread` apart and read sources `advance` apart at the same taps; every tap belongs to
//! one phase.

use super::super::shape::ConvShape;
use super::super::way::Way;

/// One tap of the kernel along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tap {
    /// Row or column of the kernel.
    pub(super) index: usize,
    /// Its source, from [`Phase::origin`] on.
    pub(super) offset: isize,
}

/// Targets that read at the same taps.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    /// The first target, below the spread.
    pub(super) first: usize,
    /// The source of the first target at offset 0.
    origin: isize,
    /// In ascending order of their offsets; none when the stride skips these targets.
    pub(super) taps: Vec<Tap>,
}

impl Phase {
    /// The first and the last source that the first target reads.
    fn ends(&self) -> Option<[isize; 2]> {
        let (first, last) = (self.taps.first()?, self.taps.last()?);
        Some([first.offset, last.offset].map(|offset| self.origin + offset))
    }
}

/// Rows or columns.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) source_len: usize,
    pub(super) target_len: usize,
    pub(super) spread: usize,
    pub(super) advance: usize,
    pub(super) phases: Vec<Phase>,
}

impl Axis {
    /// Axis 0 (rows) or 1 (columns) of a convolution.
    pub(super) fn new(way: Way, shape: &ConvShape, axis: usize) -> Self {
        let window = shape.window();
        let (stride, dilation) = (window.stride[axis], window.dilation[axis]);
        let (pad, kernel) = (window.pad_before[axis], shape.kernel()[axis]);
        let (ins, outs) = (shape.in_size()[axis], shape.out_size()[axis]);
        match way {
            Way::Forward => {
                let tap = |index| Tap {
                    index,
                    offset: (index * dilation) as isize,
                };
                Self {
                    source_len: ins,
                    target_len: outs,
                    spread: 1,
                    advance: stride,
                    phases: vec![Phase {
                        first: 0,
                        origin: -(pad as isize),
                        taps: (0..kernel).map(tap).collect(),
                    }],
                }
            }
            Way::Transposed => {
                // Target i reads source o at tap k where i + pad = o stride + k dilation.
                let phase = |first: usize| {
                    let rest = (first + pad) % stride;
                    let of_phase = (0..kernel).rev().filter(|k| k * dilation % stride == rest);
                    let tap = |index: usize| Tap {
                        index,
                        offset: -((index * dilation / stride) as isize),
                    };
                    Phase {
                        first,
                        origin: ((first + pad - rest) / stride) as isize,
                        taps: of_phase.map(tap).collect(),
                    }
                };
                Self {
                    source_len: outs,
                    target_len: ins,
                    spread: stride,
                    advance: 1,
                    // A stride may be longer than the picture.
                    phases: (0..stride.min(ins)).map(phase).collect(),
                }
            }
        }
    }

    /// The first source that the first targets read, one of each phase.
    pub(super) fn origin(&self) -> isize {
        let firsts = self.phases.iter().filter_map(Phase::ends);
        firsts.map(|[first, _]| first).min().unwrap_or(0)
    }

    /// How many of the first `targets` targets are of a phase.
    pub(super) fn count(&self, phase: &Phase, targets: usize) -> usize {
        targets.saturating_sub(phase.first).div_ceil(self.spread)
    }

    /// How many sources, from [`Axis::origin`] on, the first `targets` targets read.
    pub(super) fn reach(&self, targets: usize) -> usize {
        let last = |phase: &Phase| {
            let more = self.count(phase, targets).checked_sub(1)?;
            Some(phase.ends()?[1] + (more * self.advance) as isize)
        };
        let last = self.phases.iter().filter_map(last).max();
        last.map_or(0, |last| (last + 1 - self.origin()) as usize)
    }

    /// The first source that the first target of a phase reads, from [`Axis::origin`] on; 0 when it reads none.
    pub(super) fn start(&self, phase: &Phase) -> usize {
        phase
            .ends()
            .map_or(0, |[first, _]| (first - self.origin()) as usize)
    }

    /// The most taps of a phase.
    pub(super) fn most_taps(&self) -> usize {
        let taps = self.phases.iter().map(|phase| phase.taps.len());
        taps.max().unwrap_or(0)
    }
}
