//! Relevance as a person asks for it: rules layer by layer, inner layers, targets, checks, and through the generator.

use std::fs;

use candle_core::{DType, Tensor};

use crate::desk::{Desk, Failure, Outcome, SIZE, assert_close};

fn json(text: &str) -> Result<serde_json::Value, Failure> {
    Ok(serde_json::from_str(text)?)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, Failure> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

#[test]
fn rules_are_chosen_layer_by_layer() -> Outcome {
    let desk = Desk::new()?;
    let map = |rest: &str| -> Result<Vec<f32>, Failure> {
        desk.done(&format!(
            "relevance series --input a.fits --out map.safetensors {rest}"
        ))?;
        values(&desk.tensors("map.safetensors")?.tensors["relevance"])
    };
    let flat = map("--method epsilon-plus-flat")?;
    assert_eq!(map("--method epsilon-plus --rule first=flat")?, flat);
    assert_eq!(map("--method epsilon-plus --rule net.conv0*=flat")?, flat);
    assert_ne!(map("--method epsilon-plus --rule net.*=gamma:0.5")?, flat);
    let composite = "name = \"mine\"\nfirst = \"flat\"\ndefault = \"zplus\"\n[by_kind]\ndense = { epsilon = { epsilon = 1e-6 } }\n";
    fs::write(desk.path("mine.toml"), composite)?;
    assert_eq!(map("--method zplus --composite mine.toml")?, flat);
    fs::write(
        desk.path("bad.toml"),
        "name = \"mine\"\ndefault = \"layerwise\"\n",
    )?;
    let base = "relevance series --input a.fits --out map.npy --method zplus";
    for (rest, culprit) in [
        ("--rule net.conv99=flat", "net.conv99"),
        ("--rule net.conv99*=flat", "net.conv99*"),
        ("--rule first=layerwise", "layerwise"),
        ("--rule first", "PLACE=RULE"),
        ("--composite bad.toml", "bad.toml"),
        ("--composite missing.toml", "missing.toml"),
        ("--stop-at net.conv99", "net.conv99"),
        ("--target logit:circle=1,1,1", "logit"),
    ] {
        let error = desk.failed(&format!("{base} {rest}"))?;
        assert!(error.contains(culprit), "{rest}: {error}");
    }
    for rest in [
        "--method gradient --rule first=flat",
        "--method zplus --raw",
        "--method gradient --stop-at net.conv1",
    ] {
        let line = format!("relevance series --input a.fits --out map.npy {rest}");
        assert_eq!(desk.line(&line)?.status.code(), Some(2), "{line}");
    }
    Ok(())
}

#[test]
fn inner_layers_stop_and_start_relevance() -> Outcome {
    let desk = Desk::new()?;
    let text = desk.done(
        "relevance series --input a.fits --out s.safetensors --method zplus --stop-at net.conv3 --retain net.conv5 --json",
    )?;
    let file = desk.tensors("s.safetensors")?;
    assert!(file.tensors.contains_key("relevance.at.net.conv5"));
    assert!(
        values(&file.tensors["relevance"])?
            .iter()
            .all(|v| *v == 0.0)
    );
    let stopped: f32 = values(&file.tensors["relevance.at.net.conv3"])?
        .iter()
        .sum();
    let row = &json(&text)?["maps"][0];
    let said = row["stopped"].as_f64().unwrap_or_default();
    assert!(
        (said - f64::from(stopped)).abs() < 1e-4 * said.abs().max(1.0),
        "{row}"
    );
    desk.done("relevance series --input a.fits --out u.safetensors --method zplus --target net.conv3:unit=1")?;
    let output = &desk.tensors("u.safetensors")?.tensors["output"];
    assert_eq!(
        output.dims().len(),
        4,
        "the layer is the output: {:?}",
        output.dims()
    );
    let light = desk.done(
        "relevance series:generator --input a.fits --out f.npy --method epsilon-plus --target galaxy1:circle=8,8,3 --json",
    )?;
    let light = json(&light)?["maps"][0]["score"]
        .as_f64()
        .unwrap_or_default();
    let sum = desk.done(
        "relevance series:generator --input a.fits --out f.npy --method epsilon-plus --target galaxy1:box=0,0,16,16 --json",
    )?;
    let sum = json(&sum)?["maps"][0]["score"].as_f64().unwrap_or_default();
    assert!(
        light > 0.0,
        "light is counted from black: {light}, while the sum of pixels is {sum}"
    );
    Ok(())
}

#[test]
fn checks_stand_beside_the_map() -> Outcome {
    let desk = Desk::new()?;
    let line = "relevance series --input a.fits c.npy --method polarized --regions --flip --flips 5 --beside gradient,epsilon-plus";
    let text = desk.done(&format!("{line} --json"))?;
    let maps = &json(&text)?["maps"];
    for row in [&maps[0], &maps[1]] {
        let regions = row["regions"].as_array().map_or(0, Vec::len);
        assert!(regions >= 2, "{row}");
        let sums = row["regions"].as_array().into_iter().flatten();
        let total: f64 = sums.filter_map(|r| r["sum"].as_f64()).sum();
        let sum = row["sum"].as_f64().unwrap_or_default();
        assert!(
            (total - sum).abs() < 1e-4 * sum.abs().max(1.0),
            "{total} {sum}"
        );
        assert_eq!(
            row["flip"]["curve"]["scores"].as_array().map(Vec::len),
            Some(6)
        );
        assert_eq!(row["beside"][0]["method"], "gradient");
        assert!(row["beside"][1]["agreement"].as_f64().is_some(), "{row}");
        assert!(row["beside"][1]["flip"]["area"].as_f64().is_some(), "{row}");
    }
    let said = desk.done(line)?;
    for words in ["border", "random order", "rank correlation"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    desk.done(&format!("{line} --out all.safetensors"))?;
    let file = desk.tensors("all.safetensors")?;
    assert_eq!(
        file.tensors["relevance.gradient"].dims(),
        [2, 3, SIZE, SIZE]
    );
    let line = "relevance series --input a.fits --method zplus --block 3";
    assert_eq!(
        desk.line(line)?.status.code(),
        Some(2),
        "--block without --flip"
    );
    Ok(())
}

#[test]
fn relevance_goes_on_into_the_generator() -> Outcome {
    let desk = Desk::new()?;
    let line = "relevance series --input a.fits --method polarized --through generator";
    let text = desk.done(&format!("{line} --out t.safetensors --json"))?;
    let pictures = json(&text)?["pictures"].clone();
    assert_eq!(pictures.as_array().map(Vec::len), Some(2));
    let file = desk.tensors("t.safetensors")?;
    let drawn = desk.expected("root.0.conv1")?;
    for (index, name) in ["galaxy1", "galaxy2"].into_iter().enumerate() {
        let picture = &pictures[index];
        assert_eq!(picture["output"], name);
        // What a discriminator as tiny as this loses itself is told; the generator behind it loses nothing more.
        let gap = |of: &str| picture[of].as_f64().ok_or("a gap");
        let lost = gap("gap")? - gap("gap_of_discriminator")?;
        assert!(lost.abs() < 1e-3, "{picture}");
        let shown = values(&file.tensors[&format!("drawn.{name}")])?;
        assert_close(&shown, &drawn[index], 1e-6);
        let units = &file.tensors[&format!("units.{name}.root.0.conv1")];
        assert_eq!(units.dims(), [1, 4]);
        let input = &file.tensors[&format!("relevance.input.{name}")];
        assert_eq!(input.dims(), [1, 3, SIZE, SIZE]);
        let top = picture["top"].as_array().ok_or("units")?;
        assert!(
            top.len() == 12 && top[0]["unit"].as_str().is_some(),
            "{picture}"
        );
    }
    let said = desk.done(&format!(
        "{line} --drawn galaxy2 --top 3 --generator-rule convolution=gamma"
    ))?;
    assert!(
        said.contains("galaxy2") && !said.contains("galaxy1"),
        "{said}"
    );
    let weights = "series/step-0000040";
    let lone = format!(
        "relevance {weights}/discriminator.safetensors --input a.fits --method zplus --through generator"
    );
    assert_eq!(desk.line(&lone)?.status.code(), Some(2), "which generator?");
    let pair = format!("{lone} --generator {weights}/generator.safetensors --json");
    assert_eq!(
        json(&desk.done(&pair)?)?["pictures"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let error = desk.failed(&format!("{line} --drawn galaxy3"))?;
    assert!(error.contains("galaxy3"), "{error}");
    let error =
        desk.failed("relevance series --input a.fits --method gradient --through generator")?;
    assert!(error.contains("gradient through the generator"), "{error}");
    for rest in ["--target logit", "--out t.npy", "--regions", "--generated"] {
        let code = desk.line(&format!("{line} {rest}"))?.status.code();
        assert_eq!(code, Some(2), "{rest}");
    }
    Ok(())
}
