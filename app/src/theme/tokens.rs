//! Every colour and size of the program, by what it means. No other file names a colour.
//!
//! Red and blue are kept for evidence (real and generated) everywhere; the accent is gold so that it is neither.

use egui::{Color32, Theme, Ui};
use ganoscope_core::graph::Family;

const fn rgb(r: u8, g: u8, b: u8) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// Colours by meaning, for one theme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tokens {
    /// Behind everything.
    pub ground: Color32,
    /// Panels at the edges of the window.
    pub side: Color32,
    /// The well a picture lies in.
    pub well: Color32,
    /// Buttons and rows at rest.
    pub raised: Color32,
    /// Buttons and rows under the pointer.
    pub hovered: Color32,
    /// Buttons held down.
    pub pressed: Color32,
    /// Hair lines between areas.
    pub line: Color32,
    /// Text to read.
    pub text: Color32,
    /// Headings and numbers.
    pub strong: Color32,
    /// Captions and units of measure.
    pub weak: Color32,
    /// What is selected.
    pub accent: Color32,
    /// Behind selected text and rows.
    pub accent_ground: Color32,
    /// Text on `accent_ground`.
    pub accent_text: Color32,
    /// Evidence for "real".
    pub real: Color32,
    /// Evidence for "generated".
    pub generated: Color32,
    /// A residual where light is missing.
    pub too_little: Color32,
    /// A residual where there is too much light.
    pub too_much: Color32,
    /// Zero in a signed map.
    pub level: Color32,
    /// The first galaxy's line in plots.
    pub galaxy1: Color32,
    /// The second galaxy's line in plots.
    pub galaxy2: Color32,
    /// The pixel under the pointer, over pictures.
    pub cursor: Color32,
    /// The outlines of regions, over pictures.
    pub region: Color32,
    /// The shadow around marks over pictures.
    pub cursor_shade: Color32,
    /// Contours over pictures.
    pub contour: Color32,
    /// Something went wrong.
    pub error: Color32,
    /// Something deserves a look.
    pub warning: Color32,
    /// Something worked.
    pub good: Color32,
    /// Pixels without a value.
    pub missing: Color32,
    /// Kinds of layers, by [`Family::index`]; a shape always goes with them.
    pub families: [Color32; Family::ALL.len()],
}

/// For dark rooms: near-black with a little blue, so that pictures are the brightest thing.
pub const DARK: Tokens = Tokens {
    ground: rgb(0x12, 0x14, 0x18),
    side: rgb(0x18, 0x1B, 0x20),
    well: rgb(0x0A, 0x0B, 0x0D),
    raised: rgb(0x24, 0x28, 0x2F),
    hovered: rgb(0x2E, 0x33, 0x3C),
    pressed: rgb(0x3A, 0x40, 0x4B),
    line: rgb(0x29, 0x2D, 0x35),
    text: rgb(0xC4, 0xC9, 0xD2),
    strong: rgb(0xEE, 0xF0, 0xF4),
    weak: rgb(0x8B, 0x92, 0x9E),
    accent: rgb(0xE2, 0xB1, 0x4A),
    accent_ground: rgb(0x4A, 0x3C, 0x1E),
    accent_text: rgb(0xF7, 0xE6, 0xBE),
    real: rgb(0xE8, 0x5D, 0x4C),
    generated: rgb(0x4C, 0x8D, 0xE8),
    too_little: rgb(0xF5, 0xA8, 0x52),
    too_much: rgb(0x4D, 0xBD, 0xB3),
    level: rgb(0x0D, 0x0D, 0x0D),
    galaxy1: rgb(0x6F, 0xC2, 0xA8),
    galaxy2: rgb(0xC0, 0x9A, 0xE0),
    cursor: rgb(0xF7, 0xE6, 0xBE),
    region: rgb(0x8F, 0xE3, 0x9A),
    cursor_shade: Color32::from_black_alpha(0xA0),
    contour: rgb(0x5C, 0xD6, 0x7A),
    error: rgb(0xF0, 0x84, 0x78),
    warning: rgb(0xE6, 0xB8, 0x5C),
    good: rgb(0x7F, 0xC8, 0x8F),
    missing: rgb(0x3B, 0x2A, 0x4A),
    families: [
        rgb(0xA6, 0xAD, 0xB8),
        rgb(0x5F, 0xBE, 0xA6),
        rgb(0xBB, 0x9B, 0xE4),
        rgb(0xAE, 0xB8, 0x62),
        rgb(0xDD, 0x98, 0x62),
        rgb(0xDD, 0xE1, 0xE8),
        rgb(0xD9, 0x8F, 0xBB),
        rgb(0x8E, 0x97, 0xA6),
    ],
};

