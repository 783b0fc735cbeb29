//! Writing a series: the manifest once, then checkpoints that appear complete or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::infer::{CONFIG_KEY, STEP_KEY};
use super::manifest::{MANIFEST_FILE, SeriesManifest};
use super::metrics::{METRICS_FILE, Metrics};
use super::ranges::{INPUT_RANGE_KEY, OUTPUT_RANGE_KEY};
use super::series::step_folder;
use super::{CheckpointError, NetworkRole, Precision, write_tensors_as};
use crate::atomic::{atomic_write, atomic_write_bytes};
use crate::network::Network;
use crate::stamp::ValueRange;

/// Makes the directory of a series, if needed, and writes its manifest.
///
/// # Errors
/// When the folder or the file cannot be written.
pub fn create_series(dir: &Path, manifest: &SeriesManifest) -> Result<(), CheckpointError> {
    let text = manifest.to_toml()?;
    fs::create_dir_all(dir).map_err(|source| CheckpointError::Folder {
        what: "make the folder of the series",
        path: dir.to_owned(),
        source,
    })?;
    atomic_write_bytes(&dir.join(MANIFEST_FILE), text.as_bytes())?;
    Ok(())
}

/// Writes the checkpoint of `step` into the series at `series_dir` ([`create_series`] comes first).
///
/// The files are written into a hidden folder, flushed to the disk, and the folder is renamed, so a killed process
/// leaves no half checkpoint under the final name. A checkpoint of the same step is replaced.
///
/// # Errors
/// When the manifest cannot be read or anything cannot be written; the final name is then untouched.
pub fn write_checkpoint(
    series_dir: &Path,
    step: u64,
    generator: &Network,
    discriminator: &Network,
    metrics: &Metrics,
) -> Result<(), CheckpointError> {
    let networks = [generator, discriminator];
    write_checkpoint_as(series_dir, step, networks, metrics, Precision::Full)
}

/// [`write_checkpoint`] with a choice of how weights are stored; `networks`: generator and discriminator.
///
/// # Errors
/// As [`write_checkpoint`].
pub fn write_checkpoint_as(
    series_dir: &Path,
    step: u64,
    networks: [&Network; 2],
    metrics: &Metrics,
    precision: Precision,
) -> Result<(), CheckpointError> {
    let manifest = SeriesManifest::read(series_dir)?;
    let folder = |what: &'static str| {
        move |source| CheckpointError::Folder {
            what,
            path: series_dir.to_owned(),
            source,
        }
    };
    // Dropped, and so deleted, on every early return.
    let staging = staging_builder()
        .tempdir_in(series_dir)
        .map_err(folder("make a checkpoint in this series"))?;
    let complete = staging.path().join(step_folder(step));
    fs::create_dir(&complete).map_err(folder("make a checkpoint in this series"))?;

    let mut metrics = metrics.clone();
    metrics.step = step;
    for (role, network) in NetworkRole::ALL.into_iter().zip(networks) {
        let metadata = metadata_of(&manifest, role, step);
        let mut tensors = network.state_dict();
        // Computed from the stamp's size, not learned.
        tensors.remove("position");
        let hash = write_tensors_as(
            &complete.join(role.file_name()),
            &tensors,
            &metadata,
            precision,
        )?;
        metrics.sha256.insert(role.file_name().to_owned(), hash);
    }
    atomic_write(&complete.join(METRICS_FILE), |out| {
        serde_json::to_writer_pretty(&mut *out, &metrics)?;
        out.write_all(b"\n")
    })?;

    let target = series_dir.join(step_folder(step));
    if target.exists() {
        fs::rename(&target, staging.path().join("replaced"))
            .map_err(folder("replace a checkpoint in this series"))?;
    }
    fs::rename(&complete, &target).map_err(folder("finish a checkpoint in this series"))?;
    // Makes the rename itself durable where the file system can; the data are flushed already.
    let _ = File::open(series_dir).and_then(|dir| dir.sync_all());
    Ok(())
}

/// What lets a weights file be opened without its series.
fn metadata_of(
    manifest: &SeriesManifest,
    role: NetworkRole,
    step: u64,
) -> BTreeMap<String, String> {
    // Plain data of ours always has a JSON form; where it had not, the file would only say less of itself.
    let config = manifest
        .config(role)
        .and_then(|config| serde_json::to_string(&config).ok());
    let range = |range: Option<ValueRange>| range.and_then(|r| serde_json::to_string(&r).ok());
    [
        (STEP_KEY, Some(step.to_string())),
        (CONFIG_KEY, config),
        (INPUT_RANGE_KEY, range(Some(manifest.input_range_of(role)))),
        (OUTPUT_RANGE_KEY, range(manifest.output_range_of(role))),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

/// Hidden folders with the permissions of any newly made folder.
fn staging_builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".checkpoint-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o777)); // the umask still applies
    }
    builder
}
