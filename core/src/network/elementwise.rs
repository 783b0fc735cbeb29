//! Element-wise operations and their pullbacks.
//!
//! On the CPU in f32 each runs in one pass over memory; other types and devices go through candle's operations, which
//! the f64 law tests exercise.

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, WithDType};

use crate::kernels;

/// Calls `f` with the elements of a contiguous CPU tensor; `None` when it is elsewhere or of another type.
pub(crate) fn with_slice<T: WithDType, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> R) -> Option<R> {
    if tensor.dtype() != T::DTYPE {
        return None;
    }
    let (storage, layout) = tensor.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    match &*storage {
        Storage::Cpu(cpu) => cpu.as_slice::<T>().ok().map(|slice| f(&slice[start..end])),
        _ => None,
    }
}

/// The elements of a contiguous f32 tensor on the CPU, for as long as the result lives.
pub(crate) fn floats(tensor: &Tensor) -> Result<impl Deref<Target = [f32]> + '_> {
    let (storage, layout) = tensor.storage_and_layout();
    let is_f32 = matches!(&*storage, Storage::Cpu(CpuStorage::F32(_)));
    let Some((start, end)) = layout.contiguous_offsets().filter(|_| is_f32) else {
        candle_core::bail!("the value must be contiguous f32 on the CPU")
    };
    let range = start..end;
    Ok(Floats { storage, range })
}

struct Floats<G> {
    storage: G,
    range: Range<usize>,
}

impl<G: Deref<Target = Storage>> Deref for Floats<G> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => unreachable!("checked when it was made"),
        }
    }
}

/// Whether the processor is to compute as any other device does.
static IS_FOREIGN: AtomicBool = AtomicBool::new(false);

/// Makes this process compute on the CPU with the operations that other devices use, for all networks and trainings, or
/// with the kernels of this crate again. For tests: what runs on a GPU is compared with the kernels where there is none.
#[doc(hidden)]
pub fn treat_cpu_as_foreign(foreign: bool) {
    IS_FOREIGN.store(foreign, Ordering::Relaxed);
}

/// Whether the fast path applies to a device: the CPU, unless [`treat_cpu_as_foreign`] said otherwise.
pub(crate) fn has_kernels(device: &Device) -> bool {
    device.is_cpu() && !IS_FOREIGN.load(Ordering::Relaxed)
}

/// Whether the fast path applies: f32 on the CPU.
pub(crate) fn is_fast(tensor: &Tensor) -> bool {
    tensor.dtype() == DType::F32 && has_kernels(tensor.device())
}

/// A CPU tensor that takes over the vector.
pub(super) fn from_vec(values: Vec<f32>, dims: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, dims, &Device::Cpu)
}

/// Whether no value is infinite or not a number.
pub(crate) fn is_finite(tensor: &Tensor) -> Result<bool> {
    let tensor = tensor.contiguous()?;
    let here = with_slice(&tensor, kernels::all_finite)
        .or_else(|| with_slice(&tensor, |v: &[f64]| v.iter().all(|v| v.is_finite())));
    match here {
        Some(finite) => Ok(finite),
        // Elsewhere: 0 x is 0 for finite numbers alone.
        None => {
            let zeros = tensor.affine(0.0, 0.0)?.sum_all()?;
            Ok(zeros.to_dtype(DType::F32)?.to_scalar::<f32>()? == 0.0)
        }
    }
}

/// The exact bits of a one-dimensional f32 or f64 tensor, for comparing edits.
pub(super) fn bits(flat: &Tensor) -> Option<Vec<u64>> {
    let storage = flat.to_device(&Device::Cpu).ok()?;
    let storage = storage.contiguous().ok()?;
    let (guard, layout) = storage.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    match &*guard {
        Storage::Cpu(CpuStorage::F32(v)) => Some(
            v[start..end]
                .iter()
                .map(|x| u64::from(x.to_bits()))
                .collect(),
        ),
        Storage::Cpu(CpuStorage::F64(v)) => {
            Some(v[start..end].iter().map(|x| x.to_bits()).collect())
        }
        _ => None,
    }
}

/// Elements of one channel of one sample of a `[N, C, ...]` value; the whole value when that would be tiny.
fn plane_len(x: &Tensor) -> usize {
    x.dims().iter().skip(2).product()
}

/// `f(x_i)` for every element; contiguous f32 on the CPU only.
pub(super) fn map<F: Fn(f32) -> f32 + Sync + Copy>(x: &Tensor, f: F) -> Result<Tensor> {
    map_planes(x, |_| f)
}

/// `f(i)(x)` for every element of every plane `i`; f32 on the CPU only.
pub(super) fn map_planes<F: Fn(f32) -> f32>(
    x: &Tensor,
    f: impl Fn(usize) -> F + Sync,
) -> Result<Tensor> {
    let x = x.contiguous()?;
    match with_slice(&x, |values: &[f32]| {
        kernels::map_planes(values, plane_len(&x), f)
    }) {
        Some(values) => from_vec(values, x.dims()),
        None => candle_core::bail!("the value must be f32 on the CPU"),
    }
}

