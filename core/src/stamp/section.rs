//! A part of a picture: columns and rows of its file, as CFITSIO writes image sections, and the bands in an order of one's own.
//!
//! Invariant: a cut-out lies on the same sky as the picture it is of; its cards say so.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::io::StampProblem;
use super::{Card, RowOrder, Stamp};
use crate::sky::Place;

/// Most bands that are taken of a picture.
pub(super) const MAX_BANDS: usize = 64;

/// Columns and rows of a picture, first and last, counted from 1 as DS9 does: rows from the bottom in FITS files, from the top in
/// others.
///
/// ```
/// use ganoscope_core::stamp::Section;
/// let section: Section = "101:180,201:280".parse().unwrap();
/// assert_eq!(section.size(), [80, 80]);
/// assert_eq!(section.to_string(), "101:180,201:280");
/// assert!("0:3,1:2".parse::<Section>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Section {
    columns: [usize; 2],
    rows: [usize; 2],
}

/// A text that is no section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected X1:X2,Y1:Y2, pixels counted from 1, first before last")]
pub struct NotASection;

impl Section {
    /// The part of `size` rows and columns around a place of a picture of `within` rows and columns, moved inside where it
    /// would reach over an edge; `None` where the picture is smaller.
    pub fn around(
        place: Place,
        size: [usize; 2],
        within: [usize; 2],
        order: RowOrder,
    ) -> Option<Self> {
        let range = |at: f64, length: usize, within: usize| {
            let most = within.checked_sub(length)?;
            // A place between pixels belongs to the one whose centre is nearest.
            let first = (at.round() - (length / 2) as f64).clamp(0.0, most as f64) as usize;
            (length > 0).then_some(first..first + length)
        };
        let rows = range(place.row, size[0], within[0])?;
        let columns = range(place.column, size[1], within[1])?;
        Some(Self::of(rows, columns, within[0], order))
    }

    /// The section of rows and columns in picture order, counted from 0, of a picture of `height` rows.
    fn of(rows: Range<usize>, columns: Range<usize>, height: usize, order: RowOrder) -> Self {
        let rows = match order {
            RowOrder::TopDown => [rows.start + 1, rows.end],
            RowOrder::BottomUp => [height - rows.end + 1, height - rows.start],
        };
        Self {
            columns: [columns.start + 1, columns.end],
            rows,
        }
    }

    /// Rows and columns.
    pub fn size(self) -> [usize; 2] {
        let length = |[first, last]: [usize; 2]| last - first + 1;
        [length(self.rows), length(self.columns)]
    }

    /// The same pixels, counted in the picture that `outer` was cut out of.
    pub fn within(self, outer: Self) -> Self {
        let moved = |[first, last]: [usize; 2], by: usize| [first + by - 1, last + by - 1];
        Self {
            columns: moved(self.columns, outer.columns[0]),
            rows: moved(self.rows, outer.rows[0]),
        }
    }

    /// Rows and columns in picture order, counted from 0, of a picture of `height` rows and `width` columns.
    ///
    /// # Errors
    /// When some of it lies outside.
    pub(super) fn ranges(
        self,
        [height, width]: [usize; 2],
        order: RowOrder,
    ) -> Result<[Range<usize>; 2], StampProblem> {
        let Self { columns, rows } = self;
        if columns[1] > width || rows[1] > height {
            return Err(StampProblem::NotFound {
                wanted: format!("section {self}"),
                available: format!("{width} columns and {height} rows"),
            });
        }
        let rows = match order {
            RowOrder::TopDown => rows[0] - 1..rows[1],
            RowOrder::BottomUp => height - rows[1]..height + 1 - rows[0],
        };
        Ok([rows, columns[0] - 1..columns[1]])
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            columns: [x1, x2],
            rows: [y1, y2],
        } = self;
        write!(f, "{x1}:{x2},{y1}:{y2}")
    }
}

impl FromStr for Section {
    type Err = NotASection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range = |text: &str| {
            let (first, last) = text.split_once(':')?;
            let number = |text: &str| text.trim().parse::<usize>().ok();
            let range = [number(first)?, number(last)?];
            // Nothing that is opened has so many pixels on a side; sums of two stay in range.
            let is_sound = 1 <= range[0] && range[0] <= range[1] && u32::try_from(range[1]).is_ok();
            is_sound.then_some(range)
        };
        let parsed = text
            .split_once(',')
            .and_then(|(columns, rows)| Some((range(columns)?, range(rows)?)));
        let (columns, rows) = parsed.ok_or(NotASection)?;
        Ok(Self { columns, rows })
    }
}

