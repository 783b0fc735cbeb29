//! Sums against slow sums, and on any number of threads.

use super::*;
use crate::seed::hash_uniform;

fn values(name: &str, n: usize) -> Vec<f32> {
    hash_uniform(name, n, 3).iter().map(|v| *v as f32).collect()
}

fn with_threads<R: Send>(n: usize, f: impl Fn() -> R + Send + Sync) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
    pool.unwrap().install(f)
}

#[test]
fn sums_equal_the_slow_sums_and_do_not_depend_on_threads() {
    for plane in [1, 7, 25, 1030, 6400] {
        let (a, b) = (values("a", plane * 5), values("b", plane * 5));
        let sums = || sum_planes(&a, &b, plane, |_| |a, b| [a, a * b, b]);
        for (i, sum) in sums().iter().enumerate() {
            let range = i * plane..(i + 1) * plane;
            let pairs = a[range.clone()].iter().zip(&b[range]);
            let mut slow = [0.0; 3];
            for (a, b) in pairs.map(|(a, b)| (f64::from(*a), f64::from(*b))) {
                for (slow, value) in slow.iter_mut().zip([a, a * b, b]) {
                    *slow += value;
                }
            }
            for (slow, sum) in slow.iter().zip(sum) {
                assert!((slow - sum).abs() < 1e-6 * plane as f64, "{slow} {sum}");
            }
        }
        assert_eq!(with_threads(1, sums), with_threads(3, sums));
    }
}

#[test]
fn weighted_sums_equal_the_slow_sums_and_do_not_depend_on_threads() {
    for plane in [1, 7, 33, 6400, 40_000] {
        let (x, each) = (values("x", plane * 5), values("weights", plane));
        let sums = || {
            weighted_sums(&x, plane, |i| {
                if i % 2 == 0 {
                    Weights::One(i as f32)
                } else {
                    Weights::Each(&each)
                }
            })
        };
        for (i, sum) in sums().iter().enumerate() {
            let weight = |j: usize| if i % 2 == 0 { i as f32 } else { each[j] };
            let of = |j: usize| f64::from(x[i * plane + j]) * f64::from(weight(j));
            let slow: f64 = (0..plane).map(of).sum();
            assert!((slow - sum).abs() < 1e-7 * plane as f64, "{slow} {sum}");
        }
        assert_eq!(with_threads(1, sums), with_threads(3, sums));
    }
}

#[test]
fn one_value_that_is_not_finite_is_found_wherever_it_is() {
    let mut x = values("x", 40_000);
    x[0] = f32::MAX;
    x[1] = -f32::MAX;
    assert!(all_finite(&x) && all_finite(&[]));
    for at in [0, 17, 16_384, 39_999] {
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let before = std::mem::replace(&mut x[at], value);
            assert!(!all_finite(&x), "{value} at {at}");
            x[at] = before;
        }
    }
}

#[test]
fn sums_over_samples_keep_their_places_and_do_not_depend_on_threads() {
    for plane in [1, 30, 1030] {
        let (channels, n) = (3, 4);
        let len = channels * plane;
        let (a, b, c) = (values("a", n * len), values("b", n * len), values("c", len));
        let of = |i: usize| move |a: f32, b: f32, c: f32| ([a * c, i as f32 * b], a * b + c);
        let all = || sum_planes_and_samples([&a, &b, &c], plane, of);
        let (sums, samples) = all();
        let mut slow = vec![[0.0_f64; 2]; channels];
        for i in 0..len {
            let mut sample = 0.0_f32;
            for n in (0..n).map(|n| n * len + i) {
                let (value, rest) = of(i / plane)(a[n], b[n], c[i]);
                sample += rest;
                slow[i / plane][0] += f64::from(value[0]);
                slow[i / plane][1] += f64::from(value[1]);
            }
            assert_eq!(samples[i], sample);
        }
        for (slow, sum) in slow.iter().flatten().zip(sums.iter().flatten()) {
            assert!((slow - sum).abs() < 1e-5 * plane as f64, "{slow} {sum}");
        }
        assert_eq!(with_threads(1, all), with_threads(3, all));
    }
}

#[test]
fn moments_are_accurate_far_from_zero_and_do_not_depend_on_threads() {
    for plane in [1, 25, 1030, 6400] {
        for shift in [0.0, 1000.0] {
            let mut x = values("x", plane * 6);
            // Planes of one channel lie apart, and so do the blocks of a plane.
            for (i, x) in x.iter_mut().enumerate() {
                *x += shift + (i / 1024 % 7) as f32;
            }
            let moments = || channel_moments(&x, 2, plane);
            for (channel, [mean, var]) in moments().into_iter().enumerate() {
                let own: Vec<f64> = x
                    .chunks(plane)
                    .skip(channel)
                    .step_by(2)
                    .flatten()
                    .map(|x| f64::from(*x))
                    .collect();
                let n = own.len() as f64;
                let slow = own.iter().sum::<f64>() / n;
                let spread = own.iter().map(|x| (x - slow).powi(2)).sum::<f64>() / n;
                assert!(
                    (mean - slow).abs() < 1e-7 * (1.0 + slow.abs()),
                    "{mean} {slow}"
                );
                assert!((var - spread).abs() < 1e-6 * spread, "{var} {spread}");
            }
            assert_eq!(with_threads(1, moments), with_threads(3, moments));
        }
    }
}
