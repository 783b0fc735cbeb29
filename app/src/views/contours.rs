//! Contours of one picture over the others: the choice in the bar, and the lines.
//!
//! Invariant: lines are drawn of a map that is made anew only when its pixels, its limits or its curve change. A map that no
//! view has used since the frame before is let go.

use std::sync::Arc;

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{
    Button, Context, DragValue, Id, PopupCloseBehavior, RichText, ScrollArea, TextStyle, Ui,
};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::stretch::Stretch;

use super::ViewCx;
use crate::contours::{ContourChoice, ContoursOf, Steps};
use crate::display::Display;
use crate::source::Source;
use crate::theme::{DARK, Tokens};
use crate::widgets::{Look, Picture, rgb};

/// A map with what it was made of, kept so that no other pixels can take their address.
#[derive(Clone)]
struct Made {
    pixels: Arc<[f32]>,
    steps: Steps,
    map: Option<Stamp>,
    /// The pass of the window in which it was last used.
    used: u64,
}

/// The maps of all views.
#[derive(Clone, Default)]
struct Kept(Vec<Made>);

/// The maps that lines are drawn of in one view, for one frame.
pub(super) struct ContourMaps {
    steps: Option<Steps>,
    /// With the galaxy over whose pictures it is drawn; over all where there is none.
    maps: Vec<(Option<usize>, Stamp)>,
}

impl ContourMaps {
    /// The maps of the choice of a view; none where there is no choice or no picture.
    pub(super) fn of(cx: &ViewCx<'_>, ui: &Ui) -> Self {
        let mut all = Self {
            steps: None,
            maps: Vec::new(),
        };
        let Some(choice) = cx.document.display.contours else {
            with_kept(ui.ctx(), |_| ());
            return all;
        };
        let sources: Vec<(Option<usize>, Source)> = match choice.of {
            ContoursOf::Picture(source) => vec![(None, source)],
            ContoursOf::OwnTruth => {
                let truths = cx.results.scene.shown().map_or(0, |s| s.truths.len());
                (0..truths).map(|i| (Some(i), Source::Truth(i))).collect()
            }
        };
        for (galaxy, source) in sources {
            let steps = steps_of(cx, &choice, source);
            let map = map_of(cx, ui, source, steps);
            if let Some(map) = map {
                all.steps = Some(steps);
                all.maps.push((galaxy, map));
            }
        }
        all
    }

    /// A picture with the lines that belong over it.
    pub(super) fn over<'s>(&'s self, picture: Picture<'s>, galaxy: Option<usize>) -> Picture<'s> {
        let ink = rgb(DARK.contour);
        let Some(lines) = self.steps.and_then(|steps| steps.contours(ink)) else {
            return picture;
        };
        let is_meant = |of: &Option<usize>| of.is_none() || *of == galaxy;
        let found = self.maps.iter().find(|(of, _)| is_meant(of));
        let Some((_, map)) = found else {
            return picture;
        };
        let look = ganoscope_core::stamp::look::Look {
            contours: Some(lines),
            ..picture.look.exact()
        };
        Picture {
            look: Look::Exact(look),
            ..picture
        }
        .with_lines(map)
    }
}

/// Where the lines of a picture stand.
fn steps_of(cx: &ViewCx<'_>, choice: &ContourChoice, source: Source) -> Steps {
    let signed = source.signed_scale(cx.results);
    let shown = signed.map_or(cx.levels.limits(), |scale| [-scale, scale]);
    let stretch = match signed {
        Some(_) => Stretch::Linear,
        None => cx.document.display.stretch.usable(),
    };
    Steps {
        limits: choice.limits.unwrap_or(shown),
        stretch,
        is_signed: signed.is_some(),
        count: choice.count,
    }
}

fn map_of(cx: &ViewCx<'_>, ui: &Ui, source: Source, steps: Steps) -> Option<Stamp> {
    let stamp = source.stamp(cx.document, cx.results)?;
    let ctx = ui.ctx();
    let is_same = |made: &Made| Arc::ptr_eq(&made.pixels, &stamp.pixels) && made.steps == steps;
    let used = ctx.cumulative_pass_nr();
    let known = with_kept(ctx, |kept| {
        let made = kept.0.iter_mut().find(|made| is_same(made))?;
        made.used = used;
        Some(made.map.clone())
    });
    known.unwrap_or_else(|| {
        let map = steps.map(stamp);
        let made = Made {
            pixels: stamp.pixels.clone(),
            steps,
            map: map.clone(),
            used,
        };
        with_kept(ctx, |kept| kept.0.push(made));
        map
    })
}

/// Does something with the maps that are still in use.
fn with_kept<R>(ctx: &Context, act: impl FnOnce(&mut Kept) -> R) -> R {
    let now = ctx.cumulative_pass_nr();
    ctx.data_mut(|data| {
        let kept: &mut Kept = data.get_temp_mut_or_default(Id::unique("maps of contours"));
        kept.0.retain(|made| made.used + 1 >= now);
        act(kept)
    })
}

