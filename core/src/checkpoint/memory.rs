//! The memory that opening a network may take: one ceiling for all readers.
//!
//! Invariant: what a reader holds (bytes of files, values on their way, tensors) is counted before it is allocated.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::CheckpointError;

/// What [`Limits::default`] gives; zero for half of the machine's memory.
static INSTALLED: AtomicU64 = AtomicU64::new(0);

/// Bytes of a value of JSON or of an entry of a header for every byte of its text, at worst: `0,` is 2 bytes of text and 32 of
/// memory, in a list that doubles when it grows.
pub(super) const JSON_BYTES: u64 = 32;

/// How much memory opening one network may take.
///
/// ```
/// use ganoscope_core::checkpoint::Limits;
///
/// let limits: Limits = "1.5 GiB".parse()?;
/// assert_eq!(limits.memory_bytes, 3 << 29);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes held at one time: of files, of values on their way, and of the tensors of the network (f32).
    pub memory_bytes: u64,
}

impl Limits {
    /// Makes these the limits of everything that is opened from now on without limits of its own.
    pub fn install(self) {
        INSTALLED.store(self.memory_bytes.max(1), Ordering::Relaxed);
    }
}

impl Default for Limits {
    /// Those that were installed, else half of the machine's memory.
    fn default() -> Self {
        let memory_bytes = match INSTALLED.load(Ordering::Relaxed) {
            0 => machine_memory_bytes() / 2,
            installed => installed,
        };
        Self { memory_bytes }
    }
}

impl FromStr for Limits {
    type Err = String;

    /// A number with a unit: `4GB`, `512 MiB`, `2.5G`; bytes without one.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "k" | "kb" => 1e3,
            "m" | "mb" => 1e6,
            "g" | "gb" => 1e9,
            "t" | "tb" => 1e12,
            "ki" | "kib" => f64::from(1 << 10),
            "mi" | "mib" => f64::from(1 << 20),
            "gi" | "gib" => f64::from(1 << 30),
            "ti" | "tib" => (1_u64 << 40) as f64,
            _ => f64::NAN,
        };
        let bytes = number.parse::<f64>().unwrap_or(f64::NAN) * factor;
        if bytes.is_finite() && bytes >= 1.0 {
            return Ok(Self {
                memory_bytes: bytes as u64,
            });
        }
        Err("expected a size such as 4GB, 512MiB or 2000000000".to_owned())
    }
}

/// Memory of the machine, or of the container the program runs in; no limit where the system does not say.
fn machine_memory_bytes() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else {
        return u64::MAX;
    };
    system.refresh_memory();
    let container = system.cgroup_limits().map(|limits| limits.total_memory);
    container.unwrap_or(u64::MAX).min(system.total_memory())
}

/// What is left of the [`Limits`] while one network is opened; copies count together.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    limit: u64,
    held: Rc<Cell<u64>>,
}

/// Memory that is counted as long as this lives.
#[derive(Debug)]
#[must_use = "the memory is counted as long as this lives"]
pub(super) struct Held {
    held: Rc<Cell<u64>>,
    bytes: u64,
}

impl Budget {
    /// Nothing is taken yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limit: limits.memory_bytes,
            held: Rc::new(Cell::new(0)),
        }
    }

    /// Bytes that may still be taken.
    pub(super) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.held.get())
    }

    /// Counts `bytes` that `what`, in the singular, needs of the file at `path`.
    ///
    /// # Errors
    /// [`CheckpointError::TooLarge`], and nothing is counted.
    pub(super) fn take(
        &self,
        bytes: u64,
        what: &str,
        path: &Path,
    ) -> Result<Held, CheckpointError> {
        if bytes > self.left() {
            return Err(self.too_large(bytes, what, path));
        }
        self.held.set(self.held.get() + bytes);
        Ok(Held {
            held: Rc::clone(&self.held),
            bytes,
        })
    }

    /// The error of `what`, which needs `bytes` and cannot have them.
    pub(super) fn too_large(&self, bytes: u64, what: &str, path: &Path) -> CheckpointError {
        CheckpointError::TooLarge {
            what: what.to_owned(),
            needed: bytes,
            held: self.held.get(),
            limit: self.limit,
            path: path.to_owned(),
        }
    }
}

impl Held {
    /// Counts the memory until the network is open: it stays in it.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }

    /// Counts no more than `bytes` from now on.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.held.set(self.held.get() - less);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.set(self.held.get() - self.bytes);
    }
}

/// Bytes of a tensor of f32; more than there can be where the product is too large.
pub(super) fn tensor_bytes(dims: &[usize]) -> u64 {
    let bytes = dims
        .iter()
        .try_fold(4_u64, |n, dim| n.checked_mul(*dim as u64));
    bytes.unwrap_or(u64::MAX)
}

/// A size as people read it.
pub(super) fn size(bytes: u64) -> String {
    let [kib, mib, gib] = [1_u64 << 10, 1 << 20, 1 << 30];
    let of = |unit: u64, name: &str| format!("{:.1} {name}", bytes as f64 / unit as f64);
    match bytes {
        bytes if bytes < kib => format!("{bytes} bytes"),
        bytes if bytes < mib => of(kib, "KiB"),
        bytes if bytes < gib => of(mib, "MiB"),
        _ => of(gib, "GiB"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Budget, Limits, size};

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [
            ("4GB", 4_000_000_000),
            ("512MiB", 512 << 20),
            (" 2.5 G ", 2_500_000_000),
            ("1ti", 1 << 40),
            ("1000", 1000),
        ] {
            let limits: Limits = text.parse().expect(text);
            assert_eq!(limits.memory_bytes, bytes, "{text}");
        }
        for text in ["", "GB", "-1GB", "4 apples", "0", "1..5GB", "1e3"] {
            assert!(text.parse::<Limits>().is_err(), "{text}");
        }
        assert_eq!(size(1000), "1000 bytes");
        assert_eq!(size(3 << 19), "1.5 MiB");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let budget = Budget::new(Limits { memory_bytes: 100 });
        let path = Path::new("a.onnx");
        let mut first = budget.take(60, "the file", path).expect("room");
        let error = budget.take(41, "tensor w", path).expect_err("no room");
        assert_eq!(
            error.to_string(),
            "tensor w needs 41 bytes of memory beside 60 bytes, the limit is 100 bytes; raise it with --memory-limit or \
             GANOSCOPE_MEMORY_LIMIT: a.onnx"
        );
        first.shrink_to(10);
        drop(budget.take(90, "tensor w", path).expect("room"));
        drop(first);
        budget
            .clone()
            .take(100, "tensor w", path)
            .expect("room")
            .keep();
        assert_eq!(budget.left(), 0);
    }
}
