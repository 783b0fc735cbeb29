//! Covers and statistics against slow obvious versions.

use super::*;
use crate::seed::hash_uniform;
use crate::stamp::{Stamp, ValueRange};

const SIZE: [usize; 2] = [21, 17];

/// Sub-pixels per axis of the slow version.
const FINE: usize = 64;

/// The share of every pixel by asking many points.
fn slow_cover(shape: &Shape, [height, width]: [usize; 2]) -> Vec<f64> {
    let offset = |i: usize| (i as f64 + 0.5) / FINE as f64 - 0.5;
    let share = |column: usize, row: usize| {
        let hits = (0..FINE * FINE).filter(|i| {
            let place = Place::new(
                column as f64 + offset(i % FINE),
                row as f64 + offset(i / FINE),
            );
            shape.contains(place)
        });
        hits.count() as f64 / (FINE * FINE) as f64
    };
    (0..height * width)
        .map(|at| share(at % width, at / width))
        .collect()
}

/// Numbers in `[low, high]`.
fn numbers(name: &str, count: usize, low: f64, high: f64) -> Vec<f64> {
    let values = hash_uniform(name, count, 7).into_iter();
    values
        .map(|u| low + f64::midpoint(u, 1.0) * (high - low))
        .collect()
}

fn places(name: &str, count: usize) -> Vec<Place> {
    let values = numbers(name, 2 * count, -4.0, 22.0);
    let (pairs, _) = values.as_chunks::<2>();
    pairs.iter().map(|[x, y]| Place::new(*x, *y)).collect()
}

/// Shapes of every kind inside, across the edges of and outside the picture.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (i, centre) in places("centres", 12).into_iter().enumerate() {
        let sizes = numbers(&format!("sizes {i}"), 3, 0.05, 9.0);
        let (a, b, angle) = (sizes[0], sizes[1], sizes[2] * 60.0 - 200.0);
        shapes.push(Shape::Circle { centre, radius: a });
        shapes.push(Shape::Ellipse {
            centre,
            semi_axes: [a, b],
            angle,
        });
        shapes.push(Shape::Box {
            centre,
            size: [2.0 * a, b],
            angle,
        });
        // Corners at random cross themselves.
        let corners = places(&format!("corners {i}"), 3 + i);
        shapes.push(Shape::Polygon { corners });
    }
    shapes
}

#[test]
fn covers_equal_those_of_many_points() {
    for shape in shapes() {
        let cover = Coverage::of(&shape, SIZE);
        let slow = slow_cover(&shape, SIZE);
        for (at, slow) in slow.iter().enumerate() {
            let (column, row) = (at % SIZE[1], at / SIZE[1]);
            let share = cover.share(column, row);
            // A straight edge through a pixel misjudges few of the points next to it; random polygons have many edges.
            assert!(
                (share - slow).abs() < 0.02,
                "{shape:?} at {column} {row}: {share} {slow}"
            );
        }
        let listed: f64 = cover.pixels().map(|(_, share)| share).sum();
        assert!((listed - cover.area()).abs() < 1e-9);
    }
}

