//! How known networks are drawn.

use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::graph::{Area, Graph, Layout};
use ganoscope_core::network::{ConvSpec, Network, Op, UpsampleMode};

use super::{builder, texts, zeros};

/// The published generator, in small.
fn deblender() -> Network {
    let config = GeneratorConfig {
        filters: 2,
        stamp_size: 8,
        prelu: PreluKind::PerChannel,
        ..GeneratorConfig::default()
    };
    generator(&config, zeros).unwrap()
}

fn area_of(graph: &Graph, layout: &Layout, layer: &str) -> Area {
    let at = graph.box_of(graph.find(layer).unwrap()).unwrap();
    layout.items[layout.item_of(graph, at).unwrap()].area
}

#[test]
fn the_deblender_is_one_root_and_two_branches() {
    let graph = Graph::of(&deblender());
    let layout = Layout::of(&graph, |_| false);
    assert_eq!(
        texts(&graph, &layout),
        [
            "blend",
            "conv_in+act_in",
            "10 x root.0.conv1",
            "conv_root+bn_root",
            "add_root",
            "6 x branch1.0.conv1",
            "out1+tanh1",
            "6 x branch2.0.conv1",
            "out2+tanh2",
        ]
    );
    let at = |layer: &str| area_of(&graph, &layout, layer);
    let root = at("blend").middle();
    for layer in ["conv_in", "root.4.add", "conv_root", "add_root"] {
        assert_eq!(at(layer).middle(), root, "{layer}");
    }
    for (branch, out) in [("branch1.2.conv2", "tanh1"), ("branch2.2.conv2", "tanh2")] {
        assert_eq!(at(branch).middle(), at(out).middle());
    }
    // Side by side, the root above the middle of both.
    let (left, right) = (at("out1"), at("out2"));
    assert_eq!(left.top, right.top);
    assert!(left.right() < right.left);
    assert_eq!(f32::midpoint(left.middle(), right.middle()), root);
    // The long residual passes beside the root.
    let skips: Vec<_> = layout.routes.iter().filter(|r| r.is_skip).collect();
    assert_eq!(skips.len(), 1);
    assert_eq!(texts(&graph, &layout)[skips[0].from], "conv_in+act_in");
    assert_eq!(texts(&graph, &layout)[skips[0].to], "add_root");
}

#[test]
fn an_open_chain_shows_its_blocks_one_by_one() {
    let graph = Graph::of(&deblender());
    let chain = graph
        .chain_of(graph.box_of(graph.find("root.3.act").unwrap()).unwrap())
        .unwrap();
    assert_eq!(graph.chains[chain].count, 10);
    let layout = Layout::of(&graph, |at| at == chain);
    assert_eq!(layout.items.len(), 8 + 30);
    let texts = texts(&graph, &layout);
    assert!(texts.contains(&"root.3.conv1+root.3.bn1+root.3.act".to_owned()));
    assert!(texts.contains(&"root.3.conv2+root.3.bn2".to_owned()));
    let around = layout.area_of_chain(&graph, chain).unwrap();
    assert_eq!(around.top, area_of(&graph, &layout, "root.0.conv1").top);
    assert_eq!(
        around.bottom(),
        area_of(&graph, &layout, "root.9.add").bottom()
    );
    assert_eq!(
        Layout::of(&graph, |_| false).area_of_chain(&graph, chain),
        None
    );
    // One residual per block beside it, and the long one outside of them all.
    let skips: Vec<_> = layout.routes.iter().filter(|r| r.is_skip).collect();
    assert_eq!(skips.len(), 11);
    let lane = |r: &&ganoscope_core::graph::Route| r.points[2][0];
    let outermost = skips.iter().map(lane).fold(0.0, f32::max);
    let long = skips.iter().find(|r| texts[r.to] == "add_root").unwrap();
    assert_eq!(lane(long), outermost);
    assert!(skips.iter().filter(|r| lane(r) == outermost).count() == 1);
}

