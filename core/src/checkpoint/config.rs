//! Which network a weights file is for, and building it from the tensors of the file.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{CheckpointError, Confidence, Identity, LoadReport, TensorFile};
use crate::architecture::{
    DiscriminatorConfig, GeneratorConfig, LatentDiscriminator, LatentGenerator, discriminator,
    generator,
};
use crate::network::{GoOn, Network, NetworkError, Role, always};

/// Which of the two networks of a GAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkRole {
    /// The network that draws.
    Generator,
    /// The network that judges.
    Discriminator,
}

impl NetworkRole {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Generator, Self::Discriminator];

    /// The word used in commands and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Discriminator => "discriminator",
        }
    }

    /// Name of its file inside a checkpoint's folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Generator => "generator.safetensors",
            Self::Discriminator => "discriminator.safetensors",
        }
    }
}

impl fmt::Display for NetworkRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for NetworkRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("the role is generator or discriminator, not {text}"))
    }
}

/// A known architecture with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// The branched generator.
    Generator(GeneratorConfig),
    /// Its discriminator.
    Discriminator(DiscriminatorConfig),
    /// A generator that draws from a latent.
    LatentGenerator(LatentGenerator),
    /// Its discriminator.
    LatentDiscriminator(LatentDiscriminator),
}

impl NetworkConfig {
    /// Which of the two networks it describes.
    pub const fn role(&self) -> NetworkRole {
        match self {
            Self::Generator(_) | Self::LatentGenerator(_) => NetworkRole::Generator,
            Self::Discriminator(_) | Self::LatentDiscriminator(_) => NetworkRole::Discriminator,
        }
    }

    /// What a person calls it, and how that is known.
    pub const fn identity(&self, confidence: Confidence, evidence: Vec<String>) -> Identity {
        Identity {
            family: Cow::Borrowed(match self {
                Self::Generator(_) => "branched deblender generator",
                Self::Discriminator(_) => "deblender discriminator",
                Self::LatentGenerator(_) => "latent generator",
                Self::LatentDiscriminator(_) => "discriminator of a latent generator",
            }),
            confidence,
            evidence,
        }
    }

    /// Rows and columns of the stamps it takes, or draws from a latent.
    pub const fn stamp_size(&self) -> usize {
        match self {
            Self::Generator(config) => config.stamp_size,
            Self::Discriminator(config) => config.stamp_size,
            Self::LatentGenerator(config) => config.side(),
            Self::LatentDiscriminator(config) => config.side(),
        }
    }

    /// Says which number is outside what can be built; configurations come from files that anybody may write.
    pub fn check(&self) -> Result<(), String> {
        let (counts, numbers) = match self {
            Self::Generator(c) => (
                vec![
                    ("filters", c.filters, 1, 4096),
                    ("root_blocks", c.root_blocks, 0, 256),
                    ("branch_blocks", c.branch_blocks, 0, 256),
                    ("stamp_size", c.stamp_size, 1, 4096),
                ],
                vec![("batch_norm_eps", c.batch_norm_eps)],
            ),
            Self::Discriminator(c) => (
                vec![
                    ("filters", c.filters, 1, 4096),
                    ("dense", c.dense, 1, 1 << 20),
                    ("stamp_size", c.stamp_size, 1, 4096),
                ],
                vec![
                    ("batch_norm_eps", c.batch_norm_eps),
                    ("leaky_slope", c.leaky_slope),
                ],
            ),
            Self::LatentGenerator(config) => return config.check(),
            Self::LatentDiscriminator(config) => return config.check(),
        };
        let role = self.role();
        if let Self::Generator(c) = self {
            let lists = [
                ("root_dilations", &c.root_dilations),
                ("branch_dilations", &c.branch_dilations),
            ];
            for (name, list) in lists {
                if list.len() > 256 {
                    return Err(format!(
                        "{role}.{name} has {} numbers, expected up to 256",
                        list.len()
                    ));
                }
                if let Some(value) = list.iter().find(|d| !(1..=256).contains(*d)) {
                    return Err(format!("{role}.{name} has {value}, expected 1 to 256"));
                }
            }
        }
        for (name, value, low, high) in counts {
            if !(low..=high).contains(&value) {
                return Err(format!(
                    "{role}.{name} is {value}, expected {low} to {high}"
                ));
            }
        }
        for (name, value) in numbers {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("{role}.{name} is {value}, expected 0 to 1"));
            }
        }
        Ok(())
    }

    /// Builds the network from the tensors of `file` and says where they went.
    ///
    /// # Errors
    /// A missing parameter, one of another shape, or one with NaN, an infinity or a negative variance; the tensor is
    /// named.
    pub fn build(&self, file: &TensorFile) -> Result<(Network, LoadReport), CheckpointError> {
        self.build_while(file, &always)
    }

    /// [`Self::build`] that can be stopped: `go_on` is asked before every parameter.
    ///
    /// # Errors
    /// When it says no, and those of [`Self::build`].
    pub fn build_while(
        &self,
        file: &TensorFile,
        go_on: GoOn<'_>,
    ) -> Result<(Network, LoadReport), CheckpointError> {
        let path = &file.header.path;
        self.check().map_err(|what| CheckpointError::Manifest {
            what,
            path: path.clone(),
        })?;
        let mut source = Source::new(file);
        let give = |key: &str, role, dims: &[usize]| {
            if !go_on() {
                return Err(NetworkError::Stopped);
            }
            source.give(key, role, dims)
        };
        let built = match self {
            Self::Generator(config) => generator(config, give),
            Self::Discriminator(config) => discriminator(config, give),
            Self::LatentGenerator(config) => config.build(give),
            Self::LatentDiscriminator(config) => config.build(give),
        };
        let network = source.check(built)?;
        Ok((network, source.into_report()))
    }
}

