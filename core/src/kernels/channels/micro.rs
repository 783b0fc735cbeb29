//! The micro-kernels of convolutions with channels side by side, compiled for every instruction set and blocking.
//!
//! - [`weighted_sums`]: `out[p][c] = init[p][c] + sum over steps of x[place p + step] * w[step][c]` for `P` pixels and `C`
//!   vectors of channels.
//! - [`to_channels`], [`to_planes`]: transpositions before and after.
//!
//! Invariant: the terms of one output are added in the order of the steps, whatever the blocking.

use super::super::lanes::{Lanes, Portable};
use super::super::micro::{InstructionSet, Set};

/// Neighbouring pixels of the packed source, all channels of which are read one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first, from the place of a target on.
    pub(super) start: usize,
    pub(super) len: usize,
}

/// What one call of [`weighted_sums`] reads and writes.
#[derive(Clone, Copy)]
pub(super) struct SumArgs<'a> {
    /// At least `P` packed pixels.
    pub(super) places: &'a [usize],
    pub(super) runs: &'a [Run],
    /// Channels of a packed pixel.
    pub(super) channels: usize,
    pub(super) x: *const f32,
    /// Per step `C` vectors.
    pub(super) w: *const f32,
    pub(super) init: *const f32,
    /// Distance between the start values of neighbouring pixels.
    pub(super) init_row: usize,
    /// Per pixel `C` vectors.
    pub(super) out: *mut f32,
}

/// What one call of [`to_channels`] reads and writes.
#[derive(Clone, Copy)]
pub(super) struct ChannelArgs {
    pub(super) from: *const f32,
    /// Distance between channels.
    pub(super) from_row: usize,
    pub(super) to: *mut f32,
    /// Distance between pixels.
    pub(super) to_row: usize,
    /// At least 4.
    pub(super) pixels: usize,
}

/// What one call of [`to_planes`] reads and writes.
#[derive(Clone, Copy)]
pub(super) struct PlaneArgs {
    pub(super) from: *const f32,
    /// Distance between pixels.
    pub(super) from_row: usize,
    pub(super) to: [*mut f32; 4],
    /// At least the lanes.
    pub(super) pixels: usize,
}

/// `P` pixels by `C` vectors of channels.
///
/// # Safety
/// The instruction set of `L` is present and `places` holds at least `P`. With `N` the length of all runs times `channels`:
/// `x + (place + run.start) * channels` is readable for `run.len * channels` values for every place and run, `w` for `N C LANES`,
/// `init + p * init_row` for `C LANES`; `out` is writable for `P C LANES`.
#[inline(always)]
unsafe fn weighted_sums<L: Lanes, const P: usize, const C: usize>(args: &SumArgs<'_>) {
    // SAFETY: every access below is one that the contract names.
    unsafe {
        let (channels, mut w) = (args.channels, args.w);
        let mut pixels = [args.x; P];
        for (p, pixel) in pixels.iter_mut().enumerate() {
            *pixel = args.x.add(*args.places.get_unchecked(p) * channels);
        }
        let mut sums = [[L::splat(0.0); C]; P];
        for (p, row) in sums.iter_mut().enumerate() {
            for (c, sum) in row.iter_mut().enumerate() {
                *sum = L::load(args.init.add(p * args.init_row + c * L::LANES));
            }
        }
        for run in args.runs {
            let mut step = run.start * channels;
            let end = step + run.len * channels;
            while step < end {
                let mut weights = [L::splat(0.0); C];
                for (c, weight) in weights.iter_mut().enumerate() {
                    *weight = L::load(w.add(c * L::LANES));
                }
                for (row, pixel) in sums.iter_mut().zip(pixels) {
                    let value = L::splat(*pixel.add(step));
                    for (sum, weight) in row.iter_mut().zip(weights) {
                        *sum = L::mul_add(value, weight, *sum);
                    }
                }
                w = w.add(C * L::LANES);
                step += 1;
            }
        }
        for (p, row) in sums.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                L::store(args.out.add((p * C + c) * L::LANES), *sum);
            }
        }
    }
}

/// `to[p * to_row + c] = from[c * from_row + p]` for `LANES` channels `c`.
///
/// # Safety
/// The instruction set of `L` is present and there are at least four pixels; `from + c * from_row` is readable for `pixels`
/// values, `to + p * to_row` writable for `LANES`.
#[inline(always)]
unsafe fn to_channels<L: Lanes>(args: &ChannelArgs) {
    let mut p = 0;
    loop {
        // SAFETY: p + 4 <= pixels; every access is one that the contract names.
        unsafe {
            let columns = L::columns(args.from.add(p), args.from_row);
            for (i, column) in columns.into_iter().enumerate() {
                L::store(args.to.add((p + i) * args.to_row), column);
            }
        }
        if p + 4 == args.pixels {
            return;
        }
        // The last four may be some of those before, once more.
        p = (p + 4).min(args.pixels - 4);
    }
}

