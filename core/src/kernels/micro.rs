//! The two micro-kernels, compiled for every instruction set and register blocking.
//!
//! Both hold `R x C` accumulators in registers and walk a list of *windows*: places in one packed buffer where a run of
//! pixels begins.
//! - [`weighted_sums`]: `out[r][p] = init[r] + sum over steps s of w[s.w + r * w_row] * x[s.x + p]`, for `C` vectors of
//!   pixels `p`; the forward pass and the input gradient.
//! - [`dot_products`]: `out[r][c] += sum over p of g[r][p] * x[window c + p]`, for `C` windows; the weight gradient.
//!
//! Invariant: the terms of one output are added in the order of the list (of the pixels), whatever the blocking, so the
//! result depends on the instruction set only.

use super::lanes::{Lanes, Portable};

/// One term of a weighted sum: where the pixels and the weight of the first row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Offset of the run of pixels.
    pub(super) x: usize,
    /// Offset of the weight of row 0.
    pub(super) w: usize,
}

/// What one call of [`weighted_sums`] reads and writes.
#[derive(Clone, Copy)]
pub(super) struct ProductArgs<'a> {
    pub(super) steps: &'a [Step],
    pub(super) x: *const f32,
    pub(super) w: *const f32,
    /// Distance between the weights of neighbouring rows.
    pub(super) w_row: usize,
    /// One start value per row.
    pub(super) init: *const f32,
    pub(super) out: *mut f32,
    /// Distance between neighbouring rows of `out`.
    pub(super) out_row: usize,
}

/// What one call of [`dot_products`] reads and writes.
#[derive(Clone, Copy)]
pub(super) struct DotArgs<'a> {
    /// At least `C` windows; `w` is not read.
    pub(super) windows: &'a [Step],
    pub(super) x: *const f32,
    pub(super) g: *const f32,
    /// Distance between neighbouring rows of `g`.
    pub(super) g_row: usize,
    /// Pixels, a multiple of the lanes.
    pub(super) count: usize,
    pub(super) out: *mut f32,
    /// Distance between neighbouring rows of `out`.
    pub(super) out_row: usize,
}

/// `R` rows by `C` vectors of pixels.
///
/// # Safety
/// The instruction set of `L` is present. For every step, `x + step.x` is readable for `C * LANES` values and
/// `w + step.w + r * w_row` for one; `init` is readable for `R` values, `out + r * out_row` writable for `C * LANES`.
#[inline(always)]
unsafe fn weighted_sums<L: Lanes, const R: usize, const C: usize>(args: &ProductArgs<'_>) {
    // SAFETY: every access below is one that the contract names.
    unsafe {
        let mut sums = [[L::splat(0.0); C]; R];
        for (r, row) in sums.iter_mut().enumerate() {
            *row = [L::splat(*args.init.add(r)); C];
        }
        for step in args.steps {
            let (x, w) = (args.x.add(step.x), args.w.add(step.w));
            let mut pixels = [L::splat(0.0); C];
            for (c, vector) in pixels.iter_mut().enumerate() {
                *vector = L::load(x.add(c * L::LANES));
            }
            for (r, row) in sums.iter_mut().enumerate() {
                let weight = L::splat(*w.add(r * args.w_row));
                for (sum, vector) in row.iter_mut().zip(pixels) {
                    *sum = L::mul_add(weight, vector, *sum);
                }
            }
        }
        for (r, row) in sums.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                L::store(args.out.add(r * args.out_row + c * L::LANES), *sum);
            }
        }
    }
}

/// `R` rows by `C` windows.
///
/// # Safety
/// The instruction set of `L` is present, `windows` holds at least `C` steps and `count` is a multiple of the lanes.
/// `x + window` and `g + r * g_row` are readable for `count` values, `out + r * out_row` is readable and writable for
/// `C`.
#[inline(always)]
unsafe fn dot_products<L: Lanes, const R: usize, const C: usize>(args: &DotArgs<'_>) {
    // SAFETY: every access below is one that the contract names.
    unsafe {
        let mut sums = [[L::splat(0.0); C]; R];
        let mut windows = [args.x; C];
        for (c, window) in windows.iter_mut().enumerate() {
            *window = args.x.add(args.windows.get_unchecked(c).x);
        }
        let mut p = 0;
        while p < args.count {
            let mut pixels = [L::splat(0.0); C];
            for (vector, window) in pixels.iter_mut().zip(windows) {
                *vector = L::load(window.add(p));
            }
            for (r, row) in sums.iter_mut().enumerate() {
                let g = L::load(args.g.add(r * args.g_row + p));
                for (sum, vector) in row.iter_mut().zip(pixels) {
                    *sum = L::mul_add(g, vector, *sum);
                }
            }
            p += L::LANES;
        }
        for (r, row) in sums.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                *args.out.add(r * args.out_row + c) += L::sum(*sum);
            }
        }
    }
}

