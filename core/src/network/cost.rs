//! What a layer costs: multiplications each followed by an addition, for one stamp.
//!
//! Invariant: the count follows from operation, shapes and parameters alone. It is that of the definition; a faster
//! algorithm (Winograd's) needs fewer. Operations that only add, compare, copy or look a function up count nothing.

use super::{Network, NodeId, Op, Role, UpsampleMode};

impl Network {
    /// Multiply-adds of one layer for one stamp. Beyond the range of the type the largest value is returned.
    ///
    /// Convolutions and dense layers: one per weight and place it is applied at. Normalisation by stored statistics: one
    /// per element; by statistics of the stamp: three (mean, variance, map), of the pixel: two. Bilinear enlargement:
    /// four per element of the result. Products of two values: one per element.
    pub fn multiply_adds(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        let elements = node.fact.len() as u64;
        let places = |id: NodeId| self.node(id).fact.size().map(|n| n as u64);
        let weights = || {
            let weight = node.param(Role::Weight);
            weight.map_or(0, |tensor| tensor.elem_count() as u64)
        };
        match &node.op {
            Op::Conv2d(_) => {
                let [rows, columns] = places(id);
                weights().saturating_mul(rows).saturating_mul(columns)
            }
            Op::ConvTranspose2d { .. } => {
                // Every weight meets every pixel of the input.
                let input = node.inputs.first().copied();
                let [rows, columns] = input.map_or([0, 0], places);
                weights().saturating_mul(rows).saturating_mul(columns)
            }
            Op::Dense => weights(),
            Op::BatchNorm { .. } | Op::Mul => elements,
            Op::InstanceNorm { .. } => elements.saturating_mul(3),
            Op::PixelNorm { .. } => elements.saturating_mul(2),
            Op::Upsample { mode, .. } => match mode {
                UpsampleMode::Nearest => 0,
                UpsampleMode::Bilinear { .. } => elements.saturating_mul(4),
            },
            Op::Input { .. }
            | Op::Constant
            | Op::Identity
            | Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Prelu
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Silu
            | Op::Softplus
            | Op::Function(_)
            | Op::Add
            | Op::Concat { .. }
            | Op::PixelShuffle { .. }
            | Op::AvgPool(_)
            | Op::MaxPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::Reshape { .. }
            | Op::Flatten
            | Op::Pad { .. }
            | Op::Slice { .. }
            | Op::Select { .. }
            | Op::Transpose { .. } => 0,
        }
    }

    /// Multiply-adds of a whole run for one stamp.
    pub fn total_multiply_adds(&self) -> u64 {
        self.iter().fold(0_u64, |sum, (id, _)| {
            sum.saturating_add(self.multiply_adds(id))
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use crate::network::{ConvSpec, Network, NetworkBuilder, NetworkError, Op, UpsampleMode};

    fn network() -> Result<Network, NetworkError> {
        let mut b =
            NetworkBuilder::new(|_, _, dims| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?));
        let x = b.input("input", &[3, 8, 6])?;
        let x = b.conv("conv", x, 4, ConvSpec::square(3, 2, 1), true)?;
        let x = b.batch_norm("norm", x, 1e-3)?;
        let x = b.plain("act", Op::Relu, &[x])?;
        let grouped = ConvSpec {
            groups: 2,
            ..ConvSpec::square(3, 1, 1)
        };
        let x = b.conv("grouped", x, 4, grouped, false)?;
        let x = b.conv_transpose("up", x, 2, ConvSpec::square(4, 2, 1), [0, 0], true)?;
        let mode = UpsampleMode::Bilinear {
            align_corners: false,
        };
        let scale = [2, 2];
        let x = b.plain("larger", Op::Upsample { scale, mode }, &[x])?;
        let x = b.plain("flat", Op::Flatten, &[x])?;
        let x = b.dense("logit", x, 5, true)?;
        b.output("logit", x);
        b.finish()
    }

    #[test]
    fn costs_are_those_counted_by_hand() -> Result<(), NetworkError> {
        let network = network()?;
        let of = |layer| Ok::<_, NetworkError>(network.multiply_adds(network.find(layer)?));
        assert_eq!(of("input")?, 0);
        // 4 x 3 x 3 places, each 3 channels x 9 taps for 4 channels: the stride halves 8 x 6 to 4 x 3.
        assert_eq!(of("conv")?, 4 * 3 * (4 * 3 * 9));
        assert_eq!(of("norm")?, 4 * 4 * 3);
        assert_eq!(of("act")?, 0);
        assert_eq!(of("grouped")?, 4 * 3 * (4 * 2 * 9));
        // 16 taps at each of the 4 x 3 pixels that are spread.
        assert_eq!(of("up")?, 4 * 3 * (4 * 2 * 16));
        assert_eq!(of("larger")?, 4 * (2 * 16 * 12));
        assert_eq!(of("logit")?, 5 * 2 * 16 * 12);
        let sum: u64 = network
            .iter()
            .map(|(id, _)| network.multiply_adds(id))
            .sum();
        assert_eq!(network.total_multiply_adds(), sum);
        Ok(())
    }
}
