//! Pictures of every mode, in both themes.

use egui::{Theme, vec2};
use egui_kittest::SnapshotResults;
use egui_kittest::kittest::Queryable as _;
use ganoscope::comparison::CompareMode;
use ganoscope::contours::ContourChoice;
use ganoscope::document::Document;
use ganoscope::results::Results;
use ganoscope::source::Source;
use ganoscope::testing::{failed_results, loading_results};
use ganoscope::views::ViewKey;

use crate::common::can_take_snapshots;
use crate::stage::Stage;

#[test]
fn every_mode_matches_its_pictures() {
    if !can_take_snapshots() {
        return;
    }
    let size = vec2(480.0, 380.0);
    let mut all = SnapshotResults::new();
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        for mode in CompareMode::ALL {
            let mut stage = Stage::ready(mode).with_kept();
            let comparison = &mut stage.workbench.comparison;
            if mode == CompareMode::SideBySide {
                let kept = stage.results.kept.iter().next().unwrap().id;
                comparison.further = vec![Source::Kept(kept, 0), Source::Residual];
            }
            comparison.divider = 0.4;
            stage.workbench.cursor = Some([14, 10]);
            let mut harness = stage.painted(theme, size);
            let mode = mode.name().to_lowercase().replace(' ', "_");
            harness.snapshot(format!("compare_{mode}_{name}"));
            all.extend(harness.take_snapshot_results());
        }
    }
    all.unwrap();
}

#[test]
fn states_match_their_pictures_in_the_light() {
    if !can_take_snapshots() {
        return;
    }
    let mut all = SnapshotResults::new();
    for (results, state) in [
        (Results::default(), "empty"),
        (loading_results(), "loading"),
        (failed_results(), "failed"),
    ] {
        let mut stage = Stage::new(ViewKey::Compare, results);
        if state == "empty" {
            stage.document = Document::default();
        }
        let mut harness = stage.painted(Theme::Light, vec2(480.0, 320.0));
        harness.snapshot(format!("compare_{state}_light"));
        all.extend(harness.take_snapshot_results());
    }
    all.unwrap();
}

#[test]
fn contours_and_messages_match_their_pictures() {
    if !can_take_snapshots() {
        return;
    }
    let mut all = SnapshotResults::new();
    let size = vec2(480.0, 380.0);
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut stage = Stage::ready(CompareMode::SideBySide);
        stage.document.display.contours = Some(ContourChoice::default());
        let mut harness = stage.painted(theme, size);
        harness.snapshot(format!("compare_contours_{name}"));
        harness.get_by_label("Contours").click();
        harness.run_steps(8);
        harness.snapshot(format!("compare_contours_menu_{name}"));
        all.extend(harness.take_snapshot_results());

        let stage = Stage::ready(CompareMode::SideBySide).with_kept();
        let mut harness = stage.painted(theme, size);
        harness.get_by_label("More pictures").click();
        harness.run_steps(8);
        harness.snapshot(format!("compare_more_{name}"));
        all.extend(harness.take_snapshot_results());
    }
    let stage = Stage::ready(CompareMode::Difference);
    let stage = stage.with_outputs([&[0.5; 3], &[0.5; 4]]);
    let mut harness = stage.painted(Theme::Dark, size);
    harness.snapshot("compare_sizes_dark");
    all.extend(harness.take_snapshot_results());

    let mut stage = Stage::ready(CompareMode::Blink);
    stage = Stage::new(ViewKey::Deblend, stage.results);
    stage.document.display.contours = Some(ContourChoice::default());
    let mut harness = stage.painted(Theme::Dark, vec2(640.0, 420.0));
    harness.snapshot("deblend_contours_dark");
    all.extend(harness.take_snapshot_results());
    all.unwrap();
}
