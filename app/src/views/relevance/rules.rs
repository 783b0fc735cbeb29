//! The rule of every layer, with other ones to choose by kind or by layer.
//!
//! Invariant: what is shown is what the maps were made by; a choice that is not computed yet is marked as changed at once.

use egui::{Align, ComboBox, Label, Layout, RichText, ScrollArea, TextStyle, Ui, vec2};
use ganoscope_core::attribution::{LayerKind, LayerRule, Rule, RuleChange};
use ganoscope_core::jobs::RelevancePreview;

use super::set;
use crate::explain::Explain;
use crate::theme::{Tokens, size};
use crate::views::ViewCx;
use crate::widgets::{Icon, icon_button};

/// Height of a row, points.
const ROW: f32 = 24.0;
/// Width of a rule's list, points.
const RULE: f32 = 116.0;
/// Width of the button that puts a rule back, points.
const RESET: f32 = 26.0;

/// The table; `preview` is missing while nothing could be computed yet.
pub(super) fn rules_ui(cx: &ViewCx<'_>, ui: &mut Ui, preview: Option<&RelevancePreview>) {
    head_ui(cx, ui);
    if !cx.document.method.is_relevance() {
        let text = format!(
            "The method {} has no rules. Choose one that works by rules.",
            cx.document.method
        );
        ui.label(text);
        return;
    }
    let Some(preview) = preview.filter(|preview| !preview.rules.is_empty()) else {
        changes_ui(cx, ui);
        return;
    };
    let kinds = kinds_of(&preview.rules);
    let rows = kinds.len() + preview.rules.len();
    ScrollArea::vertical()
        .auto_shrink(false)
        .show_rows(ui, ROW, rows, |ui, visible| {
            for row in visible {
                if let Some((kind, layers)) = kinds.get(row) {
                    kind_ui(cx, ui, preview, *kind, layers);
                } else if let Some(rule) = preview.rules.get(row - kinds.len()) {
                    layer_ui(cx, ui, preview, rule);
                }
            }
        });
}

/// How many rules are changed, and all of them put back.
fn head_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    let tokens = Tokens::of(ui);
    let explain = &cx.document.explain;
    ui.horizontal(|ui| {
        let text = match explain.rules.len() {
            0 => format!("Rules of {}", cx.document.method),
            count => format!("Rules of {}, {count} changed", cx.document.method),
        };
        ui.add(Label::new(RichText::new(text).color(tokens.weak)).truncate());
        if !explain.rules.is_empty() && ui.button("Reset all").clicked() {
            let explain = Explain {
                rules: Vec::new(),
                ..explain.clone()
            };
            set(cx, explain, "reset all rules".to_owned());
        }
    });
}

/// What was changed, where the layers are not known: a rule that fits nowhere can be taken back.
fn changes_ui(cx: &ViewCx<'_>, ui: &mut Ui) {
    for change in &cx.document.explain.rules {
        ui.horizontal(|ui| {
            if reset_ui(ui, &change.place) {
                put_back(cx, &change.place);
            }
            ui.label(change.to_string());
        });
    }
}

/// The kinds that the network has, with the rules of their layers.
fn kinds_of(rules: &[LayerRule]) -> Vec<(LayerKind, Vec<Rule>)> {
    let of = |kind: LayerKind| {
        let rules = rules.iter().filter(|rule| rule.kind == kind);
        (kind, rules.map(|rule| rule.rule).collect::<Vec<Rule>>())
    };
    let all = LayerKind::ALL.into_iter().map(of);
    // What only moves values has one rule.
    all.filter(|(kind, rules)| !rules.is_empty() && *kind != LayerKind::Routing)
        .collect()
}

fn kind_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    preview: &RelevancePreview,
    kind: LayerKind,
    rules: &[Rule],
) {
    let change = cx.document.explain.rules.iter();
    let change = change.rev().find(|change| change.kind() == Some(kind));
    let shown = match rules {
        [first, rest @ ..] if rest.iter().all(|rule| rule == first) => first.to_string(),
        _ => "several".to_owned(),
    };
    let row = Row {
        label: format!("every {}", kind.name()),
        hint: format!("{} layers", rules.len()),
        shown: change.map_or(shown, |change| change.rule.to_string()),
        place: kind.name().to_owned(),
        change,
        is_marked: change.is_some(),
    };
    row.ui(cx, ui, kind.choices(preview.input_range));
}

