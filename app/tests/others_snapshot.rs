//! Pictures of what networks of others bring: drawings of seeds, a lone discriminator's logit, what is known of a network, and a
//! description that is being corrected.

mod common;

use std::path::Path;
use std::sync::Arc;

use egui::Theme;
use egui_kittest::{Harness, SnapshotResults};
use ganoscope::command::Commands;
use ganoscope::display::Levels;
use ganoscope::document::Document;
use ganoscope::results::{Loadable, Results};
use ganoscope::testing::ready_results;
use ganoscope::theme;
use ganoscope::views::{ViewCx, ViewKey, description_ui, library_ui, network_ui};
use ganoscope::widgets::Textures;
use ganoscope::workbench::{DescriptionSheet, Workbench};
use ganoscope_core::checkpoint::{Confidence, Guess, Identity, LoadReport, NetworkRole};
use ganoscope_core::jobs::{
    DeblendPreview, Draft, Failure, NetworkFile, OutputNumbers, SeriesInfo,
};
use ganoscope_core::latent::Takes;

/// What is drawn.
enum Part {
    Outputs,
    Library,
    Network,
    Description,
}

fn file(takes: Takes) -> NetworkFile {
    NetworkFile {
        path: "networks/netG_epoch_99.pth".into(),
        sha256: "5b3f".repeat(16),
        identity: Identity {
            family: "DCGAN generator".into(),
            confidence: Confidence::Likely,
            evidence: vec!["5 layers in a row, from 108 numbers to 3 channels".to_owned()],
        },
        report: LoadReport {
            applied: vec!["main.0.weight".to_owned(), "main.3.weight".to_owned()],
            missing: Vec::new(),
            unused: vec!["optimizer.lr".to_owned()],
            renamed: vec![(
                "module.main.0.weight".to_owned(),
                "main.0.weight".to_owned(),
            )],
        },
        guesses: vec![
            Guess::new("eps", "0.00001", "not in the weights, as published"),
            Guess::new(
                "classes",
                "the last 8 of 108 inputs",
                "latents usually have 100 numbers; the others choose a class, one of them 1",
            ),
        ],
        ports: vec![
            "input z: 108 x 1 x 1".to_owned(),
            "output image: 3 x 24 x 24".to_owned(),
        ],
        takes,
        takes_any_size: false,
        has_manifest: false,
        can_be_described: true,
    }
}

/// Results of a generator of numbers, or of a discriminator that stands alone.
fn results(role: NetworkRole) -> Results {
    let mut results = ready_results(Path::new("series"), Path::new("blend.fits"));
    let takes = match role {
        NetworkRole::Generator => Takes::Latents { classes: 8 },
        NetworkRole::Discriminator => Takes::Pictures,
    };
    let series = results.series.ready().expect("a series");
    let mut network = series.network.clone();
    network.outputs.truncate(1);
    network.file = Some(Arc::new(file(takes)));
    let info = SeriesInfo {
        path: "networks/netG_epoch_99.pth".into(),
        is_file: true,
        role,
        takes,
        name: "netG_epoch_99.pth".to_owned(),
        network,
        discriminator: None,
        checkpoints: series.checkpoints.iter().take(1).cloned().collect(),
        warnings: Vec::new(),
    };
    let preview = results.deblend.ready().expect("outputs");
    let mut preview = DeblendPreview {
        account: None,
        measures: Vec::new(),
        has_truth: false,
        ..(**preview).clone()
    };
    match role {
        NetworkRole::Generator => {
            preview.outputs.truncate(1);
            results.scene = Loadable::Empty;
        }
        NetworkRole::Discriminator => {
            preview.outputs.clear();
            preview.numbers = vec![OutputNumbers {
                name: "logit".to_owned(),
                values: vec![-1.25],
            }];
        }
    }
    results.series = Loadable::Ready(Arc::new(info));
    results.deblend = Loadable::Ready(Arc::new(preview));
    results
}

fn take(name: &str, part: &Part, role: NetworkRole, size: [f32; 2]) -> SnapshotResults {
    let (state, renderer) = common::renderer();
    let textures = Textures::on(&state);
    let commands = Commands::default();
    let results = results(role);
    let takes = results.series.ready().expect("a series").takes;
    let mut document = Document::new(None, vec!["blend.fits".into()]);
    document.suit(takes);
    let draft = Draft {
        weights: "networks/mystery.pth".into(),
        description: "networks/mystery.pth.model.toml".into(),
        text: "# No architecture that is known fits.\nganoscope_model = 1\nrole = \"generator\"\n"
            .to_owned(),
        is_saved: false,
        why: Some(Failure::new(
            "unknown architecture, 2 tensors beginning with odd.weight: networks/mystery.pth",
        )),
    };
    let sheet = DescriptionSheet {
        text: draft.text.clone(),
        draft: Arc::new(draft),
        is_saving: false,
    };
    let workbench = Workbench::default();
    let mut view = ViewKey::Deblend.make();
    let (light_or_dark, part) = (Theme::Dark, part);
    let mut harness = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(1.0)
        .with_theme(light_or_dark)
        .with_context_setup(theme::install)
        .renderer(renderer)
        .build_ui(|ui| {
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
                .show(ui, |ui| match part {
                    Part::Outputs => view.ui(&cx, ui),
                    Part::Library => library_ui(&cx, ui),
                    Part::Network => network_ui(&cx, ui),
                    Part::Description => description_ui(&cx, ui, &sheet),
                });
            cx.commands.take();
        });
    harness.run_steps(3);
    harness.snapshot(name);
    harness.take_snapshot_results()
}

#[test]
fn networks_of_others_match_their_pictures() {
    if !common::can_take_snapshots() {
        return;
    }
    let (generator, judge) = (NetworkRole::Generator, NetworkRole::Discriminator);
    let mut all = SnapshotResults::new();
    for (name, part, role, size) in [
        ("others_seed", Part::Outputs, generator, [480.0, 320.0]),
        ("others_judge", Part::Outputs, judge, [480.0, 320.0]),
        ("others_library", Part::Library, generator, [230.0, 320.0]),
        ("others_network", Part::Network, generator, [640.0, 420.0]),
        (
            "others_description",
            Part::Description,
            generator,
            [640.0, 420.0],
        ),
    ] {
        all.extend(take(name, &part, role, size));
    }
    all.unwrap();
}
