//! Where in a FITS file the rows of a large image lie, and how they are read.
//!
//! Invariant: what a header claims must be in the file before anything is read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::blend_file::is_blend_name;
use super::error::StampProblem;
use super::fits::{is_image, known_range, number_of, raw_bands, row_order, scaling};
use super::fits_disk::{HduOnDisk, scan};
use super::fits_header::{Header, product};
use super::numbers::{Endian, Number, Scaling, decode};
use super::packed::{refuse_large_compressed, refuse_large_packed};
use super::raw::guess_range;
use super::selector::Selector;
use super::{Format, GZIP_MAGIC, stem};
use crate::stamp::{RangeSource, RowOrder, Stamp, ValueRange};

/// Bytes of the longest row that is read.
const MAX_ROW_BYTES: u128 = 1 << 28;

/// More planes than this are a spectrum at every pixel, not a picture in bands.
const MAX_CHANNELS: usize = 32;

/// Pixels of a file up to which all its images are held together.
pub(super) const MAX_HELD_PIXELS: u128 = 1 << 26;

/// An image on the disk whose rows can be read one by one.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) header: Header,
    data_at: u64,
    /// `[C, H, W]`.
    pub(super) dims: [usize; 3],
    pub(super) number: Number,
    pub(super) scaling: Scaling,
    pub(super) rows: RowOrder,
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
    pub(super) fn turned(&self, row: usize) -> usize {
        match self.rows {
            RowOrder::TopDown => row,
            RowOrder::BottomUp => self.dims[1] - 1 - row,
        }
    }

    /// Reads the `columns` of the `rows` of a channel, rows as in the file.
    pub(super) fn read(
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

    /// What the pixels mean, from their extremes where the header does not say.
    pub(super) fn range(&self, low: f32, high: f32) -> (ValueRange, RangeSource) {
        match known_range(&self.header, self.number, self.scaling) {
            Some(range) => (range, RangeSource::File),
            None => (guess_range(low, high), RangeSource::Guessed),
        }
    }

    /// Pixels of the image as a stamp.
    pub(super) fn stamp(
        &self,
        path: &Path,
        pixels: Vec<f32>,
        dims: [usize; 3],
        (range, source): (ValueRange, RangeSource),
    ) -> Stamp {
        let mut stamp = Stamp::new(stem(path), pixels, dims, range);
        stamp.path = Some(path.to_owned());
        stamp.range_source = source;
        stamp.rows = self.rows;
        stamp.cards.clone_from(&self.header.cards);
        let bands = raw_bands(&self.header);
        if bands.len() == dims[0] {
            stamp.bands = bands;
        }
        stamp
    }

    /// The rows and columns, in picture order, of all channels.
    pub(super) fn window(
        &self,
        file: &mut File,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<Vec<f32>, StampProblem> {
        let channels = self.dims[0];
        let mut pixels = Vec::with_capacity(channels * rows.len() * columns.len());
        for channel in 0..channels {
            for row in rows.clone() {
                let row = self.turned(row);
                pixels.extend(self.read(file, channel, row..row + 1, columns.clone())?);
            }
        }
        Ok(pixels)
    }
}

/// The plan of the picture of a file: the image that `selector` names, or the blend, where one is named so, else the first image.
/// `None` where it and the whole file are small enough to be held (`most` pixels for the picture), the file is no FITS file, or
/// no image is named so.
pub(super) fn plan(
    file: &mut File,
    selector: Option<&Selector>,
    most: usize,
) -> Result<Option<Plan>, StampProblem> {
    let mut head = [0; 10];
    if file.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    if head.starts_with(GZIP_MAGIC) {
        return refuse_large_packed(file).map(|()| None);
    }
    if Format::sniff(&head) != Some(Format::Fits) {
        return Ok(None);
    }
    // An HDU that cannot be read ends the search; a picture before it is sound.
    let (hdus, _) = scan(file)?;
    for hdu in &hdus {
        refuse_large_compressed(&hdu.header)?;
    }
    let pixels = |hdu: &HduOnDisk| product(&hdu.axes);
    let images: Vec<HduOnDisk> = hdus
        .into_iter()
        .filter(|hdu| is_image(&hdu.header, &hdu.axes) && pixels(hdu) > 0)
        .collect();
    let total = images.iter().map(pixels).fold(0, u128::saturating_add);
    let is_blend = |hdu: &HduOnDisk| hdu.header.name().is_some_and(is_blend_name);
    let at = match selector {
        Some(selector) => {
            let is_meant = |hdu: &HduOnDisk| hdu.header.is_selected_by(selector);
            images.iter().position(is_meant)
        }
        None => Some(images.iter().position(is_blend).unwrap_or(0)),
    };
    let chosen = at.and_then(|at| images.into_iter().nth(at));
    let is_large = |hdu: &HduOnDisk| total > MAX_HELD_PIXELS || pixels(hdu) > most as u128;
    chosen.filter(is_large).map(Plan::of).transpose()
}
