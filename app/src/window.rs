//! Opening the window.

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
use ganoscope_core::session::Lock;
use log::Level;
use wgpu::DeviceType;

use crate::app::{App, AppParts, Ending};
use crate::bridge::Bridge;
use crate::command::Command;
use crate::demo;
use crate::dialogs::Native;
use crate::document::Document;
use crate::notify::{self, TERMINAL};
use crate::priority;
use crate::store::{self, Recovery};
use crate::workbench::{SessionName, WindowPlace, Workbench};

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

/// What the first frame begins with.
#[derive(Default)]
struct Begin {
    document: Document,
    workbench: Workbench,
    recovery: Option<Recovery>,
    /// The last session, when something else was asked for: one undo away.
    last: Option<Document>,
    /// Looked at by the worker before they are opened.
    to_open: Vec<PathBuf>,
    /// Whether nobody has used the program here before.
    is_first_time: bool,
    messages: Vec<(Level, String)>,
}

impl Begin {
    /// What was asked for; else the last session; else the demonstration.
    fn of(options: &WindowOptions) -> Self {
        let mut begin = Self::default();
        let is_for_a_test = options.smoke || options.screenshot.is_some();
        if !is_for_a_test {
            begin.recover(store::state_folder());
        }
        let is_asked = options.series.is_some() || !options.inputs.is_empty();
        begin.tell_recovered(is_asked);
        if is_asked {
            begin.make_way();
            // The session is opened from anywhere later; a path that cannot be made absolute is told when it is opened.
            let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or(path.clone());
            let asked = options.series.iter().chain(&options.inputs);
            begin.to_open = asked.map(absolute).collect();
        }
        let demo = demo::locate();
        if begin.document == Document::default() && options.series.is_none() {
            begin.document.series = demo.series;
            if options.inputs.is_empty() {
                begin.document = Document::new(begin.document.series.take(), demo.inputs);
            }
        }
        begin
    }

    /// The app in its first window.
    fn start(self, cc: &eframe::CreationContext<'_>, parts: AppParts) -> App {
        let mut app = App::new(&cc.egui_ctx, parts);
        for (level, text) in &self.messages {
            app.say(*level, text, &cc.egui_ctx);
        }
        if self.is_first_time && self.to_open.is_empty() {
            app.begin_tour(&cc.egui_ctx);
        }
        if let Some(last) = self.last {
            app.remember(&last);
        }
        if !self.to_open.is_empty() {
            app.push(Command::Open(self.to_open));
        }
        app
    }

    /// Says that a session is there again though the program did not end by itself; not when another is asked for.
    fn tell_recovered(&mut self, is_asked: bool) {
        let was_killed = self.recovery.as_ref().is_some_and(Recovery::was_killed);
        if was_killed && !is_asked && self.document != Document::default() {
            let text = recovered_text(self.workbench.session.as_ref());
            self.messages.push((Level::Warn, text));
        }
    }

    /// What was asked for takes the place of the last session, which is kept.
    fn make_way(&mut self) {
        let last = std::mem::take(&mut self.document);
        if let Some(name) = self.workbench.session.take() {
            // The lock that a killed program left beside the person's file goes with it.
            drop(Lock::take(&name.path));
        }
        let demo = demo::locate();
        let untouched = Document::new(demo.series, demo.inputs);
        if last == Document::default() {
            return;
        }
        if let Some(recovery) = self.recovery.as_ref().filter(|_| last != untouched) {
            let kept = match recovery.set_aside() {
                Ok(()) => (Level::Info, KEPT.to_owned()),
                Err(error) => (
                    Level::Warn,
                    format!("the session before this one is not kept: {error}"),
                ),
            };
            self.messages.push(kept);
        }
        self.last = Some(last);
    }

    /// Takes the last session up, unless another window has it.
    fn recover(&mut self, folder: Option<PathBuf>) {
        let Some(folder) = folder else {
            return;
        };
        let recovery = match Recovery::take(&folder) {
            Ok(recovery) => recovery,
            Err(error) => {
                let text = format!("this window will not be recovered at the next start: {error}");
                self.messages.push((Level::Warn, text));
                return;
            }
        };
        match recovery.load() {
            Ok(Some(session)) => {
                self.document = session.document;
                self.workbench = session.workbench.mended();
            }
            Ok(None) => self.is_first_time = true,
            Err(text) => self.messages.push((Level::Warn, text)),
        }
        self.recovery = Some(recovery);
    }
}

