//! Every fixture of a network changed in its bytes, cut, repeated and spliced with another: reading it gives a network or an
//! error that names a file, never a panic, and takes no more memory than it is given.
//!
//! One test, because the count of memory is that of the whole process. `GANOSCOPE_ROUNDS=N` changes every file N times
//! instead of a few, `GANOSCOPE_KEEP_FAILURES=DIR` keeps what failed.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod hostile;

use std::fs::{self, File};
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ganoscope_core::checkpoint::{Limits, NetworkSpec, draft_description, open_network_within};
use ganoscope_core::seed::Stream;
use hostile::{Counting, archive, peak_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Memory that one file may take.
const MEMORY_BYTES: u64 = 16 << 20;

/// Blocks in which files are read and what a library keeps beside what is counted.
const BESIDE: usize = 4 << 20;

/// Changes of every file, unless more are asked for.
const ROUNDS: u64 = 24;

/// Changes of a file that may be asked for; each has a seed of its own.
const MOST_ROUNDS: u64 = 1 << 32;

/// A file that is changed, under the name that it is opened by.
struct Specimen {
    name: String,
    bytes: Vec<u8>,
    /// What an archive holds, where it is one: then the members are changed, too.
    members: Vec<(String, Vec<u8>)>,
}

impl Specimen {
    fn new(name: &str, bytes: Vec<u8>) -> Self {
        let mut members = Vec::new();
        if let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(&bytes)) {
            for index in 0..zip.len() {
                let mut file = zip.by_index(index).unwrap();
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                members.push((file.name().unwrap().into_owned(), bytes));
            }
        }
        Self {
            name: name.to_owned(),
            bytes,
            members,
        }
    }

    /// The file with a change of its bytes, or of a member's.
    fn changed(&self, stream: &mut Stream, other: &[u8]) -> Vec<u8> {
        if self.members.is_empty() || stream.below(3) == 0 {
            return changed(&self.bytes, stream, other);
        }
        let place = stream.below(self.members.len());
        let members: Vec<(&str, Vec<u8>)> = self
            .members
            .iter()
            .enumerate()
            .map(|(index, (name, bytes))| {
                let bytes = if index == place {
                    changed(bytes, stream, other)
                } else {
                    bytes.clone()
                };
                (name.as_str(), bytes)
            })
            .collect();
        let members: Vec<(&str, &[u8])> = members.iter().map(|(n, b)| (*n, &b[..])).collect();
        archive(&members, false)
    }
}

