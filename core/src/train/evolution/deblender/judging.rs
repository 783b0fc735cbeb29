//! How fit a deblender is: quality, diversity and content on the same blends for all children of a step.

use super::mutating::{judging, logits, shard};
use crate::network::{Mode, Network, Retain};
use crate::train::TrainError;
use crate::train::batch::Batch;
use crate::train::evolution::{Measures, NORM_FLOOR, Quality, gradient_norm};
use crate::train::loss::square;
use crate::train::step::{Shard, judge_gradients, summed};

/// What children are judged by.
#[derive(Clone, Copy)]
pub(super) struct Jury<'a> {
    pub(super) judge: &'a Network,
    pub(super) parts: &'a [(Batch, f64)],
    pub(super) mode: Mode,
}

impl Jury<'_> {
    /// The generator on all blends of the jury.
    fn shards(&self, generator: &Network) -> Result<Vec<Shard>, TrainError> {
        let parts = self.parts.iter();
        parts
            .map(|part| shard(generator, part, &Retain::Nothing, self.mode))
            .collect()
    }

    /// Mean square error of each galaxy over all blends, pixels in `[-1, 1]`.
    pub(super) fn errors(&self, generator: &Network) -> Result<[f64; 2], TrainError> {
        errors(&self.shards(generator)?)
    }

    /// Everything that enters the fitness; [`Measures::FAILED`] where something is not finite.
    pub(super) fn measures(&self, generator: &Network) -> Result<Measures, TrainError> {
        let shards = self.shards(generator)?;
        let content = content(errors(&shards)?);
        let mut verdicts = Vec::new();
        let mut parts = Vec::new();
        for shard in &shards {
            for galaxies in shard.run.outputs() {
                let run = judging(self.judge, galaxies, &Retain::Nothing)?;
                verdicts.extend(logits(&run)?);
            }
            parts.push(judge_gradients(self.judge, shard, 0)?);
        }
        let gradients = summed(parts)?.gradients;
        let norm = gradient_norm(&gradients.iter().collect::<Vec<_>>())?;
        let measures = Measures {
            quality: Quality::Sigmoid.of(&verdicts),
            diversity: -norm.max(NORM_FLOOR).ln(),
            content,
        };
        let finite = measures.quality.is_finite() && norm.is_finite() && content.is_finite();
        Ok(if finite { measures } else { Measures::FAILED })
    }
}

fn errors(shards: &[Shard]) -> Result<[f64; 2], TrainError> {
    let mut errors = [0.0; 2];
    for shard in shards {
        let both = shard.run.outputs().iter().zip(&shard.truths);
        for (error, (output, truth)) in errors.iter_mut().zip(both) {
            *error += square(output, truth, 0.0)?.0.read()? * shard.share;
        }
    }
    Ok(errors)
}

/// Mean PSNR of both galaxies over 10, in dB, pixels in `[0, 1]`: the values of `[-1, 1]` are twice as far apart.
pub(super) fn content(errors: [f64; 2]) -> f64 {
    let psnr = |error: f64| (4.0 / error).log10();
    f64::midpoint(psnr(errors[0]), psnr(errors[1]))
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn content_is_a_tenth_of_the_mean_psnr() {
        // 20 dB and 40 dB: errors of 0.1 and 0.01 in [0, 1], so of 0.2 and 0.02 in [-1, 1].
        assert!((content([0.04, 0.0004]) - 3.0).abs() < 1e-12);
        assert!(content([f64::NAN, 0.1]).is_nan());
    }
}
