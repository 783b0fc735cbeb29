//! The panes in the middle of the window: every pane a view, tiled as the workbench says.
//!
//! Invariant: drawing changes no workbench. What a person does to the tiles is done to a copy, which is asked for as the new
//! layout.

use egui::{
    Color32, Frame, Margin, Popup, Response, RichText, Role, Stroke, Ui, Vec2, WidgetInfo,
    WidgetText,
};
use egui_tiles::{
    Behavior, Container, EditAction, SimplificationOptions, TabState, Tabs, Tile, TileId, Tiles,
    UiResponse,
};

use super::pane_views::PaneViews;
use crate::command::{Change, Command, Commands, UiCommand};
use crate::display::{Display, Levels};
use crate::document::Document;
use crate::layout::Pane;
use crate::theme::{Tokens, size};
use crate::views::{ViewCx, ViewKey, inspector_ui};
use crate::widgets::{Icon, icon_atom, icon_button};
use crate::workbench::Workbench;

/// The inspector; its display choices are those of the pane with the attention where that has a scale of its own.
pub(super) fn inspector_of_attended(cx: &ViewCx<'_>, views: &mut PaneViews, ui: &mut Ui) {
    let attended = cx.workbench.layout.pane(cx.workbench.attention);
    let own = attended.and_then(|pane| Some((pane, views.levels_of(cx, pane)?)));
    match own {
        Some((pane, own)) => own_ui(cx, pane, Some(own), |cx| inspector_ui(cx, ui)),
        None => inspector_ui(cx, ui),
    }
}

/// Draws with what a pane has of its own: pan and zoom, scale, comparison. What is asked for there stays its own.
fn own_ui(
    cx: &ViewCx<'_>,
    pane: Pane,
    scale: Option<(Display, Levels)>,
    content: impl FnOnce(&ViewCx<'_>),
) {
    let commands = Commands::default();
    let workbench = Workbench {
        navigation: cx.workbench.navigation_of(pane),
        cursor: cx.workbench.cursor.filter(|_| pane.is_linked),
        comparison: cx.workbench.comparison_of(pane.id).clone(),
        ..cx.workbench.clone()
    };
    let document = scale.map(|(display, _)| Document {
        display,
        ..cx.document.clone()
    });
    content(&ViewCx {
        workbench: &workbench,
        document: document.as_ref().unwrap_or(cx.document),
        levels: scale.map_or(cx.levels, |(_, levels)| levels),
        commands: &commands,
        ..*cx
    });
    for command in commands.take() {
        cx.commands.push(match (command, scale) {
            (Command::Navigate(navigation), _) if !pane.is_linked => {
                Command::NavigateAlone(pane.id, navigation)
            }
            (Command::Compare(comparison), _) => Command::CompareIn(pane.id, comparison),
            (Command::Change(Change::SetDisplay(display)), Some(_)) => {
                Command::DisplayAlone(pane.id, display)
            }
            (Command::Shade(by), Some((display, _))) => {
                Command::DisplayAlone(pane.id, display.shifted_by(by))
            }
            (other, _) => other,
        });
    }
}

/// Draws all panes that can be seen.
pub(super) fn tiles_ui(cx: &ViewCx<'_>, views: &mut PaneViews, ui: &mut Ui) {
    views.keep(&cx.workbench.layout);
    let mut layout = cx.workbench.layout.clone();
    let mut panes = Panes {
        cx,
        views,
        tokens: Tokens::of(ui),
        can_close: layout.panes().count() > 1,
        is_edited: false,
    };
    let attended = layout.pane(cx.workbench.attention);
    if let Some(pane) = attended.filter(|_| is_small(ui)) {
        panes.view_ui(ui, pane);
        return;
    }
    layout.tree_mut().ui(&mut panes, ui);
    if panes.is_edited {
        cx.commands.push(Command::Arrange(Box::new(layout)));
    }
}

/// Below this size the view with the attention is shown alone, points.
const ALONE: Vec2 = Vec2::new(380.0, 220.0);

struct Panes<'a> {
    cx: &'a ViewCx<'a>,
    views: &'a mut PaneViews,
    tokens: &'static Tokens,
    can_close: bool,
    is_edited: bool,
}

/// Whether there is room for one view only, without tabs.
fn is_small(ui: &Ui) -> bool {
    let space = ui.available_size();
    space.x < ALONE.x || space.y < ALONE.y
}

