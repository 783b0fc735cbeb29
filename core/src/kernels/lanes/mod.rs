//! Vectors of `f32` of one instruction set: the few operations the micro-kernels need.
//!
//! Invariant: the methods of an implementation may only be called where its instruction set has been detected; they
//! are inlined into entry points compiled for that set ([`super::micro`]).

/// One register of `f32` values.
pub(super) trait Lanes {
    /// Values per register.
    const LANES: usize;
    /// The register.
    type Vector: Copy;

    /// All lanes `value`.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn splat(value: f32) -> Self::Vector;

    /// `LANES` values from `from`, of any alignment.
    ///
    /// # Safety
    /// The instruction set is present and `from..from + LANES` is readable.
    unsafe fn load(from: *const f32) -> Self::Vector;

    /// `LANES` values to `to`, of any alignment.
    ///
    /// # Safety
    /// The instruction set is present and `to..to + LANES` is writable.
    unsafe fn store(to: *mut f32, vector: Self::Vector);

    /// `a * b + c` per lane.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    /// `a + b` per lane.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `a - b` per lane.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `a * b` per lane.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// `out[j][i]` is value `4 i + j` of the four vectors one after the other: groups of four dealt out.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn deal(vectors: [Self::Vector; 4]) -> [Self::Vector; 4];

    /// The inverse of [`Lanes::deal`].
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn collect(vectors: [Self::Vector; 4]) -> [Self::Vector; 4];

    /// `out[j][i]` is `from[i * row + j]`: four columns of `LANES` rows.
    ///
    /// # Safety
    /// The instruction set is present and four values are readable at `from + i * row` for every `i` below `LANES`.
    unsafe fn columns(from: *const f32, row: usize) -> [Self::Vector; 4];

    /// The sum of all lanes, in an order fixed by the instruction set.
    ///
    /// # Safety
    /// The instruction set is present.
    unsafe fn sum(vector: Self::Vector) -> f32;
}

/// Plain Rust for any machine.
pub(super) struct Portable;

impl Lanes for Portable {
    const LANES: usize = 4;
    type Vector = [f32; 4];

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for four readable values; the read needs no alignment.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: [f32; 4]) {
        // SAFETY: the caller vouches for four writable values; the write needs no alignment.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(vector) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // Not `f32::mul_add`: without the instruction that is a function call per lane.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn deal(vectors: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
        std::array::from_fn(|j| std::array::from_fn(|i| vectors[i][j]))
    }

    #[inline(always)]
    unsafe fn collect(vectors: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
        // Four groups of four: a transposition is its own inverse.
        std::array::from_fn(|j| std::array::from_fn(|i| vectors[i][j]))
    }

    #[inline(always)]
    unsafe fn columns(from: *const f32, row: usize) -> [[f32; 4]; 4] {
        // SAFETY: the caller vouches for four readable values in each of four rows; a transposition follows.
        unsafe { Self::deal(std::array::from_fn(|i| Self::load(from.add(i * row)))) }
    }

    #[inline(always)]
    unsafe fn sum(vector: [f32; 4]) -> f32 {
        (vector[0] + vector[1]) + (vector[2] + vector[3])
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub(super) use arm::Neon;

#[cfg(target_arch = "aarch64")]
mod arm;
