//! Why a network gave its answer: relevance (LRP, Polarized-LRP) and sensitivity (gradients) of its input.
//!
//! [`attribute`] is the single entry for the window and the commands. Rules ([`Rule`]), composites ([`Composite`]) and
//! methods ([`Method`]) are plain data. Invariant: a map always carries its own doubt ([`Balance`], warnings).
//!
//! # Where other programs differ, and how to get their numbers
//! * zennit 0.5 merges a batch normalisation only into a weighted layer right before it. After an activation it passes relevance
//!   and ignores scale and shift: [`BatchNormHandling::Pass`]. Ours is folded into what follows, exactly at padded borders too
//!   ([`BatchNormHandling::Fold`]). What zennit merges still divides by `sqrt(1 + eps)`, which shows in maps of plain epsilon only.
//! * zennit hands the whole relevance of an addition to both sides unless the network has a module for sums:
//!   [`Rule::Gradient`] for [`LayerKind::Addition`]. Ours shares by value, so that a residual network conserves.
//! * zennit pulls relevance back like a gradient through functions and modules that it does not know. Here every operation has a
//!   rule of its kind ([`LayerKind`]).
//! * The w-square rule counts `b^2` in the denominator as zennit does; [`Options::zero_bias`] leaves biases out. The flat rule never
//!   counts them.
//! * captum 0.9 weighs the trapezoid so that the weights sum to `1 - 1 / n`: [`PathRule::CaptumTrapezoid`]. It enlarges class
//!   activation maps by repeating pixels: [`Enlarge::Nearest`].

mod beside;
mod cam;
mod carry;
mod composite;
mod error;
mod flipping;
mod gradient;
mod layer_rules;
mod lrp;
mod map;
mod method;
mod occlusion;
mod options;
mod path;
mod pattern;
mod polarized;
mod prepared;
mod propagate;
mod regions;
mod rule;
mod rule_text;
mod scored;
mod shared_conv;
mod signed_conv;
mod sums;
mod target;
mod target_text;
mod through;
mod through_gradient;
mod treatment;

use candle_core::Tensor;

pub use beside::{SideBySide, rank_correlation, shared_scale, side_by_side};
pub use composite::{Composite, LayerKind};
pub use error::AttributionError;
pub use flipping::{Fill, Flipping, FlippingCurve};
pub use layer_rules::{LayerRule, RuleChange};
pub use map::{AttributionMap, Balance, LayerSum, PoleMap, Poles, UnitSums};
pub use method::{Enlarge, Method, PathRule};
pub use options::{BatchNormHandling, Options, Pole, Precision, Start};
pub use pattern::{Pattern, PatternRule};
pub use prepared::Prepared;
pub use regions::{RegionSettings, RegionSum, SourcePart, SourceRegions, half_light_ellipse};
pub use rule::Rule;
pub use target::{Aperture, RegionMask, Score, Target};
pub use through::{RankedUnit, Through, ThroughMap, ThroughPart, ThroughSettings};

use crate::network::Network;

/// Explains one output of `network` for `inputs` (one `[N, ...]` tensor per input, in the network's own value range).
///
/// The maps are those of the first input. To explain many inputs with one network keep a [`Prepared`].
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use ganoscope_core::attribution::{Method, Options, Target, attribute};
/// use ganoscope_core::network::{ConvSpec, NetworkBuilder, Op};
///
/// let mut b = NetworkBuilder::new(|_, _, dims| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?));
/// let x = b.input("stamp", &[1, 4, 4])?;
/// let x = b.conv("conv", x, 2, ConvSpec::square(3, 1, 1), false)?;
/// let x = b.plain("flatten", Op::Flatten, &[x])?;
/// let x = b.dense("logit", x, 1, false)?;
/// b.output("logit", x);
/// let stamp = Tensor::ones((1, 1, 4, 4), DType::F32, &Device::Cpu)?;
/// let map = attribute(&b.finish()?, &[stamp], &Method::EpsilonPlus, &Target::default(), &Options::default())?;
/// assert!(map.conservation_gap().is_some_and(|gap| gap < 1e-5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the target or a rule does not fit the network, or an activation is not finite; the error names the layer.
pub fn attribute(
    network: &Network,
    inputs: &[Tensor],
    method: &Method,
    target: &Target,
    options: &Options,
) -> Result<AttributionMap, AttributionError> {
    Prepared::new(network, method, options)?.attribute(inputs, target)
}
