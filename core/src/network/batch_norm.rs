//! Batch normalisation with its pullback, and normalised values that are never stored.
//!
//! Batch statistics are population moments that do not depend on the number of threads. In f32 on the CPU the forward pass
//! reads its input twice and the pullback reads input and gradient twice, an activation right after it included; other
//! types and devices go through candle's operations, which the f64 law tests exercise.

use std::sync::Arc;

use candle_core::{D, Result, Tensor};

use super::activation::{Slopes, slope_sums};
use super::elementwise::{floats, from_vec, is_fast, map_planes, sum_by_channel, zip_planes};
use super::flow::Flow;
use super::normalise::{NormPullback, affine_of, per_channel};
use super::{BatchStats, Mode, NetworkError, Node, Role, cuda};
use crate::kernels;

type Outcome<T> = std::result::Result<T, NetworkError>;

/// `y = gain x + offset` per channel, both `[C]`.
fn scale_shift(x: &Tensor, gain: &Tensor, offset: &Tensor) -> Result<Tensor> {
    x.broadcast_mul(&per_channel(gain, x)?)?
        .broadcast_add(&per_channel(offset, x)?)
}

/// The value of a normalisation; with [`Mode::Training`] by the statistics of the batch, which are returned too.
pub(super) fn forward(
    node: &Node,
    x: &Tensor,
    mode: Mode,
    eps: f64,
) -> Outcome<(Tensor, Option<BatchStats>)> {
    if is_fast(x) {
        let (scaled, stats) = Scaled::new(node, x, mode, eps)?;
        return Ok((scaled.value()?, stats));
    }
    if mode == Mode::Inference {
        if let Some(y) = cuda::normalise(node, x, None, eps)? {
            return Ok((y, None));
        }
        let (gain, offset) = affine_of(node, eps)?;
        return Ok((scale_shift(x, &gain, &offset)?, None));
    }
    let stats = batch_stats(x)?;
    if let Some(y) = cuda::normalise(node, x, Some(&stats), eps)? {
        return Ok((y, Some(stats)));
    }
    let gain = (node.require(Role::Weight)? / (&stats.var + eps)?.sqrt()?)?;
    let offset = (node.require(Role::Bias)? - (&stats.mean * &gain)?)?;
    Ok((scale_shift(x, &gain, &offset)?, Some(stats)))
}

/// Mean and population variance of every channel over batch and pixels.
fn batch_stats(x: &Tensor) -> Result<BatchStats> {
    let channels = x.dim(1)?;
    let count = x.elem_count() / channels;
    if let Some((mean, var)) = cuda::batch_statistics(x)? {
        return Ok(BatchStats { mean, var, count });
    }
    if !is_fast(x) {
        let by_channel = x.transpose(0, 1)?.flatten_from(1)?.contiguous()?;
        let mean = by_channel.mean(D::Minus1)?;
        let var = by_channel
            .broadcast_sub(&mean.unsqueeze(1)?)?
            .sqr()?
            .mean(D::Minus1)?;
        return Ok(BatchStats { mean, var, count });
    }
    let x = x.contiguous()?;
    let plane = x.elem_count() / (x.dim(0)? * channels);
    let moments = kernels::channel_moments(&floats(&x)?, channels, plane);
    let column = |i: usize| from_vec(moments.iter().map(|m| m[i] as f32).collect(), &[channels]);
    Ok(BatchStats {
        mean: column(0)?,
        var: column(1)?,
        count,
    })
}

/// The numbers of a normalisation in one run, per channel.
#[derive(Debug)]
struct Norm {
    mean: Vec<f32>,
    rstd: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
    /// Number of values behind the statistics when they are those of the batch, and so depend on the input.
    count: Option<usize>,
}

