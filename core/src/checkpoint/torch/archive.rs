//! PyTorch files since 1.6: a zip archive with the pickle `NAME/data.pkl` and a file `NAME/data/KEY` for every storage.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::element::Order;
use super::pickle::Trouble;
use crate::network::GoOn;

/// Bytes read between two looks at whether anybody still wants them.
const BLOCK_BYTES: usize = 1 << 20;

/// An opened archive.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// The folder of the pickle, with its slash; empty for an archive that was packed without.
    folder: String,
    /// Length of the whole file.
    length: u64,
    /// Order of the bytes of its numbers.
    pub(super) order: Order,
}

impl Archive {
    /// Opens an archive; fails when it is cut short or has no `data.pkl`.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
            ZipError::InvalidArchive(what) => Trouble::broken(format!(
                "the list of files at its end cannot be read ({what}); it was cut short"
            )),
            other => trouble(other),
        })?;
        let names = zip.file_names().filter_map(Result::ok);
        let pickles = names.filter_map(|name| {
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
            length,
            order: Order::Little,
        };
        match archive.file("byteorder", &crate::network::always) {
            Ok(text) if text.starts_with(b"big") => archive.order = Order::Big,
            // Archives before 2.1 do not say it.
            _ => {}
        }
        Ok(archive)
    }

    /// The pickle.
    pub(super) fn pickle(&mut self, go_on: GoOn<'_>) -> Result<Vec<u8>, Trouble> {
        self.file("data.pkl", go_on)
    }

    /// The bytes of a storage.
    pub(super) fn storage(&mut self, key: &str, go_on: GoOn<'_>) -> Result<Vec<u8>, Trouble> {
        self.file(&format!("data/{key}"), go_on)
    }

    fn file(&mut self, name: &str, go_on: GoOn<'_>) -> Result<Vec<u8>, Trouble> {
        let name = format!("{}{name}", self.folder);
        let mut file = self.zip.by_name(&name).map_err(|error| match error {
            ZipError::FileNotFound => Trouble::broken(format!("it has no {name}")),
            other => trouble(other),
        })?;
        let size = file.size();
        if size > self.length {
            let what = format!("{name} claims {size} bytes, the file has {}", self.length);
            return Err(Trouble::broken(what));
        }
        let mut bytes = vec![0; size as usize];
        for block in bytes.chunks_mut(BLOCK_BYTES) {
            if !go_on() {
                return Err(Trouble::Stopped);
            }
            file.read_exact(block)?;
        }
        Ok(bytes)
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
