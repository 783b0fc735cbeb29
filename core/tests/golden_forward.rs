//! Forward passes against reference numbers: activations and outputs of the published architectures.
//!
//! `tests/golden/forward.json` is computed in float64 by `tests/golden/make_forward.py`, an implementation of its own of
//! the same networks with procedural weights. Beside the repository, `../shared/oracles` may hold larger references
//! (PyTorch, float64); then they are compared too. `GANOSCOPE_TEST_DEVICE` runs all of them on another device, with the same
//! tolerances: candle does not let a GPU round products to fewer bits than f32 unless asked to.

mod device_support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use device_support::{put, put_network};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PaddingConvention, PreluKind,
};
use ganoscope_core::checkpoint::{
    NetworkConfig, NetworkSpec, TensorFile, open_network, procedural_weights,
};
use ganoscope_core::network::{Edits, Network, NetworkError, Retain, Run};
use ganoscope_core::seed::hash_uniform;
use serde::Deserialize;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What is known of one value of a reference run, over all samples.
#[derive(Deserialize)]
struct Statistics {
    shape: Vec<usize>,
    mean: f64,
    /// Population standard deviation.
    std: f64,
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, candle_core::Error> {
    tensor.flatten_all()?.to_vec1()
}

/// The largest difference of two tensors of one shape.
fn difference(a: &Tensor, b: &Tensor) -> Result<f32, candle_core::Error> {
    assert_eq!(a.dims(), b.dims());
    let pairs = values(a)?.into_iter().zip(values(b)?);
    Ok(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
}

/// Compares the activation that `module` names with its statistics: both within 1e-4 of the larger of mean and spread.
fn check_statistics(
    network: &Network,
    run: &Run,
    module: &str,
    expected: &Statistics,
) -> Result<bool, Box<dyn std::error::Error>> {
    let Some(layer) = layer_of(network, module) else {
        // Padding is part of the convolution here, a layer of its own there.
        assert!(module.starts_with("net.pad"), "no layer for {module}");
        return Ok(false);
    };
    let value = run.activation(network, &layer)?;
    assert_eq!(value.dims(), expected.shape, "{module}");
    let values = values(value)?;
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let square = |v: &f32| (f64::from(*v) - mean).powi(2);
    let std = (values.iter().map(square).sum::<f64>() / n).sqrt();
    let tolerance = 1e-4 * expected.mean.abs().max(expected.std);
    for (what, got, expected) in [("mean", mean, expected.mean), ("std", std, expected.std)] {
        let off = (got - expected).abs();
        assert!(
            off <= tolerance,
            "{module}: {what} {got}, expected {expected}"
        );
    }
    Ok(true)
}

/// The layer whose value a module returns: a block returns its addition, a chain its last layer.
fn layer_of(network: &Network, module: &str) -> Option<String> {
    if network.find(module).is_ok() {
        return Some(module.to_owned());
    }
    let inside = format!("{module}.");
    let mut layers = network.nodes().iter().rev();
    let last = layers.find(|node| node.name.starts_with(&inside))?;
    Some(last.name.to_string())
}

#[derive(Deserialize)]
struct Golden {
    networks: BTreeMap<String, GoldenNetwork>,
}

#[derive(Deserialize)]
struct GoldenNetwork {
    config: NetworkConfig,
    seed: u64,
    samples: usize,
    activations: BTreeMap<String, Statistics>,
    /// Every value, row-major.
    outputs: BTreeMap<String, Vec<f32>>,
}

#[test]
fn small_networks_match_the_reference_implementation() -> Outcome {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/forward.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    assert_eq!(golden.networks.len(), 4);
    for (name, golden) in &golden.networks {
        let network = put_network(&build(&golden.config, golden.seed)?);
        let mut dims = vec![golden.samples];
        dims.extend(&network.input_fact().dims);
        let count = dims.iter().product();
        let pixels = hash_uniform("input", count, golden.seed);
        let pixels: Vec<f32> = pixels.into_iter().map(|v| v as f32).collect();
        let input = put(&Tensor::from_vec(pixels, dims, &Device::Cpu)?);
        let run = network.forward(&[input], &Edits::new(), &Retain::All)?;
        for (module, expected) in &golden.activations {
            assert!(check_statistics(&network, &run, module, expected)?);
        }
        for (output, expected) in &golden.outputs {
            let got = values(&run.outputs()[network.find_output(output)?])?;
            assert_eq!(got.len(), expected.len(), "{name} {output}");
            for (a, b) in got.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-4, "{name} {output}: {a} {b}");
            }
        }
    }
    Ok(())
}

