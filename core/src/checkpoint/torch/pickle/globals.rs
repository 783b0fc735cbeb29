//! The names a pickle may contain. A name is looked up here and nowhere else: nothing is imported, nothing is called.

use super::object::Global;
use crate::checkpoint::torch::element::Element;
use crate::checkpoint::trouble::Trouble;

/// What `module.name` stands for.
///
/// # Errors
/// [`Trouble::Refused`], with the name and what one can do.
pub(super) fn find(module: &str, name: &str) -> Result<Global, Trouble> {
    // Storages of weights that were saved from a GPU.
    let short = if module == "torch.cuda" {
        "torch"
    } else {
        module
    };
    Ok(match (short, name) {
        ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => Global::Dict,
        ("builtins" | "__builtin__", "list" | "set" | "frozenset" | "tuple") => Global::List,
        ("torch", "Size") => Global::Size,
        ("_codecs", "encode") => Global::Encode,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v3") => Global::RebuildTyped,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Global::RebuildParameter
        }
        ("torch._tensor", "_rebuild_from_type_v2") => Global::RebuildFromType,
        ("torch.storage", "UntypedStorage" | "_UntypedStorage") | ("torch", "UntypedStorage") => {
            Global::UntypedStorage
        }
        ("torch", name) if name.ends_with("Storage") => match Element::of_storage(name) {
            Some(element) => Global::Storage(element),
            None => return Err(refused(module, name)),
        },
        ("torch", name) if Element::of_type(name).is_some() => {
            Global::Type(Element::of_type(name).unwrap_or(Element::F32))
        }
        _ if is_inert(short, name) => Global::Inert,
        _ => return Err(refused(module, name)),
    })
}

/// What checkpoints hold beside weights, known to be data: options, places, numbers of `numpy`.
fn is_inert(module: &str, name: &str) -> bool {
    let numpy = ["numpy.core.multiarray", "numpy._core.multiarray"].contains(&module);
    match name {
        "scalar" | "_reconstruct" => numpy,
        "dtype" | "ndarray" => module == "numpy",
        "device" => module == "torch",
        "Tensor" => ["torch", "torch._tensor"].contains(&module),
        "Parameter" => ["torch.nn.parameter", "torch.nn"].contains(&module),
        "Namespace" => module == "argparse",
        "defaultdict" | "Counter" | "deque" => module == "collections",
        "complex" | "bytearray" => ["builtins", "__builtin__"].contains(&module),
        "datetime" | "timedelta" | "date" => module == "datetime",
        "PosixPath" | "WindowsPath" | "PurePosixPath" | "Path" => {
            module == "pathlib" || module.starts_with("pathlib.")
        }
        "AttributeDict" => {
            module.starts_with("pytorch_lightning.") || module.starts_with("lightning.")
        }
        _ => false,
    }
}

/// A refusal that says what one can do; a module's class needs its program, which is not here.
fn refused(module: &str, name: &str) -> Trouble {
    // The name that Python 3 has for what protocol 2 calls by its old one.
    let module = if module == "__builtin__" {
        "builtins"
    } else {
        module
    };
    let whole = module.starts_with("torch.nn.modules") || module.starts_with("__main__");
    let what = if whole {
        "a whole pickled module"
    } else if module.starts_with("__torch__") || module.starts_with("torch.jit") {
        "a TorchScript program"
    } else {
        "a pickle that names more than weights"
    };
    Trouble::Refused(format!(
        "{what}, it names {module}.{name}, and code of a file is never run - save the weights alone in Python: \
         torch.save(network.state_dict(), PATH)"
    ))
}
