//! A plot of lines over named places of a horizontal axis.
//!
//! Invariant: lines differ by their marks as well as by their colours, and are cut at the frame.

use super::PAGE_WIDTH;
use super::drawing::{Drawing, Frame, Item, Palette, Stroke, Text};
use super::font::{fitted, text_width, wrapped};
use super::ticks::{nice, texts};
use crate::stamp::look::Rgb;

const MARGIN: f64 = 10.0;
const TITLE: f64 = 11.0;
const TEXT: f64 = 7.5;
const SMALL: f64 = 6.5;

/// The mark at every point of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spot {
    /// A disc.
    #[default]
    Disc,
    /// A square on its side.
    Square,
    /// A square on its corner.
    Diamond,
    /// A triangle.
    Triangle,
}

impl Spot {
    /// All, in the order in which lines take them.
    pub const ALL: [Self; 4] = [Self::Disc, Self::Square, Self::Diamond, Self::Triangle];

    fn item(self, [x, y]: [f64; 2], r: f64, color: Rgb) -> Item {
        let corners = |shares: &[[f64; 2]]| -> Vec<[f64; 2]> {
            shares.iter().map(|[a, b]| [x + a * r, y + b * r]).collect()
        };
        match self {
            Self::Disc => Item::dot([x, y], r, color),
            Self::Square => Item::area(
                corners(&[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
                color,
            ),
            Self::Diamond => Item::area(
                corners(&[[0.0, -1.3], [1.3, 0.0], [0.0, 1.3], [-1.3, 0.0]]),
                color,
            ),
            Self::Triangle => Item::area(corners(&[[0.0, -1.2], [1.2, 0.9], [-1.2, 0.9]]), color),
        }
    }
}

/// A line of a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What the legend says.
    pub name: String,
    /// Its colour.
    pub color: Rgb,
    /// The mark at its points.
    pub spot: Spot,
    /// Its points, the place on the horizontal axis and the value; values that are not finite are gaps.
    pub points: Vec<[f64; 2]>,
}

/// A broken horizontal line.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// What the legend says.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// A plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Above everything; may be empty.
    pub title: String,
    /// What the horizontal axis counts.
    pub across: String,
    /// What the vertical axis counts, with its unit.
    pub up: String,
    /// The places on the horizontal axis that have a name.
    pub places: Vec<(f64, String)>,
    /// The ends of the horizontal axis.
    pub span: [f64; 2],
    /// The ends of the vertical axis, the lower first.
    pub range: [f64; 2],
    /// The lines.
    pub lanes: Vec<Lane>,
    /// Horizontal lines to compare with.
    pub levels: Vec<Level>,
    /// A vertical line: what is shown at present.
    pub shown: Option<f64>,
    /// Said below.
    pub notes: Vec<String>,
    /// Colours of the page.
    pub palette: Palette,
}

impl Chart {
    /// The page with everything on it.
    pub fn draw(&self) -> Drawing {
        let mut drawing = Drawing {
            width: PAGE_WIDTH,
            height: 0.0,
            paper: self.palette.paper,
            title: self.title.clone(),
            items: Vec::new(),
        };
        let mut top = MARGIN;
        if !self.title.is_empty() {
            let title = fitted(&self.title, TITLE, PAGE_WIDTH - 2.0 * MARGIN);
            drawing.push(Text::new(
                [MARGIN, top + TITLE],
                title,
                TITLE,
                self.palette.ink,
            ));
            top += TITLE + 7.0;
        }
        top = self.draw_legend(top, &mut drawing);
        let ticks = nice(self.range, 7);
        let labels = texts(&ticks);
        let widest = labels.iter().map(|text| text_width(text, TEXT));
        let left = MARGIN + TEXT + 6.0 + widest.fold(0.0, f64::max) + 5.0;
        let frame = Frame::new(left, top, PAGE_WIDTH - left - MARGIN, 200.0);
        for (value, label) in ticks.iter().zip(labels) {
            let y = self.y_of(frame, *value);
            let grid = Stroke::new(self.palette.line, 0.4);
            drawing.push(Item::line([[frame.left, y], [frame.right(), y]], grid));
            let at = [frame.left - 4.0, y + 0.35 * TEXT];
            drawing.push(Text::new(at, label, TEXT, self.palette.ink).ending());
        }
        let middle = [MARGIN + TEXT, frame.top + frame.height / 2.0];
        let up = Text::new(middle, &*self.up, TEXT, self.palette.ink);
        drawing.push(up.centred().upward());
        self.draw_places(frame, &mut drawing);
        self.draw_lines(frame, &mut drawing);
        let outline = Stroke::new(self.palette.ink, 0.5);
        drawing.push(Item::outline(frame.corners(), outline));
        let mut y = frame.bottom() + 2.0 * TEXT + 10.0;
        for note in &self.notes {
            for line in wrapped(note, SMALL, PAGE_WIDTH - 2.0 * MARGIN) {
                y += SMALL + 2.0;
                drawing.push(Text::new([MARGIN, y], line, SMALL, self.palette.weak));
            }
        }
        drawing.height = y + MARGIN;
        drawing
    }

