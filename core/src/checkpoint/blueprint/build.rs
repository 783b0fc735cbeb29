//! From a description and the tensors of a file to a network.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};

use super::{Blueprint, Geometry, Layer, LayerOp, Pad};
use crate::checkpoint::{LoadReport, TensorFile};
use crate::network::{
    ConvSpec, GoOn, Network, NetworkBuilder, NetworkError, NodeId, Op, Padding, Param, Role,
};

/// Why a description does not give a network, and where it says so.
#[derive(Debug)]
pub(in crate::checkpoint) struct BuildTrouble {
    /// Line of the description, where it was read from a file.
    pub(in crate::checkpoint) line: Option<usize>,
    /// What does not fit, with the layer's name.
    pub(in crate::checkpoint) source: NetworkError,
}

impl Blueprint {
    /// Builds the network from the tensors of `file` and says where they went. `go_on` is asked before every layer.
    pub(in crate::checkpoint) fn build(
        &self,
        file: &TensorFile,
        go_on: GoOn<'_>,
    ) -> Result<(Network, LoadReport), BuildTrouble> {
        let mut building = Building {
            file,
            builder: NetworkBuilder::new(|key, _, _| {
                Err(NetworkError::MissingParam {
                    layer: key.into(),
                    key: key.to_owned(),
                })
            }),
            ids: BTreeMap::new(),
            applied: Vec::new(),
        };
        for port in &self.inputs {
            let added = building.builder.input(&port.name, &port.dims);
            building.keep(&port.name, added, port.line)?;
        }
        for layer in &self.layers {
            if !go_on() {
                let line = layer.line;
                let source = NetworkError::Stopped;
                return Err(BuildTrouble { line, source });
            }
            let added = building.layer(layer);
            building.keep(&layer.name, added, layer.line)?;
        }
        for (name, layer) in &self.outputs {
            let node = building.find(layer, layer);
            let node = node.map_err(|source| BuildTrouble { line: None, source })?;
            building.builder.output(name, node);
        }
        let Building {
            builder, applied, ..
        } = building;
        let network = builder.finish();
        let network = network.map_err(|source| BuildTrouble {
            line: self.line_of(&source),
            source,
        })?;
        Ok((network, report(file, applied)))
    }

    /// The line of the layer that an error of the finished network names.
    fn line_of(&self, error: &NetworkError) -> Option<usize> {
        let (NetworkError::ParamNotFinite { layer, .. }
        | NetworkError::Layer { layer, .. }
        | NetworkError::DuplicateLayer { layer }) = error
        else {
            return None;
        };
        let mut found = self.layers.iter().rev().filter(|l| *l.name == **layer);
        found.next().and_then(|l| l.line)
    }
}

fn report(file: &TensorFile, applied: Vec<String>) -> LoadReport {
    let used: BTreeSet<&str> = applied.iter().map(String::as_str).collect();
    let keys = file.header.entries.keys();
    let unused = keys
        .filter(|key| !used.contains(key.as_str()) && !key.ends_with("num_batches_tracked"))
        .cloned()
        .collect();
    LoadReport {
        unused,
        applied,
        missing: Vec::new(),
        renamed: file.renamed.clone(),
    }
}

struct Building<'a> {
    file: &'a TensorFile,
    builder: NetworkBuilder<'a>,
    ids: BTreeMap<String, NodeId>,
    applied: Vec<String>,
}

