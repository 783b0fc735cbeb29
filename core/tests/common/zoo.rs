//! Networks of several families, built layer by layer under the names of their PyTorch modules.

use candle_core::Tensor;
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PaddingConvention, PreluKind, discriminator, generator,
};
use ganoscope_core::network::{
    ConvSpec, Network, NetworkBuilder, NetworkError, NodeId, Op, PoolSpec, Role, UpsampleMode,
};

type Built<T> = Result<T, NetworkError>;
type Builder<'a> = NetworkBuilder<'a>;

/// Every network with reference outputs.
pub(crate) const NAMES: [&str; 9] = [
    "deblender_d_q",
    "deblender_d_tf",
    "deblender_g_q",
    "deblender_g_hwc",
    "dcgan_g",
    "dcgan_d",
    "proggan_g",
    "esrgan_g",
    "res_d",
];

/// Builds a network of [`NAMES`].
pub(crate) fn build(
    name: &str,
    source: impl FnMut(&str, Role, &[usize]) -> Built<Tensor>,
) -> Built<Network> {
    match name {
        "deblender_d_q" | "deblender_d_tf" => {
            let tf = name == "deblender_d_tf";
            let config = DiscriminatorConfig {
                filters: if tf { 8 } else { 16 },
                dense: 16,
                padding: if tf {
                    PaddingConvention::TfSame
                } else {
                    PaddingConvention::Symmetric
                },
                ..DiscriminatorConfig::default()
            };
            discriminator(&config, source)
        }
        "deblender_g_q" | "deblender_g_hwc" => {
            let small = name == "deblender_g_hwc";
            let config = GeneratorConfig {
                filters: if small { 4 } else { 16 },
                stamp_size: if small { 40 } else { 80 },
                prelu: if small {
                    PreluKind::PerElement
                } else {
                    PreluKind::PerChannel
                },
                ..GeneratorConfig::default()
            };
            generator(&config, source)
        }
        other => {
            let mut b = NetworkBuilder::new(source);
            match other {
                "dcgan_g" => dcgan_g(&mut b)?,
                "dcgan_d" => dcgan_d(&mut b)?,
                "proggan_g" => proggan_g(&mut b)?,
                "esrgan_g" => esrgan_g(&mut b)?,
                "res_d" => res_d(&mut b)?,
                _ => panic!("no network is named {other}"),
            }
            b.finish()
        }
    }
}

/// Radford et al. 2016, arXiv 1511.06434.
fn dcgan_g(b: &mut Builder<'_>) -> Built<()> {
    let mut x = b.input("z", &[100, 1, 1])?;
    for (i, channels) in [64, 32, 16, 8].into_iter().enumerate() {
        let conv = ConvSpec::square(4, 1 + usize::from(i > 0), usize::from(i > 0));
        x = b.conv_transpose(&format!("net.deconv{i}"), x, channels, conv, [0, 0], false)?;
        x = b.batch_norm(&format!("net.bn{i}"), x, 1e-5)?;
        x = b.plain(&format!("net.relu{i}"), Op::Relu, &[x])?;
    }
    let conv = ConvSpec::square(4, 2, 1);
    x = b.conv_transpose("net.deconv4", x, 3, conv, [0, 0], false)?;
    x = b.plain("net.tanh", Op::Tanh, &[x])?;
    b.output("image", x);
    Ok(())
}

fn dcgan_d(b: &mut Builder<'_>) -> Built<()> {
    let mut x = b.input("image", &[3, 64, 64])?;
    for (i, channels) in [8, 16, 32, 64].into_iter().enumerate() {
        x = b.conv(
            &format!("net.conv{i}"),
            x,
            channels,
            ConvSpec::square(4, 2, 1),
            false,
        )?;
        if i > 0 {
            x = b.batch_norm(&format!("net.bn{i}"), x, 1e-5)?;
        }
        x = b.plain(&format!("net.act{i}"), Op::LeakyRelu { slope: 0.2 }, &[x])?;
    }
    x = b.conv("net.conv4", x, 1, ConvSpec::square(4, 1, 0), false)?;
    x = b.plain("net.flatten", Op::Flatten, &[x])?;
    b.output("logit", x);
    Ok(())
}