/// `to[c][p] = from[p * from_row + c]` for four channels `c`.
///
/// # Safety
/// The instruction set of `L` is present and there are at least `LANES` pixels; `from + p * from_row` is readable for four
/// values, `to[c]` writable for `pixels`.
#[inline(always)]
unsafe fn to_planes<L: Lanes>(args: &PlaneArgs) {
    let mut p = 0;
    loop {
        // SAFETY: p + LANES <= pixels; every access is one that the contract names.
        unsafe {
            let columns = L::columns(args.from.add(p * args.from_row), args.from_row);
            for (to, column) in args.to.into_iter().zip(columns) {
                L::store(to.add(p), column);
            }
        }
        if p + L::LANES == args.pixels {
            return;
        }
        p = (p + L::LANES).min(args.pixels - L::LANES);
    }
}

/// Asks for values that are read soon to be fetched into the second-level cache.
pub(super) fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LINE) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every processor of this architecture has the instruction, and it may be given any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Values in a line of the cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 16;

type SumEntry = unsafe fn(&SumArgs<'_>);

/// The micro-kernels of one instruction set.
///
/// A reference comes from [`Kernels::of`] only, so it proves that the instruction set is present.
pub(super) struct Kernels {
    /// Values per vector.
    pub(super) lanes: usize,
    /// [`weighted_sums`] by vectors less one, then pixels less one.
    pub(super) sums: &'static [&'static [SumEntry]],
    pub(super) to_channels: unsafe fn(&ChannelArgs),
    pub(super) to_planes: unsafe fn(&PlaneArgs),
}

macro_rules! instruction_set {
    ($module:ident, $lanes:ty, [$($feature:meta)?], $($vectors:literal: [$($pixels:literal)+])+) => {
        mod $module {
            use super::*;

            /// # Safety
            /// As [`weighted_sums`].
            $(#[$feature])?
            unsafe fn sums<const P: usize, const C: usize>(args: &SumArgs<'_>) {
                // SAFETY: the contract is passed on.
                unsafe { weighted_sums::<$lanes, P, C>(args) }
            }

            /// # Safety
            /// As [`super::to_channels`].
            $(#[$feature])?
            unsafe fn to_channels(args: &ChannelArgs) {
                // SAFETY: the contract is passed on.
                unsafe { super::to_channels::<$lanes>(args) }
            }

            /// # Safety
            /// As [`super::to_planes`].
            $(#[$feature])?
            unsafe fn to_planes(args: &PlaneArgs) {
                // SAFETY: the contract is passed on.
                unsafe { super::to_planes::<$lanes>(args) }
            }

            pub(super) static KERNELS: Kernels = Kernels {
                lanes: <$lanes as Lanes>::LANES,
                sums: &[$(&[$(sums::<$pixels, $vectors>),+]),+],
                to_channels,
                to_planes,
            };
        }
    };
}

// P * C sums, C vectors of weights and a pixel fill the registers; from six sums on, one does not wait for another.
#[cfg(target_arch = "x86_64")]
instruction_set!(avx512, super::super::super::lanes::Avx512, [target_feature(enable = "avx512f,avx512vl")],
    1: [1 2 3 4 5 6 7 8 9 10 11 12] 2: [1 2 3 4 5 6 7 8 9 10 11 12]);
#[cfg(target_arch = "x86_64")]
instruction_set!(avx2, super::super::super::lanes::Avx2, [target_feature(enable = "avx2,fma")],
    1: [1 2 3 4 5 6 7 8 9 10] 2: [1 2 3 4 5 6]);
#[cfg(target_arch = "aarch64")]
instruction_set!(neon, super::super::super::lanes::Neon, [target_feature(enable = "neon")],
    1: [1 2 3 4 5 6 7 8 9 10] 2: [1 2 3 4 5 6 7 8 9 10] 3: [1 2 3 4 5 6 7 8] 4: [1 2 3 4 5 6]);
instruction_set!(portable, Portable, [], 1: [1 2 3 4 5 6] 2: [1 2 3 4 5 6]);

impl Kernels {
    /// Those of `set`.
    pub(super) fn of(set: InstructionSet) -> &'static Self {
        match set.inner() {
            Set::Portable => &portable::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => &avx2::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => &avx512::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => &neon::KERNELS,
        }
    }

    /// Channels of the widest block.
    pub(super) fn most_channels(&self) -> usize {
        self.sums.len() * self.lanes
    }
}
