//! The thread that writes: one export at a time, answered in a later frame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::Builder;
use std::time::Duration;

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use egui::Context;
use ganoscope_core::jobs::Failure;

use super::Job;

/// Files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The files.
    pub paths: Vec<PathBuf>,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// How an export ended: the files, or why there are none.
pub type Outcome = Result<Written, String>;

/// Writes exports beside the frames of the window.
#[derive(Default)]
pub struct Exporter {
    running: Option<Receiver<Outcome>>,
}

impl Exporter {
    /// Whether an export is being written.
    pub const fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Begins an export.
    ///
    /// # Errors
    /// When another one is being written, or the system cannot start a thread.
    pub fn start(&mut self, job: Job, ctx: &Context) -> Result<(), String> {
        if self.is_busy() {
            return Err("another export is being written; try again when it is done".to_owned());
        }
        let (sender, receiver) = bounded(1);
        let ctx = ctx.clone();
        let work = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| job.run()));
            let outcome = outcome.unwrap_or_else(|payload| {
                let cause = Failure::from_panic(payload.as_ref()).causes.join("; ");
                Err(format!("the export stopped in the middle: {cause}"))
            });
            // The window may be gone by now.
            let _ = sender.send(outcome);
            ctx.request_repaint();
        };
        Builder::new()
            .name("export".to_owned())
            .spawn(work)
            .map_err(|error| format!("no thread for the export: {error}"))?;
        self.running = Some(receiver);
        Ok(())
    }

    /// Waits for the export that is being written, at most so long: for the end of the program, which would leave a part of
    /// a file behind.
    pub fn finish(&mut self, patience: Duration) -> Option<Outcome> {
        let running = self.running.take()?;
        running.recv_timeout(patience).ok()
    }

    /// How the export that was being written ended, once.
    pub fn poll(&mut self) -> Option<Outcome> {
        let answer = self.running.as_ref()?.try_recv();
        let outcome = match answer {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the export stopped".to_owned()),
        };
        self.running = None;
        Some(outcome)
    }
}