/// Karras et al. 2018, arXiv 1710.10196: weights are scaled when the network runs.
fn proggan_g(b: &mut Builder<'_>) -> Built<()> {
    let norm = Op::PixelNorm { eps: 1e-8 };
    let z = b.input("z", &[64, 1, 1])?;
    let mut x = b.plain("net.norm_in", norm.clone(), &[z])?;
    for (level, channels) in [32, 32, 24, 16, 12].into_iter().enumerate() {
        for j in 0..2 {
            let conv = if (level, j) == (0, 0) {
                ConvSpec::square(4, 1, 3)
            } else {
                ConvSpec::square(3, 1, 1)
            };
            if level > 0 && j == 0 {
                x = b.plain(&format!("net.up{level}"), nearest(), &[x])?;
            }
            let at = format!("{level}_{j}");
            x = b.conv(&format!("net.conv{at}"), x, channels, conv, false)?;
            x = weight_scale(b, &format!("net.wscale{at}"), x)?;
            x = b.plain(&format!("net.act{at}"), Op::LeakyRelu { slope: 0.2 }, &[x])?;
            x = b.plain(&format!("net.norm{at}"), norm.clone(), &[x])?;
        }
    }
    x = b.conv("net.to_rgb", x, 3, ConvSpec::square(1, 1, 0), false)?;
    x = weight_scale(b, "net.wscale_rgb", x)?;
    b.output("image", x);
    Ok(())
}

const fn nearest() -> Op {
    Op::Upsample {
        scale: [2, 2],
        mode: UpsampleMode::Nearest,
    }
}

fn weight_scale(b: &mut Builder<'_>, name: &str, x: NodeId) -> Built<NodeId> {
    let channels = b.fact(x).units();
    let scale = b.constant(&format!("{name}.scale"), &[])?;
    let bias = b.constant(&format!("{name}.bias"), &[channels, 1, 1])?;
    let x = b.plain(&format!("{name}.scaled"), Op::Mul, &[x, scale])?;
    b.plain(name, Op::Add, &[x, bias])
}

/// Wang et al. 2018, arXiv 1809.00219.
fn esrgan_g(b: &mut Builder<'_>) -> Built<()> {
    let conv = ConvSpec::square(3, 1, 1);
    let image = b.input("image", &[3, 20, 20])?;
    let fifth = b.add(
        "fifth",
        Op::Constant,
        &[],
        vec![ganoscope_core::network::Param {
            role: Role::Value,
            key: "fifth".into(),
            tensor: Tensor::new(&[0.2_f32], &candle_core::Device::Cpu)?,
        }],
    )?;
    let stem = b.conv("conv_first", image, 16, conv, true)?;
    let mut x = stem;
    for block in 0..2 {
        let name = format!("body.{block}");
        let mut inner = x;
        for i in 1..=3 {
            inner = dense_block(b, &format!("{name}.rdb{i}"), inner, fifth)?;
        }
        let scaled = b.plain(&format!("{name}.scaled"), Op::Mul, &[inner, fifth])?;
        x = b.plain(&name, Op::Add, &[x, scaled])?;
    }
    x = b.conv("conv_body", x, 16, conv, true)?;
    x = b.plain("sum", Op::Add, &[stem, x])?;
    for (name, slopes) in [("up1", 16), ("up2", 1)] {
        x = b.conv(&format!("{name}.conv"), x, 64, conv, true)?;
        x = b.plain(
            &format!("{name}.shuffle"),
            Op::PixelShuffle { factor: 2 },
            &[x],
        )?;
        x = b.prelu(&format!("{name}.act"), x, &[slopes])?;
    }
    x = b.conv("conv_last", x, 3, conv, true)?;
    x = b.plain("tanh", Op::Tanh, &[x])?;
    b.output("image", x);
    Ok(())
}

