//! One generator of a population with the state of its optimiser.

use crate::network::{Gradients, Network, Role};
use crate::train::TrainError;
use crate::train::adam::Adam;
use crate::train::step::Statistic;
use crate::train::trainer::{mixed, with_statistics};

/// A network and its optimiser. Tensors are never written in place, so a clone is a true copy: training one leaves the
/// other as it was.
#[derive(Clone, Debug)]
pub(in crate::train) struct Individual {
    pub(in crate::train) network: Network,
    pub(in crate::train) adam: Adam,
}

/// How gradients become a step.
#[derive(Clone, Copy, Debug)]
pub(in crate::train) struct StepSize {
    /// Learning rate.
    pub(in crate::train) rate: f64,
    /// Decay of the running statistics of batch normalisation.
    pub(in crate::train) momentum: f64,
}

impl Individual {
    /// The individual after one step by the sum of the gradients; it is itself unchanged.
    ///
    /// # Errors
    /// When a tensor does not fit.
    pub(in crate::train) fn stepped(
        &self,
        gradients: &[Gradients],
        stats: &[Statistic],
        step: StepSize,
    ) -> Result<Self, TrainError> {
        let (adam, network) = self.adam.update(&self.network, gradients, step.rate)?;
        let network = with_statistics(network, stats, step.momentum)?;
        Ok(Self { network, adam })
    }
}

/// A running average moved towards `now`, as it is after `step` steps: `decay` of it stays, less at the start so that it does
/// not lag; 0 leaves it alone.
///
/// # Errors
/// When the networks differ.
pub(in crate::train) fn averaged(
    average: &Network,
    now: &Network,
    decay: f64,
    step: u64,
) -> Result<Network, TrainError> {
    if decay == 0.0 {
        return Ok(average.clone());
    }
    let decay = decay.min((1.0 + step as f64) / (10.0 + step as f64));
    let is_mixed = |role: Role| role != Role::Value;
    let both = average.params().zip(now.params());
    let pairs: Vec<_> = both
        .filter(|((_, param), _)| is_mixed(param.role))
        .map(|((_, old), (_, new))| (&old.tensor, &new.tensor, 1.0 - decay))
        .collect();
    let mut mixed = mixed(&average.device(), &pairs, decay)?.into_iter();
    let moved = average.map_params(|_, param| {
        let mixed = is_mixed(param.role).then(|| mixed.next()).flatten();
        Ok(mixed.unwrap_or_else(|| param.tensor.clone()))
    })?;
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::network::{Edits, NetworkBuilder, NetworkError, Retain, Wanted};

    fn network() -> Result<Network, NetworkError> {
        let ones =
            |_: &str, _: Role, dims: &[usize]| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?);
        let mut builder = NetworkBuilder::new(ones);
        let x = builder.input("x", &[3])?;
        let y = builder.dense("y", x, 2, true)?;
        builder.output("y", y);
        builder.finish()
    }

    fn gradients(network: &Network, by: f32) -> Result<Gradients, NetworkError> {
        let x = Tensor::full(by, (1, 3), &Device::Cpu)?;
        let run = network.forward(&[x], &Edits::new(), &Retain::All)?;
        let seed = Tensor::ones((1, 2), DType::F32, &Device::Cpu)?;
        network.pullback(
            &run,
            &[(network.outputs()[0].node, seed)],
            &Wanted::params(),
        )
    }

    fn bits(individual: &Individual) -> Vec<u32> {
        let tensors = individual.network.state_dict().into_values();
        tensors
            .flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .map(f32::to_bits)
            .collect()
    }

    /// First moments as they are stored.
    fn moments(individual: &Individual) -> Vec<u32> {
        let moments = individual.adam.moments.values();
        moments
            .flat_map(|m| m.first.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .map(f32::to_bits)
            .collect()
    }

    #[test]
    fn a_step_leaves_the_parent_and_its_moments_alone() {
        let network = network().unwrap();
        let parent = Individual {
            adam: Adam::new(0.5, 0.9, false, 0.0),
            network,
        };
        let step = StepSize {
            rate: 0.1,
            momentum: 0.9,
        };
        let before = parent.clone();
        let of = |by: f32| {
            let gradients = gradients(&parent.network, by).unwrap();
            parent.stepped(&[gradients], &[], step).unwrap()
        };
        let first = of(1.0);
        let second = of(-2.0);
        assert_eq!(bits(&parent), bits(&before));
        assert_ne!(moments(&first), moments(&second));
        assert!(parent.adam.moments.is_empty() && parent.adam.updates == 0);
        let before = first.clone();
        let again = first.stepped(&[gradients(&first.network, 1.0).unwrap()], &[], step);
        assert_eq!(again.unwrap().adam.updates, 2);
        assert_eq!(moments(&first), moments(&before));
        assert_ne!(bits(&first), bits(&second));
        // The second child does not know of the first.
        assert_eq!(bits(&second), bits(&of(-2.0)));
        assert_eq!((first.adam.updates, second.adam.updates), (1, 1));
    }
}
