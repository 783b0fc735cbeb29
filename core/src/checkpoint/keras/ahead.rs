//! What becomes of a vector later: whether a picture is made of it.

use super::graph::Model;
use super::lower::completed;

/// Layers that keep every element of a vector where it is.
const ELEMENT_WISE: [&str; 10] = [
    "Activation",
    "AlphaDropout",
    "BatchNormalization",
    "Dropout",
    "ELU",
    "GaussianDropout",
    "GaussianNoise",
    "LeakyReLU",
    "PReLU",
    "ReLU",
];

impl Model<'_> {
    /// The picture `[C, H, W]` that is made of the `len` values of a layer, directly or behind layers that keep each
    /// element in its place. With several, the first; another order is refused where it is asked for.
    pub(super) fn reshaped_to(&self, layer: usize, len: usize) -> Option<[usize; 3]> {
        let mut seen = vec![false; self.layers.len()];
        let mut waiting = vec![layer];
        while let Some(source) = waiting.pop() {
            for (index, reader) in self.layers.iter().enumerate() {
                let mut read = reader.calls.iter().flat_map(super::graph::Call::references);
                if seen.get(index) == Some(&true) || !read.any(|r| r.layer == source) {
                    continue;
                }
                seen[index] = true;
                if reader.class == "Reshape" {
                    let target = reader.config.get("target_shape")?.as_array()?;
                    let target: Option<Vec<i64>> =
                        target.iter().map(serde_json::Value::as_i64).collect();
                    if let Some(&[rows, columns, channels]) = completed(&target?, len).as_deref() {
                        return Some([channels, rows, columns]);
                    }
                } else if ELEMENT_WISE.contains(&reader.class) {
                    waiting.push(index);
                }
            }
        }
        None
    }
}
