//! FITS images that are too large to be held: read row by row, made smaller on the way, and read again in part.
//!
//! Invariant: memory is that of the picture that is made and of a few rows, whatever a header claims; what it claims must be in
//! the file. Only images that are stored as they are; compressed ones are unpacked in memory by [`super::fits`].

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::{StampError, StampProblem};
use super::large_plan::{MAX_HELD_PIXELS, Plan, plan};
use super::numbers::{Endian, Number, Scaling, looks_reversed};
use super::selector::Selector;
use super::stem;
use crate::plain_file;
use crate::stamp::reduce::{Reducer, factor_for};
use crate::stamp::section::cards_of;
use crate::stamp::{Reduction, Section, Stamp, ValueRange};

/// Bytes that are read at a time: a few rows, so that it can be stopped between two reads.
const STRIP_BYTES: usize = 8 << 20;

/// A large picture that is being read.
#[derive(Debug)]
pub struct LargeReader {
    path: PathBuf,
    file: File,
    plan: Plan,
    reducer: Reducer,
    factor: usize,
    /// Rows read so far, of all channels.
    done: usize,
    extremes: Option<(f32, f32)>,
    missing: usize,
}

/// A large picture as it was read.
#[derive(Clone, Debug)]
pub struct LargePicture {
    /// The picture, reduced where it had more pixels than allowed.
    pub stamp: Stamp,
    /// Pixels of the file that are NaN, infinite or BLANK.
    pub missing: usize,
}

impl LargeReader {
    /// Begins to read the picture of a FITS file (the image that `selector` names) where it has more than `most` pixels or is one of very many; `None` where it is
    /// small, or the file is of another format, so that it is to be read as usual.
    pub fn open(
        path: &Path,
        selector: Option<&Selector>,
        most: usize,
    ) -> Result<Option<Self>, StampError> {
        Self::try_open(path, selector, most).map_err(|problem| problem.at(path))
    }

    fn try_open(
        path: &Path,
        selector: Option<&Selector>,
        most: usize,
    ) -> Result<Option<Self>, StampProblem> {
        if path.is_dir() {
            return Ok(None);
        }
        let mut file = plain_file::open(path).map_err(StampProblem::Read)?;
        let Some(plan) = plan(&mut file, selector, most)? else {
            return Ok(None);
        };
        let [channels, height, width] = plan.dims;
        let factor = factor_for(channels, [height, width], most);
        Ok(Some(Self {
            path: path.to_owned(),
            file,
            reducer: Reducer::new(channels, [height, width], factor),
            factor,
            plan,
            done: 0,
            extremes: None,
            missing: 0,
        }))
    }

    /// Rows read and rows in all, all channels counted.
    pub fn progress(&self) -> (usize, usize) {
        let [channels, height, _] = self.plan.dims;
        (self.done, channels * height)
    }

    /// Reads a few megabytes more; the picture when it is complete.
    pub fn advance(&mut self) -> Result<Option<LargePicture>, StampError> {
        self.try_advance().map_err(|problem| problem.at(&self.path))
    }

    fn try_advance(&mut self) -> Result<Option<LargePicture>, StampProblem> {
        let [_, height, width] = self.plan.dims;
        let (done, total) = self.progress();
        if done < total {
            let (channel, row) = (done / height, done % height);
            let row_bytes = width * self.plan.number.size();
            let rows = (STRIP_BYTES / row_bytes.max(1)).clamp(1, height - row);
            let values = self
                .plan
                .read(&mut self.file, channel, row..row + rows, 0..width)?;
            if done == 0 {
                self.refuse_reversed(&values)?;
            }
            for (offset, line) in values.chunks(width).enumerate() {
                self.look_at(line);
                self.reducer
                    .add(channel, self.plan.turned(row + offset), line);
            }
            self.done += rows;
        }
        if self.done < total {
            return Ok(None);
        }
        self.finish().map(Some)
    }

