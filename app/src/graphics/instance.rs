//! One picture of a draw as the bytes the shader reads, and what all pictures of a draw have in common.
//!
//! Invariant: the fields are those of `Instance` in `picture.wgsl`, in its order.

use bytemuck::{Pod, Zeroable};
use ganoscope_core::stamp::look::{Ink, Look, Overlay};
use ganoscope_core::stamp::stretch::Stretch;

use super::blocks::Part;
use super::colours::row_of;

/// What is compiled into the shader: all pictures of one draw agree in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    ink: u32,
    stretch: u32,
    has_overlay: bool,
    has_marks: bool,
    has_contours: bool,
}

impl Kind {
    /// The kind of a look over a picture of `bands` bands; without a map there is nothing to lay over.
    pub(super) fn of(look: &Look, bands: usize, has_over: bool, has_lines: bool) -> Self {
        let several = if bands > 1 { 4 } else { 0 };
        let ink = match look.ink_for(bands) {
            Ink::Map(_) => several,
            Ink::Ramp(_) => several + 1,
            Ink::Natural(_) => 2,
            Ink::Lupton(..) => 3,
        };
        // Lupton has a curve of its own.
        let stretch = if ink == 3 {
            0
        } else {
            stretch_number(look.stretch.usable())
        };
        let overlay = look.overlay.filter(|_| has_over);
        Self {
            ink,
            stretch,
            has_overlay: overlay.is_some(),
            has_marks: overlay.is_some_and(|o| o.marks.is_some()),
            has_contours: has_lines && look.contours.is_some(),
        }
    }

    /// The constants of the shader.
    pub(super) fn constants(self) -> [(&'static str, f64); 5] {
        [
            ("INK", self.ink.into()),
            ("STRETCH", self.stretch.into()),
            ("OVERLAY", f64::from(u8::from(self.has_overlay))),
            ("MARKS", f64::from(u8::from(self.has_marks))),
            ("CONTOURS", f64::from(u8::from(self.has_contours))),
        ]
    }
}

const fn stretch_number(stretch: Stretch) -> u32 {
    match stretch {
        Stretch::Linear => 0,
        Stretch::Log(_) => 1,
        Stretch::Sqrt => 2,
        Stretch::Squared => 3,
        Stretch::Asinh(_) => 4,
        Stretch::Sinh(_) => 5,
        Stretch::Power(_) => 6,
    }
}

/// Where a picture is drawn, in pixels of the target, and which part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placement {
    /// Left, top, width, height.
    pub(super) rect: [f32; 4],
    /// Share of the picture at left and top, and shares per pixel.
    pub(super) visible: [f32; 4],
    pub(super) opacity: f32,
    pub(super) pixels_per_point: f32,
}

/// The pixels of a picture on the graphics card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub(super) base: Part,
    pub(super) bands: usize,
    pub(super) over: Option<Part>,
    /// With the side of a block, a power of two.
    pub(super) marks: Option<(Part, usize)>,
    pub(super) lines: Option<Part>,
}

/// As `Instance` in the shader.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Instance {
    rect: [f32; 4],
    visible: [f32; 4],
    screen: [f32; 4],
    base: [u32; 4],
    others: [u32; 4],
    tone: [f32; 4],
    shift: [f32; 4],
    inks: [u32; 4],
    over_inks: [u32; 4],
    overlay: [f32; 4],
    contours: [f32; 4],
    extra: [u32; 4],
}

impl Instance {
    /// The layout of its fields, one location each.
    pub(super) const ATTRIBUTES: [wgpu::VertexAttribute; 12] = wgpu::vertex_attr_array![
        0 => Float32x4, 1 => Float32x4, 2 => Float32x4, 3 => Uint32x4, 4 => Uint32x4, 5 => Float32x4,
        6 => Float32x4, 7 => Uint32x4, 8 => Uint32x4, 9 => Float32x4, 10 => Float32x4, 11 => Uint32x4,
    ];

    /// A picture under a look at a place; where the target is so large is said later.
    pub(super) fn new(look: &Look, parts: &Parts, place: &Placement) -> Self {
        let ink = look.ink_for(parts.bands);
        let stretch = look.stretch.usable();
        let [low, high] = look.limits;
        let slope = if high > low { 1.0 / (high - low) } else { 0.0 };
        let ramp = match ink {
            Ink::Ramp(colors) => colors.map(packed),
            _ => [0; 3],
        };
        let (row, lupton) = match ink {
            Ink::Map(map) | Ink::Natural(map) => (row_of(map), [0.0; 2]),
            Ink::Lupton(lupton, map) => (row_of(map), lupton.factors()),
            Ink::Ramp(_) => (0, [0.0; 2]),
        };
        let (overlay, over_inks) = look.overlay.as_ref().map_or_else(Default::default, over);
        let bands = parts.bands as f32;
        let lines = look.contours.as_ref();
        let marks = parts.marks.map(|(part, _)| part);
        Self {
            rect: place.rect,
            visible: place.visible,
            screen: [0.0, 0.0, place.opacity, place.pixels_per_point],
            base: parts.base.numbers(),
            others: [
                size_of_part(parts.over),
                size_of_part(marks),
                size_of_part(parts.lines),
                parts.marks.map_or(0, |(_, side)| side.trailing_zeros()),
            ],
            tone: [low, slope, parameter(stretch), stretch.norm()],
            shift: [
                look.contrast,
                look.bias,
                f32::from(u8::from(look.is_inverted)),
                row as f32,
            ],
            inks: [ramp[0], ramp[1], ramp[2], packed(look.missing)],
            over_inks,
            overlay: [overlay[0], overlay[1], overlay[2], bands],
            contours: lines.map_or([0.0; 4], |c| {
                let half = c.width * place.pixels_per_point / 2.0;
                [c.first, c.step, c.count as f32, half]
            }),
            extra: [
                lupton[0].to_bits(),
                lupton[1].to_bits(),
                lines.map_or(0, |c| packed(c.ink)),
                0,
            ],
        }
    }

    /// Says how large the target is, in pixels.
    pub(super) fn on_screen(mut self, [width, height]: [u32; 2]) -> Self {
        self.screen[0] = 1.0 / width.max(1) as f32;
        self.screen[1] = 1.0 / height.max(1) as f32;
        self
    }
}

/// Numbers and colours of an overlay.
fn over(overlay: &Overlay) -> ([f32; 3], [u32; 4]) {
    let (ink, shade) = overlay.marks.map_or((0, 0), |marks| {
        let opacity = (marks.shade_opacity.clamp(0.0, 1.0) * 255.0).round() as u32;
        let shade = packed(marks.shade) & 0x00ff_ffff;
        (packed(marks.ink), shade | opacity << 24)
    });
    (
        [overlay.scale, overlay.opacity, overlay.ground],
        [
            packed(overlay.negative),
            packed(overlay.positive),
            ink,
            shade,
        ],
    )
}

const fn parameter(stretch: Stretch) -> f32 {
    match stretch {
        Stretch::Log(a) | Stretch::Asinh(a) | Stretch::Sinh(a) | Stretch::Power(a) => a,
        Stretch::Linear | Stretch::Sqrt | Stretch::Squared => 1.0,
    }
}

const fn packed([r, g, b]: [u8; 3]) -> u32 {
    u32::from_le_bytes([r, g, b, 255])
}

/// Columns and rows in one number; each at most 65535, since no texture is larger.
fn size_of_part(part: Option<Part>) -> u32 {
    part.map_or(0x0001_0001, |part| {
        let [columns, rows, ..] = part.numbers();
        columns | rows << 16
    })
}
