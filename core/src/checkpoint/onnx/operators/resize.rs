//! Enlarging and reducing pictures, in every way `Resize` can ask for.
//!
//! Where a value of the result comes from is computed here for each row and column; what our own enlargement does the
//! same way becomes that, anything else a weighted sum of selected rows and columns.

use super::super::array::Array;
use super::super::call::{Call, Constant, Operands};
use super::super::fault::{Fault, Reading};
use super::super::lower::Lowering;
use crate::network::{NodeId, Op, PoolSpec, UpsampleMode};

/// Most rows or columns of the result.
const MAX_SIZE: usize = 1 << 16;

/// How one axis changes.
struct Axis {
    size: usize,
    out: usize,
    /// Size of the result over that of the input, as the file says it.
    scale: f64,
}

/// The elements an output is made of, with their weights.
type Taps = Vec<(usize, f64)>;

pub(super) fn resize(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    operands: &Operands,
) -> Reading<NodeId> {
    let x = operands.layer(0)?;
    let dims = l.layers.dims(x).to_vec();
    let axes = axes(call, operands, &dims, l.fixed_batch)?;
    let rules = Rules::of(call)?;
    let is_same = |axis: &Axis| axis.size == axis.out && axis.scale == 1.0;
    let [first, rows, columns] = axes.as_slice() else {
        return Err(Fault::unsupported(format!(
            "it resizes {dims:?}, which is no picture"
        )));
    };
    if !is_same(first) {
        return Err(Fault::unsupported("it resizes the channels"));
    }
    if is_same(rows) && is_same(columns) {
        return l.plain(call, "", Op::Identity, &[x]);
    }
    if let Some(op) = rules.enlargement(rows, columns)? {
        return l.plain(call, "", op, &[x]);
    }
    let mut x = x;
    for (axis, change) in [(1, rows), (2, columns)] {
        if !is_same(change) {
            let part = if axis == 1 { "rows" } else { "" };
            x = weighted(l, call, part, x, axis, &rules.taps(change)?)?;
        }
    }
    Ok(x)
}

/// What is asked of each of our axes.
fn axes(
    call: &Call<'_>,
    operands: &Operands,
    dims: &[usize],
    fixed_batch: Option<i64>,
) -> Reading<Vec<Axis>> {
    // Before version 11 there was no region of interest between the picture and the scales.
    let is_old = call.node.op == "Upsample" || call.opset < 11;
    let scales = operands.constant(if is_old { 1 } else { 2 }, "its scales")?;
    let sizes = if is_old {
        None
    } else {
        operands.constant(3, "its sizes")?
    };
    if call.text("keep_aspect_ratio_policy").unwrap_or("stretch") != "stretch" {
        return Err(Fault::unsupported("it keeps the aspect ratio"));
    }
    let rank = dims.len() + 1;
    let chosen: Vec<usize> = match call.ints("axes").filter(|axes| !axes.is_empty()) {
        Some(axes) => {
            let axes = axes.iter().map(|a| super::super::fold::axis_of(*a, rank));
            axes.collect::<Reading<_>>()?
        }
        None => (0..rank).collect(),
    };
    let scales = match scales {
        Some(scales) => scales.array.as_floats()?,
        None => call.floats("scales").unwrap_or_default().to_vec(),
    };
    let sizes = match sizes {
        Some(sizes) => sizes.array.as_counts()?.to_vec(),
        None => Vec::new(),
    };
    let mut axes: Vec<Axis> = dims
        .iter()
        .map(|size| Axis {
            size: *size,
            out: *size,
            scale: 1.0,
        })
        .collect();
    for (i, place) in chosen.iter().enumerate() {
        let scale = scales
            .get(i)
            .copied()
            .filter(|_| scales.len() == chosen.len());
        let size = sizes
            .get(i)
            .copied()
            .filter(|_| sizes.len() == chosen.len());
        let Some(axis) = place.checked_sub(1) else {
            let is_kept = scale == Some(1.0)
                || size.is_some_and(|n| n.batch == 1 || n.n == 1 || Some(n.n) == fixed_batch);
            if !is_kept {
                return Err(Fault::unsupported("it resizes the batch"));
            }
            continue;
        };
        let own = dims[axis];
        let (scale, out) = match (size, scale) {
            (Some(size), _) => {
                let out = usize::try_from(size.plain()?).unwrap_or(0);
                (out as f64 / own as f64, out)
            }
            // The size is that of the scale as it is stored.
            (None, Some(scale)) => {
                let scale = f64::from(scale);
                (scale, (own as f64 * scale).floor() as usize)
            }
            (None, None) => return Err(Fault::broken("its scales and sizes are missing")),
        };
        if out == 0 || out > MAX_SIZE {
            return Err(Fault::broken(format!(
                "it gives axis {axis} the size {out}"
            )));
        }
        axes[axis] = Axis {
            size: own,
            out,
            scale,
        };
    }
    Ok(axes)
}

