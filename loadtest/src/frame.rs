//! WebSocket frames: writing masked client frames, reading unmasked server frames.
//!
//! The reader works on the bytes of one socket read without copying them. Only what is cut off at the
//! end of a read is kept, and that memory is given back as soon as the frame is whole.

use std::fmt;

/// Masking only has to be present, not secret: no proxy sits between a load tester and its server.
const MASK: [u8; 4] = *b"moim";

/// A server frame above this is a fault of the server or of this parser.
const MAX_FRAME: u64 = 64 * 1024 * 1024;

pub(crate) const OP_TEXT: u8 = 0x1;
pub(crate) const OP_CLOSE: u8 = 0x8;
pub(crate) const OP_PONG: u8 = 0xA;
const OP_CONTINUATION: u8 = 0x0;
const OP_BINARY: u8 = 0x2;
const OP_PING: u8 = 0x9;

/// What a server frame, or a series of fragments, carried.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Message(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close(u16),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FrameError {
    Masked,
    ReservedBits,
    UnknownOpcode(u8),
    TooLong(u64),
    Fragments,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => f.write_str("the server sent a masked frame"),
            Self::ReservedBits => f.write_str("the server sent reserved bits"),
            Self::UnknownOpcode(op) => write!(f, "the server sent opcode {op:#x}"),
            Self::TooLong(length) => write!(f, "the server announced a frame of {length} bytes"),
            Self::Fragments => f.write_str("the server mixed up the fragments of a message"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends one whole, masked frame to `out`.
pub(crate) fn write_masked(out: &mut Vec<u8>, op: u8, payload: &[u8]) {
    out.push(0x80 | op);
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        middle @ 126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Appends one whole frame as a server writes it.
pub(crate) fn write_unmasked(out: &mut Vec<u8>, op: u8, payload: &[u8]) {
    out.push(0x80 | op);
    match payload.len() {
        short @ 0..=125 => out.push(short as u8),
        middle @ 126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Cuts the byte stream of one socket into frames.
#[derive(Default)]
pub(crate) struct FrameReader {
    /// The beginning of a frame whose end has not arrived.
    tail: Vec<u8>,
    /// The fragments of a message whose last one has not arrived.
    fragments: Option<Vec<u8>>,
    /// The tail was put there by `keep` and may hold whole frames.
    has_kept: bool,
}

impl FrameReader {
    /// Puts bytes that came with something else in front of the next `feed`.
    pub(crate) fn keep(&mut self, bytes: Vec<u8>) {
        self.has_kept = !bytes.is_empty();
        self.tail = bytes;
    }

    /// Whether `feed` has work although nothing new was read.
    pub(crate) fn has_kept(&self) -> bool {
        self.has_kept
    }

    /// Takes the bytes of one read and hands on every frame that is whole now.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut on_frame: impl FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        if self.tail.is_empty() {
            let rest = self.cut(bytes, &mut on_frame)?;
            self.tail.extend_from_slice(rest);
            return Ok(());
        }
        self.has_kept = false;
        let mut joined = std::mem::take(&mut self.tail);
        joined.extend_from_slice(bytes);
        let rest = self.cut(&joined, &mut on_frame)?.len();
        if rest > 0 {
            joined.drain(..joined.len() - rest);
            self.tail = joined;
        }
        Ok(())
    }

    /// Handles the whole frames at the start of `input` and returns what is left.
    fn cut<'a>(
        &mut self,
        mut input: &'a [u8],
        on_frame: &mut impl FnMut(Frame<'_>),
    ) -> Result<&'a [u8], FrameError> {
        while let Some(header) = Header::parse(input)? {
            let Some((frame, rest)) = input.split_at_checked(header.length + header.payload) else {
                break;
            };
            let (_, payload) = frame.split_at(header.length);
            self.take(&header, payload, on_frame)?;
            input = rest;
        }
        Ok(input)
    }

    fn take(
        &mut self,
        header: &Header,
        payload: &[u8],
        on_frame: &mut impl FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        match (header.op, self.fragments.as_mut()) {
            (OP_TEXT | OP_BINARY, None) if header.is_last => on_frame(Frame::Message(payload)),
            (OP_TEXT | OP_BINARY, None) => self.fragments = Some(payload.to_vec()),
            (OP_CONTINUATION, Some(fragments)) => {
                fragments.extend_from_slice(payload);
                if header.is_last {
                    on_frame(Frame::Message(fragments));
                    self.fragments = None;
                }
            }
            (OP_TEXT | OP_BINARY, Some(_)) | (OP_CONTINUATION, None) => {
                return Err(FrameError::Fragments);
            }
            (OP_PING, _) => on_frame(Frame::Ping(payload)),
            (OP_PONG, _) => on_frame(Frame::Pong),
            (OP_CLOSE, _) => {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                on_frame(Frame::Close(code));
            }
            (other, _) => return Err(FrameError::UnknownOpcode(other)),
        }
        Ok(())
    }
}

struct Header {
    op: u8,
    is_last: bool,
    /// Bytes of the header itself.
    length: usize,
    /// Bytes behind the header.
    payload: usize,
}

impl Header {
    /// `None` while the header is not whole.
    fn parse(input: &[u8]) -> Result<Option<Self>, FrameError> {
        let [first, second, more @ ..] = input else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(FrameError::ReservedBits);
        }
        if second & 0x80 != 0 {
            return Err(FrameError::Masked);
        }
        let (length, payload) = match second & 0x7F {
            126 => match more.first_chunk() {
                Some(bytes) => (4, u64::from(u16::from_be_bytes(*bytes))),
                None => return Ok(None),
            },
            127 => match more.first_chunk() {
                Some(bytes) => (10, u64::from_be_bytes(*bytes)),
                None => return Ok(None),
            },
            short => (2, u64::from(short)),
        };
        if payload > MAX_FRAME {
            return Err(FrameError::TooLong(payload));
        }
        Ok(Some(Self {
            op: first & 0x0F,
            is_last: first & 0x80 != 0,
            length,
            payload: payload as usize,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Owned {
        Message(Vec<u8>),
        Ping(Vec<u8>),
        Pong,
        Close(u16),
    }

    fn collect(parts: &[&[u8]]) -> Result<Vec<Owned>, FrameError> {
        let mut reader = FrameReader::default();
        let mut seen = Vec::new();
        for part in parts {
            reader.feed(part, |frame| {
                seen.push(match frame {
                    Frame::Message(bytes) => Owned::Message(bytes.to_vec()),
                    Frame::Ping(bytes) => Owned::Ping(bytes.to_vec()),
                    Frame::Pong => Owned::Pong,
                    Frame::Close(code) => Owned::Close(code),
                });
            })?;
        }
        assert!(reader.tail.is_empty(), "bytes were left over");
        Ok(seen)
    }

    /// A stream with every length form, fragments, and control frames between the fragments.
    fn stream() -> (Vec<u8>, Vec<Owned>) {
        let (middle, long) = (vec![b'm'; 300], vec![b'l'; 70_000]);
        let mut bytes = Vec::new();
        write_unmasked(&mut bytes, OP_TEXT, b"{}");
        write_unmasked(&mut bytes, OP_TEXT, &middle);
        bytes.extend_from_slice(&[0x01, 2, b'a', b'b']);
        write_unmasked(&mut bytes, OP_PING, b"hey");
        bytes.extend_from_slice(&[0x00, 1, b'c']);
        write_unmasked(&mut bytes, OP_PONG, b"");
        bytes.extend_from_slice(&[0x80, 1, b'd']);
        write_unmasked(&mut bytes, OP_TEXT, &long);
        write_unmasked(&mut bytes, OP_TEXT, b"");
        write_unmasked(&mut bytes, OP_CLOSE, &4001_u16.to_be_bytes());
        let frames = vec![
            Owned::Message(b"{}".to_vec()),
            Owned::Message(middle),
            Owned::Ping(b"hey".to_vec()),
            Owned::Pong,
            Owned::Message(b"abcd".to_vec()),
            Owned::Message(long),
            Owned::Message(Vec::new()),
            Owned::Close(4001),
        ];
        (bytes, frames)
    }

    #[test]
    fn a_stream_split_at_any_byte_gives_the_same_frames() {
        let (bytes, frames) = stream();
        let interesting = (0..600).chain(bytes.len() - 40..bytes.len());
        for at in interesting {
            let (left, right) = bytes.split_at(at);
            assert_eq!(collect(&[left, right]).as_ref(), Ok(&frames), "split at {at}");
        }
    }

    #[test]
    fn a_stream_that_drips_byte_by_byte_gives_the_same_frames() {
        let (mut bytes, mut frames) = stream();
        // The long frame would make this quadratic.
        let long = bytes.len() - 70_000 - 10 - 2 - 4;
        bytes.drain(long..long + 70_010);
        frames.remove(5);
        let drops: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(collect(&drops), Ok(frames));
    }

    #[test]
    fn a_masked_frame_is_undone_by_its_mask() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut out = Vec::new();
            write_masked(&mut out, OP_TEXT, &payload);
            let body = out.split_off(out.len() - length);
            let mask = out.split_off(out.len() - 4);
            let back: Vec<u8> =
                body.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            assert_eq!(back, payload);
            assert_eq!(out.get(1).map(|byte| byte & 0x80), Some(0x80));
        }
    }

    #[test]
    fn frames_that_no_server_may_send_are_refused() {
        assert_eq!(collect(&[&[0x81, 0x80, 0, 0, 0, 0]]), Err(FrameError::Masked));
        assert_eq!(collect(&[&[0xC1, 0]]), Err(FrameError::ReservedBits));
        assert_eq!(collect(&[&[0x83, 0]]), Err(FrameError::UnknownOpcode(3)));
        assert_eq!(collect(&[&[0x80, 0]]), Err(FrameError::Fragments));
        let endless = [0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0];
        assert!(matches!(collect(&[&endless]), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn a_close_frame_without_a_code_is_1005() {
        assert_eq!(collect(&[&[0x88, 0]]), Ok(vec![Owned::Close(1005)]));
    }
}
