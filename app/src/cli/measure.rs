//! `ganoscope measure`: statistics of the regions of a DS9 file, per band.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use ganoscope_core::region::{Catalogue, ds9};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io::PictureFile;

use super::Failure;
use super::common::{Common, Console};
use super::tables::{check_table, made_by_program, put_table};

/// Arguments of `measure`.
#[derive(Args, Debug)]
pub(super) struct Measure {
    /// Stamps: every image of a file, or one: FILE, FILE[SCI].
    #[arg(value_name = "FILE", num_args = 1.., required = true)]
    input: Vec<String>,
    /// Regions, a DS9 file in image, physical, fk5, icrs or galactic coordinates.
    #[arg(long, value_name = "FILE.reg")]
    regions: PathBuf,
    /// Table to write, .ecsv or .csv; printed when not given.
    #[arg(long, value_name = "TABLE")]
    out: Option<PathBuf>,
}

impl Measure {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        let named = |text: &String| PictureFile::named(text);
        let pictures: Vec<PictureFile> = self.input.iter().map(named).collect();
        let inputs = pictures.iter().map(|picture| &*picture.path);
        check_table(self.out.as_deref(), inputs.chain([&*self.regions]))?;
        let text = fs::read(&self.regions)
            .with_context(|| format!("cannot read the file {}", self.regions.display()))?;
        // DS9 writes ASCII; words in another encoding only lose letters.
        let text = String::from_utf8_lossy(&text);
        let mut catalogue = Catalogue::new();
        for (index, (input, picture)) in self.input.iter().zip(&pictures).enumerate() {
            for stamp in picture.read_all()? {
                let grid = Grid::of(&stamp);
                let file = ds9::read(&text, &grid).map_err(|error| {
                    anyhow!("{error} (for {input}): {}", self.regions.display())
                })?;
                if index == 0 && catalogue.is_empty() {
                    for warning in &file.warnings {
                        console.note(&format!("warning: {warning}: {}", self.regions.display()));
                    }
                }
                catalogue.add(&stamp, &grid, &file.regions);
            }
        }
        if catalogue.is_empty() {
            let why = "it has no region that includes pixels";
            return Err(anyhow!("{why}: {}", self.regions.display()).into());
        }
        let mut table = catalogue.table()?;
        table.meta = vec![
            made_by_program(),
            ("input".to_owned(), self.input.join(" ")),
            ("regions".to_owned(), self.regions.display().to_string()),
        ];
        put_table(&table, self.out.as_deref(), common, *console)
    }
}
