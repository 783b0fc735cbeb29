//! The shader, compiled once for each kind of picture when the first of its kind is drawn.

use std::cell::RefCell;
use std::collections::HashMap;

use super::instance::{Instance, Kind};

/// The compiled kinds for one format of target.
pub(super) struct Pipelines {
    format: wgpu::TextureFormat,
    shader: wgpu::ShaderModule,
    layout: wgpu::BindGroupLayout,
    compiled: RefCell<HashMap<Kind, wgpu::RenderPipeline>>,
}

impl Pipelines {
    pub(super) fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        Self {
            format,
            shader: device.create_shader_module(wgpu::include_wgsl!("picture.wgsl")),
            layout: bind_group_layout(device),
            compiled: RefCell::default(),
        }
    }

    /// What the shader reads beside the instances.
    pub(super) const fn layout(&self) -> &wgpu::BindGroupLayout {
        &self.layout
    }

    /// The shader of a kind.
    pub(super) fn get(&self, device: &wgpu::Device, kind: Kind) -> wgpu::RenderPipeline {
        let mut all = self.compiled.borrow_mut();
        let pipeline = all.entry(kind);
        pipeline.or_insert_with(|| self.made(device, kind)).clone()
    }

    fn made(&self, device: &wgpu::Device, kind: Kind) -> wgpu::RenderPipeline {
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("picture"),
            bind_group_layouts: &[Some(&self.layout)],
            immediate_size: 0,
        });
        let mut constants = kind.constants().to_vec();
        let is_linear = f64::from(u8::from(self.format.is_srgb()));
        constants.push(("LINEAR_TARGET", is_linear));
        let compiled = wgpu::PipelineCompilationOptions {
            constants: &constants,
            ..wgpu::PipelineCompilationOptions::default()
        };
        device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("picture"),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &self.shader,
                entry_point: Some("vs_main"),
                buffers: &[Some(wgpu::VertexBufferLayout {
                    array_stride: size_of::<Instance>() as u64,
                    step_mode: wgpu::VertexStepMode::Instance,
                    attributes: &Instance::ATTRIBUTES,
                })],
                compilation_options: compiled.clone(),
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &self.shader,
                entry_point: Some("fs_main"),
                targets: &[Some(wgpu::ColorTargetState {
                    format: self.format,
                    blend: Some(BLEND),
                    write_mask: wgpu::ColorWrites::ALL,
                })],
                compilation_options: compiled,
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}

/// As egui blends.
const BLEND: wgpu::BlendState = wgpu::BlendState {
    color: wgpu::BlendComponent {
        src_factor: wgpu::BlendFactor::One,
        dst_factor: wgpu::BlendFactor::OneMinusSrcAlpha,
        operation: wgpu::BlendOperation::Add,
    },
    alpha: wgpu::BlendComponent {
        src_factor: wgpu::BlendFactor::OneMinusDstAlpha,
        dst_factor: wgpu::BlendFactor::One,
        operation: wgpu::BlendOperation::Add,
    },
};

/// Four float textures and the colour maps.
fn bind_group_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entries = [0, 1, 2, 3, 4].map(|binding| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        count: None,
    });
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("picture"),
        entries: &entries,
    })
}
