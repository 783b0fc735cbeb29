//! The series and networks in memory, bounded by bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    series: Vec<(PathBuf, Arc<Series>)>,
    networks: BytesCache<Key, Network>,
}

impl Default for Networks {
    fn default() -> Self {
        Self {
            series: Vec::new(),
            networks: BytesCache::new(NETWORKS_BYTES),
        }
    }
}

impl Networks {
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
        self.networks.forget_if(|(p, ..)| p == path);
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
        if let Some(network) = self.networks.find(&key) {
            return Ok(network);
        }
        let series = self.series(path)?;
        let loaded = series
            .load_while(step, role, go_on)
            .map_err(|e| Failure::from(e).at(path))?;
        Ok(self.networks.put(key, loaded.network))
    }
}
