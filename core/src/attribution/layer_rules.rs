//! The rules of a network layer by layer, and changes of them, as data that a person reads, chooses and saves.
//!
//! Invariant: what is listed is what a walk applies; a change means the same here and on the command line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::composite::applies;
use super::{AttributionError, Composite, LayerKind, Prepared, Rule};
use crate::network::{LayerName, Network, Op};

/// A layer with the rule that carries relevance through it.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRule {
    /// The layer.
    pub layer: LayerName,
    /// Its kind.
    pub kind: LayerKind,
    /// Its operation, for example `Conv2d`.
    pub op: &'static str,
    /// The rule.
    pub rule: Rule,
}

/// Another rule for a part of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleChange {
    /// `first`, `last`, `default`, a kind of layer, the name of a layer, or a pattern of names.
    pub place: String,
    /// The rule.
    pub rule: Rule,
}

impl fmt::Display for RuleChange {
    /// As the command line takes it: `PLACE=RULE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.place, self.rule)
    }
}

impl RuleChange {
    /// Another rule for every layer of a kind.
    pub fn of_kind(kind: LayerKind, rule: Rule) -> Self {
        Self {
            place: kind.name().to_owned(),
            rule,
        }
    }

    /// Another rule for one layer.
    pub fn of_layer(layer: &LayerName, rule: Rule) -> Self {
        Self {
            place: layer.to_string(),
            rule,
        }
    }

    /// Whether it was said of a layer by its name.
    pub fn is_of_layer(&self, layer: &LayerName) -> bool {
        self.place == **layer
    }

    /// The kind that it was said of, if it was.
    pub fn kind(&self) -> Option<LayerKind> {
        LayerKind::from_str(&self.place).ok()
    }
}

impl Composite {
    /// Changes the rules of parts of a network, one after the other.
    ///
    /// # Errors
    /// As [`Composite::set`].
    pub fn change(
        &mut self,
        network: &Network,
        changes: &[RuleChange],
        range: (f64, f64),
    ) -> Result<(), AttributionError> {
        changes
            .iter()
            .try_for_each(|change| self.set(network, &change.to_string(), range))
    }
}

impl LayerKind {
    /// The usual rules that make sense for layers of this kind; `range` is the box of the z-box rule.
    pub fn choices(self, (low, high): (f64, f64)) -> Vec<Rule> {
        let all = [
            Rule::Epsilon { epsilon: 1e-6 },
            Rule::Epsilon { epsilon: 0.25 },
            Rule::Gamma { gamma: 0.25 },
            Rule::ZPlus,
            Rule::AlphaBeta {
                alpha: 2.0,
                beta: 1.0,
            },
            Rule::ZBox { low, high },
            Rule::WSquare,
            Rule::Flat,
            Rule::Norm,
            Rule::Polar,
            Rule::Pass,
            Rule::Gradient,
        ];
        let is_weighted = matches!(self, Self::Convolution | Self::Dense);
        // The rule of fixed weights is the epsilon rule: twice the same would be no choice.
        let fits = |rule: &Rule| match rule {
            Rule::Norm => !is_weighted,
            Rule::Epsilon { epsilon } if !is_weighted => *epsilon > 1e-3,
            _ => true,
        };
        all.into_iter()
            .filter(|rule| applies(*rule, self) && fits(rule))
            .collect()
    }
}

impl Prepared {
    /// Every layer with its rule, from the input on, as the walk sees the network: batch normalisation that was folded is not
    /// there. Empty for methods without rules.
    pub fn layer_rules(&self) -> Vec<LayerRule> {
        let Some(plan) = self.plan() else {
            return Vec::new();
        };
        let nodes = plan.network.nodes().iter().zip(&plan.rules);
        nodes
            .filter(|(node, _)| !matches!(node.op, Op::Input { .. } | Op::Constant))
            .map(|(node, rule)| LayerRule {
                layer: node.name.clone(),
                kind: LayerKind::of(&node.op),
                op: node.op.kind(),
                rule: *rule,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_applies_and_is_read_again() {
        for kind in LayerKind::ALL {
            let choices = kind.choices((-1.0, 1.0));
            assert!(!choices.is_empty(), "{}", kind.name());
            for rule in choices {
                assert!(applies(rule, kind), "{rule} {}", kind.name());
                let change = RuleChange::of_kind(kind, rule);
                let (place, text) = change.to_string().split_once('=').map_or_else(
                    || (String::new(), String::new()),
                    |(place, rule)| (place.to_owned(), rule.to_owned()),
                );
                assert_eq!(place, kind.name());
                assert_eq!(Rule::parse(&text, None).ok(), Some(rule));
                assert_eq!(change.kind(), Some(kind));
            }
        }
    }
}
