//! Values between layers: where the elements of a vector that was a picture lie here, where Keras counts them otherwise.
//!
//! Keras orders a picture as rows, columns, channels; a network here as channels, rows, columns. Invariant: pictures are
//! always `[C, H, W]`, and the order of a vector is known run by run, so weights that read it can be permuted once.

use crate::network::NodeId;

/// The value of a layer.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// The node that computes it.
    pub(super) node: NodeId,
    /// What its axes mean.
    pub(super) form: Form,
}

/// What the axes of a value mean; the batch is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[C, H, W]`, which Keras has as `[H, W, C]`.
    Picture,
    /// `[F]`.
    Vector(Order),
}

impl Value {
    pub(super) const fn picture(node: NodeId) -> Self {
        Self {
            node,
            form: Form::Picture,
        }
    }

    pub(super) const fn vector(node: NodeId, order: Order) -> Self {
        Self {
            node,
            form: Form::Vector(order),
        }
    }
}

/// Elements of a vector that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// So many elements in the order of Keras.
    Plain(usize),
    /// The elements of a picture `[C, H, W]`, in this order.
    Picture([usize; 3]),
}

/// The order of a vector's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order(Vec<Part>);

impl Order {
    /// `len` elements as Keras has them.
    pub(super) fn plain(len: usize) -> Self {
        Self(vec![Part::Plain(len)])
    }

    /// The elements of a picture `[C, H, W]` in this order.
    pub(super) fn picture([channels, rows, columns]: [usize; 3]) -> Self {
        if channels == 1 || rows * columns == 1 {
            return Self::plain(channels * rows * columns);
        }
        Self(vec![Part::Picture([channels, rows, columns])])
    }

    /// One vector after another.
    pub(super) fn joined<'a>(orders: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for part in orders.into_iter().flat_map(|order| &order.0) {
            match (parts.last_mut(), part) {
                (Some(Part::Plain(len)), Part::Plain(more)) => *len += more,
                _ => parts.push(*part),
            }
        }
        Self(parts)
    }

    /// Whether Keras has the same order.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Plain(_)))
    }

    /// For every element here, its position in Keras.
    pub(super) fn positions(&self) -> Vec<u32> {
        let mut positions = Vec::new();
        let mut start = 0;
        for part in &self.0 {
            match *part {
                Part::Plain(len) => {
                    positions.extend(start as u32..(start + len) as u32);
                    start += len;
                }
                Part::Picture([channels, rows, columns]) => {
                    for channel in 0..channels {
                        let pixels = 0..rows * columns;
                        positions.extend(pixels.map(|p| (start + p * channels + channel) as u32));
                    }
                    start += channels * rows * columns;
                }
            }
        }
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn elements_of_a_picture_are_found_where_keras_has_them() {
        // Two channels of one row with three columns: Keras has c0 c1 of each pixel side by side.
        let picture = Order::picture([2, 1, 3]);
        assert_eq!(picture.positions(), [0, 2, 4, 1, 3, 5]);
        let joined = Order::joined([&Order::plain(1), &Order::plain(1), &picture]);
        assert_eq!(joined.positions(), [0, 1, 2, 4, 6, 3, 5, 7]);
        assert!(!joined.is_plain());
    }

    #[test]
    fn pictures_of_one_channel_or_one_pixel_have_the_order_of_keras() {
        assert!(Order::picture([1, 5, 4]).is_plain());
        assert!(Order::picture([7, 1, 1]).is_plain());
        let joined = Order::joined([&Order::plain(2), &Order::picture([3, 1, 1])]);
        assert_eq!(joined, Order::plain(5));
    }
}
