//! Relevance in the window: rules, methods side by side, targets, parts, faithfulness, and units by what they did for the verdict.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use common::{Files, Start, app, opened, settle};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ganoscope::app::App;
use ganoscope::command::{Change, Command, RegionChange, RegionVerb, UiCommand};
use ganoscope::document::Document;
use ganoscope::explain::{Explain, TargetChoice};
use ganoscope::workbench::{RelevanceSection, UnitOrder};
use ganoscope_core::attribution::{Method, Pole, Rule, RuleChange};
use ganoscope_core::checkpoint::{Metrics, NetworkRole, Series, write_checkpoint};
use ganoscope_core::jobs::{Input, RelevancePreview};
use ganoscope_core::network::Role as ParamRole;
use ganoscope_core::region::{Place, Region, Shape};

/// The Relevance view of a tiny series.
fn relevance_of(files: &Files) -> Harness<'static, App> {
    let mut harness = opened(files);
    harness.key_press(Key::Num3);
    settle(&mut harness);
    harness
}

fn preview<'a>(harness: &'a Harness<'_, App>) -> &'a RelevancePreview {
    harness.state().results().relevance.ready().unwrap()
}

fn explain<'a>(harness: &'a Harness<'_, App>) -> &'a Explain {
    &harness.state().document().explain
}

/// Opens a list by its label and chooses an entry.
#[track_caller]
fn choose(harness: &mut Harness<'_, App>, list: &str, entry: &str) {
    harness.get_by_role_and_label(Role::ComboBox, list).click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Button, entry).click();
    harness.run_steps(3);
    settle(harness);
}

#[test]
fn a_rule_is_chosen_for_a_layer_and_put_back() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    harness.state().push(Change::SetMethod(Method::EpsilonPlus));
    settle(&mut harness);
    harness.get_by_label("Rules").click();
    settle(&mut harness);
    let before = preview(&harness).rows[0].maps[0].map.clone();
    let first = preview(&harness).rules[0].clone();
    assert_eq!(first.rule, Rule::ZPlus);
    choose(&mut harness, &first.layer, "gamma 0.25");
    assert_eq!(explain(&harness).rules.len(), 1);
    assert_eq!(preview(&harness).rules[0].rule, Rule::Gamma { gamma: 0.25 });
    assert_ne!(preview(&harness).rows[0].maps[0].map, before);
    harness.get_by_label("Rules: 1 changed");
    // Saved with the document.
    let text = ron::to_string(harness.state().document()).unwrap();
    let again: Document = ron::from_str(&text).unwrap();
    assert_eq!(&again, harness.state().document());
    // Undone and done again.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    settle(&mut harness);
    assert!(explain(&harness).rules.is_empty());
    assert_eq!(preview(&harness).rows[0].maps[0].map, before);
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    settle(&mut harness);
    assert_eq!(explain(&harness).rules.len(), 1);
    harness
        .get_by_label(&format!("Reset {}", first.layer))
        .click();
    settle(&mut harness);
    assert!(explain(&harness).rules.is_empty());
}

#[test]
fn a_rule_that_fits_nowhere_can_be_taken_back() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    let wrong = Explain {
        rules: vec![RuleChange {
            place: "no.such.layer".to_owned(),
            rule: Rule::Flat,
        }],
        ..Explain::default()
    };
    harness.state().push(Change::SetExplain {
        explain: Box::new(wrong),
        name: "try".to_owned(),
    });
    harness
        .state()
        .push(Command::ShowRelevanceSection(Some(RelevanceSection::Rules)));
    settle(&mut harness);
    assert!(harness.state().results().relevance.failure().is_some());
    harness.get_by_label("Reset all").click();
    settle(&mut harness);
    assert!(harness.state().results().relevance.ready().is_some());
}

#[test]
fn methods_are_compared_and_the_pole_is_chosen() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    harness.get_by_label("Beside").click();
    harness.run_steps(3);
    harness.get_by_label("gradient").click();
    harness.run_steps(3);
    harness.get_by_label("occlusion").click();
    settle(&mut harness);
    harness.key_press(Key::Escape);
    settle(&mut harness);
    for row in &preview(&harness).rows {
        let names: Vec<&str> = row.beside.iter().map(|b| b.method.name()).collect();
        assert_eq!(names, ["gradient", "occlusion"]);
        assert!(row.beside.iter().all(|b| b.map.is_ok()));
    }
    assert!(harness.query_all_by_label("occlusion").count() >= 4);
    choose(&mut harness, "Pole", "generated");
    let pole = Method::Polarized { pole: Pole::Fake };
    assert_eq!(harness.state().document().method, pole);
    for row in &preview(&harness).rows {
        assert_eq!(row.maps.len(), 1);
        assert_eq!(row.maps[0].is_real_pole, Some(false));
    }
}

