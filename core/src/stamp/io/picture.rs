//! PNG, JPEG and TIFF pictures as stamps.
//!
//! Invariant: 8- and 16-bit samples become `[0, 1]` exactly (sample / largest sample) whatever the palette or bit depth;
//! alpha is dropped and the colour under it kept. Float TIFFs keep their values.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader};
use tiff::decoder::{Decoder, DecodingResult};

use super::MAX_PIXELS;
use super::error::StampProblem;
use super::raw::Raw;
use crate::stamp::ValueRange;

/// Pixels of the largest picture, as the decoders count: bytes of the decoded picture.
const MAX_DECODED_BYTES: u64 = 4 * MAX_PIXELS as u64;

/// Samples that a byte of a picture can stand for. Deflate makes at most 1,032 bytes of one, each with eight samples of a bit;
/// a JPEG block of 64 costs a bit at least. A row of a fax that is like the one above it costs a bit.
const fn most_samples_of_byte(format: ImageFormat) -> u128 {
    match format {
        ImageFormat::Tiff => 8 << 14,
        _ => 8 * 1032,
    }
}

/// Reads a PNG, JPEG or TIFF picture. `name` is the name of the format for messages.
pub(super) fn read(bytes: &[u8], format: ImageFormat, name: &str) -> Result<Raw, StampProblem> {
    if format == ImageFormat::Tiff
        && let Some(raw) = read_tiff(bytes)?
    {
        return Ok(raw);
    }
    if format == ImageFormat::Jpeg && !has_jpeg_end(bytes) {
        // The decoder would fill the missing rows with grey.
        let why = "it ends before its end marker (cut short)";
        return Err(StampProblem::damaged("JPEG picture", why));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|error| problem(error, name))?;
    let (width, height) = decoder.dimensions();
    let samples = decoder.color_type().channel_count();
    let most = bytes.len() as u128 * most_samples_of_byte(format);
    check_size([width, height, u32::from(samples)], most, name)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| problem(error, name))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let colour = picture.color();
    let values = match picture {
        DynamicImage::ImageLuma8(p) => unit(p.into_raw(), u8::MAX),
        DynamicImage::ImageLumaA8(p) => unit(p.into_raw(), u8::MAX),
        DynamicImage::ImageRgb8(p) => unit(p.into_raw(), u8::MAX),
        DynamicImage::ImageRgba8(p) => unit(p.into_raw(), u8::MAX),
        DynamicImage::ImageLuma16(p) => unit(p.into_raw(), u16::MAX),
        DynamicImage::ImageLumaA16(p) => unit(p.into_raw(), u16::MAX),
        DynamicImage::ImageRgb16(p) => unit(p.into_raw(), u16::MAX),
        DynamicImage::ImageRgba16(p) => unit(p.into_raw(), u16::MAX),
        DynamicImage::ImageRgb32F(p) => p.into_raw(),
        DynamicImage::ImageRgba32F(p) => p.into_raw(),
        _ => {
            return Err(StampProblem::unsupported(
                format!("{name} picture"),
                format!("its pixels are {colour:?}"),
                "grey or RGB",
            ));
        }
    };
    let samples = usize::from(colour.channel_count());
    let mut raw = interleaved(values, height, width, samples, colour.has_alpha());
    let is_float = matches!(colour, ColorType::Rgb32F | ColorType::Rgba32F);
    raw.range = (!is_float).then_some(ValueRange::UNIT);
    Ok(raw)
}

