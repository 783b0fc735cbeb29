//! Asking a person for files: the system's dialogs, or answers written down before (tests).
//!
//! Invariant: asking never blocks the window. The answer comes through [`FileDialogs::poll`] in a later frame.

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::Builder;

use crossbeam_channel::{Receiver, bounded};

use crate::notify;

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which files to open.
    OpenFiles,
    /// Which series directory to open.
    OpenSeries,
    /// Where to save the session.
    SaveSession {
        /// Suggested name.
        name: String,
    },
    /// Where to save the recipe.
    SaveRecipe,
    /// Where to export to.
    Export {
        /// Suggested name.
        name: String,
        /// Extensions it can have, the one chosen first.
        extensions: Vec<&'static str>,
    },
    /// Which region files to open.
    OpenRegions,
    /// Where to save the regions.
    SaveRegions {
        /// Suggested name.
        name: String,
    },
    /// Where to save the table of the regions.
    SaveRegionTable {
        /// Suggested name.
        name: String,
    },
}

impl Question {
    /// What it asks for, as the title of a dialog.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::OpenFiles => "Open networks, pictures, regions, a session or a recipe",
            Self::OpenSeries => "Open the folder of a series",
            Self::SaveSession { .. } => "Save the session",
            Self::SaveRecipe => "Save the edits as a recipe",
            Self::Export { .. } => "Export",
            Self::OpenRegions => "Open DS9 regions",
            Self::SaveRegions { .. } => "Save the regions for DS9",
            Self::SaveRegionTable { .. } => "Save the table of the regions",
        }
    }

    /// The name suggested for a file that is written; nothing where one is read.
    pub fn suggested(&self) -> Option<&str> {
        match self {
            Self::OpenFiles | Self::OpenSeries | Self::OpenRegions => None,
            Self::SaveRecipe => Some("recipe.toml"),
            Self::SaveSession { name }
            | Self::Export { name, .. }
            | Self::SaveRegions { name }
            | Self::SaveRegionTable { name } => Some(name),
        }
    }
}

/// What a person answered; no path when they changed their mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// The paths chosen.
    pub paths: Vec<PathBuf>,
    /// Whether nobody could be asked, because the system has no dialog that can be shown.
    pub is_impossible: bool,
}

/// Someone who can be asked for files.
pub trait FileDialogs {
    /// Asks; returns whether the person is asked. A question while another one is open is dropped: they have a dialog before
    /// them.
    fn ask(&mut self, question: Question, ctx: &egui::Context) -> bool;

    /// The answer, once.
    fn poll(&mut self) -> Option<Answer>;
}

/// The system's dialogs.
#[derive(Default)]
pub struct Native {
    open: Option<Receiver<Answer>>,
}

/// Extensions of pictures, for the filter of the dialog; contents decide, not names.
const PICTURES: [&str; 14] = [
    "fits",
    "fit",
    "fts",
    "gz",
    "fz",
    "png",
    "jpg",
    "jpeg",
    "tif",
    "tiff",
    "npy",
    "npz",
    "safetensors",
    "tfrecords",
];

/// Extensions of networks, likewise.
const NETWORKS: [&str; 11] = [
    "safetensors",
    "pth",
    "pt",
    "ckpt",
    "tar",
    "pkl",
    "onnx",
    "h5",
    "keras",
    "json",
    "toml",
];

impl FileDialogs for Native {
    fn ask(&mut self, question: Question, ctx: &egui::Context) -> bool {
        if self.open.is_some() {
            return false;
        }
        let (sender, receiver) = bounded(1);
        let ctx = ctx.clone();
        let ask = move || {
            notify::take_dialog_failure();
            let paths = show(&question);
            // No file was chosen, which looks the same to the library.
            let is_impossible = notify::take_dialog_failure() && paths.is_empty();
            // The window may be gone by now.
            let _ = sender.send(Answer {
                question,
                paths,
                is_impossible,
            });
            ctx.request_repaint();
        };
        // macOS only shows dialogs from the main thread; elsewhere a thread keeps the window alive meanwhile.
        if cfg!(target_os = "macos") {
            ask();
        } else if let Err(error) = Builder::new().name("dialog".to_owned()).spawn(ask) {
            log::error!("cannot show a file dialog: {error}");
            return false;
        }
        self.open = Some(receiver);
        true
    }

