//! Folding an edit into the layer it is of, or into what only that layer reads.

use super::{FoldError, Folding, Map};
use crate::network::{Node, NodeId, Op, Role};

/// Layers without weights between an edited one and the weights that hold its edit; a longer chain is no network.
const MAX_CHAIN: usize = 128;

/// Placed, or what is in the way.
pub(super) type Placed = Result<(), String>;

impl Folding {
    /// Makes the value of `id` what `map` makes of it.
    pub(super) fn absorb(&mut self, id: NodeId, map: &Map) -> Result<Placed, FoldError> {
        let node = self.node(id);
        match &node.op {
            Op::Conv2d(_) | Op::ConvTranspose2d { .. } | Op::Dense => self.change_weights(id, map),
            Op::BatchNorm { .. } | Op::InstanceNorm { .. } => self.change_norm(id, map),
            Op::Constant => self.change_constant(id, map),
            Op::Add => self.change_sum(id, map),
            Op::Mul => self.change_product(id, map),
            op => match before(op, map, node, &self.nodes) {
                Ok((inputs, map)) => self.upward(&inputs, &map),
                Err(why) => Ok(Err(why)),
            },
        }
    }

    /// Changes the values of `inputs`, which nobody else may read, by parts of `map`.
    fn upward(&mut self, inputs: &[NodeId], maps: &[Map]) -> Result<Placed, FoldError> {
        for input in inputs {
            if self.readers[input.index()].len() > 1 || self.is_output(*input) {
                let name = &self.node(*input).name;
                return Ok(Err(format!("others read {name} too")));
            }
        }
        if self.depth >= MAX_CHAIN {
            return Ok(Err(format!(
                "more than {MAX_CHAIN} layers above it have no weights"
            )));
        }
        self.depth += 1;
        let placed = self.upward_all(inputs, maps);
        self.depth -= 1;
        placed
    }

    /// Of several inputs all have to hold their part, or none is changed.
    fn upward_all(&mut self, inputs: &[NodeId], maps: &[Map]) -> Result<Placed, FoldError> {
        let undo = (self.nodes.clone(), self.changed.clone(), self.added.clone());
        for (input, map) in inputs.iter().zip(maps) {
            if let Err(why) = self.absorb(*input, map)? {
                (self.nodes, self.changed, self.added) = undo;
                return Ok(Err(why));
            }
        }
        Ok(Ok(()))
    }

    fn change_weights(&mut self, id: NodeId, map: &Map) -> Result<Placed, FoldError> {
        if let Some(other) = self.shares(id) {
            return Ok(Err(format!("its weights are those of {other} too")));
        }
        let Some(mut weight) = self.values(id, Role::Weight)? else {
            return Ok(Err("it has no weights".to_owned()));
        };
        let units = map.gain.len();
        let node = self.node(id);
        // Elements of one input channel and the outputs of a group, for the transposed layout.
        let (kernel, groups) = match &node.op {
            Op::ConvTranspose2d { conv, .. } => (conv.kernel[0] * conv.kernel[1], conv.groups),
            _ => (0, 1),
        };
        let per_group = units / groups.max(1);
        let inner = weight.len() / units.max(1);
        let inputs_of_a_group = inner.checked_div(kernel).map_or(1, |n| n.max(1));
        for (i, weight) in weight.iter_mut().enumerate() {
            let unit = match i.checked_div(kernel) {
                // [Ci, Co / groups, kh, kw]
                Some(row) => row / per_group / inputs_of_a_group * per_group + row % per_group,
                None => i / inner,
            };
            *weight *= map.gain[unit];
        }
        let bias = self.values(id, Role::Bias)?;
        if let Some(mut bias) = bias {
            let pixels = bias.len() / units.max(1);
            for (i, bias) in bias.iter_mut().enumerate() {
                let unit = i / pixels.max(1);
                *bias = *bias * map.gain[unit] + map.offset[unit];
            }
            self.set(id, Role::Bias, bias)?;
        } else if map.has_offset() {
            self.set(id, Role::Bias, map.offset.clone())?;
        }
        self.set(id, Role::Weight, weight)?;
        Ok(Ok(()))
    }

    fn change_norm(&mut self, id: NodeId, map: &Map) -> Result<Placed, FoldError> {
        if let Some(other) = self.shares(id) {
            return Ok(Err(format!("its weights are those of {other} too")));
        }
        let both = (self.values(id, Role::Weight)?, self.values(id, Role::Bias)?);
        let (Some(weight), Some(bias)) = both else {
            return Ok(Err("it has no scale and shift".to_owned()));
        };
        let scaled = |values: Vec<f64>| -> Vec<f64> {
            values
                .iter()
                .zip(&map.gain)
                .map(|(value, gain)| value * gain)
                .collect()
        };
        let bias = scaled(bias)
            .iter()
            .zip(&map.offset)
            .map(|(b, o)| b + o)
            .collect();
        self.set(id, Role::Weight, scaled(weight))?;
        self.set(id, Role::Bias, bias)?;
        Ok(Ok(()))
    }

