//! Looking at files and folders a person wants to open. Nothing that is open is touched before it is known to be good.

use std::fs;
use std::path::{Path, PathBuf};

use super::input::SceneReader;
use super::{Studio, describe};
use crate::checkpoint::{NetworkSpec, open_network};
use crate::edit::EditStack;
use crate::jobs::{Cancel, Failure, Finding, Opened, Progress, Step, Study};
use crate::session::changed_references;

/// A session larger than this is not one: sessions hold no tensors.
const MAX_SESSION_BYTES: u64 = 16 << 20;

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
        if self.reading.is_none() {
            if let Some(opened) = look_at(studio, path, &self.cancel)? {
                return Ok(Some(opened));
            }
            studio.forget_scene(path);
            self.reading = Some(SceneReader::open(path, studio.most_pixels)?);
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
        Ok(Some(Opened::Scene(studio.keep_scene(path, scene))))
    }
}

impl Study<Studio, Finding> for OpenStudy {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Finding>, Failure> {
        if let Some(path) = self.paths.get(self.opened.len()).cloned() {
            let opened = match self.look_at(studio, &path) {
                Ok(Some(opened)) => opened,
                Ok(None) => return Ok(self.more()),
                Err(why) if self.cancel.is_cancelled() => return Err(why),
                Err(why) => Opened::Failed {
                    why: network_at(&path).unwrap_or(why).at(&path),
                    path,
                },
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

/// What to say of a file that is no picture, where it is a network.
fn network_at(path: &Path) -> Option<Failure> {
    let spec = NetworkSpec {
        path: path.to_owned(),
        step: None,
        role: None,
        part: None,
    };
    let family = open_network(&spec).ok()?.identity.family;
    Some(Failure::new(format!(
        "this is a network ({family}); the window shows series of deblenders, so far: `ganoscope inspect` and `run` take this one"
    )))
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
            if metadata.len() > MAX_SESSION_BYTES {
                return Err(Failure::new("too large to be a session"));
            }
            let text = fs::read_to_string(path)?;
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
        Some("toml") => Ok(Some(Opened::Recipe {
            path: path.to_owned(),
            edits: EditStack::read(path)?,
        })),
        Some("reg") => {
            if metadata.len() > MAX_REGIONS_BYTES {
                return Err(Failure::new("too large to be a region file"));
            }
            // DS9 writes ASCII; words in another encoding only lose letters.
            let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
            Ok(Some(Opened::Regions {
                path: path.to_owned(),
                text,
            }))
        }
        _ => Ok(None),
    }
}
