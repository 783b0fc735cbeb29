//! A view drawn again without a window, at any number of pixels per point: by a graphics device of its own, so that no
//! frame of the window waits for it.
//!
//! Invariant: what is drawn is what the view's own function draws from the same document and results, pictures of the
//! graphics card included; only the pointer is nowhere.

use std::time::Duration;

use eframe::egui_wgpu::{
    RenderState, RendererOptions, ScreenDescriptor, WgpuConfiguration, WgpuSetup,
    WgpuSetupCreateNew, WgpuSetupExisting,
};
use egui::{
    ClippedPrimitive, Context, Frame, FullOutput, Margin, Pos2, RawInput, Rect, Theme, Vec2,
};
use image::{ExtendedColorType, ImageEncoder as _, codecs::png::PngEncoder};
use thiserror::Error;

use super::Material;
use crate::command::Commands;
use crate::theme::{self, Tokens, size};
use crate::views::{View, ViewCx};
use crate::widgets::Textures;

/// A card that has not finished by then hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames until sizes that depend on each other are settled.
const FRAMES: usize = 4;

/// Why a view cannot be drawn again.
#[derive(Debug, Error)]
pub enum OffscreenError {
    /// No graphics card can be used.
    #[error("the view cannot be drawn beside the window ({0}); export it as a figure")]
    NoCard(String),
    /// More pixels than the card takes.
    #[error(
        "the picture would have {width} x {height} pixels, the graphics card takes {most} on a side; choose a smaller scale"
    )]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The most.
        most: u32,
    },
    /// The card gave up.
    #[error("the graphics card did not draw the view: {0}")]
    Card(String),
    /// The pixels are no PNG.
    #[error("the view cannot be encoded: {0}")]
    Encode(#[from] image::ImageError),
}

/// The graphics card of a window, of which another device can be had.
#[derive(Clone)]
pub struct Card {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
}

impl Card {
    /// The card that egui draws with.
    pub fn of(state: &RenderState) -> Self {
        Self {
            instance: state.instance.clone(),
            adapter: state.adapter.clone(),
        }
    }
}

/// A device that draws without a window.
pub struct Offscreen {
    state: RenderState,
}

impl Offscreen {
    /// A device of the window's card; of any card where the window has none.
    ///
    /// # Errors
    /// When there is no card, or it gives no device.
    pub fn on(card: Option<Card>) -> Result<Self, OffscreenError> {
        let state = pollster::block_on(Self::state(card)).map_err(OffscreenError::NoCard)?;
        Ok(Self { state })
    }

    async fn state(card: Option<Card>) -> Result<RenderState, String> {
        let (instance, wgpu_setup) = if let Some(Card { instance, adapter }) = card {
            let wanted = wgpu::DeviceDescriptor {
                label: Some("export"),
                // All that the card has, so that large pictures are possible.
                required_limits: adapter.limits(),
                ..wgpu::DeviceDescriptor::default()
            };
            let device = adapter.request_device(&wanted).await;
            let (device, queue) = device.map_err(|error| error.to_string())?;
            let setup = WgpuSetup::Existing(WgpuSetupExisting {
                instance: instance.clone(),
                adapter,
                device,
                queue,
            });
            (instance, setup)
        } else {
            let setup = WgpuSetup::CreateNew(WgpuSetupCreateNew::without_display_handle());
            (setup.new_instance().await, setup)
        };
        let config = WgpuConfiguration {
            wgpu_setup,
            ..WgpuConfiguration::default()
        };
        let options = RendererOptions {
            dithering: false,
            ..RendererOptions::default()
        };
        RenderState::create(&config, &instance, None, options)
            .await
            .map_err(|error| error.to_string())
    }

