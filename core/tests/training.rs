//! Training: seeded, resumable bit for bit, and its bad inputs.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{NetworkRole, Series};
use ganoscope_core::train::{Options, Progress, TrainError, run};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const RECIPE: &str = r#"
name = "tiny"
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
schedule = [{ until = 4, from = 1e-3, to = 1e-4 }, { until = 6, from = 1e-3, to = 1e-4, statistics = "frozen" }]
batch = 3
burn_in = 2
average = 0.9

[data]
simulated = 8

[checkpoints]
steps = [0, 3]
state_every = 2
"#;

fn recipe(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("tiny.toml");
    std::fs::write(&path, RECIPE)?;
    Ok(path)
}

fn train(
    recipe: &Path,
    out: &Path,
    resume: bool,
    until: u64,
) -> std::result::Result<Vec<Progress>, TrainError> {
    let mut seen = Vec::new();
    run(
        recipe,
        out,
        &Options {
            resume,
            ..Options::default()
        },
        &mut |progress| {
            seen.push(progress.clone());
            if progress.step >= until {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )?;
    Ok(seen)
}

/// All weights of the last checkpoint, as bytes.
fn weights(out: &Path) -> Result<Vec<Vec<u8>>> {
    let folder = out.join("step-0000006");
    let file = |name: &str| std::fs::read(folder.join(name));
    Ok(vec![
        file("generator.safetensors")?,
        file("discriminator.safetensors")?,
    ])
}

#[test]
fn an_interrupted_run_ends_with_the_same_weights_bit_for_bit() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path())?;
    let (straight, stopped) = (
        folder.path().join("straight"),
        folder.path().join("stopped"),
    );
    let whole = train(&recipe, &straight, false, u64::MAX)?;
    assert_eq!(whole.len(), 6);
    train(&recipe, &stopped, false, 4)?;
    let rest = train(&recipe, &stopped, true, u64::MAX)?;
    assert_eq!(rest.iter().map(|p| p.step).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(weights(&straight)?, weights(&stopped)?);
    Ok(())
}

#[test]
fn a_killed_run_goes_on_from_the_last_saved_state() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path())?;
    let (straight, killed) = (folder.path().join("straight"), folder.path().join("killed"));
    train(&recipe, &straight, false, u64::MAX)?;
    // A panic inside the report unwinds out of the run at step 5: the state on disk is that of step 4, as after a kill.
    let outcome = std::panic::catch_unwind(|| {
        let _ = run(&recipe, &killed, &Options::default(), &mut |progress| {
            assert!(progress.step < 5, "killed");
            ControlFlow::Continue(())
        });
    });
    assert!(outcome.is_err());
    let rest = train(&recipe, &killed, true, u64::MAX)?;
    assert_eq!(rest.first().map(|p| p.step), Some(5));
    assert_eq!(weights(&straight)?, weights(&killed)?);
    Ok(())
}

#[test]
fn resuming_keeps_the_measurements_of_the_checkpoint_it_starts_from() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path())?;
    let out = folder.path().join("series");
    train(&recipe, &out, false, 3)?;
    let metrics = || std::fs::read_to_string(out.join("step-0000003/metrics.json"));
    let before = metrics()?;
    let content = before
        .lines()
        .find(|l| l.contains("content"))
        .ok_or("a loss")?;
    assert!(!content.contains(" 0.0"), "{before}");
    train(&recipe, &out, true, u64::MAX)?;
    assert_eq!(metrics()?, before);
    let seconds = |step: u64| -> Result<f64> {
        let series = Series::open(&out)?;
        let checkpoint = series.checkpoints.iter().find(|c| c.step == step);
        let metrics = checkpoint.and_then(|c| c.metrics.as_ref());
        Ok(metrics.ok_or("metrics")?.seconds)
    };
    assert!(
        seconds(3)? > 0.0 && seconds(6)? > seconds(3)?,
        "time goes on"
    );
    Ok(())
}

#[test]
fn the_series_has_the_planned_checkpoints_and_opens() -> Result {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("series");
    let seen = train(&recipe(folder.path())?, &out, false, u64::MAX)?;
    let last = seen.last().ok_or("no progress")?;
    assert!(
        last.losses.content > 0.0
            && last.losses.discriminator > 0.0
            && last.losses.adversarial > 0.0
    );
    let series = Series::open(&out)?;
    assert_eq!(
        series
            .checkpoints
            .iter()
            .map(|c| c.step)
            .collect::<Vec<_>>(),
        [0, 3, 6]
    );
    assert_eq!(series.manifest.name, "tiny");
    for role in [NetworkRole::Generator, NetworkRole::Discriminator] {
        let loaded = series.load(6, role)?;
        assert!(loaded.report.missing.is_empty(), "{:?}", loaded.report);
    }
    Ok(())
}

#[test]
fn bad_recipes_are_named() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bad.toml");
    for (text, expected) in [
        ("name = 3".to_owned(), "line 1: invalid type: integer"),
        (RECIPE.replace("batch = 3", "batch = 0"), "batch"),
        (RECIPE.replace("until = 6", "until = 3"), "schedule"),
        (RECIPE.replace("average = 0.9", "average = 1.5"), "average"),
        (RECIPE.replace("average = 0.9", "avarage = 0.9"), "avarage"),
        (
            RECIPE.replacen("stamp_size = 16", "stamp_size = 32", 1),
            "16",
        ),
        (
            RECIPE.replace("simulated = 8", "simulated = 0"),
            "simulated",
        ),
    ] {
        std::fs::write(&path, text)?;
        let error = train(&path, &folder.path().join("out"), false, 0)
            .expect_err("the recipe is bad")
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    Ok(())
}

#[test]
fn a_state_of_another_recipe_is_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let path = recipe(folder.path())?;
    let out = folder.path().join("series");
    train(&path, &out, false, 2)?;
    std::fs::write(&path, RECIPE.replace("seed = 7", "seed = 8"))?;
    let error = train(&path, &out, true, 6)
        .expect_err("another seed")
        .to_string();
    assert!(
        error.contains("another recipe") && error.contains("training-state"),
        "{error}"
    );
    Ok(())
}

#[test]
fn resuming_without_a_state_says_so() -> Result {
    let folder = tempfile::tempdir()?;
    let path = recipe(folder.path())?;
    let out = folder.path().join("series");
    train(&path, &out, false, u64::MAX)?;
    let error = train(&path, &out, true, 6)
        .expect_err("finished runs keep no state")
        .to_string();
    assert!(error.contains("training-state"), "{error}");
    Ok(())
}
