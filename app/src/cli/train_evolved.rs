//! What `ganoscope train` says of runs with generations: latent generators and evolved deblenders.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::Duration;

use ganoscope_core::checkpoint::Metrics;
use ganoscope_core::train::evolution::deblender::EvolvedProgress;
use ganoscope_core::train::latent::LatentProgress;

use super::common::Console;

/// One line kept up to date where a person watches, a line every hundred steps else, and a row for every checkpoint.
pub(super) struct EvolvedLines {
    live: bool,
    console: Console,
    json: bool,
    /// Why a row could not be printed.
    pub(super) failed: Option<anyhow::Error>,
}

impl EvolvedLines {
    pub(super) const fn new(live: bool, console: Console, json: bool) -> Self {
        Self {
            live,
            console,
            json,
            failed: None,
        }
    }

    /// A step of a latent generator.
    pub(super) fn latent(&mut self, progress: &LatentProgress) -> ControlFlow<()> {
        let back = match progress.rollbacks {
            0 => String::new(),
            1 => ", went back once".to_owned(),
            times => format!(", went back {times} times"),
        };
        let shares = progress.shares.iter();
        let shares = shares.map(|(mutation, share)| (mutation.name(), *share));
        let text = format!(
            "discriminator loss {:.4}{}{back}",
            progress.discriminator,
            percent(shares)
        );
        let steps = (progress.step, progress.steps);
        self.report(
            steps,
            &text,
            progress.remaining,
            progress.checkpoint.as_ref(),
        )
    }

    /// A step of an evolved deblender.
    pub(super) fn deblender(&mut self, progress: &EvolvedProgress) -> ControlFlow<()> {
        let shares = progress.shares.iter();
        let shares = shares.map(|(origin, share)| (origin.name(), *share));
        let text = format!(
            "content loss {:.5}{}",
            progress.losses.content,
            percent(shares)
        );
        let steps = (progress.step, progress.steps);
        self.report(
            steps,
            &text,
            progress.remaining,
            progress.checkpoint.as_ref(),
        )
    }

    fn report(
        &mut self,
        (step, steps): (u64, u64),
        text: &str,
        remaining: Duration,
        checkpoint: Option<&Metrics>,
    ) -> ControlFlow<()> {
        let (minutes, seconds) = (remaining.as_secs() / 60, remaining.as_secs() % 60);
        let line = format!("step {step} of {steps}, {text}, {minutes} min {seconds:02} s left");
        if self.live {
            let end = if step == steps { "\n" } else { "" };
            let mut out = io::stderr().lock();
            // Nothing can be done when nobody can read it.
            let _ = write!(out, "\r{line:<100}{end}").and_then(|()| out.flush());
        } else if step == 1 || step.is_multiple_of(100) || step == steps {
            self.console.note(&line);
        }
        let Some(metrics) = checkpoint else {
            return ControlFlow::Continue(());
        };
        match self.console.table(&self.row(metrics)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn row(&self, metrics: &Metrics) -> String {
        let numbers = metrics.numbers();
        if self.json {
            let mut row: serde_json::Map<_, _> = numbers
                .iter()
                .map(|(name, value)| (name.clone(), (*value).into()))
                .collect();
            row.insert("step".to_owned(), metrics.step.into());
            return serde_json::Value::Object(row).to_string();
        }
        let numbers = numbers
            .iter()
            .map(|(name, value)| format!("  {name} {value:.3}"));
        format!("step {:>7}{}", metrics.step, numbers.collect::<String>())
    }
}

/// Shares in per cent, each after a comma.
fn percent<'a>(shares: impl Iterator<Item = (&'a str, f64)>) -> String {
    let shares: Vec<String> = shares
        .map(|(name, share)| format!(", {name} {:.0} %", 100.0 * share))
        .collect();
    shares.concat()
}
