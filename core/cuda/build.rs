//! Writes the trampolines of `symbols.txt`, and puts what candle asks the linker for where the linker finds it first.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Prefix of a function's name and the library it is in; the first that fits counts.
const LIBRARIES: [(&str, &str); 5] = [
    ("cublasLt", "cublasLt"),
    ("cublas", "cublas"),
    ("curand", "curand"),
    ("nvrtc", "nvrtc"),
    ("cu", "cuda"),
];

/// Where the toolkit may be; the first that is there counts.
const HOMES: [&str; 4] = [
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_ROOT",
    "CUDA_TOOLKIT_ROOT_DIR",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=symbols.txt");
    for home in HOMES {
        println!("cargo::rerun-if-env-changed={home}");
    }
    println!("cargo::rerun-if-changed=kernels.cu");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let out = PathBuf::from(variable("OUT_DIR"));
    if env::var_os("CARGO_FEATURE_KERNELS").is_some() {
        compile_kernels(&out)?;
    }
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    let has_trampolines = variable("CARGO_CFG_TARGET_OS") == "linux"
        && ["x86_64", "aarch64"].contains(&arch.as_str());
    println!("cargo::rustc-check-cfg=cfg(has_trampolines)");
    if !has_trampolines {
        return Ok(());
    }
    println!("cargo::rustc-cfg=has_trampolines");
    fs::write(
        out.join("trampolines.rs"),
        trampolines(&fs::read_to_string("symbols.txt")?, &arch),
    )?;
    // An archive without members: `-lcuda` is answered, and the trampolines are what is linked.
    for (_, library) in LIBRARIES {
        fs::write(out.join(format!("lib{library}.a")), "!<arch>\n")?;
    }
    // candle's own kernels need the runtime. Linked into the program it looks for the driver when it is first used;
    // the shared one would have to be there for the program to start.
    if let Some(archive) = static_runtime() {
        fs::copy(archive, out.join("libcudart.a"))?;
    }
    println!("cargo::rustc-link-search=native={}", out.display());
    Ok(())
}

/// Compiles `kernels.cu` to the assembly that drivers translate for their card; tensor cores for f32 came with the
/// architecture 8.0.
fn compile_kernels(out: &Path) -> io::Result<()> {
    let home = HOMES.iter().filter_map(env::var_os).map(PathBuf::from);
    let found = home.map(|home| home.join("bin/nvcc")).find(|p| p.is_file());
    let nvcc = found.unwrap_or_else(|| "nvcc".into());
    let status = std::process::Command::new(&nvcc)
        .args(["-ptx", "-arch=compute_80", "-O3", "kernels.cu", "-o"])
        .arg(out.join("kernels.ptx"))
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(io::Error::other(format!("{}: {status}", nvcc.display()))),
        Err(error) => Err(io::Error::other(format!("{}: {error}", nvcc.display()))),
    }
}

fn static_runtime() -> Option<PathBuf> {
    let named = HOMES.iter().filter_map(env::var_os).map(PathBuf::from);
    let homes = named.chain(["/usr/local/cuda", "/opt/cuda", "/usr"].map(PathBuf::from));
    let folders = [
        "lib64",
        "lib",
        "targets/x86_64-linux/lib",
        "targets/sbsa-linux/lib",
    ];
    homes
        .flat_map(|home| folders.map(|folder| home.join(folder).join("libcudart_static.a")))
        .find(|archive: &PathBuf| Path::is_file(archive))
}

/// For every function a jump to the address in its slot, and the list of slots.
fn trampolines(symbols: &str, arch: &str) -> String {
    let (mut code, mut list, mut count) = (String::new(), String::new(), 0);
    for symbol in symbols
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let fits = |(prefix, _): &&(&str, &str)| symbol.starts_with(prefix);
        let (_, library) = LIBRARIES.iter().find(fits).unwrap_or(&LIBRARIES[4]);
        let at = 8 * count;
        // Hidden, so that the libraries themselves never call through these.
        let jump = match arch {
            "x86_64" => format!("jmp *{{slots}} + {at}(%rip)"),
            _ => format!(
                "adrp x16, {{slots}} + {at}\\nldr x16, [x16, :lo12:{{slots}} + {at}]\\nbr x16"
            ),
        };
        let _ = writeln!(
            code,
            "    \".globl {symbol}\\n.hidden {symbol}\\n.type {symbol}, @function\\n{symbol}:\\n{jump}\\n\","
        );
        let _ = writeln!(list, "    (\"{library}\", c\"{symbol}\"),");
        count += 1;
    }
    let syntax = if arch == "x86_64" {
        ", options(att_syntax)"
    } else {
        ""
    };
    format!(
        "const COUNT: usize = {count};\n\
         static SYMBOLS: [(&str, &CStr); COUNT] = [\n{list}];\n\
         std::arch::global_asm!(\n    \".text\",\n{code}    slots = sym SLOTS{syntax});\n"
    )
}
