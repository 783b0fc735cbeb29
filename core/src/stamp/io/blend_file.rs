//! Blends with their truths, grouped from the images of a file by their names.
//!
//! Invariant: all pictures of a blend have the same size, and their value ranges are stated or guessed together, so
//! that a faint truth is not taken for a bright one.

use std::path::Path;

use super::error::{StampError, StampProblem};
use super::raw::guess_range;
use super::{list, read};
use crate::stamp::{RangeSource, Stamp, ValueRange};

/// A blend as found in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct BlendFile {
    /// The picture of the overlapping galaxies.
    pub blend: Stamp,
    /// The galaxies alone, first galaxy first; empty when the file has only the blend.
    pub truths: Vec<Stamp>,
    /// Where the second galaxy's picture was filled rather than observed (1) or not (0), `[1, H, W]`.
    pub fill: Option<Stamp>,
}

/// What a picture is in a blend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Blend,
    /// A galaxy, numbered from 1.
    Truth(u32),
    Fill,
}

/// The role and the record of a picture by its name: `GALAXY2` is the second truth, `x[3]` the first truth of record 3.
fn role(name: &str) -> Option<(Role, u32)> {
    let (name, record) = match name.strip_suffix(']').and_then(|n| n.split_once('[')) {
        Some((name, record)) => (name, record.parse().ok()?),
        None => (name, 0),
    };
    let role = match name.to_ascii_lowercase().as_str() {
        "blend" | "blended" => Role::Blend,
        // In capitals it is the name in files of results; a tensor called `input` may be anything.
        "input" if name == "INPUT" => Role::Blend,
        "x" => Role::Truth(1),
        "y" => Role::Truth(2),
        "fill" => Role::Fill,
        other => {
            let number = other
                .strip_prefix("galaxy")
                .or_else(|| other.strip_prefix("truth"))?
                .trim_start_matches('_');
            Role::Truth(number.parse().ok().filter(|n| *n > 0)?)
        }
    };
    Some((role, record))
}

/// Whether a name belongs to a picture of a blend file.
pub(super) fn is_blend_role(name: &str) -> bool {
    role(name).is_some()
}

/// Whether a stamp is the blend of its file.
pub(super) fn is_blend(stamp: &Stamp) -> bool {
    is_blend_name(&stamp.name)
}

/// Whether a picture of this name is the blend of its file.
pub(super) fn is_blend_name(name: &str) -> bool {
    matches!(role(name), Some((Role::Blend, _)))
}

/// Gives the blend and truths of a file one guessed range, from their common extremes, where the file states none.
pub(super) fn share_range(stamps: &mut [Stamp]) {
    let has_role = |stamp: &Stamp| {
        matches!(role(&stamp.name), Some((Role::Blend | Role::Truth(_), _)))
            && stamp.range_source == RangeSource::Guessed
    };
    if !stamps.iter().any(is_blend) {
        return;
    }
    let members = stamps.iter().filter(|stamp| has_role(stamp));
    let extremes = members.filter_map(Stamp::finite_extremes);
    let Some((low, high)) = extremes.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        return;
    };
    let range = guess_range(low, high);
    for stamp in stamps.iter_mut().filter(|stamp| has_role(stamp)) {
        stamp.range = range;
    }
}

/// The blends of a file. FITS: extensions BLEND, GALAXY1, GALAXY2, ... and FILL, or INPUT, TRUTH1, TRUTH2, ... of results. `TFRecord`: features `blended`, `x`, `y`
/// of each record. NPZ and safetensors: arrays of any of these names. Other files: each stamp is a blend without truth.
pub fn read_blends(path: &Path) -> Result<Vec<BlendFile>, StampError> {
    let stamps = read(path, None)?;
    group(stamps).map_err(|problem| problem.at(path))
}

/// The first blend of a file.
pub fn read_blend(path: &Path) -> Result<BlendFile, StampError> {
    // `read` returns at least one stamp, and grouping keeps at least one blend.
    let mut blends = read_blends(path)?;
    Ok(blends.swap_remove(0))
}

