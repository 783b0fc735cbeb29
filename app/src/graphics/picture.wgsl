// Pictures from float textures: limits, stretch, contrast and bias, ink, signed overlay with marks, contours.
//
// The same formulas in the same order as core/src/stamp/render.rs and look.rs, which a test compares to 1/255.
// One instance is one picture; all instances of a draw share the kind of ink and stretch and whether there is an overlay
// and contours, which are constants here so that no pixel pays for what is not asked for.

// 0 map, 1 ramp, 2 natural, 3 Lupton; 4 map over the mean of several bands, 5 ramp over the mean.
override INK: u32 = 0u;
// 0 linear, 1 log, 2 sqrt, 3 squared, 4 asinh, 5 sinh, 6 power.
override STRETCH: u32 = 0u;
override OVERLAY: bool = false;
override MARKS: bool = false;
override CONTOURS: bool = false;
// Whether the target turns linear light into sRGB by itself.
override LINEAR_TARGET: bool = false;

// Half strokes of a mark and of its shade, its arms, and where marks begin; as look::Marks.
const HALF_STROKE: f32 = 0.6;
const HALF_SHADE: f32 = 1.5;
const ARM_SHORT: f32 = 2.0;
const ARM_LONG: f32 = 3.5;
const MARK_FROM: f32 = 0.25;
// The smallest normal number: a scale of zero divides by it.
const TINY: f32 = 1.17549435e-38;

@group(0) @binding(0) var base_map: texture_2d<f32>;
@group(0) @binding(1) var over_map: texture_2d<f32>;
@group(0) @binding(2) var mark_map: texture_2d<f32>;
@group(0) @binding(3) var line_map: texture_2d<f32>;
@group(0) @binding(4) var tables: texture_2d<f32>;

struct Instance {
    // Left, top, width, height on the target, pixels.
    @location(0) rect: vec4<f32>,
    // Share of the picture at left and top; shares per pixel.
    @location(1) visible: vec4<f32>,
    // 1 / width and 1 / height of the target; opacity; pixels per point.
    @location(2) screen: vec4<f32>,
    // Columns, rows, first plane, planes on top of each other.
    @location(3) base: vec4<u32>,
    // Columns + rows * 65536 of overlay, marks, contours; side of a mark's block as a power of two.
    @location(4) others: vec4<u32>,
    // Black, 1 / (white - black) or 0, parameter of the stretch, its norm.
    @location(5) tone: vec4<f32>,
    // Contrast, bias, 1 when inverted, row of the colour table.
    @location(6) shift: vec4<f32>,
    // Ramp at 0, 1/2, 1; missing.
    @location(7) inks: vec4<u32>,
    // Overlay below and above zero; marks and their shade.
    @location(8) over_inks: vec4<u32>,
    // Scale, opacity, ground, number of bands.
    @location(9) overlay: vec4<f32>,
    // First line, step, number of lines, half width in pixels.
    @location(10) contours: vec4<f32>,
    // Bits of Lupton's two factors; colour of the lines; nothing.
    @location(11) extra: vec4<u32>,
};

struct Fragment {
    @builtin(position) position: vec4<f32>,
    // Left and top on the target, pixels; share there.
    @location(0) @interpolate(flat) origin: vec4<f32>,
    // Shares per pixel; opacity; pixels per point.
    @location(1) @interpolate(flat) step: vec4<f32>,
    // Columns, rows; columns + rows * 65536 where the first and the second plane begin.
    @location(2) @interpolate(flat) base: vec4<u32>,
    @location(3) @interpolate(flat) others: vec4<u32>,
    @location(4) @interpolate(flat) tone: vec4<f32>,
    @location(5) @interpolate(flat) shift: vec4<f32>,
    @location(6) @interpolate(flat) inks: vec4<u32>,
    @location(7) @interpolate(flat) over_inks: vec4<u32>,
    @location(8) @interpolate(flat) overlay: vec4<f32>,
    @location(9) @interpolate(flat) contours: vec4<f32>,
    // As in the instance; the last is where the third plane begins, or planes on top of each other for a mean.
    @location(10) @interpolate(flat) extra: vec4<u32>,
};

