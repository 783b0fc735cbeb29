//! Reference files: where they are, and their tensors and numbers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ganoscope_core::network::{Network, NetworkError, Role};

/// The folder of the reference outputs, or `None` (said on stderr) where they are not present.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles/public");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("reference outputs are not present, nothing compared");
    None
}

/// All tensors of a safetensors file.
pub(crate) fn tensors(path: &Path) -> HashMap<String, Tensor> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{e}: {}", path.display()));
    candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .unwrap_or_else(|e| panic!("{e}: {}", path.display()))
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{e}: {}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {}", path.display()))
}

/// A parameter source that takes tensors from a state dict; `[C]` and `[C, 1, 1]` count as the same.
pub(crate) fn state_dict(
    tensors: HashMap<String, Tensor>,
) -> impl FnMut(&str, Role, &[usize]) -> Result<Tensor, NetworkError> {
    move |key, _, dims| match tensors.get(key) {
        Some(tensor) => Ok(tensor.reshape(dims)?),
        None => Err(NetworkError::MissingParam {
            layer: key.rsplit_once('.').map_or(key, |(layer, _)| layer).into(),
            key: key.to_owned(),
        }),
    }
}

/// The layer that carries the value of a PyTorch module: of its name, or the last inside it.
pub(crate) fn layer_of<'a>(network: &'a Network, module: &str) -> Option<&'a str> {
    let inside = format!("{module}.");
    let mut names = network.nodes().iter().map(|node| &*node.name);
    let exact = names.clone().find(|name| *name == module);
    exact.or_else(|| names.rfind(|name| name.starts_with(&inside)))
}
