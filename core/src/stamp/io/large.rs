//! FITS images that are too large to be held: read row by row, made smaller on the way, and read again in part.
//!
//! Invariant: memory is that of the picture that is made and of a few rows, whatever a header claims; what it claims must be in
//! the file. Only images that are stored as they are; compressed ones are unpacked in memory by [`super::fits`].

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::blend_file::is_blend_name;
use super::error::{StampError, StampProblem};
use super::fits::{is_image, known_range, number_of, raw_bands, row_order, scaling};
use super::fits_disk::{HduOnDisk, scan};
use super::fits_header::{Header, product};
use super::numbers::{Endian, Number, Scaling, decode, looks_reversed};
use super::raw::guess_range;
use super::{Format, stem};
use crate::stamp::reduce::{Reducer, factor_for};
use crate::stamp::{RangeSource, Reduction, RowOrder, Stamp, ValueRange};

/// Bytes that are read at a time: a few rows, so that it can be stopped between two reads.
const STRIP_BYTES: usize = 8 << 20;

/// Bytes of the longest row that is read.
const MAX_ROW_BYTES: u128 = 1 << 28;

/// More planes than this are a spectrum at every pixel, not a picture in bands.
const MAX_CHANNELS: usize = 32;

/// Pixels of a file up to which all its images are held together.
const MAX_HELD_PIXELS: u128 = 1 << 26;

/// An image on the disk whose rows can be read one by one.
#[derive(Clone, Debug)]
struct Plan {
    header: Header,
    data_at: u64,
    /// `[C, H, W]`.
    dims: [usize; 3],
    number: Number,
    scaling: Scaling,
    rows: RowOrder,
}

impl Plan {
    /// The image of an HDU, complete and stored plane by plane.
    fn of(hdu: HduOnDisk) -> Result<Self, StampProblem> {
        let HduOnDisk {
            header,
            axes,
            data_at,
            claimed_bytes,
            found_bytes,
        } = hdu;
        let part = header.part();
        let dims = match axes[..] {
            [width, height] => [1, height, width],
            [width, height, channels] | [width, height, channels, 1]
                if channels <= MAX_CHANNELS =>
            {
                [channels, height, width]
            }
            _ => {
                return Err(StampProblem::unsupported(
                    part,
                    format!(
                        "it is large and its size is {}",
                        super::raw::dims_text(&axes)
                    ),
                    format!(
                        "columns, rows and at most {MAX_CHANNELS} bands for a picture this large"
                    ),
                ));
            }
        };
        if u128::from(found_bytes) < claimed_bytes {
            return Err(StampProblem::Truncated {
                part: format!("image data of the {part}"),
                expected_bytes: u64::try_from(claimed_bytes).unwrap_or(u64::MAX),
                found_bytes,
            });
        }
        let number = number_of(&header, "")?;
        let row_bytes = dims[2] as u128 * number.size() as u128;
        if row_bytes > MAX_ROW_BYTES {
            return Err(StampProblem::TooLarge {
                part: format!("a row of the {part}"),
                claimed: row_bytes,
                limit: MAX_ROW_BYTES,
                unit: "bytes",
            });
        }
        Ok(Self {
            data_at,
            dims,
            number,
            scaling: scaling(&header, number)?,
            rows: row_order(&header),
            header,
        })
    }

    /// The row of the picture that a row of the file is; the same the other way round.
    fn turned(&self, row: usize) -> usize {
        match self.rows {
            RowOrder::TopDown => row,
            RowOrder::BottomUp => self.dims[1] - 1 - row,
        }
    }

