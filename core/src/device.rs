//! Where to compute: the processor, a CUDA device or the Apple GPU, and why not where that did not work.
//!
//! Invariant: a device is only handed out after a small computation on it gave the right numbers, so a driver that is
//! missing, too old or without a card is found here and not in the middle of a run. Nothing here panics: candle's
//! backends may, and that becomes a reason too.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use candle_core::utils::{cuda_is_available, metal_is_available};
use candle_core::{Device, Error as TensorError, Result as TensorResult, Tensor};
use thiserror::Error;

/// A device as a person names it: `cpu`, `cuda`, `cuda:N`, `metal` or `auto`.
///
/// ```
/// use ganoscope_core::device::DeviceChoice;
///
/// let choice: DeviceChoice = "cuda".parse().unwrap();
/// assert_eq!(choice.to_string(), "cuda:0");
/// assert!("gpu".parse::<DeviceChoice>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// The CUDA device of a number.
    Cuda(usize),
    /// The Apple GPU.
    Metal,
    /// A GPU this program was built for, if one works, else the processor.
    #[default]
    Auto,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("cuda:").map(str::parse);
        match (text, number) {
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            ("metal", _) => Ok(Self::Metal),
            ("auto", _) => Ok(Self::Auto),
            (_, Some(Ok(number))) => Ok(Self::Cuda(number)),
            _ => Err("expected cpu, cuda, cuda:N, metal or auto".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// A device that works.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The device.
    pub device: Device,
    /// What a person calls it: `CPU`, `CUDA 0 (NVIDIA H200)`.
    pub name: String,
    /// Devices that were tried before this one, each with why it does not work; empty when the first one did.
    pub reasons: Vec<String>,
}

impl Default for Opened {
    fn default() -> Self {
        Self::cpu(Vec::new())
    }
}

impl Opened {
    fn cpu(reasons: Vec<String>) -> Self {
        Self {
            device: Device::Cpu,
            name: "CPU".to_owned(),
            reasons,
        }
    }

    /// One line that says what is computed on and why not on something faster; `None` when nothing faster was tried.
    pub fn note(&self) -> Option<String> {
        let reasons = self.reasons.join("; ");
        (!reasons.is_empty()).then(|| format!("computing on {}: {reasons}", self.name))
    }
}

/// Why a device that was asked for by name cannot be had.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The program has no such backend.
    #[error(
        "this program was built without device {choice}; build it with --features {feature} or use --device cpu"
    )]
    NotBuilt {
        /// What was asked for.
        choice: DeviceChoice,
        /// What to build with.
        feature: &'static str,
    },
    /// It is there, but opening it or computing on it failed.
    #[error("cannot use device {choice} ({why}); use --device cpu")]
    Unusable {
        /// What was asked for.
        choice: DeviceChoice,
        /// Why, in one line.
        why: String,
    },
}

impl DeviceChoice {
    /// Opens the device and computes something small on it. `Auto` falls back to the processor and keeps the reasons.
    ///
    /// # Errors
    /// When a device was asked for by name and cannot be used.
    pub fn open(self) -> Result<Opened, DeviceError> {
        match self {
            Self::Cpu => Ok(Opened::default()),
            Self::Auto => Ok(first_that_works(
                [Self::Cuda(0), Self::Metal]
                    .into_iter()
                    .filter(|c| c.is_built()),
                Self::attempt,
            )),
            Self::Cuda(_) if !self.is_built() => Err(self.not_built("cuda")),
            Self::Metal if !self.is_built() => Err(self.not_built("metal")),
            Self::Cuda(_) | Self::Metal => match self.attempt() {
                Ok(device) => Ok(Opened {
                    name: self.name_of(&device),
                    device,
                    reasons: Vec::new(),
                }),
                Err(why) => Err(DeviceError::Unusable { choice: self, why }),
            },
        }
    }

    /// Whether this program has what the device needs.
    fn is_built(self) -> bool {
        match self {
            Self::Cpu | Self::Auto => true,
            Self::Cuda(_) => cuda_is_available(),
            Self::Metal => metal_is_available(),
        }
    }

    fn not_built(self, feature: &'static str) -> DeviceError {
        DeviceError::NotBuilt {
            choice: self,
            feature,
        }
    }

    fn attempt(self) -> Result<Device, String> {
        #[cfg(feature = "cuda")]
        if matches!(self, Self::Cuda(_)) {
            ganoscope_cuda::load()?;
        }
        guarded(|| {
            let device = match self {
                // One stream for all threads: that of candle's `new_cuda` belongs to the thread that calls, and what one
                // thread has uploaded would be read by another before it is there.
                Self::Cuda(number) => Device::new_cuda_with_stream(number)?,
                Self::Metal => Device::new_metal(0)?,
                Self::Cpu | Self::Auto => Device::Cpu,
            };
            compute_something(&device)?;
            Ok(device)
        })
    }

    fn name_of(self, device: &Device) -> String {
        match (self, model(device)) {
            (Self::Cuda(number), Some(model)) => format!("CUDA {number} ({model})"),
            (Self::Cuda(number), None) => format!("CUDA {number}"),
            (Self::Metal, _) => "Metal".to_owned(),
            (Self::Cpu | Self::Auto, _) => "CPU".to_owned(),
        }
    }
}