impl Norm {
    fn new(node: &Node, stats: Option<&BatchStats>, eps: f64) -> Outcome<Self> {
        let (mean, var) = match stats {
            Some(stats) => (&stats.mean, &stats.var),
            None => (node.require(Role::Mean)?, node.require(Role::Var)?),
        };
        let values = |t: &Tensor| t.to_vec1::<f32>();
        let (mean, weight) = (values(mean)?, values(node.require(Role::Weight)?)?);
        let eps = eps as f32;
        let root: Vec<f32> = values(var)?.iter().map(|v| (v + eps).sqrt()).collect();
        let gain: Vec<f32> = weight.iter().zip(&root).map(|(w, r)| w / r).collect();
        let bias = values(node.require(Role::Bias)?)?;
        let shifts = mean.iter().zip(&gain).map(|(m, g)| m * g);
        Ok(Self {
            offset: bias.iter().zip(shifts).map(|(b, s)| b - s).collect(),
            rstd: root.iter().map(|r| 1.0 / r).collect(),
            mean,
            gain,
            count: stats.map(|s| s.count),
        })
    }
}

/// A normalised value as its input and a gain and an offset per channel; f32 on the CPU.
#[derive(Clone, Debug)]
pub(super) struct Scaled {
    x: Tensor,
    norm: Arc<Norm>,
}

impl Scaled {
    /// The value of the normalisation `node` of `x`, with the statistics of the batch when `mode` asks for them.
    pub(super) fn new(
        node: &Node,
        x: &Tensor,
        mode: Mode,
        eps: f64,
    ) -> Outcome<(Self, Option<BatchStats>)> {
        let stats = match mode {
            Mode::Inference => None,
            Mode::Training => Some(batch_stats(x)?),
        };
        Ok((Self::with(node, x, stats.as_ref(), eps)?, stats))
    }

    /// The same by given statistics.
    pub(super) fn with(
        node: &Node,
        x: &Tensor,
        stats: Option<&BatchStats>,
        eps: f64,
    ) -> Outcome<Self> {
        Ok(Self {
            x: x.contiguous()?,
            norm: Arc::new(Norm::new(node, stats, eps)?),
        })
    }

    /// The value itself.
    pub(super) fn value(&self) -> Result<Tensor> {
        let norm = &self.norm;
        map_planes(&self.x, |i| {
            let c = i % norm.gain.len();
            let (gain, offset) = (norm.gain[c], norm.offset[c]);
            move |x| gain * x + offset
        })
    }

    /// The value after an activation.
    pub(super) fn activated(&self, slopes: &Slopes) -> Result<Tensor> {
        let norm = &self.norm;
        let at = |i: usize| {
            let c = i % norm.gain.len();
            let (gain, offset) = (norm.gain[c], norm.offset[c]);
            move |x, slope| {
                let y = gain * x + offset;
                kernels::sloped(y > 0.0, y, slope)
            }
        };
        match slopes {
            Slopes::PerChannel(slopes) => map_planes(&self.x, |i| {
                let (at, slope) = (at(i), slopes[i % norm.gain.len() % slopes.len()]);
                move |x| at(x, slope)
            }),
            Slopes::PerElement(slopes) => {
                let plane = self.x.dims().iter().skip(2).product();
                let values = kernels::zip_planes(&floats(&self.x)?, &floats(slopes)?, plane, at);
                from_vec(values, self.x.dims())
            }
        }
    }

    /// The value plus another of the same dimensions.
    pub(super) fn plus(&self, other: &Tensor) -> Result<Tensor> {
        let norm = &self.norm;
        zip_planes(&self.x, other, |i| {
            let c = i % norm.gain.len();
            let (gain, offset) = (norm.gain[c], norm.offset[c]);
            move |x, other| gain * x + offset + other
        })
    }

    /// Pulls `g`, the gradient at the value, back.
    pub(super) fn pullback(&self, g: Flow) -> Result<Pulled> {
        let x = floats(&self.x)?;
        let planes = kernels::sum_planes(&g.values()?, &x, g.plane(), |i| {
            let xhat = self.normalised(i);
            move |g, x| [g, g * xhat(x)]
        });
        let sums = sum_by_channel(&planes, self.norm.gain.len());
        let factors = self.factors(&sums);
        let input = g.zip_planes(&x, |i| {
            let [gain, a, b] = factors[i % factors.len()];
            move |g, x| gain * g + a * x + b
        })?;
        Ok(Pulled::new(input, &sums))
    }

