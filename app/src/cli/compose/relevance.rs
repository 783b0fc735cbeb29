//! The commands of Relevance, and of units sorted by what they did for the verdict.

use ganoscope_core::attribution::{Method, Target};
use ganoscope_core::checkpoint::NetworkRole;
use ganoscope_core::jobs::{Explained, ThroughWay};

use super::{check_discriminator, check_folder, method, model, text_of_picture};
use crate::export::Shown;
use crate::workbench::RelevanceSection;

/// The words up to the input, and whether edits belong to the command.
pub(super) fn words(shown: &Shown<'_>) -> Result<(Vec<String>, bool), String> {
    let explain = &shown.document.explain;
    let explained = explain.explained(shown.document)?;
    let mut words = vec!["relevance".to_owned()];
    let is_verdict = explained == Explained::Verdict;
    match explained {
        Explained::Verdict => {
            check_discriminator(shown)?;
            check_folder(shown)?;
            words.extend([model(shown, None)?, "--generated".to_owned()]);
            if let Some(real) = &explain.real {
                words.extend(["--real".to_owned(), text_of_picture(real)?]);
            }
        }
        Explained::Output(target) => {
            words.push(model(shown, Some(NetworkRole::Generator))?);
            words.extend(["--target".to_owned(), target_text(shown, &target)?]);
        }
    }
    words.extend(method(&shown.document.method)?);
    if shown.document.method.is_relevance() {
        for change in &explain.rules {
            if change.place.contains(['=', '*', '?']) {
                let place = &change.place;
                return Err(format!("layer {place}: a command has no form for its name"));
            }
            words.push(format!("--rule={change}"));
        }
    }
    if !explain.beside.is_empty() {
        for other in &explain.beside {
            method(other)?;
        }
        let names: Vec<&str> = explain.beside.iter().map(Method::name).collect();
        words.extend(["--beside".to_owned(), names.join(",")]);
    }
    let check = match shown.workbench.relevance {
        Some(RelevanceSection::Sums) => Some("--regions"),
        Some(RelevanceSection::Faithfulness) => Some("--flip"),
        Some(RelevanceSection::Rules) | None => None,
    };
    words.extend(check.map(str::to_owned));
    Ok((words, is_verdict))
}

/// An output and a part of it.
fn target_text(shown: &Shown<'_>, target: &Target) -> Result<String, String> {
    let outputs = shown.series()?.drawn();
    let name = outputs.get(target.output);
    let name = name.ok_or("the generator has no such output any more")?;
    let part = target.part_text();
    let part = part.ok_or("a command has no form for this target")?;
    Ok(if part.is_empty() {
        name.clone()
    } else {
        format!("{name}:{part}")
    })
}

/// The units' relevance through both networks, up to the input.
pub(super) fn through_words(shown: &Shown<'_>, way: ThroughWay) -> Result<Vec<String>, String> {
    check_discriminator(shown)?;
    check_folder(shown)?;
    let mut words = vec!["relevance".to_owned(), model(shown, None)?];
    words.extend(["--through", "generator"].map(str::to_owned));
    words.extend(method(&way.method())?);
    Ok(words)
}
