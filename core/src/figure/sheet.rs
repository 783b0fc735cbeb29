//! A page of pictures in rows and columns, with axes, colour bars, captions and notes.
//!
//! Invariant: nothing overlaps. The left side of the first column and the lower side of the lowest picture of every column
//! carry the axes; labels that would touch are left out.

use super::PAGE_WIDTH;
use super::axes::{Axes, Axis};
use super::bar::Bar;
use super::drawing::Item;
use super::drawing::{Drawing, Frame, Palette, Stroke, Text};
use super::font::{fitted, text_width, wrapped};
use super::panel::Panel;

/// Around everything, points.
const MARGIN: f64 = 10.0;
/// Between columns.
const GAP: f64 = 9.0;
/// Between rows.
const ROW_GAP: f64 = 8.0;
/// The widest a picture is drawn.
const WIDEST: f64 = 190.0;
/// The height of all pictures with their lines, as far as they stay legible: a page of a journal with its caption.
const TALLEST: f64 = 610.0;
/// The narrowest that the height makes a picture.
const NARROWEST: f64 = 60.0;
/// Sizes of letters.
const TITLE: f64 = 11.0;
const CAPTION: f64 = 8.0;
const NOTE: f64 = 7.0;
const TICK: f64 = 6.5;
const LABEL: f64 = 7.5;
/// Size of what is said of the whole figure.
const SMALL: f64 = 6.5;
/// Length of a tick.
const TICK_LENGTH: f64 = 2.5;
/// Between a tick and its label.
const TICK_GAP: f64 = 1.5;
/// The widest colour bar.
const WIDEST_BAR: f64 = 160.0;
/// The most ticks on a side.
const MOST_TICKS: usize = 6;

/// A page of pictures.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Above everything; may be empty.
    pub title: String,
    /// The pictures, row by row.
    pub rows: Vec<Vec<Panel>>,
    /// How their sides are labelled, if they are.
    pub axes: Option<Axes>,
    /// What the colours mean.
    pub bars: Vec<Bar>,
    /// Said below: where it comes from and how it was made.
    pub notes: Vec<String>,
    /// Width of the page, points.
    pub width: f64,
    /// Colours of the page.
    pub palette: Palette,
}

impl Sheet {
    /// An empty page over both columns of a journal.
    pub fn new(title: impl Into<String>, palette: Palette) -> Self {
        Self {
            title: title.into(),
            rows: Vec::new(),
            axes: None,
            bars: Vec::new(),
            notes: Vec::new(),
            width: PAGE_WIDTH,
            palette,
        }
    }

    /// The page with everything on it.
    pub fn draw(&self) -> Drawing {
        let plan = Plan::of(self);
        let mut drawing = Drawing {
            width: plan.width,
            height: 0.0,
            paper: self.palette.paper,
            title: self.title.clone(),
            items: Vec::new(),
        };
        let mut y = MARGIN;
        if !self.title.is_empty() {
            let room = plan.width - 2.0 * MARGIN;
            let title = fitted(&self.title, TITLE, room);
            let at = [MARGIN, y + TITLE];
            drawing.push(Text::new(at, title, TITLE, self.palette.ink));
            y += TITLE + 7.0;
        }
        for at in 0..self.rows.len() {
            y = self.draw_row(at, y, &plan, &mut drawing);
        }
        y = self.draw_bars(y, &plan, &mut drawing);
        y = self.draw_notes(y, plan.width, &mut drawing);
        drawing.height = y + MARGIN - ROW_GAP.min(y);
        drawing
    }

