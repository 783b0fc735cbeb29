//! Colour bars: the colours of a look from one limit to the other, with ticks in units of the data.
//!
//! Invariant: the first and the last tick are the limits of the look; ticks between them lie where the look shows their value,
//! stretch included.

use super::drawing::{Align, Frame, Item, Palette, Pixels, Stroke, Text};
use super::font::{fitted, text_width};
use super::ticks::{nice, number_text};
use crate::stamp::ValueRange;
use crate::stamp::look::{Ink, Look, Rgb};
use crate::stamp::render;
use crate::stamp::stretch::{Stretch, between};

/// Colours of a bar.
const STEPS: usize = 256;
/// Height of the colours, points.
const HEIGHT: f64 = 8.0;
/// Size of its letters, points.
const TEXT: f64 = 7.0;
/// The least distance between the labels of two ticks, points.
const APART: f64 = 6.0;
/// The most ticks between the limits.
const MOST: usize = 4;

/// A colour bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What the colours mean.
    pub title: String,
    /// Values to colours.
    pub look: Look,
    /// The range of the pixels, and what it is in units of the data.
    pub data: [ValueRange; 2],
    /// What the data is counted in; may be empty.
    pub unit: String,
}

/// A tick of a colour bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarTick {
    /// Its place, as a share of the bar.
    pub share: f64,
    /// Its value, in units of the data.
    pub value: f64,
}

impl Bar {
    /// A bar whose pixels are the data.
    pub fn new(title: impl Into<String>, look: Look) -> Self {
        Self {
            title: title.into(),
            look,
            data: [ValueRange::UNIT; 2],
            unit: String::new(),
        }
    }

    /// The bar of a signed overlay: from its scale below zero to its scale above, over `ground`.
    pub fn signed(title: impl Into<String>, scale: f32, colors: [Rgb; 3]) -> Self {
        let limits = [-scale, scale];
        let look = Look::new(Ink::Ramp(colors), limits, Stretch::Linear);
        Self::new(title, look)
    }

    /// The same bar for pixels in `range` that are `data` in the file.
    pub fn with_data(self, range: ValueRange, data: ValueRange, unit: impl Into<String>) -> Self {
        Self {
            data: [range, data],
            unit: unit.into(),
            ..self
        }
    }

    /// Height of all of it, points.
    pub(super) const fn height() -> f64 {
        TEXT + 4.0 + HEIGHT + 3.0 + TEXT + 3.0
    }

    fn in_data(&self, pixel: f64) -> f64 {
        let [range, data] = self.data;
        let (low, high) = (f64::from(range.low), f64::from(range.high));
        let share = (pixel - low) / (high - low);
        f64::from(data.low) + share * (f64::from(data.high) - f64::from(data.low))
    }

    fn in_pixels(&self, value: f64) -> f64 {
        let [range, data] = self.data;
        let (low, high) = (f64::from(data.low), f64::from(data.high));
        let share = (value - low) / (high - low);
        f64::from(range.low) + share * (f64::from(range.high) - f64::from(range.low))
    }

    /// The limits and the round values between them.
    pub fn ticks(&self) -> Vec<BarTick> {
        let ends = self.look.limits.map(|limit| self.in_data(f64::from(limit)));
        let share = |value: f64| {
            let pixel = self.in_pixels(value) as f32;
            f64::from(self.look.stretch.apply(between(self.look.limits, pixel)))
        };
        let tick = |value: f64| BarTick {
            share: share(value),
            value,
        };
        let [low, high] = ends;
        let inner = nice(ends, MOST).into_iter().map(tick);
        let inner = inner.filter(|tick| tick.share > 0.02 && tick.share < 0.98);
        let mut ticks = vec![BarTick {
            share: 0.0,
            value: low,
        }];
        ticks.extend(inner);
        ticks.push(BarTick {
            share: 1.0,
            value: high,
        });
        ticks
    }

    /// The bar in the upper part of a frame of its height.
    pub(super) fn draw(&self, frame: Frame, palette: &Palette) -> Vec<Item> {
        let mut items = Vec::new();
        let unit = if self.unit.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.unit)
        };
        let title = fitted(&format!("{}{unit}", self.title), TEXT, frame.width);
        let at = [frame.left, frame.top + TEXT];
        items.push(Text::new(at, title, TEXT, palette.ink).into());
        let bar = Frame::new(frame.left, frame.top + TEXT + 4.0, frame.width, HEIGHT);
        items.push(Item::Picture {
            frame: bar,
            name: format!("Colours of {}", self.title),
            pixels: Pixels {
                width: STEPS,
                height: 1,
                colors: render::bar(&self.look, STEPS).into(),
            },
        });
        let stroke = Stroke::new(palette.ink, 0.5);
        items.push(Item::outline(bar.corners(), stroke));
        for (tick, text) in self.labelled(frame.width) {
            let [x, y] = bar.at(tick.share, 1.0);
            items.push(Item::line([[x, y], [x, y + 2.0]], stroke));
            let Some((text, align)) = text else { continue };
            let text = Text::new([x, y + 3.0 + TEXT], text, TEXT, palette.ink);
            items.push(Text { align, ..text }.into());
        }
        items
    }

    /// The ticks with their labels, those left out that would touch another.
    fn labelled(&self, width: f64) -> Vec<(BarTick, Option<(String, Align)>)> {
        let ticks = self.ticks();
        let last = ticks.len().saturating_sub(1);
        let label = |value: f64| number_text(value);
        let end_width = ticks
            .last()
            .map_or(0.0, |t| text_width(&label(t.value), TEXT));
        let mut free_from = 0.0;
        let mut all = Vec::with_capacity(ticks.len());
        for (i, tick) in ticks.into_iter().enumerate() {
            let text = label(tick.value);
            let wide = text_width(&text, TEXT);
            let x = tick.share * width;
            let (from, align) = match i {
                0 => (x, Align::Start),
                i if i == last => (x - wide, Align::End),
                _ => (x - wide / 2.0, Align::Middle),
            };
            let is_end = i == 0 || i == last;
            let has_room = from >= free_from && from + wide + APART <= width - end_width;
            let text = (is_end || has_room).then_some((text, align));
            if text.is_some() {
                free_from = from + wide + APART;
            }
            all.push((tick, text));
        }
        all
    }
}
