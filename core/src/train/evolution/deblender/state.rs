//! The state of an evolved deblender on disk, so that an interrupted run continues exactly where it was saved.

use std::path::Path;

use candle_core::Device;

use super::{EvolvedTrainer, Matched};
use crate::train::evolution::{StateReader, StateWriter, Window, fingerprint};
use crate::train::{Recipe, TrainError};

/// What a state belongs to: the recipe, wherever the repository lies.
fn fingerprint_of(recipe: &Recipe) -> String {
    let mut recipe = recipe.clone();
    recipe.exclude = recipe.exclude.and_then(|p| p.file_name().map(Into::into));
    fingerprint(&recipe)
}

impl EvolvedTrainer {
    /// Writes the whole state: networks, moments, window, step.
    ///
    /// # Errors
    /// When the file cannot be written; the state saved before stays intact.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let mut writer = StateWriter::default();
        writer.entry("recipe", fingerprint_of(&self.recipe));
        writer.entry("step", self.step);
        writer.entry("seconds", self.seconds);
        writer.numbers("window", &self.window.to_numbers());
        writer.numbers("matched", &self.matched.to_numbers());
        for (place, individual) in self.population.iter().enumerate() {
            writer.individual(&format!("generator-{place}"), individual)?;
        }
        writer.individual("discriminator", &self.judge)?;
        writer.network("averaged", &self.averaged)?;
        writer.write(path)
    }

    /// Continues a run from a saved state on a device.
    ///
    /// # Errors
    /// When the file is damaged or belongs to another recipe.
    pub fn resume(recipe: Recipe, path: &Path, device: &Device) -> Result<Self, TrainError> {
        let reader = StateReader::read(path, &fingerprint_of(&recipe))?;
        let mut trainer = Self::on(recipe, device)?;
        trainer.step = reader.number("step")?;
        trainer.seconds = reader.number("seconds")?;
        let broken = |key: &str| reader.failed(format!("the entry {key} has other numbers"));
        let window = Window::of_numbers(&reader.numbers("window")?);
        trainer.window = window.ok_or_else(|| broken("window"))?;
        let matched = Matched::of_numbers(&reader.numbers("matched")?);
        trainer.matched = matched.ok_or_else(|| broken("matched"))?;
        for (place, individual) in trainer.population.iter_mut().enumerate() {
            *individual = reader.individual(&format!("generator-{place}"), individual)?;
        }
        trainer.judge = reader.individual("discriminator", &trainer.judge)?;
        trainer.averaged = reader.network("averaged", &trainer.averaged)?;
        Ok(trainer)
    }
}
