//! Layers of several values: sums, products, joins and what follows from them.

use super::{At, Lowering};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::keras::value::{Form, Order, Value};
use crate::network::Op;

impl Lowering<'_> {
    /// Lowers a layer of several values; nothing when the class is none of these.
    pub(super) fn merge(
        &mut self,
        at: &At<'_>,
        inputs: &[Value],
    ) -> Result<Option<Value>, CheckpointError> {
        let class = at.fields.class;
        if class == "Concatenate" {
            let axis = at.fields.integers("axis")?.and_then(|a| a.first().copied());
            return self.concatenated(at, inputs, axis.unwrap_or(-1)).map(Some);
        }
        if !matches!(
            class,
            "Add" | "Multiply" | "Average" | "Maximum" | "Minimum" | "Subtract"
        ) {
            return Ok(None);
        }
        let inputs = self.alike(at, inputs)?;
        if class == "Subtract" && inputs.len() != 2 {
            let count = inputs.len();
            return Err(at.fields.broken(format!("takes 2 values, gets {count}")));
        }
        let last = inputs.len().saturating_sub(2);
        let mut pairs = inputs.iter().skip(1).enumerate();
        let Some(first) = inputs.first() else {
            return Ok(None);
        };
        let value = pairs.try_fold(first.clone(), |sum, (i, x)| {
            // The last operation carries the layer's name.
            let name = match (i == last, class) {
                (true, "Average") => at.beside("sum"),
                (true, _) => at.name.clone(),
                _ => at.beside(&i.to_string()),
            };
            self.two(&name, class, &sum, x)
        })?;
        if class == "Average" {
            let part = 1.0 / inputs.len() as f64;
            return self.scaled(&at.name, &value, part).map(Some);
        }
        Ok(Some(value))
    }

    /// One operation of two values of equal form.
    pub(super) fn two(
        &mut self,
        name: &str,
        class: &str,
        a: &Value,
        b: &Value,
    ) -> Result<Value, CheckpointError> {
        let beside = |what: &str| format!("{name}.{what}");
        // A vector of one element is combined with every other.
        let longer = if self.fact(a).len() < self.fact(b).len() {
            b
        } else {
            a
        };
        let form = longer.form.clone();
        let node = match class {
            "Multiply" => self.op(name, Op::Mul, &[a.node, b.node], Vec::new())?,
            "Subtract" => {
                let minus = self.scaled(&beside("minus"), b, -1.0)?;
                self.op(name, Op::Add, &[a.node, minus.node], Vec::new())?
            }
            // max(a, b) = b + relu(a - b), min(a, b) = a - relu(a - b).
            "Maximum" => {
                let difference = self.two(&beside("difference"), "Subtract", a, b)?;
                let excess = self.plain(&beside("excess"), Op::Relu, &difference)?;
                self.op(name, Op::Add, &[b.node, excess.node], Vec::new())?
            }
            "Minimum" => {
                let difference = self.two(&beside("difference"), "Subtract", a, b)?;
                let excess = self.plain(&beside("excess"), Op::Relu, &difference)?;
                let minus = self.scaled(&beside("less"), &excess, -1.0)?;
                self.op(name, Op::Add, &[a.node, minus.node], Vec::new())?
            }
            _ => self.op(name, Op::Add, &[a.node, b.node], Vec::new())?,
        };
        Ok(Value { node, form })
    }

    /// Values that can be combined element by element: vectors beside pictures become pictures of one pixel.
    fn alike(&mut self, at: &At<'_>, inputs: &[Value]) -> Result<Vec<Value>, CheckpointError> {
        let has_picture = inputs.iter().any(|x| x.form == Form::Picture);
        let Some(first) = inputs.first() else {
            return Ok(Vec::new());
        };
        let mut values = Vec::new();
        for (i, x) in inputs.iter().enumerate() {
            let value = match &x.form {
                Form::Picture => x.clone(),
                Form::Vector(order) if has_picture => {
                    if !order.is_plain() {
                        return Err(at
                            .fields
                            .unsupported("it combines a picture with a flattened one"));
                    }
                    let op = Op::Reshape {
                        dims: vec![self.fact(x).len(), 1, 1],
                    };
                    let name = at.beside(&format!("pixel{i}"));
                    Value::picture(self.op(&name, op, &[x.node], Vec::new())?)
                }
                form if *form == first.form || self.fact(x).len() == 1 => x.clone(),
                Form::Vector(_) => {
                    return Err(at.fields.unsupported(
                        "it combines vectors of different orders: flattened pictures of other shapes",
                    ));
                }
            };
            values.push(value);
        }
        Ok(values)
    }

    /// Joins values along an axis of Keras, where 0 is the batch.
    pub(super) fn concatenated(
        &mut self,
        at: &At<'_>,
        inputs: &[Value],
        axis: i64,
    ) -> Result<Value, CheckpointError> {
        let nodes: Vec<_> = inputs.iter().map(|x| x.node).collect();
        let mut orders = Vec::new();
        for x in inputs {
            if let Form::Vector(order) = &x.form {
                orders.push(order);
            }
        }
        let wrong = || {
            at.fields
                .unsupported(format!("axis {axis} of these values"))
        };
        if orders.is_empty() {
            let axis = match axis {
                -1 | 3 => 0,
                -3 | 1 => 1,
                -2 | 2 => 2,
                _ => return Err(wrong()),
            };
            let node = self.op(&at.name, Op::Concat { axis }, &nodes, Vec::new())?;
            return Ok(Value::picture(node));
        }
        if orders.len() != inputs.len() || !matches!(axis, -1 | 1) {
            return Err(wrong());
        }
        let order = Order::joined(orders);
        let node = self.op(&at.name, Op::Concat { axis: 0 }, &nodes, Vec::new())?;
        Ok(Value::vector(node, order))
    }
}
