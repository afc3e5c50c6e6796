//! What the first bytes of a client's frame declare (RFC 6455, section 5.2), and its mask.

use crate::protocol::CloseCode;

/// Longest payload of a control frame (section 5.5).
const CONTROL_BYTES: u64 = 125;
/// Bytes of a mask.
const MASK_BYTES: usize = 4;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Continue,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Continue,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _reserved => return None,
        })
    }

    /// Whether it may stand between the fragments of a message.
    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Whether the message ends with this frame.
    pub(super) is_final: bool,
    /// Bytes of the payload, as declared.
    pub(super) length: u64,
    /// Bytes before the payload, the mask among them.
    pub(super) size: usize,
}

impl Header {
    /// Reads as far as the declared length; the mask behind it may still be on its way. What no
    /// frame may be is refused by the first byte that tells.
    ///
    /// # Errors
    /// [`CloseCode::Protocol`] for reserved bits and opcodes, an unmasked frame, and a control
    /// frame that is fragmented or too long.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, CloseCode> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let kind = Kind::of(first & 0x0f).ok_or(CloseCode::Protocol)?;
        let is_final = first & 0x80 != 0;
        if first & 0x70 != 0 || (kind.is_control() && !is_final) {
            return Err(CloseCode::Protocol);
        }
        let &[_, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let short = u64::from(second & 0x7f);
        if second & 0x80 == 0 || (kind.is_control() && short > CONTROL_BYTES) {
            return Err(CloseCode::Protocol);
        }
        let (length, extended) = match (short, rest) {
            (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 2),
            (127, &[a, b, c, d, e, f, g, h, ..]) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 8)
            }
            (126 | 127, _) => return Ok(None),
            _short => (short, 0),
        };
        Ok(Some(Self { kind, is_final, length, size: 2 + extended + MASK_BYTES }))
    }
}

/// Takes the mask off some bytes of a payload; `at` is how many stand before them.
pub(super) fn unmask(bytes: &mut [u8], mut mask: [u8; MASK_BYTES], at: usize) {
    mask.rotate_left(at % MASK_BYTES);
    let [a, b, c, d] = mask;
    let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_soon_as_it_tells_the_length() {
        let read = |bytes: &[u8]| Header::read(bytes).unwrap();
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0x81]), None);
        let short = Header { kind: Kind::Text, is_final: true, length: 5, size: 6 };
        assert_eq!(read(&[0x81, 0x85]), Some(short));
        assert_eq!(read(&[0x02, 0xfe, 1]), None);
        let medium = Header { kind: Kind::Binary, is_final: false, length: 256, size: 8 };
        assert_eq!(read(&[0x02, 0xfe, 1, 0]), Some(medium));
        assert_eq!(read(&[0x80, 0xff, 0, 0, 0, 0, 0, 1, 0]), None);
        let long = Header { kind: Kind::Continue, is_final: true, length: 65_536, size: 14 };
        assert_eq!(read(&[0x80, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]), Some(long));
    }

    #[test]
    fn what_no_frame_may_be_is_refused_by_the_byte_that_tells() {
        for first in [0x91, 0xa1, 0xc1, 0x83, 0x87, 0x8b, 0x8f, 0x08, 0x09, 0x0a] {
            assert_eq!(Header::read(&[first]), Err(CloseCode::Protocol), "{first:x}");
        }
        assert_eq!(Header::read(&[0x81, 0x02]), Err(CloseCode::Protocol), "no mask");
        assert_eq!(Header::read(&[0x89, 0xfe]), Err(CloseCode::Protocol), "a long ping");
    }

    #[test]
    fn a_mask_comes_off_wherever_the_bytes_are_cut() {
        let mask = [1, 2, 3, 4];
        let plain: Vec<u8> = (0..100).collect();
        let masked: Vec<u8> = plain.iter().zip(mask.iter().cycle()).map(|(b, k)| b ^ k).collect();
        for cut in 0..plain.len() {
            let mut bytes = masked.clone();
            let (front, back) = bytes.split_at_mut(cut);
            unmask(front, mask, 0);
            unmask(back, mask, cut);
            assert_eq!(bytes, plain);
        }
    }
}
