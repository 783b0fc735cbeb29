//! Edits as words of a command line: `root.4:4,10-12=off`, `conv_in:3=scale:0.25`, `conv_in:3=level:9.5@0.3`.
//!
//! Invariant: what is written is read back equal. Masks have no such form, and an edit that is switched off has no effect and
//! is not written; notes are for people and are left out.

use std::str::FromStr;

use super::{Action, Edit, EditStack, ParseUnitsError};

/// Why a text is no edit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseEditError {
    /// There is no `=`.
    #[error(
        "`{0}` is no edit, expected UNITS=off, UNITS=scale:FACTOR or UNITS=level:VALUE, then @STRENGTH if it is not 1"
    )]
    Form(String),
    /// What stands before it names no units.
    #[error(transparent)]
    Units(#[from] ParseUnitsError),
    /// No unit at all.
    #[error("`{0}` changes no unit")]
    Nothing(String),
}

impl Edit {
    /// The edit as one word of a command line; `None` where it has a mask, which no word holds.
    pub fn terse(&self) -> Option<String> {
        if self.mask.is_some() {
            return None;
        }
        let action = match self.action {
            Action::Ablate => "off".to_owned(),
            Action::Scale { by } => format!("scale:{by}"),
            Action::Insert { level } => format!("level:{level}"),
        };
        let strength = if self.strength == 1.0 {
            String::new()
        } else {
            format!("@{}", self.strength)
        };
        Some(format!("{}={action}{strength}", self.units))
    }
}

impl EditStack {
    /// Every enabled edit as one word of a command line, in order; `None` where one has a mask.
    pub fn terse(&self) -> Option<Vec<String>> {
        let enabled = self.edits.iter().filter(|edit| edit.enabled);
        enabled.map(Edit::terse).collect()
    }
}

impl FromStr for Edit {
    type Err = ParseEditError;

    /// ```
    /// use ganoscope_core::edit::{Action, Edit};
    /// let edit: Edit = "root.4:4,10-12=scale:0.25@0.5".parse()?;
    /// assert_eq!((edit.action, edit.strength, edit.units.len()), (Action::Scale { by: 0.25 }, 0.5, 4));
    /// # Ok::<(), ganoscope_core::edit::ParseEditError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ParseEditError::Form(text.to_owned());
        // Names of layers may hold anything; what is done to them is last.
        let (units, action) = text.rsplit_once('=').ok_or_else(form)?;
        let (action, strength) = match action.split_once('@') {
            Some((action, strength)) => (action, number(strength).ok_or_else(form)?),
            None => (action, 1.0),
        };
        let action = match action.trim().split_once(':') {
            None if action.trim() == "off" => Action::Ablate,
            Some(("scale", by)) => Action::Scale {
                by: number(by).ok_or_else(form)?,
            },
            Some(("level", level)) => Action::Insert {
                level: number(level).ok_or_else(form)?,
            },
            _ => return Err(form()),
        };
        let units: super::UnitSet = units.parse()?;
        if units.is_empty() {
            return Err(ParseEditError::Nothing(text.to_owned()));
        }
        Ok(Self::new(units, action).with_strength(strength))
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::{Mask, UnitSet};
    use super::*;

    #[test]
    fn edits_survive_as_words() {
        let units = UnitSet::of_layer("a:b=c.act", [0, 3, 4, 5]);
        for (action, strength) in [
            (Action::Ablate, 1.0),
            (Action::Scale { by: 0.1 + 0.2 }, 1.0),
            (Action::Scale { by: -1e-9 }, 0.25),
            (Action::Insert { level: 9.25 }, 1.0 / 3.0),
        ] {
            let edit = Edit::new(units.clone(), action).with_strength(strength);
            let text = edit.terse().unwrap();
            assert_eq!(text.parse(), Ok(edit), "{text}");
        }
    }

    #[test]
    fn what_is_switched_off_is_left_out_and_masks_have_no_word() {
        let mut off = Edit::new(UnitSet::of_layer("conv", [1]), Action::Ablate);
        let on = off.clone();
        off.enabled = false;
        let mut stack = EditStack {
            edits: vec![off, on],
        };
        assert_eq!(stack.terse(), Some(vec!["conv:1=off".to_owned()]));
        let mask = Mask::from_fn([4, 4], |_, _| 1.0).unwrap();
        stack.edits[1] = stack.edits[1].clone().with_mask(mask);
        assert_eq!(stack.terse(), None);
    }

    #[test]
    fn other_text_is_refused_with_what_was_expected() {
        for text in [
            "",
            "conv:1",
            "conv:1=on",
            "conv:1=scale:x",
            "conv:1=off@",
            "=off",
            "conv=off",
        ] {
            let error = text.parse::<Edit>().unwrap_err().to_string();
            assert!(!error.is_empty(), "{text}");
        }
        let error = "conv:1=louder".parse::<Edit>().unwrap_err().to_string();
        assert!(error.contains("UNITS=scale:FACTOR"), "{error}");
    }
}
