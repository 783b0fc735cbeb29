//! What the view says and asks for, by pointer, keys and search.

use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers, Pos2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _, by};
use egui_kittest::{Harness, Node};
use ganoscope::command::{Change, Command};
use ganoscope::views::ViewKey;
use ganoscope_core::edit::{Action, Edit, UnitSet};

use crate::common;
use crate::stage::{Stage, pushed};

const ROOT: &str = "root.0 to 2: 3 equal blocks of conv1, conv2, add, 12 x 24 x 24";

fn show(layer: &str) -> Command {
    Command::Change(Change::ShowLayer(layer.into()))
}

/// The box whose description begins with a text. The line below the drawing says the same of the box the keys are on.
fn query<'a>(harness: &'a Harness<'_, Stage>, text: &'a str) -> Option<Node<'a>> {
    harness.query(by().role(Role::Button).label_contains(text))
}

fn get<'a>(harness: &'a Harness<'_, Stage>, text: &'a str) -> Node<'a> {
    harness.get(by().role(Role::Button).label_contains(text))
}

/// A place of the drawing where nothing is, near its lower left corner.
fn beside(harness: &Harness<'_, Stage>) -> Pos2 {
    let canvas = harness.get_by_role_and_label(Role::Canvas, "Layers of the generator");
    canvas.rect().left_bottom() + vec2(6.0, -6.0)
}

fn click_at(harness: &mut Harness<'_, Stage>, pos: Pos2) {
    harness.drag_at(pos);
    harness.step();
    harness.drop_at(pos);
    harness.run_steps(2);
}

#[test]
fn boxes_say_what_they_are() {
    let harness = Stage::new().harness();
    for label in [
        "blend: Input, 3 x 24 x 24",
        "position: Constant, 2 x 24 x 24",
        "conv_in: Conv2d 9x9, PReLU, 12 x 24 x 24",
        ROOT,
        "branch1.0 to 2: 3 equal blocks of conv1, conv2, add, 12 x 24 x 24",
        "out2: Conv2d 9x9, Tanh, 3 x 24 x 24",
    ] {
        harness.get_by_label(label);
    }
    // The layer shown is told apart without looking.
    let shown = get(&harness, "conv_in: ");
    assert_eq!(shown.accesskit_node().toggled(), Some(Toggled::True));
    harness.check_accessibility();
}

#[test]
fn a_click_shows_a_layer_and_a_double_click_its_units() {
    let mut harness = Stage::new().harness();
    get(&harness, "out1: ").click();
    assert_eq!(pushed(&mut harness), [show("tanh1")]);
    harness.get_by_label("Layer conv_in").click();
    assert_eq!(pushed(&mut harness), [show("conv_in")]);
    // An input has no units to show.
    get(&harness, "blend: ").click();
    assert_eq!(pushed(&mut harness), []);
    let at = get(&harness, "out2: ").rect().left_top() + vec2(12.0, 8.0);
    // Long enough after the last click not to be a third one.
    harness.run_steps(30);
    for _ in 0..2 {
        harness.drag_at(at);
        harness.step();
        harness.drop_at(at);
        harness.step();
    }
    let commands = pushed(&mut harness);
    assert!(commands.contains(&show("tanh2")), "{commands:?}");
    assert!(
        commands.contains(&Command::Show(ViewKey::Units)),
        "{commands:?}"
    );
}

#[test]
fn equal_blocks_open_and_close() {
    let mut harness = Stage::new().harness();
    assert!(query(&harness, "root.1.conv1: ").is_none());
    get(&harness, ROOT).click();
    assert_eq!(pushed(&mut harness), []);
    get(&harness, "root.0.conv1: ");
    assert!(query(&harness, ROOT).is_none());
    harness.get_by_label("Close root.0 to 2").click();
    harness.run_steps(3);
    get(&harness, ROOT);
    harness.get_by_label("Open blocks").click();
    harness.run_steps(3);
    harness.get_by_label("Close blocks").click();
    harness.run_steps(3);
    get(&harness, ROOT);
}

