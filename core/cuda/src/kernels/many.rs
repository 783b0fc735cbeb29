//! All parameters of a network in one launch: a network has hundreds, and each is small.

use candle_core::cuda_backend::WrapErr as _;
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, DevicePtr as _, DeviceRepr, LaunchConfig, PushKernelArg as _,
};
use candle_core::{CudaDevice, Result, Tensor};

use super::{BLOCK, Values, expect_len, int, one_each, room, tensor};

/// `Many` of `kernels.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Entry {
    addresses: [u64; 4],
    start: u64,
    count: u64,
    factor: f64,
}

// SAFETY: eight-byte numbers without padding between them, as the kernels declare them.
unsafe impl DeviceRepr for Entry {}

/// The tensors of a launch as the kernels find them, and the number of all values.
struct Table {
    entries: CudaSlice<Entry>,
    tensors: usize,
    total: usize,
    largest: usize,
}

impl Table {
    /// `rows`: up to four tensors of one length each, and a factor.
    fn new(device: &CudaDevice, rows: &[(Vec<&Tensor>, f64)]) -> Result<Self> {
        let stream = device.cuda_stream();
        let (mut entries, mut total, mut largest) = (Vec::with_capacity(rows.len()), 0, 0);
        for (tensors, factor) in rows {
            let count = tensors.first().map_or(0, |t| t.elem_count());
            let mut addresses = [0; 4];
            for (address, tensor) in addresses.iter_mut().zip(tensors) {
                expect_len(tensor, count, "a parameter's companion")?;
                let values = Values::of(tensor)?;
                *address = values.view()?.device_ptr(&stream).0;
            }
            entries.push(Entry {
                addresses,
                start: total as u64,
                count: count as u64,
                factor: *factor,
            });
            total += count;
            largest = largest.max(count);
        }
        int(3 * total)?;
        Ok(Self {
            entries: device.clone_htod(&entries)?,
            tensors: rows.len(),
            total,
            largest,
        })
    }

    /// Threads for the values of every tensor.
    fn config(&self) -> LaunchConfig {
        LaunchConfig {
            grid_dim: (
                self.largest.div_ceil(BLOCK).clamp(1, 64) as u32,
                self.tensors as u32,
                1,
            ),
            block_dim: (BLOCK as u32, 1, 1),
            shared_mem_bytes: 0,
        }
    }
}

/// The device of the first tensor.
fn device_of<'a>(rows: &[(Vec<&'a Tensor>, f64)]) -> Result<&'a CudaDevice> {
    match rows.first().and_then(|(tensors, _)| tensors.first()) {
        Some(tensor) => tensor.device().as_cuda_device(),
        None => candle_core::bail!("there are no tensors"),
    }
}

/// `by x + factor y` of every `(x, y, factor)`.
///
/// # Errors
/// When there are none, or one is not a contiguous f32 tensor of the device.
pub fn mix_many(pairs: &[(&Tensor, &Tensor, f64)], by: f64) -> Result<Vec<Tensor>> {
    let rows: Vec<_> = pairs.iter().map(|(x, y, f)| (vec![*x, *y], *f)).collect();
    let device = device_of(&rows)?;
    let table = Table::new(device, &rows)?;
    let mut y = room(device, table.total)?;
    let by = by as f32;
    launch!(
        device,
        "mix_many",
        table.config(),
        &table.entries,
        &mut y,
        &by
    )?;
    let all = tensor(y, device, &[table.total]);
    let mut start = 0;
    pairs
        .iter()
        .map(|(x, ..)| {
            let part = all.narrow(0, start, x.elem_count())?.reshape(x.dims());
            start += x.elem_count();
            part
        })
        .collect()
}

/// The numbers of an update by Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decays of the moments.
    pub beta: [f32; 2],
    /// What the moments are divided by because they began at zero.
    pub correction: [f32; 2],
    /// Learning rate.
    pub rate: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

/// Value and moments of every `[value, first moment, second moment, gradient]` after one update by the gradient times the
/// one number `scale`.
///
/// # Errors
/// As [`mix_many`].
pub fn adam_many(
    states: &[[&Tensor; 4]],
    scale: &Tensor,
    step: &AdamStep,
) -> Result<Vec<[Tensor; 3]>> {
    expect_len(scale, 1, "the scale")?;
    let rows: Vec<_> = states.iter().map(|s| (s.to_vec(), 0.0)).collect();
    let device = device_of(&rows)?;
    let table = Table::new(device, &rows)?;
    let mut y = room(device, 3 * table.total)?;
    let scale = Values::of(scale)?;
    let scale = scale.view()?;
    let [beta1, beta2] = step.beta;
    let [correction1, correction2] = step.correction;
    launch!(
        device,
        "adam_many",
        table.config(),
        &table.entries,
        &scale,
        &mut y,
        &beta1,
        &beta2,
        &correction1,
        &correction2,
        &step.rate,
        &step.epsilon
    )?;
    let all = tensor(y, device, &[3 * table.total]);
    let mut start = 0;
    states
        .iter()
        .map(|[value, ..]| {
            let n = value.elem_count();
            let part = |i: usize| all.narrow(0, start + i * n, n)?.reshape(value.dims());
            let parts = [part(0)?, part(1)?, part(2)?];
            start += 3 * n;
            Ok(parts)
        })
        .collect()
}

/// `old m + (1 - old) scale g` of every `(m, g)`, one after another, and the same again with that for `m`.
///
/// # Errors
/// As [`mix_many`].
pub fn momentum_many(
    pairs: &[(&Tensor, &Tensor)],
    scale: &Tensor,
    old: f64,
) -> Result<[Tensor; 2]> {
    expect_len(scale, 1, "the scale")?;
    let rows: Vec<_> = pairs.iter().map(|(m, g)| (vec![*m, *g], 0.0)).collect();
    let device = device_of(&rows)?;
    let table = Table::new(device, &rows)?;
    let mut y = room(device, 2 * table.total)?;
    let scale = Values::of(scale)?;
    let scale = scale.view()?;
    let (total, old) = (int(table.total)?, old as f32);
    launch!(
        device,
        "momentum_many",
        table.config(),
        &table.entries,
        &scale,
        &mut y,
        &total,
        &old
    )?;
    let all = tensor(y, device, &[2, table.total]);
    let half = |i: usize| all.narrow(0, i, 1)?.reshape(table.total);
    Ok([half(0)?, half(1)?])
}

/// The number, `[1]`, that shortens all tensors, taken as one vector, to the length `clip`; 1 where they are not longer.
///
/// # Errors
/// As [`mix_many`].
pub fn clip_scale(tensors: &[&Tensor], clip: f64) -> Result<Tensor> {
    let rows: Vec<_> = tensors.iter().map(|t| (vec![*t], 0.0)).collect();
    let device = device_of(&rows)?;
    let table = Table::new(device, &rows)?;
    // SAFETY: the kernel writes one number for every tensor.
    let mut part = unsafe { device.alloc::<f64>(table.tensors)? };
    let mut y = room(device, 1)?;
    let config = LaunchConfig {
        grid_dim: (table.tensors as u32, 1, 1),
        ..one_each(1)
    };
    launch!(device, "square_many", config, &table.entries, &mut part)?;
    let (parts, clip) = (int(table.tensors)?, clip as f32);
    let single = LaunchConfig {
        block_dim: (1, 1, 1),
        ..one_each(1)
    };
    launch!(device, "clip_scale", single, &part, &mut y, &parts, &clip)?;
    Ok(tensor(y, device, &[1]))
}