    fn look_at(&mut self, line: &[f32]) {
        self.missing += line.iter().filter(|v| !v.is_finite()).count();
        let here = super::finite_extremes(line);
        self.extremes = match (self.extremes, here) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (known, here) => known.or(here),
        };
    }

    /// Looks at the first rows as they lie in the file.
    fn refuse_reversed(&self, values: &[f32]) -> Result<(), StampProblem> {
        let Plan {
            number, scaling, ..
        } = self.plan;
        if number != Number::F32 || scaling != Scaling::NONE {
            return Ok(());
        }
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        if looks_reversed(&bytes, number, Endian::Big) {
            return Err(StampProblem::WrongEndian {
                part: format!("image data of the {}", self.plan.header.part()),
                expected: Endian::Big.name(),
            });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<LargePicture, StampProblem> {
        let [channels, height, width] = self.plan.dims;
        let header = &self.plan.header;
        let Some((low, high)) = self.extremes else {
            return Err(StampProblem::NotFinite {
                part: format!("the {}", header.part()),
                count: channels * height * width,
            });
        };
        let (range, source) = self.plan.range(low, high);
        let empty = Reducer::new(0, [0, 0], 1);
        let reducer = std::mem::replace(&mut self.reducer, empty);
        let [rows, columns] = reducer.reduced_size();
        let dims = [channels, rows, columns];
        let mut stamp = self
            .plan
            .stamp(&self.path, reducer.finish(), dims, (range, source));
        stamp.reduction = (self.factor > 1).then_some(Reduction {
            factor: self.factor,
            size: [height, width],
        });
        Ok(LargePicture {
            stamp,
            missing: self.missing,
        })
    }
}

/// A part of the picture that [`LargeReader`] takes from a file, as it is there: the rows and columns in picture order, in the
/// file's own values, `range` as their meaning.
pub fn read_window(
    path: &Path,
    selector: Option<&Selector>,
    rows: Range<usize>,
    columns: Range<usize>,
    range: ValueRange,
) -> Result<Stamp, StampError> {
    let read = || {
        let mut file = File::open(path).map_err(StampProblem::Read)?;
        let found = plan(&mut file, selector, 0)?;
        let plan = found.ok_or_else(|| StampProblem::NotFound {
            wanted: "large image".to_owned(),
            available: "none".to_owned(),
        })?;
        let [channels, height, width] = plan.dims;
        let (rows, columns) = (clipped(rows, height), clipped(columns, width));
        let dims = [channels, rows.len(), columns.len()];
        let pixels = plan.window(&mut file, rows, columns)?;
        Ok(Stamp::new(stem(path), pixels, dims, range))
    };
    read().map_err(|problem: StampProblem| problem.at(path))
}

/// A section of a picture that is too large to be held with its file: the image that `selector` names, else the one that
/// [`LargeReader`] takes. `None` where the file can be held, or is no FITS file, so that it is to be read as usual.
pub(super) fn cut_out_of_large(
    path: &Path,
    selector: Option<&Selector>,
    section: Section,
) -> Result<Option<Stamp>, StampError> {
    let read = || {
        if path.is_dir() {
            return Ok(None);
        }
        let mut file = plain_file::open(path).map_err(StampProblem::Read)?;
        let held = usize::try_from(MAX_HELD_PIXELS).unwrap_or(usize::MAX);
        let Some(plan) = plan(&mut file, selector, held)? else {
            return Ok(None);
        };
        let [channels, height, width] = plan.dims;
        let [rows, columns] = section.ranges([height, width], plan.rows)?;
        let pixels_asked = (channels * rows.len()) as u128 * columns.len() as u128;
        if pixels_asked > MAX_HELD_PIXELS {
            return Err(StampProblem::TooLarge {
                part: format!("section {section}"),
                claimed: pixels_asked,
                limit: MAX_HELD_PIXELS,
                unit: "pixels",
            });
        }
        let dims = [channels, rows.len(), columns.len()];
        let pixels = plan.window(&mut file, rows, columns)?;
        let Some((low, high)) = super::finite_extremes(&pixels) else {
            return Err(StampProblem::NotFinite {
                part: format!("section {section}"),
                count: pixels.len(),
            });
        };
        let mut stamp = plan.stamp(path, pixels, dims, plan.range(low, high));
        stamp.cards = cards_of(&stamp.cards, section);
        Ok(Some(stamp))
    };
    read().map_err(|problem: StampProblem| problem.at(path))
}

fn clipped(range: Range<usize>, length: usize) -> Range<usize> {
    let end = range.end.min(length);
    range.start.min(end)..end
}
