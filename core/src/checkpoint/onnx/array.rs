//! Constants of a graph: weights as tensors, and the integers that shapes are computed with.
//!
//! Invariant: an [`Array`] has at most [`MAX_RANK`] axes, and one that was computed at most [`MAX_COMPUTED`] elements. A
//! [`Count`] may be a multiple of the batch size, which is known only when the network runs.

use candle_core::{Device, Tensor};

use super::fault::{Fault, Reading};

/// Most axes: pixel shuffles take six.
pub(super) const MAX_RANK: usize = 8;

/// Most elements of a constant that is computed and not stored: a map of the largest stamps.
pub(super) const MAX_COMPUTED: usize = 1 << 24;

/// An integer times a power of the batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// The integer.
    pub(super) n: i64,
    /// How often the batch size is a factor.
    pub(super) batch: u8,
}

impl Count {
    /// A plain integer.
    pub(super) const fn of(n: i64) -> Self {
        Self { n, batch: 0 }
    }

    /// The batch size itself.
    pub(super) const BATCH: Self = Self { n: 1, batch: 1 };

    /// The integer, where the batch size is no factor.
    pub(super) fn plain(self) -> Reading<i64> {
        if self.batch == 0 || self.n == 0 {
            return Ok(self.n);
        }
        Err(Fault::unsupported(
            "computes with the batch size, which is not known before the network runs",
        ))
    }

    /// The sum, where both are the same multiple of the batch size.
    pub(super) fn plus(self, other: Self) -> Reading<Self> {
        if other.n == 0 {
            return Ok(self);
        }
        if self.n == 0 {
            return Ok(other);
        }
        if self.batch != other.batch {
            return Err(Fault::unsupported("adds a number to the batch size"));
        }
        let n = self.n.checked_add(other.n).ok_or_else(too_large)?;
        Ok(Self { n, ..self })
    }

    /// The product.
    pub(super) fn times(self, other: Self) -> Reading<Self> {
        Ok(Self {
            n: self.n.checked_mul(other.n).ok_or_else(too_large)?,
            batch: self.batch.checked_add(other.batch).ok_or_else(too_large)?,
        })
    }

    /// The quotient, rounded towards zero.
    pub(super) fn over(self, other: Self) -> Reading<Self> {
        let (n, batch) = (
            self.n.checked_div(other.n),
            self.batch.checked_sub(other.batch),
        );
        match (n, batch) {
            (Some(n), Some(0)) => Ok(Self::of(n)),
            (Some(n), Some(batch)) if self.n % other.n == 0 => Ok(Self { n, batch }),
            (None, _) => Err(Fault::broken("divides by zero")),
            _ => Err(Fault::unsupported("divides by the batch size")),
        }
    }
}

fn too_large() -> Fault {
    Fault::broken("an integer is too large")
}

/// A constant.
#[derive(Clone, Debug)]
pub(super) enum Array {
    /// Floating-point numbers, f32 on the CPU.
    Floats(Tensor),
    /// Integers and truth values.
    Ints {
        /// The dimensions.
        dims: Vec<usize>,
        /// The elements, row-major.
        values: Vec<Count>,
    },
}

impl Array {
    /// Integers in one axis.
    pub(super) fn counts(values: Vec<Count>) -> Self {
        Self::Ints {
            dims: vec![values.len()],
            values,
        }
    }

    /// Floats of the given dimensions.
    pub(super) fn floats(values: Vec<f32>, dims: &[usize]) -> Reading<Self> {
        let tensor = Tensor::from_vec(values, dims, &Device::Cpu)?;
        Ok(Self::Floats(tensor))
    }

