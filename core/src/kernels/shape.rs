//! The sizes of one convolution, checked once so that the kernels can trust them.
//!
//! Invariant: a [`ConvShape`] has no zero size, its kernel fits into the padded input, its channels divide evenly into
//! its groups and the lengths of all three arrays fit into `isize`.

use thiserror::Error;

/// Why sizes do not describe a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// A size, stride, dilation or group count is zero.
    #[error("a convolution needs sizes, strides, dilations and groups of at least 1")]
    Zero,
    /// The channel counts do not divide into the groups.
    #[error(
        "{in_channels} input channels and {out_channels} output channels do not divide into {groups} groups of {per_group} input channels"
    )]
    Groups {
        /// Channels of the input.
        in_channels: usize,
        /// Channels of the output.
        out_channels: usize,
        /// Groups asked for.
        groups: usize,
        /// Input channels per group, the second dimension of the weights.
        per_group: usize,
    },
    /// The dilated kernel is larger than the padded input.
    #[error("a kernel that reaches over {reach} pixels does not fit into {padded} padded pixels")]
    KernelTooLarge {
        /// Pixels from the first to the last tap of the dilated kernel, both included.
        reach: usize,
        /// Input pixels with padding along the same axis.
        padded: usize,
    },
    /// The number of elements does not fit into the address space.
    #[error("the arrays of this convolution are too large for this machine")]
    TooLarge,
}

/// How the kernel moves over the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Input pixels between neighbouring outputs, (rows, columns).
    pub stride: [usize; 2],
    /// Input pixels between neighbouring taps, (rows, columns).
    pub dilation: [usize; 2],
    /// Zeros before the first row and column: (top, left).
    pub pad_before: [usize; 2],
    /// Zeros after the last row and column: (bottom, right).
    pub pad_after: [usize; 2],
    /// Independent groups of channels.
    pub groups: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            stride: [1; 2],
            dilation: [1; 2],
            pad_before: [0; 2],
            pad_after: [0; 2],
            groups: 1,
        }
    }
}

/// The checked sizes of one convolution of `[N, Ci, Hi, Wi]` with `[Co, Ci / groups, kh, kw]` to `[N, Co, Ho, Wo]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    batch: usize,
    in_channels: usize,
    in_size: [usize; 2],
    out_channels: usize,
    out_size: [usize; 2],
    kernel: [usize; 2],
    window: Window,
}

impl ConvShape {
    /// The convolution of an input `[N, Ci, Hi, Wi]` with weights `[Co, Ci / groups, kh, kw]`.
    pub fn new(input: [usize; 4], weights: [usize; 4], window: Window) -> Result<Self, ShapeError> {
        let [batch, in_channels, height, width] = input;
        let [out_channels, per_group, kernel_height, kernel_width] = weights;
        let groups = window.groups;
        let positive = |sizes: &[usize]| sizes.iter().all(|size| *size > 0);
        if !(positive(&input)
            && positive(&weights)
            && positive(&window.stride)
            && positive(&window.dilation)
            && groups > 0)
        {
            return Err(ShapeError::Zero);
        }
        if per_group.checked_mul(groups) != Some(in_channels)
            || !out_channels.is_multiple_of(groups)
        {
            return Err(ShapeError::Groups {
                in_channels,
                out_channels,
                groups,
                per_group,
            });
        }
        let mut shape = Self {
            batch,
            in_channels,
            in_size: [height, width],
            out_channels,
            out_size: [0; 2],
            kernel: [kernel_height, kernel_width],
            window,
        };
        for axis in 0..2 {
            shape.out_size[axis] = shape.outputs_along(axis)?;
        }
        shape.check_lengths()?;
        Ok(shape)
    }

    /// The convolution whose [input gradient](super::conv2d_input_gradient) is the transposed convolution of `input`
    /// `[N, Ci, Hi, Wi]` with weights `[Ci, Co / groups, kh, kw]`: the result has
    /// `(Hi - 1) * stride - pad + dilation * (kh - 1) + 1 + output_pad` rows, likewise columns.
    pub fn transposed(
        input: [usize; 4],
        weights: [usize; 4],
        window: Window,
        output_pad: [usize; 2],
    ) -> Result<Self, ShapeError> {
        let [batch, in_channels, height, width] = input;
        let [rows, per_group, kernel_height, kernel_width] = weights;
        if rows != in_channels {
            return Err(ShapeError::Groups {
                in_channels,
                out_channels: rows,
                groups: window.groups,
                per_group,
            });
        }
        let along = |axis: usize, size: usize, kernel: usize| {
            let pad = window.pad_before[axis].checked_add(window.pad_after[axis])?;
            let reach = kernel.checked_sub(1)?.checked_mul(window.dilation[axis])?;
            let full = size.checked_sub(1)?.checked_mul(window.stride[axis])?;
            full.checked_add(reach)?
                .checked_add(output_pad[axis])?
                .checked_add(1)?
                .checked_sub(pad)
        };
        let out_height = along(0, height, kernel_height).ok_or(ShapeError::Zero)?;
        let out_width = along(1, width, kernel_width).ok_or(ShapeError::Zero)?;
        let out_channels = per_group
            .checked_mul(window.groups)
            .ok_or(ShapeError::TooLarge)?;
        let shape = Self::new(
            [batch, out_channels, out_height, out_width],
            weights,
            window,
        )?;
        if shape.out_size != [height, width] {
            // An output padding of a stride or more would belong to a larger input.
            return Err(ShapeError::KernelTooLarge {
                reach: shape.out_size[0].max(shape.out_size[1]),
                padded: height.max(width),
            });
        }
        Ok(shape)
    }