    /// Reads the `columns` of the `rows` of a channel, rows as in the file.
    fn read(
        &self,
        file: &mut File,
        channel: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Vec<f32>, StampProblem> {
        let [_, height, width] = self.dims;
        let size = self.number.size();
        let mut bytes = Vec::new();
        let is_whole = columns.len() == width;
        let spans: Vec<(usize, usize)> = if is_whole {
            vec![(rows.start * width, rows.len() * width)]
        } else {
            rows.map(|row| (row * width + columns.start, columns.len()))
                .collect()
        };
        for (first, count) in spans {
            let first = (channel * height * width + first) as u64;
            let at = self.data_at + first * size as u64;
            file.seek(SeekFrom::Start(at)).map_err(StampProblem::Read)?;
            let wanted = (count * size) as u64;
            let read = file.by_ref().take(wanted).read_to_end(&mut bytes);
            let read = read.map_err(StampProblem::Read)?;
            if read as u64 != wanted {
                let part = format!("image data of the {}", self.header.part());
                return Err(StampProblem::truncated(part, wanted.into(), read));
            }
        }
        Ok(decode(&bytes, self.number, Endian::Big, self.scaling))
    }
}

/// The plan of the picture of a file: the blend, where one is named so, else the first image. `None` where it and the whole
/// file are small enough to be held (`most` pixels for the picture), or the file is no FITS file.
fn plan(file: &mut File, most: usize) -> Result<Option<Plan>, StampProblem> {
    let mut head = [0; 10];
    if file.read_exact(&mut head).is_err() || Format::sniff(&head) != Some(Format::Fits) {
        return Ok(None);
    }
    // An HDU that cannot be read ends the search; a picture before it is sound.
    let (hdus, _) = scan(file)?;
    let pixels = |hdu: &HduOnDisk| product(&hdu.axes);
    let images: Vec<HduOnDisk> = hdus
        .into_iter()
        .filter(|hdu| is_image(&hdu.header, &hdu.axes) && pixels(hdu) > 0)
        .collect();
    let total = images.iter().map(pixels).fold(0, u128::saturating_add);
    let is_blend = |hdu: &HduOnDisk| hdu.header.name().is_some_and(is_blend_name);
    let at = images.iter().position(is_blend).unwrap_or(0);
    let chosen = images.into_iter().nth(at);
    let is_large = |hdu: &HduOnDisk| total > MAX_HELD_PIXELS || pixels(hdu) > most as u128;
    chosen.filter(is_large).map(Plan::of).transpose()
}

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
    /// Begins to read the picture of a FITS file where it has more than `most` pixels or is one of very many; `None` where it is
    /// small, or the file is of another format, so that it is to be read as usual.
    pub fn open(path: &Path, most: usize) -> Result<Option<Self>, StampError> {
        Self::try_open(path, most).map_err(|problem| problem.at(path))
    }

    fn try_open(path: &Path, most: usize) -> Result<Option<Self>, StampProblem> {
        let mut file = File::open(path).map_err(StampProblem::Read)?;
        if file.metadata().map_err(StampProblem::Read)?.is_dir() {
            return Ok(None);
        }
        let Some(plan) = plan(&mut file, most)? else {
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
        let (range, source) = match known_range(header, self.plan.number, self.plan.scaling) {
            Some(range) => (range, RangeSource::File),
            None => (guess_range(low, high), RangeSource::Guessed),
        };
        let empty = Reducer::new(0, [0, 0], 1);
        let reducer = std::mem::replace(&mut self.reducer, empty);
        let [rows, columns] = reducer.reduced_size();
        let mut stamp = self.stamp(reducer.finish(), [channels, rows, columns], range, source);
        stamp.reduction = (self.factor > 1).then_some(Reduction {
            factor: self.factor,
            size: [height, width],
        });
        Ok(LargePicture {
            stamp,
            missing: self.missing,
        })
    }

    fn stamp(
        &self,
        pixels: Vec<f32>,
        dims: [usize; 3],
        range: ValueRange,
        source: RangeSource,
    ) -> Stamp {
        let header = &self.plan.header;
        let mut stamp = Stamp::new(stem(&self.path), pixels, dims, range);
        stamp.path = Some(self.path.clone());
        stamp.range_source = source;
        stamp.rows = self.plan.rows;
        stamp.cards.clone_from(&header.cards);
        let bands = raw_bands(header);
        if bands.len() == dims[0] {
            stamp.bands = bands;
        }
        stamp
    }
}

/// A part of the picture that [`LargeReader`] takes from a file, as it is there: the rows and columns in picture order, in the
/// file's own values, `range` as their meaning.
pub fn read_window(
    path: &Path,
    rows: Range<usize>,
    columns: Range<usize>,
    range: ValueRange,
) -> Result<Stamp, StampError> {
    let read = || {
        let mut file = File::open(path).map_err(StampProblem::Read)?;
        let found = plan(&mut file, 0)?;
        let plan = found.ok_or_else(|| StampProblem::NotFound {
            wanted: "large image".to_owned(),
            available: "none".to_owned(),
        })?;
        let [channels, height, width] = plan.dims;
        let (rows, columns) = (clipped(rows, height), clipped(columns, width));
        let mut pixels = Vec::with_capacity(channels * rows.len() * columns.len());
        for channel in 0..channels {
            for row in rows.clone() {
                let row = plan.turned(row);
                let line = plan.read(&mut file, channel, row..row + 1, columns.clone())?;
                pixels.extend(line);
            }
        }
        let dims = [channels, rows.len(), columns.len()];
        Ok(Stamp::new(stem(path), pixels, dims, range))
    };
    read().map_err(|problem: StampProblem| problem.at(path))
}

fn clipped(range: Range<usize>, length: usize) -> Range<usize> {
    let end = range.end.min(length);
    range.start.min(end)..end
}
