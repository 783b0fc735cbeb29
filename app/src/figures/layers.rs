//! The figure of Layers: the network as a drawing of boxes and lines.

use ganoscope_core::figure::{
    Drawing, Frame, Item, PAGE_WIDTH, Palette, Stroke, Text, fitted, text_width,
};
use ganoscope_core::graph::{Area, Chain, Family, Graph, Layout, Shown};
use ganoscope_core::stamp::look::Rgb;

use super::Setting;
use crate::theme::Tokens;
use crate::views::layer_words::{
    block_text, count_text, dims_text, endings, last_layer, main_layer, title,
};
use crate::widgets::rgb;

/// Around everything, points.
const MARGIN: f64 = 10.0;
/// Size of letters in boxes at the scale of the layout.
const TEXT: f64 = 12.0;
/// The largest scale: narrow networks are not blown up.
const LARGEST: f64 = 0.62;

/// The network with the chains that `is_open` says drawn block by block.
pub fn layers(graph: &Graph, is_open: impl Fn(usize) -> bool, setting: &Setting) -> Drawing {
    let layout = Layout::of(graph, is_open);
    let scale = (PAGE_WIDTH - 2.0 * MARGIN) / f64::from(layout.width.max(1.0));
    let mut page = Page {
        graph,
        tokens: setting.paper.tokens(),
        palette: setting.paper.palette(),
        scale: scale.min(LARGEST),
        origin: [MARGIN, MARGIN],
        drawing: Drawing {
            width: 0.0,
            height: 0.0,
            paper: setting.paper.palette().paper,
            title: setting.title.clone(),
            items: Vec::new(),
        },
    };
    page.drawing.width = (f64::from(layout.width) * page.scale).max(260.0) + 2.0 * MARGIN;
    page.heading(setting);
    for route in &layout.routes {
        page.edge(&route.points);
    }
    for item in &layout.items {
        page.item(item.shown, item.area);
    }
    page.origin[1] += f64::from(layout.height) * page.scale + 12.0;
    page.footer(setting);
    page.drawing
}

struct Page<'a> {
    graph: &'a Graph,
    tokens: &'static Tokens,
    palette: Palette,
    /// Points per length of the layout.
    scale: f64,
    /// The upper left corner of the layout.
    origin: [f64; 2],
    drawing: Drawing,
}

