//! From float pixels and a look to RGBA: the processor's twin of the shader in the window, for files and for tests.
//!
//! Invariant: every pixel of the result is a function of its own place, computed in the order of the shader
//! (`app/src/graphics/picture.wgsl`) with the same formulas, so that both agree to 1/255.

use std::borrow::Cow;

use super::Stamp;
use super::look::{Contours, Ink, Look, Marks, Overlay, mix, unit};

/// Pixels to draw, planar `[C, H, W]` in picture order.
#[derive(Clone, Debug)]
pub struct Raster<'a> {
    values: Cow<'a, [f32]>,
    bands: usize,
    height: usize,
    width: usize,
}

impl<'a> Raster<'a> {
    /// Planar pixels `[C, H, W]`; `None` where their number is another or zero.
    pub fn new(
        values: impl Into<Cow<'a, [f32]>>,
        [bands, height, width]: [usize; 3],
    ) -> Option<Self> {
        let values = values.into();
        let count = bands.checked_mul(height)?.checked_mul(width)?;
        (count > 0 && values.len() == count).then_some(Self {
            values,
            bands,
            height,
            width,
        })
    }

    /// The pixels of a stamp; `None` where it has none.
    pub fn of(stamp: &'a Stamp) -> Option<Self> {
        Self::new(&*stamp.pixels, stamp.dims())
    }

    /// `[C, H, W]`.
    pub fn dims(&self) -> [usize; 3] {
        [self.bands, self.height, self.width]
    }

    /// Every `apart`-th row and column: what is shown of a picture that is too large.
    pub fn thinned(&self, apart: usize) -> Raster<'a> {
        if apart <= 1 {
            return self.clone();
        }
        let [bands, height, width] = self.dims();
        let rows = (0..bands * height).filter(|row| (row % height).is_multiple_of(apart));
        let row = |row: usize| {
            let from = row * width;
            self.values[from..from + width].iter().step_by(apart)
        };
        let values: Vec<f32> = rows.flat_map(row).copied().collect();
        Raster {
            values: values.into(),
            bands,
            height: height.div_ceil(apart),
            width: width.div_ceil(apart),
        }
    }

    /// The means of the finite values of blocks of `side` by `side` pixels of the first band, zero where there is none.
    ///
    /// # Panics
    /// When `side` is zero.
    pub fn block_means(&self, side: usize) -> Raster<'static> {
        let (height, width) = (self.height.div_ceil(side), self.width.div_ceil(side));
        let mut sums = vec![(0.0_f64, 0_u32); height * width];
        for (i, value) in self.values[..self.height * self.width].iter().enumerate() {
            if value.is_finite() {
                let (row, column) = (i / self.width / side, i % self.width / side);
                let (sum, count) = &mut sums[row * width + column];
                *sum += f64::from(*value);
                *count += 1;
            }
        }
        let mean = |(sum, count): (f64, u32)| (sum / f64::from(count.max(1))) as f32;
        Raster {
            values: sums.into_iter().map(mean).collect(),
            bands: 1,
            height,
            width,
        }
    }

    /// The values in row order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    fn at(&self, band: usize, [x, y]: [usize; 2]) -> f32 {
        self.values[(band * self.height + y) * self.width + x]
    }

    /// The column and row under a share of width and height.
    fn texel(&self, [u, v]: [f32; 2]) -> [usize; 2] {
        let index = |share: f32, n: usize| ((share * n as f32).max(0.0) as usize).min(n - 1);
        [index(u, self.width), index(v, self.height)]
    }
}

/// What is drawn on top of each other.
#[derive(Clone, Debug)]
pub struct Rasters<'a> {
    /// The picture.
    pub base: Raster<'a>,
    /// The signed map of [`Look::overlay`]; any number of pixels over the same sky.
    pub over: Option<Raster<'a>>,
    /// The map of [`Look::contours`]; any number of pixels over the same sky.
    pub lines: Option<Raster<'a>>,
}

impl<'a> Rasters<'a> {
    /// A picture alone.
    pub const fn new(base: Raster<'a>) -> Self {
        Self {
            base,
            over: None,
            lines: None,
        }
    }
}

/// The part of a picture that is drawn and on how many pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    /// Columns and rows of the result.
    pub size: [usize; 2],
    /// The part shown, in shares of width and height: left and top.
    pub from: [f32; 2],
    /// Right and bottom of the part shown.
    pub to: [f32; 2],
    /// Pixels of the result per point: strokes are so much wider.
    pub pixels_per_point: f32,
}

