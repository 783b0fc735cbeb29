//! Regions over a picture: painted on every picture with the same pixels, taken hold of and drawn with the pointer.
//!
//! Invariant: places are pixels of the picture's file; nothing changes here, every gesture is pushed as commands that say what
//! the region becomes, so a frame that runs twice changes nothing twice.

mod pen;
mod sheet;

use egui::{CursorIcon, Id, PointerButton, Pos2, Rect, Response, Ui, vec2};
use ganoscope_core::region::{Grip, Handle, MAX_CORNERS, Place, Region, Shape};

use self::pen::Pen;
pub(super) use self::sheet::Sheet;
use super::textures::Textures;
use crate::command::{Command, Commands, RegionChange, RegionVerb, UiCommand};
use crate::theme::Tokens;
use crate::workbench::RegionTool;

/// How near to a handle or a first corner the pointer must be, points.
const NEAR_HANDLE: f32 = 8.0;
/// A shape that is smaller on the screen has no handles, so that it can still be moved, points.
const HAS_HANDLES: f32 = 24.0;
/// How near to an outline the pointer must be, points.
const NEAR_OUTLINE: f32 = 5.0;
/// How far outside a shape the handle of its angle is, points.
const REACH: f32 = 18.0;
/// The least side of a frame in which regions have words.
const WIDE_ENOUGH: f32 = 110.0;
/// How far a freehand outline may be from the path of the pointer, points.
const TOLERANCE: f32 = 0.7;

/// The regions of a document over a picture.
#[derive(Clone, Copy, Debug)]
pub struct RegionLayer<'a> {
    /// The regions.
    pub regions: &'a [Region],
    /// The one that is taken hold of.
    pub selected: Option<usize>,
    /// What a drag does.
    pub tool: RegionTool,
    /// The corners of a polygon that is not closed yet.
    pub draft: &'a [Place],
    /// Rows and columns of the pictures that the regions lie on; others show none.
    pub pixels: [usize; 2],
    /// Pixels of the file along a side of one of those.
    pub factor: usize,
}

/// What the pressed button has taken hold of.
#[derive(Clone, Debug)]
enum Hold {
    /// Draws a region with the place `index`.
    Draw {
        index: usize,
        from: Place,
        path: Vec<Place>,
    },
    /// Moves a region that was `shape` when the button was pressed at `from`.
    Move {
        index: usize,
        from: Place,
        shape: Shape,
    },
    /// Takes a handle along.
    Handle { index: usize, grip: Grip },
}

