//! The maps: every picture with its maps in one group, all as large as fits, each group broken into lines where a pane is narrow.
//!
//! Invariant: nothing is wider than the pane; what is higher is scrolled to.

use egui::{RichText, TextStyle, Ui, Vec2};
use ganoscope_core::jobs::{BesideMap, PoleMap, RelevancePreview, RelevanceRow};

use crate::theme::{Tokens, size};
use crate::views::ViewCx;
use crate::views::contours::ContourMaps;
use crate::views::parts::{CAPTION, FOOTNOTE, Well, light};
use crate::widgets::{Look, Picture};

/// A gap from which a map deserves doubt.
const LARGE_GAP: f64 = 0.1;
/// The narrowest a map is drawn while there is another way, points: its words can still be read.
const NARROWEST: f32 = 112.0;
/// From this width on words are not shortened, points.
const WIDE: f32 = 150.0;

/// What is drawn, and the lines over it.
pub(super) type Drawn<'a> = (&'a RelevancePreview, &'a ContourMaps);

/// How groups of maps are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Arrangement {
    /// Groups side by side.
    groups: usize,
    /// Maps of a group side by side.
    columns: usize,
    /// Side of a map, points.
    side: f32,
}

impl Arrangement {
    /// For `groups` groups of `cells` maps in a space. `galaxies`: groups that stand side by side if they can.
    fn of(space: Vec2, [groups, cells]: [usize; 2], galaxies: usize) -> Self {
        let (groups, cells) = (groups.max(1), cells.max(1));
        let with = |beside: usize| {
            let in_line = (beside * cells) as f32;
            let gaps = size::GAP * (in_line - 1.0) + size::GROUP_GAP * (beside - 1) as f32;
            let lines = groups.div_ceil(beside) as f32;
            let by_width = (space.x - gaps) / in_line;
            let by_height = (space.y - size::GAP * lines) / lines - CAPTION - FOOTNOTE;
            (by_width, by_height)
        };
        let arranged = |beside: usize| {
            let (by_width, by_height) = with(beside);
            Self {
                groups: beside,
                columns: cells,
                side: by_width.min(by_height.max(NARROWEST)).floor(),
            }
        };
        let fits = |beside: &usize| with(*beside).0 >= NARROWEST;
        let mut choices: Vec<usize> = (1..=groups).filter(fits).collect();
        // Of equals the one in which galaxies have columns of their own.
        choices.sort_by_key(|beside| *beside != galaxies);
        let best = choices.into_iter().map(arranged).reduce(|best, other| {
            if other.side > best.side { other } else { best }
        });
        best.unwrap_or_else(|| {
            let columns = ((space.x + size::GAP) / (NARROWEST + size::GAP)).floor();
            let columns = (columns as usize).clamp(1, cells);
            let gaps = size::GAP * (columns - 1) as f32;
            let side = (space.x - gaps) / columns as f32;
            Self {
                groups: 1,
                columns,
                // A pane of a few points shows something too.
                side: side.clamp(24.0, 2.0 * NARROWEST).floor(),
            }
        })
    }
}

/// All groups; `space`: what can be seen at once.
pub(super) fn grid_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    drawn: Drawn<'_>,
    space: Vec2,
    is_dimmed: bool,
) {
    let rows = &drawn.0.rows;
    let galaxies = 1 + rows.iter().map(|r| r.galaxy).max().unwrap_or(0);
    let cells = rows.iter().map(cells_of).max().unwrap_or(1);
    // The bar of a scroll area lies over what it scrolls.
    let space = Vec2::new(space.x - ui.spacing().scroll.allocated_width(), space.y);
    let arrangement = Arrangement::of(space, [rows.len(), cells], galaxies);
    let mut sorted: Vec<&RelevanceRow> = rows.iter().collect();
    if arrangement.groups == galaxies {
        // A column for every galaxy, what is real above what was generated.
        sorted.sort_by_key(|row| (row.is_generated, row.galaxy));
    } else {
        // What is real right beside what was generated.
        sorted.sort_by_key(|row| (row.galaxy, row.is_generated));
    }
    for line in sorted.chunks(arrangement.groups) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = size::GROUP_GAP;
            for row in line {
                ui.vertical(|ui| group_ui(cx, ui, drawn, row, arrangement, is_dimmed));
            }
        });
    }
}

