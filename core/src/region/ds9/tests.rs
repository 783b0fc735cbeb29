//! Region files as DS9 and people write them, and as nobody should.

use super::*;
use crate::region::{Place, Region, Shape};
use crate::seed::hash_uniform;
use crate::sky::Grid;
use crate::stamp::{Card, Stamp, ValueRange};

const HEIGHT: usize = 40;

fn grid(cards: Vec<Card>) -> Grid {
    let mut stamp = Stamp::new(
        "s",
        vec![0.0; HEIGHT * 50],
        [1, HEIGHT, 50],
        ValueRange::UNIT,
    );
    stamp.cards = cards;
    Grid::of(&stamp)
}

fn plain() -> Grid {
    grid(Vec::new())
}

fn sky() -> Grid {
    grid(vec![
        Card::text("CTYPE1", "RA---TAN"),
        Card::text("CTYPE2", "DEC--TAN"),
        Card::value("CRPIX1", 25),
        Card::value("CRPIX2", 20),
        Card::value("CRVAL1", 150.0),
        Card::value("CRVAL2", 2.0),
        Card::value("CDELT1", -0.001),
        Card::value("CDELT2", 0.001),
    ])
}

#[track_caller]
fn regions(text: &str) -> Vec<Region> {
    read(text, &plain()).expect("regions").regions
}

#[track_caller]
fn problem(text: &str) -> String {
    read(text, &sky()).expect_err("wrong").to_string()
}

/// The place of DS9's image pixel.
fn place(x: f64, y: f64) -> Place {
    Place::new(x - 1.0, HEIGHT as f64 - y)
}

#[test]
fn a_file_of_ds9_is_read() {
    let text = "\
# Region file format: DS9 version 4.1
# Filename: galaxy.fits; a comment
global color=cyan dashlist=8 3 width=2 font=\"helvetica 10 normal roman\" select=1 highlite=1 dash=0 fixed=0 edit=1 move=1 \
delete=1 include=1 source=1
image
circle(10,20,5.5)
ellipse(10.5,20.25,4,2,30) # color=red width=3 text={the {nucleus} tag={a b} tag='second' dash=1 dashlist=4 2
-box(30,10,8,4,0) # background
polygon(1,1,5,1,5,5)
";
    let found = regions(text);
    assert_eq!(found.len(), 4);
    let circle = Shape::Circle {
        centre: place(10.0, 20.0),
        radius: 5.5,
    };
    assert_eq!(found[0].shape, circle);
    assert_eq!((found[0].colour.as_str(), found[0].width), ("cyan", 2));
    assert!(found[0].properties.is_empty());
    let ellipse = &found[1];
    assert_eq!((ellipse.colour.as_str(), ellipse.width), ("red", 3));
    assert_eq!(ellipse.text, "the {nucleus");
    assert_eq!(ellipse.tags, ["a b", "second"]);
    let kept = [("dash", "1"), ("dashlist", "4 2")];
    let kept = kept.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(ellipse.properties, kept);
    assert!(found[2].exclude && !found[3].exclude);
    let corners = [(1.0, 1.0), (5.0, 1.0), (5.0, 5.0)].map(|(x, y)| place(x, y));
    assert_eq!(
        found[3].shape,
        Shape::Polygon {
            corners: corners.to_vec()
        }
    );
}

#[test]
fn commands_and_numbers_may_be_written_in_many_ways() {
    let wanted = regions("image;circle(10,20,5)");
    for text in [
        "image; circle(10, 20, 5)",
        "IMAGE\nCIRCLE 10 20 5",
        "image\r\n  circle ( 10  20  5 ) ;",
        "\u{feff}image;;circle(1e1,20.,5.0) # nothing=1 said",
        "fk5;image;+circle(10i,20i,5i)",
        "physical; circle(10p, 20p, 5p)",
        "circle(10,20,5) || # color=green",
    ] {
        let mut found = regions(text);
        for region in &mut found {
            region.properties.clear();
        }
        assert_eq!(found, wanted, "{text}");
    }
    assert_eq!(
        regions("box(1,2,3,4)")[0].shape,
        regions("rotbox(1,2,3,4,0)")[0].shape
    );
    let included = regions("circle(1,2,3) # include=0; !circle(1,2,3); circle(1,2,3) # text={;-#}");
    let excluded: Vec<bool> = included.iter().map(|region| region.exclude).collect();
    assert_eq!(excluded, [true, true, false]);
    assert_eq!(included[2].text, ";-#");
}

