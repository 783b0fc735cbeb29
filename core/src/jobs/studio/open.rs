//! Looking at files and folders a person wants to open. Nothing that is open is touched before it is known to be good.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::input::SceneReader;
use super::{Studio, describe};
use crate::checkpoint::{
    CheckpointError, NetworkSpec, Series, can_be_described, description_of, draft_description,
    holds_parameters, looks_like_network,
};
use crate::edit::EditStack;
use crate::jobs::{Cancel, Draft, Failure, Finding, Opened, Progress, Step, Study};
use crate::plain_file;
use crate::session::changed_references;
use crate::stamp::io::PictureFile;

/// A session larger than this is not one: sessions hold no tensors.
const MAX_SESSION_BYTES: u64 = 16 << 20;

/// A description larger than this is not one.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;

/// A region file larger than this is not one.
const MAX_REGIONS_BYTES: u64 = 16 << 20;

/// One path per step, or a part of a large picture; all are answered together, so that opening several files is one change.
pub(super) struct OpenStudy {
    paths: Vec<PathBuf>,
    opened: Vec<Opened>,
    /// The picture that is being read.
    reading: Option<SceneReader>,
    cancel: Cancel,
}

impl OpenStudy {
    pub(super) const fn new(paths: Vec<PathBuf>, cancel: Cancel) -> Self {
        Self {
            paths,
            opened: Vec::new(),
            reading: None,
            cancel,
        }
    }

    /// A path that cannot be opened; the others still are, unless all was stopped.
    fn failed(&self, path: &Path, why: Failure) -> Result<Opened, Failure> {
        if self.cancel.is_cancelled() {
            return Err(why);
        }
        Ok(Opened::Failed {
            why: why.at(path),
            path: path.to_owned(),
        })
    }

    fn more(&self) -> Step<Finding> {
        let progress = match &self.reading {
            Some(reading) if self.paths.len() == 1 => reading.progress(),
            _ => Progress {
                done: self.opened.len(),
                total: self.paths.len(),
                what: "opening files".into(),
            },
        };
        Step::More {
            progress,
            partial: None,
        }
    }

    /// Looks at a path, or reads on; nothing while a picture is being read.
    fn look_at(&mut self, studio: &mut Studio, path: &Path) -> Result<Option<Opened>, Failure> {
        let picture = PictureFile::at(path);
        if self.reading.is_none() {
            // A part of a file is a part of a picture.
            if picture.reading.is_plain()
                && let Some(opened) = look_at(studio, path, &self.cancel)?
            {
                return Ok(Some(opened));
            }
            studio.forget_scene(&picture.path);
            self.reading = Some(SceneReader::open(&picture, studio.most_pixels)?);
        }
        let read = self.reading.as_mut().map(SceneReader::step);
        let scene = match read.transpose() {
            Ok(None | Some(None)) => return Ok(None),
            Ok(Some(Some(scene))) => scene,
            Err(why) => {
                self.reading = None;
                return Err(why);
            }
        };
        self.reading = None;
        Ok(Some(Opened::Scene(studio.keep_scene(&picture, scene))))
    }
}

impl Study<Studio, Finding> for OpenStudy {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Finding>, Failure> {
        if let Some(path) = self.paths.get(self.opened.len()).cloned() {
            let opened = match self.look_at(studio, &path) {
                Ok(Some(opened)) => opened,
                Ok(None) => return Ok(self.more()),
                Err(why) if path.is_file() => {
                    let found = network_at(studio, &path, why, &self.cancel);
                    found.or_else(|why| self.failed(&path, why))?
                }
                Err(why) => self.failed(&path, why)?,
            };
            self.opened.push(opened);
        }
        if self.opened.len() >= self.paths.len() {
            let opened = std::mem::take(&mut self.opened);
            return Ok(Step::Done(Some(Finding::Opened(opened))));
        }
        Ok(self.more())
    }
}

