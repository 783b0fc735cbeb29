//! Opening and reading what a person or a file names, where that may be anything the system calls a file.
//!
//! Invariant: only plain files are opened, so that nothing waits for the other end of a pipe and nothing is read from a device
//! without an end.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Opens a plain file for reading.
///
/// # Errors
/// When it cannot be opened, or is a folder, a pipe, a socket or a device.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        return File::open(path);
    }
    let what = if path.is_dir() {
        "it is a folder, not a file"
    } else {
        "it is no plain file"
    };
    Err(io::Error::other(what))
}

/// The bytes of a plain file of at most `most`, however many its entry in the folder claims.
///
/// # Errors
/// As [`open`], and [`io::ErrorKind::FileTooLarge`] when it is longer.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut bytes = Vec::new();
    (&mut file)
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("four");
        fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        let error = read(&path, 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(
            open(folder.path())
                .unwrap_err()
                .to_string()
                .contains("folder")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_an_end_is_refused() {
        let error = read(Path::new("/dev/zero"), 10).unwrap_err();
        assert!(error.to_string().contains("no plain file"), "{error}");
    }
}