#[test]
fn units_of_the_sky_are_understood() {
    let same = |a: &str, b: &str| {
        let read = |text: &str| read(text, &sky()).expect(text).regions[0].shape.clone();
        let (a, b) = (read(a), read(b));
        let pairs = a.outline().into_iter().zip(b.outline());
        let furthest = pairs.map(|(p, q)| p.distance(q)).fold(0.0, f64::max);
        assert!(furthest < 1e-6, "{a:?} {b:?}");
    };
    same("icrs; circle(150, 2, 0.005)", "image; circle(25, 20, 5)");
    for text in [
        "icrs; circle(10:00:00, 2:00:00, 18\")",
        "icrs; circle(10h0m0s, +2d0m0s, 0.3')",
        "icrs; circle(150d, 2d, 0.005d)",
        "icrs; circle(2.6179938779914944r, 0.03490658503988659r, 8.726646259971648e-05r)",
        "icrs; circle(150, 2, 5i)",
        "image; circle(25, 20, 18\")",
        "image; circle(25, 20, 5p)",
    ] {
        same(text, "image; circle(25, 20, 5)");
    }
    // In galactic coordinates colons are degrees for both.
    let sky = sky().sky(place(25.0, 20.0)).expect("sky");
    let galactic = sky.to(Frame::Galactic).expect("known");
    let text = format!(
        "galactic; circle({}, {}, 18\")",
        crate::sky::format_degrees(galactic.longitude, 6),
        crate::sky::format_degrees(galactic.latitude, 6)
    );
    same(&text, "image; circle(25, 20, 5)");
}

