//! The published toys: how many Gaussians of a mixture each objective and evolution cover. The table takes long and is made by
//! `cargo test --release -p ganoscope-core --test toys -- --ignored --nocapture`; a quick test shows that evolution learns.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ganoscope_core::train::evolution::Mutation;
use ganoscope_core::train::latent::{
    Coverage, Examples, LatentData, LatentRecipe, LatentTrainer, MixtureData,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Seeds of the table.
const SEEDS: u64 = 5;

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/recipes/toys")
}

fn mixture(recipe: &LatentRecipe) -> Result<&MixtureData> {
    match &recipe.data {
        LatentData::Mixture(mixture) => Ok(mixture),
        LatentData::Pictures(_) => Err("a toy is a mixture".into()),
    }
}

/// The coverage after every `every` steps.
fn train(recipe: LatentRecipe, every: u64) -> Result<Vec<(u64, Coverage)>> {
    let mixture = mixture(&recipe)?.clone();
    let examples = Examples::new(&recipe, Vec::new())?;
    let steps = recipe.steps();
    let mut trainer = LatentTrainer::new(recipe)?;
    let mut seen = Vec::new();
    while trainer.step_count() < steps {
        trainer.train(&examples)?;
        if trainer.step_count().is_multiple_of(every) {
            let coverage = mixture.coverage(&trainer.sample(2500, 1)?);
            seen.push((trainer.step_count(), coverage));
        }
    }
    Ok(seen)
}

#[test]
fn evolution_covers_more_of_the_ring_as_it_learns() -> Result {
    let mut recipe = LatentRecipe::read(&recipes().join("ring.toml"))?;
    recipe.training.schedule[0].until = 300;
    recipe.evolution.evaluation = 64;
    let seen = train(recipe, 100)?;
    let best = seen.iter().map(|(_, c)| c.modes).max().unwrap_or(0);
    assert!(best >= 3, "{seen:?}");
    Ok(())
}

/// One row of the table: name, mutations.
fn contenders() -> Vec<(&'static str, Vec<Mutation>)> {
    let mut all: Vec<_> = Mutation::ALL
        .into_iter()
        .map(|mutation| (mutation.name(), vec![mutation]))
        .collect();
    all.push(("evolution", Mutation::ALL.to_vec()));
    all
}

#[test]
#[ignore = "takes most of an hour; prints a table, and keeps its rows in the folder GANOSCOPE_TOYS to go on after a stop"]
fn table_over_five_seeds() -> Result {
    let folder = std::env::var_os("GANOSCOPE_TOYS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::temp_dir().join("ganoscope-toys"));
    std::fs::create_dir_all(&folder)?;
    let mut table = String::new();
    for toy in ["ring", "grid"] {
        let recipe = LatentRecipe::read(&recipes().join(format!("{toy}.toml")))?;
        for (name, mutations) in contenders() {
            for seed in 1..=SEEDS {
                let row = folder.join(format!("{toy}-{name}-{seed}.txt"));
                if !row.exists() {
                    let mut recipe = recipe.clone();
                    recipe.seed = seed;
                    recipe.evolution.mutations.clone_from(&mutations);
                    std::fs::write(&row, one(recipe, toy, name)?)?;
                }
                let row = std::fs::read_to_string(&row)?;
                eprint!("{row}");
                table.push_str(&row);
            }
        }
    }
    eprintln!("toy name seed modes filled high-quality best-modes seconds");
    eprintln!("{table}");
    Ok(())
}

fn one(recipe: LatentRecipe, toy: &str, name: &str) -> Result<String> {
    let (seed, every) = (recipe.seed, recipe.steps() / 20);
    let started = Instant::now();
    let seen = train(recipe, every.max(1))?;
    let last = seen.last().ok_or("no steps")?.1;
    let best = seen.iter().map(|(_, c)| c.modes).max().unwrap_or(0);
    let mut row = String::new();
    writeln!(
        row,
        "{toy} {name} {seed} {} {} {:.3} {best} {:.0}",
        last.modes,
        last.filled,
        last.high_quality,
        started.elapsed().as_secs_f64()
    )?;
    Ok(row)
}
