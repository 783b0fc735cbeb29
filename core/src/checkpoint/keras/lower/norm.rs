//! Normalisations and learned slopes.

use candle_core::Tensor;

use super::weighted::sorted;
use super::{At, Lowering, Weight};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::keras::value::{Form, Value};
use crate::network::{ConvSpec, Op, Param, Role};

/// Keras's default for what is added to a variance.
const EPSILON: f64 = 1e-3;

impl Lowering<'_> {
    fn epsilon(at: &At<'_>) -> Result<f64, CheckpointError> {
        let epsilon = at.fields.number("epsilon")?.unwrap_or(EPSILON);
        if epsilon < 0.0 {
            return Err(at.fields.broken(format!("epsilon is {epsilon}")));
        }
        Ok(epsilon)
    }

    /// Whether `axis` is the channels of a picture or the elements of a vector, and nothing else.
    fn is_last_axis(&self, at: &At<'_>, x: &Value) -> Result<bool, CheckpointError> {
        let rank = self.fact(x).dims.len() as i64;
        let axes = at.fields.integers("axis")?.unwrap_or_else(|| vec![-1]);
        Ok(matches!(axes.as_slice(), [axis] if *axis == -1 || *axis == rank))
    }

    /// A parameter for each unit of `x`: from the file, sorted as `x` is, or the same number for all.
    fn per_unit(
        &mut self,
        at: &At<'_>,
        x: &Value,
        (role, name): (Role, &str),
        weight: Option<&Weight>,
        otherwise: f32,
    ) -> Result<Param, CheckpointError> {
        let count = self.fact(x).units();
        match (weight, &x.form) {
            (None, _) => {
                let key = format!("{}/{name}", at.name.replace('.', "/"));
                self.reserve(&[count])?;
                self.made_up(role, &key, vec![otherwise; count], &[count])
            }
            (Some(weight), Form::Vector(order)) => {
                self.param(role, weight, &format!("{order:?}"), |w| sorted(w, 0, order))
            }
            (Some(weight), Form::Picture) => self.param(role, weight, "", |w| Ok(w.clone())),
        }
    }

    /// `gamma` and `beta`, each where the layer has it, then `moving_mean` and `moving_variance`.
    pub(super) fn batch_norm(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        if !self.is_last_axis(at, x)? {
            return Err(at
                .fields
                .unsupported("its axis is not the channels, the last one"));
        }
        if at.fields.flag("renorm", false)? {
            return Err(at.fields.unsupported("batch renormalisation"));
        }
        let dims = vec![self.fact(x).units()];
        let has = |name: &str| at.fields.flag(name, true);
        let wanted = [
            ("gamma", has("scale")?.then(|| dims.clone())),
            ("beta", has("center")?.then(|| dims.clone())),
            ("moving_mean", Some(dims.clone())),
            ("moving_variance", Some(dims)),
        ];
        let found = self.weights(at, wanted)?;
        let roles = [
            (Role::Weight, "gamma", 1.0),
            (Role::Bias, "beta", 0.0),
            (Role::Mean, "moving_mean", 0.0),
            (Role::Var, "moving_variance", 1.0),
        ];
        let mut params = Vec::new();
        for ((role, name, otherwise), weight) in roles.into_iter().zip(&found) {
            params.push(self.per_unit(at, x, (role, name), weight.as_ref(), otherwise)?);
        }
        let eps = Self::epsilon(at)?;
        let node = self.op(&at.name, Op::BatchNorm { eps }, &[x.node], params)?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }

    /// `gamma` and `beta` of a normalisation over the sample itself, applied to `x` as the operation with its name.
    fn scaled_by_unit(
        &mut self,
        at: &At<'_>,
        x: &Value,
        [gamma, beta]: &[Option<Weight>; 2],
    ) -> Result<Value, CheckpointError> {
        // Stored statistics of 0 and 1 leave scale and shift alone.
        let params = vec![
            self.per_unit(at, x, (Role::Weight, "gamma"), gamma.as_ref(), 1.0)?,
            self.per_unit(at, x, (Role::Bias, "beta"), beta.as_ref(), 0.0)?,
            self.per_unit(at, x, (Role::Mean, "mean"), None, 0.0)?,
            self.per_unit(at, x, (Role::Var, "variance"), None, 1.0)?,
        ];
        let node = self.op(&at.name, Op::BatchNorm { eps: 0.0 }, &[x.node], params)?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }

    fn gamma_and_beta(
        &mut self,
        at: &At<'_>,
        dims: &[usize],
    ) -> Result<[Option<Weight>; 2], CheckpointError> {
        let has = |name: &str| at.fields.flag(name, true);
        let wanted = [
            ("gamma", has("scale")?.then(|| dims.to_vec())),
            ("beta", has("center")?.then(|| dims.to_vec())),
        ];
        self.weights(at, wanted)
    }

    /// Over the elements of a vector, or over the channels of every pixel.
    pub(super) fn layer_norm(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        if !self.is_last_axis(at, x)? {
            return Err(at
                .fields
                .unsupported("its axis is not the channels, the last one"));
        }
        if at.fields.flag("rms_scaling", false)? {
            return Err(at.fields.unsupported("rms_scaling"));
        }
        let count = self.fact(x).units();
        let weights = self.gamma_and_beta(at, &[count])?;
        let eps = Self::epsilon(at)?;
        let normed = match &x.form {
            Form::Vector(_) => self.normed_groups(at, x, 1, eps)?,
            Form::Picture => {
                // The variance is the mean square of what is left without the mean.
                self.reserve(&[count, count])?;
                let part = 1.0 / count as f32;
                let mut values = vec![-part; count * count];
                values.iter_mut().step_by(count + 1).for_each(|v| *v += 1.0);
                let key = at.beside("centred");
                let weight = self.made_up(Role::Weight, &key, values, &[count, count, 1, 1])?;
                let op = Op::Conv2d(ConvSpec::square(1, 1, 0));
                let centred = self.op(&key, op, &[x.node], vec![weight])?;
                let op = Op::PixelNorm { eps };
                Value::picture(self.op(&at.beside("normed"), op, &[centred], Vec::new())?)
            }
        };
        self.scaled_by_unit(at, &normed, &weights)
    }

    /// Over groups of channels and all pixels; one group for every channel is instance normalisation.
    pub(super) fn group_norm(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        if !self.is_last_axis(at, x)? {
            return Err(at
                .fields
                .unsupported("its axis is not the channels, the last one"));
        }
        let [channels, ..] = self.picture_dims(at, x)?;
        let groups = match at.fields.integers("groups")?.as_deref() {
            None => 32,
            Some([-1]) => channels,
            Some([groups]) => usize::try_from(*groups).unwrap_or(0),
            Some(_) => 0,
        };
        if groups == 0 || channels % groups != 0 {
            return Err(at
                .fields
                .broken(format!("groups do not divide {channels} channels")));
        }
        let weights = self.gamma_and_beta(at, &[channels])?;
        let normed = self.normed_groups(at, x, groups, Self::epsilon(at)?)?;
        self.scaled_by_unit(at, &normed, &weights)
    }

    /// Instance normalisation of TensorFlow Addons and of keras-contrib.
    pub(super) fn instance_norm(
        &mut self,
        at: &At<'_>,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        if !self.is_last_axis(at, x)? {
            return Err(at
                .fields
                .unsupported("its axis is not the channels, the last one"));
        }
        let [channels, ..] = self.picture_dims(at, x)?;
        let [gamma, beta] = self.gamma_and_beta(at, &[channels])?;
        let mut params = Vec::new();
        for (role, name, weight) in [(Role::Weight, "gamma", gamma), (Role::Bias, "beta", beta)] {
            if weight.is_some() {
                params.push(self.per_unit(at, x, (role, name), weight.as_ref(), 0.0)?);
            }
        }
        let op = Op::InstanceNorm {
            eps: Self::epsilon(at)?,
        };
        Ok(Value::picture(self.op(&at.name, op, &[x.node], params)?))
    }

    /// Every group of channels without its mean, over its deviation: the group becomes one tall channel for that.
    fn normed_groups(
        &mut self,
        at: &At<'_>,
        x: &Value,
        groups: usize,
        eps: f64,
    ) -> Result<Value, CheckpointError> {
        let dims = self.fact(x).dims.clone();
        let [rows, columns] = self.fact(x).size();
        let channels = self.fact(x).units();
        let op = Op::Reshape {
            dims: vec![groups, channels / groups * rows, columns],
        };
        let grouped = self.op(&at.beside("groups"), op, &[x.node], Vec::new())?;
        let op = Op::InstanceNorm { eps };
        let normed = self.op(&at.beside("normed"), op, &[grouped], Vec::new())?;
        let op = Op::Reshape { dims };
        let node = self.op(&at.beside("channels"), op, &[normed], Vec::new())?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }

    /// `alpha`, the slopes below zero: of the dimensions of the input, with 1 for every shared axis.
    pub(super) fn prelu(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let dims = self.fact(x).dims.clone();
        let keras = match (&x.form, dims.as_slice()) {
            (Form::Picture, [channels, rows, columns]) => vec![*rows, *columns, *channels],
            _ => dims.clone(),
        };
        let rank = keras.len() as i64;
        let mut shape = keras.clone();
        for axis in at.fields.integers("shared_axes")?.unwrap_or_default() {
            let axis = if axis < 0 { axis + rank } else { axis - 1 };
            let shared = usize::try_from(axis)
                .ok()
                .and_then(|axis| shape.get_mut(axis));
            *shared.ok_or_else(|| at.fields.broken("shared_axes are outside its input"))? = 1;
        }
        let [alpha] = self.weights(at, [("alpha", Some(shape.clone()))])?;
        let Some(alpha) = alpha else {
            return Err(at.fields.broken("has no slopes"));
        };
        // Slopes shared along one axis alone are written out for every pixel.
        self.reserve(&keras)?;
        let how = format!("prelu {shape:?} {keras:?} {:?}", x.form);
        let slope = self.param(Role::Slope, &alpha, &how, |a| slopes(a, &keras, &x.form))?;
        let node = self.op(&at.name, Op::Prelu, &[x.node], vec![slope])?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }
}

/// Slopes as `[1]`, `[C]` or `[C, H, W]`, or as a vector in the order of `form`.
fn slopes(alpha: &Tensor, keras: &[usize], form: &Form) -> candle_core::Result<Tensor> {
    if alpha.elem_count() == 1 {
        return alpha.flatten_all();
    }
    if let Form::Vector(order) = form {
        return sorted(alpha, 0, order);
    }
    let channels = keras.last().copied().unwrap_or(1);
    if alpha.elem_count() == channels && alpha.dims().last() == Some(&channels) {
        return alpha.flatten_all();
    }
    // Shared along rows or columns alone: written out.
    alpha.broadcast_as(keras)?.permute((2, 0, 1))?.contiguous()
}
