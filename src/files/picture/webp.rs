//! WebP (RFC 9649): a RIFF file of chunks.

use std::io::{Read, Seek};

use super::Header;
use super::read::{next, split, take};

/// Chunks that draw: the picture, its colours, its frames.
const KEPT: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// Flags of the extended header: EXIF and XMP follow.
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;

/// Reads the first chunk.
pub(super) fn header(file: &mut (impl Read + Seek)) -> Option<Header> {
    let [r, i, f, g, ..] = next::<8>(file)?;
    if [r, i, f, g] != *b"RIFF" || next::<4>(file)? != *b"WEBP" {
        return None;
    }
    let kind = next::<4>(file)?;
    let _length = next::<4>(file)?;
    let (width, height) = match &kind {
        b"VP8X" => {
            let [_flags, _, _, _, w1, w2, w3, h1, h2, h3] = next::<10>(file)?;
            let side = |low, mid, high| u32::from_le_bytes([low, mid, high, 0]) + 1;
            (side(w1, w2, w3), side(h1, h2, h3))
        }
        b"VP8L" => {
            let [_signature, b1, b2, b3, b4] = next::<5>(file)?;
            let bits = u32::from_le_bytes([b1, b2, b3, b4]);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        b"VP8 " => {
            let [_, _, _, s1, s2, s3, w1, w2, h1, h2] = next::<10>(file)?;
            if [s1, s2, s3] != [0x9d, 0x01, 0x2a] {
                return None;
            }
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            (side(w1, w2), side(h1, h2))
        }
        _unknown => return None,
    };
    // Planes or transformed pixels beside the picture itself.
    let frame = u64::from(width) * u64::from(height) * 8;
    Some(Header { width, height, frame })
}

/// The picture alone.
pub(super) fn strip(bytes: &[u8], side_up: Option<&[u8]>) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(b"RIFF")?;
    let (length, rest) = take::<4>(rest)?;
    // What stands behind the end belongs to nothing.
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?.min(rest.len());
    let mut rest = rest.get(..length)?.strip_prefix(b"WEBP")?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(b"RIFF\0\0\0\0WEBP");
    let mut is_extended = false;
    while rest.len() >= 8 {
        let (kind, after) = take::<4>(rest)?;
        let (length, after) = take::<4>(after)?;
        let (data, after) = split(after, usize::try_from(u32::from_le_bytes(length)).ok()?)?;
        // Data of an odd length are padded.
        rest = if data.len() % 2 == 1 { after.get(1..).unwrap_or_default() } else { after };
        match &kind {
            b"VP8X" => {
                is_extended = true;
                let (flags, more) = data.split_first()?;
                let mark = if side_up.is_some() { EXIF } else { 0 };
                let flags = (flags & !(EXIF | XMP)) | mark;
                put(&mut out, &kind, &[&[flags], more].concat());
            }
            kept if KEPT.contains(&kept) => put(&mut out, kept, data),
            _left_out => {}
        }
    }
    if let (true, Some(tiff)) = (is_extended, side_up) {
        put(&mut out, b"EXIF", tiff);
    }
    let size = u32::try_from(out.len() - 8).ok()?.to_le_bytes();
    out.get_mut(4..8)?.copy_from_slice(&size);
    Some(out)
}

fn put(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend_from_slice(kind);
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
}
