//! The convolution and dense kernels against slow, obvious versions in `f64`, for every instruction set of the machine.

mod channels;
mod signed;
mod winograd;

use ganoscope_core::kernels::{
    Algorithm, ConvShape, DenseShape, InstructionSet, ShapeError, Window,
    conv2d_input_gradient_with, conv2d_weight_gradient_with, conv2d_with,
    dense_input_gradient_with, dense_weight_gradient_with, dense_with,
};
use ganoscope_core::seed::Stream;

/// Values in `[-1, 1)`.
fn values(stream: &mut Stream, len: usize) -> Vec<f32> {
    (0..len).map(|_| stream.uniform(-1.0, 1.0) as f32).collect()
}

/// Calls `visit` with the indices of output, input and weight of every product in a convolution.
fn each_product(shape: &ConvShape, mut visit: impl FnMut(usize, usize, usize)) {
    let window = shape.window();
    let ([height, width], [out_height, out_width]) = (shape.in_size(), shape.out_size());
    let [kernel_height, kernel_width] = shape.kernel();
    let (ins, outs) = (
        shape.in_channels() / window.groups,
        shape.out_channels() / window.groups,
    );
    let place = |axis: usize, o: usize, k: usize, len: usize| {
        (o * window.stride[axis] + k * window.dilation[axis])
            .checked_sub(window.pad_before[axis])
            .filter(|i| *i < len)
    };
    for n in 0..shape.batch() {
        for co in 0..shape.out_channels() {
            for (oy, ox) in pairs(out_height, out_width) {
                let out = ((n * shape.out_channels() + co) * out_height + oy) * out_width + ox;
                for ci in 0..ins {
                    let channel = n * shape.in_channels() + co / outs * ins + ci;
                    for (ky, kx) in pairs(kernel_height, kernel_width) {
                        let weight = ((co * ins + ci) * kernel_height + ky) * kernel_width + kx;
                        if let (Some(y), Some(x)) =
                            (place(0, oy, ky, height), place(1, ox, kx, width))
                        {
                            visit(out, (channel * height + y) * width + x, weight);
                        }
                    }
                }
            }
        }
    }
}

fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |y| (0..columns).map(move |x| (y, x)))
}

/// A sum in `f64` with the sum of the magnitudes of its terms, the scale of its rounding error.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    scale: f64,
}

impl Sum {
    fn add(&mut self, a: f32, b: f32) {
        let term = a as f64 * b as f64;
        self.value += term;
        self.scale += term.abs();
    }
}

/// Checks `found` against sums to 1e-5 of their scale.
fn assert_close(found: &[f32], expected: &[Sum], what: &str, context: impl std::fmt::Debug) {
    assert_eq!(found.len(), expected.len(), "{what} {context:?}");
    for (i, (found, sum)) in found.iter().zip(expected).enumerate() {
        let error = (*found as f64 - sum.value).abs();
        assert!(
            error <= 1e-5 * sum.scale,
            "{what} at {i}: {found} instead of {}, {context:?}",
            sum.value
        );
    }
}

/// Input, weights, bias and output gradient of a convolution.
struct Case {
    shape: ConvShape,
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    g: Vec<f32>,
}

impl Case {
    fn new(shape: ConvShape, stream: &mut Stream) -> Self {
        Self {
            x: values(stream, shape.x_len()),
            w: values(stream, shape.w_len()),
            bias: values(stream, shape.out_channels()),
            g: values(stream, shape.out_len()),
            shape,
        }
    }

    /// All three functions: output, input gradient, weight gradient.
    fn run(&self, set: InstructionSet, algorithm: Algorithm) -> [Vec<f32>; 3] {
        let shape = &self.shape;
        [
            conv2d_with(set, algorithm, shape, &self.x, &self.w, Some(&self.bias)),
            conv2d_input_gradient_with(set, algorithm, shape, &self.g, &self.w),
            conv2d_weight_gradient_with(set, algorithm, shape, &self.x, &self.g),
        ]
    }

    /// What all three should give.
    fn exact(&self) -> [Vec<Sum>; 3] {
        let shape = &self.shape;
        let mut y = vec![Sum::default(); shape.out_len()];
        let mut dx = vec![Sum::default(); shape.x_len()];
        let mut dw = vec![Sum::default(); shape.w_len()];
        each_product(shape, |o, i, k| {
            y[o].add(self.x[i], self.w[k]);
            dx[i].add(self.g[o], self.w[k]);
            dw[k].add(self.g[o], self.x[i]);
        });
        let plane = shape.out_size()[0] * shape.out_size()[1];
        for (i, sum) in y.iter_mut().enumerate() {
            sum.add(self.bias[i / plane % shape.out_channels()], 1.0);
        }
        [y, dx, dw]
    }

    fn check(&self) {
        let exact = self.exact();
        for set in InstructionSet::available() {
            let found = self.run(set, Algorithm::Direct);
            let context = (set.name(), &self.shape);
            for (i, what) in ["output", "input gradient", "weight gradient"]
                .into_iter()
                .enumerate()
            {
                assert_close(&found[i], &exact[i], what, context);
            }
        }
    }
}

/// A random shape, or none when the draw does not fit together.
fn random_shape(stream: &mut Stream, largest: usize) -> Option<ConvShape> {
    let mut between = |low: usize, high: usize| low + stream.below(high - low + 1);
    let groups = between(1, 3);
    let (ins, outs) = (between(1, 5), between(1, 12));
    let kernel = [between(1, 9), between(1, 9)];
    let window = Window {
        stride: [between(1, 3), between(1, 3)],
        dilation: [between(1, 3), between(1, 3)],
        pad_before: [between(0, 5), between(0, 5)],
        pad_after: [between(0, 5), between(0, 5)],
        groups,
    };
    let input = [
        between(1, 3),
        groups * ins,
        between(1, largest),
        between(1, largest),
    ];
    ConvShape::new(input, [groups * outs, ins, kernel[0], kernel[1]], window).ok()
}