#[test]
fn areas_are_exact() {
    let big = [64, 64];
    let centre = Place::new(31.3, 30.8);
    let star = |count: usize, step: usize| {
        let corner = |i: usize| {
            let angle = (i * step) as f64 / count as f64 * std::f64::consts::TAU;
            Place::new(
                centre.column + 20.0 * angle.cos(),
                centre.row + 20.0 * angle.sin(),
            )
        };
        (0..count).map(corner).collect::<Vec<_>>()
    };
    let convex = Shape::Polygon {
        corners: star(7, 1),
    };
    for shape in [
        Shape::Circle {
            centre,
            radius: 12.25,
        },
        Shape::Circle {
            centre,
            radius: 1e-3,
        },
        Shape::Ellipse {
            centre,
            semi_axes: [25.0, 0.01],
            angle: 33.0,
        },
        Shape::Box {
            centre,
            size: [17.5, 3.25],
            angle: -71.0,
        },
        convex,
    ] {
        let area = Coverage::of(&shape, big).area();
        let wanted = shape.area();
        assert!(
            (area - wanted).abs() < 1e-7 * wanted.max(1.0),
            "{shape:?}: {area} {wanted}"
        );
    }
    // A pentagram by the even-odd rule: its points without the pentagon in its middle.
    let pentagram = Coverage::of(
        &Shape::Polygon {
            corners: star(5, 2),
        },
        big,
    );
    let inner_radius = 20.0 * (72.0_f64.to_radians().cos() / 36.0_f64.to_radians().cos());
    let pentagon = |r: f64| 2.5 * r * r * 72.0_f64.to_radians().sin();
    let point = {
        let half_base = inner_radius * 36.0_f64.to_radians().sin();
        half_base * (20.0 - inner_radius * 36.0_f64.to_radians().cos())
    };
    assert!((pentagram.area() - 5.0 * point).abs() < 1e-9);
    assert_eq!(pentagram.share(31, 31), 0.0);
    assert!(pentagon(inner_radius) > 100.0);
}

#[test]
fn a_box_on_pixel_edges_covers_whole_pixels() {
    let shape = Shape::Box {
        centre: Place::new(4.5, 2.0),
        size: [4.0, 3.0],
        angle: 0.0,
    };
    let cover = Coverage::of(&shape, SIZE);
    let pixels: Vec<_> = cover.pixels().collect();
    assert_eq!(pixels.len(), 12);
    assert!(pixels.iter().all(|(_, share)| *share == 1.0));
    assert_eq!(pixels[0].0, [3, 1]);
    assert_eq!(pixels[11].0, [6, 3]);
}

#[test]
fn angles_turn_counter_clockwise_in_the_picture() {
    let shape = Shape::Box {
        centre: Place::new(8.0, 8.0),
        size: [10.0, 1.0],
        angle: 45.0,
    };
    // Up and to the right means smaller rows.
    assert!(shape.contains(Place::new(11.0, 5.0)));
    assert!(!shape.contains(Place::new(11.0, 11.0)));
}

#[test]
fn shapes_without_area_or_with_wild_numbers_cover_nothing() {
    let centre = Place::new(5.0, 5.0);
    let wild = Place::new(f64::NAN, f64::INFINITY);
    for shape in [
        Shape::Circle {
            centre,
            radius: 0.0,
        },
        Shape::Circle {
            centre: wild,
            radius: 3.0,
        },
        Shape::Ellipse {
            centre,
            semi_axes: [3.0, -1.0],
            angle: 0.0,
        },
        Shape::Box {
            centre,
            size: [f64::INFINITY, 1.0],
            angle: f64::NAN,
        },
        Shape::Polygon { corners: vec![] },
        Shape::Polygon {
            corners: vec![centre, wild, centre],
        },
        Shape::Freehand {
            corners: vec![centre; 5],
        },
    ] {
        assert_eq!(Coverage::of(&shape, SIZE).area(), 0.0, "{shape:?}");
    }
    let huge = Shape::Circle {
        centre,
        radius: 1e9,
    };
    assert_eq!(Coverage::of(&huge, SIZE).area(), 21.0 * 17.0);
}

#[test]
fn shapes_are_checked() {
    let centre = Place::new(1.0, 1.0);
    let negative = Shape::Circle {
        centre,
        radius: -1.0,
    };
    assert_eq!(negative.checked(), Err(ShapeError::Negative("radius")));
    let line = Shape::Polygon {
        corners: vec![centre; 2],
    };
    let message = line.checked().expect_err("no area").to_string();
    assert_eq!(message, "a polygon has 2 corners, expected 3 to 2048");
    let nowhere = Shape::Box {
        centre: Place::new(f64::NAN, 0.0),
        size: [1.0; 2],
        angle: 0.0,
    };
    assert_eq!(nowhere.checked(), Err(ShapeError::NotFinite("centre")));
}

