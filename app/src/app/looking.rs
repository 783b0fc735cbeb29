//! What commands do to the way pictures are looked at: blinking, keeping, comparing, zooming, contours.

use egui::Context;
use ganoscope_core::edit::UnitSet;
use log::Level;

use super::App;
use crate::command::{Change, UiCommand};
use crate::comparison::{CompareMode, Comparison};
use crate::contours::{ContourChoice, ContoursOf};
use crate::kept::{KeptId, title_of};
use crate::source::Source;
use crate::views::ViewKey;
use crate::workbench::{DescriptionSheet, Navigation};

impl App {
    /// Commands that change nothing but how pictures are looked at.
    pub(super) fn look_at(&mut self, command: UiCommand, ctx: &Context) {
        match command {
            UiCommand::Blink => self.blink(1),
            UiCommand::BlinkBack => self.blink(-1),
            UiCommand::BlinkTruths => self.blink_truths(),
            UiCommand::KeepPicture => self.keep_picture(ctx),
            UiCommand::ForgetKept => {
                self.results.kept.clear();
                self.workbench.forget_kept(None);
            }
            UiCommand::CompareSideBySide => self.compare_by(CompareMode::SideBySide),
            UiCommand::CompareSwipe => self.compare_by(CompareMode::Swipe),
            UiCommand::CompareDifference => self.compare_by(CompareMode::Difference),
            UiCommand::ExchangeCompared => self.alter_compared(Comparison::exchange),
            UiCommand::ToggleContours => self.toggle_contours(),
            UiCommand::ToggleScale => {
                let (pane, shared) = (self.workbench.attention, self.document.display);
                self.workbench.toggle_scale(pane, shared);
            }
            UiCommand::ResetZoom => {
                self.workbench.navigation = Navigation::default();
                self.workbench.own_navigation.clear();
            }
            UiCommand::ZoomIn => self.navigate(|n| n.magnified(true)),
            UiCommand::ZoomOut => self.navigate(|n| n.magnified(false)),
            UiCommand::ZoomOne => self.navigate(|n| n.at_exactly(1)),
            UiCommand::ZoomTwo => self.navigate(|n| n.at_exactly(2)),
            UiCommand::ZoomFour => self.navigate(|n| n.at_exactly(4)),
            UiCommand::ZoomEight => self.navigate(|n| n.at_exactly(8)),
            _ => {}
        }
    }

    /// Takes contrast and bias back, of the pane with the attention where it has a scale of its own.
    pub(super) fn reset_shade(&mut self) {
        let attended = self.workbench.attention;
        let pane = self.workbench.layout.pane(attended);
        match pane.and_then(|pane| self.workbench.display_of(pane)) {
            Some(display) => {
                let display = display.unshaded();
                self.workbench.own_display.insert(attended, display);
            }
            None => self.change(Change::SetDisplay(self.document.display.unshaded())),
        }
    }

    fn navigate(&mut self, change: impl Fn(Navigation) -> Navigation) {
        // Not closer than the blend can be seen, or the way back would seem to do nothing.
        let blend = self.results.scene.shown().map(|scene| &scene.blend);
        let longest = blend.map_or(0, |blend| blend.width.max(blend.height));
        let navigation = self.workbench.navigated();
        let next = change(*navigation);
        *navigation = Navigation {
            zoom: next.zoom.min(Navigation::max_zoom(longest)),
            ..next
        };
    }

    /// Goes on among the pictures compared; where none can be seen, truths and outputs change places.
    fn blink(&mut self, by: isize) {
        if self.workbench.comparing().is_empty() {
            self.workbench.blink = !self.workbench.blink;
        } else {
            self.alter_compared(|comparison| {
                *comparison = comparison.clone().blinked(by);
                // Whoever presses the key wants to stay there.
                comparison.is_automatic = false;
            });
        }
    }

    /// The truths of Deblend, brought to the front where it is not seen.
    fn blink_truths(&mut self) {
        let bench = &mut self.workbench;
        if bench.shows(ViewKey::Deblend) {
            bench.blink = !bench.blink;
        } else {
            bench.show(ViewKey::Deblend);
            bench.blink = true;
        }
    }

    /// Changes what the panes compare that keys act on.
    fn alter_compared(&mut self, change: impl Fn(&mut Comparison)) {
        for id in self.workbench.comparing() {
            let mut comparison = self.workbench.comparison_of(id).clone();
            change(&mut comparison);
            self.workbench.compare(id, comparison);
        }
    }

    /// Compares in a mode; the view is brought to the front where it is not seen.
    fn compare_by(&mut self, mode: CompareMode) {
        if self.workbench.comparing().is_empty() {
            self.workbench.show(ViewKey::Compare);
        }
        self.alter_compared(|comparison| comparison.mode = mode);
    }

    /// Keeps the outputs that are on the screen.
    fn keep_picture(&mut self, ctx: &Context) {
        // The run that was asked for last is that of a result that is up to date.
        let preview = self.results.deblend.ready().cloned();
        let (Some(preview), Some(run)) = (preview, self.bridge.asked_run()) else {
            let text = "there are no outputs to keep yet; wait until they are computed";
            self.say(Level::Warn, text, ctx);
            return;
        };
        let title = title_of(run.step, &run.input, !run.edits.is_idle());
        match self.results.kept.keep(preview, run.input.clone(), &title) {
            Ok(kept) => {
                let text = format!("kept {}", kept.title);
                self.say(Level::Info, &text, ctx);
            }
            Err(error) => self.say(Level::Warn, &error.to_string(), ctx),
        }
    }

    pub(super) fn remove_kept(&mut self, id: KeptId) {
        self.results.kept.remove(id);
        self.workbench.forget_kept(Some(id));
    }

    /// Lines of the truths, or of the blend where no truth is known, in the pane with the attention if it has a scale of its
    /// own, else in all.
    fn toggle_contours(&mut self) {
        let pane = self.workbench.layout.pane(self.workbench.attention);
        let own = pane.and_then(|pane| Some((pane.id, self.workbench.display_of(pane)?)));
        let mut display = own.map_or(self.document.display, |(_, display)| display);
        display.contours = match display.contours {
            Some(_) => None,
            None => Some(ContourChoice {
                of: match Source::Truth(0).known(&self.results) {
                    Source::Truth(_) => ContoursOf::OwnTruth,
                    other => ContoursOf::Picture(other),
                },
                ..ContourChoice::default()
            }),
        };
        match own {
            Some((id, _)) => {
                self.workbench.own_display.insert(id, display);
            }
            None => self.change(Change::SetDisplay(display)),
        }
    }

    /// Closes the help, a window or the tour, lets go of regions, then of units: one thing at a time.
    pub(super) fn put_something_away(&mut self) {
        let bench = &mut self.workbench;
        if bench.help_open {
            bench.help_open = false;
        } else if bench.export_of.take().is_some() {
            // Closed with that.
        } else if bench.history_open {
            bench.history_open = false;
        } else if bench
            .sheet
            .as_ref()
            .is_some_and(DescriptionSheet::is_untouched)
        {
            bench.sheet = None;
        } else if bench.network_open {
            bench.network_open = false;
        } else if bench.tour.take().is_none()
            && !self.let_go_of_regions()
            && !self.document.units.is_empty()
        {
            self.change(Change::SelectUnits(UnitSet::default()));
        }
    }
}
