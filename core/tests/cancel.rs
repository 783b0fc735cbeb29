//! Cancelling stops at the next layer of a run or the next block of a file, and no layer of the widest published networks
//! is long: a study stops within 100 ms. Counted in pieces of work, not in time, so that a busy machine changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, discriminator, generator,
};
use ganoscope_core::checkpoint::{
    CheckpointError, Metrics, NetworkRole, Series, SeriesManifest, TensorFile, create_series,
    procedural_weights, write_checkpoint, write_tensors,
};
use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::jobs::{
    Cancel, DeblendSpec, Engine as _, Event, Failure, Finding, Input, Preview, PreviewSpec, Step,
    Studio, StudySpec, ThumbnailSpec, UnitsSpec, Worker,
};
use ganoscope_core::network::{Edits, Network, NetworkError, Op, Plan, Retain, Role};
use ganoscope_core::stamp::io::{self, Format};
use ganoscope_core::stamp::{Stamp, ValueRange};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const SIZE: usize = 16;
/// The most that one layer may compute for one stamp: 50 ms at a twentieth of what the kernels do on two cores.
const LAYER_FLOPS: f64 = 5e8;

fn small_generator() -> GeneratorConfig {
    GeneratorConfig {
        filters: 4,
        root_blocks: 1,
        branch_blocks: 1,
        stamp_size: SIZE,
        ..GeneratorConfig::default()
    }
}

/// Asks that say yes `limit` times, and how many there were.
struct Asks {
    limit: usize,
    count: AtomicUsize,
}

impl Asks {
    const fn new(limit: usize) -> Self {
        Self {
            limit,
            count: AtomicUsize::new(0),
        }
    }