impl Page<'_> {
    fn place(&self, [x, y]: [f32; 2]) -> [f64; 2] {
        [
            self.origin[0] + f64::from(x) * self.scale,
            self.origin[1] + f64::from(y) * self.scale,
        ]
    }

    fn heading(&mut self, setting: &Setting) {
        if setting.title.is_empty() {
            return;
        }
        let title = fitted(&setting.title, 11.0, self.drawing.width - 2.0 * MARGIN);
        let at = [MARGIN, self.origin[1] + 11.0];
        self.drawing
            .push(Text::new(at, title, 11.0, self.palette.ink));
        self.origin[1] += 22.0;
    }

    fn edge(&mut self, points: &[[f32; 2]]) {
        let points: Vec<[f64; 2]> = points.iter().map(|point| self.place(*point)).collect();
        let Some([x, y]) = points.last().copied() else {
            return;
        };
        let color = self.palette.weak;
        let size = 5.0 * self.scale.max(0.4);
        let tip = [
            [x, y],
            [x - 0.6 * size, y - size],
            [x + 0.6 * size, y - size],
        ];
        self.drawing.push(Item::line(
            rounded(&points, 9.0 * self.scale),
            Stroke::new(color, 0.6),
        ));
        self.drawing.push(Item::area(tip, color));
    }

    fn item(&mut self, shown: Shown, area: Area) {
        let [left, top] = self.place([area.left, area.top]);
        let scale = self.scale;
        let frame = Frame::new(
            left,
            top,
            f64::from(area.width) * scale,
            f64::from(area.height) * scale,
        );
        let line = Stroke::new(self.palette.ink, 0.5);
        let fill = self.palette.paper;
        let mut sheet = |frame: Frame| {
            self.drawing.push(Item::Path {
                points: frame.corners().to_vec(),
                is_closed: true,
                fill: Some(fill),
                stroke: Some(line),
            });
        };
        if matches!(shown, Shown::Chain(_)) {
            // A pile: there is more than one of it.
            for behind in [5.0, 2.5] {
                let by = behind * scale;
                sheet(Frame::new(
                    frame.left + by,
                    frame.top + by,
                    frame.width,
                    frame.height,
                ));
            }
        }
        sheet(frame);
        let family = family_of(self.graph, shown);
        let color = rgb(self.tokens.family(family));
        let strip = Frame::new(frame.left, frame.top, 6.0 * scale, frame.height);
        self.drawing.push(Item::area(strip.corners(), color));
        self.words(shown, frame, (family, color));
    }

    /// As many lines as fit: name, work, shape, cost.
    fn words(&mut self, shown: Shown, frame: Frame, (family, color): (Family, Rgb)) {
        let size = TEXT * self.scale;
        let height = 1.35 * size;
        let graph = self.graph;
        let layer = last_layer(graph, shown).and_then(|layer| graph.layers.get(layer));
        let dims = layer.map_or_else(String::new, |layer| dims_text(&layer.dims));
        let (work, name) = match shown {
            Shown::Chain(at) => {
                let count = graph.chains.get(at).map_or(0, |chain| chain.count);
                (
                    block_text(graph, at),
                    format!("{count} × {}", title(graph, shown)),
                )
            }
            Shown::Box(at) => {
                let kinds = graph.layers_of(at..at + 1).map(|layer| layer.kind);
                (kinds.collect::<Vec<_>>().join(", "), title(graph, shown))
            }
        };
        let (parameters, cost) = cost_of(graph, shown);
        let dims = match parameters {
            0 => dims,
            parameters => format!("{dims}, {} parameters", count_text(parameters as u64)),
        };
        let cost = match cost {
            0 => String::new(),
            cost => format!("{} multiply-adds", count_text(cost)),
        };
        let lines = [work, dims, cost];
        let room = ((frame.height - 0.4 * size) / height).floor() as usize;
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let count = room.clamp(1, 1 + lines.len());
        let mut y = frame.top + (frame.height - count as f64 * height) / 2.0 + 0.98 * size;
        let left = frame.left + 13.0 * self.scale;
        let width = frame.right() - left - 6.0 * self.scale;
        let mark = Frame::new(left, y - 0.72 * size, 0.8 * size, 0.8 * size);
        for item in family_mark(family, mark, color) {
            self.drawing.push(item);
        }
        let indent = 1.2 * size;
        let name = short(
            &name,
            size,
            width - indent,
            matches!(shown, Shown::Chain(_)),
        );
        self.drawing
            .push(Text::new([left + indent, y], name, size, self.palette.ink));
        for line in lines.into_iter().take(count - 1) {
            y += height;
            let line = fitted(&line, size, width);
            self.drawing
                .push(Text::new([left, y], line, size, self.palette.weak));
        }
    }

    /// What the marks mean, the sums, and the notes.
    fn footer(&mut self, setting: &Setting) {
        let graph = self.graph;
        let mut x = MARGIN;
        let right = self.drawing.width - MARGIN;
        let mut y = self.origin[1] + 7.0;
        let is_there = |f: &Family| graph.layers.iter().any(|layer| layer.family == *f);
        for family in Family::ALL.into_iter().filter(is_there) {
            let width = 11.0 + text_width(family.name(), 7.0) + 10.0;
            if x > MARGIN && x + width > right {
                (x, y) = (MARGIN, y + 11.0);
            }
            let mark = Frame::new(x, y - 6.0, 7.0, 7.0);
            for item in family_mark(family, mark, rgb(self.tokens.family(family))) {
                self.drawing.push(item);
            }
            let ink = self.palette.ink;
            self.drawing
                .push(Text::new([x + 11.0, y], family.name(), 7.0, ink));
            x += width;
        }
        let sums = format!(
            "{} layers, {} parameters, {} multiply-adds for one stamp",
            graph.layers.len(),
            count_text(graph.parameters as u64),
            count_text(graph.multiply_adds)
        );
        y += 4.0;
        for note in std::iter::once(&sums).chain(&setting.notes) {
            for line in ganoscope_core::figure::wrapped(note, 6.5, right - MARGIN) {
                y += 8.5;
                let text = Text::new([MARGIN, y], line, 6.5, self.palette.weak);
                self.drawing.push(text);
            }
        }
        self.drawing.height = y + MARGIN;
    }
}

/// A name that fits: the whole one, else its longest end that does.
fn short(name: &str, size: f64, width: f64, is_chain: bool) -> String {
    let fits = |text: &&str| text_width(text, size) <= width;
    let ending = endings(name).take(if is_chain { 1 } else { usize::MAX });
    ending
        .into_iter()
        .find(fits)
        .map_or_else(|| fitted(name, size, width), str::to_owned)
}

