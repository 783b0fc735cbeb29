//! Rules and composites as people write them: `epsilon 0.1`, `alpha2-beta1`, `z-box -1,1`, `root.*=zplus`.

use std::str::FromStr;

use super::{AttributionError, Composite, LayerKind, Pattern, PatternRule, Rule};
use crate::network::{LayerName, Network};

impl Rule {
    /// Reads a rule by name; `range` is the box of a z-box without numbers. Numbers stand after a blank, a colon or in brackets;
    /// without them `epsilon` is 1e-6 and `gamma` 0.25.
    ///
    /// # Errors
    /// When no rule has this name, or its numbers are impossible.
    pub fn parse(text: &str, range: Option<(f64, f64)>) -> Result<Self, AttributionError> {
        let wrong = |what: &str| AttributionError::Rule {
            rule: text.to_owned(),
            what: what.to_owned(),
        };
        let trimmed = text.trim();
        let end = trimmed.find([' ', ':', '(', '[']);
        let (name, rest) = trimmed.split_at(end.unwrap_or(trimmed.len()));
        let is_between = |c: char| matches!(c, ' ' | ':' | ',' | '(' | ')' | '[' | ']');
        let numbers: Vec<f64> = rest
            .split(is_between)
            .filter(|part| !part.is_empty())
            .map(|part| {
                part.parse()
                    .map_err(|_| wrong("has a parameter that is no number"))
            })
            .collect::<Result<_, _>>()?;
        let rule = match (name, numbers.as_slice(), range) {
            ("epsilon", [], _) => Self::Epsilon { epsilon: 1e-6 },
            ("epsilon", &[epsilon], _) => Self::Epsilon { epsilon },
            ("gamma", [], _) => Self::Gamma { gamma: 0.25 },
            ("gamma", &[gamma], _) => Self::Gamma { gamma },
            ("z-box", &[low, high], _) | ("z-box", [], Some((low, high))) => {
                Self::ZBox { low, high }
            }
            ("z-box", _, _) => return Err(wrong("needs two numbers, LOW,HIGH")),
            ("zplus", [], _) => Self::ZPlus,
            ("w-square", [], _) => Self::WSquare,
            ("flat", [], _) => Self::Flat,
            ("norm", [], _) => Self::Norm,
            ("polar", [], _) => Self::Polar,
            ("pass", [], _) => Self::Pass,
            ("gradient", [], _) => Self::Gradient,
            (name, [], _) => alpha_beta(name).ok_or_else(|| {
                wrong("is not known; known are epsilon, gamma, zplus, alphaA-betaB, z-box, w-square, flat, norm, polar, pass, gradient")
            })?,
            _ => return Err(wrong("has too many parameters")),
        };
        rule.check()?;
        Ok(rule)
    }
}

/// `alpha2-beta1`.
fn alpha_beta(name: &str) -> Option<Rule> {
    let (alpha, beta) = name.strip_prefix("alpha")?.split_once("-beta")?;
    Some(Rule::AlphaBeta {
        alpha: alpha.parse().ok()?,
        beta: beta.parse().ok()?,
    })
}

impl FromStr for Rule {
    type Err = AttributionError;

    fn from_str(text: &str) -> Result<Self, AttributionError> {
        Self::parse(text, None)
    }
}

impl Composite {
    /// Reads a composite that was written as TOML.
    ///
    /// # Errors
    /// When the text is none, or its rules are impossible.
    pub fn from_toml(text: &str) -> Result<Self, AttributionError> {
        let read: Self = toml::from_str(text).map_err(|error| AttributionError::Rule {
            rule: "of a file".to_owned(),
            what: error.to_string().trim_end().replace('\n', " "),
        })?;
        for rule in read.rules() {
            rule.check()?;
        }
        Ok(read)
    }

    /// Changes the rule of a part of the network: `PLACE=RULE`, where the place is `first`, `last`, `default`, a kind of layer
    /// (`convolution`, `addition`, ...), the name of a layer, or a pattern of names. `range`: the box of a z-box without numbers.
    ///
    /// # Errors
    /// When there is no such place in the network, or no such rule.
    pub fn set(
        &mut self,
        network: &Network,
        text: &str,
        range: (f64, f64),
    ) -> Result<(), AttributionError> {
        let (place, rule) = text.split_once('=').ok_or_else(|| AttributionError::Rule {
            rule: text.to_owned(),
            what: "is not written as PLACE=RULE".to_owned(),
        })?;
        let rule = Rule::parse(rule, Some(range))?;
        let place = place.trim();
        match place {
            "first" => self.first = Some(rule),
            "last" => self.last = Some(rule),
            "default" => {
                self.default = rule;
                self.by_kind.remove(&LayerKind::Convolution);
                self.by_kind.remove(&LayerKind::Dense);
            }
            _ => {
                if let Ok(kind) = place.parse::<LayerKind>() {
                    self.by_kind.insert(kind, rule);
                } else if Pattern::is_pattern(place) {
                    let layers = Pattern::from(place);
                    // What is said last holds.
                    self.patterns.insert(0, PatternRule { layers, rule });
                } else {
                    network.find(place)?;
                    self.by_name.insert(LayerName::from(place), rule);
                }
            }
        }
        if !self.name.ends_with("-changed") {
            self.name.push_str("-changed");
        }
        Ok(())
    }
}

impl FromStr for LayerKind {
    type Err = AttributionError;

    fn from_str(name: &str) -> Result<Self, AttributionError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| AttributionError::Rule {
            rule: name.to_owned(),
            what: format!(
                "is no kind of layer; known are {}",
                Self::ALL.map(Self::name).join(", ")
            ),
        })
    }
}