fn stamp() -> Stamp {
    let count = 2 * SIZE[0] * SIZE[1];
    let mut pixels: Vec<f32> = numbers("pixels", count, -1.0, 3.0)
        .into_iter()
        .map(|v| v as f32)
        .collect();
    for at in [40, 100, 200] {
        pixels[at] = f32::NAN;
    }
    Stamp::new("s", pixels, [2, SIZE[0], SIZE[1]], ValueRange::UNIT)
}

/// Statistics of single pixels copied as often as their share says in 4096ths.
#[test]
fn statistics_equal_those_of_repeated_values() {
    let stamp = stamp();
    for shape in shapes() {
        let cover = Coverage::of(&shape, SIZE);
        let found = measure(&stamp, &Region::new(shape), []);
        for (channel, found) in found.bands.iter().enumerate() {
            let plane = stamp.plane(channel);
            let mut values = Vec::new();
            let (mut missing, mut area, mut sum) = (0, 0.0, 0.0);
            for ([column, row], share) in cover.pixels() {
                let value = f64::from(plane[row * SIZE[1] + column]);
                if value.is_nan() {
                    missing += 1;
                    continue;
                }
                area += share;
                sum += value * share;
                values.extend(vec![value; (share * 4096.0).round() as usize]);
            }
            values.sort_by(f64::total_cmp);
            assert_eq!(found.missing, missing);
            assert!((found.area - area).abs() < 1e-9 && (found.sum - sum).abs() < 1e-9);
            if values.is_empty() {
                assert!(found.area < 1e-2);
                continue;
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
            let deviation = (squares / values.len() as f64).sqrt();
            let close = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 2e-3);
            if area > 0.5 {
                assert!(close(found.mean, mean), "{found:?} {mean}");
                assert!(close(found.standard_deviation, deviation));
            }
            if area > 5.0 {
                // The half lies within the copies of one value, or by rounding beside it.
                let near = |at: usize| values.get(at).copied().unwrap_or(mean);
                let (low, high) = (near(values.len() * 49 / 100), near(values.len() * 51 / 100));
                let median = found.median.expect("a median");
                assert!(median >= low && median <= high);
            }
            assert!(found.minimum <= found.median && found.median <= found.maximum);
        }
    }
}

#[test]
fn whole_pixels_have_textbook_statistics() {
    let pixels = vec![1.0, 2.0, 3.0, 10.0, f32::NAN, 0.0];
    let stamp = Stamp::new("t", pixels, [1, 2, 3], ValueRange::UNIT);
    let all = Region::new(Shape::Box {
        centre: Place::new(1.0, 0.5),
        size: [3.0, 2.0],
        angle: 0.0,
    });
    let found = measure(&stamp, &all, []);
    let band = found.bands[0];
    assert_eq!((band.pixels, band.missing, found.area), (5, 1, 6.0));
    assert_eq!((band.area, band.sum), (5.0, 16.0));
    assert_eq!((band.mean, band.median), (Some(3.2), Some(2.0)));
    assert_eq!((band.minimum, band.maximum), (Some(0.0), Some(10.0)));
    let variance: f64 = [1.0, 2.0, 3.0, 10.0, 0.0_f64]
        .iter()
        .map(|v| (v - 3.2) * (v - 3.2) / 5.0)
        .sum();
    assert!((band.standard_deviation.expect("some") - variance.sqrt()).abs() < 1e-12);
    let centroid = band.centroid.expect("light");
    assert!((centroid.column - 8.0 / 16.0).abs() < 1e-12);
    assert!((centroid.row - 10.0 / 16.0).abs() < 1e-12);
    // Black counts for nothing, whatever its value; a place that values below black carry away is none.
    let centroid_of = |pixels: [f32; 3], range: ValueRange| {
        let stamp = Stamp::new("t", pixels.to_vec(), [1, 1, 3], range);
        measure(&stamp, &all, []).bands[0].centroid
    };
    let lit = centroid_of([-1.0, -1.0, 0.5], ValueRange::SIGNED).expect("light");
    assert!((lit.column - 2.0).abs() < 1e-12, "{lit:?}");
    assert_eq!(centroid_of([-1.0; 3], ValueRange::SIGNED), None);
    assert_eq!(centroid_of([-0.9, 0.0, 1.0], ValueRange::UNIT), None);
    let sky_subtracted = ValueRange {
        low: -0.1,
        high: 1.0,
    };
    let lit = centroid_of([0.0, 0.0, 1.0], sky_subtracted).expect("light");
    assert!((lit.column - 2.0).abs() < 1e-12, "{lit:?}");
    // Two values with equal weight: their middle.
    let left = Region::new(Shape::Box {
        centre: Place::new(0.5, 0.0),
        size: [2.0, 1.0],
        angle: 0.0,
    });
    assert_eq!(measure(&stamp, &left, []).bands[0].median, Some(1.5));
    // What is excluded is gone.
    let found = measure(&stamp, &all, [&left.excluded()]);
    assert_eq!((found.area, found.bands[0].sum), (4.0, 13.0));
}

