//! Layers: the network drawn as a graph, from its inputs at the top to its outputs at the bottom.
//!
//! Branches stand side by side, residuals pass beside what they skip, and repeated blocks are drawn as one until they are
//! opened, so that a network of hundreds of layers stays legible. Only what is seen is painted.

mod brackets;
mod camera;
mod canvas;
mod details;
mod edges;
mod faces;
mod marks;
mod notes;
mod overview;
mod search;
mod sheet;
mod walk;
pub(crate) mod words;

use egui::{Button, Key, Label, Rect, RichText, Sense, TextEdit, TextStyle, Ui, vec2};
use ganoscope_core::checkpoint::NetworkRole;
use ganoscope_core::graph::{Family, Shown};
use ganoscope_core::jobs::{NetworkInfo, SeriesInfo};
use ganoscope_core::network::LayerName;

use self::camera::Camera;
use self::canvas::{Canvas, Wish, layer_of};
use self::notes::Notes;
use self::search::Search;
use self::sheet::Sheet;
use self::words::spoken;
pub(super) use self::words::{count_text, share_text};
use super::parts::series_or_state;
use super::{View, ViewCx, ViewKey};
use crate::command::{Change, Command};
use crate::export::Subject;
use crate::theme::Tokens;
use crate::widgets::empty_ui;

/// Which network is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Which {
    #[default]
    Generator,
    Discriminator,
}

impl Which {
    const fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Discriminator => "discriminator",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Generator => "Generator",
            Self::Discriminator => "Discriminator",
        }
    }
}

/// The view. It keeps what is drawn and looked at; what is selected and edited is the document's.
#[derive(Clone, Default)]
pub(super) struct Layers {
    which: Which,
    sheets: [Sheet; 2],
    search: Search,
    /// The layer that was brought into view last, by itself or by a click here.
    followed: Option<LayerName>,
}

impl View for Layers {
    fn key(&self) -> ViewKey {
        ViewKey::Layers
    }

    fn twin(&self) -> Box<dyn View> {
        Box::new(self.clone())
    }

    fn subject(&self) -> Subject {
        let role = match self.which {
            // The one that is run, whichever it is.
            Which::Generator => None,
            Which::Discriminator => Some(NetworkRole::Discriminator),
        };
        Subject {
            role,
            open_chains: self.sheets[self.which as usize].open_chains().clone(),
        }
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let Some(series) = series_or_state(cx, ui) else {
            return;
        };
        let network = match self.which {
            Which::Generator => Some(&series.network),
            Which::Discriminator => series.discriminator.as_ref(),
        };
        if let Some(network) = network {
            self.sheet().show(&network.graph);
        }
        let is_sought = self.bar_ui(ui, series);
        let Some(network) = network else {
            let hint = "The series has no discriminator to draw.";
            empty_ui(ui, "No discriminator", hint, |_| {});
            return;
        };
        if network.graph.boxes.is_empty() {
            let hint = "Read the series again, or open another one.";
            empty_ui(ui, "The network has no layers", hint, |_| {});
            return;
        }
        let footer = egui::Panel::bottom("layers footer")
            .frame(egui::Frame::new().inner_margin(egui::Margin {
                top: 4,
                ..egui::Margin::ZERO
            }))
            .show_separator_line(false);
        footer.show(ui, |ui| self.footer_ui(ui, network));
        egui::CentralPanel::default()
            .frame(egui::Frame::NONE)
            .show(ui, |ui| self.canvas_ui(cx, ui, series, is_sought));
    }
}

impl Layers {
    fn sheet(&mut self) -> &mut Sheet {
        &mut self.sheets[self.which as usize]
    }

    /// The choice of the network, the search, and how it is seen; returns whether a hit is to be looked at.
    fn bar_ui(&mut self, ui: &mut Ui, series: &SeriesInfo) -> bool {
        ui.horizontal_wrapped(|ui| {
            for which in [Which::Generator, Which::Discriminator] {
                if which == Which::Discriminator && series.discriminator.is_none() {
                    continue;
                }
                let title = match (which, series.role) {
                    (Which::Generator, NetworkRole::Discriminator) => Which::Discriminator.title(),
                    _ => which.title(),
                };
                let button = Button::selectable(self.which == which, title);
                if ui.add(button).clicked() {
                    self.which = which;
                }
            }
            let is_sought = self.search_ui(ui);
            self.seen_ui(ui);
            is_sought
        })
        .inner
    }

    fn search_ui(&mut self, ui: &mut Ui) -> bool {
        let edit = TextEdit::singleline(&mut self.search.text)
            .hint_text("Find a layer")
            .desired_width(120.0);
        let response = ui.add(edit).accessible_name("Find a layer");
        let is_entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let sheet = &self.sheets[self.which as usize];
        let mut is_sought = self.search.update(sheet.graph());
        if is_entered {
            let is_back = ui.input(|i| i.modifiers.shift);
            self.search.advance(!is_back);
            // Enter again goes on.
            response.request_focus();
            is_sought = true;
        }
        response.on_hover_text(
            "Words of a name or an operation. Enter goes to the next hit, Shift+Enter to the one before",
        );
        let count = self.search.count_text();
        if !count.is_empty() {
            ui.label(RichText::new(count).color(Tokens::of(ui).text));
        }
        is_sought && self.search.current().is_some()
    }