fn layer_ui(cx: &ViewCx<'_>, ui: &mut Ui, preview: &RelevancePreview, rule: &LayerRule) {
    let changes = &cx.document.explain.rules;
    let change = changes.iter().rev().find(|c| c.is_of_layer(&rule.layer));
    let is_marked = change.is_some()
        || changes
            .iter()
            .any(|change| change.kind() == Some(rule.kind));
    let row = Row {
        label: rule.layer.to_string(),
        hint: format!("{}, {}", rule.op, rule.kind.name()),
        shown: change.map_or_else(|| rule.rule.to_string(), |change| change.rule.to_string()),
        place: rule.layer.to_string(),
        change,
        is_marked,
    };
    row.ui(cx, ui, rule.kind.choices(preview.input_range));
}

/// One line of the table.
struct Row<'a> {
    label: String,
    hint: String,
    /// The rule that holds.
    shown: String,
    /// What a change of it is said of.
    place: String,
    change: Option<&'a RuleChange>,
    is_marked: bool,
}

impl Row<'_> {
    fn ui(&self, cx: &ViewCx<'_>, ui: &mut Ui, choices: Vec<Rule>) {
        let tokens = Tokens::of(ui);
        let color = if self.is_marked {
            tokens.accent
        } else {
            tokens.text
        };
        ui.horizontal(|ui| {
            let room = ui.available_width() - RULE - RESET - 4.0 * size::GAP;
            let extent = vec2(room.max(40.0), ROW - 4.0);
            let name = RichText::new(&self.label).text_style(TextStyle::Small);
            let label = Label::new(name.color(color)).truncate();
            let from_left = Layout::left_to_right(Align::Center);
            let label = ui.allocate_ui_with_layout(extent, from_left, |ui| {
                ui.set_min_size(extent);
                ui.add(label)
            });
            let label = label.inner;
            let label = label.on_hover_text(format!("{}: {}", self.label, self.hint));
            if choices.len() < 2 {
                let text = RichText::new(&self.shown).text_style(TextStyle::Small);
                ui.label(text.color(tokens.weak));
                return;
            }
            self.choice_ui(cx, ui, choices, label.id);
            if self.change.is_some() && reset_ui(ui, &self.place) {
                put_back(cx, &self.place);
            }
        });
    }

    fn choice_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui, choices: Vec<Rule>, label: egui::Id) {
        let mut chosen = None;
        ComboBox::from_id_salt(("rule", &self.place))
            .selected_text(RichText::new(&self.shown).text_style(TextStyle::Small))
            .width(RULE)
            // All rules at once.
            .height(360.0)
            .truncate()
            .show_ui(ui, |ui| {
                if ui
                    .selectable_label(self.change.is_none(), "as the method says")
                    .clicked()
                {
                    chosen = Some(None);
                }
                for rule in choices {
                    let is_it = self.change.is_some_and(|change| change.rule == rule);
                    if ui.selectable_label(is_it, rule.to_string()).clicked() {
                        chosen = Some(Some(rule));
                    }
                }
            })
            .response
            .labelled_by(label);
        match chosen {
            Some(Some(rule)) => {
                let change = RuleChange {
                    place: self.place.clone(),
                    rule,
                };
                let name = format!("use {rule} for {}", self.place);
                let explain = cx.document.explain.with_rule(&self.place, Some(change));
                set(cx, explain, name);
            }
            Some(None) if self.change.is_some() => put_back(cx, &self.place),
            _ => {}
        }
    }
}

fn reset_ui(ui: &mut Ui, place: &str) -> bool {
    icon_button(ui, Icon::Undo, &format!("Reset {place}"), false).clicked()
}

fn put_back(cx: &ViewCx<'_>, place: &str) {
    let explain = cx.document.explain.with_rule(place, None);
    set(cx, explain, format!("reset the rule of {place}"));
}