impl Stamp {
    /// The pixels of a section. Pixels of a picture that was made smaller cannot be counted so.
    ///
    /// # Errors
    /// When some of the section lies outside of the picture, or the picture was made smaller.
    pub fn cut_out(&self, section: Section) -> Result<Self, StampProblem> {
        if self.reduction.is_some() {
            let what = format!("{} has means of pixels, not its file's", self.name);
            return Err(StampProblem::unsupported("a section", what, "its pixels"));
        }
        let [rows, columns] = section.ranges([self.height, self.width], self.rows)?;
        let mut pixels = Vec::with_capacity(self.channels * rows.len() * columns.len());
        for channel in 0..self.channels {
            let lines = self.plane(channel).chunks_exact(self.width);
            for line in lines.skip(rows.start).take(rows.len()) {
                pixels.extend_from_slice(&line[columns.clone()]);
            }
        }
        Ok(Self {
            pixels: pixels.into(),
            cards: cards_of(&self.cards, section),
            height: rows.len(),
            width: columns.len(),
            ..self.clone()
        })
    }

    /// The bands of the given numbers, counted from 1, in that order; a band may come twice.
    ///
    /// # Errors
    /// When there is no band of a number, or none is asked for.
    pub fn with_bands(&self, numbers: &[usize]) -> Result<Self, StampProblem> {
        if numbers.is_empty() || numbers.len() > MAX_BANDS {
            let what = format!("there are {} of them", numbers.len());
            let expected = format!("1 to {MAX_BANDS}");
            return Err(StampProblem::unsupported("bands", what, expected));
        }
        let mut pixels = Vec::new();
        let mut bands = Vec::new();
        for number in numbers {
            let at = number.checked_sub(1).filter(|at| *at < self.channels);
            let at = at.ok_or_else(|| StampProblem::NotFound {
                wanted: format!("band {number}"),
                available: format!("{} bands", self.channels),
            })?;
            pixels.extend_from_slice(self.plane(at));
            bands.extend(self.bands.get(at).cloned());
        }
        Ok(Self {
            pixels: pixels.into(),
            channels: numbers.len(),
            bands,
            ..self.clone()
        })
    }
}

impl Stamp {
    /// Numbers of bands, counted from 1, for a network that takes `count` of them: of many bands named as the filters of
    /// surveys are, i, r and g for red, green and blue; else the first. `None` where all are taken as they are, or there are
    /// too few.
    pub fn bands_for(&self, count: usize) -> Option<Vec<usize>> {
        if self.channels <= count {
            return None;
        }
        let number = |name: &str| {
            let is_named = |band: &String| band.trim().to_ascii_lowercase().ends_with(name);
            self.bands.iter().position(is_named).map(|at| at + 1)
        };
        let named: Option<Vec<usize>> = ["i", "r", "g"].into_iter().map(number).collect();
        let first = || (1..=count).collect();
        Some(named.filter(|_| count == 3).unwrap_or_else(first))
    }
}

/// The cards of a picture as those of a section of it: what counts pixels counts them from the section's first.
pub(super) fn cards_of(cards: &[Card], section: Section) -> Vec<Card> {
    let shifts = [section.columns[0] - 1, section.rows[0] - 1];
    let shifted = |card: &Card| {
        let mut card = card.clone();
        if let (Some(axis), Ok(value)) = (axis_of(&card.keyword), card.value.trim().parse::<f64>())
            && let Some(shift) = shifts.get(axis)
        {
            card.value = (value - *shift as f64).to_string();
        }
        card
    };
    cards.iter().map(shifted).collect()
}

