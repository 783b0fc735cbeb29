//! Opens NVIDIA's libraries when the program runs, so that it starts without them.
//!
//! candle links the CUDA driver and its libraries. A program that is linked so does not start on a machine without a
//! driver, and cannot say why. Here every function that candle calls is a jump to an address that [`load`] looks up,
//! and nothing is linked: `build.rs` answers the linker. A new version of candle may call more functions; then linking
//! fails and names them, and they are added to `symbols.txt`.
//!
//! Invariant: before [`load`] has succeeded, none of these functions reaches NVIDIA's code; each returns an error code.

#![allow(
    unsafe_code,
    reason = "a linker's work: looking up functions by name and jumping to them; launching kernels"
)]

#[cfg(feature = "kernels")]
pub mod kernels;

/// Opens the driver and the libraries and looks every function up; again and again at no cost.
///
/// # Errors
/// One line that names the library or the function that is missing.
#[cfg(has_trampolines)]
pub fn load() -> Result<(), String> {
    use std::sync::OnceLock;
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    OUTCOME.get_or_init(linux::load).clone()
}

/// Elsewhere the libraries are linked.
#[cfg(not(has_trampolines))]
#[allow(clippy::unnecessary_wraps, reason = "as on Linux")]
pub const fn load() -> Result<(), String> {
    Ok(())
}

#[cfg(has_trampolines)]
mod linux {
    use std::collections::BTreeMap;
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::path::PathBuf;
    use std::ptr::NonNull;
    use std::sync::atomic::{AtomicPtr, Ordering};

    include!(concat!(env!("OUT_DIR"), "/trampolines.rs"));

    /// Addresses of the functions, in the order of [`SYMBOLS`]. The jumps read them as plain words, which an aligned
    /// atomic pointer is.
    static SLOTS: [AtomicPtr<c_void>; COUNT] =
        [const { AtomicPtr::new(unavailable as *mut c_void) }; COUNT];

    /// Resolve everything now, keep the names to ourselves.
    const RTLD_NOW: c_int = 2;

    unsafe extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }

    /// Stands in every slot until the real function is known: "unknown error" to the driver and to cuBLAS alike.
    extern "C" fn unavailable() -> c_int {
        999
    }

    pub(super) fn load() -> Result<(), String> {
        let mut libraries = BTreeMap::new();
        let mut found = Vec::with_capacity(COUNT);
        for (library, symbol) in SYMBOLS {
            if !libraries.contains_key(library) {
                libraries.insert(library, open(library)?);
            }
            let handle = libraries[library];
            // SAFETY: the handle came from `dlopen` and is never closed; the name ends with a zero.
            let address = unsafe { dlsym(handle.as_ptr(), symbol.as_ptr()) };
            let missing = || {
                let symbol = symbol.to_string_lossy();
                format!("lib{library} has no {symbol}; a newer one is needed")
            };
            found.push(NonNull::new(address).ok_or_else(missing)?);
        }
        // All or none: a half-filled table would call into a driver that is too old.
        for (slot, address) in SLOTS.iter().zip(found) {
            slot.store(address.as_ptr(), Ordering::Release);
        }
        Ok(())
    }

    fn open(library: &str) -> Result<NonNull<c_void>, String> {
        for name in names(library) {
            let Ok(name) = CString::new(name.into_os_string().into_encoded_bytes()) else {
                continue;
            };
            // SAFETY: the name ends with a zero. A library's initialisers run, as they would have at the program's start.
            let handle = unsafe { dlopen(name.as_ptr(), RTLD_NOW) };
            if let Some(handle) = NonNull::new(handle) {
                return Ok(handle);
            }
        }
        Err(if library == "cuda" {
            "there is no NVIDIA driver (libcuda.so.1 was not found)".to_owned()
        } else {
            format!("lib{library} was not found; set CUDA_HOME or LD_LIBRARY_PATH to where CUDA is")
        })
    }

    /// What a library may be called: as the system finds it, then where CUDA is.
    fn names(library: &str) -> Vec<PathBuf> {
        // The driver's library keeps its number; the others have that of the toolkit (cuRAND has its own).
        let versions: &[&str] = match library {
            "cuda" => &[".1", ""],
            "curand" => &[".10", ""],
            _ => &[".13", ".12", ""],
        };
        let files: Vec<String> = versions
            .iter()
            .map(|version| format!("lib{library}.so{version}"))
            .collect();
        let homes = ["CUDA_HOME", "CUDA_PATH"]
            .into_iter()
            .filter_map(std::env::var_os)
            .map(PathBuf::from)
            .chain([PathBuf::from("/usr/local/cuda")]);
        let folders = homes.flat_map(|home| ["lib64", "lib"].map(|folder| home.join(folder)));
        let mut names: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        // The driver belongs to the system; the toolkit's file of that name is only for linkers.
        if library != "cuda" {
            names.extend(folders.flat_map(|folder| {
                files
                    .iter()
                    .map(move |f| folder.join(f))
                    .collect::<Vec<_>>()
            }));
        }
        names
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_function_is_an_error_until_its_library_is_there() {
            // SAFETY: the driver's functions may be called at any time; these take nothing and one integer.
            unsafe extern "C" {
                fn cuInit(flags: u32) -> c_int;
            }
            if load().is_ok() {
                return;
            }
            // SAFETY: as above.
            assert_eq!(unsafe { cuInit(0) }, 999);
        }

        #[test]
        fn a_library_that_is_not_there_is_named() {
            let error = open("ganoscope-has-no-such-library").unwrap_err();
            assert!(error.contains("ganoscope-has-no-such-library"), "{error}");
        }
    }
}
