//! The engine of the program: it holds the series, networks, pictures and runs, and makes previews and studies of them.
//!
//! Invariant: everything held here is a cache. Forgetting all of it (after a panic) changes no result.

mod deblend;
mod describe;
mod feed;
mod file_info;
mod input;
mod measure;
mod networks;
mod open;
mod regions;
mod relevance;
mod scene;
mod thumbnail;
mod timeline;
mod unit_stats;
mod units;

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use self::deblend::HeldRun;
use self::input::SceneReader;
use self::networks::Networks;
use self::regions::HeldMeasures;
use self::relevance::HeldRelevance;
use super::{
    BytesCache, Cancel, Engine, Failure, Preview, PreviewJob, PreviewSpec, Scene, SizeBytes, Step,
    Study, StudyJob, StudySpec,
};
use crate::checkpoint::Series;
use crate::stamp::io::PictureFile;

/// Bytes of pictures that are kept; a stamp of the demonstration with its truths is 0.2 MB.
const SCENES_BYTES: usize = 64 << 20;

/// Pixels of the largest picture that is shown as it is, all bands counted; larger ones are made smaller. A texture of so many
/// numbers is sent to the graphics card within a frame.
const MOST_PIXELS: usize = 1 << 22;

/// The engine behind the window.
pub struct Studio {
    networks: Networks,
    scenes: BytesCache<PictureFile, Scene>,
    run: Option<HeldRun>,
    relevance: HeldRelevance,
    measures: Option<HeldMeasures>,
    most_pixels: usize,
    /// Stops the preview that is being made; never set between two steps.
    cancel: Cancel,
}

impl Default for Studio {
    /// On the processor.
    fn default() -> Self {
        Self::on(Device::Cpu)
    }
}

impl SizeBytes for Scene {
    fn size_bytes(&self) -> usize {
        let stamps = self.truths.iter().chain([&self.blend]);
        stamps.map(|s| size_of_val(&*s.pixels)).sum()
    }
}

impl Studio {
    /// A studio whose networks run on a device.
    pub fn on(device: Device) -> Self {
        Self {
            networks: Networks::on(device),
            scenes: BytesCache::new(SCENES_BYTES),
            run: None,
            relevance: HeldRelevance::default(),
            measures: None,
            most_pixels: MOST_PIXELS,
            cancel: Cancel::default(),
        }
    }

    /// The same with another size of the largest picture that is shown as it is, pixels of all bands.
    pub fn with_most_pixels(self, most_pixels: usize) -> Self {
        Self {
            most_pixels,
            ..self
        }
    }

    /// Computes a preview to its end, for callers without a worker.
    ///
    /// # Errors
    /// As the preview's; the message names the layer or file.
    pub fn preview_now(&mut self, spec: &PreviewSpec) -> Result<Preview, Failure> {
        let mut job = self.preview(spec, &Cancel::default())?;
        loop {
            match job.step(self)? {
                Step::More { .. } => {}
                Step::Done(Some(preview)) => return Ok(preview),
                Step::Done(None) => return Err(Failure::new("the preview came to nothing")),
            }
        }
    }

    /// The blend of a file, read at most once while it is in memory.
    fn scene(&mut self, picture: &PictureFile) -> Result<Arc<Scene>, Failure> {
        let most = self.most_pixels;
        self.scenes.try_get(picture, || {
            let mut reader = SceneReader::open(picture, most)?;
            loop {
                if let Some(scene) = reader.step()? {
                    return Ok(scene);
                }
            }
        })
    }

    /// Keeps the blend of a file that was read.
    fn keep_scene(&mut self, picture: &PictureFile, scene: Scene) -> Arc<Scene> {
        self.scenes.put(picture.clone(), scene)
    }

    /// Forgets the pictures of a file and what was computed from them: it may have changed.
    fn forget_scene(&mut self, path: &Path) {
        self.scenes.forget_if(|picture| picture.path == path);
        self.run.take_if(|run| run.input.file() == Some(path));
        self.relevance.forget_input(path);
    }

    /// The series of a directory as it is on disk now; everything computed from it is forgotten.
    fn reopen(&mut self, path: &Path) -> Result<Arc<Series>, Failure> {
        self.forget_runs(path);
        self.networks.reopen(path)
    }