    fn outputs_along(&self, axis: usize) -> Result<usize, ShapeError> {
        let window = &self.window;
        let padded = self.in_size[axis]
            .checked_add(window.pad_before[axis])
            .and_then(|n| n.checked_add(window.pad_after[axis]))
            .ok_or(ShapeError::TooLarge)?;
        let reach = (self.kernel[axis] - 1)
            .checked_mul(window.dilation[axis])
            .and_then(|n| n.checked_add(1))
            .ok_or(ShapeError::TooLarge)?;
        if reach > padded {
            return Err(ShapeError::KernelTooLarge { reach, padded });
        }
        Ok((padded - reach) / window.stride[axis] + 1)
    }

    /// The same sizes for `batch` pictures.
    pub fn with_batch(self, batch: usize) -> Result<Self, ShapeError> {
        if batch == 0 {
            return Err(ShapeError::Zero);
        }
        let shape = Self { batch, ..self };
        shape.check_lengths()?;
        Ok(shape)
    }

    /// Bounds every array, padded to the stride, well inside `isize`.
    fn check_lengths(&self) -> Result<(), ShapeError> {
        let limit = isize::MAX as usize / 64;
        let product = |sizes: [usize; 4]| {
            sizes
                .iter()
                .try_fold(1_usize, |n, size| n.checked_mul(*size))
                .filter(|n| *n <= limit)
        };
        let padded = |axis: usize| {
            let window = &self.window;
            self.in_size[axis]
                .saturating_add(window.pad_before[axis])
                .saturating_add(window.pad_after[axis])
                .saturating_add(window.stride[axis])
        };
        let [kernel_height, kernel_width] = self.kernel;
        let [out_height, out_width] = self.out_size;
        let arrays = [
            product([self.batch, self.in_channels, padded(0), padded(1)]),
            product([
                self.out_channels,
                self.in_channels,
                kernel_height,
                kernel_width,
            ]),
            product([self.batch, self.out_channels, out_height, out_width]),
        ];
        if arrays.contains(&None) {
            return Err(ShapeError::TooLarge);
        }
        Ok(())
    }

    /// Pictures in the batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Independent groups of channels.
    pub fn groups(&self) -> usize {
        self.window.groups
    }

    /// Channels of the input.
    pub fn in_channels(&self) -> usize {
        self.in_channels
    }

    /// Rows and columns of the input.
    pub fn in_size(&self) -> [usize; 2] {
        self.in_size
    }

    /// Channels of the output.
    pub fn out_channels(&self) -> usize {
        self.out_channels
    }

    /// Rows and columns of the output.
    pub fn out_size(&self) -> [usize; 2] {
        self.out_size
    }

    /// Rows and columns of the kernel.
    pub fn kernel(&self) -> [usize; 2] {
        self.kernel
    }

    /// How the kernel moves.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Elements of the input `[N, Ci, Hi, Wi]`.
    pub fn x_len(&self) -> usize {
        self.batch * self.in_channels * self.in_size[0] * self.in_size[1]
    }

    /// Elements of the weights `[Co, Ci / groups, kh, kw]`.
    pub fn w_len(&self) -> usize {
        self.out_channels * self.in_per_group() * self.taps()
    }

    /// Elements of the output `[N, Co, Ho, Wo]`.
    pub fn out_len(&self) -> usize {
        self.batch * self.out_channels * self.out_size[0] * self.out_size[1]
    }

    /// Multiplications and additions of the forward pass, padding included; each gradient has as many.
    pub fn flops(&self) -> f64 {
        2.0 * self.out_len() as f64 * (self.in_per_group() * self.taps()) as f64
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub(super) fn in_per_group(&self) -> usize {
        self.in_channels / self.window.groups
    }

    pub(super) fn out_per_group(&self) -> usize {
        self.out_channels / self.window.groups
    }
}
