//! Edit stacks as text: a versioned TOML file, the recipe.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Edit, EditError, EditStack};

/// The version that is written and read.
pub const RECIPE_VERSION: u32 = 1;

/// Longest file that is read as a recipe; a stack of masks painted by hand is a thousand times smaller.
const MAX_BYTES: u64 = 64 << 20;

/// The file's own shape, so that a stack cannot be written without its version.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    version: u32,
    #[serde(default)]
    edits: Vec<Edit>,
}

/// Read before the rest, so that a newer file is called newer and not malformed.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl From<EditStack> for Recipe {
    fn from(stack: EditStack) -> Self {
        Self {
            version: RECIPE_VERSION,
            edits: stack.edits,
        }
    }
}

impl TryFrom<Recipe> for EditStack {
    type Error = EditError;

    fn try_from(recipe: Recipe) -> Result<Self, EditError> {
        if recipe.version != RECIPE_VERSION {
            return Err(EditError::Version {
                found: recipe.version,
            });
        }
        Ok(Self {
            edits: recipe.edits,
        })
    }
}

impl EditStack {
    /// The stack as TOML.
    pub fn to_toml(&self) -> Result<String, EditError> {
        toml::to_string(self).map_err(|error| syntax(&error))
    }

    /// A stack from TOML.
    pub fn from_toml(text: &str) -> Result<Self, EditError> {
        let VersionOnly { version } = toml::from_str(text).map_err(|error| syntax(&error))?;
        if version != RECIPE_VERSION {
            return Err(EditError::Version { found: version });
        }
        toml::from_str(text).map_err(|error| syntax(&error))
    }

    /// Reads a recipe.
    pub fn read(path: &Path) -> Result<Self, EditError> {
        let file = |source| EditError::File {
            action: "read",
            source,
            path: path.to_owned(),
        };
        if fs::metadata(path).map_err(file)?.len() > MAX_BYTES {
            return Err(file(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is larger than any recipe",
            )));
        }
        let text = fs::read_to_string(path).map_err(file)?;
        Self::from_toml(&text).map_err(|source| EditError::InFile {
            source: Box::new(source),
            path: path.to_owned(),
        })
    }
}

/// The message of a TOML error without its trailing newline.
fn syntax(error: &dyn std::fmt::Display) -> EditError {
    EditError::Syntax {
        what: error.to_string().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Mask, UnitSet};
    use super::*;

    fn stack() -> EditStack {
        let units = UnitSet::of_layer("root.4.add", [4, 10]);
        let mask = Mask::from_fn([40, 40], |y, x| if y < 20 { 0.0 } else { 0.1 * x as f32 });
        let mut noted = Edit::new(units.clone(), Action::Insert { level: 9.25 });
        noted.note = "spiral arm".to_owned();
        noted.enabled = false;
        EditStack {
            edits: vec![
                Edit::new(units.clone(), Action::Ablate)
                    .with_mask(mask.unwrap())
                    .with_strength(0.3),
                noted,
                Edit::new(units, Action::Scale { by: 0.25 }),
            ],
        }
    }

    #[test]
    fn recipes_round_trip_through_toml_and_json() {
        let stack = stack();
        let text = stack.to_toml().unwrap();
        assert!(text.starts_with("version = 1\n"), "{text}");
        assert_eq!(EditStack::from_toml(&text).unwrap(), stack);
        let json = serde_json::to_string(&stack).unwrap();
        assert_eq!(serde_json::from_str::<EditStack>(&json).unwrap(), stack);
        let ron = ron::to_string(&stack).unwrap();
        assert_eq!(ron::from_str::<EditStack>(&ron).unwrap(), stack);
    }

    #[test]
    fn a_recipe_written_by_hand_is_read() {
        let stack = EditStack::from_toml(
            "version = 1\n[[edits]]\nunits = { \"conv\" = [3] }\naction = \"ablate\"\n",
        )
        .unwrap();
        assert_eq!(
            stack.edits,
            [Edit::new(UnitSet::of_layer("conv", [3]), Action::Ablate)]
        );
    }

    #[test]
    fn files_are_read_and_errors_name_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        fs::write(&path, EditStack::default().to_toml().unwrap()).unwrap();
        assert_eq!(EditStack::read(&path).unwrap(), EditStack::default());

        let broken = [
            ("version = 2\n", "version 2"),
            ("edits = []", "version"),
            ("version = 1\n[[edits]]\nunits = 3", "line 3"),
            (
                "version = 1\n[[edits]]\nunits = {}\naction = \"ablate\"\nmask = { size = [2, 2], runs = [[9, 1.0]] }",
                "mask of 2 by 2",
            ),
            ("version = 1\nedit = []", "unknown field"),
            ("\u{0}\u{1}", "line 1"),
        ];
        for (text, clue) in broken {
            fs::write(&path, text).unwrap();
            let message = EditStack::read(&path).unwrap_err().to_string();
            assert!(message.contains(clue), "{message}");
            assert!(message.ends_with("recipe.toml"), "{message}");
        }
        fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
        assert!(EditStack::read(&path).is_err());
        let nowhere = folder.path().join("missing/recipe.toml");
        let message = EditStack::read(&nowhere).unwrap_err().to_string();
        assert!(message.ends_with("missing/recipe.toml"), "{message}");
    }
}
