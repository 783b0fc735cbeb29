//! A training step on a device (that of `GANOSCOPE_TEST_DEVICE`, else the processor made to compute as other devices do)
//! against the processor's own kernels, from the same state: losses, weights, statistics, moments.

mod device_support;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use device_support::device;
use ganoscope_core::network::{Network, treat_cpu_as_foreign};
use ganoscope_core::train::data::{ExclusionList, Pair, PairSource};
use ganoscope_core::train::{Losses, Recipe, Trainer};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const RECIPE: &str = r#"
name = "tiny"
seed = 7
provenance = "simulated galaxies"
licence = "MIT OR Apache-2.0"

[generator]
filters = 8
root_blocks = 2
branch_blocks = 1
stamp_size = 24
prelu = "per-channel"
position_channels = true

[discriminator]
filters = 4
dense = 8
stamp_size = 24
padding = "tf-same"

[training]
schedule = [{ until = 8, from = 1e-3, to = 1e-3 }, { until = 12, from = 1e-3, to = 1e-3, statistics = "frozen" }]
batch = 6
burn_in = 1
average = 0.9
prelu_slope = 0.2
adversarial = 0.1
OPTIONS

[data]
simulated = 8

[checkpoints]
steps = [0]
"#;

/// The processor counts as foreign for all tests of a process, so one runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A learning rate is how far one step moves a weight at most, or nearly.
const RATE: f32 = 1e-3;

fn recipe(folder: &Path, options: &str) -> Result<Recipe> {
    let path = folder.join("tiny.toml");
    std::fs::write(&path, RECIPE.replace("OPTIONS", options))?;
    Ok(Recipe::read(&path)?)
}

fn pairs(recipe: &Recipe, step: u64) -> Result<Vec<Pair>> {
    let source = PairSource::new(recipe.data.clone(), Vec::new(), &ExclusionList::default())?;
    let size = recipe.training.batch as u64;
    Ok((step * size..(step + 1) * size)
        .map(|i| source.pair(i))
        .collect::<std::result::Result<_, _>>()?)
}

fn train(trainer: &mut Trainer, recipe: &Recipe, steps: u64) -> Result<Losses> {
    let mut losses = Losses::default();
    for _ in 0..steps {
        losses = trainer.train(&pairs(recipe, trainer.step_count())?)?;
    }
    Ok(losses)
}

/// Runs `f` on the device of the test; on the processor with the operations of other devices.
fn elsewhere<T>(f: impl FnOnce(&Device) -> Result<T>) -> Result<T> {
    treat_cpu_as_foreign(device().is_cpu());
    let outcome = f(device());
    treat_cpu_as_foreign(false);
    outcome
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor
        .to_device(&Device::Cpu)?
        .flatten_all()?
        .to_vec1::<f32>()?)
}

/// A bias in front of a normalisation with the statistics of the batch changes nothing: its gradient is rounding alone, which
/// Adam blows up to whole steps, and the running mean follows.
fn is_free(key: &str) -> bool {
    let conv = ["conv1.bias", "conv2.bias", "conv_root.bias"];
    let mean = [
        "bn1.running_mean",
        "bn2.running_mean",
        "bn_root.running_mean",
    ];
    let ends = |ends: &[&str]| ends.iter().any(|e| key.ends_with(e));
    !key.starts_with("net.") && (ends(&conv) || ends(&mean))
}

/// Largest and mean difference of all weights that matter.
fn difference(a: &Network, b: &Network) -> Result<(f32, f32)> {
    let (a, b): (BTreeMap<_, _>, BTreeMap<_, _>) = (a.state_dict(), b.state_dict());
    let (mut largest, mut sum, mut count) = (0.0_f32, 0.0, 0);
    for (key, a) in &a {
        let b = b.get(key).ok_or("a key")?;
        assert_eq!(a.dims(), b.dims());
        for (a, b) in values(a)?.iter().zip(values(b)?) {
            let far = (a - b).abs();
            if is_free(key) {
                assert!(far <= 40.0 * RATE, "{key}: {a} {b}");
                continue;
            }
            assert!(far.is_finite(), "{key}");
            if far > largest {
                largest = far;
            }
            sum += far;
            count += 1;
        }
    }
    Ok((largest, sum / count as f32))
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1e-3)
}

/// One step from a state that the kernels made, here and there.
fn one_step(options: &str, before: u64) -> Result {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path(), options)?;
    let state = folder.path().join("state");
    let mut here = Trainer::new(recipe.clone())?;
    train(&mut here, &recipe, before)?;
    here.save(&state)?;
    let expected = train(&mut here, &recipe, 1)?;
    let (there, losses) = elsewhere(|device| {
        let mut there = Trainer::resume_on(recipe.clone(), &state, device)?;
        let losses = train(&mut there, &recipe, 1)?;
        Ok((there, losses))
    })?;
    println!("{options} step {before}: {expected:?} {losses:?}");
    assert!(near(losses.content, expected.content, 1e-5));
    assert!(near(losses.adversarial, expected.adversarial, 1e-4));
    assert!(near(losses.discriminator, expected.discriminator, 1e-4));
    for (name, a, b) in [
        ("generator", here.generator(), there.generator()),
        ("discriminator", here.discriminator(), there.discriminator()),
    ] {
        let (largest, mean) = difference(a, b)?;
        println!("{name}: largest difference {largest:.1e}, mean {mean:.1e}");
        // Two hundredths of a step at most, and far less on the whole.
        assert!(largest < 0.05 * RATE && mean < 1e-3 * RATE, "{name}");
    }
    Ok(())
}

#[test]
fn a_step_of_adam_is_the_same() -> Result {
    one_step("optimiser = \"adam\"", 5)
}

#[test]
fn a_step_of_muon_is_the_same() -> Result {
    one_step("optimiser = \"muon\"", 5)
}

#[test]
fn a_step_of_a_whole_batch_with_short_gradients_and_few_judged_is_the_same() -> Result {
    one_step(
        "optimiser = \"muon\"\nparts = 1\nclip = 0.01\njudged = 2",
        5,
    )
}

#[test]
fn a_step_with_frozen_statistics_is_the_same() -> Result {
    one_step("optimiser = \"adam\"\nparts = 1", 9)
}

#[test]
fn several_steps_stay_together() -> Result {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path(), "optimiser = \"muon\"")?;
    let mut here = Trainer::new(recipe.clone())?;
    let expected = train(&mut here, &recipe, 10)?;
    let losses = elsewhere(|device| {
        let mut there = Trainer::on(recipe.clone(), device)?;
        train(&mut there, &recipe, 10)
    })?;
    println!("{expected:?} {losses:?}");
    assert!(near(losses.content, expected.content, 1e-2));
    assert!(near(losses.discriminator, expected.discriminator, 1e-2));
    Ok(())
}

#[test]
fn a_state_saved_there_goes_on_here() -> Result {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path(), "optimiser = \"muon\"")?;
    let state = folder.path().join("state");
    let (there, expected) = elsewhere(|device| {
        let mut there = Trainer::on(recipe.clone(), device)?;
        train(&mut there, &recipe, 4)?;
        there.save(&state)?;
        let losses = train(&mut there, &recipe, 1)?;
        Ok((there, losses))
    })?;
    let mut here = Trainer::resume(recipe.clone(), &state)?;
    assert_eq!(here.step_count(), 4);
    let losses = train(&mut here, &recipe, 1)?;
    assert!(near(losses.content, expected.content, 1e-5));
    let (largest, _) = difference(here.generator(), there.generator())?;
    assert!(largest < 0.05 * RATE, "{largest}");
    Ok(())
}
