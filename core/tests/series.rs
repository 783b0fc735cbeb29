//! Series on disk: written, opened, loaded, and what is said about incomplete ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::Tensor;
use ganoscope_core::architecture::{
    DiscriminatorConfig, GeneratorConfig, PreluKind, discriminator, generator,
};
use ganoscope_core::checkpoint::{
    CheckpointError, Metrics, NetworkRole, NetworkSpec, Series, SeriesManifest, create_series,
    open_network, open_network_for, procedural_weights, write_checkpoint, write_tensors,
};
use ganoscope_core::network::{Network, NetworkError};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn generator_config() -> GeneratorConfig {
    GeneratorConfig {
        filters: 4,
        root_blocks: 2,
        branch_blocks: 1,
        stamp_size: 16,
        position_channels: true,
        ..GeneratorConfig::default()
    }
}

fn per_channel() -> GeneratorConfig {
    GeneratorConfig {
        prelu: PreluKind::PerChannel,
        ..generator_config()
    }
}

fn discriminator_config() -> DiscriminatorConfig {
    DiscriminatorConfig {
        filters: 2,
        dense: 6,
        stamp_size: 16,
        ..DiscriminatorConfig::default()
    }
}

fn networks(seed: u64) -> Result<(Network, Network), NetworkError> {
    Ok((
        generator(&generator_config(), procedural_weights(seed))?,
        discriminator(&discriminator_config(), procedural_weights(seed))?,
    ))
}

/// A series of steps 10, 200 and 3000.
fn series() -> Result<TempDir, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let manifest = SeriesManifest::new("tiny", generator_config(), Some(discriminator_config()));
    create_series(dir.path(), &manifest)?;
    for step in [3000, 10, 200] {
        let (g, d) = networks(step)?;
        let metrics = Metrics {
            images: step * 4,
            psnr: vec![20.0 + step as f64, f64::INFINITY],
            ..Metrics::default()
        };
        write_checkpoint(dir.path(), step, &g, &d, &metrics)?;
    }
    Ok(dir)
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor
        .flatten_all()
        .and_then(|t| t.to_vec1())
        .unwrap_or_default()
}

#[test]
fn a_series_survives_a_round_trip() -> Outcome {
    let dir = series()?;
    assert_eq!(
        names_in(dir.path()),
        [
            "series.toml",
            "step-0000010",
            "step-0000200",
            "step-0003000"
        ]
    );
    let series = Series::open(dir.path())?;
    assert_eq!(series.warnings, [""; 0]);
    let steps: Vec<u64> = series.checkpoints.iter().map(|c| c.step).collect();
    assert_eq!(steps, [10, 200, 3000]);
    assert_eq!(series.last().map(|c| c.step), Some(3000));
    assert_eq!(series.nearest(0).map(|c| c.step), Some(10));
    assert_eq!(series.nearest(105).map(|c| c.step), Some(10));
    assert_eq!(series.nearest(1601).map(|c| c.step), Some(3000));

    let (g, d) = networks(200)?;
    for (role, original) in NetworkRole::ALL.into_iter().zip([g, d]) {
        let loaded = series.load(200, role)?;
        assert_eq!(loaded.network.layer_infos(), original.layer_infos());
        for ((_, a), (_, b)) in loaded.network.params().zip(original.params()) {
            assert_eq!(values(&a.tensor), values(&b.tensor), "{}", a.key);
        }
        assert_eq!(loaded.report.missing, [""; 0]);
        assert_eq!(loaded.report.unused, [""; 0]);
        let metrics = series.at(200).and_then(|c| c.metrics.clone());
        let noted = metrics.and_then(|m| m.sha256.get(role.file_name()).cloned());
        assert_eq!(noted, Some(loaded.sha256));
    }
    Ok(())
}

#[test]
fn metrics_keep_numbers_and_turn_infinities_into_nan() -> Outcome {
    let dir = series()?;
    let series = Series::open(dir.path())?;
    let metrics = series.at(200).and_then(|c| c.metrics.as_ref());
    let metrics = metrics.ok_or("no metrics")?;
    assert_eq!((metrics.step, metrics.images), (200, 800));
    assert_eq!(metrics.psnr[0], 220.0);
    assert!(metrics.psnr[1].is_nan());
    assert_eq!(metrics.numbers().get("psnr.1"), Some(&220.0));
    Ok(())
}