impl RegionLayer<'_> {
    /// The sheet of a picture of `pixels` rows and columns, if the regions lie on such a one.
    pub(super) fn sheet(&self, frame: Rect, uv: Rect, pixels: [usize; 2]) -> Option<Sheet> {
        let [rows, columns] = pixels.map(|n| (n * self.factor) as f32);
        let extent = vec2(columns, rows);
        (pixels == self.pixels && frame.is_positive()).then(|| Sheet::new(frame, uv, extent))
    }

    /// Paints all regions; handles only where they can be taken hold of.
    pub(super) fn paint(&self, ui: &Ui, textures: &Textures, sheet: &Sheet, has_handles: bool) {
        let painter = ui.painter();
        let clip = painter.clip_rect().intersect(sheet.frame());
        let painter = painter.with_clip_rect(clip);
        let pen = Pen {
            painter: &painter,
            textures,
            tokens: Tokens::of(ui),
        };
        let has_words = sheet.frame().width() >= WIDE_ENOUGH;
        for (index, region) in self.regions.iter().enumerate() {
            let is_selected = self.selected == Some(index);
            let Some(outline) = sheet.outline(&region.shape, clip, REACH) else {
                continue;
            };
            pen.outline(&outline, region.exclude, is_selected);
            if has_words {
                pen.words(ui, index, region, &outline, is_selected);
            }
            if is_selected && has_handles && self.tool == RegionTool::Select {
                for handle in handles(sheet, &region.shape) {
                    pen.handle(sheet.pos(handle.place), handle.grip == Grip::Angle);
                }
            }
        }
        if has_handles && !self.draft.is_empty() {
            let mut line: Vec<Pos2> = self.draft.iter().map(|p| sheet.pos(*p)).collect();
            for corner in &line {
                pen.handle(*corner, false);
            }
            line.extend(
                ui.input(|i| i.pointer.hover_pos())
                    .filter(|p| clip.contains(*p)),
            );
            pen.line(line);
        }
    }

    /// Takes part in the gestures over a picture; whether this one is not for panning.
    pub(super) fn interact(
        &self,
        ui: &Ui,
        response: &Response,
        sheet: &Sheet,
        commands: &Commands,
    ) -> bool {
        let id = response.id.with("region");
        if response.drag_started_by(PointerButton::Primary)
            && let Some(origin) = ui.input(|i| i.pointer.press_origin())
            && let Some(hold) = self.hold_at(sheet, origin)
        {
            if let Hold::Move { index, .. } | Hold::Handle { index, .. } = &hold
                && self.selected != Some(*index)
            {
                commands.push(Command::SelectRegion(Some(*index)));
            }
            ui.data_mut(|data| data.insert_temp(id, hold));
        }
        if let Some(hold) = ui.data(|data| data.get_temp::<Hold>(id)) {
            self.go_on(ui, id, response, sheet, hold, commands);
            return true;
        }
        self.show_cursor(ui, response, sheet);
        let Some(pos) = response
            .interact_pointer_pos()
            .filter(|_| response.clicked())
        else {
            return false;
        };
        if self.tool == RegionTool::Polygon {
            self.add_corner(response, sheet, pos, commands);
            return true;
        }
        let found = self.region_at(sheet, pos);
        if found != self.selected {
            commands.push(Command::SelectRegion(found));
        }
        found.is_some()
    }

    /// The button is still down, or was just let go.
    fn go_on(
        &self,
        ui: &Ui,
        id: Id,
        response: &Response,
        sheet: &Sheet,
        mut hold: Hold,
        commands: &Commands,
    ) {
        let pos = response.interact_pointer_pos();
        let has_changed =
            pos.is_some_and(|pos| self.drag(&mut hold, sheet, sheet.place(pos), commands));
        if response.dragged_by(PointerButton::Primary) {
            ui.data_mut(|data| data.insert_temp(id, hold));
            return;
        }
        ui.data_mut(|data| data.remove::<Hold>(id));
        // What never had an area has not become a region; there is nothing to take hold of.
        if let Hold::Draw { index, .. } = hold
            && (has_changed || self.regions.get(index).is_some())
        {
            commands.push(Command::SelectRegion(Some(index)));
            commands.push(UiCommand::ToolSelect);
        }
    }

    /// What is at a position where the button goes down.
    fn hold_at(&self, sheet: &Sheet, pos: Pos2) -> Option<Hold> {
        let place = sheet.place(pos);
        match self.tool {
            RegionTool::Polygon => None,
            RegionTool::Select => {
                if let Some((index, grip)) = self.handle_at(sheet, pos) {
                    return Some(Hold::Handle { index, grip });
                }
                let selected = self.selected.filter(|index| {
                    let region = self.regions.get(*index);
                    region.is_some_and(|region| region.shape.contains(place))
                });
                let index = selected.or_else(|| self.outline_at(sheet, place))?;
                Some(Hold::Move {
                    index,
                    from: place,
                    shape: self.regions.get(index)?.shape.clone(),
                })
            }
            _ => Some(Hold::Draw {
                index: self.regions.len(),
                from: place,
                path: vec![place],
            }),
        }
    }

    /// Pushes what the region becomes when the pointer is at `to`; whether it becomes another.
    fn drag(&self, hold: &mut Hold, sheet: &Sheet, to: Place, commands: &Commands) -> bool {
        let (index, shape, verb) = match hold {
            Hold::Draw { index, from, path } => {
                if path.last() != Some(&to) && path.len() < 16 * MAX_CORNERS {
                    path.push(to);
                }
                let Some(shape) = self.drawn(sheet, *from, to, path) else {
                    return false;
                };
                (*index, shape, RegionVerb::Draw)
            }
            Hold::Move { index, from, shape } => {
                let moved = shape.moved(to.column - from.column, to.row - from.row);
                (*index, moved, RegionVerb::Move)
            }
            Hold::Handle { index, grip } => {
                let Some(region) = self.regions.get(*index) else {
                    return false;
                };
                let verb = match grip {
                    Grip::Angle => RegionVerb::Turn,
                    Grip::Radius | Grip::Axis(_) | Grip::Corner(_) => RegionVerb::Resize,
                };
                (*index, region.shape.with_grip_at(*grip, to), verb)
            }
        };
        let before = self.regions.get(index);
        if before.is_some_and(|region| region.shape == shape) {
            return false;
        }
        let region = match before {
            Some(region) => Region {
                shape,
                ..region.clone()
            },
            // A region that was removed under the hand does not come back.
            None if verb != RegionVerb::Draw => return false,
            None => Region::new(shape),
        };
        commands.push(RegionChange::Set {
            index,
            region,
            verb,
        });
        true
    }

    /// The shape that is being drawn; nothing while it has no area.
    fn drawn(&self, sheet: &Sheet, from: Place, to: Place, path: &[Place]) -> Option<Shape> {
        let shape = match self.tool {
            RegionTool::Circle => Shape::circle_between(from, to),
            RegionTool::Ellipse => Shape::ellipse_between(from, to),
            RegionTool::Box => Shape::box_between(from, to),
            RegionTool::Freehand => Shape::drawn(path, sheet.pixels(TOLERANCE)).ok()?,
            RegionTool::Select | RegionTool::Polygon => return None,
        };
        (shape.area() > 0.0).then_some(shape)
    }

    fn add_corner(&self, response: &Response, sheet: &Sheet, pos: Pos2, commands: &Commands) {
        let is_at_first = self
            .draft
            .first()
            .is_some_and(|first| sheet.pos(*first).distance(pos) < NEAR_HANDLE);
        let is_closed = response.double_clicked() || is_at_first;
        if self.draft.len() >= 3 && is_closed {
            commands.push(UiCommand::FinishRegion);
        } else if !response.double_clicked() && self.draft.len() < MAX_CORNERS {
            let mut draft = self.draft.to_vec();
            draft.push(sheet.place(pos));
            commands.push(Command::DraftRegion(draft));
        }
    }

    fn handle_at(&self, sheet: &Sheet, pos: Pos2) -> Option<(usize, Grip)> {
        let index = self.selected?;
        let shape = &self.regions.get(index)?.shape;
        let handles = handles(sheet, shape);
        let away = |place: Place| sheet.pos(place).distance(pos);
        // The middle of a small shape is for moving it.
        let reach = (sheet.size_of(shape) / 6.0).min(NEAR_HANDLE);
        let near = handles.iter().filter(|h| away(h.place) < reach);
        let nearest = near.min_by(|a, b| away(a.place).total_cmp(&away(b.place)))?;
        Some((index, nearest.grip))
    }

    /// The region whose outline is at a place, the last drawn first.
    fn outline_at(&self, sheet: &Sheet, place: Place) -> Option<usize> {
        let near = sheet.pixels(NEAR_OUTLINE);
        self.regions
            .iter()
            .rposition(|region| region.shape.distance_to_outline(place) < near)
    }

    /// The region that a click at a position means: one whose outline is there, else the smallest around it.
    fn region_at(&self, sheet: &Sheet, pos: Pos2) -> Option<usize> {
        let place = sheet.place(pos);
        self.outline_at(sheet, place).or_else(|| {
            let around = self.regions.iter().enumerate();
            let around = around.filter(|(_, region)| region.shape.contains(place));
            let smallest = around.min_by(|a, b| a.1.shape.area().total_cmp(&b.1.shape.area()));
            smallest.map(|(index, _)| index)
        })
    }

    /// Shows by the pointer's shape what a drag would do.
    fn show_cursor(&self, ui: &Ui, response: &Response, sheet: &Sheet) {
        let Some(pos) = response.hover_pos().filter(|p| sheet.frame().contains(*p)) else {
            return;
        };
        let icon = match self.tool {
            RegionTool::Select => match self.hold_at(sheet, pos) {
                Some(Hold::Handle { .. }) => CursorIcon::PointingHand,
                Some(_) => CursorIcon::Move,
                None => return,
            },
            _ => CursorIcon::Crosshair,
        };
        ui.ctx().set_cursor_icon(icon);
    }
}

