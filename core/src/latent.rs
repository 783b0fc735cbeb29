//! What networks without a picture are run on: numbers drawn from a seed, and a class.
//!
//! Invariant: a seed gives the same numbers on every machine, and of two networks the one with more inputs draws the first ones
//! alike.

use candle_core::{Device, Tensor};

use crate::jobs::Latent;
use crate::network::{Fact, Network};
use crate::seed::Stream;

/// Numbers of the latents of most generators since Radford et al. 2016 (arXiv:1511.06434, section 4).
const USUAL: usize = 100;

/// Names of inputs that choose a class.
const CLASS_NAMES: [&str; 8] = [
    "label",
    "class",
    "condition",
    "cond",
    "onehot",
    "one_hot",
    "category",
    "target",
];

/// What a network is run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    /// A picture.
    #[default]
    Pictures,
    /// Numbers drawn from a seed.
    Latents {
        /// How many classes there are to choose from; 0 where there are none.
        classes: usize,
    },
}

/// Why numbers cannot be drawn for a network.
#[derive(Debug, thiserror::Error)]
pub enum LatentError {
    /// There is no such class.
    #[error("there is no class {class}: the network has {classes}, counted from 0")]
    NoClass {
        /// The class asked for.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// A further input is a picture.
    #[error("input {input} takes {fact}, which nothing is drawn for")]
    Picture {
        /// Its name.
        input: String,
        /// What it takes.
        fact: Fact,
    },
    /// A tensor could not be made.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Classes among the numbers of one latent: those beyond the usual hundred, where they are few; 128 numbers are a usual latent
/// too.
pub(crate) fn classes_among(numbers: usize) -> Option<usize> {
    let classes = numbers.saturating_sub(USUAL);
    ((2..=USUAL).contains(&classes) && numbers != 128).then_some(classes)
}

impl Takes {
    /// What a generator takes. `has_classes`: whether the last numbers of its one latent were found to choose a class.
    pub fn of(network: &Network, has_classes: bool) -> Self {
        let mut facts = network.inputs().iter().map(|id| &network.node(*id).fact);
        if facts.any(|fact| !is_vector(fact)) {
            return Self::Pictures;
        }
        let classes = match network.inputs() {
            [_] if has_classes => classes_among(network.input_fact().len()),
            [_] => None,
            _ => class_input(network).and_then(|at| {
                let id = network.inputs().get(at)?;
                Some(network.node(*id).fact.len())
            }),
        };
        Self::Latents {
            classes: classes.unwrap_or(0),
        }
    }
}

fn is_vector(fact: &Fact) -> bool {
    fact.size() == [1, 1]
}

/// The input that chooses a class, by its name; of a network with several inputs.
fn class_input(network: &Network) -> Option<usize> {
    let is_class = |name: &str| CLASS_NAMES.iter().any(|word| name.contains(word));
    let names = network.inputs().iter().map(|id| &network.node(*id).name);
    names
        .map(|name| name.to_lowercase())
        .position(|name| is_class(&name) || name == "y" || name == "c")
}

/// One tensor per input of a network that takes latents, `[1, ...]`: standard normal numbers, and 1 at the class among zeros.
///
/// # Errors
/// When there is no such class.
pub fn tensors(
    network: &Network,
    latent: Latent,
    takes: Takes,
) -> Result<Vec<Tensor>, LatentError> {
    let classes = match takes {
        Takes::Latents { classes } => classes,
        Takes::Pictures => 0,
    };
    let class = latent.class.unwrap_or(0);
    if classes > 0 && class >= classes {
        return Err(LatentError::NoClass { class, classes });
    }
    let device = network.device();
    let of_class = (network.inputs().len() > 1)
        .then(|| class_input(network))
        .flatten();
    let inputs = network.inputs().iter().enumerate();
    inputs
        .map(|(at, id)| {
            let fact = &network.node(*id).fact;
            let numbers = if of_class == Some(at) {
                one_hot(fact.len(), class)
            } else {
                let drawn = fact.len()
                    - if of_class.is_none() {
                        classes.min(fact.len())
                    } else {
                        0
                    };
                let mut numbers = normal(latent.seed, at, drawn);
                numbers.extend(one_hot(fact.len() - drawn, class));
                numbers
            };
            tensor_of(numbers, fact, &device)
        })
        .collect()
}

/// Tensors for the inputs of a network after its first, which is a picture: the numbers of seed 0.
///
/// # Errors
/// When one of them is a picture too.
pub fn further_tensors(network: &Network) -> Result<Vec<Tensor>, LatentError> {
    let device = network.device();
    let inputs = network.inputs().iter().enumerate().skip(1);
    inputs
        .map(|(at, id)| {
            let node = network.node(*id);
            if !is_vector(&node.fact) {
                return Err(LatentError::Picture {
                    input: node.name.to_string(),
                    fact: node.fact.clone(),
                });
            }
            tensor_of(normal(0, at, node.fact.len()), &node.fact, &device)
        })
        .collect()
}

fn tensor_of(numbers: Vec<f32>, fact: &Fact, device: &Device) -> Result<Tensor, LatentError> {
    let dims: Vec<usize> = std::iter::once(1)
        .chain(fact.dims.iter().copied())
        .collect();
    let tensor = Tensor::from_vec(numbers, dims, &Device::Cpu)?;
    Ok(tensor.to_dtype(fact.dtype)?.to_device(device)?)
}

fn normal(seed: u64, input: usize, count: usize) -> Vec<f32> {
    let mut stream = Stream::for_item(seed, input as u64);
    (0..count).map(|_| stream.normal() as f32).collect()
}

fn one_hot(count: usize, class: usize) -> Vec<f32> {
    (0..count)
        .map(|at| f32::from(u8::from(at == class)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkBuilder, NetworkError, Op};

    fn network(inputs: &[(&str, usize)]) -> Result<Network, NetworkError> {
        let mut builder = NetworkBuilder::new(|_, _, _| unreachable!("no parameters"));
        let mut ids = Vec::new();
        for (name, len) in inputs {
            ids.push(builder.input(name, &[*len, 1, 1])?);
        }
        let y = builder.plain("y0", Op::Concat { axis: 0 }, &ids)?;
        builder.output("y0", y);
        builder.finish()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().and_then(|t| t.to_vec1()).unwrap()
    }

    #[test]
    fn a_class_is_the_last_numbers_of_one_latent() {
        let network = network(&[("z", 108)]).unwrap();
        assert_eq!(Takes::of(&network, false), Takes::Latents { classes: 0 });
        let takes = Takes::of(&network, true);
        assert_eq!(takes, Takes::Latents { classes: 8 });
        let latent = |class| Latent { seed: 5, class };
        let drawn = values(&tensors(&network, latent(Some(3)), takes).unwrap()[0]);
        assert_eq!(drawn[100..], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        let first = values(&tensors(&network, latent(None), takes).unwrap()[0]);
        assert_eq!(first[..100], drawn[..100]);
        assert_eq!(first[100], 1.0);
        let error = tensors(&network, latent(Some(8)), takes).unwrap_err();
        assert!(error.to_string().contains("no class 8"), "{error}");
    }

    #[test]
    fn a_class_has_an_input_of_its_own_by_its_name() {
        let network = network(&[("z", 16), ("label", 10)]).unwrap();
        let takes = Takes::of(&network, false);
        assert_eq!(takes, Takes::Latents { classes: 10 });
        let latent = Latent {
            seed: 1,
            class: Some(9),
        };
        let both = tensors(&network, latent, takes).unwrap();
        assert_eq!(values(&both[1])[9], 1.0);
        assert_eq!(values(&both[1]).iter().sum::<f32>(), 1.0);
        // The same seed draws the same numbers for a network without classes.
        let plain = self::network(&[("z", 16)]).unwrap();
        let alone = tensors(&plain, Latent::of(1), Takes::of(&plain, false)).unwrap();
        assert_eq!(values(&alone[0]), values(&both[0]));
    }

    #[test]
    fn seeds_draw_other_numbers() {
        assert_ne!(normal(0, 0, 4), normal(1, 0, 4));
        assert_eq!(normal(3, 0, 8)[..4], normal(3, 0, 4));
    }
}