impl Canvas {
    /// The whole picture on `[columns, rows]`.
    pub const fn whole(size: [usize; 2]) -> Self {
        Self {
            size,
            from: [0.0; 2],
            to: [1.0; 2],
            pixels_per_point: 1.0,
        }
    }

    /// Shares of width and height per pixel of the result.
    pub fn step(&self) -> [f32; 2] {
        [0, 1].map(|i| (self.to[i] - self.from[i]) / self.size[i].max(1) as f32)
    }
}

/// Side, in pixels of a map of `dims` (`[C, H, W]`), of the blocks that get one mark each where the map is drawn with `step`
/// shares per pixel: a power of two, so that marks stay in place while zooming.
pub fn mark_block([_, _, width]: [usize; 3], step: [f32; 2], pixels_per_point: f32) -> usize {
    let wanted = (Marks::APART * pixels_per_point * step[0] * width as f32).ceil();
    let widest = width.max(1).next_power_of_two();
    (wanted.max(1.0) as usize).min(widest).next_power_of_two()
}

/// Draws; RGBA, row by row.
///
/// ```
/// use ganoscope_core::stamp::colormap::Colormap;
/// use ganoscope_core::stamp::look::{Ink, Look};
/// use ganoscope_core::stamp::render::{Canvas, Raster, Rasters, render};
/// use ganoscope_core::stamp::stretch::Stretch;
///
/// let pixels = Raster::new(vec![0.0, 1.0], [1, 1, 2]).unwrap();
/// let look = Look::new(Ink::Map(Colormap::Grey), [0.0, 1.0], Stretch::Linear);
/// let picture = render(&Rasters::new(pixels), &look, &Canvas::whole([2, 1]));
/// assert_eq!(picture, [[0, 0, 0, 255], [255, 255, 255, 255]]);
/// ```
pub fn render(rasters: &Rasters<'_>, look: &Look, canvas: &Canvas) -> Vec<[u8; 4]> {
    let step = canvas.step();
    let overlay = look.overlay.zip(rasters.over.as_ref());
    let overlay = overlay.map(|(overlay, map)| Over {
        overlay,
        blocks: overlay.marks.map(|marks| {
            let side = mark_block(map.dims(), step, canvas.pixels_per_point);
            (marks, side, map.block_means(side))
        }),
        map,
    });
    let contours = look.contours.zip(rasters.lines.as_ref());
    let mut bands = vec![0.0; rasters.base.bands];
    let mut pixels = Vec::with_capacity(canvas.size[0] * canvas.size[1]);
    for row in 0..canvas.size[1] {
        for column in 0..canvas.size[0] {
            let place = Place::of(canvas, step, [column, row]);
            let texel = rasters.base.texel(place.share);
            for (band, value) in bands.iter_mut().enumerate() {
                *value = rasters.base.at(band, texel);
            }
            let mut color = look.shade(&bands);
            if let Some(over) = &overlay {
                color = over.cover(color, &place);
            }
            let mut color = color.unwrap_or_else(|| unit(look.missing));
            if let Some(over) = &overlay {
                color = over.mark(color, &place);
            }
            if let Some((contours, map)) = contours {
                color = line(color, &contours, map, &place);
            }
            let [r, g, b] = color.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8);
            pixels.push([r, g, b, 255]);
        }
    }
    pixels
}

/// The middle of a pixel of the result.
struct Place {
    /// Pixels from the left and top edge of the result.
    pixel: [f32; 2],
    /// Shares of width and height of the picture.
    share: [f32; 2],
    /// Shares per pixel.
    step: [f32; 2],
    /// Share at the left and top edge of the result.
    from: [f32; 2],
    pixels_per_point: f32,
}

impl Place {
    fn of(canvas: &Canvas, step: [f32; 2], at: [usize; 2]) -> Self {
        let pixel = at.map(|v| v as f32 + 0.5);
        Self {
            pixel,
            share: [0, 1].map(|i| canvas.from[i] + pixel[i] * step[i]),
            step,
            from: canvas.from,
            pixels_per_point: canvas.pixels_per_point,
        }
    }
}

/// An overlay with its map and the means of its blocks.
struct Over<'a> {
    overlay: Overlay,
    map: &'a Raster<'a>,
    blocks: Option<(Marks, usize, Raster<'static>)>,
}

