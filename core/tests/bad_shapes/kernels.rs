//! What the kernels are asked for: shapes are checked when they are made, slices when they are handed over.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ganoscope_core::kernels::{
    Algorithm, ConvShape, DenseShape, ShapeError, Weights, Window, conv2d, conv2d_input_gradient,
    dense, dense_input_gradient, dense_weight_gradient, map_planes, sum_planes, update_planes,
    update_zip_planes, weighted_sums, zip_planes, zip3_planes,
};

use crate::{HUGE, SIZES};

fn window(change: impl FnOnce(&mut Window)) -> Window {
    let mut window = Window::default();
    change(&mut window);
    window
}

/// A shape that was accepted keeps its promises: nothing is zero, and all lengths can be computed and addressed.
fn check(shape: &ConvShape) {
    let lengths = [shape.x_len(), shape.w_len(), shape.out_len()];
    let limit = isize::MAX as usize;
    assert!(
        lengths.iter().all(|n| (1..limit).contains(n)),
        "{shape:?}: {lengths:?}"
    );
    assert!(shape.flops().is_finite());
}

#[test]
fn every_size_of_a_convolution_is_checked() {
    let (input, weights) = ([2, 4, 6, 6], [8, 4, 3, 3]);
    check(&ConvShape::new(input, weights, Window::default()).unwrap());
    for place in 0..4 {
        for size in SIZES {
            let (mut other_input, mut other_weights) = (input, weights);
            other_input[place] = size;
            other_weights[place] = size;
            for (input, weights) in [
                (other_input, weights),
                (input, other_weights),
                (other_input, other_weights),
            ] {
                for shape in [
                    ConvShape::new(input, weights, Window::default()),
                    ConvShape::transposed(input, weights, Window::default(), [0; 2]),
                    ConvShape::transposed(input, weights, Window::default(), [size; 2]),
                ] {
                    let is_zero = input.contains(&0) || weights.contains(&0);
                    assert!(!(is_zero && shape.is_ok()), "{input:?} {weights:?}");
                    shape.iter().for_each(check);
                }
            }
        }
    }
}

#[test]
fn every_step_of_a_window_is_checked() {
    let (input, weights) = ([2, 4, 6, 6], [8, 4, 3, 3]);
    for axis in 0..2 {
        for size in SIZES {
            let windows = [
                window(|w| w.stride[axis] = size),
                window(|w| w.dilation[axis] = size),
                window(|w| w.pad_before[axis] = size),
                window(|w| w.pad_after[axis] = size),
                window(|w| {
                    w.pad_before[axis] = size;
                    w.pad_after[axis] = size;
                    w.stride[axis] = size;
                }),
                window(|w| w.groups = size),
            ];
            for window in windows {
                let shapes = [
                    ConvShape::new(input, weights, window),
                    ConvShape::transposed([2, 8, 6, 6], weights, window, [0; 2]),
                    ConvShape::transposed([2, 8, 6, 6], weights, window, [size; 2]),
                ];
                let zero = window.stride.contains(&0) || window.dilation.contains(&0);
                for shape in shapes {
                    assert!(!(zero && shape.is_ok()), "{window:?}");
                    shape.iter().for_each(check);
                }
            }
        }
    }
}

#[test]
fn a_stride_over_the_image_leaves_one_output() {
    for stride in [7, 100, 1 << 20] {
        let window = window(|w| w.stride = [stride; 2]);
        let shape = ConvShape::new([1, 1, 6, 6], [1, 1, 3, 3], window).unwrap();
        assert_eq!(shape.out_size(), [1, 1]);
        let y = conv2d(Algorithm::Fastest, &shape, &[1.0; 36], &[1.0; 9], None);
        assert_eq!(y, [9.0]);
        // What no output reads has no gradient.
        let dx = conv2d_input_gradient(Algorithm::Fastest, &shape, &[2.0], &[1.0; 9]);
        let is_read = |i: usize| i / 6 < 3 && i % 6 < 3;
        assert!((0..36).all(|i| dx[i] == if is_read(i) { 2.0 } else { 0.0 }));
    }
    // A frame is padded to the stride; one that cannot be addressed is refused.
    let window = window(|w| w.stride = [HUGE; 2]);
    let shape = ConvShape::new([1, 1, 6, 6], [1, 1, 3, 3], window);
    assert_eq!(shape, Err(ShapeError::TooLarge));
}

