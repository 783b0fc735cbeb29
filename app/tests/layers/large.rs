//! Large networks: what is painted is what is seen, and a frame stays short.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope_core::graph::Graph;
use ganoscope_core::network::{ConvSpec, NetworkBuilder, Op, UpsampleMode};

use crate::stage::Stage;

/// A network without equal blocks: `levels` times down and up again with a bridge at every level, six layers a level and
/// way, wider at every level.
pub(crate) fn ladder(levels: usize) -> Graph {
    let mut b = NetworkBuilder::new(|_, _, dims| {
        let one = Tensor::ones(1, DType::F32, &Device::Cpu)?;
        Ok(one.broadcast_as(dims)?.contiguous()?)
    });
    let spec = ConvSpec::square(3, 1, 1);
    let mut x = b.input("picture", &[3, 4, 4]).unwrap();
    let mut bridges = Vec::new();
    for level in 0..levels {
        let width = level + 2;
        for half in ["first", "second"] {
            let name = format!("down.{level}.{half}");
            x = b
                .conv(&format!("{name}.conv"), x, width, spec, true)
                .unwrap();
            x = b.batch_norm(&format!("{name}.norm"), x, 1e-3).unwrap();
            x = b.plain(&format!("{name}.act"), Op::Relu, &[x]).unwrap();
        }
        bridges.push(x);
        x = b
            .plain(&format!("down.{level}.side"), Op::Sigmoid, &[x])
            .unwrap();
    }
    for (level, bridge) in bridges.iter().enumerate().rev() {
        let name = format!("up.{level}");
        let join = Op::Concat { axis: 0 };
        x = b
            .plain(&format!("{name}.join"), join, &[x, *bridge])
            .unwrap();
        for half in ["first", "second"] {
            let name = format!("{name}.{half}");
            x = b
                .conv(&format!("{name}.conv"), x, level + 2, spec, true)
                .unwrap();
            x = b.plain(&format!("{name}.act"), Op::Relu, &[x]).unwrap();
        }
    }
    let larger = Op::Upsample {
        scale: [2, 2],
        mode: UpsampleMode::Nearest,
    };
    x = b.plain("larger", larger, &[x]).unwrap();
    b.output("result", x);
    Graph::of(&b.finish().unwrap())
}

#[test]
fn only_what_is_seen_is_painted() {
    let counts = [26, 260].map(|levels| {
        let graph = ladder(levels);
        assert!(graph.layers.len() > 11 * levels);
        assert_eq!(graph.chains, []);
        let harness = Stage::drawing(graph).harness();
        let nodes = harness.query_all_by_role(Role::Button).count();
        assert!(nodes > 12, "{nodes}");
        nodes
    });
    // The same part of the drawing is seen of the tenfold network, at the same size.
    assert!(counts[1] <= counts[0] + 4, "{counts:?}");
}

/// How long a frame takes on average, without a renderer.
fn frame(harness: &mut Harness<'_, Stage>) -> Duration {
    harness.run_steps(3);
    let begun = Instant::now();
    harness.run_steps(20);
    begun.elapsed() / 20
}

#[test]
fn a_frame_of_a_large_network_is_short() {
    let graph = ladder(26);
    assert!(graph.layers.len() > 300);
    let mut harness = Stage::drawing(graph).harness();
    // Usual is a twentieth of this, accessibility tree and tests' own work included; the machine may be busy.
    let limit = Duration::from_millis(100);
    let near = frame(&mut harness);
    assert!(near < limit, "{near:?}");
    harness.get_by_label("Fit").click();
    let whole = frame(&mut harness);
    assert!(whole < limit, "{whole:?}");
    eprintln!("a frame takes {near:?} near, {whole:?} as a whole");
}
