//! Pooling and enlarging.

use super::{At, Lowering};
use crate::checkpoint::keras::value::{Order, Value};
use crate::checkpoint::{CheckpointError, Guess};
use crate::network::{Op, Padding, PoolSpec, UpsampleMode};

impl Lowering<'_> {
    /// Maximum or mean over windows; TensorFlow's mean does not count what is padded.
    pub(super) fn pool(
        &mut self,
        at: &At<'_>,
        x: &Value,
        is_max: bool,
    ) -> Result<Value, CheckpointError> {
        at.fields.check_channels_last()?;
        let [_, rows, columns] = self.picture_dims(at, x)?;
        let kernel = at.fields.steps("pool_size", [2; 2])?;
        let stride = at.fields.steps("strides", kernel)?;
        let padding = if at.fields.is_same()? {
            Padding::same([rows, columns], kernel, stride, [1, 1])
        } else {
            Padding::default()
        };
        let pool = PoolSpec {
            kernel,
            stride,
            padding,
            count_padding: false,
        };
        let op = if is_max {
            Op::MaxPool(pool)
        } else {
            Op::AvgPool(pool)
        };
        self.plain(&at.name, op, x)
    }

    /// Maximum or mean of every channel, as a vector unless the layer keeps the axes.
    pub(super) fn global_pool(
        &mut self,
        at: &At<'_>,
        x: &Value,
        is_max: bool,
    ) -> Result<Value, CheckpointError> {
        at.fields.check_channels_last()?;
        let [channels, ..] = self.picture_dims(at, x)?;
        let op = if is_max {
            Op::GlobalMaxPool
        } else {
            Op::GlobalAvgPool
        };
        let pooled = self.plain(&at.name, op, x)?;
        if at.fields.flag("keepdims", false)? {
            return Ok(pooled);
        }
        let name = at.beside("flat");
        let node = self.op(&name, Op::Flatten, &[pooled.node], Vec::new())?;
        Ok(Value::vector(node, Order::plain(channels)))
    }

    /// Rows and columns repeated, or between pixels interpolated.
    pub(super) fn upsampling(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        at.fields.check_channels_last()?;
        self.picture_dims(at, x)?;
        let scale = at.fields.steps("size", [2; 2])?;
        let mode = match at.fields.text("interpolation", "nearest")? {
            "nearest" => UpsampleMode::Nearest,
            "bilinear" => {
                if self.is_javascript {
                    self.guess(Guess::new(
                        "bilinear upsampling",
                        "pixel centres, as Keras 2.3 and later",
                        "TensorFlow.js itself aligns the corners of the first pixels; the file does not say which was trained",
                    ));
                }
                UpsampleMode::Bilinear {
                    align_corners: false,
                }
            }
            other => {
                return Err(at.fields.unsupported(format!(
                    "interpolation {other}; known are nearest and bilinear"
                )));
            }
        };
        self.plain(&at.name, Op::Upsample { scale, mode }, x)
    }
}
