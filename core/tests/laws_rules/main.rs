//! Each rule equals a slow twin written from its paper with the explicit matrix of the layer, and relevance is
//! conserved where the rule says so.

#[path = "../attribution_support/mod.rs"]
mod attribution_support;
mod matrix;

use attribution_support as support;
use candle_core::{DType, Device, Tensor};
use ganoscope_core::attribution::{
    AttributionError, BatchNormHandling, Composite, Method, Options, Pole, Rule, Score, Target,
    attribute,
};
use ganoscope_core::kernels::Algorithm;
use ganoscope_core::network::{ConvSpec, Network, NetworkBuilder, Op, Role, linear_apply};
use matrix::{layers, rules};

#[test]
fn every_rule_equals_its_matrix_form() {
    for layer in layers() {
        let (network, matrix) = (layer.network(), layer.matrix());
        let mut dims = vec![2];
        dims.extend_from_slice(&layer.input);
        let x = support::values(&format!("{} x", layer.name), &dims, DType::F64);
        let samples = x.flatten_from(1).and_then(|x| x.to_vec2::<f64>());
        let samples = samples.expect("values");
        for rule in rules() {
            let method = Method::Composite(Composite::single(rule));
            let options = Options::default();
            let map = attribute(
                &network,
                std::slice::from_ref(&x),
                &method,
                &Target::default(),
                &options,
            )
            .unwrap_or_else(|error| panic!("{} {rule}: {error}", layer.name));
            let found = map
                .relevance
                .flatten_from(1)
                .and_then(|r| r.to_vec2::<f64>());
            for (x, found) in samples.iter().zip(found.expect("values")) {
                let r = matrix.output(x);
                let expected = matrix.twin(rule, x, &r);
                let scale = expected.iter().fold(1e-9, |m: f64, v| m.max(v.abs()));
                for (a, b) in found.iter().zip(&expected) {
                    assert!(
                        (a - b).abs() < 1e-9 * scale,
                        "{} {rule}: {a} is not {b}",
                        layer.name
                    );
                }
            }
        }
    }
}

#[test]
fn single_precision_follows_double() {
    for layer in layers() {
        let network = layer.network();
        let mut dims = vec![3];
        dims.extend_from_slice(&layer.input);
        let x = support::values(&format!("{} x", layer.name), &dims, DType::F64);
        let single = network.to_dtype(DType::F32).expect("converts");
        for rule in rules() {
            let method = Method::Composite(Composite::single(rule));
            let map = |network: &Network, dtype| {
                let x = [x.to_dtype(dtype).expect("converts")];
                let options = Options::default();
                attribute(network, &x, &method, &Target::default(), &options)
                    .unwrap_or_else(|error| panic!("{} {rule}: {error}", layer.name))
                    .relevance
            };
            let difference =
                support::relative_difference(&map(&single, DType::F32), &map(&network, DType::F64));
            assert!(difference < 1e-3, "{} {rule}: {difference}", layer.name);
        }
    }
}

/// Relevance that biases take is counted, so nothing is missing where every output has evidence.
#[test]
fn relevance_is_conserved_up_to_what_is_counted() {
    let network = support::small_discriminator(3)
        .to_dtype(DType::F64)
        .expect("converts");
    let x = [support::values("stamps", &[3, 3, 16, 16], DType::F64)];
    for method in Method::all().into_iter().filter(Method::is_relevance) {
        for zero_bias in [false, true] {
            let options = Options {
                zero_bias,
                layer_sums: true,
                ..Options::default()
            };
            let map = attribute(&network, &x, &method, &Target::default(), &options)
                .unwrap_or_else(|error| panic!("{method}: {error}"));
            let gap = map.conservation_gap().expect("rules claim conservation");
            // Sums that nearly cancel, as epsilon alone meets them, give the stabiliser a share that is no small one.
            let cancels = matches!(method, Method::Epsilon | Method::ZBox) && zero_bias;
            assert!(
                gap < 1e-3 || cancels,
                "{method}, zero bias {zero_bias}: gap {gap}"
            );
            let absorbed = map.balances.iter().any(|b| b.absorbed != 0.0);
            assert!(
                !(zero_bias && absorbed),
                "{method}: nothing should be absorbed"
            );
            assert_eq!(map.layers.last().map(|l| &*l.layer), Some("galaxy"));
            for b in &map.balances {
                let rest = (b.start - b.sum - b.absorbed) / b.start.abs();
                assert_eq!(b.gap, Some(rest), "{method}: {b:?}");
            }
        }
    }
}

