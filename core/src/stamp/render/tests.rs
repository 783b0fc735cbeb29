//! Pictures worked out by hand.

use super::*;
use crate::stamp::ValueRange;
use crate::stamp::colormap::Colormap;
use crate::stamp::stretch::Stretch;

const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

fn grey() -> Look {
    Look::new(Ink::Map(Colormap::Grey), [0.0, 1.0], Stretch::Linear)
}

fn raster(values: &[f32], dims: [usize; 3]) -> Raster<'static> {
    Raster::new(values.to_vec(), dims).unwrap()
}

fn overlay() -> Overlay {
    Overlay {
        scale: 2.0,
        opacity: 0.5,
        negative: BLUE,
        positive: RED,
        ground: 1.0,
        marks: None,
    }
}

#[test]
fn rasters_have_as_many_values_as_their_dimensions_say() {
    assert!(Raster::new(vec![0.0; 5], [1, 2, 3]).is_none());
    assert!(Raster::new(vec![], [0, 2, 3]).is_none());
    assert!(Raster::new(vec![], [1, usize::MAX, 3]).is_none());
    let stamp = Stamp::new("a", vec![0.5; 6], [3, 1, 2], ValueRange::UNIT);
    assert_eq!(Raster::of(&stamp).unwrap().dims(), [3, 1, 2]);
}

#[test]
fn pixels_are_squares_and_holes_show() {
    let pixels = raster(&[0.0, 1.0, f32::NAN, 0.2], [1, 2, 2]);
    let picture = render(&Rasters::new(pixels), &grey(), &Canvas::whole([4, 2]));
    let row = |a: [u8; 4], b: [u8; 4]| [a, a, b, b];
    let [r, g, b] = grey().missing;
    let black = [0, 0, 0, 255];
    assert_eq!(picture[..4], row(black, [255; 4]));
    assert_eq!(picture[4..], row([r, g, b, 255], [51, 51, 51, 255]));
}

#[test]
fn a_part_is_drawn_large() {
    let pixels = raster(&[0.0, 0.2, 0.4, 0.6], [1, 1, 4]);
    let canvas = Canvas {
        from: [0.5, 0.0],
        to: [1.0, 1.0],
        ..Canvas::whole([2, 1])
    };
    let picture = render(&Rasters::new(pixels), &grey(), &canvas);
    assert_eq!([picture[0][0], picture[1][0]], [102, 153]);
}

#[test]
fn a_signed_map_covers_by_its_size_and_sign() {
    let base = raster(&[0.0; 5], [1, 1, 5]);
    let mut rasters = Rasters::new(base);
    rasters.over = Some(raster(&[2.0, -1.0, 0.0, 9.0, f32::NAN], [1, 1, 5]));
    let look = Look {
        overlay: Some(overlay()),
        ..grey()
    };
    let picture = render(&rasters, &look, &Canvas::whole([5, 1]));
    let [r, g, b] = look.missing;
    // Half opacity: 255 / 2 rounds up; half of the scale covers a quarter.
    let expected = [[128, 0, 0], [0, 0, 64], [0; 3], [128, 0, 0], [r, g, b]];
    for (got, [r, g, b]) in picture.into_iter().zip(expected) {
        assert_eq!(got, [r, g, b, 255]);
    }
}

#[test]
fn the_ground_under_a_map_is_dimmed() {
    let mut rasters = Rasters::new(raster(&[1.0], [1, 1, 1]));
    rasters.over = Some(raster(&[0.0], [1, 1, 1]));
    let look = Look {
        overlay: Some(Overlay {
            ground: 0.6,
            ..overlay()
        }),
        ..grey()
    };
    let picture = render(&rasters, &look, &Canvas::whole([1, 1]));
    assert_eq!(picture, [[153, 153, 153, 255]]);
}

#[test]
fn signs_are_strokes_in_the_middle_of_strong_blocks() {
    // Two blocks of 16 pixels: strong and positive, strong and negative; a third is too weak for a mark.
    let map: Vec<f32> = (0..48 * 16)
        .map(|i| [2.0, -2.0, 0.4][i % 48 / 16])
        .collect();
    let mut rasters = Rasters::new(raster(&vec![0.5; 48 * 16], [1, 16, 48]));
    rasters.over = Some(raster(&map, [1, 16, 48]));
    let marks = Marks {
        ink: [255; 3],
        shade: [0; 3],
        shade_opacity: 1.0,
    };
    let look = Look {
        overlay: Some(Overlay {
            marks: Some(marks),
            opacity: 0.0,
            ..overlay()
        }),
        ..grey()
    };
    assert_eq!(mark_block([1, 16, 48], [1.0 / 48.0, 1.0 / 16.0], 1.0), 16);
    let picture = render(&rasters, &look, &Canvas::whole([48, 16]));
    let at = |x: usize, y: usize| picture[y * 48 + x][0];
    // The stroke is 1.2 wide around the edge between pixels 7 and 8: each covers 0.6 of it, on black shade.
    assert_eq!([at(7, 7), at(7, 8), at(8, 7)], [153; 3]);
    assert_eq!([at(5, 8), at(23, 7), at(21, 8)], [153; 3]);
    // Four pixels down: the plus has a stroke there, the minus has not even shade.
    assert_eq!([at(7, 5), at(8, 10)], [153; 2]);
    assert_eq!([at(23, 5), at(24, 10)], [128; 2]);
    assert!((32..48).all(|x| (0..16).all(|y| at(x, y) == 128)));
}

