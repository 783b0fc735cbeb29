//! Weights on their way from the file into the network: found, checked, decoded, turned once and shared.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::{At, Lowering, wrap};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::memory::{Held, tensor_bytes};
use crate::network::{Param, Role};

/// A weight as a layer asks for it.
pub(super) struct Weight {
    /// Its index in the store.
    entry: usize,
    /// Its key in the file.
    key: Arc<str>,
    /// Its values in the dimensions of Keras.
    pub(super) tensor: Tensor,
    /// Its memory, until it is turned and kept.
    _held: Held,
}

impl Lowering<'_> {
    /// The weights of a layer, in the order in which Keras makes them, each of the dimensions given.
    pub(super) fn weights<const N: usize>(
        &mut self,
        at: &At<'_>,
        wanted: [(&str, Option<Vec<usize>>); N],
    ) -> Result<[Option<Weight>; N], CheckpointError> {
        let mut number = 0;
        let mut found = [const { None }; N];
        for (slot, (name, dims)) in found.iter_mut().zip(wanted) {
            if let Some(dims) = dims {
                *slot = Some(self.weight(at, (number, name), &dims)?);
                number += 1;
            }
        }
        Ok(found)
    }

    fn weight(
        &mut self,
        at: &At<'_>,
        wanted: (usize, &str),
        dims: &[usize],
    ) -> Result<Weight, CheckpointError> {
        if !(self.go_on)() {
            return Err(CheckpointError::Stopped {
                path: self.path.to_owned(),
            });
        }
        let index = self.store.find(at.place, wanted, self.path)?;
        let entry = self.store.entry(index);
        let wrong = |what: String| CheckpointError::tensor(self.path, &entry.key, what);
        if entry.dims != dims {
            let found = &entry.dims;
            let layer = at.place.names.join(".");
            return Err(wrong(format!(
                "has shape {found:?}, layer {layer} needs {dims:?}"
            )));
        }
        let bytes = tensor_bytes(dims);
        let what = format!("tensor {}", entry.key);
        // Decoding may hold what is stored, eight bytes an element at most, beside the values.
        let mut held = self
            .budget
            .take(bytes.saturating_mul(3), &what, self.path)?;
        let values = (entry.decode)().map_err(wrong)?;
        held.shrink_to(bytes);
        let odd = values.iter().filter(|v| !v.is_finite()).count();
        if odd > 0 {
            let total = values.len();
            return Err(wrong(format!(
                "has {odd} of {total} values that are NaN or infinite"
            )));
        }
        let tensor =
            Tensor::from_vec(values, dims, &Device::Cpu).map_err(|e| wrong(e.to_string()))?;
        Ok(Weight {
            entry: index,
            key: Arc::from(entry.key.as_str()),
            tensor,
            _held: held,
        })
    }

    /// A parameter from a weight turned as `how` says: the same turn of the same weight is made and kept once.
    pub(super) fn param(
        &mut self,
        role: Role,
        weight: &Weight,
        how: &str,
        turn: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Param, CheckpointError> {
        let key = (weight.entry, how.to_owned());
        let tensor = match self.turned.get(&key) {
            Some(tensor) => tensor.clone(),
            None => {
                let what = format!("tensor {}", weight.key);
                let bytes = tensor_bytes(weight.tensor.dims());
                self.budget.take(bytes, &what, self.path)?.keep();
                let turned = turn(&weight.tensor).and_then(|t| t.contiguous());
                let turned = turned.map_err(|e| wrap(self.path)(e.into()))?;
                self.turned.insert(key, turned.clone());
                turned
            }
        };
        Ok(Param {
            role,
            key: Arc::clone(&weight.key),
            tensor,
        })
    }

    /// Counts a tensor that is about to be made.
    pub(super) fn reserve(&mut self, dims: &[usize]) -> Result<(), CheckpointError> {
        let bytes = tensor_bytes(dims);
        let held = self
            .budget
            .take(bytes, "a tensor that the file implies", self.path)?;
        held.keep();
        Ok(())
    }

    /// A parameter that the file does not hold, with values that follow from the layer.
    pub(super) fn made_up(
        &mut self,
        role: Role,
        key: &str,
        values: Vec<f32>,
        dims: &[usize],
    ) -> Result<Param, CheckpointError> {
        let tensor = Tensor::from_vec(values, dims, &Device::Cpu);
        Ok(Param {
            role,
            key: Arc::from(key),
            tensor: tensor.map_err(|e| wrap(self.path)(e.into()))?,
        })
    }
}
