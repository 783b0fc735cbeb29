//! The headless commands as a person meets them: the real program, its files, its words and its exit codes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use candle_core::{Device, Tensor};
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, discriminator, generator,
};
use ganoscope_core::checkpoint::{
    Metrics, NetworkRole, Series, SeriesManifest, TensorFile, create_series, procedural_weights,
    write_checkpoint, write_tensors,
};
use ganoscope_core::edit::{Action, Edit, EditStack};
use ganoscope_core::network::{Edits, Retain};
use ganoscope_core::seed::hash_uniform;
use ganoscope_core::stamp::io::{self, Format, NamedArray};
use ganoscope_core::stamp::{Stamp, ValueRange};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn std::error::Error>>;
type Failure = Box<dyn std::error::Error>;

const SIZE: usize = 16;

/// A folder with a series (`series`, steps 5 and 40) and stamps (`a.fits`, `b.png`, `c.npy`).
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Result<Self, Failure> {
        let desk = Self {
            dir: tempfile::tempdir()?,
        };
        let g = GeneratorConfig {
            filters: 4,
            root_blocks: 1,
            branch_blocks: 1,
            stamp_size: SIZE,
            ..GeneratorConfig::default()
        };
        let d = DiscriminatorConfig {
            filters: 2,
            dense: 6,
            stamp_size: SIZE,
            ..DiscriminatorConfig::default()
        };
        let series = desk.path("series");
        create_series(
            &series,
            &SeriesManifest::new("tiny", g.clone(), Some(d.clone())),
        )?;
        for step in [5, 40] {
            let networks = (
                generator(&g, procedural_weights(step))?,
                discriminator(&d, procedural_weights(step))?,
            );
            write_checkpoint(&series, step, &networks.0, &networks.1, &Metrics::default())?;
        }
        let stamp = stamp();
        let one = std::slice::from_ref(&stamp);
        io::write(&desk.path("a.fits"), one, Format::Fits, &[])?;
        io::write(&desk.path("b.png"), one, Format::Png, &[])?;
        io::write(
            &desk.path("c.npy"),
            &[stamp.to_range(ValueRange::SIGNED)],
            Format::Npy,
            &[],
        )?;
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ganoscope"));
        command
            .current_dir(self.dir.path())
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE");
        command
    }

    fn run<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Result<Output, Failure> {
        Ok(self.command().args(arguments).output()?)
    }

    /// Runs a command written as one line.
    fn line(&self, line: &str) -> Result<Output, Failure> {
        self.run(line.split_whitespace())
    }

    /// What a command prints when it works.
    fn done(&self, line: &str) -> Result<String, Failure> {
        let output = self.line(line)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The one line of a command that fails with exit code 1.
    fn failed(&self, line: &str) -> Result<String, Failure> {
        let output = self.line(&format!("{line} --quiet"))?;
        let errors = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{line}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{line}: {errors}");
        assert!(errors.starts_with("error: "), "{line}: {errors}");
        assert!(output.stdout.is_empty(), "{line}");
        Ok(errors.trim_end().to_owned())
    }

    fn tensors(&self, name: &str) -> Result<TensorFile, Failure> {
        Ok(TensorFile::read(&self.path(name))?)
    }

    /// The outputs of the last generator for the stamp, and the activation of a layer.
    fn expected(&self, layer: &str) -> Result<Vec<Vec<f32>>, Failure> {
        let network = Series::open(&self.path("series"))?
            .load(40, NetworkRole::Generator)?
            .network;
        let input = Tensor::from_vec(stamp().pixels.to_vec(), (1, 3, SIZE, SIZE), &Device::Cpu)?;
        let run = network.forward(&[input], &Edits::new(), &Retain::All)?;
        let mut all: Vec<&Tensor> = run.outputs().iter().collect();
        all.push(run.activation(&network, layer)?);
        all.into_iter()
            .map(|t| Ok(t.flatten_all()?.to_vec1()?))
            .collect()
    }
}

/// Pixels in [0, 1] at levels of an 8-bit picture, so that every format keeps them.
fn stamp() -> Stamp {
    let level = |u: f64| ((u + 1.0) * 127.5).round() as f32 / 255.0;
    let pixels: Vec<f32> = hash_uniform("stamp", 3 * SIZE * SIZE, 1)
        .into_iter()
        .map(level)
        .collect();
    Stamp::new("a", pixels, [3, SIZE, SIZE], ValueRange::UNIT)
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn assert_close(got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{a} {b}");
    }
}

