//! JPEG (ITU T.81, annex B): segments that begin with a marker, and scans between them.

use std::io::{Read, Seek};

use super::Header;
use super::read::{next, skip, split, take};

const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];
const SCAN: u8 = 0xda;
/// Frames; the other three between them are tables.
const FRAMES: [u8; 13] =
    [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
/// Frames of which all coefficients are held until the last scan.
const IN_PASSES: [u8; 4] = [0xc2, 0xc6, 0xca, 0xce];
/// Bytes of a JFIF segment without its thumbnail.
const JFIF: usize = 14;

/// Looks for the frame.
pub(super) fn header(file: &mut (impl Read + Seek)) -> Option<Header> {
    if next::<2>(file)? != START {
        return None;
    }
    loop {
        let mut marker = [0xff];
        while marker[0] == 0xff {
            marker = next::<1>(file)?;
        }
        let [marker] = marker;
        if is_alone(marker) {
            continue;
        }
        let length = u16::from_be_bytes(next::<2>(file)?).checked_sub(2)?;
        if !FRAMES.contains(&marker) {
            if marker == SCAN {
                return None;
            }
            skip(file, length)?;
            if next::<1>(file)? != [0xff] {
                return None;
            }
            continue;
        }
        let [_depth, h1, h2, w1, w2, components] = next::<6>(file)?;
        let (height, width) = (u16::from_be_bytes([h1, h2]), u16::from_be_bytes([w1, w2]));
        let samples = u64::from(width) * u64::from(height) * u64::from(components.clamp(3, 4));
        // Coefficients have two bytes each.
        let frame = if IN_PASSES.contains(&marker) { samples * 3 } else { samples };
        return Some(Header { width: width.into(), height: height.into(), frame });
    }
}

/// The picture alone.
pub(super) fn strip(bytes: &[u8], side_up: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(&START)?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&START);
    let mut side_up = side_up;
    while let Some((marker, after)) = next_marker(rest) {
        if marker == END[1] {
            break;
        }
        if is_alone(marker) {
            rest = after;
            continue;
        }
        let (length, _) = take::<2>(after)?;
        let (segment, after) = split(after, u16::from_be_bytes(length).into())?;
        let body = segment.get(2..)?;
        // JFIF wants to be first.
        if marker != 0xe0
            && let Some(tiff) = side_up.take()
        {
            put(&mut out, 0xe1, &[b"Exif\0\0", tiff].concat())?;
        }
        match marker {
            0xe0 if body.starts_with(b"JFIF\0") => {
                let mut plain = body.get(..JFIF)?.to_vec();
                // Without its thumbnail, which may show what was cut away.
                plain.iter_mut().skip(JFIF - 2).for_each(|side| *side = 0);
                put(&mut out, marker, &plain)?;
            }
            kept if is_kept(kept, body) => put(&mut out, kept, body)?,
            _left_out => {}
        }
        rest = after;
        if marker == SCAN {
            let (scan, after) = split(rest, scan(rest))?;
            out.extend_from_slice(scan);
            rest = after;
        }
    }
    out.extend_from_slice(&END);
    Some(out)
}

fn put(out: &mut Vec<u8>, marker: u8, body: &[u8]) -> Option<()> {
    out.extend_from_slice(&[0xff, marker]);
    out.extend_from_slice(&u16::try_from(body.len() + 2).ok()?.to_be_bytes());
    out.extend_from_slice(body);
    Some(())
}

/// The next marker; what stands before it belongs to nothing.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0xff)?;
    let (_, after) = split(bytes, at)?;
    let at = after.iter().position(|byte| *byte != 0xff)?;
    let (_, after) = split(after, at)?;
    after.split_first().map(|(marker, rest)| (*marker, rest))
}

/// Markers without a segment.
const fn is_alone(marker: u8) -> bool {
    matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8)
}

/// Tables, frames and scans; of what programs add only the colours.
fn is_kept(marker: u8, body: &[u8]) -> bool {
    match marker {
        0xe2 => body.starts_with(b"ICC_PROFILE\0"),
        0xee => body.starts_with(b"Adobe"),
        0xe0..=0xfe => false,
        _draws => true,
    }
}

/// The length of what follows a scan's header: up to the next marker that is no part of it.
fn scan(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = rest.iter().position(|byte| *byte == 0xff) else {
            return bytes.len();
        };
        at += found;
        match bytes.get(at + 1) {
            None => return at,
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_marker) => return at,
        }
    }
}
