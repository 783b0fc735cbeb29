//! Batches on their way to the device, from memory that the device reads by itself while it computes.

use candle_core::cuda_backend::WrapErr as _;
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, PinnedHostSlice};
use candle_core::{Device, Result, Tensor};

use super::{room, tensor};

/// Buffers in use by turns: what one holds has been copied long before its turn comes again.
const BUFFERS: usize = 8;

/// Copies values of one length to a device without waiting for it.
#[derive(Debug)]
pub struct Upload {
    device: Device,
    buffers: Vec<Buffer>,
    next: usize,
}

#[derive(Debug)]
struct Buffer {
    memory: PinnedHostSlice<f32>,
    /// Comes after the copy out of it.
    copied: Option<CudaEvent>,
}

impl Upload {
    /// Makes room for `len` values.
    ///
    /// # Errors
    /// When the device is not CUDA's or has no such memory.
    pub fn new(device: &Device, len: usize) -> Result<Self> {
        let stream = device.as_cuda_device()?.cuda_stream();
        let buffer = || {
            // SAFETY: every buffer is written as a whole before it is read.
            let mut memory = unsafe { stream.context().alloc_pinned::<f32>(len).w()? };
            memory.as_mut_slice().w()?.fill(0.0);
            Ok(Buffer {
                memory,
                copied: None,
            })
        };
        Ok(Self {
            device: device.clone(),
            buffers: (0..BUFFERS).map(|_| buffer()).collect::<Result<_>>()?,
            next: 0,
        })
    }

    /// The values as a tensor of the device.
    ///
    /// # Errors
    /// When there are not as many values as were said, or the device fails.
    pub fn put(&mut self, values: &[f32], dims: &[usize]) -> Result<Tensor> {
        let device = self.device.as_cuda_device()?;
        let stream = device.cuda_stream();
        self.next = (self.next + 1) % BUFFERS;
        let buffer = &mut self.buffers[self.next];
        if let Some(copied) = &buffer.copied {
            copied.synchronize().w()?;
        }
        if buffer.memory.len() != values.len() || dims.iter().product::<usize>() != values.len() {
            candle_core::bail!("{} values for {dims:?}", values.len())
        }
        buffer.memory.as_mut_slice().w()?.copy_from_slice(values);
        let mut y = room(device, values.len())?;
        stream.memcpy_htod(&buffer.memory, &mut y).w()?;
        buffer.copied = Some(stream.record_event(None).w()?);
        Ok(tensor(y, device, dims))
    }
}
