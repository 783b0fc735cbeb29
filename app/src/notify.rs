//! What the program has to say: records of the log at INFO and above become toasts.
//!
//! Invariant: an error is said once. Whoever logs it does not pass it on, whoever passes it on does not log it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, PoisonError, RwLock};

use crossbeam_channel::{Receiver, Sender, bounded};
use log::{Level, LevelFilter, Log, Metadata, Record};

/// Records that may wait for the window; more are dropped, the terminal has them.
const QUEUE_LENGTH: usize = 256;
/// Toasts on the screen at once.
const MAX_TOASTS: usize = 5;

/// A message with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Weight.
    pub level: Level,
    /// The message.
    pub text: String,
    /// What it is about one by one, where it sums up several.
    pub details: Vec<String>,
}

impl Message {
    /// A message about one thing.
    pub fn new(level: Level, text: impl Into<String>) -> Self {
        Self {
            level,
            text: text.into(),
            details: Vec::new(),
        }
    }
}

/// A message on the screen.
#[derive(Clone, Debug)]
pub struct Toast {
    /// Tells toasts apart.
    pub id: u64,
    /// What it says.
    pub message: Message,
    /// How often it was said in a row.
    pub count: usize,
    /// When it goes away, in seconds of the window's clock. Errors stay until they are put away.
    pub until: Option<f64>,
}

/// The toasts on the screen and the way there.
pub struct Notices {
    inbox: Receiver<Message>,
    toasts: VecDeque<Toast>,
    last_id: u64,
}

impl Default for Notices {
    /// Listens to the log.
    fn default() -> Self {
        Self::new(CHANNEL.1.clone())
    }
}

