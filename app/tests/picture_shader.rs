//! The shader against its twin on the processor, pixel by pixel, on the software driver.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use egui::{Id, Rect, Shape, Vec2, pos2, vec2};
use egui_kittest::Harness;
use ganoscope::widgets::{Look, Picture, Spot, Textures, evidence};
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::look::{self, Contours, Ink, Lupton};
use ganoscope_core::stamp::render::{Canvas, Raster, Rasters, render};
use ganoscope_core::stamp::stretch::Stretch;
use ganoscope_core::stamp::{Stamp, ValueRange};

/// Side of a picture on the screen, pixels.
const SIDE: f32 = 36.0;
/// Pictures beside each other.
const COLUMNS: usize = 28;

/// One picture to compare.
struct Case {
    name: String,
    look: look::Look,
    stamp: Stamp,
    over: Option<Stamp>,
    lines: Option<Stamp>,
    visible: Rect,
}

fn whole() -> Rect {
    Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0))
}

/// Smooth pixels from below black to above white, with holes in a corner.
fn stamp(bands: usize, side: usize) -> Stamp {
    let value = |i: usize| {
        let (band, row, column) = (i / (side * side), i / side % side, i % side);
        let at = |v: usize| v as f32 / (side - 1) as f32;
        let light = 1.3 * at(row) * at(column) + 0.1 * (7.0 * at(column)).sin() - 0.05;
        light * [1.0, 0.8, 0.5][band % 3] + 0.02 * band as f32
    };
    let mut pixels: Vec<f32> = (0..bands * side * side).map(value).collect();
    pixels[0] = f32::NAN;
    pixels[side + 3] = f32::INFINITY;
    pixels[bands * side * side - side] = f32::NEG_INFINITY;
    Stamp::new("s", pixels, [bands, side, side], ValueRange::UNIT)
}

/// Both signs, a hole, and another number of pixels than the picture.
fn signed(side: usize) -> Stamp {
    let value = |i: usize| {
        let (row, column) = ((i / side) as f32, (i % side) as f32);
        (0.7 * row).sin() * (0.5 * column).cos() * 1.4
    };
    let mut pixels: Vec<f32> = (0..side * side).map(value).collect();
    pixels[side * side / 2] = f32::NAN;
    Stamp::new("o", pixels, [1, side, side], ValueRange::SIGNED)
}

fn inks() -> Vec<(usize, Ink)> {
    let mut inks: Vec<(usize, Ink)> = Colormap::ALL.map(|map| (1, Ink::Map(map))).to_vec();
    let ramp = Ink::Ramp([[77, 189, 179], [13, 13, 13], [245, 168, 82]]);
    let lupton = Lupton {
        stretch: 0.05,
        q: 8.0,
    };
    inks.extend([
        (1, ramp),
        (3, ramp),
        (3, Ink::Map(Colormap::Viridis)),
        (2, Ink::Natural(Colormap::Heat)),
        (3, Ink::Natural(Colormap::Grey)),
        (3, Ink::Lupton(lupton, Colormap::Grey)),
    ]);
    inks
}

/// Draws all cases on one screen and compares each with its twin.
fn compare(cases: Vec<Case>, pixels_per_point: f32) {
    let rows = cases.len().div_ceil(COLUMNS);
    let size = vec2(COLUMNS as f32, rows as f32) * SIDE;
    let (state, renderer) = common::renderer();
    let textures = Textures::on(&state);
    assert!(textures.uploads().is_some(), "the driver draws pictures");
    let cases = Rc::new(cases);
    let drawn = cases.clone();
    let mut harness = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(pixels_per_point)
        .renderer(renderer)
        .build_ui(move |ui| {
            for (i, case) in drawn.iter().enumerate() {
                let picture = Picture {
                    over: case.over.as_ref(),
                    lines: case.lines.as_ref(),
                    ..Picture::new(&case.stamp, Look::Exact(case.look))
                };
                let spot = Spot {
                    place: Id::unique(i),
                    frame: frame(i),
                    visible: case.visible,
                    opacity: 1.0,
                };
                let painter = ui.painter().with_clip_rect(ui.ctx().content_rect());
                textures.paint(&painter, &picture, &spot);
            }
            textures.end_frame();
        });
    harness.run_steps(2);
    let image = harness.render().unwrap();
    let side = (SIDE * pixels_per_point) as usize;
    for (i, case) in cases.iter().enumerate() {
        let expected = twin(case, side, pixels_per_point);
        let from = frame(i).min * pixels_per_point;
        for (at, expected) in expected.iter().enumerate() {
            let (x, y) = (at % side, at / side);
            let got = image.get_pixel(from.x as u32 + x as u32, from.y as u32 + y as u32);
            let is_close = got.0.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1);
            assert!(
                is_close,
                "{} at x {x}, y {y}: shader {:?}, twin {expected:?}",
                case.name, got.0
            );
        }
    }
}

