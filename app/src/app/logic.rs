//! What happens before painting: answers, keys, dropped files, commands, questions to the worker.

use std::time::Instant;

use egui::Context;
use ganoscope_core::jobs::{Input, Slot, StudySpec};
use log::Level;

use super::App;
use super::networks::random_seed;
use crate::bridge::{Bridge, Notice};
use crate::command::{Change, Command, UiCommand};
use crate::dialogs::Question;
use crate::history::History;
use crate::layout::{Layout, PaneId, Preset};
use crate::notify::{Message, TERMINAL, sentence};
use crate::theme;
use crate::views::ViewKey;
use ganoscope_core::edit::{EditStack, UnitSet};

impl App {
    /// One turn of the program.
    pub(super) fn advance(&mut self, ctx: &Context) {
        self.frame_begun = Instant::now();
        let now = ctx.time();
        self.notices.update(now);
        for notice in self.bridge.receive(&mut self.results) {
            self.act_on(notice, ctx);
        }
        if let Some(answer) = self.dialogs.poll() {
            self.answered(answer, ctx);
        }
        self.take_dropped_files(ctx);
        for command in UiCommand::pressed(ctx) {
            self.commands.push(self.redirected(command));
        }
        self.grant_table_wish(ctx);
        self.workbench.cursor = self
            .workbench
            .cursor
            .filter(|_| ctx.pointer_hover_pos().is_some());
        let mut pointed = None;
        // The list asks anew in every frame for what it still misses.
        self.workbench.thumbnail = None;
        self.workbench.display_wanted = false;
        for command in self.commands.take() {
            if let Command::Point(pixel) = command {
                pointed = Some(pixel);
                // A key that is pressed with the pointer there means that place.
                self.workbench.cursor = pixel;
            } else {
                self.run(command, ctx);
            }
        }
        // No picture said that the pointer is over it: it is over none.
        self.workbench.cursor = pointed.flatten();
        self.rest(ctx);
        let thumbnails = &self.results.thumbnails;
        if let Some(input) = &self.workbench.thumbnail
            && thumbnails.get(input).is_some()
        {
            // It has just come; the next frame asks for the next.
            ctx.request_repaint();
        }
        let all_asked = self
            .bridge
            .ask(&self.document, &self.workbench, &mut self.results, now);
        if !all_asked {
            ctx.request_repaint();
        }
        self.finish_export(ctx);
        self.note_place(ctx);
        self.keep_session(ctx);
        self.note_first_picture();
        self.end(ctx);
        self.notice_loss(ctx);
        if let Some(at) = self.notices.next_change() {
            ctx.request_repaint_after_secs((at - now).max(0.0) as f32);
        }
    }

    /// Ends the gesture when pointer and keys rest for a second frame: a slider still reports its last value in the frame
    /// in which it is let go, and that belongs to the gesture.
    fn rest(&mut self, ctx: &Context) {
        let is_busy = ctx.input(|i| i.pointer.any_down() || !i.keys_down.is_empty());
        if is_busy {
            self.is_resting = false;
        } else if !std::mem::replace(&mut self.is_resting, true) {
            ctx.request_repaint();
        } else {
            self.history.close(&self.document);
        }
    }

    /// Says something to the person, and to the terminal.
    pub fn say(&mut self, level: Level, text: &str, ctx: &Context) {
        log::log!(target: TERMINAL, level, "{text}");
        self.notices
            .say(Message::new(level, sentence(text)), ctx.time());
    }

    fn act_on(&mut self, notice: Notice, ctx: &Context) {
        match notice {
            Notice::Opened(opened) => self.opened(opened, ctx),
            Notice::StudyFailed { title, why } => {
                self.say(Level::Error, &format!("{title}: {why}"), ctx);
            }
            Notice::PreviewFailed { slot, why } => {
                // The views that show these say it in place; a series or a picture concerns all of them.
                match slot {
                    Slot::Series | Slot::Scene => self.say(Level::Error, &why.to_string(), ctx),
                    _ => log::warn!(target: TERMINAL, "{slot:?}: {why}"),
                }
            }
            Notice::Saved { id, path, outcome } => {
                self.description_saved(&path, outcome.is_ok());
                self.saved(id, &path, outcome, ctx);
            }
        }
    }

