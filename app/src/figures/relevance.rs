//! The figure of Relevance: what the discriminator sees in truths and outputs, on one scale.

use ganoscope_core::figure::{Bar, Panel, Sheet};
use ganoscope_core::jobs::{PoleMap, RelevancePreview, RelevanceRow, Scene};
use ganoscope_core::stamp::colormap::Colormap;
use ganoscope_core::stamp::look::{self, Ink};
use ganoscope_core::stamp::stretch::Stretch;

use super::Setting;
use crate::theme::DARK;
use crate::widgets::{evidence, rgb};

/// One row per picture: the picture, then its maps over it.
pub fn relevance(scene: &Scene, preview: &RelevancePreview, setting: &Setting) -> Sheet {
    let mut sheet = Sheet::new(&*setting.title, setting.paper.palette());
    let mut rows: Vec<&RelevanceRow> = preview.rows.iter().collect();
    // By galaxy, the truth first, as on the screen.
    rows.sort_by_key(|row| (row.galaxy, row.is_generated));
    sheet.rows = rows
        .into_iter()
        .map(|row| panels(scene, preview, row, setting))
        .collect();
    sheet.axes = setting.sides.axes(scene);
    let tokens = setting.paper.tokens();
    let ends = [tokens.generated, tokens.level, tokens.real].map(rgb);
    let title = "Relevance (− generated, + real)";
    sheet.bars = vec![
        setting.light_bar(scene),
        Bar::signed(title, preview.scale, ends),
    ];
    sheet.notes.clone_from(&setting.notes);
    setting.with_outlines(sheet)
}

fn panels(
    scene: &Scene,
    preview: &RelevancePreview,
    row: &RelevanceRow,
    setting: &Setting,
) -> Vec<Panel> {
    let kind = if row.is_generated {
        "generated"
    } else {
        "truth"
    };
    let verdict = if row.logit > 0.0 { "real" } else { "generated" };
    let caption = format!("Galaxy {}, {kind}", row.galaxy + 1);
    let picture = Panel::new(caption, row.image.clone(), setting.light(scene))
        .with_note(format!("{verdict}, logit {}", signed(row.logit)));
    let look = look::Look {
        overlay: Some(evidence(
            preview.scale,
            setting.display.overlay,
            setting.is_dark(),
        )),
        missing: rgb(DARK.missing),
        ..look::Look::new(
            Ink::Map(Colormap::Grey),
            setting.levels(scene).limits(),
            Stretch::default(),
        )
    };
    let map_panel = |map: &PoleMap| {
        let caption = match map.is_real_pole {
            Some(true) => "Evidence for real",
            Some(false) => "Evidence for generated",
            None => "Evidence of both signs",
        };
        let mut panel = Panel::new(caption, row.image.clone(), look);
        panel.over = Some(map.map.clone());
        panel.with_note(gap_text(map))
    };
    std::iter::once(picture)
        .chain(row.maps.iter().map(map_panel))
        .collect()
}

/// With its sign, a minus as long as a plus.
fn signed(logit: f32) -> String {
    format!("{logit:+.2}").replace('-', "\u{2212}")
}

fn gap_text(map: &PoleMap) -> String {
    match map.conservation_gap {
        Some(gap) => format!("Gap {:.1} %", 100.0 * gap.abs()),
        None => "No conservation claimed".to_owned(),
    }
}
