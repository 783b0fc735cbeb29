//! Networks as they are drawn: laws of every layout, and how known networks look.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod known;
mod laws;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::graph::{Graph, Layout, Shown};
use ganoscope_core::network::{NetworkBuilder, NetworkError, Role};

/// Parameters that cost nothing to make.
fn zeros(_: &str, role: Role, dims: &[usize]) -> Result<Tensor, NetworkError> {
    let fill = if role == Role::Var { 1.0 } else { 0.0 };
    let value = Tensor::full(fill, (), &Device::Cpu)?.to_dtype(DType::F32)?;
    Ok(value.broadcast_as(dims)?.contiguous()?)
}

fn builder() -> NetworkBuilder<'static> {
    NetworkBuilder::new(zeros)
}

/// The names of the layers that are drawn together, one text per item of a layout.
fn texts(graph: &Graph, layout: &Layout) -> Vec<String> {
    let names = |boxes| {
        let layers = graph.layers_of(boxes);
        layers.map(|l| l.name.to_string()).collect::<Vec<_>>()
    };
    let text = |shown| match shown {
        Shown::Box(at) => names(at..at + 1).join("+"),
        Shown::Chain(at) => {
            let chain = graph.chains[at];
            let first = names(chain.block()).first().cloned();
            format!("{} x {}", chain.count, first.unwrap_or_default())
        }
    };
    layout.items.iter().map(|item| text(item.shown)).collect()
}
