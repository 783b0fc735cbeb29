//! Laws of plans over random networks, requests and edits: a plan gives what the network gives, resuming gives the bits of
//! a full run, and many edits at once give the bits of one after the other.

mod networks;

use std::error::Error;

use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::procedural_weights;
use ganoscope_core::network::{
    Affine, ConvSpec, Edits, LayerName, Network, NetworkBuilder, NetworkError, Op, Plan, Request,
    Retain, Runner,
};
use ganoscope_core::seed::Stream;

use networks::random_network;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn tensor(stream: &mut Stream, dims: &[usize]) -> Outcome<Tensor> {
    let n = dims.iter().product();
    let values: Vec<f32> = (0..n).map(|_| stream.uniform(-1.0, 1.0) as f32).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

fn some_layers(stream: &mut Stream, network: &Network) -> Vec<LayerName> {
    let all: Vec<&LayerName> = network.nodes().iter().map(|node| &node.name).collect();
    let mut layers: Vec<LayerName> = (0..stream.below(4))
        .map(|_| all[stream.below(all.len())].clone())
        .collect();
    layers.sort();
    layers.dedup();
    layers
}

/// Edits of some of `layers`: of one value, per channel or per element.
fn random_edits(stream: &mut Stream, network: &Network, layers: &[LayerName]) -> Outcome<Edits> {
    let mut edits = Edits::new();
    for layer in layers {
        if stream.coin() {
            continue;
        }
        let dims = &network.node(network.find(layer)?).fact.dims;
        let draw = |stream: &mut Stream| {
            let mut part = vec![1; dims.len() + 1];
            match stream.below(3) {
                0 => {}
                1 => part[1] = dims[0],
                _ => part[1..].copy_from_slice(dims),
            }
            tensor(stream, &part)
        };
        let (gain, offset) = (draw(stream)?, draw(stream)?);
        edits.insert(layer.clone(), Affine { gain, offset });
    }
    Ok(edits)
}

fn flat(t: &Tensor) -> Outcome<Vec<f32>> {
    Ok(t.flatten_all()?.to_vec1()?)
}

fn assert_close(got: &Tensor, expected: &Tensor, what: &str) -> Outcome {
    assert_eq!(got.dims(), expected.dims(), "{what}");
    let (got, expected) = (flat(got)?, flat(expected)?);
    let largest = expected.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
    for (a, b) in got.iter().zip(&expected) {
        assert!(
            (a - b).abs() <= 1e-5 * largest,
            "{what}: {a} {b} of {largest}"
        );
    }
    Ok(())
}

fn all(runner: &Runner) -> Outcome<Vec<Vec<f32>>> {
    let mut values: Vec<Vec<f32>> = runner.outputs()?.iter().map(flat).collect::<Outcome<_>>()?;
    for layer in runner.plan().request().retain.clone() {
        values.push(flat(&runner.activation(&layer)?)?);
    }
    Ok(values)
}

#[test]
fn plans_of_random_networks_give_what_the_networks_give() -> Outcome {
    let mut tried = 0;
    for seed in 0..120_u64 {
        let mut stream = Stream::new(seed);
        // A draw whose values do not fit together is none.
        let Ok(network) = random_network(&mut stream, seed) else {
            continue;
        };
        tried += 1;
        let request = Request {
            retain: some_layers(&mut stream, &network),
            edits: some_layers(&mut stream, &network),
        };
        let plan = Plan::compile(&network, &request)?;
        let (mut runner, mut fresh) = (plan.runner(), plan.runner());
        let batch = 1 + stream.below(2);
        let mut dims = vec![batch];
        dims.extend(&network.input_fact().dims);
        let input = [tensor(&mut stream, &dims)?];
        for turn in 0..4 {
            let what = format!("seed {seed} turn {turn} {request:?}");
            let edits = random_edits(&mut stream, &network, &request.edits)?;
            if turn == 0 {
                runner.run(&input, &edits)?;
            } else {
                runner.resume(&edits)?;
            }
            fresh.run(&input, &edits)?;
            assert!(
                all(&runner)? == all(&fresh)?,
                "{what}: resumed and full run"
            );
            let expected =
                network.forward(&input, &edits, &Retain::Layers(request.retain.clone()))?;
            for (got, expected) in runner.outputs()?.iter().zip(expected.outputs()) {
                assert_close(got, expected, &what)?;
            }
            for layer in &request.retain {
                assert_close(
                    &runner.activation(layer)?,
                    expected.activation(&network, layer)?,
                    &what,
                )?;
            }
            if turn == 2 {
                many(&mut runner, &mut stream, &network, &what)?;
            }
        }
    }
    assert!(tried > 60, "only {tried} networks could be built");
    Ok(())
}

/// Many edits at once give the bits of one after the other, and leave the runner where it was.
fn many(runner: &mut Runner, stream: &mut Stream, network: &Network, what: &str) -> Outcome {
    let layers = runner.plan().request().edits.clone();
    let edits = (0..3)
        .map(|_| random_edits(stream, network, &layers))
        .collect::<Outcome<Vec<_>>>()?;
    let before = all(runner)?;
    let together = runner.resume_many(&edits, &|| true)?;
    assert!(all(runner)? == before, "{what}: the runner stays");
    let mut one = runner
        .outputs()?
        .iter()
        .map(|_| Vec::new())
        .collect::<Vec<Vec<f32>>>();
    for edits in &edits {
        runner.resume(edits)?;
        for (sum, output) in one.iter_mut().zip(runner.outputs()?) {
            sum.extend(flat(&output)?);
        }
    }
    for (together, one) in together.iter().zip(&one) {
        assert!(
            flat(together)? == *one,
            "{what}: many edits and one after the other"
        );
    }
    Ok(())
}

/// The edited value is read by the end of a step whose own input no edit changes.
#[test]
fn many_edits_of_a_shortcut_built_first() -> Outcome {
    let mut b = NetworkBuilder::new(procedural_weights(2));
    let x = b.input("x", &[3, 12, 12])?;
    let skip = b.conv("skip", x, 12, ConvSpec::square(3, 1, 1), true)?;
    let main = b.conv("main", x, 12, ConvSpec::square(3, 1, 1), true)?;
    let sum = b.plain("sum", Op::Add, &[main, skip])?;
    let flat_x = b.plain("flat", Op::Flatten, &[x])?;
    let first = b.dense("first", flat_x, 5, true)?;
    let second = b.dense("second", flat_x, 5, true)?;
    let logit = b.plain("logit", Op::Add, &[second, first])?;
    b.output("sum", sum);
    b.output("logit", logit);
    let network = b.finish()?;
    let request = Request {
        retain: Vec::new(),
        edits: vec!["skip".into(), "first".into()],
    };
    let mut stream = Stream::new(7);
    let input = [tensor(&mut stream, &[2, 3, 12, 12])?];
    let plan = Plan::compile(&network, &request)?;
    let mut runner = plan.runner();
    assert!(runner.output_values(0).is_none());
    runner.run(&input, &Edits::new())?;
    for _ in 0..8 {
        many(&mut runner, &mut stream, &network, "shortcut")?;
    }
    let none = runner.resume_many(&[], &|| true)?;
    assert_eq!(none[0].dims(), [0, 12, 12, 12]);
    // By tensors as well, and stopped.
    let double = network.to_dtype(candle_core::DType::F64)?;
    let plan = Plan::compile(&double, &request)?;
    let mut runner = plan.runner();
    runner.run(
        &[input[0].to_dtype(candle_core::DType::F64)?],
        &Edits::new(),
    )?;
    let stopped = runner.resume_many(&[Edits::new()], &|| false);
    assert!(matches!(stopped, Err(NetworkError::Stopped)));
    Ok(())
}

#[test]
fn what_was_not_asked_for_is_refused() -> Outcome {
    let mut b = NetworkBuilder::new(procedural_weights(1));
    let x = b.input("x", &[3, 8, 8])?;
    let y = b.conv("conv", x, 4, ConvSpec::square(3, 1, 1), true)?;
    b.output("y", y);
    let network = b.finish()?;
    let plan = Plan::new(&network)?;
    let mut runner = plan.runner();
    assert!(matches!(
        runner.outputs(),
        Err(NetworkError::NothingToResume)
    ));
    assert!(matches!(
        runner.resume(&Edits::new()),
        Err(NetworkError::NothingToResume)
    ));
    let mut stream = Stream::new(1);
    let input = [tensor(&mut stream, &[1, 3, 8, 8])?];
    runner.run(&input, &Edits::new())?;
    let edit = Affine {
        gain: tensor(&mut stream, &[1, 4, 1, 1])?,
        offset: tensor(&mut stream, &[1, 4, 1, 1])?,
    };
    let edits = Edits::from([("conv".into(), edit)]);
    assert!(matches!(
        runner.resume(&edits),
        Err(NetworkError::NotEditable { .. })
    ));
    assert!(matches!(
        runner.activation("conv"),
        Err(NetworkError::NotRetained { .. })
    ));
    let unknown = Request {
        retain: vec!["nowhere".into()],
        ..Request::default()
    };
    assert!(Plan::compile(&network, &unknown).is_err());
    // Stopped, and then run again.
    assert!(matches!(
        runner.run_while(&input, &Edits::new(), &|| false),
        Err(NetworkError::Stopped)
    ));
    assert!(matches!(
        runner.outputs(),
        Err(NetworkError::NothingToResume)
    ));
    runner.run(&input, &Edits::new())?;
    assert_eq!(runner.outputs()?.len(), 1);
    Ok(())
}