    /// The view as a PNG file, `size` points large at `scale` pixels per point.
    ///
    /// # Errors
    /// When it is too large, or the card fails.
    pub fn png_of(
        &mut self,
        view: &mut dyn View,
        material: &Material,
        size: Vec2,
        scale: f32,
    ) -> Result<Vec<u8>, OffscreenError> {
        let [width, height] = [size.x, size.y].map(|v| ((v * scale).round() as u32).max(1));
        let most = self.state.device.limits().max_texture_dimension_2d;
        if width > most || height > most {
            return Err(OffscreenError::TooLarge {
                width,
                height,
                most,
            });
        }
        let ctx = context(material.is_dark);
        let textures = Textures::on(&self.state);
        let mut last = None;
        let mut frame = 0;
        let mut is_behind = false;
        // Where the processor makes the pictures, some of them are put off to a later frame.
        while frame < FRAMES || is_behind {
            let input = input(size, scale, frame, most);
            let mut output = ctx.run_ui(input, |ui| paint(view, material, &textures, ui));
            self.take_textures(&mut output);
            is_behind = textures.end_frame();
            frame += 1;
            last = Some(output);
        }
        let shapes = last.map(|output| output.shapes).unwrap_or_default();
        let primitives = ctx.tessellate(shapes, scale);
        let rgba = self.draw(&primitives, [width, height], scale)?;
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&rgba, width, height, ExtendedColorType::Rgba8)?;
        Ok(png)
    }

    /// Brings the letters and pictures of egui to the card.
    fn take_textures(&self, output: &mut FullOutput) {
        let RenderState { device, queue, .. } = &self.state;
        let mut renderer = self.state.renderer.write();
        let delta = &mut output.textures_delta;
        #[expect(
            clippy::iter_over_hash_type,
            reason = "textures do not depend on each other"
        )]
        for (id, images) in delta.set.drain() {
            for image in images {
                renderer.update_texture(device, queue, id, &image);
            }
        }
        // What is freed goes with the device.
        delta.free.clear();
    }

    fn draw(
        &self,
        primitives: &[ClippedPrimitive],
        [width, height]: [u32; 2],
        scale: f32,
    ) -> Result<Vec<u8>, OffscreenError> {
        let RenderState { device, queue, .. } = &self.state;
        let mut renderer = self.state.renderer.write();
        let screen = ScreenDescriptor {
            pixels_per_point: scale,
            size_in_pixels: [width, height],
        };
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let before = renderer.update_buffers(device, queue, &mut encoder, primitives, &screen);
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("export"),
            size: wgpu::Extent3d {
                width,
                height,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let target = texture.create_view(&wgpu::TextureViewDescriptor::default());
        {
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("export"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &target,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..wgpu::RenderPassDescriptor::default()
                })
                .forget_lifetime();
            renderer.render(&mut pass, primitives, &screen);
        }
        let (buffer, row) = copied(device, &mut encoder, &texture);
        queue.submit(before.into_iter().chain([encoder.finish()]));
        let rows = self.read(&buffer)?;
        let used = 4 * width as usize;
        let rows = rows.chunks_exact(row);
        Ok(rows
            .flat_map(|row| row.iter().take(used))
            .copied()
            .collect())
    }

    /// Waits for the card and reads the buffer.
    fn read(&self, buffer: &wgpu::Buffer) -> Result<Vec<u8>, OffscreenError> {
        let failed = |why: String| OffscreenError::Card(why);
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let slice = buffer.slice(..);
        slice.map_async(wgpu::MapMode::Read, move |outcome| {
            let _ = sender.send(outcome);
        });
        let wait = wgpu::PollType::Wait {
            submission_index: None,
            timeout: Some(PATIENCE),
        };
        let polled = self.state.device.poll(wait);
        polled.map_err(|error| failed(error.to_string()))?;
        let mapped = receiver.try_recv();
        mapped
            .map_err(|_| failed("it takes too long".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        let range = slice.get_mapped_range();
        let range = range.map_err(|error| failed(error.to_string()))?;
        Ok(range.to_vec())
    }
}

/// Has a texture copied into a buffer, whose rows are padded to what the card asks for; returns it with the bytes of a row.
fn copied(
    device: &wgpu::Device,
    encoder: &mut wgpu::CommandEncoder,
    texture: &wgpu::Texture,
) -> (wgpu::Buffer, usize) {
    let row = (4 * texture.width()).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("export"),
        size: u64::from(row) * u64::from(texture.height()),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row),
                rows_per_image: None,
            },
        },
        texture.size(),
    );
    (buffer, row as usize)
}

/// An egui of its own with the looks of the program.
fn context(is_dark: bool) -> Context {
    let ctx = Context::default();
    theme::install(&ctx);
    let theme = Theme::from_dark_mode(is_dark);
    ctx.set_theme(theme);
    // Nothing fades in: the first picture is the last.
    ctx.style_mut_of(theme, |style| style.animation_time = 0.0);
    ctx
}

fn input(size: Vec2, scale: f32, frame: usize, most: u32) -> RawInput {
    let mut input = RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
        // A second per frame: whatever appears after a while is there.
        time: Some(frame as f64),
        max_texture_side: Some(most as usize),
        ..RawInput::default()
    };
    let viewport = input.viewports.entry(egui::ViewportId::ROOT).or_default();
    viewport.native_pixels_per_point = Some(scale);
    input
}

/// The view in its pane, as in the window.
fn paint(view: &mut dyn View, material: &Material, textures: &Textures, ui: &mut egui::Ui) {
    let commands = Commands::default();
    let cx = ViewCx {
        document: &material.document,
        workbench: &material.workbench,
        results: &material.results,
        levels: material.levels,
        commands: &commands,
        textures,
    };
    let frame = Frame::new()
        .fill(Tokens::of(ui).ground)
        .inner_margin(Margin::same(size::MARGIN));
    egui::CentralPanel::default()
        .frame(frame)
        .show(ui, |ui| view.ui(&cx, ui));
    // Nobody is there to do what it asks for.
    commands.take();
}