/// The handles of a shape that is large enough on the screen.
fn handles(sheet: &Sheet, shape: &Shape) -> Vec<Handle> {
    if sheet.size_of(shape) < HAS_HANDLES {
        return Vec::new();
    }
    shape.handles(sheet.pixels(REACH))
}

/// What a person calls a region: its words, or its number from 1.
pub fn region_name(index: usize, region: &Region) -> String {
    if region.text.is_empty() {
        (index + 1).to_string()
    } else {
        region.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use egui::pos2;

    use super::*;

    #[test]
    fn places_and_positions_are_inverse_at_any_zoom() {
        let layer = RegionLayer {
            regions: &[],
            selected: None,
            tool: RegionTool::Select,
            draft: &[],
            pixels: [40, 80],
            factor: 5,
        };
        let frame = Rect::from_min_size(pos2(10.0, 20.0), vec2(160.0, 80.0));
        let uv = Rect::from_min_size(pos2(0.25, 0.5), vec2(0.5, 0.5));
        assert!(layer.sheet(frame, uv, [40, 79]).is_none());
        let sheet = layer.sheet(frame, uv, [40, 80]).expect("the same pixels");
        // The upper left corner of the frame is that of pixel (100, 100) of 400 x 200 in the file.
        let corner = sheet.place(frame.min);
        assert!(corner.distance(Place::new(99.5, 99.5)) < 1e-3);
        let place = Place::new(123.25, 150.5);
        assert!(sheet.place(sheet.pos(place)).distance(place) < 1e-3);
        assert!(
            (sheet.pixels(8.0) - 10.0).abs() < 1e-6,
            "8 points are 10 pixels"
        );
    }
}