    fn run(&mut self, command: Command, ctx: &Context) {
        match command {
            Command::Ui(command) => self.run_ui_command(command, ctx),
            Command::Change(change) => self.change(change),
            Command::Open(paths) => {
                self.bridge.start(StudySpec::Open(paths), &mut self.results);
            }
            Command::Show(view) => self.workbench.show(view),
            Command::Arrange(layout) => self.workbench.arrange(*layout),
            Command::Attend(pane) => self.workbench.attend(pane),
            Command::Duplicate(pane) => self.duplicate(pane),
            Command::ToggleLink(pane) => self.workbench.layout.toggle_link(pane),
            Command::ToggleScale(pane) => {
                let shared = self.document.display;
                self.workbench.toggle_scale(pane, shared);
            }
            Command::DisplayAlone(pane, display) => {
                self.workbench.own_display.insert(pane, display);
            }
            Command::Compare(comparison) => self.workbench.comparison = *comparison,
            Command::CompareIn(pane, comparison) => self.workbench.compare(pane, *comparison),
            Command::RemoveKept(id) => self.remove_kept(id),
            Command::Navigate(navigation) => self.workbench.navigation = navigation,
            Command::NavigateAlone(pane, navigation) => {
                self.workbench.own_navigation.insert(pane, navigation);
            }
            Command::Jump(by) => self.jump(by),
            Command::Point(_) => {}
            Command::Tour(step) => self.go_on_tour(step),
            Command::WantThumbnail(input) => self.workbench.thumbnail = Some(input),
            Command::EditDescription(text) => self.edit_description(text),
            Command::SaveDescription => self.save_description(ctx),
            Command::CloseDescription => self.workbench.sheet = None,
            Command::Shade(by) => {
                let display = self.document.display.shifted_by(by);
                self.change(Change::SetDisplay(display));
            }
            Command::SortUnits(order) => self.workbench.unit_order = order,
            Command::SetExport(choice) => self.workbench.export = choice,
            Command::AskExport => self.ask_export(ctx),
            Command::ExportOf(pane) => self.workbench.export_of = Some(pane),
            Command::CopyCommandOf(pane) => self.copy_command(pane, None, ctx),
            Command::SelectRegion(index) => self.workbench.regions.selected = index,
            Command::DraftRegion(corners) => self.workbench.regions.draft = corners,
            Command::SetRegionSystem(system) => self.workbench.regions.system = system,
            Command::Copy { text, what } => {
                ctx.copy_text(text);
                self.say(Level::Info, &format!("copied {what}"), ctx);
            }
            Command::Cancel(id) => Bridge::cancel(&self.results, id),
            Command::ShowRelevanceSection(section) => self.workbench.relevance = section,
            Command::Stop(slot) => self.bridge.stop(slot, &mut self.results),
            Command::Retry(slot) => self.bridge.retry(slot),
            Command::Dismiss(id) => self.notices.dismiss(id),
            Command::Typed(path) => self.typed(path, ctx),
            Command::CutOut(pixel) => self.cut_out(pixel, ctx),
        }
    }

    fn run_ui_command(&mut self, command: UiCommand, ctx: &Context) {
        match command {
            UiCommand::OpenFiles => _ = self.ask(Question::OpenFiles, ctx),
            UiCommand::OpenSeries => _ = self.ask(Question::OpenSeries, ctx),
            UiCommand::OpenDemo => self.open_demo(ctx),
            UiCommand::Save => self.save(ctx),
            UiCommand::SaveAs => self.ask_where_to_save(ctx),
            UiCommand::SaveRecipe => _ = self.ask(Question::SaveRecipe, ctx),
            UiCommand::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            UiCommand::Undo => self.travel(History::undo),
            UiCommand::Redo => self.travel(History::redo),
            UiCommand::AblateSelection => {
                let units = self.document.units.clone();
                if !units.is_empty() {
                    self.change(Change::Ablate(units));
                }
            }
            UiCommand::ResetSelection => {
                let units = self.document.units.clone();
                if !units.is_empty() {
                    self.change(Change::ResetStrength(units));
                }
            }
            UiCommand::SelectAll => self.select_all(),
            UiCommand::SelectNone => self.put_something_away(),
            UiCommand::ClearEdits => {
                if !self.document.edits.edits.is_empty() {
                    self.change(Change::SetEdits {
                        edits: EditStack::default(),
                        name: "remove all edits".to_owned(),
                    });
                }
            }
            UiCommand::MeasureCheckpoints => self.measure_checkpoints(ctx),
            UiCommand::MeasureUnits => self.measure_units(),
            UiCommand::CopyAsCommand => self.copy_command(self.workbench.attention, None, ctx),
            UiCommand::Tour => self.begin_tour(ctx),
            UiCommand::ResetShade => self.reset_shade(),
            UiCommand::Reload => self.ask_anew(),
            UiCommand::PreviousStep => self.step_by(-1),
            UiCommand::NextStep => self.step_by(1),
            UiCommand::PreviousInput => self.input_by(-1),
            UiCommand::NextInput => self.input_by(1),
            UiCommand::NextSeed => self.seed_by(|seed| seed.wrapping_add(1), ctx),
            UiCommand::PreviousSeed => self.seed_by(|seed| seed.saturating_sub(1), ctx),
            UiCommand::RandomSeed => self.seed_by(|_| random_seed(), ctx),
            UiCommand::Describe => self.describe_network(ctx),
            UiCommand::CutOut => self.cut_out(None, ctx),
            other => {
                if !self.run_region_command(other, ctx) {
                    self.arrange(other, ctx);
                }
            }
        }
    }

