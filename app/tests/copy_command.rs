//! *Copy as command*: what is copied is run in a shell and computes what the window shows, bit for bit.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::path::Path;
use std::process::Command as Process;

use common::{Files, edited, opened, opened_with, settle, step_until};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use ganoscope::app::App;
use ganoscope::cli::compose::parses;
use ganoscope::command::{Change, Command, RegionChange, RegionVerb, UiCommand};
use ganoscope::explain::{Explain, TargetChoice};
use ganoscope::export::{DataFormat, ExportChoice, Kind};
use ganoscope::workbench::{RelevanceSection, UnitOrder};
use ganoscope_core::attribution::{LayerKind, Method, Rule, RuleChange};
use ganoscope_core::checkpoint::TensorFile;
use ganoscope_core::edit::{Action, Edit, EditStack, Mask, UnitSet};
use ganoscope_core::region::{Place, Region, Shape};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::table::Table;

/// The command that was copied last.
#[track_caller]
fn copied(harness: &mut Harness<'_, App>) -> String {
    harness.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    harness.run_steps(2);
    harness.state().toasts().pop().unwrap_or_default()
}

/// Runs a line in a shell whose path begins with this program.
#[cfg(unix)]
fn run(line: &str, folder: &Path) {
    let program = Path::new(env!("CARGO_BIN_EXE_ganoscope"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let output = Process::new("sh")
        .args(["-c", line])
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{line}: {said}");
}

fn tensor(file: &Path, name: &str) -> Vec<f32> {
    let file = TensorFile::read(file).unwrap();
    let tensor = &file.tensors[name];
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
}

#[cfg(unix)]
#[test]
fn a_copied_command_computes_what_the_window_shows() {
    let files = Files::new();
    let mut harness = opened(&files);
    edited(&mut harness);
    let folder = tempfile::tempdir().unwrap();

    let line = copied(&mut harness);
    let line = line.strip_prefix("Copied: ").expect(&line);
    run(line, folder.path());
    let file = folder.path().join("first-outputs/first.safetensors");
    let outputs = harness
        .state()
        .results()
        .deblend
        .ready()
        .unwrap()
        .outputs
        .clone();
    for (output, name) in outputs.iter().zip(["output", "output.1"]) {
        // The window maps tanh to 0 to 1; that rounds once.
        let values = tensor(&file, name);
        for (value, shown) in values.iter().zip(output.pixels.iter()) {
            let mapped = ValueRange::SIGNED.map_to(ValueRange::UNIT, *value);
            assert_eq!(mapped.to_bits(), shown.to_bits());
        }
    }

    harness.key_press(Key::Num2);
    settle(&mut harness);
    let line = copied(&mut harness);
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    let units = harness.state().results().units.ready().unwrap().clone();
    let values = tensor(&file, &format!("activation.{}", units.layer));
    assert_eq!(values, units.values.to_vec());

    harness.key_press(Key::Num3);
    settle(&mut harness);
    let line = copied(&mut harness);
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    let maps = folder.path().join("first-relevance.safetensors");
    let relevance = harness.state().results().relevance.ready().unwrap().clone();
    for row in &relevance.rows {
        let kind = if row.is_generated { "out" } else { "truth" };
        for (map, pole) in row.maps.iter().zip(["real", "fake"]) {
            let name = format!("relevance.{kind}{}_{pole}", row.galaxy + 1);
            assert_eq!(tensor(&maps, &name), map.map.pixels.to_vec(), "{name}");
        }
    }

    harness.key_press(Key::L);
    settle(&mut harness);
    let line = copied(&mut harness);
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    assert!(
        line.contains("inspect") && line.ends_with("@300:generator"),
        "{line}"
    );
}

/// Rules, methods beside, checks, a target of an output and the units' relevance: the command computes what is shown.
#[cfg(unix)]
#[test]
#[allow(clippy::too_many_lines, reason = "one choice after the other")]
fn the_commands_of_relevance_say_all_that_was_chosen() {
    let files = Files::new();
    let mut harness = opened(&files);
    edited(&mut harness);
    let folder = tempfile::tempdir().unwrap();
    let explain = |explain: Explain| Change::SetExplain {
        explain: Box::new(explain),
        name: "explain".to_owned(),
    };
    let chosen = Explain {
        rules: vec![
            RuleChange::of_kind(LayerKind::Convolution, Rule::Gamma { gamma: 0.25 }),
            RuleChange::of_kind(LayerKind::Dense, Rule::Epsilon { epsilon: 0.25 }),
        ],
        beside: vec![Method::InputXGradient],
        real: Some(files.blends[1].clone().into()),
        ..Explain::default()
    };
    harness.state().push(Change::SetMethod(Method::EpsilonPlus));
    harness.state().push(explain(chosen.clone()));
    harness.state().push(Command::ShowRelevanceSection(Some(
        RelevanceSection::Faithfulness,
    )));
    harness.key_press(Key::Num3);
    settle(&mut harness);
    let line = copied(&mut harness);
    assert!(line.contains("--flip") && line.contains("--real"), "{line}");
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    let maps = folder.path().join("first-relevance.safetensors");
    let relevance = harness.state().results().relevance.ready().unwrap().clone();
    for row in &relevance.rows {
        let name = format!("relevance.{}", row.short_name());
        assert_eq!(tensor(&maps, &name), row.maps[0].map.pixels.to_vec());
        let beside = row.beside[0].map.as_ref().unwrap();
        let name = format!("{name}.input-x-gradient");
        assert_eq!(tensor(&maps, &name), beside.map.pixels.to_vec());
    }

    // A part of an output: every channel of the blend, which the window sums.
    harness.state().push(RegionChange::Set {
        index: 0,
        region: Region::new(Shape::Ellipse {
            centre: Place::new(8.25, 7.0),
            semi_axes: [3.5, 2.0],
            angle: 30.0,
        }),
        verb: RegionVerb::Draw,
    });
    harness.state().push(explain(Explain {
        target: TargetChoice::Output {
            output: 1,
            region: Some(0),
            band: Some(2),
        },
        ..chosen
    }));
    harness.state().push(Command::ShowRelevanceSection(None));
    settle(&mut harness);
    let line = copied(&mut harness);
    assert!(line.contains("galaxy2:ellipse="), "{line}");
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    let shown = harness.state().results().relevance.ready().unwrap().clone();
    let pixels = shown.rows[0].maps[0].map.pixels.to_vec();
    let bands = tensor(&maps, "relevance");
    let scale = pixels.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    assert!(scale > 0.0);
    for (i, shown) in pixels.iter().enumerate() {
        let sum: f32 = bands.iter().skip(i).step_by(pixels.len()).sum();
        assert!((sum - shown).abs() <= 1e-6 * scale, "{sum} {shown}");
    }

    harness
        .state()
        .push(Command::SortUnits(UnitOrder::Relevance));
    harness.key_press(Key::Num2);
    settle(&mut harness);
    let line = copied(&mut harness);
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    let units = folder.path().join("first-units.safetensors");
    let through = harness.state().results().through.ready().unwrap().clone();
    for (layer, sums) in &through.layers {
        let of = |output: &str| {
            let file = TensorFile::read(&units).unwrap();
            let name = format!("units.{output}.{layer}");
            let found = file.tensors.get(&name);
            found.map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        };
        let all: Vec<Vec<f32>> = ["galaxy1", "galaxy2"].into_iter().filter_map(of).collect();
        assert!(!all.is_empty(), "{layer}");
        for (unit, sum) in sums.iter().enumerate() {
            let total: f64 = all.iter().map(|units| f64::from(units[unit])).sum();
            assert!(
                (total - sum).abs() <= 1e-5 * sum.abs().max(1e-3),
                "{layer}:{unit}"
            );
        }
    }
}

/// Waits for the file that a command refers to, and returns the command.
#[track_caller]
fn copied_with(harness: &mut Harness<'_, App>, saved: &str) -> String {
    let start = format!("Saved {saved} and copied: ");
    let is_said = |said: &String| said.starts_with(&start);
    step_until(harness, "the file", |h| {
        h.state().toasts().iter().any(is_said)
    });
    let said = harness.state().toasts().into_iter().find(is_said).unwrap();
    said[start.len()..].to_owned()
}

#[cfg(unix)]
#[test]
fn the_command_of_the_timeline_measures_what_the_window_does() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press(Key::Num4);
    harness.state().push(UiCommand::MeasureCheckpoints);
    settle(&mut harness);
    let line = copied(&mut harness);
    let folder = tempfile::tempdir().unwrap();
    run(line.strip_prefix("Copied: ").expect(&line), folder.path());
    let text = std::fs::read_to_string(folder.path().join("timeline.ecsv")).unwrap();
    let table = Table::from_ecsv(&text).unwrap();
    let points = &harness.state().results().timeline.points;
    assert_eq!(table.rows(), 3);
    for (row, (step, point)) in points.iter().enumerate() {
        assert_eq!(
            table.column("step").unwrap().values.field(row),
            step.to_string()
        );
        for (galaxy, psnr) in point.psnr.iter().enumerate() {
            let column = table.column(&format!("psnr_{}", galaxy + 1)).unwrap();
            assert_eq!(column.values.field(row), format!("{psnr:?}"));
        }
    }
}

#[cfg(unix)]
#[test]
fn the_command_of_regions_refers_to_their_file() {
    let files = Files::new();
    let path = files.path("my regions.reg");
    let mut harness = opened_with(&files, vec![path.clone()]);
    harness.state().push(UiCommand::ShowRegions);
    settle(&mut harness);
    let said = copied(&mut harness);
    assert_eq!(said, "Not copied: no region is drawn");
    harness.state().push(RegionChange::Set {
        index: 0,
        region: Region::new(Shape::Circle {
            centre: Place::new(8.0, 7.0),
            radius: 3.0,
        }),
        verb: RegionVerb::Draw,
    });
    settle(&mut harness);
    harness.state().push(UiCommand::CopyAsCommand);
    let line = copied_with(&mut harness, "my regions.reg");
    run(&format!("{line} --out table.csv"), files.folder.path());
    let text = std::fs::read_to_string(files.path("table.csv")).unwrap();
    let table = Table::from_csv(&text).unwrap();
    let ready = harness.state().results().regions.ready().unwrap();
    let statistics = ready.pictures[0].statistics[0].as_ref().unwrap();
    let sum = &table.column("sum").unwrap().values;
    assert_eq!(sum.field(0), format!("{:?}", statistics.bands[0].sum));
    // Unchanged since, they are not asked for again; there is no other answer.
    let again = copied(&mut harness);
    assert_eq!(again, format!("Copied: {line}"));
    let mut moved = harness.state().document().regions[0].clone();
    moved.shape = moved.shape.moved(1.0, 0.0);
    harness.state().push(RegionChange::Set {
        index: 0,
        region: moved,
        verb: RegionVerb::Move,
    });
    settle(&mut harness);
    let changed = copied(&mut harness);
    assert!(
        changed.starts_with("Save the regions as a file"),
        "{changed}"
    );
}

#[test]
fn the_command_gives_the_format_that_was_chosen() {
    let files = Files::new();
    let mut harness = opened(&files);
    for (data, name) in [
        (DataFormat::Fits, "fits"),
        (DataFormat::Npz, "npz"),
        (DataFormat::Safetensors, "safetensors"),
    ] {
        harness.state().push(Command::SetExport(ExportChoice {
            kind: Kind::Data,
            data,
            ..ExportChoice::default()
        }));
        harness.run_steps(2);
        let line = copied(&mut harness);
        assert!(line.contains(&format!(" --format {name} ")), "{line}");
    }
}

#[test]
fn the_command_of_compare_computes_what_is_compared() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press(Key::Num5);
    settle(&mut harness);
    let line = copied(&mut harness);
    assert!(
        line.contains(" run ") && line.contains("@300:generator"),
        "{line}"
    );
}

#[test]
fn edits_with_masks_are_saved_as_a_recipe_first() {
    let files = Files::new();
    let recipe = files.path("my masks.toml");
    let mut harness = opened_with(&files, vec![recipe.clone()]);
    let mask = Mask::from_fn([16, 16], |y, _| if y < 8 { 1.0 } else { 0.0 }).unwrap();
    let units = UnitSet::of_layer("root.0.act", [1]);
    let edits = EditStack {
        edits: vec![Edit::new(units, Action::Ablate).with_mask(mask)],
    };
    harness.state().push(Change::SetEdits {
        edits: edits.clone(),
        name: "mask".to_owned(),
    });
    settle(&mut harness);
    harness.state().push(UiCommand::CopyAsCommand);
    let line = copied_with(&mut harness, "my masks.toml");
    assert!(line.contains("--edit '"), "{line}");
    assert_eq!(EditStack::read(&recipe).unwrap(), edits);
    let words = shlex::split(&line).unwrap();
    assert_eq!(parses(&words), Ok(()));
}
