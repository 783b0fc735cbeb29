//! The Rice decoder of tile-compressed FITS images (`RICE_1`).
//!
//! Invariant: reads inside the given bytes only; damaged input gives `None`. Source: FITS standard 4.0, section 10.4.1;
//! the coding is that of Rice, Yeh and Miller (1993).

/// Reads bits from the most significant one down.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Position of the next bit.
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = *self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// `count` bits, at most 32, as an unsigned number.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value: u64 = 0;
        let mut wanted = count as usize;
        while wanted > 0 {
            let byte = u64::from(*self.bytes.get(self.at / 8)?);
            let left_in_byte = 8 - self.at % 8;
            let taken = wanted.min(left_in_byte);
            let bits = byte >> (left_in_byte - taken) & ((1 << taken) - 1);
            value = value << taken | bits;
            self.at += taken;
            wanted -= taken;
        }
        Some(value as u32)
    }

    /// The number of zero bits before the next one bit, which is consumed.
    fn zeros(&mut self) -> Option<u32> {
        let mut count = 0;
        while self.bit()? == 0 {
            count += 1;
        }
        Some(count)
    }
}

/// Decodes `count` integers of `bytes_per_pixel` 1 (unsigned), 2 or 4 (signed), coded in blocks of `block` differences.
pub(super) fn decode(
    bytes: &[u8],
    count: usize,
    block: usize,
    bytes_per_pixel: usize,
) -> Option<Vec<i32>> {
    // Width of the split field, the split that means "stored verbatim", and the width of verbatim differences.
    let (split_bits, verbatim, width) = match bytes_per_pixel {
        1 => (3, 6, 8),
        2 => (4, 14, 16),
        4 => (5, 25, 32),
        _ => return None,
    };
    // Each block costs at least its split field: refuse counts that the bytes cannot hold before allocating.
    let most = (bytes.len() * 8 / split_bits as usize + 1).saturating_mul(block);
    if block == 0 || count > most {
        return None;
    }
    let mut bits = Bits { bytes, at: 0 };
    let mut last = bits.take(width)?;
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let split = bits.take(split_bits)?;
        for _ in 0..block.min(count - values.len()) {
            let code = match split {
                0 => 0,
                _ if split == verbatim + 1 => bits.take(width)?,
                _ => {
                    let high = bits.zeros()?;
                    let low = bits.take(split - 1)?;
                    high.checked_shl(split - 1).unwrap_or(0) | low
                }
            };
            // Codes alternate 0, -1, 1, -2, 2, ...
            let difference = if code & 1 == 0 {
                code >> 1
            } else {
                !(code >> 1)
            };
            last = last.wrapping_add(difference);
            values.push(match width {
                8 => i32::from(last as u8),
                16 => i32::from(last as i16),
                _ => last as i32,
            });
        }
    }
    Some(values)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A plain encoder: the split that makes the block shortest, found by trying.
    pub(crate) fn encode(values: &[i32], block: usize, bytes_per_pixel: usize) -> Vec<u8> {
        let (split_bits, verbatim, width) = match bytes_per_pixel {
            1 => (3, 6, 8),
            2 => (4, 14, 16),
            _ => (5, 25, 32),
        };
        let mut bits: Vec<bool> = Vec::new();
        let put = |bits: &mut Vec<bool>, value: u32, count: u32| {
            bits.extend((0..count).rev().map(|i| value >> i & 1 == 1));
        };
        let mut last = *values.first().expect("pixels");
        put(&mut bits, last as u32, width);
        for chunk in values.chunks(block) {
            let codes: Vec<u32> = chunk
                .iter()
                .map(|v| {
                    let d = i64::from(*v) - i64::from(last);
                    last = *v;
                    let code = if d >= 0 { 2 * d } else { -2 * d - 1 };
                    u32::try_from(code).expect("small differences")
                })
                .collect();
            let cost = |split: u32| -> u64 {
                codes
                    .iter()
                    .map(|c| u64::from(c >> split) + 1 + u64::from(split))
                    .sum()
            };
            let best = (0..verbatim).min_by_key(|s| cost(*s)).expect("splits");
            if codes.iter().all(|c| *c == 0) {
                put(&mut bits, 0, split_bits);
            } else if cost(best) >= u64::from(width) * codes.len() as u64 {
                put(&mut bits, verbatim + 1, split_bits);
                for code in codes {
                    put(&mut bits, code, width);
                }
            } else {
                put(&mut bits, best + 1, split_bits);
                for code in codes {
                    bits.extend((0..code >> best).map(|_| false));
                    bits.push(true);
                    put(&mut bits, code & ((1 << best) - 1), best);
                }
            }
        }
        bits.chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .map(|(i, b)| u8::from(*b) << (7 - i))
                    .sum()
            })
            .collect()
    }

    #[test]
    fn decodes_what_was_encoded() {
        let smooth: Vec<i32> = (0..1000).map(|i| i * i / 50 - 300).collect();
        let rough: Vec<i32> = (0..100)
            .map(|i| (i * 7919 % 201 - 100) * 4_000_000)
            .collect();
        for values in [smooth, rough, vec![5; 70], vec![-3]] {
            let bytes = encode(&values, 32, 4);
            assert_eq!(decode(&bytes, values.len(), 32, 4), Some(values));
        }
        let bytes: Vec<i32> = (0..90).map(|i| (i * 3) % 200).collect();
        assert_eq!(decode(&encode(&bytes, 16, 1), 90, 16, 1), Some(bytes));
    }

    #[test]
    fn cut_or_absurd_input_is_refused() {
        let values: Vec<i32> = (0..300).map(|i| i * i).collect();
        let bytes = encode(&values, 32, 4);
        for end in 0..bytes.len() - 1 {
            assert_eq!(decode(&bytes[..end], 300, 32, 4), None, "{end}");
        }
        assert_eq!(decode(&bytes, usize::MAX, 32, 4), None);
        assert_eq!(decode(&bytes, 10, 32, 3), None);
    }
}