/// Parameters and multiply-adds of what is drawn as one.
fn cost_of(graph: &Graph, shown: Shown) -> (usize, u64) {
    let boxes = match shown {
        Shown::Box(at) => at..at + 1,
        Shown::Chain(at) => graph.chains.get(at).map_or(0..0, Chain::boxes),
    };
    graph
        .layers_of(boxes)
        .fold((0, 0), |(parameters, cost), layer| {
            (parameters + layer.parameters, cost + layer.multiply_adds)
        })
}

fn family_of(graph: &Graph, shown: Shown) -> Family {
    let at = match shown {
        Shown::Box(at) => at,
        Shown::Chain(at) => graph.chains.get(at).map_or(0, |chain| chain.first),
    };
    main_layer(graph, at).map_or(Family::Arrangement, |layer| layer.family)
}

/// The shape of a kind of layers, as on the screen.
fn family_mark(family: Family, frame: Frame, color: Rgb) -> Vec<Item> {
    let stroke = Stroke::new(color, frame.width / 8.0);
    let line = |shares: &[[f64; 2]]| {
        let points: Vec<[f64; 2]> = shares.iter().map(|[x, y]| frame.at(*x, *y)).collect();
        Item::line(points, stroke)
    };
    let area = |shares: &[[f64; 2]]| {
        let points: Vec<[f64; 2]> = shares.iter().map(|[x, y]| frame.at(*x, *y)).collect();
        Item::area(points, color)
    };
    let square = |from: f64, to: f64| [[from, from], [to, from], [to, to], [from, to]];
    match family {
        Family::Source => {
            let ring = (0..24).map(|i| {
                let (s, c) = (f64::from(i) / 24.0 * std::f64::consts::TAU).sin_cos();
                frame.at(0.5 + 0.36 * c, 0.5 + 0.36 * s)
            });
            vec![Item::outline(ring.collect::<Vec<_>>(), stroke)]
        }
        Family::Convolution => {
            let corners = square(0.1, 0.9).map(|[x, y]| frame.at(x, y));
            vec![Item::outline(corners, stroke), area(&square(0.1, 0.56))]
        }
        Family::Dense => vec![area(&square(0.1, 0.9))],
        Family::Normalisation => {
            let bell: Vec<[f64; 2]> = (0..=10)
                .map(|i| {
                    let x = f64::from(i) / 10.0;
                    let y = (-((x - 0.5) / 0.2).powi(2) / 2.0).exp();
                    [0.08 + 0.84 * x, 0.86 - 0.7 * y]
                })
                .collect();
            vec![line(&bell)]
        }
        Family::Activation => vec![line(&[[0.06, 0.74], [0.48, 0.74], [0.94, 0.14]])],
        Family::Join => vec![
            line(&[[0.5, 0.06], [0.5, 0.94]]),
            line(&[[0.06, 0.5], [0.94, 0.5]]),
        ],
        Family::Resampling => vec![area(&[[0.5, 0.1], [0.94, 0.88], [0.06, 0.88]])],
        Family::Arrangement => vec![
            line(&[[0.06, 0.3], [0.7, 0.3]]),
            line(&[[0.3, 0.7], [0.94, 0.7]]),
        ],
    }
}

/// A line whose corners are round, as far as their sides are long enough.
fn rounded(points: &[[f64; 2]], radius: f64) -> Vec<[f64; 2]> {
    const PIECES: u32 = 5;
    let between = |[a, b]: [f64; 2], [c, d]: [f64; 2], t: f64| [a + (c - a) * t, b + (d - b) * t];
    let apart = |[a, b]: [f64; 2], [c, d]: [f64; 2]| (c - a).hypot(d - b);
    let mut line: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
    for corner in points.windows(3) {
        let (from, at, to) = (corner[0], corner[1], corner[2]);
        let (before, after) = (apart(from, at), apart(at, to));
        let radius = radius.min(before / 2.0).min(after / 2.0);
        let begin = between(at, from, radius / before.max(f64::MIN_POSITIVE));
        let end = between(at, to, radius / after.max(f64::MIN_POSITIVE));
        for piece in 0..=PIECES {
            let t = f64::from(piece) / f64::from(PIECES);
            line.push(between(between(begin, at, t), between(at, end, t), t));
        }
    }
    line.extend(points.last());
    line
}
