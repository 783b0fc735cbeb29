//! Laws of runs: resuming equals running, retained values are those before edits, edits compose like functions.

mod common;

use candle_core::{DType, Device, Tensor};
use common::{away_from_zero, max_diff, parameter, values, zoo};
use ganoscope_core::edit::{Action, Edit, EditStack, Mask, UnitSet};
use ganoscope_core::network::{
    Affine, Edits, Mode, Network, NetworkBuilder, Op, PoolSpec, Retain, Wanted,
};

/// A generator with two branches and a discriminator with normalisation, both small and in f32.
fn networks() -> Vec<(Network, Tensor)> {
    ["deblender_g_hwc", "res_d"]
        .into_iter()
        .map(|name| {
            let network = zoo::build(name, |key, role, dims| {
                Ok(parameter(key, role, dims)?.to_dtype(DType::F32)?)
            })
            .unwrap();
            let dims = [&[2], network.input_fact().dims.as_slice()].concat();
            let input = away_from_zero(name, &dims).to_dtype(DType::F32).unwrap();
            (network, input)
        })
        .collect()
}

/// Three layers of a network spread over its depth: an early one, a middle one, a late one.
fn layers(network: &Network) -> Vec<String> {
    let images: Vec<_> = network
        .nodes()
        .iter()
        .filter(|node| node.fact.dims.len() == 3 && node.op.is_activation())
        .collect();
    [0, images.len() / 2, images.len() - 1]
        .map(|i| images[i].name.to_string())
        .to_vec()
}

fn stack(layers: &[&str], strength: f64) -> EditStack {
    let mask = Mask::from_fn([10, 10], |y, x| (y * 10 + x) as f32 / 99.0).unwrap();
    let edits = layers.iter().enumerate().map(|(i, layer)| {
        let units = UnitSet::of_layer(*layer, [0, 2]);
        match i % 3 {
            0 => Edit::new(units, Action::Ablate).with_strength(strength),
            1 => Edit::new(units, Action::Insert { level: 1.5 }).with_mask(mask.clone()),
            _ => Edit::new(units, Action::Scale { by: strength * 3.0 }),
        }
    });
    EditStack {
        edits: edits.collect(),
    }
}

/// The bits of all retained values and outputs.
fn bits(run: &ganoscope_core::network::Run, network: &Network) -> Vec<Vec<u32>> {
    let of = |t: &Tensor| -> Vec<u32> {
        let flat: Vec<f32> = t.flatten_all().unwrap().to_vec1().unwrap();
        flat.into_iter().map(f32::to_bits).collect()
    };
    let retained = network
        .iter()
        .map(|(id, _)| of(run.value(network, id).unwrap()));
    retained.chain(run.outputs().iter().map(of)).collect()
}

#[test]
fn resuming_equals_running_bit_by_bit() {
    for mode in [Mode::Inference, Mode::Training] {
        for (network, input) in networks() {
            let names = layers(&network);
            let [early, middle, late] = [&*names[0], &*names[1], &*names[2]];
            let mut run = network
                .run(&[input.clone()], &Edits::new(), &Retain::All, mode)
                .unwrap();
            let stacks = [
                stack(&[late], 0.5),
                stack(&[early, late], 0.5),
                stack(&[early, middle, late], 0.25),
                stack(&[early, middle, late], 0.75),
                stack(&[middle], 0.1),
                EditStack::default(),
                stack(&[early], 1.0),
            ];
            for (step, stack) in stacks.iter().enumerate() {
                let edits = stack.resolve(&network).unwrap();
                run = network.resume(&run, &edits).unwrap();
                let full = network
                    .run(&[input.clone()], &edits, &Retain::All, mode)
                    .unwrap();
                assert_eq!(bits(&run, &network), bits(&full, &network), "step {step}");
                let stats = |run: &ganoscope_core::network::Run| -> Vec<_> {
                    run.batch_stats()
                        .iter()
                        .map(|(id, s)| (*id, values(&s.mean)))
                        .collect()
                };
                assert_eq!(stats(&run), stats(&full), "step {step}");
            }
        }
    }
}

