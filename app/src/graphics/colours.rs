//! The tables of all colour maps as one texture: a row each, in the order of [`Colormap::ALL`].

use ganoscope_core::stamp::colormap::{Colormap, LEVELS};

/// The row of a map.
pub(super) fn row_of(map: Colormap) -> usize {
    let at = Colormap::ALL.iter().position(|m| *m == map);
    at.expect("the list has every map")
}

/// Makes the texture.
pub(super) fn texture(device: &wgpu::Device, queue: &wgpu::Queue) -> wgpu::TextureView {
    let size = wgpu::Extent3d {
        width: LEVELS as u32,
        height: Colormap::ALL.len() as u32,
        depth_or_array_layers: 1,
    };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("colour maps"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let bytes: Vec<u8> = Colormap::ALL
        .iter()
        .flat_map(|map| map.table().iter().flatten().copied())
        .collect();
    queue.write_texture(
        texture.as_image_copy(),
        &bytes,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(4 * LEVELS as u32),
            rows_per_image: None,
        },
        size,
    );
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}
