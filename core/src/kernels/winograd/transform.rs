//! The transforms of Winograd's F(4x4, 3x3), many tiles at a time: a vector holds the same pixel of neighbouring tiles.
//!
//! Along one axis a tile of 6 pixels `d` and 3 weights `g` give 4 outputs `Y = A' [(G g) . (B' d)]` (Winograd 1980;
//! Lavin and Gray 2016, arXiv 1509.09308). The matrices follow from the points 0, a, -a, b, -b and infinity; with
//! `N_0 = a^2 b^2`, `N_a = 2 a^2 (a^2 - b^2)`, `N_b = 2 b^2 (b^2 - a^2)`:
//! - `B'` has the coefficients of `x (x^2 - a^2)(x^2 - b^2) / (x - point)`,
//! - `G` the powers `1, p, p^2` of a point over its `N`,
//! - `A'` the powers `1, p, p^2, p^3`; infinity takes the last coefficient alone.
//!
//! For the gradient of the weights the tile of 4 gradients takes the place of the weights: `1, p, p^2, p^3` before and
//! `1, p, p^2` after, the factors `1 / N` applied at the end.

use std::mem::MaybeUninit;

use super::super::lanes::{Lanes, Portable};
use super::super::micro::{InstructionSet, Set};
use super::points::{A, A2, A3, B, B2, B3};
use super::{GRADIENT, POSITIONS, TILE};

/// `B' d`.
///
/// # Safety
/// The instruction set of `L` is present.
#[inline(always)]
unsafe fn input_line<L: Lanes>(d: [L::Vector; TILE]) -> [L::Vector; TILE] {
    // SAFETY: the contract.
    unsafe {
        let [product, sum] = [L::splat(A2 * B2), L::splat(-(A2 + B2))];
        let ends = |low, middle, high| L::mul_add(product, low, L::mul_add(sum, middle, high));
        let pair = |other: f32, point: f32| {
            let even = L::mul_add(L::splat(-other), d[2], d[4]);
            let odd = L::mul_add(L::splat(-other), d[1], d[3]);
            (
                L::mul_add(L::splat(point), odd, even),
                L::mul_add(L::splat(-point), odd, even),
            )
        };
        let ((a, minus_a), (b, minus_b)) = (pair(B2, A), pair(A2, B));
        [
            ends(d[0], d[2], d[4]),
            a,
            minus_a,
            b,
            minus_b,
            ends(d[1], d[3], d[5]),
        ]
    }
}

/// `A' m`.
///
/// # Safety
/// The instruction set of `L` is present.
#[inline(always)]
unsafe fn output_line<L: Lanes>(m: [L::Vector; TILE]) -> [L::Vector; GRADIENT] {
    // SAFETY: the contract.
    unsafe {
        let (sum_a, sum_b) = (L::add(m[1], m[2]), L::add(m[3], m[4]));
        let (odd_a, odd_b) = (L::sub(m[1], m[2]), L::sub(m[3], m[4]));
        let weighted = |a: f32, x, b: f32, y| L::mul_add(L::splat(a), x, L::mul(L::splat(b), y));
        [
            L::add(m[0], L::add(sum_a, sum_b)),
            weighted(A, odd_a, B, odd_b),
            weighted(A2, sum_a, B2, sum_b),
            L::add(weighted(A3, odd_a, B3, odd_b), m[5]),
        ]
    }
}

/// The powers `1, p, p^2, p^3` of every point times `g`, without the factors `1 / N`.
///
/// # Safety
/// The instruction set of `L` is present.
#[inline(always)]
unsafe fn gradient_line<L: Lanes>(g: [L::Vector; GRADIENT]) -> [L::Vector; TILE] {
    // SAFETY: the contract.
    unsafe {
        let pair = |square: f32, point: f32| {
            let even = L::mul_add(L::splat(square), g[2], g[0]);
            let odd = L::mul_add(L::splat(square), g[3], g[1]);
            (
                L::mul_add(L::splat(point), odd, even),
                L::mul_add(L::splat(-point), odd, even),
            )
        };
        let ((a, minus_a), (b, minus_b)) = (pair(A2, A), pair(B2, B));
        [g[0], a, minus_a, b, minus_b, g[3]]
    }
}

/// What a transform reads: `from + offsets[i] + t` is pixel `i` of tile `t`.
#[derive(Clone, Copy)]
struct Reads<'a> {
    from: *const f32,
    offsets: &'a [usize],
}

/// What a transform writes: `to + i * stride + t` is value `i` of tile `t`.
#[derive(Clone, Copy)]
struct Writes {
    to: *mut f32,
    stride: usize,
}

