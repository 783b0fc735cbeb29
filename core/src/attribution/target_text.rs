//! Targets as people write them: `galaxy1`, `logit:0`, `galaxy2:channel=1`, `galaxy1:circle=40,40,5`, `root.4:unit=12`.
//!
//! Invariant: what [`Target::part_text`] writes is read again as the same target.

use super::{Aperture, AttributionError, RegionMask, Score, Target};
use crate::network::{Fact, Network};
use crate::region::{Place, Shape};
use std::fmt::Write as _;

/// What may stand after the colon.
const KNOWN: &str = "expected an index, pixel=COLUMN,ROW, channel=N or unit=N, box=LEFT,TOP,WIDTH,HEIGHT, \
circle=COLUMN,ROW,RADIUS, ellipse=COLUMN,ROW,A,B,ANGLE, rectangle=COLUMN,ROW,WIDTH,HEIGHT,ANGLE or \
polygon=COLUMN,ROW,COLUMN,ROW,... (the last four with ,channel=N)";

impl Target {
    /// Reads `OUTPUT`, `OUTPUT:INDEX` (C, H, W order) or `OUTPUT:WHAT=NUMBERS`, the output by name or number. Boxes are of whole
    /// pixels; `circle`, `ellipse`, `rectangle` and `polygon` are apertures whose light is counted from zero (see
    /// [`Target::with_black`]).
    ///
    /// # Errors
    /// When the network has no such output or element.
    pub fn parse(network: &Network, text: &str) -> Result<Self, AttributionError> {
        if let Ok(output) = network.find_output(text) {
            return Ok(Self::output(output));
        }
        let (name, what) = split(text);
        let output = network.find_output(name)?;
        let fact = &network.node(network.outputs()[output].node).fact;
        Self::of_part(network, text, output, what, fact)
    }

    /// As [`Target::parse`], where also a layer can be named: then the network returned ends at that layer, and the target is of
    /// that network.
    ///
    /// # Errors
    /// When the network has neither an output nor a layer of this name, or that has no such element.
    pub fn resolve(network: &Network, text: &str) -> Result<(Network, Self), AttributionError> {
        let missing = match Self::parse(network, text) {
            Ok(target) => return Ok((network.clone(), target)),
            Err(error) => error,
        };
        let (whole, (name, what)) = (network.find(text), split(text));
        let (layer, what) = match (whole, network.find(name)) {
            (Ok(_), _) => (text, None),
            (_, Ok(_)) => (name, what),
            _ => return Err(missing),
        };
        if network.find_output(name).is_ok() {
            return Err(missing);
        }
        let inner = network.ending_at(layer)?;
        let fact = inner.node(inner.outputs()[0].node).fact.clone();
        let target = Self::of_part(&inner, text, 0, what, &fact)?;
        Ok((inner, target))
    }

    fn of_part(
        network: &Network,
        text: &str,
        output: usize,
        what: Option<&str>,
        fact: &Fact,
    ) -> Result<Self, AttributionError> {
        let score = match what {
            None => Score::Sum,
            Some(what) => score(what, fact).map_err(|what| AttributionError::Target {
                target: text.to_owned(),
                what,
            })?,
        };
        let target = Self { output, score };
        target.check(network)?;
        Ok(target)
    }

    /// The same target with `black`, the value of a pixel without light, for apertures.
    #[must_use]
    pub fn with_black(mut self, black: f64) -> Self {
        if let Score::Flux(aperture) = &mut self.score {
            aperture.level = black;
        }
        self
    }
}

impl Target {
    /// What stands after the colon for this target, empty for a whole output; `None` where there are no words for it. Pixels are
    /// counted from zero light, as [`Target::parse`] does before [`Target::with_black`].
    pub fn part_text(&self) -> Option<String> {
        let mut text = match &self.score {
            Score::Sum => return Some(String::new()),
            Score::Element(index) => return Some(index.to_string()),
            Score::Channel(index) => return Some(format!("channel={index}")),
            Score::Region(_) | Score::Weights(_) => return None,
            Score::Flux(aperture) => shape_text(&aperture.shape),
        };
        if let Score::Flux(Aperture {
            channel: Some(channel),
            ..
        }) = &self.score
        {
            let _ = write!(text, ",channel={channel}");
        }
        Some(text)
    }
}

/// A shape in words; every number is written so that it is read again as itself.
fn shape_text(shape: &Shape) -> String {
    let numbers = |name: &str, numbers: &[f64]| {
        let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
        format!("{name}={}", numbers.join(","))
    };
    match shape {
        Shape::Circle { centre, radius } => {
            numbers("circle", &[centre.column, centre.row, *radius])
        }
        Shape::Ellipse {
            centre,
            semi_axes: [a, b],
            angle,
        } => numbers("ellipse", &[centre.column, centre.row, *a, *b, *angle]),
        Shape::Box {
            centre,
            size: [width, height],
            angle,
        } => numbers(
            "rectangle",
            &[centre.column, centre.row, *width, *height, *angle],
        ),
        Shape::Polygon { corners } | Shape::Freehand { corners } => {
            let corners = corners.iter().flat_map(|at| [at.column, at.row]);
            numbers("polygon", &corners.collect::<Vec<f64>>())
        }
    }
}

/// What stands before and after the last colon.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, what)) => (name, Some(what)),
        None => (text, None),
    }
}

