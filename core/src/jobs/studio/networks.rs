//! The series and networks in memory, bounded by bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use crate::checkpoint::{NetworkRole, Series};
use crate::jobs::{BytesCache, Failure, SizeBytes};
use crate::network::{GoOn, Network, always};

/// Bytes of weights that are kept: the demonstration's checkpoints all fit, of large networks two or three.
const NETWORKS_BYTES: usize = 128 << 20;
/// Series that are kept open; a series holds names and numbers only.
const SERIES_KEPT: usize = 4;

/// Which network: series directory, step, role.
type Key = (PathBuf, u64, NetworkRole);

impl SizeBytes for Network {
    fn size_bytes(&self) -> usize {
        self.params()
            .map(|(_, p)| p.tensor.elem_count() * p.tensor.dtype().size_in_bytes())
            .sum()
    }
}

/// Series and networks by what they were loaded from.
pub(super) struct Networks {
    device: Device,
    series: Vec<(PathBuf, Arc<Series>)>,
    loaded: BytesCache<Key, Network>,
}

impl Networks {
    /// None yet; those that are loaded go to `device`.
    pub(super) fn on(device: Device) -> Self {
        Self {
            device,
            series: Vec::new(),
            loaded: BytesCache::new(NETWORKS_BYTES),
        }
    }

    /// Where the networks are.
    pub(super) const fn device(&self) -> &Device {
        &self.device
    }

    /// The series of a directory as it was when it was opened.
    pub(super) fn series(&mut self, path: &Path) -> Result<Arc<Series>, Failure> {
        if let Some((_, series)) = self.series.iter().find(|(p, _)| p == path) {
            return Ok(series.clone());
        }
        let series = Arc::new(Series::open(path).map_err(|e| Failure::from(e).at(path))?);
        self.series.push((path.to_owned(), series.clone()));
        if self.series.len() > SERIES_KEPT {
            self.series.remove(0);
        }
        Ok(series)
    }

    /// The series of a directory as it is on disk now; its networks are read again too.
    pub(super) fn reopen(&mut self, path: &Path) -> Result<Arc<Series>, Failure> {
        self.series.retain(|(p, _)| p != path);
        self.loaded.forget_if(|(p, ..)| p == path);
        self.series(path)
    }

    /// A network, loaded at most once while it is in memory.
    pub(super) fn network(
        &mut self,
        path: &Path,
        step: u64,
        role: NetworkRole,
    ) -> Result<Arc<Network>, Failure> {
        self.network_while(path, step, role, &always)
    }

    /// [`Self::network`], loading only while `go_on` says so.
    pub(super) fn network_while(
        &mut self,
        path: &Path,
        step: u64,
        role: NetworkRole,
        go_on: GoOn<'_>,
    ) -> Result<Arc<Network>, Failure> {
        let key = (path.to_owned(), step, role);
        if let Some(network) = self.loaded.find(&key) {
            return Ok(network);
        }
        let series = self.series(path)?;
        let opened = series
            .load_while(step, role, go_on)
            .map_err(|e| Failure::from(e).at(path))?;
        let network = opened.network.to_device(&self.device)?;
        Ok(self.loaded.put(key, network))
    }
}