/// The axis, from 0, along which a card counts pixels: `CRPIX1`, `CRPIX2A`, `LTV1`.
fn axis_of(keyword: &str) -> Option<usize> {
    let upper = keyword.to_ascii_uppercase();
    let rest = match upper.strip_prefix("CRPIX") {
        Some(rest) => rest.trim_end_matches(|c: char| c.is_ascii_uppercase()),
        None => upper.strip_prefix("LTV")?,
    };
    match rest {
        "1" => Some(0),
        "2" => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sky::Grid;
    use crate::stamp::ValueRange;

    /// Two bands of four rows and three columns; a pixel's value is 100 band + 10 row + column.
    fn stamp(rows: RowOrder) -> Stamp {
        let value = |i: usize| (100 * (i / 12) + 10 * (i % 12 / 3) + i % 3) as f32;
        let pixels: Vec<f32> = (0..24).map(value).collect();
        let mut stamp = Stamp::new("s", pixels, [2, 4, 3], ValueRange::UNIT);
        stamp.rows = rows;
        stamp.bands = vec!["g".to_owned(), "r".to_owned()];
        stamp
    }

    #[test]
    fn rows_count_from_the_bottom_in_fits_files_and_from_the_top_in_others() {
        let section: Section = "2:3,1:2".parse().unwrap();
        let from_top = stamp(RowOrder::TopDown).cut_out(section).unwrap();
        assert_eq!(from_top.plane(0), [1.0, 2.0, 11.0, 12.0]);
        let from_bottom = stamp(RowOrder::BottomUp).cut_out(section).unwrap();
        assert_eq!(from_bottom.dims(), [2, 2, 2]);
        assert_eq!(from_bottom.plane(1), [121.0, 122.0, 131.0, 132.0]);
    }

    #[test]
    fn a_cut_out_lies_on_the_same_sky() {
        for rows in [RowOrder::TopDown, RowOrder::BottomUp] {
            let mut whole = stamp(rows);
            whole.cards = vec![
                Card::text("CTYPE1", "RA---TAN"),
                Card::text("CTYPE2", "DEC--TAN"),
                Card::value("CRPIX1", 2.0),
                Card::value("CRPIX2", 3.0),
                Card::value("CRVAL1", 10.0),
                Card::value("CRVAL2", 20.0),
                Card::value("CDELT1", -0.1),
                Card::value("CDELT2", 0.1),
                Card::value("LTV2", 0.0),
            ];
            if rows == RowOrder::TopDown {
                whole.cards.push(Card::text("ROWORDER", "TOP-DOWN"));
            }
            let size = [2, 2];
            let place = Place::new(2.0, 1.0);
            let section = Section::around(place, size, [4, 3], rows).unwrap();
            let part = whole.cut_out(section).unwrap();
            assert_eq!(part.plane(0), [1.0, 2.0, 11.0, 12.0]);
            // Row 1, column 2 of the whole is row 1, column 1 of the part.
            let here = Grid::of(&part).sky(Place::new(1.0, 1.0)).unwrap();
            let there = Grid::of(&whole).sky(place).unwrap();
            assert!((here.longitude - there.longitude).abs() < 1e-12, "{rows:?}");
            assert!((here.latitude - there.latitude).abs() < 1e-12, "{rows:?}");
            let physical = |stamp: &Stamp, place: Place| {
                let grid = Grid::of(stamp);
                grid.fits_to_physical(grid.to_fits(place))[1]
            };
            let is_shifted = physical(&part, Place::new(1.0, 1.0)) - physical(&whole, place);
            assert!(is_shifted.abs() < 1e-12, "{rows:?}");
        }
    }

    #[test]
    fn a_cut_out_at_an_edge_is_moved_inside() {
        let around = |column, row| {
            Section::around(Place::new(column, row), [3, 2], [10, 8], RowOrder::TopDown)
                .map(|section| section.to_string())
        };
        assert_eq!(around(4.0, 5.0).unwrap(), "4:5,5:7");
        assert_eq!(around(-9.0, 99.0).unwrap(), "1:2,8:10");
        assert_eq!(
            Section::around(Place::new(0.0, 0.0), [11, 1], [10, 8], RowOrder::TopDown),
            None
        );
    }

    #[test]
    fn what_lies_outside_is_refused_by_name() {
        let outside: Section = "1:4,1:1".parse().unwrap();
        let error = stamp(RowOrder::TopDown).cut_out(outside).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("1:4,1:1") && text.contains("3 columns"),
            "{text}"
        );
        let reduced = stamp(RowOrder::TopDown).reduced_to(12);
        assert!(reduced.cut_out("1:1,1:1".parse().unwrap()).is_err());
        for text in [
            "",
            "1:2",
            "1:2,3",
            "2:1,1:1",
            "0:1,1:1",
            "1:x,1:1",
            "1:99999999999,1:1",
        ] {
            assert!(text.parse::<Section>().is_err(), "{text}");
        }
    }

    #[test]
    fn bands_come_in_the_order_asked_for() {
        let turned = stamp(RowOrder::TopDown).with_bands(&[2, 1, 2]).unwrap();
        assert_eq!(turned.dims(), [3, 4, 3]);
        assert_eq!(turned.bands, ["r", "g", "r"]);
        assert_eq!([turned.plane(0)[0], turned.plane(1)[0]], [100.0, 0.0]);
        for wrong in [&[0][..], &[3], &[], &[1; MAX_BANDS + 1]] {
            assert!(stamp(RowOrder::TopDown).with_bands(wrong).is_err());
        }
    }

    #[test]
    fn bands_of_surveys_become_red_green_and_blue() {
        let mut many = Stamp::new("s", vec![0.0; 5], [5, 1, 1], ValueRange::UNIT);
        assert_eq!(many.bands_for(3), Some(vec![1, 2, 3]));
        many.bands = ["HSC-G", "HSC-R", "HSC-I", "HSC-Z", "HSC-Y"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(many.bands_for(3), Some(vec![3, 2, 1]));
        assert_eq!(many.bands_for(1), Some(vec![1]));
        assert_eq!(many.bands_for(5), None);
        assert_eq!(many.bands_for(6), None, "too few");
    }
}
