use super::*;

#[test]
fn items_do_not_depend_on_their_number_or_the_frame() {
    let (a, b) = (simulate(3, 17, 80), simulate(3, 17, 142));
    assert_eq!(a, simulate(3, 17, 80));
    assert_eq!(a.truth.galaxy, b.truth.galaxy);
    assert_eq!(a.truth.field, b.truth.field);
    assert_eq!(a.truth.exposure, b.truth.exposure);
    assert_ne!(a.stamp.pixels, simulate(3, 18, 80).stamp.pixels);
}

#[test]
fn pictures_hold_eight_bit_levels_in_the_unit_range() {
    for index in 0..20 {
        let galaxy = simulate(1, index, 80);
        for value in galaxy.stamp.pixels.iter() {
            assert!((0.0..=1.0).contains(value));
            assert!((value * 255.0 - (value * 255.0).round()).abs() < 1e-4);
        }
    }
}

#[test]
fn sersic_light_adds_up() {
    for (index, axis_ratio) in [(0.8, 1.0), (1.0, 0.4), (2.5, 0.7), (4.0, 0.9)] {
        let profile = Sersic {
            flux: 25.0,
            half_light_radius: 4.0,
            index,
            axis_ratio,
            position_angle: 0.6,
            colour: [1.1, 1.0, 0.9],
        };
        let mut light = Light::dark(201);
        light.add_sersic(&profile, [100.2, 99.7]);
        let flux = light.flux();
        let total = flux.iter().sum::<f64>() / 3.0;
        assert!((total / 25.0 - 1.0).abs() < 0.03, "n {index}: {total}");
        assert!((flux[0] / flux[2] - 1.1 / 0.9).abs() < 1e-3);
    }
}

#[test]
fn psf_keeps_the_light() {
    let mut light = Light::dark(61);
    light.pixels[30 * 61 + 30] = 5.0;
    light.convolve(2.4);
    assert!((light.flux()[0] - 5.0).abs() < 1e-3);
    let plane = &light.pixels[..61 * 61];
    // Half the peak lies half the FWHM away.
    let half = plane[30 * 61 + 31].midpoint(plane[30 * 61 + 32]) / plane[30 * 61 + 30];
    assert!(half < 0.7 && half > 0.25, "{half}");
}

#[test]
fn truth_survives_a_round_trip_as_text() {
    let truth = simulate(2, 5, 80).truth;
    let text = serde_json::to_string(&truth).unwrap();
    let back: Truth = serde_json::from_str(&text).unwrap();
    assert_eq!(back.galaxy.morphology, truth.galaxy.morphology);
    assert!((back.half_light_radius - truth.half_light_radius).abs() < 1e-9);
}

#[test]
fn skies_are_dark_and_galaxies_stand_out() {
    let mut centre = 0.0;
    for index in 0..60 {
        let galaxy = simulate(9, index, 80);
        let sky = crate::stamp::blend::SkyLevel::of_frame(&galaxy.stamp, 3);
        assert!(sky[1].level < 0.35, "item {index}: {:?}", sky[1]);
        centre += galaxy.stamp.plane(1)[40 * 80 + 40] / 60.0;
    }
    assert!(centre > 0.4, "{centre}");
}
