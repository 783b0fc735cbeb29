//! The registers of x86.

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
            let first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
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
            let first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
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
    unsafe fn columns(from: *const f32, row: usize) -> [__m512; 4] {
        // SAFETY: the caller vouches for AVX-512F and for four readable values in each of 16 rows.
        unsafe {
            // Rows i, i + 4, i + 8 and i + 12 in one vector, then 4 x 4 transpositions.
            let rows = [0, 1, 2, 3].map(|i| {
                let four = |row_of: usize| _mm_loadu_ps(from.add(row_of * row));
                let vector = _mm512_castps128_ps512(four(i));
                let vector = _mm512_insertf32x4::<1>(vector, four(i + 4));
                let vector = _mm512_insertf32x4::<2>(vector, four(i + 8));
                _mm512_insertf32x4::<3>(vector, four(i + 12))
            });
            let [a, b, c, d] = rows;
            let (low, high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (low2, high2) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            [
                _mm512_shuffle_ps::<0x44>(low, low2),
                _mm512_shuffle_ps::<0xEE>(low, low2),
                _mm512_shuffle_ps::<0x44>(high, high2),
                _mm512_shuffle_ps::<0xEE>(high, high2),
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
    unsafe fn columns(from: *const f32, row: usize) -> [__m256; 4] {
        // SAFETY: the caller vouches for AVX2 and for four readable values in each of 8 rows.
        unsafe {
            // Rows i and i + 4 in one vector, then 4 x 4 transpositions.
            transposed([0, 1, 2, 3].map(|i| {
                let four = |row_of: usize| _mm_loadu_ps(from.add(row_of * row));
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(four(i)), four(i + 4))
            }))
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