#[test]
fn retained_activations_are_those_before_edits() {
    for (network, input) in networks() {
        let names = layers(&network);
        let layer = &*names[1];
        let edits = stack(&[layer], 1.0).resolve(&network).unwrap();
        let retain = Retain::Layers(vec![layer.into()]);
        let plain = network
            .forward(&[input.clone()], &Edits::new(), &retain)
            .unwrap();
        let edited = network.forward(&[input.clone()], &edits, &retain).unwrap();
        let [before, after] =
            [&plain, &edited].map(|run| values(run.activation(&network, layer).unwrap()));
        assert_eq!(before, after);
        let id = network.find(layer).unwrap();
        let seen = edited.edited_value(&network, id).unwrap();
        let unit = seen.narrow(1, 0, 1).unwrap();
        assert!(values(&unit).iter().all(|v| *v == 0.0));
        assert!(max_diff(&plain.outputs()[0], &edited.outputs()[0]) > 0.0);
        // Only what was asked for is kept.
        assert!(edited.activation(&network, &names[2]).is_err());
        assert!(edited.size_bytes() < 4 * before.len() + 1);
    }
}

#[test]
fn pullback_passes_through_edits() {
    let (network, input) = networks().swap_remove(0);
    let names = layers(&network);
    let edits = stack(&[&*names[0]], 1.0).resolve(&network).unwrap();
    let run = network.forward(&[input], &edits, &Retain::All).unwrap();
    let [id, late] = [&names[0], &names[1]].map(|name| network.find(name).unwrap());
    let wanted = Wanted {
        nodes: vec![id],
        ..Wanted::default()
    };
    // Not from the outputs: with these weights their tanh is saturated.
    let seed = run.value(&network, late).unwrap().ones_like().unwrap();
    let gradients = network.pullback(&run, &[(late, seed)], &wanted).unwrap();
    let gradient = &gradients.nodes[&id];
    let of = |channel| values(&gradient.narrow(1, channel, 1).unwrap());
    assert!(
        of(0).iter().all(|g| *g == 0.0),
        "an ablated unit has no influence"
    );
    assert!(of(1).iter().any(|g| *g != 0.0));
}

fn affine(name: &str, dims: &[usize]) -> Affine {
    Affine {
        gain: away_from_zero(&format!("{name}.gain"), dims),
        offset: away_from_zero(&format!("{name}.offset"), dims),
    }
}

#[test]
fn affine_maps_are_a_monoid() {
    let x = away_from_zero("x", &[2, 3, 4, 5]);
    let [a, b, c] = [
        affine("a", &[1, 3, 1, 1]),
        affine("b", &[1, 3, 4, 5]),
        affine("c", &[1, 1, 1, 1]),
    ];
    let one = Affine::identity(4, DType::F64, &Device::Cpu).unwrap();
    let apply = |maps: &[&Affine]| {
        let mut x = x.clone();
        for map in maps {
            x = map.apply(&x).unwrap();
        }
        x
    };
    let close = |map: Affine, maps: &[&Affine]| {
        assert!(max_diff(&map.apply(&x).unwrap(), &apply(maps)) < 1e-14);
    };
    close(one.clone(), &[]);
    close(one.then(&b).unwrap(), &[&b]);
    close(b.then(&one).unwrap(), &[&b]);
    close(a.then(&b).unwrap().then(&c).unwrap(), &[&a, &b, &c]);
    close(a.then(&b.then(&c).unwrap()).unwrap(), &[&a, &b, &c]);
    // Products of gains may be taken in another order: equal to rounding, not to the bit.
    let [left, right] = [
        a.then(&b).unwrap().then(&c).unwrap(),
        a.then(&b.then(&c).unwrap()).unwrap(),
    ];
    assert!(max_diff(&left.gain, &right.gain) < 1e-15);
    assert!(max_diff(&left.offset, &right.offset) < 1e-15);
}

