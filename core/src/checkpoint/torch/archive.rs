//! PyTorch files since 1.6: a zip archive with the pickle `NAME/data.pkl` and a file `NAME/data/KEY` for every storage.

use std::path::Path;

use super::element::Order;
use crate::checkpoint::memory::{Budget, Held};
use crate::checkpoint::trouble::Trouble;
use crate::checkpoint::zip_archive;
use crate::network::GoOn;

/// An opened archive.
pub(super) struct Archive {
    zip: zip_archive::Archive,
    /// The folder of the pickle, with its slash; empty for an archive that was packed without.
    folder: String,
    /// Order of the bytes of its numbers.
    pub(super) order: Order,
}

impl Archive {
    /// Opens an archive; fails when it is cut short or has no `data.pkl`.
    pub(super) fn open(path: &Path, budget: &Budget, go_on: GoOn<'_>) -> Result<Self, Trouble> {
        let zip = zip_archive::Archive::open(path, budget)?;
        let pickles = zip.names().filter_map(|name| {
            let folder = name.strip_suffix("data.pkl")?;
            (folder.is_empty() || folder.ends_with('/')).then(|| folder.to_owned())
        });
        let Some(folder) = pickles.min_by_key(String::len) else {
            return Err(Trouble::Refused(
                "a zip archive without data.pkl, so not one of PyTorch - save the weights in Python: \
                 torch.save(network.state_dict(), PATH)"
                    .to_owned(),
            ));
        };
        let mut archive = Self {
            zip,
            folder,
            order: Order::Little,
        };
        match archive.file("byteorder", go_on) {
            Ok((text, _)) if text.starts_with(b"big") => archive.order = Order::Big,
            // Archives before 2.1 do not say it.
            _ => {}
        }
        Ok(archive)
    }

    /// The pickle.
    pub(super) fn pickle(&mut self, go_on: GoOn<'_>) -> Result<(Vec<u8>, Held), Trouble> {
        self.file("data.pkl", go_on)
    }

    /// The bytes of a storage.
    pub(super) fn storage(
        &mut self,
        key: &str,
        go_on: GoOn<'_>,
    ) -> Result<(Vec<u8>, Held), Trouble> {
        self.file(&format!("data/{key}"), go_on)
    }

    fn file(&mut self, name: &str, go_on: GoOn<'_>) -> Result<(Vec<u8>, Held), Trouble> {
        let name = format!("{}{name}", self.folder);
        self.zip.member(&name, false, go_on)
    }
}