#[test]
fn inspect_prints_layers_and_says_what_was_guessed() -> Outcome {
    let desk = Desk::new()?;
    let text = desk.done("inspect series")?;
    for part in [
        "generator of",
        "step 40",
        "branch2.0.conv1",
        "Conv2d 9x9",
        "guessed step: 40",
        "guessed role: generator",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = desk.done("inspect series@5:discriminator --json")?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(json["role"], "discriminator");
    assert_eq!(json["step"], 5);
    assert_eq!(json["guesses"], serde_json::json!([]));
    assert_eq!(json["outputs"][0]["name"], "logit");
    assert_eq!(json["architecture"]["discriminator"]["filters"], 2);
    assert_eq!(json["layers"].as_array().map(Vec::len), Some(28));
    Ok(())
}

#[test]
fn run_writes_outputs_and_activations_as_named_tensors() -> Outcome {
    let desk = Desk::new()?;
    desk.done(
        "run series --input a.fits --out out --format safetensors --retain conv_in,root.0.add",
    )?;
    assert_eq!(names_in(&desk.path("out")), ["a.safetensors"]);
    let file = desk.tensors("out/a.safetensors")?;
    let names: Vec<&str> = file.tensors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "activation.conv_in",
            "activation.root.0.add",
            "output",
            "output.1"
        ]
    );
    let expected = desk.expected("root.0.add")?;
    for (name, expected) in ["output", "output.1", "activation.root.0.add"]
        .iter()
        .zip(&expected)
    {
        let tensor = &file.tensors[*name];
        assert_eq!(tensor.dims()[0], 1);
        assert_close(&tensor.flatten_all()?.to_vec1::<f32>()?, expected, 1e-6);
    }
    Ok(())
}

#[test]
fn every_input_format_gives_the_same_pixels_and_its_own_output_format() -> Outcome {
    let desk = Desk::new()?;
    desk.done("run series --input a.fits b.png c.npy --out out")?;
    assert_eq!(
        names_in(&desk.path("out")),
        ["a.fits", "b.1.png", "b.png", "c.1.npy", "c.npy"]
    );
    let expected = desk.expected("conv_in")?;
    let fits = io::read(&desk.path("out/a.fits"), None)?;
    assert_eq!(fits.len(), 2);
    assert_close(&fits[1].pixels, &expected[1], 1e-6);
    let npy = io::read_one(&desk.path("out/c.npy"), None)?;
    assert_close(&npy.pixels, &expected[0], 1e-5);
    let png = io::read_one(&desk.path("out/b.1.png"), None)?.to_range(ValueRange::SIGNED);
    assert_close(&png.pixels, &expected[1], 1.01 / 255.0);
    Ok(())
}

#[test]
fn the_range_of_pixels_is_mapped_and_guesses_are_said() -> Outcome {
    let desk = Desk::new()?;
    // The same pixels, said to be in twice the range, are half as bright.
    let output = desk.line("run series --input c.npy --out out --format safetensors")?;
    let said = String::from_utf8(output.stderr)?;
    assert!(
        said.contains("from -1 to 1, guessed from their extremes"),
        "{said}"
    );
    desk.done("run series --input c.npy --out given --format safetensors --input-range -1,3")?;
    let a = desk.tensors("out/c.safetensors")?;
    let b = desk.tensors("given/c.safetensors")?;
    let values = |f: &TensorFile| f.tensors["output"].flatten_all()?.to_vec1::<f32>();
    assert_ne!(values(&a)?, values(&b)?);
    Ok(())
}

#[test]
fn batches_of_tensors_are_run_as_they_are() -> Outcome {
    let desk = Desk::new()?;
    let values: Vec<f32> = (0..10).flat_map(|_| stamp().pixels.to_vec()).collect();
    let input = NamedArray::new("input", vec![10, 3, SIZE, SIZE], values);
    io::write_arrays(
        &desk.path("t.safetensors"),
        &[input],
        Format::Safetensors,
        &[],
    )?;
    desk.done("run series@40:generator --input t.safetensors --out out")?;
    let output = &desk.tensors("out/t.safetensors")?.tensors["output.1"];
    assert_eq!(output.dims(), [10, 3, SIZE, SIZE]);
    let ninth = output.narrow(0, 9, 1)?.flatten_all()?.to_vec1::<f32>()?;
    assert_close(&ninth, &desk.expected("conv_in")?[1], 1e-6);
    Ok(())
}