    /// Commands that only arrange the window.
    fn arrange(&mut self, command: UiCommand, ctx: &Context) {
        let bench = &mut self.workbench;
        match command {
            UiCommand::ShowDeblend => bench.show(ViewKey::Deblend),
            UiCommand::ShowLayers => bench.show(ViewKey::Layers),
            UiCommand::ShowUnits => bench.show(ViewKey::Units),
            UiCommand::ShowRelevance => bench.show(ViewKey::Relevance),
            UiCommand::ShowTimeline => bench.show(ViewKey::Timeline),
            UiCommand::ShowCompare => bench.show(ViewKey::Compare),
            UiCommand::ShowRegions => bench.show(ViewKey::Regions),
            UiCommand::ShowHeader => bench.show(ViewKey::Header),
            UiCommand::PresetInspect => bench.arrange(Layout::preset(Preset::Inspect)),
            UiCommand::PresetCompare => bench.arrange(Layout::preset(Preset::Compare)),
            UiCommand::PresetRepair => bench.arrange(Layout::preset(Preset::Repair)),
            UiCommand::PresetExplore => bench.arrange(Layout::preset(Preset::Explore)),
            UiCommand::PresetTrain => bench.arrange(Layout::preset(Preset::Train)),
            UiCommand::NextPane => bench.attend(bench.layout.next_visible(bench.attention, 1)),
            UiCommand::DuplicatePane => {
                let pane = bench.attention;
                self.duplicate(pane);
            }
            UiCommand::ClosePane => {
                let mut layout = bench.layout.clone();
                layout.close(bench.attention);
                bench.arrange(layout);
            }
            UiCommand::ToggleLink => bench.layout.toggle_link(bench.attention),
            UiCommand::Palette => bench.palette_open = !bench.palette_open,
            UiCommand::ToggleHistory => bench.history_open = !bench.history_open,
            UiCommand::ToggleLibrary => bench.library_open = !bench.library_open,
            UiCommand::ToggleInspector => bench.inspector_open = !bench.inspector_open,
            UiCommand::ShowDisplay => {
                bench.inspector_open = true;
                bench.display_wanted = true;
            }
            UiCommand::ToggleTimeline => bench.timeline_open = !bench.timeline_open,
            UiCommand::AboutNetwork => bench.network_open = !bench.network_open,
            UiCommand::Help => bench.help_open = !bench.help_open,
            UiCommand::Export => {
                let pane = bench.attention;
                bench.export_of = bench.export_of.is_none().then_some(pane);
            }
            UiCommand::ToggleMotion => {
                bench.is_still = !bench.is_still;
                theme::set_motion(ctx, bench.is_still);
            }
            UiCommand::ToggleTheme => {
                let is_dark = ctx.theme() == egui::Theme::Dark;
                bench.is_dark = Some(!is_dark);
                ctx.set_theme(egui::Theme::from_dark_mode(!is_dark));
            }
            other => self.look_at(other, ctx),
        }
    }

    fn duplicate(&mut self, pane: PaneId) {
        let bench = &mut self.workbench;
        if let Some(copy) = bench.layout.duplicate(pane) {
            bench.copy_own(pane, copy);
            bench.attend(copy);
        }
    }

    /// Goes back (or forward) over so many changes, or as many as there are.
    fn jump(&mut self, by: isize) {
        let command = if by < 0 {
            UiCommand::Undo
        } else {
            UiCommand::Redo
        };
        for _ in 0..by.unsigned_abs() {
            self.commands.push(command);
        }
    }

    fn select_all(&mut self) {
        let Some(series) = self.results.series.shown() else {
            return;
        };
        let layer = self.document.layer_in(series);
        let info = layer.as_ref().and_then(|l| series.network.layer(l));
        if let Some(info) = info {
            let units = UnitSet::of_layer(info.name.clone(), 0..info.units());
            self.change(Change::SelectUnits(units));
        }
    }

    /// Goes `by` checkpoints on, staying within the series.
    fn step_by(&mut self, by: isize) {
        let Some(series) = self.results.series.shown() else {
            return;
        };
        let at = self
            .document
            .step_in(series)
            .and_then(|s| series.position(s));
        let next = at.and_then(|at| at.checked_add_signed(by));
        let next = next.and_then(|next| series.checkpoints.get(next));
        if let Some(step) = next.map(|c| c.step) {
            self.change(Change::GoToStep(step));
        }
    }

    /// Goes `by` pictures (or seeds) on, around the end of the list of those that the network takes.
    fn input_by(&mut self, by: isize) {
        let inputs: Vec<Input> = self.document.inputs_for(self.takes()).cloned().collect();
        let count = inputs.len() as isize;
        let at = inputs
            .iter()
            .position(|p| Some(p) == self.document.input.as_ref());
        if let Some(at) = at.filter(|_| count > 1) {
            let next = inputs[(at as isize + by).rem_euclid(count) as usize].clone();
            self.change(Change::ShowInput(next));
        }
    }

    fn note_first_picture(&mut self) {
        if self.first_picture_secs.is_none() && self.results.deblend.ready().is_some() {
            let secs = self.started.elapsed().as_secs_f64();
            self.first_picture_secs = Some(secs);
            log::info!(target: TERMINAL, "first picture after {secs:.2} s");
        }
    }
}
