//! The view alone, found by the names of its parts.

use egui::accesskit::Role;
use egui::{Key, Modifiers, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use ganoscope::command::{Command, UiCommand};
use ganoscope::comparison::{CompareMode, Comparison};
use ganoscope::source::Source;
use ganoscope::testing::failed_results;
use ganoscope::views::ViewKey;
use ganoscope_core::stamp::stretch::Limits;

use crate::stage::{Stage, click, comparison, shows};

const DIVIDER: &str = "Divider between A and B";

#[test]
fn titles_say_which_picture_is_which() {
    for mode in CompareMode::ALL {
        let harness = Stage::ready(mode).harness();
        let names: &[&str] = match mode {
            CompareMode::SideBySide => &["A: Galaxy 1, generated", "B: Galaxy 1, truth"],
            CompareMode::Blink => &["A: Galaxy 1, generated (1 of 2)"],
            CompareMode::Swipe => &["A: Galaxy 1, generated | B: Galaxy 1, truth"],
            CompareMode::Difference => &["A - B: Galaxy 1, generated - Galaxy 1, truth"],
        };
        for name in names {
            assert!(shows(&harness, name), "{mode:?}: {name}");
        }
        harness.check_accessibility();
    }
}

#[test]
fn bars_fit_narrow_panes() {
    let width = 380.0;
    for view in [ViewKey::Compare, ViewKey::Deblend] {
        let results = Stage::ready(CompareMode::SideBySide).results;
        let mut harness = Stage::new(view, results).harness();
        harness.set_size(egui::vec2(width, 500.0));
        harness.run_steps(3);
        for role in [Role::Button, Role::ComboBox, Role::Image] {
            for node in harness.query_all_by_role(role) {
                let right = node.rect().right();
                assert!(right <= width, "{view:?}: {role:?} ends at {right}");
            }
        }
    }
}

#[test]
fn a_and_b_are_chosen_from_everything_there_is() {
    let stage = Stage::ready(CompareMode::SideBySide).with_kept();
    let mut harness = stage.harness();
    for (list, choice) in [("A", "Recombination"), ("B", "Galaxy 2, step 100, blend")] {
        harness.get_by_role_and_label(Role::ComboBox, list).click();
        harness.run_steps(3);
        click(&mut harness, choice);
    }
    assert_eq!(comparison(&harness).first, Source::Recombination);
    assert!(matches!(comparison(&harness).second, Source::Kept(_, 1)));
    assert!(shows(&harness, "A: Recombination"));
    assert!(shows(&harness, "B: Galaxy 2, step 100, blend"));
    click(&mut harness, UiCommand::ExchangeCompared.text());
    assert!(shows(&harness, "A: Galaxy 2, step 100, blend"));
    click(&mut harness, "Keep");
    let asked = &harness.state().asked;
    assert_eq!(asked, &[Command::Ui(UiCommand::KeepPicture)]);
}

#[test]
fn further_pictures_are_ticked_and_kept_ones_removed() {
    let stage = Stage::ready(CompareMode::SideBySide).with_kept();
    let mut harness = stage.harness();
    click(&mut harness, "More…");
    click(&mut harness, "With Galaxy 1, step 100, blend");
    click(&mut harness, "With Blend");
    harness.run_steps(2);
    assert_eq!(comparison(&harness).pictures().len(), 4);
    for name in ["C: Galaxy 1, step 100, blend", "D: Blend"] {
        assert!(shows(&harness, name), "{name}");
    }
    // The truth was kept: B and C are the same picture, and as far from A.
    let texts = harness.query_all_by_label_contains("dB to A");
    assert!(texts.count() >= 2);
    click(&mut harness, "Remove step 100, blend");
    harness.run_steps(2);
    assert!(harness.state().results.kept.is_empty());
    assert_eq!(comparison(&harness).further, [Source::Blend]);
    assert!(shows(&harness, "C: Blend"));
}

#[test]
fn buttons_blink_both_ways() {
    let mut stage = Stage::ready(CompareMode::Blink);
    stage.workbench.comparison.further = vec![Source::Blend];
    let mut harness = stage.harness();
    for (button, name) in [
        ("Forwards", "B: Galaxy 1, truth (2 of 3)"),
        ("Forwards", "C: Blend (3 of 3)"),
        ("Forwards", "A: Galaxy 1, generated (1 of 3)"),
        ("Backwards", "C: Blend (3 of 3)"),
    ] {
        click(&mut harness, button);
        assert!(shows(&harness, name), "{button}: {name}");
    }
}

#[test]
fn pictures_blink_by_themselves_only_when_asked_to() {
    let mut stage = Stage::ready(CompareMode::Blink);
    stage.workbench.comparison.period_secs = 0.5;
    let mut harness = stage.harness();
    harness.run_steps(30);
    assert_eq!(comparison(&harness).shown_place(), 0, "1.5 s went by");
    click(&mut harness, "Automatic");
    let places = |harness: &mut Harness<'_, Stage>| {
        let mut places: Vec<usize> = Vec::new();
        // Two seconds: four pictures.
        for _ in 0..40 {
            harness.step();
            places.push(comparison(harness).shown_place());
        }
        places.dedup();
        places
    };
    assert!(comparison(&harness).is_automatic);
    let seen = places(&mut harness);
    assert!((4..=5).contains(&seen.len()), "{seen:?}");
    // A button stops it.
    click(&mut harness, "Backwards");
    assert!(!comparison(&harness).is_automatic);
    assert_eq!(places(&mut harness).len(), 1);
}

