//! Figures, tables and relevance of outputs, written without a window.

use std::fs;

use ganoscope_core::edit::{Action, Edit, EditStack, UnitSet};
use ganoscope_core::table::Table;

use crate::desk::{Desk, Outcome, SIZE, names_in};

#[test]
fn run_writes_a_figure_and_a_table_of_one_input() -> Outcome {
    let desk = Desk::new()?;
    for (name, magic) in [
        ("f.svg", &b"<svg"[..]),
        ("f.pdf", b"%PDF"),
        ("f.png", b"\x89PNG"),
    ] {
        desk.done(&format!("run series --input a.fits --figure {name}"))?;
        assert!(fs::read(desk.path(name))?.starts_with(magic), "{name}");
    }
    // No folder was asked for, and none was made.
    assert!(!desk.path("out").exists());
    let svg = fs::read_to_string(desk.path("f.svg"))?;
    for text in [
        "Galaxy 2, generated",
        "Recombination",
        "step 40",
        "no edits",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    desk.done(
        "run series@5 --input a.fits --out out --table t.ecsv --figure g.svg --set conv_in:0=off",
    )?;
    assert_eq!(names_in(&desk.path("out")), ["a.fits"]);
    let table = Table::from_ecsv(&fs::read_to_string(desk.path("t.ecsv"))?)?;
    assert_eq!(table.rows(), 2);
    assert!(table.meta.contains(&("step".to_owned(), "5".to_owned())));
    let svg = fs::read_to_string(desk.path("g.svg"))?;
    assert!(svg.contains("1 edit") && svg.contains("Galaxy 1, edited"));
    Ok(())
}

#[test]
fn edits_one_by_one_are_those_of_a_recipe() -> Outcome {
    let desk = Desk::new()?;
    let mut half = Edit::new(UnitSet::of_layer("root.0.add", [1, 2]), Action::Ablate);
    half.strength = 0.5;
    let scaled = Edit::new(
        UnitSet::of_layer("conv_in", [0]),
        Action::Scale { by: -0.1 },
    );
    let edits = EditStack {
        edits: vec![half, scaled],
    };
    fs::write(desk.path("r.toml"), edits.to_toml()?)?;
    let run = "run series --input a.fits --format safetensors --out";
    desk.done(&format!("{run} a --edit r.toml"))?;
    desk.done(&format!(
        "{run} b --set root.0.add:1-2=off@0.5 --set=conv_in:0=scale:-0.1"
    ))?;
    desk.done(&format!("{run} c"))?;
    let of = |name: &str| -> Result<Vec<f32>, crate::desk::Failure> {
        let file = desk.tensors(&format!("{name}/a.safetensors"))?;
        Ok(file.tensors["output"].flatten_all()?.to_vec1::<f32>()?)
    };
    assert_eq!(of("a")?, of("b")?);
    assert_ne!(of("a")?, of("c")?);
    let error = desk.failed(&format!("{run} d --set conv_in:99=off"))?;
    assert!(
        error.contains("unit 99") && error.ends_with("--set"),
        "{error}"
    );
    Ok(())
}

#[test]
fn relevance_of_outputs_has_a_map_per_pole_and_a_figure() -> Outcome {
    let desk = Desk::new()?;
    let said = desk.done(
        "relevance series --generated --input a.fits --method polarized --pole both --out r.safetensors --figure r.svg --table r.csv",
    )?;
    assert!(
        said.contains("output 1") && said.contains("output 2"),
        "{said}"
    );
    let file = desk.tensors("r.safetensors")?;
    let names: Vec<&str> = file.tensors.keys().map(String::as_str).collect();
    let expected = [
        "relevance.out1_fake",
        "relevance.out1_real",
        "relevance.out2_fake",
        "relevance.out2_real",
    ];
    assert_eq!(names, expected);
    for name in names {
        assert_eq!(file.tensors[name].dims(), [1, 1, SIZE, SIZE]);
    }
    assert!(fs::read_to_string(desk.path("r.svg"))?.contains("Evidence for real"));
    assert_eq!(
        Table::from_csv(&fs::read_to_string(desk.path("r.csv"))?)?.rows(),
        4
    );
    Ok(())
}

#[test]
fn inspect_draws_the_network() -> Outcome {
    let desk = Desk::new()?;
    let text = desk.done("inspect series@5:discriminator --figure d.svg")?;
    assert!(text.contains("discriminator of"), "{text}");
    let svg = fs::read_to_string(desk.path("d.svg"))?;
    for text in ["discriminator of series@5", "Conv2d", "parameters"] {
        assert!(svg.contains(text), "{text}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_a_page_is_refused_before_anything_is_computed() -> Outcome {
    let desk = Desk::new()?;
    for (line, clue) in [
        ("run series --input a.fits", "--out"),
        (
            "run series --input a.fits --figure f.gif",
            "svg, pdf or png",
        ),
        ("run series --input a.fits --table t.txt", "ecsv or csv"),
        ("inspect series --figure f.gif", "svg, pdf or png"),
        (
            "run series --input a.fits b.png --figure f.svg",
            "one input, not 2",
        ),
        (
            "run series --input a.fits --figure f.svg --input-range 0,1",
            "--input-range",
        ),
        (
            "run series:discriminator --input a.fits --figure f.svg",
            "discriminator",
        ),
        (
            "run series --input a.fits --out o --set conv_in:1=on",
            "UNITS=off",
        ),
        (
            "run series --input a.fits --figure f.svg --stretch cubic",
            "asinh",
        ),
        (
            "run series --input a.fits --figure f.svg --limits 101",
            "percentage",
        ),
        (
            "relevance series --input a.fits --method zplus --out r.fits --figure f.svg",
            "--generated",
        ),
        (
            "relevance series --generated --input a.fits --method zplus --out r.png",
            "several maps",
        ),
        (
            "relevance series --generated --input a.fits --method zplus --out r.fits --target logit",
            "--target",
        ),
    ] {
        let output = desk.line(line)?;
        let said = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains(clue), "{line}: {said}");
    }
    assert!(!desk.path("f.svg").exists());
    let error = desk.failed("run series@7 --input a.fits --figure f.svg")?;
    assert!(error.contains("step 7"), "{error}");
    let weights = "series/step-0000040/generator.safetensors";
    let error = desk.failed(&format!("run {weights} --input a.fits --figure f.svg"))?;
    assert!(error.contains("needs a series"), "{error}");
    let error = desk.failed("run series --input a.fits --figure no/f.svg")?;
    assert!(error.contains("no"), "{error}");
    Ok(())
}
