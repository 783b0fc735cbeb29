//! Every view without a renderer: what it says in each state, and which commands its parts push.

use std::path::Path;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::command::{Change, Command, Commands, UiCommand};
use ganoscope::display::{Display, Levels};
use ganoscope::document::Document;
use ganoscope::results::Results;
use ganoscope::testing::{failed_results, loading_results, ready_results};
use ganoscope::theme;
use ganoscope::views::{VIEWS, View, ViewCx, ViewKey, inspector_ui};
use ganoscope::widgets::Textures;
use ganoscope::workbench::Workbench;
use ganoscope_core::edit::{Action, Edit, UnitSet};
use ganoscope_core::jobs::Slot;
use ganoscope_core::stamp::stretch::Limits;

/// A view alone, with everything it may see.
struct Stage {
    view: Option<Box<dyn View>>,
    document: Document,
    workbench: Workbench,
    results: Results,
    commands: Commands,
    textures: Textures,
}

impl Stage {
    fn new(view: Option<ViewKey>, results: Results) -> Self {
        Self {
            view: view.map(ViewKey::make),
            document: Document::new(Some("series".into()), vec!["blend.fits".into()]),
            workbench: Workbench::default(),
            results,
            commands: Commands::default(),
            textures: Textures::default(),
        }
    }

    fn ready(view: ViewKey) -> Self {
        Self::new(
            Some(view),
            ready_results(Path::new("series"), Path::new("blend.fits")),
        )
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
        match &mut self.view {
            Some(view) => view.ui(&cx, ui),
            None => inspector_ui(&cx, ui),
        }
    }

    fn harness(self) -> Harness<'static, Self> {
        let size = if self.view.is_some() {
            [900.0, 600.0]
        } else {
            [280.0, 900.0]
        };
        let mut harness = Harness::builder()
            .with_size(size)
            .with_context_setup(theme::install)
            .build_ui_state(|ui, stage: &mut Self| stage.ui(ui), self);
        harness.run_steps(2);
        harness
    }
}

/// The commands pushed since the last time, where the pointer was left out.
fn pushed(harness: &mut Harness<'_, Stage>) -> Vec<Command> {
    harness.run_steps(2);
    let all = harness.state().commands.take();
    all.into_iter()
        .filter(|c| !matches!(c, Command::Point(_)))
        .collect()
}

#[test]
fn every_view_says_what_is_missing() {
    for key in VIEWS {
        let mut stage = Stage::new(Some(key), Results::default());
        stage.document = Document::default();
        let mut harness = stage.harness();
        let (headline, offer) = match key {
            ViewKey::Regions | ViewKey::Header => ("No picture is open", UiCommand::OpenFiles),
            _ => ("No series is open", UiCommand::OpenSeries),
        };
        harness.get_by_label(headline);
        harness.get_by_label(offer.text()).click();
        assert_eq!(pushed(&mut harness), [Command::Ui(offer)], "{key:?}");
    }
}

#[test]
fn every_view_says_that_it_works() {
    for key in VIEWS {
        let harness = Stage::new(Some(key), loading_results()).harness();
        let busy = harness.query_all_by_role(egui::accesskit::Role::ProgressIndicator);
        assert!(busy.count() > 0, "{key:?}");
    }
}

#[test]
fn every_view_says_why_it_failed_and_tries_again() {
    for (key, slot) in [
        (ViewKey::Deblend, Slot::Deblend),
        (ViewKey::Units, Slot::Units),
        (ViewKey::Relevance, Slot::Relevance),
        (ViewKey::Compare, Slot::Deblend),
    ] {
        let mut harness = Stage::new(Some(key), failed_results()).harness();
        harness.get_by_label_contains("Layer ");
        harness.get_by_label("Try again").click();
        assert_eq!(pushed(&mut harness), [Command::Retry(slot)]);
    }
    for key in [ViewKey::Regions, ViewKey::Header] {
        let mut harness = Stage::new(Some(key), failed_results()).harness();
        harness.get_by_label("The picture cannot be opened");
        harness.get_by_label("Try again").click();
        assert_eq!(pushed(&mut harness), [Command::Retry(Slot::Scene)]);
    }
    for key in [ViewKey::Layers, ViewKey::Timeline] {
        let mut harness = Stage::new(Some(key), failed_results()).harness();
        harness.get_by_label("The series has no checkpoint");
        harness.get_by_label("Try again").click();
        assert_eq!(pushed(&mut harness), [Command::Ui(UiCommand::Reload)]);
    }
}

#[test]
fn pictures_have_names() {
    let harness = Stage::ready(ViewKey::Deblend).harness();
    for label in [
        "Blend",
        "Galaxy 1, generated",
        "Galaxy 2, generated",
        "Galaxy 1, truth",
        "Galaxy 2, truth",
        "Recombination",
        "Residual",
    ] {
        let role = egui::accesskit::Role::Image;
        harness.get_by_role_and_label(role, label);
    }
    harness.check_accessibility();
}