#[test]
fn the_light_in_a_region_is_explained() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    choose(&mut harness, "Explain", "galaxy2");
    assert!(preview(&harness).is_of_blend());
    let whole = preview(&harness).rows[0].maps[0].map.clone();
    harness.state().push(RegionChange::Set {
        index: 0,
        region: Region::new(Shape::Circle {
            centre: Place::new(11.0, 5.0),
            radius: 2.5,
        }),
        verb: RegionVerb::Draw,
    });
    settle(&mut harness);
    choose(&mut harness, "Part", "region 1");
    let part = preview(&harness).rows[0].maps[0].map.clone();
    assert_ne!(part, whole);
    let target = TargetChoice::Output {
        output: 1,
        region: Some(0),
        band: None,
    };
    assert_eq!(explain(&harness).target, target);
    // Without the region it is the whole output again; of a region that is not there, there is a way on.
    harness.state().push(RegionChange::Remove(0));
    settle(&mut harness);
    assert_eq!(preview(&harness).rows[0].maps[0].map, whole);
    harness.state().push(Change::SetExplain {
        explain: Box::new(Explain {
            target,
            ..explain(&harness).clone()
        }),
        name: "explain".to_owned(),
    });
    settle(&mut harness);
    harness.get_by_label_contains("Region 1 is not there any more");
    harness.get_by_label("Explain the whole output").click();
    settle(&mut harness);
    assert_eq!(preview(&harness).rows[0].maps[0].map, whole);
}

#[test]
fn parts_and_faithfulness_are_opened() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    harness.get_by_label("Sums").click();
    settle(&mut harness);
    harness.get_by_label("border");
    assert!(harness.state().results().flipping.ready().is_none());
    harness.get_by_label("Faithfulness").click();
    settle(&mut harness);
    let flipping = harness.state().results().flipping.ready().unwrap();
    assert_eq!(flipping.rows.len(), 4);
    for row in &flipping.rows {
        assert!(row.curves[0].1.as_ref().unwrap().scores.len() > 10);
    }
    assert!(harness.query_all_by_label("mean fall").count() > 0);
    harness.get_by_label("Faithfulness").click();
    harness.run_steps(3);
    assert_eq!(harness.state().workbench().relevance, None);
}

/// How things look is no business of the worker.
#[test]
fn display_never_asks_the_worker() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    let shown = std::ptr::from_ref(preview(&harness));
    let mut display = harness.state().document().display;
    display.overlay = 0.2;
    harness.state().push(Change::SetDisplay(display));
    for section in RelevanceSection::ALL {
        harness
            .state()
            .push(Command::ShowRelevanceSection(Some(section)));
        harness.run_steps(2);
        assert!(harness.state().results().relevance.ready().is_some());
    }
    settle(&mut harness);
    assert_eq!(shown, std::ptr::from_ref(preview(&harness)));
}

#[test]
fn long_work_is_stopped_and_tried_again() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    let long = Method::SmoothGrad {
        samples: 64,
        std: 0.3,
        seed: 0,
    };
    harness.state().push(Change::SetMethod(long));
    harness.run_steps(2);
    harness
        .state()
        .push(Command::Stop(ganoscope_core::jobs::Slot::Relevance));
    harness.run_steps(2);
    let why = harness.state().results().relevance.failure().unwrap();
    assert!(why.to_string().contains("stopped"), "{why}");
    harness.state().push(Change::SetMethod(Method::Gradient));
    settle(&mut harness);
    assert_eq!(preview(&harness).method, "gradient");
}

/// A series whose last checkpoint has one unit with output weights that are too large.
fn with_bad_unit(files: &Files, unit: usize) {
    let series = Series::open(&files.series).unwrap();
    let load = |role| series.load(300, role).unwrap().network;
    let (generator, judge) = (
        load(NetworkRole::Generator),
        load(NetworkRole::Discriminator),
    );
    let bad = generator
        .map_params(|id, param| {
            let is_reader = &*generator.node(id).name == "root.0.conv2";
            if !is_reader || param.role != ParamRole::Weight {
                return Ok(param.tensor.clone());
            }
            let units = param.tensor.dim(1)?;
            let factors = (0..units).map(|u| if u == unit { 30.0_f32 } else { 1.0 });
            let factors = candle_core::Tensor::from_iter(factors, &candle_core::Device::Cpu)?;
            Ok(param
                .tensor
                .broadcast_mul(&factors.reshape((1, units, 1, 1))?)?)
        })
        .unwrap();
    write_checkpoint(&files.series, 400, &bad, &judge, &Metrics::default()).unwrap();
}

