//! Figures of the views: the same pictures as on the screen, laid out for a page with axes, colour bars and captions.
//!
//! Invariant: a figure is a function of results and of how it is set, without a window; the headless commands make the same
//! ones. Composition and formats are those of [`ganoscope_core::figure`].

mod compare;
mod deblend;
mod layers;
mod relevance;
#[cfg(test)]
mod tests;
mod timeline;
mod units;

use ganoscope_core::figure::{Axes, Bar, Outline, Palette, Panel, Sheet};
use ganoscope_core::jobs::Scene;
use ganoscope_core::region::Region;
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::look::{self, Rgb};
use ganoscope_core::stamp::stretch::Limits;
use serde::{Deserialize, Serialize};

pub use compare::compare;
pub use deblend::deblend;
pub use layers::layers;
pub use relevance::relevance;
pub use timeline::timeline;
pub use units::units;

use crate::display::{Display, Levels};
use crate::theme::{DARK, LIGHT, Tokens};
use crate::widgets::{Look, rgb};

/// The ground a figure is drawn on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Paper {
    /// White, for print.
    #[default]
    White,
    /// That of the window in the dark, for slides.
    Dark,
}

impl Paper {
    /// Both, in the order of menus.
    pub const ALL: [Self; 2] = [Self::White, Self::Dark];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Dark => "dark",
        }
    }

    /// The theme whose colours of signed maps and lines go with it.
    pub const fn tokens(self) -> &'static Tokens {
        match self {
            Self::White => &LIGHT,
            Self::Dark => &DARK,
        }
    }

    /// The colours of the page.
    pub fn palette(self) -> Palette {
        match self {
            Self::White => Palette::PRINT,
            Self::Dark => Palette {
                paper: rgb(DARK.ground),
                ink: rgb(DARK.strong),
                weak: rgb(DARK.weak),
                line: rgb(DARK.line),
            },
        }
    }
}

/// What the sides of pictures count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// Arcseconds from the middle where the file says where it is on the sky, else pixels.
    #[default]
    Auto,
    /// Columns and rows.
    Pixels,
    /// Right ascension and declination, or the longitude and latitude of the file, where it says so, else pixels.
    Sky,
    /// Nothing.
    None,
}

impl Sides {
    /// All, in the order of menus.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Pixels, Self::Sky, Self::None];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "arcsec or pixels",
            Self::Pixels => "pixels",
            Self::Sky => "sky",
            Self::None => "none",
        }
    }

    /// The axes of pictures with the pixels of a scene.
    pub fn axes(self, scene: &Scene) -> Option<Axes> {
        let grid = Grid::of(&scene.blend);
        match self {
            Self::None => None,
            Self::Pixels => Some(Axes::Pixels),
            Self::Auto => Axes::offsets(&grid).or(Some(Axes::Pixels)),
            Self::Sky => Axes::sky(&grid).or(Some(Axes::Pixels)),
        }
    }
}

/// How figures are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The ground.
    pub paper: Paper,
    /// The sides of pictures.
    pub sides: Sides,
    /// How light becomes colours.
    pub display: Display,
    /// Above the figure.
    pub title: String,
    /// Below the figure: where it comes from.
    pub notes: Vec<String>,
    /// Outlined on every picture.
    pub regions: Vec<Region>,
}

/// The colour of outlines whose own is not given as `#rrggbb`: the green of DS9.
const OUTLINE: Rgb = [60, 220, 90];

impl Setting {
    /// The same page with the regions on every picture of the size of the blend.
    fn with_outlines(&self, mut sheet: Sheet) -> Sheet {
        let outlines: Vec<Outline> = self.regions.iter().map(outline).collect();
        for panel in sheet.rows.iter_mut().flatten() {
            panel.outlines.clone_from(&outlines);
        }
        sheet
    }

    fn is_dark(&self) -> bool {
        self.paper == Paper::Dark
    }

    /// Black and white of a scene.
    fn levels(&self, scene: &Scene) -> Levels {
        Levels::of(&scene.blend, self.display.limits)
    }

    /// The look of light.
    fn light(&self, scene: &Scene) -> look::Look {
        self.display.look(self.levels(scene), rgb(DARK.missing))
    }

    /// The look of a signed map.
    fn signed(&self, largest: f32) -> look::Look {
        let is_dark = self.is_dark();
        Look::Signed { largest, is_dark }.exact()
    }

    /// The bar of light, in units of the file.
    fn light_bar(&self, scene: &Scene) -> Bar {
        let Display {
            stretch, limits, ..
        } = self.display;
        let limits = match limits {
            Limits::MinMax => "minimum to maximum".to_owned(),
            Limits::Percentile(percent) => format!("{percent} %"),
            Limits::Symmetric(percent) => format!("{percent} %, symmetric"),
            Limits::ZScale(_) => "zscale".to_owned(),
            Limits::Manual { .. } => "limits given".to_owned(),
        };
        let title = format!("Light, {} stretch, {limits}", stretch.name());
        let bar = Bar::new(title, self.light(scene));
        bar.with_data(ValueRange::UNIT, scene.range_in_file, unit_of(scene))
    }
}

fn outline(region: &Region) -> Outline {
    let hex = region.colour.strip_prefix('#').filter(|hex| hex.len() == 6);
    let number = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let color = number.map_or(OUTLINE, |number| {
        let [_, r, g, b] = number.to_be_bytes();
        [r, g, b]
    });
    Outline {
        corners: region.shape.outline(),
        is_closed: true,
        color,
    }
}

/// The blend alone with the regions on it.
pub fn regions(scene: &Scene, setting: &Setting) -> Sheet {
    let mut sheet = Sheet::new(&*setting.title, setting.paper.palette());
    let caption = match setting.regions.len() {
        1 => "Blend, 1 region".to_owned(),
        count => format!("Blend, {count} regions"),
    };
    let mut panel = Panel::new(caption, scene.blend.clone(), setting.light(scene));
    panel.compass = scene.compass;
    sheet.rows = vec![vec![panel]];
    sheet.axes = setting.sides.axes(scene);
    sheet.bars = vec![setting.light_bar(scene)];
    sheet.notes.clone_from(&setting.notes);
    setting.with_outlines(sheet)
}

/// What the pixels of a scene's file are counted in.
fn unit_of(scene: &Scene) -> String {
    scene.blend.card("BUNIT").unwrap_or_default().to_owned()
}
