//! What ships: every series is the one its recipe describes, small enough, and as good as it must be.

use std::error::Error;
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{NetworkRole, Series};
use ganoscope_core::train::Recipe;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// A series in `models/`, and what is asked of it.
struct Shipped {
    name: &'static str,
    /// Checkpoints at least.
    checkpoints: usize,
    /// Room at most, bytes.
    bytes: u64,
    /// How much better than the blend its last checkpoint is at least, mean PSNR of both galaxies, dB.
    gain: f64,
}

const SHIPPED: [Shipped; 3] = [
    Shipped {
        name: "deblender-first",
        checkpoints: 8,
        bytes: 20_000_000,
        gain: 2.5,
    },
    Shipped {
        name: "deblender",
        checkpoints: 20,
        bytes: 25_000_000,
        gain: 5.2,
    },
    Shipped {
        name: "deblender-phantom",
        checkpoints: 10,
        bytes: 15_000_000,
        gain: 4.5,
    },
];

fn bytes_in(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            bytes_in(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

#[test]
fn a_series_is_the_one_of_its_recipe() -> Outcome {
    for Shipped {
        name, checkpoints, ..
    } in SHIPPED
    {
        let recipe = Recipe::read(&models().join(format!("recipes/{name}.toml")))?;
        let series = Series::open(&models().join(name))?;
        assert!(series.warnings.is_empty(), "{:?}", series.warnings);
        let manifest = &series.manifest;
        assert_eq!(manifest.name, recipe.name);
        assert_eq!(manifest.recipe, format!("{name}.toml"));
        assert_eq!(manifest.generator.as_ref(), Some(&recipe.generator));
        assert_eq!(manifest.discriminator.as_ref(), Some(&recipe.discriminator));
        assert_eq!(manifest.provenance, recipe.provenance);
        let mut planned = recipe.checkpoints.steps.clone();
        planned.push(recipe.steps());
        let shipped: Vec<u64> = series.checkpoints.iter().map(|c| c.step).collect();
        assert_eq!(shipped, planned, "{name}");
        assert!(shipped.len() >= checkpoints, "{name}");
        for checkpoint in &series.checkpoints {
            let metrics = checkpoint.metrics.as_ref().ok_or("metrics")?;
            let images = checkpoint.step * recipe.training.batch as u64;
            assert_eq!(metrics.images, images, "{name} step {}", checkpoint.step);
        }
    }
    Ok(())
}

#[test]
fn every_checkpoint_loads_and_the_last_one_deblends() -> Outcome {
    for Shipped {
        name, bytes, gain, ..
    } in SHIPPED
    {
        let folder = models().join(name);
        assert!(bytes_in(&folder)? <= bytes, "{name} must stay small");
        let series = Series::open(&folder)?;
        for checkpoint in &series.checkpoints {
            for role in NetworkRole::ALL {
                let loaded = series.load(checkpoint.step, role)?;
                assert!(loaded.report.missing.is_empty(), "{:?}", loaded.report);
            }
        }
        let last = series.checkpoints.last().and_then(|c| c.metrics.as_ref());
        let last = last.ok_or("metrics of the last checkpoint")?;
        let mean = last.psnr.iter().sum::<f64>() / last.psnr.len() as f64;
        let blend = last.other.get("psnr_of_blend").ok_or("PSNR of the blend")?;
        assert!(mean - blend >= gain, "{name}: {mean} dB against {blend} dB");
    }
    Ok(())
}

/// The figures in the metrics are those of the weights, where the judging blends are there.
#[test]
fn the_metrics_are_those_of_the_weights() -> Outcome {
    let blends = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/public/blends_sky");
    if !blends.is_dir() {
        eprintln!("skipped, not there: {}", blends.display());
        return Ok(());
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(&blends)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "gz"))
        .collect();
    files.sort();
    let blends = files
        .iter()
        .map(|path| ganoscope_core::stamp::io::read_blend(path))
        .collect::<Result<Vec<_>, _>>()?;
    for Shipped { name, gain, .. } in SHIPPED {
        let series = Series::open(&models().join(name))?;
        let checkpoint = series.checkpoints.last().ok_or("a checkpoint")?;
        let network = series
            .load(checkpoint.step, NetworkRole::Generator)?
            .network;
        let evaluation = ganoscope_core::train::evaluate(&network, &blends)?;
        let metrics = checkpoint.metrics.as_ref().ok_or("metrics")?;
        eprintln!("{name}: {:?}, measured {:?}", metrics.psnr, evaluation.psnr);
        for (now, then) in evaluation.psnr.iter().zip(&metrics.psnr) {
            // Instruction sets round differently, a GPU rounds products, and weights are stored with 16 bits.
            assert!((now - then).abs() < 0.01, "{name}: {now} {then}");
        }
        assert!(evaluation.mean_psnr() - evaluation.mean_psnr_of_blend() >= gain);
    }
    Ok(())
}