/// The picture and its maps.
fn cells_of(row: &RelevanceRow) -> usize {
    1 + row.maps.len() + row.beside.len()
}

fn group_ui(
    cx: &ViewCx<'_>,
    ui: &mut Ui,
    drawn: Drawn<'_>,
    row: &RelevanceRow,
    arrangement: Arrangement,
    is_dimmed: bool,
) {
    let group = Group {
        drawn,
        row,
        side: arrangement.side,
        is_dimmed,
    };
    let all: Vec<usize> = (0..cells_of(row)).collect();
    for line in all.chunks(arrangement.columns.max(1)) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = size::GAP;
            for cell in line {
                group.cell_ui(cx, ui, *cell);
            }
        });
    }
}

/// A picture with its maps.
struct Group<'a> {
    drawn: Drawn<'a>,
    row: &'a RelevanceRow,
    side: f32,
    is_dimmed: bool,
}

impl Group<'_> {
    /// One cell: the picture, then the maps of the method, then those of the others.
    fn cell_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui, cell: usize) {
        let row = self.row;
        let Some(map) = cell.checked_sub(1) else {
            self.picture_ui(cx, ui);
            return;
        };
        if let Some(map) = row.maps.get(map) {
            let caption = match map.is_real_pole {
                Some(true) => "for real",
                Some(false) => "for generated",
                None if self.drawn.0.has_beside() => &self.drawn.0.method,
                None => "both signs",
            };
            self.map_ui(cx, ui, cell, (caption, self.gap_text(map)), map);
        } else if let Some(beside) = row.beside.get(map - row.maps.len()) {
            self.beside_ui(cx, ui, cell, beside);
        }
    }

    fn place(&self, cell: usize) -> (&'static str, usize, usize) {
        let at = self.row.galaxy * 2 + usize::from(self.row.is_generated);
        ("relevance", at, cell)
    }

    fn picture_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui) {
        let (row, is_wide) = (self.row, self.side >= WIDE);
        let caption = match (is_wide || row.is_blend, row.is_generated) {
            (true, _) => row.name(),
            (false, true) => format!("Generated {}", row.galaxy + 1),
            (false, false) => format!("Truth {}", row.galaxy + 1),
        };
        let verdict = if row.logit > 0.0 { "real" } else { "generated" };
        let footnote = match (row.is_blend, is_wide) {
            (true, _) => format!("score {:.4}", row.logit),
            (false, true) => format!("{verdict}, logit {:+.2}", row.logit),
            (false, false) => format!("{verdict} {:+.2}", row.logit),
        };
        let picture = Picture::new(&row.image, light(cx));
        self.well(cx, ui, 0, (&caption, footnote), picture);
    }

    /// A well with lines over its picture; returns where the picture is.
    fn well(
        &self,
        cx: &ViewCx<'_>,
        ui: &mut Ui,
        cell: usize,
        (caption, footnote): (&str, String),
        picture: Picture<'_>,
    ) -> egui::Rect {
        let galaxy = (!self.row.is_blend).then_some(self.row.galaxy);
        Well {
            place: self.place(cell),
            caption,
            footnote,
            picture: self.drawn.1.over(picture, galaxy),
            side: self.side,
            is_dimmed: self.is_dimmed,
        }
        .show(cx, ui)
    }

    fn map_ui(
        &self,
        cx: &ViewCx<'_>,
        ui: &mut Ui,
        cell: usize,
        words: (&str, String),
        map: &PoleMap,
    ) {
        let preview = self.drawn.0;
        // Beside other methods a map is drawn as shares of its own magnitudes: no two methods have the same unit.
        let scale = if preview.has_beside() {
            (f64::from(preview.share_scale) * map.whole) as f32
        } else {
            preview.scale
        };
        let look = Look::Relevance {
            levels: cx.levels,
            scale: scale.max(f32::MIN_POSITIVE),
            opacity: cx.document.display.overlay,
            is_dark: ui.visuals().dark_mode,
        };
        let picture = Picture::new(&self.row.image, look).with_over(&map.map);
        let rect = self.well(cx, ui, cell, words, picture);
        if map.conservation_gap.is_some_and(|g| g.abs() > LARGE_GAP) || !map.warnings.is_empty() {
            doubt_ui(ui, rect, map);
        }
    }

    fn beside_ui(&self, cx: &ViewCx<'_>, ui: &mut Ui, cell: usize, beside: &BesideMap) {
        let caption = beside.method.name();
        match &beside.map {
            Ok(map) => {
                let agrees = format!("rank correlation {:.2}", beside.agreement);
                let footnote = if self.side >= WIDE {
                    agrees
                } else {
                    format!("agrees {:.2}", beside.agreement)
                };
                self.map_ui(cx, ui, cell, (caption, footnote), map);
            }
            Err(why) => {
                let extent = Vec2::new(self.side, Well::height(self.side));
                ui.allocate_ui(extent, |ui| {
                    ui.set_min_size(extent);
                    ui.label(caption);
                    let text = crate::notify::sentence(&why.headline);
                    let text = RichText::new(text).text_style(TextStyle::Small);
                    ui.label(text.color(Tokens::of(ui).error));
                });
            }
        }
    }

    fn gap_text(&self, map: &PoleMap) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share.abs());
        match (map.conservation_gap, map.absorbed) {
            (Some(gap), Some(absorbed)) if self.side >= WIDE => {
                format!("gap {}, biases {}", percent(gap), percent(absorbed))
            }
            (Some(gap), _) => format!("gap {}", percent(gap)),
            (None, _) if self.side >= WIDE => "no conservation claimed".to_owned(),
            (None, _) => "no gap claimed".to_owned(),
        }
    }
}

