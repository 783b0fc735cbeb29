//! Convolutions by the sign of their weights against the definition.

use ganoscope_core::kernels::{InstructionSet, Reading, SignedConv};
use ganoscope_core::seed::Stream;

use super::{Case, Sum, assert_close, each_product, random_shape, usual_shapes};

/// What a reading makes of a value.
fn read(reading: Reading<'_>, i: usize) -> f32 {
    match reading {
        Reading::Nothing => 0.0,
        Reading::All(x) => x[i],
        Reading::Positive(x) => x[i].max(0.0),
        Reading::Negative(x) => x[i].min(0.0),
    }
}

/// Inputs for the positive and the negative weights.
fn readings(case: &Case) -> [[Reading<'_>; 2]; 4] {
    use Reading::{All, Negative, Nothing, Positive};
    let x = &case.x;
    [
        [Positive(x), Negative(x)],
        [Negative(x), Positive(x)],
        [All(x), Nothing],
        [Nothing, All(x)],
    ]
}

fn forward(conv: &SignedConv, case: &Case, readings: [Reading<'_>; 2]) -> Vec<f32> {
    conv.forward(case.shape.batch(), readings, None)
        .expect("sizes fit")
}

/// Both transposed parts, one after the other.
fn transposed(conv: &SignedConv, case: &Case) -> [Vec<f32>; 2] {
    let run = |wanted: [bool; 2], keep_first: bool| {
        let combine = move |_: usize, first: &mut [f32], second: &[f32]| {
            if !keep_first {
                first.copy_from_slice(second);
            }
        };
        conv.transposed(case.shape.batch(), &case.g, wanted, &combine)
            .expect("sizes fit")
    };
    let both = [run([true, true], true), run([true, true], false)];
    assert_eq!(run([true, false], true), both[0]);
    assert_eq!(run([false, true], false), both[1]);
    assert!(run([true, false], false).iter().all(|c| *c == 0.0));
    both
}

fn check(case: &Case) {
    let shape = &case.shape;
    for set in InstructionSet::available() {
        let conv = SignedConv::with(set, shape, &case.w).expect("sizes fit");
        let context = (set.name(), shape);
        for [positive, negative] in readings(case) {
            let mut y = vec![Sum::default(); shape.out_len()];
            each_product(shape, |o, i, k| {
                let w = case.w[k];
                let of = if w > 0.0 { positive } else { negative };
                y[o].add(read(of, i), w);
            });
            let found = forward(&conv, case, [positive, negative]);
            assert_close(&found, &y, "forward", context);
        }
        let mut parts = [(); 2].map(|()| vec![Sum::default(); shape.x_len()]);
        each_product(shape, |o, i, k| {
            let w = case.w[k];
            parts[usize::from(w < 0.0)][i].add(case.g[o], w);
        });
        for (found, part) in transposed(&conv, case).iter().zip(&parts) {
            assert_close(found, part, "transposed", context);
        }
    }
}

#[test]
fn random_shapes_match_the_definition() {
    let mut stream = Stream::new(21);
    let mut tried = 0;
    while tried < 150 {
        if let Some(shape) = random_shape(&mut stream, 20) {
            check(&Case::new(shape, &mut stream));
            tried += 1;
        }
    }
}

#[test]
fn usual_layers_match_the_definition() {
    let mut stream = Stream::new(22);
    for shape in usual_shapes() {
        let mut case = Case::new(shape, &mut stream);
        // Weights of zero have no sign.
        case.w.iter_mut().step_by(7).for_each(|w| *w = 0.0);
        check(&case);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let pool = |threads| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.build().expect("threads start")
    };
    let pools = [pool(1), pool(3)];
    let mut stream = Stream::new(23);
    for shape in usual_shapes() {
        let case = Case::new(shape, &mut stream);
        let conv = SignedConv::new(&shape, &case.w).expect("sizes fit");
        let runs = pools.each_ref().map(|pool| {
            pool.install(|| {
                let parts = transposed(&conv, &case);
                (forward(&conv, &case, readings(&case)[0]), parts)
            })
        });
        assert_eq!(runs[0], runs[1], "{shape:?}");
    }
}

#[test]
fn pieces_are_finished_once_and_combined_once() {
    let mut stream = Stream::new(24);
    for shape in usual_shapes() {
        let case = Case::new(shape, &mut stream);
        let conv = SignedConv::new(&shape, &case.w).expect("sizes fit");
        let plain = forward(&conv, &case, readings(&case)[0]);
        let place = |offset: usize, run: &mut [f32]| {
            for (i, value) in run.iter_mut().enumerate() {
                *value += (offset + i) as f32;
            }
        };
        let finished = conv.forward(shape.batch(), readings(&case)[0], Some(&place));
        for (i, (a, b)) in finished.expect("sizes fit").iter().zip(plain).enumerate() {
            assert_eq!(*a, b + i as f32, "{shape:?}");
        }
        let sum = |_: usize, first: &mut [f32], second: &[f32]| {
            for (a, b) in first.iter_mut().zip(second) {
                *a += b;
            }
        };
        let both = conv.transposed(shape.batch(), &case.g, [true; 2], &sum);
        let [positive, negative] = transposed(&conv, &case);
        for (i, sum) in both.expect("sizes fit").iter().enumerate() {
            assert_eq!(*sum, positive[i] + negative[i], "{shape:?}");
        }
    }
}

/// A value that is not a number reaches all that read it, whatever its sign would be.
#[test]
fn a_value_that_is_not_a_number_is_passed_on() {
    let mut stream = Stream::new(25);
    let mut case = Case::new(usual_shapes()[0], &mut stream);
    case.x[700] = f32::NAN;
    let conv = SignedConv::new(&case.shape, &case.w).expect("sizes fit");
    for readings in readings(&case) {
        let y = forward(&conv, &case, readings);
        assert!(y.iter().any(|y| y.is_nan()), "{readings:?}");
    }
    case.w[5] = f32::NAN;
    let conv = SignedConv::new(&case.shape, &case.w).expect("sizes fit");
    let sum = |_: usize, first: &mut [f32], second: &[f32]| {
        first.iter_mut().zip(second).for_each(|(a, b)| *a += b);
    };
    for wanted in [[true, false], [false, true]] {
        let part = conv.transposed(case.shape.batch(), &case.g, wanted, &sum);
        assert!(part.expect("sizes fit").iter().any(|c| c.is_nan()));
    }
}
