//! Pictures of the drawing: near, opened, searched, far, large.

use egui::{Theme, vec2};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotResults};
use ganoscope_core::architecture::{GeneratorConfig, PreluKind, generator};
use ganoscope_core::checkpoint::procedural_weights;
use ganoscope_core::edit::{Action, Edit, UnitSet};
use ganoscope_core::graph::Graph;

use crate::common::can_take_snapshots;
use crate::large::ladder;
use crate::stage::Stage;

/// Edits, a selection and a layer shown, so that every mark is seen.
fn marked(mut stage: Stage) -> Stage {
    let document = &mut stage.document;
    document.layer = Some("tanh1".into());
    document.units = UnitSet::of_layer("act_in", [1, 4]);
    let off = Edit {
        enabled: false,
        ..Edit::new(UnitSet::of_layer("conv_root", [4]), Action::Ablate)
    };
    let on = Edit::new(UnitSet::of_layer("act_in", [4]), Action::Ablate);
    document.edits.edits = vec![on, off];
    stage
}

fn search(harness: &mut Harness<'_, Stage>, text: &str) {
    let field = harness.get_by_label("Find a layer");
    field.focus();
    field.type_text(text);
    harness.run_steps(4);
}

/// The published generator with as many filters as a drawing needs: 127 layers.
fn published() -> Graph {
    let config = GeneratorConfig {
        filters: 2,
        stamp_size: 8,
        prelu: PreluKind::PerChannel,
        ..GeneratorConfig::default()
    };
    Graph::of(&generator(&config, procedural_weights(0)).unwrap())
}

#[test]
fn the_drawing_matches_its_pictures() {
    if !can_take_snapshots() {
        return;
    }
    let size = vec2(760.0, 620.0);
    let mut all = SnapshotResults::new();
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut harness = marked(Stage::new()).painted(theme, size);
        harness.snapshot(format!("layers_marked_{name}"));
        search(&mut harness, "root conv2");
        harness.snapshot(format!("layers_search_{name}"));
        all.extend(harness.take_snapshot_results());

        let mut harness = marked(Stage::drawing(published())).painted(theme, size);
        harness.get_by_label("Open blocks").click();
        harness.run_steps(3);
        harness.snapshot(format!("layers_open_{name}"));
        harness.get_by_label("Fit").click();
        harness.run_steps(3);
        harness.snapshot(format!("layers_far_{name}"));
        all.extend(harness.take_snapshot_results());

        let mut harness = Stage::drawing(ladder(26)).painted(theme, size);
        harness.snapshot(format!("layers_large_{name}"));
        harness.get_by_label("Fit").click();
        harness.run_steps(3);
        harness.snapshot(format!("layers_large_far_{name}"));
        all.extend(harness.take_snapshot_results());

        let mut harness = Stage::new().painted(theme, size);
        harness.get_by_label("Discriminator").click();
        harness.run_steps(3);
        harness.snapshot(format!("layers_discriminator_{name}"));
        all.extend(harness.take_snapshot_results());
    }
    all.unwrap();
}