/// What the maker calls the card.
#[cfg(feature = "cuda")]
fn model(device: &Device) -> Option<String> {
    let device = device.as_cuda_device().ok()?;
    device.cuda_stream().context().name().ok()
}

/// What the maker calls the card.
#[cfg(not(feature = "cuda"))]
const fn model(_: &Device) -> Option<String> {
    None
}

/// The first device that works, with why those before it do not; the processor when none does.
fn first_that_works(
    choices: impl Iterator<Item = DeviceChoice>,
    attempt: impl Fn(DeviceChoice) -> Result<Device, String>,
) -> Opened {
    let mut reasons = Vec::new();
    for choice in choices {
        match attempt(choice) {
            Ok(device) => {
                return Opened {
                    name: choice.name_of(&device),
                    device,
                    reasons,
                };
            }
            Err(why) => reasons.push(format!("{choice} does not work ({why})")),
        }
    }
    Opened::cpu(reasons)
}

/// Runs `open`; an error or a panic becomes one line.
fn guarded(open: impl FnOnce() -> TensorResult<Device>) -> Result<Device, String> {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => {
            // Where backtraces are wanted candle makes them part of the text.
            let mut error = &error;
            while let TensorError::WithBacktrace { inner, .. } = error {
                error = inner;
            }
            Err(one_line(&error.to_string()))
        }
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            Err(one_line(text.unwrap_or("the backend panicked")))
        }
    }
}

/// One operation of every kind of kernel a network needs: a backend loads each kind when it is first used.
fn compute_something(device: &Device) -> TensorResult<()> {
    let x = Tensor::arange(0_f32, 16.0, &Device::Cpu)?.reshape((1, 1, 4, 4))?;
    let weight = Tensor::new(&[1_f32, -1.0, 2.0, 0.5], &Device::Cpu)?.reshape((1, 1, 2, 2))?;
    let numbers = |device: &Device| -> TensorResult<Vec<f32>> {
        let (x, weight) = (x.to_device(device)?, weight.to_device(device)?);
        let y = x.conv2d(&weight, 0, 1, 1, 1)?.affine(0.5, -8.0)?.relu()?;
        let rows = y.reshape((3, 3))?;
        rows.matmul(&rows)?
            .broadcast_add(&rows.sum_keepdim(0)?)?
            .flatten_all()?
            .to_vec1()
    };
    let (here, there) = (numbers(&Device::Cpu)?, numbers(device)?);
    let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * a.abs().max(1.0);
    if here.iter().zip(&there).all(is_close) {
        Ok(())
    } else {
        candle_core::bail!("it computes wrong numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for text in ["cpu", "cuda:0", "cuda:3", "metal", "auto"] {
            let device: DeviceChoice = text.parse().expect("a device");
            assert_eq!(device.to_string(), text);
        }
        for text in ["gpu", "cuda:", "cuda:x", "cuda:-1", ""] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_processor_computes_something() {
        let opened = DeviceChoice::Cpu.open().expect("always there");
        assert!(opened.device.is_cpu());
        assert_eq!((opened.name.as_str(), opened.note()), ("CPU", None));
        compute_something(&opened.device).expect("right numbers");
    }

    #[test]
    fn automatic_choice_always_opens_and_keeps_reasons_only_for_what_it_tried() {
        let opened = DeviceChoice::Auto.open().expect("falls back");
        let is_built = DeviceChoice::Cuda(0).is_built() || DeviceChoice::Metal.is_built();
        assert_eq!(opened.device.is_cpu() && is_built, opened.note().is_some());
    }

    #[test]
    fn a_device_that_was_not_built_in_says_what_to_build() {
        for (choice, feature) in [
            (DeviceChoice::Cuda(1), "cuda"),
            (DeviceChoice::Metal, "metal"),
        ] {
            if choice.is_built() {
                continue;
            }
            let text = choice.open().expect_err("not built").to_string();
            assert!(text.contains(&format!("without device {choice}")), "{text}");
            assert!(text.contains(&format!("--features {feature}")), "{text}");
        }
    }

    #[test]
    fn the_first_device_that_works_is_taken_and_the_others_say_why() {
        let choices = || [DeviceChoice::Cuda(0), DeviceChoice::Metal].into_iter();
        let opened = first_that_works(choices(), |choice| match choice {
            DeviceChoice::Cuda(_) => Err("no driver".to_owned()),
            _ => Ok(Device::Cpu),
        });
        let note = "computing on Metal: cuda:0 does not work (no driver)";
        assert_eq!(opened.note().as_deref(), Some(note));
        let opened = first_that_works(choices(), |_| Err("no".to_owned()));
        assert_eq!(opened.name, "CPU");
        assert_eq!(opened.reasons.len(), 2);
    }

    #[test]
    fn errors_and_panics_become_one_line() {
        let failed = guarded(|| candle_core::bail!("no\ncard"));
        assert_eq!(failed.expect_err("failed"), "no card");
        let panicked = guarded(|| panic!("no library\nof that name"));
        assert_eq!(panicked.expect_err("panicked"), "no library of that name");
    }
}