#[test]
fn f32_maps_equal_f64_maps() {
    let shapes: [&[usize]; 5] = [
        &[1, 3, 1, 1],
        &[1, 3, 4, 3],
        &[1, 1, 1, 1],
        &[1, 1, 4, 3],
        &[1, 3, 1, 3],
    ];
    let x = away_from_zero("x", &[2, 3, 4, 3]);
    let single = |t: &Tensor| t.to_dtype(DType::F32).unwrap();
    for gain in shapes {
        for offset in shapes {
            let map = Affine {
                gain: away_from_zero("gain", gain),
                offset: away_from_zero("offset", offset),
            };
            let fast = Affine {
                gain: single(&map.gain),
                offset: single(&map.offset),
            };
            let difference = max_diff(&fast.apply(&single(&x)).unwrap(), &map.apply(&x).unwrap());
            assert!(difference < 1e-6, "{gain:?} {offset:?}: {difference}");
            let difference = max_diff(
                &fast.pullback(&single(&x)).unwrap(),
                &map.pullback(&x).unwrap(),
            );
            assert!(difference < 1e-6, "pullback {gain:?}: {difference}");
        }
    }
}

/// An image layer and a vector layer that can be edited.
fn small(dtype: DType) -> Network {
    let mut b =
        NetworkBuilder::new(
            |key, role, dims| Ok(parameter(key, role, dims)?.to_dtype(DType::F32)?),
        );
    let x = b.input("input", &[3, 4, 6]).unwrap();
    let x = b.plain("image", Op::Identity, &[x]).unwrap();
    b.output("out", x);
    let y = b
        .plain("pool", Op::AvgPool(PoolSpec::square(2)), &[x])
        .unwrap();
    let y = b.plain("vector", Op::Flatten, &[y]).unwrap();
    b.output("flat", y);
    b.finish().and_then(|n| n.to_dtype(dtype)).unwrap()
}

/// The rule of one edit of one value, written as in its definition.
fn edited(edit: &Edit, mask: f64, x: f64) -> f64 {
    let weight = mask * edit.strength;
    match edit.action {
        _ if !edit.enabled => x,
        Action::Ablate => x * (1.0 - weight),
        Action::Insert { level } => x * (1.0 - weight) + level * weight,
        Action::Scale { by } => x * (1.0 + weight * (by - 1.0)),
    }
}

#[test]
fn a_stack_equals_its_edits_one_by_one() {
    let mask = Mask::from_fn([4, 6], |y, x| (y * 6 + x) as f32 / 23.0).unwrap();
    let coarse = Mask::from_fn([2, 2], |y, x| (y + x) as f32 / 2.0).unwrap();
    let units = |channels: &[usize]| UnitSet::of_layer("image", channels.to_vec());
    let mut disabled = Edit::new(units(&[0, 1, 2]), Action::Ablate);
    disabled.enabled = false;
    let stack = EditStack {
        edits: vec![
            Edit::new(units(&[0, 1]), Action::Scale { by: 3.0 }),
            Edit::new(units(&[1, 2]), Action::Insert { level: -2.0 })
                .with_mask(mask)
                .with_strength(0.7),
            disabled,
            Edit::new(units(&[1]), Action::Ablate)
                .with_mask(coarse)
                .with_strength(0.5),
            Edit::new(units(&[0, 1, 2]), Action::Scale { by: 0.5 }).with_strength(0.25),
        ],
    };
    let network = small(DType::F64);
    let x = away_from_zero("x", &[2, 3, 4, 6]);
    let resolved = stack.resolve(&network).unwrap();
    let run = network
        .forward(&[x.clone()], &resolved, &Retain::Nothing)
        .unwrap();
    let mut expected = values(&x);
    for (i, value) in expected.iter_mut().enumerate() {
        let (channel, pixel) = (i / 24 % 3, i % 24);
        for edit in &stack.edits {
            let here = edit.units.iter().any(|unit| unit.channel == channel);
            let weight = edit.mask.as_ref().map_or(1.0, |mask| {
                f64::from(mask.to_layer([4, 6], ganoscope_core::edit::MASK_POOLING)[pixel])
            });
            if here {
                *value = edited(edit, weight, *value);
            }
        }
    }
    let expected = common::tensor(expected, &[2, 3, 4, 6]);
    assert!(max_diff(&run.outputs()[0], &expected) < 1e-14);
    assert_eq!(resolved["image"].gain.dims(), [1, 3, 4, 6]);
}