#[test]
fn search_goes_to_every_hit_and_opens_its_blocks() {
    let mut harness = Stage::new().harness();
    let field = harness.get_by_label("Find a layer");
    field.focus();
    field.type_text("BRANCH2 conv2");
    harness.run_steps(3);
    harness.get_by_label("1 of 3");
    get(&harness, "branch2.0.conv2: ");
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    harness.get_by_label("2 of 3");
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    harness.run_steps(3);
    harness.get_by_label("1 of 3");
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    harness.run_steps(3);
    harness.get_by_label("3 of 3");
    harness.get_by_label("Find a layer").type_text("x");
    harness.run_steps(3);
    harness.get_by_label("no layer");
}

#[test]
fn keys_go_along_the_lines() {
    let mut harness = Stage::new().harness();
    let at = beside(&harness);
    click_at(&mut harness, at);
    // The first step goes to the layer shown: conv_in with act_in.
    harness.key_press(Key::ArrowDown);
    harness.key_press(Key::Enter);
    assert_eq!(pushed(&mut harness), [], "it is shown already");
    for _ in 0..5 {
        harness.key_press(Key::ArrowDown);
    }
    // Root, the layers after it, a branch; the end of it.
    harness.key_press(Key::Enter);
    assert_eq!(pushed(&mut harness), [show("tanh1")]);
    harness.key_press(Key::ArrowRight);
    harness.key_press(Key::Enter);
    assert_eq!(pushed(&mut harness), [show("tanh2")]);
    harness.key_press(Key::ArrowUp);
    harness.key_press(Key::Enter);
    assert_eq!(pushed(&mut harness), []);
    get(&harness, "branch2.0.conv1: ");
    harness.key_press(Key::Backspace);
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label_contains("branch2.0.conv1: ")
            .is_none()
    );
}

#[test]
fn dragging_pans_and_the_wheel_magnifies_around_the_pointer() {
    let mut harness = Stage::new().harness();
    let rect = |harness: &Harness<'_, Stage>| get(harness, ROOT).rect();
    let wheel = |harness: &mut Harness<'_, Stage>, y: f32| {
        harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: vec2(0.0, y),
            modifiers: Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
        });
        harness.run_steps(8);
    };
    let before = rect(&harness);
    let pointer = before.center();
    harness.hover_at(pointer);
    harness.step();
    wheel(&mut harness, 120.0);
    let large = rect(&harness);
    assert!(large.width() > 1.3 * before.width(), "{large} {before}");
    assert!((large.center() - pointer).length() < 2.0, "{large}");
    // A drag that begins on a box pans too, and does not click it.
    harness.drag_at(pointer);
    harness.step();
    for step in 1..=4 {
        harness.hover_at(pointer + vec2(0.0, -15.0 * step as f32));
        harness.step();
    }
    harness.drop_at(pointer + vec2(0.0, -60.0));
    assert_eq!(pushed(&mut harness), []);
    let moved = rect(&harness).center() - large.center();
    assert!((moved - vec2(0.0, -60.0)).length() < 8.0, "{moved}");
    harness.get_by_label("Fit").click();
    harness.run_steps(3);
    assert!((rect(&harness).center() - before.center()).length() < 1.0);
}

#[test]
fn the_discriminator_is_drawn_and_changes_nothing() {
    let mut harness = Stage::new().harness();
    harness.get_by_label("Discriminator").click();
    harness.run_steps(3);
    harness.get_by_role_and_label(Role::Canvas, "Layers of the discriminator");
    harness
        .get_by_label_contains("net.conv1: Conv2d 3x3 /2, LeakyReLU 0.3, BatchNorm")
        .click();
    assert_eq!(pushed(&mut harness), []);
    harness.get_by_label("Generator").click();
    harness.run_steps(3);
    get(&harness, ROOT);
}

#[test]
fn a_layer_chosen_elsewhere_comes_into_view() {
    let mut harness = Stage::new().harness();
    harness.get_by_label("Open blocks").click();
    harness.run_steps(3);
    let canvas = harness
        .get_by_role_and_label(Role::Canvas, "Layers of the generator")
        .rect();
    harness.state_mut().document.layer = Some("tanh2".into());
    harness.run_steps(3);
    let rect = get(&harness, "out2: ").rect();
    assert!(canvas.expand(1.0).contains_rect(rect), "{rect} in {canvas}");
}

