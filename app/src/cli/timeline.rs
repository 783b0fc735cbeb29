//! `ganoscope timeline`: what every checkpoint of a series makes of the same blends, as a table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use ganoscope_core::checkpoint::{NetworkSpec, Series};
use ganoscope_core::jobs::{
    Cancel, CheckpointInfo, Engine as _, Finding, Input, Step, Studio, StudySpec, TimelinePoint,
};
use ganoscope_core::stamp::io::PictureFile;

use super::Failure;
use super::common::{Common, Console};
use super::tables::{check_table, made_by_program, put_table};
use crate::export::timeline_table;

/// Arguments of `timeline`.
#[derive(Args, Debug)]
pub(super) struct Timeline {
    /// The series directory.
    #[arg(value_name = "DIR")]
    series: PathBuf,
    /// Blends, of which those with truths are measured; or seed:N for generators that take numbers.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    input: Vec<PathBuf>,
    /// Table to write, .ecsv or .csv; printed when not given.
    #[arg(long, value_name = "TABLE")]
    out: Option<PathBuf>,
}

impl Timeline {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        let spec = NetworkSpec::parse(&self.series.to_string_lossy());
        if spec.step.is_some() || spec.role.is_some() {
            let what = format!(
                "the timeline is that of a whole series, DIR, not {}",
                self.series.display()
            );
            return Err(Failure::Usage(what));
        }
        let inputs = self.input.iter().map(PathBuf::as_path);
        check_table(self.out.as_deref(), inputs)?;
        let series = Series::open(&self.series)?;
        for warning in &series.warnings {
            console.note(&format!("warning: {warning}"));
        }
        let points = self.measure(&series, common, *console)?;
        let mut table = timeline_table(&CheckpointInfo::all_of(&series), &points)?;
        let inputs: Vec<String> = self.input.iter().map(|p| shown(p)).collect();
        table.meta = vec![
            made_by_program(),
            ("series".to_owned(), shown(&self.series)),
            ("input".to_owned(), inputs.join(" ")),
        ];
        put_table(&table, self.out.as_deref(), common, *console)
    }

    /// Runs the study that the window runs; a checkpoint or picture that is left out is said.
    fn measure(
        &self,
        series: &Series,
        common: &Common,
        console: Console,
    ) -> Result<BTreeMap<u64, TimelinePoint>, anyhow::Error> {
        let first = inputs_of(&self.input)?.into_iter().next();
        let first = first.ok_or_else(|| anyhow!("no input"))?;
        let spec = StudySpec::Timeline {
            series: series.dir.clone(),
            inputs: inputs_of(&self.input)?,
            shown: first,
        };
        let mut studio = Studio::on(common.open_device(console)?);
        let mut study = studio.study(&spec, &Cancel::default()).map_err(told)?;
        let mut points = BTreeMap::new();
        let mut keep = |finding: Option<Finding>| {
            if let Some(Finding::Timeline(point)) = finding {
                let (done, all) = (points.len() + 1, series.checkpoints.len());
                console.note(&format!("{done} of {all}: step {}", point.step));
                if let Some(why) = &point.failure {
                    console.note(&format!("warning: step {} failed: {why}", point.step));
                } else if point.left_out > 0 {
                    let left_out = point.left_out;
                    let step = point.step;
                    console.note(&format!("warning: step {step}: {left_out} left out"));
                }
                points.insert(point.step, point);
            }
        };
        loop {
            match study.step(&mut studio).map_err(told)? {
                Step::More { partial, .. } => keep(partial),
                Step::Done(last) => {
                    keep(last);
                    return Ok(points);
                }
            }
        }
    }
}

/// Pictures by their paths, and seeds.
fn inputs_of(paths: &[PathBuf]) -> Result<Vec<Input>, anyhow::Error> {
    let input = |path: &PathBuf| {
        let latent = path.to_str().map(Input::latent_of).transpose()?.flatten();
        Ok(latent.map_or_else(|| Input::File(PictureFile::at(path)), Input::Latent))
    };
    paths.iter().map(input).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn told(why: ganoscope_core::jobs::Failure) -> anyhow::Error {
    anyhow!("{why}")
}
