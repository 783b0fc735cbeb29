//! Who survives: the streaming rule of the authors' program.

/// Places of the `count` fittest, by ascending place: the first are taken, and each further one replaces the least fit
/// survivor if it is fitter. Of equally fit ones the earlier is kept; NaN counts as minus infinity.
pub(in crate::train) fn survivors(fitness: &[f64], count: usize) -> Vec<usize> {
    let of = |place: usize| {
        let value = fitness.get(place).copied().unwrap_or(f64::NAN);
        if value.is_nan() {
            f64::NEG_INFINITY
        } else {
            value
        }
    };
    let mut kept: Vec<usize> = (0..fitness.len().min(count)).collect();
    for place in kept.len()..fitness.len() {
        // The last of the least fit, so that the earlier of equals stays.
        let worst = (0..kept.len()).min_by(|a, b| {
            let by_fitness = of(kept[*a]).total_cmp(&of(kept[*b]));
            by_fitness.then(b.cmp(a))
        });
        if let Some(worst) = worst
            && of(place) > of(kept[worst])
        {
            kept.remove(worst);
            kept.push(place);
        }
    }
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::survivors;

    #[test]
    fn the_fittest_survive() {
        assert_eq!(survivors(&[1.0, 3.0, 2.0], 1), [1]);
        assert_eq!(survivors(&[1.0, 3.0, 2.0, 4.0], 2), [1, 3]);
        assert_eq!(survivors(&[1.0], 3), [0]);
        assert_eq!(survivors(&[1.0, 2.0], 0), Vec::<usize>::new());
    }

    #[test]
    fn of_equally_fit_ones_the_earlier_is_kept() {
        assert_eq!(survivors(&[2.0, 2.0, 2.0], 1), [0]);
        assert_eq!(survivors(&[2.0, 2.0, 3.0], 2), [0, 2]);
        assert_eq!(survivors(&[0.0, -0.0], 1), [0]);
    }

    #[test]
    fn what_is_not_a_number_never_wins() {
        assert_eq!(survivors(&[f64::NAN, 0.0], 1), [1]);
        assert_eq!(survivors(&[f64::NEG_INFINITY, f64::NAN], 1), [0]);
        assert_eq!(survivors(&[f64::NAN, -1e9, f64::NAN], 2), [0, 1]);
    }

    #[test]
    fn selection_equals_sorting_where_all_differ() {
        let fitness: Vec<f64> = crate::seed::hash_uniform("fitness", 24, 1);
        for count in 1..24 {
            let mut order: Vec<usize> = (0..24).collect();
            order.sort_by(|a, b| fitness[*b].total_cmp(&fitness[*a]));
            order.truncate(count);
            order.sort_unstable();
            assert_eq!(survivors(&fitness, count), order);
        }
    }
}
