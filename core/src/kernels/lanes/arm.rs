//! The registers of 64-bit ARM.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vmulq_f32, vst1q_f32,
    vsubq_f32,
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
    unsafe fn columns(from: *const f32, row: usize) -> [float32x4_t; 4] {
        // Four groups of four are dealt out: a transposition.
        // SAFETY: the caller vouches for NEON and for four readable values in each of four rows.
        unsafe { Self::deal([0, 1, 2, 3].map(|i| Self::load(from.add(i * row)))) }
    }

    #[inline(always)]
    unsafe fn sum(vector: float32x4_t) -> f32 {
        // SAFETY: the caller vouches for NEON.
        unsafe { vaddvq_f32(vector) }
    }
}
