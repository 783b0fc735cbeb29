//! *Copy as command*: the command line that computes what a view of the window shows.
//!
//! Invariant: a command that is composed is one that this program accepts and that gives the same numbers; where there is
//! none, the reason is given instead.

mod relevance;

use std::path::{Path, PathBuf};

use clap::Parser as _;
use ganoscope_core::attribution::Method;
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec};
use ganoscope_core::jobs::Input;
use ganoscope_core::stamp::io::{Format, PictureFile};

use super::Cli;
use crate::export::{Kind, Shown};
use crate::views::ViewKey;

/// The name of this program.
const PROGRAM: &str = "ganoscope";

/// What a view comes to on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Composed {
    /// The arguments, the program first.
    Arguments(Vec<String>),
    /// Something that no argument holds has to be saved as a file first.
    Needs(Need),
}

/// What a command refers to and a file has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The edits, as a recipe, because they have masks.
    Recipe,
    /// The regions, as a region file.
    Regions,
}

/// The command for what a view shows; `saved` is the file that it [needs](Composed::Needs), where that was saved.
///
/// # Errors
/// Why there is no command, in words for a person.
pub fn compose(shown: &Shown<'_>, saved: Option<&Path>) -> Result<Composed, String> {
    let composed = composed(shown, saved)?;
    if let Composed::Arguments(arguments) = &composed {
        parses(arguments)?;
    }
    Ok(composed)
}

fn composed(shown: &Shown<'_>, saved: Option<&Path>) -> Result<Composed, String> {
    let mut arguments = vec![PROGRAM.to_owned()];
    let mut has_edits = true;
    match shown.view {
        ViewKey::Layers => {
            let model = model(shown, Some(shown.role()))?;
            arguments.extend(["inspect".to_owned(), model]);
            return Ok(Composed::Arguments(arguments));
        }
        ViewKey::Timeline => {
            arguments.extend(timeline(shown)?);
            return Ok(Composed::Arguments(arguments));
        }
        ViewKey::Header => {
            let input = text_of_picture(picture(shown)?)?;
            arguments.extend(["header".to_owned(), input]);
            return Ok(Composed::Arguments(arguments));
        }
        ViewKey::Regions => {
            let input = text_of_picture(picture(shown)?)?;
            if shown.document.regions.is_empty() {
                return Err("no region is drawn".to_owned());
            }
            let Some(file) = saved else {
                return Ok(Composed::Needs(Need::Regions));
            };
            let file = text_of(&absolute(file))?;
            arguments.extend(["measure".to_owned(), input, "--regions".to_owned(), file]);
            return Ok(Composed::Arguments(arguments));
        }
        ViewKey::Units if shown.workbench.unit_order.through().is_some() => {
            if let Some(way) = shown.workbench.unit_order.through() {
                arguments.extend(relevance::through_words(shown, way)?);
            }
            let (input, stem) = input(shown)?;
            arguments.extend(["--input".to_owned(), input]);
            let out = format!("{stem}-units.safetensors");
            arguments.extend(["--out".to_owned(), out]);
            return Ok(Composed::Arguments(arguments));
        }
        // What is compared is what this run computes.
        ViewKey::Compare | ViewKey::Deblend | ViewKey::Units => {
            let model = model(shown, Some(shown.series()?.role))?;
            arguments.extend(["run".to_owned(), model]);
        }
        ViewKey::Relevance => {
            let (words, has) = relevance::words(shown)?;
            arguments.extend(words);
            has_edits = has;
        }
    }
    let (input, stem) = input(shown)?;
    arguments.extend(["--input".to_owned(), input]);
    if has_edits {
        match edits(shown, saved)? {
            Some(edits) => arguments.extend(edits),
            None => return Ok(Composed::Needs(Need::Recipe)),
        }
    }
    arguments.extend(results(shown, &stem)?);
    Ok(Composed::Arguments(arguments))
}

