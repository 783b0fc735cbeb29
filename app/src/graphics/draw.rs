//! One draw call of egui's pass: any number of pictures that share textures and kind.
//!
//! Invariant: the pictures of all draws of a frame lie in one buffer, which grows and is written once a frame.

use std::sync::atomic::{AtomicU32, Ordering};

use eframe::egui_wgpu::{CallbackResources, CallbackTrait, ScreenDescriptor};
use egui::PaintCallbackInfo;

use super::instance::Instance;

/// Pictures of one draw call.
pub(super) struct Draw {
    pub(super) pipeline: wgpu::RenderPipeline,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) instances: Vec<Instance>,
    /// Where they begin in the buffer of this frame.
    first: AtomicU32,
}

impl Draw {
    pub(super) const fn new(
        pipeline: wgpu::RenderPipeline,
        bind_group: wgpu::BindGroup,
        instances: Vec<Instance>,
    ) -> Self {
        Self {
            pipeline,
            bind_group,
            instances,
            first: AtomicU32::new(0),
        }
    }
}

/// The pictures of a frame.
#[derive(Default)]
struct Frame {
    instances: Vec<Instance>,
    buffer: Option<wgpu::Buffer>,
    is_written: bool,
}

impl Frame {
    fn write(&mut self, device: &wgpu::Device, queue: &wgpu::Queue) {
        if std::mem::replace(&mut self.is_written, true) {
            return;
        }
        let bytes: &[u8] = bytemuck::cast_slice(&self.instances);
        let needed = bytes.len() as u64;
        if self.buffer.as_ref().is_none_or(|b| b.size() < needed) {
            self.buffer = Some(device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("pictures"),
                size: needed.next_power_of_two(),
                usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }));
        }
        if let Some(buffer) = &self.buffer {
            queue.write_buffer(buffer, 0, bytes);
        }
    }
}

impl CallbackTrait for Draw {
    fn prepare(
        &self,
        _device: &wgpu::Device,
        _queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let frame = resources.entry::<Frame>().or_insert_with(Frame::default);
        if std::mem::take(&mut frame.is_written) {
            frame.instances.clear();
        }
        self.first
            .store(frame.instances.len() as u32, Ordering::Relaxed);
        let on_screen = |i: &Instance| i.on_screen(screen.size_in_pixels);
        frame.instances.extend(self.instances.iter().map(on_screen));
        Vec::new()
    }

    fn finish_prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(frame) = resources.get_mut::<Frame>() {
            frame.write(device, queue);
        }
        Vec::new()
    }

    fn paint(
        &self,
        info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(buffer) = resources.get::<Frame>().and_then(|f| f.buffer.as_ref()) else {
            return;
        };
        let [width, height] = info.screen_size_px.map(|v| v as f32);
        let first = u64::from(self.first.load(Ordering::Relaxed));
        // Places are those of the whole target; egui has set the viewport to the picture.
        pass.set_viewport(0.0, 0.0, width, height, 0.0, 1.0);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.set_vertex_buffer(0, buffer.slice(first * size_of::<Instance>() as u64..));
        pass.draw(0..4, 0..self.instances.len() as u32);
    }
}