    /// One row from `y` down; returns where the next begins.
    fn draw_row(&self, row: usize, y: f64, plan: &Plan, drawing: &mut Drawing) -> f64 {
        let Some(panels) = self.rows.get(row) else {
            return y;
        };
        let ink = self.palette.ink;
        let top = y + CAPTION + 3.5;
        let mut below: f64 = 0.0;
        for (column, panel) in panels.iter().enumerate() {
            let left = plan.left + column as f64 * (plan.side + GAP);
            let frame = Frame::new(left, top, plan.side, plan.side * panel.aspect());
            let caption = fitted(&panel.caption, CAPTION, plan.side);
            drawing.push(Text::new([left, y + CAPTION], caption, CAPTION, ink));
            for item in panel.draw(frame, Stroke::new(ink, 0.5)) {
                drawing.push(item);
            }
            let mut depth = self.draw_axes((row, column), panel, frame, drawing);
            if !panel.note.is_empty() {
                let note = fitted(&panel.note, NOTE, plan.side);
                let at = [left, frame.bottom() + depth + NOTE + 1.5];
                drawing.push(Text::new(at, note, NOTE, self.palette.weak));
                depth += NOTE + 3.0;
            }
            below = below.max(frame.bottom() + depth);
        }
        below.max(top) + ROW_GAP
    }

    /// Whether no picture lies below in the same column.
    fn is_lowest(&self, row: usize, column: usize) -> bool {
        let below = self.rows.get(row + 1);
        below.is_none_or(|below| column >= below.len())
    }

    /// The axes of a picture where it carries them; returns how far they reach below it.
    fn draw_axes(
        &self,
        (row, column): (usize, usize),
        panel: &Panel,
        frame: Frame,
        drawing: &mut Drawing,
    ) -> f64 {
        let Some(axes) = &self.axes else { return 0.0 };
        let size = panel.stamp.size_in_file();
        let stroke = Stroke::new(self.palette.ink, 0.5);
        let ink = self.palette.ink;
        if column == 0 {
            let axis = fitting(|most| axes.down(size, most), frame.height, |_| TICK + 2.0);
            let mut widest: f64 = 0.0;
            for tick in &axis.ticks {
                let [x, y] = frame.at(0.0, tick.share);
                drawing.push(Item::line([[x - TICK_LENGTH, y], [x, y]], stroke));
                let at = [x - TICK_LENGTH - TICK_GAP, y + 0.35 * TICK];
                drawing.push(Text::new(at, &*tick.text, TICK, ink).ending());
                widest = widest.max(text_width(&tick.text, TICK));
            }
            let label = fitted(&axis.label, LABEL, frame.height + GAP);
            let x = frame.left - TICK_LENGTH - TICK_GAP - widest - 4.0;
            let at = [x, frame.top + frame.height / 2.0];
            drawing.push(Text::new(at, label, LABEL, ink).centred().upward());
        }
        if !self.is_lowest(row, column) {
            return 0.0;
        }
        let wide = |text: &str| text_width(text, TICK) + 4.0;
        let axis = fitting(|most| axes.across(size, most), frame.width, wide);
        for tick in &axis.ticks {
            let [x, y] = frame.at(tick.share, 1.0);
            drawing.push(Item::line([[x, y], [x, y + TICK_LENGTH]], stroke));
            let half = text_width(&tick.text, TICK) / 2.0;
            let from = frame.left - GAP / 2.0 + 1.0;
            let to = frame.right() + GAP / 2.0 - 1.0;
            if x - half >= from && x + half <= to {
                let at = [x, y + TICK_LENGTH + TICK_GAP + TICK * 0.75];
                drawing.push(Text::new(at, &*tick.text, TICK, ink).centred());
            }
        }
        let label = fitted(&axis.label, LABEL, frame.width + GAP);
        let at = [
            frame.left + frame.width / 2.0,
            frame.bottom() + axis_depth() - 2.5,
        ];
        drawing.push(Text::new(at, label, LABEL, ink).centred());
        axis_depth()
    }

    /// The colour bars beside each other from `y` down; returns where what follows begins.
    fn draw_bars(&self, y: f64, plan: &Plan, drawing: &mut Drawing) -> f64 {
        if self.bars.is_empty() {
            return y;
        }
        let room = plan.width - MARGIN - plan.left;
        let per_line = ((room + 3.0 * GAP) / (90.0 + 3.0 * GAP)).floor().max(1.0) as usize;
        let per_line = per_line.min(self.bars.len());
        let width = (room - 3.0 * GAP * (per_line - 1) as f64) / per_line as f64;
        let width = width.min(WIDEST_BAR);
        let mut top = y;
        for line in self.bars.chunks(per_line) {
            for (i, bar) in line.iter().enumerate() {
                let left = plan.left + i as f64 * (width + 3.0 * GAP);
                let frame = Frame::new(left, top, width, Bar::height());
                for item in bar.draw(frame, &self.palette) {
                    drawing.push(item);
                }
            }
            top += Bar::height() + ROW_GAP;
        }
        top
    }