#[test]
fn nothing_moves_where_motion_is_reduced() {
    let mut stage = Stage::ready(CompareMode::Blink);
    stage.workbench.comparison.is_automatic = true;
    let mut harness = stage.harness();
    harness
        .ctx
        .all_styles_mut(|style| style.animation_time = 0.0);
    harness.run_steps(3);
    let before = comparison(&harness).shown_place();
    harness.run_steps(60);
    assert_eq!(comparison(&harness).shown_place(), before);
    let node = harness.get_by_label("Automatic");
    assert!(node.accesskit_node().is_disabled());
}

#[test]
fn the_divider_is_dragged_moved_by_keys_and_set_by_assistance() {
    let mut harness = Stage::ready(CompareMode::Swipe).harness();
    let picture = |harness: &Harness<'_, Stage>| {
        let name = "A: Galaxy 1, generated | B: Galaxy 1, truth";
        harness.get_by_role_and_label(Role::Image, name).rect()
    };
    let value = |harness: &Harness<'_, Stage>| {
        let node = harness.get_by_role_and_label(Role::Slider, DIVIDER);
        node.accesskit_node().numeric_value()
    };
    assert_eq!(value(&harness), Some(50.0));
    let rect = picture(&harness);
    let at = |share: f32| pos2(rect.left() + share * rect.width(), rect.center().y);
    harness.drag_at(at(0.5));
    harness.step();
    harness.hover_at(at(0.4));
    harness.step();
    harness.drop_at(at(0.25));
    harness.run_steps(3);
    let divider = comparison(&harness).divider;
    assert!((divider - 0.25).abs() < 0.02, "{divider}");
    assert_eq!(picture(&harness), rect, "the pictures stay where they are");

    harness.get_by_role_and_label(Role::Slider, DIVIDER).focus();
    harness.run_steps(2);
    let before = comparison(&harness).divider;
    harness.key_press(Key::ArrowRight);
    harness.run_steps(2);
    let after = comparison(&harness).divider;
    assert!((after - before - 0.02).abs() < 1e-5, "{before} to {after}");
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowLeft);
    harness.run_steps(2);
    let after = comparison(&harness).divider;
    assert!((after - before + 0.08).abs() < 1e-5, "{before} to {after}");
    harness.key_press(Key::End);
    harness.run_steps(2);
    assert_eq!(comparison(&harness).divider, 1.0);

    harness
        .get_by_role_and_label(Role::Slider, DIVIDER)
        .set_value_accesskit(10.0);
    harness.run_steps(3);
    assert!((comparison(&harness).divider - 0.1).abs() < 1e-6);
    assert_eq!(value(&harness), Some(10.0));
}

