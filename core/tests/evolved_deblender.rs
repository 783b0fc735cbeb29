//! The evolved deblender: seeded, resumed bit for bit, judged with content, recombined where that helps.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{NetworkRole, Series};
use ganoscope_core::train::evolution::deblender::{EvolvedProgress, run_evolved};
use ganoscope_core::train::evolution::{LINEAGE_FILE, Lineage, Origin};
use ganoscope_core::train::{Kind, Options, TrainError, kind_of};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const RECIPE: &str = r#"
kind = "deblender"
name = "evolved"
seed = 7
provenance = "simulated galaxies"
licence = "MIT OR Apache-2.0"

[generator]
filters = 4
root_blocks = 1
branch_blocks = 1
stamp_size = 16
prelu = "per-channel"
position_channels = true

[discriminator]
filters = 4
dense = 4
stamp_size = 16

[training]
schedule = [{ until = 5, from = 1e-3, to = 1e-4 }, { until = 8, from = 1e-3, to = 1e-4, statistics = "frozen" }]
batch = 4
burn_in = 2
average = 0.9

[evolution]
parents = 2
evaluation = 4
match_steps = 3
recombine = true

[data]
simulated = 8

[checkpoints]
steps = [0, 3]
state_every = 2
"#;

fn write(folder: &Path, text: &str) -> Result<PathBuf> {
    let path = folder.join("evolved.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

fn train(
    recipe: &Path,
    out: &Path,
    resume: bool,
    until: u64,
) -> std::result::Result<Vec<EvolvedProgress>, TrainError> {
    let mut seen = Vec::new();
    let options = Options {
        resume,
        ..Options::default()
    };
    run_evolved(recipe, out, &options, &mut |progress| {
        seen.push(progress.clone());
        if progress.step >= until {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(seen)
}

/// Everything that must not depend on interruptions: the last weights and the lineage.
fn outcome(out: &Path) -> Result<[Vec<u8>; 3]> {
    let read = |name: &str| std::fs::read(out.join(name));
    Ok([
        read("step-0000008/generator.safetensors")?,
        read("step-0000008/discriminator.safetensors")?,
        read(LINEAGE_FILE)?,
    ])
}

#[test]
fn an_interrupted_run_ends_with_the_same_weights_and_lineage_bit_for_bit() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = write(folder.path(), RECIPE)?;
    assert_eq!(kind_of(&recipe)?, (Kind::Deblender, true));
    let out = |name: &str| folder.path().join(name);
    let whole = train(&recipe, &out("straight"), false, u64::MAX)?;
    assert_eq!(whole.len(), 8);
    // Stopped in the burn-in, while weights are matched, and with frozen statistics.
    for until in [1, 4, 7] {
        let stopped = out(&format!("stopped-{until}"));
        train(&recipe, &stopped, false, until)?;
        let rest = train(&recipe, &stopped, true, u64::MAX)?;
        assert_eq!(rest.first().map(|p| p.step), Some(until + 1));
        assert_eq!(outcome(&out("straight"))?, outcome(&stopped)?, "{until}");
    }
    Ok(())
}

#[test]
fn generations_are_judged_by_content_too_and_the_series_opens() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = write(folder.path(), RECIPE)?;
    let out = folder.path().join("series");
    let seen = train(&recipe, &out, false, u64::MAX)?;
    let last = seen.last().ok_or("no progress")?;
    assert!(last.losses.content > 0.0 && last.losses.discriminator > 0.0);
    let lineage = Lineage::read(&out.join(LINEAGE_FILE))?;
    // The burn-in has no children.
    let steps: Vec<u64> = lineage.generations.iter().map(|g| g.step).collect();
    assert_eq!(steps, [3, 4, 5, 6, 7, 8]);
    let mut recombined = 0;
    for generation in &lineage.generations {
        let survivors = generation.children.iter().filter(|c| c.survived);
        assert_eq!(survivors.clone().count(), 2, "{generation:?}");
        for child in &generation.children {
            let m = child.measures;
            assert!(m.content.is_finite() && m.quality > 0.0 && m.quality < 1.0);
        }
        for joined in survivors.filter(|c| c.origin == Origin::Recombined) {
            recombined += 1;
            // Nearer to the truths than every child that it is made of.
            let rest = generation
                .children
                .iter()
                .filter(|c| c.origin != Origin::Recombined);
            let nearest = rest.map(|c| c.measures.content).fold(f64::MIN, f64::max);
            assert!(joined.measures.content >= nearest - 1e-6, "{generation:?}");
        }
    }
    assert!(
        recombined > 0,
        "branches of six children are never all best together"
    );
    let series = Series::open(&out)?;
    assert!(series.manifest.is_deblender());
    for role in [NetworkRole::Generator, NetworkRole::Discriminator] {
        series.load(8, role)?;
    }
    Ok(())
}

#[test]
fn bad_parts_of_a_recipe_are_named() -> Result {
    let folder = tempfile::tempdir()?;
    for (text, expected) in [
        (
            RECIPE.replace("parents = 2", "parents = 0"),
            "evolution.parents",
        ),
        (
            RECIPE.replace("match_steps = 3", "window = 1.0"),
            "evolution.window",
        ),
        (
            RECIPE.replace("recombine = true", "content = -1.0"),
            "evolution.content",
        ),
        (
            RECIPE.replace("recombine = true", "recombines = true"),
            "recombines",
        ),
        (
            RECIPE.replace("recombine = true", "mutations = ['magic']"),
            "magic",
        ),
    ] {
        let path = write(folder.path(), &text)?;
        let error = train(&path, &folder.path().join("out"), false, 0);
        let error = error.expect_err("the recipe is bad").to_string();
        assert!(error.contains(expected), "{error}");
    }
    Ok(())
}
