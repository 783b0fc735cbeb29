//! A run that retains only what the pullback reads gives the gradients of one that retains everything.

use candle_core::{DType, Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::network::{
    Affine, Edits, Gradients, Mode, Network, NetworkError, NodeId, Retain, Role, Run, Wanted,
};
use ganoscope_core::seed::hash_uniform;

type Result<T = ()> = std::result::Result<T, NetworkError>;

fn tensor(name: &str, dims: &[usize]) -> Result<Tensor> {
    let values = hash_uniform(name, dims.iter().product(), 5);
    let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}

fn weights(key: &str, role: Role, dims: &[usize]) -> Result<Tensor> {
    let value = tensor(key, dims)?;
    Ok(match role {
        Role::Var => (value.abs()? + 0.5)?,
        Role::Weight if dims.len() == 1 => (value + 1.5)?,
        // So small that no tanh is saturated, where f32 knows little of its slope.
        _ => (value / (1 + dims.iter().skip(1).product::<usize>()) as f64)?,
    })
}

/// Networks in whose place the values are left out: every kind of slope, additions, convolutions before an activation.
fn networks() -> Result<Vec<Network>> {
    let deblender = |prelu| GeneratorConfig {
        filters: 3,
        root_blocks: 1,
        branch_blocks: 1,
        stamp_size: 9,
        prelu,
        ..GeneratorConfig::default()
    };
    let judge = DiscriminatorConfig {
        filters: 2,
        dense: 5,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    };
    Ok(vec![
        generator(&deblender(PreluKind::PerChannel), weights)?,
        generator(&deblender(PreluKind::PerElement), weights)?,
        discriminator(&judge, weights)?,
    ])
}

fn input(network: &Network) -> Result<Tensor> {
    tensor(
        "input",
        &[&[3], network.input_fact().dims.as_slice()].concat(),
    )
}

fn pulled(network: &Network, run: &Run, wanted: &Wanted) -> Result<Gradients> {
    let outputs = network.outputs().iter().zip(run.outputs());
    let seeds = outputs.map(|(output, value)| {
        let seed = tensor(&output.name, value.dims())?.to_dtype(value.dtype())?;
        Ok((output.node, seed))
    });
    network.pullback(run, &seeds.collect::<Result<Vec<_>>>()?, wanted)
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) -> Result {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let values = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (a, b) = (values(a)?, values(b)?);
    let largest = b.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(&b) {
        // Rounding of sums that cancel, as those before a normalisation do, has the size of their terms.
        assert!((a - b).abs() < 1e-4 * (1.0 + largest), "{what}: {a} {b}");
    }
    Ok(())
}

fn assert_same(network: &Network, a: &Gradients, b: &Gradients) -> Result {
    assert_eq!(a.nodes.len(), b.nodes.len());
    for ((id, a), b) in a.nodes.iter().zip(b.nodes.values()) {
        assert_close(a, b, &network.node(*id).name)?;
    }
    assert_eq!(a.params.len(), b.params.len());
    for (((id, role), a), b) in a.params.iter().zip(b.params.values()) {
        assert_close(a, b, &format!("{} {role:?}", network.node(*id).name))?;
    }
    Ok(())
}

/// All gradients there are, with those at the values of some layers.
fn wanted(network: &Network, layers: &[&str]) -> Wanted {
    let ids: Vec<NodeId> = layers.iter().filter_map(|l| network.find(l).ok()).collect();
    Wanted {
        inputs: true,
        params: true,
        nodes: ids,
    }
}

#[test]
fn leaving_values_out_changes_no_gradient() -> Result {
    for network in networks()? {
        let slow = network.to_dtype(DType::F64)?;
        let x = input(&network)?;
        for mode in [Mode::Training, Mode::Inference] {
            let run = |network: &Network, x: &Tensor, retain| {
                network.run(std::slice::from_ref(x), &Edits::new(), &retain, mode)
            };
            let lean = run(&network, &x, Retain::Gradients)?;
            let all = run(&network, &x, Retain::All)?;
            let exact = run(&slow, &x.to_dtype(DType::F64)?, Retain::Gradients)?;
            assert!(lean.size_bytes() < all.size_bytes());
            for (a, b) in lean.outputs().iter().zip(all.outputs()) {
                assert_close(a, b, "output")?;
            }
            for layers in [&[][..], &["root.0.bn1", "root.0.bn2", "net.bn1"]] {
                let wanted = wanted(&network, layers);
                let by_lean = pulled(&network, &lean, &wanted)?;
                assert_same(&network, &by_lean, &pulled(&network, &all, &wanted)?)?;
                assert_same(&network, &by_lean, &pulled(&slow, &exact, &wanted)?)?;
            }
        }
    }
    Ok(())
}

#[test]
fn edited_layers_are_not_left_out() -> Result {
    for network in networks()?.into_iter().take(2) {
        let x = input(&network)?;
        let edit = |gain: f32| -> Result<Affine> {
            let of = |v: f32| Tensor::full(v, (1, 1, 1, 1), &Device::Cpu);
            Ok(Affine {
                gain: of(gain)?,
                offset: of(0.25)?,
            })
        };
        let layers = ["root.0.bn1", "root.0.act", "root.0.bn2", "conv_in"];
        let edits: Edits = layers
            .iter()
            .map(|layer| Ok(((*layer).into(), edit(0.5)?)))
            .collect::<Result<_>>()?;
        let run = |retain| network.run(std::slice::from_ref(&x), &edits, &retain, Mode::Training);
        let (lean, all) = (run(Retain::Gradients)?, run(Retain::All)?);
        let wanted = wanted(&network, &[]);
        assert_same(
            &network,
            &pulled(&network, &lean, &wanted)?,
            &pulled(&network, &all, &wanted)?,
        )?;
    }
    Ok(())
}

#[test]
fn a_run_that_left_values_out_can_be_resumed() -> Result {
    for network in networks()? {
        let x = [input(&network)?];
        let lean = network.run(&x, &Edits::new(), &Retain::Gradients, Mode::Training)?;
        let all = network.run(&x, &Edits::new(), &Retain::All, Mode::Training)?;
        let resumed = network.resume(&lean, &Edits::new())?;
        assert_eq!(resumed.size_bytes(), all.size_bytes());
        for (id, node) in network.iter() {
            assert_close(
                resumed.value(&network, id)?,
                all.value(&network, id)?,
                &node.name,
            )?;
        }
    }
    Ok(())
}
