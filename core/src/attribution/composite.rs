//! Which rule for which layer: composites as data, and the usual ones as presets.
//!
//! Sources: Montavon et al. 2019 (doi:10.1007/978-3-030-28954-6_10), Kohlbrenner et al. 2020 (arXiv 1910.09840).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AttributionError, PatternRule, Rule};
use crate::network::{LayerName, Network, Node, Op, UpsampleMode};

/// Kinds of layers that a composite distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// Convolution, transposed or not.
    Convolution,
    /// Dense layer.
    Dense,
    /// Batch normalisation that was not folded.
    BatchNorm,
    /// Instance or pixel normalisation.
    Normalisation,
    /// Element-wise non-linearity.
    Activation,
    /// Sum of two layers.
    Addition,
    /// Product of two layers.
    Product,
    /// Mean over windows or over the whole picture.
    AveragePool,
    /// Bilinear enlargement.
    Interpolation,
    /// Layers that only move, select or join elements, including the maximum over windows.
    Routing,
}

impl LayerKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Convolution,
        Self::Dense,
        Self::BatchNorm,
        Self::Normalisation,
        Self::Activation,
        Self::Addition,
        Self::Product,
        Self::AveragePool,
        Self::Interpolation,
        Self::Routing,
    ];

    /// Its name, in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Convolution => "convolution",
            Self::Dense => "dense",
            Self::BatchNorm => "batch-norm",
            Self::Normalisation => "normalisation",
            Self::Activation => "activation",
            Self::Addition => "addition",
            Self::Product => "product",
            Self::AveragePool => "average-pool",
            Self::Interpolation => "interpolation",
            Self::Routing => "routing",
        }
    }

    /// The kind of an operation; every operation has one.
    pub fn of(op: &Op) -> Self {
        match op {
            Op::Conv2d(_) | Op::ConvTranspose2d { .. } => Self::Convolution,
            Op::Dense => Self::Dense,
            Op::BatchNorm { .. } => Self::BatchNorm,
            Op::InstanceNorm { .. } | Op::PixelNorm { .. } => Self::Normalisation,
            Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Prelu
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Silu
            | Op::Softplus
            | Op::Function(_) => Self::Activation,
            Op::Add => Self::Addition,
            Op::Mul => Self::Product,
            Op::AvgPool(_) | Op::GlobalAvgPool => Self::AveragePool,
            Op::Upsample {
                mode: UpsampleMode::Bilinear { .. },
                ..
            } => Self::Interpolation,
            Op::Upsample {
                mode: UpsampleMode::Nearest,
                ..
            }
            | Op::Input { .. }
            | Op::Constant
            | Op::Identity
            | Op::Concat { .. }
            | Op::PixelShuffle { .. }
            | Op::MaxPool(_)
            | Op::GlobalMaxPool
            | Op::Reshape { .. }
            | Op::Flatten
            | Op::Pad { .. }
            | Op::Slice { .. }
            | Op::Select { .. }
            | Op::Transpose { .. } => Self::Routing,
        }
    }

    /// The rule where a composite says nothing; `None` for layers with weights.
    const fn usual_rule(self) -> Option<Rule> {
        match self {
            Self::Convolution | Self::Dense => None,
            Self::Activation => Some(Rule::Pass),
            Self::Routing => Some(Rule::Gradient),
            Self::BatchNorm
            | Self::Normalisation
            | Self::Addition
            | Self::Product
            | Self::AveragePool
            | Self::Interpolation => Some(Rule::Norm),
        }
    }
}

/// Which rule for which layer. Precedence: by name, by pattern, last, first, by kind, the kind's usual rule, default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// Name shown and used on the command line, in kebab case.
    pub name: String,
    /// Rule of the weighted layers that no other weighted layer precedes.
    #[serde(default)]
    pub first: Option<Rule>,
    /// Rule of the weighted layers that no other weighted layer follows, and of the linear layers after them.
    #[serde(default)]
    pub last: Option<Rule>,
    /// Rules by kind of layer.
    #[serde(default)]
    pub by_kind: BTreeMap<LayerKind, Rule>,
    /// Rules by layer name.
    #[serde(default)]
    pub by_name: BTreeMap<LayerName, Rule>,
    /// Rules by pattern of layer names; the first that matches a layer and applies to it holds.
    #[serde(default)]
    pub patterns: Vec<PatternRule>,
    /// Rule of all other weighted layers.
    pub default: Rule,
}

