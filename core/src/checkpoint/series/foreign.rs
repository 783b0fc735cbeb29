//! Folders of checkpoints as people keep them, without a manifest: files or folders with numbers in their names.
//!
//! Invariant: the same folder gives the same series, whatever order the system lists it in; what is left out is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::names::{self, Named};
use super::{CheckpointInfo, Loaded, Ready, Series};
use crate::checkpoint::format::Format;
use crate::checkpoint::spec::open_file;
use crate::checkpoint::{
    CheckpointError, Limits, NetworkRole, NetworkSpec, SeriesManifest, weights,
};
use crate::network::{GoOn, always};

/// Most files of a folder that are looked into; trainings leave hundreds.
const MAX_FILES: usize = 100_000;

/// The networks of one step: generator, discriminator, and whether the generator is a running average.
#[derive(Default)]
struct Step {
    files: [Option<NetworkSpec>; 2],
    is_averaged: bool,
}

/// The series that the files of a folder form.
///
/// # Errors
/// [`CheckpointError::NotASeries`] when no file is a numbered checkpoint of a generator.
fn open(dir: &Path) -> Result<Series, CheckpointError> {
    let mut found = Found::default();
    for path in entries(dir, &mut found.warnings)? {
        let named = names::read(&name_of(&path));
        if !path.is_dir() {
            found.file(&path, &named, named.step);
        } else if named.step.is_some() {
            let inside = entries(&path, &mut found.warnings)?;
            for inner in inside.into_iter().filter(|inner| inner.is_file()) {
                let of_file = names::read(&name_of(&inner));
                found.file(&inner, &of_file, named.step);
            }
        }
    }
    if found.steps.is_empty() {
        found.take_unnumbered();
    }
    let mut series = Series {
        dir: dir.to_owned(),
        manifest: SeriesManifest::foreign(&name_of(dir)),
        checkpoints: Vec::new(),
        warnings: found.warnings,
        ready: Ready::default(),
    };
    for (step, Step { files, .. }) in found.steps {
        let [generator, discriminator] = &files;
        if generator.is_none() {
            series.warnings.push(format!(
                "step {step} is skipped, it has no generator: {}",
                dir.display()
            ));
            continue;
        }
        series.checkpoints.push(CheckpointInfo {
            step,
            dir: dir.to_owned(),
            has_generator: true,
            has_discriminator: discriminator.is_some(),
            metrics: None,
            files: Some(files),
        });
    }
    if series.checkpoints.is_empty() {
        return Err(CheckpointError::NotASeries {
            what: "this folder has no series.toml, and no generators with numbers in their names, so it is not a series of checkpoints",
            path: dir.to_owned(),
        });
    }
    Ok(series)
}

impl Series {
    /// A folder without a manifest. Its last generator that can be opened tells what the pixels mean; later ones that cannot
    /// (a file may still be written) are told.
    pub(super) fn open_foreign(dir: &Path) -> Result<Self, CheckpointError> {
        let mut series = open(dir)?;
        let mut first_error = None;
        while let Some(last) = series.last().cloned() {
            match series.load_foreign(&last, NetworkRole::Generator, None, &always) {
                Ok(loaded) => {
                    let ranges = (loaded.input_range, loaded.output_range);
                    series
                        .manifest
                        .take_ranges(NetworkRole::Generator, ranges.0, ranges.1);
                    series.ready.put(last.step, NetworkRole::Generator, loaded);
                    return Ok(series);
                }
                Err(error) => {
                    let step = last.step;
                    series.warnings.push(format!(
                        "step {step} is skipped, it cannot be opened: {error}"
                    ));
                    first_error.get_or_insert(error);
                    series.checkpoints.pop();
                }
            }
        }
        first_error.map_or(Ok(series), Err)
    }

    /// The files of the networks of a folder without a manifest; none where it is no series.
    pub(in crate::checkpoint) fn foreign_files(dir: &Path) -> Vec<PathBuf> {
        let checkpoints = open(dir).map_or_else(|_| Vec::new(), |series| series.checkpoints);
        let files = checkpoints.iter().flat_map(|checkpoint| {
            let of_role = |role| checkpoint.foreign(role).map(|spec| spec.path.clone());
            NetworkRole::ALL.into_iter().filter_map(of_role)
        });
        files.collect()
    }

    /// The networks of a lone file as a series of one step: its generator and its discriminator, or the one it has.
    ///
    /// # Errors
    /// Those of the first network that cannot be opened, where no other can.
    pub(super) fn open_lone(path: &Path) -> Result<Self, CheckpointError> {
        let named = names::read(&name_of(path));
        let spec = |role| NetworkSpec {
            path: path.to_owned(),
            step: None,
            role,
            part: None,
        };
        let told = weights::roles(path, Format::of(path)?)?;
        let asked: Vec<Option<NetworkRole>> = match told.as_slice() {
            [] | [_] => vec![None],
            both => both.iter().copied().map(Some).collect(),
        };
        let (mut files, mut opened, mut failed) = ([None, None], Vec::new(), Vec::new());
        for role in asked {
            match open_file(&spec(role), None, Limits::default(), &always) {
                Ok(found) => {
                    if let Some(place) = files.get_mut(found.role as usize) {
                        *place = Some(spec(role));
                    }
                    opened.push(found);
                }
                Err(error) => failed.push(error),
            }
        }
        let Some(first) = opened.first() else {
            let missing = || CheckpointError::Empty {
                path: path.to_owned(),
            };
            return Err(failed.into_iter().next().unwrap_or_else(missing));
        };
        let mut manifest = SeriesManifest::foreign(&name_of(path));
        // The generator last: what it emits is what its discriminator takes.
        for one in opened.iter().rev() {
            manifest.take_ranges(one.role, one.input_range, one.output_range);
        }
        let step = first.step.or(named.step).unwrap_or(0);
        let ready = Ready::default();
        for one in opened {
            ready.put(step, one.role, one.into());
        }
        let [generator, discriminator] = &files;
        let checkpoint = CheckpointInfo {
            step,
            dir: path.to_owned(),
            has_generator: generator.is_some(),
            has_discriminator: discriminator.is_some(),
            metrics: None,
            files: Some(files),
        };
        Ok(Self {
            dir: path.to_owned(),
            manifest,
            checkpoints: vec![checkpoint],
            warnings: failed.iter().map(ToString::to_string).collect(),
            ready,
        })
    }

