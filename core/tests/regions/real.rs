//! Real survey pictures beside the repository: positions of astropy, and nothing that makes a reader panic.

use std::path::{Path, PathBuf};

use ganoscope_core::region::ds9;
use ganoscope_core::sky::{Frame, Grid, Place, SkyPosition};
use ganoscope_core::stamp::io;

fn shared(folder: &str) -> Option<PathBuf> {
    let root = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/public"
    ));
    let path = root.join(folder);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped, not there: {}", path.display());
    None
}

/// Numbers of `WCS(header, naxis=2).wcs_pix2world` of astropy 8.0.2: an HSC and an HST cut-out of one field.
#[test]
fn positions_on_survey_pictures_equal_those_of_astropy() {
    let Some(scenes) = shared("scenes") else {
        return;
    };
    let known = [
        (
            "Cut_HSC.fits",
            [
                ([1.0, 1.0], [150.320_312_561_810_3, 2.038_250_732_110_880_5]),
                (
                    [50.0, 20.0],
                    [150.318_024_506_261_2, 2.039_137_489_197_676_3],
                ),
            ],
        ),
        (
            "Cut_HST.fits",
            [
                ([1.0, 1.0], [150.320_227_803_719_7, 2.038_360_642_567_254_5]),
                (
                    [50.0, 20.0],
                    [150.319_819_240_278_04, 2.038_519_025_257_094],
                ),
            ],
        ),
    ];
    for (name, positions) in known {
        let stamp = io::read_one(&scenes.join(name), None).expect(name);
        let grid = Grid::of(&stamp);
        for (pixel, [longitude, latitude]) in positions {
            let found = grid.sky(grid.from_fits(pixel)).expect("sky");
            let wanted = SkyPosition::new(longitude, latitude, found.frame);
            let error = found.separation(wanted).expect("one frame");
            assert!(error < 1e-11, "{name}: {found:?} {wanted:?}");
        }
    }
    // The same sky position lies on both pictures: the same galaxy is measured.
    let sky = SkyPosition::new(150.319, 2.039, Frame::Icrs);
    let scales = known.map(|(name, _)| {
        let grid = Grid::of(&io::read_one(&scenes.join(name), None).expect(name));
        let place = grid.place(sky).expect("on the projection");
        assert!(place.column > 0.0 && place.row > 0.0, "{name} {place:?}");
        grid.compass(place).expect("sky").scale
    });
    assert!(
        (scales[0] - 0.168).abs() < 1e-3 && (scales[1] - 0.03).abs() < 1e-3,
        "{scales:?}"
    );
}

#[test]
fn no_picture_or_region_file_makes_the_grid_panic() {
    let Some(scenes) = shared("scenes") else {
        return;
    };
    let text =
        "fk5; circle(10:01:16.8, +2:02:20, 2\"); ellipse(150.319, 2.039, 3\", 1\", 30) # text={a}";
    for name in [
        "Cut_HSC.fits",
        "Cut_HST.fits",
        "hsc_cosmos.fits",
        "sep_image.fits",
    ] {
        for stamp in io::read(&scenes.join(name), None).expect(name) {
            let grid = Grid::of(&stamp);
            for place in [
                Place::new(0.0, 0.0),
                Place::new(-1e9, 1e300),
                Place::new(f64::NAN, 1.0),
            ] {
                let _ = (grid.sky(place), grid.compass(place));
            }
            assert_eq!(ds9::read(text, &grid).is_ok(), grid.wcs().is_ok(), "{name}");
        }
    }
}
