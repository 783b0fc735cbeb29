//! What an export is made from: a copy of what the window shows, so that nothing changes under it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;

use ganoscope_core::checkpoint::NetworkRole;
use ganoscope_core::graph::Graph;
use ganoscope_core::jobs::{DeblendPreview, Input, RelevancePreview, Scene, SeriesInfo, UnitMaps};
use ganoscope_core::stamp::ValueRange;

use super::ExportChoice;
use crate::display::Levels;
use crate::document::Document;
use crate::figures::Setting;
use crate::results::{Loadable, Results};
use crate::views::{ViewCx, ViewKey, edit_text};
use crate::workbench::Workbench;

/// What of the document a view shows that is its own choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The network it shows; the generator when not said.
    pub role: Option<NetworkRole>,
    /// The chains of equal blocks that are drawn one by one.
    pub open_chains: BTreeSet<usize>,
}

/// What the window shows, borrowed.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The view.
    pub view: ViewKey,
    /// What it shows of its own choice.
    pub subject: &'a Subject,
    /// What is worked on.
    pub document: &'a Document,
    /// How the window is arranged.
    pub workbench: &'a Workbench,
    /// What the worker has answered.
    pub results: &'a Results,
}

/// What the window shows, kept.
#[derive(Clone)]
pub struct Material {
    /// The view.
    pub view: ViewKey,
    /// What it shows of its own choice.
    pub subject: Subject,
    /// What is worked on.
    pub document: Document,
    /// How the window is arranged.
    pub workbench: Workbench,
    /// What the worker has answered.
    pub results: Results,
    /// Black and white of all light.
    pub levels: Levels,
    /// Whether the window is dark.
    pub is_dark: bool,
}

impl Material {
    /// What it is, borrowed.
    pub const fn shown(&self) -> Shown<'_> {
        Shown {
            view: self.view,
            subject: &self.subject,
            document: &self.document,
            workbench: &self.workbench,
            results: &self.results,
        }
    }
}

/// A result that is up to date, or why it cannot be exported.
fn ready<'a, T>(loadable: &'a Loadable<T>, what: &str) -> Result<&'a T, String> {
    match loadable {
        Loadable::Ready(value) => Ok(value),
        Loadable::Empty => Err(format!("there is nothing to export: no {what}")),
        Loadable::Pending { .. } => Err(format!("the {what} is being computed")),
        Loadable::Failed { why, .. } => Err(format!("the {what} failed: {}", why.headline)),
    }
}

impl<'a> Shown<'a> {
    /// What a view sees.
    pub fn of(cx: &ViewCx<'a>, view: ViewKey, subject: &'a Subject) -> Self {
        Self {
            view,
            subject,
            document: cx.document,
            workbench: cx.workbench,
            results: cx.results,
        }
    }

