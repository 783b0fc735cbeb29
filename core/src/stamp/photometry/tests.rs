use super::*;
use crate::seed::Stream;
use crate::stamp::ValueRange;
use crate::stamp::simulate::{Light, Sersic};

const CENTRE: [f64; 2] = [41.3, 38.6];

fn sersic(index: f64, axis_ratio: f64, position_angle: f64) -> Sersic {
    Sersic {
        flux: 60.0,
        half_light_radius: 5.0,
        index,
        axis_ratio,
        position_angle,
        colour: [1.2, 1.0, 0.8],
    }
}

/// A galaxy over a sky of 0.1 with noise of `sigma`.
fn picture(profile: &Sersic, sigma: f64) -> Stamp {
    let mut light = Light::dark(80);
    light.add_sersic(profile, CENTRE);
    light.convolve(2.0);
    let mut stream = Stream::new(4);
    let pixels: Vec<f32> = light
        .pixels
        .iter()
        .map(|v| v + 0.1 + (sigma * stream.normal()) as f32)
        .collect();
    Stamp::new("galaxy", pixels, [3, 80, 80], ValueRange::UNIT)
}

#[test]
fn known_galaxies_are_recovered() {
    for (index, axis_ratio, angle) in [(1.0, 0.9, 0.3), (1.0, 0.5, -0.6), (2.0, 0.7, 1.2)] {
        let truth = sersic(index, axis_ratio, angle);
        let got = measure(
            &picture(&truth, 0.005),
            None,
            &PhotometrySettings::default(),
        )
        .unwrap();
        let case = format!("n {index} q {axis_ratio}: {got:?}");
        assert!((got.sky[0].level - 0.1).abs() < 0.005, "{case}");
        assert!((got.mean_flux() / truth.flux - 1.0).abs() < 0.1, "{case}");
        assert!((got.flux[0] / got.flux[2] - 1.5).abs() < 0.05, "{case}");
        for (got, expected) in got.centroid.iter().zip(CENTRE) {
            assert!((got - expected).abs() < 0.1, "{case}");
        }
        // The circle of half the light of an ellipse lies between its half axes; the PSF widens it a little.
        let circular = truth.half_light_radius * axis_ratio.sqrt();
        assert!(
            (got.half_light_radius / circular - 1.0).abs() < 0.15,
            "{case}"
        );
        assert!(
            (got.shape.ellipticity() - (1.0 - axis_ratio)).abs() < 0.1,
            "{case}"
        );
        if axis_ratio < 0.8 {
            let turn = (got.shape.position_angle - angle).rem_euclid(std::f64::consts::PI);
            assert!(turn.min(std::f64::consts::PI - turn) < 0.05, "{case}");
        }
    }
}

#[test]
fn the_source_asked_for_is_measured_and_others_are_masked() {
    let mut light = Light::dark(80);
    let bright = sersic(1.0, 1.0, 0.0);
    let faint = Sersic {
        flux: 8.0,
        half_light_radius: 2.0,
        ..bright
    };
    light.add_sersic(&bright, [25.0, 25.0]);
    light.add_sersic(&faint, [62.0, 60.0]);
    let mut stream = Stream::new(1);
    let pixels: Vec<f32> = light
        .pixels
        .iter()
        .map(|v| v + 0.004 * stream.normal() as f32)
        .collect();
    let stamp = Stamp::new("two", pixels, [3, 80, 80], ValueRange::UNIT);
    let settings = PhotometrySettings::default();
    let first = measure(&stamp, None, &settings).unwrap();
    assert!((first.centroid[0] - 25.0).abs() < 0.1);
    let second = measure(&stamp, Some([60.0, 60.0]), &settings).unwrap();
    assert!((second.centroid[0] - 62.0).abs() < 0.2, "{second:?}");
    assert!((second.mean_flux() / 8.0 - 1.0).abs() < 0.15, "{second:?}");
    assert!(measure(&stamp, Some([5.0, 75.0]), &settings).is_err());
}

#[test]
fn missing_pixels_take_no_part() {
    let truth = sersic(1.0, 0.8, 0.0);
    let mut stamp = picture(&truth, 0.003);
    let mut pixels = stamp.pixels.to_vec();
    for pixel in pixels.iter_mut().take(80 * 12) {
        *pixel = f32::NAN;
    }
    stamp.pixels = pixels.into();
    let got = measure(&stamp, None, &PhotometrySettings::default()).unwrap();
    assert!((got.mean_flux() / truth.flux - 1.0).abs() < 0.1, "{got:?}");
    assert!(got.flux.iter().all(|f| f.is_finite()));
}

#[test]
fn pictures_without_a_source_are_refused() {
    let settings = PhotometrySettings::default();
    let flat = Stamp::new("flat", vec![0.3; 3 * 900], [3, 30, 30], ValueRange::UNIT);
    assert_eq!(
        measure(&flat, None, &settings),
        Err(PhotometryError::NoSource)
    );
    let tiny = Stamp::new("tiny", vec![0.3; 16], [1, 4, 4], ValueRange::UNIT);
    assert_eq!(
        measure(&tiny, None, &settings),
        Err(PhotometryError::TooSmall([1, 4, 4]))
    );
    let missing = Stamp::new("nan", vec![f32::NAN; 900], [1, 30, 30], ValueRange::UNIT);
    assert!(measure(&missing, None, &settings).is_err());
}
