//! Layers while the graph is gone through: some turn out to be parts of another and are left out at the end.
//!
//! Invariant: ids are those of the drafts until [`Layers::finish`], which keeps what outputs need and every input.

use candle_core::{DType, Device, Tensor};

use super::fault::Reading;
use crate::network::{Network, NetworkBuilder, NodeId, Op, Param};

/// A layer that may become one of the network.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Index of the node it was made for; none for inputs and constants.
    pub(super) node: Option<usize>,
    /// Its name among several of one node.
    pub(super) part: &'static str,
    /// What messages call it, and its name where no node says another.
    pub(super) label: String,
    pub(super) op: Op,
    pub(super) inputs: Vec<NodeId>,
    pub(super) params: Vec<Param>,
}

/// All drafts, in topological order.
pub(super) struct Layers {
    /// Checks every layer as it comes and knows its dimensions.
    builder: NetworkBuilder<'static>,
    drafts: Vec<Draft>,
}

impl Layers {
    pub(super) fn new() -> Self {
        Self {
            builder: builder(),
            drafts: Vec::new(),
        }
    }

    /// Adds a layer.
    pub(super) fn add(
        &mut self,
        label: &str,
        node: Option<usize>,
        part: &'static str,
        op: Op,
        inputs: &[NodeId],
        params: Vec<Param>,
    ) -> Reading<NodeId> {
        let id = self
            .builder
            .add(label, op.clone(), inputs, params.clone())?;
        self.drafts.push(Draft {
            node,
            part,
            label: label.to_owned(),
            op,
            inputs: inputs.to_vec(),
            params,
        });
        Ok(id)
    }

    /// Adds the layer again with other parameters.
    pub(super) fn again(&mut self, draft: Draft) -> Reading<NodeId> {
        let Draft {
            node,
            part,
            label,
            op,
            inputs,
            params,
        } = draft;
        self.add(&label, node, part, op, &inputs, params)
    }

    /// The draft of an id.
    pub(super) fn draft(&self, id: NodeId) -> &Draft {
        &self.drafts[id.index()]
    }

    /// Dimensions of its value, without the batch.
    pub(super) fn dims(&self, id: NodeId) -> &[usize] {
        &self.builder.fact(id).dims
    }

    /// The constant that `id` is multiplied by: the other factor and the constant.
    pub(super) fn as_scaled(&self, id: NodeId) -> Option<(NodeId, &Tensor)> {
        self.with_constant(id, &Op::Mul)
    }

    /// The constant that is added to `id`: the other summand and the constant.
    pub(super) fn as_shifted(&self, id: NodeId) -> Option<(NodeId, &Tensor)> {
        self.with_constant(id, &Op::Add)
    }

    fn with_constant(&self, id: NodeId, op: &Op) -> Option<(NodeId, &Tensor)> {
        let draft = self.draft(id);
        let (true, &[a, b]) = (draft.op == *op, draft.inputs.as_slice()) else {
            return None;
        };
        let constant = |id: NodeId| {
            let draft = self.draft(id);
            let value = draft.params.first().map(|param| &param.tensor);
            value.filter(|_| draft.op == Op::Constant)
        };
        match (constant(a), constant(b)) {
            (None, Some(tensor)) => Some((a, tensor)),
            (Some(tensor), None) => Some((b, tensor)),
            _ => None,
        }
    }

    /// Which drafts the outputs need; inputs always stay.
    pub(super) fn live(&self, outputs: &[(String, NodeId)]) -> Vec<bool> {
        let is_input = |draft: &Draft| matches!(draft.op, Op::Input { .. });
        let mut live: Vec<bool> = self.drafts.iter().map(is_input).collect();
        for (_, id) in outputs {
            live[id.index()] = true;
        }
        for (index, draft) in self.drafts.iter().enumerate().rev() {
            if live[index] {
                for input in &draft.inputs {
                    live[input.index()] = true;
                }
            }
        }
        live
    }

    /// All drafts in order.
    pub(super) fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// The network of the live drafts under their final names.
    pub(super) fn finish(
        self,
        live: &[bool],
        names: Vec<String>,
        outputs: &[(String, NodeId)],
    ) -> Reading<Network> {
        let mut finished = builder();
        let mut ids: Vec<Option<NodeId>> = Vec::with_capacity(self.drafts.len());
        for ((draft, name), live) in self.drafts.into_iter().zip(names).zip(live) {
            let inputs: Option<Vec<NodeId>> = draft.inputs.iter().map(|i| ids[i.index()]).collect();
            let id = match inputs.filter(|_| *live) {
                Some(inputs) => Some(finished.add(&name, draft.op, &inputs, draft.params)?),
                None => None,
            };
            ids.push(id);
        }
        for (name, id) in outputs {
            if let Some(id) = ids[id.index()] {
                finished.output(name, id);
            }
        }
        Ok(finished.finish()?)
    }
}

/// A builder whose layers all come with their parameters.
fn builder() -> NetworkBuilder<'static> {
    NetworkBuilder::new(|_, _, dims| Ok(Tensor::zeros(dims, DType::F32, &Device::Cpu)?))
}