/// A transform of `N x N` values of every tile to `M x M`, `count` tiles (a multiple of the lanes), plus `bias`.
///
/// # Safety
/// The instruction set of `L` is present; `reads` holds `N N` offsets, each readable for `count` values; `writes` is
/// writable for `count` values at each of `M M` places.
#[inline(always)]
unsafe fn both_axes<L: Lanes, const N: usize, const M: usize>(
    reads: Reads<'_>,
    writes: Writes,
    count: usize,
    bias: f32,
    line: impl Fn([L::Vector; N]) -> [L::Vector; M],
) {
    // SAFETY: every access below is one that the contract names.
    unsafe {
        let bias = L::splat(bias);
        let mut t = 0;
        while t < count {
            let zero = L::splat(0.0);
            let mut half = [[zero; N]; M];
            for column in 0..N {
                let mut pixels = [zero; N];
                for (row, pixel) in pixels.iter_mut().enumerate() {
                    let offset = *reads.offsets.get_unchecked(row * N + column);
                    *pixel = L::load(reads.from.add(offset + t));
                }
                for (half, value) in half.iter_mut().zip(line(pixels)) {
                    half[column] = value;
                }
            }
            for (row, half) in half.into_iter().enumerate() {
                for (column, value) in line(half).into_iter().enumerate() {
                    let place = writes.to.add((row * M + column) * writes.stride + t);
                    L::store(place, L::add(value, bias));
                }
            }
            t += L::LANES;
        }
    }
}

/// Deals `groups` groups of four values out to four places, or collects them from there.
///
/// # Safety
/// The instruction set of `L` is present; `line` is readable (writable, to collect) for `4 groups` values, each place
/// writable (readable) for `groups`.
#[inline(always)]
unsafe fn groups_of_four<L: Lanes>(
    line: *mut f32,
    places: [*mut f32; 4],
    groups: usize,
    collects: bool,
) {
    // SAFETY: every access below is one that the contract names.
    unsafe {
        let mut done = 0;
        while done + L::LANES <= groups {
            let line = line.add(4 * done);
            if collects {
                let vectors = L::collect(places.map(|place| L::load(place.add(done))));
                for (i, vector) in vectors.into_iter().enumerate() {
                    L::store(line.add(i * L::LANES), vector);
                }
            } else {
                let vectors = std::array::from_fn(|i| L::load(line.add(i * L::LANES)));
                for (place, vector) in places.into_iter().zip(L::deal(vectors)) {
                    L::store(place.add(done), vector);
                }
            }
            done += L::LANES;
        }
        if L::LANES > Portable::LANES {
            let rest = places.map(|place| place.add(done));
            groups_of_four::<Portable>(line.add(4 * done), rest, groups - done, collects);
            return;
        }
        for group in done..groups {
            for (j, place) in places.into_iter().enumerate() {
                let (value, place) = (line.add(4 * group + j), place.add(group));
                if collects {
                    *value = *place;
                } else {
                    *place = *value;
                }
            }
        }
    }
}

/// A compiled [`groups_of_four`].
type Groups = unsafe fn(*mut f32, [*mut f32; 4], usize);