/// Said when files asked for take the place of the last session.
const KEPT: &str =
    "the session before this one is kept: File, Open recent, Session before this one; or undo";

/// Said when the program did not end by itself the last time.
fn recovered_text(name: Option<&SessionName>) -> String {
    let Some(name) = name else {
        return "recovered the session of the last time, which ended unexpectedly; it has no name yet"
            .to_owned();
    };
    let file = name.path.file_name().unwrap_or_default().display();
    let changed = if name.is_changed {
        "; it has changes that are not saved"
    } else {
        ""
    };
    format!("recovered the session of the last time, which ended unexpectedly{changed}: {file}")
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
    use std::path::Path;

    use super::*;

    #[test]
    fn the_first_time_is_the_first_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let mut begin = Begin::default();
            begin.recover(Some(folder.path().to_owned()));
            begin
        };
        let first = start();
        assert!(first.is_first_time);
        let text = store::text_of(&first.document, &first.workbench).unwrap();
        std::fs::write(first.recovery.unwrap().path(), text).unwrap();
        assert!(!start().is_first_time);
        let mut nowhere = Begin::default();
        nowhere.recover(None);
        assert!(!nowhere.is_first_time, "it would be the first time always");
    }

    /// A state folder that a killed window left behind: a changed session under a name, and both locks.
    fn left_behind(folder: &Path) -> (Document, PathBuf) {
        let named = folder.join("mine.ron");
        let document = Document::new(Some("series".into()), vec!["a.fits".into()]);
        let workbench = Workbench {
            session: Some(SessionName {
                path: named.clone(),
                is_changed: true,
            }),
            ..Workbench::default()
        };
        let text = store::text_of(&document, &workbench).unwrap();
        std::fs::write(folder.join("session.ron"), text).unwrap();
        for lock in ["session.ron.lock", "mine.ron.lock"] {
            std::fs::write(folder.join(lock), "4242").unwrap();
        }
        (document, named)
    }

    #[test]
    fn after_a_kill_the_session_has_its_name_and_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (document, named) = left_behind(folder.path());
        let mut begin = Begin::default();
        begin.recover(Some(folder.path().to_owned()));
        begin.tell_recovered(false);
        assert_eq!(begin.document, document);
        assert_eq!(begin.workbench.session.map(|s| s.path), Some(named));
        let [(Level::Warn, text)] = begin.messages.as_slice() else {
            panic!("{:?}", begin.messages)
        };
        assert!(
            text.starts_with("recovered") && text.ends_with("mine.ron"),
            "{text}"
        );
    }

    #[test]
    fn files_that_are_asked_for_leave_the_session_before_within_reach() {
        let folder = tempfile::tempdir().unwrap();
        let (document, named) = left_behind(folder.path());
        let mut begin = Begin::default();
        begin.recover(Some(folder.path().to_owned()));
        begin.make_way();
        assert_eq!(begin.document, Document::default());
        assert_eq!(begin.last, Some(document.clone()));
        assert!(begin.workbench.session.is_none());
        assert!(!named.with_extension("ron.lock").exists());
        let earlier = begin.recovery.as_ref().unwrap().earlier();
        let [path] = earlier.as_slice() else {
            panic!("{earlier:?}")
        };
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(store::read(&text).unwrap().document, document);
        assert!(begin.messages.iter().any(|(_, text)| text == KEPT));
    }

    #[test]
    fn a_folder_that_takes_no_file_is_told_and_the_window_opens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in the way");
        std::fs::write(&file, "").unwrap();
        let mut begin = Begin::default();
        begin.recover(Some(file.join("state")));
        assert!(begin.recovery.is_none() && !begin.is_first_time);
        let [(Level::Warn, text)] = begin.messages.as_slice() else {
            panic!("{:?}", begin.messages)
        };
        assert!(
            text.contains("will not be recovered") && text.contains("in the way"),
            "{text}"
        );
    }

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
