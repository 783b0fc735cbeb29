//! What the targets share: bytes are put where files are expected, and are opened as a person would open them.
//!
//! Invariant: the files of a process lie in a folder of its own, which is in memory where the system has such a place; work
//! that takes more memory than it may, or longer, is a finding like a panic.

use std::cell::RefCell;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use std::time::Duration;

use ganoscope_core::checkpoint::{Limits, NetworkSpec, draft_description, open_network_within};
use rustix::time::{ClockId, clock_gettime};
use zip::write::SimpleFileOptions;

#[path = "../../core/tests/hostile/mod.rs"]
mod hostile;

#[global_allocator]
static ALLOCATOR: hostile::Counting = hostile::Counting;

/// Memory that the network of one file may take, in bytes.
pub const MEMORY_BYTES: u64 = 16 << 20;

/// Blocks in which files are read and what libraries keep beside what is counted, in bytes.
const BESIDE: usize = 4 << 20;

/// Processor time of one file. The instrumented program is several times slower than one that is built to be used.
const MOST_TIME: Duration = Duration::from_secs(5);

thread_local! {
    static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
}

/// The folder of this process.
pub fn folder() -> PathBuf {
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder.get_or_insert_with(|| {
            let memory = Path::new("/dev/shm");
            let place = if memory.is_dir() {
                memory.to_owned()
            } else {
                std::env::temp_dir()
            };
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

/// Does `work`, which may hold `most_bytes` at one time and take [`MOST_TIME`].
pub fn within<T>(most_bytes: usize, work: impl FnOnce() -> T) -> T {
    let now = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("a time");
    let start = now();
    let (value, peak) = hostile::peak_of(work);
    let time = now().saturating_sub(start);
    assert!(peak <= most_bytes, "{peak} bytes, at most {most_bytes}");
    assert!(time <= MOST_TIME, "{time:?} of processor time");
    value
}

/// Opens the network of a file; an error has to be on one line and to name a file of the folder.
pub fn open(path: &Path) {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    let limits = Limits {
        memory_bytes: MEMORY_BYTES,
    };
    let error = within(MEMORY_BYTES as usize + BESIDE, || {
        let error = open_network_within(&spec, Some(16), limits).err();
        error.map(|error| error.to_string())
    });
    if let Some(error) = error {
        assert!(!error.contains('\n'), "{error}");
        assert!(error.contains(&*folder().to_string_lossy()), "{error}");
    }
}

/// Drafts a description of the weights of a file.
pub fn draft(path: &Path) {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    let limits = Limits {
        memory_bytes: MEMORY_BYTES,
    };
    limits.install();
    let work = || draft_description(&spec, Some(16)).is_ok();
    within(MEMORY_BYTES as usize + BESIDE, work);
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
