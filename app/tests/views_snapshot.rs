//! Pictures of every view in every state: one loop over the table of views.

mod common;

use std::path::Path;

use egui::Theme;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotResults};
use ganoscope::command::Commands;
use ganoscope::display::Levels;
use ganoscope::document::Document;
use ganoscope::results::{Loadable, Results};
use ganoscope::testing::{
    failed_results, loading_results, ready_results, tiny_regions, with_gradient_beside,
};
use ganoscope::theme;
use ganoscope::views::{VIEWS, ViewCx, ViewKey, inspector_ui};
use ganoscope::widgets::Textures;
use ganoscope::workbench::{RelevanceSection, UnitOrder, Workbench};
use ganoscope_core::attribution::{LayerKind, Method, Rule, RuleChange};
use ganoscope_core::edit::{Action, Edit, UnitSet};
use ganoscope_core::stamp::colormap::Colormap;

/// Small, so that a change is seen and the repository stays light.
const SIZE: [f32; 2] = [480.0, 320.0];

/// The inspector with its section of display choices open.
const DISPLAY: &str = "inspector_display";

fn document() -> Document {
    let mut document = Document::new(Some("series".into()), vec!["blend.fits".into()]);
    document.units = UnitSet::of_layer("act_in", [1, 4]);
    document.edits.edits = vec![Edit::new(
        UnitSet::of_layer("act_in", [4]),
        Action::Scale { by: 0.25 },
    )];
    document.layer = Some("act_in".into());
    document
}

/// Draws one view (the inspector for `None`) and compares it with its picture.
fn take(
    name: &str,
    key: Option<ViewKey>,
    theme: Theme,
    document: Document,
    results: Results,
    workbench: Workbench,
) -> SnapshotResults {
    let mut view = key.map(ViewKey::make);
    let (state, renderer) = common::renderer();
    let textures = Textures::on(&state);
    let commands = Commands::default();
    let (mut document, mut workbench) = (document, workbench);
    if key == Some(ViewKey::Regions) && results.series.shown().is_some() {
        document.regions = tiny_regions().into();
        workbench.regions.selected = Some(1);
    }
    let size = match key {
        Some(_) => SIZE,
        None if name == DISPLAY => [264.0, 760.0],
        None => [264.0, 480.0],
    };
    let mut harness = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(1.0)
        .with_theme(theme)
        .with_context_setup(theme::install)
        .renderer(renderer)
        .build_ui(move |ui| {
            let cx = ViewCx {
                document: &document,
                workbench: &workbench,
                results: &results,
                levels: Levels::UNIT,
                commands: &commands,
                textures: &textures,
            };
            let fill = theme::Tokens::of(ui).ground;
            let frame = egui::Frame::new().fill(fill).inner_margin(8);
            egui::CentralPanel::default()
                .frame(frame)
                .show(ui, |ui| match &mut view {
                    Some(view) => view.ui(&cx, ui),
                    None => inspector_ui(&cx, ui),
                });
            cx.commands.take();
        });
    harness.run_steps(3);
    if name == DISPLAY {
        harness.get_by_label("Display").click();
        harness.run_steps(20);
    }
    harness.snapshot(name);
    harness.take_snapshot_results()
}

#[test]
fn every_view_matches_its_pictures() {
    if !common::can_take_snapshots() {
        return;
    }
    let ready = || ready_results(Path::new("series"), Path::new("blend.fits"));
    let mut all = SnapshotResults::new();
    for key in VIEWS {
        let name = key.title().to_lowercase();
        let states = [
            ("empty", Document::default(), Results::default()),
            ("loading", document(), loading_results()),
            ("failed", document(), failed_results()),
            ("ready", document(), ready()),
        ];
        for (state, document, results) in states {
            for theme in [Theme::Dark, Theme::Light] {
                let name = match (theme, state) {
                    (Theme::Dark, state) => format!("{name}_{state}"),
                    (Theme::Light, "ready") => format!("{name}_light"),
                    // The tests of Compare have its other states in the light, of panes of their own.
                    (Theme::Light, _) if key == ViewKey::Compare => continue,
                    (Theme::Light, state) => format!("{name}_{state}_light"),
                };
                let (document, results) = (document.clone(), results.clone());
                let bench = Workbench::default();
                all.extend(take(&name, Some(key), theme, document, results, bench));
            }
        }
    }
    all.extend(parts_of_relevance(&ready));
    let bench = Workbench {
        unit_order: UnitOrder::Relevance,
        ..Workbench::default()
    };
    let (name, key) = ("units_through", Some(ViewKey::Units));
    all.extend(take(name, key, Theme::Dark, document(), ready(), bench));
    all.extend(take(
        "inspector_ready",
        None,
        Theme::Dark,
        document(),
        ready(),
        Workbench::default(),
    ));
    let mut shown = Document {
        units: UnitSet::default(),
        ..document()
    };
    shown.display.colormap = Colormap::Heat;
    shown.display.contrast = 1.4;
    let bench = Workbench::default();
    all.extend(take(DISPLAY, None, Theme::Dark, shown, ready(), bench));
    all.unwrap();
}

/// Relevance with each of its parts open, and with methods side by side.
fn parts_of_relevance(ready: &dyn Fn() -> Results) -> SnapshotResults {
    let mut all = SnapshotResults::new();
    let key = Some(ViewKey::Relevance);
    for theme in [Theme::Dark, Theme::Light] {
        let suffix = if theme == Theme::Dark { "" } else { "_light" };
        for section in RelevanceSection::ALL {
            let name = format!("relevance_{}{suffix}", section.name().to_lowercase());
            let bench = Workbench {
                relevance: Some(section),
                ..Workbench::default()
            };
            let mut document = document();
            document.explain.rules = vec![
                RuleChange::of_kind(LayerKind::Dense, Rule::Gamma { gamma: 0.25 }),
                RuleChange::of_layer(&"net.conv0".into(), Rule::Flat),
            ];
            all.extend(take(&name, key, theme, document, ready(), bench));
        }
        let mut results = ready();
        let relevance = results.relevance.ready().map(|r| with_gradient_beside(r));
        results.relevance = relevance.map_or(Loadable::Empty, |r| Loadable::Ready(r.into()));
        let mut document = document();
        document.explain.beside = vec![Method::Gradient, Method::WSquare];
        let name = format!("relevance_beside{suffix}");
        let bench = Workbench::default();
        all.extend(take(&name, key, theme, document, results, bench));
    }
    all
}
