//! Blends of two galaxies by the published recipe, with their truth.
//!
//! Invariant: a blend is the pixelwise maximum of its two truths, which are kept whole; only the empty corners of the
//! warp are filled, and [`BlendExample::fill_mask`] says where. Source: Reiman and Göhre 2019, MNRAS 485, 2617
//! (arXiv 1810.10098): galaxy 1 in the middle; galaxy 2 flipped, turned, scaled and shifted at full size (424 px), then both
//! cropped to 240 px and reduced to 80 px by keeping the middle pixel of each 3 x 3 block.

mod sky;
#[cfg(test)]
pub(crate) mod tests;
mod warp;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::sky::SkyLevel;
use self::warp::{COVERED, Edge, SourceMap, add_fill, sample};
use super::{Stamp, ValueRange};
use crate::seed::Stream;

/// The side of a stamp of the published deblender, in pixels.
pub const STAMP_SIDE: usize = 80;
/// Full-size pixels per stamp pixel in the published recipe.
pub const REDUCTION: usize = 3;
/// Width of the frame from which the sky is measured, in full-size pixels.
const SKY_FRAME: usize = 8;

/// Why a blend could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlendError {
    /// The two pictures differ in channels, height or width.
    #[error("the two pictures differ in size: {first:?} and {second:?} (channels, height, width)")]
    Dimensions {
        /// `[C, H, W]` of the first.
        first: [usize; 3],
        /// `[C, H, W]` of the second.
        second: [usize; 3],
    },
    /// A picture has no pixels.
    #[error("the picture is empty: {0:?} (channels, height, width)")]
    Empty([usize; 3]),
    /// The perturbation scales to nothing or holds NaN.
    #[error("the perturbation is not invertible: scale must be positive and all numbers finite")]
    Perturbation,
}

/// How galaxy 2 is moved before it is blended; shifts in full-size pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Perturbation {
    /// Mirror left-right (first of all, with `flip_v`).
    pub flip_h: bool,
    /// Mirror top-bottom.
    pub flip_v: bool,
    /// Turn about the centre, radians, from the column axis towards the row axis.
    pub rotation: f64,
    /// Magnification about the centre; 1 leaves the size.
    pub scale: f64,
    /// Shift along the columns, full-size pixels.
    pub dx: f64,
    /// Shift along the rows, full-size pixels.
    pub dy: f64,
}

impl Perturbation {
    /// Leaves the picture as it is.
    pub const IDENTITY: Self = Self {
        flip_h: false,
        flip_v: false,
        rotation: 0.0,
        scale: 1.0,
        dx: 0.0,
        dy: 0.0,
    };

    /// The published draw: rotation U(0, 2 pi), scale exp(U(-1, 0.5)), each flip a fair coin, each shift one of
    /// `-50..=-11` and `10..=49` full-size pixels.
    pub fn draw(stream: &mut Stream) -> Self {
        let rotation = stream.uniform(0.0, std::f64::consts::TAU);
        let scale = stream.uniform(-1.0, 0.5).exp();
        let flip_v = stream.coin();
        let flip_h = stream.coin();
        let mut shift = || {
            let i = stream.below(80) as f64;
            if i < 40.0 { i - 50.0 } else { i - 30.0 }
        };
        Self {
            flip_h,
            flip_v,
            rotation,
            scale,
            dx: shift(),
            dy: shift(),
        }
    }

    fn is_valid(&self) -> bool {
        let finite = [self.rotation, self.scale, self.dx, self.dy]
            .iter()
            .all(|v| v.is_finite());
        finite && self.scale > 0.0
    }
}

/// What stands where the warped picture has no light of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// One value in `[0, 1]`; the published recipe has 0, which leaves a black frame that no network can predict.
    Constant(f32),
    /// Gaussian noise with the median and the scatter of the picture's own frame.
    Sky,
    /// The picture mirrored at its edges.
    Reflect,
}

/// The resolution of the pictures a recipe starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Full size: shifts apply as they are, the crop keeps the middle of each `reduction` x `reduction` block.
    Full,
    /// Already reduced: shifts are divided by `reduction`, the crop keeps every pixel.
    Reduced,
}

/// How a picture becomes a stamp: warp, fill, crop, reduce.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlendRecipe {
    /// Side of the resulting stamp, pixels.
    pub side: usize,
    /// Full-size pixels per stamp pixel.
    pub reduction: usize,
    /// What the pictures are.
    pub resolution: Resolution,
    /// What stands in the empty corners.
    pub fill: Fill,
    /// Width over which the picture fades into the fill at its own edges, in its pixels; 0 is the published hard edge.
    pub feather: f32,
}

