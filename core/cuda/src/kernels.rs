//! The kernels of `kernels.cu` on candle's tensors: what a training step does most often, in f32.
//!
//! Invariant: inputs are contiguous f32 tensors of one CUDA device, and their lengths are checked against the shapes that
//! the kernels are told, so that none reads or writes outside its arguments.

use std::env;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::cuda_backend::WrapErr as _;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, LaunchConfig, sys};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Device, Result, Storage, Tensor};

/// Runs a kernel of `kernels.cu` by name, with references to its arguments in its order.
macro_rules! launch {
    ($device:expr, $name:expr, $config:expr, $($argument:expr),+ $(,)?) => {{
        let function = $device.get_or_load_custom_func($name, $crate::kernels::MODULE, $crate::kernels::PTX)?;
        let mut arguments = function.builder();
        $(arguments.arg($argument);)+
        // SAFETY: the arguments are those of the kernel, and the lengths of all tensors were checked against what it is
        // told.
        unsafe { arguments.launch($config) }.w().map(|_| ())
    }};
}

mod convolution;
mod elementwise;
mod many;
mod normalisation;
mod upload;

pub use convolution::Convolution;
pub use elementwise::{bend, bend_pullback, leak};
pub use many::{AdamStep, adam_many, clip_scale, mix_many, momentum_many};
pub use normalisation::{Normalisation, batch_statistics, channel_sums, slope_sums};
pub use upload::Upload;

/// What nvcc made of `kernels.cu`; the driver translates it for its card.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

/// Name under which candle keeps the loaded kernels.
const MODULE: &str = "ganoscope";

/// Threads of a block in the kernels that go through values one by one.
const BLOCK: usize = 256;

/// Whether products are rounded to TF32.
static IS_ROUNDED: AtomicBool = AtomicBool::new(false);

/// Lets the convolutions (and candle's matrix products) multiply numbers rounded to 11 significant bits, which NVIDIA calls
/// TF32, or no longer. Faster; a value is then off by up to a thousandth of the terms it is made of. Sums stay in f32.
pub fn round_products(rounded: bool) {
    IS_ROUNDED.store(rounded, Ordering::Relaxed);
    candle_core::cuda::set_gemm_reduced_precision_f32(rounded);
}

fn is_exact() -> bool {
    !IS_ROUNDED.load(Ordering::Relaxed)
}

/// Whether these kernels can be used on a device: a CUDA device that has tensor cores for f32, unless the environment
/// says `GANOSCOPE_CUDA_KERNELS=off` (candle's own are used then).
pub fn are_usable(device: &Device) -> bool {
    static USABLE: OnceLock<bool> = OnceLock::new();
    let Ok(device) = device.as_cuda_device() else {
        return false;
    };
    *USABLE.get_or_init(|| {
        env::var_os("GANOSCOPE_CUDA_KERNELS").is_none_or(|v| v != "off")
            && device.get_or_load_custom_func("leak", MODULE, PTX).is_ok()
    })
}

/// Prepares a device for long work on one stream: memory that was freed is kept for the next tensor, and no event is
/// recorded for every use of every tensor.
///
/// # Errors
/// When the device is not CUDA's or refuses.
pub fn prepare(device: &Device) -> Result<()> {
    let device = device.as_cuda_device()?;
    let stream = device.cuda_stream();
    // SAFETY: a device made by `new_cuda_with_stream` has one stream for all threads, on which everything is in order.
    unsafe { device.disable_event_tracking() };
    let mut pool = std::ptr::null_mut();
    let mut threshold = u64::MAX;
    // SAFETY: the device is that of an open context; the attribute takes a 64-bit integer, which it copies.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&raw mut pool, stream.context().cu_device())
            .result()
            .w()?;
        sys::cuMemPoolSetAttribute(
            pool,
            sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            (&raw mut threshold).cast(),
        )
        .result()
        .w()
    }
}

/// The values of a tensor on the device for as long as the guard lives.
struct Values<'a> {
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    start: usize,
    len: usize,
}

impl<'a> Values<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("the value must be contiguous")
        };
        if tensor.dtype() != DType::F32 {
            candle_core::bail!("the value must be f32")
        }
        Ok(Self {
            storage: Box::new(storage),
            start,
            len: end - start,
        })
    }

    fn view(&self) -> Result<CudaView<'_, f32>> {
        match &**self.storage {
            Storage::Cuda(storage) => Ok(storage
                .as_cuda_slice::<f32>()?
                .slice(self.start..self.start + self.len)),
            _ => candle_core::bail!("the value must be on a CUDA device"),
        }
    }
}

/// Fails when `tensor` has not `len` values.
fn expect_len(tensor: &Tensor, len: usize, what: &str) -> Result<()> {
    if tensor.elem_count() == len {
        Ok(())
    } else {
        candle_core::bail!("{what} has {} values instead of {len}", tensor.elem_count())
    }
}

/// A count as the kernels take it.
fn int(n: usize) -> Result<i32> {
    i32::try_from(n).map_err(candle_core::Error::wrap)
}

/// Memory for `len` values that a kernel is about to write.
fn room(device: &CudaDevice, len: usize) -> Result<CudaSlice<f32>> {
    int(len)?;
    // SAFETY: every kernel here writes all of its output.
    unsafe { device.alloc::<f32>(len) }
}

fn tensor(slice: CudaSlice<f32>, device: &CudaDevice, dims: &[usize]) -> Tensor {
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(slice, device.clone()));
    Tensor::from_storage(storage, dims, BackpropOp::none(), false)
}

/// One thread for each of `n` values.
fn one_each(n: usize) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (n.div_ceil(BLOCK).max(1) as u32, 1, 1),
        block_dim: (BLOCK as u32, 1, 1),
        shared_mem_bytes: 0,
    }
}
