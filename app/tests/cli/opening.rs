//! Opening what people have: descriptions drafted for weights that no family claims, and the ceiling of the memory.

use std::collections::BTreeMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use ganoscope_core::checkpoint::write_tensors;

use crate::desk::{Desk, Failure, Outcome};

/// Weights whose channels fit nothing that is known.
fn odd_weights(desk: &Desk) -> Outcome {
    let zeros = |dims: &[usize]| Tensor::zeros(dims, DType::F32, &Device::Cpu);
    let tensors = BTreeMap::from([
        ("stem.weight".to_owned(), zeros(&[4, 3, 3, 3])?),
        ("tail.weight".to_owned(), zeros(&[2, 7, 1, 1])?),
        ("tail.bias".to_owned(), zeros(&[2])?),
    ]);
    write_tensors(&desk.path("odd.safetensors"), &tensors, &BTreeMap::new())?;
    Ok(())
}

/// What a person makes of the draft: the second layer takes what the first gives beside the picture.
fn corrected(draft: &str) -> String {
    draft.replace("inputs = [\"stem_act\"]", "").replace(
        "[[layer]]\nname = \"tail\"",
        "[[layer]]\nname = \"joined\"\nop = \"concat\"\ninputs = [\"stem_act\", \"input\"]\n\n[[layer]]\nname = \"tail\"",
    )
}

#[test]
fn a_draft_is_written_corrected_and_opened() -> Outcome {
    let desk = Desk::new()?;
    odd_weights(&desk)?;
    let error = desk.failed("inspect odd.safetensors")?;
    assert!(error.contains("--draft"), "{error}");

    let said = desk.done("inspect odd.safetensors --draft")?;
    assert!(said.starts_with("odd.safetensors.model.toml: "), "{said}");
    let beside = desk.path("odd.safetensors.model.toml");
    let draft = fs::read_to_string(&beside)?;
    let doubtful = draft.matches("# doubtful: ").count();
    assert!(doubtful > 0, "{draft}");
    assert!(
        said.contains(&format!("{doubtful} lines are doubtful")),
        "{said}"
    );
    assert!(
        draft.contains("# As it stands it cannot be built: layer tail"),
        "{draft}"
    );
    assert!(draft.contains("weights = \"odd.safetensors\""), "{draft}");

    fs::write(&beside, corrected(&draft))?;
    for model in ["odd.safetensors", "odd.safetensors.model.toml"] {
        let json: serde_json::Value =
            serde_json::from_str(&desk.done(&format!("inspect {model} --json"))?)?;
        assert_eq!(json["identity"]["confidence"], "stated", "{json}");
        assert_eq!(json["layers"].as_array().map(Vec::len), Some(5), "{json}");
    }
    Ok(())
}

#[test]
fn a_draft_replaces_no_description_and_no_weights() -> Outcome {
    let desk = Desk::new()?;
    odd_weights(&desk)?;
    let beside = desk.path("odd.safetensors.model.toml");
    fs::write(&beside, "ganoscope_model = 1\n# mine\n")?;
    let error = desk.failed("inspect odd.safetensors --draft")?;
    assert!(error.contains("there is a description already"), "{error}");
    assert!(fs::read_to_string(&beside)?.ends_with("# mine\n"));
    let error = desk.failed("inspect odd.safetensors --draft odd.safetensors")?;
    assert!(error.contains("would replace"), "{error}");

    let said = desk.done("inspect odd.safetensors --draft other.model.toml --json")?;
    let said: serde_json::Value = serde_json::from_str(&said)?;
    assert_eq!(said["path"], "other.model.toml");
    let other = desk.path("other.model.toml");
    fs::write(&other, corrected(&fs::read_to_string(&other)?))?;
    desk.done("inspect other.model.toml")?;

    desk.done("export series --out graph.onnx")?;
    let error = desk.failed("inspect graph.onnx --draft")?;
    assert!(error.contains("holds its layers itself"), "{error}");
    Ok(())
}

#[test]
fn the_ceiling_of_the_memory_is_an_option_and_a_variable() -> Outcome {
    let desk = Desk::new()?;
    let weights = "series/step-0000040/generator.safetensors";
    let check = |error: &str| {
        assert!(
            error.contains("of memory, the limit is 2.0 KiB; raise it with --memory-limit"),
            "{error}"
        );
        assert!(error.contains("GANOSCOPE_MEMORY_LIMIT"), "{error}");
        assert!(error.ends_with("generator.safetensors"), "{error}");
    };
    for line in [
        format!("inspect {weights} --memory-limit 2KiB"),
        "--memory-limit 2048 inspect series".to_owned(),
        format!("run {weights} --input a.fits --out out --memory-limit 2KiB"),
        "export series --out a.onnx --memory-limit 2KiB".to_owned(),
    ] {
        check(&desk.failed(&line)?);
    }
    let by_variable = |value: &str, line: &str| -> Result<(Option<i32>, String), Failure> {
        let mut command = desk.command();
        command.env("GANOSCOPE_MEMORY_LIMIT", value);
        let output = command.args(line.split_whitespace()).output()?;
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    };
    let line = format!("inspect {weights} --quiet");
    let (code, error) = by_variable("2KiB", &line)?;
    assert_eq!(code, Some(1), "{error}");
    check(error.trim_end());
    // The option is said by hand, so it counts more.
    let (code, error) = by_variable("2KiB", &format!("{line} --memory-limit 4GB"))?;
    assert_eq!(code, Some(0), "{error}");
    let (code, error) = by_variable("much", &line)?;
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("expected a size such as 4GB"), "{error}");
    Ok(())
}
