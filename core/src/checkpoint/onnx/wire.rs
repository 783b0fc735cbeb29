//! The wire format of protocol buffers, read in place and written (<https://protobuf.dev/programming-guides/encoding>).
//!
//! Invariant: reading copies nothing and allocates nothing, so what a hostile file claims costs nothing; the caller
//! counts the parts it keeps. A general decoder would copy every weight and give a message of two bytes its full size.

use super::fault::{Fault, Reading};

/// The content of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    /// Integers, enums and booleans.
    Number(u64),
    /// Four bytes: a float.
    Fixed32(&'a [u8]),
    /// Eight bytes: a double.
    Fixed64(&'a [u8]),
    /// Text, bytes, a message or a list of numbers.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// The bytes of text, a message or a list.
    pub(super) fn bytes(self) -> Reading<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            other => Err(Fault::broken(format!(
                "a message is expected, not {other:?}"
            ))),
        }
    }

    /// Text.
    pub(super) fn text(self) -> Reading<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::broken("a name is not UTF-8"))
    }

    /// A signed integer.
    pub(super) fn int(self) -> Reading<i64> {
        match self {
            Self::Number(n) => Ok(n as i64),
            _ => Err(Fault::broken("a number is expected, not bytes")),
        }
    }

    /// A float.
    pub(super) fn float(self) -> Reading<f32> {
        match self {
            Self::Fixed32(&[a, b, c, d]) => Ok(f32::from_le_bytes([a, b, c, d])),
            _ => Err(Fault::broken("a float is expected")),
        }
    }
}

/// The fields of one message, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of the message in `bytes`.
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes the next `n` bytes.
    fn take(&mut self, n: u64) -> Reading<&'a [u8]> {
        let n = usize::try_from(n).ok().filter(|n| *n <= self.rest.len());
        let Some((taken, rest)) = n.and_then(|n| self.rest.split_at_checked(n)) else {
            return Err(Fault::broken(
                "a field is longer than the file; it was cut short",
            ));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn next_field(&mut self) -> Reading<(u64, Field<'a>)> {
        let key = number(&mut self.rest)?;
        let field = match key & 7 {
            0 => Field::Number(number(&mut self.rest)?),
            1 => Field::Fixed64(self.take(8)?),
            2 => {
                let length = number(&mut self.rest)?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(self.take(4)?),
            other => {
                return Err(Fault::broken(format!(
                    "a field has the unknown wire type {other}"
                )));
            }
        };
        Ok((key >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Reading<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.next_field();
        if field.is_err() {
            // A message that is broken once says nothing more.
            self.rest = &[];
        }
        Some(field)
    }
}

/// Takes a variable-length integer off the front.
pub(super) fn number(rest: &mut &[u8]) -> Reading<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, tail)) = rest.split_first() else {
            return Err(Fault::broken("a number is cut short"));
        };
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Fault::broken("a number has more than ten bytes"))
}

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// The message so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }

    /// Adds an integer.
    pub(super) fn int(&mut self, field: u64, n: i64) -> &mut Self {
        self.varint(field << 3);
        self.varint(n as u64);
        self
    }

    /// Adds a float.
    pub(super) fn float(&mut self, field: u64, x: f32) -> &mut Self {
        self.varint(field << 3 | 5);
        self.bytes.extend(x.to_le_bytes());
        self
    }

    /// Adds text, bytes or a message.
    pub(super) fn put(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.head(field, bytes.len());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds the head of a field of `length` bytes, which the caller writes after the message.
    pub(super) fn head(&mut self, field: u64, length: usize) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(length as u64);
        self
    }

    /// Adds a message made by `fill`.
    pub(super) fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        fill(&mut inner);
        self.put(field, &inner.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut message = Message::default();
        message
            .int(1, 300)
            .int(2, -1)
            .float(3, 0.5)
            .put(4, b"name")
            .message(200, |m| {
                m.int(1, 0);
            });
        let fields: Vec<_> = Fields::of(message.bytes()).map(Result::unwrap).collect();
        assert_eq!(fields[0], (1, Field::Number(300)));
        assert_eq!(fields[1].1.int().unwrap(), -1);
        assert_eq!(fields[2].1.float().unwrap(), 0.5);
        assert_eq!(fields[3].1.text().unwrap(), "name");
        assert_eq!(fields[4], (200, Field::Bytes(&[8, 0])));
    }

    #[test]
    fn broken_messages_end_in_errors() {
        let broken: [&[u8]; 6] = [
            &[0x08],
            &[0x0a, 5, 1],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            &[0x0b],
            &[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            &[0x0d, 1, 2],
        ];
        for bytes in broken {
            let read: Vec<_> = Fields::of(bytes).collect();
            assert!(
                matches!(read.as_slice(), [Err(Fault::Broken(_))]),
                "{bytes:?}"
            );
        }
    }
}
