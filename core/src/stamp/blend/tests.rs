use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::*;

/// A file of the shared data, where it is there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/public"
    ))
    .join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped, not there: {}", path.display());
    None
}

fn ramp(side: usize) -> Stamp {
    let pixels: Vec<f32> = (0..3 * side * side)
        .map(|i| ((i * 37) % 101) as f32 / 200.0 + 0.25)
        .collect();
    Stamp::new("ramp", pixels, [3, side, side], ValueRange::UNIT)
}

#[test]
fn draws_follow_the_published_distribution() {
    let mut stream = Stream::new(5);
    let mut edges = [false; 4];
    for _ in 0..4000 {
        let p = Perturbation::draw(&mut stream);
        assert!((-1.0..0.5).contains(&p.scale.ln()));
        for shift in [p.dx, p.dy] {
            assert_eq!(shift.fract(), 0.0);
            assert!((-50.0..=-11.0).contains(&shift) || (10.0..=49.0).contains(&shift));
            for (seen, edge) in edges.iter_mut().zip([-50.0, -11.0, 10.0, 49.0]) {
                *seen |= shift == edge;
            }
        }
    }
    assert_eq!(edges, [true; 4]);
}

#[test]
fn identity_at_full_size_keeps_the_middle_of_each_block() {
    let picture = ramp(424);
    let recipe = BlendRecipe::published(Resolution::Full, Fill::Constant(0.0));
    let warped = recipe
        .warp(&picture, &Perturbation::IDENTITY, &mut Stream::new(0))
        .unwrap();
    for (row, column) in [(0, 0), (3, 17), (79, 79)] {
        let expected = picture.plane(1)[(92 + 3 * row + 1) * 424 + 92 + 3 * column + 1];
        assert_eq!(warped.stamp.plane(1)[row * 80 + column], expected);
    }
    assert!(!warped.fill_mask.contains(&true));
}

#[test]
fn reduced_pictures_move_as_full_size_ones() {
    // A smooth picture sampled at both resolutions must give the same stamp up to interpolation error.
    let light = |side: usize, span: f64| {
        let centre = (424.0 - 1.0) / 2.0;
        let pixels: Vec<f32> = (0..side * side)
            .map(|i| {
                let full = |k: usize| (k as f64 - (side as f64 - 1.0) / 2.0) * span + centre;
                let (x, y) = (full(i % side) - 240.0, full(i / side) - 200.0);
                (-(x * x + 2.0 * y * y) / 3000.0).exp() as f32
            })
            .collect();
        Stamp::new("spot", pixels, [1, side, side], ValueRange::UNIT)
    };
    let p = Perturbation {
        flip_h: true,
        flip_v: false,
        rotation: 0.7,
        scale: 0.9,
        dx: 22.0,
        dy: -35.0,
    };
    let warp = |stamp: &Stamp, resolution| {
        BlendRecipe::published(resolution, Fill::Constant(0.0))
            .warp(stamp, &p, &mut Stream::new(0))
            .unwrap()
            .stamp
    };
    let full = warp(&light(424, 1.0), Resolution::Full);
    let reduced = warp(&light(142, 3.0), Resolution::Reduced);
    let worst = full
        .pixels
        .iter()
        .zip(reduced.pixels.iter())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst < 0.02, "{worst}");
}

#[test]
fn fills_touch_only_what_the_picture_leaves_empty() {
    let picture = ramp(80);
    let p = Perturbation {
        scale: 0.5,
        ..Perturbation::IDENTITY
    };
    let warp = |fill| {
        BlendRecipe::published(Resolution::Reduced, fill)
            .warp(&picture, &p, &mut Stream::new(3))
            .unwrap()
    };
    let zero = warp(Fill::Constant(0.0));
    let filled = zero.fill_mask.iter().filter(|f| **f).count();
    assert!((4700..4900).contains(&filled), "{filled}");
    assert_eq!(zero.stamp.pixels[0], 0.0);
    for fill in [Fill::Constant(0.5), Fill::Sky, Fill::Reflect] {
        let other = warp(fill);
        assert_eq!(other.fill_mask, zero.fill_mask);
        for (i, masked) in zero.fill_mask.iter().enumerate() {
            let (a, b) = (other.stamp.pixels[i], zero.stamp.pixels[i]);
            assert!(*masked || (a - b).abs() < 1e-6, "{fill:?} at {i}: {a} {b}");
            assert!(!*masked || a > 0.0 || fill == Fill::Sky, "{fill:?} at {i}");
        }
    }
}

#[test]
fn missing_pixels_are_filled() {
    let mut picture = ramp(80);
    let mut pixels = picture.pixels.to_vec();
    pixels[40 * 80 + 40] = f32::NAN;
    picture.pixels = pixels.into();
    let recipe = BlendRecipe::published(Resolution::Reduced, Fill::Constant(0.125));
    let warped = recipe
        .warp(&picture, &Perturbation::IDENTITY, &mut Stream::new(0))
        .unwrap();
    assert_eq!(warped.stamp.pixels[40 * 80 + 40], 0.125);
    assert_eq!(warped.fill_mask.iter().filter(|f| **f).count(), 1);
}

