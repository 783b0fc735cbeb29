//! Generators whose residual blocks have steps between the taps of their kernels: everything that runs a generator, pulls it
//! back, explains it, describes it and stores it takes them as it takes the published one.

use std::error::Error;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::attribution::{Method, Options, Prepared, Target};
use ganoscope_core::checkpoint::{
    Metrics, NetworkConfig, NetworkRole, NetworkSpec, Precision, Series, SeriesManifest,
    create_series, open_network, procedural_weights, write_checkpoint_as,
};
use ganoscope_core::network::{
    ConvSpec, Edits, Mode, Network, NetworkError, Op, Padding, Plan, Retain, Role, Wanted,
};
use ganoscope_core::seed::hash_uniform;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn config(filters: usize, size: usize) -> GeneratorConfig {
    GeneratorConfig {
        filters,
        root_blocks: 3,
        branch_blocks: 1,
        stamp_size: size,
        prelu: PreluKind::PerChannel,
        position_channels: true,
        root_dilations: vec![1, 4],
        branch_dilations: vec![2],
        ..GeneratorConfig::default()
    }
}

fn judge() -> DiscriminatorConfig {
    DiscriminatorConfig {
        filters: 2,
        dense: 4,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    }
}

fn stamps(n: usize, size: usize) -> Result<Tensor> {
    let values = hash_uniform("stamps", n * 3 * size * size, 2);
    let values: Vec<f32> = values.iter().map(|v| (v + 1.0) as f32 / 2.0).collect();
    Ok(Tensor::from_vec(values, (n, 3, size, size), &Device::Cpu)?)
}

fn conv_of(network: &Network, layer: &str) -> Result<ConvSpec> {
    match &network.node(network.find(layer)?).op {
        Op::Conv2d(conv) => Ok(*conv),
        other => Err(format!("{layer} is {other:?}").into()),
    }
}

#[test]
fn blocks_take_their_dilations_in_turn_and_keep_the_size() -> Result {
    let network = generator(&config(4, 16), procedural_weights(1))?;
    for (layer, dilation) in [
        ("root.0.conv1", 1),
        ("root.1.conv1", 4),
        ("root.1.conv2", 4),
        ("root.2.conv2", 1),
        ("branch1.0.conv1", 2),
        ("branch2.0.conv2", 2),
        ("conv_root", 1),
    ] {
        let conv = conv_of(&network, layer)?;
        assert_eq!(conv.dilation, [dilation; 2], "{layer}");
        assert_eq!(conv.padding, Padding::all(dilation), "{layer}");
    }
    Ok(())
}

