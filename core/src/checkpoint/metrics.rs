//! The numbers of one checkpoint, `metrics.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::CheckpointError;

/// Name of the metrics inside a checkpoint's folder.
pub const METRICS_FILE: &str = "metrics.json";

/// Metrics are a page of text; anything longer is not one.
const MAX_METRICS_BYTES: u64 = 4 << 20;

/// What was measured when a checkpoint was written: named numbers, of which any training may add its own.
///
/// Names used by this program: `images`, `seconds`, `loss_content`, `loss_adversarial`, `loss_discriminator`; `psnr`
/// (mean), `psnr_galaxy1`, `psnr_galaxy2` and `psnr_of_blend` in dB with pixels in `[0, 1]`; `ssim_galaxy1`,
/// `ssim_galaxy2`. Numbers that are not finite (a loss that diverged, the PSNR of equal pictures) are `null` in the file
/// and NaN here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Training step.
    pub step: u64,
    /// The numbers, by name.
    #[serde(default, deserialize_with = "numbers")]
    pub values: BTreeMap<String, f64>,
    /// SHA-256 of the weights, by file name; filled in on writing.
    #[serde(default)]
    pub sha256: BTreeMap<String, String>,
}

impl Metrics {
    /// Metrics of a step, without numbers yet.
    pub fn new(step: u64) -> Self {
        Self {
            step,
            ..Self::default()
        }
    }

    /// Sets a number.
    pub fn set(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    /// A number, if it was measured.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
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

fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values
        .into_iter()
        .map(|(k, v)| (k, v.unwrap_or(f64::NAN)))
        .collect())
}
