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
    unsafe fn sum(vector: [f32; 4]) -> f32 {
        (vector[0] + vector[1]) + (vector[2] + vector[3])
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "a dozen intrinsics of one family")]
    use std::arch::x86_64::*;

    use super::Lanes;

    /// AVX-512 F and VL: 16 lanes, 32 registers.
    pub(in super::super) struct Avx512;

    impl Lanes for Avx512 {
        const LANES: usize = 16;
        type Vector = __m512;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            // SAFETY: the caller vouches for AVX-512F and for 16 readable values.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m512) {
            // SAFETY: the caller vouches for AVX-512F and for 16 writable values.
            unsafe { _mm512_storeu_ps(to, vector) }
        }

        #[inline(always)]
        unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn deal(v: [__m512; 4]) -> [__m512; 4] {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe {
                // Values 0 (then 1) of the eight groups in two vectors, and values 2 (then 3).
                let first =
                    _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
                let second = _mm512_add_epi32(first, _mm512_set1_epi32(2));
                let [a, b] = [first, second].map(|which| {
                    [
                        _mm512_permutex2var_ps(v[0], which, v[1]),
                        _mm512_permutex2var_ps(v[2], which, v[3]),
                    ]
                });
                [
                    _mm512_shuffle_f32x4::<0x44>(a[0], a[1]),
                    _mm512_shuffle_f32x4::<0xEE>(a[0], a[1]),
                    _mm512_shuffle_f32x4::<0x44>(b[0], b[1]),
                    _mm512_shuffle_f32x4::<0xEE>(b[0], b[1]),
                ]
            }
        }

        #[inline(always)]
        unsafe fn collect(v: [__m512; 4]) -> [__m512; 4] {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe {
                // Four groups from eight values of each of two vectors, then the other four.
                let first =
                    _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
                let second = _mm512_add_epi32(first, _mm512_set1_epi32(4));
                let low = [
                    _mm512_shuffle_f32x4::<0x44>(v[0], v[1]),
                    _mm512_shuffle_f32x4::<0x44>(v[2], v[3]),
                ];
                let high = [
                    _mm512_shuffle_f32x4::<0xEE>(v[0], v[1]),
                    _mm512_shuffle_f32x4::<0xEE>(v[2], v[3]),
                ];
                [
                    _mm512_permutex2var_ps(low[0], first, low[1]),
                    _mm512_permutex2var_ps(low[0], second, low[1]),
                    _mm512_permutex2var_ps(high[0], first, high[1]),
                    _mm512_permutex2var_ps(high[0], second, high[1]),
                ]
            }
        }

        #[inline(always)]
        unsafe fn sum(vector: __m512) -> f32 {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_reduce_add_ps(vector) }
        }
    }

    /// AVX2 with FMA: 8 lanes, 16 registers.
    pub(in super::super) struct Avx2;

    impl Lanes for Avx2 {
        const LANES: usize = 8;
        type Vector = __m256;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            // SAFETY: the caller vouches for AVX2 and for 8 readable values.
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m256) {
            // SAFETY: the caller vouches for AVX2 and for 8 writable values.
            unsafe { _mm256_storeu_ps(to, vector) }
        }

        #[inline(always)]
        unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: the caller vouches for FMA.
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn deal(v: [__m256; 4]) -> [__m256; 4] {
            // SAFETY: the caller vouches for AVX2.
            unsafe {
                transposed([
                    _mm256_permute2f128_ps::<0x20>(v[0], v[2]),
                    _mm256_permute2f128_ps::<0x31>(v[0], v[2]),
                    _mm256_permute2f128_ps::<0x20>(v[1], v[3]),
                    _mm256_permute2f128_ps::<0x31>(v[1], v[3]),
                ])
            }
        }

        #[inline(always)]
        unsafe fn collect(v: [__m256; 4]) -> [__m256; 4] {
            // SAFETY: the caller vouches for AVX2.
            unsafe {
                let [a, b, c, d] = transposed(v);
                [
                    _mm256_permute2f128_ps::<0x20>(a, b),
                    _mm256_permute2f128_ps::<0x20>(c, d),
                    _mm256_permute2f128_ps::<0x31>(a, b),
                    _mm256_permute2f128_ps::<0x31>(c, d),
                ]
            }
        }

        #[inline(always)]
        unsafe fn sum(vector: __m256) -> f32 {
            // SAFETY: the caller vouches for AVX2.
            unsafe {
                let high = _mm256_extractf128_ps::<1>(vector);
                let four = _mm_add_ps(_mm256_castps256_ps128(vector), high);
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
    }

    /// The transpositions of both 4 x 4 halves.
    ///
    /// # Safety
    /// AVX2 is present.
    #[inline(always)]
    unsafe fn transposed([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
        // SAFETY: the contract.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (low2, high2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            [
                _mm256_shuffle_ps::<0x44>(low, low2),
                _mm256_shuffle_ps::<0xEE>(low, low2),
                _mm256_shuffle_ps::<0x44>(high, high2),
                _mm256_shuffle_ps::<0xEE>(high, high2),
            ]
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) use arm::Neon;

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::{
        float32x4_t, vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vmulq_f32,
        vst1q_f32, vsubq_f32,
    };

    use super::Lanes;

    /// NEON: 4 lanes, 32 registers.
    pub(in super::super) struct Neon;

    impl Lanes for Neon {
        const LANES: usize = 4;
        type Vector = float32x4_t;

        #[inline(always)]
        unsafe fn splat(value: f32) -> float32x4_t {
            // SAFETY: the caller vouches for NEON.
            unsafe { vdupq_n_f32(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> float32x4_t {
            // SAFETY: the caller vouches for NEON and for 4 readable values.
            unsafe { vld1q_f32(from) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: float32x4_t) {
            // SAFETY: the caller vouches for NEON and for 4 writable values.
            unsafe { vst1q_f32(to, vector) }
        }

        #[inline(always)]
        unsafe fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
            // SAFETY: the caller vouches for NEON.
            unsafe { vfmaq_f32(c, a, b) }
        }

        #[inline(always)]
        unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            // SAFETY: the caller vouches for NEON.
            unsafe { vaddq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            // SAFETY: the caller vouches for NEON.
            unsafe { vsubq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            // SAFETY: the caller vouches for NEON.
            unsafe { vmulq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn deal([a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
            // SAFETY: the caller vouches for NEON.
            unsafe {
                let (low, high) = (vzip1q_f32(a, c), vzip2q_f32(a, c));
                let (low2, high2) = (vzip1q_f32(b, d), vzip2q_f32(b, d));
                [
                    vzip1q_f32(low, low2),
                    vzip2q_f32(low, low2),
                    vzip1q_f32(high, high2),
                    vzip2q_f32(high, high2),
                ]
            }
        }

        #[inline(always)]
        unsafe fn collect(vectors: [float32x4_t; 4]) -> [float32x4_t; 4] {
            // Four groups of four: a transposition is its own inverse.
            // SAFETY: the caller vouches for NEON.
            unsafe { Self::deal(vectors) }
        }

        #[inline(always)]
        unsafe fn sum(vector: float32x4_t) -> f32 {
            // SAFETY: the caller vouches for NEON.
            unsafe { vaddvq_f32(vector) }
        }
    }
}
