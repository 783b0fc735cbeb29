//! Learning rates over the steps, in phases.

use super::Phase;

/// The learning rate of a step: half a cosine from the start to the end of its phase; 0 after the last.
pub(super) fn rate_at(schedule: &[Phase], step: u64) -> f64 {
    let mut start = 0;
    for phase in schedule {
        if step < phase.until {
            let part = (step - start) as f64 / (phase.until - start).max(1) as f64;
            let cosine = 0.5 * (1.0 + (std::f64::consts::PI * part).cos());
            return phase.to + (phase.from - phase.to) * cosine;
        }
        start = phase.until;
    }
    0.0
}

/// Says what is wrong with a schedule: its phases must grow and have rates from 0.
pub(super) fn check(schedule: &[Phase]) -> Result<(), String> {
    let mut start = 0;
    for phase in schedule {
        if phase.until <= start {
            return Err(format!(
                "the phases of the schedule must grow, but {} follows {start}",
                phase.until
            ));
        }
        for rate in [phase.from, phase.to] {
            if !(rate >= 0.0 && rate.is_finite()) {
                return Err(format!("a learning rate of the schedule is {rate}"));
            }
        }
        start = phase.until;
    }
    if start == 0 {
        return Err("the schedule needs a phase".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Statistics;

    fn phase(until: u64, from: f64, to: f64) -> Phase {
        Phase {
            until,
            from,
            to,
            statistics: Statistics::Batch,
        }
    }

    #[test]
    fn rates_fall_and_restart() {
        let schedule = [phase(10, 1.0, 0.0), phase(20, 0.5, 0.1)];
        let rates = [0, 5, 10, 15, 20].map(|s| (rate_at(&schedule, s) * 100.0).round());
        assert_eq!(rates, [100.0, 50.0, 50.0, 30.0, 0.0]);
    }

    #[test]
    fn bad_schedules_are_told() {
        assert!(check(&[phase(10, 1e-3, 1e-4)]).is_ok());
        for (schedule, expected) in [
            (vec![], "needs a phase"),
            (vec![phase(5, 0.1, 0.1), phase(5, 0.1, 0.1)], "5 follows 5"),
            (vec![phase(5, f64::NAN, 0.1)], "NaN"),
            (vec![phase(5, -1.0, 0.1)], "-1"),
        ] {
            let error = check(&schedule).expect_err("a bad schedule");
            assert!(error.contains(expected), "{error}");
        }
    }
}