#[test]
fn a_series_without_a_discriminator_offers_none() {
    let mut stage = Stage::new();
    let mut series = ganoscope::testing::tiny_series_info("series".as_ref());
    series.discriminator = None;
    stage.results.series = ganoscope::results::Loadable::Ready(series.into());
    let harness = stage.harness();
    let button = harness.query_by_role_and_label(Role::Button, "Discriminator");
    assert!(button.is_none());
}

#[test]
fn hovering_tells_parameters_cost_and_edits() {
    let mut stage = Stage::new();
    let units = UnitSet::of_layer("act_in", [2, 4]);
    stage.document.edits.edits = vec![Edit::new(units, Action::Ablate)];
    let mut harness = stage.harness();
    let rect = get(&harness, "conv_in: ").rect();
    harness.hover_at(rect.left_top() + vec2(12.0, 8.0));
    harness.run_steps(40);
    harness.get_by_label("2 units are edited here");
    // 12 filters of 9 x 9 over 5 channels and a bias each; slopes of the activation.
    harness.get_by_label("4.87 k");
    harness.get_by_label_contains("together 4.88 k parameters, 2.80 M multiply-adds");
}

/// Contrast of two colours, WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of the relative luminances.
fn contrast(a: egui::Color32, b: egui::Color32) -> f32 {
    let luminance = |c: egui::Color32| {
        let [r, g, b, _] = egui::Rgba::from(c).to_array();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

#[test]
fn boxes_can_be_read_and_told_apart() {
    for tokens in [&ganoscope::theme::DARK, &ganoscope::theme::LIGHT] {
        for ground in [tokens.raised, tokens.hovered] {
            for text in [tokens.text, tokens.strong, tokens.accent_text] {
                assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}");
            }
            // Shapes and lines.
            for shape in tokens.families.into_iter().chain([tokens.accent]) {
                assert!(contrast(shape, ground) >= 3.0, "{shape:?} on {ground:?}");
            }
        }
        for ground in [tokens.ground, tokens.side, tokens.well] {
            for text in [tokens.text, tokens.strong, tokens.weak, tokens.accent] {
                assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}");
            }
        }
        for text in [tokens.error, tokens.warning] {
            assert!(contrast(text, tokens.side) >= 4.5, "{text:?}");
        }
        assert!(contrast(tokens.accent_text, tokens.accent_ground) >= 4.5);
        for shape in tokens.families {
            assert!(contrast(shape, tokens.side) >= 3.0, "{shape:?}");
        }
    }
}

#[test]
fn the_overview_goes_where_it_is_pressed() {
    let mut stage = Stage::new();
    stage.document.layer = Some("tanh2".into());
    let mut harness = stage.harness();
    harness.get_by_label("Open blocks").click();
    harness.run_steps(3);
    assert!(query(&harness, "blend: ").is_none(), "out of view");
    let overview = harness.get_by_role_and_label(Role::ScrollBar, "Overview");
    let at = overview.rect().center_top() + vec2(0.0, 10.0);
    click_at(&mut harness, at);
    get(&harness, "blend: ");
    harness.check_accessibility();
}

#[test]
fn a_real_series_is_drawn_and_its_layers_are_shown() {
    let files = common::Files::new();
    let mut harness = common::app(common::Start {
        document: files.document(),
        ..common::Start::default()
    });
    common::settle(&mut harness);
    harness.key_press(Key::L);
    common::settle(&mut harness);
    assert_eq!(harness.state().workbench().view, ViewKey::Layers);
    harness.get_by_label("Fit").click();
    common::settle(&mut harness);
    harness.get_by_label("conv_in: Conv2d 9x9, PReLU, 4 x 16 x 16");
    harness
        .get_by_label("out2: Conv2d 9x9, Tanh, 3 x 16 x 16")
        .click();
    common::settle(&mut harness);
    assert_eq!(harness.state().document().layer, Some("tanh2".into()));
    harness.get_by_label("Discriminator").click();
    common::settle(&mut harness);
    harness.get_by_label("Fit").click();
    common::settle(&mut harness);
    harness.get_by_label("net.fc2: Dense, 1");
}
