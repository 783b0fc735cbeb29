//! The figure of Deblend: blend, outputs, recombination, residual, truths.

use ganoscope_core::figure::{Bar, Panel, Sheet};
use ganoscope_core::jobs::{Account, DeblendPreview, Measures, Scene};
use ganoscope_core::stamp::ValueRange;

use super::{Setting, unit_of};
use crate::widgets::signed_with_marks;

/// The blend where there is one, what the generator makes of it, and in a second row the residual and the truths.
///
/// `scene`: what light and axes are taken from, and whether it is a blend that the network was run on.
pub fn deblend(
    (scene, has_blend): (&Scene, bool),
    preview: &DeblendPreview,
    is_edited: bool,
    setting: &Setting,
) -> Sheet {
    let light = setting.light(scene);
    let mut sheet = Sheet::new(&*setting.title, setting.paper.palette());
    let mut blend = Panel::new("Blend", scene.blend.clone(), light);
    blend.compass = scene.compass;
    let mut first = if has_blend { vec![blend] } else { Vec::new() };
    let kind = if is_edited { "edited" } else { "generated" };
    for (i, output) in preview.outputs.iter().enumerate() {
        let note = preview.measures.get(i).map(note).unwrap_or_default();
        let caption = format!("{}, {kind}", preview.title_of(i));
        first.push(Panel::new(caption, output.clone(), light).with_note(note));
    }
    sheet.bars = vec![setting.light_bar(scene)];
    let residual = preview.account.as_ref().map(|account| {
        let recombination = account.recombination.clone();
        first.push(Panel::new("Recombination", recombination, light));
        sheet.bars.push(residual_bar(scene, account, setting));
        let look = signed_with_marks(account.residual_scale, setting.is_dark());
        let mut residual = Panel::new("Residual", account.residual.clone(), look)
            .with_note("Blend less recombination");
        residual.over = Some(account.residual_mean.clone());
        residual
    });
    let truths = scene.truths.iter().take(preview.outputs.len()).enumerate();
    let truths = truths.map(|(i, truth)| {
        let caption = format!("{}, truth", preview.title_of(i));
        Panel::new(caption, truth.clone(), light)
    });
    sheet.rows = if preview.has_truth {
        vec![first, residual.into_iter().chain(truths).collect()]
    } else {
        first.extend(residual);
        vec![first]
    };
    sheet.axes = setting.sides.axes(scene);
    sheet.notes.clone_from(&setting.notes);
    setting.with_outlines(sheet)
}

/// A difference has no zero point: only the scale of the file applies to it.
fn residual_bar(scene: &Scene, account: &Account, setting: &Setting) -> Bar {
    let ValueRange { low, high } = scene.range_in_file;
    let data = ValueRange {
        low: 0.0,
        high: high - low,
    };
    Bar::new("Residual", setting.signed(account.residual_scale)).with_data(
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
