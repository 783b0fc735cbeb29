//! Float pixels on the graphics card: uploaded when they are first drawn and when they change, never otherwise.
//!
//! Invariant: one block of planes `[C, H, W]` is one texture whatever its look, its planes stacked in columns, so a wall of
//! maps needs one texture and its upload moves no pixel around. A texture that is no longer drawn is used again for the
//! next block of its size, so that pixels that change many times a second allocate nothing.

use std::collections::HashMap;
use std::sync::Arc;

use ganoscope_core::stamp::render::Raster;

/// Frames after which a block that was not drawn is let go.
const KEPT_FRAMES: u64 = 120;
/// Frames after which the texture of a block that was not drawn may hold other pixels: those of the frame before may still
/// be on their way to the screen.
const IDLE_FRAMES: u64 = 2;
/// The most pixels of one texture, 128 MiB.
const MAX_PIXELS: usize = 1 << 25;

/// One picture within the texture of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    columns: u32,
    rows: u32,
    first: u32,
    stacked: u32,
}

impl Part {
    /// Columns, rows, first plane, planes on top of each other.
    pub(super) const fn numbers(self) -> [u32; 4] {
        [self.columns, self.rows, self.first, self.stacked]
    }

    /// The same from another plane on.
    pub(super) const fn starting_at(self, plane: usize) -> Self {
        Self {
            first: plane as u32,
            ..self
        }
    }
}

/// How a block lies in its texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Every so many rows and columns are shown; 1 shows all.
    apart: usize,
    columns: usize,
    rows: usize,
    planes: usize,
    /// Planes on top of each other.
    stacked: usize,
}

impl Layout {
    /// The finest layout of a block `[C, H, W]` in a texture of at most `side` by `side` and [`MAX_PIXELS`]; `None` for more
    /// planes than there can be.
    fn of([planes, height, width]: [usize; 3], side: usize) -> Option<Self> {
        let longest = width.max(height);
        let mut apart = longest.div_ceil(side).max(1);
        loop {
            let (columns, rows) = (width.div_ceil(apart), height.div_ceil(apart));
            let strips = planes.div_ceil(side / rows.max(1)).max(1);
            let layout = Self {
                apart,
                columns,
                rows,
                planes,
                stacked: planes.div_ceil(strips).max(1),
            };
            let [across, down] = layout.size();
            if across <= side && across * down <= MAX_PIXELS {
                return Some(layout);
            }
            if apart >= longest {
                return None;
            }
            apart += 1;
        }
    }

    /// Columns and rows of the texture.
    const fn size(self) -> [usize; 2] {
        let strips = self.planes.div_ceil(self.stacked);
        [strips * self.columns, self.stacked * self.rows]
    }

    const fn part(self) -> Part {
        Part {
            columns: self.columns as u32,
            rows: self.rows as u32,
            first: 0,
            stacked: self.stacked as u32,
        }
    }
}

/// A texture and its name, which no other texture of this run has.
#[derive(Clone, Debug)]
pub(super) struct Texture {
    memory: wgpu::Texture,
    pub(super) view: wgpu::TextureView,
    pub(super) name: u64,
}

#[derive(Debug)]
struct Block {
    texture: Texture,
    layout: Layout,
    #[expect(
        dead_code,
        reason = "kept, so that no other pixels can take their address"
    )]
    pixels: Arc<[f32]>,
    drawn: u64,
}

/// Says how often something costly was done, for tests and the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploads {
    /// Textures made.
    pub textures: u64,
    /// Blocks of pixels sent to the graphics card.
    pub blocks: u64,
}

/// The address and the dimensions of pixels.
type Key = (usize, [usize; 3]);

/// The blocks on the graphics card.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: HashMap<Key, Block>,
    pub(super) uploads: Uploads,
}

