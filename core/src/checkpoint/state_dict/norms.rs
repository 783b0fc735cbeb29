//! Normalised weights made effective: spectral normalisation divides a weight by its largest singular value, weight
//! normalisation gives every output channel a length of its own.
//!
//! Sources: Miyato et al. 2018 (arXiv 1802.05957), Salimans and Kingma 2016 (arXiv 1602.07868); names and eval-mode
//! arithmetic of `torch.nn.utils` and `torch.nn.utils.parametrizations`.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::checkpoint::{CheckpointError, TensorFile};

/// How a normalised weight is spelled: the ends of the keys of its parts.
enum Spelling {
    /// Weight, left and right singular vector; whether the vectors are renewed once more before they are used.
    Spectral(&'static str, &'static str, &'static str, bool),
    /// Lengths and directions.
    Lengths(&'static str, &'static str),
}

const SPELLINGS: [Spelling; 5] = [
    Spelling::Spectral("weight_orig", "weight_u", "weight_v", false),
    // A module of its own in many repositories, which iterates in evaluation too.
    Spelling::Spectral("weight_bar", "weight_u", "weight_v", true),
    Spelling::Spectral(
        "parametrizations.weight.original",
        "parametrizations.weight.0._u",
        "parametrizations.weight.0._v",
        false,
    ),
    Spelling::Lengths("weight_g", "weight_v"),
    Spelling::Lengths(
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ),
];

/// Replaces the parts of every normalised weight by the weight that the layer uses, under the key `weight`.
///
/// # Errors
/// [`CheckpointError::Tensor`] when a part is missing or has another shape.
pub(in crate::checkpoint) fn fold(file: &mut TensorFile) -> Result<(), CheckpointError> {
    let known = file.renamed.len();
    for spelling in SPELLINGS {
        let main = match spelling {
            Spelling::Spectral(main, ..) | Spelling::Lengths(main, _) => main,
        };
        let layers: Vec<String> = file
            .tensors
            .keys()
            .filter_map(|key| key.strip_suffix(main))
            .filter(|layer| layer.is_empty() || layer.ends_with('.'))
            .map(str::to_owned)
            .collect();
        for layer in layers {
            fold_layer(file, &layer, &spelling)?;
        }
    }
    reorder(file, known);
    Ok(())
}

fn fold_layer(
    file: &mut TensorFile,
    layer: &str,
    spelling: &Spelling,
) -> Result<(), CheckpointError> {
    let key = |end: &str| format!("{layer}{end}");
    let part = |end: &str| {
        let key = key(end);
        let missing = || CheckpointError::tensor(&file.header.path, &key, "is missing");
        file.tensors.get(&key).cloned().ok_or_else(missing)
    };
    // The key whose place in the file the weight takes, and the others.
    let (place, gone, folded) = match *spelling {
        Spelling::Spectral(main, u, v, renew) => {
            let folded = spectral(&part(main)?, &part(u)?, part(v).ok().as_ref(), renew);
            (main, [u, v], folded)
        }
        Spelling::Lengths(lengths, directions) => {
            let folded = with_lengths(&part(directions)?, &part(lengths)?);
            (directions, [lengths, lengths], folded)
        }
    };
    let path = file.header.path.clone();
    let wrong = |e: candle_core::Error| CheckpointError::tensor(&path, &key(place), e.to_string());
    let folded = folded.map_err(wrong)?;
    let target = key("weight");
    for end in gone {
        file.tensors.remove(&key(end));
        file.header.entries.remove(&key(end));
    }
    file.tensors.remove(&key(place));
    file.tensors.insert(target.clone(), folded);
    if let Some(entry) = file.header.entries.remove(&key(place)) {
        file.header.entries.insert(target.clone(), entry);
    }
    file.renamed.push((key(place), target));
    Ok(())
}

/// Brings the order of the keys to what is left: a weight is where the part of it was that gave it its name.
fn reorder(file: &mut TensorFile, known: usize) {
    let new: BTreeMap<&str, &str> = file.renamed[known..]
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    for key in &mut file.order {
        if let Some(to) = new.get(key.as_str()) {
            (*to).clone_into(key);
        }
    }
    let entries = &file.header.entries;
    file.order.retain(|key| entries.contains_key(key));
}

/// `weight / (u^T W v)`, where `W` is the weight as a matrix: rows are output channels, which transposed convolutions have
/// in axis 1. That the vectors belong to each other tells which.
fn spectral(
    weight: &Tensor,
    u: &Tensor,
    v: Option<&Tensor>,
    renew: bool,
) -> Result<Tensor, candle_core::Error> {
    let u = doubles(u)?;
    let v = v.map(doubles).transpose()?;
    let mut best: Option<(f64, f64)> = None;
    for axis in 0..weight.rank().min(2) {
        if weight.dim(axis)? != u.len() {
            continue;
        }
        let matrix = doubles(&weight.transpose(0, axis)?.contiguous()?)?;
        let columns = matrix.len() / u.len().max(1);
        let right = match &v {
            Some(v) if v.len() != columns => continue,
            Some(v) if !renew => v.clone(),
            _ => unit(&transposed_product(&matrix, &u, columns)),
        };
        let left = product(&matrix, &right);
        let u = if renew { unit(&left) } else { u.clone() };
        let sigma = dot(&u, &left);
        let agreement = (sigma / dot(&left, &left).sqrt()).abs();
        if best.is_none_or(|(known, _)| agreement > known) {
            best = Some((agreement, sigma));
        }
    }
    match best {
        Some((_, sigma)) if sigma.is_normal() => weight.affine(1.0 / sigma, 0.0),
        Some((_, sigma)) => candle_core::bail!("has the spectral norm {sigma}"),
        None => candle_core::bail!(
            "has shape {:?}, but singular vectors of {} and {} elements",
            weight.dims(),
            u.len(),
            v.map_or(0, |v| v.len())
        ),
    }
}

/// `g v / |v|`, the length over all axes along which `g` has one element.
fn with_lengths(v: &Tensor, g: &Tensor) -> Result<Tensor, candle_core::Error> {
    let g = if g.rank() == v.rank() {
        g.clone()
    } else {
        g.reshape(vec![1; v.rank()])?
    };
    let axes: Vec<usize> = (0..v.rank()).filter(|axis| g.dims()[*axis] == 1).collect();
    let lengths = v.sqr()?.sum_keepdim(axes)?.sqrt()?;
    v.broadcast_mul(&g.broadcast_div(&lengths)?)
}

fn doubles(tensor: &Tensor) -> Result<Vec<f64>, candle_core::Error> {
    tensor
        .to_dtype(candle_core::DType::F64)?
        .flatten_all()?
        .to_vec1()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn unit(a: &[f64]) -> Vec<f64> {
    let length = dot(a, a).sqrt().max(1e-12);
    a.iter().map(|x| x / length).collect()
}

/// Rows times a vector.
fn product(matrix: &[f64], v: &[f64]) -> Vec<f64> {
    matrix
        .chunks(v.len().max(1))
        .map(|row| dot(row, v))
        .collect()
}

/// A vector times rows of `columns` elements.
fn transposed_product(matrix: &[f64], u: &[f64], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for (row, u) in matrix.chunks(columns.max(1)).zip(u) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += u * x;
        }
    }
    sums
}
