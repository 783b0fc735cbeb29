//! Networks and files that the attribution tests share.

#![allow(dead_code, reason = "each test crate uses a part")]

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{DiscriminatorConfig, discriminator};
use ganoscope_core::network::{
    ConvSpec, Network, NetworkBuilder, NetworkError, NodeId, Op, Param, PoolSpec, Role, canonize,
};
use ganoscope_core::seed::hash_uniform;

/// The folder of reference outputs, if this checkout has one beside it.
pub(crate) fn oracles() -> Option<PathBuf> {
    let root = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/oracles/public"
    ));
    if root.is_dir() {
        return Some(root);
    }
    eprintln!("reference outputs are absent, skipping");
    None
}

pub(crate) fn tensors(path: PathBuf) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path, &Device::Cpu).expect("the reference file can be read")
}

pub(crate) fn json(path: PathBuf) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("the reference file can be read");
    serde_json::from_str(&text).expect("the reference file is JSON")
}

/// Takes parameters from a state dict.
pub(crate) fn from_dict(
    dict: HashMap<String, Tensor>,
) -> impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError> {
    move |key, _, _| {
        dict.get(key)
            .cloned()
            .ok_or_else(|| NetworkError::MissingParam {
                layer: key.into(),
                key: key.to_owned(),
            })
    }
}

/// Procedural parameters: kaiming-sized weights, small biases, batch statistics near one, some gains negative.
pub(crate) fn procedural(
    seed: u64,
) -> impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError> {
    move |key, role, dims| {
        let n = dims.iter().product();
        let fan_in = dims.iter().skip(1).product::<usize>().max(1) as f64;
        let values = hash_uniform(key, n, seed).into_iter().map(|u| match role {
            Role::Weight if dims.len() > 1 => u * (5.5 / fan_in).sqrt(),
            Role::Weight => 0.4 + u,
            Role::Var => 1.0 + 0.5 * u,
            Role::Bias | Role::Mean => 0.1 * u,
            Role::Slope => 0.2 + 0.1 * u,
            Role::Value => u,
        });
        let values: Vec<f32> = values.map(|v| v as f32).collect();
        Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
    }
}

/// Values in `[-1, 1)` of the given dimensions.
pub(crate) fn values(name: &str, dims: &[usize], dtype: DType) -> Tensor {
    let n = dims.iter().product();
    Tensor::from_vec(hash_uniform(name, n, 7), dims, &Device::Cpu)
        .and_then(|t| t.to_dtype(dtype))
        .expect("values fit the dimensions")
}

/// The published discriminator at a quarter of its width.
pub(crate) fn deblender_d_q(
    source: impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError>,
) -> Network {
    let config = DiscriminatorConfig {
        filters: 16,
        dense: 16,
        ..DiscriminatorConfig::default()
    };
    discriminator(&config, source).expect("the architecture is valid")
}

/// A small discriminator of the published form.
pub(crate) fn small_discriminator(seed: u64) -> Network {
    let config = DiscriminatorConfig {
        filters: 4,
        dense: 8,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    };
    discriminator(&config, procedural(seed)).expect("the architecture is valid")
}

/// DCGAN discriminator of width 8.
pub(crate) fn dcgan_d(dict: HashMap<String, Tensor>) -> Result<Network, NetworkError> {
    let mut b = NetworkBuilder::new(from_dict(dict));
    let mut x = b.input("image", &[3, 64, 64])?;
    for i in 0..4 {
        let conv = ConvSpec::square(4, 2, 1);
        x = b.conv(&format!("net.conv{i}"), x, 8 << i, conv, false)?;
        if i > 0 {
            x = b.batch_norm(&format!("net.bn{i}"), x, 1e-5)?;
        }
        x = b.plain(&format!("net.act{i}"), Op::LeakyRelu { slope: 0.2 }, &[x])?;
    }
    x = b.conv("net.conv4", x, 1, ConvSpec::square(4, 1, 0), false)?;
    x = b.plain("net.flatten", Op::Flatten, &[x])?;
    b.output("logit", x);
    b.finish()
}

