//! The points of the transforms, and the transforms of single kernels; see `transform` for the matrices.

use super::{POSITIONS, TILE};

/// The points; their product is 1, which keeps the transformed values close to each other and the rounding small.
pub(super) const A: f32 = std::f32::consts::FRAC_1_SQRT_2;
pub(super) const B: f32 = std::f32::consts::SQRT_2;
pub(super) const A2: f32 = 0.5;
pub(super) const B2: f32 = 2.0;
pub(super) const A3: f32 = A2 * A;
pub(super) const B3: f32 = B2 * B;
/// `1 / N` of every point, in the order 0, a, -a, b, -b, infinity.
const SCALE: [f32; TILE] = [
    1.0 / (A2 * B2),
    0.5 / (A2 * (A2 - B2)),
    0.5 / (A2 * (A2 - B2)),
    0.5 / (B2 * (B2 - A2)),
    0.5 / (B2 * (B2 - A2)),
    1.0,
];

/// `G g G'` of 3 x 3 weights, for `N` kernels side by side.
pub(super) fn weights<const N: usize>(g: &[[f32; N]; 9]) -> [[f32; N]; POSITIONS] {
    let line = |g: [[f32; N]; 3]| -> [[f32; N]; TILE] {
        let each = |f: &dyn Fn(f32, f32, f32) -> f32| -> [f32; N] {
            std::array::from_fn(|n| f(g[0][n], g[1][n], g[2][n]))
        };
        [
            each(&|low, _, _| low * SCALE[0]),
            each(&|low, middle, high| (low + A2 * high + A * middle) * SCALE[1]),
            each(&|low, middle, high| (low + A2 * high - A * middle) * SCALE[2]),
            each(&|low, middle, high| (low + B2 * high + B * middle) * SCALE[3]),
            each(&|low, middle, high| (low + B2 * high - B * middle) * SCALE[4]),
            each(&|_, _, high| high),
        ]
    };
    // Down the columns, then along the rows.
    let columns: [[[f32; N]; TILE]; 3] = std::array::from_fn(|j| line([g[j], g[3 + j], g[6 + j]]));
    let mut all = [[0.0; N]; POSITIONS];
    for i in 0..TILE {
        let row = line([columns[0][i], columns[1][i], columns[2][i]]);
        all[i * TILE..(i + 1) * TILE].copy_from_slice(&row);
    }
    all
}

/// The 3 x 3 gradient of one kernel from the sums over all tiles at the 36 positions.
pub(super) fn weight_gradient(sums: [f32; POSITIONS]) -> [f32; 9] {
    let line = |m: [f32; TILE]| -> [f32; 3] {
        let m: [f32; TILE] = std::array::from_fn(|i| m[i] * SCALE[i]);
        let (sum_a, sum_b) = (m[1] + m[2], m[3] + m[4]);
        [
            m[0] + sum_a + sum_b,
            A * (m[1] - m[2]) + B * (m[3] - m[4]),
            A2 * sum_a + B2 * sum_b + m[5],
        ]
    };
    let columns: [[f32; 3]; TILE] =
        std::array::from_fn(|j| line(std::array::from_fn(|i| sums[i * TILE + j])));
    let mut gradient = [0.0; 9];
    for i in 0..3 {
        let row = line(std::array::from_fn(|j| columns[j][i]));
        gradient[i * 3..][..3].copy_from_slice(&row);
    }
    gradient
}
