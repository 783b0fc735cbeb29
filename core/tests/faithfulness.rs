//! How far a map can be trusted: pixel flipping against a slow version and against chance, sums over parts of a picture, and
//! several methods side by side.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod attribution_support;

use attribution_support as support;
use candle_core::{DType, Device, Tensor};
use ganoscope_core::attribution::{
    Fill, Flipping, Method, Options, Pole, RegionSettings, SourcePart, SourceRegions, Target,
    attribute, half_light_ellipse, shared_scale, side_by_side,
};
use ganoscope_core::network::{ConvSpec, Edits, Network, NetworkBuilder, Op, Retain};
use ganoscope_core::region::{Coverage, Place};
use ganoscope_core::seed::hash_gauss;
use ganoscope_core::stamp::photometry::{PhotometryError, measure};
use ganoscope_core::stamp::{Stamp, ValueRange};

fn map(network: &Network, x: &Tensor, method: &Method) -> Tensor {
    let inputs = std::slice::from_ref(x);
    attribute(
        network,
        inputs,
        method,
        &Target::default(),
        &Options::default(),
    )
    .unwrap()
    .relevance
}

fn logits(network: &Network, x: &Tensor) -> Vec<f64> {
    let run = network
        .forward(std::slice::from_ref(x), &Edits::new(), &Retain::Nothing)
        .unwrap();
    let flat = run.outputs()[0].flatten_all().unwrap();
    flat.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// One picture with blocks hidden one after the other, the score asked each time.
fn slow_curve(network: &Network, x: &Tensor, order: &[usize], block: usize, fill: f64) -> Vec<f64> {
    let (_, channels, rows, columns) = x.dims4().unwrap();
    let across = columns.div_ceil(block);
    let mut pixels = x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let mut scores = logits(network, x);
    for index in order {
        let (top, left) = (index / across * block, index % across * block);
        for channel in 0..channels {
            for row in top..(top + block).min(rows) {
                for column in left..(left + block).min(columns) {
                    pixels[(channel * rows + row) * columns + column] = fill;
                }
            }
        }
        let hidden = Tensor::from_slice(&pixels, x.dims(), &Device::Cpu).unwrap();
        scores.extend(logits(network, &hidden));
    }
    scores
}

#[test]
fn curves_equal_hiding_block_by_block() {
    let network = support::small_discriminator(3)
        .to_dtype(DType::F64)
        .unwrap();
    let x = support::values("stamps", &[3, 3, 16, 16], DType::F64);
    let relevance = map(&network, &x, &Method::EpsilonPlus);
    // Blocks of 5 do not fit into 16 pixels: the last are cut.
    let flipping = Flipping {
        block: 5,
        steps: 14,
        fill: Fill::Value(-1.0),
        random_orders: 3,
        seed: 5,
    };
    let inputs = [x.clone()];
    let curves = flipping
        .curves(&network, &inputs, &relevance, &Target::default())
        .unwrap();
    assert_eq!(curves.len(), 3);
    for (sample, curve) in curves.iter().enumerate() {
        let one = x.narrow(0, sample, 1).unwrap().contiguous().unwrap();
        let heat = relevance.narrow(0, sample, 1).unwrap().sum(1).unwrap();
        let heat = heat.get(0).unwrap().to_vec2::<f64>().unwrap();
        let mut sums = [0.0; 16];
        for (row, values) in heat.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                sums[row / 5 * 4 + column / 5] += value;
            }
        }
        let sign = logits(&network, &one)[0].signum();
        let mut order: Vec<usize> = (0..16).collect();
        order.sort_by(|a, b| (sign * sums[*b]).total_cmp(&(sign * sums[*a])));
        let expected = slow_curve(&network, &one, &order[..14], 5, -1.0);
        assert_eq!(curve.scores.len(), 15);
        for (a, b) in curve.scores.iter().zip(&expected) {
            assert!((a - sign * b).abs() < 1e-9, "{a} is not {b}");
        }
        let falls: f64 = curve.scores[1..].iter().map(|s| curve.scores[0] - s).sum();
        assert!((curve.area - falls / 14.0).abs() < 1e-12);
        assert_eq!(curve.random[0], curve.scores[0]);
        assert_eq!(curve.random_areas.len(), 3);
        // A picture alone has the curve that it has among others.
        let alone = [one];
        let part = relevance.narrow(0, sample, 1).unwrap();
        let again = flipping
            .curves(&network, &alone, &part, &Target::default())
            .unwrap();
        for (a, b) in again[0]
            .scores
            .iter()
            .chain(&again[0].random)
            .zip(curve.scores.iter().chain(&curve.random))
        {
            assert!((a - b).abs() < 1e-9);
        }
    }
}

