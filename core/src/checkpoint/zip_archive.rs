//! Zip archives, which PyTorch and Keras use as containers: one way of opening them and of reading a member.
//!
//! Invariant: a member is unpacked to no more than its stated size, which its packed size has to make possible and the
//! budget has to allow.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::bytes;
use super::memory::{Budget, Held};
use super::trouble::Trouble;
use crate::network::GoOn;

/// DEFLATE never makes more of a byte.
pub(super) const MOST_UNPACKED: u64 = 1032;

/// Memory of one line of an archive's list: a name, places and sizes.
const ENTRY_BYTES: u64 = 512;

/// An opened archive.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    path: PathBuf,
    budget: Budget,
    /// Its list of members.
    _held: Held,
}

impl Archive {
    /// Opens an archive; fails when its list of members, at its end, cannot be read.
    pub(super) fn open(path: &Path, budget: &Budget) -> Result<Self, Trouble> {
        let file = File::open(path)?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
            ZipError::InvalidArchive(what) => Trouble::broken(format!(
                "the list of files at its end cannot be read ({what}); it was cut short"
            )),
            other => trouble(other),
        })?;
        let list = ENTRY_BYTES.saturating_mul(zip.len() as u64);
        Ok(Self {
            zip,
            path: path.to_owned(),
            budget: budget.clone(),
            _held: budget.take(list, "its list of members", path)?,
        })
    }

    /// The names of the members that have readable ones.
    pub(super) fn names(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        self.zip.file_names().filter_map(Result::ok)
    }

    /// The bytes of a member; `checked`: whether they have to match their checksum, which PyTorch can be told to leave out.
    pub(super) fn member(
        &mut self,
        name: &str,
        checked: bool,
        go_on: GoOn<'_>,
    ) -> Result<(Vec<u8>, Held), Trouble> {
        let mut file = self.zip.by_name(name).map_err(|error| match error {
            ZipError::FileNotFound => Trouble::broken(format!("it has no {name}")),
            other => trouble(other),
        })?;
        let (size, packed) = (file.size(), file.compressed_size());
        let most = packed.saturating_add(1).saturating_mul(MOST_UNPACKED);
        if size > most {
            let what = format!("{name} claims {size} bytes, packed into {packed}");
            return Err(Trouble::broken(what));
        }
        let held = self.budget.take(size, name, &self.path)?;
        let damaged = |trouble: Trouble| match trouble {
            Trouble::Broken(what) => Trouble::broken(format!("{name} is damaged ({what})")),
            Trouble::Io(source) => Trouble::broken(format!("{name} is damaged ({source})")),
            other => other,
        };
        let bytes = bytes::exactly(&mut file, size as usize, go_on).map_err(damaged)?;
        if checked {
            // The checksum is compared where the member ends.
            let more = file.read(&mut [0]).map_err(|e| damaged(Trouble::Io(e)))?;
            if more > 0 {
                let what = format!("{name} has more bytes than the {size} it claims");
                return Err(Trouble::broken(what));
            }
        }
        Ok((bytes, held))
    }
}

fn trouble(error: ZipError) -> Trouble {
    match error {
        ZipError::Io(error) => error.into(),
        ZipError::CompressionMethodNotSupported(method) => Trouble::Refused(format!(
            "an archive that was packed again by method {method} - unpack it and pack it without compression"
        )),
        other => Trouble::broken(other.to_string()),
    }
}
