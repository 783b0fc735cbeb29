//! The lineage of a run, `lineage.csv` beside the checkpoints: one line for every child of every step.
//!
//! Invariant: lines are only added, in order of steps; a line that was cut off by a kill is dropped on reading, and a
//! resumed run drops the lines after the step it starts from.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Measures, Mutation};
use crate::atomic::atomic_write_bytes;
use crate::train::TrainError;

/// Name of the lineage inside the directory of a series.
pub const LINEAGE_FILE: &str = "lineage.csv";

const HEADER: &str = "step,parent,origin,quality,diversity,content,fitness,survived";

/// How a child came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It is a parent that stayed among its children.
    Kept,
    /// By one step of an objective.
    Mutation(Mutation),
    /// Root and branches of several children put together.
    Recombined,
}

impl Origin {
    /// The word in lineage files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Mutation(mutation) => mutation.name(),
            Self::Recombined => "recombined",
        }
    }

    /// The origin of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        let others = [Self::Kept, Self::Recombined];
        let all = Mutation::ALL.into_iter().map(Self::Mutation).chain(others);
        all.into_iter().find(|origin| origin.name() == name)
    }

    /// The mutation, if it is one.
    pub const fn mutation(self) -> Option<Mutation> {
        match self {
            Self::Mutation(mutation) => Some(mutation),
            Self::Kept | Self::Recombined => None,
        }
    }
}

/// One child of a generation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChildRecord {
    /// Place of its parent in the population before.
    pub parent: usize,
    /// How it was made.
    pub origin: Origin,
    /// What was measured, as it entered the fitness; not finite for a child that failed.
    pub measures: Measures,
    /// Its fitness; NaN where nothing was measured because every child survives.
    pub fitness: f64,
    /// Whether it survived.
    pub survived: bool,
}

/// The children of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationRecord {
    /// The training step, counted from 1.
    pub step: u64,
    /// The children in the order in which they were made.
    pub children: Vec<ChildRecord>,
}

impl GenerationRecord {
    /// The fittest survivor, the earlier of equals; the first survivor where nothing was measured.
    pub fn best(&self) -> Option<&ChildRecord> {
        let survivors = self.children.iter().filter(|c| c.survived);
        survivors.reduce(|best, child| {
            if child.fitness > best.fitness {
                child
            } else {
                best
            }
        })
    }
}

/// The generations of a run, by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lineage {
    /// One entry per step that was recorded.
    pub generations: Vec<GenerationRecord>,
}

impl Lineage {
    /// Reads `lineage.csv`. A last line without its end is a run that was killed while writing, and is left out.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not one of a lineage; the line is named.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(|source| TrainError::File {
            what: "cannot read the lineage",
            source,
            path: path.to_owned(),
        })?;
        Self::parse(&text).map_err(|what| TrainError::State {
            what,
            path: path.to_owned(),
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let complete = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut lines = complete.lines().enumerate();
        match lines.next() {
            Some((_, HEADER)) => {}
            _ => return Err(format!("line 1: expected {HEADER}")),
        }
        let mut lineage = Self::default();
        for (at, line) in lines {
            let (step, child) = child(line).map_err(|what| format!("line {}: {what}", at + 1))?;
            match lineage.generations.last_mut() {
                Some(last) if last.step == step => last.children.push(child),
                Some(last) if last.step > step => {
                    return Err(format!(
                        "line {}: step {step} after step {}",
                        at + 1,
                        last.step
                    ));
                }
                _ => lineage.generations.push(GenerationRecord {
                    step,
                    children: vec![child],
                }),
            }
        }
        Ok(lineage)
    }

    /// For every `window` steps the last step of the window and, by origin, the share of survivors that it made: the lane of
    /// a timeline.
    pub fn shares(&self, window: u64) -> Vec<(u64, BTreeMap<Origin, f64>)> {
        let window = window.max(1);
        let mut lanes: Vec<(u64, BTreeMap<Origin, f64>)> = Vec::new();
        for generation in &self.generations {
            let end = generation.step.div_ceil(window).saturating_mul(window);
            if lanes.last().is_none_or(|(last, _)| *last != end) {
                lanes.push((end, BTreeMap::new()));
            }
            if let Some((_, counts)) = lanes.last_mut() {
                for child in generation.children.iter().filter(|c| c.survived) {
                    *counts.entry(child.origin).or_default() += 1.0;
                }
            }
        }
        for (_, counts) in &mut lanes {
            let total: f64 = counts.values().sum();
            for count in counts.values_mut() {
                *count /= total.max(1.0);
            }
        }
        lanes
    }
}

