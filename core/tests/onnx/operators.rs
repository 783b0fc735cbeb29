//! Every single-operator graph gives the values of ONNX Runtime, or is refused with a reason.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use ganoscope_core::network::{Edits, Retain};

use super::common::{max_abs, max_diff, reference};
use super::{files, fixtures, open, stem};

/// Graphs that are refused, and what the message has to say.
const REFUSED: [(&str, &str); 1] = [("cast_through_half", "rounds values to 16 bits")];

/// Largest difference, over the largest value where that is above 1.
const TOLERANCE: f64 = 1e-5;

/// The tensors `NAME.x`, `NAME.y`; those that are equal are stored once and named in the metadata.
fn tensors(path: &Path) -> BTreeMap<String, Tensor> {
    let mut tensors = reference::tensors(path);
    let bytes = std::fs::read(path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let same: BTreeMap<String, String> = metadata
        .metadata()
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect();
    for (name, same) in same {
        if let Some(tensor) = tensors.get(&same).cloned() {
            tensors.insert(name, tensor);
        }
    }
    tensors
}

/// Channels last, as the one graph of that kind has its values.
fn channels_last(name: &str, tensor: &Tensor) -> Tensor {
    if name == "nhwc_conv_island" {
        return tensor.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
    }
    tensor.clone()
}

#[test]
fn operators_give_the_values_of_onnx_runtime() {
    let tensors = tensors(&fixtures().join("ops.safetensors"));
    let files = files(&fixtures().join("ops"), "onnx");
    assert_eq!(files.len(), 95);
    let (mut passed, mut wrong, mut worst) = (0, Vec::new(), 0.0_f64);
    for path in files {
        let name = stem(&path);
        let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
        let opened = match (open(&path), refused) {
            (Ok(opened), None) => opened,
            (Err(error), Some((_, reason))) => {
                let message = error.to_string();
                assert!(message.contains(reason), "{message}");
                continue;
            }
            (Ok(_), Some(_)) => panic!("{name} is not refused any more"),
            (Err(error), None) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let network = opened.network;
        let inputs: Vec<Tensor> = network
            .inputs()
            .iter()
            .map(|id| {
                channels_last(
                    &name,
                    &tensors[&format!("{name}.{}", network.node(*id).name)],
                )
            })
            .collect();
        let expected = channels_last(&name, &tensors[&format!("{name}.y")]);
        match network.forward(&inputs, &Edits::new(), &Retain::Nothing) {
            Ok(run) => {
                let difference = max_diff(&run.outputs()[0], &expected);
                let scaled = difference / max_abs(&expected).max(1.0);
                worst = worst.max(scaled);
                passed += 1;
                if scaled > TOLERANCE {
                    let dims = run.outputs()[0].dims().to_vec();
                    wrong.push(format!("{name}: {scaled} {dims:?} {:?}", expected.dims()));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!(
        "{passed} operators pass, {} refused, largest difference {worst:.1e}",
        REFUSED.len()
    );
}

#[test]
fn what_exporters_break_apart_is_one_operation_again() {
    let ops = |name: &str| -> Vec<String> {
        let opened = open(&fixtures().join(format!("ops/{name}.onnx"))).unwrap();
        let nodes = opened.network.nodes().iter().skip(1);
        nodes.map(|node| node.op.kind().to_owned()).collect()
    };
    assert_eq!(ops("pow2_mean_pixelnorm"), ["PixelNorm"]);
    assert_eq!(ops("pixelshuffle_by_reshape"), ["PixelShuffle"]);
    assert_eq!(ops("depthtospace_crd"), ["PixelShuffle"]);
    assert_eq!(ops("swish"), ["SiLU"]);
    assert_eq!(ops("matmul_add"), ["Dense"]);
    assert_eq!(ops("globalavg_by_reducemean"), ["GlobalAvgPool"]);
    assert_eq!(ops("resize_nearest_half_pixel"), ["Upsample"]);
    assert_eq!(ops("resize_linear_down"), ["AvgPool"]);
    assert_eq!(ops("flatten_dynamic_shape_chain"), ["Flatten"]);
    assert_eq!(ops("clip_min_only"), ["ReLU"]);
}