fn frame(i: usize) -> Rect {
    let corner = pos2((i % COLUMNS) as f32, (i / COLUMNS) as f32);
    Rect::from_min_size((corner.to_vec2() * SIDE).to_pos2(), Vec2::splat(SIDE))
}

fn twin(case: &Case, side: usize, pixels_per_point: f32) -> Vec<[u8; 4]> {
    let rasters = Rasters {
        base: Raster::of(&case.stamp).unwrap(),
        over: case.over.as_ref().and_then(Raster::of),
        lines: case.lines.as_ref().and_then(Raster::of),
    };
    let canvas = Canvas {
        size: [side, side],
        from: case.visible.min.into(),
        to: case.visible.max.into(),
        pixels_per_point,
    };
    render(&rasters, &case.look, &canvas)
}

#[test]
fn every_stretch_and_ink_is_that_of_the_twin() {
    if !common::can_take_snapshots() {
        return;
    }
    let mut cases = Vec::new();
    for stretch in Stretch::ALL {
        for (bands, ink) in inks() {
            let plain = look::Look::new(ink, [0.0, 1.0], stretch);
            let inverted = look::Look {
                is_inverted: true,
                limits: [-0.2, 0.6],
                ..plain
            };
            let shifted = look::Look {
                contrast: 2.5,
                bias: 0.35,
                ..plain
            };
            let covered = look::Look {
                overlay: Some(evidence(1.0, 0.8, true)),
                ..plain
            };
            for (how, look) in [
                ("plain", plain),
                ("inverted", inverted),
                ("contrast and bias", shifted),
                ("overlay", covered),
            ] {
                cases.push(Case {
                    name: format!("{} {ink:?} {bands} bands, {how}", stretch.name()),
                    look,
                    stamp: stamp(bands, 18),
                    over: look.overlay.map(|_| signed(9)),
                    lines: None,
                    visible: whole(),
                });
            }
        }
    }
    compare(cases, 1.0);
}

/// Looks at the edge: limits that coincide, curves of extreme parameters, marks and lines at any zoom.
fn edges() -> Vec<Case> {
    let grey = look::Look::new(Ink::Map(Colormap::Grey), [0.0, 1.0], Stretch::Linear);
    let mut looks = vec![(
        "coinciding limits",
        look::Look {
            limits: [0.3; 2],
            ..grey
        },
    )];
    for stretch in [
        Stretch::Sinh(0.005),
        Stretch::Asinh(1e-6),
        Stretch::Log(1e6),
        Stretch::Power(0.01),
        Stretch::Log(f32::NAN),
    ] {
        looks.push(("extreme curve", look::Look { stretch, ..grey }));
    }
    let contours = Contours {
        width: 1.5,
        ..Contours::between([0.0, 1.0], 4, [255, 220, 90]).unwrap()
    };
    let lined = look::Look {
        contours: Some(contours),
        ..grey
    };
    looks.push(("contours", lined));
    let overlay = Some(evidence(1.0, 0.8, false));
    looks.push(("overlay and contours", look::Look { overlay, ..lined }));
    let parts = [
        whole(),
        Rect::from_min_size(pos2(0.3, 0.2), vec2(0.25, 0.25)),
        Rect::from_min_size(pos2(0.61, 0.48), vec2(0.11, 0.11)),
    ];
    let case = |(name, look): (&str, look::Look), visible: Rect| Case {
        name: format!("{name} {:?} of {visible}", look.stretch),
        look,
        stamp: stamp(1, 24),
        over: look.overlay.map(|_| signed(16)),
        lines: look.contours.map(|_| stamp(1, 11)),
        visible,
    };
    looks
        .into_iter()
        .flat_map(|look| parts.map(|visible| case(look, visible)))
        .collect()
}

#[test]
fn edges_marks_and_lines_are_those_of_the_twin() {
    if common::can_take_snapshots() {
        compare(edges(), 1.0);
        compare(edges(), 2.0);
    }
}

/// A wall of maps with what can change about it.
struct Scene {
    block: Stamp,
    look: look::Look,
    visible: Rect,
}

fn block(planes: usize, side: usize, phase: f32) -> Stamp {
    let value = |i: usize| (i as f32 * 0.37 + phase).sin();
    let pixels: Vec<f32> = (0..planes * side * side).map(value).collect();
    Stamp::new("wall", pixels, [planes, side, side], ValueRange::SIGNED)
}

/// Side of a map of the wall on the screen.
const CELL: f32 = 20.0;