impl Blocks {
    /// The block of `pixels`, planar `[C, H, W]`, in `frame`; `None` where it is empty or has too many planes.
    pub(super) fn get(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        (pixels, dims): (&Arc<[f32]>, [usize; 3]),
        frame: u64,
    ) -> Option<(Texture, Part)> {
        let key = (pixels.as_ptr() as usize, dims);
        if let Some(block) = self.blocks.get_mut(&key) {
            block.drawn = frame;
            return Some((block.texture.clone(), block.layout.part()));
        }
        let raster = Raster::new(&**pixels, dims)?;
        let side = device.limits().max_texture_dimension_2d as usize;
        let layout = Layout::of(dims, side)?;
        let size = layout.size();
        let texture = match self.idle(size, frame) {
            Some(texture) => texture,
            None => self.made(device, size),
        };
        upload(
            queue,
            &texture.memory,
            &raster.thinned(layout.apart),
            layout,
        );
        self.uploads.blocks += 1;
        let block = Block {
            texture: texture.clone(),
            layout,
            pixels: pixels.clone(),
            drawn: frame,
        };
        self.blocks.insert(key, block);
        Some((texture, layout.part()))
    }

    /// Takes the texture of a block of the same size that is no longer drawn.
    fn idle(&mut self, size: [usize; 2], frame: u64) -> Option<Texture> {
        let is_idle =
            |block: &&Block| block.layout.size() == size && block.drawn + IDLE_FRAMES < frame;
        // The one longest not drawn, so that pictures that come back soon are kept.
        let idle = self
            .blocks
            .values()
            .filter(is_idle)
            .min_by_key(|b| (b.drawn, b.texture.name))?;
        let key = self
            .blocks
            .iter()
            .find(|(_, b)| b.texture.name == idle.texture.name);
        let key = *key?.0;
        self.blocks.remove(&key).map(|block| block.texture)
    }

    fn made(&mut self, device: &wgpu::Device, [columns, rows]: [usize; 2]) -> Texture {
        self.uploads.textures += 1;
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("pixels"),
            size: wgpu::Extent3d {
                width: columns as u32,
                height: rows as u32,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::R32Float,
            usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        Texture {
            view: texture.create_view(&wgpu::TextureViewDescriptor::default()),
            memory: texture,
            name: self.uploads.textures,
        }
    }

    /// Lets go of what was not drawn for a while.
    pub(super) fn end_frame(&mut self, frame: u64) {
        self.blocks
            .retain(|_, block| frame - block.drawn <= KEPT_FRAMES);
    }
}

/// Sends a block strip by strip; the planes of a strip follow each other in memory as in the texture.
fn upload(queue: &wgpu::Queue, texture: &wgpu::Texture, raster: &Raster<'_>, layout: Layout) {
    let plane = layout.columns * layout.rows;
    let strips = raster.values().chunks(layout.stacked * plane);
    for (strip, values) in strips.enumerate() {
        let planes = values.len() / plane;
        let to = wgpu::TexelCopyTextureInfo {
            origin: wgpu::Origin3d {
                x: (strip * layout.columns) as u32,
                y: 0,
                z: 0,
            },
            ..texture.as_image_copy()
        };
        queue.write_texture(
            to,
            bytemuck::cast_slice(values),
            wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(4 * layout.columns as u32),
                rows_per_image: None,
            },
            wgpu::Extent3d {
                width: layout.columns as u32,
                height: (planes * layout.rows) as u32,
                depth_or_array_layers: 1,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(dims: [usize; 3]) -> Layout {
        Layout::of(dims, 8192).unwrap()
    }

    #[test]
    fn a_wall_of_maps_fits_one_texture() {
        let wall = layout([512, 80, 80]);
        assert_eq!(
            (wall.apart, wall.stacked),
            (1, 86),
            "six strips of at most 102"
        );
        assert_eq!(wall.size(), [480, 6880]);
        assert_eq!(layout([3, 80, 80]).size(), [80, 240]);
        assert_eq!(layout([1, 1, 1]).size(), [1, 1]);
    }

    #[test]
    fn what_is_too_large_is_thinned_out() {
        assert_eq!(layout([1, 2, 20_000]).apart, 3);
        let deep = layout([512, 1024, 1024]);
        let [columns, rows] = deep.size();
        assert!(columns <= 8192 && rows <= 8192 && columns * rows <= MAX_PIXELS);
        assert_eq!(deep.apart, 4, "512 maps of 256 x 256 are 2^25 pixels");
        assert_eq!(Layout::of([1 << 30, 1, 1], 8192), None);
    }
}
