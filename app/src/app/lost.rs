//! The graphics card may go away while the window is open: a driver restarts, a laptop wakes up, a card is unplugged.
//!
//! Invariant: nothing but pixels is lost. The window is closed and opened again over the same app, whose document,
//! history and worker never knew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eframe::egui_wgpu::RenderState;
use eframe::wgpu;
use egui::{Context, ViewportCommand};
use log::Level;

use super::App;
use crate::notify::TERMINAL;
use crate::theme;
use crate::widgets::Textures;

/// Hears that the card is lost.
pub(super) struct Watch {
    device: wgpu::Device,
    is_lost: Arc<AtomicBool>,
}

impl Watch {
    /// Listens to the device a window is drawn with.
    pub(super) fn over(state: &RenderState, window: &Context) -> Self {
        let is_lost = Arc::new(AtomicBool::new(false));
        let (flag, window) = (is_lost.clone(), window.clone());
        state.device.set_device_lost_callback(move |reason, text| {
            log::warn!(target: TERMINAL, "the graphics card is lost ({reason:?}): {text}");
            flag.store(true, Ordering::Release);
            window.request_repaint();
        });
        Self {
            device: state.device.clone(),
            is_lost,
        }
    }

    /// Whether the card is lost; asks it, since a card that nobody asks says nothing.
    fn is_lost(&self) -> bool {
        let _ = self.device.poll(wgpu::PollType::Poll);
        self.is_lost.load(Ordering::Acquire)
    }

    /// Loses the card, for a test of the way back.
    pub(super) fn lose(&self) {
        self.device.destroy();
    }
}

impl App {
    /// Closes a window whose card is lost; whoever opened it opens it again.
    pub(super) fn notice_loss(&mut self, ctx: &Context) {
        // Asking costs nothing beside a frame.
        if !self.must_reopen && self.watch.as_ref().is_some_and(Watch::is_lost) {
            self.must_reopen = true;
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Whether the window is gone because its graphics card was lost. If so, everything that belongs to it is let go, and
    /// another window can be entered.
    pub fn leave_lost_window(&mut self) -> bool {
        let is_lost = self.watch.take().is_some_and(|watch| watch.is_lost());
        if is_lost {
            self.textures = Textures::default();
        }
        is_lost
    }

    /// Keeps everything before the program ends.
    pub fn close(&mut self) {
        self.save_now();
        self.wait_for_saving();
        self.wait_for_export();
    }

    /// Goes on in another window, whose clock begins anew.
    pub fn enter_window(&mut self, ctx: &Context) {
        self.must_reopen = false;
        theme::install(ctx);
        theme::wear(ctx, &self.workbench);
        self.bridge.attach(ctx);
        self.saving.restart();
        self.meters.restart();
        self.notices.restart();
        let text =
            "the graphics card went away, so the window was opened again; nothing else is lost";
        self.say(Level::Warn, text, ctx);
    }
}
