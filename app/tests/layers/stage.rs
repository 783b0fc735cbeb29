//! The view alone, with everything it may see.

use std::path::Path;
use std::sync::Arc;

use egui::{Theme, Vec2};
use egui_kittest::{Harness, HarnessBuilder};
use ganoscope::command::{Command, Commands};
use ganoscope::display::Levels;
use ganoscope::document::Document;
use ganoscope::results::{Loadable, Results};
use ganoscope::testing::{ready_results, tiny_series_info};
use ganoscope::theme;
use ganoscope::views::{View, ViewCx, ViewKey};
use ganoscope::widgets::Textures;
use ganoscope::workbench::Workbench;
use ganoscope_core::graph::Graph;
use ganoscope_core::jobs::SeriesInfo;

/// The view and what it sees.
pub(crate) struct Stage {
    view: Box<dyn View>,
    pub(crate) document: Document,
    workbench: Workbench,
    pub(crate) results: Results,
    commands: Commands,
    textures: Textures,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            view: ViewKey::Layers.make(),
            document: Document::new(Some("series".into()), vec!["blend.fits".into()]),
            workbench: Workbench::default(),
            results: ready_results(Path::new("series"), Path::new("blend.fits")),
            commands: Commands::default(),
            textures: Textures::default(),
        }
    }

    /// With another network in the place of the generator.
    pub(crate) fn drawing(graph: Graph) -> Self {
        let mut series: SeriesInfo = tiny_series_info(Path::new("series"));
        series.network.graph = graph.into();
        let mut stage = Self::new();
        stage.results.series = Loadable::Ready(Arc::new(series));
        stage
    }

    fn ui(&mut self, ui: &mut egui::Ui) {
        let cx = ViewCx {
            document: &self.document,
            workbench: &self.workbench,
            results: &self.results,
            levels: Levels::UNIT,
            commands: &self.commands,
            textures: &self.textures,
        };
        let fill = theme::Tokens::of(ui).ground;
        let frame = egui::Frame::new().fill(fill).inner_margin(8);
        egui::CentralPanel::default()
            .frame(frame)
            .show(ui, |ui| self.view.ui(&cx, ui));
    }

    pub(crate) fn harness(self) -> Harness<'static, Self> {
        self.with(Harness::builder().with_size([900.0, 640.0]))
    }

    /// With a renderer, for pictures.
    pub(crate) fn painted(self, theme: Theme, size: impl Into<Vec2>) -> Harness<'static, Self> {
        let builder = Harness::builder()
            .with_size(size)
            .with_pixels_per_point(1.0)
            .with_theme(theme)
            .wgpu();
        self.with(builder)
    }

    fn with(self, builder: HarnessBuilder<Self>) -> Harness<'static, Self> {
        // Short steps, so that two clicks are a double-click.
        let mut harness = builder
            .with_step_dt(1.0 / 30.0)
            .with_context_setup(theme::install)
            .build_ui_state(|ui, stage: &mut Self| stage.ui(ui), self);
        harness.run_steps(3);
        harness
    }
}

/// The commands pushed since the last time.
pub(crate) fn pushed(harness: &mut Harness<'_, Stage>) -> Vec<Command> {
    harness.run_steps(3);
    harness.state().commands.take()
}
