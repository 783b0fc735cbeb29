//! What tests of hostile files share: a count of the memory that is held, and files made by hand.

#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(
    dead_code,
    reason = "every test binary compiles this module and uses a part of it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// Counts what all threads hold.
pub(crate) struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the contract is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What `work` gives, and the most bytes that were held during it beyond what was held before.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let value = work();
    (value, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}

/// A zip archive.
pub(crate) fn archive(members: &[(&str, &[u8])], is_packed: bool) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = if is_packed {
        CompressionMethod::Deflated
    } else {
        CompressionMethod::Stored
    };
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The pickle of a state dict with the one tensor `a.weight`, `[rows, columns]` of f32.
pub(crate) fn state_dict(rows: u32, columns: u32) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(X\x08\0\0\0a.weightctorch._utils\n_rebuild_tensor_v2\n".to_vec();
    pickle.extend(b"((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu");
    let int = |pickle: &mut Vec<u8>, n: u32| {
        pickle.push(b'J');
        pickle.extend(n.to_le_bytes());
    };
    int(&mut pickle, rows * columns);
    pickle.extend(b"tQK\0(");
    int(&mut pickle, rows);
    int(&mut pickle, columns);
    pickle.extend(b"t(");
    int(&mut pickle, columns);
    pickle.extend(b"K\x01t\x89ccollections\nOrderedDict\n)RtRu.");
    pickle
}

/// The same as a file of PyTorch before 1.6, without the elements.
pub(crate) fn legacy(rows: u32, columns: u32) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec();
    file.extend(b"\x80\x02M\xe9\x03.");
    file.extend(b"\x80\x02}X\x0d\0\0\0little_endian\x88s.");
    file.extend(state_dict(rows, columns));
    file.extend(b"\x80\x02]X\x01\0\0\x000a.");
    file.extend(u64::from(rows * columns).to_le_bytes());
    file
}

/// A field of a protocol buffer that holds bytes.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

/// A field of a protocol buffer that holds a number.
pub(crate) fn number(field: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    bytes.extend(varint(value));
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// An ONNX tensor of `dims` with more fields.
pub(crate) fn onnx_tensor(name: &str, data_type: u64, dims: &[u64], more: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    [
        &dims[..],
        &number(2, data_type),
        &field(8, name.as_bytes()),
        more,
    ]
    .concat()
}

/// An ONNX node.
pub(crate) fn onnx_node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node: Vec<u8> = inputs
        .iter()
        .flat_map(|name| field(1, name.as_bytes()))
        .collect();
    node.extend(field(2, output.as_bytes()));
    node.extend(field(4, op.as_bytes()));
    node
}

/// An ONNX model that takes and gives `[1, channels, 8, 8]` under the names `x` and `y`.
pub(crate) fn onnx_model(channels: u64, nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let info = |name: &str| {
        let dims = [1, channels, 8, 8]
            .map(|n| field(1, &number(1, n)))
            .concat();
        let tensor = [number(1, 1), field(2, &dims)].concat();
        [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
    };
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(1, node)).collect();
    graph.extend(tensors.iter().flat_map(|tensor| field(5, tensor)));
    graph.extend([field(11, &info("x")), field(12, &info("y"))].concat());
    let opset = [field(1, b""), number(2, 17)].concat();
    [number(1, 8), field(7, &graph), field(8, &opset)].concat()
}
