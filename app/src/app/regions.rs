//! Regions: commands over them, region files, the table of their statistics.

use std::path::{Path, PathBuf};

use egui::Context;
use ganoscope_core::jobs::{RegionsPreview, Scene};
use ganoscope_core::region::ds9::{self, System};
use ganoscope_core::region::{Place, Region, Shape};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::io::PictureFile;
use ganoscope_core::table::{Table, TableFormat};
use log::Level;

use super::App;
use super::saving::with_extension;
use crate::cli::compose::Need;
use crate::command::{Change, Command, RegionChange, RegionVerb, UiCommand};
use crate::dialogs::Question;
use crate::views::ViewKey;
use crate::widgets::visible_part;
use crate::workbench::RegionTool;

/// Warnings of one region file that are said; more are counted.
const MOST_WARNINGS: usize = 3;

/// What is to be done with the table of regions as soon as it is there.
pub(super) enum TableWish {
    /// Put it on the clipboard.
    Copy,
    /// Write it.
    Save(PathBuf),
}

impl App {
    /// The region that is taken hold of.
    fn selected_region(&self) -> Option<(usize, &Region)> {
        let index = self.workbench.regions.selected?;
        Some((index, self.document.regions.get(index)?))
    }

    /// Arrow keys move a region that is taken hold of, and do what the table says otherwise.
    pub(super) fn redirected(&self, command: UiCommand) -> UiCommand {
        if self.selected_region().is_none() {
            return command;
        }
        match command {
            UiCommand::PreviousStep => UiCommand::NudgeLeft,
            UiCommand::NextStep => UiCommand::NudgeRight,
            UiCommand::PreviousInput => UiCommand::NudgeUp,
            UiCommand::NextInput => UiCommand::NudgeDown,
            other => other,
        }
    }

    /// Runs a command that is about regions; whether it was one.
    pub(super) fn run_region_command(&mut self, command: UiCommand, ctx: &Context) -> bool {
        let tool = RegionTool::ALL
            .into_iter()
            .find(|tool| tool.command() == command);
        if let Some(tool) = tool {
            let desk = &mut self.workbench.regions;
            desk.tool = tool;
            desk.draft.clear();
            return true;
        }
        match command {
            UiCommand::FinishRegion => self.finish_region(),
            UiCommand::NextRegion => self.take_next_region(),
            UiCommand::NudgeLeft => self.nudge(-1.0, 0.0),
            UiCommand::NudgeRight => self.nudge(1.0, 0.0),
            UiCommand::NudgeUp => self.nudge(0.0, -1.0),
            UiCommand::NudgeDown => self.nudge(0.0, 1.0),
            UiCommand::ExcludeRegion => {
                if let Some((index, region)) = self.selected_region() {
                    let region = Region {
                        exclude: !region.exclude,
                        ..region.clone()
                    };
                    self.set_region(index, region, RegionVerb::Exclude);
                }
            }
            UiCommand::DeleteRegion => {
                if let Some((index, _)) = self.selected_region() {
                    self.commands.push(RegionChange::Remove(index));
                    self.workbench.regions.selected = None;
                }
            }
            UiCommand::ClearRegions => {
                if !self.document.regions.is_empty() {
                    self.commands.push(RegionChange::Clear);
                    self.workbench.regions.selected = None;
                }
            }
            UiCommand::OpenRegions => _ = self.ask(Question::OpenRegions, ctx),
            UiCommand::SaveRegions => _ = self.ask(self.where_to_save_regions(), ctx),
            UiCommand::SaveRegionTable => {
                let name = format!("{}-regions.ecsv", self.input_stem());
                self.ask(Question::SaveRegionTable { name }, ctx);
            }
            UiCommand::CopyRegionTable => self.wish_for_table(TableWish::Copy, ctx),
            _ => return false,
        }
        true
    }

    /// Puts away what is in the hand, one thing at a time; whether there was anything.
    pub(super) fn let_go_of_regions(&mut self) -> bool {
        let desk = &mut self.workbench.regions;
        if !desk.draft.is_empty() {
            desk.draft.clear();
        } else if desk.tool != RegionTool::Select {
            desk.tool = RegionTool::Select;
        } else {
            return desk.selected.take().is_some();
        }
        true
    }

    fn set_region(&mut self, index: usize, region: Region, verb: RegionVerb) {
        let change = RegionChange::Set {
            index,
            region,
            verb,
        };
        self.change(Change::Regions(change));
    }

    fn nudge(&mut self, columns: f64, rows: f64) {
        if let Some((index, region)) = self.selected_region() {
            let region = Region {
                shape: region.shape.moved(columns, rows),
                ..region.clone()
            };
            self.set_region(index, region, RegionVerb::Move);
        }
    }