/// The measurements of every checkpoint on all pictures, the one shown first as in the window.
fn timeline(shown: &Shown<'_>) -> Result<Vec<String>, String> {
    check_folder(shown)?;
    let series = absolute(&shown.series()?.path);
    let mut words = vec![
        "timeline".to_owned(),
        text_of(&series)?,
        "--input".to_owned(),
    ];
    let (first, _) = input(shown)?;
    let takes = shown.series()?.takes;
    let mut others = Vec::new();
    for other in shown.document.inputs_for(takes) {
        let other = word_of(other)?;
        if other != first {
            others.push(other);
        }
    }
    words.push(first);
    words.extend(others);
    words.extend(["--out", "timeline.ecsv"].map(str::to_owned));
    Ok(words)
}

/// What is written where: names of their own in the present folder, so that nothing is replaced that was there before.
fn results(shown: &Shown<'_>, stem: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    // As it was chosen, where data are exported; else the format that holds everything exactly.
    let choice = &shown.workbench.export;
    let format = match choice.kind {
        Kind::Data => choice.data.format(),
        Kind::View | Kind::Figure | Kind::Table => Format::Safetensors,
    };
    if shown.view == ViewKey::Relevance {
        let extension = format.extension();
        words.extend(["--out".to_owned(), format!("{stem}-relevance.{extension}")]);
        return Ok(words);
    }
    if shown.view == ViewKey::Units {
        let layer = shown.document.layer_in(shown.series()?);
        let layer = layer.ok_or("the network has no layer to show")?;
        if layer.contains(',') {
            return Err(format!("layer {layer}: a command has no form for its name"));
        }
        words.push(format!("--retain={layer}"));
    }
    words.extend(["--format", format.extension(), "--out"].map(str::to_owned));
    words.push(format!("{stem}-outputs"));
    Ok(words)
}

/// Whether this program accepts arguments, the program first.
///
/// # Errors
/// What it says against them.
pub fn parses(arguments: &[String]) -> Result<(), String> {
    Cli::try_parse_from(arguments)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The network as it is named on a command line; of the present checkpoint.
fn model(shown: &Shown<'_>, role: Option<NetworkRole>) -> Result<String, String> {
    let series = shown.series()?;
    let spec = NetworkSpec {
        path: absolute(&series.path),
        // A lone file has no steps.
        step: shown.document.step_in(series).filter(|_| !series.is_file),
        role,
        part: None,
    };
    text_of(&spec.path)?;
    let text = spec.to_string();
    // A folder whose own name looks like a step would be read as one.
    if NetworkSpec::parse(&text) == spec {
        Ok(text)
    } else {
        Err(format!("a command cannot name this series: {text}"))
    }
}

fn check_discriminator(shown: &Shown<'_>) -> Result<(), String> {
    let has_one = shown.series()?.has_discriminator();
    has_one
        .then_some(())
        .ok_or_else(|| "the series has no discriminator".to_owned())
}

/// Measurements over checkpoints, and relevance of outputs, are of series in folders.
fn check_folder(shown: &Shown<'_>) -> Result<(), String> {
    if shown.series()?.is_file {
        let view = shown.view.title();
        return Err(format!(
            "the command for {view} takes a series in a folder, not a lone file"
        ));
    }
    Ok(())
}

/// What the network is run on as a word, and a name for files made of it.
fn input(shown: &Shown<'_>) -> Result<(String, String), String> {
    let input = shown.document.input.as_ref().ok_or("no picture is open")?;
    if shown.view == ViewKey::Relevance && input.latent().is_some() {
        return Err("the command for Relevance takes pictures, not seeds".to_owned());
    }
    Ok((word_of(input)?, input.stem()))
}

/// An input as a word of a command.
fn word_of(input: &Input) -> Result<String, String> {
    match input {
        Input::File(picture) => text_of_picture(picture),
        Input::Latent(latent) => Ok(latent.to_string()),
    }
}

/// The picture shown.
fn picture<'a>(shown: &Shown<'a>) -> Result<&'a PictureFile, String> {
    let input = shown.document.input.as_ref().ok_or("no picture is open")?;
    let picture = input.picture();
    picture.ok_or_else(|| "what is drawn from a seed has no file".to_owned())
}

/// A picture as a word of a command.
fn text_of_picture(picture: &PictureFile) -> Result<String, String> {
    let path = absolute(&picture.path);
    text_of(&path)?;
    let reading = picture.reading.clone();
    Ok(PictureFile { path, reading }.to_string())
}

