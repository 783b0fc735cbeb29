//! The look of the program: fonts, sizes, and the two themes made from [`Tokens`].

mod tokens;

use std::sync::Arc;

use egui::{
    Context, CornerRadius, FontDefinitions, FontFamily, FontId, Margin, Stroke, Style, TextStyle,
    Theme, Visuals, vec2,
};

use crate::workbench::Workbench;
pub use tokens::{DARK, LIGHT, Tokens, size};

/// Installs fonts and both themes. Call once, before the first frame.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| apply(style, theme));
    }
}

/// Takes the theme and the motion that a workbench asks for.
pub fn wear(ctx: &Context, workbench: &Workbench) {
    if let Some(theme) = workbench.theme() {
        ctx.set_theme(theme);
    }
    set_motion(ctx, workbench.is_still);
}

/// How long things take to open and fade, seconds, where motion is welcome.
const ANIMATION_SECS: f32 = 0.2;

/// Whether things may move by themselves: spinners turn, panels slide, lists fade.
pub fn set_motion(ctx: &Context, is_still: bool) {
    let secs = if is_still { 0.0 } else { ANIMATION_SECS };
    ctx.all_styles_mut(|style| {
        style.animation_time = secs;
        style.scroll_animation = if is_still {
            egui::style::ScrollAnimation::none()
        } else {
            egui::style::ScrollAnimation::default()
        };
    });
}

/// Whether nothing may move by itself.
pub fn is_still(ui: &egui::Ui) -> bool {
    ui.style().animation_time == 0.0
}

/// The bundled fonts. Hack stands in for arrows and simple shapes that the proportional font lacks, so that no glyph
/// depends on the machine.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    fonts
        .families
        .entry(FontFamily::Proportional)
        .or_default()
        .push("Hack".to_owned());
    fonts
}

fn apply(style: &mut Style, theme: Theme) {
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(11.0)),
        (TextStyle::Body, FontId::proportional(13.0)),
        (TextStyle::Button, FontId::proportional(13.0)),
        (TextStyle::Heading, FontId::proportional(15.0)),
        (TextStyle::Monospace, FontId::monospace(11.5)),
    ]
    .into();
    style.drag_value_text_style = TextStyle::Monospace;
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(size::GAP, size::GAP);
    spacing.button_padding = vec2(8.0, 3.0);
    spacing.interact_size.y = 22.0;
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(size::MARGIN);
    spacing.slider_rail_height = 4.0;
    spacing.slider_width = 132.0;
    spacing.scroll.floating = true;
    style.interaction.selectable_labels = false;
    style.visuals = visuals(theme);
}

fn visuals(theme: Theme) -> Visuals {
    let t = Tokens::of_theme(theme);
    let mut v = theme.default_visuals();
    let corner = CornerRadius::same(size::CORNER);
    v.panel_fill = t.ground;
    v.window_fill = t.side;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(8);
    v.menu_corner_radius = CornerRadius::same(6);
    v.extreme_bg_color = t.well;
    v.faint_bg_color = t.raised;
    v.code_bg_color = t.raised;
    v.hyperlink_color = t.accent;
    v.warn_fg_color = t.warning;
    v.error_fg_color = t.error;
    v.weak_text_color = Some(t.weak);
    v.selection.bg_fill = t.accent_ground;
    v.selection.stroke = Stroke::new(1.0, t.accent_text);
    v.slider_trailing_fill = true;
    v.striped = false;
    let widgets = &mut v.widgets;
    for (state, fill, text) in [
        (&mut widgets.noninteractive, t.ground, t.text),
        (&mut widgets.inactive, t.raised, t.text),
        (&mut widgets.hovered, t.hovered, t.strong),
        (&mut widgets.active, t.pressed, t.strong),
        (&mut widgets.open, t.hovered, t.strong),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::NONE;
        state.fg_stroke = Stroke::new(1.0, text);
        state.corner_radius = corner;
        state.expansion = 0.0;
    }
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, t.line);
    widgets.hovered.bg_stroke = Stroke::new(1.0, t.line);
    v
}

/// The theme that `ctx` draws with now, ready to be asked for tokens.
pub fn tokens(ctx: &Context) -> &'static Tokens {
    Tokens::of_theme(ctx.theme())
}

/// The style of a theme, for tests that look at it without a window.
pub fn style_of(ctx: &Context, theme: Theme) -> Arc<Style> {
    ctx.style_of(theme)
}