    /// The series.
    ///
    /// # Errors
    /// Why there is none.
    pub fn series(&self) -> Result<&'a SeriesInfo, String> {
        Ok(&**ready(&self.results.series, "series")?)
    }

    /// The picture.
    ///
    /// # Errors
    /// Why there is none.
    pub fn scene(&self) -> Result<&'a Scene, String> {
        Ok(&**ready(&self.results.scene, "picture")?)
    }

    /// The picture of the file that the network is run on; nothing where it is run on a seed.
    ///
    /// # Errors
    /// Why a picture that should be there is not.
    pub fn scene_of_file(&self) -> Result<Option<&'a Scene>, String> {
        match &self.document.input {
            Some(Input::Latent(_)) => Ok(None),
            _ => self.scene().map(Some),
        }
    }

    /// The picture that light and axes are taken from: that of the file, or the first output where the network is run on a
    /// seed.
    ///
    /// # Errors
    /// Why there is none.
    pub fn canvas(&self) -> Result<Cow<'a, Scene>, String> {
        if let Some(scene) = self.scene_of_file()? {
            return Ok(Cow::Borrowed(scene));
        }
        let first = self.deblend()?.outputs.first();
        let blend = first.ok_or("there is nothing to export: the network gives no picture")?;
        Ok(Cow::Owned(Scene {
            picture: PathBuf::new().into(),
            blend: blend.clone(),
            truths: Vec::new(),
            range_in_file: ValueRange::UNIT,
            is_range_guessed: false,
            compass: None,
            notes: Vec::new(),
        }))
    }

    /// The outputs.
    ///
    /// # Errors
    /// Why there are none.
    pub fn deblend(&self) -> Result<&'a DeblendPreview, String> {
        Ok(&**ready(&self.results.deblend, "output")?)
    }

    /// The activations.
    ///
    /// # Errors
    /// Why there are none.
    pub fn units(&self) -> Result<&'a UnitMaps, String> {
        Ok(&**ready(&self.results.units, "activation")?)
    }

    /// The relevance.
    ///
    /// # Errors
    /// Why there is none.
    pub fn relevance(&self) -> Result<&'a RelevancePreview, String> {
        Ok(&**ready(&self.results.relevance, "relevance")?)
    }

    /// The network that the view shows.
    pub fn role(&self) -> NetworkRole {
        let main = || {
            let series = self.results.series.shown();
            series.map_or(NetworkRole::Generator, |series| series.role)
        };
        match (self.view, self.subject.role) {
            (ViewKey::Relevance, _) => NetworkRole::Discriminator,
            (_, Some(role)) => role,
            (_, None) => main(),
        }
    }

    /// The drawing of that network.
    ///
    /// # Errors
    /// Why there is none.
    pub fn graph(&self) -> Result<&'a Graph, String> {
        let series = self.series()?;
        let network = series.network_of(self.role());
        let graph = network.map(|network| &*network.graph);
        let graph = graph.filter(|graph| !graph.boxes.is_empty());
        graph.ok_or_else(|| format!("the series has no {} to draw", self.role()))
    }

    /// How a figure of it is set.
    pub fn setting(&self, choice: &ExportChoice) -> Setting {
        Setting {
            paper: choice.paper,
            sides: choice.sides,
            display: self.document.display,
            title: self.title(),
            notes: vec![self.provenance()],
            regions: self.document.regions.to_vec(),
        }
    }

    /// What the view shows, in a few words: the network, the picture.
    fn title(&self) -> String {
        let name = self
            .results
            .series
            .shown()
            .map(|series| series.name.clone());
        let mut parts: Vec<String> = name.into_iter().collect();
        match self.view {
            ViewKey::Layers => parts.push(self.role().to_string()),
            ViewKey::Units => {
                let layer = self.results.units.shown().map(|maps| &maps.layer);
                parts.extend(layer.map(|layer| format!("units of {layer}")));
            }
            ViewKey::Relevance => {
                let relevance = self.results.relevance.shown();
                parts.extend(relevance.map(|r| format!("relevance, {}", r.method)));
            }
            ViewKey::Deblend
            | ViewKey::Timeline
            | ViewKey::Compare
            | ViewKey::Regions
            | ViewKey::Header => {}
        }
        parts.join(": ")
    }

    /// Where everything comes from, in one sentence.
    fn provenance(&self) -> String {
        let document = self.document;
        let mut parts = vec![concat!("Ganoscope ", env!("CARGO_PKG_VERSION")).to_owned()];
        if let Some(series) = self.results.series.shown() {
            let what = if series.is_file { "network" } else { "series" };
            parts.push(format!("{what} {}", series.path.display()));
            let step = document.step_in(series);
            let has_step = self.view != ViewKey::Timeline && !series.is_file;
            parts.extend(step.filter(|_| has_step).map(|step| format!("step {step}")));
        }
        let shows_picture = !matches!(self.view, ViewKey::Layers | ViewKey::Timeline);
        if let Some(input) = document.input.as_ref().filter(|_| shows_picture) {
            parts.push(match input {
                Input::File(picture) => format!("picture {picture}"),
                Input::Latent(_) => input.name(),
            });
            let edits = document.edits.edits.iter().filter(|edit| edit.enabled);
            parts.push(edits_text(&edits.map(edit_text).collect::<Vec<_>>()));
        }
        format!("{}.", parts.join("; "))
    }

    /// The start of a file's name: the picture or the series, and the view.
    pub fn stem(&self) -> String {
        let document = self.document;
        let stem = match self.view {
            ViewKey::Layers | ViewKey::Timeline => {
                let series = document.series.as_ref();
                series.map(|path| ganoscope_core::stamp::io::stem(path))
            }
            _ => document.input.as_ref().map(Input::stem),
        };
        let view = self.view.title().to_lowercase();
        match stem.filter(|stem| !stem.is_empty()) {
            Some(stem) => format!("{stem}-{view}"),
            None => view,
        }
    }
}

/// Edits that a note names one by one; more are counted.
const MOST_EDITS: usize = 4;

/// `no edits`, `1 edit: ablate root.4.act:1`.
fn edits_text(edits: &[String]) -> String {
    let count = match edits.len() {
        0 => return "no edits".to_owned(),
        1 => "1 edit".to_owned(),
        count => format!("{count} edits"),
    };
    let mut named: Vec<String> = edits.iter().take(MOST_EDITS).cloned().collect();
    if edits.len() > MOST_EDITS {
        named.push(format!("{} more", edits.len() - MOST_EDITS));
    }
    format!("{count}: {}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_the_edits() {
        let edits = |count: usize| -> Vec<String> { (0..count).map(|i| format!("e{i}")).collect() };
        assert_eq!(edits_text(&[]), "no edits");
        assert_eq!(edits_text(&edits(1)), "1 edit: e0");
        assert_eq!(edits_text(&edits(6)), "6 edits: e0, e1, e2, e3, 2 more");
    }
}