#[test]
fn alpha_one_beta_zero_is_zplus() {
    let network = support::small_discriminator(5);
    let x = [support::values("stamps", &[2, 3, 16, 16], DType::F32)];
    let rule = Rule::alpha_beta(1.0, 0.0).expect("the difference is one");
    let map = |method: &Method| {
        attribute(
            &network,
            &x,
            method,
            &Target::default(),
            &Options::default(),
        )
        .expect("runs")
    };
    let one = map(&Method::Composite(Composite::single(rule)));
    let zplus = map(&Method::ZPlus);
    assert_eq!(
        support::relative_difference(&one.relevance, &zplus.relevance),
        0.0
    );
    assert!(matches!(
        Rule::alpha_beta(2.0, 0.5),
        Err(AttributionError::Rule { .. })
    ));
}

/// The pseudocode of Polarized-LRP, one layer after the other on the canonised network.
fn polarized_twin(network: &Network, x: &Tensor, pole: f64) -> Tensor {
    use ganoscope_core::network::{Edits, Retain, canonize, linear_pullback};
    let canonical = canonize(network).expect("folds").network;
    let run = canonical
        .forward(std::slice::from_ref(x), &Edits::new(), &Retain::All)
        .expect("runs");
    let logit = run.outputs()[0].clone();
    let mut r = logit.abs().expect("magnitude");
    let weighted: Vec<_> = canonical
        .iter()
        .filter(|(_, n)| n.op.is_weighted())
        .collect();
    let t = |t: candle_core::Result<Tensor>| t.expect("shapes fit");
    for (i, (_, node)) in weighted.iter().enumerate().rev() {
        let a = run
            .value(&canonical, node.inputs[0])
            .expect("retained")
            .clone();
        let sign = if i + 1 == weighted.len() { pole } else { 1.0 };
        let w = t(node.param(Role::Weight).expect("weighted") * sign);
        let b = t(node.param(Role::Bias).expect("has a bias") * sign);
        let (wp, wn) = (t(w.maximum(0.0)), t(w.minimum(0.0)));
        let apply = |x: &Tensor, w: &Tensor, b: Option<&Tensor>| {
            linear_apply(Algorithm::Direct, &node.op, x, w, b).expect("applies")
        };
        let back = |s: &Tensor, w: &Tensor| {
            linear_pullback(Algorithm::Direct, &node.op, s, w, a.dims()).expect("pulls back")
        };
        let st = |z: &Tensor| {
            t(z.ge(0.0)
                .and_then(|s| s.to_dtype(z.dtype())?.affine(2e-6, -1e-6) + z))
        };
        if i == 0 {
            let low = t(t(a.zeros_like()) - 1.0);
            let high = t(a.ones_like());
            let z = t(t(apply(&a, &w, None) - apply(&low, &wp, None)) - apply(&high, &wn, None));
            let s = t(r.reshape(z.dims()).and_then(|r| r / st(&z)));
            let shares = t(t(&a * back(&s, &w)) - t(&low * back(&s, &wp)));
            r = t(shares - t(&high * back(&s, &wn)));
        } else {
            let (ap, an) = (t(a.maximum(0.0)), t(a.minimum(0.0)));
            let z = t(apply(&ap, &wp, Some(&t(b.maximum(0.0)))) + apply(&an, &wn, None));
            let s = t(r.reshape(z.dims()).and_then(|r| r / st(&z)));
            r = t(t(&ap * back(&s, &wp)) + t(&an * back(&s, &wn)));
        }
    }
    t(r * pole)
}

