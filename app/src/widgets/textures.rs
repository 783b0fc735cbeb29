//! Pictures on the screen: by the graphics card where it can, else by its twin on the processor as textures of egui.
//!
//! Invariant: whoever draws, the same pixels and look give the same colours. What is no longer drawn is let go.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui_wgpu::RenderState;
use egui::{Color32, Context, Id, Painter, Rect, Shape, TextureHandle, TextureOptions, Ui};
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::render::{Canvas, depends_on_size};

use super::look::{Look, color_image, thinning};
use super::turns::Turns;
use crate::graphics::{Batch, Graphics, Layered, Prepared, Target, Uploads};

/// Frames after which a picture that was not drawn is let go.
const KEPT_FRAMES: u64 = 120;

/// Pixels of the largest picture that the processor makes into one texture.
const MOST_WHOLE: usize = 1 << 19;

/// Nearest neighbour both ways: a pixel of the data is a square on the screen.
const OPTIONS: TextureOptions = TextureOptions::NEAREST;

/// A stamp and how it is looked at.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// The pixels.
    pub stamp: &'a Stamp,
    /// The channel that is the picture, for a block of maps; all channels are its bands when there is none.
    pub plane: Option<usize>,
    /// What is laid over them.
    pub over: Option<&'a Stamp>,
    /// What contours are drawn of.
    pub lines: Option<&'a Stamp>,
    /// Values to colours.
    pub look: Look,
}

impl<'a> Picture<'a> {
    /// A picture with nothing laid over it.
    pub const fn new(stamp: &'a Stamp, look: Look) -> Self {
        Self {
            stamp,
            plane: None,
            over: None,
            lines: None,
            look,
        }
    }

    /// One map of a block of maps.
    pub const fn of_plane(block: &'a Stamp, plane: usize, look: Look) -> Self {
        Self {
            plane: Some(plane),
            ..Self::new(block, look)
        }
    }

    /// The same with a signed map laid over it.
    pub const fn with_over(self, over: &'a Stamp) -> Self {
        Self {
            over: Some(over),
            ..self
        }
    }

    /// The same with contours of a map.
    pub const fn with_lines(self, lines: &'a Stamp) -> Self {
        Self {
            lines: Some(lines),
            ..self
        }
    }

    fn layered(&self) -> Layered<'a> {
        let pixels = |stamp: &'a Stamp| (&stamp.pixels, stamp.dims());
        Layered {
            base: pixels(self.stamp),
            plane: self.plane,
            over: self.over.map(pixels),
            lines: self.lines.map(pixels),
            look: self.look.exact(),
        }
    }
}

/// Where and how a picture is drawn.
#[derive(Clone, Copy)]
pub struct Spot {
    /// Tells pictures apart.
    pub place: Id,
    /// On the screen.
    pub frame: Rect,
    /// The part that is shown, in shares of width and height.
    pub visible: Rect,
    /// 1, or less for a picture that is older than what was asked for.
    pub opacity: f32,
}

/// What a picture drawn by the processor shows.
#[derive(Clone, PartialEq)]
struct Shown {
    look: Look,
    plane: Option<usize>,
    /// Addresses; the pixels are kept beside them.
    pixels: [Option<usize>; 3],
    /// Set where marks or lines make the picture depend on it.
    canvas: Option<Canvas>,
}

struct Entry {
    handle: TextureHandle,
    shown: Shown,
    /// Kept, so that no other pixels can take their address.
    kept: [Option<Arc<[f32]>>; 3],
    drawn: u64,
}

/// A wall that is being drawn: its pictures, and what lies over them.
struct Wall {
    batch: Batch,
    over: Vec<(Rect, Shape)>,
}

/// The pictures on the screen.
#[derive(Default)]
pub struct Textures {
    graphics: Option<Graphics>,
    entries: RefCell<HashMap<Id, Entry>>,
    wall: RefCell<Option<Wall>>,
    frame: Cell<u64>,
    /// Of the pictures that the processor makes.
    turns: RefCell<Turns>,
}

impl Textures {
    /// Pictures drawn by the graphics card that egui draws with; by the processor where it cannot.
    pub fn on(state: &RenderState) -> Self {
        Self {
            graphics: Graphics::new(state),
            ..Self::default()
        }
    }

    /// What was made on and sent to the graphics card so far; nothing where the processor draws.
    pub fn uploads(&self) -> Option<Uploads> {
        self.graphics.as_ref().map(Graphics::uploads)
    }

    /// Whether a picture that is painted is there in the same frame; the processor may put it off.
    pub fn covers(&self) -> bool {
        self.graphics.is_some()
    }

    /// What the window is drawn on: opaque rectangles, later ones over earlier ones; in points.
    pub fn ground(&self, screen: Rect, fills: &[(Rect, Color32)]) -> Shape {
        match &self.graphics {
            Some(graphics) => graphics.ground(screen, fills),
            None => {
                let filled =
                    |(rect, color): &(Rect, Color32)| Shape::rect_filled(*rect, 0.0, *color);
                Shape::Vec(fills.iter().map(filled).collect())
            }
        }
    }

