//! Broken, hostile and foreign models end in errors that name the file and the culprit.

use std::path::Path;

use super::{files, fixtures, open};

/// What the message has to say of each file.
const CLUES: [(&str, &str); 11] = [
    ("control_flow", "Loop"),
    ("custom_domain", "MyOp of com.example"),
    ("cycle", "cycle"),
    ("empty", "empty.onnx"),
    ("huge_dims", "tensor w has 16 bytes for"),
    ("missing_initializer", "reads w, which no node"),
    ("not_protobuf", "not_protobuf.onnx"),
    ("short_tensor", "tensor w has 40 bytes"),
    ("truncated", "cut short"),
    ("unknown_op", "FlashTransformer"),
    (
        "wrong_channels",
        "w has shape [4, 5, 3, 3], expected [4, 3, 3, 3]",
    ),
];

#[test]
fn files_to_refuse_are_refused_with_a_reason() {
    let folder = fixtures().join("bad");
    assert_eq!(files(&folder, "onnx").len(), CLUES.len());
    for (name, clue) in CLUES {
        let path = folder.join(format!("{name}.onnx"));
        let message = open(&path).unwrap_err().to_string();
        assert!(message.contains(clue), "{name}: {message}");
        assert!(
            message.ends_with(&format!("{name}.onnx")),
            "{name}: {message}"
        );
    }
}

/// Every change of one byte and every cut gives an error or a network, never a panic.
#[test]
fn damaged_models_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let names = [
        "flatten_dynamic_shape_chain",
        "pixelshuffle_by_reshape",
        "resize_linear_pytorch_half_pixel_sizes",
        "slice_step2",
        "pad_reflect",
        "gemm_alpha_beta",
        "convtranspose_dilated",
        "reducemean_opset18",
        "maxpool_ceil",
        "softmax_channel",
        "split_gated",
        "instancenorm",
    ];
    let mut opened = 0;
    for name in names {
        let whole = std::fs::read(fixtures().join(format!("ops/{name}.onnx"))).unwrap();
        let mut try_bytes = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            opened += usize::from(open(&path).is_ok());
        };
        for cut in 0..whole.len() {
            try_bytes(&whole[..cut]);
        }
        for at in 0..whole.len() {
            for change in [0x01, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                try_bytes(&bytes);
            }
        }
    }
    // Some changes are of names and weights alone.
    assert!(opened > 0);
}

#[test]
fn weights_beside_a_model_stay_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let model = std::fs::read(fixtures().join("variants/external_data.onnx")).unwrap();
    let weights = std::fs::read(fixtures().join("variants/external_data.bin")).unwrap();
    let path = inner.join("model.onnx");
    let renamed = |to: &str| {
        let mut bytes = model.clone();
        let from = b"external_data.bin";
        assert_eq!(to.len(), from.len());
        for at in 0..bytes.len() - from.len() {
            if &bytes[at..at + from.len()] == from {
                bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            }
        }
        std::fs::write(&path, bytes).unwrap();
        open(&path)
    };
    std::fs::write(folder.path().join("weights_here.b"), &weights).unwrap();
    for outside in ["../weights_here.b", "/etc/weights_here"] {
        let message = renamed(outside).unwrap_err().to_string();
        assert!(message.contains("is not inside the folder"), "{message}");
    }
    let message = renamed("external_none.bin").unwrap_err().to_string();
    assert!(message.contains("cannot read"), "{message}");
    std::fs::write(
        inner.join("external_data.bin"),
        &weights[..weights.len() / 2],
    )
    .unwrap();
    let message = renamed("external_data.bin").unwrap_err().to_string();
    assert!(message.contains("lies beyond"), "{message}");
    std::fs::write(inner.join("external_data.bin"), &weights).unwrap();
    assert!(renamed("external_data.bin").is_ok());
    leads_out(&inner, folder.path(), &renamed);
}

#[cfg(unix)]
fn leads_out<T, E: std::fmt::Display>(
    inner: &Path,
    outer: &Path,
    renamed: &dyn Fn(&str) -> Result<T, E>,
) {
    let link = inner.join("external_link.bin");
    std::os::unix::fs::symlink(outer.join("weights_here.b"), link).unwrap();
    let Err(error) = renamed("external_link.bin") else {
        panic!("a link out of the folder was followed");
    };
    assert!(error.to_string().contains("a link out of"), "{error}");
}

#[cfg(not(unix))]
fn leads_out<T, E: std::fmt::Display>(
    _inner: &Path,
    _outer: &Path,
    _renamed: &dyn Fn(&str) -> Result<T, E>,
) {
}