#[test]
fn a_drawn_path_keeps_its_outline_with_few_corners() {
    let path: Vec<Place> = (0..400)
        .map(|i| {
            let (s, c) = (f64::from(i) / 400.0 * std::f64::consts::TAU).sin_cos();
            Place::new(30.0 + 20.0 * c, 30.0 + 12.0 * s)
        })
        .collect();
    let shape = Shape::drawn(&path, 0.25).expect("a shape");
    let Shape::Freehand { corners } = &shape else {
        panic!("{shape:?}")
    };
    assert!((8..60).contains(&corners.len()), "{}", corners.len());
    let wanted = std::f64::consts::PI * 20.0 * 12.0;
    assert!((shape.area() - wanted).abs() < 0.02 * wanted);
    for place in &path {
        let near = corners
            .iter()
            .zip(corners.iter().cycle().skip(1))
            .any(|(p, q)| {
                let (dx, dy) = (q.column - p.column, q.row - p.row);
                let share = ((place.column - p.column) * dx + (place.row - p.row) * dy)
                    / (dx * dx + dy * dy);
                let share = share.clamp(0.0, 1.0);
                let foot = Place::new(p.column + share * dx, p.row + share * dy);
                foot.distance(*place) <= 0.25 + 1e-12
            });
        assert!(near, "{place:?}");
    }
    assert!(Shape::drawn(&path[..2], 0.25).is_err());
    assert!(Shape::drawn(&[], 0.25).is_err());
    assert!(Shape::drawn(&[Place::new(f64::NAN, 0.0); 9], 0.25).is_err());
    // More corners than can be kept are drawn coarser.
    let noise = places("noise", 6000);
    let Ok(Shape::Freehand { corners }) = Shape::drawn(&noise, 0.0) else {
        panic!("no shape")
    };
    assert_eq!(corners.len(), MAX_CORNERS);
}

#[test]
fn regions_survive_serialisation() {
    let region = Region::new(Shape::Ellipse {
        centre: Place::new(1.25, -2.0),
        semi_axes: [3.0, 1.0],
        angle: 30.0,
    })
    .with_text("nucleus")
    .excluded();
    let text = serde_json::to_string(&region).expect("written");
    assert_eq!(serde_json::from_str::<Region>(&text).expect("read"), region);
    let bare = r#"{"shape":{"Circle":{"centre":{"column":1.0,"row":2.0},"radius":3.0}}}"#;
    let region: Region = serde_json::from_str(bare).expect("read");
    assert_eq!((region.colour.as_str(), region.width), ("green", 1));
}
