//! Facts of the operations that have windows or parameters: the parameters are checked against the input on the way.

use super::{Checker, Fact, MAX_LEN};
use crate::network::{ConvSpec, NetworkError, Op, PoolSpec, Role};

impl Checker<'_> {
    /// Output rows and columns of a window over an input `[C, H, W]`.
    fn output_size(
        &self,
        conv: &ConvSpec,
        [c, h, w]: [usize; 3],
    ) -> Result<[usize; 2], NetworkError> {
        self.has_steps(conv)?;
        let size = [h, w];
        let out = conv.output_size(size).ok_or_else(|| {
            self.wrong(format!(
                "kernel {:?} does not fit the padded input {size:?}",
                conv.kernel
            ))
        })?;
        // Large steps leave few outputs of any padding, but the padded input is made all the same.
        let [rows, columns] = conv.padded_size(size).unwrap_or([usize::MAX; 2]);
        let len = rows.checked_mul(columns).and_then(|n| n.checked_mul(c));
        if len.is_some_and(|len| len <= MAX_LEN) {
            return Ok(out);
        }
        Err(self.wrong(format!(
            "its input {size:?} padded by {:?} is too large",
            conv.padding
        )))
    }

    fn has_steps(&self, conv: &ConvSpec) -> Result<(), NetworkError> {
        if conv.stride.contains(&0) || conv.kernel.contains(&0) || conv.dilation.contains(&0) {
            return Err(self.wrong("kernel, stride and dilation must be at least 1".to_owned()));
        }
        Ok(())
    }

    pub(super) fn pool(&self, pool: &PoolSpec) -> Result<Vec<usize>, NetworkError> {
        let [c, h, w] = self.image()?;
        let [oh, ow] = self.output_size(&pool.as_conv(), [c, h, w])?;
        // A window over nothing but padding has no maximum and no mean.
        let [sh, sw] = pool.stride;
        let reaches_all = pool.padding.top < pool.kernel[0]
            && pool.padding.left < pool.kernel[1]
            && (oh - 1).saturating_mul(sh) < h + pool.padding.top
            && (ow - 1).saturating_mul(sw) < w + pool.padding.left;
        if reaches_all {
            Ok(vec![c, oh, ow])
        } else {
            Err(self.wrong("some windows lie in the padding alone".to_owned()))
        }
    }

    /// The dimensions of the weights, of which the layer's channels are read: none of them is zero.
    fn weight_dims(&self) -> Result<&[usize], NetworkError> {
        let param = self.param(Role::Weight)?;
        let dims = param.tensor.dims();
        if dims.contains(&0) {
            return Err(self.wrong(format!(
                "parameter {} has the empty shape {dims:?}",
                param.key
            )));
        }
        Ok(dims)
    }

    pub(super) fn conv(&self, conv: &ConvSpec) -> Result<Vec<usize>, NetworkError> {
        let [c, h, w] = self.image()?;
        let weight = self.weight_dims()?;
        let co = weight.first().copied().unwrap_or(0);
        if conv.groups == 0 || c % conv.groups != 0 || co % conv.groups != 0 {
            return Err(self.wrong(format!(
                "{} groups do not divide {c} and {co} channels",
                conv.groups
            )));
        }
        self.expect(
            Role::Weight,
            &[co, c / conv.groups, conv.kernel[0], conv.kernel[1]],
        )?;
        let [oh, ow] = self.output_size(conv, [c, h, w])?;
        if self.has(Role::Bias) && self.param(Role::Bias)?.tensor.rank() == 3 {
            self.expect(Role::Bias, &[co, oh, ow])?;
        } else if self.has(Role::Bias) {
            self.expect(Role::Bias, &[co])?;
        }
        Ok(vec![co, oh, ow])
    }

    pub(super) fn conv_transpose(
        &self,
        conv: &ConvSpec,
        extra: [usize; 2],
    ) -> Result<Vec<usize>, NetworkError> {
        let [c, h, w] = self.image()?;
        self.has_steps(conv)?;
        let weight = self.weight_dims()?;
        let per_group = weight.get(1).copied().unwrap_or(0);
        if conv.groups == 0 || c % conv.groups != 0 {
            return Err(self.wrong(format!("{} groups do not divide {c} channels", conv.groups)));
        }
        self.expect(
            Role::Weight,
            &[c, per_group, conv.kernel[0], conv.kernel[1]],
        )?;
        // What is too large is refused with the dimensions of the value.
        let co = per_group.saturating_mul(conv.groups);
        if self.has(Role::Bias) {
            self.expect(Role::Bias, &[co])?;
        }
        let [oh, ow] = conv.transposed_size([h, w], extra).ok_or_else(|| {
            self.wrong(
                "its padding removes the whole output, or its steps are too large".to_owned(),
            )
        })?;
        if self.output_size(conv, [co, oh, ow])? != [h, w] {
            return Err(self.wrong(format!(
                "output padding {extra:?} must be smaller than the stride {:?}",
                conv.stride
            )));
        }
        Ok(vec![co, oh, ow])
    }

    pub(super) fn dense(&self) -> Result<Vec<usize>, NetworkError> {
        let input = self.one()?;
        let [features] = input.dims.as_slice() else {
            return Err(self.wrong(format!(
                "expected a vector [F], got {input}; put a Flatten before it"
            )));
        };
        let weight = self.weight_dims()?;
        let out = weight.first().copied().unwrap_or(0);
        self.expect(Role::Weight, &[out, *features])?;
        if self.has(Role::Bias) {
            self.expect(Role::Bias, &[out])?;
        }
        Ok(vec![out])
    }

    pub(super) fn channels(&self, roles: &[Role]) -> Result<Vec<usize>, NetworkError> {
        let input = self.one()?;
        let optional = matches!(self.op, Op::InstanceNorm { .. });
        for role in roles {
            if !optional || self.has(*role) {
                self.expect(*role, &[input.units()])?;
            }
        }
        Ok(input.dims.clone())
    }

    pub(super) fn prelu(&self) -> Result<Vec<usize>, NetworkError> {
        let input: &Fact = self.one()?;
        let slope = self.param(Role::Slope)?.tensor.dims();
        if slope != [1] && slope != [input.units()] {
            self.expect(Role::Slope, &input.dims)?;
        }
        Ok(input.dims.clone())
    }
}