    fn take_next_region(&mut self) {
        let count = self.document.regions.len();
        let desk = &mut self.workbench.regions;
        let next = desk.selected.map_or(0, |index| index + 1);
        desk.selected = (count > 0).then(|| next % count.max(1));
    }

    /// Closes the polygon that is drawn, or puts a region of the tool's kind into the middle of what is seen.
    fn finish_region(&mut self) {
        let corners = std::mem::take(&mut self.workbench.regions.draft);
        let shape = if corners.len() >= 3 {
            Some(Shape::Polygon { corners })
        } else {
            self.shape_in_the_middle()
        };
        let Some(shape) = shape.and_then(|shape| shape.checked().ok()) else {
            return;
        };
        let index = self.document.regions.len();
        self.set_region(index, Region::new(shape), RegionVerb::Draw);
        let desk = &mut self.workbench.regions;
        desk.selected = Some(index);
        desk.tool = RegionTool::Select;
    }

    fn shape_in_the_middle(&self) -> Option<Shape> {
        let scene = self.results.scene.shown()?;
        let [rows, columns] = scene.blend.size_in_file().map(|n| n as f64);
        let seen = visible_part(self.workbench.navigation);
        let share = seen.center();
        let middle = Place::new(
            f64::from(share.x) * columns - 0.5,
            f64::from(share.y) * rows - 0.5,
        );
        let reach = (0.125 * f64::from(seen.width()) * rows.min(columns)).max(0.5);
        let corner = Place::new(middle.column + reach, middle.row + 0.7 * reach);
        let opposite = Place::new(middle.column - reach, middle.row - 0.7 * reach);
        match self.workbench.regions.tool {
            RegionTool::Circle => Some(Shape::Circle {
                centre: middle,
                radius: reach,
            }),
            RegionTool::Ellipse => Some(Shape::ellipse_between(middle, corner)),
            RegionTool::Box => Some(Shape::box_between(opposite, corner)),
            RegionTool::Select | RegionTool::Polygon | RegionTool::Freehand => None,
        }
    }

    fn input_stem(&self) -> String {
        let input = self.document.picture();
        input.map_or_else(|| "regions".to_owned(), PictureFile::stem)
    }

    /// Puts the regions of a file onto the picture of `scene`, or of the one shown.
    pub(super) fn open_regions(
        &mut self,
        path: &Path,
        text: &str,
        scene: Option<&Scene>,
        ctx: &Context,
    ) {
        let shown = self.results.scene.shown().cloned();
        let Some(scene) = scene.or(shown.as_deref()) else {
            let text = format!("open a picture before its regions: {}", path.display());
            return self.say(Level::Warn, &text, ctx);
        };
        let file = match ds9::read(text, &Grid::of(&scene.blend)) {
            Ok(file) => file,
            Err(error) => {
                let text = format!("{error}: {}", path.display());
                return self.say(Level::Error, &text, ctx);
            }
        };
        for warning in file.warnings.iter().take(MOST_WARNINGS) {
            let text = format!("{warning}: {}", path.display());
            self.say(Level::Warn, &text, ctx);
        }
        let more = file.warnings.len().saturating_sub(MOST_WARNINGS);
        if more > 0 {
            let text = format!("{more} warnings more: {}", path.display());
            self.say(Level::Warn, &text, ctx);
        }
        let name = path.file_name().unwrap_or_default().display();
        if file.regions.is_empty() {
            let text = format!("no regions in the file: {}", path.display());
            self.say(Level::Warn, &text, ctx);
        }
        let change = RegionChange::Add {
            regions: file.regions,
            kept: file.kept,
            name: format!("open {name}"),
        };
        self.change(Change::Regions(change));
        self.workbench.show(ViewKey::Regions);
        self.workbench.remember(path);
    }

    /// The question for the file of the regions.
    pub(super) fn where_to_save_regions(&self) -> Question {
        Question::SaveRegions {
            name: format!("{}.reg", self.input_stem()),
        }
    }

    /// Writes all regions as a DS9 file.
    pub(super) fn save_regions(&mut self, path: PathBuf, ctx: &Context) {
        let path = with_extension(path, "reg");
        match self.regions_text() {
            Ok(text) => {
                let id = self.save_text(path.clone(), text.clone(), ctx);
                self.companion_is_saving(Need::Regions, id, (path, text));
            }
            Err(why) => {
                self.say(Level::Error, &why, ctx);
                self.forget_export();
            }
        }
    }