fn build(config: &NetworkConfig, seed: u64) -> Result<Network, NetworkError> {
    let weights = procedural_weights(seed);
    match config {
        NetworkConfig::Generator(config) => {
            ganoscope_core::architecture::generator(config, weights)
        }
        NetworkConfig::Discriminator(config) => {
            ganoscope_core::architecture::discriminator(config, weights)
        }
        NetworkConfig::LatentGenerator(config) => config.build(weights),
        NetworkConfig::LatentDiscriminator(config) => config.build(weights),
    }
}

/// The folder with the larger references, or `None` after saying so.
fn oracles() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles/public");
    if !folder.is_dir() {
        eprintln!("skipped: no reference files at {}", folder.display());
        return None;
    }
    Some(folder)
}

#[derive(Deserialize)]
struct Reference {
    activations: BTreeMap<String, Statistics>,
    full_tensors: BTreeMap<String, Saved>,
}

#[derive(Deserialize)]
struct Saved {
    saved_as: String,
}

/// Runs a network on the oracle's input and compares everything the oracle knows.
fn check_oracle(folder: &Path, name: &str, network: &Network) -> Outcome {
    let tensors = TensorFile::read(&folder.join(format!("forward/{name}.safetensors")))?.tensors;
    let text = std::fs::read_to_string(folder.join(format!("forward/{name}.json")))?;
    let reference: Reference = serde_json::from_str(&text)?;
    let tensor = |key: &str| tensors.get(key).ok_or_else(|| format!("{key} is missing"));
    let network = &put_network(network);
    let input = put(tensor("input")?);
    let run = network.forward(&[input], &Edits::new(), &Retain::All)?;
    for (output, value) in network.outputs().iter().zip(run.outputs()) {
        let off = difference(value, tensor(&format!("out.{}", output.name))?)?;
        assert!(
            off <= 1e-4,
            "{name}: output {} is off by {off}",
            output.name
        );
    }
    let mut compared = 0;
    for (module, expected) in &reference.activations {
        compared += usize::from(check_statistics(network, &run, module, expected)?);
    }
    assert!(compared >= 27, "{name}: only {compared} activations");
    for (module, Saved { saved_as }) in &reference.full_tensors {
        let layer = layer_of(network, module).ok_or("no layer")?;
        let mut first = run.activation(network, &layer)?.narrow(0, 0, 1)?;
        if saved_as.starts_with("act_every2nd.") {
            first = every_second(&first)?;
        }
        let off = difference(&first, tensor(saved_as)?)?;
        assert!(off <= 1e-4, "{name}: {module} is off by {off}");
    }
    Ok(())
}

/// `[:, :, ::2, ::2]`.
fn every_second(x: &Tensor) -> Result<Tensor, candle_core::Error> {
    let index = |axis: usize| {
        let half = x.dim(axis)?.div_ceil(2) as u32;
        Tensor::from_iter((0..half).map(|i| 2 * i), x.device())
    };
    x.contiguous()?
        .index_select(&index(2)?, 2)?
        .index_select(&index(3)?, 3)
}

#[test]
fn quarter_width_discriminator_matches_torch() -> Outcome {
    let Some(folder) = oracles() else {
        return Ok(());
    };
    let spec = NetworkSpec::parse(
        &folder
            .join("models/deblender_d_q.safetensors")
            .to_string_lossy(),
    );
    check_oracle(&folder, "deblender_d_q", &open_network(&spec)?.network)
}

