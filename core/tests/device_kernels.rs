//! Single operations on a device (that of `GANOSCOPE_TEST_DEVICE`, else the processor made to compute as other devices do)
//! against the processor's own kernels: convolutions with both gradients, normalisation, activations.

mod device_support;

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use device_support::{device, put};
use ganoscope_core::kernels::Algorithm;
use ganoscope_core::network::{
    ConvSpec, Edits, Mode, Network, NetworkBuilder, NetworkError, Op, Padding, Retain, Role,
    Wanted, linear_apply, linear_pullback, linear_weight_pullback, treat_cpu_as_foreign,
};
use ganoscope_core::seed::hash_uniform;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The processor counts as foreign for all tests of a process, so one runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn draw(name: &str, dims: &[usize]) -> Tensor {
    let values = hash_uniform(name, dims.iter().product(), 5);
    let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("values fit")
}

/// Fails when values differ by more than rounding, `tolerance` times the largest.
fn same(what: &str, got: &Tensor, expected: &Tensor, tolerance: f32) -> Result {
    assert_eq!(got.dims(), expected.dims(), "{what}");
    let values = |t: &Tensor| t.to_device(&Device::Cpu)?.flatten_all()?.to_vec1::<f32>();
    let (got, expected) = (values(got)?, values(expected)?);
    let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let mut far = 0.0_f32;
    for (a, b) in got.iter().zip(&expected) {
        let difference = (a - b).abs();
        assert!(difference.is_finite(), "{what}: {a} {b}");
        far = far.max(difference);
    }
    println!("{what}: {far:.1e} of {scale:.1e}");
    assert!(
        far <= tolerance * scale.max(1e-3),
        "{what}: {far} of {scale}"
    );
    Ok(())
}

#[test]
fn convolutions_and_their_gradients_are_the_same() -> Result {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let sides = |top, bottom| Padding {
        top,
        bottom,
        left: top,
        right: bottom,
    };
    // batch, channels, rows, columns, features, side of the kernel, stride, dilation, padding
    for (n, c, h, w, f, k, stride, dilation, padding) in [
        (2, 3, 20, 20, 5, 3, 1, 1, Padding::all(1)),
        (3, 32, 40, 36, 32, 3, 1, 1, Padding::all(1)),
        (2, 32, 40, 40, 32, 3, 1, 2, Padding::all(2)),
        (1, 16, 40, 40, 32, 3, 1, 4, Padding::all(4)),
        (2, 33, 40, 40, 9, 3, 1, 8, Padding::all(8)),
        (2, 5, 80, 80, 32, 9, 1, 1, Padding::all(4)),
        (2, 32, 37, 80, 3, 9, 1, 1, Padding::all(4)),
        (3, 12, 40, 40, 24, 3, 2, 1, sides(0, 1)),
        (3, 12, 21, 21, 24, 3, 2, 1, Padding::all(1)),
        (2, 64, 10, 10, 96, 3, 1, 1, Padding::all(1)),
    ] {
        let conv = ConvSpec {
            stride: [stride; 2],
            dilation: [dilation; 2],
            padding,
            ..ConvSpec::square(k, stride, 0)
        };
        let op = Op::Conv2d(conv);
        let (x, bias) = (draw("x", &[n, c, h, w]), draw("bias", &[f]));
        let weight = draw("weight", &[f, c, k, k]);
        let fastest = Algorithm::Fastest;
        let y = linear_apply(fastest, &op, &x, &weight, Some(&bias))?;
        let g = draw("gradient", y.dims());
        let at_input = linear_pullback(fastest, &op, &g, &weight, x.dims())?;
        let at_weight = linear_weight_pullback(&op, &x, &g, weight.dims())?;
        treat_cpu_as_foreign(device().is_cpu());
        let (x, bias, weight, g) = (put(&x), put(&bias), put(&weight), put(&g));
        let there = linear_apply(fastest, &op, &x, &weight, Some(&bias));
        let there_input = linear_pullback(fastest, &op, &g, &weight, x.dims());
        let there_weight = linear_weight_pullback(&op, &x, &g, weight.dims());
        treat_cpu_as_foreign(false);
        let what = format!("{n}x{c}x{h}x{w} to {f}, {k}x{k} / {stride} x {dilation}");
        same(&format!("{what} forward"), &there?, &y, 2e-5)?;
        same(
            &format!("{what} at the input"),
            &there_input?,
            &at_input,
            2e-5,
        )?;
        same(
            &format!("{what} at the weight"),
            &there_weight?,
            &at_weight,
            2e-5,
        )?;
    }
    Ok(())
}