impl Notices {
    /// Listens to `inbox`.
    pub fn new(inbox: Receiver<Message>) -> Self {
        Self {
            inbox,
            toasts: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Takes new messages in and lets old toasts go; `now` in seconds of the window's clock.
    pub fn update(&mut self, now: f64) {
        while let Ok(message) = self.inbox.try_recv() {
            self.say(message, now);
        }
        self.toasts
            .retain(|t| t.until.is_none_or(|until| now < until));
    }

    /// Puts a message on the screen.
    pub fn say(&mut self, message: Message, now: f64) {
        let seconds = match message.level {
            Level::Error => None,
            Level::Warn => Some(10.0),
            Level::Info | Level::Debug | Level::Trace => Some(4.0),
        };
        let until = seconds.map(|s| now + s);
        if let Some(last) = self.toasts.back_mut().filter(|t| t.message == message) {
            last.count += 1;
            last.until = until;
            return;
        }
        self.last_id += 1;
        self.toasts.push_back(Toast {
            id: self.last_id,
            message,
            count: 1,
            until,
        });
        while self.toasts.len() > MAX_TOASTS {
            self.drop_least();
        }
    }

    /// Lets the oldest of the least weight go: an error is never pushed out by a warning, and a warning never by news.
    fn drop_least(&mut self) {
        let levels = self.toasts.iter().map(|t| t.message.level);
        let Some(least) = levels.max() else {
            return;
        };
        let at = self.toasts.iter().position(|t| t.message.level == least);
        if let Some(at) = at {
            self.toasts.remove(at);
        }
    }

    /// Puts a toast away.
    pub fn dismiss(&mut self, id: u64) {
        self.toasts.retain(|t| t.id != id);
    }

    /// The toasts on the screen, oldest first.
    pub fn toasts(&self) -> impl Iterator<Item = &Toast> {
        self.toasts.iter()
    }

    /// The window's clock begins anew: what was said before is let go.
    pub fn restart(&mut self) {
        self.toasts.clear();
    }

    /// When the next toast goes away, in seconds of the window's clock.
    pub fn next_change(&self) -> Option<f64> {
        let times = self.toasts.iter().filter_map(|t| t.until);
        times.min_by(f64::total_cmp)
    }
}

static CHANNEL: LazyLock<(Sender<Message>, Receiver<Message>)> =
    LazyLock::new(|| bounded(QUEUE_LENGTH));

/// A logger that writes through another one and hands messages for people to the window.
struct Tee {
    terminal: Box<dyn Log>,
}

/// The window that shows messages, once it is open.
static WINDOW: RwLock<Option<egui::Context>> = RwLock::new(None);

impl Log for Tee {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.terminal.enabled(metadata) || is_for_people(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.terminal.enabled(record.metadata()) {
            self.terminal.log(record);
        }
        if is_for_people(record.metadata()) {
            let text = if is_dialog_failure(record.metadata()) {
                DIALOG_FAILED.store(true, Ordering::Release);
                NO_DIALOG.to_owned()
            } else {
                sentence(&record.args().to_string())
            };
            let message = Message::new(record.level(), text);
            // Messages from before the window is open wait in the queue for its first frame.
            if CHANNEL.0.try_send(message).is_ok()
                && let Ok(window) = WINDOW.read()
                && let Some(window) = &*window
            {
                window.request_repaint();
            }
        }
    }

    fn flush(&self) {
        self.terminal.flush();
    }
}

/// Said when the system cannot show a file dialog, which looks to the program as if it were cancelled.
const NO_DIALOG: &str =
    "The file dialog of this system cannot be shown; type the path, or drop files on the window";

/// Whether the system could not show a dialog since this was asked last.
static DIALOG_FAILED: AtomicBool = AtomicBool::new(false);

/// Whether the system could not show a dialog since this was asked last.
pub fn take_dialog_failure() -> bool {
    DIALOG_FAILED.swap(false, Ordering::AcqRel)
}

/// Whether the library of the file dialogs has come to the end of its ways. (The modules below report that one way
/// failed, before another one is tried.)
fn is_dialog_failure(metadata: &Metadata<'_>) -> bool {
    metadata.level() == Level::Error && metadata.target() == "rfd::backend::xdg_desktop_portal"
}

/// Only what our own crates say at INFO and above, and not what is meant for the terminal; and that there is no dialog.
fn is_for_people(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if is_dialog_failure(metadata) {
        return true;
    }
    metadata.level() <= Level::Info && target.starts_with("ganoscope") && target != TERMINAL
}

/// The target of records that go to the terminal only.
pub const TERMINAL: &str = "ganoscope::terminal";

/// `cannot read` becomes `Cannot read`: messages are clauses, toasts are sentences.
pub fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Installs the logger: `terminal` writes, and people see INFO and above in the window. Does nothing when a logger is
/// installed already (headless commands, tests).
pub fn install(terminal: Box<dyn Log>, terminal_level: LevelFilter) {
    if log::set_boxed_logger(Box::new(Tee { terminal })).is_ok() {
        log::set_max_level(terminal_level.max(LevelFilter::Info));
    }
}

/// Messages are repainted in this window from now on; a process has one at a time.
pub fn attach(window: &egui::Context) {
    *WINDOW.write().unwrap_or_else(PoisonError::into_inner) = Some(window.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: Level, text: &str) -> Message {
        Message::new(level, text)
    }

    #[test]
    fn warnings_do_not_push_errors_out() {
        let (_sender, receiver) = bounded(1);
        let mut notices = Notices::new(receiver);
        for i in 0..3 {
            notices.say(message(Level::Error, &format!("error {i}")), 0.0);
        }
        for i in 0..9 {
            notices.say(message(Level::Warn, &format!("warning {i}")), 0.0);
            notices.say(message(Level::Info, &format!("news {i}")), 0.0);
        }
        let texts: Vec<&str> = notices.toasts().map(|t| &*t.message.text).collect();
        let wanted = ["error 0", "error 1", "error 2", "warning 7", "warning 8"];
        assert_eq!(texts, wanted);
        for i in 3..9 {
            notices.say(message(Level::Error, &format!("error {i}")), 0.0);
        }
        let texts: Vec<&str> = notices.toasts().map(|t| &*t.message.text).collect();
        assert_eq!(
            texts,
            ["error 4", "error 5", "error 6", "error 7", "error 8"]
        );
    }

    /// Keeps what was written.
    struct Paper(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl Log for Paper {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= Level::Warn
        }

        fn log(&self, record: &Record<'_>) {
            self.0.lock().unwrap().push(record.args().to_string());
        }

        fn flush(&self) {}
    }

    #[test]
    fn warnings_of_the_core_are_written_and_shown() {
        let written = std::sync::Arc::default();
        install(
            Box::new(Paper(std::sync::Arc::clone(&written))),
            LevelFilter::Warn,
        );
        log::warn!(target: "ganoscope_core::stamp", "left out: a.fits");
        log::warn!(target: "wgpu_core", "nothing for people");
        log::info!(target: TERMINAL, "first picture after 0.2 s");
        // The first of two ways fails, then the last.
        log::error!(target: "rfd::backend::xdg_desktop_portal::portal", "no session bus");
        log::error!(target: "rfd::backend::xdg_desktop_portal", "no zenity");
        let mut notices = Notices::default();
        notices.update(0.0);
        let shown: Vec<_> = notices.toasts().map(|t| t.message.text.clone()).collect();
        assert_eq!(shown, ["Left out: a.fits", NO_DIALOG]);
        assert!(take_dialog_failure() && !take_dialog_failure());
        let written = written.lock().unwrap();
        assert_eq!(written[..2], ["left out: a.fits", "nothing for people"]);
    }

    #[test]
    fn errors_stay_and_news_go() {
        let (sender, receiver) = bounded(8);
        let mut notices = Notices::new(receiver);
        for m in [
            message(Level::Error, "no"),
            message(Level::Info, "saved"),
            message(Level::Info, "saved"),
        ] {
            sender.send(m).unwrap();
        }
        notices.update(0.0);
        let counts: Vec<usize> = notices.toasts().map(|t| t.count).collect();
        assert_eq!(counts, [1, 2]);
        notices.update(100.0);
        let left: Vec<u64> = notices.toasts().map(|t| t.id).collect();
        assert_eq!(left, [1]);
        notices.dismiss(1);
        assert_eq!(notices.toasts().count(), 0);
    }

    #[test]
    fn only_our_own_news_reach_people() {
        let metadata = |target, level| Metadata::builder().target(target).level(level).build();
        assert!(is_for_people(&metadata("ganoscope::app", Level::Info)));
        assert!(is_for_people(&metadata(
            "ganoscope_core::jobs",
            Level::Warn
        )));
        assert!(!is_for_people(&metadata("wgpu_core", Level::Error)));
        assert!(!is_for_people(&metadata("ganoscope::app", Level::Debug)));
        assert!(!is_for_people(&metadata(TERMINAL, Level::Info)));
    }
}