/// A window with a wall of 512 maps, and what it has sent to the graphics card.
fn wall(scene: Rc<RefCell<Scene>>) -> (Harness<'static>, Rc<Textures>) {
    let (state, renderer) = common::renderer();
    let textures = Rc::new(Textures::on(&state));
    let shared = textures.clone();
    let harness = Harness::builder()
        .with_size([32.0 * CELL, 16.0 * CELL])
        .with_pixels_per_point(1.0)
        .renderer(renderer)
        .build_ui(move |ui| {
            let scene = scene.borrow();
            textures.wall(ui, |ui| {
                for plane in 0..scene.block.channels {
                    let corner = vec2((plane % 32) as f32, (plane / 32) as f32) * CELL;
                    let spot = Spot {
                        place: Id::unique(plane),
                        frame: Rect::from_min_size(corner.to_pos2(), Vec2::splat(CELL)),
                        visible: scene.visible,
                        opacity: 1.0,
                    };
                    let look = Look::Exact(scene.look);
                    let picture = Picture::of_plane(&scene.block, plane, look);
                    let screen = ui.ctx().content_rect();
                    textures.paint(&ui.painter().with_clip_rect(screen), &picture, &spot);
                }
            });
            textures.end_frame();
        });
    (harness, shared)
}

fn draw_calls(harness: &Harness<'_>) -> usize {
    let shapes = harness.output().shapes.iter();
    shapes
        .filter(|s| matches!(s.shape, Shape::Callback(_)))
        .count()
}

#[test]
fn a_wall_of_512_maps_is_one_draw_call_and_one_upload() {
    if !common::can_take_snapshots() {
        return;
    }
    let scene = Rc::new(RefCell::new(Scene {
        block: block(512, 20, 0.0),
        look: look::Look::new(Ink::Map(Colormap::Inferno), [-1.0, 1.0], Stretch::Linear),
        visible: whole(),
    }));
    let (mut harness, textures) = wall(scene.clone());
    harness.run_steps(2);
    assert_eq!(draw_calls(&harness), 1);
    let image = harness.render().unwrap();
    for plane in [0, 31, 32, 300, 511] {
        let (x, y) = ((plane % 32) * CELL as usize, plane / 32 * CELL as usize);
        let got = image.get_pixel(x as u32 + 10, y as u32 + 3).0;
        let scene = scene.borrow();
        let value = scene.block.plane(plane)[3 * 20 + 10];
        let expected = scene.look.shade(&[value]).unwrap();
        for (got, expected) in got.into_iter().zip(expected) {
            let expected = (expected * 255.0).round() as u8;
            assert!(got.abs_diff(expected) <= 1, "map {plane}: {got} {expected}");
        }
    }
    // Limits, stretch, colours, zoom and pan are numbers: no pixel is sent again and no texture made.
    let before = textures.uploads();
    for step in 0..20 {
        let share = 0.02 * step as f32;
        let mut scene = scene.borrow_mut();
        scene.look.limits = [-1.0 + share, 1.0];
        scene.look.stretch = Stretch::ALL[step % 7];
        scene.look.bias = 0.4 + share;
        scene.look.ink = Ink::Map(Colormap::ALL[step % 7]);
        scene.visible = Rect::from_min_size(pos2(share, share), vec2(0.5, 0.5));
        drop(scene);
        harness.step();
        assert_eq!(draw_calls(&harness), 1);
    }
    assert_eq!(textures.uploads(), before);
}

#[test]
fn pixels_that_change_every_frame_use_few_textures() {
    if !common::can_take_snapshots() {
        return;
    }
    let scene = Rc::new(RefCell::new(Scene {
        block: block(4, 20, 0.0),
        look: look::Look::new(Ink::Map(Colormap::Grey), [-1.0, 1.0], Stretch::Linear),
        visible: whole(),
    }));
    let (mut harness, textures) = wall(scene.clone());
    harness.run_steps(2);
    let before = textures.uploads().unwrap();
    for step in 0..40 {
        scene.borrow_mut().block = block(4, 20, step as f32);
        harness.step();
    }
    let after = textures.uploads().unwrap();
    assert_eq!(after.blocks - before.blocks, 40);
    assert!(
        after.textures - before.textures <= 4,
        "{before:?} {after:?}"
    );
    // And what is on the screen is the last.
    let image = harness.render().unwrap();
    let scene = scene.borrow();
    let expected = scene.look.shade(&[scene.block.plane(3)[0]]).unwrap()[0];
    let got = image.get_pixel(3 * CELL as u32, 0).0[0];
    assert!(got.abs_diff((expected * 255.0).round() as u8) <= 1);
}
