//! Networks that other people trained and published, opened as they come and compared with PyTorch on the same latents.
//!
//! `tests/real_networks/fetch` brings the files into `target/real_networks` (or the folder that `GANOSCOPE_REAL_NETWORKS`
//! names), `tests/real_networks/reference.py` runs them in PyTorch. Where they are missing the test says so and passes, unless
//! `GANOSCOPE_REQUIRE_REAL_NETWORKS` is set.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod common;

use std::env;
use std::path::{Path, PathBuf};

use common::{max_diff, reference};
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, open_network};
use ganoscope_core::network::{Edits, Retain};

/// The folder with the networks and the reference, or `None` after saying what is missing.
fn folder() -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/real_networks");
    let folder = env::var_os("GANOSCOPE_REAL_NETWORKS").map_or_else(usual, PathBuf::from);
    if folder.join("reference.safetensors").is_file() {
        return Some(folder);
    }
    let is_required = env::var_os("GANOSCOPE_REQUIRE_REAL_NETWORKS").is_some();
    assert!(
        !is_required,
        "real networks are required, but {} has no reference.safetensors; run tests/real_networks/fetch and reference.py",
        folder.display()
    );
    eprintln!("real networks are not present, nothing compared");
    None
}

#[test]
fn published_generators_draw_what_pytorch_draws() {
    let Some(folder) = folder() else {
        return;
    };
    let expected = reference::tensors(&folder.join("reference.safetensors"));
    for (name, file, latent, side) in [
        (
            "gan-face-generate",
            "gan_face_generate/weights.tar",
            100,
            64,
        ),
        (
            "omniart-eye-generator",
            "omniart_eye_generator/generator_model_state.pth",
            108,
            128,
        ),
    ] {
        let path = folder.join(name).join(file);
        let opened = open_network(&NetworkSpec::parse(&path.to_string_lossy())).unwrap();
        assert_eq!(opened.role, NetworkRole::Generator);
        assert_eq!(opened.network.input_fact().dims, [latent, 1, 1]);
        assert_eq!(opened.report.unused, [""; 0]);
        let input = &expected[&format!("{name}.input")];
        let run = opened
            .network
            .forward(std::slice::from_ref(input), &Edits::new(), &Retain::Nothing)
            .unwrap();
        let image = &run.outputs()[0];
        assert_eq!(image.dims()[1..], [3, side, side]);
        let difference = max_diff(image, &expected[&format!("{name}.image")]);
        let identity = &opened.identity;
        eprintln!(
            "{name}: {} ({}), {difference:.1e}",
            identity.family, identity.confidence
        );
        assert!(difference <= 1e-4, "{name}: {difference}");
    }
}