/// Residual discriminator with pooling and concatenation.
pub(crate) fn res_d(dict: HashMap<String, Tensor>) -> Result<Network, NetworkError> {
    let width = 12;
    let mut b = NetworkBuilder::new(from_dict(dict));
    let x = b.input("image", &[3, 64, 64])?;
    let x = b.conv("stem", x, width, ConvSpec::square(3, 1, 1), true)?;
    let mut x = b.plain("stem_act", Op::LeakyRelu { slope: 0.2 }, &[x])?;
    for i in 1..=3 {
        x = down_block(&mut b, &format!("block{i}"), x, width * (i + 1))?;
    }
    let halves = PoolSpec::square(2);
    let max = b.plain("maxpool", Op::MaxPool(halves), &[x])?;
    let mean = b.plain("avgpool", Op::AvgPool(halves), &[x])?;
    let x = b.plain("concat", Op::Concat { axis: 0 }, &[max, mean])?;
    let x = b.conv("mix", x, 4 * width, ConvSpec::square(1, 1, 0), true)?;
    let x = b.plain("mix_act", Op::LeakyRelu { slope: 0.2 }, &[x])?;
    let x = b.plain("gap", Op::GlobalAvgPool, &[x])?;
    let x = b.plain("flatten", Op::Flatten, &[x])?;
    let x = b.plain("drop", Op::Identity, &[x])?;
    let x = b.dense("fc", x, 1, true)?;
    b.output("logit", x);
    b.finish()
}

fn down_block(
    b: &mut NetworkBuilder<'_>,
    name: &str,
    input: NodeId,
    channels: usize,
) -> Result<NodeId, NetworkError> {
    let (conv, halves) = (ConvSpec::square(3, 1, 1), PoolSpec::square(2));
    let x = b.conv(&format!("{name}.conv1"), input, channels, conv, true)?;
    let x = b.batch_norm(&format!("{name}.bn1"), x, 1e-5)?;
    let x = b.plain(&format!("{name}.act1"), Op::Relu, &[x])?;
    let x = b.conv(&format!("{name}.conv2"), x, channels, conv, true)?;
    let x = b.batch_norm(&format!("{name}.bn2"), x, 1e-5)?;
    let x = b.plain(&format!("{name}.pool"), Op::AvgPool(halves), &[x])?;
    let skip = b.plain(&format!("{name}.skip_pool"), Op::AvgPool(halves), &[input])?;
    let point = ConvSpec::square(1, 1, 0);
    let skip = b.conv(&format!("{name}.skip_conv"), skip, channels, point, true)?;
    let x = b.plain(&format!("{name}.add"), Op::Add, &[x, skip])?;
    b.plain(&format!("{name}.act2"), Op::Relu, &[x])
}

/// The network after the reference's own folding, which leaves an identity normalisation behind that still divides by
/// `sqrt(1 + eps)`. Where relevance is divided by sums that nearly cancel, that difference is what one sees.
pub(crate) fn folded_like_the_reference(network: &Network) -> Result<Network, NetworkError> {
    let canonical = canonize(network)?.network;
    let mut b = NetworkBuilder::new(procedural(0));
    for (id, node) in network.iter() {
        let params = if let Op::BatchNorm { .. } = node.op {
            let identity = node.params.iter().map(|p| {
                let value = match p.role {
                    Role::Weight | Role::Var => p.tensor.ones_like()?,
                    _ => p.tensor.zeros_like()?,
                };
                Ok(Param {
                    tensor: value,
                    ..p.clone()
                })
            });
            identity.collect::<Result<_, NetworkError>>()?
        } else {
            canonical.node(id).params.clone()
        };
        b.add(&node.name, node.op.clone(), &node.inputs, params)?;
    }
    for output in network.outputs() {
        b.output(&output.name, output.node);
    }
    b.finish()?.to_dtype(network.dtype())
}

/// The largest magnitude of a tensor.
pub(crate) fn max_abs(t: &Tensor) -> f64 {
    let values = t
        .to_device(&Device::Cpu)
        .and_then(|t| t.flatten_all())
        .and_then(|t| t.to_dtype(DType::F64)?.to_vec1::<f64>())
        .expect("a tensor has values");
    values.iter().fold(0.0, |max, v| {
        if v.is_nan() {
            f64::NAN
        } else {
            f64::max(max, v.abs())
        }
    })
}

/// The largest difference of two tensors of equal dimensions, relative to the largest magnitude of the second.
pub(crate) fn relative_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    // Compared on the processor, in a type that every device's results fit into.
    let exact = |t: &Tensor| {
        let t = t.to_device(&Device::Cpu);
        t.and_then(|t| t.to_dtype(DType::F64)).expect("converts")
    };
    let difference = (exact(a) - exact(b)).expect("dimensions are equal");
    max_abs(&difference) / max_abs(b).max(1e-30)
}
