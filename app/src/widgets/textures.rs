//! Pictures on the graphics card: made when first drawn, made anew when their pixels or their look change, let go when
//! no longer drawn.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use egui::{Context, Id, TextureHandle, TextureOptions};
use ganoscope_core::stamp::Stamp;

use super::look::{Look, image_of};

/// Frames after which a picture that was not drawn is let go.
const KEPT_FRAMES: u64 = 120;

/// Nearest neighbour both ways: a pixel of the data is a square on the screen.
const OPTIONS: TextureOptions = TextureOptions::NEAREST;

/// A stamp and how it is looked at.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// The pixels.
    pub stamp: &'a Stamp,
    /// What is laid over them.
    pub over: Option<&'a Stamp>,
    /// Values to colours.
    pub look: Look,
}

impl<'a> Picture<'a> {
    /// A picture with nothing laid over it.
    pub const fn new(stamp: &'a Stamp, look: Look) -> Self {
        Self {
            stamp,
            over: None,
            look,
        }
    }
}

struct Entry {
    handle: TextureHandle,
    look: Look,
    /// Kept, so that no other pixels can take their address.
    pixels: Arc<[f32]>,
    over: Option<Arc<[f32]>>,
    drawn: u64,
}

impl Entry {
    fn shows(&self, picture: &Picture<'_>) -> bool {
        let same_over = match (&self.over, picture.over) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, &b.pixels),
            _ => false,
        };
        self.look == picture.look && same_over && Arc::ptr_eq(&self.pixels, &picture.stamp.pixels)
    }
}

/// The pictures on the graphics card, by the place where they are drawn.
#[derive(Default)]
pub struct Textures {
    entries: RefCell<HashMap<Id, Entry>>,
    frame: Cell<u64>,
}

impl Textures {
    /// The texture of a picture drawn at `place`.
    pub fn get(&self, ctx: &Context, place: Id, picture: &Picture<'_>) -> TextureHandle {
        let mut entries = self.entries.borrow_mut();
        let frame = self.frame.get();
        if let Some(entry) = entries.get_mut(&place) {
            entry.drawn = frame;
            if !entry.shows(picture) {
                let image = image_of(picture.stamp, picture.over, picture.look);
                entry.handle.set(image, OPTIONS);
                entry.look = picture.look;
                entry.pixels = picture.stamp.pixels.clone();
                entry.over = picture.over.map(|o| o.pixels.clone());
            }
            return entry.handle.clone();
        }
        let image = image_of(picture.stamp, picture.over, picture.look);
        let handle = ctx.load_texture(picture.stamp.name.to_string(), image, OPTIONS);
        let entry = Entry {
            handle: handle.clone(),
            look: picture.look,
            pixels: picture.stamp.pixels.clone(),
            over: picture.over.map(|o| o.pixels.clone()),
            drawn: frame,
        };
        entries.insert(place, entry);
        handle
    }

    /// Call once a frame: lets go of what was not drawn for a while.
    pub fn end_frame(&self) {
        let frame = self.frame.get() + 1;
        self.frame.set(frame);
        self.entries
            .borrow_mut()
            .retain(|_, entry| frame - entry.drawn <= KEPT_FRAMES);
    }
}
