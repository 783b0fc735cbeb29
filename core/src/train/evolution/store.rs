//! The state of a run as one safetensors file: networks, moments, numbers; written complete or not at all.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Individual;
use crate::atomic::atomic_write;
use crate::network::Network;
use crate::train::TrainError;
use crate::train::adam::{Adam, Moments};

/// Hash of everything in a recipe that decides the weights; a state only continues its own recipe.
pub(in crate::train) fn fingerprint(recipe: &impl Serialize) -> String {
    let text = serde_json::to_string(recipe).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Collects a state.
#[derive(Debug, Default)]
pub(in crate::train) struct StateWriter {
    arrays: Vec<(String, Vec<usize>, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl StateWriter {
    /// A number or a word.
    pub(in crate::train) fn entry(&mut self, key: &str, value: impl ToString) {
        self.metadata.insert(key.to_owned(), value.to_string());
    }

    /// Numbers, exactly: Rust writes as many digits as it takes to read the same number.
    pub(in crate::train) fn numbers(&mut self, key: &str, values: &[f64]) {
        let text: Vec<String> = values.iter().map(f64::to_string).collect();
        self.entry(key, text.join(" "));
    }

    /// All parameters of a network.
    pub(in crate::train) fn network(
        &mut self,
        name: &str,
        network: &Network,
    ) -> candle_core::Result<()> {
        for (key, tensor) in network.state_dict() {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let key = format!("{name}/{key}");
            self.arrays
                .push((key, tensor.dims().to_vec(), bytes(&values)));
        }
        Ok(())
    }

    /// A network with the moments of its optimiser.
    pub(in crate::train) fn individual(
        &mut self,
        name: &str,
        individual: &Individual,
    ) -> candle_core::Result<()> {
        self.network(name, &individual.network)?;
        let Adam {
            updates, moments, ..
        } = &individual.adam;
        self.entry(&format!("{name}-updates"), updates);
        for (key, Moments { first, second }) in moments {
            for (kind, moment) in [("first", first), ("second", second)] {
                let values = moment.flatten_all()?.to_vec1::<f32>()?;
                let key = format!("{name}-{kind}/{key}");
                self.arrays
                    .push((key, moment.dims().to_vec(), bytes(&values)));
            }
        }
        Ok(())
    }

    /// Writes the file; one saved before stays intact when that fails.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(in crate::train) fn write(self, path: &Path) -> Result<(), TrainError> {
        let failed = |what: String| TrainError::State {
            what: format!("the state cannot be written: {what}"),
            path: path.to_owned(),
        };
        let views = self
            .arrays
            .iter()
            .map(|(name, dims, data)| Ok((name, TensorView::new(Dtype::F32, dims.clone(), data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| failed(e.to_string()))?;
        let data = safetensors::serialize(views, Some(self.metadata));
        let data = data.map_err(|e| failed(e.to_string()))?;
        atomic_write(path, |file| file.write_all(&data)).map_err(|e| failed(e.to_string()))
    }
}

/// A state read back.
#[derive(Debug)]
pub(in crate::train) struct StateReader {
    path: PathBuf,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    metadata: HashMap<String, String>,
}

impl StateReader {
    /// Reads the file and checks that it continues the recipe of this fingerprint.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or belongs to another recipe.
    pub(in crate::train) fn read(path: &Path, recipe: &str) -> Result<Self, TrainError> {
        let failed = |what: String| TrainError::State {
            what,
            path: path.to_owned(),
        };
        let data = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
        let (_, header) = SafeTensors::read_metadata(&data).map_err(|e| failed(e.to_string()))?;
        let file = SafeTensors::deserialize(&data).map_err(|e| failed(e.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(failed(format!("{name} holds {:?}", view.dtype())));
            }
            tensors.insert(name, (view.shape().to_vec(), floats(view.data())));
        }
        let reader = Self {
            path: path.to_owned(),
            tensors,
            metadata: header.metadata().clone().unwrap_or_default(),
        };
        if reader.metadata.get("recipe").map(String::as_str) != Some(recipe) {
            return Err(reader.failed("the state was made by another recipe".to_owned()));
        }
        Ok(reader)
    }

    /// An error of this file.
    pub(in crate::train) fn failed(&self, what: String) -> TrainError {
        TrainError::State {
            what,
            path: self.path.clone(),
        }
    }

    /// The text of an entry.
    ///
    /// # Errors
    /// When it is missing.
    pub(in crate::train) fn text(&self, key: &str) -> Result<&str, TrainError> {
        let text = self.metadata.get(key).map(String::as_str);
        text.ok_or_else(|| self.failed(format!("the entry {key} is missing")))
    }

    /// A number.
    ///
    /// # Errors
    /// When the entry is missing or none.
    pub(in crate::train) fn number<T: std::str::FromStr>(
        &self,
        key: &str,
    ) -> Result<T, TrainError> {
        let text = self.text(key)?;
        let number = text.parse();
        number.map_err(|_| self.failed(format!("the entry {key} is {text}")))
    }

    /// What [`StateWriter::numbers`] wrote.
    ///
    /// # Errors
    /// When the entry is missing or has something else.
    pub(in crate::train) fn numbers(&self, key: &str) -> Result<Vec<f64>, TrainError> {
        let text = self.text(key)?;
        let numbers = text.split_whitespace().map(str::parse);
        let numbers: Result<Vec<f64>, _> = numbers.collect();
        numbers.map_err(|_| self.failed(format!("the entry {key} is {text}")))
    }

    /// The parameters of a network of the shape of `like`.
    ///
    /// # Errors
    /// When one is missing or of another shape.
    pub(in crate::train) fn network(
        &self,
        name: &str,
        like: &Network,
    ) -> Result<Network, TrainError> {
        for (_, param) in like.params() {
            let key = format!("{name}/{}", param.key);
            let stored = self.tensors.get(&key).map(|(dims, _)| dims.as_slice());
            if stored != Some(param.tensor.dims()) {
                let found = stored.map_or_else(|| "is missing".to_owned(), |d| format!("is {d:?}"));
                let expected = param.tensor.dims();
                return Err(self.failed(format!("{key} {found}, expected {expected:?}")));
            }
        }
        let network = like.map_params(|_, param| {
            let stored = self.tensors.get(&format!("{name}/{}", param.key));
            let values = stored.map(|(_, values)| values.clone()).unwrap_or_default();
            let dims = param.tensor.dims();
            Ok(Tensor::from_vec(values, dims, param.tensor.device())?)
        })?;
        Ok(network)
    }

    /// A network with the moments of its optimiser.
    ///
    /// # Errors
    /// When a part is missing or of another shape.
    pub(in crate::train) fn individual(
        &self,
        name: &str,
        like: &Individual,
    ) -> Result<Individual, TrainError> {
        let network = self.network(name, &like.network)?;
        let mut adam = like.adam.clone();
        adam.updates = self.number(&format!("{name}-updates"))?;
        adam.moments.clear();
        for (_, param) in network.params() {
            let of = |kind: &str| self.tensors.get(&format!("{name}-{kind}/{}", param.key));
            let (Some(first), Some(second)) = (of("first"), of("second")) else {
                continue;
            };
            let dims = param.tensor.dims();
            if first.0 != dims || second.0 != dims {
                let key = &param.key;
                return Err(self.failed(format!("the moments of {key} are not {dims:?}")));
            }
            let put = |values: &[f32]| Tensor::from_slice(values, dims, param.tensor.device());
            let moments = Moments {
                first: put(&first.1)?,
                second: put(&second.1)?,
            };
            adam.moments.insert(param.key.to_string(), moments);
        }
        Ok(Individual { network, adam })
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}
