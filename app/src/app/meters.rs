//! What the program says of itself in the status bar: how long frames take, how much memory it holds, what draws it.
//!
//! Invariant: nothing here asks for a frame, so that a window nobody touches stays asleep.

use std::collections::VecDeque;

use eframe::wgpu::{AdapterInfo, Backend, DeviceType};

/// Frames that the time is taken over.
const FRAMES: usize = 60;
/// The numbers change no faster than they can be read. Seconds.
const EVERY_SECS: f64 = 0.5;

/// The numbers as they are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// The frame time that 19 of 20 frames keep to, seconds; nothing before the first.
    pub(super) frame_secs: Option<f32>,
    /// Memory held by the program, bytes; nothing where the system does not say.
    pub(super) memory_bytes: Option<usize>,
}

/// Measures the program.
#[derive(Debug, Default)]
pub(super) struct Meters {
    frames: VecDeque<f32>,
    reading: Reading,
    /// When the numbers may change, on the window's clock.
    next: f64,
    graphics: Option<String>,
    fallback: Option<&'static str>,
}

impl Meters {
    /// Takes the time of the last frame in, painting included, waiting for the screen not.
    pub(super) fn frame(&mut self, secs: Option<f32>, now: f64) {
        if let Some(secs) = secs {
            self.frames.truncate(FRAMES - 1);
            self.frames.push_front(secs);
        }
        if now >= self.next {
            self.next = now + EVERY_SECS;
            self.reading = Reading {
                frame_secs: slow_but_usual(&self.frames),
                memory_bytes: memory_stats::memory_stats().map(|stats| stats.physical_mem),
            };
        }
    }

    /// The window's clock begins anew.
    pub(super) fn restart(&mut self) {
        self.next = 0.0;
        self.frames.clear();
    }

    /// The numbers.
    pub(super) const fn reading(&self) -> Reading {
        self.reading
    }

    /// Notes what draws the window.
    pub(super) fn drawn_by(&mut self, adapter: &AdapterInfo) {
        self.graphics = Some(graphics_text(adapter));
        self.fallback = match (adapter.device_type, adapter.backend) {
            (DeviceType::Cpu, _) => Some("drawn in software"),
            (_, Backend::Gl) => Some("drawn through OpenGL"),
            _ => None,
        };
    }

    /// Notes that egui alone draws, pictures on the processor.
    pub(super) fn drawn_without_graphics(&mut self) {
        self.fallback = Some("pictures drawn by the processor");
    }

    /// What stands in for a graphics card with a modern driver: a person may wonder why the window is slow.
    pub(super) const fn fallback(&self) -> Option<&'static str> {
        self.fallback
    }

    /// What draws the window, in full.
    pub(super) fn graphics(&self) -> Option<&str> {
        self.graphics.as_deref()
    }
}

/// The time that 95 of 100 frames keep to.
fn slow_but_usual(frames: &VecDeque<f32>) -> Option<f32> {
    let mut sorted: Vec<f32> = frames.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    let at = (sorted.len().checked_sub(1)? as f64 * 0.95).round() as usize;
    sorted.get(at).copied()
}

/// `drawn by NAME`, with a word about what is slower than it could be.
fn graphics_text(adapter: &AdapterInfo) -> String {
    let name = adapter.name.trim();
    match (adapter.device_type, adapter.backend) {
        (DeviceType::Cpu, _) => format!("drawn in software by {name}: no graphics card was found"),
        (_, Backend::Gl) => format!("drawn through OpenGL by {name}: no newer driver was found"),
        (_, backend) => format!("drawn by {name} through {backend}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_frame_of_many_is_not_the_usual_one() {
        let mut meters = Meters::default();
        for i in 0..200_u32 {
            let secs = if i == 190 { 1.0 } else { 0.004 };
            meters.frame(Some(secs), f64::from(i));
        }
        assert_eq!(meters.frames.len(), FRAMES);
        assert_eq!(meters.reading().frame_secs, Some(0.004));
    }

    #[test]
    fn numbers_rest_long_enough_to_be_read() {
        let mut meters = Meters::default();
        meters.frame(Some(0.002), 1.0);
        meters.frame(Some(0.008), 1.1);
        assert_eq!(meters.reading().frame_secs, Some(0.002));
        meters.frame(None, 1.6);
        assert_eq!(meters.reading().frame_secs, Some(0.008));
    }
}