fn score(text: &str, fact: &Fact) -> Result<Score, String> {
    let Some((what, numbers)) = text.split_once('=') else {
        let index = text.trim().parse();
        return index
            .map(Score::Element)
            .map_err(|_| format!("the index after the colon is not a number; {KNOWN}"));
    };
    let (numbers, channel) = match numbers.split_once(",channel=") {
        Some((numbers, channel)) => (numbers, Some(whole(channel)?)),
        None => (numbers, None),
    };
    let numbers: Vec<f64> = numbers
        .split(',')
        .map(|text| text.trim().parse::<f64>().ok().filter(|v| v.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{numbers} are no numbers; {KNOWN}"))?;
    let flux = |shape| {
        Score::Flux(Aperture {
            shape,
            channel,
            level: 0.0,
        })
    };
    match (what.trim(), numbers.as_slice()) {
        ("circle", &[column, row, radius]) => Ok(flux(Shape::Circle {
            centre: Place::new(column, row),
            radius,
        })),
        ("ellipse", &[column, row, a, b, angle]) => Ok(flux(Shape::Ellipse {
            centre: Place::new(column, row),
            semi_axes: [a, b],
            angle,
        })),
        ("rectangle", &[column, row, width, height, angle]) => Ok(flux(Shape::Box {
            centre: Place::new(column, row),
            size: [width, height],
            angle,
        })),
        ("polygon", corners) if corners.len() >= 6 && corners.len().is_multiple_of(2) => {
            let corners = corners.chunks_exact(2);
            Ok(flux(Shape::Polygon {
                corners: corners.map(|at| Place::new(at[0], at[1])).collect(),
            }))
        }
        _ if channel.is_some() => Err(format!("only apertures are of one channel; {KNOWN}")),
        ("channel" | "unit", &[index]) => Ok(Score::Channel(count(index)?)),
        ("pixel", &[column, row]) => block([column, row, 1.0, 1.0], fact),
        ("box", &[left, top, width, height]) => block([left, top, width, height], fact),
        _ => Err(KNOWN.to_owned()),
    }
}

/// A rectangle of whole pixels as a mask.
fn block(sides: [f64; 4], fact: &Fact) -> Result<Score, String> {
    let mut numbers = [0; 4];
    for (number, side) in numbers.iter_mut().zip(sides) {
        *number = count(side)?;
    }
    let [left, top, width, height] = numbers;
    if fact.dims.len() != 3 {
        return Err(format!("{fact} has no rows and columns"));
    }
    let [rows, columns] = fact.size();
    let fits = |from: usize, length: usize, size: usize| {
        length > 0 && from.checked_add(length).is_some_and(|end| end <= size)
    };
    if !fits(left, width, columns) || !fits(top, height, rows) {
        return Err(format!(
            "the pixels do not lie in {rows} rows and {columns} columns"
        ));
    }
    let is_inside = |i: usize| {
        (top..top + height).contains(&(i / columns))
            && (left..left + width).contains(&(i % columns))
    };
    Ok(Score::Region(RegionMask {
        rows,
        columns,
        weights: (0..rows * columns)
            .map(|i| f32::from(u8::from(is_inside(i))))
            .collect(),
    }))
}

fn whole(text: &str) -> Result<usize, String> {
    let number = text.trim().parse();
    number.map_err(|_| format!("{text} is not a whole number; {KNOWN}"))
}

fn count(number: f64) -> Result<usize, String> {
    let is_count = number >= 0.0 && number.fract() == 0.0 && number < 1e9;
    let number = is_count.then_some(number as usize);
    number.ok_or_else(|| format!("pixels and channels are whole numbers; {KNOWN}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkBuilder, NetworkError, Op};

    #[test]
    fn apertures_are_read_as_they_are_written() -> Result<(), NetworkError> {
        let mut builder = NetworkBuilder::new(|_, _, _| unreachable!("no parameters"));
        let x = builder.input("x", &[2, 8, 8])?;
        let y = builder.plain("y", Op::Identity, &[x])?;
        builder.output("y", y);
        let network = builder.finish()?;
        let at = |column, row| Place::new(column, row);
        let shapes = [
            Shape::Circle {
                centre: at(1.0 / 3.0, 4.25),
                radius: 2.1,
            },
            Shape::Ellipse {
                centre: at(3.0, 4.0),
                semi_axes: [2.5, 1.5],
                angle: -30.5,
            },
            Shape::Box {
                centre: at(3.0, 4.0),
                size: [2.5, 1e-3],
                angle: 12.0,
            },
            Shape::Polygon {
                corners: vec![at(1.0, 1.0), at(6.0, 1.5), at(3.0, 5.0)],
            },
        ];
        for (shape, channel) in shapes.into_iter().zip([None, Some(1), None, Some(0)]) {
            let target = Target {
                output: 0,
                score: Score::Flux(Aperture {
                    shape,
                    channel,
                    level: 0.0,
                }),
            };
            let text = format!("y:{}", target.part_text().unwrap_or_default());
            assert_eq!(Target::parse(&network, &text).ok(), Some(target), "{text}");
        }
        for text in [
            "y:polygon=1,2,3,4",
            "y:polygon=1,2,3,4,5,6,7",
            "y:rectangle=1,2",
        ] {
            assert!(Target::parse(&network, text).is_err(), "{text}");
        }
        Ok(())
    }
}