#[test]
fn a_step_without_generator_is_skipped_by_name_and_the_rest_opens() -> Outcome {
    let dir = series()?;
    fs::remove_file(dir.path().join("step-0000200/generator.safetensors"))?;
    let series = Series::open(dir.path())?;
    assert_eq!(series.checkpoints.len(), 2);
    assert_eq!(series.warnings.len(), 1);
    assert!(series.warnings[0].contains("step 200 is skipped, it has no generator"));
    assert!(series.warnings[0].ends_with("generator.safetensors"));
    let error = series.load(200, NetworkRole::Generator).expect_err("gone");
    assert!(
        error.to_string().contains("no generator at step 200"),
        "{error}"
    );
    let loaded = series.load(3000, NetworkRole::Generator)?;
    let config = loaded.config.as_ref().expect("a known architecture");
    assert_eq!(config.stamp_size(), 16);
    Ok(())
}

#[test]
fn a_missing_step_names_the_nearest() -> Outcome {
    let dir = series()?;
    let spec = NetworkSpec::parse(&format!("{}@250", dir.path().display()));
    let error = open_network(&spec).expect_err("no such step").to_string();
    assert!(error.contains("no checkpoint at step 250"), "{error}");
    assert!(error.contains("the nearest is 200"), "{error}");
    Ok(())
}

#[test]
fn checkpoints_of_other_shapes_are_refused_with_the_first_tensor() -> Outcome {
    let dir = series()?;
    let (_, d) = networks(1)?;
    let g = generator(&per_channel(), procedural_weights(1))?;
    write_checkpoint(dir.path(), 200, &g, &d, &Metrics::default())?;
    let error = Series::open(dir.path()).expect_err("mixed");
    let CheckpointError::MixedShapes { tensor, first, .. } = &error else {
        return Err(error.into());
    };
    assert_eq!((tensor.as_str(), *first), ("act_in.weight", 10));
    let text = error.to_string();
    assert!(
        text.contains("[4] here and [4, 16, 16] at step 10"),
        "{text}"
    );
    Ok(())
}

#[test]
fn a_damaged_checkpoint_does_not_hide_the_others() -> Outcome {
    let dir = series()?;
    let file = dir.path().join("step-0000010/generator.safetensors");
    let bytes = fs::read(&file)?;
    fs::write(&file, &bytes[..bytes.len() / 2])?;
    let series = Series::open(dir.path())?;
    assert_eq!(series.checkpoints.len(), 3);
    assert!(series.warnings[0].contains("the generator of step 10 cannot be loaded"));
    let error = series.load(10, NetworkRole::Generator).expect_err("cut");
    assert!(error.to_string().contains("cut short"), "{error}");
    series.load(10, NetworkRole::Discriminator)?;
    Ok(())
}

#[test]
fn the_checkpoint_of_a_step_is_replaced_and_leaves_nothing_behind() -> Outcome {
    let dir = series()?;
    let (g, d) = networks(77)?;
    write_checkpoint(dir.path(), 10, &g, &d, &Metrics::default())?;
    assert_eq!(names_in(dir.path()).len(), 4);
    let loaded = Series::open(dir.path())?.load(10, NetworkRole::Generator)?;
    for ((_, a), (_, b)) in loaded.network.params().zip(g.params()) {
        assert_eq!(values(&a.tensor), values(&b.tensor), "{}", a.key);
    }
    Ok(())
}

#[test]
fn a_checkpoint_that_cannot_be_finished_leaves_the_series_as_it_was() -> Outcome {
    let dir = series()?;
    let (g, d) = networks(5)?;
    // Writing fails half-way: a tensor that cannot be reshaped to the manifest does not matter, a missing folder does.
    let absent = dir.path().join("absent");
    assert!(write_checkpoint(&absent, 11, &g, &d, &Metrics::default()).is_err());
    assert!(!absent.exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let locked = fs::Permissions::from_mode(0o555);
        fs::set_permissions(dir.path(), locked)?;
        let result = write_checkpoint(dir.path(), 11, &g, &d, &Metrics::default());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        // The superuser may write everywhere.
        if let Err(error) = result {
            assert!(error.to_string().contains("make a checkpoint"), "{error}");
            assert_eq!(names_in(dir.path()).len(), 4);
        }
    }
    Ok(())
}

