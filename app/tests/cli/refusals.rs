//! What cannot be done is refused by name, with the right exit code, and nothing is lost.

use std::collections::BTreeMap;
use std::fs;

use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::{TensorFile, write_tensors};
use ganoscope_core::stamp::io::{self, Format};
use ganoscope_core::stamp::{Stamp, ValueRange};

use crate::desk::{Desk, Failure, Outcome, SIZE, names_in};

#[test]
fn networks_that_cannot_be_opened_name_the_culprit() -> Outcome {
    let desk = Desk::new()?;
    let good = desk.path("series/step-0000040/generator.safetensors");
    let bytes = fs::read(&good)?;
    fs::write(desk.path("cut.safetensors"), &bytes[..bytes.len() - 7])?;
    let zeros = Tensor::zeros((1, 1, 4, 4), candle_core::DType::F32, &Device::Cpu)?;
    let foreign = [("deconv0.weight".to_owned(), zeros)].into();
    write_tensors(
        &desk.path("foreign.safetensors"),
        &foreign,
        &BTreeMap::new(),
    )?;
    let mut tensors = TensorFile::read(&good)?.tensors;
    let nan = Tensor::full(f32::NAN, 4, &Device::Cpu)?;
    tensors.insert("conv_in.bias".to_owned(), nan);
    write_tensors(&desk.path("nan.safetensors"), &tensors, &BTreeMap::new())?;
    let cases = [
        ("absent", "no such file or folder"),
        ("cut.safetensors", "cut short"),
        ("foreign.safetensors", "unknown architecture"),
        (
            "nan.safetensors",
            "tensor conv_in.bias has 4 of 4 values that are NaN",
        ),
        ("series@41", "the nearest is 40"),
        ("a.fits", "a FITS file, not weights"),
    ];
    for (model, expected) in cases {
        for line in [
            format!("inspect {model}"),
            format!("run {model} --input a.fits --out out"),
        ] {
            let error = desk.failed(&line)?;
            assert!(error.contains(expected), "{line}: {error}");
            let culprit = model.split('@').next().unwrap_or(model);
            assert!(error.contains(culprit), "{line}: {error}");
        }
    }
    for model in [
        "series:discriminatr",
        "series/step-0000040/generator.safetensors:nobody",
    ] {
        let error = desk.failed(&format!("inspect {model}"))?;
        let name = model.rsplit(':').next().unwrap_or_default();
        assert!(
            error.contains(&format!("no network is named {name}")),
            "{error}"
        );
    }
    assert!(!desk.path("out").exists());
    Ok(())
}

#[test]
fn a_step_without_generator_is_named_and_the_rest_works() -> Outcome {
    let desk = Desk::new()?;
    fs::remove_file(desk.path("series/step-0000040/generator.safetensors"))?;
    let output = desk.line("run series --input a.fits --out out")?;
    let said = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("warning: step 40 is skipped, it has no generator"),
        "{said}"
    );
    assert!(said.contains("guessed step: 5"), "{said}");
    let error = desk.failed("run series@40 --input a.fits --out out")?;
    assert!(error.contains("no generator at step 40"), "{error}");
    Ok(())
}

#[test]
fn inputs_that_do_not_fit_name_the_file() -> Outcome {
    let desk = Desk::new()?;
    let write = |name: &str, dims: [usize; 3], value: f32| {
        let stamp = Stamp::new(
            "s",
            vec![value; dims.iter().product()],
            dims,
            ValueRange::UNIT,
        );
        io::write(&desk.path(name), &[stamp], Format::Npy, &[])
    };
    write("wide.npy", [3, SIZE, SIZE + 1], 0.5)?;
    write("bands.npy", [5, SIZE, SIZE], 0.5)?;
    fs::write(desk.path("text.fits"), "hello")?;
    for (input, expected) in [
        ("wide.npy", "16 x 17 pixels, the network takes 16 x 16"),
        ("bands.npy", "5 channels, the network takes 3"),
        ("text.fits", "plain text"),
        ("absent.fits", "cannot read the file"),
        ("a.fits[SCI]", "SCI"),
    ] {
        let error = desk.failed(&format!("run series --input {input} --out out"))?;
        assert!(error.contains(expected), "{input}: {error}");
        assert!(
            error.contains(input.split('[').next().unwrap_or(input)),
            "{error}"
        );
    }
    // What was complete before the failure stays, nothing half-written does.
    desk.failed("run series --input a.fits bands.npy --out out")?;
    assert_eq!(names_in(&desk.path("out")), ["a.fits"]);
    Ok(())
}