#[test]
fn random_shapes_match_the_definition() {
    let mut stream = Stream::new(2);
    let mut tried = 0;
    while tried < 300 {
        if let Some(shape) = random_shape(&mut stream, 20) {
            Case::new(shape, &mut stream).check();
            tried += 1;
        }
    }
}

/// The layers of the networks at hand: square kernels with stride, padding, input size and channels.
fn usual_shapes() -> Vec<ConvShape> {
    [
        // (batch, in channels, out channels, size, kernel, stride, pad before, pad after)
        (1, 16, 16, 40, 3, 1, 1, 1),
        (2, 3, 16, 33, 9, 1, 4, 4),
        (2, 16, 3, 40, 3, 1, 1, 1),
        (2, 8, 16, 40, 3, 2, 0, 1),
        (3, 32, 19, 5, 3, 1, 1, 1),
        (5, 24, 40, 10, 1, 1, 0, 0),
        (2, 12, 8, 16, 4, 2, 1, 1),
        (1, 70, 30, 4, 4, 1, 0, 0),
        (1, 5, 9, 1, 3, 1, 1, 1),
    ]
    .into_iter()
    .map(|(n, ci, co, size, k, s, before, after)| {
        let window = Window {
            stride: [s; 2],
            pad_before: [before; 2],
            pad_after: [after; 2],
            ..Window::default()
        };
        ConvShape::new([n, ci, size, size], [co, ci, k, k], window).expect("sizes fit")
    })
    .collect()
}

#[test]
fn usual_layers_match_the_definition() {
    let mut stream = Stream::new(3);
    for shape in usual_shapes() {
        Case::new(shape, &mut stream).check();
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads start")
    };
    let (one, three) = (pool(1), pool(3));
    let mut stream = Stream::new(4);
    for shape in usual_shapes() {
        let case = Case::new(shape, &mut stream);
        for set in InstructionSet::available() {
            let (alone, shared) = (
                one.install(|| case.run(set, Algorithm::Direct)),
                three.install(|| case.run(set, Algorithm::Direct)),
            );
            assert_eq!(alone, shared, "{} {shape:?}", set.name());
        }
    }
}

#[test]
fn dense_layers_match_the_definition() {
    let mut stream = Stream::new(5);
    for _ in 0..60 {
        let shape = DenseShape {
            batch: 1 + stream.below(9),
            inputs: 1 + stream.below(100),
            outputs: 1 + stream.below(40),
        };
        let x = values(&mut stream, shape.batch * shape.inputs);
        let w = values(&mut stream, shape.outputs * shape.inputs);
        let bias = values(&mut stream, shape.outputs);
        let gradient = values(&mut stream, shape.batch * shape.outputs);
        let mut y = vec![Sum::default(); gradient.len()];
        let (mut dx, mut dw) = (vec![Sum::default(); x.len()], vec![Sum::default(); w.len()]);
        for (n, g) in pairs(shape.batch, shape.outputs) {
            let o = n * shape.outputs + g;
            y[o].add(bias[g], 1.0);
            for f in 0..shape.inputs {
                let (i, k) = (n * shape.inputs + f, g * shape.inputs + f);
                y[o].add(x[i], w[k]);
                dx[i].add(gradient[o], w[k]);
                dw[k].add(gradient[o], x[i]);
            }
        }
        for set in InstructionSet::available() {
            let context = (set.name(), shape);
            assert_close(
                &dense_with(set, shape, &x, &w, Some(&bias)),
                &y,
                "output",
                context,
            );
            let found = dense_input_gradient_with(set, shape, &gradient, &w);
            assert_close(&found, &dx, "input gradient", context);
            let found = dense_weight_gradient_with(set, shape, &x, &gradient);
            assert_close(&found, &dw, "weight gradient", context);
        }
    }
}

#[test]
fn a_transposed_convolution_has_the_usual_size() {
    let window = Window {
        stride: [2; 2],
        pad_before: [1; 2],
        pad_after: [1; 2],
        ..Window::default()
    };
    let sizes = |kernel, output_pad| {
        ConvShape::transposed(
            [1, 8, 5, 7],
            [8, 4, kernel, kernel],
            window,
            [output_pad; 2],
        )
        .map(|shape| (shape.in_channels(), shape.in_size()))
    };
    assert_eq!(sizes(4, 0), Ok((4, [10, 14])));
    assert_eq!(sizes(3, 1), Ok((4, [10, 14])));
    assert_eq!(sizes(3, 0), Ok((4, [9, 13])));
    assert!(sizes(3, 2).is_err());
}

#[test]
fn impossible_shapes_are_errors() {
    let shape = |input, weights, groups| {
        let window = Window {
            groups,
            ..Window::default()
        };
        ConvShape::new(input, weights, window)
    };
    assert_eq!(shape([1, 3, 0, 4], [8, 3, 3, 3], 1), Err(ShapeError::Zero));
    assert_eq!(shape([1, 3, 4, 4], [8, 3, 3, 3], 0), Err(ShapeError::Zero));
    let groups = shape([1, 3, 4, 4], [8, 2, 3, 3], 1);
    assert!(matches!(groups, Err(ShapeError::Groups { .. })));
    let large = shape([1, 3, 4, 4], [8, 3, 5, 5], 1);
    assert_eq!(
        large,
        Err(ShapeError::KernelTooLarge {
            reach: 5,
            padded: 4
        })
    );
    let huge = shape([1, 1, usize::MAX / 2, 4], [1, 1, 1, 1], 1);
    assert_eq!(huge, Err(ShapeError::TooLarge));
}
