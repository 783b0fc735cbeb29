//! A network as text and as JSON: what `inspect` prints and the layer view shows.

use serde::Serialize;

use super::{LayerName, Network};

/// One layer as people read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerInfo {
    /// Name of the layer.
    pub name: LayerName,
    /// Operation in one line.
    pub op: String,
    /// Dimensions of its value, batch left out.
    pub dims: Vec<usize>,
    /// Number of stored values.
    pub parameters: usize,
    /// Multiply-adds for one stamp.
    pub multiply_adds: u64,
    /// Names of the layers it reads.
    pub inputs: Vec<LayerName>,
}

impl Network {
    /// Every layer in order.
    pub fn layer_infos(&self) -> Vec<LayerInfo> {
        self.iter()
            .map(|(id, node)| LayerInfo {
                name: node.name.clone(),
                op: node.op.to_string(),
                dims: node.fact.dims.clone(),
                parameters: node.params.iter().map(|p| p.tensor.elem_count()).sum(),
                multiply_adds: self.multiply_adds(id),
                inputs: node
                    .inputs
                    .iter()
                    .map(|id| self.node(*id).name.clone())
                    .collect(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use crate::network::{ConvSpec, NetworkBuilder};

    #[test]
    fn infos_list_every_layer_with_its_parameters() -> Result<(), crate::network::NetworkError> {
        let mut builder =
            NetworkBuilder::new(|_, _, dims| Ok(Tensor::zeros(dims, DType::F32, &Device::Cpu)?));
        let x = builder.input("input", &[3, 8, 8])?;
        let x = builder.conv("conv", x, 4, ConvSpec::square(3, 2, 1), true)?;
        builder.output("image", x);
        let infos = builder.finish()?.layer_infos();
        assert_eq!(infos[1].op, "Conv2d 3x3 /2");
        assert_eq!(
            (infos[1].parameters, infos[1].dims.as_slice()),
            (4 * 27 + 4, &[4, 4, 4][..])
        );
        assert_eq!(infos[1].multiply_adds, 4 * 27 * 16);
        Ok(())
    }
}
