//! The figure of Deblend: blend, outputs, recombination, residual, truths.

use ganoscope_core::figure::{Bar, Panel, Sheet};
use ganoscope_core::jobs::{DeblendPreview, Measures, Scene};
use ganoscope_core::stamp::ValueRange;

use super::{Setting, unit_of};
use crate::widgets::signed_with_marks;

/// The blend, what the generator makes of it, and in a second row the residual and the truths.
pub fn deblend(
    scene: &Scene,
    preview: &DeblendPreview,
    is_edited: bool,
    setting: &Setting,
) -> Sheet {
    let light = setting.light(scene);
    let mut sheet = Sheet::new(&*setting.title, setting.paper.palette());
    let mut blend = Panel::new("Blend", scene.blend.clone(), light);
    blend.compass = scene.compass;
    let mut first = vec![blend];
    let kind = if is_edited { "edited" } else { "generated" };
    for (i, output) in preview.outputs.iter().enumerate() {
        let note = preview.measures.get(i).map(note).unwrap_or_default();
        let caption = format!("Galaxy {}, {kind}", i + 1);
        first.push(Panel::new(caption, output.clone(), light).with_note(note));
    }
    let recombination = preview.recombination.clone();
    first.push(Panel::new("Recombination", recombination, light));
    let look = signed_with_marks(preview.residual_scale, setting.is_dark());
    let mut residual = Panel::new("Residual", preview.residual.clone(), look)
        .with_note("Blend less recombination");
    residual.over = Some(preview.residual_mean.clone());
    let truths = scene.truths.iter().take(preview.outputs.len()).enumerate();
    let truths = truths
        .map(|(i, truth)| Panel::new(format!("Galaxy {}, truth", i + 1), truth.clone(), light));
    sheet.rows = if scene.truths.is_empty() {
        first.push(residual);
        vec![first]
    } else {
        vec![first, std::iter::once(residual).chain(truths).collect()]
    };
    sheet.axes = setting.sides.axes(scene);
    sheet.bars = vec![
        setting.light_bar(scene),
        residual_bar(scene, preview, setting),
    ];
    sheet.notes.clone_from(&setting.notes);
    setting.with_outlines(sheet)
}

/// A difference has no zero point: only the scale of the file applies to it.
fn residual_bar(scene: &Scene, preview: &DeblendPreview, setting: &Setting) -> Bar {
    let ValueRange { low, high } = scene.range_in_file;
    let data = ValueRange {
        low: 0.0,
        high: high - low,
    };
    Bar::new("Residual", setting.signed(preview.residual_scale)).with_data(
        ValueRange::UNIT,
        data,
        unit_of(scene),
    )
}

fn note(measures: &Measures) -> String {
    let psnr = measures.psnr.map(|v| format!("PSNR {v:.2} dB"));
    let ssim = measures.ssim.map(|v| format!("SSIM {v:.3}"));
    let both: Vec<String> = psnr.into_iter().chain(ssim).collect();
    both.join(", ")
}
