//! The tiled workbench by hand: presets, panes, the search over commands, the list of changes.

mod common;

use common::{Files, opened, settle};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Change, UiCommand};
use ganoscope::views::ViewKey;
use ganoscope::workbench::Workbench;

fn bench<'a>(harness: &'a Harness<'_, App>) -> &'a Workbench {
    harness.state().workbench()
}

fn visible(harness: &Harness<'_, App>) -> Vec<ViewKey> {
    let mut views: Vec<ViewKey> = bench(harness).layout.visible().map(|p| p.view).collect();
    views.sort_unstable();
    views
}

#[test]
fn presets_tile_the_views() {
    use ViewKey::{Compare, Deblend, Relevance, Timeline, Units};
    let files = Files::new();
    let mut harness = opened(&files);
    for (key, views) in [
        (Key::Num2, vec![Deblend, Compare, Timeline]),
        (Key::Num3, vec![Deblend, Units]),
        (Key::Num5, vec![Deblend, Timeline]),
        (Key::Num1, vec![Deblend, Relevance]),
    ] {
        harness.key_press_modifiers(Modifiers::COMMAND, key);
        settle(&mut harness);
        let mut views = views;
        views.sort_unstable();
        assert_eq!(visible(&harness), views);
    }
    harness.get_by_label("Repair").click();
    settle(&mut harness);
    assert!(bench(&harness).shows(Units));
}

#[test]
fn a_pane_is_duplicated_unlinked_and_closed_by_name() {
    let files = Files::new();
    let mut harness = opened(&files);
    let count = |h: &Harness<'_, App>| bench(h).layout.panes().count();
    let before = count(&harness);
    harness.get_by_label("Duplicate Deblend").click();
    settle(&mut harness);
    assert_eq!(count(&harness), before + 1);
    let copy = bench(&harness).attention;
    let pane = bench(&harness).layout.pane(copy).expect("open");
    assert!(!pane.is_linked && pane.view == ViewKey::Deblend);
    assert!(bench(&harness).own_navigation.contains_key(&copy));
    harness.get_by_label("Deblend (not linked)");

    harness.get_by_label("Link Deblend").click();
    settle(&mut harness);
    assert!(harness.query_by_label("Deblend (not linked)").is_none());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    settle(&mut harness);
    assert_eq!(count(&harness), before);
    assert!(bench(&harness).own_navigation.is_empty());
}

#[test]
fn any_command_is_found_by_its_name() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    assert!(bench(&harness).palette_open);
    harness.event(egui::Event::Text("arrange to comp".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    settle(&mut harness);
    assert!(!bench(&harness).palette_open);
    assert!(bench(&harness).shows(ViewKey::Timeline));
    // Letters that no command has.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.event(egui::Event::Text("qqqq".to_owned()));
    harness.run_steps(2);
    harness.get_by_label("No command has such a name");
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(!bench(&harness).palette_open);
}

#[test]
fn the_list_of_changes_goes_back_to_any_of_them() {
    let files = Files::new();
    let mut harness = opened(&files);
    let start = harness.state().document().clone();
    for step in [100, 200] {
        harness.state().push(Change::GoToStep(step));
        settle(&mut harness);
        // The gesture ends when pointer and keys rest.
        harness.run_steps(3);
    }
    let end = harness.state().document().clone();
    harness.key_press(Key::F10);
    harness.run_steps(3);
    harness.get_by_label("as it was opened").click();
    settle(&mut harness);
    harness.run_steps(3);
    assert_eq!(harness.state().document(), &start);
    let names: Vec<String> = harness
        .state()
        .history()
        .future_names()
        .map(str::to_owned)
        .collect();
    assert_eq!(names.len(), 2);
    harness.get_by_label(&names[1]).click();
    settle(&mut harness);
    harness.run_steps(3);
    assert_eq!(harness.state().document(), &end);
}

#[test]
fn a_measurement_takes_the_place_of_the_one_under_way() {
    let files = Files::new();
    let mut harness = opened(&files);
    for _ in 0..20 {
        harness.state().push(UiCommand::MeasureUnits);
    }
    harness.step();
    let jobs = &harness.state().results().jobs;
    let wanted = jobs.iter().filter(|job| !job.cancel.is_cancelled());
    assert!(wanted.count() <= 1, "{} studies", jobs.len());
    settle(&mut harness);
    assert!(harness.state().results().unit_stats.is_some());
}

#[test]
fn a_picture_that_is_closed_while_it_is_asked_for_anew_is_gone() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.state().push(UiCommand::Reload);
    for blend in &files.blends {
        harness
            .state()
            .push(Change::RemoveInput(blend.clone().into()));
    }
    settle(&mut harness);
    let results = harness.state().results();
    assert!(results.scene.shown().is_none() && results.deblend.shown().is_none());
}