impl BlendRecipe {
    /// The published geometry for pictures of `resolution`.
    pub const fn published(resolution: Resolution, fill: Fill) -> Self {
        Self {
            side: STAMP_SIDE,
            reduction: REDUCTION,
            resolution,
            fill,
            feather: 0.0,
        }
    }

    /// Full-size pixels that one pixel of the pictures spans.
    fn pixel_span(&self) -> usize {
        match self.resolution {
            Resolution::Full => 1,
            Resolution::Reduced => self.reduction,
        }
    }

    /// Picture pixels between two stamp pixels.
    fn step(&self) -> usize {
        match self.resolution {
            Resolution::Full => self.reduction,
            Resolution::Reduced => 1,
        }
    }

    /// Warps, fills, crops and reduces `picture` to `[C, side, side]` in `[0, 1]`.
    ///
    /// Only the pixels that survive the reduction are computed, which equals warping everything first because bilinear
    /// sampling works pixel by pixel. NaN pixels count as not covered. `stream` feeds [`Fill::Sky`] alone.
    pub fn warp(
        &self,
        picture: &Stamp,
        perturbation: &Perturbation,
        stream: &mut Stream,
    ) -> Result<Warped, BlendError> {
        if picture.pixels.is_empty() || self.side == 0 {
            return Err(BlendError::Empty(picture.dims()));
        }
        if !perturbation.is_valid() {
            return Err(BlendError::Perturbation);
        }
        let picture = picture.to_range(ValueRange::UNIT);
        let map = SourceMap::new(self, &picture, perturbation);
        let (mut pixels, cover) = match self.fill {
            Fill::Reflect => sample(&picture, &map, self.side, 0.0, Edge::Mirror),
            _ => sample(&picture, &map, self.side, self.feather, Edge::Open),
        };
        match self.fill {
            Fill::Constant(value) => add_fill(&mut pixels, &cover, |_| value),
            Fill::Sky => {
                let sky = SkyLevel::of_frame(&picture, SKY_FRAME.div_ceil(self.pixel_span()));
                add_fill(&mut pixels, &cover, |channel| {
                    sky[channel].draw(stream).clamp(0.0, 1.0)
                });
            }
            Fill::Reflect => {}
        }
        let stamp = Stamp::new(
            picture.name.clone(),
            pixels,
            [picture.channels, self.side, self.side],
            ValueRange::UNIT,
        );
        let fill_mask = cover.iter().map(|c| *c < COVERED).collect();
        Ok(Warped { stamp, fill_mask })
    }

    /// Blends `first` (left in place) and `second` (moved by `perturbation`).
    pub fn blend(
        &self,
        first: &Stamp,
        second: &Stamp,
        perturbation: Perturbation,
        stream: &mut Stream,
    ) -> Result<BlendExample, BlendError> {
        let one = self.warp(first, &Perturbation::IDENTITY, stream)?;
        let two = self.warp(second, &perturbation, stream)?;
        Ok(BlendExample {
            blend: blend(&one.stamp, &two.stamp)?,
            truth: [
                one.stamp.to_range(ValueRange::SIGNED),
                two.stamp.to_range(ValueRange::SIGNED),
            ],
            fill_mask: two.fill_mask,
            perturbation,
        })
    }
}

/// A picture after [`BlendRecipe::warp`].
#[derive(Clone, Debug, PartialEq)]
pub struct Warped {
    /// `[C, side, side]`, range [`ValueRange::UNIT`].
    pub stamp: Stamp,
    /// `[side, side]`: pixels that hold any fill.
    pub fill_mask: Vec<bool>,
}

/// A blend with its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct BlendExample {
    /// `[C, H, W]`, range [`ValueRange::UNIT`], the input of the published deblender.
    pub blend: Stamp,
    /// Both galaxies alone, `[C, H, W]`, range [`ValueRange::SIGNED`], the outputs a deblender should give.
    pub truth: [Stamp; 2],
    /// `[H, W]`: pixels of galaxy 2 that hold any fill.
    pub fill_mask: Vec<bool>,
    /// How galaxy 2 was moved.
    pub perturbation: Perturbation,
}

/// The pixelwise maximum of two pictures, in the range of the first.
pub fn blend(first: &Stamp, second: &Stamp) -> Result<Stamp, BlendError> {
    if first.dims() != second.dims() {
        return Err(BlendError::Dimensions {
            first: first.dims(),
            second: second.dims(),
        });
    }
    let second = second.to_range(first.range);
    let pixels: Vec<f32> = first
        .pixels
        .iter()
        .zip(second.pixels.iter())
        .map(|(a, b)| a.max(*b))
        .collect();
    Ok(Stamp::new(
        format!("{}+{}", first.name, second.name),
        pixels,
        first.dims(),
        first.range,
    ))
}