/// A compiled transform: reads, writes, tiles, bias.
type Entry = unsafe fn(Reads<'_>, Writes, usize, f32);

/// The transforms of one instruction set.
pub(super) struct Transforms {
    lanes: usize,
    input: Entry,
    output: Entry,
    gradient: Entry,
    deal: Groups,
    collect: Groups,
}

macro_rules! transforms {
    ($module:ident, $lanes:ty, [$($feature:meta)?]) => {
        mod $module {
            use super::*;

            /// # Safety
            /// As [`both_axes`] from 6 x 6 to 6 x 6.
            $(#[$feature])?
            unsafe fn input(reads: Reads<'_>, writes: Writes, count: usize, bias: f32) {
                // SAFETY: the contract is passed on.
                unsafe { both_axes::<$lanes, TILE, TILE>(reads, writes, count, bias, |x| input_line::<$lanes>(x)) }
            }

            /// # Safety
            /// As [`both_axes`] from 6 x 6 to 4 x 4.
            $(#[$feature])?
            unsafe fn output(reads: Reads<'_>, writes: Writes, count: usize, bias: f32) {
                // SAFETY: the contract is passed on.
                unsafe { both_axes::<$lanes, TILE, GRADIENT>(reads, writes, count, bias, |x| output_line::<$lanes>(x)) }
            }

            /// # Safety
            /// As [`both_axes`] from 4 x 4 to 6 x 6.
            $(#[$feature])?
            unsafe fn gradient(reads: Reads<'_>, writes: Writes, count: usize, bias: f32) {
                // SAFETY: the contract is passed on.
                unsafe { both_axes::<$lanes, GRADIENT, TILE>(reads, writes, count, bias, |x| gradient_line::<$lanes>(x)) }
            }

            /// # Safety
            /// As [`groups_of_four`]; the line is only read.
            $(#[$feature])?
            unsafe fn deal(line: *mut f32, places: [*mut f32; 4], groups: usize) {
                // SAFETY: the contract is passed on.
                unsafe { groups_of_four::<$lanes>(line, places, groups, false) }
            }

            /// # Safety
            /// As [`groups_of_four`]; the places are only read.
            $(#[$feature])?
            unsafe fn collect(line: *mut f32, places: [*mut f32; 4], groups: usize) {
                // SAFETY: the contract is passed on.
                unsafe { groups_of_four::<$lanes>(line, places, groups, true) }
            }

            pub(super) static TRANSFORMS: Transforms =
                Transforms { lanes: <$lanes as Lanes>::LANES, input, output, gradient, deal, collect };
        }
    };
}

#[cfg(target_arch = "x86_64")]
transforms!(
    avx512,
    super::super::super::lanes::Avx512,
    [target_feature(enable = "avx512f,avx512vl")]
);
#[cfg(target_arch = "x86_64")]
transforms!(
    avx2,
    super::super::super::lanes::Avx2,
    [target_feature(enable = "avx2,fma")]
);
#[cfg(target_arch = "aarch64")]
transforms!(
    neon,
    super::super::super::lanes::Neon,
    [target_feature(enable = "neon")]
);
transforms!(portable, Portable, []);

/// Transformed values of many tiles: value `i` of tile `t` at `i * stride + t`.
pub(super) struct Tiles<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
}

impl Transforms {
    /// Those of `set`.
    pub(super) fn of(set: InstructionSet) -> &'static Self {
        match set.inner() {
            Set::Portable => &portable::TRANSFORMS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => &avx2::TRANSFORMS,
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => &avx512::TRANSFORMS,
            #[cfg(target_arch = "aarch64")]
            Set::Neon => &neon::TRANSFORMS,
        }
    }

    /// Pixels of 6 x 6 tiles; pixel `i` of tile `t` at `from[offsets[i] + t]`.
    pub(super) fn input(
        &self,
        from: &[f32],
        offsets: &[usize; POSITIONS],
        to: Tiles<'_>,
        count: usize,
    ) {
        self.run(self.input, from, offsets, (to, POSITIONS), (count, 0.0));
    }

    /// Products of 36 positions to 4 x 4 outputs, plus `bias`.
    pub(super) fn output(
        &self,
        from: &[f32],
        offsets: &[usize; POSITIONS],
        to: Tiles<'_>,
        count: usize,
        bias: f32,
    ) {
        self.run(
            self.output,
            from,
            offsets,
            (to, GRADIENT * GRADIENT),
            (count, bias),
        );
    }

    /// Output gradients of 4 x 4 tiles.
    pub(super) fn gradient(
        &self,
        from: &[f32],
        offsets: &[usize; GRADIENT * GRADIENT],
        to: Tiles<'_>,
        count: usize,
    ) {
        self.run(self.gradient, from, offsets, (to, POSITIONS), (count, 0.0));
    }

    /// Deals the values of `line` out to four planes, group by group: value `4 i + j` to `planes[j * plane + start + i]`.
    pub(super) fn deal(
        &self,
        line: &[[f32; 4]],
        planes: &mut [f32],
        (plane, start): (usize, usize),
    ) {
        assert!(start + line.len() <= plane && 4 * plane <= planes.len());
        let first = planes.as_mut_ptr();
        let places = std::array::from_fn(|j| first.wrapping_add(j * plane + start));
        // SAFETY: `Transforms` are reached through an `InstructionSet`, which exists for detected sets only. The assert
        // keeps the places inside `planes`; the line is as long as it says and is not written.
        unsafe { (self.deal)(line.as_ptr().cast_mut().cast(), places, line.len()) }
    }

    /// Puts groups of four together from four planes of the same length.
    pub(super) fn collect(&self, planes: [&[f32]; 4], line: &mut [[MaybeUninit<f32>; 4]]) {
        assert!(planes.iter().all(|plane| plane.len() >= line.len()));
        let places = planes.map(|plane| plane.as_ptr().cast_mut());
        // SAFETY: as above; the planes are long enough and are not written, and every value of the line is.
        unsafe { (self.collect)(line.as_mut_ptr().cast(), places, line.len()) }
    }

    fn run(
        &self,
        entry: Entry,
        from: &[f32],
        offsets: &[usize],
        (to, places): (Tiles<'_>, usize),
        (count, bias): (usize, f32),
    ) {
        assert!(count.is_multiple_of(self.lanes));
        assert!(offsets.iter().all(|offset| offset + count <= from.len()));
        assert!(count <= to.stride && (places - 1) * to.stride + count <= to.values.len());
        let reads = Reads {
            from: from.as_ptr(),
            offsets,
        };
        let writes = Writes {
            to: to.values.as_mut_ptr(),
            stride: to.stride,
        };
        // SAFETY: `Transforms` are reached through an `InstructionSet`, which exists for detected sets only; the public
        // callers pass as many offsets and places as the entry point transforms, and the asserts keep all of them, with
        // `count` values each, inside the slices.
        unsafe { entry(reads, writes, count, bias) }
    }
}
