//! `ganoscope train` as a process: what it refuses, what it prints, and what is left when it is killed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ganoscope::testing::write_tiny_blend;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const STEPS: u64 = 300;

fn recipe(folder: &Path) -> Outcome<PathBuf> {
    let path = folder.join("tiny.toml");
    let text = format!(
        r#"
name = "tiny"
seed = 11
provenance = "simulated galaxies"
licence = "MIT OR Apache-2.0"

[generator]
filters = 4
root_blocks = 1
branch_blocks = 1
stamp_size = 16
prelu = "per-channel"

[discriminator]
filters = 2
dense = 4
stamp_size = 16

[training]
schedule = [{{ until = {STEPS}, from = 1e-3, to = 1e-4 }}]
batch = 2
burn_in = 2
optimiser = "muon"
start = "near-identity"

[data]
simulated = 4

[checkpoints]
steps = [0, 20]
state_every = 4
"#
    );
    std::fs::write(&path, text)?;
    Ok(path)
}

fn train(recipe: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ganoscope"));
    command
        .arg("train")
        .arg(recipe)
        .arg("--out")
        .arg(out)
        .args(more)
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The last checkpoint's weights.
fn weights(out: &Path) -> Outcome<[Vec<u8>; 2]> {
    let folder = out.join(format!("step-{STEPS:07}"));
    let read = |name: &str| std::fs::read(folder.join(name));
    Ok([
        read("generator.safetensors")?,
        read("discriminator.safetensors")?,
    ])
}

/// Waits until a file is there while the process runs.
fn wait_for(path: &Path, child: &mut Child) -> Outcome {
    let begun = Instant::now();
    while !path.exists() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("ended before {} was there: {status}", path.display()).into());
        }
        if begun.elapsed() > Duration::from_mins(2) {
            return Err("took too long".into());
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// Trains twice, once killed at the checkpoint of step 20 and resumed: the weights and `more` must be the same.
fn killed_and_resumed(folder: &Path, recipe: &Path, more: Option<&str>) -> Outcome {
    let (straight, killed) = (folder.join("straight"), folder.join("killed"));
    let whole = train(recipe, &straight, &[]).output()?;
    assert!(whole.status.success(), "{whole:?}");

    let mut child = train(recipe, &killed, &[]).spawn()?;
    wait_for(&killed.join("step-0000020/metrics.json"), &mut child)?;
    // SIGKILL on Unix, TerminateProcess on Windows: nothing of the program runs after it.
    child.kill()?;
    assert!(!child.wait()?.success(), "it was killed before it was done");
    let rest = train(recipe, &killed, &["--resume"]).output()?;
    assert!(rest.status.success(), "{rest:?}");
    assert!(
        weights(&straight)? == weights(&killed)?,
        "the same weights to the last bit"
    );
    if let Some(file) = more {
        let read = |out: &Path| std::fs::read(out.join(file));
        assert!(read(&straight)? == read(&killed)?, "{file} is the same");
    }
    Ok(())
}

#[test]
fn a_killed_process_loses_nothing_that_was_saved() -> Outcome {
    let folder = tempfile::tempdir()?;
    let recipe = recipe(folder.path())?;
    killed_and_resumed(folder.path(), &recipe, None)
}

#[test]
fn a_killed_evolution_loses_nothing_that_was_saved() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("latent.toml");
    let text = format!(
        r#"
kind = "latent"
name = "tiny"
seed = 2
provenance = "simulated galaxies"
licence = "MIT OR Apache-2.0"

[generator]
shape = "convolutional"
latents = 4
filters = 2
side = 16

[discriminator]
shape = "convolutional"
filters = 2
side = 16

[training]
schedule = [{{ until = {STEPS}, from = 1e-3, to = 1e-4 }}]
batch = 4
average = 0.9

[evolution]
evaluation = 4
parents = 2

[data]
kind = "pictures"
side = 16
crop = 20
simulated = 8

[checkpoints]
steps = [0, 20]
state_every = 4
"#
    );
    std::fs::write(&path, text)?;
    killed_and_resumed(folder.path(), &path, Some("lineage.csv"))
}

#[test]
fn every_checkpoint_is_judged_under_its_own_step() -> Outcome {
    let folder = tempfile::tempdir()?;
    let blends = folder.path().join("blends");
    std::fs::create_dir(&blends)?;
    write_tiny_blend(&blends, "one")?;
    let out = folder.path().join("series");
    let blends = blends.display().to_string();
    let options = ["--json", "--evaluate", &blends];
    let output = train(&recipe(folder.path())?, &out, &options).output()?;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let steps: Vec<_> = rows.iter().map(|row| row["step"].as_u64()).collect();
    assert_eq!(steps, [Some(0), Some(20), Some(STEPS)]);
    // The generator starts near "return the blend".
    let first = &rows[0];
    let (of_output, of_blend) = (&first["psnr"][0], &first["psnr_of_blend"][0]);
    let lost = of_blend
        .as_f64()
        .zip(of_output.as_f64())
        .map(|(b, o)| b - o);
    assert!(lost.is_some_and(|lost| lost < 8.0), "{first}");
    Ok(())
}

#[test]
fn what_cannot_be_done_is_refused_by_name() -> Outcome {
    let folder = tempfile::tempdir()?;
    let absent = folder.path().join("absent.toml");
    let error = |out: &Path| -> Outcome<String> {
        let output = train(&absent, out, &[]).output()?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        Ok(String::from_utf8(output.stderr)?)
    };
    let unreadable = error(&folder.path().join("new"))?;
    assert!(unreadable.contains("absent.toml"), "{unreadable}");
    let taken = folder.path().join("taken");
    ganoscope::testing::write_tiny_series(&taken, &[1])?;
    let refused = error(&taken)?;
    assert!(refused.contains("a series is there already"), "{refused}");
    Ok(())
}