#[test]
fn marks_stay_while_zooming_a_little() {
    let side = |zoom: f32| mark_block([1, 80, 80], [1.0 / (160.0 * zoom), 0.0], 1.0);
    assert_eq!([side(1.0), side(1.5), side(2.0), side(14.0)], [8, 8, 4, 1]);
    assert_eq!(mark_block([1, 2, 2], [1.0, 1.0], 3.0), 2);
}

#[test]
fn lines_lie_where_the_map_has_their_value() {
    // A ramp along x: the value at the middle of column i is i.
    let map: Vec<f32> = (0..8 * 2).map(|i| (i % 8) as f32).collect();
    let mut rasters = Rasters::new(raster(&[0.0; 16], [1, 2, 8]));
    rasters.lines = Some(raster(&map, [1, 2, 8]));
    let contours = Contours {
        first: 2.0,
        step: 3.0,
        count: 2,
        width: 1.0,
        ink: [255; 3],
    };
    let look = Look {
        contours: Some(contours),
        ..grey()
    };
    let row = |look: &Look, size: [usize; 2]| -> Vec<u8> {
        let picture = render(&rasters, look, &Canvas::whole(size));
        picture[..size[0]].iter().map(|p| p[0]).collect()
    };
    assert_eq!(
        row(&look, [8, 2]),
        [0, 0, 255, 0, 0, 255, 0, 0],
        "through columns 2 and 5"
    );
    // Twice as large: the line lies between two pixels, each half covered.
    let large = row(&look, [16, 4]);
    assert_eq!(large[3..7], [0, 128, 128, 0].map(|v: u8| v));
    let wide = Look {
        contours: Some(Contours {
            width: 3.0,
            count: 1,
            ..contours
        }),
        ..grey()
    };
    assert_eq!(row(&wide, [8, 2]), [0, 255, 255, 255, 0, 0, 0, 0]);
}

#[test]
fn plateaus_and_holes_have_no_lines() {
    let mut rasters = Rasters::new(raster(&[0.0; 4], [1, 2, 2]));
    let look = Look {
        contours: Contours::between([0.0, 2.0], 1, [255; 3]),
        ..grey()
    };
    for values in [[1.0; 4], [0.0, f32::NAN, 2.0, 2.0]] {
        rasters.lines = Some(raster(&values, [1, 2, 2]));
        let picture = render(&rasters, &look, &Canvas::whole([2, 2]));
        assert!(picture.iter().all(|p| p[0] == 0), "{values:?}");
    }
}

#[test]
fn maps_of_other_sizes_lie_over_the_same_sky() {
    let mut rasters = Rasters::new(raster(&[0.0; 4], [1, 1, 4]));
    rasters.over = Some(raster(&[2.0, -2.0], [1, 1, 2]));
    let look = Look {
        overlay: Some(Overlay {
            opacity: 1.0,
            ..overlay()
        }),
        ..grey()
    };
    let picture = render(&rasters, &look, &Canvas::whole([4, 1]));
    let (red, blue) = ([255, 0, 0, 255], [0, 0, 255, 255]);
    assert_eq!(picture, [red, red, blue, blue]);
}

#[test]
fn large_pictures_are_thinned_and_blocks_averaged() {
    let values: Vec<f32> = (0..2 * 3 * 5).map(|i| i as f32).collect();
    let all = raster(&values, [2, 3, 5]);
    let thin = all.thinned(2);
    assert_eq!(thin.dims(), [2, 2, 3]);
    let expected = [0, 2, 4, 10, 12, 14, 15, 17, 19, 25, 27, 29].map(|v| v as f32);
    assert_eq!(thin.values(), expected);
    let holes = raster(&[1.0, 2.0, f32::NAN, 4.0, f32::NAN, f32::NAN], [1, 2, 3]);
    let means = holes.block_means(2);
    // Block 0: 1, 2, 4 and a hole. Block 1: two holes.
    assert_eq!(means.dims(), [1, 1, 2]);
    assert_eq!(means.values(), [7.0 / 3.0, 0.0]);
}

#[test]
fn a_bar_runs_from_black_to_white_through_stretch_and_shift() {
    let look = Look {
        stretch: Stretch::Squared,
        is_inverted: true,
        ..grey()
    };
    assert_eq!(bar(&look, 3), [[255; 3], [191; 3], [0; 3]]);
}
