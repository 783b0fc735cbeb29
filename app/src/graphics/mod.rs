//! Pictures drawn by the graphics card: float textures and a shader that turns them into colours on the way to the screen.
//!
//! Invariant: what a look says is in the few numbers of a picture's instance, so changing it uploads no pixel and asks no
//! worker. The shader equals its twin on the processor, `ganoscope_core::stamp::render`, to 1/255.

mod blocks;
mod colours;
mod draw;
mod ground;
mod instance;
mod pipelines;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui_wgpu::{Callback, RenderState};
use egui::{Color32, Rect, Shape};
use ganoscope_core::stamp::look::Look;
use ganoscope_core::stamp::render::{Raster, mark_block};

pub use blocks::Uploads;
use blocks::{Blocks, Part, Texture};
use draw::Draw;
use ground::Grounds;
use instance::{Instance, Kind, Parts, Placement};
use pipelines::Pipelines;

use crate::notify::TERMINAL;

/// Planar pixels `[C, H, W]` that stay where they are while they do not change.
pub type Pixels<'a> = (&'a Arc<[f32]>, [usize; 3]);

/// What is drawn on top of each other, and how.
#[derive(Clone, Copy, Debug)]
pub struct Layered<'a> {
    /// The picture, or a block of pictures.
    pub base: Pixels<'a>,
    /// The plane of a block that is the picture; all planes are its bands when there is none.
    pub plane: Option<usize>,
    /// The signed map of the look's overlay, its first plane.
    pub over: Option<Pixels<'a>>,
    /// The map of the look's contours, its first plane.
    pub lines: Option<Pixels<'a>>,
    /// Values to colours.
    pub look: Look,
}

/// Where a picture is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// On the screen, points; drawn on whole pixels.
    pub rect: Rect,
    /// The part of the picture, in shares of width and height.
    pub visible: Rect,
    /// 0 to 1.
    pub opacity: f32,
    /// Of the screen.
    pub pixels_per_point: f32,
}

impl Target {
    fn placement(&self) -> Placement {
        let scale = self.pixels_per_point;
        let [left, top] = [self.rect.left(), self.rect.top()].map(|v| (v * scale).round());
        let [right, bottom] = [self.rect.right(), self.rect.bottom()].map(|v| (v * scale).round());
        let (width, height) = ((right - left).max(1.0), (bottom - top).max(1.0));
        let from = self.visible.min;
        let size = self.visible.size();
        Placement {
            rect: [left, top, width, height],
            visible: [from.x, from.y, size.x / width, size.y / height],
            opacity: self.opacity,
            pixels_per_point: scale,
        }
    }
}

/// A picture ready to be drawn.
pub struct Prepared {
    kind: Kind,
    textures: [u64; 4],
    bind_group: wgpu::BindGroup,
    instance: Instance,
}

/// Pictures for one draw call.
#[derive(Default)]
pub struct Batch {
    first: Option<(Kind, [u64; 4], wgpu::BindGroup)>,
    instances: Vec<Instance>,
}

impl Batch {
    /// Takes a picture in; gives it back where it does not go with those that are there.
    ///
    /// # Errors
    /// The picture, when its textures or its kind are others.
    pub fn push(&mut self, picture: Prepared) -> Result<(), Prepared> {
        let of_picture = (picture.kind, picture.textures);
        let fits = self
            .first
            .as_ref()
            .is_none_or(|(kind, textures, _)| (*kind, *textures) == of_picture);
        if !fits {
            return Err(picture);
        }
        self.instances.push(picture.instance);
        self.first
            .get_or_insert((picture.kind, picture.textures, picture.bind_group));
        Ok(())
    }

    /// How many pictures.
    pub const fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }
}

/// The block means of a map, kept while the map is drawn.
struct Means {
    #[expect(
        dead_code,
        reason = "kept, so that no other pixels can take their address"
    )]
    of: Arc<[f32]>,
    values: Arc<[f32]>,
    dims: [usize; 3],
    drawn: u64,
}

/// Bind groups by the names of their textures, and the frame they were last used in.
type BindGroups = HashMap<[u64; 4], (wgpu::BindGroup, u64)>;

/// The graphics card as far as pictures need it.
pub struct Graphics {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Pipelines,
    grounds: Grounds,
    tables: wgpu::TextureView,
    /// Stands in for a map that is not there.
    nothing: Arc<[f32]>,
    blocks: RefCell<Blocks>,
    bind_groups: RefCell<BindGroups>,
    means: RefCell<HashMap<(usize, usize), Means>>,
    frame: Cell<u64>,
}

/// Frames after which a bind group or block means that were not used are let go.
const KEPT_FRAMES: u64 = 120;
/// Fields of an instance that every graphics card of today takes.
const ATTRIBUTES: u32 = Instance::ATTRIBUTES.len() as u32;

impl Graphics {
    /// Takes the graphics card that egui draws with; `None`, with the reason in the log, where it cannot do what is needed.
    pub fn new(state: &RenderState) -> Option<Self> {
        let float = wgpu::TextureFormat::R32Float;
        let features = state.adapter.get_texture_format_features(float);
        let limits = state.device.limits();
        let usages = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST;
        let why = if !features.allowed_usages.contains(usages) {
            Some("it has no float textures")
        } else if limits.max_vertex_attributes < ATTRIBUTES
            || limits.max_inter_stage_shader_variables < ATTRIBUTES
        {
            Some("its shaders take too few values")
        } else {
            None
        };
        if let Some(why) = why {
            let name = state.adapter.get_info().name;
            log::warn!(target: TERMINAL, "pictures are drawn on the processor, not by {name}: {why}");
            return None;
        }
        let (device, queue) = (state.device.clone(), state.queue.clone());
        Some(Self {
            pipelines: Pipelines::new(&device, state.target_format),
            grounds: Grounds::new(&device, state.target_format),
            tables: colours::texture(&device, &queue),
            nothing: Arc::from([0.0]),
            blocks: RefCell::default(),
            bind_groups: RefCell::default(),
            means: RefCell::default(),
            frame: Cell::new(0),
            device,
            queue,
        })
    }

