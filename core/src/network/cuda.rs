//! Operations that have kernels of their own on CUDA devices (`core/cuda/kernels.cu`). Each gives `None` where it has to be
//! done with candle's operations: another device, another type, another shape, a program built without CUDA.

#[cfg(feature = "cuda")]
mod own {
    use candle_core::{DType, Result, Tensor};
    use ganoscope_cuda::kernels::{self, Convolution, Normalisation};

    use crate::kernels::AdamStep;
    use crate::network::{BatchStats, ConvSpec, Node, Role};

    fn is_usable(x: &Tensor) -> bool {
        x.dtype() == DType::F32 && kernels::are_usable(x.device())
    }

    /// The convolution of `[N, C, H, W]` as the kernels take it.
    fn convolution(x: &[usize], weight: &[usize], conv: &ConvSpec) -> Option<Convolution> {
        let (&[n, c, h, w], &[out, per_group, rows, columns]) = (x, weight) else {
            return None;
        };
        let ([stride, across], [dilation, apart]) = (conv.stride, conv.dilation);
        let convolution = Convolution {
            input: [n, c, h, w],
            weight: [out, per_group, rows, columns],
            output: conv.output_size([h, w])?,
            stride,
            dilation,
            padding: [conv.padding.top, conv.padding.left],
        };
        (stride == across && dilation == apart && conv.groups == 1 && convolution.fits())
            .then_some(convolution)
    }

    /// Whether `g` has the rows and columns of the output: those that a stride left out may be missing.
    fn is_whole(g: &Tensor, convolution: &Convolution) -> bool {
        g.dims().get(2..) == Some(&convolution.output)
    }

    pub(in crate::network) fn convolve(
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        conv: &ConvSpec,
    ) -> Result<Option<Tensor>> {
        let Some(convolution) = convolution(x.dims(), weight.dims(), conv) else {
            return Ok(None);
        };
        if !is_usable(x) || bias.is_some_and(|b| b.rank() != 1) {
            return Ok(None);
        }
        convolution
            .forward(&x.contiguous()?, &weight.contiguous()?, bias)
            .map(Some)
    }

    pub(in crate::network) fn convolve_back(
        g: &Tensor,
        weight: &Tensor,
        conv: &ConvSpec,
        dims: &[usize],
    ) -> Result<Option<Tensor>> {
        match convolution(dims, weight.dims(), conv) {
            Some(convolution) if is_usable(g) && is_whole(g, &convolution) => convolution
                .pullback_input(&g.contiguous()?, &weight.contiguous()?)
                .map(Some),
            _ => Ok(None),
        }
    }

    pub(in crate::network) fn convolution_weight(
        x: &Tensor,
        g: &Tensor,
        conv: &ConvSpec,
        dims: &[usize],
    ) -> Result<Option<Tensor>> {
        match convolution(x.dims(), dims, conv) {
            Some(convolution) if is_usable(x) && is_whole(g, &convolution) => convolution
                .pullback_weight(&x.contiguous()?, &g.contiguous()?)
                .map(Some),
            _ => Ok(None),
        }
    }

    pub(in crate::network) fn channel_sums(g: &Tensor) -> Result<Option<Tensor>> {
        if !is_usable(g) {
            return Ok(None);
        }
        kernels::channel_sums(&g.contiguous()?).map(Some)
    }

    pub(in crate::network) fn batch_statistics(x: &Tensor) -> Result<Option<(Tensor, Tensor)>> {
        if !is_usable(x) {
            return Ok(None);
        }
        kernels::batch_statistics(&x.contiguous()?).map(Some)
    }

