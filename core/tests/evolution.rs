//! Latent GANs: trained by one objective and by evolution, seeded, resumed bit for bit, opened as a series, and their bad inputs.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, Series, open_network};
use ganoscope_core::latent::Takes;
use ganoscope_core::train::evolution::{LINEAGE_FILE, Lineage, Origin};
use ganoscope_core::train::latent::{LatentProgress, run_latent};
use ganoscope_core::train::{Kind, Options, TrainError, kind_of};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const PICTURES: &str = r#"
kind = "latent"
name = "tiny"
seed = 3
provenance = "simulated galaxies"
licence = "MIT OR Apache-2.0"

[generator]
shape = "convolutional"
latents = 5
filters = 2
side = 16
enlarge = "transposed"

[discriminator]
shape = "convolutional"
filters = 2
side = 16

[training]
schedule = [{ until = 6, from = 1e-3, to = 1e-4 }]
batch = 4
discriminator_steps = 2
average = 0.9
clip = 1.0

[evolution]
parents = 2
evaluation = 6
keep_parent = true

[data]
kind = "pictures"
side = 16
crop = 20
simulated = 12

[checkpoints]
steps = [0, 3]
state_every = 2
"#;

fn write(folder: &Path, text: &str) -> Result<PathBuf> {
    let path = folder.join("tiny.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

fn train(
    recipe: &Path,
    out: &Path,
    resume: bool,
    until: u64,
) -> std::result::Result<Vec<LatentProgress>, TrainError> {
    let mut seen = Vec::new();
    let options = Options {
        resume,
        ..Options::default()
    };
    run_latent(recipe, out, &options, &mut |progress| {
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
        read("step-0000006/generator.safetensors")?,
        read("step-0000006/discriminator.safetensors")?,
        read(LINEAGE_FILE)?,
    ])
}

#[test]
fn an_interrupted_run_ends_with_the_same_weights_and_lineage_bit_for_bit() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = write(folder.path(), PICTURES)?;
    let out = |name: &str| folder.path().join(name);
    assert_eq!(train(&recipe, &out("straight"), false, u64::MAX)?.len(), 6);
    train(&recipe, &out("again"), false, u64::MAX)?;
    assert_eq!(outcome(&out("straight"))?, outcome(&out("again"))?);

    train(&recipe, &out("stopped"), false, 3)?;
    let rest = train(&recipe, &out("stopped"), true, u64::MAX)?;
    assert_eq!(rest.iter().map(|p| p.step).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(outcome(&out("straight"))?, outcome(&out("stopped"))?);

    // The state on disk is that of step 4 when the report of step 5 unwinds, as after a kill.
    let killed = std::panic::catch_unwind(|| {
        let _ = run_latent(
            &recipe,
            &out("killed"),
            &Options::default(),
            &mut |progress| {
                assert!(progress.step < 5, "killed");
                ControlFlow::Continue(())
            },
        );
    });
    assert!(killed.is_err());
    let rest = train(&recipe, &out("killed"), true, u64::MAX)?;
    assert_eq!(rest.first().map(|p| p.step), Some(5));
    assert_eq!(outcome(&out("straight"))?, outcome(&out("killed"))?);
    Ok(())
}

#[test]
fn the_series_opens_with_its_lineage_and_numbers() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = write(folder.path(), PICTURES)?;
    let out = folder.path().join("series");
    train(&recipe, &out, false, u64::MAX)?;
    let series = Series::open(&out)?;
    assert!(series.warnings.is_empty(), "{:?}", series.warnings);
    let steps: Vec<u64> = series.checkpoints.iter().map(|c| c.step).collect();
    assert_eq!(steps, [0, 3, 6]);
    assert!(series.has_manifest() && !series.manifest.is_deblender());
    let generator = series.load(6, NetworkRole::Generator)?;
    assert_eq!(
        Takes::of(&generator.network, false),
        Takes::Latents { classes: 0 }
    );
    assert_eq!(generator.output_range.map(|r| r.low), Some(-1.0));
    let judge = series.load(6, NetworkRole::Discriminator)?.network;
    assert_eq!(judge.input_fact().dims, [3, 16, 16]);
    // A file alone says what it is.
    let spec = NetworkSpec {
        path: out.join("step-0000006/generator.safetensors"),
        step: None,
        role: None,
        part: None,
    };
    let alone = open_network(&spec)?;
    assert_eq!((alone.role, alone.step), (NetworkRole::Generator, Some(6)));
    assert!(alone.guesses.is_empty(), "{:?}", alone.guesses);

    let metrics = series.checkpoints[2].metrics.as_ref().ok_or("metrics")?;
    let numbers = metrics.numbers();
    for name in [
        "loss.discriminator",
        "loss.generator",
        "fitness",
        "without-source",
    ] {
        assert!(numbers.contains_key(name), "{name}: {numbers:?}");
    }
    let lineage = Lineage::read(&out.join(LINEAGE_FILE))?;
    assert_eq!(lineage.generations.len(), 6);
    for generation in &lineage.generations {
        // Two parents that stay, and three mutations of each.
        assert_eq!(generation.children.len(), 8);
        let survivors = generation.children.iter().filter(|c| c.survived);
        assert_eq!(survivors.clone().count(), 2);
        let least = survivors.map(|c| c.fitness).fold(f64::INFINITY, f64::min);
        let rest = generation.children.iter().filter(|c| !c.survived);
        assert!(
            rest.into_iter().all(|c| c.fitness <= least),
            "{generation:?}"
        );
        assert!(generation.children[0].origin == Origin::Kept);
    }
    Ok(())
}

#[test]
fn one_mutation_is_plain_training_and_needs_no_fitness() -> Result {
    let folder = tempfile::tempdir()?;
    let text = PICTURES
        .replace("parents = 2", "mutations = ['heuristic']")
        .replace("keep_parent = true", "")
        .replace("average = 0.9", "");
    let recipe = write(folder.path(), &text)?;
    let out = folder.path().join("series");
    let seen = train(&recipe, &out, false, u64::MAX)?;
    assert!(seen.iter().all(|p| p.discriminator.is_finite()));
    let lineage = Lineage::read(&out.join(LINEAGE_FILE))?;
    assert!(lineage.generations.iter().all(|g| g.children.len() == 1));
    assert!(lineage.generations[0].children[0].fitness.is_nan());
    Ok(())
}

#[test]
fn a_run_that_diverges_goes_back_and_at_last_gives_up_by_name() -> Result {
    let folder = tempfile::tempdir()?;
    // Weights of this size overflow after a few steps; half of it does too.
    let text = PICTURES
        .replace("from = 1e-3, to = 1e-4", "from = 1e36, to = 1e36")
        .replace("clip = 1.0", "");
    let recipe = write(folder.path(), &text)?;
    let out = folder.path().join("series");
    let error = train(&recipe, &out, false, u64::MAX).expect_err("nothing finite is left");
    let text = error.to_string();
    assert!(text.contains("finite"), "{text}");
    // What was written before is whole.
    let series = Series::open(&out)?;
    series.load(0, NetworkRole::Generator)?;
    Ok(())
}

#[test]
fn the_kind_chooses_the_trainer_and_bad_recipes_are_named() -> Result {
    let folder = tempfile::tempdir()?;
    let path = write(folder.path(), PICTURES)?;
    assert_eq!(kind_of(&path)?, (Kind::Latent, true));
    for (text, expected) in [
        ("kind = 'magic'".to_owned(), "magic"),
        (
            PICTURES.replace("side = 16\nenlarge", "side = 12\nenlarge"),
            "power of two",
        ),
        (PICTURES.replacen("side = 16", "side = 32", 1), "emits"),
        (PICTURES.replace("batch = 4", "batch = 0"), "batch"),
        (PICTURES.replace("until = 6", "until = 0"), "schedule"),
        (PICTURES.replace("crop = 20", "crop = 12"), "crop"),
        (
            PICTURES.replace("simulated = 12", "simulated = 0"),
            "no galaxies",
        ),
        (PICTURES.replace("parents = 2", "parents = 0"), "parents"),
        (PICTURES.replace("clip = 1.0", "clip = -1.0"), "clip"),
        (
            PICTURES.replace("evaluation = 6", "evaluations = 6"),
            "evaluations",
        ),
        (PICTURES.replace("kind = \"latent\"", ""), "kind"),
    ] {
        let path = write(folder.path(), &text)?;
        let error = train(&path, &folder.path().join("out"), false, 0);
        let error = error.expect_err("the recipe is bad").to_string();
        assert!(
            error.contains(expected) && error.contains("tiny.toml") || expected == "no galaxies",
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn a_state_that_is_cut_off_or_of_another_recipe_is_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = write(folder.path(), PICTURES)?;
    let out = folder.path().join("series");
    train(&recipe, &out, false, 2)?;
    let state = out.join("training-state.safetensors");
    let whole = std::fs::read(&state)?;
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&state, &whole[..length])?;
        let error = train(&recipe, &out, true, 3)
            .expect_err("a broken state")
            .to_string();
        assert!(error.contains("training-state"), "{error}");
    }
    std::fs::write(&state, &whole)?;
    write(folder.path(), &PICTURES.replace("seed = 3", "seed = 4"))?;
    let error = train(&recipe, &out, true, 3)
        .expect_err("another seed")
        .to_string();
    assert!(error.contains("another recipe"), "{error}");
    Ok(())
}

#[test]
fn a_manifest_of_two_kinds_or_of_impossible_sizes_is_refused_by_name() -> Result {
    let folder = tempfile::tempdir()?;
    let recipe = write(folder.path(), PICTURES)?;
    let out = folder.path().join("series");
    train(&recipe, &out, false, 1)?;
    let manifest = out.join("series.toml");
    let whole = std::fs::read_to_string(&manifest)?;
    for (text, expected) in [
        (format!("{whole}\n[generator]\nfilters = 4\n"), "not both"),
        (whole.replace("side = 16", "side = 15"), "power of two"),
        (whole.replace("latents = 5", "latents = 0"), "latents"),
        (
            whole.replace("shape = \"convolutional\"", "shape = \"round\""),
            "round",
        ),
    ] {
        std::fs::write(&manifest, text)?;
        let error = Series::open(&out)
            .expect_err("a broken manifest")
            .to_string();
        assert!(
            error.contains(expected) && error.contains("series.toml"),
            "{error}"
        );
    }
    Ok(())
}
