//! Bytes of a WebSocket message from the server (RFC 6455, section 5.2): unmasked and unfragmented,
//! thus the same for every socket. A frame is made once and shared by all who get it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Serialize;

use super::CloseCode;

const FIN_TEXT: u8 = 0x81;
#[cfg(feature = "faults")]
const FIN_BINARY: u8 = 0x82;
const FIN_CLOSE: u8 = 0x88;
const FIN_PONG: u8 = 0x8a;
/// Bytes of the longest header.
const HEADER_ROOM: usize = 10;
/// Most frames are shorter.
const USUAL_BYTES: usize = 256;

/// One text message, ready for the socket. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    bytes: Bytes,
    header: u8,
}

/// One text message in two pieces: a beginning of its own, and an end that it shares with others.
#[derive(Debug, Clone)]
pub struct LongFrame {
    begin: Bytes,
    /// Empty when the frame is of one piece.
    end: Bytes,
}

/// The heartbeat `{}` as a frame.
pub const HEARTBEAT: Frame = Frame { bytes: Bytes::from_static(b"\x81\x02{}"), header: 2 };

impl Frame {
    /// A frame around one JSON line.
    #[must_use]
    pub fn text(line: &str) -> Self {
        Self::around(FIN_TEXT, line.as_bytes())
    }

    /// A frame around bytes that are no text: the echo alone sends such.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self::around(FIN_BINARY, bytes)
    }

    fn around(first: u8, payload: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(payload.len() + 10);
        put_header(&mut bytes, first, payload.len());
        let header = u8::try_from(bytes.len()).unwrap_or(0);
        bytes.put_slice(payload);
        Self { bytes: bytes.freeze(), header }
    }

    /// A frame around a value written as JSON. The shapes of this folder always can be written;
    /// should one not, the line is an `internal` error instead of a panic.
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        match written(value) {
            Some(mut bytes) => {
                let length = bytes.len() - HEADER_ROOM;
                let header = lead(&mut bytes, length);
                Self { bytes: bytes.freeze(), header }
            }
            None => Self::internal(),
        }
    }

    fn internal() -> Self {
        Self::text(r#"{"ev":"error","code":"internal"}"#)
    }

    /// The bytes for the socket.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The JSON line inside.
    #[must_use]
    pub fn line(&self) -> Bytes {
        self.bytes.slice(usize::from(self.header)..)
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// A frame is never empty: it has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A frame that is no text message: pong or close.
    pub(super) const fn raw(bytes: Bytes) -> Self {
        Self { bytes, header: 0 }
    }
}

impl LongFrame {
    /// A frame around a value written as JSON, whose last field the end brings: of the JSON the
    /// brackets that `end` closes are left out, and `joint` stands between the two.
    pub(super) fn ending(value: &impl Serialize, brackets: usize, joint: &str, end: Bytes) -> Self {
        let Some(mut bytes) = written(value) else {
            return Frame::internal().into();
        };
        bytes.truncate(bytes.len() - brackets);
        bytes.put_slice(joint.as_bytes());
        let length = bytes.len() - HEADER_ROOM + end.len();
        lead(&mut bytes, length);
        Self { begin: bytes.freeze(), end }
    }

    /// The bytes for the socket, one after the other.
    #[must_use]
    pub fn pieces(&self) -> (&Bytes, &Bytes) {
        (&self.begin, &self.end)
    }

    /// Bytes on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        self.begin.len() + self.end.len()
    }

    /// A frame is never empty: it has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.begin.is_empty()
    }

    /// The JSON line inside, in one piece.
    #[cfg(test)]
    pub(crate) fn line(&self) -> Bytes {
        let header = match self.begin.get(1) {
            Some(126) => 4,
            Some(127) => 10,
            _short => 2,
        };
        [self.begin.slice(header..), self.end.clone()].concat().into()
    }
}

impl From<Frame> for LongFrame {
    fn from(frame: Frame) -> Self {
        Self { begin: frame.bytes, end: Bytes::new() }
    }
}

/// A value as JSON where it stays, behind room for the longest header.
fn written(value: &impl Serialize) -> Option<BytesMut> {
    let mut bytes = BytesMut::with_capacity(USUAL_BYTES);
    bytes.put_bytes(0, HEADER_ROOM);
    serde_json::to_writer((&mut bytes).writer(), value).ok()?;
    Some(bytes)
}

/// Puts the header of a text message of so many bytes in front, into the room for it; its length.
fn lead(bytes: &mut BytesMut, payload: usize) -> u8 {
    let mut header = [0; HEADER_ROOM];
    let mut space = &mut header[..];
    put_header(&mut space, FIN_TEXT, payload);
    let length = HEADER_ROOM - space.len();
    bytes.advance(HEADER_ROOM - length);
    for (place, byte) in bytes.iter_mut().zip(header).take(length) {
        *place = byte;
    }
    u8::try_from(length).unwrap_or(0)
}

fn put_header(out: &mut impl BufMut, first: u8, len: usize) {
    out.put_u8(first);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short), _) if short < 126 => out.put_u8(short),
        (_, Ok(medium)) => {
            out.put_u8(126);
            out.put_u16(medium);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(len as u64);
        }
    }
}

/// A close frame with the code and its word.
#[must_use]
pub fn close_frame(code: CloseCode) -> Frame {
    let word = code.word();
    let mut out = BytesMut::with_capacity(word.len() + 4);
    put_header(&mut out, FIN_CLOSE, word.len() + 2);
    out.put_u16(code.number());
    out.put_slice(word.as_bytes());
    Frame::raw(out.freeze())
}

/// A pong that carries back what the ping carried (at most 125 bytes).
#[must_use]
pub fn control_frame(ping: &[u8]) -> Frame {
    let mut out = BytesMut::with_capacity(ping.len() + 2);
    put_header(&mut out, FIN_PONG, ping.len());
    out.put_slice(ping);
    Frame::raw(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, header) in [(2, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = Frame::text(&"x".repeat(len));
            assert_eq!(frame.len(), header + len);
            assert_eq!(frame.line().len(), len);
        }
        assert_eq!(HEARTBEAT.line(), "{}");
    }

    #[test]
    fn a_close_frame_carries_number_and_word() {
        let frame = close_frame(CloseCode::TooSlow);
        assert_eq!(&frame.bytes()[..4], b"\x88\x0a\x0f\xa3");
        assert_eq!(&frame.bytes()[4..], b"too slow");
    }
}
