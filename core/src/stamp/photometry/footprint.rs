//! Which pixels belong to which source: connected sets above the sky.
//!
//! Invariant: label 0 is sky; every other label names one set connected over edges and corners with enough pixels.

use super::{Image, PhotometrySettings};

/// How far from the asked place a source may begin, pixels.
const REACH: f64 = 5.0;

/// Labels of all sources.
pub(super) struct Footprints {
    width: usize,
    /// `[H, W]`.
    labels: Vec<u32>,
    /// Pixels per label; entry 0 is unused.
    areas: Vec<usize>,
}

impl Footprints {
    pub(super) fn find(image: &Image, settings: &PhotometrySettings) -> Self {
        let smooth = smoothed(image);
        // The 3 x 3 kernel (1 2 1) lowers the scatter of white noise to 3/8.
        let level = (settings.threshold as f32 * image.sigma * 0.375).max(f32::EPSILON);
        let bright: Vec<bool> = smooth.iter().map(|v| *v > level).collect();
        let mut footprints = Self {
            width: image.width,
            labels: vec![0; bright.len()],
            areas: vec![0],
        };
        for start in 0..bright.len() {
            if bright[start] && footprints.labels[start] == 0 {
                footprints.grow(start, &bright);
            }
        }
        for label in &mut footprints.labels {
            if footprints.areas[*label as usize] < settings.min_area {
                *label = 0;
            }
        }
        footprints
    }

    /// Labels everything connected to `start`.
    fn grow(&mut self, start: usize, bright: &[bool]) {
        let label = self.areas.len() as u32;
        let height = bright.len() / self.width;
        let mut area = 0;
        let mut open = vec![start];
        self.labels[start] = label;
        while let Some(i) = open.pop() {
            area += 1;
            let (row, column) = (i / self.width, i % self.width);
            for y in row.saturating_sub(1)..=(row + 1).min(height - 1) {
                for x in column.saturating_sub(1)..=(column + 1).min(self.width - 1) {
                    let j = y * self.width + x;
                    if bright[j] && self.labels[j] == 0 {
                        self.labels[j] = label;
                        open.push(j);
                    }
                }
            }
        }
        self.areas.push(area);
    }

    /// The source at (column, row), or the nearest within reach.
    pub(super) fn at(&self, [x, y]: [f64; 2]) -> Option<u32> {
        self.labels
            .iter()
            .enumerate()
            .filter(|(_, label)| **label > 0)
            .map(|(i, label)| {
                let (dx, dy) = ((i % self.width) as f64 - x, (i / self.width) as f64 - y);
                (dx.hypot(dy), *label)
            })
            .filter(|(distance, _)| *distance <= REACH)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, label)| label)
    }

    /// The source with the most light.
    pub(super) fn brightest(&self, image: &Image) -> Option<u32> {
        let mut light = vec![0.0_f64; self.areas.len()];
        for (label, value) in self.labels.iter().zip(&image.light) {
            light[*label as usize] += f64::from(*value);
        }
        (1..self.areas.len())
            .filter(|label| self.labels.contains(&(*label as u32)))
            .max_by(|a, b| light[*a].total_cmp(&light[*b]))
            .map(|label| label as u32)
    }

    /// Whether pixel `i` is sky or belongs to `label`.
    pub(super) fn is_free_for(&self, i: usize, label: u32) -> bool {
        self.labels[i] == 0 || self.labels[i] == label
    }

    /// The pixels of a source.
    pub(super) fn pixels(&self, label: u32) -> impl Iterator<Item = usize> {
        (0..self.labels.len()).filter(move |i| self.labels[*i] == label)
    }

    /// The number of pixels of a source.
    pub(super) fn area(&self, label: u32) -> usize {
        self.areas[label as usize]
    }
}

/// The light under the kernel (1 2 1) x (1 2 1) / 16; missing pixels read as sky and stay below any threshold.
fn smoothed(image: &Image) -> Vec<f32> {
    let (w, h) = (image.width, image.height);
    let at = |x: usize, y: usize| {
        let value = image.light[y.min(h - 1) * w + x.min(w - 1)];
        if value.is_finite() { value } else { 0.0 }
    };
    (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            if !image.light[i].is_finite() {
                return f32::NEG_INFINITY;
            }
            let row = |y: usize| at(x.saturating_sub(1), y) + 2.0 * at(x, y) + at(x + 1, y);
            (row(y.saturating_sub(1)) + 2.0 * row(y) + row(y + 1)) / 16.0
        })
        .collect()
}
