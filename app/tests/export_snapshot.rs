//! Pictures of the export window, and views drawn again without a window.

mod common;

use std::path::Path;

use egui::{Theme, vec2};
use egui_kittest::{Harness, SnapshotResults};
use ganoscope::command::Commands;
use ganoscope::display::Levels;
use ganoscope::document::Document;
use ganoscope::export::{Card, ExportChoice, Kind, Material, Offscreen, Subject};
use ganoscope::results::Results;
use ganoscope::testing::ready_results;
use ganoscope::theme;
use ganoscope::views::{EXPORT_WIDTH, VIEWS, ViewCx, ViewKey, export_ui};
use ganoscope::widgets::Textures;
use ganoscope::workbench::Workbench;
use ganoscope_core::figure::FigureFormat;

fn document() -> Document {
    let mut document = Document::new(Some("series".into()), vec!["blend.fits".into()]);
    document.layer = Some("act_in".into());
    document
}

fn ready() -> Results {
    ready_results(Path::new("series"), Path::new("blend.fits"))
}

fn take(name: &str, theme: Theme, export: ExportChoice, results: Results) -> SnapshotResults {
    let document = document();
    let workbench = Workbench {
        export,
        ..Workbench::default()
    };
    let (commands, textures) = (Commands::default(), Textures::default());
    let (_, renderer) = common::renderer();
    let mut harness = Harness::builder()
        .with_size([EXPORT_WIDTH + 24.0, 290.0])
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
            let size = Some(vec2(640.0, 480.0));
            let frame = egui::Frame::window(ui.style());
            egui::CentralPanel::default().frame(frame).show(ui, |ui| {
                export_ui(&cx, &Subject::default(), size, false, ui);
            });
            cx.commands.take();
        });
    harness.run_steps(3);
    harness.snapshot(name);
    harness.take_snapshot_results()
}

#[test]
fn the_export_window_matches_its_pictures() {
    if !common::can_take_snapshots() {
        return;
    }
    let choice = |kind| ExportChoice {
        kind,
        ..ExportChoice::default()
    };
    let png = ExportChoice {
        figure: FigureFormat::Png,
        ..choice(Kind::Figure)
    };
    let mut all = SnapshotResults::new();
    all.extend(take("export_figure", Theme::Dark, png, ready()));
    all.extend(take("export_figure_light", Theme::Light, png, ready()));
    all.extend(take(
        "export_view",
        Theme::Dark,
        choice(Kind::View),
        ready(),
    ));
    all.extend(take(
        "export_data",
        Theme::Dark,
        choice(Kind::Data),
        ready(),
    ));
    all.extend(take(
        "export_table",
        Theme::Light,
        choice(Kind::Table),
        ready(),
    ));
    let nothing = take(
        "export_nothing",
        Theme::Dark,
        choice(Kind::Data),
        Results::default(),
    );
    all.extend(nothing);
    all.unwrap();
}

fn material(view: ViewKey) -> Material {
    Material {
        view,
        subject: Subject::default(),
        document: document(),
        workbench: Workbench::default(),
        results: ready(),
        levels: Levels::UNIT,
        is_dark: true,
    }
}

#[test]
fn every_view_is_drawn_again_at_every_scale_by_a_device_of_its_own() {
    if !common::can_take_snapshots() {
        return;
    }
    let (state, _) = common::renderer();
    let mut offscreen = Offscreen::on(Some(Card::of(&state))).expect("a device");
    let size = vec2(480.0, 320.0);
    for key in VIEWS {
        let mut pictures = Vec::new();
        for scale in [1.0, 2.0] {
            let png = offscreen
                .png_of(&mut *key.make(), &material(key), size, scale)
                .unwrap_or_else(|error| panic!("{key:?}: {error}"));
            if let Ok(folder) = std::env::var("GANOSCOPE_KEEP_EXPORTS") {
                let name = format!("{folder}/{key:?}@{scale}.png");
                std::fs::write(name, &png).expect("a folder");
            }
            pictures.push(image::load_from_memory(&png).expect("a PNG").to_rgb8());
        }
        assert_eq!(pictures[0].dimensions(), (480, 320));
        assert_eq!(pictures[1].dimensions(), (960, 640));
        // The same picture, twice as fine: on the average the same colours.
        let mean = |picture: &image::RgbImage| {
            let sum: u64 = picture.as_raw().iter().map(|v| u64::from(*v)).sum();
            sum as f64 / picture.as_raw().len() as f64
        };
        let [a, b] = [mean(&pictures[0]), mean(&pictures[1])];
        assert!(a > 10.0 && (a - b).abs() < 2.0, "{key:?}: {a} {b}");
    }
}

#[test]
fn a_picture_that_no_card_takes_is_refused_by_its_size() {
    if !common::can_take_snapshots() {
        return;
    }
    let mut offscreen = Offscreen::on(None).expect("a device");
    let key = ViewKey::Timeline;
    let size = vec2(60_000.0, 300.0);
    let error = offscreen
        .png_of(&mut *key.make(), &material(key), size, 4.0)
        .expect_err("no card is so large");
    assert!(error.to_string().contains("240000 x 1200"), "{error}");
}
