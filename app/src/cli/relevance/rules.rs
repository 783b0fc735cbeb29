//! Which rule for which layer, and where relevance stops, as arguments.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use ganoscope_core::attribution::{Composite, Method, Options, Prepared, Rule, RuleChange, Start};
use ganoscope_core::network::{LayerName, Network};

use super::super::Failure;

/// Rules layer by layer.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct RuleArguments {
    /// Rules from a file, a composite in TOML, instead of those of the method.
    #[arg(long, value_name = "FILE")]
    composite: Option<PathBuf>,
    /// A rule for a part of the network; the place is first, last, default, a kind of layer (convolution, dense, batch-norm,
    /// normalisation, activation, addition, product, average-pool, interpolation, routing), a layer or a pattern such as root.*;
    /// for example --rule first=flat --rule 'root.*=gamma 0.1' --rule addition=gradient.
    #[arg(long, value_name = "PLACE=RULE")]
    rule: Vec<String>,
    /// Layers below which relevance is not carried; what arrives there is written.
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    stop_at: Vec<String>,
    /// Layers whose inner relevance is written too.
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    retain: Vec<String>,
    /// What relevance starts from: score, one or probability.
    #[arg(long, value_name = "WHAT")]
    start: Option<Start>,
    /// Leave biases out, so that they take no relevance.
    #[arg(long)]
    zero_bias: bool,
    /// The layer of the method grad-cam; the last with rows and columns when not given.
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Keep the negative part of the method grad-cam.
    #[arg(long)]
    raw: bool,
}

impl RuleArguments {
    /// Whether nothing was asked for.
    pub(super) fn is_plain(&self) -> bool {
        let Self {
            composite,
            rule,
            stop_at,
            retain,
            start,
            zero_bias,
            layer,
            raw,
        } = self;
        let has_rules = composite.is_some() || !rule.is_empty() || start.is_some() || *zero_bias;
        let has_layers = !stop_at.is_empty() || !retain.is_empty() || layer.is_some();
        !has_rules && !has_layers && !raw
    }

    /// Whether nothing but single rules was asked for.
    pub(in crate::cli) fn are_changes_alone(&self) -> bool {
        let rest = Self {
            rule: Vec::new(),
            ..self.clone()
        };
        rest.is_plain()
    }

    /// The single rules; a z-box needs its numbers here.
    pub(in crate::cli) fn changes(&self) -> Result<Vec<RuleChange>, Failure> {
        let read = |text: &String| {
            let wrong = |why: String| Failure::Usage(format!("--rule {text}: {why}"));
            let (place, rule) = text
                .split_once('=')
                .ok_or_else(|| wrong("is not written as PLACE=RULE".to_owned()))?;
            Ok(RuleChange {
                place: place.trim().to_owned(),
                rule: Rule::parse(rule, None).map_err(|error| wrong(error.to_string()))?,
            })
        };
        self.rule.iter().map(read).collect()
    }

    /// Refuses what does not belong to a method.
    pub(super) fn check(&self, method: &Method) -> Result<(), Failure> {
        let is_cam = matches!(method, Method::GradCam { .. });
        if (self.layer.is_some() || self.raw) && !is_cam {
            let what = format!("--layer and --raw belong to the method grad-cam, not to {method}");
            return Err(Failure::Usage(what));
        }
        let rest = Self {
            layer: None,
            raw: false,
            ..self.clone()
        };
        if !rest.is_plain() && !method.is_relevance() {
            let what = format!("the method {method} has no rules and no inner relevance");
            return Err(Failure::Usage(what));
        }
        Ok(())
    }

    /// The part of the options that is said here.
    pub(super) fn options(&self) -> Options {
        let names = |layers: &[String]| layers.iter().map(|l| LayerName::from(&**l)).collect();
        Options {
            start: self.start.unwrap_or_default(),
            zero_bias: self.zero_bias,
            stop_at: names(&self.stop_at),
            retain: names(&self.retain),
            ..Options::default()
        }
    }

    /// The layer of a class activation map.
    pub(super) fn choose_cam(&self, layer: &mut Option<LayerName>, rectify: &mut bool) {
        if let Some(name) = &self.layer {
            *layer = Some(name.as_str().into());
        }
        *rectify &= !self.raw;
    }

    /// A network prepared for a method with these rules.
    pub(super) fn prepare(
        &self,
        network: &Network,
        method: &Method,
        options: &Options,
    ) -> Result<Prepared, anyhow::Error> {
        let Some(own) = method.composite(options.input_range) else {
            return Ok(Prepared::new(network, method, options)?);
        };
        let mut composite = match &self.composite {
            Some(path) => read(path)?,
            None => own,
        };
        for rule in &self.rule {
            composite.set(network, rule, options.input_range)?;
        }
        Ok(Prepared::with_composite(
            network, method, composite, options,
        )?)
    }

    /// What was changed, in words, for the provenance.
    pub(in crate::cli) fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(path) = &self.composite {
            words.push(format!("rules of {}", path.display()));
        }
        words.extend(self.rule.iter().map(|rule| format!("rule {rule}")));
        if !self.stop_at.is_empty() {
            words.push(format!("stopped at {}", self.stop_at.join(", ")));
        }
        if let Some(start) = self.start {
            words.push(format!(
                "started from {}",
                format!("{start:?}").to_lowercase()
            ));
        }
        if self.zero_bias {
            words.push("biases left out".to_owned());
        }
        words
    }
}

/// A composite from a file; a few hundred lines at most, whoever wrote it.
fn read(path: &Path) -> Result<Composite, anyhow::Error> {
    const LARGEST: u64 = 1 << 20;
    let whole = || format!("cannot read rules: {}", path.display());
    let size = std::fs::metadata(path).with_context(whole)?.len();
    if size > LARGEST {
        anyhow::bail!("{size} bytes are too many for rules: {}", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(whole)?;
    Composite::from_toml(&text).map_err(|error| anyhow::anyhow!("{error}: {}", path.display()))
}