#[test]
fn a_plan_gives_the_outputs_of_the_network() -> Result {
    for filters in [4, 16] {
        let network = generator(&config(filters, 24), procedural_weights(3))?;
        let plan = Plan::new(&network)?;
        let input = [stamps(2, 24)?];
        let run = network.forward(&input, &Edits::new(), &Retain::Nothing)?;
        for (got, expected) in plan.run(&input)?.iter().zip(run.outputs()) {
            let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
            for (a, b) in flat(got)?.iter().zip(flat(expected)?) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }
    Ok(())
}

/// Weights that keep activations about as large as they are, so that differences can be taken.
fn tame(key: &str, role: Role, dims: &[usize]) -> std::result::Result<Tensor, NetworkError> {
    let fan_in = dims.iter().skip(1).product::<usize>().max(1) as f64;
    let values = hash_uniform(key, dims.iter().product(), 1);
    let values = values.into_iter().map(|u| match role {
        Role::Weight if dims.len() > 1 => u * (2.0 / fan_in).sqrt(),
        Role::Weight | Role::Var => 1.0 + 0.2 * u,
        _ => 0.1 * u,
    });
    let values: Vec<f32> = values.map(|v| v as f32).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

#[test]
fn gradients_are_those_of_finite_differences() -> Result {
    let network = generator(&config(3, 10), tame)?.to_dtype(DType::F64)?;
    let x = stamps(2, 10)?.to_dtype(DType::F64)?;
    let node = network.outputs()[1].node;
    let value = |network: &Network, x: &Tensor| -> Result<(f64, Tensor)> {
        let run = network.run(&[x.clone()], &Edits::new(), &Retain::All, Mode::Training)?;
        let y = &run.outputs()[1];
        let weights = hash_uniform("seed", y.elem_count(), 3);
        let seed = Tensor::from_vec(weights, y.dims(), &Device::Cpu)?;
        Ok(((y * &seed)?.sum_all()?.to_scalar::<f64>()?, seed))
    };
    let (_, seed) = value(&network, &x)?;
    let run = network.run(&[x.clone()], &Edits::new(), &Retain::All, Mode::Training)?;
    let wanted = Wanted {
        inputs: true,
        params: true,
        ..Wanted::default()
    };
    let gradients = network.pullback(&run, &[(node, seed)], &wanted)?;
    let step = 1e-6;
    for (layer, which) in [
        ("root.1.conv1", 11),
        ("branch2.0.conv2", 40),
        ("conv_in", 5),
    ] {
        let id = network.find(layer)?;
        let gradient = &gradients.params[&(id, Role::Weight)].flatten_all()?;
        let expected = gradient.to_vec1::<f64>()?[which];
        let moved = |by: f64| -> Result<f64> {
            let network = network.map_params(|node, p| {
                if node != id || p.role != Role::Weight {
                    return Ok(p.tensor.clone());
                }
                let mut values = p.tensor.flatten_all()?.to_vec1::<f64>()?;
                values[which] += by;
                Ok(Tensor::from_vec(values, p.tensor.dims(), &Device::Cpu)?)
            })?;
            Ok(value(&network, &x)?.0)
        };
        let difference = (moved(step)? - moved(-step)?) / (2.0 * step);
        assert!(
            (difference - expected).abs() < 1e-5 * (1.0 + expected.abs()),
            "{layer}: {difference} {expected}"
        );
    }
    let at_input = &gradients.nodes[&network.inputs()[0]];
    let expected = at_input.flatten_all()?.to_vec1::<f64>()?;
    for which in [0, 155, 299] {
        let moved = |by: f64| -> Result<f64> {
            let mut values = x.flatten_all()?.to_vec1::<f64>()?;
            values[which] += by;
            let x = Tensor::from_vec(values, x.dims(), &Device::Cpu)?;
            Ok(value(&network, &x)?.0)
        };
        let difference = (moved(step)? - moved(-step)?) / (2.0 * step);
        assert!(
            (difference - expected[which]).abs() < 1e-5 * (1.0 + expected[which].abs()),
            "{which}: {difference} {}",
            expected[which]
        );
    }
    Ok(())
}

#[test]
fn relevance_goes_through() -> Result {
    let network = generator(&config(4, 16), tame)?;
    let options = Options::default();
    let prepared = Prepared::new(&network, &Method::EpsilonPlus, &options)?;
    let map = prepared.attribute(&[stamps(1, 16)?], &Target::default())?;
    let values = map.relevance.flatten_all()?.to_vec1::<f32>()?;
    assert!(values.iter().all(|v| v.is_finite()) && values.iter().any(|v| *v != 0.0));
    Ok(())
}

#[test]
fn a_series_keeps_dilations_and_half_precision_is_read_back() -> Result {
    let folder = tempfile::tempdir()?;
    let (generator_config, discriminator_config) = (config(4, 16), judge());
    let manifest = SeriesManifest::new(
        "dilated",
        generator_config.clone(),
        Some(discriminator_config.clone()),
    );
    create_series(folder.path(), &manifest)?;
    let g = generator(&generator_config, procedural_weights(1))?;
    let d = discriminator(&discriminator_config, procedural_weights(1))?;
    let write = |step, precision| {
        let metrics = Metrics::default();
        write_checkpoint_as(folder.path(), step, [&g, &d], &metrics, precision)
    };
    write(1, Precision::Full)?;
    write(2, Precision::Half)?;
    let series = Series::open(folder.path())?;
    assert_eq!(series.manifest.generator, Some(generator_config.clone()));
    for (step, tolerance) in [(1, 0.0), (2, 1e-3)] {
        let loaded = series.load(step, NetworkRole::Generator)?;
        assert_eq!(conv_of(&loaded.network, "root.1.conv1")?.dilation, [4, 4]);
        for (key, value) in g.state_dict() {
            let read = &loaded.network.state_dict()[&key];
            assert_eq!(read.dtype(), DType::F32);
            let difference = (read - &value)?.abs()?.flatten_all()?.max(0)?;
            let scale = value.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
            assert!(difference.to_scalar::<f32>()? <= tolerance * scale, "{key}");
        }
    }
    // The file alone says it too.
    let file = folder.path().join("step-0000002/generator.safetensors");
    let alone = open_network(&NetworkSpec::parse(&file.to_string_lossy()))?;
    assert_eq!(conv_of(&alone.network, "branch1.0.conv1")?.dilation, [2, 2]);
    let size = |step: &str| -> Result<u64> {
        let file = folder.path().join(step).join("discriminator.safetensors");
        Ok(std::fs::metadata(file)?.len())
    };
    assert!(size("step-0000002")? < size("step-0000001")?);
    Ok(())
}

#[test]
fn descriptions_without_dilations_are_as_they_were() -> Result {
    let text = serde_json::to_string(&GeneratorConfig::default())?;
    assert!(!text.contains("dilations"), "{text}");
    let read: GeneratorConfig = serde_json::from_str(&text)?;
    assert_eq!(read, GeneratorConfig::default());
    Ok(())
}

#[test]
fn senseless_dilations_are_refused() {
    for dilations in [vec![0], vec![1, 100_000], vec![1; 300]] {
        let config = NetworkConfig::Generator(GeneratorConfig {
            root_dilations: dilations,
            ..GeneratorConfig::default()
        });
        let error = config.check().unwrap_err();
        assert!(error.contains("root_dilations"), "{error}");
    }
}