/// What a file is that is no picture: a network, a network without a description, or neither. `why_no_picture`: what the reader
/// of pictures said.
fn network_at(
    studio: &mut Studio,
    path: &Path,
    why_no_picture: Failure,
    cancel: &Cancel,
) -> Result<Opened, Failure> {
    let error = match Series::open_any(path) {
        Ok(series) => {
            let series = studio.adopt(path, series);
            let info = describe::series(&mut studio.networks, &series, &|| cancel.go_on())?;
            return Ok(Opened::Series(info.into()));
        }
        Err(error) => error,
    };
    if !looks_like_network(path) {
        return Err(why_no_picture);
    }
    let is_unknown = matches!(
        error,
        CheckpointError::UnknownArchitecture { .. } | CheckpointError::Network { .. }
    );
    let beside = description_of(path);
    let is_described = matches!(&error, CheckpointError::Manifest { path, .. } if *path == beside);
    if !(is_unknown || is_described) || !can_be_described(path) {
        return Err(error.into());
    }
    let why = Failure::from(error).at(path);
    // Where not even a draft can be made, the first trouble is the one to tell.
    match draft_of(path, Some(why.clone())) {
        Ok(draft) => Ok(Opened::Draft(draft.into())),
        Err(_) => Err(why),
    }
}

/// The description beside a file of weights, or a draft of one.
fn draft_of(path: &Path, why: Option<Failure>) -> Result<Draft, Failure> {
    let description = description_of(path);
    let is_saved = description.is_file();
    let text = if is_saved {
        let text = text_of(&description, MAX_DESCRIPTION_BYTES, "a description");
        text.map_err(|why| why.at(&description))?
    } else {
        let spec = NetworkSpec {
            path: path.to_owned(),
            step: None,
            role: None,
            part: None,
        };
        draft_description(&spec, None)?
    };
    Ok(Draft {
        weights: path.to_owned(),
        description,
        text,
        is_saved,
        why,
    })
}

/// Drafts the description of one file.
pub(super) struct DescribeStudy {
    path: PathBuf,
}

impl DescribeStudy {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Study<Studio, Finding> for DescribeStudy {
    fn step(&mut self, _: &mut Studio) -> Result<Step<Finding>, Failure> {
        let draft = draft_of(&self.path, None).map_err(|why| why.at(&self.path))?;
        let opened = vec![Opened::Draft(draft.into())];
        Ok(Step::Done(Some(Finding::Opened(opened))))
    }
}

/// The bytes of a file of a kind that is never longer than `most`.
fn bytes_of(path: &Path, most: u64, kind: &str) -> Result<Vec<u8>, Failure> {
    plain_file::read(path, most).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Failure::new(format!("too large to be {kind}")),
        _ => error.into(),
    })
}

/// The same as text.
fn text_of(path: &Path, most: u64, kind: &str) -> Result<String, Failure> {
    String::from_utf8(bytes_of(path, most, kind)?)
        .map_err(|error| Failure::new(format!("{kind} is UTF-8 text, this is not: {error}")))
}

/// What a path is, told at once; nothing for a picture, which is read bit by bit.
fn look_at(studio: &mut Studio, path: &Path, cancel: &Cancel) -> Result<Option<Opened>, Failure> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        let series = studio.reopen(path)?;
        let info = describe::series(&mut studio.networks, &series, &|| cancel.go_on())?;
        return Ok(Some(Opened::Series(info.into())));
    }
    let extension = path.extension().and_then(|e| e.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("ron") => {
            let text = text_of(path, MAX_SESSION_BYTES, "a session")?;
            Ok(Some(Opened::Session {
                path: path.to_owned(),
                changed: changed_references(&text),
                text,
            }))
        }
        // `series.toml` stands for its folder; other TOML files are recipes.
        Some("toml") if path.file_name().is_some_and(|n| n == "series.toml") => {
            look_at(studio, path.parent().unwrap_or(path), cancel)
        }
        // A description names the weights that it is of.
        Some("toml") if looks_like_network(path) => {
            let series = studio.reopen(path)?;
            let info = describe::series(&mut studio.networks, &series, &|| cancel.go_on())?;
            Ok(Some(Opened::Series(info.into())))
        }
        Some("toml") => Ok(Some(Opened::Recipe {
            path: path.to_owned(),
            edits: EditStack::read(path)?,
        })),
        Some("reg") => {
            // DS9 writes ASCII; words in another encoding only lose letters.
            let bytes = bytes_of(path, MAX_REGIONS_BYTES, "a region file")?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Some(Opened::Regions {
                path: path.to_owned(),
                text,
            }))
        }
        _ if holds_parameters(path) => {
            let why = Failure::new("these are the weights of a network");
            network_at(studio, path, why, cancel).map(Some)
        }
        _ => Ok(None),
    }
}
