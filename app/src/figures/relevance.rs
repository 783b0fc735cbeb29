//! The figure of Relevance: what the discriminator sees in truths and outputs, on one scale.

use ganoscope_core::attribution::Method;
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
    let bar = if preview.has_beside() {
        let title = "Share of each map's magnitudes in a pixel (− generated, + real)";
        Bar::signed(title, preview.share_scale, ends)
    } else {
        Bar::signed(title, preview.scale, ends)
    };
    sheet.bars = vec![setting.light_bar(scene), bar];
    sheet.notes.clone_from(&setting.notes);
    setting.with_outlines(sheet)
}

fn panels(
    scene: &Scene,
    preview: &RelevancePreview,
    row: &RelevanceRow,
    setting: &Setting,
) -> Vec<Panel> {
    let verdict = if row.logit > 0.0 { "real" } else { "generated" };
    let note = if row.is_blend {
        format!("Score {}", signed(row.logit))
    } else {
        format!("{verdict}, logit {}", signed(row.logit))
    };
    let picture = Panel::new(row.name(), row.image.clone(), setting.light(scene)).with_note(note);
    let look_of = |map: &PoleMap| look::Look {
        overlay: Some(evidence(
            if preview.has_beside() {
                (f64::from(preview.share_scale) * map.whole) as f32
            } else {
                preview.scale
            },
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
    let map_panel = |(map, method): (&PoleMap, Option<&Method>)| {
        let caption = match (map.is_real_pole, method) {
            (_, Some(method)) => format!("By {method}"),
            (Some(true), _) => "Evidence for real".to_owned(),
            (Some(false), _) => "Evidence for generated".to_owned(),
            (None, _) => "Evidence of both signs".to_owned(),
        };
        let mut panel = Panel::new(caption, row.image.clone(), look_of(map));
        panel.over = Some(map.map.clone());
        panel.with_note(gap_text(map))
    };
    let own = row.maps.iter().map(|map| (map, None));
    let beside = row.beside.iter();
    let beside = beside.filter_map(|b| Some((b.map.as_ref().ok()?, Some(&b.method))));
    std::iter::once(picture)
        .chain(own.chain(beside).map(map_panel))
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