#[test]
fn strange_entries_in_the_folder_are_named_and_skipped() -> Outcome {
    let dir = series()?;
    fs::write(dir.path().join("step-0000011"), "a file")?;
    fs::create_dir(dir.path().join("step-latest"))?;
    fs::create_dir(dir.path().join(".checkpoint-x.part"))?;
    let series = Series::open(dir.path())?;
    assert_eq!(series.checkpoints.len(), 3);
    assert_eq!(series.warnings.len(), 2);
    let error = Series::open(&dir.path().join("step-0000011")).expect_err("a file");
    assert!(
        error.to_string().contains("a series is a folder"),
        "{error}"
    );
    let error = Series::open(&dir.path().join("step-latest")).expect_err("no manifest");
    assert!(error.to_string().contains("no series.toml"), "{error}");
    Ok(())
}

#[test]
fn manifests_are_refused_for_unknown_fields_versions_and_impossible_numbers() -> Outcome {
    let dir = series()?;
    let file = dir.path().join("series.toml");
    let good = fs::read_to_string(&file)?;
    let cases = [
        (
            format!("colour = \"red\"\n{good}"),
            "line 1: unknown field `colour`",
        ),
        (
            good.replace("version = 1", "version = 2\nnew = 1"),
            "version 2",
        ),
        (
            good.replace("filters = 4", "filters = 400000000"),
            "generator.filters is 400000000",
        ),
        (
            good.replace("low = -1.0", "low = 1.0"),
            "output_range is 1 to 1",
        ),
        (good.replace("name = \"tiny\"", ""), "missing field `name`"),
    ];
    for (text, expected) in cases {
        fs::write(&file, &text)?;
        let error = Series::open(dir.path()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(
            error.ends_with("series.toml") && !error.contains('\n'),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn a_lone_file_of_a_series_describes_itself() -> Outcome {
    let dir = series()?;
    let file = dir.path().join("step-0000200/discriminator.safetensors");
    let opened = open_network(&NetworkSpec::parse(&file.to_string_lossy()))?;
    assert_eq!(opened.role, NetworkRole::Discriminator);
    let config = opened.config.as_ref().expect("a known architecture");
    assert_eq!(config.stamp_size(), 16);
    assert_eq!(opened.output_range, None);
    assert_eq!(opened.input_range.low, -1.0);
    assert_eq!(opened.guesses, []);
    assert_eq!(opened.step, Some(200));
    Ok(())
}

#[test]
fn a_foreign_file_is_recognised_by_shapes_and_says_what_it_guessed() -> Outcome {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("netG.safetensors");
    let network = generator(&per_channel(), procedural_weights(3))?;
    let mut tensors = network.state_dict();
    tensors.remove("position");
    let tensors: BTreeMap<_, _> = tensors
        .into_iter()
        .map(|(key, tensor)| (format!("module.{key}"), tensor))
        .collect();
    write_tensors(&file, &tensors, &BTreeMap::new())?;
    let spec = NetworkSpec::parse(&file.to_string_lossy());
    let opened = open_network_for(&spec, Some(24))?;
    assert_eq!(opened.network.input_fact().dims, [3, 24, 24]);
    assert_eq!(opened.report.renamed.len(), tensors.len());
    let size = opened.guesses.iter().find(|g| g.what == "stamp size");
    assert_eq!(size.map(|g| g.value.as_str()), Some("24"));
    assert_eq!(open_network(&spec)?.network.input_fact().dims, [3, 80, 80]);

    let role = Some(NetworkRole::Discriminator);
    let error = open_network(&NetworkSpec { role, ..spec }).expect_err("other role");
    let error = error.to_string();
    assert!(
        error.contains("weights of a generator, expected a discriminator"),
        "{error}"
    );
    Ok(())
}
