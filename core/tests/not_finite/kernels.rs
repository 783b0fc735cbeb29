//! The kernels on plain slices, with every instruction set.

use ganoscope_core::kernels::{
    Algorithm, ConvShape, DenseShape, InstructionSet, Window, conv2d_input_gradient_with,
    conv2d_weight_gradient_with, conv2d_with, dense_with,
};
use ganoscope_core::seed::Stream;

use crate::{BAD, PIXEL, SIZE};

fn bad_places(found: &[f32]) -> Vec<usize> {
    let places = found.iter().enumerate();
    places
        .filter(|(_, v)| !v.is_finite())
        .map(|(i, _)| i)
        .collect()
}

#[test]
fn kernels_carry_a_bad_pixel_to_the_outputs_that_see_it() {
    let mut stream = Stream::new(8);
    let mut random =
        |len: usize| -> Vec<f32> { (0..len).map(|_| stream.uniform(-1.0, 1.0) as f32).collect() };
    for (kernel, stride, pad, groups) in [
        (3, 1, 1, 1),
        (3, 2, 1, 1),
        (9, 1, 4, 1),
        (1, 1, 0, 1),
        (3, 1, 1, 2),
    ] {
        let window = Window {
            stride: [stride; 2],
            pad_before: [pad; 2],
            pad_after: [pad; 2],
            groups,
            ..Window::default()
        };
        let shape =
            ConvShape::new([2, 4, SIZE, SIZE], [6, 4 / groups, kernel, kernel], window).unwrap();
        let [rows, columns] = shape.out_size();
        let (x, w, g) = (
            random(shape.x_len()),
            random(shape.w_len()),
            random(shape.out_len()),
        );
        let sees = |o: usize, i: usize| (o * stride..o * stride + kernel).contains(&(i + pad));
        for bad in BAD.map(|bad| bad as f32) {
            // Sample 1, channel 0.
            let mut poisoned = x.clone();
            poisoned[(4 * SIZE + PIXEL[0]) * SIZE + PIXEL[1]] = bad;
            let expected: Vec<usize> = (0..shape.out_len())
                .filter(|o| {
                    let (y, x) = (o / columns % rows, o % columns);
                    let (channel, sample) = (o / columns / rows % 6, o / columns / rows / 6);
                    sample == 1
                        && channel / (6 / groups) == 0
                        && sees(y, PIXEL[0])
                        && sees(x, PIXEL[1])
                })
                .collect();
            // One output's gradient, likewise.
            let at = ((6 + 1) * rows + rows / 2) * columns + columns / 2;
            let mut bad_gradient = g.clone();
            bad_gradient[at] = bad;
            let seen: Vec<usize> = (0..shape.x_len())
                .filter(|i| {
                    let (y, x) = (i / SIZE % SIZE, i % SIZE);
                    let (channel, sample) = (i / SIZE / SIZE % 4, i / SIZE / SIZE / 4);
                    sample == 1
                        && channel / (4 / groups) == 0
                        && sees(rows / 2, y)
                        && sees(columns / 2, x)
                })
                .collect();
            for set in InstructionSet::available() {
                let context = (set.name(), kernel, stride, groups, bad);
                let y = conv2d_with(set, Algorithm::Direct, &shape, &poisoned, &w, None);
                assert_eq!(bad_places(&y), expected, "{context:?}");
                let dx =
                    conv2d_input_gradient_with(set, Algorithm::Direct, &shape, &bad_gradient, &w);
                assert_eq!(bad_places(&dx), seen, "{context:?}");
                // Every tap of the input channels and outputs concerned is reached; no other one is.
                let dw = conv2d_weight_gradient_with(set, Algorithm::Direct, &shape, &poisoned, &g);
                let per_output = shape.w_len() / 6;
                let taps = kernel * kernel;
                for (i, value) in dw.iter().enumerate() {
                    let concerned = i % per_output / taps == 0 && i / per_output < 6 / groups;
                    assert!(concerned || value.is_finite(), "{context:?} {i}");
                }
                assert!(!bad_places(&dw).is_empty(), "{context:?}");
            }
        }
    }
}

#[test]
fn kernels_carry_bad_weights_to_their_outputs_alone() {
    let window = Window {
        pad_before: [1; 2],
        pad_after: [1; 2],
        ..Window::default()
    };
    let shape = ConvShape::new([1, 2, SIZE, SIZE], [5, 2, 3, 3], window).unwrap();
    let (x, mut w) = (vec![1.0; shape.x_len()], vec![0.5; shape.w_len()]);
    // The middle tap of output 3, which sees every pixel.
    w[3 * 18 + 4] = f32::NAN;
    let dense_shape = DenseShape {
        batch: 2,
        inputs: 40,
        outputs: 5,
    };
    let (rows, mut matrix) = (vec![1.0; 80], vec![0.5; 200]);
    matrix[3 * 40 + 39] = f32::NAN;
    for set in InstructionSet::available() {
        let y = conv2d_with(set, Algorithm::Direct, &shape, &x, &w, None);
        let expected: Vec<usize> = (3 * SIZE * SIZE..4 * SIZE * SIZE).collect();
        assert_eq!(bad_places(&y), expected, "{}", set.name());
        let y = dense_with(set, dense_shape, &rows, &matrix, None);
        assert_eq!(bad_places(&y), [3, 8], "{}", set.name());
    }
}