impl Panes<'_> {
    /// Draws one pane, filling `ui`.
    fn view_ui(&mut self, ui: &mut Ui, pane: Pane) {
        let rect = ui.max_rect();
        self.views.sizes.insert(pane.id, rect.size());
        let is_pressed = ui.input(|i| i.pointer.any_pressed()) && ui.rect_contains_pointer(rect);
        if is_pressed && !self.has_attention(&pane) {
            self.cx.commands.push(Command::Attend(pane.id));
        }
        let cx = self.cx;
        let scale = self.views.levels_of(cx, pane);
        let Some(view) = self.views.views.get_mut(&pane.id) else {
            return;
        };
        let has_own = !pane.is_linked || scale.is_some() || pane.view == ViewKey::Compare;
        Frame::new()
            .inner_margin(Margin::same(size::MARGIN))
            .show(ui, |ui| {
                ui.push_id(pane.id, |ui| {
                    if has_own {
                        own_ui(cx, pane, scale, |cx| view.ui(cx, ui));
                    } else {
                        view.ui(cx, ui);
                    }
                });
            });
    }

    fn title(&self, pane: &Pane) -> String {
        let mut title = pane.view.title().to_owned();
        if !pane.is_linked {
            title += " (not linked)";
        }
        if pane.has_own_scale {
            title += " (own scale)";
        }
        title
    }

    /// What can be done with a pane.
    fn more_ui(&self, ui: &mut Ui, pane: &Pane) {
        for command in [UiCommand::Export, UiCommand::CopyAsCommand] {
            let content = (icon_atom(command.icon()), command.text());
            let button = egui::Button::new(content).shortcut_text(command.keys_text(ui.ctx()));
            if ui.add(button).on_hover_text(command.tooltip()).clicked() {
                // It concerns this pane, wherever the attention was.
                self.cx.commands.push(Command::Attend(pane.id));
                self.cx.commands.push(match command {
                    UiCommand::Export => Command::ExportOf(pane.id),
                    _ => Command::CopyCommandOf(pane.id),
                });
            }
        }
    }

    /// The buttons of a pane, from the right.
    fn buttons_ui(&self, ui: &mut Ui, pane: &Pane) {
        let title = pane.view.title();
        let more = icon_button(ui, Icon::More, &format!("More of {title}"), false);
        Popup::menu(&more).show(|ui| self.more_ui(ui, pane));
        let duplicate = format!("Duplicate {title}");
        if icon_button(ui, Icon::Duplicate, &duplicate, false)
            .on_hover_text("Open a second pane with this view")
            .clicked()
        {
            self.cx.commands.push(Command::Duplicate(pane.id));
        }
        let link = if pane.is_linked { "Unlink" } else { "Link" };
        let name = format!("{link} {title}");
        let text = "Linked panes are panned and zoomed together";
        if icon_button(ui, Icon::Link, &name, pane.is_linked)
            .on_hover_text(text)
            .clicked()
        {
            self.cx.commands.push(Command::ToggleLink(pane.id));
        }
        if !pane.view.has_scale() {
            return;
        }
        let scale = if pane.has_own_scale {
            "Share the scale of"
        } else {
            "Own scale for"
        };
        let text =
            "A view with its own scale has limits, stretch and colours that no other view shares";
        if icon_button(
            ui,
            Icon::Scale,
            &format!("{scale} {title}"),
            pane.has_own_scale,
        )
        .on_hover_text(text)
        .clicked()
        {
            self.cx.commands.push(Command::ToggleScale(pane.id));
        }
    }

    fn has_attention(&self, pane: &Pane) -> bool {
        self.cx.workbench.attention == pane.id
    }
}

impl Behavior<Pane> for Panes<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        self.view_ui(ui, *pane);
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        let text = RichText::new(self.title(pane));
        if self.has_attention(pane) {
            text.color(self.tokens.accent).into()
        } else {
            text.into()
        }
    }

    fn tab_title_for_tile(&mut self, tiles: &Tiles<Pane>, tile: TileId) -> WidgetText {
        match tiles.get(tile) {
            Some(Tile::Pane(pane)) => self.tab_title_for_pane(pane),
            Some(Tile::Container(container)) => names_of(tiles, container).into(),
            None => WidgetText::default(),
        }
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut Tiles<Pane>,
        tile: TileId,
        response: Response,
    ) -> Response {
        let name = match tiles.get(tile) {
            Some(Tile::Pane(pane)) => self.title(pane),
            Some(Tile::Container(container)) => names_of(tiles, container),
            None => String::new(),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Tab, true, &name));
        self.views.tabs.note(tile, response.rect);
        if let Some(pane) = tiles.get_pane(&tile) {
            if response.clicked() {
                self.cx.commands.push(Command::Attend(pane.id));
            }
            let command = pane.view.command();
            let keys = command.keys_text(&response.ctx);
            return response.on_hover_text(format!("{} ({keys})", command.tooltip()));
        }
        response
    }

    fn is_tab_closable(&self, tiles: &Tiles<Pane>, tile: TileId) -> bool {
        self.can_close && tiles.get_pane(&tile).is_some()
    }

    fn on_tab_close(&mut self, _tiles: &mut Tiles<Pane>, _tile: TileId) -> bool {
        self.is_edited = true;
        true
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<Pane>,
        ui: &mut Ui,
        bar: TileId,
        tabs: &Tabs,
        scroll: &mut f32,
    ) {
        if let Some(pane) = tabs.active.and_then(|tile| tiles.get_pane(&tile)) {
            self.buttons_ui(ui, pane);
        }
        self.views.tabs.scroll(ui, bar, tabs.active, scroll);
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions {
            all_panes_must_have_tabs: true,
            ..SimplificationOptions::default()
        }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        size::TAB_BAR
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        2.0
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> Color32 {
        self.tokens.side
    }

    fn tab_bg_color(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active {
            self.tokens.ground
        } else {
            self.tokens.side
        }
    }

    fn tab_outline_stroke(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        _state: &TabState,
    ) -> Stroke {
        Stroke::NONE
    }

    fn tab_bar_hline_stroke(&self, _visuals: &egui::Visuals) -> Stroke {
        Stroke::new(1.0, self.tokens.line)
    }

    fn tab_text_color(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active {
            self.tokens.strong
        } else {
            self.tokens.weak
        }
    }

    fn on_edit(&mut self, action: EditAction) {
        // A tab that is only drawn as being dragged is where it was.
        if action != EditAction::TileDragged {
            self.is_edited = true;
        }
    }
}

/// The views of a split, as the title of its tab.
fn names_of(tiles: &Tiles<Pane>, container: &Container) -> String {
    let names: Vec<String> = container
        .children()
        .filter_map(|tile| match tiles.get(*tile)? {
            Tile::Pane(pane) => Some(pane.view.title().to_owned()),
            Tile::Container(container) => Some(names_of(tiles, container)),
        })
        .collect();
    names.join(", ")
}
