//! What a figure is made of: shapes, texts and pictures on a page.
//!
//! Invariant: lengths are points (1/72 inch), x to the right and y down from the upper left corner; a text's y is that of its
//! baseline. Later items lie over earlier ones.

use std::sync::Arc;

use crate::stamp::look::Rgb;

/// Colours of a page that are not those of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// The page.
    pub paper: Rgb,
    /// Text and axes.
    pub ink: Rgb,
    /// Notes.
    pub weak: Rgb,
    /// Grids and frames.
    pub line: Rgb,
}

impl Palette {
    /// Dark on white, for print.
    pub const PRINT: Self = Self {
        paper: [255; 3],
        ink: [26, 28, 32],
        weak: [88, 92, 100],
        line: [205, 207, 211],
    };
}

/// A rectangle on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// Distance of its left side from that of the page.
    pub left: f64,
    /// Distance of its upper side from that of the page.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Frame {
    /// A rectangle by its upper left corner and its size.
    pub const fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self {
            left,
            top,
            width,
            height,
        }
    }

    /// Distance of its right side from the left side of the page.
    pub const fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Distance of its lower side from the upper side of the page.
    pub const fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The place at shares of its width and height.
    pub const fn at(&self, across: f64, down: f64) -> [f64; 2] {
        [
            self.left + across * self.width,
            self.top + down * self.height,
        ]
    }

    /// Its corners in order.
    pub const fn corners(&self) -> [[f64; 2]; 4] {
        [
            self.at(0.0, 0.0),
            self.at(1.0, 0.0),
            self.at(1.0, 1.0),
            self.at(0.0, 1.0),
        ]
    }
}

/// A line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Rgb,
    /// Its width.
    pub width: f64,
    /// Lengths of dashes and of the gaps between them; an unbroken line without.
    pub dash: Option<[f64; 2]>,
}

impl Stroke {
    /// An unbroken line.
    pub const fn new(color: Rgb, width: f64) -> Self {
        Self {
            color,
            width,
            dash: None,
        }
    }
}

/// Where a text lies relative to its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Begins there.
    #[default]
    Start,
    /// Its middle is there.
    Middle,
    /// Ends there.
    End,
}

/// One line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The place of its baseline.
    pub at: [f64; 2],
    /// What it says.
    pub text: String,
    /// Size of the font.
    pub size: f64,
    /// Its colour.
    pub color: Rgb,
    /// Where it lies relative to its place.
    pub align: Align,
    /// Whether it runs upwards.
    pub is_upward: bool,
}

impl Text {
    /// A text that begins at its place.
    pub fn new(at: [f64; 2], text: impl Into<String>, size: f64, color: Rgb) -> Self {
        Self {
            at,
            text: text.into(),
            size,
            color,
            align: Align::Start,
            is_upward: false,
        }
    }

    /// The same text, its middle at its place.
    pub fn centred(self) -> Self {
        Self {
            align: Align::Middle,
            ..self
        }
    }

    /// The same text, its end at its place.
    pub fn ending(self) -> Self {
        Self {
            align: Align::End,
            ..self
        }
    }

    /// The same text, upwards.
    pub fn upward(self) -> Self {
        Self {
            is_upward: true,
            ..self
        }
    }
}

/// The pixels of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row from the top.
    pub colors: Arc<[Rgb]>,
}

impl Pixels {
    /// All channels in turn, row by row.
    pub fn bytes(&self) -> Vec<u8> {
        self.colors.iter().flatten().copied().collect()
    }
}

/// Something on the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A polygon or a line of straight pieces.
    Path {
        /// The corners.
        points: Vec<[f64; 2]>,
        /// Whether the last is joined to the first.
        is_closed: bool,
        /// The inside.
        fill: Option<Rgb>,
        /// The outline.
        stroke: Option<Stroke>,
    },
    /// A text.
    Text(Text),
    /// A picture; each of its pixels is a rectangle with sharp sides.
    Picture {
        /// Where it is.
        frame: Frame,
        /// What is in it, in words.
        name: String,
        /// Its pixels.
        pixels: Pixels,
    },
    /// Items of which only what lies inside a rectangle is seen.
    Clipped {
        /// The rectangle.
        frame: Frame,
        /// The items.
        items: Vec<Item>,
    },
}

impl Item {
    /// A line through points.
    pub fn line(points: impl Into<Vec<[f64; 2]>>, stroke: Stroke) -> Self {
        Self::Path {
            points: points.into(),
            is_closed: false,
            fill: None,
            stroke: Some(stroke),
        }
    }

    /// A closed line through points.
    pub fn outline(points: impl Into<Vec<[f64; 2]>>, stroke: Stroke) -> Self {
        Self::Path {
            points: points.into(),
            is_closed: true,
            fill: None,
            stroke: Some(stroke),
        }
    }

    /// A filled polygon.
    pub fn area(points: impl Into<Vec<[f64; 2]>>, fill: Rgb) -> Self {
        Self::Path {
            points: points.into(),
            is_closed: true,
            fill: Some(fill),
            stroke: None,
        }
    }

    /// A filled circle.
    pub fn dot([x, y]: [f64; 2], radius: f64, fill: Rgb) -> Self {
        const CORNERS: u32 = 32;
        let corner = |i: u32| {
            let (s, c) = (f64::from(i) / f64::from(CORNERS) * std::f64::consts::TAU).sin_cos();
            [x + radius * c, y + radius * s]
        };
        Self::area((0..CORNERS).map(corner).collect::<Vec<_>>(), fill)
    }
}

/// A page with everything on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Width of the page.
    pub width: f64,
    /// Height of the page.
    pub height: f64,
    /// Colour of the page.
    pub paper: Rgb,
    /// What it shows; the title of the document.
    pub title: String,
    /// From the lowest to the uppermost.
    pub items: Vec<Item>,
}

impl Drawing {
    /// Puts something on top.
    pub fn push(&mut self, item: impl Into<Item>) {
        self.items.push(item.into());
    }

    /// Millimetres of width and height.
    pub const fn millimetres(&self) -> [f64; 2] {
        [self.width * 25.4 / 72.0, self.height * 25.4 / 72.0]
    }
}

impl From<Text> for Item {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}
