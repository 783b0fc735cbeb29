//! The configuration of one layer, read with the defaults of Keras and errors that name the layer.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::KIND;
use crate::checkpoint::CheckpointError;

/// Largest size, stride or padding that is believed: products of a few of them stay far from overflow.
const MAX_COUNT: u64 = 1 << 16;

/// Most letters of a value that an error shows.
const SHOWN: usize = 60;

/// What a file says of one layer.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    /// Name of the layer.
    pub(super) layer: &'a str,
    /// Its class, for example `Conv2D`.
    pub(super) class: &'a str,
    /// Its configuration.
    pub(super) config: &'a Map<String, Json>,
    /// The file.
    pub(super) path: &'a Path,
}

/// A value as an error shows it.
pub(super) fn shown(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl<'a> Fields<'a> {
    /// The layer asks for something that is not done.
    pub(super) fn unsupported(&self, what: impl std::fmt::Display) -> CheckpointError {
        CheckpointError::Unsupported {
            what: format!("layer {} ({}): {what}", self.layer, self.class),
            path: self.path.to_owned(),
        }
    }

    /// The layer is described in a way that cannot be.
    pub(super) fn broken(&self, what: impl std::fmt::Display) -> CheckpointError {
        CheckpointError::Broken {
            format: KIND,
            what: format!("layer {} ({}): {what}", self.layer, self.class),
            path: self.path.to_owned(),
        }
    }

    fn wrong(&self, name: &str, value: &Json) -> CheckpointError {
        self.broken(format!("{name} is {}", shown(value)))
    }

    /// A value that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.config.get(name).filter(|value| !value.is_null())
    }

    /// A yes or no.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, CheckpointError> {
        self.get(name).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| self.wrong(name, value))
        })
    }

    /// A finite number; Keras writes those of `NumPy` as an object with a `value`.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, CheckpointError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let inner = value
            .get("value")
            .or_else(|| value.pointer("/config/value"));
        let number = inner.unwrap_or(value).as_f64().filter(|n| n.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(name, value))
    }

    /// A count, which must be there.
    pub(super) fn count(&self, name: &str) -> Result<usize, CheckpointError> {
        match self.get(name) {
            Some(value) => self.count_of(name, value),
            None => Err(self.broken(format!("{name} is missing"))),
        }
    }

    /// A count that has a default.
    pub(super) fn count_or(&self, name: &str, default: usize) -> Result<usize, CheckpointError> {
        self.get(name)
            .map_or(Ok(default), |value| self.count_of(name, value))
    }

    pub(super) fn count_of(&self, name: &str, value: &Json) -> Result<usize, CheckpointError> {
        let count = value.as_u64().filter(|n| *n <= MAX_COUNT);
        count
            .map(|n| n as usize)
            .ok_or_else(|| self.wrong(name, value))
    }

    /// Two counts, or one that is both.
    pub(super) fn pair(&self, name: &str) -> Result<Option<[usize; 2]>, CheckpointError> {
        self.get(name)
            .map(|value| self.pair_of(name, value))
            .transpose()
    }

    /// Two counts of at least 1, or one that is both.
    pub(super) fn steps(
        &self,
        name: &str,
        default: [usize; 2],
    ) -> Result<[usize; 2], CheckpointError> {
        match self.pair(name)? {
            Some(pair) if pair.contains(&0) => Err(self.broken(format!("{name} is {pair:?}"))),
            Some(pair) => Ok(pair),
            None => Ok(default),
        }
    }

    pub(super) fn pair_of(&self, name: &str, value: &Json) -> Result<[usize; 2], CheckpointError> {
        match value.as_array().map(Vec::as_slice) {
            Some([rows, columns]) => {
                Ok([self.count_of(name, rows)?, self.count_of(name, columns)?])
            }
            Some([one]) => Ok([self.count_of(name, one)?; 2]),
            Some(_) => Err(self.wrong(name, value)),
            None => Ok([self.count_of(name, value)?; 2]),
        }
    }

    /// Counts before and after rows and columns: `((top, bottom), (left, right))`, `(rows, columns)` or one for all.
    pub(super) fn sides(
        &self,
        name: &str,
        default: usize,
    ) -> Result<[[usize; 2]; 2], CheckpointError> {
        let Some(value) = self.get(name) else {
            return Ok([[default; 2]; 2]);
        };
        match value.as_array().map(Vec::as_slice) {
            Some([rows, columns]) => Ok([self.pair_of(name, rows)?, self.pair_of(name, columns)?]),
            Some(_) => Err(self.wrong(name, value)),
            None => Ok([[self.count_of(name, value)?; 2]; 2]),
        }
    }

    /// A word.
    pub(super) fn text(
        &self,
        name: &str,
        default: &'static str,
    ) -> Result<&'a str, CheckpointError> {
        self.get(name).map_or(Ok(default), |value| {
            value.as_str().ok_or_else(|| self.wrong(name, value))
        })
    }

    /// Whole numbers, or one of them.
    pub(super) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>, CheckpointError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let items = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let numbers: Option<Vec<i64>> = items.iter().map(Json::as_i64).collect();
        numbers.map(Some).ok_or_else(|| self.wrong(name, value))
    }

    /// The format whose axes a value has: only pictures with channels last are read.
    pub(super) fn check_channels_last(&self) -> Result<(), CheckpointError> {
        match self.text("data_format", "channels_last")? {
            "channels_last" => Ok(()),
            other => Err(self.unsupported(format!(
                "its data_format is {other}, only channels_last is read; export the network as ONNX"
            ))),
        }
    }

    /// Whether windows are padded so that the size is divided by the stride alone.
    pub(super) fn is_same(&self) -> Result<bool, CheckpointError> {
        match self.text("padding", "valid")?.to_ascii_lowercase().as_str() {
            "same" => Ok(true),
            "valid" => Ok(false),
            other => Err(self.unsupported(format!("padding {other}"))),
        }
    }
}