    pub(super) fn load_foreign(
        &self,
        checkpoint: &CheckpointInfo,
        role: NetworkRole,
        stamp_size: Option<usize>,
        go_on: GoOn<'_>,
    ) -> Result<Loaded, CheckpointError> {
        let Some(spec) = checkpoint.foreign(role) else {
            return Err(CheckpointError::NoRole {
                role,
                place: format!("at step {}", checkpoint.step),
                path: checkpoint.dir.clone(),
            });
        };
        if stamp_size.is_none()
            && let Some(loaded) = self.ready.take(checkpoint.step, role)
        {
            return Ok(loaded);
        }
        let opened = open_file(spec, stamp_size, Limits::default(), go_on)?;
        if opened.role != role {
            return Err(CheckpointError::WrongRole {
                expected: role,
                found: opened.role,
                path: opened.path,
            });
        }
        Ok(opened.into())
    }
}

#[derive(Default)]
struct Found {
    steps: BTreeMap<u64, Step>,
    /// Weights without a number, and what their names say.
    unnumbered: Vec<(PathBuf, Named)>,
    warnings: Vec<String>,
}

impl Found {
    /// Puts the networks of a file where they belong. `step`: what the file or the folder around it says.
    fn file(&mut self, path: &Path, named: &Named, step: Option<u64>) {
        let Some(format) = format_of_weights(path) else {
            return;
        };
        let Some(step) = step else {
            // Copies under names such as `latest` are of steps that have a name of their own.
            self.warn("no number in its name, left out of the series", path);
            self.unnumbered.push((path.to_owned(), named.clone()));
            return;
        };
        let mut spec = NetworkSpec {
            path: path.to_owned(),
            step: None,
            role: None,
            part: None,
        };
        if let Some(role) = named.role {
            self.put(step, role, spec, named.is_averaged);
            return;
        }
        let roles = match weights::roles(path, format) {
            Ok(roles) => roles,
            Err(error) => {
                self.warnings
                    .push(format!("step {step} cannot be read: {error}"));
                return;
            }
        };
        if roles.is_empty() {
            self.put(step, NetworkRole::Generator, spec, named.is_averaged);
            return;
        }
        for role in roles {
            spec.role = Some(role);
            self.put(step, role, spec.clone(), named.is_averaged);
        }
    }

    /// A folder whose weights have no numbers is one step: its generator, and its discriminator if there is one.
    fn take_unnumbered(&mut self) {
        let unnumbered = std::mem::take(&mut self.unnumbered);
        if !unnumbered.is_empty() {
            self.warnings.clear();
        }
        for (path, named) in unnumbered {
            self.file(&path, &named, Some(0));
        }
    }

    /// A running average takes the place of the weights it averages; of two others the first by name is kept.
    fn put(&mut self, step: u64, role: NetworkRole, spec: NetworkSpec, is_averaged: bool) {
        let at = self.steps.entry(step).or_default();
        let place = &mut at.files[role as usize];
        let is_generator = role == NetworkRole::Generator;
        let dropped = match place {
            None => {
                *place = Some(spec);
                at.is_averaged |= is_generator && is_averaged;
                return;
            }
            Some(kept) if is_generator && is_averaged && !at.is_averaged => {
                at.is_averaged = true;
                std::mem::replace(kept, spec)
            }
            Some(_) => spec,
        };
        let what = if is_generator && at.is_averaged {
            format!("the running average is taken for step {step}, not")
        } else {
            format!("a second {role} of step {step}, left out")
        };
        self.warn(&what, &dropped.path);
    }

    fn warn(&mut self, what: &str, path: &Path) {
        self.warnings.push(format!("{what}: {}", path.display()));
    }
}

/// Files and folders by name, hidden ones left out; `warnings` is told when there are too many.
fn entries(dir: &Path, warnings: &mut Vec<String>) -> Result<Vec<PathBuf>, CheckpointError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(CheckpointError::read(dir))? {
        let path = entry.map_err(CheckpointError::read(dir))?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    // The order of the system is not defined; the choice must be.
    paths.sort();
    if paths.len() > MAX_FILES {
        warnings.push(format!(
            "only the first {MAX_FILES} of {} files by name are looked at: {}",
            paths.len(),
            dir.display()
        ));
        paths.truncate(MAX_FILES);
    }
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The format of a file, where its bytes begin like those of a network; pictures and logs lie beside them.
fn format_of_weights(path: &Path) -> Option<Format> {
    let format = Format::told(path).ok().flatten()?;
    let may_be_a_log = matches!(format, Format::Json | Format::Description);
    (!may_be_a_log).then_some(format)
}
