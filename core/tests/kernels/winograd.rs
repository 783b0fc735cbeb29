//! Winograd's convolutions against sums in `f64`, for every instruction set: the error that the module states holds, for
//! sizes that fit the tiles and sizes that do not, and the number of threads or of pictures changes no bit.

use ganoscope_core::kernels::{Algorithm, ConvShape, InstructionSet, Window};
use ganoscope_core::seed::Stream;

use super::{Case, Sum};

/// The largest error, in parts of the largest sum of the magnitudes of a result's terms.
const LARGEST: f64 = 1e-6;

/// 3x3, `size` rows and columns, zeros before and after.
fn shape(
    batch: usize,
    [ins, outs]: [usize; 2],
    size: [usize; 2],
    pads: [[usize; 2]; 2],
) -> ConvShape {
    let window = Window {
        pad_before: pads[0],
        pad_after: pads[1],
        ..Window::default()
    };
    ConvShape::new([batch, ins, size[0], size[1]], [outs, ins, 3, 3], window).expect("sizes fit")
}

fn case(shape: ConvShape, seed: u64) -> Case {
    Case::new(shape, &mut Stream::new(seed))
}

/// The largest error in parts of the largest sum of magnitudes.
fn error(found: &[f32], exact: &[Sum]) -> f64 {
    assert_eq!(found.len(), exact.len());
    // What is not finite must not pass as no error.
    assert!(found.iter().all(|found| found.is_finite()));
    let scale = exact.iter().map(|sum| sum.scale).fold(0.0, f64::max);
    let errors = found
        .iter()
        .zip(exact)
        .map(|(found, sum)| (f64::from(*found) - sum.value).abs());
    errors.fold(0.0, f64::max) / scale
}

fn shapes() -> Vec<ConvShape> {
    let same = [[1, 1], [1, 1]];
    vec![
        shape(1, [16, 16], [80, 80], same),
        shape(3, [16, 16], [20, 20], same),
        shape(2, [12, 19], [33, 18], same),
        shape(1, [40, 24], [17, 41], [[0, 1], [2, 0]]),
        shape(2, [12, 9], [19, 22], [[0, 0], [0, 0]]),
        shape(1, [70, 8], [16, 21], [[2, 2], [2, 2]]),
        shape(5, [6, 30], [16, 16], same),
        shape(1, [16, 11], [300, 4], same),
    ]
}

#[test]
fn all_three_match_the_definition() {
    for (i, shape) in shapes().into_iter().enumerate() {
        let case = case(shape, i as u64);
        let exact = case.exact();
        for set in InstructionSet::available() {
            let direct = case.run(set, Algorithm::Direct);
            let fastest = case.run(set, Algorithm::Fastest);
            for (what, ((direct, fastest), exact)) in
                direct.iter().zip(&fastest).zip(&exact).enumerate()
            {
                let errors = [error(direct, exact), error(fastest, exact)];
                assert!(
                    errors[1] <= LARGEST,
                    "{} {what} {shape:?}: {errors:?}",
                    set.name()
                );
                // Otherwise the case did not take the way that it is here to test.
                assert!(direct != fastest, "{} {what} {shape:?}", set.name());
            }
        }
    }
}

/// Padding that the tiles have no room for, on either side, is left to the direct sum.
#[test]
fn wide_padding_gives_the_definition_too() {
    for (i, pads) in [
        [[1, 1], [1, 5]],
        [[1, 1], [6, 1]],
        [[3, 0], [0, 8]],
        [[0, 4], [2, 2]],
    ]
    .into_iter()
    .enumerate()
    {
        let case = case(shape(2, [11, 11], [16, 16], pads), i as u64);
        let exact = case.exact();
        for set in InstructionSet::available() {
            for (found, exact) in case.run(set, Algorithm::Fastest).iter().zip(&exact) {
                assert!(error(found, exact) <= LARGEST, "{} {pads:?}", set.name());
            }
        }
    }
}

/// Whatever way a shape takes.
#[test]
fn random_kernels_of_nine_match_the_definition() {
    let mut stream = Stream::new(9);
    let mut tiled = 0;
    for _ in 0..40 {
        let mut between = |low: usize, high: usize| low + stream.below(high - low + 1);
        let channels = [between(4, 20), between(4, 20)];
        let size = [between(8, 28), between(8, 28)];
        // Now and then wider than the tiles have room for.
        let widest = [2, 2, 6][between(0, 2)];
        let pads = [(); 2].map(|()| [between(0, widest), between(0, widest)]);
        let case = Case::new(shape(between(1, 3), channels, size, pads), &mut stream);
        let exact = case.exact();
        for set in InstructionSet::available() {
            let found = case.run(set, Algorithm::Fastest);
            tiled += usize::from(found != case.run(set, Algorithm::Direct));
            for (found, exact) in found.iter().zip(&exact) {
                assert!(
                    error(found, exact) <= LARGEST,
                    "{} {:?}",
                    set.name(),
                    case.shape
                );
            }
        }
    }
    assert!(tiled > 0, "some shapes are fit for tiles");
}

#[test]
fn threads_and_neighbours_in_the_batch_change_no_bit() {
    let pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().expect("threads start")
    };
    let (one, three) = (pool(1), pool(3));
    for (i, shape) in shapes().into_iter().enumerate() {
        let case = case(shape, i as u64);
        let single = Case {
            shape: shape.with_batch(1).expect("one of several fits"),
            x: case.x[..shape.x_len() / shape.batch()].to_vec(),
            w: case.w.clone(),
            bias: case.bias.clone(),
            g: case.g[..shape.out_len() / shape.batch()].to_vec(),
        };
        for set in InstructionSet::available() {
            let alone = one.install(|| case.run(set, Algorithm::Fastest));
            let shared = three.install(|| case.run(set, Algorithm::Fastest));
            assert_eq!(alone, shared, "{} {shape:?}", set.name());
            let first = single.run(set, Algorithm::Fastest);
            for (first, all) in first.iter().zip(&alone).take(2) {
                assert_eq!(first[..], all[..first.len()], "{} {shape:?}", set.name());
            }
        }
    }
}

#[test]
fn what_is_not_finite_stays_within_reach_of_its_tiles() {
    let shape = shape(1, [16, 16], [20, 20], [[1, 1], [1, 1]]);
    for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut case = case(shape, 1);
        case.x[10 * 20 + 10] = poison;
        for set in InstructionSet::available() {
            let [y, ..] = case.run(set, Algorithm::Fastest);
            for (i, y) in y.iter().enumerate() {
                let (row, column) = (i / 20 % 20, i % 20);
                let far = row.abs_diff(10).max(column.abs_diff(10));
                assert!(far > 1 || !y.is_finite(), "{} {row} {column}", set.name());
                assert!(far <= 5 || y.is_finite(), "{} {row} {column}", set.name());
            }
        }
    }
}
