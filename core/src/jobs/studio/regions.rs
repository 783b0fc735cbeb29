//! The statistics of regions: on the blend, and on what the generator makes of it, a few regions per step so that a newer
//! question can cut in.
//!
//! Of a picture that is shown smaller the file itself is read where a region lies, so that its numbers are those of the file.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Studio;
use super::deblend::account;
use crate::jobs::{
    Failure, MeasuredPicture, Preview, Progress, RegionsPreview, RegionsSpec, Scene, Step, Study,
};
use crate::region::{Region, RegionStatistics, measure};
use crate::sky::Grid;
use crate::stamp::io::{PictureFile, read_window};
use crate::stamp::{Stamp, ValueRange};

/// A step ends after this time.
const STEP: Duration = Duration::from_millis(20);

/// Pixels that are read from a file for one region, all bands counted.
const MOST_READ: usize = 1 << 22;

/// What was measured last on a blend.
pub(super) struct HeldMeasures {
    /// The pixels of the scene's blend.
    of: Arc<[f32]>,
    /// The same in the values of its file.
    in_file: Stamp,
    regions: Arc<Vec<Region>>,
    statistics: Vec<Option<RegionStatistics>>,
    /// Which of them are of means of pixels, because the file could not be read there.
    on_means: Vec<bool>,
}

/// The preview in the making.
pub(super) struct RegionsJob {
    spec: RegionsSpec,
    begun: Option<Begun>,
}

struct Begun {
    scene: Arc<Scene>,
    /// In the values of the blend's file.
    pictures: Vec<(String, Stamp)>,
    measured: Vec<MeasuredPicture>,
    /// Which regions were measured on means of pixels of the blend.
    on_means: Vec<bool>,
    notes: Vec<String>,
}

impl RegionsJob {
    pub(super) const fn new(spec: RegionsSpec) -> Self {
        Self { spec, begun: None }
    }

    fn begin(&self, studio: &mut Studio) -> Result<Begun, Failure> {
        let scene = studio.scene(&self.spec.input)?;
        let (mut pictures, mut notes) = (Vec::new(), Vec::new());
        let range = scene.range_in_file;
        let held = studio.measures.take();
        let held = held.filter(|held| Arc::ptr_eq(&held.of, &scene.blend.pixels));
        let held = held.unwrap_or_else(|| HeldMeasures {
            of: scene.blend.pixels.clone(),
            in_file: scene.blend.to_range(range),
            regions: Arc::default(),
            statistics: Vec::new(),
            on_means: Vec::new(),
        });
        pictures.push(("blend".to_owned(), held.in_file.clone()));
        studio.measures = Some(held);
        let outputs = match &self.spec.run {
            None => Vec::new(),
            Some(run) => studio.outputs(run).unwrap_or_else(|why| {
                // The path at the end is that of the picture everybody looks at.
                let clause = why.headline.split(": ").next().unwrap_or_default();
                notes.push(format!("Without the outputs: {clause}."));
                Vec::new()
            }),
        };
        let numbered = |word: &'static str, stamps: &[Stamp]| -> Vec<(String, Stamp)> {
            let stamps = stamps.iter().enumerate();
            stamps
                .map(|(i, stamp)| {
                    let mut stamp = stamp.to_range(range);
                    if stamp.bands.is_empty() && stamp.channels == scene.blend.channels {
                        stamp.bands.clone_from(&scene.blend.bands);
                    }
                    (format!("{word} {}", i + 1), stamp)
                })
                .collect()
        };
        // Regions lie on the pixels of the blend; pictures of other pixels have other places.
        let of_blend = |o: &&Stamp| o.width == scene.blend.width && o.height == scene.blend.height;
        let same: Vec<Stamp> = outputs.iter().filter(of_blend).cloned().collect();
        if same.len() < outputs.len() {
            notes.push("Without the outputs: they have other pixels than the picture.".to_owned());
        }
        pictures.extend(numbered("galaxy", &same));
        pictures.extend(numbered("truth", &scene.truths));
        if let (Some(run), false) = (&self.spec.run, outputs.is_empty()) {
            let series = studio.networks.series(&run.series)?;
            if let Some(account) = account(&scene, &outputs, &series)? {
                pictures.push(("residual".to_owned(), scaled(&account.residual, range)));
            }
        }
        Ok(Begun {
            scene,
            pictures,
            measured: Vec::new(),
            on_means: vec![false; self.spec.regions.len()],
            notes,
        })
    }
}

