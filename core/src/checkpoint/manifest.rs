//! The manifest of a series, `series.toml`: what its networks are and what their pixels mean.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{CheckpointError, NetworkConfig, NetworkRole};
use crate::architecture::{
    DiscriminatorConfig, GeneratorConfig, LatentDiscriminator, LatentGenerator,
};
use crate::stamp::ValueRange;

/// Name of the manifest inside a series directory.
pub const MANIFEST_FILE: &str = "series.toml";

/// Version of the manifest that this program writes, and the only one it reads.
const VERSION: u32 = 1;

/// Manifests are a page of text; anything longer is not one.
pub(super) const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// How the two galaxies of a blend combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlendRule {
    /// The brighter pixel wins, as in the publication (Reiman and Goehre 2019, section 2.2).
    #[default]
    Maximum,
    /// Light adds up.
    Sum,
}

/// What all checkpoints of a series have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesManifest {
    /// Version of this format.
    #[serde(default = "version")]
    pub version: u32,
    /// Name shown to people.
    pub name: String,
    /// How the two galaxies of a blend combine.
    #[serde(default)]
    pub blend_rule: BlendRule,
    /// Side of a pixel in arcseconds, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_scale_arcsec: Option<f64>,
    /// What it was trained on, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provenance: String,
    /// Licence of the weights.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub licence: String,
    /// The recipe it was trained by: a file name, or the command.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recipe: String,
    /// Range of the pixels that the generator takes.
    #[serde(default = "unit_range")]
    pub input_range: ValueRange,
    /// Range of the pixels that the generator emits and the discriminator takes.
    #[serde(default = "signed_range")]
    pub output_range: ValueRange,
    /// The generator of a deblender; every `series.toml` has a generator of one kind, a series of foreign files does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorConfig>,
    /// The discriminator of a deblender, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<DiscriminatorConfig>,
    /// A generator that draws from a latent, in the place of a deblender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent_generator: Option<LatentGenerator>,
    /// Its discriminator, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent_discriminator: Option<LatentDiscriminator>,
}

const fn version() -> u32 {
    VERSION
}

const fn unit_range() -> ValueRange {
    ValueRange::UNIT
}

const fn signed_range() -> ValueRange {
    ValueRange::SIGNED
}

impl SeriesManifest {
    /// A manifest with the published ranges and blend rule.
    pub fn new(
        name: impl Into<String>,
        generator: GeneratorConfig,
        discriminator: Option<DiscriminatorConfig>,
    ) -> Self {
        Self {
            version: VERSION,
            name: name.into(),
            blend_rule: BlendRule::Maximum,
            pixel_scale_arcsec: None,
            provenance: String::new(),
            licence: String::new(),
            recipe: String::new(),
            input_range: ValueRange::UNIT,
            output_range: ValueRange::SIGNED,
            generator: Some(generator),
            discriminator,
            latent_generator: None,
            latent_discriminator: None,
        }
    }

    /// A manifest of networks that draw from a latent.
    pub fn latent(
        name: impl Into<String>,
        generator: LatentGenerator,
        discriminator: Option<LatentDiscriminator>,
    ) -> Self {
        Self {
            generator: None,
            latent_generator: Some(generator),
            latent_discriminator: discriminator,
            ..Self::new(name, GeneratorConfig::default(), None)
        }
    }

    /// Whether the networks take blends apart; else they draw from a latent or are not known.
    pub const fn is_deblender(&self) -> bool {
        self.generator.is_some()
    }

    /// What is known of a series without a manifest: its name, and what is usual.
    pub(super) fn foreign(name: &str) -> Self {
        Self {
            generator: None,
            ..Self::new(name, GeneratorConfig::default(), None)
        }
    }

    /// Takes the ranges of pixels over from a network of a series without a manifest.
    pub(super) const fn take_ranges(
        &mut self,
        role: NetworkRole,
        input: ValueRange,
        output: Option<ValueRange>,
    ) {
        match (role, output) {
            (NetworkRole::Generator, Some(output)) => {
                self.input_range = input;
                self.output_range = output;
            }
            (NetworkRole::Generator, None) => self.input_range = input,
            (NetworkRole::Discriminator, _) => self.output_range = input,
        }
    }