fn dense_block(b: &mut Builder<'_>, name: &str, x: NodeId, fifth: NodeId) -> Built<NodeId> {
    let conv = ConvSpec::square(3, 1, 1);
    let mut parts = vec![x];
    for i in 1..=4 {
        let joined = b.plain(&format!("{name}.cat{i}"), Op::Concat { axis: 0 }, &parts)?;
        let y = b.conv(&format!("{name}.conv{i}"), joined, 8, conv, true)?;
        // One activation module called four times: its later values are numbered.
        let act = match i {
            1 => format!("{name}.act"),
            _ => format!("{name}.act#{}", i - 1),
        };
        parts.push(b.plain(&act, Op::LeakyRelu { slope: 0.2 }, &[y])?);
    }
    let joined = b.plain(&format!("{name}.cat5"), Op::Concat { axis: 0 }, &parts)?;
    let y = b.conv(&format!("{name}.conv5"), joined, 16, conv, true)?;
    let y = b.plain(&format!("{name}.scaled"), Op::Mul, &[y, fifth])?;
    b.plain(name, Op::Add, &[x, y])
}

fn res_d(b: &mut Builder<'_>) -> Built<()> {
    let leaky = Op::LeakyRelu { slope: 0.2 };
    let x = b.input("image", &[3, 64, 64])?;
    let x = b.conv("stem", x, 12, ConvSpec::square(3, 1, 1), true)?;
    let mut x = b.plain("stem_act", leaky.clone(), &[x])?;
    for (i, channels) in [24, 36, 48].into_iter().enumerate() {
        x = down_block(b, &format!("block{}", i + 1), x, channels)?;
    }
    let max = b.plain("maxpool", Op::MaxPool(PoolSpec::square(2)), &[x])?;
    let mean = b.plain("avgpool", Op::AvgPool(PoolSpec::square(2)), &[x])?;
    let x = b.plain("cat", Op::Concat { axis: 0 }, &[max, mean])?;
    let x = b.conv("mix", x, 48, ConvSpec::square(1, 1, 0), true)?;
    let x = b.plain("mix_act", leaky, &[x])?;
    let x = b.plain("gap", Op::GlobalAvgPool, &[x])?;
    let x = b.plain("flatten", Op::Flatten, &[x])?;
    let x = b.plain("drop", Op::Identity, &[x])?;
    let x = b.dense("fc", x, 1, true)?;
    b.output("logit", x);
    Ok(())
}

fn down_block(b: &mut Builder<'_>, name: &str, input: NodeId, channels: usize) -> Built<NodeId> {
    let conv = ConvSpec::square(3, 1, 1);
    let half = Op::AvgPool(PoolSpec::square(2));
    let x = b.conv(&format!("{name}.conv1"), input, channels, conv, true)?;
    let x = b.batch_norm(&format!("{name}.bn1"), x, 1e-5)?;
    let x = b.plain(&format!("{name}.act1"), Op::Relu, &[x])?;
    let x = b.conv(&format!("{name}.conv2"), x, channels, conv, true)?;
    let x = b.batch_norm(&format!("{name}.bn2"), x, 1e-5)?;
    let x = b.plain(&format!("{name}.pool"), half.clone(), &[x])?;
    let skip = b.plain(&format!("{name}.skip_pool"), half, &[input])?;
    let point = ConvSpec::square(1, 1, 0);
    let skip = b.conv(&format!("{name}.skip_conv"), skip, channels, point, true)?;
    let x = b.plain(&format!("{name}.add"), Op::Add, &[x, skip])?;
    b.plain(&format!("{name}.act2"), Op::Relu, &[x])
}
