//! Small pictures for the list of what is open: of a picture that is held, or of its file, a large one a part per step; or of what
//! a network draws.
//!
//! Invariant: what is read for the list alone is not kept, so that it never takes the place of the picture that is shown.

use std::path::Path;
use std::sync::Arc;

use super::Studio;
use super::deblend::given;
use super::feed::Fed;
use super::input::SceneReader;
use crate::jobs::{Failure, Input, Preview, Scene, Step, Study, Thumbnail, ThumbnailSpec};
use crate::network::Plan;
use crate::stamp::Stamp;
use crate::stamp::io::PictureFile;

/// Rows and columns of a small picture, at most.
const SIDE: usize = 48;

/// The preview in the making.
pub(super) struct ThumbnailJob {
    spec: ThumbnailSpec,
    reading: Option<SceneReader>,
}

impl ThumbnailJob {
    pub(super) const fn new(spec: ThumbnailSpec) -> Self {
        Self {
            spec,
            reading: None,
        }
    }

    /// Reads on; the small picture when all is read.
    fn read(&mut self, picture: &PictureFile, studio: &Studio) -> Result<Option<Stamp>, Failure> {
        let reader = match &mut self.reading {
            Some(reader) => reader,
            None => {
                let reader = SceneReader::open(picture, studio.most_pixels)?;
                self.reading.insert(reader)
            }
        };
        Ok(reader.step()?.map(|scene| small(&scene)))
    }

    /// A file that cannot be read is an answer too: the list says so and goes on.
    fn done(&self, picture: Result<Stamp, Failure>) -> Step<Preview> {
        let thumbnail = Thumbnail {
            input: self.spec.input(),
            picture,
        };
        Step::Done(Some(Preview::Thumbnail(Arc::new(thumbnail))))
    }
}

impl Study<Studio, Preview> for ThumbnailJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        let picture = match &self.spec {
            ThumbnailSpec::File(picture) => picture.clone(),
            ThumbnailSpec::Drawn {
                series,
                step,
                input,
            } => {
                let drawn = drawn(studio, series, *step, input);
                return Ok(self.done(drawn));
            }
        };
        if self.reading.is_none()
            && let Some(scene) = studio.scenes.find(&picture)
        {
            return Ok(self.done(Ok(small(&scene))));
        }
        Ok(match (self.read(&picture, studio), &self.reading) {
            (Ok(None), Some(reader)) => Step::More {
                progress: reader.progress(),
                partial: None,
            },
            (Ok(None), None) => Step::Done(None),
            (Ok(Some(small)), _) => self.done(Ok(small)),
            (Err(why), _) => self.done(Err(why)),
        })
    }
}

/// The first picture that a network gives; the run that is held stays as it is.
fn drawn(studio: &mut Studio, path: &Path, step: u64, input: &Input) -> Result<Stamp, Failure> {
    let series = studio.networks.series(path)?;
    let cancel = studio.cancel.clone();
    let go_on = || cancel.go_on();
    let Fed { network, tensors } = studio.fed(path, step, input, &go_on)?;
    let outputs = Plan::new(&network)?.run_while(&tensors, &go_on)?;
    let pictures = given(&network, &outputs, &series)?.pictures;
    let first = pictures.first();
    first.map_or_else(
        || Err(Failure::new("the network gives no picture")),
        |picture| Ok(reduced(picture, SIDE)),
    )
}

fn small(scene: &Scene) -> Stamp {
    reduced(&scene.blend, SIDE)
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
    use crate::jobs::PreviewSpec;
    use crate::stamp::ValueRange;

    fn thumbnail(studio: &mut Studio, path: &Path) -> Arc<Thumbnail> {
        let spec = PreviewSpec::Thumbnail(ThumbnailSpec::File(path.into()));
        match studio.preview_now(&spec) {
            Ok(Preview::Thumbnail(thumbnail)) => thumbnail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_is_read_for_the_list_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("large.fits");
        let mut bytes = Vec::new();
        let cards = [
            "SIMPLE  =                    T",
            "BITPIX  =                    8",
        ];
        let axes = [
            "NAXIS   =                    2",
            "NAXIS1  =                   96",
        ];
        for card in cards
            .into_iter()
            .chain(axes)
            .chain(["NAXIS2  =                   60", "END"])
        {
            bytes.extend(format!("{card:<80}").bytes());
        }
        bytes.resize(2880, b' ');
        bytes.resize(2880 * 3, 7);
        std::fs::write(&path, bytes).expect("written");
        let mut studio = Studio::default();
        let found = thumbnail(&mut studio, &path);
        assert_eq!(found.input, Input::from(path.clone()));
        let picture = found.picture.as_ref().expect("readable");
        assert_eq!(picture.dims(), [1, 30, 48]);
        assert!(studio.scenes.is_empty());
        // One that is shown is not read anew.
        studio.scene(&path.clone().into()).expect("readable");
        std::fs::remove_file(&path).expect("there");
        assert!(thumbnail(&mut studio, &path).picture.is_ok());
        studio.forget_scene(&path);
        let found = thumbnail(&mut studio, &path);
        assert_eq!(found.input, Input::from(path));
        assert!(found.picture.is_err(), "says why there is none");
    }

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