#[test]
fn bad_pictures_and_perturbations_are_refused() {
    let recipe = BlendRecipe::published(Resolution::Reduced, Fill::Sky);
    let empty = Stamp::new("empty", Vec::new(), [3, 0, 0], ValueRange::UNIT);
    let mut stream = Stream::new(0);
    let refused = recipe.warp(&empty, &Perturbation::IDENTITY, &mut stream);
    assert_eq!(refused, Err(BlendError::Empty([3, 0, 0])));
    for scale in [0.0, -1.0, f64::NAN] {
        let p = Perturbation {
            scale,
            ..Perturbation::IDENTITY
        };
        let refused = recipe.warp(&ramp(80), &p, &mut stream);
        assert_eq!(refused, Err(BlendError::Perturbation));
    }
    assert!(blend(&ramp(80), &ramp(79)).is_err());
}

#[test]
fn blend_is_the_maximum_of_its_truths() {
    let mut stream = Stream::new(11);
    let recipe = BlendRecipe::published(Resolution::Reduced, Fill::Sky);
    let p = Perturbation::draw(&mut stream);
    let example = recipe
        .blend(&ramp(142), &ramp(142), p, &mut stream)
        .unwrap();
    assert_eq!(example.blend.range, ValueRange::UNIT);
    for (i, value) in example.blend.pixels.iter().enumerate() {
        let [a, b] = [0, 1].map(|g| example.truth[g].pixels[i].midpoint(1.0));
        assert!((a.max(b) - value).abs() < 1e-6);
    }
}

/// The extensions of a FITS file of the shared blends: float32 or 16-bit cubes in `[-1, 1]`, rows turned top-down.
pub(crate) fn cubes(path: &Path) -> Vec<Vec<f32>> {
    let mut bytes = std::fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
        bytes = plain;
    }
    let mut at = 0;
    let mut cubes = Vec::new();
    while at < bytes.len() {
        let (mut bitpix, mut axes) = (0, [0_usize; 3]);
        loop {
            let card = std::str::from_utf8(&bytes[at..at + 80]).unwrap();
            at += 80;
            let value = || card[10..30].trim().parse::<i64>().unwrap();
            match card[..8].trim_end() {
                "BITPIX" => bitpix = value(),
                "NAXIS1" => axes[0] = value() as usize,
                "NAXIS2" => axes[1] = value() as usize,
                "NAXIS3" => axes[2] = value() as usize,
                "END" => break,
                _ => {}
            }
        }
        at = at.div_ceil(2880) * 2880;
        let [w, h, c] = axes;
        let size = bitpix.unsigned_abs() as usize / 8;
        let read = |i: usize| {
            let raw = &bytes[at + i * size..at + (i + 1) * size];
            match bitpix {
                16 => f32::from(i16::from_be_bytes([raw[0], raw[1]])) / 32767.0,
                _ => f32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]),
            }
        };
        if c > 0 {
            let pixels = (0..c * h * w).map(|i| {
                let (channel, row, column) = (i / (h * w), i / w % h, i % w);
                read((channel * h + h - 1 - row) * w + column)
            });
            cubes.push(pixels.collect());
        }
        at = (at + w * h * c * size).div_ceil(2880) * 2880;
    }
    cubes
}

#[test]
fn shared_blends_are_maxima_of_their_galaxies() {
    for i in 0..11 {
        let Some(path) = shared(&format!("blends/blend-p{i:02}.fits")) else {
            return;
        };
        let cubes = cubes(&path);
        let stamps: Vec<Stamp> = cubes
            .into_iter()
            .map(|pixels| Stamp::new("", pixels, [3, 80, 80], ValueRange::SIGNED))
            .collect();
        assert_eq!(
            blend(&stamps[1], &stamps[2]).unwrap().pixels,
            stamps[0].pixels
        );
    }
}

#[test]
fn shared_perturbed_galaxy_is_reproduced_from_its_original() {
    let (Some(original), Some(list), Some(fits)) = (
        shared("originals/gz2-116400.jpg"),
        shared("blends/blends.json"),
        shared("blends/blend-p02.fits"),
    ) else {
        return;
    };
    let picture = image::open(original).unwrap().to_rgb8();
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let pixels: Vec<f32> = (0..3 * h * w)
        .map(|i| f32::from(picture.as_raw()[i % (h * w) * 3 + i / (h * w)]) / 255.0)
        .collect();
    let picture = Stamp::new("gz2-116400", pixels, [3, h, w], ValueRange::UNIT);
    let list: serde_json::Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let p: Perturbation = serde_json::from_value(list[2].clone()).unwrap();
    let recipe = BlendRecipe::published(Resolution::Full, Fill::Constant(0.0));
    let warped = recipe.warp(&picture, &p, &mut Stream::new(0)).unwrap();
    let expected = &cubes(&fits)[2];
    let mut errors: Vec<f32> = warped
        .stamp
        .to_range(ValueRange::SIGNED)
        .pixels
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .collect();
    errors.sort_by(f32::total_cmp);
    // JPEG decoders may differ by a level or two (2 / 255 in this range); a wrong warp differs by far more.
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    assert!(median < 1e-4 && worst < 0.04, "{median} {worst}");
}
