//! What a run is given: the network that fits an input, and a tensor for each of its inputs.

use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;

use super::Studio;
use super::input::tensor_from_scene;
use crate::checkpoint::{Limits, NetworkRole};
use crate::jobs::{Failure, Input, NetworkFile};
use crate::latent::{self, Takes};
use crate::network::{GoOn, Network};

/// A network with what it is run on.
pub(super) struct Fed {
    pub(super) network: Arc<Network>,
    pub(super) tensors: Vec<Tensor>,
}

impl Studio {
    /// The network of a checkpoint that is run, and the tensors of an input; loaded only while `go_on` says so.
    pub(super) fn fed(
        &mut self,
        path: &Path,
        step: u64,
        input: &Input,
        go_on: GoOn<'_>,
    ) -> Result<Fed, Failure> {
        let series = self.networks.series(path)?;
        let role = series.main_role();
        let held = self.networks.held_while(path, step, role, go_on)?;
        let takes = held.file.takes;
        let picture = match input {
            Input::File(picture) => picture,
            Input::Latent(latent) => {
                if takes == Takes::Pictures {
                    return Err(Failure::new(format!(
                        "the network takes {}, not the numbers of a seed; open a picture",
                        held.network.input_fact()
                    )));
                }
                let network = held.network.clone();
                check_memory(&network)?;
                let tensors = latent::tensors(&network, *latent, takes)?;
                return Ok(Fed { network, tensors });
            }
        };
        if takes != Takes::Pictures {
            return Err(Failure::new(format!(
                "the network takes {}, not a picture; choose a seed",
                held.network.input_fact()
            )));
        }
        let scene = self.scene(picture)?;
        let size = [scene.blend.height, scene.blend.width];
        let network = self
            .networks
            .fitting(path, step, role, size, go_on)
            .unwrap_or_else(|| held.network.clone());
        check_memory(&network)?;
        let range = series.manifest.input_range_of(role);
        let mut tensors = vec![tensor_from_scene(&scene, &network, range)?];
        tensors.extend(latent::further_tensors(&network)?);
        Ok(Fed { network, tensors })
    }
}

/// A run holds the values of all layers, which a small file or a large picture may make very many.
pub(super) fn check_memory(network: &Network) -> Result<(), Failure> {
    let (needed, limit) = (network.value_bytes(), Limits::default().memory_bytes);
    if needed <= limit {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the values of all layers of this network for an input of {} need {} MiB of memory, the limit is {} MiB; {}",
        network.input_fact(),
        needed >> 20,
        limit >> 20,
        "open a smaller picture or network, or raise --memory-limit"
    )))
}

/// What a person is told of a network's inputs and outputs, a line each.
pub(super) fn ports(network: &Network, file: &mut NetworkFile) {
    let shape = |dims: &[usize]| {
        let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
        dims.join(" x ")
    };
    let inputs = network.inputs().iter().map(|id| {
        let node = network.node(*id);
        format!("input {}: {}", node.name, shape(&node.fact.dims))
    });
    let outputs = network.outputs().iter().map(|output| {
        let dims = &network.node(output.node).fact.dims;
        format!("output {}: {}", output.name, shape(dims))
    });
    file.ports = inputs.chain(outputs).collect();
}

/// What the network of a role takes: only generators are run on numbers.
pub(super) fn takes(network: &Network, role: NetworkRole, has_classes: bool) -> Takes {
    match role {
        NetworkRole::Generator => Takes::of(network, has_classes),
        NetworkRole::Discriminator => Takes::Pictures,
    }
}
