//! A folder to work in, and how commands are run and read there.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use candle_core::{Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, discriminator, generator,
};
use ganoscope_core::checkpoint::{
    Metrics, NetworkRole, Series, SeriesManifest, TensorFile, create_series, procedural_weights,
    write_checkpoint,
};
use ganoscope_core::network::{Edits, Retain};
use ganoscope_core::seed::hash_uniform;
use ganoscope_core::stamp::io::{self, Format};
use ganoscope_core::stamp::{Stamp, ValueRange};
use tempfile::TempDir;

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;
pub(crate) type Failure = Box<dyn std::error::Error>;

pub(crate) const SIZE: usize = 16;

/// A folder with a series (`series`, steps 5 and 40) and stamps (`a.fits`, `b.png`, `c.npy`).
pub(crate) struct Desk {
    pub(crate) dir: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Result<Self, Failure> {
        let desk = Self {
            dir: tempfile::tempdir()?,
        };
        let g = GeneratorConfig {
            filters: 4,
            root_blocks: 1,
            branch_blocks: 1,
            stamp_size: SIZE,
            ..GeneratorConfig::default()
        };
        let d = DiscriminatorConfig {
            filters: 2,
            dense: 6,
            stamp_size: SIZE,
            ..DiscriminatorConfig::default()
        };
        let series = desk.path("series");
        create_series(
            &series,
            &SeriesManifest::new("tiny", g.clone(), Some(d.clone())),
        )?;
        for step in [5, 40] {
            let networks = (
                generator(&g, procedural_weights(step))?,
                discriminator(&d, procedural_weights(step))?,
            );
            write_checkpoint(&series, step, &networks.0, &networks.1, &Metrics::default())?;
        }
        let stamp = stamp();
        let one = std::slice::from_ref(&stamp);
        io::write(&desk.path("a.fits"), one, Format::Fits, &[])?;
        io::write(&desk.path("b.png"), one, Format::Png, &[])?;
        io::write(
            &desk.path("c.npy"),
            &[stamp.to_range(ValueRange::SIGNED)],
            Format::Npy,
            &[],
        )?;
        Ok(desk)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganoscope"));
        command
            .current_dir(self.dir.path())
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE")
            .env_remove("GANOSCOPE_MEMORY_LIMIT");
        command
    }

    pub(crate) fn run<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Result<Output, Failure> {
        Ok(self.command().args(arguments).output()?)
    }

    /// Runs a command written as one line.
    pub(crate) fn line(&self, line: &str) -> Result<Output, Failure> {
        self.run(line.split_whitespace())
    }

    /// What a command prints when it works.
    pub(crate) fn done(&self, line: &str) -> Result<String, Failure> {
        let output = self.line(line)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The one line of a command that fails with exit code 1.
    pub(crate) fn failed(&self, line: &str) -> Result<String, Failure> {
        let output = self.line(&format!("{line} --quiet"))?;
        let errors = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{line}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
        assert!(errors.starts_with("error: "), "{line}: {errors}");
        assert!(output.stdout.is_empty(), "{line}");
        Ok(errors.trim_end().to_owned())
    }

    pub(crate) fn tensors(&self, name: &str) -> Result<TensorFile, Failure> {
        Ok(TensorFile::read(&self.path(name))?)
    }

    /// The outputs of the last generator for the stamp, and the activation of a layer.
    pub(crate) fn expected(&self, layer: &str) -> Result<Vec<Vec<f32>>, Failure> {
        let network = Series::open(&self.path("series"))?
            .load(40, NetworkRole::Generator)?
            .network;
        let input = Tensor::from_vec(stamp().pixels.to_vec(), (1, 3, SIZE, SIZE), &Device::Cpu)?;
        let run = network.forward(&[input], &Edits::new(), &Retain::All)?;
        let mut all: Vec<&Tensor> = run.outputs().iter().collect();
        all.push(run.activation(&network, layer)?);
        all.into_iter()
            .map(|t| Ok(t.flatten_all()?.to_vec1()?))
            .collect()
    }
}

/// Pixels in [0, 1] at levels of an 8-bit picture, so that every format keeps them.
pub(crate) fn stamp() -> Stamp {
    let level = |u: f64| ((u + 1.0) * 127.5).round() as f32 / 255.0;
    let pixels: Vec<f32> = hash_uniform("stamp", 3 * SIZE * SIZE, 1)
        .into_iter()
        .map(level)
        .collect();
    Stamp::new("a", pixels, [3, SIZE, SIZE], ValueRange::UNIT)
}

pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn assert_close(got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{a} {b}");
    }
}
