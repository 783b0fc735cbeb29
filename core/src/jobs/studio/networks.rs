//! The series and networks in memory, bounded by bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::feed;
use crate::checkpoint::{Loaded, NetworkRole, Series, can_be_described};
use crate::jobs::{BytesCache, Failure, NetworkFile, SizeBytes};
use crate::latent::Takes;
use crate::network::{GoOn, Network, always};

/// Bytes of weights that are kept: the demonstration's checkpoints all fit, of large networks two or three.
const NETWORKS_BYTES: usize = 128 << 20;
/// Series that are kept open; a series holds names and numbers only.
const SERIES_KEPT: usize = 4;

/// Which network: series directory or lone file, step, role.
type Key = (PathBuf, u64, NetworkRole);

/// A network, and how its file was understood.
pub(super) struct Held {
    pub(super) network: Arc<Network>,
    pub(super) file: Arc<NetworkFile>,
}

impl SizeBytes for Held {
    fn size_bytes(&self) -> usize {
        self.network
            .params()
            .map(|(_, p)| p.tensor.elem_count() * p.tensor.dtype().size_in_bytes())
            .sum()
    }
}

/// Series and networks by what they were loaded from.
pub(super) struct Networks {
    device: Device,
    series: Vec<(PathBuf, Arc<Series>)>,
    loaded: BytesCache<Key, Held>,
    /// The last network that was fitted to a picture of another size; it shares its weights.
    fitted: Option<(Key, [usize; 2], Arc<Network>)>,
}

impl Networks {
    /// None yet; those that are loaded go to `device`.
    pub(super) fn on(device: Device) -> Self {
        Self {
            device,
            series: Vec::new(),
            loaded: BytesCache::new(NETWORKS_BYTES),
            fitted: None,
        }
    }

    /// Where the networks are.
    pub(super) const fn device(&self) -> &Device {
        &self.device
    }

    /// The series of a directory or of a lone file as it was when it was opened.
    pub(super) fn series(&mut self, path: &Path) -> Result<Arc<Series>, Failure> {
        if let Some((_, series)) = self.series.iter().find(|(p, _)| p == path) {
            return Ok(series.clone());
        }
        let series = Series::open_any(path).map_err(|e| Failure::from(e).at(path))?;
        Ok(self.keep_series(path, series))
    }

    /// Keeps a series that was opened, in the place of what was known of it.
    pub(super) fn keep_series(&mut self, path: &Path, series: Series) -> Arc<Series> {
        self.forget(path);
        let series = Arc::new(series);
        self.series.push((path.to_owned(), series.clone()));
        if self.series.len() > SERIES_KEPT {
            self.series.remove(0);
        }
        series
    }

    /// The series of a path as it is on disk now; its networks are read again too.
    pub(super) fn reopen(&mut self, path: &Path) -> Result<Arc<Series>, Failure> {
        self.forget(path);
        self.series(path)
    }

    fn forget(&mut self, path: &Path) {
        self.series.retain(|(p, _)| p != path);
        self.loaded.forget_if(|(p, ..)| p == path);
        self.fitted.take_if(|((p, ..), ..)| p == path);
    }

    /// A network, loaded at most once while it is in memory.
    pub(super) fn network(
        &mut self,
        path: &Path,
        step: u64,
        role: NetworkRole,
    ) -> Result<Arc<Network>, Failure> {
        let held = self.held_while(path, step, role, &always)?;
        Ok(held.network.clone())
    }

    /// A network and its file, loaded only while `go_on` says so.
    pub(super) fn held_while(
        &mut self,
        path: &Path,
        step: u64,
        role: NetworkRole,
        go_on: GoOn<'_>,
    ) -> Result<Arc<Held>, Failure> {
        let key = (path.to_owned(), step, role);
        if let Some(held) = self.loaded.find(&key) {
            return Ok(held);
        }
        let series = self.series(path)?;
        let loaded = series
            .load_while(step, role, go_on)
            .map_err(|e| Failure::from(e).at(path))?;
        let network = loaded.network.to_device(&self.device)?;
        let file = file_of(loaded, &network, role, series.has_manifest());
        Ok(self.loaded.put(
            key,
            Held {
                network: Arc::new(network),
                file: Arc::new(file),
            },
        ))
    }

    /// A network for pictures of `[rows, columns]`, where it takes any size and this is another than it was read with.
    pub(super) fn fitting(
        &mut self,
        path: &Path,
        step: u64,
        role: NetworkRole,
        size: [usize; 2],
        go_on: GoOn<'_>,
    ) -> Option<Arc<Network>> {
        let held = self.held_while(path, step, role, go_on).ok()?;
        let is_other = held.network.input_fact().size() != size;
        if !is_other || !held.file.takes_any_size {
            return None;
        }
        let key = (path.to_owned(), step, role);
        if let Some((of, fitted_size, network)) = &self.fitted
            && (of, *fitted_size) == (&key, size)
        {
            return Some(network.clone());
        }
        let network = match held.network.with_input_size(size) {
            Ok(network) => network,
            // A reader may know more of a size than the network: the padding of a stride, for example.
            Err(error) => {
                log::debug!("read again for pictures of {size:?}: {error}");
                let [rows, columns] = size;
                let side = (rows == columns).then_some(rows)?;
                let series = self.series(path).ok()?;
                let loaded = series.load_sized(step, role, side, go_on).ok()?;
                loaded.network.to_device(&self.device).ok()?
            }
        };
        let network = Arc::new(network);
        self.fitted = Some((key, size, network.clone()));
        Some(network)
    }
}

/// What a person is told of a network's file.
fn file_of(
    loaded: Loaded,
    network: &Network,
    role: NetworkRole,
    has_manifest: bool,
) -> NetworkFile {
    let guesses = loaded.guesses;
    let is_guessed = |what: &str| guesses.iter().any(|guess| guess.what == what);
    let takes: Takes = feed::takes(network, role, is_guessed("classes"));
    let mut file = NetworkFile {
        takes_any_size: !has_manifest && takes == Takes::Pictures && is_guessed("stamp size"),
        has_manifest,
        can_be_described: !has_manifest && can_be_described(&loaded.path),
        path: loaded.path,
        sha256: loaded.sha256,
        identity: loaded.identity,
        report: loaded.report,
        guesses,
        ports: Vec::new(),
        takes,
    };
    feed::ports(network, &mut file);
    file
}
