//! What is said of layers: short names, counts, lines of a box, what a screen reader says.

use ganoscope_core::graph::{Graph, GraphLayer, Shown};

/// A count in three digits: `36.9 k`, `1.24 G`.
pub(crate) fn count_text(count: u64) -> String {
    let value = count as f64;
    let scales = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // From 999.5 on three digits are those of the next scale.
    let scale = scales.iter().find(|(scale, _)| value >= scale * 0.9995);
    let Some((scale, letter)) = scale else {
        return count.to_string();
    };
    let value = value / scale;
    let digits = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {letter}")
}

/// A share in percent: whole ones from 10 on, `< 0.1 %` for the smallest that are not nothing.
pub(in crate::views) fn share_text(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.1 => "< 0.1 %".to_owned(),
        p if p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// Dimensions as people read them: `64 x 80 x 80`.
pub(crate) fn dims_text(dims: &[usize]) -> String {
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    dims.join(" x ")
}

/// The ends of a dotted name, the whole name first: `root.3.conv1`, `3.conv1`, `conv1`. The parts of foreign names are
/// divided by strokes too.
pub(crate) fn endings(name: &str) -> impl Iterator<Item = &str> {
    let cuts = name.match_indices(['.', '/']).map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(cuts)
        .filter_map(|at| name.get(at..))
        .filter(|ending| !ending.is_empty())
}

/// What a closed chain is called: its first block, and the part of the name that the last one differs in: `root.0 to 9`.
pub(super) fn chain_name(graph: &Graph, chain: usize) -> String {
    let Some(chain) = graph.chains.get(chain) else {
        return String::new();
    };
    let name_at = |at: usize| {
        let mut layers = graph.layers_of(at..at + 1);
        layers.next().map_or("", |layer| &*layer.name)
    };
    range_text(name_at(chain.first), name_at(chain.end() - chain.period))
}

/// From one layer to another of the same part of a block.
fn range_text(first: &str, last: &str) -> String {
    // What both end with is the layer; what is left is the block.
    let (mut first, mut last) = (first, last);
    while let (Some((a, end_a)), Some((b, end_b))) = (cut(first), cut(last)) {
        if end_a != end_b {
            break;
        }
        (first, last) = (a, b);
    }
    match (cut(first), cut(last)) {
        (Some((a, _)), Some((b, end))) if a == b => format!("{first} to {end}"),
        _ => format!("{first} to {last}"),
    }
}

/// A dotted name without its last part, and that part.
fn cut(name: &str) -> Option<(&str, &str)> {
    let at = name.rfind(['.', '/']).filter(|at| *at > 0)?;
    Some((name.get(..at)?, name.get(at + 1..)?))
}

/// What the boxes of one block of a chain are: `conv1, conv2, add`.
pub(crate) fn block_text(graph: &Graph, chain: usize) -> String {
    let Some(chain) = graph.chains.get(chain) else {
        return String::new();
    };
    let main = |at: usize| {
        let one = graph.boxes.get(at)?;
        let layer = graph.layers.get(one.main)?;
        endings(&layer.name).last().map(str::to_owned)
    };
    let names: Vec<String> = chain.block().filter_map(main).collect();
    names.join(", ")
}

/// The name a box goes by: that of its main layer.
pub(crate) fn title(graph: &Graph, shown: Shown) -> String {
    match shown {
        Shown::Box(at) => main_layer(graph, at).map_or_else(String::new, |l| l.name.to_string()),
        Shown::Chain(at) => chain_name(graph, at),
    }
}

/// The layer that gives a box its kind.
pub(crate) fn main_layer(graph: &Graph, at: usize) -> Option<&GraphLayer> {
    let one = graph.boxes.get(at)?;
    graph.layers.get(one.main)
}

/// The value that leaves an item: that of its last layer.
pub(crate) fn last_layer(graph: &Graph, shown: Shown) -> Option<usize> {
    let at = match shown {
        Shown::Box(at) => at,
        Shown::Chain(at) => graph.chains.get(at)?.end().checked_sub(1)?,
    };
    graph.boxes.get(at)?.layers.last().copied()
}

/// What a screen reader says of an item, and what tests look for.
pub(super) fn spoken(graph: &Graph, shown: Shown) -> String {
    let dims = last_layer(graph, shown)
        .and_then(|layer| graph.layers.get(layer))
        .map_or_else(String::new, |layer| dims_text(&layer.dims));
    match shown {
        Shown::Box(at) => {
            let layers = graph.layers_of(at..at + 1);
            let parts: Vec<String> = layers.map(|l| l.summary.clone()).collect();
            let title = title(graph, shown);
            format!("{title}: {}, {dims}", parts.join(", "))
        }
        Shown::Chain(at) => {
            let count = graph.chains.get(at).map_or(0, |c| c.count);
            let (title, block) = (title(graph, shown), block_text(graph, at));
            format!("{title}: {count} equal blocks of {block}, {dims}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 k"),
            (36_928, "36.9 k"),
            (999_499, "999 k"),
            (999_999, "1.00 M"),
            (236_339_200, "236 M"),
            (1_240_000_000, "1.24 G"),
            (5_000_000_000_000, "5.00 T"),
        ] {
            assert_eq!(count_text(count), text);
        }
        assert_eq!(share_text(0.0), "0 %");
        assert_eq!(share_text(0.0004), "< 0.1 %");
        assert_eq!(share_text(0.0421), "4.2 %");
        assert_eq!(share_text(0.62), "62 %");
    }

    #[test]
    fn chains_are_called_by_what_their_blocks_differ_in() {
        for (first, last, text) in [
            ("root.0.conv1", "root.9.conv1", "root.0 to 9"),
            ("branch1.0.conv1", "branch1.10.conv1", "branch1.0 to 10"),
            ("conv2d_1", "conv2d_9", "conv2d_1 to conv2d_9"),
            ("/a/0/conv/Conv", "/a/5/conv/Conv", "/a/0 to 5"),
            ("conv1", "conv8", "conv1 to conv8"),
        ] {
            assert_eq!(range_text(first, last), text);
        }
    }

    #[test]
    fn names_are_cut_at_the_front() {
        let all: Vec<&str> = endings("root.3.conv1").collect();
        assert_eq!(all, ["root.3.conv1", "3.conv1", "conv1"]);
        assert_eq!(endings("blend").collect::<Vec<_>>(), ["blend"]);
        assert_eq!(endings("/a/b").collect::<Vec<_>>(), ["/a/b", "a/b", "b"]);
    }
}
