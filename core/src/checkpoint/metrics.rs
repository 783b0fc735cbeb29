//! The numbers of one checkpoint, `metrics.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::CheckpointError;

/// Name of the metrics inside a checkpoint's folder.
pub const METRICS_FILE: &str = "metrics.json";

/// Metrics are a page of text; anything longer is not one.
const MAX_METRICS_BYTES: u64 = 4 << 20;

/// What was measured when a checkpoint was written. Numbers that are not finite (a loss that diverged, the PSNR of
/// equal pictures) are `null` in the file and NaN here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Training step.
    pub step: u64,
    /// Pictures shown to the networks so far.
    pub images: u64,
    /// Training time so far, in seconds.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
    /// Losses by name, for example `content`, `adversarial`, `discriminator`.
    #[serde(deserialize_with = "numbers")]
    pub losses: BTreeMap<String, f64>,
    /// PSNR of each galaxy in dB, pixels in `[0, 1]`.
    #[serde(deserialize_with = "list")]
    pub psnr: Vec<f64>,
    /// SSIM of each galaxy.
    #[serde(deserialize_with = "list")]
    pub ssim: Vec<f64>,
    /// Anything else, by name.
    #[serde(deserialize_with = "numbers")]
    pub other: BTreeMap<String, f64>,
    /// SHA-256 of the weights, by file name; filled in on writing.
    pub sha256: BTreeMap<String, String>,
}

impl Metrics {
    /// Mean PSNR over the galaxies, in dB.
    pub fn mean_psnr(&self) -> Option<f64> {
        mean(&self.psnr)
    }

    /// Mean SSIM over the galaxies.
    pub fn mean_ssim(&self) -> Option<f64> {
        mean(&self.ssim)
    }

    /// Every number under one name (`psnr.1`, `loss.content`, ...), as the lanes of a timeline show them.
    pub fn numbers(&self) -> BTreeMap<String, f64> {
        let mut all = BTreeMap::new();
        for (name, values) in [("psnr", &self.psnr), ("ssim", &self.ssim)] {
            let named = values.iter().enumerate();
            all.extend(named.map(|(i, v)| (format!("{name}.{}", i + 1), *v)));
            all.extend(mean(values).map(|v| (name.to_owned(), v)));
        }
        all.extend(self.losses.iter().map(|(k, v)| (format!("loss.{k}"), *v)));
        all.extend(self.other.iter().map(|(k, v)| (k.clone(), *v)));
        all
    }

    /// Reads the metrics of the checkpoint in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, CheckpointError> {
        let path = dir.join(METRICS_FILE);
        let size = std::fs::metadata(&path)
            .map_err(CheckpointError::read(&path))?
            .len();
        if size > MAX_METRICS_BYTES {
            let what = format!("metrics of {size} bytes are not read");
            return Err(CheckpointError::Manifest { what, path });
        }
        let text = std::fs::read_to_string(&path).map_err(CheckpointError::read(&path))?;
        serde_json::from_str(&text).map_err(|error| CheckpointError::Manifest {
            what: error.to_string(),
            path,
        })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values
        .into_iter()
        .map(|(k, v)| (k, v.unwrap_or(f64::NAN)))
        .collect())
}