impl Building<'_> {
    fn keep(
        &mut self,
        name: &str,
        added: Result<NodeId, NetworkError>,
        line: Option<usize>,
    ) -> Result<(), BuildTrouble> {
        let added = added.and_then(|id| match self.ids.insert(name.to_owned(), id) {
            None => Ok(()),
            Some(_) => Err(NetworkError::DuplicateLayer { layer: name.into() }),
        });
        added.map_err(|source| BuildTrouble { line, source })
    }

    fn find(&self, layer: &str, name: &str) -> Result<NodeId, NetworkError> {
        let found = self.ids.get(name).copied();
        found.ok_or_else(|| NetworkError::Layer {
            layer: layer.into(),
            op: "input",
            what: format!("no layer before it is named {name}"),
        })
    }

    fn layer(&mut self, layer: &Layer) -> Result<NodeId, NetworkError> {
        let name = &*layer.name;
        let inputs: Vec<NodeId> = layer
            .inputs
            .iter()
            .map(|input| self.find(name, input))
            .collect::<Result<_, _>>()?;
        let mut params = Vec::new();
        for (role, key) in &layer.params {
            params.push(self.param(name, *role, key)?);
        }
        let op = match &layer.op {
            LayerOp::Conv(geometry) => Op::Conv2d(self.conv(geometry, &inputs, &params)),
            LayerOp::ConvTranspose(geometry, output_padding) => Op::ConvTranspose2d {
                conv: self.conv(geometry, &inputs, &params),
                output_padding: *output_padding,
            },
            LayerOp::AvgPool(pool) => Op::AvgPool(*pool),
            LayerOp::MaxPool(pool) => Op::MaxPool(*pool),
            LayerOp::Constant(dims) => {
                if let (Some(dims), Some(param)) = (dims, params.first_mut()) {
                    let count = dims
                        .iter()
                        .try_fold(1_usize, |count, dim| count.checked_mul(*dim));
                    if count != Some(param.tensor.elem_count()) {
                        return Err(NetworkError::ParamShape {
                            layer: name.into(),
                            key: param.key.clone(),
                            expected: dims.clone(),
                            got: param.tensor.dims().to_vec(),
                        });
                    }
                    param.tensor = param.tensor.reshape(dims.as_slice())?;
                }
                Op::Constant
            }
            LayerOp::Scale(by) => return self.scale(name, *by, &inputs),
            LayerOp::Plain(op) => {
                self.complete(op, name, &inputs, &mut params)?;
                op.clone()
            }
        };
        self.builder.add(name, op, &inputs, params)
    }

    fn param(&mut self, layer: &str, role: Role, key: &str) -> Result<Param, NetworkError> {
        let Some(tensor) = self.file.tensors.get(key) else {
            let what = match self.file.header.entries.get(key) {
                Some(entry) => format!(
                    "{key} holds {} elements, expected floating point",
                    entry.dtype
                ),
                None => {
                    return Err(NetworkError::MissingParam {
                        layer: layer.into(),
                        key: key.to_owned(),
                    });
                }
            };
            return Err(NetworkError::Layer {
                layer: layer.into(),
                op: "parameter",
                what,
            });
        };
        self.applied.push(key.to_owned());
        Ok(Param {
            role,
            key: key.into(),
            tensor: tensor.clone(),
        })
    }

    fn conv(&self, geometry: &Geometry, inputs: &[NodeId], params: &[Param]) -> ConvSpec {
        let weight = params.iter().find(|param| param.role == Role::Weight);
        // A weight of other than four axes is refused with its shape when the layer is added.
        let kernel = match weight.map(|weight| weight.tensor.dims()) {
            Some([_, _, rows, columns]) => [*rows, *columns],
            _ => [1, 1],
        };
        let Geometry {
            stride,
            padding,
            dilation,
            groups,
        } = *geometry;
        let size = inputs.first().map(|id| self.builder.fact(*id).size());
        let padding = match (padding, size) {
            (Pad::Sides(sides), _) => sides,
            (Pad::Same, Some(size)) => Padding::same(size, kernel, stride, dilation),
            (Pad::Same, None) => Padding::all(0),
        };
        ConvSpec {
            kernel,
            stride,
            padding,
            dilation,
            groups,
        }
    }

    /// A normalisation without scale and shift has ones and zeros.
    fn complete(
        &self,
        op: &Op,
        name: &str,
        inputs: &[NodeId],
        params: &mut Vec<Param>,
    ) -> Result<(), NetworkError> {
        let (Op::BatchNorm { .. }, Some(input)) = (op, inputs.first()) else {
            return Ok(());
        };
        let units = self.builder.fact(*input).units();
        let is_given = |role| params.iter().any(|param: &Param| param.role == role);
        let missing: Vec<(Role, f32)> = [(Role::Weight, 1.0), (Role::Bias, 0.0)]
            .into_iter()
            .filter(|(role, _)| !is_given(*role))
            .collect();
        for (role, value) in missing {
            let end = if role == Role::Weight {
                "weight"
            } else {
                "bias"
            };
            params.push(Param {
                role,
                key: format!("{name}.{end}").into(),
                tensor: Tensor::full(value, units, &Device::Cpu)?,
            });
        }
        Ok(())
    }

    fn scale(&mut self, name: &str, by: f64, inputs: &[NodeId]) -> Result<NodeId, NetworkError> {
        let key = format!("{name}.by");
        let param = Param {
            role: Role::Value,
            key: key.as_str().into(),
            tensor: Tensor::full(by, 1, &Device::Cpu)?.to_dtype(DType::F32)?,
        };
        let number = self.builder.add(&key, Op::Constant, &[], vec![param])?;
        let inputs = [inputs, &[number]].concat();
        self.builder.plain(name, Op::Mul, &inputs)
    }
}