#[test]
fn results_never_replace_an_input_or_each_other() -> Outcome {
    let desk = Desk::new()?;
    fs::create_dir(desk.path("more"))?;
    fs::copy(desk.path("a.fits"), desk.path("more/a.fits"))?;
    let error = desk.failed("run series --input a.fits more/a.fits --out out")?;
    assert!(error.contains("would both be written to"), "{error}");
    let before = fs::read(desk.path("a.fits"))?;
    let error = desk.failed("run series --input a.fits --out .")?;
    assert!(
        error.contains("would replace what it is made from"),
        "{error}"
    );
    assert_eq!(fs::read(desk.path("a.fits"))?, before);
    Ok(())
}

#[test]
fn places_that_cannot_be_written_are_named_and_left_as_they_were() -> Outcome {
    let desk = Desk::new()?;
    fs::write(desk.path("occupied"), "a file")?;
    let error = desk.failed("run series --input a.fits --out occupied/sub")?;
    assert!(
        error.contains("cannot make the folder occupied/sub"),
        "{error}"
    );
    fs::create_dir_all(desk.path("out/a.npy"))?;
    let error = desk.failed("run series --input a.fits --out out --format npy")?;
    assert!(
        error.contains("cannot replace a folder") && error.ends_with("a.npy"),
        "{error}"
    );
    assert_eq!(names_in(&desk.path("out")), ["a.npy"]);
    let error =
        desk.failed("relevance series --input a.fits --out nowhere/m.npy --method zplus")?;
    assert!(error.contains("nowhere"), "{error}");
    #[cfg(target_os = "linux")]
    {
        std::os::unix::fs::symlink("/dev/full", desk.path("full.safetensors"))?;
        let error =
            desk.failed("relevance series --input a.fits --out full.safetensors --method zplus")?;
        assert!(error.contains("full.safetensors"), "{error}");
    }
    Ok(())
}

#[test]
fn wrong_usage_exits_with_two() -> Outcome {
    let desk = Desk::new()?;
    for line in [
        "inspct series",
        "inspect",
        "run series --out out",
        "run series --input a.fits --out out --format jpeg",
        "run series --input a.fits --out out --input-range 1,0",
        "run series --input a.fits --out out --device gpu",
        "run series --input a.fits --out out --threads 0",
        "relevance series --input a.fits --out m.npy --method magic",
        "relevance series --input a.fits --out m.npy --method zplus --pole real",
        "relevance series --input a.fits --out m.jpg --method zplus",
        "relevance series --input a.fits --out m.npy --method zplus --batchnorm maybe",
        "train recipe.toml --out out --seed 4",
        "train recipe.toml --out out --device gpu",
        "--smoke inspect series",
    ] {
        let output = desk.line(line)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{line}: {errors}");
        assert!(errors.contains("error:"), "{line}: {errors}");
    }
    let help = desk.done("--help")?;
    for command in ["inspect", "run", "relevance", "train"] {
        assert!(help.contains(command), "{help}");
    }
    Ok(())
}

#[test]
fn threads_and_devices_are_obeyed_or_refused() -> Outcome {
    let desk = Desk::new()?;
    desk.done("run series --input a.fits --out one --format npy --threads 1 --device cpu")?;
    desk.done("run series --input a.fits --out two --format npy --threads 2")?;
    assert_eq!(
        fs::read(desk.path("one/a.npy"))?,
        fs::read(desk.path("two/a.npy"))?
    );
    for (device, feature, is_built) in [
        ("cuda:1", "cuda", cfg!(feature = "cuda")),
        ("metal", "metal", cfg!(feature = "metal")),
    ] {
        let error = desk.line(&format!(
            "run series --input a.fits --out out --quiet --device {device}"
        ))?;
        let said = String::from_utf8(error.stderr)?;
        // Built in it may work; else the one line says what is wrong, and what works.
        if error.status.success() {
            assert!(is_built, "{said}");
            continue;
        }
        assert_eq!(error.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("--device cpu"), "{said}");
        let built_without =
            format!("built without device {device}; build it with --features {feature}");
        assert_eq!(said.contains(&built_without), !is_built, "{said}");
    }
    Ok(())
}

/// Whatever is built in: the automatic choice computes, and says at most one line about what it could not use.
#[test]
fn the_automatic_device_works_everywhere() -> Outcome {
    let desk = Desk::new()?;
    let said = |line: &str| -> Result<String, Failure> {
        let output = desk.line(line)?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        Ok(said)
    };
    let auto = said("run series --input a.fits --out auto --format npy --device auto")?;
    let notes = auto.lines().filter(|line| line.starts_with("computing on"));
    let can_fail = cfg!(any(feature = "cuda", feature = "metal"));
    assert!(notes.count() <= usize::from(can_fail), "{auto}");
    let quiet = said("run series --input a.fits --out quiet --format npy --quiet")?;
    assert_eq!(quiet, "");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_one_line_names_the_headless_commands() -> Outcome {
    let desk = Desk::new()?;
    let mut command = desk.command();
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    let output = command.output()?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.starts_with("error: cannot open a window"),
        "{errors}"
    );
    assert!(errors.contains("ganoscope run"), "{errors}");
    Ok(())
}