/// TIFF samples of any width and band count, without the colour conversions of [`image`]; `None` for the palettes and
/// colour spaces that it does convert.
fn read_tiff(bytes: &[u8]) -> Result<Option<Raw>, StampProblem> {
    let problem = |error: tiff::TiffError| StampProblem::damaged("TIFF picture", one_line(&error));
    let mut limits = tiff::decoder::Limits::default();
    limits.decoding_buffer_size = MAX_DECODED_BYTES as usize;
    let mut decoder = Decoder::new(Cursor::new(bytes))
        .map_err(problem)?
        .with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(problem)?;
    let (samples, bits, has_alpha) = match decoder.colortype().map_err(problem)? {
        tiff::ColorType::Gray(bits) => (1, bits, false),
        tiff::ColorType::GrayA(bits) => (2, bits, true),
        tiff::ColorType::RGB(bits) => (3, bits, false),
        tiff::ColorType::RGBA(bits) => (4, bits, true),
        tiff::ColorType::Multiband {
            bit_depth,
            num_samples,
        } => (usize::from(num_samples), bit_depth, false),
        _ => return Ok(None),
    };
    if bits < 8 {
        return Ok(None);
    }
    let most = bytes.len() as u128 * most_samples_of_byte(ImageFormat::Tiff);
    check_size([width, height, samples as u32], most, "TIFF")?;
    let planar = decoder
        .find_tag_unsigned::<u16>(tiff::tags::Tag::PlanarConfiguration)
        .map_err(problem)?
        == Some(2);
    if planar && samples > 1 {
        return Err(StampProblem::unsupported(
            "TIFF picture",
            "its bands are stored one after the other",
            "interleaved samples",
        ));
    }
    let (height, width) = (height as usize, width as usize);
    let result = decoder.read_image().map_err(problem)?;
    let (values, range) = match result {
        DecodingResult::U8(v) => (unit(v, u8::MAX), Some(ValueRange::UNIT)),
        DecodingResult::U16(v) => (unit(v, u16::MAX), Some(ValueRange::UNIT)),
        DecodingResult::U32(v) => (v.into_iter().map(|v| v as f32).collect(), None),
        DecodingResult::U64(v) => (v.into_iter().map(|v| v as f32).collect(), None),
        DecodingResult::I8(v) => (v.into_iter().map(f32::from).collect(), None),
        DecodingResult::I16(v) => (v.into_iter().map(f32::from).collect(), None),
        DecodingResult::I32(v) => (v.into_iter().map(|v| v as f32).collect(), None),
        DecodingResult::I64(v) => (v.into_iter().map(|v| v as f32).collect(), None),
        DecodingResult::F16(v) => (v.into_iter().map(f32::from).collect(), None),
        DecodingResult::F32(v) => (v, None),
        DecodingResult::F64(v) => (v.into_iter().map(|v| v as f32).collect(), None),
    };
    let expected = height * width * samples;
    if values.len() != expected {
        let why = format!("it holds {} samples instead of {expected}", values.len());
        return Err(StampProblem::damaged("TIFF picture", why));
    }
    let mut raw = interleaved(values, height, width, samples, has_alpha);
    raw.range = range;
    Ok(Some(raw))
}

/// Refuses a picture of more than [`MAX_PIXELS`] samples before it is decoded: every sample becomes four bytes, and
/// picture formats pack empty ones into almost nothing. Of more than `most` samples it cannot be either.
fn check_size(sizes: [u32; 3], most: u128, name: &str) -> Result<(), StampProblem> {
    let claimed = sizes.into_iter().map(u128::from).product();
    if claimed > MAX_PIXELS as u128 {
        return Err(StampProblem::TooLarge {
            part: format!("{name} picture"),
            claimed,
            limit: MAX_PIXELS as u128,
            unit: "pixels",
        });
    }
    if claimed > most {
        let why = format!("it claims {claimed} samples, and its bytes hold {most} at most");
        return Err(StampProblem::damaged(format!("{name} picture"), why));
    }
    Ok(())
}

fn unit<T: Into<f32> + Copy>(samples: Vec<T>, white: T) -> Vec<f32> {
    let white: f32 = white.into();
    samples.into_iter().map(|v| v.into() / white).collect()
}

/// Rows of pixels of `samples` samples each, the last of them possibly alpha, as planes `[C, H, W]`.
fn interleaved(
    values: Vec<f32>,
    height: usize,
    width: usize,
    samples: usize,
    has_alpha: bool,
) -> Raw {
    let colours = samples - usize::from(has_alpha && samples > 1);
    let planes = (0..colours).flat_map(|c| values.iter().skip(c).step_by(samples));
    let planes = planes.copied().collect();
    let mut raw = Raw::new(None, 0, vec![colours, height, width], planes);
    if colours == 3 {
        raw.bands = ["red", "green", "blue"].map(str::to_owned).to_vec();
    }
    raw
}

/// Whether the end marker follows the last scan. Inside a scan the byte FF is never followed by D9.
fn has_jpeg_end(bytes: &[u8]) -> bool {
    let last = |marker| bytes.array_windows().rposition(|pair| *pair == marker);
    last([0xFF, 0xD9]) > last([0xFF, 0xDA])
}

/// Decoder messages may be several lines long.
fn one_line(error: &impl ToString) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Translates the errors of the decoder, which name neither file nor part.
fn problem(error: ImageError, name: &str) -> StampProblem {
    let part = format!("{name} picture");
    match error {
        ImageError::Unsupported(what) => {
            StampProblem::unsupported(part, one_line(&what), "grey or RGB, 8 or 16 bits")
        }
        ImageError::Limits(what) => StampProblem::unsupported(
            part,
            one_line(&what),
            format!("at most {MAX_DECODED_BYTES} bytes"),
        ),
        other => StampProblem::damaged(part, one_line(&other)),
    }
}
