// Flat colours, without a texture: what egui draws costs a look into its font texture for every pixel, which on a processor
// is most of a frame.

struct Fill {
    // Left, top, right, bottom, from -1 to 1.
    @location(0) rect: vec4<f32>,
    // As it is stored in the target.
    @location(1) color: vec4<f32>,
};

struct Fragment {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) color: vec4<f32>,
};

@vertex
fn vs_main(@builtin(vertex_index) corner: u32, in: Fill) -> Fragment {
    let at = vec2<f32>(f32(corner & 1u), f32(corner >> 1u));
    var out: Fragment;
    out.position = vec4<f32>(mix(in.rect.xy, in.rect.zw, at), 0.0, 1.0);
    out.color = in.color;
    return out;
}

@fragment
fn fs_main(in: Fragment) -> @location(0) vec4<f32> {
    return in.color;
}