/// An entry point of [`weighted_sums`] with its `C`.
pub(super) type ProductEntry = (usize, unsafe fn(&ProductArgs<'_>));
/// An entry point of [`dot_products`] with its `C`.
pub(super) type DotEntry = (usize, unsafe fn(&DotArgs<'_>));

/// No block has more rows than this.
pub(super) const MAX_ROWS: usize = 8;

/// All entry points of one instruction set with the same number of rows `R`, most columns first; the last has one.
///
/// A reference comes from [`InstructionSet::block`] only, so it proves that the instruction set is present.
pub(super) struct Block {
    /// Values per vector.
    pub(super) lanes: usize,
    /// Rows `R` of every entry point.
    pub(super) rows: usize,
    pub(super) products: &'static [ProductEntry],
    pub(super) dots: &'static [DotEntry],
}

/// Compiles both micro-kernels for one instruction set in the given blockings.
macro_rules! instruction_set {
    ($module:ident, $lanes:ty, [$($feature:meta)?],
        $($rows:literal: [$($columns:literal)+])+) => {
        mod $module {
            use super::*;

            /// # Safety
            /// As [`weighted_sums`].
            $(#[$feature])?
            unsafe fn product<const R: usize, const C: usize>(args: &ProductArgs<'_>) {
                // SAFETY: the contract is passed on.
                unsafe { weighted_sums::<$lanes, R, C>(args) }
            }

            /// # Safety
            /// As [`dot_products`].
            $(#[$feature])?
            unsafe fn dot<const R: usize, const C: usize>(args: &DotArgs<'_>) {
                // SAFETY: the contract is passed on.
                unsafe { dot_products::<$lanes, R, C>(args) }
            }

            /// Most rows first; the last block has one row.
            pub(super) static BLOCKS: &[Block] = &[$(Block {
                lanes: <$lanes as Lanes>::LANES,
                rows: $rows,
                products: &[$(($columns, product::<$rows, $columns>)),+],
                dots: &[$(($columns, dot::<$rows, $columns>)),+],
            }),+];
        }
    };
}

// The blockings fill the registers: R * C sums, C pixel vectors and one weight out of 32 (AVX-512, NEON) or 16. With
// all 16 in use (4 by 3 on AVX2) the compiler spills sums in the inner loop; 6 by 2 is a third faster.
#[cfg(target_arch = "x86_64")]
instruction_set!(avx512, super::super::lanes::Avx512, [target_feature(enable = "avx512f,avx512vl")],
    8: [3 2 1] 4: [6 4 2 1] 3: [8 4 2 1] 2: [8 4 2 1] 1: [8 4 2 1]);
#[cfg(target_arch = "x86_64")]
instruction_set!(avx2, super::super::lanes::Avx2, [target_feature(enable = "avx2,fma")],
    6: [2 1] 4: [2 1] 3: [4 2 1] 2: [4 2 1] 1: [6 3 1]);
#[cfg(target_arch = "aarch64")]
instruction_set!(neon, super::super::lanes::Neon, [target_feature(enable = "neon")],
    8: [3 2 1] 4: [6 4 2 1] 3: [8 4 2 1] 2: [8 4 2 1] 1: [8 4 2 1]);
instruction_set!(portable, Portable, [],
    4: [3 2 1] 3: [4 2 1] 2: [4 2 1] 1: [6 3 1]);

/// An instruction set that this machine has.
///
/// A value of this type is the proof that the set was detected; the kernels rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstructionSet(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl InstructionSet {
    /// Every set of this machine, the slowest ([`InstructionSet::portable`]) first.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::portable()];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self(Set::Avx2));
            }
            // Without VL the sums would be held in half of the registers only.
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                sets.push(Self(Set::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            sets.push(Self(Set::Neon));
        }
        sets
    }

    /// The fastest set of this machine, or the one that the environment variable `GANOSCOPE_KERNELS` names
    /// (`portable`, `avx2`, `avx512`, `neon`) if the machine has it. Looked up once.
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<InstructionSet> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| {
            let sets = Self::available();
            let wanted = std::env::var("GANOSCOPE_KERNELS").ok();
            let named = wanted.and_then(|name| sets.iter().find(|set| set.name() == name));
            named.or(sets.last()).copied().unwrap_or(Self::portable())
        })
    }

    /// Plain Rust, on every machine.
    pub fn portable() -> Self {
        Self(Set::Portable)
    }

    /// `portable`, `avx2`, `avx512` or `neon`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
        }
    }

    /// Which set it is.
    pub(super) fn inner(self) -> Set {
        self.0
    }

    /// Values per vector.
    pub(super) fn lanes(self) -> usize {
        self.block(1).lanes
    }

    /// Rows of the tallest block.
    pub(super) fn most_rows(self) -> usize {
        self.block(MAX_ROWS).rows
    }

    /// The block with the most rows that are not more than `rows` (at least 1).
    pub(super) fn block(self, rows: usize) -> &'static Block {
        let blocks = match self.0 {
            Set::Portable => portable::BLOCKS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => avx2::BLOCKS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => avx512::BLOCKS,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => neon::BLOCKS,
        };
        blocks
            .iter()
            .find(|block| block.rows <= rows)
            .expect("the last block has one row")
    }
}