#[test]
fn the_discriminator_is_one_column() {
    let config = DiscriminatorConfig {
        filters: 2,
        dense: 4,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    };
    let graph = Graph::of(&discriminator(&config, zeros).unwrap());
    let layout = Layout::of(&graph, |_| false);
    let texts = texts(&graph, &layout);
    assert_eq!(texts[1], "net.conv0+net.act0");
    assert_eq!(texts[2], "net.conv1+net.act1+net.bn1");
    // Flattening is drawn with the dense layer it is for.
    assert_eq!(texts[9], "net.flatten+net.fc1+net.act_fc1");
    assert_eq!(texts[10], "net.fc2");
    assert!(layout.routes.iter().all(|route| !route.is_skip));
    let middle = layout.items[0].area.middle();
    assert!(layout.items.iter().all(|i| i.area.middle() == middle));
    let shares = graph
        .boxes
        .iter()
        .map(|b| graph.share_of_cost(b.multiply_adds));
    assert!((shares.sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn branches_that_meet_again_stand_side_by_side() {
    let mut b = builder();
    let x = b.input("x", &[2, 8, 8]).unwrap();
    let spec = ConvSpec::square(3, 1, 1);
    let mut stem = b.conv("stem", x, 2, spec, true).unwrap();
    for i in 0..2 {
        let ways: Vec<_> = (0..3)
            .map(|way| {
                let mut y = stem;
                for depth in 0..=way {
                    let name = format!("mix{i}.way{way}.conv{depth}");
                    y = b.conv(&name, y, 2 + way, spec, true).unwrap();
                }
                y
            })
            .collect();
        let name = format!("mix{i}.join");
        stem = b.plain(&name, Op::Concat { axis: 0 }, &ways).unwrap();
    }
    b.output("y", stem);
    let graph = Graph::of(&b.finish().unwrap());
    let layout = Layout::of(&graph, |_| false);
    let at = |layer: &str| area_of(&graph, &layout, layer);
    for i in 0..2 {
        let ways = [0, 1, 2].map(|way| at(&format!("mix{i}.way{way}.conv0")));
        assert_eq!((ways[0].top, ways[1].top), (ways[1].top, ways[2].top));
        assert!(ways[0].right() < ways[1].left && ways[1].right() < ways[2].left);
        // What they meet in stands under the middle again, and does not drift aside.
        assert_eq!(at(&format!("mix{i}.join")).middle(), at("stem").middle());
        assert_eq!(ways[1].middle(), at("stem").middle());
    }
}

#[test]
fn noise_that_enters_late_stands_aside() {
    let mut b = builder();
    let z = b.input("z", &[2, 4, 4]).unwrap();
    let spec = ConvSpec::square(3, 1, 1);
    let mut x = b.conv("first", z, 2, spec, true).unwrap();
    for i in 0..3 {
        let noise = b.input(&format!("noise{i}"), &[2, 4, 4]).unwrap();
        x = b.conv(&format!("conv{i}"), x, 2, spec, true).unwrap();
        x = b.plain(&format!("add{i}"), Op::Add, &[x, noise]).unwrap();
    }
    b.output("y", x);
    let graph = Graph::of(&b.finish().unwrap());
    let layout = Layout::of(&graph, |_| false);
    let at = |layer: &str| area_of(&graph, &layout, layer);
    for i in 0..3 {
        assert_eq!(at(&format!("add{i}")).middle(), at("z").middle());
        let noise = at(&format!("noise{i}"));
        assert!(noise.right() < at("z").left);
        assert_eq!(noise.middle(), at("noise0").middle());
    }
}

#[test]
fn small_parts_are_folded() {
    let mut b = builder();
    let x = b.input("x", &[2, 4, 4]).unwrap();
    let scale = b.constant("scale", &[2, 1, 1]).unwrap();
    let x = b
        .conv("conv", x, 2, ConvSpec::square(1, 1, 0), true)
        .unwrap();
    let x = b.plain("scaled", Op::Mul, &[x, scale]).unwrap();
    let x = b.plain("drop", Op::Identity, &[x]).unwrap();
    let larger = Op::Upsample {
        scale: [2, 2],
        mode: UpsampleMode::Nearest,
    };
    let x = b.plain("larger", larger, &[x]).unwrap();
    let place = b.constant("place", &[1, 8, 8]).unwrap();
    let x = b
        .plain("join", Op::Concat { axis: 0 }, &[x, place])
        .unwrap();
    let x = b.plain("flat", Op::Flatten, &[x]).unwrap();
    b.output("y", x);
    let graph = Graph::of(&b.finish().unwrap());
    let layout = Layout::of(&graph, |_| false);
    assert_eq!(
        texts(&graph, &layout),
        [
            "x",
            "scale+conv+scaled+drop",
            "larger",
            "place",
            "join+flat"
        ]
    );
    let main = graph.boxes[1].main;
    assert_eq!(&*graph.layers[main].name, "conv");
}

#[test]
fn a_value_read_in_the_middle_of_a_block_keeps_it_open() {
    let mut b = builder();
    let mut x = b.input("x", &[2, 4, 4]).unwrap();
    let spec = ConvSpec::square(3, 1, 1);
    let mut kept = None;
    for i in 0..8 {
        x = b.conv(&format!("conv{i}"), x, 2, spec, true).unwrap();
        if i == 3 {
            kept = Some(x);
        }
    }
    let y = b.plain("sum", Op::Add, &[x, kept.unwrap()]).unwrap();
    b.output("y", y);
    let graph = Graph::of(&b.finish().unwrap());
    // Neither half is long enough, and the whole would hide where the residual begins.
    assert_eq!(graph.chains, []);
    let mut b = builder();
    let mut x = b.input("x", &[2, 4, 4]).unwrap();
    for i in 0..8 {
        x = b.conv(&format!("conv{i}"), x, 2, spec, true).unwrap();
    }
    b.output("y", x);
    let graph = Graph::of(&b.finish().unwrap());
    assert_eq!((graph.chains.len(), graph.chains[0].count), (1, 8));
}
