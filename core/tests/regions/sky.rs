//! World coordinates against numbers of astropy 8.0.2 (wcslib); the way back against the way there.

use ganoscope_core::sky::{Frame, SkyPosition, Wcs, WcsError};
use ganoscope_core::stamp::Card;

struct Case {
    name: &'static str,
    cards: &'static [&'static str],
    /// FITS pixel; longitude and latitude of `WCS(header).all_pix2world(pixel, 1)`.
    pixels: [([f64; 2], [f64; 2]); 3],
}

const CASES: &[Case] = &[
    Case {
        name: "hst_pc_tan_fk5",
        cards: &[
            "CTYPE1=RA---TAN",
            "CTYPE2=DEC--TAN",
            "CRPIX1=24454.5",
            "CRPIX2=19513.0",
            "PC1_1=-8.333333e-06",
            "PC2_2=8.333333e-06",
            "CDELT1=1.0",
            "CDELT2=1.0",
            "CRVAL1=150.1163213",
            "CRVAL2=2.200973097",
            "RADESYS=FK5",
            "EQUINOX=2000.0",
        ],
        pixels: [
            ([1.0, 1.0], [150.3202278037197, 2.0383606425672545]),
            ([37.5, 81.25], [150.3199235408728, 2.0390294214267017]),
            ([120.0, -15.0], [150.3192355075539, 2.0382274363713826]),
        ],
    },
    Case {
        name: "rotated_cd_sin",
        cards: &[
            "CTYPE1=RA---SIN",
            "CTYPE2=DEC--SIN",
            "CRPIX1=10.5",
            "CRPIX2=-3.25",
            "CD1_1=-0.0002",
            "CD1_2=0.0001",
            "CD2_1=0.00015",
            "CD2_2=0.00021",
            "CRVAL1=359.9",
            "CRVAL2=-47.3",
        ],
        pixels: [
            ([1.0, 1.0], [359.903428430677, -47.30053244887863]),
            ([37.5, 81.25], [359.90449561301244, -47.27820491153709]),
            ([120.0, -15.0], [359.8659830702512, -47.28603746577059]),
        ],
    },
    Case {
        name: "mirrored_arc_lat_first",
        cards: &[
            "CTYPE1=DEC--ARC",
            "CTYPE2=RA---ARC",
            "CRPIX1=100.0",
            "CRPIX2=200.0",
            "CDELT1=0.01",
            "CDELT2=0.02",
            "CROTA1=33.0",
            "CRVAL1=61.0",
            "CRVAL2=12.0",
        ],
        pixels: [
            ([1.0, 1.0], [6.731758154454127, 57.89056704166098]),
            ([37.5, 81.25], [8.779555668350655, 59.14195328536349]),
            ([120.0, -15.0], [4.852416088017634, 58.62439881325283]),
        ],
    },
    Case {
        name: "stg_lonpole",
        cards: &[
            "CTYPE1=GLON-STG",
            "CTYPE2=GLAT-STG",
            "CRPIX1=5.0",
            "CRPIX2=6.0",
            "CDELT1=-0.5",
            "CDELT2=0.5",
            "CRVAL1=33.0",
            "CRVAL2=88.0",
            "LONPOLE=150.0",
        ],
        pixels: [
            ([1.0, 1.0], [76.31888173219227, 85.65257552121133]),
            ([37.5, 81.25], [268.3830435735458, 51.80569261043499]),
            ([120.0, -15.0], [344.4192176705302, 34.64039326617539]),
        ],
    },
    Case {
        name: "zea_arcsec",
        cards: &[
            "CTYPE1=RA---ZEA",
            "CTYPE2=DEC--ZEA",
            "CUNIT1=arcsec",
            "CUNIT2=arcsec",
            "CRPIX1=50.0",
            "CRPIX2=50.0",
            "CDELT1=-1800.0",
            "CDELT2=1800.0",
            "CRVAL1=720000.0",
            "CRVAL2=-180000.0",
        ],
        pixels: [
            ([1.0, 1.0], [262.40659803761775, -62.6192633047097]),
            ([37.5, 81.25], [207.48088756834102, -34.028769586373144]),
            ([120.0, -15.0], [112.52300028342134, -56.233299860374125]),
        ],
    },
    Case {
        name: "car_oblique",
        cards: &[
            "CTYPE1=GLON-CAR",
            "CTYPE2=GLAT-CAR",
            "CRPIX1=50.0",
            "CRPIX2=50.0",
            "CDELT1=-0.1",
            "CDELT2=0.1",
            "CRVAL1=120.0",
            "CRVAL2=25.0",
        ],
        pixels: [
            ([1.0, 1.0], [125.19640618873731, 20.006137135540186]),
            ([37.5, 81.25], [121.4151979574969, 28.118476072638295]),
            ([120.0, -15.0], [112.67230031720476, 18.31100281771979]),
        ],
    },
    Case {
        name: "car_south",
        cards: &[
            "CTYPE1=RA---CAR",
            "CTYPE2=DEC--CAR",
            "CRPIX1=50.0",
            "CRPIX2=50.0",
            "CDELT1=-0.1",
            "CDELT2=0.1",
            "CRVAL1=120.0",
            "CRVAL2=-35.0",
            "LONPOLE=170.0",
            "LATPOLE=-20.0",
        ],
        pixels: [
            ([1.0, 1.0], [115.13217622296031, -29.429368461116425]),
            ([37.5, 81.25], [117.9404679194248, -37.92999505216945]),
            ([120.0, -15.0], [128.82796310473088, -29.069268921943987]),
        ],
    },
    Case {
        name: "mer",
        cards: &[
            "CTYPE1=RA---MER",
            "CTYPE2=DEC--MER",
            "CRPIX1=50.0",
            "CRPIX2=50.0",
            "CDELT1=-0.1",
            "CDELT2=0.1",
            "CRVAL1=20.0",
            "CRVAL2=0.0",
        ],
        pixels: [
            ([1.0, 1.0], [24.9, -4.894037909122005]),
            ([37.5, 81.25], [21.25, 3.1234517869418]),
            ([120.0, -15.0], [13.0, -6.486102100410207]),
        ],
    },
    Case {
        name: "sfl",
        cards: &[
            "CTYPE1=RA---SFL",
            "CTYPE2=DEC--SFL",
            "CRPIX1=50.0",
            "CRPIX2=50.0",
            "CDELT1=-0.5",
            "CDELT2=0.5",
            "CRVAL1=20.0",
            "CRVAL2=0.0",
        ],
        pixels: [
            ([1.0, 1.0], [46.924222803899944, -24.5]),
            ([37.5, 81.25], [26.489830810387623, 15.625]),
            ([120.0, -15.0], [338.5008833398044, -32.5]),
        ],
    },
    Case {
        name: "tan_pole",
        cards: &[
            "CTYPE1=RA---TAN",
            "CTYPE2=DEC--TAN",
            "CRPIX1=50.0",
            "CRPIX2=50.0",
            "CDELT1=-0.01",
            "CDELT2=0.01",
            "CRVAL1=40.0",
            "CRVAL2=90.0",
        ],
        pixels: [
            ([1.0, 1.0], [265.0, 89.307069139801]),
            ([37.5, 81.25], [18.198590513648185, 89.66343107089608]),
            ([120.0, -15.0], [172.87890360333856, 89.0448398345682]),
        ],
    },
    Case {
        name: "sip",
        cards: &[
            "CTYPE1=RA---TAN-SIP",
            "CTYPE2=DEC--TAN-SIP",
            "CRPIX1=128.0",
            "CRPIX2=128.0",
            "CD1_1=-0.0001",
            "CD1_2=2e-06",
            "CD2_1=3e-06",
            "CD2_2=0.00011",
            "CRVAL1=202.48",
            "CRVAL2=47.23",
            "A_ORDER=3",
            "B_ORDER=2",
            "A_2_0=2e-05",
            "A_1_1=-1e-05",
            "A_0_3=3e-08",
            "A_3_0=-2e-08",
            "B_0_2=-3e-05",
            "B_1_1=1e-05",
            "B_2_0=4e-06",
            "RADESYS=ICRS",
        ],
        pixels: [
            ([1.0, 1.0], [202.49830189597137, 47.21561957851314]),
            ([37.5, 81.25], [202.49316867317273, 47.22458669071746]),
            ([120.0, -15.0], [202.48076934349052, 47.214179509059264]),
        ],
    },
    Case {
        name: "cd_partial",
        cards: &[
            "CTYPE1=RA---TAN",
            "CTYPE2=DEC--TAN",
            "CRPIX1=1.0",
            "CRPIX2=1.0",
            "CD1_2=0.001",
            "CD2_1=0.001",
            "CRVAL1=10.0",
            "CRVAL2=20.0",
        ],
        pixels: [
            ([1.0, 1.0], [10.0, 20.0]),
            ([37.5, 81.25], [10.085420008920696, 20.03647949936719]),
            ([120.0, -15.0], [9.982960275047546, 20.118999010518532]),
        ],
    },
];

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
