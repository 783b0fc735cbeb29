//! `ganoscope relevance`: why a network gave its answer, as a map over the pixels of every input.

mod checks;
mod maps;
mod rules;
mod through;

use std::path::{Path, PathBuf};

use clap::Args;
use ganoscope_core::attribution::{BatchNormHandling, Method, Options, Pole};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::Format;

use self::checks::CheckArguments;
use self::rules::RuleArguments;
use self::through::ThroughArguments;
use super::Failure;
use super::common::{self, Common, Console};
use super::desk::{EditArguments, PageArguments};
use super::inputs::RangeArgument;

/// Arguments of `relevance`.
#[derive(Args, Debug)]
pub(super) struct Relevance {
    #[arg(help = format!("{} Of a series, the discriminator when no role is given.", common::MODEL))]
    pub(super) model: String,
    /// Stamps or blends.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub(super) input: Vec<String>,
    /// File for the maps: .safetensors, .fits, .npz, .npy or (one map, for display) .png.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["figure", "table", "regions", "flip", "beside", "through"])]
    pub(super) out: Option<PathBuf>,
    /// How to attribute, for example polarized, epsilon-plus, zplus, gradient.
    #[arg(long, value_name = "NAME")]
    pub(super) method: Method,
    /// What is explained: OUTPUT, LAYER, or a part of one: NAME:INDEX, NAME:channel=N (unit=N), NAME:pixel=COLUMN,ROW,
    /// NAME:box=LEFT,TOP,WIDTH,HEIGHT, or the light in NAME:circle=COLUMN,ROW,RADIUS or NAME:ellipse=COLUMN,ROW,A,B,ANGLE
    /// (,channel=N); the sum of the first output when not given.
    #[arg(long, value_name = "NAME[:PART]")]
    target: Option<String>,
    /// How batch normalisation carries relevance: fold (into its neighbours), pass (unchanged, its scale and shift ignored, as
    /// zennit does where it follows an activation) or norm (shared by value).
    #[arg(long, value_name = "HOW", default_value = "fold")]
    batchnorm: BatchNormHandling,
    /// Which evidence the method polarized shows: real, fake, auto or both.
    #[arg(long, value_name = "POLE")]
    pole: Option<Pole>,
    /// Range of the input's pixels, LO,HI.
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    input_range: Option<RangeArgument>,
    /// Explain what the generator of the series makes of the input, and its truths, channels summed, as the window does.
    #[arg(long, conflicts_with_all = ["target", "input_range"])]
    generated: bool,
    /// The file whose real pictures stand beside the generated ones; those of the input when not given.
    #[arg(long, value_name = "FILE", requires = "generated")]
    pub(super) real: Option<PathBuf>,
    #[command(flatten)]
    pub(super) rules: RuleArguments,
    #[command(flatten)]
    pub(super) checks: CheckArguments,
    #[command(flatten)]
    through: ThroughArguments,
    #[command(flatten)]
    pub(super) edits: EditArguments,
    #[command(flatten)]
    pub(super) page: PageArguments,
}

impl Relevance {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        self.rules.check(&self.method)?;
        if self.generated {
            let is_window = self.rules.are_changes_alone() && self.checks.is_of_usual_blocks();
            let is_folded = self.batchnorm == BatchNormHandling::Fold;
            if !is_window || !is_folded || self.through.is_asked() {
                let what = "--generated is what the window shows; of rules and checks it takes --rule, --beside, --regions and --flip";
                return Err(Failure::Usage(what.to_owned()));
            }
            return self.explain_generated(common, console);
        }
        if self.page.is_asked() || !self.edits.is_empty() {
            let what = "--figure, --table, --edit and --set belong to --generated";
            return Err(Failure::Usage(what.to_owned()));
        }
        if self.through.is_asked() {
            return self.explain_through(common, console);
        }
        self.explain(common, console)
    }

    /// The format that the extension asks for.
    pub(super) fn format(out: &Path) -> Result<Format, Failure> {
        let format = Format::from_extension(out).filter(|format| format.is_writable());
        format.ok_or_else(|| {
            let what = "--out needs the extension safetensors, fits, npz, npy or png";
            Failure::Usage(format!("{what}: {}", out.display()))
        })
    }

    pub(super) fn check_pole(&self) -> Result<(), Failure> {
        if self.pole.is_some() && !matches!(self.method, Method::Polarized { .. }) {
            let what = format!(
                "--pole belongs to the method polarized, not to {}",
                self.method
            );
            return Err(Failure::Usage(what));
        }
        Ok(())
    }

    /// The method with the pole and the seed of this command.
    pub(super) fn chosen_method(&self, common: &Common) -> Method {
        let mut method = self.method.clone();
        match &mut method {
            Method::Polarized { pole } => *pole = self.pole.unwrap_or(*pole),
            Method::SmoothGrad { seed, .. } | Method::VarGrad { seed, .. } => {
                *seed = common.seed.unwrap_or(*seed);
            }
            Method::GradCam { layer, rectify, .. } => self.rules.choose_cam(layer, rectify),
            _ => {}
        }
        method
    }

    /// The options of this command for inputs of a range.
    fn options(&self, range: ValueRange) -> Options {
        Options {
            batch_norm: self.batchnorm,
            input_range: (f64::from(range.low), f64::from(range.high)),
            ..self.rules.options()
        }
    }

    /// The method with the pole, the seed and the black level of this command.
    fn tuned_method(&self, common: &Common, range: ValueRange) -> Method {
        self.chosen_method(common).with_black(f64::from(range.low))
    }
}

/// A method with what a person can choose of it, for the provenance: `polarized, pole both`.
pub(super) fn in_words(method: &Method) -> String {
    match method {
        Method::Polarized { pole } => {
            let pole = match pole {
                Pole::Real => "real",
                Pole::Fake => "fake",
                Pole::Auto => "auto",
                Pole::Both => "both",
            };
            format!("{method}, pole {pole}")
        }
        Method::SmoothGrad { samples, seed, .. } | Method::VarGrad { samples, seed, .. } => {
            format!("{method}, {samples} samples, seed {seed}")
        }
        _ => method.to_string(),
    }
}