/// The place of a layer among the weighted layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Composite {
    /// A composite of one rule for all weighted layers.
    pub fn single(rule: Rule) -> Self {
        Self {
            name: rule.to_string().replace(' ', "-"),
            first: None,
            last: None,
            by_kind: BTreeMap::new(),
            by_name: BTreeMap::new(),
            patterns: Vec::new(),
            default: rule,
        }
    }

    fn dense_and_rest(name: &str, first: Option<Rule>, convolutions: Rule) -> Self {
        let epsilon = Rule::Epsilon { epsilon: 1e-6 };
        Self {
            name: name.to_owned(),
            first,
            by_kind: [(LayerKind::Dense, epsilon)].into(),
            ..Self::single(convolutions)
        }
    }

    /// Epsilon in dense layers, z-plus in convolutions.
    pub fn epsilon_plus() -> Self {
        Self::dense_and_rest("epsilon-plus", None, Rule::ZPlus)
    }

    /// Epsilon in dense layers, z-plus in convolutions, equal shares in the first layer.
    pub fn epsilon_plus_flat() -> Self {
        Self::dense_and_rest("epsilon-plus-flat", Some(Rule::Flat), Rule::ZPlus)
    }

    /// Epsilon in dense layers, alpha 2 beta 1 in convolutions.
    pub fn epsilon_alpha2_beta1() -> Self {
        let rule = Rule::AlphaBeta {
            alpha: 2.0,
            beta: 1.0,
        };
        Self::dense_and_rest("epsilon-alpha2-beta1", None, rule)
    }

    /// Epsilon in dense layers, gamma 0.25 in convolutions, the box of the input's range in the first layer.
    pub fn epsilon_gamma_box((low, high): (f64, f64)) -> Self {
        Self::dense_and_rest(
            "epsilon-gamma-box",
            Some(Rule::ZBox { low, high }),
            Rule::Gamma { gamma: 0.25 },
        )
    }

    /// Epsilon everywhere but in the first layer, which has the box of the input's range.
    pub fn z_box((low, high): (f64, f64)) -> Self {
        Self {
            name: "z-box".to_owned(),
            first: Some(Rule::ZBox { low, high }),
            ..Self::single(Rule::Epsilon { epsilon: 1e-6 })
        }
    }

    /// Polarized-LRP: the polar rule at the decision, z-plus in between, the box of the input's range at the input.
    ///
    /// The abstract of Li, Lin, Mueller and Xu 2020 (arXiv 2001.06151) gives the two-part output; the rule of each
    /// layer is a choice of this program.
    pub fn polarized((low, high): (f64, f64)) -> Self {
        Self {
            name: "polarized".to_owned(),
            first: Some(Rule::ZBox { low, high }),
            last: Some(Rule::Polar),
            ..Self::single(Rule::ZPlus)
        }
    }

    /// Every rule of the composite.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        let named = self.by_kind.values().chain(self.by_name.values());
        named
            .chain(self.patterns.iter().map(|pattern| &pattern.rule))
            .chain(&self.first)
            .chain(&self.last)
            .chain([&self.default])
    }

    /// Whether convolutions have a rule whose denominators may nearly cancel.
    pub(super) fn divides_by_small_sums(&self) -> bool {
        let cancels = |rule: &Rule| match rule {
            Rule::Epsilon { epsilon } => *epsilon < 1e-3,
            rule => *rule == Rule::Norm,
        };
        let convolutions = self.by_kind.get(&LayerKind::Convolution);
        let patterns = self.patterns.iter().map(|pattern| &pattern.rule);
        cancels(convolutions.unwrap_or(&self.default)) || patterns.into_iter().any(cancels)
    }

    /// The rule of a layer. `batch_norm`: the rule of unfolded batch normalisation unless the composite names one.
    pub(super) fn rule_for(
        &self,
        layer: &LayerName,
        op: &Op,
        place: Place,
        batch_norm: Rule,
    ) -> Result<Rule, AttributionError> {
        let kind = LayerKind::of(op);
        let usual = if kind == LayerKind::BatchNorm {
            Some(batch_norm)
        } else {
            kind.usual_rule()
        };
        // The first and last rules follow the relevance through layers with fixed weights only where these mix.
        let mixes = !matches!(
            kind,
            LayerKind::Activation | LayerKind::Routing | LayerKind::Product
        );
        let last = self
            .last
            .filter(|_| place.last && mixes && usual != Some(Rule::Pass));
        let first = self.first.filter(|_| place.first && usual.is_none());
        let rule = self
            .by_name
            .get(layer)
            .copied()
            .or(self.by_pattern(layer, kind))
            .or(last)
            .or(first)
            .or_else(|| self.by_kind.get(&kind).copied())
            .or(usual)
            .unwrap_or(self.default);
        if applies(rule, kind) {
            Ok(rule)
        } else {
            Err(AttributionError::RuleDoesNotApply {
                layer: layer.clone(),
                op: op.kind(),
                rule: rule.to_string(),
            })
        }
    }
}

impl Composite {
    fn by_pattern(&self, layer: &LayerName, kind: LayerKind) -> Option<Rule> {
        let mut patterns = self.patterns.iter();
        let found = patterns.find(|p| applies(p.rule, kind) && p.layers.matches(layer));
        found.map(|pattern| pattern.rule)
    }

    /// Names a layer that is not there, or a pattern that says nothing about this network.
    pub(super) fn check_names(&self, network: &Network) -> Result<(), AttributionError> {
        for layer in self.by_name.keys() {
            network.find(layer)?;
        }
        for PatternRule { layers, rule } in &self.patterns {
            let is_meant =
                |node: &Node| applies(*rule, LayerKind::of(&node.op)) && layers.matches(&node.name);
            if !network.nodes().iter().any(is_meant) {
                return Err(AttributionError::Rule {
                    rule: rule.to_string(),
                    what: format!("applies to no layer with a name like {layers}"),
                });
            }
        }
        Ok(())
    }
}

/// Whether a rule makes sense for a kind of layer.
pub(super) const fn applies(rule: Rule, kind: LayerKind) -> bool {
    match kind {
        LayerKind::Convolution | LayerKind::Dense => !matches!(rule, Rule::Pass),
        LayerKind::Activation => matches!(rule, Rule::Pass | Rule::Gradient),
        LayerKind::BatchNorm | LayerKind::Normalisation => matches!(
            rule,
            Rule::Norm | Rule::Epsilon { .. } | Rule::Polar | Rule::Pass | Rule::Gradient
        ),
        LayerKind::Addition | LayerKind::AveragePool | LayerKind::Interpolation => matches!(
            rule,
            Rule::Norm | Rule::Epsilon { .. } | Rule::ZPlus | Rule::Polar | Rule::Gradient
        ),
        LayerKind::Product => matches!(rule, Rule::Norm | Rule::Gradient),
        LayerKind::Routing => matches!(rule, Rule::Gradient),
    }
}
