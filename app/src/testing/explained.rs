//! Made-up rules, parts, curves and sums of units, as the worker would give them.

use std::path::Path;

use ganoscope_core::attribution::{
    FlippingCurve, LayerKind, LayerRule, Method, RegionSum, Rule, SourcePart,
};
use ganoscope_core::jobs::{
    BesideMap, Failure, FlippingPreview, FlippingRow, Input, RelevancePreview, ThroughSpec,
    ThroughWay, UnitRelevance,
};
use ganoscope_core::stamp::Stamp;

/// Shares of one source's parts; they add up to one.
pub(super) fn parts(is_real: bool) -> Vec<RegionSum> {
    let shares = if is_real {
        [0.46, 0.31, 0.17, 0.06]
    } else {
        [0.12, 0.2, 0.38, 0.3]
    };
    let sign = if is_real { 1.0 } else { -1.0 };
    let parts = [
        (SourcePart::Core(0), 0.06),
        (SourcePart::Outskirts(0), 0.24),
        (SourcePart::Background, 0.22),
        (SourcePart::Border, 0.48),
    ];
    parts
        .into_iter()
        .zip(shares)
        .map(|((part, area_share), share)| RegionSum {
            part,
            area: 576.0 * area_share,
            sum: sign * share * 20.0,
            absolute: share * 20.0,
            share,
            area_share,
        })
        .collect()
}

/// The rules of a small discriminator.
pub(super) fn layer_rules() -> Vec<LayerRule> {
    let rule = |layer: &str, kind, op, rule| LayerRule {
        layer: layer.into(),
        kind,
        op,
        rule,
    };
    let z_box = Rule::ZBox {
        low: -1.0,
        high: 1.0,
    };
    vec![
        rule("net.conv0", LayerKind::Convolution, "Conv2d", z_box),
        rule("net.act0", LayerKind::Activation, "LeakyReLU", Rule::Pass),
        rule("net.conv1", LayerKind::Convolution, "Conv2d", Rule::ZPlus),
        rule("net.act1", LayerKind::Activation, "LeakyReLU", Rule::Pass),
        rule("net.flatten", LayerKind::Routing, "Flatten", Rule::Gradient),
        rule("net.dense", LayerKind::Dense, "Dense", Rule::ZPlus),
        rule("logit", LayerKind::Dense, "Dense", Rule::Polar),
    ]
}

/// The same preview with two methods beside its own, one of which gives no map.
pub fn with_gradient_beside(preview: &RelevancePreview) -> RelevancePreview {
    let mut preview = preview.clone();
    for row in &mut preview.rows {
        let Some(mut map) = row.maps.first().cloned() else {
            continue;
        };
        let turned: Vec<f32> = map.map.pixels.iter().rev().map(|v| 0.03 * v).collect();
        map.map = Stamp::new("relevance", turned, map.map.dims(), map.map.range);
        map.is_real_pole = None;
        map.whole *= 0.03;
        map.conservation_gap = None;
        map.absorbed = None;
        row.beside = vec![
            BesideMap {
                method: Method::Gradient,
                map: Ok(map),
                agreement: 0.41,
            },
            BesideMap {
                method: Method::WSquare,
                map: Err(Failure::new("layer net.conv1: the rule does not apply")),
                agreement: 0.0,
            },
        ];
    }
    preview
}

/// Curves that fall faster than chance.
pub fn flipping_preview() -> FlippingPreview {
    let names = [
        "Galaxy 1, truth",
        "Galaxy 2, truth",
        "Galaxy 1, generated",
        "Galaxy 2, generated",
    ];
    let curve =
        |by: f64| -> Vec<f64> { (0..=50).map(|i| 1.7 * (-by * f64::from(i)).exp()).collect() };
    let row = |name: &str| FlippingRow {
        name: name.to_owned(),
        curves: vec![(
            Method::EpsilonPlus,
            Ok(FlippingCurve::of(curve(0.06), &[curve(0.02), curve(0.015)])),
        )],
    };
    FlippingPreview {
        rows: names.into_iter().map(row).collect(),
    }
}

/// Sums of the twelve units of the tests' layer: the eighth spoke most for "generated".
pub fn unit_relevance(series: &Path, input: &Path) -> UnitRelevance {
    let sums = (0..12).map(|unit| {
        if unit == 7 {
            -0.9
        } else {
            0.05 * f64::from(unit) - 0.3
        }
    });
    UnitRelevance {
        spec: ThroughSpec {
            series: series.to_owned(),
            step: 5000,
            input: Input::from(input),
            way: ThroughWay::Relevance,
        },
        logits: vec![-0.8, -0.8],
        gap: Some(0.012),
        absorbed: Some(0.08),
        layers: vec![("act_in".into(), sums.collect())],
    }
}
