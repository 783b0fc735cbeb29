//! The element types of PyTorch storages.

/// Type of the elements of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    BF16,
    F32,
    F64,
    U8,
    I8,
    I16,
    I32,
    I64,
    Bool,
    /// Complex and quantised numbers, which cannot be weights here; bytes of one.
    Other(u8),
}

impl Element {
    /// That of a storage class, for example `HalfStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class.strip_suffix("Storage")? {
            "Half" => Self::F16,
            "BFloat16" => Self::BF16,
            "Float" => Self::F32,
            "Double" => Self::F64,
            "Byte" => Self::U8,
            "Char" => Self::I8,
            "Short" => Self::I16,
            "Int" => Self::I32,
            "Long" => Self::I64,
            "Bool" => Self::Bool,
            "ComplexFloat" => Self::Other(8),
            "ComplexDouble" => Self::Other(16),
            "QInt8" | "QUInt8" => Self::Other(1),
            "QInt32" => Self::Other(4),
            _ => return None,
        })
    }

    /// That of a `torch.dtype`, for example `float32`.
    pub(super) fn of_type(name: &str) -> Option<Self> {
        Some(match name {
            "float16" | "half" => Self::F16,
            "bfloat16" => Self::BF16,
            "float32" | "float" => Self::F32,
            "float64" | "double" => Self::F64,
            "uint8" => Self::U8,
            "int8" => Self::I8,
            "int16" => Self::I16,
            "int32" => Self::I32,
            "int64" | "long" => Self::I64,
            "bool" => Self::Bool,
            "complex128" => Self::Other(16),
            "float8_e4m3fn" | "float8_e5m2" => Self::Other(1),
            "uint16" => Self::Other(2),
            "uint32" => Self::Other(4),
            "uint64" | "complex64" => Self::Other(8),
            _ => return None,
        })
    }

    /// Bytes of one element.
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
            Self::Other(bytes) => bytes as u64,
        }
    }

    /// The name that safetensors give it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::I16 => "I16",
            Self::I32 => "I32",
            Self::I64 => "I64",
            Self::Bool => "BOOL",
            Self::Other(_) => "complex or quantised",
        }
    }

    /// Whether its elements are numbers that can be weights.
    pub(super) const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }

    /// One element as f32; `bytes` has [`Self::bytes`] of them. Integers are rounded to what f32 holds.
    pub(super) fn value(self, bytes: &[u8], order: Order) -> f32 {
        /// The bytes in little endian; what is missing is zero, which cannot happen.
        fn little<const N: usize>(bytes: &[u8], order: Order) -> [u8; N] {
            let mut array: [u8; N] = bytes.first_chunk().copied().unwrap_or([0; N]);
            if order == Order::Big {
                array.reverse();
            }
            array
        }
        match self {
            Self::F16 => half::f16::from_le_bytes(little(bytes, order)).to_f32(),
            Self::BF16 => half::bf16::from_le_bytes(little(bytes, order)).to_f32(),
            Self::F32 => f32::from_le_bytes(little(bytes, order)),
            Self::F64 => f64::from_le_bytes(little(bytes, order)) as f32,
            Self::I16 => f32::from(i16::from_le_bytes(little(bytes, order))),
            Self::I32 => i32::from_le_bytes(little(bytes, order)) as f32,
            Self::I64 => i64::from_le_bytes(little(bytes, order)) as f32,
            Self::I8 => f32::from(i8::from_le_bytes(little(bytes, order))),
            Self::U8 | Self::Bool => bytes.first().copied().map_or(0.0, f32::from),
            Self::Other(_) => f32::NAN,
        }
    }
}

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}
