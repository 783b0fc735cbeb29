//! The figure of every view, from results as the worker would give them.

use std::path::Path;

use ganoscope_core::figure::FigureFormat;
use ganoscope_core::region::{Place, Region, Shape};

use crate::comparison::{CompareMode, Comparison};
use crate::document::Document;
use crate::export::{ExportChoice, Shown, Subject, drawing};
use crate::figures::Paper;
use crate::results::{Loadable, Results};
use crate::testing::ready_results;
use crate::views::{VIEWS, ViewKey};
use crate::workbench::Workbench;

/// The figure of a view as SVG, or why there is none.
fn svg(view: ViewKey, paper: Paper) -> Result<String, String> {
    svg_of(
        view,
        paper,
        &ready_results(Path::new("series"), Path::new("blend.fits")),
    )
}

fn svg_of(view: ViewKey, paper: Paper, results: &Results) -> Result<String, String> {
    let mut document = Document::new(Some("series".into()), vec!["blend.fits".into()]);
    document.layer = Some("act_in".into());
    let circle = Shape::Circle {
        centre: Place::new(12.0, 9.0),
        radius: 4.0,
    };
    let mut region = Region::new(circle);
    region.colour = "#0a0b0c".to_owned();
    document.regions = vec![region].into();
    let workbench = Workbench {
        comparison: Comparison {
            mode: CompareMode::Difference,
            ..Comparison::default()
        },
        ..Workbench::default()
    };
    let choice = ExportChoice {
        paper,
        ..ExportChoice::default()
    };
    let shown = Shown {
        view,
        subject: &Subject::default(),
        document: &document,
        workbench: &workbench,
        results,
    };
    let bytes = drawing(&choice, &shown)?.encode(FigureFormat::Svg, 1.0);
    let bytes = bytes.map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

#[test]
fn every_view_of_pictures_and_numbers_has_a_figure_on_both_grounds() {
    for view in VIEWS {
        for paper in Paper::ALL {
            match svg(view, paper) {
                Ok(svg) => assert!(svg.contains("Tiny deblender"), "{view:?}"),
                Err(why) => {
                    assert_eq!(view, ViewKey::Header, "{why}");
                    assert!(why.contains("ganoscope header"), "{why}");
                }
            }
        }
    }
}

#[test]
fn regions_are_outlined_in_their_colour_on_every_picture() {
    for (view, pictures) in [(ViewKey::Deblend, 7), (ViewKey::Regions, 1)] {
        let svg = svg(view, Paper::White).unwrap();
        assert_eq!(svg.matches("#0a0b0c").count(), pictures, "{view:?}");
    }
}

#[test]
fn compared_pictures_have_their_difference_beside_them() {
    let svg = svg(ViewKey::Compare, Paper::White).unwrap();
    for text in ["Galaxy 1, generated", "Galaxy 1, truth", "A minus B"] {
        assert!(svg.contains(text), "{text}");
    }
}

#[test]
fn without_truths_the_outputs_are_compared_with_the_blend() {
    let mut results = ready_results(Path::new("series"), Path::new("blend.fits"));
    let mut scene = results
        .scene
        .shown()
        .map(|scene| (**scene).clone())
        .unwrap();
    scene.truths.clear();
    results.scene = Loadable::Ready(scene.into());
    let svg = svg_of(ViewKey::Compare, Paper::White, &results).unwrap();
    for text in ["Galaxy 1, generated", "Blend", "A minus B"] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(!svg.contains("truth"));
}
