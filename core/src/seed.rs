//! Reproducible randomness: procedural (hashed) values addressed by name, and a seeded stream for everything else.
//!
//! Invariant: every function here gives the same values on every machine and thread count.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// FNV-1a, 64 bit, of the UTF-8 bytes of `text`.
fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// `n` values in `[-1, 1)` that depend only on `name`, `seed` and their index: `SplitMix64` finaliser of a Weyl sequence.
pub fn hash_uniform(name: &str, n: usize, seed: u64) -> Vec<f64> {
    let start = fnv1a64(name) ^ seed;
    (1..=n as u64)
        .map(|i| {
            let mut z = start.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (z >> 11) as f64 * (-52_f64).exp2() - 1.0
        })
        .collect()
}

/// `n` standard normal values that depend only on `name`, `seed` and their index (Box-Muller over [`hash_uniform`]).
pub fn hash_gauss(name: &str, n: usize, seed: u64) -> Vec<f64> {
    let a = hash_uniform(&format!("{name}:a"), n, seed);
    let b = hash_uniform(&format!("{name}:b"), n, seed);
    a.iter()
        .zip(&b)
        .map(|(a, b)| {
            (-2.0 * (1.0 - (a + 1.0) / 2.0).ln()).sqrt() * (std::f64::consts::PI * b).cos()
        })
        .collect()
}

/// A seeded random stream (ChaCha8): the same draws on every machine.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// An independent stream for item `index` of `seed`: item 7 is the same whether 8 or 8,000 items are drawn.
    pub fn for_item(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (-53_f64).exp2()
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform integer in `0..n` (n below 2^53; the bias is below 2^-53 times n).
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// A fair coin.
    pub fn coin(&mut self) -> bool {
        self.bits() & 1 == 1
    }

    /// Standard normal (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_match_the_published_example() {
        assert_eq!(fnv1a64("net.conv0.weight"), 0xf1c9_a509_8677_b81a);
        let uniform = hash_uniform("net.conv0.weight", 3, 1077);
        let expected = [
            -0.882_887_537_426_783_5,
            0.574_578_024_523_455_5,
            -0.263_978_103_625_086_34,
        ];
        assert_eq!(uniform, expected);
        let gauss = hash_gauss("smoothgrad:0", 3, 1003);
        let expected = [
            -0.071_401_257_416_608_62,
            -0.903_839_762_277_246_2,
            -0.361_004_658_019_482_67,
        ];
        for (a, b) in gauss.iter().zip(expected) {
            assert!((a - b).abs() < 1e-14, "{a} {b}");
        }
    }

    #[test]
    fn items_do_not_depend_on_how_many_are_drawn() {
        let first = Stream::for_item(7, 3).bits();
        let mut other = Stream::for_item(7, 2);
        other.bits();
        assert_eq!(first, Stream::for_item(7, 3).bits());
    }
}
