//! A series as a person needs to know it: checkpoints, metrics and the layers of its networks.

use std::collections::BTreeSet;

use super::input::picture_dims;
use super::networks::{Held, Networks};
use crate::checkpoint::{NetworkRole, Series};
use crate::graph::Graph;
use crate::jobs::{CheckpointInfo, Failure, LayerInfo, NetworkInfo, SeriesInfo};
use crate::latent::Takes;
use crate::network::{GoOn, Network, Op};

/// Describes a series; the last checkpoint stands for the networks of all, which share one architecture. Its networks are
/// loaded only while `go_on` says so.
pub(super) fn series(
    networks: &mut Networks,
    series: &Series,
    go_on: GoOn<'_>,
) -> Result<SeriesInfo, Failure> {
    let checkpoints = CheckpointInfo::all_of(series);
    let path = &series.dir;
    let Some(last) = checkpoints.last() else {
        return Err(Failure::new("the series has no checkpoint").at(path));
    };
    let role = series.main_role();
    let main = networks.held_while(path, last.step, role, go_on)?;
    let mut warnings = series.warnings.clone();
    let with_discriminator = series.checkpoints.iter().rfind(|c| c.has_discriminator);
    let with_discriminator = with_discriminator.filter(|_| role == NetworkRole::Generator);
    let discriminator = with_discriminator.and_then(|c| {
        match networks.held_while(path, c.step, NetworkRole::Discriminator, go_on) {
            Ok(held) => Some(describe(&held)),
            Err(why) => {
                warnings.push(format!("the discriminator cannot be shown: {why}"));
                None
            }
        }
    });
    Ok(SeriesInfo {
        path: path.clone(),
        is_file: !series.has_manifest() && path.is_file(),
        role,
        takes: main.file.takes,
        name: series.manifest.name.clone(),
        checkpoints,
        network: describe(&main),
        discriminator,
        warnings,
    })
}

/// The layers of a network, inputs left out.
fn describe(held: &Held) -> NetworkInfo {
    let network = &held.network;
    let reaches = reached_outputs(network);
    let layers = network
        .nodes()
        .iter()
        .zip(reaches)
        .filter(|(node, _)| !matches!(node.op, Op::Input { .. } | Op::Constant))
        .map(|(node, reaches)| LayerInfo {
            name: node.name.clone(),
            kind: node.op.kind(),
            summary: node.op.to_string(),
            dims: node.fact.dims.clone(),
            parameters: node.params.iter().map(|p| p.tensor.elem_count()).sum(),
            reaches: reaches.into_iter().collect(),
        })
        .collect();
    let outputs = network.outputs().iter().map(|o| o.name.to_string());
    let takes_picture = held.file.takes == Takes::Pictures;
    let picture = picture_dims(&network.input_fact().dims).filter(|_| takes_picture);
    NetworkInfo {
        layers,
        picture,
        parameters: network.parameter_count(),
        outputs: outputs.collect(),
        graph: Graph::of(network).into(),
        file: Some(held.file.clone()),
    }
}

/// For every node, the positions of the outputs it has an effect on.
fn reached_outputs(network: &Network) -> Vec<BTreeSet<usize>> {
    let mut reached = vec![BTreeSet::new(); network.nodes().len()];
    for (i, output) in network.outputs().iter().enumerate() {
        reached[output.node.index()].insert(i);
    }
    for (id, node) in network.iter().rev() {
        let here = reached[id.index()].clone();
        for input in &node.inputs {
            reached[input.index()].extend(&here);
        }
    }
    reached
}
