//! A folded network computes what the edited one did, or the edit is refused by name.

use candle_core::DType;
use ganoscope_core::edit::{Action, Edit, EditStack, FoldError, Mask, UnitSet, fold};
use ganoscope_core::network::{ConvSpec, Edits, Network, NetworkBuilder, Op, PoolSpec};

use super::networks::{Draw, random};
use super::{difference, outputs, parameter, zoo};
use crate::common::zoo::NAMES;

/// Largest difference of the outputs in f32, over the largest value where that is above 1.
const TOLERANCE: f64 = 1e-5;
/// The same for networks of forty layers, where rounding grows.
const TOLERANCE_DEEP: f64 = 1e-4;
/// The same in f64, where nothing but rounding is left.
const TOLERANCE_F64: f64 = 1e-11;

fn stack_of(edits: impl IntoIterator<Item = Edit>) -> EditStack {
    EditStack {
        edits: edits.into_iter().collect(),
    }
}

fn edit(layer: &str, units: &[usize], action: Action) -> Edit {
    Edit::new(UnitSet::of_layer(layer, units.iter().copied()), action)
}

/// One to three edits of random layers.
fn random_stack(network: &Network, draw: &mut Draw) -> EditStack {
    let count = 1 + draw.below(3);
    let edits = (0..count).map(|_| {
        let nodes = network.nodes();
        let node = &nodes[draw.below(nodes.len())];
        let unit = draw.below(node.fact.units());
        let action = match draw.below(4) {
            0 => Action::Ablate,
            1 => Action::Scale { by: 1.7 },
            2 => Action::Scale { by: -0.6 },
            _ => Action::Insert { level: 0.8 },
        };
        let strength = if draw.below(2) == 0 { 1.0 } else { 0.4 };
        edit(&node.name, &[unit], action).with_strength(strength)
    });
    stack_of(edits.collect::<Vec<_>>())
}