impl Over<'_> {
    /// The ground dimmed and covered in proportion to the map.
    fn cover(&self, color: Option<[f32; 3]>, place: &Place) -> Option<[f32; 3]> {
        let Overlay {
            scale,
            opacity,
            negative,
            positive,
            ground,
            ..
        } = self.overlay;
        let value = self.map.at(0, self.map.texel(place.share));
        let color = color.filter(|_| value.is_finite())?;
        let value = value / scale.max(f32::MIN_POSITIVE);
        let pole = unit(if value > 0.0 { positive } else { negative });
        Some(mix(
            color.map(|v| v * ground),
            pole,
            value.abs().min(1.0) * opacity,
        ))
    }

    /// The stroke of the block's sign, where the block is strong.
    fn mark(&self, color: [f32; 3], place: &Place) -> [f32; 3] {
        let Some((marks, side, means)) = &self.blocks else {
            return color;
        };
        let texel = self.map.texel(place.share);
        let block = texel.map(|v| v / side);
        let value = means.at(0, block) / self.overlay.scale.max(f32::MIN_POSITIVE);
        let strength = value.abs().min(1.0);
        if strength < Marks::FROM {
            return color;
        }
        let [_, height, width] = self.map.dims();
        let dims = [width, height];
        let offset = [0, 1].map(|i| {
            let middle = (block[i] as f32 + 0.5) * *side as f32 / dims[i] as f32;
            let middle = (middle - place.from[i]) / place.step[i];
            ((place.pixel[i] - middle) / place.pixels_per_point).abs()
        });
        let grown = (strength - Marks::FROM) / (1.0 - Marks::FROM);
        let arm = Marks::ARM[0] + grown * (Marks::ARM[1] - Marks::ARM[0]);
        let across = offset[1].max(offset[0] - arm);
        let down = offset[0].max(offset[1] - arm);
        let distance = if value > 0.0 {
            across.min(down)
        } else {
            across
        };
        let covered =
            |half: f32| ((half - distance) * place.pixels_per_point + 0.5).clamp(0.0, 1.0);
        let shaded = covered(Marks::HALF_WIDTH[1]) * marks.shade_opacity;
        let color = mix(color, unit(marks.shade), shaded);
        mix(color, unit(marks.ink), covered(Marks::HALF_WIDTH[0]))
    }
}

/// The nearest line of equal value, antialiased by its distance: the difference of values over the gradient.
fn line(color: [f32; 3], contours: &Contours, map: &Raster<'_>, place: &Place) -> [f32; 3] {
    let dims = [map.width, map.height];
    let corner = [0, 1].map(|i| place.share[i] * dims[i] as f32 - 0.5);
    let low = corner.map(f32::floor);
    let [tx, ty] = [0, 1].map(|i| corner[i] - low[i]);
    let index = |i: usize, add: f32| (low[i] + add).clamp(0.0, (dims[i] - 1) as f32) as usize;
    let at = |x: f32, y: f32| map.at(0, [index(0, x), index(1, y)]);
    let [a, b, c, d] = [at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)];
    if ![a, b, c, d].iter().all(|v| v.is_finite()) {
        return color;
    }
    let along = |from: f32, to: f32, t: f32| from + (to - from) * t;
    let value = along(along(a, b, tx), along(c, d, tx), ty);
    let slope_x = along(b - a, d - c, ty) * place.step[0] * dims[0] as f32;
    let slope_y = along(c - a, d - b, tx) * place.step[1] * dims[1] as f32;
    let slope = (slope_x * slope_x + slope_y * slope_y).sqrt();
    let last = contours.count.saturating_sub(1) as f32;
    let nearest = ((value - contours.first) / contours.step + 0.5).floor();
    let level = contours.first + nearest.clamp(0.0, last) * contours.step;
    // On a plateau there is no line to be near to.
    let flat = 1e-6 * contours.step;
    if slope <= flat || contours.count == 0 {
        return color;
    }
    let distance = (value - level).abs() / slope;
    let half = contours.width * place.pixels_per_point / 2.0;
    mix(
        color,
        unit(contours.ink),
        (half + 0.5 - distance).clamp(0.0, 1.0),
    )
}

/// Whether a look's colours depend on the size it is drawn at: marks and lines have widths in points.
pub const fn depends_on_size(look: &Look) -> bool {
    let has_marks = matches!(look.overlay, Some(Overlay { marks: Some(_), .. }));
    has_marks || look.contours.is_some()
}

/// Colours of `count` brightnesses from black to white under a look, for colour bars: RGB bytes.
pub fn bar(look: &Look, count: usize) -> Vec<[u8; 3]> {
    let last = count.saturating_sub(1).max(1) as f32;
    let ink = match look.ink {
        Ink::Natural(map) | Ink::Lupton(_, map) => Ink::Map(map),
        ink => ink,
    };
    let color = |i: usize| ink.at(look.shifted(look.stretch.apply(i as f32 / last)));
    (0..count)
        .map(|i| color(i).map(|v| (v * 255.0).round() as u8))
        .collect()
}

#[cfg(test)]
mod tests;