/// For bright rooms and print.
pub const LIGHT: Tokens = Tokens {
    ground: rgb(0xFA, 0xFA, 0xF8),
    side: rgb(0xF1, 0xF1, 0xEE),
    well: rgb(0xDE, 0xDE, 0xDA),
    raised: rgb(0xE4, 0xE4, 0xE0),
    hovered: rgb(0xD8, 0xD8, 0xD3),
    pressed: rgb(0xC9, 0xC9, 0xC3),
    line: rgb(0xD9, 0xD9, 0xD4),
    text: rgb(0x34, 0x37, 0x3D),
    strong: rgb(0x14, 0x16, 0x1A),
    weak: rgb(0x55, 0x5A, 0x63),
    accent: rgb(0x87, 0x59, 0x00),
    accent_ground: rgb(0xF3, 0xDF, 0xAE),
    accent_text: rgb(0x3E, 0x2A, 0x02),
    real: rgb(0xB8, 0x2E, 0x20),
    generated: rgb(0x1F, 0x5F, 0xB8),
    // Darker than in the dark: on paper the ends have to be seen.
    too_little: rgb(0xB0, 0x79, 0x3B),
    too_much: rgb(0x37, 0x88, 0x81),
    level: rgb(0xF5, 0xF5, 0xF5),
    galaxy1: rgb(0x1E, 0x7D, 0x62),
    galaxy2: rgb(0x7A, 0x4A, 0xA6),
    cursor: rgb(0xF7, 0xE6, 0xBE),
    region: rgb(0x8F, 0xE3, 0x9A),
    cursor_shade: Color32::from_black_alpha(0xC0),
    contour: rgb(0x5C, 0xD6, 0x7A),
    error: rgb(0xB3, 0x26, 0x1E),
    warning: rgb(0x8A, 0x5A, 0x00),
    good: rgb(0x2A, 0x78, 0x40),
    missing: rgb(0xC7, 0xB8, 0xD6),
    families: [
        rgb(0x59, 0x60, 0x6B),
        rgb(0x0F, 0x6B, 0x56),
        rgb(0x6C, 0x42, 0x98),
        rgb(0x59, 0x66, 0x12),
        rgb(0x95, 0x4A, 0x10),
        rgb(0x28, 0x2C, 0x33),
        rgb(0x92, 0x35, 0x74),
        rgb(0x66, 0x6C, 0x76),
    ],
};

impl Tokens {
    /// The tokens of a theme.
    pub const fn of_theme(theme: Theme) -> &'static Self {
        match theme {
            Theme::Dark => &DARK,
            Theme::Light => &LIGHT,
        }
    }

    /// The tokens in use where `ui` draws.
    pub fn of(ui: &Ui) -> &'static Self {
        if ui.visuals().dark_mode {
            &DARK
        } else {
            &LIGHT
        }
    }

    /// The line of a galaxy in plots, by its position.
    pub const fn galaxy(&self, index: usize) -> Color32 {
        match index {
            0 => self.galaxy1,
            1 => self.galaxy2,
            _ => self.text,
        }
    }

    /// The mark of a kind of layers.
    pub const fn family(&self, family: Family) -> Color32 {
        self.families[family.index()]
    }
}

/// Sizes in points.
pub mod size {
    /// Between things that belong together.
    pub const GAP: f32 = 6.0;
    /// Between groups.
    pub const GROUP_GAP: f32 = 14.0;
    /// Around the content of an area.
    pub const MARGIN: i8 = 10;
    /// Height of a row of tabs.
    pub const TAB_BAR: f32 = 26.0;
    /// The least width in which a bar and a legend stand beside each other.
    pub const BAR: f32 = 600.0;
    /// The width of black and white as numbers.
    pub const LEVELS: f32 = 84.0;
    /// The least width of the table of measures.
    pub const MEASURES: f32 = 172.0;
    /// Corners of wells and buttons.
    pub const CORNER: u8 = 4;
    /// The smallest and the largest side of a unit's map in the grid.
    pub const UNIT_CELL: std::ops::RangeInclusive<f32> = 84.0..=190.0;
    /// The side of a small picture in a lane.
    pub const THUMBNAIL: f32 = 44.0;
    /// The side of a small picture beside its name.
    pub const LIST_PICTURE: f32 = 32.0;
    /// The narrowest a stamp is drawn in a view.
    pub const STAMP_MIN: f32 = 72.0;
    /// Toasts and dialogs.
    pub const TOAST_WIDTH: f32 = 380.0;
}