/// The button that opens the choice.
pub(super) fn contours_ui(cx: &ViewCx<'_>, ui: &mut Ui, display: &mut Display) {
    let button = Button::selectable(display.contours.is_some(), "Contours");
    let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::from_button(button)
        .config(stays)
        .ui(ui, |ui| choice_ui(cx, ui, display));
    response.on_hover_text("Lines of one picture over the others, for example of the truth");
}

fn choice_ui(cx: &ViewCx<'_>, ui: &mut Ui, display: &mut Display) {
    ui.set_max_width(300.0);
    let chosen = display.contours.map(|choice| choice.of);
    let mut of = chosen;
    ScrollArea::vertical().max_height(240.0).show(ui, |ui| {
        ui.radio_value(&mut of, None, "No contours");
        let has_truths = Source::Truth(0).known(cx.results) == Source::Truth(0);
        if has_truths {
            let own = Some(ContoursOf::OwnTruth);
            ui.radio_value(&mut of, own, "Each galaxy's own truth");
        }
        let all = Source::all(cx.document, cx.results);
        let maps = Source::all_relevance(cx.results);
        for source in all.into_iter().chain(maps) {
            let name = source.name(cx.document, cx.results);
            let this = Some(ContoursOf::Picture(source));
            ui.radio_value(&mut of, this, format!("Of {name}"));
        }
    });
    if of != chosen {
        let before = display.contours.unwrap_or_default();
        display.contours = of.map(|of| ContourChoice { of, ..before });
    }
    if let Some(mut choice) = display.contours {
        ui.separator();
        numbers_ui(cx, ui, &mut choice);
        display.contours = Some(choice);
    }
}

/// How many lines, between which values, and where they stand.
fn numbers_ui(cx: &ViewCx<'_>, ui: &mut Ui, choice: &mut ContourChoice) {
    let source = match choice.of {
        ContoursOf::OwnTruth => Source::Truth(0),
        ContoursOf::Picture(source) => source,
    };
    let steps = steps_of(cx, choice, source);
    ui.horizontal(|ui| {
        let label = ui.label(if steps.is_signed {
            "Lines on either side of zero"
        } else {
            "Lines"
        });
        let count = DragValue::new(&mut choice.count).range(ContourChoice::COUNT);
        ui.add(count).labelled_by(label.id);
    });
    let mut is_shared = choice.limits.is_none();
    ui.checkbox(&mut is_shared, "Between the limits shown");
    if is_shared {
        choice.limits = None;
    } else {
        let [mut low, mut high] = choice.limits.unwrap_or(steps.limits);
        let speed = f64::from((high - low).abs().max(1e-6)) / 200.0;
        ui.horizontal(|ui| {
            for (name, value) in [("From", &mut low), ("to", &mut high)] {
                let label = ui.label(name);
                let number = DragValue::new(value).speed(speed).max_decimals(4);
                ui.add(number).labelled_by(label.id);
            }
        });
        choice.limits = Some([low, high]);
    }
    let values: Vec<String> = steps.values().iter().map(|v| format!("{v:.3}")).collect();
    let text = format!("at {}", values.join(", "));
    let text = RichText::new(text).text_style(TextStyle::Small);
    ui.label(text.color(Tokens::of(ui).weak));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::command::Commands;
    use crate::display::Levels;
    use crate::document::Document;
    use crate::testing::ready_results;
    use crate::widgets::Textures;
    use crate::workbench::Workbench;

    #[test]
    fn lines_belong_to_their_galaxy_and_are_made_once() {
        let mut document = Document::new(None, Vec::new());
        document.display.contours = Some(ContourChoice::default());
        let results = ready_results(Path::new("series"), Path::new("blend.fits"));
        let (workbench, commands, textures) = (
            Workbench::default(),
            Commands::default(),
            Textures::default(),
        );
        let cx = ViewCx {
            document: &document,
            workbench: &workbench,
            results: &results,
            levels: Levels::UNIT,
            commands: &commands,
            textures: &textures,
        };
        let ctx = Context::default();
        let mut pixels = Vec::new();
        for _ in 0..2 {
            let output = ctx.run_ui(egui::RawInput::default(), |ui| {
                let maps = ContourMaps::of(&cx, ui);
                let picture = Picture::new(
                    Source::Output(1).stamp(&document, &results).unwrap(),
                    Look::Activation { largest: 1.0 },
                );
                assert!(maps.over(picture, None).lines.is_none(), "of no galaxy");
                let lines = maps.over(picture, Some(1)).lines.unwrap();
                pixels.push(lines.pixels.as_ptr());
                let first = maps.over(picture, Some(0)).lines.unwrap();
                assert_ne!(first.pixels.as_ptr(), lines.pixels.as_ptr());
            });
            output.drop_without_applying_deltas();
        }
        assert_eq!(pixels[0], pixels[1]);
        assert_eq!(with_kept(&ctx, |kept| kept.0.len()), 2);
        // Nothing draws lines any more.
        let mut without = document.clone();
        without.display.contours = None;
        for _ in 0..2 {
            let output = ctx.run_ui(egui::RawInput::default(), |ui| {
                let cx = ViewCx {
                    document: &without,
                    ..cx
                };
                ContourMaps::of(&cx, ui);
            });
            output.drop_without_applying_deltas();
        }
        assert_eq!(with_kept(&ctx, |kept| kept.0.len()), 0);
    }
}