    /// All regions as the text of a DS9 file.
    pub(super) fn regions_text(&self) -> Result<String, String> {
        let scene = self.results.scene.shown();
        let scene =
            scene.ok_or("open the picture first: positions in region files count its rows")?;
        let grid = Grid::of(&scene.blend);
        let system = self.workbench.regions.system;
        let (regions, kept) = (&self.document.regions, &self.document.kept_commands);
        ds9::write(regions, kept, system, &grid).map_err(|error| match system {
            System::Sky(_) => format!("{} (choose image coordinates)", error.problem),
            System::Image | System::Physical => error.problem.to_string(),
        })
    }

    /// Asks for the table; it comes when it is measured, which the view of the regions asks for.
    pub(super) fn wish_for_table(&mut self, wish: TableWish, ctx: &Context) {
        if self.document.regions.is_empty() || self.document.picture().is_none() {
            return self.say(Level::Warn, "open a picture and mark a region first", ctx);
        }
        self.workbench.show(ViewKey::Regions);
        self.table_wish = Some(wish);
        ctx.request_repaint();
    }

    /// Gives the table to whoever wished for it, once it is that of the present regions.
    pub(super) fn grant_table_wish(&mut self, ctx: &Context) {
        if self.table_wish.is_none() {
            return;
        }
        if let Some(why) = self.results.regions.failure() {
            let text = format!("the table cannot be made: {why}");
            self.table_wish = None;
            return self.say(Level::Error, &text, ctx);
        }
        let ready = self.results.regions.ready();
        let ready = ready.filter(|preview| preview.regions == self.document.regions);
        let Some(preview) = ready.cloned() else {
            if !self.workbench.shows(ViewKey::Regions) {
                // Nobody asks for it any more. Shown again much later, the view must not write a file by surprise.
                self.table_wish = None;
                let text = "the table was not made: the view of the regions was closed before it was there";
                self.say(Level::Warn, text, ctx);
            }
            return;
        };
        let table = match self.table_of(&preview) {
            Ok(table) => table,
            Err(why) => {
                self.table_wish = None;
                return self.say(Level::Error, &why, ctx);
            }
        };
        match self.table_wish.take() {
            Some(TableWish::Copy) => self.commands.push(Command::Copy {
                text: tab_separated(&table),
                what: "the table of the regions",
            }),
            Some(TableWish::Save(path)) => {
                let path = match TableFormat::from_path(&path) {
                    None if path.extension().is_none() => with_extension(path, "ecsv"),
                    _ => path,
                };
                let text = match TableFormat::from_path(&path) {
                    Some(TableFormat::Ecsv) => table.to_ecsv(),
                    Some(TableFormat::Csv) => table.to_csv(),
                    None => {
                        let text = format!("tables end in .ecsv or .csv: {}", path.display());
                        return self.say(Level::Error, &text, ctx);
                    }
                };
                self.save_text(path, text, ctx);
            }
            None => {}
        }
    }

    /// The table with what it was made of.
    fn table_of(&self, preview: &RegionsPreview) -> Result<Table, String> {
        let mut table = preview.table().map_err(|error| error.to_string())?;
        let mut say = |key: &str, value: String| table.meta.push((key.to_owned(), value));
        let program = concat!("ganoscope ", env!("CARGO_PKG_VERSION"));
        say("program", program.to_owned());
        if let Some(input) = &self.document.input {
            say("input", input.to_string());
        }
        if let (Some(series), Some(deblend)) = (&self.document.series, self.results.deblend.ready())
        {
            say("series", series.display().to_string());
            say("step", deblend.step.to_string());
            say("edits", self.document.edits.edits.len().to_string());
        }
        for note in &preview.notes {
            say("note", note.clone());
        }
        Ok(table)
    }
}

/// A table as spreadsheets take it from the clipboard.
fn tab_separated(table: &Table) -> String {
    let columns = table.columns();
    let cell = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let line = |cells: Vec<String>| cells.join("\t") + "\n";
    let mut text = line(columns.iter().map(|c| cell(&c.name)).collect());
    for row in 0..table.rows() {
        text += &line(columns.iter().map(|c| cell(&c.values.field(row))).collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use ganoscope_core::table::{Column, Values};

    use super::*;

    #[test]
    fn cells_stay_in_their_columns() {
        let labels = vec![Some("a\tb\nc".to_owned())];
        let columns = vec![
            Column::new("label", Values::Text(labels)),
            Column::new("sum\tof", Values::Integer(vec![Some(3)])),
        ];
        let table = Table::new(columns).unwrap();
        assert_eq!(tab_separated(&table), "label\tsum of\na b c\t3\n");
    }
}
