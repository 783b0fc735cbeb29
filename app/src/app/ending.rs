//! How the window ends: by a person, after the first complete picture, or after a screenshot of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use egui::{ColorImage, Context, ViewportCommand};

use super::App;
use crate::window::WindowOptions;

/// Frames the complete picture is left on the screen, so that it was really drawn.
const FRAMES: usize = 3;

/// How the window ends.
#[derive(Default)]
pub enum Ending {
    /// A person closes it.
    #[default]
    ByPerson,
    /// It closes after the first complete picture.
    Smoke {
        /// Hears whether there was one.
        outcome: Sender<Result<(), String>>,
        /// Frames since it was complete.
        frames: usize,
        /// Whether the graphics card is lost first, once.
        loses_graphics: bool,
    },
    /// It closes after writing a picture of itself.
    Screenshot {
        /// Where to.
        path: PathBuf,
        /// Hears whether it worked.
        outcome: Sender<Result<(), String>>,
        /// Frames since it was complete.
        frames: usize,
        /// The picture, when it was asked for.
        image: Option<Receiver<Arc<ColorImage>>>,
    },
}

impl Ending {
    /// As the options ask; a screenshot includes the smoke test.
    pub fn of(options: &WindowOptions, outcome: Sender<Result<(), String>>) -> Self {
        match &options.screenshot {
            Some(path) => Self::Screenshot {
                path: path.clone(),
                outcome,
                frames: 0,
                image: None,
            },
            None if options.smoke => Self::Smoke {
                outcome,
                frames: 0,
                loses_graphics: options.lose_graphics,
            },
            None => Self::ByPerson,
        }
    }
}

impl App {
    /// Ends the window when its time has come.
    pub(super) fn end(&mut self, ctx: &Context) {
        let is_complete = self.is_complete();
        let failure = self.failure();
        match &mut self.ending {
            Ending::ByPerson => {}
            Ending::Smoke {
                outcome,
                frames,
                loses_graphics,
            } => {
                if self.must_reopen || is_waiting(frames, is_complete, ctx) {
                    return;
                }
                if std::mem::take(loses_graphics) {
                    *frames = 0;
                    if let Some(watch) = &self.watch {
                        watch.lose();
                    }
                    ctx.request_repaint();
                    return;
                }
                let _ = outcome.try_send(failure.map_or(Ok(()), Err));
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            Ending::Screenshot {
                path,
                outcome,
                frames,
                image,
            } => {
                if is_waiting(frames, is_complete, ctx) {
                    return;
                }
                let Some(receiver) = image else {
                    let (sender, receiver) = bounded(1);
                    let wake = ctx.clone();
                    ctx.request_screenshot(move |image| {
                        let _ = sender.try_send(image);
                        wake.request_repaint();
                    });
                    *image = Some(receiver);
                    return;
                };
                if let Ok(image) = receiver.try_recv() {
                    let written = write_png(path, &image);
                    let _ = outcome.try_send(written.and(failure.map_or(Ok(()), Err)));
                    ctx.send_viewport_cmd(ViewportCommand::Close);
                }
            }
        }
    }

    /// Why there is no complete picture, if there cannot be one.
    fn failure(&self) -> Option<String> {
        let r = &self.results;
        let failures = [r.series.failure(), r.scene.failure(), r.deblend.failure()];
        let failed = failures
            .into_iter()
            .flatten()
            .next()
            .map(ToString::to_string);
        let nothing = || "there is nothing to show; name a series and a picture".to_owned();
        failed.or_else(|| r.deblend.ready().is_none().then(nothing))
    }
}

/// Counts complete frames; asks for the next while there are too few.
fn is_waiting(frames: &mut usize, is_complete: bool, ctx: &Context) -> bool {
    if is_complete {
        *frames += 1;
    } else {
        *frames = 0;
    }
    let is_waiting = *frames < FRAMES;
    if is_waiting && is_complete {
        ctx.request_repaint();
    }
    is_waiting
}

fn write_png(path: &Path, image: &ColorImage) -> Result<(), String> {
    let [width, height] = image.size;
    let bytes: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(egui::Color32::to_array)
        .collect();
    image::save_buffer_with_format(
        path,
        &bytes,
        width as u32,
        height as u32,
        image::ColorType::Rgba8,
        image::ImageFormat::Png,
    )
    .map_err(|error| format!("cannot write the screenshot ({error}): {}", path.display()))
}
