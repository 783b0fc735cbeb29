//! Laws of every layout, on random graphs, on networks of several families and on very large ones.

use std::time::{Duration, Instant};

use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::graph::{Area, Graph, Layout, Shown};
use ganoscope_core::network::{Network, NodeId, Op};
use ganoscope_core::seed::Stream;

use super::{builder, zeros};

/// A network of `count` layers that read one, two or three random layers before them, near ones more often.
fn random(seed: u64, count: usize) -> Network {
    let mut stream = Stream::new(seed);
    let mut b = builder();
    let mut ids = vec![b.input("a", &[2, 4, 4]).unwrap()];
    if stream.coin() {
        ids.push(b.input("b", &[2, 4, 4]).unwrap());
    }
    let mut is_read = vec![false; ids.len() + count];
    for i in 0..count {
        let mut pick = |is_read: &mut [bool]| -> NodeId {
            let reach = if stream.unit() < 0.8 { 6 } else { ids.len() };
            let back = stream.below(reach.min(ids.len()));
            let at = ids.len() - 1 - back;
            is_read[at] = true;
            ids[at]
        };
        let inputs = [pick(&mut is_read), pick(&mut is_read), pick(&mut is_read)];
        let name = format!("layer{i}");
        let id = match stream.below(7) {
            0 => b.constant(&name, &[2, 4, 4]),
            1 | 2 => b.plain(&name, Op::Relu, &inputs[..1]),
            3 => b.batch_norm(&name, inputs[0], 1e-3),
            4 => b
                .plain(&name, Op::GlobalAvgPool, &inputs[..1])
                .and_then(|x| {
                    let name = format!("{name}.up");
                    b.plain(&name, Op::Add, &[x, inputs[1]])
                }),
            _ => b.plain(&name, Op::Add, &inputs[..2]),
        };
        ids.push(id.unwrap());
    }
    for (at, id) in ids.iter().enumerate() {
        if !is_read[at] {
            b.output(&format!("out{at}"), *id);
        }
    }
    b.finish().unwrap()
}

fn overlap(a: Area, b: Area) -> bool {
    a.left < b.right() && b.left < a.right() && a.top < b.bottom() && b.top < a.bottom()
}

/// The rectangle around a piece of a route.
fn piece(from: [f32; 2], to: [f32; 2]) -> Area {
    let (left, top) = (from[0].min(to[0]), from[1].min(to[1]));
    Area {
        left,
        top,
        width: (from[0] - to[0]).abs(),
        height: (from[1] - to[1]).abs(),
    }
}

/// Every layer is in one box; boxes come after those they read; nothing but the last layer of a box is read elsewhere.
fn check_graph(graph: &Graph) {
    let mut seen = vec![0; graph.layers.len()];
    for (at, one) in graph.boxes.iter().enumerate() {
        assert!(one.inputs.iter().all(|input| *input < at));
        for layer in &one.layers {
            seen[*layer] += 1;
            assert_eq!(graph.box_of(*layer), Some(at));
        }
        let last = one.layers.last();
        for layer in one.layers.iter().filter(|l| Some(*l) != last) {
            assert!(graph.layers[*layer].outputs.is_empty());
        }
    }
    assert!(seen.iter().all(|n| *n == 1));
    for (at, layer) in graph.layers.iter().enumerate() {
        for input in &layer.inputs {
            let (from, to) = (graph.box_of(*input), graph.box_of(at));
            let last = graph.boxes[from.unwrap()].layers.last();
            assert!(from == to || last == Some(input), "{}", layer.name);
            assert!(from == to || graph.boxes[to.unwrap()].inputs.contains(&from.unwrap()));
        }
    }
    let cost: u64 = graph.boxes.iter().map(|b| b.multiply_adds).sum();
    assert_eq!(cost, graph.multiply_adds);
    let parameters: usize = graph.boxes.iter().map(|b| b.parameters).sum();
    assert_eq!(parameters, graph.parameters);
}

