//! Looking at files and folders a person wants to open. Nothing that is open is touched before it is known to be good.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Studio, describe};
use crate::edit::EditStack;
use crate::jobs::{Cancel, Failure, Finding, Opened, Progress, Step, Study};
use crate::session::changed_references;

/// A session larger than this is not one: sessions hold no tensors.
const MAX_SESSION_BYTES: u64 = 16 << 20;

/// One path per step; all are answered together, so that opening several files is one change.
pub(super) struct OpenStudy {
    paths: Vec<PathBuf>,
    opened: Vec<Opened>,
    cancel: Cancel,
}

impl OpenStudy {
    pub(super) const fn new(paths: Vec<PathBuf>, cancel: Cancel) -> Self {
        Self {
            paths,
            opened: Vec::new(),
            cancel,
        }
    }
}

impl Study<Studio, Finding> for OpenStudy {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Finding>, Failure> {
        if let Some(path) = self.paths.get(self.opened.len()) {
            let opened = match look_at(studio, path, &self.cancel) {
                Ok(opened) => opened,
                Err(why) if self.cancel.is_cancelled() => return Err(why),
                Err(why) => Opened::Failed {
                    path: path.clone(),
                    why: why.at(path),
                },
            };
            self.opened.push(opened);
        }
        if self.opened.len() >= self.paths.len() {
            let opened = std::mem::take(&mut self.opened);
            return Ok(Step::Done(Some(Finding::Opened(opened))));
        }
        Ok(Step::More {
            progress: Progress {
                done: self.opened.len(),
                total: self.paths.len(),
                what: "opening files".into(),
            },
            partial: None,
        })
    }
}

fn look_at(studio: &mut Studio, path: &Path, cancel: &Cancel) -> Result<Opened, Failure> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        let series = studio.reopen(path)?;
        let info = describe::series(&mut studio.networks, &series, &|| cancel.go_on())?;
        return Ok(Opened::Series(info.into()));
    }
    let extension = path.extension().and_then(|e| e.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("ron") => {
            if metadata.len() > MAX_SESSION_BYTES {
                return Err(Failure::new("too large to be a session"));
            }
            let text = fs::read_to_string(path)?;
            Ok(Opened::Session {
                path: path.to_owned(),
                changed: changed_references(&text),
                text,
            })
        }
        // `series.toml` stands for its folder; other TOML files are recipes.
        Some("toml") if path.file_name().is_some_and(|n| n == "series.toml") => {
            look_at(studio, path.parent().unwrap_or(path), cancel)
        }
        Some("toml") => Ok(Opened::Recipe {
            path: path.to_owned(),
            edits: EditStack::read(path)?,
        }),
        _ => {
            studio.forget_scene(path);
            Ok(Opened::Scene(studio.scene(path)?))
        }
    }
}