/// Of a linear network the contributions are the truth: no order makes the score fall faster.
#[test]
fn the_truth_is_better_than_chance() {
    let mut b = NetworkBuilder::new(support::procedural(5));
    let x = b.input("stamp", &[3, 16, 16]).unwrap();
    let x = b.plain("flatten", Op::Flatten, &[x]).unwrap();
    let x = b.dense("logit", x, 1, false).unwrap();
    b.output("logit", x);
    let network = b.finish().unwrap().to_dtype(DType::F64).unwrap();
    let x = support::values("stamps", &[4, 3, 16, 16], DType::F64);
    let truth = map(&network, &x, &Method::InputXGradient);
    let flipping = Flipping {
        fill: Fill::Value(0.0),
        random_orders: 20,
        steps: 8,
        ..Flipping::default()
    };
    let inputs = [x];
    let curves = flipping
        .curves(&network, &inputs, &truth, &Target::default())
        .unwrap();
    let wrong = (&truth * -1.0).unwrap();
    let worst = flipping
        .curves(&network, &inputs, &wrong, &Target::default())
        .unwrap();
    for (curve, worst) in curves.iter().zip(&worst) {
        assert!(curve.scores[0] >= 0.0, "times the sign of the decision");
        assert!(
            curve.random_areas.iter().all(|area| *area < curve.area),
            "{curve:?}"
        );
        assert!(
            worst.random_areas.iter().all(|area| *area > worst.area),
            "{worst:?}"
        );
        assert!(curve.gain() > 0.0 && worst.gain() < 0.0);
        assert_eq!(curve.random, worst.random, "chance is the same");
    }
}

#[test]
fn hidden_pixels_are_sky() {
    // A score that is one pixel: after its block is hidden it is the median of the frame.
    let mut b = NetworkBuilder::new(|_, _, dims| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?));
    let x = b.input("stamp", &[1, 12, 12]).unwrap();
    let x = b
        .conv("copy", x, 1, ConvSpec::square(1, 1, 0), false)
        .unwrap();
    b.output("copy", x);
    let network = b.finish().unwrap();
    let pixels = (0..144).map(|i| {
        let (row, column) = (i / 12, i % 12);
        let is_inside = (4..8).contains(&row) && (4..8).contains(&column);
        if is_inside { 5.0_f32 } else { 0.25 }
    });
    let x = [Tensor::from_iter(pixels, &Device::Cpu)
        .unwrap()
        .reshape((1, 1, 12, 12))
        .unwrap()];
    let target = Target::parse(&network, "copy:box=4,4,4,4").unwrap();
    let relevance = attribute(
        &network,
        &x,
        &Method::InputXGradient,
        &target,
        &Options::default(),
    )
    .unwrap();
    let flipping = Flipping {
        steps: 1,
        ..Flipping::default()
    };
    let curves = flipping
        .curves(&network, &x, &relevance.relevance, &target)
        .unwrap();
    assert_eq!(curves[0].scores, [80.0, 4.0]);
    assert_eq!(curves[0].area, 76.0);
    let small = x[0].narrow(2, 0, 6).unwrap();
    assert!(flipping.curves(&network, &x, &small, &target).is_err());
    for (block, steps) in [(0, 1), (4, 0)] {
        let bad = Flipping {
            block,
            steps,
            ..Flipping::default()
        };
        assert!(
            bad.curves(&network, &x, &relevance.relevance, &target)
                .is_err()
        );
    }
}

