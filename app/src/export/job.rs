//! One export: what, from what, where to. It runs on any thread.

use std::path::{Path, PathBuf};

use egui::Vec2;
use ganoscope_core::atomic::atomic_write_bytes;
use ganoscope_core::figure::Drawing;

use super::guard::refuse_to_replace;
use super::{Card, ExportChoice, Kind, Material, Offscreen, Outcome, Shown, Written, data, tables};
use crate::figures;
use crate::views::{Curves, View, ViewKey, unit_order};

/// One export.
pub struct Job {
    /// What was chosen.
    pub choice: ExportChoice,
    /// What was on the screen.
    pub material: Material,
    /// The view itself with its own state.
    pub view: Box<dyn View>,
    /// Its size on the screen, points.
    pub size: Option<Vec2>,
    /// The graphics card of the window, where it has one.
    pub card: Option<Card>,
    /// The file.
    pub path: PathBuf,
}

impl Job {
    /// Writes it.
    pub fn run(mut self) -> Outcome {
        let chosen = self.path.clone();
        self.path = self.choice.completed(self.path);
        let paths = self.write(&chosen)?;
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = paths.iter().map(size).sum();
        Ok(Written { paths, bytes })
    }

    /// Writes what replaces nothing but the path `chosen` by the person.
    fn write(&mut self, chosen: &Path) -> Result<Vec<PathBuf>, String> {
        let Self {
            choice,
            material,
            path,
            ..
        } = self;
        let shown = material.shown();
        if choice.kind != Kind::Data {
            refuse_to_replace([path.as_path()], chosen, shown.document)?;
        }
        match choice.kind {
            Kind::Data => return data::write((path, chosen), choice, &shown),
            Kind::Table => tables::table(&shown)?
                .write(path)
                .map_err(|error| error.to_string())?,
            Kind::Figure => drawing(choice, &shown)?
                .write(path, choice.pixels_per_point())
                .map_err(|error| error.to_string())?,
            Kind::View => self.write_view()?,
        }
        Ok(vec![self.path.clone()])
    }

    fn write_view(&mut self) -> Result<(), String> {
        let size = self.size.ok_or("the view is not on the screen")?;
        let mut offscreen = Offscreen::on(self.card.take()).map_err(|error| error.to_string())?;
        let scale = f32::from(self.choice.scale);
        let png = offscreen
            .png_of(&mut *self.view, &self.material, size, scale)
            .map_err(|error| error.to_string())?;
        atomic_write_bytes(&self.path, &png).map_err(|error| error.to_string())
    }
}

/// Why there is no figure of a header.
pub(super) const NO_FIGURE: &str = "a header is text; `ganoscope header FILE` prints it";

/// The figure of what is shown.
///
/// # Errors
/// Why there is none, in words for a person.
pub fn drawing(choice: &ExportChoice, shown: &Shown<'_>) -> Result<Drawing, String> {
    let setting = shown.setting(choice);
    Ok(match shown.view {
        ViewKey::Deblend => {
            let is_edited = !shown.document.edits.is_idle();
            let canvas = shown.canvas()?;
            let has_blend = shown.scene_of_file()?.is_some();
            let (preview, blend) = (shown.deblend()?, (&*canvas, has_blend));
            figures::deblend(blend, preview, is_edited, &setting).draw()
        }
        ViewKey::Units => {
            let maps = shown.units()?;
            let order = unit_order(shown.workbench, shown.results, maps);
            figures::units(maps, &order, &shown.document.edits, &setting).draw()
        }
        ViewKey::Relevance => {
            figures::relevance(&*shown.canvas()?, shown.relevance()?, &setting).draw()
        }
        ViewKey::Timeline => {
            let series = shown.series()?;
            let curves = Curves::of(shown.document, shown.results, series);
            figures::timeline(&curves, &setting).draw()
        }
        ViewKey::Compare => {
            let seen = (shown.document, shown.results);
            let comparison = &shown.workbench.comparison;
            figures::compare(&*shown.canvas()?, comparison, seen, &setting)?.draw()
        }
        ViewKey::Regions => figures::regions(shown.scene()?, &setting).draw(),
        ViewKey::Header => return Err(NO_FIGURE.to_owned()),
        ViewKey::Layers => {
            let open = &shown.subject.open_chains;
            figures::layers(shown.graph()?, |chain| open.contains(&chain), &setting)
        }
    })
}
