//! The walk of relevance from an output to the inputs, layer by layer, for any composite.
//!
//! Invariant: relevance that does not arrive at the first input is counted, either as absorbed (biases, constants,
//! other inputs) or in the conservation gap.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::composite::Place;
use super::sums::{add_to, plane_sums, sample_sums};
use super::treatment::Treatment;
use super::{AttributionError, BatchNormHandling, Composite, LayerSum, Options, Rule, UnitSums};
use crate::network::{
    self, Edits, LayerName, Network, NetworkError, Node, NodeId, Op, Request, Run, canonize,
    is_finite,
};

/// A network with a rule for each layer, the weights changed once.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The network as relevance sees it: canonised when batch normalisation is folded.
    pub(super) network: Network,
    pub(super) composite: Composite,
    /// Of every node, as the composite says.
    pub(super) rules: Vec<Rule>,
    treatments: Vec<Treatment>,
    /// The run of the network, which keeps what the treatments read.
    forward: network::Plan,
    kept: Vec<NodeId>,
    /// Below which nodes relevance is not carried.
    stops: Vec<bool>,
    /// What a reader of every map of this plan should know.
    pub(super) warnings: Vec<String>,
}

/// Relevance asked for by a walk and where it went; `[P N, ...]` like its start.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) inputs: Vec<Tensor>,
    pub(super) absorbed: Vec<f64>,
    pub(super) stopped: Vec<f64>,
    pub(super) layers: Vec<LayerSum>,
    pub(super) units: Vec<UnitSums>,
    pub(super) inner: BTreeMap<LayerName, Tensor>,
}

impl Plan {
    /// Chooses and prepares the rule of each layer.
    pub(super) fn new(
        network: &Network,
        composite: Composite,
        options: &Options,
    ) -> Result<Self, AttributionError> {
        for rule in composite.rules() {
            rule.check()?;
        }
        composite.check_names(network)?;
        for layer in options.retain.iter().chain(&options.stop_at) {
            network.find(layer)?;
        }
        let mut warnings = Vec::new();
        let (network, batch_norm) = match options.batch_norm {
            BatchNormHandling::Fold => {
                let canonical = canonize(network)?;
                if !canonical.left.is_empty() {
                    let left: Vec<_> = canonical.left.iter().map(|l| &**l).collect();
                    warnings.push(format!(
                        "batch normalisation could not be folded and is under the norm rule: {}",
                        left.join(", ")
                    ));
                }
                (canonical.network, Rule::Norm)
            }
            BatchNormHandling::Pass => (network.clone(), Rule::Pass),
            BatchNormHandling::Norm => (network.clone(), Rule::Norm),
        };
        let places = places(&network);
        let live = live(&network);
        let rules = network
            .iter()
            .map(|(id, node)| {
                composite.rule_for(&node.name, &node.op, places[id.index()], batch_norm)
            })
            .collect::<Result<Vec<Rule>, _>>()?;
        let treatments = network
            .nodes()
            .iter()
            .zip(&rules)
            .map(|(node, rule)| Treatment::new(&network, node, *rule, &live, options.zero_bias))
            .collect::<Result<Vec<Treatment>, _>>()?;
        let kept = kept(&network, &treatments);
        let name = |id: &NodeId| network.node(*id).name.clone();
        let stops = network.nodes().iter();
        let stops = stops.map(|node| options.stop_at.contains(&node.name));
        let stops = stops.collect();
        let request = Request {
            retain: kept.iter().map(name).collect(),
            edits: Vec::new(),
        };
        Ok(Self {
            forward: network::Plan::compile(&network, &request)?,
            kept,
            stops,
            network,
            composite,
            rules,
            treatments,
            warnings,
        })
    }

    /// Runs the network; the run knows what a walk reads.
    pub(super) fn run(&self, inputs: &[Tensor]) -> Result<Run, NetworkError> {
        let mut runner = self.forward.runner();
        runner.run(inputs, &Edits::new())?;
        let mut values = vec![None; self.network.nodes().len()];
        for id in &self.kept {
            values[id.index()] = Some(runner.activation(&self.network.node(*id).name)?);
        }
        Ok(Run::of_values(values, runner.outputs()?))
    }

