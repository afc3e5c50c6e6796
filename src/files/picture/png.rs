//! PNG (W3C recommendation, section 5): a signature, and chunks with checksums.

use std::io::{Read, Seek};

use flate2::Crc;

use super::Header;
use super::read::{next, split, take};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Chunks that draw: the picture, its colours, its frames.
const KEPT: [&[u8; 4]; 20] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP",
    b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
];

/// Reads the first chunk.
pub(super) fn header(file: &mut (impl Read + Seek)) -> Option<Header> {
    if next::<8>(file)? != SIGNATURE || next::<8>(file)? != *b"\0\0\0\x0dIHDR" {
        return None;
    }
    let (width, height) = (u32::from_be_bytes(next(file)?), u32::from_be_bytes(next(file)?));
    let [depth] = next::<1>(file)?;
    let bytes = if depth == 16 { 8 } else { 4 };
    let frame = u64::from(width).saturating_mul(height.into()).saturating_mul(bytes);
    Some(Header { width, height, frame })
}

/// The picture alone.
pub(super) fn strip(bytes: &[u8], side_up: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(&SIGNATURE)?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&SIGNATURE);
    loop {
        let (length, after) = take::<4>(rest)?;
        let (kind, _) = take::<4>(after)?;
        // Length, kind and checksum stand around the data.
        let whole = usize::try_from(u32::from_be_bytes(length)).ok()?.checked_add(12)?;
        let (chunk, after) = split(rest, whole)?;
        if KEPT.contains(&&kind) {
            out.extend_from_slice(chunk);
        }
        match &kind {
            b"IHDR" => side_up.iter().for_each(|tiff| put(&mut out, b"eXIf", tiff)),
            b"IEND" => return Some(out),
            _other => {}
        }
        rest = after;
    }
}

fn put(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    out.extend_from_slice(&sum.sum().to_be_bytes());
}