    fn poll(&mut self) -> Option<Answer> {
        let answer = self.open.as_ref()?.try_recv();
        match answer {
            Ok(answer) => {
                self.open = None;
                Some(answer)
            }
            Err(crossbeam_channel::TryRecvError::Empty) => None,
            Err(crossbeam_channel::TryRecvError::Disconnected) => {
                self.open = None;
                None
            }
        }
    }
}

fn show(question: &Question) -> Vec<PathBuf> {
    let dialog = rfd::FileDialog::new();
    match question {
        Question::OpenFiles => {
            let mut all = PICTURES.to_vec();
            all.extend(["ron", "toml", "reg"]);
            all.extend(NETWORKS);
            dialog
                .set_title(question.title())
                .add_filter("All that can be opened", &all)
                .add_filter("Pictures", &PICTURES)
                .add_filter("Networks", &NETWORKS)
                .add_filter("Sessions", &["ron"])
                .add_filter("Recipes", &["toml"])
                .add_filter("Regions", &["reg"])
                .pick_files()
                .unwrap_or_default()
        }
        Question::OpenRegions => dialog
            .set_title(question.title())
            .add_filter("DS9 regions", &["reg"])
            .pick_files()
            .unwrap_or_default(),
        Question::SaveRegions { name } => dialog
            .set_title(question.title())
            .set_file_name(name)
            .add_filter("DS9 regions", &["reg"])
            .save_file()
            .into_iter()
            .collect(),
        Question::SaveRegionTable { name } => dialog
            .set_title(question.title())
            .set_file_name(name)
            .add_filter("ECSV", &["ecsv"])
            .add_filter("CSV", &["csv"])
            .save_file()
            .into_iter()
            .collect(),
        Question::OpenSeries => dialog
            .set_title(question.title())
            .pick_folder()
            .into_iter()
            .collect(),
        Question::SaveSession { name } => dialog
            .set_title(question.title())
            .set_file_name(name)
            .add_filter("Sessions", &["ron"])
            .save_file()
            .into_iter()
            .collect(),
        Question::SaveRecipe => dialog
            .set_title(question.title())
            .set_file_name("recipe.toml")
            .add_filter("Recipes", &["toml"])
            .save_file()
            .into_iter()
            .collect(),
        Question::Export { name, extensions } => {
            let dialog = extensions.iter().fold(dialog, |dialog, extension| {
                dialog.add_filter(extension.to_uppercase(), &[*extension])
            });
            dialog
                .set_title(question.title())
                .set_file_name(name)
                .save_file()
                .into_iter()
                .collect()
        }
    }
}

/// Answers written down before.
#[derive(Debug, Default)]
pub struct Scripted {
    /// The answers, in the order of the questions.
    pub answers: VecDeque<Vec<PathBuf>>,
    /// What was asked.
    pub asked: Vec<Question>,
    /// The answer when none is left.
    pub usual: Vec<PathBuf>,
    /// While it is set, a dialog stays open; shared, so that a test lets go of it.
    pub stays: Rc<Cell<bool>>,
    /// As on a system without dialogs.
    pub are_impossible: bool,
    ready: Option<Answer>,
}

impl Scripted {
    /// Answers in the order of the questions.
    pub fn new(answers: impl IntoIterator<Item = Vec<PathBuf>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl FileDialogs for Scripted {
    fn ask(&mut self, question: Question, ctx: &egui::Context) -> bool {
        if self.ready.is_some() {
            return false;
        }
        self.asked.push(question.clone());
        let paths = if self.are_impossible {
            Vec::new()
        } else {
            let answer = self.answers.pop_front();
            answer.unwrap_or_else(|| self.usual.clone())
        };
        self.ready = Some(Answer {
            question,
            paths,
            is_impossible: self.are_impossible,
        });
        ctx.request_repaint();
        true
    }

    fn poll(&mut self) -> Option<Answer> {
        self.ready.take_if(|_| !self.stays.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_under_an_open_dialog_is_refused() {
        let ctx = egui::Context::default();
        let mut dialogs = Scripted::new([vec!["a.toml".into()]]);
        assert!(dialogs.ask(Question::SaveRecipe, &ctx));
        assert!(!dialogs.ask(Question::OpenFiles, &ctx));
        let answer = dialogs.poll().unwrap();
        assert_eq!(answer.question, Question::SaveRecipe);
        assert!(dialogs.poll().is_none());
        assert!(dialogs.ask(Question::OpenFiles, &ctx));
    }
}
