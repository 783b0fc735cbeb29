//! Units and ordered sets of them, with the set modes of a selection.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::network::LayerName;

/// The most units that a written range may name; the widest layers known have a few thousand.
const LONGEST_RANGE: usize = 1 << 20;

/// One channel of a layer, or one feature of a vector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The layer.
    pub layer: LayerName,
    /// The channel, counted from 0.
    pub channel: usize,
}

impl Unit {
    /// A channel of a layer.
    pub fn new(layer: impl Into<LayerName>, channel: usize) -> Self {
        Self {
            layer: layer.into(),
            channel,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.layer, self.channel)
    }
}

/// How a new set of units meets the one already selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// The new set alone.
    #[default]
    Replace,
    /// In either.
    Or,
    /// In both.
    And,
    /// In the old one but not in the new one.
    AndNot,
    /// In exactly one.
    Xor,
}

/// A set of units ordered by layer name and channel.
///
/// Written as a map from layer to channels (`{ "root.4" = [4, 10, 11] }`) in recipes and as `root.4:4,10-11` on a
/// command line, layers apart by `;`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Channels", into = "Channels")]
pub struct UnitSet(BTreeSet<Unit>);

type Channels = BTreeMap<LayerName, Vec<usize>>;

impl UnitSet {
    /// No units.
    pub const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Channels of one layer.
    pub fn of_layer(
        layer: impl Into<LayerName>,
        channels: impl IntoIterator<Item = usize>,
    ) -> Self {
        let layer = layer.into();
        channels
            .into_iter()
            .map(|channel| Unit::new(layer.clone(), channel))
            .collect()
    }

    /// Number of units.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a unit is in the set.
    pub fn contains(&self, unit: &Unit) -> bool {
        self.0.contains(unit)
    }

    /// Adds a unit; false if it was there.
    pub fn insert(&mut self, unit: Unit) -> bool {
        self.0.insert(unit)
    }

    /// Removes a unit; false if it was not there.
    pub fn remove(&mut self, unit: &Unit) -> bool {
        self.0.remove(unit)
    }

    /// The units in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Unit> {
        self.0.iter()
    }

    /// The channels of every layer, both in order.
    pub fn by_layer(&self) -> BTreeMap<LayerName, Vec<usize>> {
        let mut layers = Channels::new();
        for Unit { layer, channel } in &self.0 {
            layers.entry(layer.clone()).or_default().push(*channel);
        }
        layers
    }

    /// This set combined with a new one.
    ///
    /// ```
    /// use ganoscope_core::edit::{Combine, UnitSet};
    ///
    /// let old = UnitSet::of_layer("conv", [1, 2]);
    /// let both = old.combine(Combine::Xor, &UnitSet::of_layer("conv", [2, 3]));
    /// assert_eq!(both.to_string(), "conv:1,3");
    /// ```
    pub fn combine(&self, mode: Combine, new: &Self) -> Self {
        let (a, b) = (&self.0, &new.0);
        Self(match mode {
            Combine::Replace => b.clone(),
            Combine::Or => a | b,
            Combine::And => a & b,
            Combine::AndNot => a - b,
            Combine::Xor => a ^ b,
        })
    }
}

impl FromIterator<Unit> for UnitSet {
    fn from_iter<I: IntoIterator<Item = Unit>>(units: I) -> Self {
        Self(units.into_iter().collect())
    }
}

impl Extend<Unit> for UnitSet {
    fn extend<I: IntoIterator<Item = Unit>>(&mut self, units: I) {
        self.0.extend(units);
    }
}

impl IntoIterator for UnitSet {
    type Item = Unit;
    type IntoIter = std::collections::btree_set::IntoIter<Unit>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a UnitSet {
    type Item = &'a Unit;
    type IntoIter = std::collections::btree_set::Iter<'a, Unit>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Channels> for UnitSet {
    fn from(layers: Channels) -> Self {
        let of = |(layer, channels): (LayerName, Vec<usize>)| Self::of_layer(layer, channels);
        layers.into_iter().flat_map(of).collect()
    }
}

impl From<UnitSet> for Channels {
    fn from(units: UnitSet) -> Self {
        units.by_layer()
    }
}

impl fmt::Display for UnitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (layer, channels)) in self.by_layer().into_iter().enumerate() {
            write!(f, "{}{layer}:", if i > 0 { "; " } else { "" })?;
            let runs = channels.chunk_by(|a, b| a + 1 == *b);
            for (j, run) in runs.enumerate() {
                let comma = if j > 0 { "," } else { "" };
                match run {
                    [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                    [one] => write!(f, "{comma}{one}")?,
                    [] => {}
                }
            }
        }
        Ok(())
    }
}

/// Units that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("units are written LAYER:1,5-9 with layers apart by ;, which {text:?} is not")]
pub struct ParseUnitsError {
    /// The part that was not understood.
    pub text: String,
}

impl FromStr for UnitSet {
    type Err = ParseUnitsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut units = Self::new();
        for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let wrong = || ParseUnitsError {
                text: part.to_owned(),
            };
            let (layer, channels) = part.rsplit_once(':').ok_or_else(wrong)?;
            if layer.is_empty() {
                return Err(wrong());
            }
            for range in channels.split(',').map(str::trim) {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
                let (first, last) = (number(first)?, number(last)?);
                if last < first || last - first >= LONGEST_RANGE {
                    return Err(wrong());
                }
                units.extend(Self::of_layer(layer, first..=last));
            }
        }
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_modes_are_those_of_sets() {
        let (a, b) = (
            UnitSet::of_layer("a", [1, 2, 3]),
            UnitSet::of_layer("a", [3, 4]),
        );
        for (mode, expected) in [
            (Combine::Replace, vec![3, 4]),
            (Combine::Or, vec![1, 2, 3, 4]),
            (Combine::And, vec![3]),
            (Combine::AndNot, vec![1, 2]),
            (Combine::Xor, vec![1, 2, 4]),
        ] {
            assert_eq!(
                a.combine(mode, &b),
                UnitSet::of_layer("a", expected),
                "{mode:?}"
            );
        }
    }

    #[test]
    fn text_round_trips_in_order() {
        let text = "net.act5:0,3-5,9; root.4.add:2";
        let units: UnitSet = text.parse().unwrap();
        assert_eq!(units.len(), 6);
        assert_eq!(units.to_string(), text);
        assert_eq!("".parse(), Ok(UnitSet::new()));
    }

    #[test]
    fn wrong_text_is_named() {
        for text in [
            "conv",
            ":1",
            "conv:",
            "conv:a",
            "conv:5-2",
            "conv:-1",
            "conv:1,,2",
            "conv:0-99999999999",
        ] {
            let error = text.parse::<UnitSet>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