    /// Pulls `g`, the gradient at the value after an activation, back through both; the gradient of the slopes too, in
    /// their dimensions (`[C]` for one slope for all channels).
    pub(super) fn activated_pullback(
        &self,
        slopes: &Slopes,
        g: Flow,
    ) -> Result<(Pulled, Vec<f32>)> {
        let (x, norm) = (floats(&self.x)?, &self.norm);
        let channels = norm.gain.len();
        // The gradient before the activation, and what the slope gets of it.
        let through = |i: usize| {
            let c = i % channels;
            let (gain, offset) = (norm.gain[c], norm.offset[c]);
            move |g: f32, x: f32, slope: f32| {
                let y = gain * x + offset;
                let is_above = y > 0.0;
                (
                    kernels::sloped(is_above, g, slope),
                    if is_above { 0.0 } else { y * g },
                )
            }
        };
        match slopes {
            Slopes::PerChannel(slopes) => {
                let slope = |i: usize| slopes[i % channels % slopes.len()];
                let planes = kernels::sum_planes(&g.values()?, &x, g.plane(), |i| {
                    let (through, xhat, slope) = (through(i), self.normalised(i), slope(i));
                    move |g, x| {
                        let (g, below) = through(g, x, slope);
                        [g, g * xhat(x), below]
                    }
                });
                let sums = sum_by_channel(&planes, channels);
                let below = slope_sums(sums.iter().map(|s| s[2]), slopes.len());
                let sums: Vec<[f64; 2]> = sums.iter().map(|s| [s[0], s[1]]).collect();
                let factors = self.factors(&sums);
                let input = g.zip_planes(&x, |i| {
                    let (through, slope, [gain, a, b]) =
                        (through(i), slope(i), factors[i % channels]);
                    move |g, x| gain * through(g, x, slope).0 + a * x + b
                })?;
                Ok((Pulled::new(input, &sums), below))
            }
            Slopes::PerElement(slopes) => {
                let slopes = floats(slopes)?;
                let (sums, below) = {
                    let values = g.values()?;
                    let inputs: [&[f32]; 3] = [&values, &x, &slopes];
                    kernels::sum_planes_and_samples(inputs, g.plane(), |i| {
                        let (through, xhat) = (through(i), self.normalised(i));
                        move |g, x, slope| {
                            let (g, below) = through(g, x, slope);
                            ([g, g * xhat(x)], below)
                        }
                    })
                };
                let factors = self.factors(&sums);
                let input = g.zip3_planes(&x, &slopes, |i| {
                    let (through, [gain, a, b]) = (through(i), factors[i % channels]);
                    move |g, x, slope| gain * through(g, x, slope).0 + a * x + b
                })?;
                Ok((Pulled::new(input, &sums), below))
            }
        }
    }

    /// `(x - mean) rstd` in plane `i`.
    fn normalised(&self, i: usize) -> impl Fn(f32) -> f32 + use<> {
        let c = i % self.norm.gain.len();
        let (mean, rstd) = (self.norm.mean[c], self.norm.rstd[c]);
        move |x| (x - mean) * rstd
    }

    /// Per channel `[gain, a, b]` of the gradient at the input, `gain g + a x + b` (Ioffe and Szegedy 2015): as the
    /// statistics of a batch depend on the input, it is `gain (g - mean(g) - xhat mean(g xhat))`.
    ///
    /// `sums`: those of `g` and of `g xhat`, by channel.
    fn factors(&self, sums: &[[f64; 2]]) -> Vec<[f32; 3]> {
        let norm = &self.norm;
        let of = |(c, sums): (usize, &[f64; 2])| {
            let Some(count) = norm.count else {
                return [norm.gain[c], 0.0, 0.0];
            };
            let [gain, mean, rstd] = [norm.gain[c], norm.mean[c], norm.rstd[c]].map(f64::from);
            let slope = -sums[1] * rstd / count as f64;
            let shift = -sums[0] / count as f64 - slope * mean;
            [gain, gain * slope, gain * shift].map(|v| v as f32)
        };
        sums.iter().enumerate().map(of).collect()
    }
}

