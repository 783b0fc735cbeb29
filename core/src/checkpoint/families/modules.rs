//! The layers with parameters that a state dict lists, each told by the shapes of its tensors.

use crate::checkpoint::TensorFile;
use crate::network::Role;

/// A layer with parameters.
#[derive(Clone, Debug)]
pub(super) struct Module {
    /// Its name: what all its keys begin with.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Kind,
    /// Roles and keys of its parameters.
    pub(super) params: Vec<(Role, String)>,
}

/// What a layer is, as far as its tensors tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A convolution `[out, in, rows, columns]` or a transposed one `[in, out, rows, columns]`; length of the bias.
    Kernel {
        dims: [usize; 4],
        bias: Option<usize>,
    },
    /// A dense layer `[out, in]`.
    Dense { dims: [usize; 2] },
    /// A batch normalisation with statistics.
    BatchNorm { channels: usize },
    /// Slopes of a `PReLU`.
    Slope { dims: Vec<usize> },
    /// A factor and a bias that are applied when the network runs (progressive GAN).
    WeightScale { channels: usize },
    /// Anything else; the keys of its tensors.
    Unknown,
}

impl Module {
    /// Whether it is a convolution or a dense layer.
    pub(super) const fn is_weighted(&self) -> bool {
        matches!(self.kind, Kind::Kernel { .. } | Kind::Dense { .. })
    }

    /// The shape of its kernel.
    pub(super) const fn kernel(&self) -> Option<[usize; 4]> {
        match self.kind {
            Kind::Kernel { dims, .. } => Some(dims),
            _ => None,
        }
    }
}

/// The modules of a file, in the order of the file.
pub(super) fn modules(file: &TensorFile) -> Vec<Module> {
    let mut names: Vec<&str> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for key in &file.order {
        let name = key.rsplit_once('.').map_or("", |(name, _)| name);
        if !key.ends_with("num_batches_tracked") && seen.insert(name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| module(file, name)).collect()
}

fn module(file: &TensorFile, name: &str) -> Module {
    let key = |end: &str| {
        if name.is_empty() {
            end.to_owned()
        } else {
            format!("{name}.{end}")
        }
    };
    let dims = |end: &str| {
        file.tensors
            .get(&key(end))
            .map(|tensor| tensor.dims().to_vec())
    };
    let bias_key = if dims("bias").is_some() { "bias" } else { "b" };
    let bias = dims(bias_key);
    let weight = dims("weight");
    let with = |roles: &[(Role, &str)]| -> Vec<(Role, String)> {
        let held = roles.iter().filter(|(_, end)| dims(end).is_some());
        held.map(|(role, end)| (*role, key(end))).collect()
    };
    let (kind, params) = match (weight.as_deref(), bias.as_deref()) {
        (Some(&[a, b, rows, columns]), bias) if a * b * rows * columns > 0 => (
            Kind::Kernel {
                dims: [a, b, rows, columns],
                bias: bias.and_then(|dims| dims.first().copied()),
            },
            with(&[(Role::Weight, "weight"), (Role::Bias, bias_key)]),
        ),
        (Some(&[out, inner]), _) if out * inner > 0 => (
            Kind::Dense { dims: [out, inner] },
            with(&[(Role::Weight, "weight"), (Role::Bias, bias_key)]),
        ),
        (weight, _) if dims("running_mean").is_some() && dims("running_var").is_some() => {
            let statistics = dims("running_mean").unwrap_or_default();
            let channels = weight.and_then(|w| w.first().copied());
            let channels = channels.or(statistics.first().copied()).unwrap_or(0);
            let roles = [
                (Role::Weight, "weight"),
                (Role::Bias, "bias"),
                (Role::Mean, "running_mean"),
                (Role::Var, "running_var"),
            ];
            (Kind::BatchNorm { channels }, with(&roles))
        }
        (Some(slopes @ ([_] | [_, _, _])), None) => (
            Kind::Slope {
                dims: slopes.to_vec(),
            },
            with(&[(Role::Slope, "weight")]),
        ),
        (None, Some(&[channels])) if dims("scale").is_some_and(|dims| dims.len() <= 1) => (
            Kind::WeightScale { channels },
            with(&[(Role::Weight, "scale"), (Role::Bias, bias_key)]),
        ),
        _ => (Kind::Unknown, Vec::new()),
    };
    Module {
        name: name.to_owned(),
        kind,
        params,
    }
}