/// A sign in the corner of a map that should be trusted less, with the reasons.
fn doubt_ui(ui: &mut Ui, well: egui::Rect, map: &PoleMap) {
    let rect = egui::Rect::from_min_size(
        well.right_top() + egui::vec2(-20.0, 4.0),
        egui::vec2(16.0, 16.0),
    );
    let response = ui.interact(
        rect,
        ui.scope_id()
            .with(("doubt", well.min.x as i32, well.min.y as i32)),
        egui::Sense::hover(),
    );
    crate::widgets::paint_icon(
        ui.painter(),
        rect,
        crate::widgets::Icon::Warning,
        Tokens::of(ui).warning,
    );
    response.on_hover_ui(|ui| {
        if let Some(gap) = map.conservation_gap.filter(|g| g.abs() > LARGE_GAP) {
            ui.label(format!(
                "{:.0} % of the evidence is not accounted for; trust this map less",
                100.0 * gap.abs()
            ));
        }
        for warning in &map.warnings {
            ui.label(RichText::new(crate::notify::sentence(warning)).text_style(TextStyle::Small));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width and height of a whole group in points.
    fn width(a: Arrangement) -> f32 {
        let in_line = (a.groups * a.columns) as f32;
        in_line * a.side + size::GAP * (in_line - 1.0) + size::GROUP_GAP * (a.groups - 1) as f32
    }

    #[test]
    fn nothing_is_wider_than_its_pane() {
        for (x, y) in [
            (30.0, 20.0),
            (180.0, 120.0),
            (464.0, 250.0),
            (742.0, 380.0),
            (1260.0, 600.0),
            (3500.0, 1900.0),
        ] {
            for groups in [1, 2, 4, 6] {
                for cells in [2, 3, 6, 20] {
                    let a = Arrangement::of(Vec2::new(x, y), [groups, cells], 2);
                    assert!(
                        width(a) <= x || a.side <= 24.0,
                        "{x} {y} {groups} {cells} {a:?}"
                    );
                    assert!(a.groups >= 1 && a.columns >= 1, "{a:?}");
                }
            }
        }
    }

    #[test]
    fn two_galaxies_with_two_poles_fit_the_smallest_desk() {
        // The pane of Relevance in a window of 1280 x 720 with all sides open.
        let a = Arrangement::of(Vec2::new(742.0, 380.0), [4, 3], 2);
        assert_eq!((a.groups, a.columns), (2, 3));
        assert!(a.side >= NARROWEST);
    }
}
