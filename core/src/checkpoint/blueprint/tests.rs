use super::{Blueprint, Geometry, Layer, LayerOp, Pad, Port};
use crate::checkpoint::NetworkRole;
use crate::network::{Function, Op, Padding, PoolSpec, Role, UpsampleMode};
use crate::stamp::ValueRange;

/// Every operation that a file can say, with numbers that are not the usual ones.
fn operations() -> Vec<LayerOp> {
    let sides = Padding {
        top: 1,
        bottom: 2,
        left: 0,
        right: 3,
    };
    let odd = Geometry {
        stride: [2, 1],
        padding: Pad::Sides(sides),
        dilation: [1, 2],
        groups: 2,
    };
    let same = Geometry {
        padding: Pad::Same,
        ..Geometry::square(2, 0)
    };
    let pool = PoolSpec {
        kernel: [3, 2],
        stride: [2, 2],
        padding: Padding::all(1),
        count_padding: false,
    };
    let mut operations = vec![
        LayerOp::Conv(odd),
        LayerOp::Conv(same),
        LayerOp::Conv(Geometry::square(1, 4)),
        LayerOp::ConvTranspose(odd, [1, 0]),
        LayerOp::AvgPool(PoolSpec::square(2)),
        LayerOp::AvgPool(pool),
        LayerOp::MaxPool(pool),
        LayerOp::Constant(Some(vec![3, 1, 1])),
        LayerOp::Constant(None),
        LayerOp::Scale(0.2),
    ];
    operations.extend(plain(sides).into_iter().map(LayerOp::Plain));
    operations
}

/// Every operation that needs nothing but its numbers.
fn plain(sides: Padding) -> Vec<Op> {
    let plain = [
        Op::Identity,
        Op::Dense,
        Op::BatchNorm { eps: 1e-3 },
        Op::InstanceNorm { eps: 1e-6 },
        Op::PixelNorm { eps: 1e-7 },
        Op::Relu,
        Op::LeakyRelu { slope: 0.3 },
        Op::Prelu,
        Op::Tanh,
        Op::Sigmoid,
        Op::Elu { alpha: 0.5 },
        Op::Silu,
        Op::Softplus,
        Op::Add,
        Op::Mul,
        Op::Concat { axis: 1 },
        Op::PixelShuffle { factor: 3 },
        Op::GlobalAvgPool,
        Op::GlobalMaxPool,
        Op::Reshape {
            dims: vec![2, 3, 4],
        },
        Op::Flatten,
        Op::Pad {
            padding: sides,
            value: -1.0,
        },
        Op::Function(Function::Exp),
        Op::Function(Function::Log),
        Op::Function(Function::Sqrt),
        Op::Function(Function::Erf),
        Op::Function(Function::Reciprocal),
        Op::Select {
            axis: 1,
            indices: vec![2, 0, 0],
        },
        Op::Transpose {
            order: vec![2, 0, 1],
        },
        Op::Slice {
            axis: 1,
            start: 2,
            end: 5,
        },
    ];
    let modes = [
        UpsampleMode::Nearest,
        UpsampleMode::Bilinear {
            align_corners: false,
        },
        UpsampleMode::Bilinear {
            align_corners: true,
        },
    ];
    let enlarged = modes.map(|mode| Op::Upsample {
        scale: [2, 4],
        mode,
    });
    plain.into_iter().chain(enlarged).collect()
}

