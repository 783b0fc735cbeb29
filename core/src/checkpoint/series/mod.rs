//! A series: the checkpoints of one training run, in order of steps, sharing one architecture.
//!
//! Opening reads the manifest, the metrics and the headers of the weights; weights are read when a checkpoint is
//! loaded. A damaged checkpoint does not hide the others.

mod foreign;
mod loaded;
mod names;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::{MANIFEST_FILE, SeriesManifest};
use super::metrics::{METRICS_FILE, Metrics};
use super::{
    CheckpointError, Confidence, NetworkRole, NetworkSpec, TensorEntry, TensorFile, TensorHeader,
};
use crate::network::{GoOn, always};

pub use self::loaded::Loaded;
use self::loaded::Ready;

/// Name of the graph of a layers model of TensorFlow.js.
pub(super) const GRAPH_FILE: &str = "model.json";

/// One checkpoint of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointInfo {
    /// Training step.
    pub step: u64,
    /// Its folder.
    pub dir: PathBuf,
    /// Whether there is a generator; always true in a series of a folder.
    pub has_generator: bool,
    /// Whether the folder has a discriminator.
    pub has_discriminator: bool,
    /// What was measured, if `metrics.json` is there and readable.
    pub metrics: Option<Metrics>,
    /// Where the networks are, by role, when the series has no manifest.
    files: Option<[Option<NetworkSpec>; 2]>,
}

impl CheckpointInfo {
    /// Whether it has the network of a role.
    pub const fn has(&self, role: NetworkRole) -> bool {
        match role {
            NetworkRole::Generator => self.has_generator,
            NetworkRole::Discriminator => self.has_discriminator,
        }
    }

    /// The weights file of a role.
    pub fn file(&self, role: NetworkRole) -> PathBuf {
        match self.foreign(role) {
            Some(spec) => spec.path.clone(),
            None => self.dir.join(role.file_name()),
        }
    }

    /// The network of a role in a series without a manifest.
    fn foreign(&self, role: NetworkRole) -> Option<&NetworkSpec> {
        self.files.as_ref()?.get(role as usize)?.as_ref()
    }
}

/// An opened series directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The directory, or the file of a series of one file.
    pub dir: PathBuf,
    /// What its checkpoints have in common.
    pub manifest: SeriesManifest,
    /// The checkpoints, by ascending step.
    pub checkpoints: Vec<CheckpointInfo>,
    /// What was skipped or found strange, one sentence each, path last.
    pub warnings: Vec<String>,
    ready: Ready,
}

impl Series {
    /// Opens what a path holds: a folder with its manifest, a folder of other people's checkpoints, or a lone file as a
    /// series of one step.
    ///
    /// # Errors
    /// As [`Self::open`]; of a file as [`super::open_network`].
    pub fn open_any(path: &Path) -> Result<Self, CheckpointError> {
        let metadata = fs::metadata(path).map_err(CheckpointError::read(path))?;
        if metadata.is_dir() {
            // A layers model of TensorFlow.js is a folder of a graph and its shards.
            let graph = path.join(GRAPH_FILE);
            let is_graph = graph.is_file() && !path.join(MANIFEST_FILE).exists();
            return if is_graph {
                Self::open_lone(&graph)
            } else {
                Self::open(path)
            };
        }
        Self::open_lone(path)
    }

    /// The network that is run: the generator, or the discriminator where there is no generator.
    pub fn main_role(&self) -> NetworkRole {
        if self.checkpoints.iter().any(|c| c.has_generator) {
            NetworkRole::Generator
        } else {
            NetworkRole::Discriminator
        }
    }

    /// Whether it has a manifest that says what its networks are; otherwise they were recognised.
    pub const fn has_manifest(&self) -> bool {
        self.manifest.generator.is_some() || self.manifest.latent_generator.is_some()
    }

    /// Opens a series directory: manifest, metrics and headers.
    ///
    /// # Errors
    /// When the directory or its manifest cannot be read, when a folder without a manifest has no numbered checkpoints, or
    /// when two checkpoints differ in the shape of a tensor.
    pub fn open(dir: &Path) -> Result<Self, CheckpointError> {
        if !fs::metadata(dir)
            .map_err(CheckpointError::read(dir))?
            .is_dir()
        {
            return Err(CheckpointError::NotASeries {
                what: "a series is a folder, this is a file",
                path: dir.to_owned(),
            });
        }
        if !dir.join(MANIFEST_FILE).exists() {
            return Self::open_foreign(dir);
        }
        let mut series = Self {
            dir: dir.to_owned(),
            manifest: SeriesManifest::read(dir)?,
            checkpoints: Vec::new(),
            warnings: Vec::new(),
            ready: Ready::default(),
        };
        for (step, folder) in series.step_folders()? {
            series.add(step, folder);
        }
        if series.checkpoints.is_empty() {
            series.warn("the series has no checkpoint", dir);
        }
        series.check_shapes()?;
        Ok(series)
    }