    /// Brings a picture's pixels to the graphics card where they are not there yet; `None` for an empty picture.
    pub fn prepare(&self, picture: &Layered<'_>, target: &Target) -> Option<Prepared> {
        let placement = target.placement();
        let look = &picture.look;
        let (base, part) = self.block(picture.base)?;
        let over = picture.over.filter(|_| look.overlay.is_some());
        let lines = picture.lines.filter(|_| look.contours.is_some());
        let has_marks = look.overlay.is_some_and(|o| o.marks.is_some());
        let means = over.filter(|_| has_marks).map(|over| {
            let step = [placement.visible[2], placement.visible[3]];
            let side = mark_block(over.1, step, placement.pixels_per_point);
            (self.block_means(over, side), side)
        });
        let marks = means.as_ref().map(|((values, dims), _)| (values, *dims));
        let [over, marks, lines] = [over, marks, lines].map(|pixels| self.block_or_nothing(pixels));
        let [bands, ..] = picture.base.1;
        let bands = if picture.plane.is_some() { 1 } else { bands };
        let parts = Parts {
            base: part.starting_at(picture.plane.unwrap_or(0)),
            bands,
            over: over.1,
            marks: marks.1.zip(means.as_ref().map(|(_, side)| *side)),
            lines: lines.1,
        };
        let textures = [&base, &over.0, &marks.0, &lines.0];
        Some(Prepared {
            kind: Kind::of(look, bands, parts.over.is_some(), parts.lines.is_some()),
            textures: textures.map(|t| t.name),
            bind_group: self.bind_group(textures),
            instance: Instance::new(look, &parts, &placement),
        })
    }

    /// One draw call, clipped to `rect`, in points; `None` for an empty batch.
    pub fn shape(&self, batch: Batch, rect: Rect) -> Option<Shape> {
        let (kind, _, bind_group) = batch.first?;
        let draw = Draw::new(
            self.pipelines.get(&self.device, kind),
            bind_group,
            batch.instances,
        );
        Some(Shape::Callback(Callback::new_paint_callback(rect, draw)))
    }

    /// Opaque rectangles on the whole of `screen`, later ones over earlier ones; in points.
    pub fn ground(&self, screen: Rect, fills: &[(Rect, Color32)]) -> Shape {
        self.grounds.shape(screen, fills)
    }

    /// How much was made and sent so far.
    pub fn uploads(&self) -> Uploads {
        self.blocks.borrow().uploads
    }

    /// Call once a frame: lets go of what was not drawn for a while.
    pub fn end_frame(&self) {
        let frame = self.frame.get() + 1;
        self.frame.set(frame);
        self.blocks.borrow_mut().end_frame(frame);
        self.bind_groups
            .borrow_mut()
            .retain(|_, (_, drawn)| frame - *drawn <= KEPT_FRAMES);
        self.means
            .borrow_mut()
            .retain(|_, means| frame - means.drawn <= KEPT_FRAMES);
    }

    fn block(&self, pixels: Pixels<'_>) -> Option<(Texture, Part)> {
        let mut blocks = self.blocks.borrow_mut();
        blocks.get(&self.device, &self.queue, pixels, self.frame.get())
    }

    fn block_or_nothing(&self, pixels: Option<Pixels<'_>>) -> (Texture, Option<Part>) {
        let there = pixels.and_then(|pixels| self.block(pixels));
        there.map_or_else(
            || {
                let nothing = self.block((&self.nothing, [1, 1, 1]));
                (nothing.expect("one pixel is a block").0, None)
            },
            |(texture, part)| (texture, Some(part)),
        )
    }

    fn block_means(&self, (pixels, dims): Pixels<'_>, side: usize) -> (Arc<[f32]>, [usize; 3]) {
        let mut all = self.means.borrow_mut();
        let means = all
            .entry((pixels.as_ptr() as usize, side))
            .or_insert_with(|| {
                let raster = Raster::new(&**pixels, dims).map(|raster| raster.block_means(side));
                let (values, dims) = raster.map_or((self.nothing.clone(), [1, 1, 1]), |means| {
                    (Arc::from(means.values()), means.dims())
                });
                Means {
                    of: pixels.clone(),
                    values,
                    dims,
                    drawn: 0,
                }
            });
        means.drawn = self.frame.get();
        (means.values.clone(), means.dims)
    }

    fn bind_group(&self, textures: [&Texture; 4]) -> wgpu::BindGroup {
        let mut all = self.bind_groups.borrow_mut();
        let (bind_group, drawn) = all.entry(textures.map(|t| t.name)).or_insert_with(|| {
            let views = [
                &textures[0].view,
                &textures[1].view,
                &textures[2].view,
                &textures[3].view,
                &self.tables,
            ];
            let mut binding = 0..;
            let entries = views.map(|view| wgpu::BindGroupEntry {
                binding: binding.next().unwrap_or_default(),
                resource: wgpu::BindingResource::TextureView(view),
            });
            let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("picture"),
                layout: self.pipelines.layout(),
                entries: &entries,
            });
            (bind_group, 0)
        });
        *drawn = self.frame.get();
        bind_group.clone()
    }
}
