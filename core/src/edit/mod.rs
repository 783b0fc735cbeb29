//! Edits of units as plain data: what is turned down, switched off or inserted, where, and how strongly.
//!
//! Invariant: any stack of edits resolves to at most one map `x -> gain x + offset` per layer, so its cost does not grow
//! with its length. The vocabulary (ablate, insert, level) is that of Bau et al. 2019, "GAN Dissection",
//! arXiv 1811.10597; masks in image space follow their painting tool.

mod affine;
mod error;
mod fold;
mod mask;
mod recipe;
mod terse;
mod units;

use serde::{Deserialize, Serialize};

pub use affine::MASK_POOLING;
pub use error::EditError;
pub use fold::{FoldError, Folded, fold};
pub use mask::{Mask, MaskError, Pooling};
pub use recipe::RECIPE_VERSION;
pub use terse::ParseEditError;
pub use units::{Combine, ParseUnitsError, Unit, UnitSet};

/// What an edit does to the value `x` of a unit where it applies in full.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// `x` becomes 0.
    Ablate,
    /// `x` becomes `level`.
    Insert {
        /// The new value, in units of the activation; a high quantile of the unit is a usual choice.
        level: f64,
    },
    /// `x` becomes `by x`: 0 switches the unit off, 1 leaves it alone.
    Scale {
        /// The factor.
        by: f64,
    },
}

/// One row of the list of edits.
///
/// With a mask m (0..1) and strength s (0..1) a unit's value goes to `x (1 - m s) + level m s` for [`Action::Ablate`]
/// (level 0) and [`Action::Insert`], and to `x (1 + m s (by - 1))` for [`Action::Scale`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The units it changes.
    pub units: UnitSet,
    /// What it does to them.
    pub action: Action,
    /// How much of it is applied, 0 to 1.
    #[serde(default = "full")]
    pub strength: f64,
    /// Whether it is applied at all.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// What the person wants to remember about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where it applies; everywhere without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

const fn full() -> f64 {
    1.0
}

const fn enabled() -> bool {
    true
}

impl Edit {
    /// An enabled edit of full strength that applies everywhere.
    pub fn new(units: UnitSet, action: Action) -> Self {
        Self {
            units,
            action,
            strength: full(),
            enabled: enabled(),
            note: String::new(),
            mask: None,
        }
    }

    /// The same edit within a mask.
    pub fn with_mask(mut self, mask: Mask) -> Self {
        self.mask = Some(mask);
        self
    }

    /// The same edit at another strength, 0 to 1.
    pub fn with_strength(mut self, strength: f64) -> Self {
        self.strength = strength;
        self
    }
}

/// Edits in the order in which they are applied. Saved, it is a recipe.
///
/// ```
/// use ganoscope_core::edit::{Action, Edit, EditStack};
///
/// let mut stack = EditStack::default();
/// stack.edits.push(Edit::new("root.4:4,10-12".parse()?, Action::Ablate).with_strength(0.5));
/// let text = stack.to_toml()?;
/// assert_eq!(EditStack::from_toml(&text)?, stack);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "recipe::Recipe", into = "recipe::Recipe")]
pub struct EditStack {
    /// First applied first.
    pub edits: Vec<Edit>,
}

impl EditStack {
    /// Whether nothing is edited: no edit, or none enabled.
    pub fn is_idle(&self) -> bool {
        self.edits.iter().all(|edit| !edit.enabled)
    }

    /// The factor of a unit's slider: 0 when an enabled edit ablates it everywhere, else that of the enabled, unmasked
    /// [`Action::Scale`] edit of this unit alone, else 1.
    pub fn scale_of(&self, unit: &Unit) -> f64 {
        if self.edits.iter().any(|e| e.enabled && is_ablation(e, unit)) {
            return 0.0;
        }
        self.edits
            .iter()
            .find_map(|edit| match edit.action {
                Action::Scale { by } if edit.enabled && is_slider(edit, unit) => Some(by),
                _ => None,
            })
            .unwrap_or(1.0)
    }

    /// Sets the factor of a unit's slider; 1 removes its edit. The unit leaves the edits that ablate it everywhere; the
    /// other edits stay as they are.
    pub fn set_scale(&mut self, unit: &Unit, by: f64) {
        if by == 0.0 && self.scale_of(unit) == 0.0 {
            return;
        }
        let one = UnitSet::from_iter([unit.clone()]);
        for edit in &mut self.edits {
            if is_ablation(edit, unit) {
                edit.units = edit.units.combine(Combine::AndNot, &one);
            }
        }
        self.edits.retain(|edit| !edit.units.is_empty());
        let mut sliders = self.edits.iter().enumerate();
        let found = sliders
            .find(|(_, edit)| is_slider(edit, unit))
            .map(|(i, _)| i);
        match found {
            Some(i) if by == 1.0 => {
                self.edits.remove(i);
            }
            Some(i) => {
                self.edits[i].action = Action::Scale { by };
                self.edits[i].enabled = true;
            }
            None if by == 1.0 => {}
            None => self.edits.push(Edit::new(
                UnitSet::from_iter([unit.clone()]),
                Action::Scale { by },
            )),
        }
    }
}

/// Whether an edit switches a unit off completely and everywhere.
fn is_ablation(edit: &Edit, unit: &Unit) -> bool {
    matches!(edit.action, Action::Ablate)
        && edit.mask.is_none()
        && edit.strength == 1.0
        && edit.units.contains(unit)
}

/// Whether an edit is what a unit's slider moves.
fn is_slider(edit: &Edit, unit: &Unit) -> bool {
    matches!(edit.action, Action::Scale { .. })
        && edit.mask.is_none()
        && edit.strength == 1.0
        && edit.units.len() == 1
        && edit.units.contains(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_touches_only_its_own_edit() {
        let (a, b) = (Unit::new("conv", 1), Unit::new("conv", 2));
        let mut stack = EditStack::default();
        let both = UnitSet::from_iter([a.clone(), b.clone()]);
        stack.edits.push(Edit::new(both, Action::Scale { by: 3.0 }));
        stack.set_scale(&a, 0.25);
        stack.set_scale(&b, 4.0);
        stack.set_scale(&a, 0.5);
        assert_eq!((stack.scale_of(&a), stack.scale_of(&b)), (0.5, 4.0));
        assert_eq!(stack.edits.len(), 3);
        stack.set_scale(&a, 1.0);
        assert_eq!((stack.scale_of(&a), stack.edits.len()), (1.0, 2));
    }
}