    fn go_on(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

type Outputs = Result<Vec<Tensor>, NetworkError>;
type Named<'a> = (&'a str, &'a dyn Fn(&Asks) -> Outputs);

#[test]
fn a_run_stops_before_its_next_layer() -> Outcome {
    let network = generator(&small_generator(), procedural_weights(1))?;
    let plan = Plan::new(&network)?;
    let input = [Tensor::zeros((2, 3, SIZE, SIZE), DType::F32, &Device::Cpu)?];
    let retain = Retain::Nothing;
    let forward = |asks: &Asks| {
        let run = network.forward_while(&input, &Edits::new(), &retain, &|| asks.go_on());
        run.map(|run| run.outputs().to_vec())
    };
    let planned = |asks: &Asks| plan.run_while(&input, &|| asks.go_on());
    let runs: [Named<'_>; 2] = [("forward", &forward), ("plan", &planned)];
    let convolutions = network
        .nodes()
        .iter()
        .filter(|n| n.op.is_weighted())
        .count();
    for (name, run) in runs {
        let all = Asks::new(usize::MAX);
        assert_eq!(run(&all)?.len(), 2);
        // Asked for every layer that costs anything.
        assert!(all.count() >= convolutions, "{name}: {}", all.count());
        for limit in 0..all.count() {
            let asks = Asks::new(limit);
            assert!(matches!(run(&asks), Err(NetworkError::Stopped)), "{name}");
            // The layer that was not allowed is the last that was asked for.
            assert_eq!(asks.count(), limit + 1, "{name}");
        }
    }
    Ok(())
}

/// Multiplications and additions of a layer for one sample.
fn flops(network: &Network) -> Vec<(String, f64)> {
    let of = |node: &ganoscope_core::network::Node| {
        let weight = node.param(Role::Weight).map_or(0, Tensor::elem_count) as f64;
        let pixels = match node.op {
            Op::Conv2d(_) | Op::ConvTranspose2d { .. } => node.fact.size().iter().product(),
            _ => 1,
        };
        (node.name.to_string(), 2.0 * weight * pixels as f64)
    };
    network.nodes().iter().map(of).collect()
}

#[test]
fn no_layer_of_the_widest_networks_is_long() -> Outcome {
    // The values do not matter; one number repeated takes no memory.
    let source = |_: &str, _: Role, dims: &[usize]| {
        let one = Tensor::ones(vec![1; dims.len()], DType::F32, &Device::Cpu)?;
        Ok(one.expand(dims)?)
    };
    let networks = [
        generator(
            &GeneratorConfig {
                filters: 64,
                ..GeneratorConfig::default()
            },
            source,
        )?,
        discriminator(
            &DiscriminatorConfig {
                filters: 64,
                ..DiscriminatorConfig::default()
            },
            source,
        )?,
    ];
    for network in &networks {
        for (layer, flops) in flops(network) {
            assert!(flops <= LAYER_FLOPS, "layer {layer}: {flops:e}");
        }
    }
    Ok(())
}

#[test]
fn weights_stop_being_read_at_the_next_block() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("large.safetensors");
    // One tensor of 5 MiB and one of 4 bytes.
    let tensors = BTreeMap::from([
        (
            "a".to_owned(),
            Tensor::zeros(5 << 18, DType::F32, &Device::Cpu)?,
        ),
        ("b".to_owned(), Tensor::zeros(1, DType::F32, &Device::Cpu)?),
    ]);
    write_tensors(&path, &tensors, &BTreeMap::new())?;
    let all = Asks::new(usize::MAX);
    TensorFile::read_while(&path, &|| all.go_on())?;
    assert_eq!(all.count(), 6);
    for limit in 0..6 {
        let asks = Asks::new(limit);
        let error = TensorFile::read_while(&path, &|| asks.go_on()).expect_err("stopped");
        assert!(matches!(error, CheckpointError::Stopped { .. }), "{error}");
        assert!(error.to_string().ends_with("large.safetensors"), "{error}");
        assert_eq!(asks.count(), limit + 1);
    }
    Ok(())
}

/// A series of two checkpoints and three blends.
fn desk() -> Result<(tempfile::TempDir, PathBuf, Vec<PathBuf>), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let series = dir.path().join("series");
    let config = DiscriminatorConfig {
        filters: 2,
        dense: 6,
        stamp_size: SIZE,
        ..DiscriminatorConfig::default()
    };
    let manifest = SeriesManifest::new("tiny", small_generator(), Some(config.clone()));
    create_series(&series, &manifest)?;
    for step in [1, 2] {
        let generator = generator(&small_generator(), procedural_weights(step))?;
        let discriminator = discriminator(&config, procedural_weights(step))?;
        write_checkpoint(
            &series,
            step,
            &generator,
            &discriminator,
            &Metrics::default(),
        )?;
    }
    let blend = |i: usize| -> Result<PathBuf, Box<dyn std::error::Error>> {
        let path = dir.path().join(format!("{i}.fits"));
        let pixels = vec![0.1 * i as f32; 3 * SIZE * SIZE];
        let stamp = Stamp::new("blend", pixels, [3, SIZE, SIZE], ValueRange::UNIT);
        io::write(&path, &[stamp], Format::Fits, &[])?;
        Ok(path)
    };
    let blends = (1..4).map(blend).collect::<Result<_, _>>()?;
    Ok((dir, series, blends))
}

#[test]
fn loading_stops_at_every_parameter() -> Outcome {
    let (_dir, path, _) = desk()?;
    let series = Series::open(&path)?;
    for role in NetworkRole::ALL {
        let all = Asks::new(usize::MAX);
        series.load_while(1, role, &|| all.go_on())?;
        for limit in 0..all.count() {
            let asks = Asks::new(limit);
            let error = series
                .load_while(1, role, &|| asks.go_on())
                .expect_err("stopped");
            assert!(error.to_string().contains("stopped on request"), "{error}");
            assert_eq!(asks.count(), limit + 1);
        }
    }
    Ok(())
}

/// Every study there is.
fn studies(series: &Path, inputs: &[PathBuf]) -> [StudySpec; 3] {
    [
        StudySpec::Open(vec![series.to_owned()]),
        StudySpec::Timeline {
            series: series.to_owned(),
            inputs: inputs.iter().cloned().map(Input::from).collect(),
            shown: inputs[0].clone().into(),
        },
        StudySpec::UnitStats {
            series: series.to_owned(),
            step: 1,
            layer: "root.0.add".into(),
            inputs: inputs.iter().cloned().map(Input::from).collect(),
        },
    ]
}

#[test]
fn no_study_takes_a_cancelled_step_for_a_result() -> Outcome {
    let (_dir, series, inputs) = desk()?;
    for spec in studies(&series, &inputs) {
        for steps_before in 0..2 {
            let (mut studio, cancel) = (Studio::default(), Cancel::default());
            let mut job = studio.study(&spec, &cancel).map_err(|e| e.to_string())?;
            let step = |studio: &mut Studio, job: &mut ganoscope_core::jobs::StudyJob<Studio>| {
                job.step(studio)
            };
            let mut is_done = false;
            for _ in 0..steps_before {
                is_done = matches!(step(&mut studio, &mut job), Ok(Step::Done(_)));
            }
            if is_done {
                continue;
            }
            cancel.cancel();
            let outcome: Result<Step<Finding>, Failure> = step(&mut studio, &mut job);
            let why = outcome.expect_err("stopped").to_string();
            assert!(why.contains("stopped on request"), "{spec:?}: {why}");
            // The engine is none the worse for it.
            let mut again = studio
                .study(&spec, &Cancel::default())
                .map_err(|e| e.to_string())?;
            assert!(step(&mut studio, &mut again).is_ok());
        }
    }
    Ok(())
}

/// Every preview that runs a generator.
fn previews(series: &Path, input: &Path, edits: EditStack) -> [PreviewSpec; 4] {
    let run = DeblendSpec {
        series: series.to_owned(),
        step: 1,
        input: input.to_owned().into(),
        edits,
    };
    [
        PreviewSpec::Deblend(run.clone()),
        PreviewSpec::Unedited(DeblendSpec {
            edits: EditStack::default(),
            ..run.clone()
        }),
        PreviewSpec::Units(UnitsSpec {
            run: run.clone(),
            layer: "root.0.add".into(),
        }),
        PreviewSpec::Thumbnail(ThumbnailSpec::Drawn {
            series: run.series,
            step: 1,
            input: run.input,
        }),
    ]
}

/// Makes a preview that is cancelled before its first step.
fn cancelled(studio: &mut Studio, spec: &PreviewSpec) -> Outcome {
    let cancel = Cancel::default();
    let mut job = studio.preview(spec, &cancel).map_err(|e| e.to_string())?;
    cancel.cancel();
    let said = match job.step(studio) {
        Err(why) => why.to_string(),
        // A small picture is answered with what went wrong.
        Ok(Step::Done(Some(Preview::Thumbnail(small)))) => {
            let Err(why) = &small.picture else {
                return Err("it was drawn all the same".into());
            };
            why.to_string()
        }
        Ok(other) => return Err(format!("{other:?}").into()),
    };
    assert!(said.contains("stopped on request"), "{said}");
    Ok(())
}

#[test]
fn no_preview_runs_on_once_nobody_waits_for_it() -> Outcome {
    let (_dir, series, inputs) = desk()?;
    let ablated = Edit::new(UnitSet::of_layer("root.0.conv1", [0]), Action::Ablate);
    let edits = EditStack {
        edits: vec![ablated],
    };
    for spec in previews(&series, &inputs[0], edits.clone()) {
        let mut studio = Studio::default();
        cancelled(&mut studio, &spec)?;
        // The engine is none the worse for it.
        studio.preview_now(&spec).map_err(|e| e.to_string())?;
    }
    // The same for a run that resumes: the one that is held stays as it was.
    let pixels = |studio: &mut Studio, spec: &PreviewSpec| match studio.preview_now(spec) {
        Ok(Preview::Deblend(preview)) => Ok(preview.outputs[0].pixels.to_vec()),
        other => Err(format!("{other:?}")),
    };
    let [plain, ..] = previews(&series, &inputs[0], EditStack::default());
    let [edited, ..] = previews(&series, &inputs[0], edits);
    let mut studio = Studio::default();
    let before = pixels(&mut studio, &plain)?;
    cancelled(&mut studio, &edited)?;
    assert_eq!(pixels(&mut studio, &plain)?, before);
    let after = pixels(&mut studio, &edited)?;
    assert_ne!(after, before);
    assert_eq!(after, pixels(&mut Studio::default(), &edited)?);
    Ok(())
}

#[test]
fn a_study_cancelled_at_its_first_progress_says_nothing_more() -> Outcome {
    let (_dir, series, inputs) = desk()?;
    let cancel: Arc<OnceLock<Cancel>> = Arc::default();
    let at_first_event = cancel.clone();
    // Called on the worker's thread after an event, before the next step.
    let waker = Arc::new(move || at_first_event.wait().cancel());
    let mut worker = Worker::spawn(Studio::default, waker)?;
    let [_, timeline, _] = studies(&series, &inputs);
    let (id, flag) = worker.start(timeline).map_err(|_| "full")?;
    cancel.set(flag).map_err(|_| "set once")?;
    let first = worker.events().recv_timeout(PATIENCE)?;
    assert!(
        matches!(first, Event::Progress { id: of, .. } if of == id),
        "{first:?}"
    );
    let last = worker.events().recv_timeout(PATIENCE)?;
    assert!(
        matches!(last, Event::Cancelled { id: of } if of == id),
        "{last:?}"
    );
    drop(worker);
    Ok(())
}