#[test]
fn a_difference_of_known_pictures_has_known_numbers() {
    let stage = Stage::ready(CompareMode::Difference);
    let stage = stage.with_outputs([&[0.5, 0.5, 0.5, 0.5], &[0.25, 0.5, 1.0, 0.5]]);
    let mut harness = stage.harness();
    assert!(shows(
        &harness,
        "A - B: Galaxy 1, generated - Galaxy 2, generated"
    ));
    // (0.25 + 0 - 0.5 + 0) / 4, the root of (1/16 + 1/4) / 4, 10 log10(64/5).
    for text in ["-0.0625", "0.2795", "-0.5000", "2, 0", "11.07 dB"] {
        harness.get_by_label(text);
    }
    click(&mut harness, UiCommand::ExchangeCompared.text());
    for text in ["0.0625", "0.5000"] {
        harness.get_by_label(text);
    }
    // The colour bar ends at the largest difference, on both sides alike.
    harness
        .get_by_role_and_label(Role::ComboBox, "Full colour at")
        .click();
    harness.run_steps(3);
    click(&mut harness, "the largest");
    assert_eq!(comparison(&harness).scale, Limits::Symmetric(100.0));
    harness.get_by_label("Colours from -0.5 to 0.5");
}

#[test]
fn pictures_of_other_sizes_say_so() {
    let stage = Stage::ready(CompareMode::Difference);
    let mut stage = stage.with_outputs([&[0.5; 3], &[0.5; 4]]);
    let message = "the pictures differ in size: 3 x 1 and 4 x 1 pixels";
    let mut harness = stage.harness();
    harness.get_by_label("These pictures have no difference");
    assert!(harness.query_by_label_contains(message).is_some());
    // Everything else goes on.
    for mode in ["Side by side", "Swipe", "Blink"] {
        click(&mut harness, mode);
        let titles = harness.query_all_by_label_contains("A: Galaxy 1");
        assert!(titles.count() > 0, "{mode}");
    }
    stage = Stage::ready(CompareMode::Difference);
    stage.workbench.comparison.second = Source::Output(7);
    let harness = stage.harness();
    harness.get_by_label("A picture is missing");
    harness.get_by_label_contains("B: Galaxy 8, generated is not there");
}

#[test]
fn what_was_kept_outlives_a_failure() {
    let mut stage = Stage::ready(CompareMode::SideBySide).with_kept();
    let id = stage.results.kept.iter().next().unwrap().id;
    let kept = std::mem::take(&mut stage.results.kept);
    stage.results = failed_results();
    stage.results.kept = kept;
    stage.workbench.comparison = Comparison {
        first: Source::Kept(id, 0),
        second: Source::Kept(id, 1),
        ..Comparison::default()
    };
    let mut harness = stage.harness();
    assert!(shows(&harness, "B: Galaxy 2, step 100, blend"));
    // With something that failed there is nothing to compare.
    harness.state_mut().workbench.comparison.first = Source::Output(0);
    harness.run_steps(3);
    harness.get_by_label("The outputs could not be computed");
}

#[test]
fn contours_are_chosen_in_the_bar_of_every_view_of_light() {
    for view in [ViewKey::Compare, ViewKey::Deblend, ViewKey::Relevance] {
        let mut stage = Stage::ready(CompareMode::SideBySide);
        if view != ViewKey::Compare {
            stage = Stage::new(view, stage.results);
        }
        let mut harness = stage.harness();
        click(&mut harness, "Contours");
        click(&mut harness, "Each galaxy's own truth");
        let choice = harness.state().document.display.contours.unwrap();
        assert_eq!((choice.count, choice.limits), (5, None), "{view:?}");
        let lines = harness.get_by_role_and_label(Role::SpinButton, "Lines");
        lines.set_value_accesskit(3.0);
        harness.run_steps(3);
        click(&mut harness, "Between the limits shown");
        let choice = harness.state().document.display.contours.unwrap();
        assert_eq!((choice.count, choice.limits), (3, Some([0.0, 1.0])));
        // The end of the list is scrolled to.
        let map = harness.get_by_label("Of Galaxy 1, generated, for real");
        map.click_accesskit();
        harness.run_steps(3);
        let choice = harness.state().document.display.contours.unwrap();
        assert!(choice.is_of_relevance(), "{choice:?}");
        harness.get_by_label("Lines on either side of zero");
        click(&mut harness, "No contours");
        assert_eq!(harness.state().document.display.contours, None);
    }
}