    fn draw_notes(&self, y: f64, width: f64, drawing: &mut Drawing) -> f64 {
        let mut y = y;
        for note in &self.notes {
            for line in wrapped(note, SMALL, width - 2.0 * MARGIN) {
                y += SMALL + 2.0;
                drawing.push(Text::new([MARGIN, y], line, SMALL, self.palette.weak));
            }
        }
        if self.notes.is_empty() {
            y
        } else {
            y + ROW_GAP
        }
    }
}

/// How far ticks, labels and the name of the lower axis reach below a picture.
const fn axis_depth() -> f64 {
    TICK_LENGTH + TICK_GAP + TICK + 2.0 + LABEL + 1.5
}

/// Where the columns are.
struct Plan {
    /// Width of the page.
    width: f64,
    /// Distance of the first column from the left side of the page.
    left: f64,
    /// Width of a picture.
    side: f64,
}

impl Plan {
    fn of(sheet: &Sheet) -> Self {
        let columns = sheet.rows.iter().map(Vec::len).max().unwrap_or(0).max(1) as f64;
        let gaps = (columns - 1.0) * GAP;
        let highest = sheet.side_for(TALLEST).max(NARROWEST);
        let side_beside = |gutter: f64| {
            let side = (sheet.width - 2.0 * MARGIN - gutter - gaps) / columns;
            side.min(highest).clamp(8.0, WIDEST)
        };
        // The labels of the left side depend on its height, and the other way round: twice is enough.
        let gutter = sheet.gutter(side_beside(30.0));
        let side = side_beside(sheet.gutter(side_beside(gutter)));
        let left = MARGIN + sheet.gutter(side);
        Self {
            width: left + columns * side + gaps + MARGIN,
            left,
            side,
        }
    }
}

impl Sheet {
    /// Width of a picture so that all rows together have a height.
    fn side_for(&self, height: f64) -> f64 {
        let aspects = self.rows.iter().map(|row| {
            let aspects = row.iter().map(Panel::aspect);
            aspects.fold(0.0, f64::max)
        });
        let has_notes = |row: &&Vec<Panel>| row.iter().any(|panel| !panel.note.is_empty());
        let notes = self.rows.iter().filter(has_notes).count() as f64 * (NOTE + 3.0);
        let lines = self.rows.len() as f64 * (CAPTION + 3.5 + ROW_GAP) + notes;
        (height - lines) / aspects.sum::<f64>().max(f64::MIN_POSITIVE)
    }

    /// Room for the left axis of the first column.
    fn gutter(&self, side: f64) -> f64 {
        let Some(axes) = &self.axes else { return 0.0 };
        let first = self.rows.iter().filter_map(|row| row.first());
        let widths = first.flat_map(|panel| {
            let size = panel.stamp.size_in_file();
            let height = side * panel.aspect();
            let axis = fitting(|most| axes.down(size, most), height, |_| TICK + 2.0);
            let texts = axis.ticks.into_iter();
            texts
                .map(|tick| text_width(&tick.text, TICK))
                .collect::<Vec<_>>()
        });
        let widest = widths.fold(0.0, f64::max);
        LABEL + 4.0 + widest + TICK_GAP + TICK_LENGTH
    }
}

/// The axis with the most ticks whose labels, `room` long each, do not touch on a side of a length.
fn fitting(axis: impl Fn(usize) -> Axis, length: f64, room: impl Fn(&str) -> f64) -> Axis {
    let has_room = |axis: &Axis| {
        let mut spans: Vec<(f64, f64)> = axis
            .ticks
            .iter()
            .map(|tick| (tick.share * length, room(&tick.text) / 2.0))
            .collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        spans
            .windows(2)
            .all(|pair| pair[1].0 - pair[0].0 >= pair[0].1 + pair[1].1)
    };
    let tried = (1..=MOST_TICKS).rev().map(axis);
    tried.into_iter().find(has_room).unwrap_or_default()
}
