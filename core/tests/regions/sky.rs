//! World coordinates against known numbers, the way back against the way there, and headers that are wrong.

use ganoscope_core::sky::{Frame, SkyPosition, Wcs, WcsError};
use ganoscope_core::stamp::Card;

use crate::known::CASES;

/// Cards written `KEY=VALUE`.
fn cards(lines: &[&str]) -> Vec<Card> {
    let card = |line: &&str| {
        let (keyword, value) = line.split_once('=').expect("KEY=VALUE");
        match value.parse::<f64>() {
            Ok(_) => Card::value(keyword, value),
            Err(_) => Card::text(keyword, value),
        }
    };
    lines.iter().map(card).collect()
}

#[test]
fn positions_equal_those_of_astropy() {
    for case in CASES {
        let wcs = Wcs::from_cards(&cards(case.cards)).expect(case.name);
        for (pixel, [longitude, latitude]) in case.pixels {
            let sky = wcs.sky(pixel).expect(case.name);
            let wanted = SkyPosition::new(longitude, latitude, wcs.frame());
            let error = sky.separation(wanted).expect("one frame");
            assert!(error < 1e-11, "{} {pixel:?}: {sky:?} {wanted:?}", case.name);
            let [x, y] = wcs.pixel(wanted).expect(case.name);
            let error = (x - pixel[0]).hypot(y - pixel[1]);
            assert!(error < 2e-7, "{} {pixel:?}: {x} {y}", case.name);
        }
    }
}

#[test]
fn frames_are_those_of_the_header() {
    let frame = |more: &[&str]| {
        let mut lines = vec![
            "CTYPE1=RA---TAN",
            "CTYPE2=DEC--TAN",
            "CDELT1=-0.1",
            "CDELT2=0.1",
        ];
        lines.extend(more);
        Wcs::from_cards(&cards(&lines)).expect("a WCS").frame()
    };
    assert_eq!(frame(&[]), Frame::Icrs);
    assert_eq!(frame(&["RADESYS=ICRS", "EQUINOX=2000"]), Frame::Icrs);
    assert_eq!(frame(&["EQUINOX=2000.0"]), Frame::Fk5);
    assert_eq!(frame(&["RADECSYS=FK5"]), Frame::Fk5);
    assert_eq!(frame(&["EPOCH=1950"]), Frame::Fk4);
    assert_eq!(frame(&["RADESYS=FK5", "EQUINOX=1975"]), Frame::OtherEquinox);
    assert_eq!(frame(&["EPOCH=somewhen"]), Frame::Icrs);
}

/// Numbers of `SkyCoord(ra, dec, frame='icrs')` of astropy 8.0.2.
#[test]
fn conversions_equal_those_of_astropy() {
    let known = [
        (
            [150.116_321_3, 2.200_973_097],
            [150.116_327_525_313_4, 2.200_968_151_154_912],
            [236.825_355_430_160_16, 42.116_494_221_650_655],
        ),
        (
            [359.9, -89.5],
            [359.899_373_450_204_9, -89.499_997_462_548_4],
            [303.058_471_158_187_3, -27.615_460_096_938_463],
        ),
        (
            [10.0, 60.0],
            [10.000_016_550_320_83, 60.000_001_529_485_445],
            [121.500_873_565_775_5, -2.839_962_409_106_041_4],
        ),
    ];
    for (icrs, fk5, galactic) in known {
        let icrs = SkyPosition::new(icrs[0], icrs[1], Frame::Icrs);
        for (frame, wanted) in [(Frame::Fk5, fk5), (Frame::Galactic, galactic)] {
            let found = icrs.to(frame).expect("known");
            let wanted = SkyPosition::new(wanted[0], wanted[1], frame);
            let error = found.separation(wanted).expect("one frame");
            assert!(error < 1e-12, "{found:?} {wanted:?}");
            let back = found.to(Frame::Icrs).expect("known");
            assert!(back.separation(icrs).expect("one frame") < 1e-13);
        }
    }
    let old = SkyPosition::new(1.0, 2.0, Frame::Fk4);
    let error = old.to(Frame::Icrs).expect_err("unknown").to_string();
    assert_eq!(error, "coordinates in fk4 cannot be converted to icrs");
}

