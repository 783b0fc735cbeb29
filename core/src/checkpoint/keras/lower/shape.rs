//! Layers that move elements: flattening, new shapes, borders and the pixel shuffle.

use serde_json::Value as Json;

use super::{At, Lowering};
use crate::checkpoint::keras::value::{Form, Order, Value};
use crate::checkpoint::{CheckpointError, Guess};
use crate::network::{Op, Padding};

impl Lowering<'_> {
    /// A picture as a vector in the order that it has here; what reads it turns its weights.
    pub(super) fn flatten(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        at.fields.check_channels_last()?;
        if x.form != Form::Picture {
            return self.identity(at, x);
        }
        let dims = self.picture_dims(at, x)?;
        let node = self.op(&at.name, Op::Flatten, &[x.node], Vec::new())?;
        Ok(Value::vector(node, Order::picture(dims)))
    }

    /// `target_shape`, of which one size may be left open by -1.
    pub(super) fn reshape(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let target = at.fields.integers("target_shape")?;
        let target = target.ok_or_else(|| at.fields.broken("target_shape is missing"))?;
        let len = self.fact(x).len();
        let dims = completed(&target, len).ok_or_else(|| {
            at.fields
                .broken(format!("cannot make {target:?} of {len} values"))
        })?;
        match (dims.as_slice(), &x.form) {
            ([_], Form::Picture) => self.flatten(at, x),
            ([_], Form::Vector(_)) => self.identity(at, x),
            (&[rows, columns, channels], form) => {
                let dims = [channels, rows, columns];
                let fits = match form {
                    Form::Vector(order) => *order == Order::picture(dims),
                    Form::Picture => {
                        let old = self.picture_dims(at, x)?;
                        // Rows and columns may be cut anew while the channels stay together.
                        old[0] == channels || Order::picture(old) == Order::picture(dims)
                    }
                };
                if !fits {
                    return Err(at.fields.unsupported(format!(
                        "it makes {rows} x {columns} x {channels} of values in another order; only a vector \
                         of a dense layer or a flattened picture of that shape can become a picture"
                    )));
                }
                let op = Op::Reshape {
                    dims: dims.to_vec(),
                };
                Ok(Value::picture(self.op(
                    &at.name,
                    op,
                    &[x.node],
                    Vec::new(),
                )?))
            }
            _ => Err(at.fields.unsupported(format!(
                "target_shape {target:?}; vectors and pictures are read"
            ))),
        }
    }

    /// Rows and columns of zeros around a picture.
    pub(super) fn zero_padding(
        &mut self,
        at: &At<'_>,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        at.fields.check_channels_last()?;
        self.picture_dims(at, x)?;
        let [[top, bottom], [left, right]] = at.fields.sides("padding", 1)?;
        let padding = Padding {
            top,
            bottom,
            left,
            right,
        };
        self.plain(
            &at.name,
            Op::Pad {
                padding,
                value: 0.0,
            },
            x,
        )
    }

    /// A picture without some of its border.
    pub(super) fn cropping(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        at.fields.check_channels_last()?;
        let [_, rows, columns] = self.picture_dims(at, x)?;
        let [[top, bottom], [left, right]] = at.fields.sides("cropping", 0)?;
        if top + bottom >= rows || left + right >= columns {
            return Err(at
                .fields
                .broken(format!("leaves nothing of {rows} x {columns} pixels")));
        }
        let slice = |axis, start, end| Op::Slice { axis, start, end };
        let cut = self.plain(&at.beside("rows"), slice(1, top, rows - bottom), x)?;
        self.plain(&at.name, slice(2, left, columns - right), &cut)
    }

    /// The pixel shuffle of `UpscalerJS`, whose factor is part of the class's name or has to follow from the channels.
    pub(super) fn pixel_shuffle(
        &mut self,
        at: &At<'_>,
        class: &str,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        let [channels, ..] = self.picture_dims(at, x)?;
        let digits = class
            .trim_start_matches("PixelShuffle")
            .trim_end_matches('x');
        let named = ["scale", "block_size", "upscale_factor", "factor"];
        let stated = named
            .into_iter()
            .find_map(|name| Some((name, at.fields.get(name)?)));
        let factor = match (stated, digits.parse::<usize>()) {
            (Some((name, value)), _) => at.fields.count_of(name, value)?,
            (None, Ok(factor)) => factor,
            (None, Err(_)) => {
                let factor = (channels / 3).isqrt();
                if factor == 0 || factor * factor * 3 != channels {
                    return Err(at.fields.unsupported("nothing says its factor"));
                }
                self.guess(Guess::new(
                    "pixel shuffle",
                    factor.to_string(),
                    "the layer does not state its factor; that which leaves three channels",
                ));
                factor
            }
        };
        self.depth_to_space(at, x, factor)
    }

    /// TensorFlow's `depth_to_space`: channel `(i r + j) C + c` goes to row offset i and column offset j of channel c.
    ///
    /// The pixel shuffle here counts `c r r + i r + j`. With the channels of one offset written below each other as one
    /// tall plane the two are the same.
    pub(super) fn depth_to_space(
        &mut self,
        at: &At<'_>,
        x: &Value,
        factor: usize,
    ) -> Result<Value, CheckpointError> {
        let [channels, rows, columns] = self.picture_dims(at, x)?;
        let square = factor.saturating_mul(factor);
        if square == 0 || channels % square != 0 {
            return Err(at.fields.broken(format!(
                "{channels} channels are not a multiple of {factor} squared"
            )));
        }
        let left = channels / square;
        let shuffle = Op::PixelShuffle { factor };
        if left == 1 {
            return self.plain(&at.name, shuffle, x);
        }
        let tall = Op::Reshape {
            dims: vec![square, left * rows, columns],
        };
        let tall = self.plain(&at.beside("planes"), tall, x)?;
        let shuffled = self.plain(&at.beside("shuffle"), shuffle, &tall)?;
        let dims = vec![left, rows * factor, columns * factor];
        self.plain(&at.name, Op::Reshape { dims }, &shuffled)
    }

    /// The factor of a pixel shuffle among the arguments of a function.
    pub(super) fn factor_of(at: &At<'_>, value: Option<&Json>) -> Result<usize, CheckpointError> {
        match value {
            Some(value) => at.fields.count_of("block_size", value),
            None => Err(at.fields.unsupported("nothing says its block_size")),
        }
    }
}

/// A shape for `len` values, with the one size that is left open.
pub(in super::super) fn completed(target: &[i64], len: usize) -> Option<Vec<usize>> {
    let mut known = target.iter().filter(|n| **n != -1);
    let known = known.try_fold(1_usize, |product, n| {
        product.checked_mul(usize::try_from(*n).ok().filter(|n| *n > 0)?)
    })?;
    let open = target.iter().filter(|n| **n == -1).count();
    let fits = match open {
        0 => known == len,
        1 => len.is_multiple_of(known) && len > 0,
        _ => false,
    };
    let size = |n: &i64| usize::try_from(*n).unwrap_or(len / known);
    fits.then(|| target.iter().map(size).collect())
}