/// A Gaussian source of widths `a` along `angle` (degrees, towards growing rows) and `b` across, on a noisy sky.
fn galaxy(centre: [f64; 2], [a, b]: [f64; 2], angle: f64) -> Stamp {
    let noise = hash_gauss("sky", 3 * 64 * 64, 1);
    let (sin, cos) = angle.to_radians().sin_cos();
    let pixel = |i: usize| {
        let (x, y) = (
            (i % 64) as f64 - centre[0],
            (i % 4096 / 64) as f64 - centre[1],
        );
        let (along, across) = ((x * cos + y * sin) / a, (y * cos - x * sin) / b);
        let light = (-0.5 * (along * along + across * across)).exp();
        (light - 0.9 + 0.003 * noise[i]) as f32
    };
    let pixels: Vec<f32> = (0..3 * 64 * 64).map(pixel).collect();
    Stamp::new("galaxy", pixels, [3, 64, 64], ValueRange::SIGNED)
}

#[test]
fn parts_cover_every_pixel_once() {
    let settings = RegionSettings::default();
    let sources = [
        galaxy([30.0, 33.0], [4.0, 4.0], 0.0),
        galaxy([36.0, 33.0], [5.0, 2.5], 30.0),
    ];
    let regions = SourceRegions::of_sources(&sources, &settings).unwrap();
    let names: Vec<SourcePart> = regions.parts().map(|(part, _)| part).collect();
    let expected = [
        SourcePart::Core(0),
        SourcePart::Core(1),
        SourcePart::Outskirts(0),
        SourcePart::Outskirts(1),
        SourcePart::Background,
        SourcePart::Border,
    ];
    assert_eq!(names, expected);
    for pixel in 0..64 * 64 {
        let total: f64 = regions.parts().map(|(_, shares)| shares[pixel]).sum();
        assert!((total - 1.0).abs() < 1e-9, "pixel {pixel}: {total}");
        assert!(regions.parts().all(|(_, shares)| shares[pixel] >= 0.0));
    }
    let noise = support::values("map", &[2, 3, 64, 64], DType::F32);
    let sums = regions.sums(&noise).unwrap();
    let heat = noise
        .sum(1)
        .unwrap()
        .flatten_from(1)
        .unwrap()
        .to_vec2::<f32>()
        .unwrap();
    for (sums, heat) in sums.iter().zip(&heat) {
        let total: f64 = heat.iter().map(|v| f64::from(*v)).sum();
        assert!((sums.iter().map(|s| s.sum).sum::<f64>() - total).abs() < 1e-3);
        assert!((sums.iter().map(|s| s.share).sum::<f64>() - 1.0).abs() < 1e-6);
        assert!((sums.iter().map(|s| s.area).sum::<f64>() - 4096.0).abs() < 1e-6);
        assert!((sums.iter().map(|s| s.area_share).sum::<f64>() - 1.0).abs() < 1e-9);
    }
    let other = support::values("map", &[1, 3, 32, 64], DType::F32);
    assert!(regions.sums(&other).is_err());
}

#[test]
fn the_core_is_the_half_light_ellipse() {
    let stamp = galaxy([31.0, 32.0], [5.0, 2.0], 40.0);
    let source = measure(&stamp, None, &RegionSettings::default().photometry).unwrap();
    let regions = SourceRegions::of_stamp(&stamp, &RegionSettings::default()).unwrap();
    let one = |row: usize, column: usize| {
        let mut pixels = vec![0.0_f32; 64 * 64];
        pixels[row * 64 + column] = -2.0;
        let map = Tensor::from_vec(pixels, (1, 1, 64, 64), &Device::Cpu).unwrap();
        let sums = regions.sums(&map).unwrap().remove(0);
        let most = sums
            .iter()
            .max_by(|a, b| a.share.total_cmp(&b.share))
            .unwrap();
        assert!(
            (most.sum + most.absolute).abs() < 1e-9,
            "the pixel is negative"
        );
        (most.part, most.share)
    };
    assert_eq!(one(32, 31), (SourcePart::Core(0), 1.0));
    // Along the major axis, which runs down to the right, the core reaches farther than across.
    assert_eq!(one(32 + 2, 31 + 2).0, SourcePart::Core(0));
    assert_eq!(one(32 - 2, 31 + 2).0, SourcePart::Outskirts(0));
    assert_eq!(one(10, 50), (SourcePart::Background, 1.0));
    assert_eq!(one(3, 31), (SourcePart::Border, 1.0));
    assert_eq!(one(31, 60), (SourcePart::Border, 1.0));
    // Its area is that of the circle with half of the light, and it holds about half of it.
    let area = half_light_ellipse(&source, 1.0).area();
    let circle = std::f64::consts::PI * source.half_light_radius.powi(2);
    assert!((area - circle).abs() < 1e-9 * circle);
    let light: Vec<f64> = (0..4096)
        .map(|i| f64::from(stamp.pixels[i]) + 0.9)
        .collect();
    let cover = Coverage::of(&half_light_ellipse(&source, 1.0), [64, 64]);
    let inside: f64 = cover
        .pixels()
        .map(|([c, r], s)| s * light[r * 64 + c])
        .sum();
    let share = inside / light.iter().sum::<f64>();
    assert!((0.4..0.6).contains(&share), "{share}");
    assert!(
        cover.share(31, 32) == 1.0
            && Place::new(31.0, 32.0).distance(half_light_ellipse(&source, 1.0).centre()) < 0.5
    );
    let flat = Stamp::new(
        "flat",
        vec![0.0; 3 * 64 * 64],
        [3, 64, 64],
        ValueRange::SIGNED,
    );
    let none = SourceRegions::of_stamp(&flat, &RegionSettings::default());
    assert_eq!(none.unwrap_err(), PhotometryError::NoSource);
    let empty = SourceRegions::new(&[], [64, 64], &RegionSettings::default());
    assert_eq!(empty.parts().count(), 2);
}

