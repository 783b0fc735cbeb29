//! One picture of a figure with what is drawn over it.

use super::drawing::{Frame, Item, Pixels, Stroke, Text};
use super::font::text_width;
use crate::sky::{Compass, Place};
use crate::stamp::Stamp;
use crate::stamp::look::{Look, Rgb};
use crate::stamp::render::{Canvas, Raster, Rasters, render};

/// Pixels per point that a picture is drawn with at least, so that programs which smooth pictures keep its pixels apart.
const FINENESS: f64 = 3.0;
/// Columns and rows of a picture in a figure at most; a larger one is thinned out, as on the screen.
const MOST: usize = 4096;
/// Length of the compass's arms, points.
const ARM: f64 = 11.0;
/// Marks over pictures: pale, with a dark shade, so that they show over light and dark.
const MARK: Rgb = [247, 230, 190];
const SHADE: Rgb = [24, 24, 26];

/// A line drawn over a picture, the outline of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Its corners, in pixels of the file.
    pub corners: Vec<Place>,
    /// Whether the last is joined to the first.
    pub is_closed: bool,
    /// Its colour.
    pub color: Rgb,
}

/// One picture of a figure.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Written above it.
    pub caption: String,
    /// Written below it; may be empty.
    pub note: String,
    /// The pixels.
    pub stamp: Stamp,
    /// The channel that is the picture; all channels are its bands when there is none.
    pub plane: Option<usize>,
    /// What is laid over it by the look's overlay.
    pub over: Option<Stamp>,
    /// Values to colours.
    pub look: Look,
    /// North, east and scale, drawn into it.
    pub compass: Option<Compass>,
    /// Lines over it.
    pub outlines: Vec<Outline>,
}

impl Panel {
    /// A picture under a look, nothing over it.
    pub fn new(caption: impl Into<String>, stamp: Stamp, look: Look) -> Self {
        Self {
            caption: caption.into(),
            note: String::new(),
            stamp,
            plane: None,
            over: None,
            look,
            compass: None,
            outlines: Vec::new(),
        }
    }

    /// The same with a note.
    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }

    /// Height over width.
    pub(super) fn aspect(&self) -> f64 {
        self.stamp.height.max(1) as f64 / self.stamp.width.max(1) as f64
    }

    /// The picture as it is embedded where it is `width` points wide: whole pixels of the data, each a square of as many pixels
    /// as [`FINENESS`] asks for. `None` where it has no pixels.
    pub(super) fn pixels(&self, width: f64) -> Option<Pixels> {
        let stamp = &self.stamp;
        let base = match self.plane {
            Some(plane) if plane < stamp.channels => {
                Raster::new(stamp.plane(plane), [1, stamp.height, stamp.width])
            }
            Some(_) => None,
            None => Raster::of(stamp),
        }?;
        let base = base.thinned(stamp.width.max(stamp.height).div_ceil(MOST));
        let [_, rows, columns] = base.dims();
        let times = (FINENESS * width / columns as f64).ceil().max(1.0) as usize;
        let times = times.min((MOST / columns.max(rows)).max(1));
        let canvas = Canvas {
            pixels_per_point: (columns * times) as f32 / width as f32,
            ..Canvas::whole([columns * times, rows * times])
        };
        let rasters = Rasters {
            base,
            over: self.over.as_ref().and_then(Raster::of),
            lines: None,
        };
        let colors = render(&rasters, &self.look, &canvas);
        Some(Pixels {
            width: canvas.size[0],
            height: canvas.size[1],
            colors: colors.iter().map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        })
    }

    /// The picture in its frame, with everything that lies over it.
    pub(super) fn draw(&self, frame: Frame, line: Stroke) -> Vec<Item> {
        let mut items = Vec::new();
        if let Some(pixels) = self.pixels(frame.width) {
            items.push(Item::Picture {
                frame,
                name: self.caption.clone(),
                pixels,
            });
        }
        let per_pixel = [
            frame.width / self.stamp.width.max(1) as f64,
            frame.height / self.stamp.height.max(1) as f64,
        ];
        // Corners count pixels of the file, of which a picture made smaller has several in one.
        let factor = self.stamp.reduction_factor().max(1) as f64;
        let per_file_pixel = per_pixel.map(|points| points / factor);
        let mut over: Vec<Item> = Vec::new();
        for outline in &self.outlines {
            let on_page = |place: &Place| {
                [
                    frame.left + (place.column + 0.5) * per_file_pixel[0],
                    frame.top + (place.row + 0.5) * per_file_pixel[1],
                ]
            };
            let points: Vec<[f64; 2]> = outline.corners.iter().map(on_page).collect();
            over.push(Item::Path {
                points,
                is_closed: outline.is_closed,
                fill: None,
                stroke: Some(Stroke::new(outline.color, 0.8)),
            });
        }
        if let Some(compass) = &self.compass {
            over.extend(sky(frame, compass, per_pixel[0]));
        }
        if !over.is_empty() {
            items.push(Item::Clipped { frame, items: over });
        }
        items.push(Item::outline(frame.corners(), line));
        items
    }
}

/// The compass in the upper right corner and a scale bar in the lower right one.
fn sky(frame: Frame, compass: &Compass, points_per_pixel: f64) -> Vec<Item> {
    let mut items = Vec::new();
    if frame.width < 60.0 {
        return items;
    }
    let middle = [frame.right() - ARM - 12.0, frame.top + ARM + 12.0];
    for (direction, name) in [(compass.north, "N"), (compass.east, "E")] {
        let at = |length: f64| {
            [
                middle[0] + length * direction[0],
                middle[1] + length * direction[1],
            ]
        };
        items.extend(marked_line([middle, at(ARM)]));
        let [x, y] = at(ARM + 5.0);
        items.extend(marked_text([x, y + 2.3], name));
    }
    let Some((arcsec, pixels)) = compass.bar(0.3 * frame.width / points_per_pixel) else {
        return items;
    };
    let right = [frame.right() - 7.0, frame.bottom() - 7.0];
    let left = [right[0] - pixels * points_per_pixel, right[1]];
    items.extend(marked_line([left, right]));
    let text = angle_text(arcsec);
    // Never beyond the right side, however short the bar is.
    let half = text_width(&text, 6.5) / 2.0;
    let x = f64::midpoint(left[0], right[0]).min(frame.right() - 4.0 - half);
    items.extend(marked_text([x, right[1] - 4.0], &text));
    items
}

fn marked_line(ends: [[f64; 2]; 2]) -> [Item; 2] {
    [(SHADE, 2.2), (MARK, 0.9)]
        .map(|(color, width)| Item::line(ends.to_vec(), Stroke::new(color, width)))
}

fn marked_text([x, y]: [f64; 2], text: &str) -> [Item; 2] {
    [(0.5, SHADE), (0.0, MARK)].map(|(shift, color)| {
        Text::new([x + shift, y + shift], text, 6.5, color)
            .centred()
            .into()
    })
}

/// `0.5"`, `2'`, `1 deg`.
fn angle_text(arcsec: f64) -> String {
    match arcsec {
        3600.0.. => format!("{:.0} deg", arcsec / 3600.0),
        60.0.. => format!("{:.0}'", arcsec / 60.0),
        _ => format!("{arcsec}\""),
    }
}