    /// Whether all that a run knows of is finite.
    pub(super) fn is_finite(&self, run: &Run) -> Result<bool, AttributionError> {
        for value in run.outputs() {
            if !is_finite(value)? {
                return Ok(false);
            }
        }
        for id in &self.kept {
            if !is_finite(run.value(&self.network, *id)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Carries `starts`, relevances at the values of nodes (P stacked batches each), to the inputs.
    pub(super) fn walk(
        &self,
        run: &Run,
        starts: &[(NodeId, Tensor)],
        options: &Options,
    ) -> Result<Walk, AttributionError> {
        let walk = self.walk_checked(run, starts, options, false)?;
        for input in &walk.inputs {
            if sample_sums(input)?.iter().any(|sum| !sum.is_finite()) {
                // Only a second walk that looks at every layer can tell where it began.
                return self.walk_checked(run, starts, options, true);
            }
        }
        Ok(walk)
    }

    fn walk_checked(
        &self,
        run: &Run,
        starts: &[(NodeId, Tensor)],
        options: &Options,
        check: bool,
    ) -> Result<Walk, AttributionError> {
        let network = &self.network;
        let (first, stack) = match starts.first() {
            Some((_, first)) => (first, first.dim(0)?),
            None => return Err(NetworkError::NoInputOrOutput.into()),
        };
        let mut pending: Vec<Option<Tensor>> = vec![None; network.nodes().len()];
        for (id, start) in starts {
            add_at(&mut pending, *id, start.clone())?;
        }
        let mut walk = Walk {
            inputs: Vec::new(),
            absorbed: vec![0.0; stack],
            stopped: vec![0.0; stack],
            layers: Vec::new(),
            units: Vec::new(),
            inner: BTreeMap::new(),
        };
        for (id, node) in network.iter().rev() {
            let Some(r) = pending[id.index()].clone() else {
                continue;
            };
            if check && !is_finite(&r)? {
                return Err(AttributionError::NotFinite {
                    layer: node.name.clone(),
                    what: "relevance",
                });
            }
            walk.look_at(node, &r, options)?;
            if matches!(node.op, Op::Input { .. }) {
                continue;
            }
            pending[id.index()] = None;
            if self.stops[id.index()] {
                add_to(&mut walk.stopped, &sample_sums(&r)?);
                walk.inner.insert(node.name.clone(), r);
                continue;
            }
            let shares = self.share(run, id, node, &r, &mut walk.absorbed)?;
            for (input, share) in node.inputs.iter().zip(shares) {
                add_at(&mut pending, *input, share)?;
            }
        }
        walk.inputs = network
            .inputs()
            .iter()
            .map(|id| match pending[id.index()].take() {
                Some(r) => Ok(r),
                None => {
                    let mut dims = vec![stack];
                    dims.extend_from_slice(&network.node(*id).fact.dims);
                    Tensor::zeros(dims, first.dtype(), first.device())
                }
            })
            .collect::<Result<_, candle_core::Error>>()?;
        for other in walk.inputs.iter().skip(1) {
            add_to(&mut walk.absorbed, &sample_sums(other)?);
        }
        Ok(walk)
    }

    /// The relevance of a node's inputs from the relevance `r` at its value.
    fn share(
        &self,
        run: &Run,
        id: NodeId,
        node: &Node,
        r: &Tensor,
        absorbed: &mut [f64],
    ) -> Result<Vec<Tensor>, AttributionError> {
        let network = &self.network;
        let treatment = &self.treatments[id.index()];
        let reads = treatment.reads();
        let x = if reads.inputs {
            let inputs = node.inputs.iter();
            let values = inputs.map(|input| run.value(network, *input).cloned());
            values.collect::<Result<Vec<_>, _>>()?
        } else {
            Vec::new()
        };
        let y = if reads.output {
            run.value(network, id)?
        } else {
            r
        };
        treatment.share(node, &x, y, r, absorbed)
    }
}

impl Walk {
    /// Notes what is asked of the relevance `r` at the value of a node.
    fn look_at(&mut self, node: &Node, r: &Tensor, options: &Options) -> candle_core::Result<()> {
        if options.layer_sums {
            self.layers.push(LayerSum {
                layer: node.name.clone(),
                sums: sample_sums(r)?,
            });
        }
        if options.unit_sums && !matches!(node.op, Op::Constant) {
            self.units.push(UnitSums {
                layer: node.name.clone(),
                sums: plane_sums(r)?,
                absolutes: plane_sums(&r.abs()?)?,
            });
        }
        if options.retain.contains(&node.name) {
            self.inner.insert(node.name.clone(), r.clone());
        }
        Ok(())
    }
}

/// Adds relevance to what waits at a node.
fn add_at(
    pending: &mut [Option<Tensor>],
    id: NodeId,
    more: Tensor,
) -> Result<(), AttributionError> {
    let slot = pending.get_mut(id.index());
    let slot = slot.ok_or(NetworkError::OtherNetwork)?;
    *slot = Some(match slot.take() {
        Some(sum) => (sum + more)?,
        None => more,
    });
    Ok(())
}

/// The values of a run that treatments read.
fn kept(network: &Network, treatments: &[Treatment]) -> Vec<NodeId> {
    let mut is_kept = vec![false; network.nodes().len()];
    for ((id, node), treatment) in network.iter().zip(treatments) {
        let reads = treatment.reads();
        is_kept[id.index()] |= reads.output;
        for input in node.inputs.iter().filter(|_| reads.inputs) {
            is_kept[input.index()] = true;
        }
    }
    let all = network.iter().map(|(id, _)| id);
    all.filter(|id| is_kept[id.index()]).collect()
}

/// Which values depend on an input.
fn live(network: &Network) -> Vec<bool> {
    let mut live = vec![false; network.nodes().len()];
    for (id, node) in network.iter() {
        live[id.index()] = matches!(node.op, Op::Input { .. })
            || node.inputs.iter().any(|input| live[input.index()]);
    }
    live
}

/// Where each layer lies: before any weighted layer (or the first itself), after all (or the last itself).
fn places(network: &Network) -> Vec<Place> {
    let mut places = vec![Place::default(); network.nodes().len()];
    let opens = |place: Place, node: &Node| place.first && !node.op.is_weighted();
    for (id, node) in network.iter() {
        places[id.index()].first = matches!(node.op, Op::Input { .. })
            || node
                .inputs
                .iter()
                .any(|input| opens(places[input.index()], network.node(*input)));
    }
    for output in network.outputs() {
        places[output.node.index()].last = true;
    }
    for (id, node) in network.iter().rev() {
        if places[id.index()].last && !node.op.is_weighted() {
            for input in &node.inputs {
                places[input.index()].last = true;
            }
        }
    }
    places
}