#[test]
fn what_is_not_understood_is_kept_and_said() {
    let text = "\
image
point(3,4) # point=cross 15 text={a;b}
circle(10,20,5)
# text(5,6) text={words}
fk4; circle(10:00:00, 2:00:00, 18\")
wcsa; line(1,2,3,4)
image; annulus(5,5,1,2)
";
    let file = read(text, &plain()).expect("regions");
    assert_eq!(file.regions.len(), 1);
    let kept: Vec<(&str, &str, usize)> = file
        .kept
        .iter()
        .map(|k| (k.system.as_str(), k.text.as_str(), k.line))
        .collect();
    let wanted = [
        ("image", "point(3,4) # point=cross 15 text={a;b}", 2),
        ("image", "# text(5,6) text={words}", 4),
        ("fk4", "circle(10:00:00, 2:00:00, 18\")", 5),
        ("wcsa", "line(1,2,3,4)", 6),
        ("image", "annulus(5,5,1,2)", 7),
    ];
    assert_eq!(kept, wanted);
    assert_eq!(file.warnings.len(), 5);
    assert_eq!(
        file.warnings[2],
        "line 5: coordinates in fk4 is not understood here; it is kept for the next file"
    );
    let again = write(&file.regions, &file.kept, System::Image, &plain()).expect("written");
    let file = read(&again, &plain()).expect("read back");
    let kept: Vec<(&str, &str)> = file
        .kept
        .iter()
        .map(|k| (k.system.as_str(), k.text.as_str()))
        .collect();
    assert_eq!(kept, wanted.map(|(system, text, _)| (system, text)));
}

#[test]
fn errors_name_line_and_column() {
    for (text, wanted) in [
        (
            "image\nellipse(1,2,3,4,5,6,7)",
            "line 2, column 1: an ellipse with a hole (several sizes) is not supported; write the inner one as an excluded region",
        ),
        (
            "image; box(1,2,3,4,5,6,0)",
            "line 1, column 8: a box with a hole (several sizes) is not supported; write the inner one as an excluded region",
        ),
        (
            "circle(1,2,3,n=3)",
            "line 1, column 14: a circle with a hole (several sizes) is not supported; write the inner one as an excluded region",
        ),
        (
            "image\n\ncircle(1,two,3)",
            "line 3, column 10: `two` is no number",
        ),
        (
            "circle(1,2",
            "line 1, column 11: found the end of the line, expected a number or `)`",
        ),
        (
            "circle(1,2)",
            "line 1, column 1: a circle has 2 numbers, expected 3",
        ),
        (
            "polygon(1,2,3,4,5)",
            "line 1, column 1: a polygon has 5 numbers, expected 6, 8, 10, ...",
        ),
        ("circle(1,2,-3)", "line 1, column 1: the radius is negative"),
        ("circle(1,2,nan)", "line 1, column 12: `nan` is no number"),
        (
            "circle(1,2,1e999)",
            "line 1, column 12: `1e999` is no number",
        ),
        (
            "circel",
            "line 1, column 1: `circel` is no shape or coordinate system",
        ),
        (
            "circle(1,2,3) circle(1,2,3)",
            "line 1, column 15: found `c`, expected `;`, `#` or the end of the line",
        ),
        (
            "circle(1,2,3) # text={abc",
            "line 1, column 23: `{` is never closed",
        ),
        (
            "image; circle(10:00:00,2,3)",
            "line 1, column 15: `10:00:00` is no position in pixels (the coordinate system is not the sky)",
        ),
        (
            "fk5; circle(10,91,3)",
            "line 1, column 16: `91` is no latitude from -90 to 90 degrees",
        ),
        (
            "fk5; circle(330,-2,3)",
            "line 1, column 13: the position 330, -2 is not on the picture's projection of the sky",
        ),
        (
            "*",
            "line 1, column 1: found `*`, expected a shape, a coordinate system or `global`",
        ),
    ] {
        assert_eq!(problem(text), wanted, "{text}");
    }
}

#[test]
fn sky_coordinates_without_a_sky_are_errors() {
    let error = read("circle(1, 2, 3\")", &plain()).expect_err("no sky");
    assert_eq!(
        error.to_string(),
        "line 1, column 14: `3\"` needs sky coordinates, but the file has no sky coordinates"
    );
    let error = write(
        &regions("circle(1,2,3)"),
        &[],
        System::Sky(Frame::Fk5),
        &plain(),
    );
    let error = error.expect_err("no sky").to_string();
    assert_eq!(
        error,
        "line 4, column 1: a circle in fk5 needs sky coordinates, but the file has no sky coordinates"
    );
}

/// Whole files, cut anywhere and with characters changed anywhere, give regions or an error.
#[test]
fn damaged_files_cause_no_panic() {
    let text = "\
global color=cyan dashlist=8 3 font=\"helvetica 10\"
image; circle(10,20,5.5) # color=red text={a} tag={b}; -box(1:2:3,2h3m4s,3\",4',5)
fk5; ellipse(10:00:00,+2:00:00,1\",2\",30) || # é
# text(1,2) text={x}
polygon(1,1,5,1,5,5); point(1,2) # point=x";
    let chars: Vec<char> = text.chars().collect();
    for grid in [plain(), sky()] {
        for end in 0..=chars.len() {
            let cut: String = chars.iter().take(end).collect();
            let _ = read(&cut, &grid);
        }
        let odd = [
            '(', ')', '{', '}', '"', '\'', ';', '#', '-', ':', 'e', 'd', 'h', '=', '|', '\u{0}',
            'é', '9', '\n', ',',
        ];
        let random = hash_uniform("damage", 6000, 3);
        let pick =
            |u: f64, count: usize| ((f64::midpoint(u, 1.0) * count as f64) as usize).min(count - 1);
        for chosen in random.chunks(3) {
            let mut damaged = chars.clone();
            damaged[pick(chosen[0], chars.len())] = odd[pick(chosen[1], odd.len())];
            let at = pick(chosen[2], chars.len());
            damaged.remove(at);
            let damaged: String = damaged.into_iter().collect();
            if let Ok(file) = read(&damaged, &grid) {
                // What could be read can be written and read again.
                let text = write(&file.regions, &file.kept, System::Image, &grid).expect("written");
                let again = read(&text, &grid).unwrap_or_else(|e| panic!("{e}: {text}"));
                assert_eq!(again.regions.len(), file.regions.len(), "{text}");
            }
        }
    }
}

#[test]
fn words_with_any_quotes_survive() {
    for text in [
        "a",
        "a;b # c",
        "{",
        "}",
        "{}",
        "}\"",
        "\"",
        "'",
        "a=b",
        "  ",
        "é",
        "two words",
    ] {
        let region = regions("image; circle(1,2,3)")[0].clone().with_text(text);
        let mut region = region;
        region.tags = vec![text.to_owned()];
        region.colour = "#8080ff".to_owned();
        region.properties = vec![("font".to_owned(), "times 12 bold".to_owned())];
        let written =
            write(std::slice::from_ref(&region), &[], System::Image, &plain()).expect("written");
        assert_eq!(regions(&written), [region], "{written}");
    }
    let all = regions("circle(1,2,3)")[0].clone().with_text("{}\"'\n");
    let written = write(&[all], &[], System::Image, &plain()).expect("written");
    assert_eq!(regions(&written)[0].text, "()\"' ");
}
