//! Convolutions with their two gradients.

use candle_core::cuda_backend::WrapErr as _;
use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig, PushKernelArg as _};
use candle_core::{CudaDevice, Result, Tensor};

use super::{Values, expect_len, int, is_exact, one_each, room, tensor};

/// Rows and columns of outputs that a block computes; as in `kernels.cu`.
const SIDE: usize = 16;

/// Taps whose weights a block holds at a time; as in `kernels.cu`.
const TAPS: usize = 9;

/// Memory that the threads of a block share without asking for more, bytes.
const SHARED: usize = 48 * 1024;

/// Values in the parts of a weight's gradient, all together.
const PARTS: usize = 1 << 24;

/// A convolution of `[N, in, H, W]` with `[out, in, rows, columns]`, one group; the same step for rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// `[N, in, H, W]`.
    pub input: [usize; 4],
    /// `[out, in, rows, columns]`.
    pub weight: [usize; 4],
    /// Rows and columns of the output.
    pub output: [usize; 2],
    /// Step between neighbouring outputs.
    pub stride: usize,
    /// Step between neighbouring taps.
    pub dilation: usize,
    /// Rows of zeros above and columns of zeros on the left.
    pub padding: [usize; 2],
}

/// `Conv` of `kernels.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Shape {
    batch: i32,
    channels: i32,
    height: i32,
    width: i32,
    out: i32,
    out_height: i32,
    out_width: i32,
    rows: i32,
    columns: i32,
    stride: i32,
    spread: i32,
    dilation: i32,
    top: i32,
    left: i32,
    flipped: i32,
}

// SAFETY: integers without padding between them, as the kernel declares them.
unsafe impl DeviceRepr for Shape {}

/// The least number from `n` on that is `rest` modulo 32: how planes lie in shared memory so that threads do not wait for
/// each other.
fn pitch(n: usize, rest: usize) -> usize {
    n + (rest + 32 - n % 32) % 32
}

/// Pixels that `outputs` neighbouring outputs read along an axis.
fn reach(outputs: usize, stride: usize, taps: usize, dilation: usize) -> usize {
    (outputs - 1) * stride + (taps - 1) * dilation + 1
}

impl Convolution {
    /// Whether the kernels can do it and its gradients: sizes must fit the memory that threads share.
    pub fn fits(&self) -> bool {
        let [_, _, rows, columns] = self.weight;
        let back = |axis: usize, taps: usize| (taps - 1) * self.dilation >= self.padding[axis];
        let all = self.input.iter().chain(&self.weight).chain(&self.output);
        all.clone().all(|n| (1..1 << 20).contains(n))
            && self.input[0] < 1 << 16
            && (1..=4).contains(&self.stride)
            && (1..=64).contains(&self.dilation)
            && back(0, rows)
            && back(1, columns)
            && self.plan(self.stride).is_some()
            && self.plan(1).is_some()
            && self.depth().is_some()
    }

    /// Elements of a channel in shared memory, when it fits beside the weights.
    fn plan(&self, stride: usize) -> Option<usize> {
        let [_, _, rows, columns] = self.weight;
        let plane = pitch(
            reach(SIDE, stride, rows, self.dilation) * reach(SIDE, stride, columns, self.dilation),
            8,
        );
        (4 * (8 * plane + TAPS * 8 * 40) <= SHARED).then_some(plane)
    }

    /// Rows of outputs that a block of the weight's gradient has at a time, and elements of an input channel in shared
    /// memory.
    fn depth(&self) -> Option<(usize, usize)> {
        let [_, _, rows, columns] = self.weight;
        [8, 4, 2, 1].into_iter().find_map(|depth| {
            let plane = pitch(
                reach(depth, self.stride, rows, self.dilation)
                    * reach(SIDE, self.stride, columns, self.dilation),
                4,
            );
            (4 * (16 * plane + 32 * (depth * SIDE + 4)) <= SHARED).then_some((depth, plane))
        })
    }