/// `f(a_i, b_i)` for every pair of elements; equal dimensions, f32 on the CPU only.
pub(super) fn zip<F: Fn(f32, f32) -> f32 + Sync + Copy>(
    a: &Tensor,
    b: &Tensor,
    f: F,
) -> Result<Tensor> {
    zip_planes(a, b, |_| f)
}

/// `f(i)(a, b)` for every pair of elements of every plane `i`; equal dimensions, f32 on the CPU only.
pub(super) fn zip_planes<F: Fn(f32, f32) -> f32>(
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(usize) -> F + Sync,
) -> Result<Tensor> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let plane = plane_len(&a);
    match with_slice(&a, |a: &[f32]| {
        with_slice(&b, |b: &[f32]| kernels::zip_planes(a, b, plane, f))
    })
    .flatten()
    {
        Some(values) => from_vec(values, a.dims()),
        None => candle_core::bail!("both values must be f32 on the CPU"),
    }
}

/// Sums over every channel, of all components of `f(channel)(a, b)`; equal dimensions, f32 on the CPU only.
pub(super) fn channel_sums<const N: usize, F: Fn(f32, f32) -> [f32; N]>(
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(usize) -> F + Sync,
) -> Result<Vec<[f64; N]>> {
    let (a, b) = (a.contiguous()?, b.contiguous()?);
    let (channels, plane) = (a.dim(1)?, plane_len(&a));
    let planes = kernels::sum_planes(&floats(&a)?, &floats(&b)?, plane, |i| f(i % channels));
    Ok(sum_by_channel(&planes, channels))
}

/// Sums over the planes of each channel.
pub(super) fn sum_by_channel<const N: usize>(
    planes: &[[f64; N]],
    channels: usize,
) -> Vec<[f64; N]> {
    let mut sums = vec![[0.0; N]; channels];
    for (i, plane) in planes.iter().enumerate() {
        for (sum, plane) in sums[i % channels].iter_mut().zip(plane) {
            *sum += plane;
        }
    }
    sums
}

/// Gives two `[N, ...]` values the same rank, so that their dimensions align at the end (the batch stays first).
pub(super) fn align(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let rank = a.rank().max(b.rank());
    let lift = |t: &Tensor| {
        let mut dims = vec![t.dim(0)?];
        dims.resize(1 + rank - t.rank(), 1);
        dims.extend_from_slice(&t.dims()[1..]);
        t.reshape(dims)
    };
    Ok((lift(a)?, lift(b)?))
}

/// `a + b` with broadcasting.
pub(super) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() == b.dims() && is_fast(a) && is_fast(b) {
        return zip(a, b, |a, b| a + b);
    }
    let (a, b) = align(a, b)?;
    a.broadcast_add(&b)
}

/// `a * b` with broadcasting.
pub(super) fn mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = align(a, b)?;
    a.broadcast_mul(&b)
}

/// `gain x + offset` for `x` of `[N, ...]`; gain and offset broadcast to one sample, `[1, ...]`.
pub(super) fn gain_offset(x: &Tensor, gain: &Tensor, offset: &Tensor) -> Result<Tensor> {
    if !is_fast(x) || !is_fast(gain) || !is_fast(offset) || x.rank() < 2 {
        return x.broadcast_mul(gain)?.broadcast_add(offset);
    }
    let channels = x.dim(1)?;
    let per_channel = |t: &Tensor| {
        let n = t.elem_count();
        n == 1 || (n == channels && t.rank() == x.rank() && t.dims()[1] == n)
    };
    if per_channel(gain) && per_channel(offset) {
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (gain, offset) = (flat(gain)?, flat(offset)?);
        return map_planes(x, |i| {
            let channel = i % channels;
            let (gain, offset) = (gain[channel % gain.len()], offset[channel % offset.len()]);
            move |x| gain * x + offset
        });
    }
    let mut sample = x.dims().to_vec();
    sample[0] = 1;
    let whole = |t: &Tensor| t.broadcast_as(sample.as_slice())?.contiguous();
    let (x, gain, offset) = (x.contiguous()?, whole(gain)?, whole(offset)?);
    let values = with_slice(&x, |x: &[f32]| {
        with_slice(&gain, |gain: &[f32]| {
            with_slice(&offset, |offset: &[f32]| {
                let mut y = x.to_vec();
                for y in y.chunks_mut(gain.len()) {
                    for ((y, gain), offset) in y.iter_mut().zip(gain).zip(offset) {
                        *y = gain * *y + offset;
                    }
                }
                y
            })
        })
    });
    from_vec(values.flatten().flatten().unwrap_or_default(), x.dims())
}