    /// The last checkpoint.
    pub fn last(&self) -> Option<&CheckpointInfo> {
        self.checkpoints.last()
    }

    /// The checkpoint nearest to `step`, the earlier one of two equally near.
    pub fn nearest(&self, step: u64) -> Option<&CheckpointInfo> {
        self.checkpoints
            .iter()
            .min_by_key(|checkpoint| checkpoint.step.abs_diff(step))
    }

    /// The checkpoint at exactly `step`.
    pub fn at(&self, step: u64) -> Option<&CheckpointInfo> {
        self.checkpoints.iter().find(|c| c.step == step)
    }

    /// Loads a network of the checkpoint at exactly `step`.
    ///
    /// # Errors
    /// When there is no such checkpoint, or its weights are damaged or of another architecture.
    pub fn load(&self, step: u64, role: NetworkRole) -> Result<Loaded, CheckpointError> {
        self.load_while(step, role, &always)
    }

    /// [`Series::load`] that can be stopped: `go_on` is asked before every block of the file and every parameter.
    ///
    /// # Errors
    /// When it says no, and as [`Series::load`].
    pub fn load_while(
        &self,
        step: u64,
        role: NetworkRole,
        go_on: GoOn<'_>,
    ) -> Result<Loaded, CheckpointError> {
        let Some(checkpoint) = self.at(step) else {
            return Err(self.no_step(step, role));
        };
        if checkpoint.files.is_some() {
            return self.load_foreign(checkpoint, role, None, go_on);
        }
        let no_role = |place: String, path: PathBuf| CheckpointError::NoRole { role, place, path };
        let config = self
            .manifest
            .config(role)
            .ok_or_else(|| no_role("in the manifest".to_owned(), self.dir.join(MANIFEST_FILE)))?;
        let path = checkpoint.file(role);
        if !path.exists() {
            return Err(no_role(format!("at step {step}"), path));
        }
        let file = TensorFile::read_while(&path, go_on)?;
        let (network, report) = config.build_while(&file, go_on)?;
        let expected = checkpoint
            .metrics
            .as_ref()
            .and_then(|m| m.sha256.get(role.file_name()));
        if expected.is_some_and(|expected| *expected != file.sha256) {
            log::warn!(
                "the weights were changed since {METRICS_FILE} was written: {}",
                path.display()
            );
        }
        Ok(Loaded {
            network,
            identity: config.identity(Confidence::Stated, Vec::new()),
            config: Some(config),
            input_range: self.manifest.input_range_of(role),
            output_range: self.manifest.output_range_of(role),
            report,
            guesses: Vec::new(),
            sha256: file.sha256,
            path,
        })
    }

    /// [`Series::load_while`] of a network for pictures of `side` rows and columns, where its file leaves the size open; a series
    /// with a manifest has one size.
    ///
    /// # Errors
    /// As [`Series::load_while`].
    pub fn load_sized(
        &self,
        step: u64,
        role: NetworkRole,
        side: usize,
        go_on: GoOn<'_>,
    ) -> Result<Loaded, CheckpointError> {
        match self.at(step).filter(|c| c.files.is_some()) {
            Some(checkpoint) => self.load_foreign(checkpoint, role, Some(side), go_on),
            None => self.load_while(step, role, go_on),
        }
    }

    fn no_step(&self, step: u64, role: NetworkRole) -> CheckpointError {
        let skipped = self.dir.join(step_folder(step));
        if skipped.is_dir() {
            return CheckpointError::NoRole {
                role,
                place: format!("at step {step}"),
                path: skipped.join(role.file_name()),
            };
        }
        let known = match (self.checkpoints.first(), self.last(), self.nearest(step)) {
            (Some(first), Some(last), Some(nearest)) => format!(
                "the series has {} from {} to {}, the nearest is {}",
                self.checkpoints.len(),
                first.step,
                last.step,
                nearest.step
            ),
            _ => "the series has none".to_owned(),
        };
        CheckpointError::NoStep {
            step,
            known,
            path: self.dir.clone(),
        }
    }

