//! Convolutions with many channels, which lie side by side in vectors: the definition holds whatever the stride, the number of
//! channels and the groups, and neither threads nor neighbours in the batch nor preparing change a bit.

use ganoscope_core::kernels::{
    Algorithm, ConvShape, InstructionSet, PreparedConv, Reading, SignedConv, Window,
    conv2d_input_gradient_with, conv2d_with,
};
use ganoscope_core::seed::Stream;

use super::Case;

/// Several pictures of a random size with more channels than a vector has lanes, or none when the draw does not fit together.
fn random_shape(stream: &mut Stream) -> Option<ConvShape> {
    let mut between = |low: usize, high: usize| low + stream.below(high - low + 1);
    let groups = between(1, 2);
    let (ins, outs) = (between(7, 45), between(7, 45));
    let window = Window {
        stride: [between(1, 3), between(1, 3)],
        dilation: [between(1, 2), between(1, 2)],
        pad_before: [between(0, 3), between(0, 3)],
        pad_after: [between(0, 3), between(0, 3)],
        groups,
    };
    let input = [between(1, 3), groups * ins, between(1, 13), between(1, 13)];
    let weights = [groups * outs, ins, between(1, 4), between(1, 4)];
    ConvShape::new(input, weights, window).ok()
}

fn random_shapes(seed: u64, count: usize) -> impl Iterator<Item = (ConvShape, Stream)> {
    let mut stream = Stream::new(seed);
    std::iter::repeat_with(move || random_shape(&mut stream))
        .flatten()
        .take(count)
        .enumerate()
        .map(move |(i, shape)| (shape, Stream::new(seed + i as u64)))
}

#[test]
fn random_shapes_match_the_definition() {
    for (shape, mut stream) in random_shapes(31, 60) {
        Case::new(shape, &mut stream).check();
    }
}

#[test]
fn neighbours_in_the_batch_change_no_bit() {
    for (shape, mut stream) in random_shapes(32, 30) {
        let alone = shape.with_batch(1).expect("smaller than before");
        let case = Case::new(shape, &mut stream);
        for set in InstructionSet::available() {
            let run = |shape: &ConvShape, x: &[f32]| {
                conv2d_with(set, Algorithm::Direct, shape, x, &case.w, Some(&case.bias))
            };
            let all = run(&shape, &case.x);
            let pictures = case.x.chunks(alone.x_len());
            for (picture, found) in pictures.zip(all.chunks(alone.out_len())) {
                assert_eq!(run(&alone, picture), found, "{} {shape:?}", set.name());
            }
            let back = |shape: &ConvShape, g: &[f32]| {
                conv2d_input_gradient_with(set, Algorithm::Direct, shape, g, &case.w)
            };
            let all = back(&shape, &case.g);
            let pictures = case.g.chunks(alone.out_len());
            for (picture, found) in pictures.zip(all.chunks(alone.x_len())) {
                assert_eq!(back(&alone, picture), found, "{} {shape:?}", set.name());
            }
        }
    }
}

#[test]
fn threads_and_preparing_change_no_bit() {
    let pool = |threads| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.build().expect("threads start")
    };
    let pools = [1, 2, 5].map(pool);
    for (shape, mut stream) in random_shapes(33, 30) {
        let case = Case::new(shape, &mut stream);
        let best = InstructionSet::best();
        let expected = &case.run(best, Algorithm::Direct)[..2];
        let forward =
            PreparedConv::new(Algorithm::Direct, &shape, &case.w, Some(&case.bias)).expect("fits");
        let back = PreparedConv::transposed(Algorithm::Direct, &shape, &case.w).expect("fits");
        for pool in &pools {
            let found = pool.install(|| {
                let batch = shape.batch();
                [
                    forward.run_new(batch, &case.x, None).expect("fits"),
                    back.run_new(batch, &case.g, None).expect("fits"),
                ]
            });
            assert_eq!(found, expected, "{shape:?}");
        }
    }
}

/// More weights than a cache of a core holds, with too few pixels to keep them busy.
#[test]
fn many_weights_match_the_definition() {
    let window = Window {
        stride: [2; 2],
        pad_after: [1; 2],
        ..Window::default()
    };
    let shape = ConvShape::new([1, 190, 5, 5], [180, 190, 3, 3], window).expect("sizes fit");
    Case::new(shape, &mut Stream::new(34)).check();
}

#[test]
fn a_bad_pixel_reaches_the_outputs_that_see_it_and_no_other() {
    let window = Window {
        stride: [2; 2],
        pad_before: [1; 2],
        pad_after: [1; 2],
        ..Window::default()
    };
    let shape = ConvShape::new([2, 24, 11, 10], [16, 24, 3, 3], window).expect("sizes fit");
    let [rows, columns] = shape.out_size();
    let case = Case::new(shape, &mut Stream::new(35));
    // Sample 1, channel 23.
    let (bad_row, bad_column) = (6, 9);
    let sees = |o: usize, i: usize| (2 * o..2 * o + 3).contains(&(i + 1));
    let expected: Vec<bool> = (0..shape.out_len())
        .map(|o| {
            let (row, column) = (o / columns % rows, o % columns);
            o >= shape.out_len() / 2 && sees(row, bad_row) && sees(column, bad_column)
        })
        .collect();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = case.x.clone();
        x[((24 + 23) * 11 + bad_row) * 10 + bad_column] = bad;
        for set in InstructionSet::available() {
            let y = conv2d_with(set, Algorithm::Direct, &shape, &x, &case.w, None);
            let found: Vec<bool> = y.iter().map(|y| !y.is_finite()).collect();
            assert_eq!(found, expected, "{} {bad}", set.name());
            let signed = SignedConv::with(set, &shape, &case.w).expect("sizes fit");
            let parts = [Reading::All(&x), Reading::All(&x)];
            let y = signed.forward(2, parts, None).expect("sizes fit");
            let found: Vec<bool> = y.iter().map(|y| !y.is_finite()).collect();
            assert_eq!(found, expected, "signed, {} {bad}", set.name());
        }
    }
}
