//! Tile-compressed FITS images (`.fits.fz`): the binary table whose rows are the tiles of one image.
//!
//! Invariant: the claimed size is checked against the compressed bytes before the image is allocated, and each tile
//! against its own. Source: FITS standard 4.0, section 10.

use super::error::StampProblem;
use super::fits::Hdu;
use super::fits_codec::Codec;
use super::fits_header::{Header, product};
use super::numbers::{Number, Scaling};

/// Pixels that one compressed byte can stand for at most: gzip reaches 1032 : 1, Rice with blocks of 256 reaches 683 : 1.
const MOST_PIXELS_PER_BYTE: u128 = 1100;

/// The image of a compressed HDU: `axes` (fastest first) and `number` as the `Z` keywords say. The caller has checked
/// the pixel count against the limit.
pub(super) fn decompress(
    hdu: &Hdu<'_>,
    axes: &[usize],
    number: Number,
    scaling: Scaling,
) -> Result<Vec<f32>, StampProblem> {
    let part = format!("compressed image of the {}", hdu.header.part());
    let table = Table::new(hdu, &part)?;
    let pixels = product(axes);
    if pixels > MOST_PIXELS_PER_BYTE * table.heap.len() as u128 {
        let least = pixels.div_ceil(MOST_PIXELS_PER_BYTE);
        return Err(StampProblem::truncated(part, least, table.heap.len()));
    }
    let tiles = TileGrid::new(&hdu.header, axes, &part)?;
    if tiles.count() != table.rows as u128 {
        let why = format!("it has {} rows for {} tiles", table.rows, tiles.count());
        return Err(StampProblem::damaged(part, why));
    }
    let codec = Codec::new(&hdu.header, number, scaling, &part)?;
    let mut image = vec![0.0; pixels as usize];
    for row in 0..table.rows {
        let spans = tiles.spans(row);
        let count = spans.iter().map(|(_, length)| length).product();
        let values = codec.tile(&table, row, count, &part)?;
        place(&mut image, axes, &spans, &values);
    }
    Ok(image)
}

/// The binary table that holds the tiles.
pub(super) struct Table<'a> {
    header: &'a Header,
    columns: Vec<Column>,
    rows: usize,
    row_bytes: usize,
    main: &'a [u8],
    heap: &'a [u8],
}

/// A column of one value per row, which may point to an array in the heap.
struct Column {
    name: String,
    /// Byte in the row where the value starts.
    at: usize,
    /// TFORM without its repeat count.
    code: String,
}

impl<'a> Table<'a> {
    fn new(hdu: &'a Hdu<'_>, part: &str) -> Result<Self, StampProblem> {
        let data = hdu.complete_data()?;
        let [row_bytes, rows] = hdu.axes[..] else {
            return Err(StampProblem::damaged(part, "its table has not two axes"));
        };
        // The product is at most the size of the data, which is complete.
        let main_bytes = row_bytes.saturating_mul(rows).min(data.len());
        let heap_at = match hdu.header.integer("THEAP") {
            Some(at) => usize::try_from(at).unwrap_or(usize::MAX),
            None => main_bytes,
        };
        let heap = data.get(heap_at..).ok_or_else(|| {
            StampProblem::damaged(part, format!("THEAP is {heap_at}, beyond its data"))
        })?;
        let columns = columns(&hdu.header)
            .ok_or_else(|| StampProblem::damaged(part, "its TFORM cards cannot be understood"))?;
        Ok(Self {
            header: &hdu.header,
            columns,
            rows,
            row_bytes,
            main: data.get(..main_bytes).unwrap_or_default(),
            heap,
        })
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The bytes of `row` from the start of a column.
    fn cell(&self, row: usize, at: usize) -> Option<&[u8]> {
        let start = row.checked_mul(self.row_bytes)?;
        self.main
            .get(start..start.checked_add(self.row_bytes)?)?
            .get(at..)
    }

    /// The bytes that a variable-length cell points to; empty when the column is missing, `None` when damaged.
    pub(super) fn bytes(&self, row: usize, name: &str) -> Option<&[u8]> {
        let Some(Column { at, code, .. }) = self.column(name) else {
            return Some(&[]);
        };
        let cell = self.cell(row, *at)?;
        let number = |index: usize| -> Option<usize> {
            if code.starts_with('P') {
                let bytes = cell.get(index * 4..)?.first_chunk()?;
                usize::try_from(i32::from_be_bytes(*bytes)).ok()
            } else {
                let bytes = cell.get(index * 8..)?.first_chunk()?;
                usize::try_from(i64::from_be_bytes(*bytes)).ok()
            }
        };
        let element = match code.as_bytes() {
            [b'P' | b'Q', b'B', ..] => 1,
            [b'P' | b'Q', b'I', ..] => 2,
            [b'P' | b'Q', b'J' | b'E', ..] => 4,
            [b'P' | b'Q', b'K' | b'D', ..] => 8,
            _ => return None,
        };
        let (length, offset) = (number(0)?.checked_mul(element)?, number(1)?);
        self.heap.get(offset..offset.checked_add(length)?)
    }

    /// A number that each row has in a column, or all rows together in a keyword.
    pub(super) fn number(&self, row: usize, name: &str) -> Option<f64> {
        let Some(Column { at, code, .. }) = self.column(name) else {
            return self.header.float(name);
        };
        let cell = self.cell(row, *at)?;
        match code.as_str() {
            "D" => Some(f64::from_be_bytes(*cell.first_chunk()?)),
            "E" => Some(f32::from_be_bytes(*cell.first_chunk()?).into()),
            "J" => Some(i32::from_be_bytes(*cell.first_chunk()?).into()),
            _ => None,
        }
    }
}

/// The columns of one value each that the header declares; others only take their place in the row.
fn columns(header: &Header) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    let mut at = 0_usize;
    for field in 1..=header.integer("TFIELDS")?.clamp(0, 999) {
        let form = header.text(&format!("TFORM{field}"))?;
        let code = form.trim_start_matches(|c: char| c.is_ascii_digit());
        let (repeat, _) = form.split_at(form.len() - code.len());
        let repeat: usize = if repeat.is_empty() {
            1
        } else {
            repeat.parse().ok()?
        };
        let width = match code.chars().next()? {
            'L' | 'B' | 'A' => 1,
            'I' => 2,
            'J' | 'E' => 4,
            'K' | 'D' | 'C' | 'P' => 8,
            'M' | 'Q' => 16,
            _ => return None,
        };
        if repeat == 1
            && let Some(name) = header.text(&format!("TTYPE{field}"))
        {
            columns.push(Column {
                name: name.to_owned(),
                at,
                code: code.to_owned(),
            });
        }
        at = at.checked_add(repeat.checked_mul(width)?)?;
    }
    Some(columns)
}