fn group(stamps: Vec<Stamp>) -> Result<Vec<BlendFile>, StampProblem> {
    if !stamps.iter().any(is_blend) {
        if stamps.iter().any(|s| role(&s.name).is_some()) {
            let names: Vec<String> = stamps.iter().map(|s| s.name.to_string()).collect();
            return Err(StampProblem::NotFound {
                wanted: "picture BLEND (or `blended`)".to_owned(),
                available: list(&names),
            });
        }
        let alone = |blend| BlendFile {
            blend,
            truths: Vec::new(),
            fill: None,
        };
        return Ok(stamps.into_iter().map(alone).collect());
    }
    let mut members: Vec<(u32, Role, Stamp)> = stamps
        .into_iter()
        .filter_map(|stamp| role(&stamp.name).map(|(role, record)| (record, role, stamp)))
        .collect();
    members.sort_by_key(|(record, role, _)| (*record, *role));
    let mut blends: Vec<(u32, BlendFile)> = Vec::new();
    for (record, role, stamp) in members {
        let blend = blends.last_mut().filter(|(number, _)| *number == record);
        match (role, blend) {
            (Role::Blend, _) => {
                let truths = Vec::new();
                let fill = None;
                blends.push((
                    record,
                    BlendFile {
                        blend: stamp,
                        truths,
                        fill,
                    },
                ));
            }
            (Role::Truth(_), Some((_, blend))) => {
                same_size(&stamp, &blend.blend, stamp.dims(), blend.blend.dims())?;
                blend.truths.push(stamp);
            }
            (Role::Fill, Some((_, blend))) => {
                let [_, height, width] = blend.blend.dims();
                same_size(&stamp, &blend.blend, stamp.dims(), [1, height, width])?;
                blend.fill = Some(stamp.with_range(ValueRange::UNIT));
            }
            (_, None) => {
                return Err(StampProblem::NotFound {
                    wanted: format!("blend for `{}`", stamp.name),
                    available: "no blend in that record".to_owned(),
                });
            }
        }
    }
    Ok(blends.into_iter().map(|(_, blend)| blend).collect())
}

fn same_size(
    stamp: &Stamp,
    blend: &Stamp,
    found: [usize; 3],
    expected: [usize; 3],
) -> Result<(), StampProblem> {
    if found == expected {
        return Ok(());
    }
    Err(StampProblem::unsupported(
        format!("`{}`", stamp.name),
        format!("its size is {}", super::raw::dims_text(&found)),
        format!(
            "{} as for `{}`",
            super::raw::dims_text(&expected),
            blend.name
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(name: &str, level: f32) -> Stamp {
        let mut stamp = Stamp::new(name, vec![level; 12], [3, 2, 2], ValueRange::UNIT);
        stamp.range_source = RangeSource::Guessed;
        stamp
    }

    #[test]
    fn roles_are_read_from_the_names_in_use() {
        assert_eq!(role("BLEND"), Some((Role::Blend, 0)));
        assert_eq!(role("galaxy2"), Some((Role::Truth(2), 0)));
        assert_eq!(role("blended[3]"), Some((Role::Blend, 3)));
        assert_eq!(role("y[3]"), Some((Role::Truth(2), 3)));
        assert_eq!(role("INPUT"), Some((Role::Blend, 0)));
        assert_eq!(role("input"), None);
        assert_eq!(role("TRUTH2"), Some((Role::Truth(2), 0)));
        assert_eq!(role("galaxy"), None);
        assert_eq!(role("GALAXY0"), None);
        assert_eq!(role("SCI"), None);
    }

    #[test]
    fn records_are_kept_apart_and_truths_in_order() {
        let names = ["y[1]", "x[1]", "blended[1]", "x", "blended"];
        let blends = group(names.map(|n| stamp(n, 0.5)).to_vec()).expect("groups");
        let names: Vec<Vec<&str>> = blends
            .iter()
            .map(|b| b.truths.iter().map(|t| &*t.name).collect())
            .collect();
        assert_eq!(names, [vec!["x"], vec!["x[1]", "y[1]"]]);
    }

    #[test]
    fn a_truth_without_a_blend_or_of_another_size_is_an_error() {
        assert!(group(vec![stamp("GALAXY1", 0.0)]).is_err());
        let small = Stamp::new("GALAXY1", vec![0.0; 3], [3, 1, 1], ValueRange::UNIT);
        assert!(group(vec![stamp("BLEND", 0.0), small]).is_err());
    }

    #[test]
    fn a_dark_truth_shares_the_range_of_its_blend() {
        let mut stamps = [
            stamp("BLEND", 0.5),
            stamp("GALAXY1", -0.9),
            stamp("PSF", 0.1),
        ];
        share_range(&mut stamps);
        assert_eq!(stamps[0].range, ValueRange::SIGNED);
        assert_eq!(stamps[1].range, ValueRange::SIGNED);
        assert_eq!(stamps[2].range, ValueRange::UNIT);
    }
}
