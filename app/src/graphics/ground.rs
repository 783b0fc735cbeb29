//! What everything else is drawn on: a few large rectangles of one colour each, in one draw call.
//!
//! Invariant: there is one ground in a frame; its rectangles are opaque and later ones cover earlier ones.

use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};
use egui::{Color32, PaintCallbackInfo, Rect, Rgba, Shape};

/// A rectangle as the shader takes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
struct Fill {
    rect: [f32; 4],
    color: [f32; 4],
}

impl Fill {
    const ATTRIBUTES: [wgpu::VertexAttribute; 2] =
        wgpu::vertex_attr_array![0 => Float32x4, 1 => Float32x4];

    /// A rectangle in points; its edges on whole pixels, as egui draws them.
    fn new(rect: Rect, color: [f32; 4], scale: f32, [width, height]: [u32; 2]) -> Self {
        let across = |x: f32| (x * scale).round() / width.max(1) as f32 * 2.0 - 1.0;
        let down = |y: f32| 1.0 - (y * scale).round() / height.max(1) as f32 * 2.0;
        Self {
            rect: [
                across(rect.left()),
                down(rect.top()),
                across(rect.right()),
                down(rect.bottom()),
            ],
            color,
        }
    }
}

/// Draws grounds on targets of one format.
pub(super) struct Grounds {
    pipeline: wgpu::RenderPipeline,
    /// Whether the target turns linear light into sRGB by itself.
    is_linear: bool,
}

impl Grounds {
    pub(super) fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::include_wgsl!("ground.wgsl"));
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("ground"),
            bind_group_layouts: &[],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("ground"),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("vs_main"),
                buffers: &[Some(wgpu::VertexBufferLayout {
                    array_stride: size_of::<Fill>() as u64,
                    step_mode: wgpu::VertexStepMode::Instance,
                    attributes: &Fill::ATTRIBUTES,
                })],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fs_main"),
                targets: &[Some(format.into())],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            }),
            multiview_mask: None,
            cache: None,
        });
        Self {
            pipeline,
            is_linear: format.is_srgb(),
        }
    }

    /// Rectangles over all of `screen`, in points.
    pub(super) fn shape(&self, screen: Rect, fills: &[(Rect, Color32)]) -> Shape {
        let stored = |color: Color32| {
            if self.is_linear {
                Rgba::from(color).to_array()
            } else {
                color.to_normalized_gamma_f32()
            }
        };
        let fills = fills.iter().map(|(rect, color)| (*rect, stored(*color)));
        let draw = Draw {
            pipeline: self.pipeline.clone(),
            fills: fills.collect(),
        };
        Shape::Callback(Callback::new_paint_callback(screen, draw))
    }
}

/// The ground of a frame.
struct Draw {
    pipeline: wgpu::RenderPipeline,
    fills: Vec<(Rect, [f32; 4])>,
}

/// Kept from frame to frame.
struct Buffer(wgpu::Buffer);

impl CallbackTrait for Draw {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let fill = |(rect, color): &(Rect, [f32; 4])| {
            Fill::new(
                *rect,
                *color,
                screen.pixels_per_point,
                screen.size_in_pixels,
            )
        };
        let fills: Vec<Fill> = self.fills.iter().map(fill).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&fills);
        let needed = bytes.len() as u64;
        let fits = |buffer: &Buffer| buffer.0.size() >= needed;
        if !resources.get::<Buffer>().is_some_and(fits) {
            resources.insert(Buffer(device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("ground"),
                size: needed.max(1).next_power_of_two(),
                usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })));
        }
        if let Some(Buffer(buffer)) = resources.get() {
            queue.write_buffer(buffer, 0, bytes);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(Buffer(buffer)) = resources.get() {
            pass.set_pipeline(&self.pipeline);
            pass.set_vertex_buffer(0, buffer.slice(..));
            pass.draw(0..4, 0..self.fills.len() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_lie_on_whole_pixels() {
        let rect = Rect::from_min_max(egui::pos2(0.0, 10.1), egui::pos2(50.0, 19.9));
        let fill = Fill::new(rect, [1.0; 4], 2.0, [200, 80]);
        assert_eq!(fill.rect, [-1.0, 0.5, 0.0, 0.0]);
    }
}
