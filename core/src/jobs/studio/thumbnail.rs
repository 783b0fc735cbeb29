//! Small pictures for the list of what is open.

use std::path::PathBuf;
use std::sync::Arc;

use super::Studio;
use crate::jobs::{Preview, Thumbnail};
use crate::stamp::Stamp;

/// Rows and columns of a small picture, at most.
const SIDE: usize = 48;

/// The small picture of a file. A file that cannot be read is an answer too: the list says so and goes on.
pub(super) fn thumbnail(studio: &mut Studio, path: PathBuf) -> Preview {
    let scene = studio.scene(&path);
    let picture = scene.map(|scene| reduced(&scene.blend, SIDE));
    Preview::Thumbnail(Arc::new(Thumbnail { path, picture }))
}

/// A stamp of at most `side` rows and columns: each pixel is the mean of the pixels with a value that it stands for.
fn reduced(stamp: &Stamp, side: usize) -> Stamp {
    let apart = stamp.width.max(stamp.height).div_ceil(side.max(1)).max(1);
    if apart == 1 {
        return stamp.clone();
    }
    let (height, width) = (
        stamp.height.div_ceil(apart).max(1),
        stamp.width.div_ceil(apart).max(1),
    );
    let mut pixels = Vec::with_capacity(stamp.channels * height * width);
    for channel in 0..stamp.channels {
        let plane = stamp.plane(channel);
        for row in 0..height {
            let rows = row * apart..((row + 1) * apart).min(stamp.height);
            for column in 0..width {
                let columns = column * apart..((column + 1) * apart).min(stamp.width);
                let lines = rows
                    .clone()
                    .map(|y| &plane[y * stamp.width..][columns.clone()]);
                pixels.push(mean(lines.flatten().copied()));
            }
        }
    }
    Stamp::new(
        &*stamp.name,
        pixels,
        [stamp.channels, height, width],
        stamp.range,
    )
}

/// The mean of the finite values; NaN when there is none.
fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for value in values.filter(|v| v.is_finite()) {
        sum += f64::from(value);
        count += 1;
    }
    (sum / f64::from(count)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::ValueRange;

    #[test]
    fn a_small_picture_is_made_of_means_and_leaves_missing_pixels_out() {
        let mut pixels: Vec<f32> = (0..5 * 3).map(|i| i as f32).collect();
        pixels[1] = f32::NAN;
        let stamp = Stamp::new("s", pixels, [1, 3, 5], ValueRange::UNIT);
        let small = reduced(&stamp, 3);
        assert_eq!(small.dims(), [1, 2, 3]);
        // The first stands for 0, (missing), 5 and 6; the last for the pixel in the corner alone.
        assert!((small.pixels[0] - 11.0 / 3.0).abs() < 1e-6);
        assert_eq!(small.pixels[5], 14.0);
        let none = Stamp::new("n", vec![f32::NAN; 4], [1, 2, 2], ValueRange::UNIT);
        assert!(reduced(&none, 1).pixels[0].is_nan());
        assert_eq!(reduced(&stamp, 48).pixels.as_ptr(), stamp.pixels.as_ptr());
    }
}