/// Convolution, activation and normalisation in both orders.
fn network(slopes: &[usize]) -> std::result::Result<Network, NetworkError> {
    let source = |key: &str, role: Role, dims: &[usize]| {
        let value = draw(key, dims);
        Ok(match role {
            Role::Var => (value.abs()? + 0.5)?,
            _ => value,
        })
    };
    let mut b = NetworkBuilder::new(source);
    let x = b.input("x", &[3, 16, 20])?;
    let x = b.conv("conv", x, 6, ConvSpec::square(3, 1, 1), true)?;
    let x = b.batch_norm("bn", x, 1e-3)?;
    let x = b.prelu("act", x, slopes)?;
    let x = b.conv("conv2", x, 6, ConvSpec::square(3, 2, 1), true)?;
    let x = b.plain("leaky", Op::LeakyRelu { slope: 0.3 }, &[x])?;
    let x = b.batch_norm("bn2", x, 1e-3)?;
    let x = b.plain("flat", Op::Flatten, &[x])?;
    let x = b.dense("dense", x, 4, true)?;
    b.output("y", x);
    b.finish()
}

#[test]
fn networks_and_their_gradients_are_the_same() -> Result {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for slopes in [&[6][..], &[6, 16, 20]] {
        let here = network(slopes)?;
        let x = draw("input", &[5, 3, 16, 20]);
        for mode in [Mode::Inference, Mode::Training] {
            let pulled = |network: &Network, x: Tensor| -> Result<_> {
                let run = network.run(&[x], &Edits::new(), &Retain::Gradients, mode)?;
                let g = draw("gradient", run.outputs()[0].dims()).to_device(&network.device())?;
                let wanted = Wanted {
                    inputs: true,
                    params: true,
                    ..Wanted::default()
                };
                let node = network.outputs()[0].node;
                let gradients = network.pullback(&run, &[(node, g)], &wanted)?;
                Ok((run, gradients))
            };
            let (run, gradients) = pulled(&here, x.clone())?;
            treat_cpu_as_foreign(device().is_cpu());
            let elsewhere = pulled(&here.to_device(device())?, put(&x));
            treat_cpu_as_foreign(false);
            let (there, there_gradients) = elsewhere?;
            let what = format!("{} slopes, {mode:?}", slopes.len());
            same(&what, &there.outputs()[0], &run.outputs()[0], 2e-5)?;
            for (id, stats) in run.batch_stats() {
                let other = there.batch_stats().get(id).ok_or("statistics")?;
                same(&format!("{what} mean"), &other.mean, &stats.mean, 2e-5)?;
                same(&format!("{what} variance"), &other.var, &stats.var, 2e-5)?;
            }
            assert_eq!(there_gradients.params.len(), gradients.params.len());
            for (key, gradient) in &gradients.params {
                let other = there_gradients.params.get(key).ok_or("a gradient")?;
                let layer = &here.node(key.0).name;
                if &**layer == "conv" && key.1 == Role::Bias && mode == Mode::Training {
                    // Zero but for rounding: the normalisation takes every bias off again.
                    continue;
                }
                same(
                    &format!("{what} {layer} {:?}", key.1),
                    other,
                    gradient,
                    5e-5,
                )?;
            }
            for (id, gradient) in &gradients.nodes {
                let other = there_gradients.nodes.get(id).ok_or("a gradient")?;
                same(&format!("{what} input"), other, gradient, 5e-5)?;
            }
        }
    }
    Ok(())
}