/// How the image is cut into tiles, fastest axis first.
struct TileGrid {
    /// Per axis: length of the image, length of a tile, number of tiles.
    axes: Vec<(usize, usize, usize)>,
}

impl TileGrid {
    fn new(header: &Header, axes: &[usize], part: &str) -> Result<Self, StampProblem> {
        let cut = axes.iter().enumerate().map(|(axis, length)| {
            let keyword = format!("ZTILE{}", axis + 1);
            // By default each image row is a tile.
            let default = if axis == 0 { *length } else { 1 };
            let tile = match header.integer(&keyword) {
                None => default,
                Some(tile) => usize::try_from(tile)
                    .ok()
                    .filter(|tile| *tile > 0)
                    .ok_or_else(|| StampProblem::damaged(part, format!("{keyword} is {tile}")))?,
            };
            Ok((*length, tile, length.div_ceil(tile)))
        });
        Ok(Self {
            axes: cut.collect::<Result<_, StampProblem>>()?,
        })
    }

    fn count(&self) -> u128 {
        let counts: Vec<usize> = self.axes.iter().map(|(_, _, count)| *count).collect();
        product(&counts)
    }

    /// Per axis the start and length of tile `index`.
    fn spans(&self, mut index: usize) -> Vec<(usize, usize)> {
        let spans = self.axes.iter().map(|(length, tile, count)| {
            let start = index % count * tile;
            index /= count;
            (start, (*tile).min(length - start))
        });
        spans.collect()
    }
}

/// Copies the pixels of a tile, row by row, into the image.
fn place(image: &mut [f32], axes: &[usize], spans: &[(usize, usize)], values: &[f32]) {
    let Some(((start, length), outer)) = spans.split_first() else {
        return;
    };
    for (row, line) in values.chunks_exact(*length).enumerate() {
        let (mut row, mut at, mut stride) = (row, *start, axes[0]);
        for ((start, length), axis) in outer.iter().zip(&axes[1..]) {
            at += (start + row % length) * stride;
            row /= length;
            stride *= axis;
        }
        image[at..at + length].copy_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_land_where_they_belong() {
        // A 5 x 3 image cut into tiles of 2 x 2; each tile is filled with its number.
        let header = Header {
            index: 1,
            cards: vec![
                crate::stamp::Card::value("ZTILE1", 2),
                crate::stamp::Card::value("ZTILE2", 2),
            ],
        };
        let axes = [5, 3];
        let grid = TileGrid::new(&header, &axes, "x").expect("grid");
        assert_eq!(grid.count(), 6);
        let mut image = vec![9.0; 15];
        for tile in 0..6 {
            let spans = grid.spans(tile);
            let count: usize = spans.iter().map(|s| s.1).product();
            place(&mut image, &axes, &spans, &vec![tile as f32; count]);
        }
        let expected = [0., 0., 1., 1., 2., 0., 0., 1., 1., 2., 3., 3., 4., 4., 5.];
        assert_eq!(image, expected);
    }
}