/// Bytes with one to four changes. The beginning, where headers and sizes are, is changed more often than the rest.
fn changed(bytes: &[u8], stream: &mut Stream, other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=stream.below(4) {
        if bytes.is_empty() {
            return bytes;
        }
        let reach = if stream.below(2) == 0 {
            bytes.len().min(2048)
        } else {
            bytes.len()
        };
        let at = stream.below(reach);
        match stream.below(7) {
            0 => bytes[at] ^= 1 << stream.below(8),
            1 => bytes[at] = stream.below(256) as u8,
            // A size becomes as large as it can be.
            2 => {
                let end = (at + 1 + stream.below(8)).min(bytes.len());
                bytes[at..end].fill([0xff, 0x7f, 0x00][stream.below(3)]);
            }
            // A number of a text becomes longer.
            3 => {
                let digit = bytes.iter().skip(at).position(u8::is_ascii_digit);
                let place = at + digit.unwrap_or(0);
                let digits = "9".repeat(1 + stream.below(12));
                bytes.splice(place..place, digits.into_bytes());
            }
            4 => bytes.truncate(at),
            5 => {
                let end = (at + 1 + stream.below(64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                let times = 1 + stream.below(4);
                bytes.splice(at..at, part.repeat(times));
            }
            _ => {
                let from = stream.below(other.len().max(1));
                let part = other.iter().skip(from).take(1 + stream.below(256));
                let part: Vec<u8> = part.copied().collect();
                let end = (at + stream.below(256)).min(bytes.len());
                bytes.splice(at..end, part);
            }
        }
    }
    bytes
}

/// All files below a folder that end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return found;
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn specimens() -> Vec<Specimen> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut specimens = Vec::new();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let plain = [
        (core.join("tests/fixtures/onnx"), ".onnx"),
        (core.join("tests/fixtures/networks"), ""),
        (core.join("../tests/weights"), ".pth"),
        (core.join("../tests/weights"), ".safetensors"),
    ];
    for (folder, ending) in plain {
        for path in files(&folder, ending) {
            specimens.push(Specimen::new(&name(&path), fs::read(&path).unwrap()));
        }
    }
    for ending in [".h5.gz", ".keras.gz", ".json.gz"] {
        for path in files(&core.join("tests/keras_fixtures"), ending) {
            let mut bytes = Vec::new();
            let file = File::open(&path).unwrap();
            flate2::read::GzDecoder::new(file)
                .read_to_end(&mut bytes)
                .unwrap();
            specimens.push(Specimen::new(name(&path).trim_end_matches(".gz"), bytes));
        }
    }
    specimens
}

/// Files that others name.
fn companions(folder: &Path) {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let external = core.join("tests/fixtures/onnx/variants/external_data.bin");
    fs::copy(external, folder.join("external_data.bin")).unwrap();
    for path in files(&core.join("tests/keras_fixtures"), ".bin.gz") {
        let name = path.file_stem().unwrap();
        let mut file = flate2::read::GzDecoder::new(File::open(&path).unwrap());
        let mut out = File::create(folder.join(name)).unwrap();
        std::io::copy(&mut file, &mut out).unwrap();
    }
}

/// Opens the file in every way; says what was wrong.
fn judge(path: &Path, folder: &Path) -> Result<(), String> {
    let spec = NetworkSpec::parse(&path.to_string_lossy());
    let limits = Limits {
        memory_bytes: MEMORY_BYTES,
    };
    let work = || {
        peak_of(|| {
            // The network is dropped here, so that the next does not count it.
            let error = open_network_within(&spec, Some(16), limits).err();
            error.map(|error| error.to_string())
        })
    };
    let (error, peak) = catch_unwind(AssertUnwindSafe(work)).map_err(|_| "panics")?;
    if peak > MEMORY_BYTES as usize + BESIDE {
        return Err(format!("takes {peak} bytes"));
    }
    if let Some(error) = error
        && (error.contains('\n') || !error.contains(&*folder.to_string_lossy()))
    {
        return Err(format!("has the error {error:?}"));
    }
    let draft = || draft_description(&spec, Some(16)).is_ok();
    catch_unwind(AssertUnwindSafe(draft)).map_err(|_| "panics when drafted")?;
    Ok(())
}

#[test]
fn changed_files_give_networks_or_errors_within_their_memory() {
    let folder = tempfile::tempdir().unwrap();
    companions(folder.path());
    let specimens = specimens();
    assert!(specimens.len() > 140, "{}", specimens.len());
    let asked = std::env::var("GANOSCOPE_ROUNDS").ok();
    let rounds = asked.map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let (mut opened, mut failures) = (0, Vec::new());
    for (index, specimen) in specimens.iter().enumerate() {
        let path = folder.path().join(&specimen.name);
        for round in 0..rounds {
            let seed = index as u64 * MOST_ROUNDS + round;
            let mut stream = Stream::new(seed);
            let other = &specimens[stream.below(specimens.len())].bytes;
            let bytes = specimen.changed(&mut stream, other);
            fs::write(&path, &bytes).unwrap();
            opened += 1;
            if let Err(what) = judge(&path, folder.path()) {
                failures.push(format!("{} of round {round} {what}", specimen.name));
                if let Some(kept) = std::env::var_os("GANOSCOPE_KEEP_FAILURES") {
                    let name = format!("{round}-{}", specimen.name);
                    fs::write(Path::new(&kept).join(name), &bytes).unwrap();
                }
            }
        }
        fs::remove_file(&path).unwrap();
    }
    eprintln!("{opened} files");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