// Where a plane begins in its block, whose planes are stacked in columns of so many.
fn corner_of(plane: u32, stacked: u32, dims: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(plane / stacked, plane % stacked) * dims;
}

// Both in one number; no texture is larger than 65535.
fn packed_corner(base: vec4<u32>, band: u32) -> u32 {
    let corner = corner_of(base.z + band, base.w, base.xy);
    return corner.x | (corner.y << 16u);
}

@vertex
fn vs_main(@builtin(vertex_index) corner: u32, in: Instance) -> Fragment {
    let at = vec2<f32>(f32(corner & 1u), f32(corner >> 1u));
    let pixel = in.rect.xy + at * in.rect.zw;
    let share = pixel * in.screen.xy;
    var out: Fragment;
    out.position = vec4<f32>(2.0 * share.x - 1.0, 1.0 - 2.0 * share.y, 0.0, 1.0);
    out.origin = vec4<f32>(in.rect.xy, in.visible.xy);
    out.step = vec4<f32>(in.visible.zw, in.screen.zw);
    // Here, because a division for every pixel is what a wall would spend most of its time on.
    out.base = vec4<u32>(in.base.xy, packed_corner(in.base, 0u), packed_corner(in.base, 1u));
    out.others = in.others;
    out.tone = in.tone;
    out.shift = in.shift;
    out.inks = in.inks;
    out.over_inks = in.over_inks;
    out.overlay = in.overlay;
    out.contours = in.contours;
    out.extra = vec4<u32>(in.extra.xyz, select(in.base.w, packed_corner(in.base, 2u), INK < 4u));
    return out;
}

// By its bits: compilers of shaders may take it for granted that every number is finite.
fn is_finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

fn unpacked(color: u32) -> vec4<f32> {
    return unpack4x8unorm(color);
}

fn dims_of(packed: u32) -> vec2<u32> {
    return vec2<u32>(packed & 0xffffu, packed >> 16u);
}

// The column and row under a share of width and height.
fn texel(share: vec2<f32>, dims: vec2<u32>) -> vec2<u32> {
    return min(vec2<u32>(max(share * vec2<f32>(dims), vec2<f32>(0.0))), dims - 1u);
}

fn base_value(at: vec2<u32>, corner: u32) -> f32 {
    return textureLoad(base_map, dims_of(corner) + at, 0).r;
}

fn place_of(in: Fragment, value: f32) -> f32 {
    if in.tone.y > 0.0 {
        return (value - in.tone.x) * in.tone.y;
    }
    return select(0.0, 1.0, value > in.tone.x);
}

fn asinh_of(x: f32) -> f32 {
    return sign(x) * log(abs(x) + sqrt(x * x + 1.0));
}

fn stretched(in: Fragment, place: f32) -> f32 {
    let x = clamp(place, 0.0, 1.0);
    let a = in.tone.z;
    let norm = in.tone.w;
    if STRETCH == 1u { return log(a * x + 1.0) / norm; }
    if STRETCH == 2u { return sqrt(x); }
    if STRETCH == 3u { return x * x; }
    if STRETCH == 4u { return asinh_of(x / a) / norm; }
    if STRETCH == 5u { return exp((x - 1.0) / a) * (1.0 - exp(-2.0 * x / a)) / norm; }
    if STRETCH == 6u { return (pow(a, x) - 1.0) / norm; }
    return x;
}

fn shifted(in: Fragment, y: vec3<f32>) -> vec3<f32> {
    let moved = clamp((y - in.shift.y) * in.shift.x + 0.5, vec3<f32>(0.0), vec3<f32>(1.0));
    return mix(moved, 1.0 - moved, in.shift.z);
}