    /// Its dimensions.
    pub(super) fn dims(&self) -> &[usize] {
        match self {
            Self::Floats(tensor) => tensor.dims(),
            Self::Ints { dims, .. } => dims,
        }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Floats(tensor) => tensor.elem_count(),
            Self::Ints { values, .. } => values.len(),
        }
    }

    /// The elements as integers that may be multiples of the batch size.
    pub(super) fn as_counts(&self) -> Reading<&[Count]> {
        match self {
            Self::Ints { values, .. } => Ok(values),
            Self::Floats(_) => Err(Fault::broken("integers are expected, not floats")),
        }
    }

    /// The elements as plain integers.
    pub(super) fn as_ints(&self) -> Reading<Vec<i64>> {
        self.as_counts()?
            .iter()
            .map(|count| count.plain())
            .collect()
    }

    /// The elements as floats.
    pub(super) fn as_floats(&self) -> Reading<Vec<f32>> {
        Ok(self.to_tensor()?.flatten_all()?.to_vec1()?)
    }

    /// The same as a tensor of floats.
    pub(super) fn to_tensor(&self) -> Reading<Tensor> {
        match self {
            Self::Floats(tensor) => Ok(tensor.clone()),
            Self::Ints { dims, .. } => {
                let values = self.as_ints()?.into_iter().map(|n| n as f32);
                Ok(Tensor::from_iter(values, &Device::Cpu)?.reshape(dims.as_slice())?)
            }
        }
    }

    /// The same elements in other dimensions.
    pub(super) fn reshape(&self, dims: &[usize]) -> Reading<Self> {
        if product(dims)? != self.len() {
            return Err(Fault::broken(format!(
                "a constant of {:?} cannot be {dims:?}",
                self.dims()
            )));
        }
        Ok(match self {
            Self::Floats(tensor) => Self::Floats(tensor.reshape(dims)?),
            Self::Ints { values, .. } => Self::Ints {
                dims: dims.to_vec(),
                values: values.clone(),
            },
        })
    }

    /// Indices of one axis, in any order.
    pub(super) fn select(&self, axis: usize, indices: &[usize]) -> Reading<Self> {
        let size = self.dims().get(axis).copied().unwrap_or(0);
        if let Some(index) = indices.iter().find(|index| **index >= size) {
            return Err(Fault::broken(format!(
                "index {index} is outside axis {axis} of {:?}",
                self.dims()
            )));
        }
        let mut tables = self.tables();
        let table = &mut tables[axis];
        *table = indices.iter().map(|index| table[*index]).collect();
        self.gather(&tables)
    }

    /// The axes in another order.
    pub(super) fn permute(&self, order: &[usize]) -> Reading<Self> {
        let tables = self.tables();
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..tables.len()) {
            return Err(Fault::broken(format!(
                "{order:?} is no order of {} axes",
                tables.len()
            )));
        }
        let tables: Vec<_> = order.iter().map(|axis| tables[*axis].clone()).collect();
        self.gather(&tables)
    }

    /// Repeated along axes of one element, and along new axes in front.
    pub(super) fn expand(&self, dims: &[usize]) -> Reading<Self> {
        let own = self.tables();
        let new = dims.len().checked_sub(own.len());
        let fits = |new: usize| {
            let mut pairs = own.iter().zip(&dims[new..]);
            pairs.all(|(table, dim)| table.len() == 1 || table.len() == *dim)
        };
        let Some(new) = new.filter(|new| fits(*new)) else {
            return Err(Fault::broken(format!(
                "a constant of {:?} cannot be repeated to {dims:?}",
                self.dims()
            )));
        };
        if product(dims)? > MAX_COMPUTED.max(self.len()) || dims.len() > MAX_RANK {
            return Err(Fault::unsupported(format!(
                "a constant of {dims:?} would be computed, which is too large"
            )));
        }
        let tables: Vec<Vec<usize>> = dims
            .iter()
            .enumerate()
            .map(
                |(axis, dim)| match axis.checked_sub(new).map(|axis| &own[axis]) {
                    Some(table) if table.len() == *dim => table.clone(),
                    _ => vec![0; *dim],
                },
            )
            .collect();
        self.gather(&tables)
    }

    /// The places of the elements along every axis.
    fn tables(&self) -> Vec<Vec<usize>> {
        let mut stride = 1;
        let mut tables: Vec<Vec<usize>> = Vec::new();
        for dim in self.dims().iter().rev() {
            tables.push((0..*dim).map(|i| i * stride).collect());
            stride *= dim;
        }
        tables.reverse();
        tables
    }

    /// The elements at the sums of one entry of every table.
    fn gather(&self, tables: &[Vec<usize>]) -> Reading<Self> {
        let dims: Vec<usize> = tables.iter().map(Vec::len).collect();
        if product(&dims)? > MAX_COMPUTED.max(self.len()) || dims.len() > MAX_RANK {
            return Err(Fault::unsupported(format!(
                "a constant of {dims:?} would be computed, which is too large"
            )));
        }
        let mut places = vec![0];
        for table in tables {
            let sums = |place: usize| table.iter().map(move |offset| place + offset);
            places = places.into_iter().flat_map(sums).collect();
        }
        match self {
            Self::Floats(tensor) => {
                let from = tensor.flatten_all()?.to_vec1::<f32>()?;
                let at = |place: usize| from.get(place).copied().unwrap_or_default();
                Self::floats(places.into_iter().map(at).collect(), &dims)
            }
            Self::Ints { values, .. } => {
                let values = places.into_iter().filter_map(|p| values.get(p).copied());
                let values = values.collect();
                Ok(Self::Ints { dims, values })
            }
        }
    }

    /// One after the other along an axis.
    pub(super) fn concat(arrays: &[&Self], axis: usize) -> Reading<Self> {
        if arrays.iter().all(|array| matches!(array, Self::Floats(_))) {
            let tensors = arrays
                .iter()
                .map(|a| a.to_tensor())
                .collect::<Reading<Vec<_>>>()?;
            return Ok(Self::Floats(Tensor::cat(&tensors, axis)?));
        }
        // Shapes are vectors; nothing else of integers is joined.
        let vectors = arrays.iter().all(|array| array.dims().len() == 1);
        if axis != 0 || !vectors {
            return Err(Fault::unsupported("joins matrices of integers"));
        }
        let mut values = Vec::new();
        for array in arrays {
            values.extend_from_slice(array.as_counts()?);
        }
        Ok(Self::counts(values))
    }

    /// `f` of every pair of integers, with broadcasting.
    pub(super) fn zip(
        &self,
        other: &Self,
        f: impl Fn(Count, Count) -> Reading<Count>,
    ) -> Reading<Self> {
        let dims = broadcast(self.dims(), other.dims())?;
        let (a, b) = (self.expand(&dims)?, other.expand(&dims)?);
        let pairs = a.as_counts()?.iter().zip(b.as_counts()?);
        let values = pairs.map(|(a, b)| f(*a, *b)).collect::<Reading<_>>()?;
        Ok(Self::Ints { dims, values })
    }
}

