//! Pictures: looked at before they are kept, freed of what they tell about their maker, and made
//! small for lists.
//!
//! **Invariant:** nothing is decoded before its header said how much memory that takes, and the
//! decoder is held to it. **Invariant:** what is kept is the picture alone: of the original only
//! what draws it stays, bit for bit, and the one mark that says which side is up.
//!
//! The original is not encoded anew: that would cost quality, the frames of an animation and much
//! memory. Its container is read instead, and everything is left out that is not known to be needed
//! (`jpeg.rs`, `png.rs`, `webp.rs`, `gif.rs`): EXIF with its places and serial numbers, XMP, IPTC,
//! comments, thumbnails, and whatever stands behind the end, such as the film of a "live" photo.

mod gif;
mod jpeg;
mod png;
mod read;
mod tiff;
mod webp;

use std::io::{Cursor, Read, Seek};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::domain::limits::PREVIEW_SIDE;

/// Pixels on one side at most.
const SIDE: u32 = 16_384;
/// Pixels at most.
const PIXELS: u64 = 50_000_000;
/// A picture with fewer bytes, and no longer side than a preview, is its own preview.
const SMALL: usize = 256 << 10;
/// What a preview is encoded with.
const QUALITY: u8 = 82;
/// What small things cost while a picture is worked on.
const ASIDE: u64 = 6 << 20;

/// A format that is decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Webp,
    Gif,
}

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// It cannot be read to its end.
    #[error("the picture is broken")]
    Broken,
    /// More pixels than are looked at.
    #[error("the picture has more than {0} megapixels, or a side of more than {1} pixels")]
    TooLarge(u64, u32),
    /// It takes more memory than the operator gives to pictures.
    #[error("the picture takes more memory than there is for pictures")]
    TooMuch,
}

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    width: u32,
    height: u32,
    /// Bytes of the decoded picture, and of what its decoder needs beside.
    frame: u64,
}

/// A picture that can be kept.
#[derive(Debug)]
pub(super) struct Picture {
    /// As it is seen, upright.
    pub(super) width: u32,
    pub(super) height: u32,
    /// The file without what does not belong to the picture.
    pub(super) bytes: Vec<u8>,
    pub(super) preview: Option<Preview>,
}

/// A small copy.
#[derive(Debug)]
pub(super) struct Preview {
    pub(super) mime: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Format {
    pub(super) const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    const fn decoder(self) -> ImageFormat {
        match self {
            Self::Png => ImageFormat::Png,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Webp => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
        }
    }

    /// Reads the header of a file.
    ///
    /// # Errors
    /// When there is none, or it promises more than is decoded.
    pub(super) fn header(self, file: &mut (impl Read + Seek)) -> Result<Header, BadPicture> {
        let read = match self {
            Self::Png => png::header(file),
            Self::Jpeg => jpeg::header(file),
            Self::Webp => webp::header(file),
            Self::Gif => gif::header(file),
        };
        let header = read.ok_or(BadPicture::Broken)?;
        let Header { width, height, .. } = header;
        if width == 0 || height == 0 {
            return Err(BadPicture::Broken);
        }
        if width.max(height) > SIDE || u64::from(width) * u64::from(height) > PIXELS {
            return Err(BadPicture::TooLarge(PIXELS / 1_000_000, SIDE));
        }
        Ok(header)
    }

    fn strip(self, bytes: &[u8], side_up: Option<&[u8]>) -> Option<Vec<u8>> {
        match self {
            Self::Png => png::strip(bytes, side_up),
            Self::Jpeg => jpeg::strip(bytes, side_up),
            Self::Webp => webp::strip(bytes, side_up),
            Self::Gif => gif::strip(bytes),
        }
    }
}

impl Header {
    /// So many bytes of memory are needed to work on a file of `size` bytes.
    pub(super) const fn memory(self, size: u64) -> u64 {
        // The file, the file without what is left out, and the decoder's own copy.
        self.frame.saturating_add(size.saturating_mul(3)).saturating_add(ASIDE)
    }
}

/// Works on a picture whose header was read.
///
/// # Errors
/// [`BadPicture::Broken`] for what cannot be read to its end.
pub(super) fn work(format: Format, header: Header, bytes: Vec<u8>) -> Result<Picture, BadPicture> {
    let side_up = decoder(format, header, &bytes)?.orientation().map_err(broken)?;
    let mark = tiff::side_up(side_up.to_exif());
    let stripped = format.strip(&bytes, mark.as_deref()).ok_or(BadPicture::Broken)?;
    drop(bytes);
    // What is kept is what was seen to be whole.
    let image = DynamicImage::from_decoder(decoder(format, header, &stripped)?).map_err(broken)?;
    let (width, height) = upright((image.width(), image.height()), side_up);
    let is_small = width.max(height) <= PREVIEW_SIDE && stripped.len() <= SMALL;
    let preview = if is_small { None } else { Some(preview(image, side_up)?) };
    Ok(Picture { width, height, bytes: stripped, preview })
}

fn decoder<'b>(
    format: Format,
    header: Header,
    bytes: &'b [u8],
) -> Result<impl ImageDecoder + use<'b>, BadPicture> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(header.width);
    limits.max_image_height = Some(header.height);
    limits.max_alloc = Some(header.frame.saturating_add(ASIDE));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.decoder());
    reader.limits(limits);
    reader.into_decoder().map_err(broken)
}

#[expect(clippy::needless_pass_by_value, reason = "what errors are mapped by")]
fn broken(why: image::ImageError) -> BadPicture {
    tracing::debug!("a picture cannot be read: {why}");
    BadPicture::Broken
}

const fn upright((width, height): (u32, u32), side_up: Orientation) -> (u32, u32) {
    match side_up {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _upright => (width, height),
    }
}

fn preview(image: DynamicImage, side_up: Orientation) -> Result<Preview, BadPicture> {
    let mut small = if image.width().max(image.height()) > PREVIEW_SIDE {
        image.thumbnail(PREVIEW_SIDE, PREVIEW_SIDE)
    } else {
        image
    };
    small.apply_orientation(side_up);
    let mut bytes = Vec::new();
    if has_holes(&small) {
        let small = DynamicImage::ImageRgba8(small.into_rgba8());
        small.write_with_encoder(PngEncoder::new(&mut bytes)).map_err(broken)?;
        return Ok(Preview { mime: "image/png", bytes });
    }
    let small = DynamicImage::ImageRgb8(small.into_rgb8());
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    small.write_with_encoder(encoder).map_err(broken)?;
    Ok(Preview { mime: "image/jpeg", bytes })
}

/// Whether something shines through.
fn has_holes(image: &DynamicImage) -> bool {
    image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

#[cfg(test)]
mod tests;