#[test]
fn maps_have_the_shape_and_type_of_their_layer() {
    for dtype in [DType::F32, DType::F64] {
        let network = small(dtype);
        let mask = Mask::from_fn([8, 12], |y, _| f32::from(y == 0)).unwrap();
        let of = |layer: &str, mask: Option<&Mask>| {
            let mut edit = Edit::new(UnitSet::of_layer(layer, [1]), Action::Ablate);
            edit.mask = mask.cloned();
            let stack = EditStack { edits: vec![edit] };
            stack.resolve(&network).unwrap()[layer].clone()
        };
        let gain = of("image", None).gain;
        assert_eq!((gain.dims(), gain.dtype()), (&[1, 3, 1, 1][..], dtype));
        assert_eq!(values(&gain), [1.0, 0.0, 1.0]);
        assert_eq!(of("image", Some(&mask)).offset.dims(), [1, 3, 4, 6]);
        assert_eq!(of("vector", None).gain.dims(), [1, 18]);
        // A mask reaches a vector by its largest weight.
        assert_eq!(values(&of("vector", Some(&mask)).gain)[1], 0.0);
    }
}

#[test]
fn edits_that_cancel_or_do_nothing_leave_no_map() {
    let network = small(DType::F32);
    let units = UnitSet::of_layer("image", [0]);
    let stack = EditStack {
        edits: vec![
            Edit::new(units.clone(), Action::Scale { by: 2.0 }),
            Edit::new(units.clone(), Action::Scale { by: 0.5 }),
            Edit::new(units.clone(), Action::Ablate).with_strength(0.0),
            Edit::new(UnitSet::new(), Action::Ablate),
        ],
    };
    assert!(stack.resolve(&network).unwrap().is_empty());
}

#[test]
fn errors_of_edits_name_layer_and_unit() {
    let network = small(DType::F32);
    let of = |layer: &str, channel, action, strength| {
        let units = UnitSet::of_layer(layer, [channel]);
        let idle = Edit::new(UnitSet::new(), Action::Ablate);
        let stack = EditStack {
            edits: vec![idle, Edit::new(units, action).with_strength(strength)],
        };
        stack.resolve(&network).unwrap_err().to_string()
    };
    let cases = [
        (
            of("imag", 1, Action::Ablate, 1.0),
            "edit 2 changes unit 1, but no layer is named imag; did you mean image?",
        ),
        (
            of("image", 3, Action::Ablate, 1.0),
            "edit 2 changes unit 3 of layer image, which has 3 units",
        ),
        (
            of("image", 0, Action::Ablate, 1.5),
            "edit 2: strength 1.5 is not between 0 and 1",
        ),
        (
            of("image", 0, Action::Ablate, f64::NAN),
            "edit 2: strength NaN is not between 0 and 1",
        ),
        (
            of(
                "image",
                0,
                Action::Insert {
                    level: f64::INFINITY,
                },
                1.0,
            ),
            "edit 2: level inf is not a finite number",
        ),
        (
            of("image", 0, Action::Scale { by: f64::NAN }, 1.0),
            "edit 2: factor NaN is not a finite number",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}
