//! Why a network gave its answer: relevance (LRP, Polarized-LRP) and sensitivity (gradients) of its input.
//!
//! [`attribute`] is the single entry for the window and the commands. Rules ([`Rule`]), composites ([`Composite`]) and
//! methods ([`Method`]) are plain data. Invariant: a map always carries its own doubt ([`Balance`], warnings).

mod composite;
mod error;
mod gradient;
mod lrp;
mod map;
mod method;
mod occlusion;
mod polarized;
mod prepared;
mod propagate;
mod rule;
mod shared_conv;
mod signed_conv;
mod target;
mod treatment;

use candle_core::Tensor;

pub use composite::{Composite, LayerKind};
pub use error::AttributionError;
pub use map::{AttributionMap, Balance, LayerSum, PoleMap, Poles};
pub use method::{BatchNormHandling, Method, Options, Pole, Precision, Start};
pub use prepared::Prepared;
pub use rule::Rule;
pub use target::{RegionMask, Score, Target};

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