    /// Draws a picture.
    pub fn paint(&self, painter: &Painter, picture: &Picture<'_>, spot: &Spot) {
        let pixels_per_point = painter.ctx().pixels_per_point();
        let Some(graphics) = &self.graphics else {
            self.paint_here(painter, picture, spot, pixels_per_point);
            return;
        };
        let target = Target {
            rect: spot.frame,
            visible: spot.visible,
            opacity: spot.opacity,
            pixels_per_point,
        };
        let Some(prepared) = graphics.prepare(&picture.layered(), &target) else {
            return;
        };
        let alone = self.join_wall(prepared);
        if let Some(alone) = alone {
            let mut batch = Batch::default();
            // The first of a batch always fits.
            let _ = batch.push(alone);
            if let Some(shape) = graphics.shape(batch, painter.clip_rect().intersect(spot.frame)) {
                self.over(painter, shape);
            }
        }
    }

    /// Puts a picture into the wall that is being drawn; gives it back where there is none or it does not fit.
    fn join_wall(&self, picture: Prepared) -> Option<Prepared> {
        match self.wall.borrow_mut().as_mut() {
            Some(wall) => wall.batch.push(picture).err(),
            None => Some(picture),
        }
    }

    /// Draws something that lies over pictures.
    pub fn over(&self, painter: &Painter, shape: Shape) {
        match self.wall.borrow_mut().as_mut() {
            Some(wall) => wall.over.push((painter.clip_rect(), shape)),
            None => {
                painter.add(shape);
            }
        }
    }

    /// Draws all pictures of `content` in one call where they share a block of maps and the kind of their look.
    ///
    /// Within it, whatever lies over a picture is drawn with [`Textures::over`].
    pub fn wall<R>(&self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
        let outer = self.wall.borrow_mut().replace(Wall {
            batch: Batch::default(),
            over: Vec::new(),
        });
        let result = content(ui);
        let wall = std::mem::replace(&mut *self.wall.borrow_mut(), outer);
        let Some(Wall { batch, over }) = wall else {
            return result;
        };
        let pictures = self.graphics.as_ref();
        if let Some(shape) = pictures.and_then(|g| g.shape(batch, ui.clip_rect())) {
            ui.painter().add(shape);
        }
        for (clip, shape) in over {
            ui.painter().with_clip_rect(clip).add(shape);
        }
        result
    }

    /// Draws a picture as a texture of egui.
    fn paint_here(&self, painter: &Painter, picture: &Picture<'_>, spot: &Spot, scale: f32) {
        let look = picture.look.exact();
        let size = spot.frame.size() * scale;
        // Of a large picture only what is seen is made into colours: all of it would take longer than a frame.
        let is_large = picture.stamp.height.saturating_mul(picture.stamp.width) > MOST_WHOLE;
        let canvas = (is_large || depends_on_size(&look)).then(|| Canvas {
            size: [size.x, size.y].map(|v| (v.round() as usize).max(1)),
            from: spot.visible.min.into(),
            to: spot.visible.max.into(),
            pixels_per_point: scale,
        });
        let made = self.texture(painter.ctx(), spot.place, picture, canvas);
        let Some((texture, of_part)) = made else {
            return;
        };
        let whole = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        let uv = if of_part { whole } else { spot.visible };
        let tint = Color32::from_white_alpha((spot.opacity * 255.0).round() as u8);
        painter.image(texture.id(), spot.frame, uv, tint);
    }

    /// The texture of a place, and whether it is of what is seen only. It is an older one, or none, where others have
    /// their turn first.
    fn texture(
        &self,
        ctx: &Context,
        place: Id,
        picture: &Picture<'_>,
        canvas: Option<Canvas>,
    ) -> Option<(TextureHandle, bool)> {
        let mut entries = self.entries.borrow_mut();
        let frame = self.frame.get();
        let stamps = [Some(picture.stamp), picture.over, picture.lines];
        let shown = Shown {
            look: picture.look,
            plane: picture.plane,
            pixels: stamps.map(|s| s.map(|s| s.pixels.as_ptr() as usize)),
            canvas,
        };
        let kept = || stamps.map(|s| s.map(|s| s.pixels.clone()));
        let old = entries.get_mut(&place);
        let is_same = old.as_ref().is_some_and(|entry| entry.shown == shown);
        let is_made = !is_same && self.turns.borrow_mut().has_turn(place);
        let image = || {
            let begun = Instant::now();
            let image = color_image(picture, canvas, thinning(picture.stamp));
            self.turns.borrow_mut().took(begun.elapsed());
            image
        };
        if let Some(entry) = old {
            entry.drawn = frame;
            if is_made {
                entry.handle.set(image(), OPTIONS);
                entry.shown = shown;
                entry.kept = kept();
            }
            return Some((entry.handle.clone(), entry.shown.canvas.is_some()));
        }
        if !is_made {
            return None;
        }
        let of_part = canvas.is_some();
        let handle = ctx.load_texture(picture.stamp.name.to_string(), image(), OPTIONS);
        let entry = Entry {
            handle: handle.clone(),
            shown,
            kept: kept(),
            drawn: frame,
        };
        entries.insert(place, entry);
        Some((handle, of_part))
    }

    /// Whether pictures on the screen are older than what is to be seen, because others had their turn.
    pub fn is_behind(&self) -> bool {
        self.turns.borrow().is_behind()
    }

    /// Call once a frame: lets go of what was not drawn for a while; returns whether another frame has to follow, in which
    /// pictures are made that were put off.
    pub fn end_frame(&self) -> bool {
        let frame = self.frame.get() + 1;
        self.frame.set(frame);
        self.entries
            .borrow_mut()
            .retain(|_, entry| frame - entry.drawn <= KEPT_FRAMES);
        if let Some(graphics) = &self.graphics {
            graphics.end_frame();
        }
        self.turns.borrow_mut().end_frame()
    }
}