#[test]
fn methods_side_by_side_share_a_scale() {
    let mut b = NetworkBuilder::new(support::procedural(5));
    let x = b.input("stamp", &[3, 8, 8]).unwrap();
    let x = b
        .conv("conv", x, 4, ConvSpec::square(3, 1, 1), false)
        .unwrap();
    let x = b.plain("act", Op::Relu, &[x]).unwrap();
    let x = b.plain("flatten", Op::Flatten, &[x]).unwrap();
    let x = b.dense("logit", x, 1, false).unwrap();
    b.output("logit", x);
    let network = b.finish().unwrap();
    let x = [support::values("stamps", &[2, 3, 8, 8], DType::F32)];
    let missing = Method::GradCam {
        layer: Some("conv9".into()),
        rectify: true,
        enlarge: ganoscope_core::attribution::Enlarge::Bilinear,
    };
    let methods = [
        Method::Epsilon,
        Method::InputXGradient,
        missing,
        Method::Polarized { pole: Pole::Auto },
        Method::Gradient,
    ];
    let beside = side_by_side(
        &network,
        &x,
        &methods,
        &Target::default(),
        &Options::default(),
    );
    assert_eq!(beside.maps.len(), 5);
    let error = beside.maps[2].1.as_ref().unwrap_err().to_string();
    assert!(error.contains("conv9"), "{error}");
    for sample in 0..2 {
        let shares = beside.shares(sample).unwrap();
        assert_eq!(shares.len(), 4);
        for (method, share) in &shares {
            let whole: f64 = share.iter().map(|v| v.abs()).sum();
            assert!((whole - 1.0).abs() < 1e-9, "{method}");
        }
        let scale = shared_scale(shares.iter().map(|(_, v)| &**v), 0.995);
        let mut all: Vec<f64> = shares
            .iter()
            .flat_map(|(_, v)| v)
            .map(|v| v.abs())
            .collect();
        all.sort_by(f64::total_cmp);
        assert_eq!(scale, all[(0.995_f64 * 255.0).round() as usize]);
        // Without biases epsilon on rectifiers is input times gradient.
        let agreement = beside.agreement(sample).unwrap();
        assert!(agreement[0][1] > 0.999, "{agreement:?}");
        for (i, row) in agreement.iter().enumerate() {
            assert!((row[i] - 1.0).abs() < 1e-9);
            for (j, value) in row.iter().enumerate() {
                assert!((value - agreement[j][i]).abs() < 1e-12 && value.abs() <= 1.0 + 1e-12);
            }
        }
        assert!(
            agreement[0][3] < 0.99,
            "another method is another map: {agreement:?}"
        );
    }
    assert_eq!(shared_scale([], 0.5), 0.0);
    assert!(beside.shares(2).is_err());
}