fn check_layout(graph: &Graph, layout: &Layout) {
    let mut order: Vec<_> = (0..layout.items.len()).collect();
    order.sort_by(|a, b| {
        let top = |i: &usize| layout.items[*i].area.top;
        top(a).total_cmp(&top(b))
    });
    for (i, a) in order.iter().enumerate() {
        let a = layout.items[*a].area;
        assert!(a.left >= 0.0 && a.right() <= layout.width + 0.01);
        assert!(a.top >= 0.0 && a.bottom() <= layout.height + 0.01);
        for b in order[i + 1..].iter().map(|b| layout.items[*b].area) {
            if b.top >= a.bottom() {
                break;
            }
            assert!(!overlap(a, b), "{a:?} overlaps {b:?}");
        }
    }
    let edges: usize = layout.items.iter().map(|item| item.inputs.len()).sum();
    assert_eq!(layout.routes.len(), edges);
    for route in &layout.routes {
        let (from, to) = (&layout.items[route.from], &layout.items[route.to]);
        assert!(from.row < to.row && to.inputs.contains(&route.from));
        let first = route.points[0];
        let last = *route.points.last().unwrap();
        assert_eq!((first[1], last[1]), (from.area.bottom(), to.area.top));
        assert!(from.area.left < first[0] && first[0] < from.area.right());
        assert!(to.area.left < last[0] && last[0] < to.area.right());
        for pair in route.points.windows(2) {
            assert!(pair[1][1] >= pair[0][1], "an edge goes up");
            assert!(pair[0][0] == pair[1][0] || pair[0][1] == pair[1][1]);
        }
    }
    // Every shown thing is there once.
    let mut shown: Vec<Shown> = layout.items.iter().map(|item| item.shown).collect();
    shown.sort_unstable();
    shown.dedup();
    assert_eq!(shown.len(), layout.items.len());
    for at in 0..graph.boxes.len() {
        assert!(layout.item_of(graph, at).is_some());
    }
}

/// No edge crosses a box that is not one of its ends.
fn check_crossings(layout: &Layout) {
    for route in &layout.routes {
        for pair in route.points.windows(2) {
            let way = piece(pair[0], pair[1]);
            for (at, item) in layout.items.iter().enumerate() {
                let is_end = at == route.from || at == route.to;
                let crosses = {
                    let area = item.area;
                    way.left < area.right()
                        && area.left < way.right()
                        && way.top < area.bottom()
                        && area.top < way.bottom()
                };
                let grazes = way.width == 0.0
                    && item.area.left < way.left
                    && way.left < item.area.right()
                    && way.top < item.area.bottom()
                    && item.area.top < way.bottom();
                assert!(is_end || !(crosses || grazes), "{route:?} crosses {item:?}");
            }
        }
    }
}

fn check(network: &Network) -> (Graph, Layout) {
    let graph = Graph::of(network);
    check_graph(&graph);
    for is_open in [false, true] {
        let layout = Layout::of(&graph, |_| is_open);
        check_layout(&graph, &layout);
        if layout.items.len() < 500 {
            check_crossings(&layout);
        }
        assert_eq!(layout, Layout::of(&Graph::of(network), |_| is_open));
    }
    let layout = Layout::of(&graph, |_| true);
    (graph, layout)
}

#[test]
fn random_graphs_obey_the_laws() {
    for seed in 0..60 {
        check(&random(seed, 4 + seed as usize * 2));
    }
}

#[test]
fn known_families_obey_the_laws() {
    let small = GeneratorConfig {
        filters: 2,
        stamp_size: 8,
        prelu: PreluKind::PerChannel,
        position_channels: true,
        ..GeneratorConfig::default()
    };
    check(&generator(&small, zeros).unwrap());
    let small = DiscriminatorConfig {
        filters: 2,
        dense: 4,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    };
    check(&discriminator(&small, zeros).unwrap());
}

#[test]
fn every_layer_may_read_all_before_it() {
    let mut b = builder();
    let mut all = vec![b.input("x", &[1, 4, 4]).unwrap()];
    for i in 0..24 {
        let joined = b
            .plain(&format!("join{i}"), Op::Concat { axis: 0 }, &all)
            .unwrap();
        let name = format!("conv{i}");
        let spec = ganoscope_core::network::ConvSpec::square(3, 1, 1);
        all.push(b.conv(&name, joined, 1, spec, true).unwrap());
    }
    b.output("y", *all.last().unwrap());
    check(&b.finish().unwrap());
}

#[test]
fn thousands_of_layers_take_little_time() {
    let network = random(7, 5000);
    let begun = Instant::now();
    let graph = Graph::of(&network);
    let layout = Layout::of(&graph, |_| true);
    let taken = begun.elapsed();
    assert!(layout.items.len() > 1500, "{}", layout.items.len());
    // A hundredth of this is usual; a square of the number of layers would take minutes.
    assert!(taken < Duration::from_secs(10), "{taken:?}");
    check_layout(&graph, &layout);
}