/// How values are found between the pixels.
struct Rules<'c> {
    mode: &'c str,
    coordinates: &'c str,
    nearest: &'c str,
    cubic: f64,
    keeps_inside: bool,
}

impl<'c> Rules<'c> {
    fn of(call: &Call<'c>) -> Reading<Self> {
        // Version 10 and `Upsample` know one rule for coordinates.
        let is_old = call.node.op == "Upsample" || call.opset < 11;
        let or = |name: &str, new: &'c str, old: &'c str| {
            call.text(name).unwrap_or(if is_old { old } else { new })
        };
        if call.int("antialias", 0) != 0 {
            return Err(Fault::unsupported(
                "it smooths before it reduces (antialias)",
            ));
        }
        Ok(Self {
            mode: call.text("mode").unwrap_or("nearest"),
            coordinates: or("coordinate_transformation_mode", "half_pixel", "asymmetric"),
            nearest: or("nearest_mode", "round_prefer_floor", "floor"),
            cubic: f64::from(call.float("cubic_coeff_a", -0.75)),
            keeps_inside: call.int("exclude_outside", 0) != 0,
        })
    }

    /// Where output `i` lies in the input.
    fn place(&self, axis: &Axis, i: usize) -> Reading<f64> {
        let (i, out, size) = (i as f64, axis.out as f64, axis.size as f64);
        Ok(match self.coordinates {
            "pytorch_half_pixel" | "align_corners" if axis.out == 1 => 0.0,
            "half_pixel" | "pytorch_half_pixel" => (i + 0.5) / axis.scale - 0.5,
            "half_pixel_symmetric" => {
                let adjusted = out / (axis.scale * size);
                let offset = size / 2.0 * (1.0 - adjusted);
                offset + (i + 0.5) / axis.scale - 0.5
            }
            "align_corners" => i * (size - 1.0) / (out - 1.0),
            "asymmetric" => i / axis.scale,
            other => {
                return Err(Fault::unsupported(format!(
                    "it finds pixels by the rule {other}"
                )));
            }
        })
    }

    /// What every output of an axis is made of.
    fn taps(&self, axis: &Axis) -> Reading<Vec<Taps>> {
        (0..axis.out)
            .map(|i| self.taps_at(axis, self.place(axis, i)?))
            .collect()
    }

    fn taps_at(&self, axis: &Axis, x: f64) -> Reading<Taps> {
        let last = axis.size as i64 - 1;
        let inside = |i: i64| i.clamp(0, last) as usize;
        match self.mode {
            "nearest" => {
                let index = match self.nearest {
                    "round_prefer_floor" => (x - 0.5).ceil(),
                    "round_prefer_ceil" => (x + 0.5).floor(),
                    "floor" => x.floor(),
                    "ceil" => x.ceil(),
                    other => {
                        return Err(Fault::unsupported(format!("it rounds by the rule {other}")));
                    }
                };
                Ok(vec![(inside(index as i64), 1.0)])
            }
            "linear" | "bilinear" => {
                let x = x.clamp(0.0, last as f64);
                let low = x.floor();
                let share = x - low;
                Ok(vec![
                    (inside(low as i64), 1.0 - share),
                    (inside(low as i64 + 1), share),
                ])
            }
            "cubic" => {
                let low = x.floor();
                let weight = |k: i64| cubic(self.cubic, x - (low + k as f64));
                let taps = (-1..=2).map(|k| (low as i64 + k, weight(k)));
                let taps = taps.filter(|(i, _)| !self.keeps_inside || (0..=last).contains(i));
                let taps: Vec<(i64, f64)> = taps.collect();
                let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
                Ok(taps
                    .into_iter()
                    .map(|(i, w)| (inside(i), w / sum))
                    .collect())
            }
            other => Err(Fault::unsupported(format!(
                "it resizes in the mode {other}"
            ))),
        }
    }

