//! The answer to "what is in these regions": statistics of every region on every picture of a scene.
//!
//! Invariant: numbers are in the units of the blend's file and positions in its pixels, also where the picture is shown smaller.

use std::sync::Arc;

use crate::region::{Catalogue, Picture, Region, RegionStatistics};
use crate::sky::Grid;
use crate::table::{Table, TableProblem};

/// The statistics of regions on the pictures of a scene.
#[derive(Clone, Debug)]
pub struct RegionsPreview {
    /// The regions measured.
    pub regions: Arc<Vec<Region>>,
    /// How the pixels of the blend are counted and where they lie on the sky.
    pub grid: Grid,
    /// The unit of the blend's pixels; empty when its file does not say.
    pub unit: String,
    /// The blend first, then outputs, truths and the residual, as far as there are any.
    pub pictures: Vec<MeasuredPicture>,
    /// What a person should know of the numbers, for example that they are those of a smaller picture.
    pub notes: Vec<String>,
}

/// The statistics of regions on one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredPicture {
    /// What it is: `blend`, `galaxy 1`, `truth 1`, `residual`.
    pub name: String,
    /// Names of its bands, or empty.
    pub bands: Vec<String>,
    /// One per region; `None` for those that take pixels away.
    pub statistics: Vec<Option<RegionStatistics>>,
}

impl RegionsPreview {
    /// The statistics as a table: one row per picture, region and band.
    pub fn table(&self) -> Result<Table, TableProblem> {
        let mut catalogue = Catalogue::new();
        for measured in &self.pictures {
            let picture = Picture {
                name: &measured.name,
                bands: &measured.bands,
                unit: &self.unit,
            };
            catalogue.add_measured(&picture, &self.grid, &self.regions, &measured.statistics);
        }
        catalogue.table()
    }
}