    /// Magnification, and repeated blocks open or closed.
    fn seen_ui(&mut self, ui: &mut Ui) {
        let sheet = self.sheet();
        let fit = ui.button("Fit");
        if fit.on_hover_text("Show the whole network (Home)").clicked() {
            sheet.is_to_fit = true;
        }
        let chains = sheet.graph().chains.len();
        if chains > 0 {
            let is_open = sheet.is_all_open();
            let (text, hint) = if is_open {
                ("Close blocks", "Draw every run of equal blocks as one")
            } else {
                ("Open blocks", "Draw all equal blocks one by one")
            };
            if ui.button(text).on_hover_text(hint).clicked() {
                sheet.set_all_open(!is_open);
            }
        }
    }

    /// What the shapes mean, and what the keys are on.
    fn footer_ui(&mut self, ui: &mut Ui, network: &NetworkInfo) {
        let tokens = Tokens::of(ui);
        let graph = &network.graph;
        let small = |text: String| RichText::new(text).text_style(TextStyle::Small);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(4.0, 2.0);
            let is_there = |f: &Family| graph.layers.iter().any(|layer| layer.family == *f);
            for family in Family::ALL.into_iter().filter(is_there) {
                let (rect, _) = ui.allocate_exact_size(vec2(10.0, 12.0), Sense::hover());
                let rect = Rect::from_center_size(rect.center(), vec2(9.0, 9.0));
                marks::family(ui.painter(), rect, family, tokens.family(family));
                ui.label(small(family.name().to_owned()).color(tokens.text));
                ui.add_space(6.0);
            }
            let text = format!(
                "{} layers, {} parameters, {} multiply-adds",
                graph.layers.len(),
                count_text(graph.parameters as u64),
                count_text(graph.multiply_adds)
            );
            // Moves to the next line as a whole.
            let text = small(text).color(tokens.text);
            ui.add(Label::new(text).extend());
        });
        // One line, always: the drawing must not move when the keys go over it.
        let at = self.sheet().at;
        let text = at.map_or_else(
            || {
                "Click the drawing, then go over it with the arrow keys; Enter shows a layer."
                    .to_owned()
            },
            |at| spoken(graph, at),
        );
        ui.add(Label::new(small(text).color(tokens.weak)).truncate());
    }

    fn canvas_ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui, series: &SeriesInfo, is_sought: bool) {
        let which = self.which;
        let sheet = &mut self.sheets[which as usize];
        let shown = (which == Which::Generator)
            .then(|| cx.document.layer_in(series))
            .flatten();
        let mut notes = Notes::of_search(&self.search);
        if which == Which::Generator {
            notes = notes.with_document(sheet.graph(), cx.document, shown.as_ref());
        }
        let mut reveal = None;
        if shown.is_some() && shown != self.followed {
            let is_first = self.followed.is_none();
            self.followed.clone_from(&shown);
            reveal = notes.shown.filter(|_| !is_first);
        }
        let (view, _) = overview::split(sheet, ui.available_rect_before_wrap());
        if std::mem::take(&mut sheet.is_to_fit) {
            sheet.camera = Some(Camera::whole(sheet.size(), view));
        }
        if is_sought && let Some(hit) = self.search.current() {
            look_at(sheet, view, hit);
        }
        let canvas = Canvas {
            name: which.name(),
            salt: which as usize,
            notes: &notes,
            reveal,
        };
        let wishes = canvas.ui(ui, sheet);
        for wish in wishes {
            self.grant(cx, series, wish);
        }
    }

    /// Does what was asked of the drawing, or asks for it.
    fn grant(&mut self, cx: &ViewCx<'_>, series: &SeriesInfo, wish: Wish) {
        let is_generator = self.which == Which::Generator;
        let sheet = self.sheet();
        let layer = match wish {
            Wish::Take(shown) => {
                sheet.at = Some(shown);
                if let Shown::Chain(chain) = shown {
                    sheet.set_open(chain, true);
                }
                layer_of(sheet, shown)
            }
            Wish::Show(layer) => {
                sheet.at = sheet.graph().box_of(layer).map(Shown::Box);
                Some(layer)
            }
            Wish::Open(chain, is_open) => {
                sheet.set_open(chain, is_open);
                None
            }
            Wish::ShowUnits => {
                if is_generator {
                    cx.commands.push(Command::Show(ViewKey::Units));
                }
                None
            }
        };
        let name = layer.and_then(|layer| sheet.graph().layers.get(layer));
        let name = name.map(|layer| layer.name.clone());
        // Inputs and constants have no units, and a discriminator's layers are not the document's.
        let known = name.filter(|name| is_generator && series.network.layer(name).is_some());
        if let Some(name) = known.filter(|name| cx.document.layer_in(series).as_ref() != Some(name))
        {
            self.followed = Some(name.clone());
            cx.commands.push(Change::ShowLayer(name));
        }
    }
}

/// Brings a hit into the middle; the chain it is in is opened.
fn look_at(sheet: &mut Sheet, view: Rect, layer: usize) {
    let chain = sheet.graph().box_of(layer);
    let chain = chain.and_then(|at| sheet.graph().chain_of(at));
    if let Some(chain) = chain {
        sheet.set_open(chain, true);
    }
    let item = sheet.item_of_layer(layer);
    let area = item.and_then(|item| sheet.area(item));
    if let Some(area) = area {
        let camera = sheet
            .camera
            .unwrap_or_else(|| Camera::first(sheet.size(), view, Some(area)));
        sheet.camera = Some(camera.at(sheet.size(), view, area));
    }
    sheet.at = item.and_then(|item| Some(sheet.layout().items.get(item)?.shown));
}