fn inked(in: Fragment, y: f32) -> vec3<f32> {
    if INK == 1u || INK == 5u {
        let low = unpacked(in.inks.x).rgb;
        let middle = unpacked(in.inks.y).rgb;
        let high = unpacked(in.inks.z).rgb;
        if y < 0.5 {
            return mix(low, middle, 2.0 * y);
        }
        return mix(middle, high, 2.0 * y - 1.0);
    }
    let place = clamp(y, 0.0, 1.0) * 255.0;
    let below = min(u32(place), 254u);
    let row = u32(in.shift.w);
    let low = textureLoad(tables, vec2<u32>(below, row), 0).rgb;
    let high = textureLoad(tables, vec2<u32>(below + 1u, row), 0).rgb;
    return mix(low, high, place - f32(below));
}

// Red, green, blue; the last is 0 where a band is not finite.
fn composite(in: Fragment, at: vec2<u32>) -> vec4<f32> {
    let bands = vec3<f32>(base_value(at, in.base.z), base_value(at, in.base.w), base_value(at, in.extra.w));
    if !(is_finite(bands.x) && is_finite(bands.y) && is_finite(bands.z)) {
        return vec4<f32>(0.0);
    }
    var light: vec3<f32>;
    var gain = 0.0;
    if INK == 2u {
        light = max(vec3<f32>(place_of(in, bands.x), place_of(in, bands.y), place_of(in, bands.z)), vec3<f32>(0.0));
        let mean = (light.x + light.y + light.z) / 3.0;
        if mean > 0.0 { gain = stretched(in, mean) / mean; }
    } else {
        light = bands - in.tone.x;
        let mean = (light.x + light.y + light.z) / 3.0;
        if mean > 0.0 { gain = asinh_of(bitcast<f32>(in.extra.x) * mean) * bitcast<f32>(in.extra.y) / mean; }
    }
    let shown = max(light * gain, vec3<f32>(0.0));
    let most = max(max(shown.x, shown.y), max(shown.z, 1.0));
    return vec4<f32>(shifted(in, shown / most), 1.0);
}

// The colour of a pixel before anything is laid over; the last is 0 where it has none.
fn shade(in: Fragment, share: vec2<f32>) -> vec4<f32> {
    let at = texel(share, in.base.xy);
    if INK == 2u || INK == 3u {
        return composite(in, at);
    }
    var value = base_value(at, in.base.z);
    if INK >= 4u {
        let bands = u32(in.overlay.w);
        for (var band = 1u; band < bands; band++) {
            value += textureLoad(base_map, corner_of(band, in.extra.w, in.base.xy) + at, 0).r;
        }
        value /= in.overlay.w;
    }
    if !is_finite(value) {
        return vec4<f32>(0.0);
    }
    let y = shifted(in, vec3<f32>(stretched(in, place_of(in, value)))).x;
    return vec4<f32>(inked(in, y), 1.0);
}

fn covered(in: Fragment, color: vec4<f32>, share: vec2<f32>) -> vec4<f32> {
    let value = textureLoad(over_map, texel(share, dims_of(in.others.x)), 0).r;
    if !is_finite(value) {
        return vec4<f32>(0.0);
    }
    let strength = value / max(in.overlay.x, TINY);
    let pole = unpacked(select(in.over_inks.x, in.over_inks.y, strength > 0.0)).rgb;
    let cover = min(abs(strength), 1.0) * in.overlay.y;
    return vec4<f32>(mix(color.rgb * in.overlay.z, pole, cover), color.a);
}