    /// Takes a series that was opened.
    fn adopt(&mut self, path: &Path, series: Series) -> Arc<Series> {
        self.forget_runs(path);
        self.networks.keep_series(path, series)
    }

    /// Forgets what was computed from a series. Reading a series again reads the pictures again too.
    fn forget_runs(&mut self, path: &Path) {
        self.run.take_if(|run| run.series == path);
        self.scenes.forget_if(|_| true);
        self.relevance.forget_series(path);
    }
}

impl Engine for Studio {
    fn preview(
        &mut self,
        spec: &PreviewSpec,
        cancel: &Cancel,
    ) -> Result<PreviewJob<Self>, Failure> {
        let job: PreviewJob<Self> = match spec.clone() {
            PreviewSpec::Series(path) => Box::new(Once::new(move |studio: &mut Self| {
                let series = studio.reopen(&path)?;
                let cancel = studio.cancel.clone();
                describe::series(&mut studio.networks, &series, &|| cancel.go_on())
                    .map(|info| Preview::Series(Arc::new(info)))
            })),
            PreviewSpec::Scene(picture) => Box::new(scene::SceneJob::new(picture)),
            PreviewSpec::Deblend(spec) => Box::new(Once::new(move |studio: &mut Self| {
                deblend::deblend(studio, &spec)
            })),
            PreviewSpec::Unedited(spec) => Box::new(Once::new(move |studio: &mut Self| {
                deblend::unedited(studio, &spec)
            })),
            PreviewSpec::Units(spec) => Box::new(Once::new(move |studio: &mut Self| {
                units::units(studio, &spec)
            })),
            PreviewSpec::Relevance(spec) => Box::new(relevance::RelevanceJob::new(spec)),
            PreviewSpec::Through(spec) => Box::new(relevance::ThroughJob::new(spec)),
            PreviewSpec::Flipping(spec) => Box::new(relevance::FlippingJob::new(spec)),
            PreviewSpec::Regions(spec) => Box::new(regions::RegionsJob::new(spec)),
            PreviewSpec::File(picture) => Box::new(Once::new(move |studio: &mut Self| {
                let scene = studio.scene(&picture)?;
                file_info::describe(&scene).map(|info| Preview::File(Arc::new(info)))
            })),
            PreviewSpec::Thumbnail(spec) => Box::new(thumbnail::ThumbnailJob::new(spec)),
        };
        Ok(Box::new(Stoppable {
            job,
            cancel: cancel.clone(),
        }))
    }

    fn study(&mut self, spec: &StudySpec, cancel: &Cancel) -> Result<StudyJob<Self>, Failure> {
        let cancel = cancel.clone();
        Ok(match spec.clone() {
            StudySpec::Open(paths) => Box::new(open::OpenStudy::new(paths, cancel)),
            StudySpec::Describe(path) => Box::new(open::DescribeStudy::new(path)),
            StudySpec::Timeline {
                series,
                inputs,
                shown,
            } => Box::new(timeline::TimelineStudy::new(series, inputs, shown, cancel)),
            StudySpec::UnitStats {
                series,
                step,
                layer,
                inputs,
            } => Box::new(unit_stats::UnitStatsStudy::new(
                series, step, layer, inputs, cancel,
            )),
        })
    }

    fn recover(&mut self) {
        *self = Self::on(self.networks.device().clone()).with_most_pixels(self.most_pixels);
    }
}

/// A job whose runs look at a flag between their layers.
struct Stoppable {
    job: PreviewJob<Studio>,
    cancel: Cancel,
}

impl Study<Studio, Preview> for Stoppable {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        studio.cancel = self.cancel.clone();
        let outcome = self.job.step(studio);
        studio.cancel = Cancel::default();
        outcome
    }
}

/// A job that is one step long.
struct Once<F>(Option<F>);

impl<F> Once<F> {
    const fn new(work: F) -> Self {
        Self(Some(work))
    }
}

impl<F> Study<Studio, Preview> for Once<F>
where
    F: FnOnce(&mut Studio) -> Result<Preview, Failure> + Send,
{
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        self.0.take().map_or(Ok(Step::Done(None)), |work| {
            Ok(Step::Done(Some(work(studio)?)))
        })
    }
}