    /// The normalisation of a node by the statistics given, else by its own.
    fn normalisation<'a>(
        node: &'a Node,
        stats: Option<&'a BatchStats>,
        eps: f64,
    ) -> Option<Normalisation<'a>> {
        let (mean, variance) = match stats {
            Some(stats) => (&stats.mean, &stats.var),
            None => (node.param(Role::Mean)?, node.param(Role::Var)?),
        };
        Some(Normalisation {
            mean,
            variance,
            weight: node.param(Role::Weight)?,
            bias: node.param(Role::Bias)?,
            eps,
        })
    }

    pub(in crate::network) fn normalise(
        node: &Node,
        x: &Tensor,
        stats: Option<&BatchStats>,
        eps: f64,
    ) -> Result<Option<Tensor>> {
        match normalisation(node, stats, eps) {
            Some(normalisation) if is_usable(x) => {
                normalisation.forward(&x.contiguous()?).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Gradients at the input, the weight and the bias.
    pub(in crate::network) fn normalise_back(
        node: &Node,
        x: &Tensor,
        g: &Tensor,
        stats: Option<&BatchStats>,
        eps: f64,
    ) -> Result<Option<[Tensor; 3]>> {
        match normalisation(node, stats, eps) {
            Some(normalisation) if is_usable(x) => normalisation
                .pullback(&x.contiguous()?, &g.contiguous()?, stats.is_some())
                .map(Some),
            _ => Ok(None),
        }
    }

    pub(in crate::network) fn bend(x: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        if !is_usable(x) {
            return Ok(None);
        }
        kernels::bend(&x.contiguous()?, &slope.contiguous()?).map(Some)
    }

    pub(in crate::network) fn bend_back(
        x: &Tensor,
        g: &Tensor,
        slope: &Tensor,
    ) -> Result<Option<Tensor>> {
        if !is_usable(x) {
            return Ok(None);
        }
        kernels::bend_pullback(&x.contiguous()?, &g.contiguous()?, &slope.contiguous()?).map(Some)
    }

    /// `g` where `x` is positive, `slope g` elsewhere; with `g` the same as `x` the activation itself.
    pub(in crate::network) fn leak(x: &Tensor, g: &Tensor, slope: f64) -> Result<Option<Tensor>> {
        if !is_usable(x) {
            return Ok(None);
        }
        kernels::leak(&x.contiguous()?, &g.contiguous()?, slope).map(Some)
    }

    /// `by x + factor y` of every `(x, y, factor)`.
    pub(crate) fn mix_many(
        pairs: &[(&Tensor, &Tensor, f64)],
        by: f64,
    ) -> Result<Option<Vec<Tensor>>> {
        if !pairs.iter().all(|(x, y, _)| is_usable(x) && is_usable(y)) {
            return Ok(None);
        }
        match pairs {
            [] => Ok(Some(Vec::new())),
            _ => kernels::mix_many(pairs, by).map(Some),
        }
    }

    /// Value and moments of every `[value, first moment, second moment, gradient]` after an update by the gradient times the
    /// one number `scale`.
    pub(crate) fn adam_many(
        states: &[[&Tensor; 4]],
        scale: &Tensor,
        step: &AdamStep,
    ) -> Result<Option<Vec<[Tensor; 3]>>> {
        if states.is_empty() || !states.iter().flatten().all(|t| is_usable(t)) {
            return Ok(None);
        }
        let step = kernels::AdamStep {
            beta: step.beta,
            correction: step.correction,
            rate: step.rate,
            epsilon: step.epsilon,
        };
        kernels::adam_many(states, scale, &step).map(Some)
    }

    /// Momentum of every `(m, g)`, one after another, and once more ahead.
    pub(crate) fn momentum_many(
        pairs: &[(&Tensor, &Tensor)],
        scale: &Tensor,
        old: f64,
    ) -> Result<Option<[Tensor; 2]>> {
        if pairs.is_empty() || !pairs.iter().all(|(m, g)| is_usable(m) && is_usable(g)) {
            return Ok(None);
        }
        kernels::momentum_many(pairs, scale, old).map(Some)
    }

    /// The number that shortens all tensors, taken as one vector, to the length `clip`.
    pub(crate) fn clip_scale(tensors: &[&Tensor], clip: f64) -> Result<Option<Tensor>> {
        if tensors.is_empty() || !tensors.iter().all(|t| is_usable(t)) {
            return Ok(None);
        }
        kernels::clip_scale(tensors, clip).map(Some)
    }

    /// The gradient of one slope for each channel.
    pub(in crate::network) fn slope_sums(x: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        if !is_usable(x) {
            return Ok(None);
        }
        kernels::slope_sums(&x.contiguous()?, &g.contiguous()?).map(Some)
    }
}

#[cfg(not(feature = "cuda"))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "the same signatures as with the feature"
)]
mod own {
    use candle_core::{Result, Tensor};

    use crate::kernels::AdamStep;
    use crate::network::{BatchStats, ConvSpec, Node};

    pub(crate) const fn mix_many(
        _: &[(&Tensor, &Tensor, f64)],
        _: f64,
    ) -> Result<Option<Vec<Tensor>>> {
        Ok(None)
    }

    pub(crate) const fn adam_many(
        _: &[[&Tensor; 4]],
        _: &Tensor,
        _: &AdamStep,
    ) -> Result<Option<Vec<[Tensor; 3]>>> {
        Ok(None)
    }

    pub(crate) const fn momentum_many(
        _: &[(&Tensor, &Tensor)],
        _: &Tensor,
        _: f64,
    ) -> Result<Option<[Tensor; 2]>> {
        Ok(None)
    }

    pub(crate) const fn clip_scale(_: &[&Tensor], _: f64) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn convolve(
        _: &Tensor,
        _: &Tensor,
        _: Option<&Tensor>,
        _: &ConvSpec,
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn convolve_back(
        _: &Tensor,
        _: &Tensor,
        _: &ConvSpec,
        _: &[usize],
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn convolution_weight(
        _: &Tensor,
        _: &Tensor,
        _: &ConvSpec,
        _: &[usize],
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn channel_sums(_: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn batch_statistics(
        _: &Tensor,
    ) -> Result<Option<(Tensor, Tensor)>> {
        Ok(None)
    }

    pub(in crate::network) const fn normalise(
        _: &Node,
        _: &Tensor,
        _: Option<&BatchStats>,
        _: f64,
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn normalise_back(
        _: &Node,
        _: &Tensor,
        _: &Tensor,
        _: Option<&BatchStats>,
        _: f64,
    ) -> Result<Option<[Tensor; 3]>> {
        Ok(None)
    }

    pub(in crate::network) const fn bend(_: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn bend_back(
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn leak(_: &Tensor, _: &Tensor, _: f64) -> Result<Option<Tensor>> {
        Ok(None)
    }

    pub(in crate::network) const fn slope_sums(_: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}

pub(crate) use own::{adam_many, clip_scale, mix_many, momentum_many};
pub(super) use own::{
    batch_statistics, bend, bend_back, channel_sums, convolution_weight, convolve, convolve_back,
    leak, normalise, normalise_back, slope_sums,
};