#[test]
fn edits_of_a_recipe_change_the_output() -> Outcome {
    let desk = Desk::new()?;
    let stack = EditStack {
        edits: vec![Edit::new("conv_in:1".parse()?, Action::Ablate)],
    };
    stack.write(&desk.path("edit.toml"))?;
    desk.done("run series --input a.fits --out out --format npz --edit edit.toml")?;
    let edited = io::read(&desk.path("out/a.npz"), None)?;
    let expected = desk.expected("conv_in")?;
    let changed = edited[0]
        .pixels
        .iter()
        .zip(&expected[0])
        .any(|(a, b)| (a - b).abs() > 1e-4);
    assert!(changed);
    let error =
        desk.failed("run series:discriminator --input a.fits --out out2 --edit edit.toml")?;
    assert!(
        error.contains("conv_in") && error.ends_with("edit.toml"),
        "{error}"
    );
    assert!(!desk.path("out2").exists());
    Ok(())
}

#[test]
fn relevance_writes_maps_with_their_doubt() -> Outcome {
    let desk = Desk::new()?;
    let text = desk.done("relevance series --input a.fits c.npy --out map.safetensors --method polarized --pole both --json")?;
    let file = desk.tensors("map.safetensors")?;
    let names: Vec<&str> = file.tensors.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["output", "relevance", "relevance.fake", "relevance.real"]
    );
    assert_eq!(file.tensors["relevance"].dims(), [2, 3, SIZE, SIZE]);
    assert_eq!(file.tensors["output"].dims(), [2, 1]);
    let json: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(json["maps"].as_array().map(Vec::len), Some(2));
    let least = file.tensors["relevance.real"]
        .flatten_all()?
        .min(0)?
        .to_scalar::<f32>()?;
    assert!(least >= 0.0, "{least}");
    for (method, out) in [
        ("gradient", "g.npy"),
        ("epsilon-plus", "e.fits"),
        ("zplus", "z.png"),
        ("smoothgrad", "s.npz"),
    ] {
        desk.done(&format!(
            "relevance series@5 --input a.fits --out {out} --method {method} --seed 3"
        ))?;
        assert!(desk.path(out).is_file(), "{out}");
    }
    desk.done("relevance series:generator --input a.fits --out p.safetensors --method gradient --target galaxy2:40")?;
    assert_eq!(
        desk.tensors("p.safetensors")?.tensors["output"].dims(),
        [1, 3, SIZE, SIZE]
    );
    let error =
        desk.failed("relevance series --input a.fits --out m.npy --method zplus --target galaxy9")?;
    assert!(error.contains("galaxy9"), "{error}");
    Ok(())
}

#[test]
fn a_map_never_replaces_what_it_explains() -> Outcome {
    let desk = Desk::new()?;
    let weights = "series/step-0000040/discriminator.safetensors";
    for (model, input, out) in [
        ("series", "a.fits", "a.fits"),
        (weights, "a.fits", weights),
        ("series", "a.fits b.png", "b.png"),
    ] {
        let before = fs::read(desk.path(out))?;
        let line = format!("relevance {model} --input {input} --out {out} --method zplus");
        let error = desk.failed(&line)?;
        assert!(
            error.contains("would replace") && error.contains(out),
            "{error}"
        );
        assert_eq!(fs::read(desk.path(out))?, before);
    }
    Ok(())
}

#[test]
fn maps_and_verdicts_are_told_apart_by_their_files() -> Outcome {
    let desk = Desk::new()?;
    let line = "relevance series --input a.fits b.png --out two.png --method zplus";
    let output = desk.line(line)?;
    assert_eq!(output.status.code(), Some(2), "two maps in one picture");
    assert!(!desk.path("two.png").exists());
    let text = desk.done("relevance series --input a.fits b.png --out two.fits --method zplus")?;
    assert!(text.contains("a.fits") && text.contains("b.png"), "{text}");
    let header = fs::read(desk.path("two.fits"))?;
    let has = |words: &str| header.windows(words.len()).any(|w| w == words.as_bytes());
    assert!(has("map 0 is of a.fits") && has("map 1 is of b.png"));
    // A verdict is no picture, so a PNG input does not make a PNG of it; it is printed.
    let text = desk.done("run series:discriminator --input b.png --out verdict")?;
    assert!(text.contains("output = "), "{text}");
    assert!(desk.path("verdict/b.safetensors").is_file());
    Ok(())
}

#[test]
fn results_of_two_inputs_never_share_a_file() -> Outcome {
    let desk = Desk::new()?;
    fs::copy(desk.path("a.fits"), desk.path("a.1.fits"))?;
    let error = desk.failed("run series --input a.fits a.1.fits --out new --format npy")?;
    assert!(error.contains("would both be written"), "{error}");
    assert!(!desk.path("new").exists());
    // In one file per input nothing collides.
    desk.done("run series --input a.fits a.1.fits --out new --format safetensors")?;
    Ok(())
}

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
        "train recipe.toml --out out --device cuda",
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
