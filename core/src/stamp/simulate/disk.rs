//! Light of a disk, point by point: smooth disk, arms, ring, bar, dust.
//!
//! Invariant: a function of place alone. Arms are ridges of young stars on a logarithmic spiral with a dark lane at their
//! inner edge; a texture makes them wander and break up.

use super::model::{Arms, Disk};
use crate::seed::Stream;

/// Side of the texture's lattice, a power of two.
const LATTICE: usize = 16;
/// Nothing is drawn where the smooth disk is fainter than this.
const FAINTEST: f32 = 1e-5;

/// A disk with what every point needs worked out once.
pub(super) struct DiskLight<'a> {
    disk: &'a Disk,
    texture: Texture,
    /// Sine and cosine of the position angle.
    turn: [f32; 2],
    /// Sine and cosine of the bar's angle.
    bar_turn: [f32; 2],
    /// The lopsidedness as a vector in the plane of the disk.
    lopsided: [f32; 2],
    /// [`Arms::winding`].
    winding: f32,
}

impl<'a> DiskLight<'a> {
    pub(super) fn new(disk: &'a Disk) -> Self {
        let [strength, angle] = disk.lopsided;
        let turn = |angle: f64| [angle.sin() as f32, angle.cos() as f32];
        Self {
            disk,
            texture: Texture::new(disk.texture),
            turn: turn(disk.position_angle),
            bar_turn: turn(disk.bar.map_or(0.0, |bar| bar.angle)),
            lopsided: [angle.cos(), angle.sin()].map(|part| (strength * part) as f32),
            winding: disk.arms.map_or(0.0, |arms| arms.winding()) as f32,
        }
    }

    /// Surface brightness of the (old, young) stars at (dx, dy) pixels from the centre.
    pub(super) fn at(&self, dx: f32, dy: f32) -> [f32; 2] {
        let disk = self.disk;
        let [sin, cos] = self.turn;
        let (u, w) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let v = w / disk.axis_ratio as f32;
        let (h, central) = (disk.scale_length as f32, disk.central as f32);
        let r = (u * u + v * v).sqrt().max(1e-3);
        let smooth = central * (-r / h).exp();
        if smooth < FAINTEST {
            return [0.0; 2];
        }
        let lopsided = self.lopsidedness(u, v, r, r / h);
        let grain = self.texture.at(u / (0.45 * h), v / (0.45 * h));
        let (mut old, mut young) = (smooth * lopsided, 0.0);
        if let Some(arms) = &disk.arms {
            let wander = 0.9 * arms.flocculence as f32 * self.texture.at(u / h + 5.0, v / h);
            let angle = v.atan2(u) - arms.phase as f32 - self.winding * (r / h).ln();
            let phase = arms.arms as f32 * angle + wander;
            [old, young] = self.with_arms(arms, [phase, r / h, grain], old, lopsided);
        } else if !disk.clumps.is_empty() {
            young = smooth * (0.4 + 0.9 * grain).max(0.0);
        }
        if let Some(ring) = &disk.ring {
            let t = (r - ring.radius as f32) / ring.width as f32;
            let broken = (1.0 + 0.5 * grain).max(0.1);
            young += central * ring.strength as f32 * (-0.5 * t * t).exp() * broken;
        }
        old += self.bar(u, v);
        let left = self.left_by_lane(w);
        [old * left, young * left]
    }

    /// Factor of the lopsidedness, growing outwards to its full strength at two scale lengths.
    fn lopsidedness(&self, u: f32, v: f32, r: f32, radius: f32) -> f32 {
        let towards = (u * self.lopsided[0] + v * self.lopsided[1]) / r;
        1.0 + towards * (radius / 2.0).min(1.0)
    }

    /// (old, young) light with arms, at `phase` of the spiral and `radius` in scale lengths.
    fn with_arms(
        &self,
        arms: &Arms,
        [phase, radius, grain]: [f32; 3],
        old: f32,
        lopsided: f32,
    ) -> [f32; 2] {
        let sharpness = arms.sharpness as f32;
        let ridge = |shift: f32| (sharpness * ((phase + shift).cos() - 1.0)).exp();
        let on_arm = ridge(0.0);
        let start = (radius / 0.6).powi(2).min(1.0);
        let broken = (1.0 + 0.9 * arms.flocculence as f32 * grain).max(0.1);
        let outer = self.disk.central as f32 * (-radius / 1.25).exp();
        let young = 0.5 * outer * arms.strength as f32 * on_arm * start * broken * lopsided;
        let old = old * (1.0 + 0.35 * (on_arm - 0.4) * start);
        let left = 1.0 - arms.dust as f32 * ridge(0.9 * arms.turn as f32) * start;
        [old * left, young * left]
    }

    fn bar(&self, u: f32, v: f32) -> f32 {
        let Some(bar) = &self.disk.bar else {
            return 0.0;
        };
        let [sin, cos] = self.bar_turn;
        let length = bar.length as f32;
        let along = (u * cos + v * sin) / length;
        let across = (v * cos - u * sin) / (length * bar.axis_ratio as f32);
        let t = along.powi(4) + across * across;
        self.disk.central as f32 * bar.strength as f32 * (-1.2 * t).exp()
    }

    /// Share of the light that the dust lane leaves at `w` pixels from the major axis.
    fn left_by_lane(&self, w: f32) -> f32 {
        let Some(lane) = &self.disk.dust_lane else {
            return 1.0;
        };
        let t = (w - lane.offset as f32) / lane.width as f32;
        1.0 - lane.depth as f32 * (-0.5 * t * t).exp()
    }
}

/// Smooth noise in `[-1, 1]` on a repeating lattice (value noise, two octaves).
struct Texture(Vec<f32>);

impl Texture {
    fn new(seed: u64) -> Self {
        let mut stream = Stream::new(seed);
        Self(
            (0..LATTICE * LATTICE)
                .map(|_| stream.uniform(-1.0, 1.0) as f32)
                .collect(),
        )
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        0.7 * self.octave(x, y) + 0.3 * self.octave(2.3 * x + 3.7, 2.3 * y)
    }

    fn octave(&self, x: f32, y: f32) -> f32 {
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (ease(x - x0), ease(y - y0));
        let node = |dx: i32, dy: i32| {
            let wrap = |i: i32| i as usize & (LATTICE - 1);
            self.0[wrap(y0 as i32 + dy) * LATTICE + wrap(x0 as i32 + dx)]
        };
        let top = node(0, 0) + fx * (node(1, 0) - node(0, 0));
        let bottom = node(0, 1) + fx * (node(1, 1) - node(0, 1));
        top + fy * (bottom - top)
    }
}
