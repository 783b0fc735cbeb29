//! What the targets share: bytes are put where files are expected, and are opened as a person would open them.
//!
//! Invariant: the files of a process lie in a folder of its own, which is in memory where the system has such a place.

use std::cell::RefCell;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{Limits, NetworkSpec, draft_description, open_network_within};
use zip::write::SimpleFileOptions;

/// Memory that one file may take, in bytes; libFuzzer is told a limit a little above it.
pub const MEMORY_BYTES: u64 = 64 << 20;

thread_local! {
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// The folder of this process.
pub fn folder() -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| {
            let memory = Path::new("/dev/shm");
            let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
            tempfile::tempdir_in(place).expect("a temporary folder")
        });
        folder.path().to_owned()
    })
}

/// Puts bytes into a file of the folder.
pub fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}

/// Opens the network of a file; an error has to be on one line and to name a file of the folder.
pub fn open(path: &Path) {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    let limits = Limits { memory_bytes: MEMORY_BYTES };
    if let Err(error) = open_network_within(&spec, Some(16), limits) {
        let error = error.to_string();
        assert!(!error.contains('\n'), "{error}");
        assert!(error.contains(&*folder().to_string_lossy()), "{error}");
    }
}

/// Drafts a description of the weights of a file.
pub fn draft(path: &Path) {
    let _ = draft_description(&NetworkSpec::parse(&path.to_string_lossy()), Some(16));
}

/// The bytes with the first of them replaced, so that they are taken for what the target is about.
pub fn begun(magic: &[u8], bytes: &[u8]) -> Vec<u8> {
    let rest = bytes.get(magic.len()..).unwrap_or_default();
    [magic, rest].concat()
}

/// A zip archive of these members, not compressed.
pub fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(*name, stored).expect("a member");
        zip.write_all(bytes).expect("a member");
    }
    zip.finish().expect("an archive").into_inner()
}

/// The two halves of the input: what comes before the first occurrence of `mark`, and what comes behind.
pub fn halves<'a>(bytes: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    match bytes.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&bytes[..at], &bytes[at + mark.len()..]),
        None => (bytes, &[]),
    }
}