    /// A constant has one element a unit, or several of each.
    fn change_constant(&mut self, id: NodeId, map: &Map) -> Result<Placed, FoldError> {
        if self.shares(id).is_some() || self.readers[id.index()].len() > 1 {
            return Ok(Err(format!("others read {} too", self.node(id).name)));
        }
        let Some(mut value) = self.values(id, Role::Value)? else {
            return Ok(Err("it has no value".to_owned()));
        };
        let each = value.len() / map.gain.len().max(1);
        if each == 0 || each * map.gain.len() != value.len() {
            return Ok(Err(format!(
                "{} is one number for all units",
                self.node(id).name
            )));
        }
        for (i, value) in value.iter_mut().enumerate() {
            *value = *value * map.gain[i / each] + map.offset[i / each];
        }
        self.set(id, Role::Value, value)?;
        Ok(Ok(()))
    }

    /// Both summands are scaled; one of them takes the offset.
    fn change_sum(&mut self, id: NodeId, map: &Map) -> Result<Placed, FoldError> {
        let node = self.node(id);
        let inputs = node.inputs.clone();
        let is_whole = |input: &NodeId| self.node(*input).fact.units() == map.gain.len();
        if inputs.len() != 2 || inputs[0] == inputs[1] || !inputs.iter().all(is_whole) {
            return Ok(Err("its summands are not of its own size".to_owned()));
        }
        let scales = Map::scales(map.gain.clone());
        let is_constant = |input: NodeId| self.node(input).op == Op::Constant;
        let maps = if is_constant(inputs[0]) || !is_constant(inputs[1]) {
            [map.clone(), scales]
        } else {
            [scales, map.clone()]
        };
        self.upward(&inputs, &maps)
    }

    /// One factor is scaled.
    fn change_product(&mut self, id: NodeId, map: &Map) -> Result<Placed, FoldError> {
        if map.has_offset() {
            return Ok(Err("a product cannot be shifted".to_owned()));
        }
        let inputs = self.node(id).inputs.clone();
        let mut why = "its factors cannot be scaled".to_owned();
        for input in &inputs {
            let is_other = inputs.iter().filter(|i| *i == input).count() == 1;
            if is_other && self.node(*input).fact.units() == map.gain.len() {
                match self.upward(&[*input], std::slice::from_ref(map))? {
                    Ok(()) => return Ok(Ok(())),
                    Err(other) => why = other,
                }
            }
        }
        Ok(Err(why))
    }
}

/// For an operation without weights: the inputs that have to change and how, so that its value changes by `map`.
fn before(
    op: &Op,
    map: &Map,
    node: &Node,
    nodes: &[Node],
) -> Result<(Vec<NodeId>, Vec<Map>), String> {
    let units_of = |id: &NodeId| nodes.get(id.index()).map_or(0, |node| node.fact.units());
    let Some(first) = node.inputs.first().copied() else {
        return Err("it is an input of the network".to_owned());
    };
    let same = Ok((vec![first], vec![map.clone()]));
    match op {
        Op::Identity | Op::Upsample { .. } | Op::GlobalAvgPool => same,
        Op::AvgPool(pool) if pool.padding.is_zero() => same,
        Op::MaxPool(_) | Op::GlobalMaxPool if map.gain.iter().all(|g| *g >= 0.0) => same,
        op if keeps_scales(op, map) || keeps_levels(op, map) => same,
        Op::PixelShuffle { factor } => {
            let square = factor * factor;
            let map = map.regrouped(units_of(&first), |unit| unit / square.max(1));
            Ok((vec![first], vec![map]))
        }
        Op::Concat { axis: 0 } => {
            let mut start = 0;
            let mut maps = Vec::new();
            for input in &node.inputs {
                let units = units_of(input);
                maps.push(map.regrouped(units, |unit| start + unit));
                start += units;
            }
            let is_once = |input: &NodeId| node.inputs.iter().filter(|i| *i == input).count() == 1;
            if !node.inputs.iter().all(is_once) {
                return Err("it joins a layer with itself".to_owned());
            }
            // Parts that do not change may have other readers.
            let parts = node.inputs.iter().copied().zip(maps);
            Ok(parts.filter(|(_, map)| !map.is_identity()).unzip())
        }
        op => Err(format!(
            "its own operation ({}) holds no factors",
            op.kind()
        )),
    }
}

/// Whether `f(g x) = g f(x)` for all factors of the map, which shifts nothing.
pub(super) fn keeps_scales(op: &Op, map: &Map) -> bool {
    is_homogeneous(op) && !map.has_offset() && map.gain.iter().all(|gain| *gain >= 0.0)
}

/// Whether `f(g x + o) = g f(x) + o` for all units of the map: the factor is not negative and there is no shift, or the unit
/// has a level of its own that the activation leaves as it is.
fn keeps_levels(op: &Op, map: &Map) -> bool {
    let mut units = map.gain.iter().zip(&map.offset);
    let is_kept = |(gain, offset): (&f64, &f64)| {
        *gain >= 0.0 && (*offset == 0.0 || (*gain == 0.0 && *offset >= 0.0))
    };
    is_homogeneous(op) && units.all(is_kept)
}

/// Whether `f(g x) = g f(x)` for factors that are not negative.
pub(super) fn is_homogeneous(op: &Op) -> bool {
    matches!(op, Op::Relu | Op::LeakyRelu { .. } | Op::Prelu)
}