/// The dimensions that both can be repeated to.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Reading<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, n) | (n, 1) => Ok(n),
            _ => Err(Fault::broken(format!(
                "{a:?} and {b:?} do not fit together"
            ))),
        })
        .collect()
}

/// The number of elements of these dimensions.
pub(super) fn product(dims: &[usize]) -> Reading<usize> {
    dims.iter()
        .try_fold(1_usize, |len, dim| len.checked_mul(*dim))
        .ok_or_else(|| Fault::broken(format!("{dims:?} is larger than any memory")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(array: &Array) -> Vec<i64> {
        array.as_ints().unwrap()
    }

    #[test]
    fn elements_are_moved_like_those_of_a_matrix() {
        let matrix = Array::counts((0..6).map(Count::of).collect());
        let matrix = matrix.reshape(&[2, 3]).unwrap();
        assert_eq!(ints(&matrix.permute(&[1, 0]).unwrap()), [0, 3, 1, 4, 2, 5]);
        assert_eq!(ints(&matrix.select(1, &[2, 0]).unwrap()), [2, 0, 5, 3]);
        let column = matrix.select(1, &[1]).unwrap();
        assert_eq!(ints(&column.expand(&[2, 2]).unwrap()), [1, 1, 4, 4]);
        assert!(matrix.select(1, &[3]).is_err());
        assert!(matrix.select(2, &[0]).is_err());
        assert!(matrix.permute(&[0, 0]).is_err());
        assert!(column.expand(&[1 << 40, 2, 1 << 20]).is_err());
        assert!(column.expand(&[3, 1]).is_err());
    }

    #[test]
    fn the_batch_size_is_a_factor_until_it_is_divided_away() {
        let batch = Count::BATCH;
        let six = batch.times(Count::of(6)).unwrap();
        assert_eq!(six.over(batch).unwrap(), Count::of(6));
        assert!(six.plain().is_err());
        assert!(six.plus(Count::of(1)).is_err());
        assert_eq!(six.plus(batch).unwrap(), Count { n: 7, batch: 1 });
        assert!(Count::of(1).over(batch).is_err());
        assert!(Count::of(1).over(Count::of(0)).is_err());
        assert!(Count::of(i64::MAX).times(Count::of(2)).is_err());
    }
}