    fn x_of(&self, frame: Frame, at: f64) -> f64 {
        let [from, to] = self.span;
        let share = if to > from {
            (at - from) / (to - from)
        } else {
            0.5
        };
        frame.left + share * frame.width
    }

    fn y_of(&self, frame: Frame, value: f64) -> f64 {
        let [low, high] = self.range;
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        frame.bottom() - share * frame.height
    }

    /// The names of all lines in one row; returns where what follows begins.
    fn draw_legend(&self, top: f64, drawing: &mut Drawing) -> f64 {
        let ink = self.palette.ink;
        let mut x = MARGIN;
        let y = top + TEXT;
        let middle = y - 0.32 * TEXT;
        for lane in &self.lanes {
            let stroke = Stroke::new(lane.color, 1.2);
            drawing.push(Item::line([[x, middle], [x + 18.0, middle]], stroke));
            drawing.push(lane.spot.item([x + 9.0, middle], 2.2, lane.color));
            drawing.push(Text::new([x + 22.0, y], &*lane.name, TEXT, ink));
            x += 22.0 + text_width(&lane.name, TEXT) + 16.0;
        }
        for level in &self.levels {
            drawing.push(Item::line([[x, middle], [x + 18.0, middle]], self.broken()));
            drawing.push(Text::new([x + 22.0, y], &*level.name, TEXT, ink));
            x += 22.0 + text_width(&level.name, TEXT) + 16.0;
        }
        let is_empty = self.lanes.is_empty() && self.levels.is_empty();
        if is_empty { top } else { y + 7.0 }
    }

    const fn broken(&self) -> Stroke {
        Stroke {
            color: self.palette.weak,
            width: 0.8,
            dash: Some([4.0, 3.0]),
        }
    }

    /// Ticks and names of the horizontal axis; names that would touch are left out.
    fn draw_places(&self, frame: Frame, drawing: &mut Drawing) {
        let ink = self.palette.ink;
        let mut free_from = f64::NEG_INFINITY;
        for (at, name) in &self.places {
            let x = self.x_of(frame, *at);
            let y = frame.bottom();
            let tick = Stroke::new(ink, 0.5);
            drawing.push(Item::line([[x, y], [x, y + 2.5]], tick));
            let half = text_width(name, TEXT) / 2.0;
            if x - half >= free_from {
                free_from = x + half + 5.0;
                let at = [x, y + 4.0 + TEXT * 0.8];
                drawing.push(Text::new(at, &**name, TEXT, ink).centred());
            }
        }
        let at = [
            frame.left + frame.width / 2.0,
            frame.bottom() + 2.0 * TEXT + 6.0,
        ];
        drawing.push(Text::new(at, &*self.across, TEXT, ink).centred());
    }

    /// What is drawn inside the frame and cut at it.
    fn draw_lines(&self, frame: Frame, drawing: &mut Drawing) {
        let mut items = Vec::new();
        if let Some(shown) = self.shown {
            let x = self.x_of(frame, shown);
            let stroke = Stroke::new(self.palette.weak, 0.8);
            items.push(Item::line([[x, frame.top], [x, frame.bottom()]], stroke));
        }
        for level in self.levels.iter().filter(|level| level.value.is_finite()) {
            let y = self.y_of(frame, level.value);
            let ends = [[frame.left, y], [frame.right(), y]];
            items.push(Item::line(ends, self.broken()));
        }
        for lane in &self.lanes {
            let stroke = Stroke::new(lane.color, 1.2);
            let pieces = lane.points.split(|point| !point[1].is_finite());
            for piece in pieces.filter(|piece| !piece.is_empty()) {
                let on_page =
                    |point: &[f64; 2]| [self.x_of(frame, point[0]), self.y_of(frame, point[1])];
                let points: Vec<[f64; 2]> = piece.iter().map(on_page).collect();
                let spots = points.iter().map(|at| lane.spot.item(*at, 2.2, lane.color));
                let spots: Vec<Item> = spots.collect();
                items.push(Item::line(points, stroke));
                items.extend(spots);
            }
        }
        drawing.push(Item::Clipped { frame, items });
    }
}