#[test]
fn tensorflow_padding_matches_torch_with_explicit_padding() -> Outcome {
    let Some(folder) = oracles() else {
        return Ok(());
    };
    let file = TensorFile::read(&folder.join("models/deblender_d_tf.safetensors"))?;
    let config = DiscriminatorConfig {
        filters: 8,
        dense: 16,
        padding: PaddingConvention::TfSame,
        ..DiscriminatorConfig::default()
    };
    let (network, report) = NetworkConfig::Discriminator(config).build(&file)?;
    assert_eq!((report.missing.len(), report.unused.len()), (0, 0));
    check_oracle(&folder, "deblender_d_tf", &network)
}

#[test]
fn quarter_width_generator_matches_torch() -> Outcome {
    let Some(folder) = oracles() else {
        return Ok(());
    };
    let spec = NetworkSpec::parse(
        &folder
            .join("models/deblender_g_q.safetensors")
            .to_string_lossy(),
    );
    check_oracle(&folder, "deblender_g_q", &open_network(&spec)?.network)
}

#[test]
fn generator_with_slopes_per_element_matches_torch() -> Outcome {
    let Some(folder) = oracles() else {
        return Ok(());
    };
    let spec = NetworkSpec::parse(
        &folder
            .join("models/deblender_g_hwc.safetensors")
            .to_string_lossy(),
    );
    check_oracle(&folder, "deblender_g_hwc", &open_network(&spec)?.network)
}

#[derive(Deserialize)]
struct FullWidth {
    procedural_seed: u64,
    parameters: usize,
    activations: BTreeMap<String, Statistics>,
}

/// 64 filters, as published: about 11 billion multiplications for a generator.
#[test]
fn full_width_networks_match_torch() -> Outcome {
    let Some(folder) = oracles() else {
        return Ok(());
    };
    let tensors = TensorFile::read(&folder.join("forward/full_width.safetensors"))?.tensors;
    let text = std::fs::read_to_string(folder.join("forward/full_width.json"))?;
    let references: BTreeMap<String, FullWidth> = serde_json::from_str(&text)?;
    let input = &put(tensors.get("input").ok_or("input is missing")?);
    for (name, reference) in &references {
        let generator = |prelu| {
            NetworkConfig::Generator(GeneratorConfig {
                prelu,
                ..GeneratorConfig::default()
            })
        };
        let discriminator = |padding| {
            NetworkConfig::Discriminator(DiscriminatorConfig {
                padding,
                ..DiscriminatorConfig::default()
            })
        };
        let config = match name.as_str() {
            "deblender_d_full" => discriminator(PaddingConvention::Symmetric),
            "deblender_d_full_tf" => discriminator(PaddingConvention::TfSame),
            "deblender_g_full" => generator(PreluKind::PerChannel),
            "deblender_g_full_hwc" => generator(PreluKind::PerElement),
            other => return Err(format!("unknown network {other}").into()),
        };
        let network = put_network(&build(&config, reference.procedural_seed)?);
        let trained = network.params().filter(|(_, p)| p.role.is_trained());
        let count: usize = trained.map(|(_, p)| p.tensor.elem_count()).sum();
        assert_eq!(count, reference.parameters, "{name}");
        let run = network.forward(std::slice::from_ref(input), &Edits::new(), &Retain::All)?;
        for (module, expected) in &reference.activations {
            check_statistics(&network, &run, module, expected)?;
        }
        for (output, value) in network.outputs().iter().zip(run.outputs()) {
            let key = format!("{name}.{}", output.name);
            let expected = tensors
                .get(&key)
                .ok_or_else(|| format!("{key} is missing"))?;
            let value = if value.rank() == 4 {
                every_second(value)?
            } else {
                value.clone()
            };
            let off = difference(&value, expected)?;
            assert!(off <= 1e-3, "{key} is off by {off}");
        }
    }
    Ok(())
}