#[test]
fn impossible_windows_say_what_is_wrong() {
    let new = |w: Window| ConvShape::new([1, 6, 6, 6], [8, 6, 3, 3], w);
    let beyond = new(window(|w| w.dilation = [4, 1]));
    assert_eq!(
        beyond,
        Err(ShapeError::KernelTooLarge {
            reach: 9,
            padded: 6
        })
    );
    for groups in [2, 4, 5, 7, HUGE] {
        let shape = new(window(|w| w.groups = groups));
        assert!(matches!(shape, Err(ShapeError::Groups { .. })), "{groups}");
    }
    // The outputs must divide too.
    let outputs = ConvShape::new([1, 6, 6, 6], [8, 2, 3, 3], window(|w| w.groups = 3));
    assert!(matches!(outputs, Err(ShapeError::Groups { .. })));
    let padded = new(window(|w| w.pad_after = [0, HUGE - 3]));
    assert_eq!(padded, Err(ShapeError::TooLarge));
    // A transposed convolution whose padding takes everything away.
    let nothing = ConvShape::transposed(
        [1, 6, 2, 2],
        [6, 8, 3, 3],
        window(|w| w.pad_before = [9; 2]),
        [0; 2],
    );
    assert!(nothing.is_err());
}

/// Whether `f` stops at its documented check of lengths.
fn refuses<T>(f: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn dense_layers_and_planes_check_the_lengths_they_are_given() {
    let shape = |batch, inputs, outputs| DenseShape {
        batch,
        inputs,
        outputs,
    };
    for bad in [
        shape(0, 2, 2),
        shape(2, 0, 2),
        shape(2, 2, 0),
        shape(HUGE, 2, 2),
        shape(2, HUGE, HUGE),
        shape(1 << 33, 1 << 33, 1),
    ] {
        let four = [1.0; 4];
        assert!(refuses(|| dense(bad, &four, &four, None)), "{bad:?}");
        assert!(refuses(|| dense_input_gradient(bad, &four, &four)));
        assert!(refuses(|| dense_weight_gradient(bad, &four, &four)));
    }
    let (six, five) = ([1.0; 6], [1.0; 5]);
    // No plane is zero elements long, and values are whole planes.
    for plane in [0, 4, HUGE] {
        assert!(refuses(|| map_planes(&six, plane, |_| |x| x)), "{plane}");
        assert!(refuses(|| zip_planes(&six, &six, plane, |_| |a, _| a)));
        assert!(refuses(|| zip3_planes(&six, &six, &six, plane, |_| {
            |a, _, _| a
        })));
    }
    for plane in [1, 2, 3, 6] {
        assert!(refuses(|| zip_planes(&six, &five, plane, |_| |a, _| a)));
        assert!(refuses(|| sum_planes(&six, &five, plane, |_| |a, b| [
            a, b
        ])));
        assert!(refuses(|| update_zip_planes(
            &mut [1.0; 6],
            &five,
            plane,
            |_| |a, _| a
        )));
        assert!(refuses(|| zip3_planes(&six, &[], &six, plane, |_| {
            |a, _, _| a
        })));
    }
    // No values have no planes.
    assert!(map_planes(&[], 4, |_| |x| x).is_empty());
    assert!(weighted_sums(&[], 4, |_| Weights::One(1.0)).is_empty());
    update_planes(&mut [], 4, |_| |x| x);
}