#[test]
fn a_planted_bad_unit_comes_first_and_is_ablated() {
    let files = Files::new();
    with_bad_unit(&files, 2);
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    harness.state().push(Change::ShowLayer("root.0.act".into()));
    harness.key_press(Key::Num2);
    settle(&mut harness);
    assert!(harness.state().results().through.ready().is_none());
    choose(&mut harness, "Sort by", UnitOrder::Relevance.name());
    harness.get_by_label_contains("conservation gap");
    let place = |harness: &Harness<'_, App>, label: &str| {
        harness.get_by_role_and_label(Role::Image, label).rect()
    };
    let bad = place(&harness, "Unit 2");
    for other in ["Unit 0", "Unit 1", "Unit 3"] {
        let other = place(&harness, other);
        let is_before = bad.top() < other.top() || bad.left() < other.left();
        assert!(is_before, "{bad:?} {other:?}");
    }
    harness.get_by_role_and_label(Role::Image, "Unit 2").click();
    harness.run_steps(2);
    harness.key_press(Key::A);
    settle(&mut harness);
    let unit = ganoscope_core::edit::Unit::new("root.0.act", 2);
    assert_eq!(harness.state().document().edits.scale_of(&unit), 0.0);
    // The order is that of the network as trained: it does not jump while one works on it.
    assert_eq!(place(&harness, "Unit 2"), bad);
    choose(&mut harness, "Sort by", UnitOrder::Gradient.name());
    harness.get_by_label("no conservation claimed");
}

/// From the smallest window to the largest screen everything of the view lies inside it, or is scrolled to downwards.
#[test]
fn nothing_is_cut_at_the_right_edge() {
    let files = Files::new();
    for size in [
        [200.0, 200.0],
        [640.0, 400.0],
        [1280.0, 720.0],
        [3840.0, 2160.0],
    ] {
        let mut harness = relevance_of(&files);
        harness.set_size(size.into());
        for section in [
            None,
            Some(RelevanceSection::Sums),
            Some(RelevanceSection::Rules),
        ] {
            harness.state().push(Command::ShowRelevanceSection(section));
            harness.run_steps(8);
        }
        harness.state().push(Command::ShowRelevanceSection(None));
        harness.run_steps(8);
        // Where the sides of the window leave no room it only has to live.
        if size[0] < 1280.0 {
            continue;
        }
        let maps = ["for real", "for generated"];
        for node in maps
            .iter()
            .flat_map(|label| harness.query_all_by_label(label))
        {
            let right = node.rect().right();
            assert!(
                right <= size[0],
                "{size:?}: {:?} {right}",
                node.accesskit_node().label()
            );
        }
    }
}

/// What nobody looks at any more must not be taken for that of the picture shown next.
#[test]
fn relevance_of_another_picture_is_let_go() {
    let files = Files::new();
    let mut harness = relevance_of(&files);
    assert!(harness.state().results().relevance.ready().is_some());
    harness.state().push(UiCommand::PresetRepair);
    settle(&mut harness);
    // Nothing changed: it is still that of the picture.
    assert!(harness.state().results().relevance.ready().is_some());
    let other = Input::from(files.blends[1].clone());
    harness.state().push(Change::ShowInput(other));
    settle(&mut harness);
    assert!(harness.state().results().relevance.shown().is_none());
}

#[test]
fn a_region_that_is_removed_is_explained_no_more() {
    let files = Files::new();
    let mut harness = opened(&files);
    let circle = |index: usize| RegionChange::Set {
        index,
        region: Region::new(Shape::Circle {
            centre: Place::new(4.0 + index as f64, 5.0),
            radius: 2.0,
        }),
        verb: RegionVerb::Draw,
    };
    for index in 0..3 {
        harness.state().push(Change::Regions(circle(index)));
    }
    let explain = Explain {
        target: TargetChoice::Output {
            output: 0,
            region: Some(2),
            band: None,
        },
        ..Explain::default()
    };
    harness.state().push(Change::SetExplain {
        explain: Box::new(explain),
        name: "explain".to_owned(),
    });
    harness.run_steps(2);
    let before = self::explain(&harness)
        .explained(harness.state().document())
        .unwrap();
    harness
        .state()
        .push(Change::Regions(RegionChange::Remove(0)));
    harness.run_steps(2);
    let after = self::explain(&harness)
        .explained(harness.state().document())
        .unwrap();
    assert_eq!(after, before, "the same area in another place of the list");
    harness
        .state()
        .push(Change::Regions(RegionChange::Remove(1)));
    harness.run_steps(2);
    let TargetChoice::Output { region, .. } = self::explain(&harness).target else {
        panic!("{:?}", self::explain(&harness).target)
    };
    assert_eq!(region, None);
}