/// How the relevance is computed; only what its name says.
fn method(method: &Method) -> Result<Vec<String>, String> {
    let mut words = vec!["--method".to_owned(), method.name().to_owned()];
    if let Method::Polarized { pole } = method {
        let pole = format!("{pole:?}").to_lowercase();
        words.extend(["--pole".to_owned(), pole]);
        return Ok(words);
    }
    let named = method.name().parse::<Method>();
    if named.is_ok_and(|named| named == *method) {
        Ok(words)
    } else {
        Err(format!(
            "the method {} has settings that the command has not",
            method.name()
        ))
    }
}

/// The edits as arguments; `None` where they need a recipe that is not there.
fn edits(shown: &Shown<'_>, recipe: Option<&Path>) -> Result<Option<Vec<String>>, String> {
    let stack = &shown.document.edits;
    if stack.is_idle() {
        return Ok(Some(Vec::new()));
    }
    if let Some(recipe) = recipe {
        let words = ["--edit".to_owned(), text_of(&absolute(recipe))?];
        return Ok(Some(words.to_vec()));
    }
    let words = stack.terse();
    Ok(words.map(|words| {
        words
            .into_iter()
            .map(|word| format!("--set={word}"))
            .collect()
    }))
}

/// From any folder the same file.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A path as text; a clipboard holds no other.
fn text_of(path: &Path) -> Result<String, String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| format!("the name of the file is no Unicode: {}", path.display()))
}

/// The shells that a command is quoted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// sh, bash, zsh and their like.
    Posix,
    /// cmd and PowerShell.
    Windows,
}

impl Shell {
    /// That of this system.
    pub const fn of_this_system() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else {
            Self::Posix
        }
    }

    /// Arguments as one line that the shell parts again as they are.
    ///
    /// # Errors
    /// When one holds what no shell can quote.
    pub fn line(self, arguments: &[String]) -> Result<String, String> {
        let words: Vec<String> = match self {
            Self::Posix => {
                let quoted = |word: &String| {
                    let quoted = shlex::try_quote(word);
                    quoted
                        .map(std::borrow::Cow::into_owned)
                        .map_err(|_| "a name holds a zero byte".to_owned())
                };
                arguments.iter().map(quoted).collect::<Result<_, _>>()?
            }
            Self::Windows => arguments.iter().map(|word| for_windows(word)).collect(),
        };
        Ok(words.join(" "))
    }
}

/// A word for cmd and PowerShell: double quotes hide everything from both that a path can hold, except what PowerShell
/// expands in them; that goes into single quotes, which cmd does not know.
fn for_windows(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./\\:".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.contains(['$', '`', '"']) {
        return format!("'{}'", word.replace('\'', "''"));
    }
    // Backslashes before the closing quote would hide it.
    let end = word.len() - word.trim_end_matches('\\').len();
    format!("\"{word}{}\"", "\\".repeat(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn posix_lines_part_again() {
        for arguments in [
            words(&["ganoscope", "run", "/a b/c's \"d\" $HOME `x` \\"]),
            words(&["", "*", "~", "a\nb", "--set=root.4:1;x:2=off"]),
        ] {
            let line = Shell::Posix.line(&arguments).unwrap();
            assert_eq!(shlex::split(&line), Some(arguments), "{line}");
        }
        let zero = words(&["a\0b"]);
        assert!(Shell::Posix.line(&zero).is_err());
    }

    #[test]
    fn windows_lines_are_quoted_for_both_shells() {
        for (word, wanted) in [
            ("C:\\data\\a.fits", "C:\\data\\a.fits"),
            ("C:\\my data\\a.fits", "\"C:\\my data\\a.fits\""),
            ("C:\\my data\\", "\"C:\\my data\\\\\""),
            ("--set=root.4:1,2=off", "\"--set=root.4:1,2=off\""),
            ("a$b's", "'a$b''s'"),
            ("", "\"\""),
        ] {
            assert_eq!(for_windows(word), wanted);
        }
    }

    #[test]
    fn settings_without_an_argument_are_refused() {
        let usual = Method::Occlusion {
            window: 8,
            stride: 4,
            baseline: -1.0,
        };
        assert!(method(&usual).is_ok());
        let other = Method::Occlusion {
            window: 5,
            stride: 4,
            baseline: -1.0,
        };
        assert!(method(&other).unwrap_err().contains("occlusion"));
    }
}