/// Gradients of a normalisation that was pulled back, `[C]` each but that at the input.
pub(super) struct Pulled {
    pub(super) input: Flow,
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Pulled {
    fn new(input: Flow, sums: &[[f64; 2]]) -> Self {
        let column = |i: usize| sums.iter().map(|s| s[i] as f32).collect();
        Self {
            input,
            bias: column(0),
            weight: column(1),
        }
    }
}

/// The pullback for any type on any device; the statistics of the batch are taken anew.
pub(super) fn pullback(
    node: &Node,
    x: &Tensor,
    g: &Tensor,
    mode: Mode,
    eps: f64,
) -> Outcome<NormPullback> {
    pullback_by(node, x, g, (mode, None), eps)
}

/// [`pullback`] with the statistics of the batch where they are known.
pub(super) fn pullback_by(
    node: &Node,
    x: &Tensor,
    g: &Tensor,
    (mode, known): (Mode, Option<&BatchStats>),
    eps: f64,
) -> Outcome<NormPullback> {
    if is_fast(x) && is_fast(g) {
        let (scaled, _) = Scaled::new(node, x, mode, eps)?;
        let pulled = scaled.pullback(Flow::Shared(g.contiguous()?))?;
        let channels = pulled.bias.len();
        return Ok(NormPullback {
            input: pulled.input.into_tensor()?,
            weight: from_vec(pulled.weight, &[channels])?,
            bias: from_vec(pulled.bias, &[channels])?,
        });
    }
    let stats = match (mode, known) {
        (Mode::Inference, _) => None,
        (Mode::Training, Some(stats)) => Some(stats.clone()),
        (Mode::Training, None) => Some(batch_stats(x)?),
    };
    if let Some([input, weight, bias]) = cuda::normalise_back(node, x, g, stats.as_ref(), eps)? {
        return Ok(NormPullback {
            input,
            weight,
            bias,
        });
    }
    let Some(stats) = stats else {
        let (gain, _) = affine_of(node, eps)?;
        let rstd = (node.require(Role::Var)? + eps)?.sqrt()?.recip()?;
        let (bias, weight) = gradient_sums(x, g, node.require(Role::Mean)?, &rstd)?;
        let input = g.broadcast_mul(&per_channel(&gain, g)?)?;
        return Ok(NormPullback {
            input,
            weight,
            bias,
        });
    };
    let rstd = (&stats.var + eps)?.sqrt()?.recip()?;
    let (sum_g, sum_gx) = gradient_sums(x, g, &stats.mean, &rstd)?;
    let gain = (node.require(Role::Weight)? * &rstd)?;
    // gx = gain (g - mean(g) - xhat mean(g xhat)), written as gain g + a x + b with per-channel a and b.
    let slope = ((&sum_gx * &rstd)? * (-1.0 / stats.count as f64))?;
    let shift = ((&sum_g * (-1.0 / stats.count as f64))? - (&slope * &stats.mean)?)?;
    let (a, b) = ((&gain * &slope)?, (&gain * &shift)?);
    let [gain, a, b] = [
        per_channel(&gain, x)?,
        per_channel(&a, x)?,
        per_channel(&b, x)?,
    ];
    let input = (g.broadcast_mul(&gain)? + x.broadcast_mul(&a)?)?.broadcast_add(&b)?;
    Ok(NormPullback {
        input,
        weight: sum_gx,
        bias: sum_g,
    })
}

/// Per-channel sums of `g` and of `g (x - mean) rstd`.
fn gradient_sums(x: &Tensor, g: &Tensor, mean: &Tensor, rstd: &Tensor) -> Result<(Tensor, Tensor)> {
    let normed = x
        .broadcast_sub(&per_channel(mean, x)?)?
        .broadcast_mul(&per_channel(rstd, x)?)?;
    let sum = |t: &Tensor| {
        t.transpose(0, 1)?
            .flatten_from(1)?
            .contiguous()?
            .sum(D::Minus1)
    };
    Ok((sum(g)?, sum(&(g * normed)?)?))
}