    /// Our own operation that does the same, if there is one.
    fn enlargement(&self, rows: &Axis, columns: &Axis) -> Reading<Option<Op>> {
        let factor = |axis: &Axis| {
            let factor = axis.out / axis.size;
            (factor * axis.size == axis.out).then_some(factor)
        };
        if let (Some(a), Some(b)) = (factor(rows), factor(columns)) {
            let scale = [a, b];
            if self.mode == "nearest" {
                let repeats = |axis: &Axis, n: usize| -> Reading<bool> {
                    let taps = self.taps(axis)?;
                    Ok(taps
                        .iter()
                        .enumerate()
                        .all(|(i, taps)| *taps == [(i / n, 1.0)]))
                };
                let mode = UpsampleMode::Nearest;
                let is_it = repeats(rows, a)? && repeats(columns, b)?;
                return Ok(is_it.then_some(Op::Upsample { scale, mode }));
            }
            let exact = [rows, columns].iter().all(|axis| {
                let factor = axis.out as f64 / axis.size as f64;
                (axis.scale - factor).abs() < 1e-9
            });
            let is_linear = matches!(self.mode, "linear" | "bilinear");
            let corners = match self.coordinates {
                "half_pixel" | "half_pixel_symmetric" => Some(false),
                "pytorch_half_pixel" if rows.out > 1 && columns.out > 1 => Some(false),
                "align_corners" => Some(true),
                _ => None,
            };
            if let (true, true, Some(align_corners)) = (is_linear, exact, corners) {
                let mode = UpsampleMode::Bilinear { align_corners };
                return Ok(Some(Op::Upsample { scale, mode }));
            }
        }
        // Halving between two pixels is their mean.
        let is_half = |axis: &Axis| axis.scale == 0.5 && axis.size >= 2;
        let is_mean = matches!(self.mode, "linear" | "bilinear")
            && matches!(self.coordinates, "half_pixel" | "pytorch_half_pixel")
            && is_half(rows)
            && is_half(columns)
            && (self.coordinates == "half_pixel" || (rows.out > 1 && columns.out > 1));
        Ok(is_mean.then(|| Op::AvgPool(PoolSpec::square(2))))
    }
}

/// Keys 1981, "Cubic Convolution Interpolation", equation 4, with the free number `a`.
fn cubic(a: f64, x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// The sum over taps of selected rows or columns times their weights.
fn weighted(
    l: &mut Lowering<'_>,
    call: &Call<'_>,
    part: &'static str,
    x: NodeId,
    axis: usize,
    taps: &[Taps],
) -> Reading<NodeId> {
    let most = taps.iter().map(Vec::len).max().unwrap_or(0);
    let mut sum: Option<NodeId> = None;
    for k in 0..most {
        let tap = |taps: &Taps| taps.get(k).copied().unwrap_or((0, 0.0));
        let indices: Vec<usize> = taps.iter().map(|taps| tap(taps).0).collect();
        let weights: Vec<f32> = taps.iter().map(|taps| tap(taps).1 as f32).collect();
        if weights.iter().all(|weight| *weight == 0.0) {
            continue;
        }
        let is_whole = weights.iter().all(|weight| *weight == 1.0);
        let mut value = l.plain(call, part, Op::Select { axis, indices }, &[x])?;
        if !is_whole {
            let dims = if axis == 1 {
                [weights.len(), 1]
            } else {
                [1, weights.len()]
            };
            let constant = Constant {
                key: format!("{}.weights {axis} {k}", call.label()).into(),
                array: Array::floats(weights, &dims)?,
            };
            let constant = l.constant(&constant, &dims)?;
            value = l.plain(call, part, Op::Mul, &[value, constant])?;
        }
        sum = Some(match sum {
            Some(sum) => l.plain(call, part, Op::Add, &[sum, value])?,
            None => value,
        });
    }
    sum.ok_or_else(|| Fault::broken("it gives nothing"))
}