fn marked(in: Fragment, color: vec3<f32>, share: vec2<f32>) -> vec3<f32> {
    let dims = dims_of(in.others.x);
    let block = texel(share, dims) >> vec2<u32>(in.others.w);
    let value = textureLoad(mark_map, block, 0).r / max(in.overlay.x, TINY);
    let strength = min(abs(value), 1.0);
    if strength < MARK_FROM {
        return color;
    }
    let side = f32(1u << in.others.w);
    let middle_share = (vec2<f32>(block) + 0.5) * side / vec2<f32>(dims);
    let middle = (middle_share - in.origin.zw) / in.step.xy;
    let pixel = in.position.xy - in.origin.xy;
    let offset = abs((pixel - middle) / in.step.w);
    let arm = ARM_SHORT + (strength - MARK_FROM) / (1.0 - MARK_FROM) * (ARM_LONG - ARM_SHORT);
    let across = max(offset.y, offset.x - arm);
    let down = max(offset.x, offset.y - arm);
    let distance = select(across, min(across, down), value > 0.0);
    let ink = unpacked(in.over_inks.z);
    let around = unpacked(in.over_inks.w);
    let shaded = clamp((HALF_SHADE - distance) * in.step.w + 0.5, 0.0, 1.0) * around.a;
    let stroke = clamp((HALF_STROKE - distance) * in.step.w + 0.5, 0.0, 1.0);
    return mix(mix(color, around.rgb, shaded), ink.rgb, stroke);
}

fn line_value(low: vec2<f32>, add: vec2<f32>, dims: vec2<u32>) -> f32 {
    let at = vec2<u32>(clamp(low + add, vec2<f32>(0.0), vec2<f32>(dims - 1u)));
    return textureLoad(line_map, at, 0).r;
}

fn lined(in: Fragment, color: vec3<f32>, share: vec2<f32>) -> vec3<f32> {
    let dims = dims_of(in.others.z);
    let corner = share * vec2<f32>(dims) - 0.5;
    let low = floor(corner);
    let t = corner - low;
    let a = line_value(low, vec2<f32>(0.0, 0.0), dims);
    let b = line_value(low, vec2<f32>(1.0, 0.0), dims);
    let c = line_value(low, vec2<f32>(0.0, 1.0), dims);
    let d = line_value(low, vec2<f32>(1.0, 1.0), dims);
    if !(is_finite(a) && is_finite(b) && is_finite(c) && is_finite(d)) {
        return color;
    }
    let value = mix(mix(a, b, t.x), mix(c, d, t.x), t.y);
    let slope_x = mix(b - a, d - c, t.y) * in.step.x * f32(dims.x);
    let slope_y = mix(c - a, d - b, t.x) * in.step.y * f32(dims.y);
    let slope = sqrt(slope_x * slope_x + slope_y * slope_y);
    let nearest = clamp(floor((value - in.contours.x) / in.contours.y + 0.5), 0.0, max(in.contours.z - 1.0, 0.0));
    let level = in.contours.x + nearest * in.contours.y;
    if slope <= 1e-6 * in.contours.y || in.contours.z == 0.0 {
        return color;
    }
    let distance = abs(value - level) / slope;
    let ink = unpacked(in.extra.z).rgb;
    return mix(color, ink, clamp(in.contours.w + 0.5 - distance, 0.0, 1.0));
}

fn linear_from_gamma(srgb: vec3<f32>) -> vec3<f32> {
    let lower = srgb / 12.92;
    let higher = pow((srgb + 0.055) / 1.055, vec3<f32>(2.4));
    return select(higher, lower, srgb < vec3<f32>(0.04045));
}

@fragment
fn fs_main(in: Fragment) -> @location(0) vec4<f32> {
    let share = in.origin.zw + (in.position.xy - in.origin.xy) * in.step.xy;
    var color = shade(in, share);
    if OVERLAY {
        color = select(vec4<f32>(0.0), covered(in, color, share), color.a > 0.0);
    }
    var shown = select(unpacked(in.inks.w).rgb, color.rgb, color.a > 0.0);
    if MARKS {
        shown = marked(in, shown, share);
    }
    if CONTOURS {
        shown = lined(in, shown, share);
    }
    // egui blends premultiplied colours in gamma space, whatever the target.
    shown *= in.step.z;
    if LINEAR_TARGET {
        shown = linear_from_gamma(shown);
    }
    return vec4<f32>(shown, in.step.z);
}
