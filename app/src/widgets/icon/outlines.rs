//! Icons that are closed outlines: the tools for regions, files and tables.

use std::f32::consts::TAU;

use super::Icon;

/// Corners of a curve.
const STEPS: usize = 32;

/// The closed outlines of an icon, corners in shares of its side; none of an icon that is drawn otherwise.
pub(super) fn of(icon: Icon) -> Vec<Vec<[f32; 2]>> {
    match icon {
        Icon::Pointer => vec![vec![
            [0.28, 0.14],
            [0.28, 0.8],
            [0.46, 0.64],
            [0.58, 0.88],
            [0.68, 0.83],
            [0.57, 0.6],
            [0.8, 0.58],
        ]],
        Icon::Circle => vec![curve([0.36, 0.36], 0.0, 0.0)],
        Icon::Ellipse => vec![curve([0.42, 0.24], 0.5, 0.0)],
        Icon::Freehand => vec![curve([0.4, 0.3], 0.5, 0.2)],
        Icon::Box => vec![upright([0.14, 0.22, 0.86, 0.78])],
        Icon::Polygon => vec![vec![
            [0.5, 0.12],
            [0.88, 0.42],
            [0.72, 0.86],
            [0.26, 0.8],
            [0.12, 0.4],
        ]],
        Icon::Folder => vec![vec![
            [0.1, 0.8],
            [0.1, 0.24],
            [0.4, 0.24],
            [0.48, 0.34],
            [0.9, 0.34],
            [0.9, 0.8],
        ]],
        Icon::Disk => vec![
            vec![
                [0.16, 0.16],
                [0.72, 0.16],
                [0.84, 0.28],
                [0.84, 0.84],
                [0.16, 0.84],
            ],
            upright([0.34, 0.56, 0.66, 0.84]),
        ],
        Icon::Table => vec![
            upright([0.14, 0.18, 0.46, 0.82]),
            upright([0.46, 0.18, 0.86, 0.82]),
            upright([0.14, 0.4, 0.86, 0.61]),
        ],
        _ => Vec::new(),
    }
}

/// A rectangle: left, top, right, bottom.
fn upright([left, top, right, bottom]: [f32; 4]) -> Vec<[f32; 2]> {
    vec![[left, top], [right, top], [right, bottom], [left, bottom]]
}

/// An ellipse turned by `angle` (radians, counter-clockwise), its radius swelling three times by the share `swell`.
fn curve([a, b]: [f32; 2], angle: f32, swell: f32) -> Vec<[f32; 2]> {
    let (turn_sin, turn_cos) = angle.sin_cos();
    let corner = |step: usize| {
        let around = TAU * step as f32 / STEPS as f32;
        let reach = 1.0 + swell * (3.0 * around).sin();
        let (along, across) = (a * reach * around.cos(), b * reach * around.sin());
        [
            0.5 + along * turn_cos - across * turn_sin,
            0.5 - along * turn_sin - across * turn_cos,
        ]
    };
    (0..STEPS).map(corner).collect()
}