/// A difference of pictures in the steps of `range`.
fn scaled(residual: &Stamp, range: ValueRange) -> Stamp {
    let step = range.high - range.low;
    let pixels: Vec<f32> = residual.pixels.iter().map(|v| v * step).collect();
    // Nothing left over is 0.
    let range = ValueRange {
        low: 0.0,
        high: step,
    };
    Stamp::new(&*residual.name, pixels, residual.dims(), range)
}

impl Begun {
    /// Measures until the step's time is over; whether everything is measured.
    fn go_on(&mut self, studio: &mut Studio, regions: &[Region]) -> bool {
        let begun = Instant::now();
        loop {
            let full = self
                .measured
                .last()
                .is_none_or(|measured| measured.statistics.len() >= regions.len());
            if full {
                let next = self.measured.len();
                let Some((name, stamp)) = self.pictures.get(next) else {
                    return true;
                };
                self.measured.push(MeasuredPicture {
                    name: name.clone(),
                    bands: stamp.bands.clone(),
                    statistics: Vec::new(),
                });
                continue;
            }
            let at = self.measured.len() - 1;
            let index = self.measured.last().map_or(0, |m| m.statistics.len());
            let found = self.measure(studio, at, regions, index);
            if let Some(last) = self.measured.last_mut() {
                last.statistics.push(found);
            }
            if begun.elapsed() > STEP {
                return false;
            }
        }
    }

    fn measure(
        &mut self,
        studio: &Studio,
        picture: usize,
        regions: &[Region],
        index: usize,
    ) -> Option<RegionStatistics> {
        let region = regions.get(index).filter(|region| !region.exclude)?;
        let (_, stamp) = self.pictures.get(picture)?;
        if picture > 0 {
            return Some(measure(stamp, region, excluded(regions)));
        }
        let factor = stamp.reduction_factor();
        let held = studio.measures.as_ref();
        if let Some((known, is_on_means)) = held.and_then(|held| held.known(regions, index)) {
            if is_on_means {
                self.note_means(index, factor);
            }
            return Some(known);
        }
        if stamp.reduction.is_none() {
            return Some(measure(stamp, region, excluded(regions)));
        }
        if let Some(found) = measure_in_file(&self.scene, region, regions) {
            return Some(found);
        }
        let reduced = |region: &Region| Region {
            shape: region.shape.reduced_by(factor as f64),
            ..region.clone()
        };
        let others: Vec<Region> = excluded(regions).map(reduced).collect();
        let found = measure(stamp, &reduced(region), &others);
        self.note_means(index, factor);
        Some(found.enlarged_by(factor as f64))
    }

    /// Says of a region that its numbers are not those of the file's own pixels.
    fn note_means(&mut self, index: usize, factor: usize) {
        if let Some(is_on_means) = self.on_means.get_mut(index) {
            *is_on_means = true;
        }
        self.notes.push(format!(
            "Region {} is measured on means of {factor} x {factor} pixels: it is too large, or its file cannot be read in part.",
            index + 1
        ));
    }
}

fn excluded(regions: &[Region]) -> impl Iterator<Item = &Region> {
    regions.iter().filter(|region| region.exclude)
}

impl HeldMeasures {
    /// What is known of a region from the last time, and whether it is of means of pixels: nothing where the region or what
    /// is excluded has changed.
    fn known(&self, regions: &[Region], index: usize) -> Option<(RegionStatistics, bool)> {
        let region = regions.get(index)?;
        let at = self.regions.iter().position(|known| known == region)?;
        let is_same = excluded(&self.regions).eq(excluded(regions));
        let found = self.statistics.get(at)?.clone().filter(|_| is_same)?;
        Some((found, self.on_means.get(at).copied().unwrap_or(false)))
    }
}

