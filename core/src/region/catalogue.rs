//! Statistics of many regions on many stamps as one table.
//!
//! Invariant: one row per stamp, region and band, in this order; positions are FITS pixels (the first pixel's centre is 1) and,
//! where the stamp has them, ICRS degrees. Excluded regions have no rows, they take their pixels away from the others.

use super::{Region, Statistics, measure};
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
        let unit = stamp.card("BUNIT").unwrap_or_default();
        match &self.unit {
            Some(known) if known != unit => self.units_differ = true,
            _ => self.unit = Some(unit.to_owned()),
        }
        for (index, region) in regions.iter().enumerate() {
            if region.exclude {
                continue;
            }
            let excluded = regions.iter().filter(|other| other.exclude);
            let found = measure(stamp, region, excluded);
            let centre = region.shape.centre();
            let sky = grid.sky(centre).and_then(|sky| sky.to(Frame::Icrs).ok());
            for (band, statistics) in found.bands.into_iter().enumerate() {
                let name = stamp.bands.get(band).cloned();
                self.rows.push(Row {
                    stamp: stamp.name.to_string(),
                    region: index as i64 + 1,
                    text: region.text.clone(),
                    shape: region.shape.name(),
                    centre: grid.to_fits(centre),
                    sky: sky.map(|sky| [sky.longitude, sky.latitude]),
                    band: name.unwrap_or_else(|| (band + 1).to_string()),
                    statistics,
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
        let unit = if self.units_differ {
            ""
        } else {
            self.unit.as_deref().unwrap_or_default()
        };
        let text = |part: fn(&Row) -> &str| {
            let value = |row: &Row| Some(part(row).to_owned()).filter(|text| !text.is_empty());
            Values::Text(self.rows.iter().map(value).collect())
        };
        let integer = |part: fn(&Row) -> i64| {
            Values::Integer(self.rows.iter().map(|row| Some(part(row))).collect())
        };
        let float =
            |part: fn(&Row) -> Option<f64>| Values::Float(self.rows.iter().map(part).collect());
        let column = |name: &str, values: Values, unit: &str, description: &str| {
            Column::new(name, values)
                .with_unit(unit)
                .with_description(description)
        };
        Table::new(vec![
            column("stamp", text(|r| &r.stamp), "", "name of the image"),
            column(
                "region",
                integer(|r| r.region),
                "",
                "number of the region in its file, from 1",
            ),
            column("text", text(|r| &r.text), "", "words of the region"),
            column("shape", text(|r| r.shape), "", "shape of the region"),
            column(
                "x",
                float(|r| Some(r.centre[0])),
                "pix",
                "centre, FITS column (first is 1)",
            ),
            column(
                "y",
                float(|r| Some(r.centre[1])),
                "pix",
                "centre, FITS row (first is 1)",
            ),
            column(
                "ra",
                float(|r| Some(r.sky?[0])),
                "deg",
                "centre, ICRS right ascension",
            ),
            column(
                "dec",
                float(|r| Some(r.sky?[1])),
                "deg",
                "centre, ICRS declination",
            ),
            column(
                "band",
                text(|r| &r.band),
                "",
                "band, by name or number from 1",
            ),
            column(
                "area",
                float(|r| Some(r.statistics.area)),
                "pix2",
                "covered area without missing pixels",
            ),
            column(
                "pixels",
                integer(|r| r.statistics.pixels as i64),
                "",
                "pixels covered at all",
            ),
            column(
                "missing",
                integer(|r| r.statistics.missing as i64),
                "",
                "covered pixels that are NaN or infinite",
            ),
            column(
                "sum",
                float(|r| Some(r.statistics.sum)),
                unit,
                "sum of value times covered part",
            ),
            column(
                "mean",
                float(|r| r.statistics.mean),
                unit,
                "sum divided by area",
            ),
            column(
                "median",
                float(|r| r.statistics.median),
                unit,
                "median weighted by covered part",
            ),
            column(
                "std",
                float(|r| r.statistics.standard_deviation),
                unit,
                "standard deviation about the mean",
            ),
            column(
                "min",
                float(|r| r.statistics.minimum),
                unit,
                "smallest value",
            ),
            column(
                "max",
                float(|r| r.statistics.maximum),
                unit,
                "largest value",
            ),
            column(
                "x_centroid",
                float(|r| Some(r.centroid?[0])),
                "pix",
                "centroid of the values, FITS column",
            ),
            column(
                "y_centroid",
                float(|r| Some(r.centroid?[1])),
                "pix",
                "centroid of the values, FITS row",
            ),
        ])
    }
}
