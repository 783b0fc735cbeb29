//! The numbers behind the views, in the files of the headless commands.
//!
//! Invariant: pixels are those on the screen before any stretch, bit for bit, but in FITS, where pictures are in the range of
//! the input beside them; the input is that of its file. Names are those of the headless commands: `output`, `activation.LAYER`, `relevance...`; in FITS INPUT, OUT1, RESID, TRUTH1, `ACT_...`, `REL_D...`.

use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{BlendRule, NetworkSpec, open_network};
use ganoscope_core::jobs::{PoleMap, RelevancePreview, Scene};
use ganoscope_core::stamp::difference::Difference;
use ganoscope_core::stamp::io::Format;
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::guard::refuse_to_replace;
use super::offer::layer_of;
use super::{ExportChoice, Shown};
use crate::cli::outputs::{About, Gathered, files, made_by, name_in, write_file};
use crate::cli::run::{activation_name, output_name, sentence};
use crate::views::ViewKey;

/// Writes the data of what is shown to `path`, or to files beside it; returns the files. Nothing is replaced but the path
/// `chosen` by the person.
pub(super) fn write(
    (path, chosen): (&Path, &Path),
    choice: &ExportChoice,
    shown: &Shown<'_>,
) -> Result<Vec<PathBuf>, String> {
    let format = Format::from_extension(path).unwrap_or(choice.data.format());
    let arrays = arrays(shown)?;
    let (stamp, truths) = match shown.scene_of_file()? {
        Some(scene) => {
            let (stamp, truths) = input_of(scene)?;
            (Some(stamp), truths)
        }
        None => (None, Vec::new()),
    };
    let about = About {
        stamp,
        truths: &truths,
        ..about(shown)?
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let names: Vec<String> = arrays.iter().map(|a| a.name.clone()).collect();
    let mut planned = files(folder, &stem, format, &names);
    // A single file has the very name that was asked for.
    if let [(file, _)] = planned.as_mut_slice() {
        path.clone_into(file);
    }
    let all = planned.iter().map(|(file, _)| file.as_path());
    refuse_to_replace(all, chosen, shown.document)?;
    let mut written = Vec::new();
    for (file, members) in planned {
        let members: Vec<&Gathered> = members.iter().filter_map(|i| arrays.get(*i)).collect();
        write_file(&file, format, &members, &about).map_err(|error| error.to_string())?;
        written.push(file);
    }
    Ok(written)
}

/// What would be in the file, by the names of the format.
pub(super) fn names(choice: &ExportChoice, shown: &Shown<'_>) -> Result<Vec<String>, String> {
    check(shown)?;
    let format = choice.data.format();
    let named = |name: String| name_in(format, &name, true);
    let preview = shown.deblend()?;
    let outputs = preview.outputs.len() + preview.numbers.len();
    let mut names: Vec<String> = (0..outputs).map(output_name).map(named).collect();
    names.extend(compared(shown)?.into_iter().map(|a| named(a.name)));
    names.extend(layer_of(shown).map(|layer| named(activation_name(layer))));
    if let Ok(relevance) = shown.relevance() {
        names.extend(relevance_names(relevance).into_iter().map(named));
    }
    if format == Format::Fits {
        let scene = shown.scene_of_file()?;
        if scene.is_some() {
            names.insert(0, "INPUT".to_owned());
        }
        if shown.deblend()?.account.is_some() {
            names.push("RESID".to_owned());
        }
        let truths = 1..=scene.map_or(0, |scene| scene.truths.len());
        names.extend(truths.map(|n| format!("TRUTH{n}")));
    }
    Ok(names)
}

/// Only views of pictures have numbers behind them that are no table.
fn check(shown: &Shown<'_>) -> Result<(), String> {
    match shown.view {
        ViewKey::Deblend
        | ViewKey::Units
        | ViewKey::Relevance
        | ViewKey::Compare
        | ViewKey::Regions => Ok(()),
        ViewKey::Header => Err("a header belongs to the file it is of".to_owned()),
        ViewKey::Layers | ViewKey::Timeline => {
            let view = shown.view.title();
            Err(format!("what {view} shows is a table; choose Table"))
        }
    }
}

/// Everything that is there.
fn arrays(shown: &Shown<'_>) -> Result<Vec<Gathered>, String> {
    check(shown)?;
    let outputs = shown.deblend()?.outputs.iter().enumerate();
    let mut arrays: Vec<Gathered> = outputs
        .map(|(i, output)| gathered(output_name(i), output, Some(output.range)))
        .collect();
    // Outputs that are numbers come after those that are pictures.
    let numbers = shown.deblend()?.numbers.iter().enumerate();
    let pictures = arrays.len();
    arrays.extend(numbers.map(|(i, numbers)| Gathered {
        name: output_name(pictures + i),
        dims: vec![numbers.values.len()],
        values: numbers.values.clone(),
        range: None,
    }));
    arrays.extend(compared(shown)?);
    if let Ok(maps) = shown.units() {
        let dims = match maps.dims {
            // A vector of features.
            [features, 1, 1] => vec![features],
            dims => dims.to_vec(),
        };
        arrays.push(Gathered {
            name: activation_name(&maps.layer),
            dims,
            values: maps.values.to_vec(),
            range: None,
        });
    }
    if let Ok(relevance) = shown.relevance() {
        arrays.extend(relevance_arrays(relevance));
    }
    Ok(arrays)
}

/// What Compare holds against each other: A, B and, where they have one size, A minus B.
fn compared(shown: &Shown<'_>) -> Result<Vec<Gathered>, String> {
    if shown.view != ViewKey::Compare {
        return Ok(Vec::new());
    }
    let comparison = &shown.workbench.comparison;
    let pair = [comparison.first, comparison.second].map(|s| s.known(shown.results));
    let mut stamps = Vec::new();
    for source in pair {
        let stamp = source.stamp(shown.document, shown.results);
        stamps.push(stamp.ok_or_else(|| source.absence(shown.document, shown.results))?);
    }
    let named = stamps.iter().zip(["A", "B"]);
    let mut arrays: Vec<Gathered> = named
        .map(|(stamp, name)| gathered(name.to_owned(), stamp, Some(stamp.range)))
        .collect();
    if let [a, b] = stamps.as_slice()
        && let Ok(difference) = Difference::of(a, b)
    {
        arrays.push(gathered("A_MINUS_B".to_owned(), &difference.stamp, None));
    }
    Ok(arrays)
}

fn gathered(name: String, stamp: &Stamp, range: Option<ValueRange>) -> Gathered {
    Gathered {
        name,
        dims: stamp.dims().to_vec(),
        values: stamp.pixels.to_vec(),
        range,
    }
}

/// The maps of a preview, channels summed: `relevance.out1_real`, `relevance.truth1_fake`, `relevance.out1` where a map has both
/// signs, `relevance.blend` of a part of an output, and `relevance.out1.gradient` of another method beside.
pub(crate) fn relevance_arrays(preview: &RelevancePreview) -> Vec<Gathered> {
    let maps = named_maps(preview).into_iter();
    maps.map(|(name, map)| gathered(name, &map.map, None))
        .collect()
}

fn relevance_names(preview: &RelevancePreview) -> Vec<String> {
    let maps = named_maps(preview).into_iter();
    maps.map(|(name, _)| name).collect()
}

fn named_maps(preview: &RelevancePreview) -> Vec<(String, &PoleMap)> {
    let mut named = Vec::new();
    for row in &preview.rows {
        let picture = row.short_name();
        named.extend(row.maps.iter().map(|map| {
            let pole = match map.is_real_pole {
                Some(true) => "_real",
                Some(false) => "_fake",
                None => "",
            };
            (format!("relevance.{picture}{pole}"), map)
        }));
        named.extend(row.beside.iter().filter_map(|beside| {
            let name = format!("relevance.{picture}.{}", beside.method);
            Some((name, beside.map.as_ref().ok()?))
        }));
    }
    named
}

/// The input and the truths as their file has them: the picture shown where its pixels are those of the file, else read
/// again, so that no value is rounded on the way back.
fn input_of(scene: &Scene) -> Result<(Stamp, Vec<Stamp>), String> {
    if scene.range_in_file == ValueRange::UNIT {
        return Ok((scene.blend.clone(), scene.truths.clone()));
    }
    let file = scene.picture.read().map_err(|error| error.to_string())?;
    let same = |a: &Stamp, b: &Stamp| {
        let pairs = a.pixels.iter().zip(b.pixels.iter());
        a.dims() == b.dims() && pairs.into_iter().all(|(a, b)| a.to_bits() == b.to_bits())
    };
    if !same(&file.blend.to_range(ValueRange::UNIT), &scene.blend) {
        return Err(format!(
            "the file is not what is shown any more, open it again: {}",
            scene.picture
        ));
    }
    Ok((file.blend, file.truths))
}

/// How the numbers were made.
fn about(shown: &Shown<'_>) -> Result<About<'static>, String> {
    let series = shown.series()?;
    let spec = NetworkSpec {
        path: series.path.clone(),
        // A lone file has no steps.
        step: shown.document.step_in(series).filter(|_| !series.is_file),
        role: Some(series.role),
        part: None,
    };
    let opened = open_network(&spec).map_err(|error| error.to_string())?;
    let mut provenance = made_by("window", &spec, &opened, None);
    let document = shown.document;
    provenance.input = document.input.as_ref().map(ToString::to_string);
    let enabled = document.edits.edits.iter().filter(|edit| edit.enabled);
    provenance.edits = enabled.map(sentence).collect();
    if let Ok(relevance) = shown.relevance() {
        let of = if relevance.is_of_blend() {
            "a part of an output of the generator"
        } else {
            "the discriminator"
        };
        let method = format!("relevance of {of}, method {}", relevance.method);
        provenance.history.push(method);
        let rules = document.explain.rules.iter();
        let rules = rules.map(|change| format!("rule {change}"));
        provenance.history.extend(rules);
    }
    // Only what the window accounts for has a residual in the file.
    let accounts = shown
        .deblend()
        .is_ok_and(|preview| preview.account.is_some());
    let rule = || opened.manifest.as_ref().map(|m| m.blend_rule);
    let blend_rule: Option<BlendRule> = accounts.then(|| rule().unwrap_or_default());
    Ok(About {
        stamp: None,
        truths: &[],
        blend_rule,
        is_discriminator: true,
        provenance,
    })
}