/// The statistics by the pixels of the file, where the region is small enough for them to be read.
fn measure_in_file(scene: &Scene, region: &Region, regions: &[Region]) -> Option<RegionStatistics> {
    let [height, width] = scene.blend.size_in_file();
    let [left, top, right, bottom] = region.shape.bounds().unwrap_or([0.0; 4]);
    let rows = pixels_between(top, bottom, height);
    let columns = pixels_between(left, right, width);
    let count = rows.len().saturating_mul(columns.len());
    let PictureFile { path, reading } = &scene.picture;
    let is_cut_out = reading.section.is_some();
    if is_cut_out || count.saturating_mul(scene.blend.channels) > MOST_READ {
        return None;
    }
    let start = [columns.start as f64, rows.start as f64];
    let image = reading.image.as_ref();
    let window = read_window(path, image, rows, columns, scene.range_in_file)
        .and_then(|window| reading.finish(window).map_err(|problem| problem.at(path)));
    let window = window
        .inspect_err(|error| log::debug!("regions are measured on the smaller picture: {error}"))
        .ok()?;
    let here = |region: &Region| Region {
        shape: region.shape.moved(-start[0], -start[1]),
        ..region.clone()
    };
    let others: Vec<Region> = excluded(regions).map(here).collect();
    Some(measure(&window, &here(region), &others).moved(start[0], start[1]))
}

/// The pixels of a row of `count` that lie between two edges, in part at least.
fn pixels_between(from: f64, to: f64, count: usize) -> Range<usize> {
    // Pixel i reaches from i - 1/2 to i + 1/2. Casts saturate.
    let first = ((from + 0.5).floor().max(0.0) as usize).min(count);
    let after = ((to + 0.5).ceil().max(0.0) as usize).min(count);
    first..after.max(first)
}

impl Study<Studio, Preview> for RegionsJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        let mut begun = match self.begun.take() {
            Some(begun) => begun,
            None => self.begin(studio)?,
        };
        if !begun.go_on(studio, &self.spec.regions) {
            let progress = Progress {
                done: begun.measured.len(),
                total: begun.pictures.len(),
                what: "measuring regions".into(),
            };
            self.begun = Some(begun);
            return Ok(Step::More {
                progress,
                partial: None,
            });
        }
        let Begun {
            scene,
            measured,
            on_means,
            notes,
            ..
        } = begun;
        let regions = self.spec.regions.clone();
        if let (Some(held), Some(first)) = (&mut studio.measures, measured.first())
            && Arc::ptr_eq(&held.of, &scene.blend.pixels)
        {
            held.regions = regions.clone();
            held.statistics.clone_from(&first.statistics);
            held.on_means = on_means;
        }
        Ok(Step::Done(Some(Preview::Regions(Arc::new(
            RegionsPreview {
                regions,
                grid: Grid::of(&scene.blend),
                unit: scene.blend.card("BUNIT").unwrap_or_default().to_owned(),
                pictures: measured,
                notes,
            },
        )))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::PreviewSpec;
    use crate::region::{Place, Shape};

    #[test]
    fn what_was_measured_on_means_is_said_every_time() {
        let path = PictureFile::from("no such file.fits");
        let pixels: Vec<f32> = (0..64).map(|i| i as f32 / 64.0).collect();
        let blend = Stamp::new("s", pixels, [1, 8, 8], ValueRange::UNIT).reduced_to(16);
        assert_eq!(blend.reduction_factor(), 2);
        let scene = Scene {
            picture: path.clone(),
            blend,
            truths: Vec::new(),
            range_in_file: ValueRange::UNIT,
            is_range_guessed: false,
            compass: None,
            notes: Vec::new(),
        };
        let mut studio = Studio::default();
        studio.keep_scene(&path, scene);
        let circle = |column| {
            Region::new(Shape::Circle {
                centre: Place::new(column, 3.0),
                radius: 2.0,
            })
        };
        let mut notes = |regions: Vec<Region>| {
            let spec = PreviewSpec::Regions(RegionsSpec {
                input: path.clone(),
                run: None,
                regions: Arc::new(regions),
            });
            match studio.preview_now(&spec) {
                Ok(Preview::Regions(found)) => found.notes.clone(),
                other => panic!("{other:?}"),
            }
        };
        let first = notes(vec![circle(3.0)]);
        assert!(first[0].contains("means of 2 x 2"), "{first:?}");
        assert_eq!(notes(vec![circle(3.0)]), first);
        // It is now the second region, and is said to be that.
        let both = notes(vec![circle(5.0), circle(3.0)]);
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both[1].starts_with("Region 2 "), "{both:?}");
    }
}
