//! Networks of which only the weights are known: the description of every reference network, written and read back, gives the
//! same network, and the spellings of repositories that many people copy equal PyTorch.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::path::Path;

use common::{max_diff, reference};
use ganoscope_core::checkpoint::{
    Confidence, NetworkSpec, Opened, draft_description, open_network_for,
};
use ganoscope_core::network::{Edits, Retain};

/// Every network with reference outputs, and rows of its stamps where weights do not tell.
const NETWORKS: [(&str, Option<usize>); 9] = [
    ("deblender_d_q", Some(80)),
    ("deblender_d_tf", Some(80)),
    ("deblender_g_q", Some(80)),
    ("deblender_g_hwc", None),
    ("dcgan_g", None),
    ("dcgan_d", None),
    ("proggan_g", None),
    ("esrgan_g", Some(20)),
    ("res_d", None),
];

fn open(path: &Path, size: Option<usize>) -> Opened {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    open_network_for(&spec, size).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_description_gives_the_same_network() {
    let Some(folder) = reference::folder() else {
        return;
    };
    for (name, size) in NETWORKS {
        let dir = tempfile::tempdir().unwrap();
        let weights = dir.path().join("weights.safetensors");
        std::fs::copy(folder.join(format!("models/{name}.safetensors")), &weights).unwrap();
        let inferred = open(&weights, size);
        let spec = NetworkSpec::parse(&weights.to_string_lossy());
        let draft = draft_description(&spec, size).unwrap();
        // Named by itself, not beside the weights.
        let description = dir.path().join("mine.toml");
        assert!(
            draft.contains("weights = \"weights.safetensors\""),
            "{draft}"
        );
        std::fs::write(&description, draft).unwrap();
        let described = open(&description, size);
        let (a, b) = (inferred.network.nodes(), described.network.nodes());
        assert_eq!(a.len(), b.len(), "{name}");
        for (a, b) in a.iter().zip(b) {
            assert_eq!(
                (&a.name, &a.op, &a.fact),
                (&b.name, &b.op, &b.fact),
                "{name}"
            );
            assert_eq!(a.inputs, b.inputs, "{name} {}", a.name);
        }
        assert_eq!(inferred.role, described.role, "{name}");
    }
}

/// Networks in the spelling of repositories that many people copy: rows of their pictures where any would do, what they are
/// and how sure that is.
const SPELLINGS: [(&str, Option<usize>, &str, Confidence); 10] = [
    (
        "upsampling_g",
        None,
        "up-sampling generator",
        Confidence::Doubtful,
    ),
    (
        "dropout_d",
        None,
        "convolutional discriminator",
        Confidence::Doubtful,
    ),
    (
        "dense_g",
        None,
        "fully connected generator",
        Confidence::Likely,
    ),
    (
        "dense_d",
        None,
        "fully connected discriminator",
        Confidence::Likely,
    ),
    (
        "residual_g",
        Some(6),
        "residual super-resolution generator (SRGAN)",
        Confidence::Likely,
    ),
    (
        "dense_blocks_g",
        Some(6),
        "residual-dense super-resolution generator (ESRGAN)",
        Confidence::Likely,
    ),
    (
        "alternating_d",
        None,
        "convolutional discriminator",
        Confidence::Doubtful,
    ),
    (
        "patch_d",
        Some(32),
        "PatchGAN discriminator",
        Confidence::Doubtful,
    ),
    (
        "spectral_d",
        None,
        "DCGAN discriminator",
        Confidence::Likely,
    ),
    (
        "residual_d",
        Some(16),
        "residual discriminator",
        Confidence::Doubtful,
    ),
];

#[test]
fn spellings_of_other_repositories_equal_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/weights");
    let expected = reference::tensors(&folder.join("families_expected.safetensors"));
    for (name, size, family, confidence) in SPELLINGS {
        let text = format!("{}:{name}", folder.join("families.pth").display());
        let opened = open_network_for(&NetworkSpec::parse(&text), size);
        let opened = opened.unwrap_or_else(|e| panic!("{name}: {e}"));
        let identity = &opened.identity;
        assert_eq!(
            (&*identity.family, identity.confidence),
            (family, confidence),
            "{name}"
        );
        assert_eq!(opened.report.unused, [""; 0], "{name}");
        assert!(
            !opened.guesses.is_empty() && !identity.evidence.is_empty(),
            "{name}"
        );
        let input = &expected[&format!("{name}.input")];
        let run = opened
            .network
            .forward(std::slice::from_ref(input), &Edits::new(), &Retain::Nothing)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let difference = max_diff(&run.outputs()[0], &expected[&format!("{name}.output")]);
        eprintln!("{name}: {difference:.1e}");
        assert!(difference <= 1e-5, "{name}: {difference}");
    }
}
