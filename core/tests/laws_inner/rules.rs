//! Rules chosen by name, kind, place and pattern, as people write them.

use ganoscope_core::attribution::{Composite, LayerKind, Method, Options, Prepared, Rule, Target};

use crate::{discriminator, explain, stamps, support};

#[test]
fn rules_go_to_layers_by_name_pattern_place_and_kind() {
    let (network, x) = (discriminator(), stamps());
    let map = |changes: &[&str]| {
        let mut composite = Composite::epsilon_plus();
        for change in changes {
            composite.set(&network, change, (-1.0, 1.0)).unwrap();
        }
        explain(
            &network,
            &x,
            &Method::Composite(composite),
            &Target::default(),
            &Options::default(),
        )
        .relevance
    };
    let plain = map(&[]);
    // The same choice said in different words.
    let by_name = map(&["net.conv0=flat"]);
    for words in [
        &["first=flat"][..],
        &["net.conv0*=flat"],
        &["*0=gamma", "*onv0=flat"],
    ] {
        assert_eq!(
            support::relative_difference(&map(words), &by_name),
            0.0,
            "{words:?}"
        );
    }
    let flat = explain(
        &network,
        &x,
        &Method::EpsilonPlusFlat,
        &Target::default(),
        &Options::default(),
    );
    assert_eq!(support::relative_difference(&flat.relevance, &by_name), 0.0);
    assert!(support::relative_difference(&plain, &by_name) > 1e-3);
    // A pattern that also names activations changes only what its rule applies to; a name says more than a pattern.
    let gamma = map(&["convolution=gamma"]);
    assert_eq!(
        support::relative_difference(
            &map(&["net.*=gamma", "dense=epsilon", "net.fc*=epsilon"]),
            &gamma
        ),
        0.0
    );
    let mixed = map(&["net.conv?=gamma", "net.conv0=flat"]);
    let same = map(&["convolution=gamma", "first=flat"]);
    assert_eq!(support::relative_difference(&mixed, &same), 0.0);
    let box_first = map(&["convolution=gamma", "first=z-box"]);
    let named = explain(
        &network,
        &x,
        &Method::EpsilonGammaBox,
        &Target::default(),
        &Options::default(),
    );
    assert_eq!(
        support::relative_difference(&box_first, &named.relevance),
        0.0
    );
}

#[test]
fn rules_that_cannot_be_are_named() {
    let network = discriminator();
    let mut composite = Composite::epsilon_plus();
    for (text, culprit) in [
        ("net.conv9=zplus", "net.conv9"),
        ("first", "PLACE=RULE"),
        ("first=layerwise", "layerwise"),
        ("first=epsilon x", "epsilon x"),
        ("first=epsilon 0", "epsilon"),
        ("first=z-box 1,1", "z-box"),
        ("first=alpha2-beta2", "alpha"),
        ("first=zplus 3", "zplus 3"),
    ] {
        let error = composite.set(&network, text, (-1.0, 1.0)).unwrap_err();
        assert!(error.to_string().contains(culprit), "{text}: {error}");
    }
    composite
        .set(&network, "*.conv9=zplus", (-1.0, 1.0))
        .unwrap();
    let method = Method::Composite(composite);
    let error = Prepared::new(&network, &method, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("*.conv9"), "{error}");
    let options = Options {
        stop_at: vec!["net.conv9".into()],
        ..Options::default()
    };
    let error = Prepared::new(&network, &Method::ZPlus, &options).unwrap_err();
    assert!(error.to_string().contains("net.conv9"), "{error}");
}

#[test]
fn rules_and_kinds_are_written_as_they_are_read() {
    for rule in [
        Rule::Epsilon { epsilon: 1e-6 },
        Rule::Gamma { gamma: 0.25 },
        Rule::ZPlus,
        Rule::AlphaBeta {
            alpha: 2.0,
            beta: 1.0,
        },
        Rule::ZBox {
            low: -1.0,
            high: 1.0,
        },
        Rule::WSquare,
        Rule::Flat,
        Rule::Norm,
        Rule::Polar,
        Rule::Pass,
        Rule::Gradient,
    ] {
        assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
    }
    for kind in LayerKind::ALL {
        assert_eq!(kind.name().parse::<LayerKind>().unwrap(), kind);
        let written = toml::Value::try_from(kind).unwrap();
        assert_eq!(written.as_str(), Some(kind.name()));
    }
    let mut composite = Composite::epsilon_plus();
    let network = discriminator();
    for change in [
        "net.*=zplus",
        "addition=gradient",
        "net.conv0=flat",
        "last=polar",
    ] {
        composite.set(&network, change, (-1.0, 1.0)).unwrap();
    }
    let text = toml::to_string(&composite).unwrap();
    assert_eq!(
        toml::from_str::<Composite>(&text).unwrap(),
        composite,
        "{text}"
    );
}