    /// The folders named `step-NUMBER`, by step.
    fn step_folders(&mut self) -> Result<BTreeMap<u64, PathBuf>, CheckpointError> {
        let mut folders = BTreeMap::new();
        let dir = self.dir.clone();
        for entry in fs::read_dir(&dir).map_err(CheckpointError::read(&dir))? {
            let path = entry.map_err(CheckpointError::read(&dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(digits) = name.and_then(|name| name.strip_prefix("step-")) else {
                continue;
            };
            let Some(step) = parse_step(digits).filter(|_| path.is_dir()) else {
                self.warn("not a checkpoint's folder, skipped", &path);
                continue;
            };
            if let Some(other) = folders.insert(step, path.clone()) {
                // The order of read_dir is not defined; the choice must be.
                let (kept, dropped) = (other.clone().min(path.clone()), other.max(path));
                folders.insert(step, kept);
                self.warn(
                    &format!("a second folder of step {step}, skipped"),
                    &dropped,
                );
            }
        }
        Ok(folders)
    }

    fn add(&mut self, step: u64, dir: PathBuf) {
        let has = |role: NetworkRole| dir.join(role.file_name()).is_file();
        let (has_generator, has_discriminator) =
            (has(NetworkRole::Generator), has(NetworkRole::Discriminator));
        if !has_generator {
            let file = dir.join(NetworkRole::Generator.file_name());
            self.warn(
                &format!("step {step} is skipped, it has no generator"),
                &file,
            );
            return;
        }
        let is_expected = self.manifest.config(NetworkRole::Discriminator).is_some();
        if !has_discriminator && is_expected {
            let file = dir.join(NetworkRole::Discriminator.file_name());
            self.warn(&format!("step {step} has no discriminator"), &file);
        }
        let metrics = match Metrics::read(&dir) {
            Ok(metrics) => Some(metrics),
            Err(error) => {
                self.warnings
                    .push(format!("step {step} has no metrics: {error}"));
                None
            }
        };
        self.checkpoints.push(CheckpointInfo {
            step,
            dir,
            has_generator,
            has_discriminator,
            metrics,
            files: None,
        });
    }

    /// Compares the shapes of all checkpoints with those of the first readable one.
    fn check_shapes(&mut self) -> Result<(), CheckpointError> {
        for role in NetworkRole::ALL {
            let mut first: Option<(u64, TensorHeader)> = None;
            for index in 0..self.checkpoints.len() {
                let checkpoint = &self.checkpoints[index];
                if !checkpoint.has(role) {
                    continue;
                }
                let step = checkpoint.step;
                match (TensorHeader::read(&checkpoint.file(role)), &first) {
                    (Err(error), _) => self.warnings.push(format!(
                        "the {role} of step {step} cannot be loaded: {error}"
                    )),
                    (Ok(header), None) => first = Some((step, header)),
                    (Ok(header), Some((step, first))) => compare(*step, first, &header)?,
                }
            }
        }
        Ok(())
    }

    fn warn(&mut self, what: &str, path: &Path) {
        self.warnings.push(format!("{what}: {}", path.display()));
    }
}

/// The folder of a step inside its series, for example `step-0002000`.
pub(super) fn step_folder(step: u64) -> String {
    format!("step-{step:07}")
}

fn parse_step(digits: &str) -> Option<u64> {
    // `u64::from_str` also takes a plus sign.
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits)
}

/// Fails with the first tensor, by name, whose shape differs.
fn compare(step: u64, first: &TensorHeader, other: &TensorHeader) -> Result<(), CheckpointError> {
    let counts = |key: &&String| !key.ends_with(".num_batches_tracked");
    let mut keys: Vec<&String> = first.entries.keys().chain(other.entries.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let shape = |entry: Option<&TensorEntry>| {
        entry.map_or_else(|| "absent".to_owned(), |e| format!("{:?}", e.shape))
    };
    for key in keys.into_iter().filter(counts) {
        let expected = shape(first.entries.get(key));
        let got = shape(other.entries.get(key));
        if expected != got {
            return Err(CheckpointError::MixedShapes {
                tensor: key.clone(),
                first: step,
                expected,
                got,
                path: other.path.clone(),
            });
        }
    }
    Ok(())
}