#[test]
fn compass_and_scale_say_how_a_picture_lies() {
    let compass = |lines: &[&str]| {
        let mut all = vec![
            "CTYPE1=RA---TAN",
            "CTYPE2=DEC--TAN",
            "CRVAL1=30",
            "CRVAL2=40",
        ];
        all.extend(lines);
        Wcs::from_cards(&cards(&all))
            .expect("a WCS")
            .compass([0.0, 0.0])
            .expect("sky")
    };
    let close = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) < 1e-6;
    let usual = compass(&["CDELT1=-1e-4", "CDELT2=1e-4"]);
    assert!(
        close(usual.north, [0.0, 1.0]) && close(usual.east, [-1.0, 0.0]),
        "{usual:?}"
    );
    assert!((usual.scale - 0.36).abs() < 1e-9);
    let mirrored = compass(&["CDELT1=1e-4", "CDELT2=4e-4"]);
    assert!(close(mirrored.north, [0.0, 1.0]) && close(mirrored.east, [1.0, 0.0]));
    assert!((mirrored.scale - 0.72).abs() < 1e-9);
    // CROTA2 turns the axes of the sky counter-clockwise in the picture.
    let turned = compass(&["CDELT1=-1e-4", "CDELT2=1e-4", "CROTA2=30"]);
    let (s, c) = 30.0_f64.to_radians().sin_cos();
    assert!(
        close(turned.north, [s, c]) || close(turned.north, [-s, c]),
        "{turned:?}"
    );
    let north = Wcs::from_cards(&cards(&[
        "CTYPE1=RA---TAN",
        "CTYPE2=DEC--TAN",
        "CRVAL1=30",
        "CRVAL2=40",
        "CDELT1=-1e-4",
        "CDELT2=1e-4",
        "CROTA2=30",
    ]))
    .expect("a WCS");
    let ahead = north
        .sky([100.0 * turned.north[0], 100.0 * turned.north[1]])
        .expect("sky");
    assert!((ahead.longitude - 30.0).abs() < 1e-5 && ahead.latitude > 40.009);
}

#[test]
fn headers_that_are_wrong_name_the_card() {
    let error = |lines: &[&str]| match Wcs::from_cards(&cards(lines)) {
        Err(error) => error,
        Ok(wcs) => panic!("{lines:?}: {wcs:?}"),
    };
    let tan = ["CTYPE1=RA---TAN", "CTYPE2=DEC--TAN"];
    let with = |more: &str| error(&[&tan[..], &[more]].concat()).to_string();
    assert_eq!(error(&[]), WcsError::Absent);
    assert_eq!(error(&["CTYPE1= ", "CTYPE2= "]), WcsError::Absent);
    assert_eq!(error(&["CTYPE1=LINEAR", "CTYPE2=é"]), WcsError::Absent);
    assert_eq!(with("CRPIX1=left"), "CRPIX1 is `left`, not a finite number");
    assert_eq!(with("CD1_1=nan"), "CD1_1 is `nan`, not a finite number");
    assert_eq!(
        with("CDELT2=0"),
        "the matrix of CD, PC and CDELT cannot be inverted"
    );
    assert!(with("CUNIT1=parsec").starts_with("CUNIT1 is `parsec`, which is not supported"));
    assert!(with("PV1_5=0.25").starts_with("PV1_5 is `0.25`, which is not supported"));
    assert!(
        error(&["CTYPE1=RA---XYZ", "CTYPE2=DEC--XYZ"])
            .to_string()
            .starts_with("CTYPE1 is `RA---XYZ`")
    );
    assert!(
        error(&["CTYPE1=RA---TPV", "CTYPE2=DEC--TPV"])
            .to_string()
            .contains("TPV")
    );
    assert!(matches!(
        error(&["CTYPE1=RA---TAN"]),
        WcsError::Missing { .. }
    ));
    assert!(
        error(&["CTYPE2=RA---TAN", "CTYPE3=DEC--TAN"])
            .to_string()
            .contains("axes 1 and 2")
    );
    assert!(
        error(&["CTYPE1=RA---TAN-SIP", "CTYPE2=DEC--TAN-SIP", "A_ORDER=1e9"])
            .to_string()
            .starts_with("A_ORDER")
    );
    let no_pole = error(&[
        "CTYPE1=RA---CAR",
        "CTYPE2=DEC--CAR",
        "CRVAL2=80",
        "LONPOLE=100",
    ]);
    assert_eq!(no_pole, WcsError::NoPole);
}