fn blueprint() -> Blueprint {
    let layer = |(i, op): (usize, LayerOp)| {
        let roles = match op {
            LayerOp::Plain(Op::Prelu) => vec![Role::Slope],
            LayerOp::Constant(_) => vec![Role::Value],
            _ => vec![Role::Weight, Role::Bias, Role::Mean, Role::Var],
        };
        let before = i
            .checked_sub(1)
            .map_or("z".to_owned(), |i| format!("layer \"{i}\""));
        Layer {
            name: format!("layer \"{i}\""),
            inputs: match op {
                LayerOp::Constant(_) => Vec::new(),
                LayerOp::Plain(Op::Add) => vec!["z".to_owned(), before],
                _ => vec![before],
            },
            op,
            params: roles
                .into_iter()
                .map(|role| (role, format!("{i}.{role:?}")))
                .collect(),
            doubts: Vec::new(),
            line: None,
        }
    };
    Blueprint {
        family: "made up \\ for a test".to_owned(),
        role: NetworkRole::Discriminator,
        weights: Some("weights.pth:D".to_owned()),
        input_range: Some(ValueRange::SIGNED),
        output_range: Some(ValueRange::UNIT),
        inputs: vec![Port {
            name: "z".to_owned(),
            dims: vec![3, 8, 8],
            doubt: None,
            line: None,
        }],
        layers: operations().into_iter().enumerate().map(layer).collect(),
        outputs: vec![("logit".to_owned(), "z".to_owned())],
    }
}

#[test]
fn every_operation_is_written_and_read_back() {
    let written = blueprint().to_toml(&["a note".to_owned()]);
    let mut read = Blueprint::from_toml(&written).expect("what was written");
    let lines: Vec<Option<usize>> = read.layers.iter().map(|layer| layer.line).collect();
    for (layer, line) in read.layers.iter_mut().zip(&lines) {
        let at = line.expect("a line");
        assert_eq!(
            written.lines().nth(at - 1),
            Some("[[layer]]"),
            "{}",
            layer.name
        );
        layer.line = None;
    }
    for port in &mut read.inputs {
        port.line = None;
    }
    assert_eq!(read, blueprint());
}

#[test]
fn doubtful_lines_are_marked_and_read() {
    let mut doubtful = blueprint();
    doubtful.layers[0].doubts = vec![("stride", "not visible")];
    doubtful.inputs[0].doubt = Some("any size");
    let text = doubtful.to_toml(&[]);
    assert!(
        text.contains("stride = [2, 1]  # doubtful: not visible\n"),
        "{text}"
    );
    assert!(
        text.contains("dims = [3, 8, 8]  # doubtful: any size\n"),
        "{text}"
    );
    assert!(Blueprint::from_toml(&text).is_ok());
}

#[test]
fn errors_say_the_line() {
    let start = "ganoscope_model = 1\nrole = \"generator\"\n[[input]]\nname = \"z\"\ndims = [4]\n";
    let layer = |fields: &str| format!("{start}[[layer]]\nname = \"a\"\n{fields}\n");
    for (text, expected) in [
        (
            layer("op = \"attention\""),
            "line 6: layer a: the operation attention is unknown",
        ),
        (
            layer("op = \"leaky-relu\""),
            "line 6: layer a: slope is missing",
        ),
        (
            layer("op = \"relu\"\nslop = 0.1"),
            "line 9: unknown field `slop`",
        ),
        (
            layer("op = \"conv\"\nstride = [1, 2, 3]"),
            "line 6: layer a: stride has 3 numbers, expected 1 or 2",
        ),
        (
            layer("op = \"conv\"\npadding = \"valid\""),
            "line 6: layer a: padding is \"valid\", expected numbers",
        ),
        (
            layer("op = \"conv\"\nstride = 99999999"),
            "line 6: layer a: stride is 99999999",
        ),
        (
            layer("op = \"reshape\"\ndims = [0]"),
            "line 6: layer a: a dimension of 0 is not possible",
        ),
        (
            start.replace("[4]", "[]"),
            "line 3: input z has the dimensions []",
        ),
        (start.replace("= 1", "= 2"), "version 2"),
        (
            start.replace("generator", "painter"),
            "line 2: unknown variant `painter`",
        ),
        ("[[layer".to_owned(), "line 1"),
    ] {
        let error = Blueprint::from_toml(&text).expect_err(expected);
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
