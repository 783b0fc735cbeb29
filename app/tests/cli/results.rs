//! What the commands write and say when they work.

use std::fs;

use ganoscope_core::checkpoint::TensorFile;
use ganoscope_core::edit::{Action, Edit, EditStack};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::{self, Format, NamedArray, Selector};

use crate::desk::{Desk, Outcome, SIZE, assert_close, names_in, stamp};

#[test]
fn inspect_prints_layers_and_says_what_was_guessed() -> Outcome {
    let desk = Desk::new()?;
    let text = desk.done("inspect series")?;
    for part in [
        "generator of",
        "step 40",
        "branch2.0.conv1",
        "Conv2d 9x9",
        "multiply-adds",
        "100.0 %",
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
    let cost = |of: &serde_json::Value| of["multiply_adds"].as_u64();
    let layers = json["layers"].as_array().ok_or("layers")?;
    let sum: Option<u64> = layers.iter().map(cost).sum();
    assert_eq!(cost(&json), sum);
    assert!(sum > Some(0));
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
    // In FITS beside the input, in its range.
    let fits = io::read(&desk.path("out/a.fits"), Some(&Selector::name("OUT2")))?;
    let fits = fits[0].to_range(ValueRange::SIGNED);
    assert_close(&fits.pixels, &expected[1], 1e-6);
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
    fs::write(desk.path("edit.toml"), stack.to_toml()?)?;
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
fn export_writes_the_edited_network_in_both_forms() -> Outcome {
    let desk = Desk::new()?;
    let stack = EditStack {
        edits: vec![Edit::new("branch1.0.bn1:1".parse()?, Action::Ablate)],
    };
    fs::write(desk.path("recipe.toml"), stack.to_toml()?)?;
    let text = desk.done("export series --edits recipe.toml --out edited.onnx")?;
    assert!(text.contains("2 tensors changed"), "{text}");
    let text = desk.done("export series --edit recipe.toml --out edited.safetensors --json")?;
    let json: serde_json::Value = serde_json::from_str(&text)?;
    let changed = serde_json::json!(["branch1.0.bn1.weight", "branch1.0.bn1.bias"]);
    assert_eq!(json["changed"], changed);

    // All three give the same pictures.
    desk.done("run series --edit recipe.toml --input a.fits --out edited --format safetensors")?;
    let expected = desk.tensors("edited/a.safetensors")?;
    for (file, folder) in [("edited.onnx", "onnx"), ("edited.safetensors", "weights")] {
        desk.done(&format!(
            "run {file} --input a.fits --out {folder} --format safetensors"
        ))?;
        let got = desk.tensors(&format!("{folder}/a.safetensors"))?;
        for name in ["output", "output.1"] {
            let difference = (&got.tensors[name] - &expected.tensors[name])?;
            let largest = difference.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(largest <= 1e-5, "{file} {name}: {largest}");
        }
    }
    Ok(())
}
