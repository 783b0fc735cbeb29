//! The tasks that are measured beside the peers, by name: `g16-forward-1` is the published generator of 16 filters, its
//! forward pass, one stamp.

use std::hint::black_box;

use ganoscope_core::attribution::{Method, Options, Prepared, Target};
use ganoscope_core::network::{Edits, Network, Plan, Retain};
use ganoscope_core::train::data::{DataRecipe, ExclusionList, PairSource};
use ganoscope_core::train::{Recipe, Trainer};

use super::{one_unit, published_discriminator, published_generator, stamps};

/// Every task; `run.py` beside `peers/ours.rs` has the same list with the peers of each.
pub(crate) const TASKS: [&str; 14] = [
    "g16-forward-1",
    "g16-forward-16",
    "g64-forward-1",
    "g64-forward-16",
    "d16-forward-1",
    "d16-forward-16",
    "d64-forward-1",
    "d64-forward-16",
    "d16-epsilon-plus-1",
    "d16-epsilon-plus-16",
    "d64-epsilon-plus-1",
    "d64-epsilon-plus-16",
    "g16-train-8",
    "g16-resume-1",
];

/// A task made ready: each call does it once.
pub(crate) fn prepare(task: &str) -> Box<dyn FnMut()> {
    let (network, rest) = task.split_once('-').expect("a network");
    let (what, batch) = rest.rsplit_once('-').expect("a batch");
    let batch: usize = batch.parse().expect("a batch");
    let (kind, filters) = network.split_at(1);
    let filters: usize = filters.parse().expect("filters");
    match (kind, what) {
        ("g", "forward") => forward(&published_generator(filters), batch),
        ("d", "forward") => forward(&published_discriminator(filters), batch),
        ("d", "epsilon-plus") => epsilon_plus(&published_discriminator(filters), batch),
        ("g", "resume") => resume(published_generator(filters), filters, batch),
        ("g", "train") => train(filters, batch),
        _ => panic!("unknown task {task}"),
    }
}

fn forward(network: &Network, batch: usize) -> Box<dyn FnMut()> {
    let input = [stamps(batch)];
    let plan = Plan::new(network).expect("it can be folded");
    Box::new(move || {
        black_box(plan.run(&input).expect("runs"));
    })
}

fn epsilon_plus(network: &Network, batch: usize) -> Box<dyn FnMut()> {
    let input = [stamps(batch)];
    let options = Options::default();
    let prepared = Prepared::new(network, &Method::EpsilonPlus, &options).expect("rules fit");
    Box::new(move || {
        let map = prepared.attribute(&input, &Target::default());
        black_box(map.expect("runs"));
    })
}

/// One unit in the middle of the first branch turned down, from cached activations.
fn resume(network: Network, filters: usize, batch: usize) -> Box<dyn FnMut()> {
    let run = network
        .forward(&[stamps(batch)], &Edits::new(), &Retain::All)
        .expect("runs");
    let mut strength = 0.0;
    Box::new(move || {
        strength = (strength + 0.1) % 2.0;
        let edits = one_unit("branch1.2.add", filters, strength);
        black_box(network.resume(&run, &edits).expect("runs"));
    })
}

/// A whole step of both networks.
fn train(filters: usize, batch: usize) -> Box<dyn FnMut()> {
    let text = format!(
        "name = 'peer'\nseed = 1\nprovenance = ''\nlicence = ''\n\
         generator = {{ filters = {filters} }}\ndiscriminator = {{ filters = {filters} }}\n\
         training = {{ schedule = [{{ until = 1000000, from = 1e-4, to = 1e-4 }}], batch = {batch}, burn_in = 0 }}\n\
         checkpoints = {{ steps = [] }}\n"
    );
    let recipe: Recipe = toml::from_str(&text).expect("a recipe");
    let data = DataRecipe {
        simulated: 16,
        ..DataRecipe::default()
    };
    let source =
        PairSource::new(data, Vec::new(), &ExclusionList::default()).expect("galaxies are there");
    let pairs: Vec<_> = (0..batch as u64)
        .map(|i| source.pair(i).expect("a pair"))
        .collect();
    let mut trainer = Trainer::new(recipe).expect("networks fit");
    Box::new(move || {
        trainer.train(&pairs).expect("losses are finite");
    })
}
