//! A view alone, with everything it may see; what it asks for of a comparison and of the display is done.

use std::path::Path;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::{Theme, Vec2};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, HarnessBuilder};
use ganoscope::command::{Change, Command, Commands};
use ganoscope::comparison::{CompareMode, Comparison};
use ganoscope::display::Levels;
use ganoscope::document::Document;
use ganoscope::results::{Loadable, Results};
use ganoscope::source::Source;
use ganoscope::testing::ready_results;
use ganoscope::theme;
use ganoscope::views::{View, ViewCx, ViewKey};
use ganoscope::widgets::Textures;
use ganoscope::workbench::Workbench;
use ganoscope_core::jobs::DeblendPreview;
use ganoscope_core::stamp::{Stamp, ValueRange};

/// The view and what it sees.
pub(crate) struct Stage {
    view: Box<dyn View>,
    pub(crate) document: Document,
    pub(crate) workbench: Workbench,
    pub(crate) results: Results,
    /// The pixel that the pointer was said to be over in the last frame.
    pub(crate) pointed: Option<[usize; 2]>,
    /// What was asked for that the stage does not do itself.
    pub(crate) asked: Vec<Command>,
    commands: Commands,
    pub(crate) textures: Textures,
}

impl Stage {
    pub(crate) fn new(view: ViewKey, results: Results) -> Self {
        Self {
            view: view.make(),
            document: Document::new(Some("series".into()), vec!["blend.fits".into()]),
            workbench: Workbench::default(),
            results,
            pointed: None,
            asked: Vec::new(),
            commands: Commands::default(),
            textures: Textures::default(),
        }
    }

    /// Everything is there, compared in a mode.
    pub(crate) fn ready(mode: CompareMode) -> Self {
        let results = ready_results(Path::new("series"), Path::new("blend.fits"));
        let mut stage = Self::new(ViewKey::Compare, results);
        stage.workbench.comparison.mode = mode;
        stage
    }

    /// With an entry that is kept: the truths as outputs of another checkpoint.
    pub(crate) fn with_kept(mut self) -> Self {
        let truths = self.results.scene.ready().unwrap().truths.clone();
        let shown = self.results.deblend.ready().unwrap();
        let preview = DeblendPreview {
            step: 100,
            outputs: truths,
            ..(**shown).clone()
        };
        let kept = &mut self.results.kept;
        kept.keep(preview.into(), Path::new("blend.fits"), "step 100, blend")
            .unwrap();
        self
    }

    /// With outputs of given pixels, one row of one band.
    pub(crate) fn with_outputs(mut self, outputs: [&[f32]; 2]) -> Self {
        let stamp = |pixels: &[f32]| {
            let dims = [1, 1, pixels.len()];
            Stamp::new("output", pixels.to_vec(), dims, ValueRange::UNIT)
        };
        let shown = self.results.deblend.ready().unwrap();
        let preview = DeblendPreview {
            outputs: outputs.map(stamp).to_vec(),
            ..(**shown).clone()
        };
        self.results.deblend = Loadable::Ready(Arc::new(preview));
        self.workbench.comparison.first = Source::Output(0);
        self.workbench.comparison.second = Source::Output(1);
        self
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
        let mut pointed = None;
        for command in self.commands.take() {
            match command {
                Command::Compare(comparison) => self.workbench.comparison = *comparison,
                Command::Change(Change::SetDisplay(display)) => self.document.display = display,
                Command::RemoveKept(id) => {
                    self.results.kept.remove(id);
                    self.workbench.forget_kept(Some(id));
                }
                Command::Navigate(navigation) => self.workbench.navigation = navigation,
                Command::Point(pixel) => pointed = pixel,
                other => self.asked.push(other),
            }
        }
        self.pointed = pointed;
    }

    pub(crate) fn harness(self) -> Harness<'static, Self> {
        self.with(Harness::builder().with_size([900.0, 640.0]))
    }

    /// With a renderer, for pictures.
    pub(crate) fn painted(self, theme: Theme, size: impl Into<Vec2>) -> Harness<'static, Self> {
        let (state, renderer) = crate::common::renderer();
        let builder = Harness::builder()
            .with_size(size)
            .with_pixels_per_point(1.0)
            .with_theme(theme)
            .renderer(renderer);
        let stage = Self {
            textures: Textures::on(&state),
            ..self
        };
        stage.with(builder)
    }

    fn with(self, builder: HarnessBuilder<Self>) -> Harness<'static, Self> {
        let mut harness = builder
            .with_step_dt(1.0 / 20.0)
            .with_context_setup(theme::install)
            .build_ui_state(|ui, stage: &mut Self| stage.ui(ui), self);
        // Tests are without animations unless they say so.
        harness
            .ctx
            .all_styles_mut(|style| style.animation_time = 0.1);
        harness.run_steps(4);
        harness
    }
}

/// What is compared now.
pub(crate) fn comparison<'a>(harness: &'a Harness<'_, Stage>) -> &'a Comparison {
    &harness.state().workbench.comparison
}

/// Whether a picture of this name is drawn.
pub(crate) fn shows<S>(harness: &Harness<'_, S>, name: &str) -> bool {
    harness
        .query_all_by_role_and_label(Role::Image, name)
        .next()
        .is_some()
}

/// Clicks what has a name, and waits until it was done.
pub(crate) fn click(harness: &mut Harness<'_, Stage>, name: &str) {
    harness.get_by_label(name).click();
    harness.run_steps(3);
}
