//! Constants computed from constants: the arithmetic of shapes that exporters leave in a graph, and weights that are
//! converted or scaled before they are used.

use candle_core::{DType, Tensor};

use super::array::{Array, Count, MAX_COMPUTED, broadcast, product};
use super::call::Call;
use super::fault::{Fault, Reading};
use super::tensor::Element;

/// The values of a node all of whose inputs are constants; `None` for an operator that is not computed here.
pub(super) fn evaluate(call: &Call<'_>, inputs: &[Option<Array>]) -> Reading<Option<Vec<Array>>> {
    let input = |i: usize| {
        let array = inputs.get(i).and_then(Option::as_ref);
        array.ok_or_else(|| Fault::broken(format!("input {i} is missing")))
    };
    let value = match call.node.op {
        "Identity" | "Dropout" | "CastLike" => input(0)?.clone(),
        "Cast" => cast(input(0)?, call.int("to", 1))?,
        "Shape" => shape(call, &plain_dims(input(0)?.dims())),
        "Size" => Array::counts(vec![Count::of(input(0)?.len() as i64)]).reshape(&[])?,
        "ConstantOfShape" => constant_of_shape(call, input(0)?)?,
        "Range" => range(input(0)?, input(1)?, input(2)?)?,
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => return rearranged(call, inputs),
        "Transpose" => {
            let array = input(0)?;
            let back: Vec<i64> = (0..array.dims().len() as i64).rev().collect();
            let order = call.ints("perm").unwrap_or(&back);
            let order: Option<Vec<usize>> = order.iter().map(|a| (*a).try_into().ok()).collect();
            array.permute(&order.unwrap_or_default())?
        }
        "Concat" => {
            let arrays: Vec<&Array> = (0..inputs.len()).map(input).collect::<Reading<_>>()?;
            let rank = input(0)?.dims().len();
            Array::concat(&arrays, axis_of(call.int("axis", 0), rank)?)?
        }
        "Gather" => gather(call, input(0)?, input(1)?)?,
        "Slice" => {
            let mut array = input(0)?.clone();
            for (axis, indices) in super::parts::slices(call, array.dims(), inputs)? {
                array = array.select(axis, &indices)?;
            }
            array
        }
        "Split" => return split(call, inputs).map(Some),
        "Expand" => {
            let target = for_one_sample(input(1)?)?;
            input(0)?.expand(&broadcast(input(0)?.dims(), &target)?)?
        }
        "Tile" => tile(input(0)?, input(1)?)?,
        "Where" => choose(input(0)?, input(1)?, input(2)?)?,
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => reduce(call, input(0)?)?,
        "Floor" | "Ceil" | "Neg" | "Abs" | "Sqrt" | "Exp" | "Log" | "Reciprocal" | "Not" => {
            unary(call.node.op, input(0)?)?
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Equal" | "Mod" | "Less"
        | "Greater" => binary(call.node.op, input(0)?, input(1)?)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}

/// An axis counted from the front, for a value of `rank` axes.
pub(super) fn axis_of(axis: i64, rank: usize) -> Reading<usize> {
    let from_front = if axis < 0 {
        axis.saturating_add(rank as i64)
    } else {
        axis
    };
    usize::try_from(from_front)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| Fault::broken(format!("axis {axis} is not one of {rank}")))
}

/// Known dimensions as counts.
fn plain_dims(dims: &[usize]) -> Vec<Count> {
    dims.iter().map(|dim| Count::of(*dim as i64)).collect()
}

/// `Shape`, of a value with these dimensions.
pub(super) fn shape(call: &Call<'_>, dims: &[Count]) -> Array {
    let rank = dims.len() as i64;
    let place = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
    let start = place(call.int("start", 0).clamp(-rank, rank));
    let end = place(call.int("end", rank).clamp(-rank, rank));
    Array::counts(dims.get(start..end).unwrap_or_default().to_vec())
}

fn cast(array: &Array, to: i64) -> Reading<Array> {
    let Some(element) = Element::of(to) else {
        return Err(Fault::unsupported(format!(
            "converts to the unknown type {to}"
        )));
    };
    Ok(match (array, element.is_float()) {
        (Array::Floats(tensor), true) if element == Element::Half => {
            Array::Floats(tensor.to_dtype(DType::F16)?.to_dtype(DType::F32)?)
        }
        (Array::Floats(_), true) | (Array::Ints { .. }, false) => array.clone(),
        (_, true) => Array::Floats(array.to_tensor()?),
        (Array::Floats(tensor), false) => {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let truth = |x: f32| i64::from(x != 0.0);
            let of = |x: f32| {
                if element == Element::Bool {
                    truth(x)
                } else {
                    x as i64
                }
            };
            Array::counts(values.into_iter().map(|x| Count::of(of(x))).collect())
                .reshape(tensor.dims())?
        }
    })
}

/// Dimensions with one sample in the place of a batch in front: those that read the value repeat it anyway.
fn for_one_sample(dims: &Array) -> Reading<Vec<usize>> {
    let mut counts = dims.as_counts()?.to_vec();
    if let Some(first) = counts.first_mut().filter(|first| **first == Count::BATCH) {
        *first = Count::of(1);
    }
    let dims = Array::counts(counts).as_ints()?;
    let dims: Option<Vec<usize>> = dims.iter().map(|n| (*n).try_into().ok()).collect();
    dims.ok_or_else(|| Fault::broken("a dimension is negative"))
}

fn constant_of_shape(call: &Call<'_>, dims: &Array) -> Reading<Array> {
    let one = match call.tensor("value")? {
        Some(value) => value,
        None => Array::floats(vec![0.0], &[1])?,
    };
    let dims = for_one_sample(dims)?;
    one.reshape(&[])?.expand(&dims)
}

fn range(start: &Array, limit: &Array, step: &Array) -> Reading<Array> {
    let one = |array: &Array| -> Reading<i64> {
        let ints = array.as_ints()?;
        ints.first()
            .copied()
            .ok_or_else(|| Fault::broken("a bound of the range is missing"))
    };
    let (start, limit, step) = (one(start)?, one(limit)?, one(step)?);
    let up = (step > 0).then(|| limit.saturating_sub(start));
    let down = (step < 0).then(|| start.saturating_sub(limit));
    let reach = up
        .or(down)
        .ok_or_else(|| Fault::broken("a range has the step 0"))?;
    let len = reach.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
    if len > MAX_COMPUTED as u64 {
        return Err(Fault::unsupported(format!("counts to {len}")));
    }
    let value = |i: u64| Count::of(start.saturating_add(step.saturating_mul(i as i64)));
    Ok(Array::counts((0..len).map(value).collect()))
}

/// The same elements in other dimensions.
fn rearranged(call: &Call<'_>, inputs: &[Option<Array>]) -> Reading<Option<Vec<Array>>> {
    let Some(Some(array)) = inputs.first() else {
        return Err(Fault::broken("input 0 is missing"));
    };
    let dims = super::shape::of_constant(call, array, inputs)?;
    Ok(Some(vec![array.reshape(&dims)?]))
}

fn gather(call: &Call<'_>, array: &Array, indices: &Array) -> Reading<Array> {
    let axis = axis_of(call.int("axis", 0), array.dims().len())?;
    let size = array.dims()[axis];
    let places = indices.as_ints()?;
    let places = places.into_iter().map(|i| axis_of(i, size));
    let taken = array.select(axis, &places.collect::<Reading<Vec<_>>>()?)?;
    let mut dims = array.dims().to_vec();
    dims.splice(axis..=axis, indices.dims().iter().copied());
    taken.reshape(&dims)
}

fn split(call: &Call<'_>, inputs: &[Option<Array>]) -> Reading<Vec<Array>> {
    let Some(Some(array)) = inputs.first() else {
        return Err(Fault::broken("input 0 is missing"));
    };
    let axis = axis_of(call.int("axis", 0), array.dims().len())?;
    let mut parts = Vec::new();
    for range in super::parts::splits(call, array.dims()[axis], inputs)? {
        parts.push(array.select(axis, &range.collect::<Vec<_>>())?);
    }
    Ok(parts)
}

fn tile(array: &Array, repeats: &Array) -> Reading<Array> {
    let mut array = array.clone();
    let repeats = repeats.as_ints()?;
    if repeats.len() != array.dims().len() {
        return Err(Fault::broken("has another number of repeats than axes"));
    }
    for (axis, repeat) in repeats.into_iter().enumerate() {
        let size = array.dims()[axis];
        let len = usize::try_from(repeat)
            .ok()
            .and_then(|n| n.checked_mul(size));
        let len = len.filter(|len| *len <= MAX_COMPUTED);
        let len = len.ok_or_else(|| Fault::unsupported(format!("repeats {repeat} times")))?;
        let indices: Vec<usize> = (0..len).map(|i| i % size).collect();
        array = array.select(axis, &indices)?;
    }
    Ok(array)
}

fn choose(condition: &Array, yes: &Array, no: &Array) -> Reading<Array> {
    let dims = broadcast(condition.dims(), &broadcast(yes.dims(), no.dims())?)?;
    let (condition, yes, no) = (
        condition.expand(&dims)?,
        yes.expand(&dims)?,
        no.expand(&dims)?,
    );
    let is_yes: Vec<bool> = condition.as_counts()?.iter().map(|c| c.n != 0).collect();
    if let (Ok(yes), Ok(no)) = (yes.as_counts(), no.as_counts()) {
        let pairs = is_yes.iter().zip(yes.iter().zip(no));
        let values = pairs.map(|(is_yes, (yes, no))| if *is_yes { *yes } else { *no });
        let values = values.collect();
        return Ok(Array::Ints { dims, values });
    }
    let (yes, no) = (yes.as_floats()?, no.as_floats()?);
    let pairs = is_yes.iter().zip(yes.iter().zip(&no));
    let values = pairs.map(|(is_yes, (yes, no))| if *is_yes { *yes } else { *no });
    Array::floats(values.collect(), &dims)
}

/// Product, sum or extreme of a vector of integers.
fn reduce(call: &Call<'_>, array: &Array) -> Reading<Array> {
    let counts = array.as_counts()?;
    if array.dims().len() > 1 {
        return Err(Fault::unsupported("reduces a matrix of integers"));
    }
    let mut counts = counts.iter().copied();
    let first = counts.next().unwrap_or(Count::of(1));
    let value = counts.try_fold(first, |a, b| match call.node.op {
        "ReduceProd" => a.times(b),
        "ReduceSum" => a.plus(b),
        "ReduceMax" => Ok(Count::of(a.plain()?.max(b.plain()?))),
        _ => Ok(Count::of(a.plain()?.min(b.plain()?))),
    })?;
    let dims: &[usize] = if call.int("keepdims", 1) == 1 {
        &[1]
    } else {
        &[]
    };
    Array::counts(vec![value]).reshape(dims)
}

fn unary(op: &str, array: &Array) -> Reading<Array> {
    match array {
        Array::Floats(x) => Ok(Array::Floats(match op {
            "Floor" => x.floor()?,
            "Ceil" => x.ceil()?,
            "Neg" => x.neg()?,
            "Abs" => x.abs()?,
            "Sqrt" => x.sqrt()?,
            "Exp" => x.exp()?,
            "Log" => x.log()?,
            "Reciprocal" => x.recip()?,
            _ => return Err(Fault::broken("is not defined for floats")),
        })),
        Array::Ints { dims, values } => {
            let of = |count: &Count| match op {
                "Neg" => count.times(Count::of(-1)),
                "Abs" => Ok(Count {
                    n: count.n.saturating_abs(),
                    ..*count
                }),
                "Not" => Ok(Count::of(i64::from(count.n == 0))),
                _ => Err(Fault::broken("is not defined for integers")),
            };
            let values = values.iter().map(of).collect::<Reading<_>>()?;
            Ok(Array::Ints {
                dims: dims.clone(),
                values,
            })
        }
    }
}

fn binary(op: &str, a: &Array, b: &Array) -> Reading<Array> {
    let (Array::Floats(x), Array::Floats(y)) = (a, b) else {
        return a.zip(b, |a, b| match op {
            "Add" => a.plus(b),
            "Sub" => a.plus(b.times(Count::of(-1))?),
            "Mul" => a.times(b),
            "Div" => a.over(b),
            "Max" => Ok(Count::of(a.plain()?.max(b.plain()?))),
            "Min" => Ok(Count::of(a.plain()?.min(b.plain()?))),
            "Equal" => Ok(Count::of(i64::from(a == b))),
            "Less" => Ok(Count::of(i64::from(a.plain()? < b.plain()?))),
            "Greater" => Ok(Count::of(i64::from(a.plain()? > b.plain()?))),
            "Mod" => {
                let rest = a.plain()?.checked_rem_euclid(b.plain()?);
                rest.map(Count::of)
                    .ok_or_else(|| Fault::broken("divides by zero"))
            }
            _ => Err(Fault::unsupported("is not computed for integers")),
        });
    };
    let dims = broadcast(x.dims(), y.dims())?;
    if product(&dims)? > MAX_COMPUTED.max(a.len()).max(b.len()) {
        return Err(Fault::unsupported(format!(
            "a constant of {dims:?} would be computed"
        )));
    }
    let float = |x: Tensor| Ok(Array::Floats(x));
    match op {
        "Add" => float(x.broadcast_add(y)?),
        "Sub" => float(x.broadcast_sub(y)?),
        "Mul" => float(x.broadcast_mul(y)?),
        "Div" => float(x.broadcast_div(y)?),
        "Pow" => float(x.broadcast_pow(y)?),
        "Max" => float(x.broadcast_maximum(y)?),
        "Min" => float(x.broadcast_minimum(y)?),
        _ => Err(Fault::unsupported("is not computed for floats")),
    }
}
