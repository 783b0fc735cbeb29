//! The operation of a step, made ready.

use candle_core::Tensor;

use super::super::plane_work::PlaneWork;
use super::super::{NetworkError, Node, Op, Role, UpsampleMode, linear};
use super::gather::Gather;
use super::links::Link;
use crate::kernels::{Algorithm, ConvShape, DenseShape, PreparedConv};

/// What a step does before its links. Nothing of it allocates when it runs.
#[derive(Debug)]
pub(super) enum Head {
    /// A convolution or a transposed one.
    Conv(Box<PreparedConv>),
    Dense {
        /// Batch left at 1.
        shape: DenseShape,
        weight: Vec<f32>,
        bias: Option<Vec<f32>>,
    },
    /// The first value it reads, for the links to work on.
    Copy,
    /// The values it reads one after the other, in each of `blocks` parts of a sample.
    Concat { blocks: usize },
    /// Elements moved.
    Gather(Gather),
    /// Every plane by itself.
    Planes(PlaneWork),
    /// Division by the root mean square over channels of `plane` elements.
    PixelNorm { eps: f64, plane: usize },
    /// The same for every sample.
    Constant(Vec<f32>),
}

impl Head {
    /// Of a node that is no input, sum or product. `dims`: of the first value that it reads. What is left to do in the place
    /// of the result goes to `links`.
    pub(super) fn of(
        node: &Node,
        dims: &[usize],
        links: &mut Vec<Link>,
    ) -> Result<Self, NetworkError> {
        Ok(match &node.op {
            Op::Conv2d(conv) => {
                let weight = node.require(Role::Weight)?;
                let shape = linear::shape(&[&[1], dims].concat(), weight.dims(), conv)?;
                convolution(node, &shape, false, links)?
            }
            Op::ConvTranspose2d { conv, .. } => {
                let (weight, full) = (
                    node.require(Role::Weight)?,
                    [&[1], &*node.fact.dims].concat(),
                );
                convolution(
                    node,
                    &linear::shape(&full, weight.dims(), conv)?,
                    true,
                    links,
                )?
            }
            Op::Dense => dense(node, links)?,
            // The same elements.
            Op::Input { .. }
            | Op::Identity
            | Op::Reshape { .. }
            | Op::Flatten
            | Op::Add
            | Op::Mul => Self::Copy,
            Op::Concat { axis } => Self::Concat {
                blocks: node.fact.dims[..*axis].iter().product(),
            },
            Op::Slice { .. }
            | Op::Select { .. }
            | Op::Transpose { .. }
            | Op::Pad { .. }
            | Op::PixelShuffle { .. }
            | Op::Upsample {
                mode: UpsampleMode::Nearest,
                ..
            } => Self::Gather(Gather::of(node, dims)?),
            Op::Upsample { .. }
            | Op::AvgPool(_)
            | Op::MaxPool(_)
            | Op::GlobalAvgPool
            | Op::GlobalMaxPool
            | Op::InstanceNorm { .. } => {
                links.extend(Link::scaling(node)?);
                match PlaneWork::of(&node.op, dims)? {
                    Some(work) => Self::Planes(work),
                    None => {
                        return Err(NetworkError::Layer {
                            layer: node.name.clone(),
                            op: node.op.kind(),
                            what: format!("needs an image, not {dims:?}"),
                        });
                    }
                }
            }
            Op::PixelNorm { eps } => Self::PixelNorm {
                eps: *eps,
                plane: dims.iter().skip(1).product(),
            },
            Op::Constant => Self::Constant(node.require(Role::Value)?.flatten_all()?.to_vec1()?),
            Op::BatchNorm { .. }
            | Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Prelu
            | Op::Tanh
            | Op::Sigmoid
            | Op::Elu { .. }
            | Op::Silu
            | Op::Softplus
            | Op::Function(_) => {
                links.extend(Link::of(node)?);
                Self::Copy
            }
        })
    }
}

/// The bias of a node where the kernel adds it, `[C]`; any other becomes a link.
fn bias_beside(
    node: &Node,
    is_added: bool,
    links: &mut Vec<Link>,
) -> Result<Option<Vec<f32>>, NetworkError> {
    match node.param(Role::Bias) {
        Some(bias) if is_added && bias.rank() == 1 => Ok(Some(bias.to_vec1()?)),
        Some(bias) => {
            links.push(Link::bias(bias, &node.fact.dims)?);
            Ok(None)
        }
        None => Ok(None),
    }
}

/// A convolution of `shape`, or its transposition.
fn convolution(
    node: &Node,
    shape: &ConvShape,
    is_transposed: bool,
    links: &mut Vec<Link>,
) -> Result<Head, NetworkError> {
    let weight = flat(node.require(Role::Weight)?)?;
    let bias = bias_beside(node, !is_transposed, links)?;
    let prepared = if is_transposed {
        PreparedConv::transposed(Algorithm::Fastest, shape, &weight)
    } else {
        PreparedConv::new(Algorithm::Fastest, shape, &weight, bias.as_deref())
    };
    Ok(Head::Conv(Box::new(
        prepared.map_err(candle_core::Error::wrap)?,
    )))
}

fn dense(node: &Node, links: &mut Vec<Link>) -> Result<Head, NetworkError> {
    let weight = node.require(Role::Weight)?;
    let (outputs, inputs) = weight.dims2()?;
    Ok(Head::Dense {
        shape: DenseShape {
            batch: 1,
            inputs,
            outputs,
        },
        weight: flat(weight)?,
        bias: bias_beside(node, true, links)?,
    })
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>, NetworkError> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