/// Hands the tensors of a file to the builder and keeps book.
struct Source<'a> {
    file: &'a TensorFile,
    report: LoadReport,
    /// Elements that may still be made up for missing parameters, so that all of them can be listed.
    spare: usize,
    problem: Option<CheckpointError>,
}

impl<'a> Source<'a> {
    fn new(file: &'a TensorFile) -> Self {
        let stored: usize = file.tensors.values().map(Tensor::elem_count).sum();
        Self {
            file,
            report: LoadReport {
                renamed: file.renamed.clone(),
                ..LoadReport::default()
            },
            spare: stored + (1 << 20),
            problem: None,
        }
    }

    fn give(&mut self, key: &str, role: Role, dims: &[usize]) -> Result<Tensor, NetworkError> {
        let Some(tensor) = self.file.tensors.get(key) else {
            return self.make_up(key, dims);
        };
        self.report.applied.push(key.to_owned());
        if tensor.dims() == dims && self.problem.is_none() {
            self.problem = values_problem(tensor, role)?
                .map(|what| CheckpointError::tensor(&self.file.header.path, key, what));
        }
        // A wrong shape is found by the layer, which knows its own name.
        Ok(tensor.clone())
    }

    fn make_up(&mut self, key: &str, dims: &[usize]) -> Result<Tensor, NetworkError> {
        self.report.missing.push(key.to_owned());
        let needed = dims
            .iter()
            .try_fold(1_usize, |n, dim| n.checked_mul(*dim))
            .and_then(|n| self.spare.checked_sub(n));
        let layer = key.rsplit_once('.').map_or(key, |(layer, _)| layer).into();
        self.spare = needed.ok_or(NetworkError::MissingParam {
            layer,
            key: key.to_owned(),
        })?;
        Ok(Tensor::zeros(dims, DType::F32, &Device::Cpu)?)
    }

    /// The network, unless building failed, a parameter is missing or holds impossible values.
    fn check(&mut self, built: Result<Network, NetworkError>) -> Result<Network, CheckpointError> {
        let path: &Path = &self.file.header.path;
        // A missing tensor explains a wrong shape further on, not the other way round.
        if let Some(first) = self.report.missing.first() {
            let others = self.report.missing.len() - 1;
            let held = self.file.header.entries.get(first);
            let what = match held {
                Some(entry) => format!("holds {} elements, expected floating point", entry.dtype),
                None if others == 0 => "is missing".to_owned(),
                None => format!("is missing, and {others} more"),
            };
            return Err(CheckpointError::tensor(path, first, what));
        }
        // Impossible values are counted here; the network only says that there are some.
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        built.map_err(|source| CheckpointError::Network {
            source,
            path: path.to_owned(),
        })
    }

    fn into_report(mut self) -> LoadReport {
        let applied: BTreeSet<&str> = self.report.applied.iter().map(String::as_str).collect();
        let keys = self.file.header.entries.keys();
        self.report.unused = keys
            .filter(|key| !applied.contains(key.as_str()))
            .filter(|key| !key.ends_with(".num_batches_tracked"))
            .cloned()
            .collect();
        self.report
    }
}

/// What makes these values unusable as weights of this role.
fn values_problem(tensor: &Tensor, role: Role) -> Result<Option<String>, candle_core::Error> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    let wrong = values.iter().filter(|v| !v.is_finite()).count();
    let total = values.len();
    Ok(if wrong > 0 {
        Some(format!(
            "has {wrong} of {total} values that are NaN or infinite"
        ))
    } else if role == Role::Var && values.iter().any(|v| *v < 0.0) {
        Some("is a variance with negative values".to_owned())
    } else {
        None
    })
}