    fn shape(&self) -> Result<Shape> {
        let [batch, channels, height, width] = self.input;
        let [out, _, rows, columns] = self.weight;
        Ok(Shape {
            batch: int(batch)?,
            channels: int(channels)?,
            height: int(height)?,
            width: int(width)?,
            out: int(out)?,
            out_height: int(self.output[0])?,
            out_width: int(self.output[1])?,
            rows: int(rows)?,
            columns: int(columns)?,
            stride: int(self.stride)?,
            spread: 1,
            dilation: int(self.dilation)?,
            top: int(self.padding[0])?,
            left: int(self.padding[1])?,
            flipped: 0,
        })
    }

    fn check(&self, x: &Tensor, weight: &Tensor, g: Option<&Tensor>) -> Result<()> {
        let [rows, columns] = self.output;
        let values = self.input[0] * self.weight[0] * rows * columns;
        expect_len(x, self.input.iter().product(), "the input")?;
        expect_len(weight, self.weight.iter().product(), "the weight")?;
        g.map_or(Ok(()), |g| expect_len(g, values, "the gradient"))?;
        if self.fits() && self.weight[1] == self.input[1] {
            Ok(())
        } else {
            candle_core::bail!("this convolution is not one for these kernels: {self:?}")
        }
    }

    /// The value, `[N, out, H', W']`.
    ///
    /// # Errors
    /// When a tensor is not a contiguous f32 one of the right size on the device.
    pub fn forward(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        self.check(x, weight, None)?;
        if let Some(bias) = bias {
            expect_len(bias, self.weight[0], "the bias")?;
        }
        let device = x.device().as_cuda_device()?;
        let packed = self.packed(device, weight, false)?;
        let [rows, columns] = self.output;
        let dims = [self.input[0], self.weight[0], rows, columns];
        let plane = self.plan(self.stride).unwrap_or_default();
        run(device, x, &packed, bias, self.shape()?, plane, &dims)
    }

