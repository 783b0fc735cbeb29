//! Opening the window.

mod begin;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::bounded;
use egui::ViewportBuilder;
use ganoscope_core::device::DeviceChoice;
use ganoscope_core::jobs::Studio;
use log::Level;
use wgpu::DeviceType;

use self::begin::Begin;
use crate::app::{App, AppParts, Ending};
use crate::bridge::Bridge;
use crate::demo;
use crate::dialogs::Native;
use crate::notify::{self, TERMINAL};
use crate::priority;
use crate::workbench::WindowPlace;

/// What the window opens with.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// A series directory; the bundled demonstration when absent.
    pub series: Option<PathBuf>,
    /// Stamps or blends to open.
    pub inputs: Vec<PathBuf>,
    /// Close again after the first complete picture was shown (for a launch test).
    pub smoke: bool,
    /// Lose the graphics card before that, once (for a test of the way back).
    pub lose_graphics: bool,
    /// Write a screenshot of the window to this file, then close.
    pub screenshot: Option<PathBuf>,
    /// Where the networks run.
    pub device: DeviceChoice,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// Without a display or a usable graphics driver; the message names the headless commands. Also when a device was asked
/// for by name and cannot be used.
pub fn open(options: WindowOptions) -> anyhow::Result<()> {
    let started = Instant::now();
    check_display()?;
    let on = options.device.open()?;
    let device = on.device.clone();
    // The worker reads while the window opens.
    let bridge = Bridge::new(priority::behind(move || Studio::on(device)))
        .context("cannot start the worker")?;
    let (outcome, ended) = bounded(1);
    let mut begin = Begin::of(&options);
    begin
        .messages
        .extend(on.note().map(|note| (Level::Warn, note)));
    let parts = AppParts {
        bridge,
        device: on.name,
        dialogs: Box::<Native>::default(),
        demo: demo::locate(),
        document: std::mem::take(&mut begin.document),
        workbench: std::mem::take(&mut begin.workbench),
        recovery: begin.recovery.take(),
        started,
        ending: Ending::of(&options, outcome),
    };
    let app: Rc<RefCell<Option<App>>> = Rc::default();
    let begun_at = parts.workbench.window;
    let mut first = Some((parts, begin));
    loop {
        let place = match &*app.borrow() {
            Some(app) => app.workbench().window,
            None => begun_at,
        };
        let held = app.clone();
        let start = first.take();
        let create = move |cc: &eframe::CreationContext<'_>| {
            notify::attach(&cc.egui_ctx);
            match start {
                Some((parts, begin)) => *held.borrow_mut() = Some(begin.start(cc, parts)),
                None => held.borrow_mut().iter_mut().for_each(|app: &mut App| {
                    app.enter_window(&cc.egui_ctx);
                }),
            }
            let card = cc.wgpu_render_state.as_ref();
            if card.is_none_or(|card| card.adapter.get_info().device_type == DeviceType::Cpu) {
                priority::processor_paints();
            }
            if let Some(app) = &mut *held.borrow_mut() {
                app.draw_on(card, &cc.egui_ctx);
            }
            Ok(Box::new(Held(held)) as Box<dyn eframe::App>)
        };
        let run = || eframe::run_native("Ganoscope", native_options(place), Box::new(create));
        // A card that is lost in the middle of painting makes the window library panic, which cannot be run again then.
        let run = catch_unwind(AssertUnwindSafe(run));
        let is_lost = match &mut *app.borrow_mut() {
            Some(app) => app.leave_lost_window(),
            None => false,
        };
        match run {
            Ok(Ok(())) if is_lost => {}
            Ok(Err(error)) => {
                // Where the second window cannot be opened, the first has not kept anything.
                app.borrow_mut().iter_mut().for_each(App::close);
                return Err(no_window(&error.to_string()));
            }
            Ok(Ok(())) => break,
            Err(_) if is_lost => {
                app.borrow_mut().iter_mut().for_each(App::close);
                return Err(anyhow!(
                    "the graphics card was lost while the window was painted; the session is kept, start the program again"
                ));
            }
            Err(panic) => resume_unwind(panic),
        }
    }
    match ended.try_recv() {
        Ok(Err(why)) => Err(anyhow!(why)),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Size of the first window, points: with its frame it has room on a screen of 1280 x 720.
const FIRST_SIZE: [f32; 2] = [1240.0, 660.0];
/// Size of the smallest window, points.
const LEAST_SIZE: [f32; 2] = [200.0, 200.0];
/// More than any screen has, points: a place beyond it is a damaged file.
const MOST_SIZE: f32 = 20_000.0;

/// The window as the system is asked for it, where it was the last time.
fn native_options(place: Option<WindowPlace>) -> eframe::NativeOptions {
    let viewport = ViewportBuilder::default()
        .with_title("Ganoscope")
        .with_app_id("ganoscope")
        .with_min_inner_size(LEAST_SIZE);
    let is_sound = |value: f32| value.is_finite() && value.abs() <= MOST_SIZE;
    let place = place.filter(|place| place.size.into_iter().all(is_sound));
    let viewport = match place {
        None => viewport.with_inner_size(FIRST_SIZE),
        Some(place) => {
            let [width, height] = place.size;
            let [least_width, least_height] = LEAST_SIZE;
            let size = [width.max(least_width), height.max(least_height)];
            let viewport = viewport
                .with_inner_size(size)
                .with_maximized(place.is_maximized);
            match place.position.filter(|p| p.iter().all(|v| is_sound(*v))) {
                Some(position) => viewport.with_position(position),
                None => viewport,
            }
        }
    };
    eframe::NativeOptions {
        viewport,
        // Exact colours in maps, and the same text on every machine.
        dithering: false,
        system_font_fallback: false,
        ..eframe::NativeOptions::default()
    }
}

/// The app as a window has it: it outlives a window whose graphics card is lost.
struct Held(Rc<RefCell<Option<App>>>);

impl eframe::App for Held {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        if let Some(app) = &mut *self.0.borrow_mut() {
            app.logic(ctx, frame);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        if let Some(app) = &mut *self.0.borrow_mut() {
            app.ui(ui, frame);
        }
    }

    fn on_exit(&mut self) {
        if let Some(app) = &mut *self.0.borrow_mut() {
            app.on_exit();
        }
    }
}

/// One line that says why there is no window and what works without one.
fn no_window(why: &str) -> anyhow::Error {
    anyhow!(
        "cannot open a window ({}); without one use `ganoscope run`, `ganoscope relevance` or `ganoscope inspect`",
        why.lines()
            .next()
            .unwrap_or("unknown reason")
            .trim_end_matches('.')
    )
}

/// The window library panics without a display; this says it in one line first.
fn check_display() -> anyhow::Result<()> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let needs_server = cfg!(all(unix, not(target_os = "macos")));
    if needs_server
        && !["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"]
            .into_iter()
            .any(is_set)
    {
        log::debug!(target: TERMINAL, "none of DISPLAY, WAYLAND_DISPLAY, WAYLAND_SOCKET is set");
        return Err(no_window("no display is set"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_fits_a_small_screen_and_comes_back_where_it_was() {
        let first = native_options(None).viewport.inner_size.unwrap();
        assert!(first.x <= 1280.0 && first.y <= 720.0 - 50.0, "{first}");
        let place = WindowPlace {
            position: Some([40.0, 50.0]),
            size: [900.0, 100.0],
            is_maximized: true,
        };
        let again = native_options(Some(place)).viewport;
        assert_eq!(again.inner_size, Some(egui::vec2(900.0, 200.0)));
        assert_eq!(again.position, Some(egui::pos2(40.0, 50.0)));
        assert_eq!(again.maximized, Some(true));
        let damaged = WindowPlace {
            size: [f32::NAN, 5.0],
            ..place
        };
        let damaged = native_options(Some(damaged)).viewport;
        assert_eq!(damaged.inner_size, Some(first));
    }

    #[test]
    fn without_a_window_one_line_names_the_commands() {
        let text = no_window("No suitable adapter.\nmore").to_string();
        assert_eq!(text.lines().count(), 1);
        for command in ["run", "relevance", "inspect"] {
            assert!(text.contains(&format!("`ganoscope {command}`")), "{text}");
        }
    }
}