/// Whether the stack could be folded; what was folded is compared.
fn check(what: &str, network: &Network, stack: &EditStack) -> bool {
    let tolerance = match (network.dtype(), network.nodes().len()) {
        (DType::F64, _) => TOLERANCE_F64,
        (_, 0..40) => TOLERANCE,
        _ => TOLERANCE_DEEP,
    };
    let edits = stack.resolve(network).unwrap();
    match fold(network, stack) {
        Ok(folded) => {
            let edited = outputs(network, &edits);
            let difference = difference(&outputs(&folded.network, &Edits::new()), &edited);
            assert!(difference <= tolerance, "{what}: {difference} {stack:?}");
            let names = |n: &Network| n.nodes().iter().map(|n| n.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&folded.network), names(network), "{what}");
            true
        }
        Err(error @ FoldError::NoPlace { .. }) => {
            let FoldError::NoPlace { layer, .. } = &error else {
                return false;
            };
            assert!(
                edits.contains_key(layer),
                "{what}: {error} is of a layer without an edit"
            );
            false
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn folded_random_networks_equal_edited_ones() {
    let (mut folded, mut refused) = (0, 0);
    for seed in 0..400 {
        let network = random(seed);
        let mut draw = Draw::new(&format!("edits {seed}"));
        let stack = random_stack(&network, &mut draw);
        if check(&format!("network {seed}"), &network, &stack) {
            folded += 1;
            let exact = network.to_dtype(DType::F64).unwrap();
            assert!(check(&format!("network {seed} in f64"), &exact, &stack));
        } else {
            refused += 1;
        }
    }
    eprintln!("{folded} stacks folded, {refused} refused");
    assert!(
        folded >= 150 && refused >= 20,
        "{folded} folded, {refused} refused"
    );
}

#[test]
fn every_weighted_layer_of_known_networks_takes_every_edit() {
    for name in NAMES {
        let network = zoo(name);
        let layers: Vec<_> = network
            .nodes()
            .iter()
            .filter(|node| node.op.is_weighted() || matches!(node.op, Op::BatchNorm { .. }))
            .map(|node| node.name.clone())
            .collect();
        for (i, layer) in layers.iter().enumerate().step_by(5) {
            let action = match i % 3 {
                0 => Action::Ablate,
                1 => Action::Insert { level: 0.5 },
                _ => Action::Scale { by: 1.5 },
            };
            let stack = stack_of([edit(layer, &[0], action)]);
            assert!(
                check(&format!("{name} {layer}"), &network, &stack),
                "{name} {layer}"
            );
        }
    }
}

#[test]
fn edits_go_where_the_file_has_room_for_them() {
    // Behind an activation: the normalisation that follows, as in the published discriminator.
    let network = zoo("deblender_d_q");
    let stack = stack_of([edit("net.act3", &[2, 5], Action::Insert { level: 1.25 })]);
    let folded = fold(&network, &stack).unwrap();
    assert_eq!(folded.changed, ["net.bn3.weight", "net.bn3.bias"]);
    assert!(folded.added.is_empty());
    assert!(check("behind an activation", &network, &stack));

    // A layer without a bias in front of a normalisation: no bias is made up.
    let network = zoo("dcgan_g");
    let stack = stack_of([edit("net.deconv1", &[3], Action::Insert { level: -0.5 })]);
    let folded = fold(&network, &stack).unwrap();
    assert!(folded.added.is_empty(), "{:?}", folded.added);
    assert!(check("without a bias", &network, &stack));

    // Ablation behind a rectifier goes back into what comes before.
    let stack = stack_of([edit("net.relu2", &[1], Action::Ablate)]);
    assert!(check("behind a rectifier", &network, &stack));
    assert_eq!(
        fold(&network, &stack).unwrap().changed,
        ["net.bn2.weight", "net.bn2.bias"]
    );

    // So does a level that the rectifier leaves as it is, though what follows pads with zeros.
    let level = edit("net.relu1", &[2, 4], Action::Insert { level: 1.5 });
    let off = edit("net.relu1", &[3], Action::Ablate);
    let stack = stack_of([level, off]);
    assert!(check("a level behind a rectifier", &network, &stack));
    assert_eq!(
        fold(&network, &stack).unwrap().changed,
        ["net.bn1.weight", "net.bn1.bias"]
    );
}

#[test]
fn what_weights_cannot_hold_is_refused_by_name() {
    let network = zoo("dcgan_g");
    let mask = Mask::from_fn([8, 8], |y, _| if y < 4 { 1.0 } else { 0.0 }).unwrap();
    let first = edit("net.bn0", &[0], Action::Ablate);
    let second = edit("net.bn1", &[0], Action::Ablate).with_mask(mask);
    let error = fold(&network, &stack_of([first, second])).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("edit 2 of layer net.bn1") && message.contains("mask"),
        "{message}"
    );

    // A mask that is the same everywhere is a strength.
    let even = Mask::from_fn([8, 8], |_, _| 0.5).unwrap();
    let stack = stack_of([edit("net.bn1", &[0], Action::Ablate).with_mask(even)]);
    assert!(check("even mask", &network, &stack));

    // Behind an activation, in front of zero padding: a level that is only in part the unit's own, or that the activation
    // never gives.
    for (level, strength) in [(1.0, 0.5), (-1.0, 1.0)] {
        let level = edit("net.relu1", &[2], Action::Insert { level });
        let stack = stack_of([level.with_strength(strength)]);
        let message = fold(&network, &stack).unwrap_err().to_string();
        assert!(
            message.contains("net.relu1") && message.contains("net.deconv2"),
            "{message}"
        );
    }

    let unknown = stack_of([edit("nothing", &[0], Action::Ablate)]);
    assert!(
        fold(&network, &unknown)
            .unwrap_err()
            .to_string()
            .contains("nothing")
    );
}

/// Two layers with one set of weights: an edit of one must not reach the other.
#[test]
fn weights_that_two_layers_share_are_not_changed() {
    let mut b = NetworkBuilder::new(parameter);
    let x = b.input("input", &[3, 4, 4]).unwrap();
    let x = b
        .conv("conv", x, 3, ConvSpec::square(3, 1, 1), true)
        .unwrap();
    let x = b.plain("act", Op::Tanh, &[x]).unwrap();
    let first = b.finish_parts(x);
    let message = fold(&first, &stack_of([edit("conv", &[0], Action::Ablate)]))
        .unwrap_err()
        .to_string();
    assert!(message.contains("again"), "{message}");
}

/// Ends a network with the weights of its layer `conv` once more.
trait Twice {
    fn finish_parts(self, x: ganoscope_core::network::NodeId) -> Network;
}

impl Twice for NetworkBuilder<'_> {
    fn finish_parts(mut self, x: ganoscope_core::network::NodeId) -> Network {
        use ganoscope_core::network::{Param, Role};
        let params = [
            (Role::Weight, "weight", &[3, 3, 3, 3][..]),
            (Role::Bias, "bias", &[3]),
        ];
        let params = params.map(|(role, last, dims)| Param {
            role,
            key: format!("conv.{last}").into(),
            tensor: parameter(&format!("conv.{last}"), role, dims).unwrap(),
        });
        let conv = Op::Conv2d(ConvSpec::square(3, 1, 1));
        let x = self.add("again", conv, &[x], params.to_vec()).unwrap();
        let x = self
            .plain("pool", Op::AvgPool(PoolSpec::square(2)), &[x])
            .unwrap();
        self.output("image", x);
        self.finish().unwrap()
    }
}
