//! Files that are not safetensors where safetensors are expected, recognised by their first bytes so that the message can say
//! what they are.

/// What a file is that begins with these bytes and not with a possible header length, and what one can do.
pub(super) fn foreign_kind(prefix: [u8; 8]) -> Option<&'static str> {
    match prefix {
        // Of these there are readers: they are met here only under a name that has to be that of a safetensors file.
        [b'P', b'K', 3, 4, ..] => Some("a zip archive under the name of a safetensors file"),
        [0x80, 2..=5, ..] => Some("a Python pickle under the name of a safetensors file"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5 file under the name of a safetensors file"),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] => Some("a picture, not weights"),
        [b'S', b'I', b'M', b'P', b'L', b'E', ..] => Some("a FITS file, not weights"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("a NumPy array, not weights"),
        // The smallest header of one tensor has more than 32 bytes.
        _ if (32..1 << 24).contains(&u64::from_be_bytes(prefix)) => {
            Some("a file with a big-endian header length - write it in little endian")
        }
        _ => None,
    }
}
