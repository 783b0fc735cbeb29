//! Values times and plus numbers that the file states in the configuration of a layer.

use super::{At, Lowering};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::keras::value::{Form, Value};
use crate::network::{NodeId, Op, Role};

impl Lowering<'_> {
    /// A constant of a number for every value, or one for each channel.
    fn constant(
        &mut self,
        name: &str,
        values: &[f64],
        rank: usize,
    ) -> Result<NodeId, CheckpointError> {
        let dims = match (values, rank) {
            ([_], _) | (_, 1) => vec![values.len()],
            _ => vec![values.len(), 1, 1],
        };
        let values = values.iter().map(|v| *v as f32).collect();
        let param = self.made_up(Role::Value, name, values, &dims)?;
        self.op(name, Op::Constant, &[], vec![param])
    }

    /// `factor x`; nothing at all for a factor of 1.
    pub(super) fn scaled(
        &mut self,
        name: &str,
        x: &Value,
        factor: f64,
    ) -> Result<Value, CheckpointError> {
        self.combined(name, x, Op::Mul, "factor", &[factor])
    }

    /// `x + offset`; nothing at all for an offset of 0.
    pub(super) fn shifted(
        &mut self,
        name: &str,
        x: &Value,
        offset: f64,
    ) -> Result<Value, CheckpointError> {
        self.combined(name, x, Op::Add, "offset", &[offset])
    }

    fn combined(
        &mut self,
        name: &str,
        x: &Value,
        op: Op,
        what: &str,
        numbers: &[f64],
    ) -> Result<Value, CheckpointError> {
        let rank = self.fact(x).dims.len();
        let constant = self.constant(&format!("{name}.{what}"), numbers, rank)?;
        let node = self.op(name, op, &[x.node, constant], Vec::new())?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }

    /// `scale x + offset`, each a number or one for each channel.
    pub(super) fn rescaling(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        let read = |name: &str, default: f64| {
            let Some(value) = at.fields.get(name) else {
                return Ok(vec![default]);
            };
            let items = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            let numbers: Option<Vec<f64>> = items.iter().map(serde_json::Value::as_f64).collect();
            let channels = self.fact(x).units();
            let fits = |n: &Vec<f64>| n.len() == 1 || n.len() == channels;
            numbers.filter(fits).ok_or_else(|| {
                let shown = crate::checkpoint::keras::fields::shown(value);
                at.fields.broken(format!("{name} is {shown}"))
            })
        };
        let (scale, offset) = (read("scale", 1.0)?, read("offset", 0.0)?);
        if let Form::Vector(order) = &x.form
            && !order.is_plain()
            && scale.len().max(offset.len()) > 1
        {
            return Err(at
                .fields
                .unsupported("it scales the elements of a flattened picture one by one"));
        }
        let scaled = self.combined(&at.beside("scaled"), x, Op::Mul, "factor", &scale)?;
        self.combined(&at.name, &scaled, Op::Add, "offset", &offset)
    }

    /// Where `x` is above `highest`, `highest`: `x - relu(x - highest)`.
    pub(super) fn clipped_above(
        &mut self,
        name: &str,
        x: &Value,
        highest: f64,
    ) -> Result<Value, CheckpointError> {
        let above = self.shifted(&format!("{name}.shifted"), x, -highest)?;
        let excess = self.plain(&format!("{name}.excess"), Op::Relu, &above)?;
        let minus = self.scaled(&format!("{name}.minus"), &excess, -1.0)?;
        let node = self.op(name, Op::Add, &[x.node, minus.node], Vec::new())?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }

    /// An operation without parameters that keeps every element where it is.
    pub(super) fn plain(
        &mut self,
        name: &str,
        op: Op,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        let node = self.op(name, op, &[x.node], Vec::new())?;
        Ok(Value {
            node,
            form: x.form.clone(),
        })
    }

    /// A layer that does nothing when a network is used.
    pub(super) fn identity(&mut self, at: &At<'_>, x: &Value) -> Result<Value, CheckpointError> {
        self.plain(&at.name, Op::Identity, x)
    }
}