    /// The configuration of one of its networks.
    pub fn config(&self, role: NetworkRole) -> Option<NetworkConfig> {
        match role {
            NetworkRole::Generator => {
                let latent = self.latent_generator.clone();
                let deblender = self.generator.clone().map(NetworkConfig::Generator);
                deblender.or(latent.map(NetworkConfig::LatentGenerator))
            }
            NetworkRole::Discriminator => {
                let latent = self.latent_discriminator.clone();
                let deblender = self.discriminator.clone();
                let deblender = deblender.map(NetworkConfig::Discriminator);
                deblender.or(latent.map(NetworkConfig::LatentDiscriminator))
            }
        }
    }

    /// Range of the pixels that a network of this role takes.
    pub const fn input_range_of(&self, role: NetworkRole) -> ValueRange {
        match role {
            NetworkRole::Generator => self.input_range,
            NetworkRole::Discriminator => self.output_range,
        }
    }

    /// Range of the pixels that a network of this role emits; a discriminator emits none.
    pub fn output_range_of(&self, role: NetworkRole) -> Option<ValueRange> {
        (role == NetworkRole::Generator).then_some(self.output_range)
    }

    /// Reads the manifest of the series in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, CheckpointError> {
        let path = dir.join(MANIFEST_FILE);
        let size = std::fs::metadata(&path)
            .map_err(CheckpointError::read(&path))?
            .len();
        if size > MAX_MANIFEST_BYTES {
            return Err(CheckpointError::Manifest {
                what: format!("a manifest of {size} bytes is not read"),
                path,
            });
        }
        let text = std::fs::read_to_string(&path).map_err(CheckpointError::read(&path))?;
        Self::from_toml(&text).map_err(|what| CheckpointError::Manifest { what, path })
    }

    /// The manifest written in `text`, or a line saying what is wrong.
    pub(super) fn from_toml(text: &str) -> Result<Self, String> {
        /// Read first, so that a manifest of the future is refused for its version and not for its fields.
        #[derive(Deserialize)]
        struct Versioned {
            version: Option<u32>,
        }
        let versioned: Versioned = toml::from_str(text).map_err(|e| one_line(text, &e))?;
        if let Some(found) = versioned.version.filter(|v| *v != VERSION) {
            return Err(format!(
                "the manifest has version {found}, this program reads version {VERSION}"
            ));
        }
        let manifest: Self = toml::from_str(text).map_err(|e| one_line(text, &e))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as it is written to `series.toml`.
    pub fn to_toml(&self) -> Result<String, CheckpointError> {
        toml::to_string(self).map_err(|e| CheckpointError::Manifest {
            what: e.to_string().replace('\n', " "),
            path: MANIFEST_FILE.into(),
        })
    }

    fn check(&self) -> Result<(), String> {
        let is_latent = self.latent_generator.is_some();
        if self.generator.is_none() && !is_latent {
            return Err("missing field `generator`".to_owned());
        }
        let has_deblender = self.generator.is_some() || self.discriminator.is_some();
        if has_deblender && (is_latent || self.latent_discriminator.is_some()) {
            return Err(
                "the networks are those of a deblender or latent ones, not both".to_owned(),
            );
        }
        for (name, range) in [
            ("input_range", self.input_range),
            ("output_range", self.output_range),
        ] {
            let ValueRange { low, high } = range;
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(format!(
                    "{name} is {low} to {high}, expected low below high"
                ));
            }
        }
        for role in NetworkRole::ALL {
            if let Some(config) = self.config(role) {
                config.check()?;
            }
        }
        Ok(())
    }
}

pub(super) fn one_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| {
        text.bytes()
            .take(span.start)
            .filter(|b| *b == b'\n')
            .count()
            + 1
    });
    format!("line {line}: {}", error.message().replace('\n', " "))
}
