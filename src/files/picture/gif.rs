//! GIF (89a): a header, and blocks of blocks.

use std::io::{Read, Seek};

use super::Header;
use super::read::{next, split, take};

const PICTURE: u8 = 0x2c;
const EXTENSION: u8 = 0x21;
const END: u8 = 0x3b;
/// Delays and transparency.
const CONTROL: u8 = 0xf9;
/// What programs add.
const PROGRAM: u8 = 0xff;
/// How often an animation runs.
const LOOPS: [&[u8; 11]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

/// Reads the size of the canvas.
pub(super) fn header(file: &mut (impl Read + Seek)) -> Option<Header> {
    if !matches!(&next::<6>(file)?, b"GIF87a" | b"GIF89a") {
        return None;
    }
    let [w1, w2, h1, h2] = next::<4>(file)?;
    let (width, height) = (u16::from_le_bytes([w1, w2]), u16::from_le_bytes([h1, h2]));
    // The canvas, and a frame on it.
    let frame = u64::from(width) * u64::from(height) * 8;
    Some(Header { width: width.into(), height: height.into(), frame })
}

/// The picture alone.
pub(super) fn strip(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, flags) = bytes.split_at_checked(10)?;
    let (head, mut rest) = split(bytes, 13 + table(*flags.first()?))?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(head);
    while let Some((kind, after)) = rest.split_first() {
        let (block, is_kept) = match *kind {
            END => break,
            PICTURE => {
                let (_, flags) = split(after, 8)?;
                let before = 1 + 9 + table(*flags.first()?) + 1;
                (before + parts(rest.get(before..)?)?, true)
            }
            EXTENSION => {
                let ([label], data) = take::<1>(after)?;
                (2 + parts(data)?, is_needed(label, data))
            }
            _unknown => return None,
        };
        let (block, after) = split(rest, block)?;
        if is_kept {
            out.extend_from_slice(block);
        }
        rest = after;
    }
    out.push(END);
    Some(out)
}

/// Bytes of the colour table that these flags announce.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0x07) + 1) }
}

/// Bytes of a row of parts, each behind its length, up to an empty one.
fn parts(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

fn is_needed(label: u8, data: &[u8]) -> bool {
    let name = data.split_first().map_or(&[][..], |(_length, name)| name);
    label == CONTROL || label == PROGRAM && LOOPS.iter().any(|known| name.starts_with(*known))
}
