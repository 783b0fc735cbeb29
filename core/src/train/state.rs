//! The state of a run on disk, so that an interrupted run continues exactly where it was saved.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest as _, Sha256};

use super::adam::Moments;
use super::{Recipe, TrainError, Trainer};
use crate::atomic::atomic_write;
use crate::network::{Network, NetworkError};

/// File of the state inside the series directory.
pub(super) const STATE_FILE: &str = "training-state.safetensors";

/// Hash of everything in the recipe that decides the weights; a state only continues its own recipe.
fn fingerprint(recipe: &Recipe) -> String {
    let mut recipe = recipe.clone();
    // The exclusion list is an absolute path; where the repository lies must not matter.
    recipe.exclude = recipe.exclude.and_then(|p| p.file_name().map(Into::into));
    let text = serde_json::to_string(&recipe).unwrap_or_default();
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

impl Trainer {
    /// Writes the whole state: networks, moments, step.
    ///
    /// # Errors
    /// When the file cannot be written; the state saved before stays intact.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let mut arrays: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        let networks = [
            ("generator", &self.generator),
            ("discriminator", &self.discriminator),
            ("averaged", &self.averaged),
        ];
        for (name, network) in networks {
            for (key, tensor) in network.state_dict() {
                arrays.push((
                    format!("{name}/{key}"),
                    tensor.dims().to_vec(),
                    bytes(&tensor)?,
                ));
            }
        }
        for (name, adam) in [
            ("generator", &self.generator_adam),
            ("discriminator", &self.discriminator_adam),
        ] {
            for (key, moments) in &adam.moments {
                for (which, moment) in [("first", &moments.first), ("second", &moments.second)] {
                    arrays.push((
                        format!("{name}-{which}/{key}"),
                        vec![moment.elem_count()],
                        bytes(moment)?,
                    ));
                }
            }
        }
        let metadata = [
            ("step", self.step.to_string()),
            ("seconds", self.seconds.to_string()),
            ("generator-updates", self.generator_adam.updates.to_string()),
            (
                "discriminator-updates",
                self.discriminator_adam.updates.to_string(),
            ),
            ("returns", self.returns.to_string()),
            ("recipe", fingerprint(&self.recipe)),
        ];
        let metadata = metadata
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect();
        let state = |what: String| TrainError::State {
            what,
            path: path.to_owned(),
        };
        let views = arrays
            .iter()
            .map(|(name, dims, data)| Ok((name, TensorView::new(Dtype::F32, dims.clone(), data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| state(e.to_string()))?;
        let data =
            safetensors::serialize(views, Some(metadata)).map_err(|e| state(e.to_string()))?;
        atomic_write(path, |file| file.write_all(&data))
            .map_err(|source| state(format!("the state cannot be written: {source}")))?;
        Ok(())
    }

    /// Continues a run from a saved state.
    ///
    /// # Errors
    /// When the file is damaged or belongs to another recipe.
    pub fn resume(recipe: Recipe, path: &Path) -> Result<Self, TrainError> {
        Self::resume_on(recipe, path, &Device::Cpu)
    }

    /// [`Self::resume`] on a device, which need not be the one the state was saved on.
    ///
    /// # Errors
    /// As [`Self::resume`], and when the device does not take it.
    pub fn resume_on(recipe: Recipe, path: &Path, device: &Device) -> Result<Self, TrainError> {
        let state = |what: String| TrainError::State {
            what,
            path: path.to_owned(),
        };
        let data = std::fs::read(path).map_err(|e| state(e.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&data).map_err(|e| state(e.to_string()))?;
        let tensors = SafeTensors::deserialize(&data).map_err(|e| state(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let number = |key: &str| -> Result<u64, TrainError> {
            let value = metadata.get(key).and_then(|v| v.parse().ok());
            value.ok_or_else(|| state(format!("the entry {key} is missing")))
        };
        if metadata.get("recipe") != Some(&fingerprint(&recipe)) {
            return Err(state("the state was made by another recipe".to_owned()));
        }
        let mut trainer = Self::on(recipe, device)?;
        trainer.step = number("step")?;
        trainer.returns = metadata
            .get("returns")
            .map_or(Ok(0), |_| number("returns"))?;
        let seconds = metadata.get("seconds").and_then(|s| s.parse().ok());
        trainer.seconds = seconds.unwrap_or(0.0);
        let load = |network: &Network, name: &str| {
            network.map_params(|_, param| {
                let key = format!("{name}/{}", param.key);
                let missing = || NetworkError::MissingParam {
                    layer: name.into(),
                    key: key.clone(),
                };
                let values = floats(tensors.tensor(&key).map_err(|_| missing())?.data());
                Ok(Tensor::from_vec(values, param.tensor.dims(), device)?)
            })
        };
        trainer.generator = load(&trainer.generator, "generator")?;
        trainer.discriminator = load(&trainer.discriminator, "discriminator")?;
        trainer.averaged = load(&trainer.averaged, "averaged")?;
        for (name, network, adam) in [
            ("generator", &trainer.generator, &mut trainer.generator_adam),
            (
                "discriminator",
                &trainer.discriminator,
                &mut trainer.discriminator_adam,
            ),
        ] {
            adam.updates = number(&format!("{name}-updates"))?;
            let dims: BTreeMap<&str, &[usize]> = network
                .params()
                .map(|(_, p)| (&*p.key, p.tensor.dims()))
                .collect();
            adam.moments =
                moments(&tensors, name, &dims, device).map_err(|e| state(e.to_string()))?;
        }
        Ok(trainer)
    }
}

/// The moments of one optimiser, by key, in the dimensions of the parameters.
fn moments(
    tensors: &SafeTensors<'_>,
    name: &str,
    dims: &BTreeMap<&str, &[usize]>,
    device: &Device,
) -> candle_core::Result<BTreeMap<String, Moments>> {
    let prefix = format!("{name}-first/");
    let mut moments = BTreeMap::new();
    for key in tensors
        .names()
        .into_iter()
        .filter_map(|n| n.strip_prefix(&prefix))
    {
        let Some(dims) = dims.get(key) else {
            candle_core::bail!("the network has no parameter {key}")
        };
        let moment = |which: &str| {
            let tensor = tensors.tensor(&format!("{name}-{which}/{key}"));
            let values = floats(tensor.map_err(candle_core::Error::wrap)?.data());
            Tensor::from_vec(values, *dims, device)
        };
        let (first, second) = (moment("first")?, moment("second")?);
        moments.insert(key.to_owned(), Moments { first, second });
    }
    Ok(moments)
}

/// The values of a tensor of any device.
fn bytes(tensor: &Tensor) -> candle_core::Result<Vec<u8>> {
    let values = tensor
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}
