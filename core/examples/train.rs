//! Trains by a recipe without the program around it, for a computer that has a GPU and no window:
//! `train RECIPE OUT DEVICE [STAMPS [BLENDS]]`, or `resume` for `train` in the environment variable `GANOSCOPE_RESUME`.
//!
//! `ganoscope train` does the same with more options.

use std::error::Error;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use ganoscope_core::device::DeviceChoice;
use ganoscope_core::train::{Options, Progress, run};

/// Allocates as the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Says what the training warns of.
struct Warnings;

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let _ = writeln!(io::stderr(), "{}", record.args());
        }
    }

    fn flush(&self) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, out, device, folders @ ..] = arguments.as_slice() else {
        return Err("train RECIPE OUT DEVICE [STAMPS [BLENDS]]".into());
    };
    log::set_logger(&Warnings).map_err(|e| e.to_string())?;
    log::set_max_level(log::LevelFilter::Info);
    let opened = device.parse::<DeviceChoice>()?.open()?;
    let mut said = io::stdout();
    writeln!(said, "training on {}", opened.name)?;
    let options = Options {
        device: opened.device,
        stamps: folders.first().map(PathBuf::from),
        skip: vec!["kaggle".to_owned()],
        evaluate: folders.get(1).map(PathBuf::from),
        resume: std::env::var_os("GANOSCOPE_RESUME").is_some(),
    };
    let begun = Instant::now();
    let mut report = |progress: &Progress| {
        let Progress {
            step,
            steps,
            losses,
            remaining,
            evaluation,
        } = progress;
        let seconds = begun.elapsed().as_secs_f64();
        if step % 100 == 0 || step == steps {
            let _ = writeln!(
                said,
                "{seconds:.1} s  step {step} of {steps}  content {:.5}  adversarial {:.4}  discriminator {:.4}  left {} s",
                losses.content,
                losses.adversarial,
                losses.discriminator,
                remaining.as_secs()
            );
        }
        if let Some((step, judged)) = evaluation {
            let _ = writeln!(
                said,
                "{seconds:.1} s  checkpoint {step}  psnr {:.3} (blend {:.3})  ssim {:.4} {:.4}",
                judged.mean_psnr(),
                judged.mean_psnr_of_blend(),
                judged.ssim[0],
                judged.ssim[1]
            );
        }
        ControlFlow::Continue(())
    };
    run(recipe.as_ref(), out.as_ref(), &options, &mut report)?;
    Ok(())
}
