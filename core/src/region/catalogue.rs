//! Statistics of many regions on many stamps as one table.
//!
//! Invariant: one row per stamp, region and band, in this order; positions are FITS pixels (the first pixel's centre is 1) and,
//! where the stamp has them, ICRS degrees. Excluded regions have no rows, they take their pixels away from the others.

use super::{Region, RegionStatistics, Statistics, measure};
use crate::sky::{Frame, Grid};
use crate::stamp::Stamp;
use crate::table::{Column, Table, TableProblem, Values};

/// Rows gathered so far.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    rows: Vec<Row>,
    /// The unit of the pixels, while all stamps agree on it.
    unit: Option<String>,
    units_differ: bool,
}

/// What a table says of a picture on which regions were measured.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Its name.
    pub name: &'a str,
    /// Names of its bands; those without one are numbered from 1.
    pub bands: &'a [String],
    /// The unit of its pixels; empty when unknown.
    pub unit: &'a str,
}

#[derive(Clone, Debug)]
struct Row {
    stamp: String,
    region: i64,
    text: String,
    shape: &'static str,
    centre: [f64; 2],
    sky: Option<[f64; 2]>,
    band: String,
    statistics: Statistics,
    /// FITS pixels.
    centroid: Option<[f64; 2]>,
}

impl Catalogue {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Measures the regions on a stamp. Regions are numbered from 1 in the order given, excluded ones included.
    pub fn add(&mut self, stamp: &Stamp, grid: &Grid, regions: &[Region]) {
        let measured = regions.iter().map(|region| {
            let excluded = regions.iter().filter(|other| other.exclude);
            (!region.exclude).then(|| measure(stamp, region, excluded))
        });
        let measured: Vec<_> = measured.collect();
        let picture = Picture {
            name: &stamp.name,
            bands: &stamp.bands,
            unit: stamp.card("BUNIT").unwrap_or_default(),
        };
        self.add_measured(&picture, grid, regions, &measured);
    }

    /// Takes in what was measured before: for every region its statistics, or nothing where it was not measured.
    pub fn add_measured(
        &mut self,
        picture: &Picture<'_>,
        grid: &Grid,
        regions: &[Region],
        measured: &[Option<RegionStatistics>],
    ) {
        match &self.unit {
            Some(known) if known != picture.unit => self.units_differ = true,
            _ => self.unit = Some(picture.unit.to_owned()),
        }
        for (index, (region, found)) in regions.iter().zip(measured).enumerate() {
            let Some(found) = found else { continue };
            let centre = region.shape.centre();
            let sky = grid.sky(centre).and_then(|sky| sky.to(Frame::Icrs).ok());
            for (band, statistics) in found.bands.iter().enumerate() {
                let name = picture.bands.get(band).cloned();
                self.rows.push(Row {
                    stamp: picture.name.to_owned(),
                    region: index as i64 + 1,
                    text: region.text.clone(),
                    shape: region.shape.name(),
                    centre: grid.to_fits(centre),
                    sky: sky.map(|sky| [sky.longitude, sky.latitude]),
                    band: name.unwrap_or_else(|| (band + 1).to_string()),
                    statistics: *statistics,
                    centroid: statistics.centroid.map(|place| grid.to_fits(place)),
                });
            }
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table. The unit of sums and means is BUNIT where all stamps have the same.
    pub fn table(&self) -> Result<Table, TableProblem> {
        let own = self.unit.as_deref().filter(|_| !self.units_differ);
        let column = |(name, cell, unit, description): &Description| {
            let unit = match unit {
                Unit::Fixed(unit) => unit,
                Unit::Pixels => own.unwrap_or_default(),
            };
            Column::new(*name, cell.of(&self.rows))
                .with_unit(unit)
                .with_description(*description)
        };
        Table::new(COLUMNS.iter().map(column).collect())
    }
}

/// Name, values, unit and description of a column.
type Description = (&'static str, Cell, Unit, &'static str);

/// How a column takes its value from a row.
enum Cell {
    Text(fn(&Row) -> &str),
    Integer(fn(&Row) -> i64),
    Float(fn(&Row) -> Option<f64>),
}

enum Unit {
    Fixed(&'static str),
    /// That of the stamps' pixels.
    Pixels,
}

const NONE: Unit = Unit::Fixed("");
const PIXEL: Unit = Unit::Fixed("pix");
const DEGREE: Unit = Unit::Fixed("deg");

#[rustfmt::skip]
const COLUMNS: [Description; 20] = [
    ("stamp", Cell::Text(|r| &r.stamp), NONE, "name of the image"),
    ("region", Cell::Integer(|r| r.region), NONE, "number among the regions read from the file, excluded ones counted, from 1"),
    ("text", Cell::Text(|r| &r.text), NONE, "words of the region"),
    ("shape", Cell::Text(|r| r.shape), NONE, "shape of the region"),
    ("x", Cell::Float(|r| Some(r.centre[0])), PIXEL, "centre, FITS column (first is 1)"),
    ("y", Cell::Float(|r| Some(r.centre[1])), PIXEL, "centre, FITS row (first is 1)"),
    ("ra", Cell::Float(|r| Some(r.sky?[0])), DEGREE, "centre, ICRS right ascension"),
    ("dec", Cell::Float(|r| Some(r.sky?[1])), DEGREE, "centre, ICRS declination"),
    ("band", Cell::Text(|r| &r.band), NONE, "band, by name or number from 1"),
    ("area", Cell::Float(|r| Some(r.statistics.area)), Unit::Fixed("pix2"), "covered area without missing pixels"),
    ("pixels", Cell::Integer(|r| r.statistics.pixels as i64), NONE, "pixels covered at all"),
    ("missing", Cell::Integer(|r| r.statistics.missing as i64), NONE, "covered pixels that are NaN or infinite"),
    ("sum", Cell::Float(|r| Some(r.statistics.sum)), Unit::Pixels, "sum of value times covered part"),
    ("mean", Cell::Float(|r| r.statistics.mean), Unit::Pixels, "sum divided by area"),
    ("median", Cell::Float(|r| r.statistics.median), Unit::Pixels, "median weighted by covered part"),
    ("std", Cell::Float(|r| r.statistics.standard_deviation), Unit::Pixels, "standard deviation about the mean"),
    ("min", Cell::Float(|r| r.statistics.minimum), Unit::Pixels, "smallest value"),
    ("max", Cell::Float(|r| r.statistics.maximum), Unit::Pixels, "largest value"),
    ("x_centroid", Cell::Float(|r| Some(r.centroid?[0])), PIXEL, "centroid of the values, FITS column"),
    ("y_centroid", Cell::Float(|r| Some(r.centroid?[1])), PIXEL, "centroid of the values, FITS row"),
];

impl Cell {
    fn of(&self, rows: &[Row]) -> Values {
        match self {
            Self::Text(part) => {
                let value = |row| Some(part(row).to_owned()).filter(|text| !text.is_empty());
                Values::Text(rows.iter().map(value).collect())
            }
            Self::Integer(part) => {
                Values::Integer(rows.iter().map(|row| Some(part(row))).collect())
            }
            Self::Float(part) => Values::Float(rows.iter().map(part).collect()),
        }
    }
}