#[test]
fn clicks_select_units() {
    let mut harness = Stage::ready(ViewKey::Units).harness();
    harness.get_by_label("Unit 3").click();
    let layer = "act_in";
    let select = |channels: &[usize]| {
        let units = UnitSet::of_layer(layer, channels.iter().copied());
        Command::Change(Change::SelectUnits(units))
    };
    assert_eq!(pushed(&mut harness), [select(&[3])]);
    harness.state_mut().document.units = UnitSet::of_layer(layer, [3]);
    harness
        .get_by_label("Unit 5")
        .click_modifiers(egui::Modifiers::COMMAND);
    assert_eq!(pushed(&mut harness), [select(&[3, 5])]);
    harness
        .get_by_label("Unit 7")
        .click_modifiers(egui::Modifiers::SHIFT);
    assert_eq!(pushed(&mut harness), [select(&[5, 6, 7])]);
    harness.get_by_label("Unit 3").click();
    assert_eq!(
        pushed(&mut harness),
        [select(&[])],
        "a second click lets it go"
    );
}

#[test]
fn layers_are_chosen_from_the_list() {
    let mut harness = Stage::ready(ViewKey::Units).harness();
    harness.get_by_label_contains("conv_in").click();
    let expected = Change::ShowLayer("conv_in".into());
    assert_eq!(pushed(&mut harness), [Command::Change(expected)]);
}

#[test]
fn sliders_set_strengths() {
    let mut stage = Stage::new(
        None,
        ready_results(Path::new("series"), Path::new("blend.fits")),
    );
    let units = UnitSet::of_layer("act_in", [2, 4]);
    stage.document.units = units.clone();
    let mut harness = stage.harness();
    let slider = egui::accesskit::Role::Slider;
    harness
        .get_by_role_and_label(slider, "Unit 4")
        .set_value_accesskit(0.25);
    let one = UnitSet::of_layer("act_in", [4]);
    let set = |units: &UnitSet, strength| {
        Command::Change(Change::SetStrength {
            units: units.clone(),
            strength,
        })
    };
    assert_eq!(pushed(&mut harness), [set(&one, 0.25)]);
    harness
        .get_by_role_and_label(slider, "All")
        .set_value_accesskit(3.0);
    assert_eq!(pushed(&mut harness), [set(&units, 3.0)]);
    harness.get_by_label("Ablate").click();
    assert_eq!(
        pushed(&mut harness),
        [Command::Ui(UiCommand::AblateSelection)]
    );
    harness.check_accessibility();
}

#[test]
fn showing_a_strength_does_not_change_it() {
    let mut stage = Stage::new(
        None,
        ready_results(Path::new("series"), Path::new("blend.fits")),
    );
    let units = UnitSet::of_layer("act_in", [2, 4, 5]);
    stage.document.units = units.clone();
    // A mean that is not a multiple of the slider's step, a strength beyond its range, one with more digits.
    for (unit, strength) in units.iter().zip([0.25, 6.0, 1.0 / 3.0]) {
        stage.document.edits.set_scale(unit, strength);
    }
    let mut harness = stage.harness();
    harness.run_steps(3);
    assert_eq!(pushed(&mut harness), []);
}

#[test]
fn edits_are_switched_and_removed_in_the_list() {
    let mut stage = Stage::new(
        None,
        ready_results(Path::new("series"), Path::new("blend.fits")),
    );
    let edit = Edit::new(UnitSet::of_layer("act_in", [2]), Action::Ablate);
    stage.document.edits.edits = vec![edit.clone()];
    let mut harness = stage.harness();
    harness.get_by_label("Edit 1 on").click();
    let off = Edit {
        enabled: false,
        ..edit
    };
    let expected = Change::SetEdit {
        index: 0,
        edit: off,
    };
    assert_eq!(pushed(&mut harness), [Command::Change(expected)]);
    harness.get_by_label("Remove edit 1").click();
    let expected = Change::RemoveEdit { index: 0 };
    assert_eq!(pushed(&mut harness), [Command::Change(expected)]);
}

#[test]
fn the_scrubber_goes_to_a_checkpoint() {
    let mut harness = Stage::ready(ViewKey::Timeline).harness();
    let slider = egui::accesskit::Role::Slider;
    let rect = harness.get_by_role_and_label(slider, "Checkpoint").rect();
    let at = egui::pos2(rect.left() + 26.0, rect.top() + 8.0);
    harness.drag_at(at);
    harness.step();
    harness.drop_at(at);
    let commands = pushed(&mut harness);
    assert!(
        commands.contains(&Command::Change(Change::GoToStep(0))),
        "{commands:?}"
    );
}

