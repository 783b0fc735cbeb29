//! The state of a latent run on disk, so that an interrupted run continues exactly where it was saved.

use std::path::Path;

use candle_core::Device;

use super::{LatentRecipe, LatentTrainer};
use crate::train::TrainError;
use crate::train::evolution::{StateReader, StateWriter, fingerprint};

impl LatentTrainer {
    /// Writes the whole state: networks, moments, step.
    ///
    /// # Errors
    /// When the file cannot be written; the state saved before stays intact.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let mut writer = StateWriter::default();
        writer.entry("recipe", fingerprint(&self.recipe));
        writer.entry("step", self.step);
        writer.entry("seconds", self.seconds);
        writer.entry("rollbacks", self.rollbacks);
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
    pub fn resume(recipe: LatentRecipe, path: &Path, device: &Device) -> Result<Self, TrainError> {
        let reader = StateReader::read(path, &fingerprint(&recipe))?;
        let mut trainer = Self::on(recipe, device)?;
        trainer.step = reader.number("step")?;
        trainer.seconds = reader.number("seconds")?;
        trainer.rollbacks = reader.number("rollbacks")?;
        for (place, individual) in trainer.population.iter_mut().enumerate() {
            *individual = reader.individual(&format!("generator-{place}"), individual)?;
        }
        trainer.judge = reader.individual("discriminator", &trainer.judge)?;
        trainer.averaged = reader.network("averaged", &trainer.averaged)?;
        Ok(trainer)
    }
}
