//! Region files of DS9, on a picture without sky coordinates; what is read is written and read again.
#![no_main]

use ganoscope_core::region::ds9::{self, System};
use ganoscope_core::sky::Grid;
use ganoscope_core::stamp::{Stamp, ValueRange};
use ganoscope_fuzz::within;
use libfuzzer_sys::fuzz_target;

/// Bytes that every byte of a file justifies.
const BYTES_OF_BYTE: usize = 1 << 10;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    within((1 << 20) + BYTES_OF_BYTE * bytes.len(), || read(text));
});

fn read(text: &str) {
    let grid = Grid::of(&Stamp::new("a", vec![0.0; 64], [1, 8, 8], ValueRange::UNIT));
    let Ok(file) = ds9::read(text, &grid) else {
        return;
    };
    for region in &file.regions {
        let _ = ganoscope_core::region::Coverage::of(&region.shape, [8, 8]);
    }
    if let Ok(written) = ds9::write(&file.regions, &file.kept, System::Image, &grid) {
        ds9::read(&written, &grid).expect("what was written can be read");
    }
}