#[test]
fn scrolling_zooms_all_pictures() {
    let mut harness = Stage::ready(ViewKey::Deblend).harness();
    // The caption and the picture have one name; the picture is the taller.
    let rects = harness.query_all_by_label("Blend").map(|node| node.rect());
    let picture = rects.reduce(|a, b| if b.height() > a.height() { b } else { a });
    harness.hover_at(picture.expect("the blend is shown").center());
    harness.step();
    harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, 120.0),
        modifiers: egui::Modifiers::NONE,
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
    });
    let commands = pushed(&mut harness);
    let zoomed = commands
        .iter()
        .any(|c| matches!(c, Command::Navigate(n) if n.zoom > 1.0));
    assert!(zoomed, "{commands:?}");
}

/// Drags from one place to another with a button; returns what was asked for.
fn dragged(
    harness: &mut Harness<'_, Stage>,
    button: egui::PointerButton,
    [from, to]: [egui::Pos2; 2],
) -> Vec<Command> {
    let press = |pos, pressed| egui::Event::PointerButton {
        pos,
        button,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    harness.hover_at(from);
    harness.step();
    harness.event(press(from, true));
    harness.step();
    harness.hover_at(to);
    harness.step();
    harness.event(press(to, false));
    pushed(harness)
}

#[test]
fn the_right_button_shades_and_the_left_one_pans() {
    let mut stage = Stage::ready(ViewKey::Deblend);
    stage.workbench.navigation.zoom = 2.0;
    let mut harness = stage.harness();
    let rects = harness.query_all_by_label("Blend").map(|node| node.rect());
    let picture = rects.reduce(|a, b| if b.height() > a.height() { b } else { a });
    let picture = picture.expect("the blend is shown");
    let from = picture.center();
    let to = from + egui::vec2(0.25, -0.125) * picture.size();
    let ways = [from, to];
    let shades = dragged(&mut harness, egui::PointerButton::Secondary, ways);
    let total = shades
        .iter()
        .fold([0.0, 0.0], |sum, command| match command {
            Command::Shade([right, down]) => [sum[0] + right, sum[1] + down],
            other => panic!("{other:?}"),
        });
    assert!(
        (total[0] - 0.25).abs() < 0.01 && (total[1] + 0.125).abs() < 0.01,
        "{total:?}"
    );
    let pans = dragged(&mut harness, egui::PointerButton::Primary, ways);
    assert!(!pans.is_empty());
    assert!(
        pans.iter().all(|c| matches!(c, Command::Navigate(_))),
        "{pans:?}"
    );
}

/// The inspector with its section of display choices open.
fn display_section(display: Display) -> Harness<'static, Stage> {
    let results = ready_results(Path::new("series"), Path::new("blend.fits"));
    let mut stage = Stage::new(None, results);
    stage.document.display = display;
    let mut harness = stage.harness();
    harness.get_by_label("Display").click();
    harness.run_steps(20);
    harness
}

#[test]
fn limits_are_dragged_in_the_histogram() {
    let mut harness = display_section(Display::default());
    harness.check_accessibility();
    let rect = harness
        .get_by_label("Histogram with black and white")
        .rect();
    let at = |share: f32| egui::pos2(rect.left() + share * rect.width(), rect.center().y);
    // White is at the right end or beyond; black stays.
    let ways = [at(0.97), at(0.5)];
    let commands = dragged(&mut harness, egui::PointerButton::Primary, ways);
    let Some(Command::Change(Change::SetDisplay(display))) = commands.last() else {
        panic!("{commands:?}");
    };
    let Limits::Manual { low, high } = display.limits else {
        panic!("{display:?}");
    };
    assert_eq!(low, 0.0);
    assert!((0.3..0.7).contains(&high), "{high}");
    let kept = Display {
        limits: display.limits,
        ..Display::default()
    };
    assert_eq!(*display, kept, "nothing else changes");
}

#[test]
fn showing_the_display_does_not_change_it() {
    let display = Display {
        contrast: 1.234_567,
        bias: 0.123_456_7,
        limits: Limits::Manual {
            low: 0.012_345_67,
            high: 0.987_654_3,
        },
        ..Display::default()
    };
    let mut harness = display_section(display);
    assert_eq!(pushed(&mut harness), []);
}

#[test]
fn the_display_is_reset_at_once() {
    let changed = Display {
        contrast: 3.0,
        is_inverted: true,
        overlay: 0.2,
        ..Display::default()
    };
    let mut harness = display_section(changed);
    harness.get_by_label("Reset the display").click();
    let start = Display {
        overlay: 0.2,
        ..Display::default()
    };
    let expected = Command::Change(Change::SetDisplay(start));
    assert_eq!(pushed(&mut harness), [expected]);
}
