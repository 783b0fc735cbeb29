//! Writing region files.

use super::basis::{Basis, coordinates};
use super::properties::{plain, quoted};
use super::read::FREEHAND_TAG;
use super::{Ds9Error, Ds9Problem, Kept, System};
use crate::region::{Place, Region, Shape};
use crate::sky::Grid;

const HEAD: &str = "\
# Region file format: DS9 version 4.1
global color=green dashlist=8 3 width=1 font=\"helvetica 10 normal roman\" select=1 highlite=1 dash=0 fixed=0 edit=1 move=1 \
delete=1 include=1 source=1
";

/// The text of a region file in `system` for the picture of `grid`, with the commands that an earlier file left. Pixels are
/// written with all their digits, the sky to 1e-10 degrees. Fails where `system` is the sky and the picture has none there; the
/// line of the error is that of the new file.
pub fn write(
    regions: &[Region],
    kept: &[Kept],
    system: System,
    grid: &Grid,
) -> Result<String, Ds9Error> {
    let mut text = HEAD.to_owned();
    let mut current = system.name();
    text.push_str(current);
    text.push('\n');
    for region in regions {
        let line = text.lines().count() + 1;
        let writer = Writer { grid, system };
        let shape = writer.shape(&region.shape).ok_or_else(|| {
            let why = match grid.wcs() {
                Err(why) => why.to_string(),
                Ok(_) => "the picture's projection shows no sky there".to_owned(),
            };
            let what = format!("a {} in {}", region.shape.name(), system.name());
            Ds9Problem::NoSky { what, why }.at(line, 1)
        })?;
        let sign = if region.exclude { "-" } else { "" };
        text.push_str(&format!("{sign}{shape}{}\n", properties(region)));
    }
    for command in kept {
        if command.system != current {
            text.push_str(&command.system);
            text.push('\n');
            current = &command.system;
        }
        text.push_str(&command.text);
        text.push('\n');
    }
    Ok(text)
}

/// ` # color=red text={...}`, or nothing where all is as the head says.
fn properties(region: &Region) -> String {
    let mut parts = Vec::new();
    if region.colour != "green" {
        parts.push(format!("color={}", plain(&region.colour)));
    }
    if region.width != 1 {
        parts.push(format!("width={}", region.width));
    }
    for (name, value) in &region.properties {
        parts.push(format!("{name}={}", plain(value)));
    }
    if !region.text.is_empty() {
        parts.push(format!("text={}", quoted(&region.text)));
    }
    let drawn = matches!(region.shape, Shape::Freehand { .. });
    let drawn = drawn.then_some(FREEHAND_TAG);
    for tag in drawn
        .into_iter()
        .chain(region.tags.iter().map(String::as_str))
    {
        parts.push(format!("tag={}", quoted(tag)));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!(" # {}", parts.join(" "))
}

struct Writer<'a> {
    grid: &'a Grid,
    system: System,
}

impl Writer<'_> {
    fn shape(&self, shape: &Shape) -> Option<String> {
        let (name, centre, sizes, angle) = match shape {
            Shape::Circle { centre, radius } => ("circle", centre, vec![*radius], None),
            Shape::Ellipse {
                centre,
                semi_axes,
                angle,
            } => ("ellipse", centre, semi_axes.to_vec(), Some(*angle)),
            Shape::Box {
                centre,
                size,
                angle,
            } => ("box", centre, size.to_vec(), Some(*angle)),
            Shape::Polygon { corners } | Shape::Freehand { corners } => {
                let corners = corners.iter().map(|corner| self.position(*corner));
                let corners: Option<Vec<String>> = corners.collect();
                return Some(format!("polygon({})", corners?.join(",")));
            }
        };
        let basis = Basis::at(self.grid, self.system, self.grid.to_fits(*centre))?;
        let mut parts = vec![self.position(*centre)?];
        for size in sizes {
            parts.push(match self.system {
                // The smallest common unit keeps the most digits.
                System::Sky(_) => format!("{}\"", size / basis.pixels_per_unit * 3600.0),
                System::Image | System::Physical => (size / basis.pixels_per_unit).to_string(),
            });
        }
        if let Some(angle) = angle {
            let fits = if self.grid.rows_from_top() {
                -angle
            } else {
                angle
            };
            let angle = if basis == Basis::IMAGE {
                fits
            } else {
                basis.own_angle(fits)
            };
            parts.push(angle.to_string());
        }
        Some(format!("{name}({})", parts.join(",")))
    }

    fn position(&self, place: Place) -> Option<String> {
        let [x, y] = coordinates(self.grid, self.system, place)?;
        Some(match self.system {
            System::Sky(_) => format!("{x:.10},{y:.10}"),
            System::Image | System::Physical => format!("{x},{y}"),
        })
    }
}