#[test]
fn polarized_follows_its_pseudocode() {
    let network = support::small_discriminator(3)
        .to_dtype(DType::F64)
        .expect("converts");
    let stamps = support::values("stamps", &[4, 3, 16, 16], DType::F64);
    let map = |x: &Tensor, pole| {
        let method = Method::Polarized { pole };
        attribute(
            &network,
            std::slice::from_ref(x),
            &method,
            &Target::default(),
            &Options::default(),
        )
        .expect("the map can be made")
    };
    for sample in 0..4 {
        let x = stamps.narrow(0, sample, 1).expect("a sample");
        let both = map(&x, Pole::Both);
        let poles = both.poles.clone().expect("both poles");
        for (pole, sign, found) in [
            (Pole::Real, 1.0, &poles.real),
            (Pole::Fake, -1.0, &poles.fake),
        ] {
            let expected = polarized_twin(&network, &x, sign);
            let alone = map(&x, pole);
            assert!(support::relative_difference(&alone.relevance, &expected) < 1e-9);
            assert!(support::relative_difference(&found.relevance, &expected) < 1e-9);
            let wrong = (&found.relevance * sign).and_then(|r| r.minimum(0.0));
            assert_eq!(
                support::max_abs(&wrong.expect("signs")),
                0.0,
                "one sign per pole"
            );
            assert!(found.balances[0].gap.is_some_and(|gap| gap.abs() < 1e-3));
            let auto = map(&x, Pole::Auto);
            if auto.balances[0].score.signum() == sign {
                assert!(support::relative_difference(&auto.relevance, &expected) < 1e-9);
            }
        }
        let sum = (&poles.real.relevance + &poles.fake.relevance).expect("equal dimensions");
        assert!(support::relative_difference(&both.relevance, &sum) < 1e-12);
        // A sample's map does not depend on its neighbours in the batch.
        let batch = map(&stamps, Pole::Both)
            .relevance
            .narrow(0, sample, 1)
            .expect("a sample");
        assert!(support::relative_difference(&batch, &both.relevance) < 1e-9);
    }
}

#[test]
fn an_undecided_or_empty_pole_is_reported() {
    let mut b = NetworkBuilder::new(|_, role, dims| {
        let value = if role == Role::Bias { -1.0 } else { 1.0 };
        Ok(Tensor::full(value, dims, &Device::Cpu)?.to_dtype(DType::F32)?)
    });
    let x = b.input("input", &[1, 1, 1]).expect("valid");
    let x = b.plain("flatten", Op::Flatten, &[x]).expect("valid");
    let x = b.dense("first", x, 1, false).expect("valid");
    let x = b.plain("act", Op::Relu, &[x]).expect("valid");
    let x = b.dense("logit", x, 1, true).expect("valid");
    b.output("logit", x);
    let network = b.finish().expect("valid");
    let map = |value: f32, pole| {
        let x = Tensor::full(value, (1, 1, 1, 1), &Device::Cpu).expect("a value");
        let method = Method::Polarized { pole };
        attribute(
            &network,
            &[x],
            &method,
            &Target::default(),
            &Options::default(),
        )
        .expect("the map can be made")
    };
    let undecided = map(1.0, Pole::Real);
    assert_eq!(undecided.balances[0].start, 1.0);
    assert!(
        undecided.warnings[0].contains("nearly zero"),
        "{:?}",
        undecided.warnings
    );
    // Only the bias speaks for "generated": it absorbs everything and the map is empty.
    let empty = map(0.5, Pole::Fake);
    assert_eq!(support::max_abs(&empty.relevance), 0.0);
    assert!((empty.balances[0].absorbed - empty.balances[0].start).abs() < 1e-5);
    assert!(
        empty.warnings[0].contains("zero everywhere"),
        "{:?}",
        empty.warnings
    );
}