/// Step and child of one line.
fn child(line: &str) -> Result<(u64, ChildRecord), String> {
    let fields: Vec<&str> = line.split(',').collect();
    let [
        step,
        parent,
        origin,
        quality,
        diversity,
        content,
        fitness,
        survived,
    ] = *fields
    else {
        return Err(format!("{} fields, expected 8", fields.len()));
    };
    let number = |name: &str, text: &str| -> Result<f64, String> {
        text.parse().map_err(|_| format!("{name} is {text}"))
    };
    let origin = Origin::of_name(origin).ok_or_else(|| format!("no origin {origin}"))?;
    let survived = match survived {
        "0" => false,
        "1" => true,
        other => return Err(format!("survived is {other}, expected 0 or 1")),
    };
    let record = ChildRecord {
        parent: parent.parse().map_err(|_| format!("parent is {parent}"))?,
        origin,
        measures: Measures {
            quality: number("quality", quality)?,
            diversity: number("diversity", diversity)?,
            content: number("content", content)?,
        },
        fitness: number("fitness", fitness)?,
        survived,
    };
    Ok((step.parse().map_err(|_| format!("step is {step}"))?, record))
}

fn line(step: u64, child: &ChildRecord) -> String {
    let ChildRecord {
        parent,
        origin,
        measures,
        fitness,
        survived,
    } = child;
    let name = origin.name();
    let survived = u8::from(*survived);
    // Six significant digits are more than a plot shows, and keep the file small.
    let [quality, diversity, content, fitness] = [
        measures.quality,
        measures.diversity,
        measures.content,
        *fitness,
    ]
    .map(short);
    format!("{step},{parent},{name},{quality},{diversity},{content},{fitness},{survived}\n")
}

fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = 5 - value.abs().log10().floor() as i32;
    format!("{value:.*}", digits.clamp(0, 12) as usize)
}

/// Adds generations to the file of a run.
#[derive(Debug)]
pub(in crate::train) struct LineageWriter {
    path: PathBuf,
    file: File,
}

impl LineageWriter {
    /// Starts the lineage of the series in `folder`, or goes on with what is known up to step `until`.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(in crate::train) fn open(folder: &Path, until: u64) -> Result<Self, TrainError> {
        let path = folder.join(LINEAGE_FILE);
        let mut text = format!("{HEADER}\n");
        if until > 0 && path.exists() {
            for generation in Lineage::read(&path)?.generations {
                let kept = generation
                    .children
                    .iter()
                    .filter(|_| generation.step <= until);
                text.extend(kept.map(|child| line(generation.step, child)));
            }
        }
        let failed = |source| TrainError::File {
            what: "cannot write the lineage",
            source,
            path: path.clone(),
        };
        atomic_write_bytes(&path, text.as_bytes())
            .map_err(|e| failed(std::io::Error::other(e.to_string())))?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(failed)?;
        Ok(Self { path, file })
    }

    /// Adds one step's children.
    ///
    /// # Errors
    /// When the disk is full or gone.
    pub(in crate::train) fn add(
        &mut self,
        generation: &GenerationRecord,
    ) -> Result<(), TrainError> {
        let lines: String = generation
            .children
            .iter()
            .map(|child| line(generation.step, child))
            .collect();
        self.file
            .write_all(lines.as_bytes())
            .map_err(|source| self.failed(source))
    }

    /// Makes what was added safe, before a state that counts on it is written.
    ///
    /// # Errors
    /// When the disk is full or gone.
    pub(in crate::train) fn sync(&self) -> Result<(), TrainError> {
        self.file.sync_data().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> TrainError {
        TrainError::File {
            what: "cannot write the lineage",
            source,
            path: self.path.clone(),
        }
    }
}