    /// The gradient at the input from `g`, that at the value.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn pullback_input(&self, g: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let [rows, columns] = self.output;
        let values = self.input[0] * self.weight[0] * rows * columns;
        expect_len(g, values, "the gradient")?;
        expect_len(weight, self.weight.iter().product(), "the weight")?;
        if !self.fits() {
            candle_core::bail!("this convolution is not one for these kernels: {self:?}")
        }
        let device = g.device().as_cuda_device()?;
        let packed = self.packed(device, weight, true)?;
        let shape = self.shape()?;
        // A convolution of the gradient, with zeros where the steps went over, with the kernel read backwards.
        let back = Shape {
            channels: shape.out,
            height: shape.out_height,
            width: shape.out_width,
            out: shape.channels,
            out_height: shape.height,
            out_width: shape.width,
            stride: 1,
            spread: shape.stride,
            top: shape.dilation * (shape.rows - 1) - shape.top,
            left: shape.dilation * (shape.columns - 1) - shape.left,
            flipped: 1,
            ..shape
        };
        let plane = self.plan(1).unwrap_or_default();
        run(device, g, &packed, None, back, plane, &self.input)
    }

    /// The gradient at the weights from the input and `g`, the gradient at the value.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn pullback_weight(&self, x: &Tensor, g: &Tensor) -> Result<Tensor> {
        let [rows, columns] = self.output;
        expect_len(x, self.input.iter().product(), "the input")?;
        let values = self.input[0] * self.weight[0] * rows * columns;
        expect_len(g, values, "the gradient")?;
        let (true, Some((depth, plane))) = (self.fits(), self.depth()) else {
            candle_core::bail!("this convolution is not one for these kernels: {self:?}")
        };
        let device = x.device().as_cuda_device()?;
        let [out, channels, kernel_rows, kernel_columns] = self.weight;
        let (taps, n) = (kernel_rows * kernel_columns, self.weight.iter().product());
        let (down, across) = (rows.div_ceil(depth), columns.div_ceil(SIDE));
        let tiles = self.input[0] * down * across;
        let pieces = channels.div_ceil(16) * out.div_ceil(32);
        let groups = taps.div_ceil(TAPS);
        // Enough blocks for a large card, and parts that fit its memory.
        let parts = (512 / (pieces * groups))
            .clamp(1, 128)
            .min(PARTS / n)
            .clamp(1, tiles);
        let mut part = room(device, parts * n)?;
        let mut sum = room(device, n)?;
        let (xs, gs) = (Values::of(x)?, Values::of(g)?);
        let (xs, gs) = (xs.view()?, gs.view()?);
        let shape = self.shape()?;
        let config = LaunchConfig {
            grid_dim: (parts as u32, groups as u32, pieces as u32),
            block_dim: (32 * TAPS as u32, 1, 1),
            shared_mem_bytes: (4 * (16 * plane + 32 * (depth * SIDE + 4))) as u32,
        };
        let name = if is_exact() {
            "weigh_exact"
        } else {
            "weigh_rounded"
        };
        let [depth, down, across, plane] = [depth, down, across, plane].map(|n| n as i32);
        launch!(
            device, name, config, &xs, &gs, &mut part, &shape, &depth, &down, &across, &plane
        )?;
        let [parts, taps, channels, out] = [parts, taps, channels, out].map(|n| n as i32);
        launch!(
            device,
            "sum_parts",
            one_each(n),
            &part,
            &mut sum,
            &parts,
            &taps,
            &channels,
            &out
        )?;
        Ok(tensor(sum, device, &self.weight))
    }

    /// The weights as the kernels read them: `[taps, in, out]`, with `turned` `[taps, out, in]`.
    fn packed(&self, device: &CudaDevice, weight: &Tensor, turned: bool) -> Result<Tensor> {
        let [out, channels, rows, columns] = self.weight;
        let n = weight.elem_count();
        let mut packed = room(device, n)?;
        let values = Values::of(weight)?;
        let values = values.view()?;
        let [taps, a, b] = [rows * columns, out, channels].map(|n| n as i32);
        let turned = i32::from(turned);
        launch!(
            device,
            "pack_weight",
            one_each(n),
            &values,
            &mut packed,
            &taps,
            &a,
            &b,
            &turned
        )?;
        Ok(tensor(packed, device, &[n]))
    }
}

/// Runs a convolution with packed weights.
fn run(
    device: &CudaDevice,
    x: &Tensor,
    packed: &Tensor,
    bias: Option<&Tensor>,
    shape: Shape,
    plane: usize,
    dims: &[usize; 4],
) -> Result<Tensor> {
    let mut y = room(device, dims.iter().product())?;
    let (name, features) = match (dims[1], is_exact()) {
        (..=8, true) => ("convolve_8_exact", 8),
        (..=8, false) => ("convolve_8", 8),
        (..=16, true) => ("convolve_16_exact", 16),
        (..=16, false) => ("convolve_16", 16),
        (_, true) => ("convolve_32_exact", 32),
        (_, false) => ("convolve_32", 32),
    };
    let (down, across) = (dims[2].div_ceil(SIDE), dims[3].div_ceil(SIDE));
    let config = LaunchConfig {
        grid_dim: (
            (down * across) as u32,
            dims[1].div_ceil(features) as u32,
            dims[0] as u32,
        ),
        block_dim: (128, 1, 1),
        shared_mem_bytes: (4 * (8 * plane + TAPS * 8 * 40)) as u32,
    };
    let (xs, weights) = (Values::of(x)?, Values::of(packed)?);
    // Some address must be given where there is no bias.
    let biases = Values::of(bias.unwrap_or(packed))?;
    let (xs, weights, biases) = (xs.view()?, weights.view()?, biases.view()?);
    let has_bias = i32::from(bias.is_some());
    let [across, plane] = [across, plane].map(|n| n as i32);
    launch!(
        device, name, config, &xs, &weights, &biases, &has_bias, &mut y, &shape, &across, &plane
    )?;
    Ok(tensor(y, device, dims))
}