#[test]
fn targets_choose_what_is_explained() {
    let mut b = NetworkBuilder::new(support::procedural(9));
    let x = b.input("blend", &[2, 6, 6]).expect("valid");
    let x = b
        .conv("conv", x, 3, ConvSpec::square(3, 1, 1), true)
        .expect("valid");
    let x = b.plain("act", Op::Relu, &[x]).expect("valid");
    let y = b
        .conv("out", x, 2, ConvSpec::square(3, 1, 1), true)
        .expect("valid");
    let y = b.plain("tanh", Op::Tanh, &[y]).expect("valid");
    b.output("galaxy", y);
    let network = b
        .finish()
        .expect("valid")
        .to_dtype(DType::F64)
        .expect("converts");
    let x = [support::values("blend", &[1, 2, 6, 6], DType::F64)];
    let map = |score| {
        let target = Target { output: 0, score };
        attribute(
            &network,
            &x,
            &Method::EpsilonPlus,
            &target,
            &Options::default(),
        )
        .expect("runs")
    };
    let whole = map(Score::Sum);
    let channels: Vec<_> = (0..2).map(|c| map(Score::Channel(c)).relevance).collect();
    let sum = (&channels[0] + &channels[1]).expect("equal dimensions");
    assert!(support::relative_difference(&sum, &whole.relevance) < 1e-9);
    // One corner is made of the 5 x 5 pixels that two 3 x 3 convolutions reach from it.
    let mut weights = vec![0.0; 36];
    weights[0] = 1.0;
    let corner = map(Score::Region(ganoscope_core::attribution::RegionMask {
        rows: 6,
        columns: 6,
        weights,
    }));
    let far = corner.relevance.narrow(2, 3, 3).expect("rows");
    assert_eq!(support::max_abs(&far), 0.0);
    assert!(support::max_abs(&corner.relevance) > 0.0);
    let element = Target::parse(&network, "galaxy:71").expect("an element");
    assert_eq!(element.score, Score::Element(71));
    for bad in ["galaxy:72", "galaxy:x", "nothing", "1"] {
        assert!(Target::parse(&network, bad).is_err(), "{bad}");
    }
}

#[test]
fn errors_name_the_culprit() {
    let network = support::small_discriminator(3);
    let stamp = support::values("stamp", &[1, 3, 16, 16], DType::F32);
    let run = |network: &Network, x: &Tensor, method: &Method, options: &Options| {
        attribute(
            network,
            std::slice::from_ref(x),
            method,
            &Target::default(),
            options,
        )
        .map(|_| ())
        .map_err(|error| error.to_string())
    };
    let polarized = Method::Polarized { pole: Pole::Auto };
    let broken = network
        .map_params(|id, p| {
            let name = &*network.node(id).name;
            Ok(if name == "net.conv3" && p.role == Role::Weight {
                (&p.tensor * f64::NAN)?
            } else {
                p.tensor.clone()
            })
        })
        .expect("shapes are kept");
    for method in [&polarized, &Method::Gradient, &Method::EpsilonPlus] {
        let options = Options {
            batch_norm: BatchNormHandling::Pass,
            ..Options::default()
        };
        let error = run(&broken, &stamp, method, &options).expect_err("NaN weights");
        assert_eq!(error, "layer net.conv3: the activation is not finite");
    }
    let infinite = (&stamp * f64::INFINITY).expect("scales");
    let error = run(&network, &infinite, &polarized, &Options::default());
    assert!(
        error
            .expect_err("infinite input")
            .starts_with("input galaxy")
    );
    let options = Options {
        retain: vec!["net.conv9".into()],
        ..Options::default()
    };
    let error = run(&network, &stamp, &polarized, &options).expect_err("no such layer");
    assert!(error.contains("net.conv9"), "{error}");
    let mut composite = Composite::epsilon_plus();
    composite.by_name.insert("net.act2".into(), Rule::ZPlus);
    let error = run(
        &network,
        &stamp,
        &Method::Composite(composite),
        &Options::default(),
    );
    let error = error.expect_err("an activation has no weights");
    assert!(
        error.contains("net.act2") && error.contains("zplus"),
        "{error}"
    );
    let wide = support::values("stamp", &[1, 3, 16, 17], DType::F32);
    let error = run(&network, &wide, &polarized, &Options::default());
    assert!(error.expect_err("another size").contains("galaxy"));
}

#[test]
fn methods_are_named_and_saved() {
    for method in Method::all() {
        assert_eq!(
            method.name().parse::<Method>().expect("its own name"),
            method
        );
        let text = ron::to_string(&method).expect("serialises");
        assert_eq!(
            ron::from_str::<Method>(&text).expect("deserialises"),
            method
        );
    }
    let error = "layerwise".parse::<Method>().expect_err("no such method");
    assert!(error.to_string().contains("polarized"), "{error}");
    let composite = Composite::polarized((-1.0, 1.0));
    let text = toml::to_string(&composite).expect("serialises");
    assert_eq!(
        toml::from_str::<Composite>(&text).expect("deserialises"),
        composite
    );
}
