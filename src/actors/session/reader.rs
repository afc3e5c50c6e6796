//! From bytes to WebSocket messages (RFC 6455): masks, fragments, control frames, limits.
//!
//! actix-http's parser decodes a frame; here stand the rules around it. It waits for the declared
//! length and makes room for it, so a frame is refused by its header, before its payload comes,
//! and is given to the parser only when it is complete: fourteen bytes cannot reserve 64 KiB.

use actix_http::ws::{OpCode, Parser, ProtocolError};
use bytes::{Bytes, BytesMut};

use crate::domain::limits;
use crate::protocol::CloseCode;

/// Longest payload of a control frame (section 5.5).
const CONTROL_BYTES: u64 = 125;

/// A message of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message; this protocol has none.
    Binary,
    /// To be answered with the same payload.
    Ping(Bytes),
    /// A sign of life.
    Pong,
    /// The peer says goodbye.
    Close,
}

/// Puts frames together. Holds memory only while a frame or a message is incomplete.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    bytes: BytesMut,
    joined: Option<Joined>,
}

/// A fragmented message so far.
#[derive(Debug)]
struct Joined {
    is_text: bool,
    bytes: BytesMut,
}

impl Reader {
    /// What was read with the handshake, before the session began.
    pub(crate) fn with(bytes: BytesMut) -> Self {
        Self { bytes, joined: None }
    }

    /// Adds what came from the socket.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if one is complete.
    ///
    /// # Errors
    /// The code to close with, when the peer broke the protocol or a limit.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, CloseCode> {
        loop {
            if !self.is_complete()? {
                if self.bytes.is_empty() {
                    self.bytes = BytesMut::new();
                }
                return Ok(None);
            }
            let frame = Parser::parse(&mut self.bytes, true, limits::FRAME_BYTES);
            let Some((is_final, code, payload)) = frame.map_err(|why| close_code(&why))? else {
                return Ok(None);
            };
            if let Some(message) = self.take(is_final, code, payload.unwrap_or_default())? {
                return Ok(Some(message));
            }
        }
    }

    /// Looks at the header of the frame in front: whether all of it is here, and whether it may be.
    fn is_complete(&self) -> Result<bool, CloseCode> {
        let &[first, second, ref rest @ ..] = &*self.bytes else {
            return Ok(false);
        };
        let (length, extra) = match (second & 0x7f, rest) {
            (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 2),
            (127, &[a, b, c, d, e, f, g, h, ..]) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 8)
            }
            (126 | 127, _) => return Ok(false),
            (short, _) => (u64::from(short), 0),
        };
        let is_control = first & 0x08 != 0;
        if is_control && (length > CONTROL_BYTES || first & 0x80 == 0) {
            return Err(CloseCode::Protocol);
        }
        let joined = self.joined.as_ref().map_or(0, |joined| joined.bytes.len()) as u64;
        let most = limits::FRAME_BYTES as u64;
        if !is_control && (length > most || joined + length > most) {
            return Err(CloseCode::TooBig);
        }
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        // An unmasked frame is complete enough to be refused.
        Ok(mask == 0 || self.bytes.len() as u64 >= 2 + extra + mask + length)
    }

    fn take(
        &mut self,
        is_final: bool,
        code: OpCode,
        payload: BytesMut,
    ) -> Result<Option<Incoming>, CloseCode> {
        match code {
            OpCode::Ping => Ok(Some(Incoming::Ping(payload.freeze()))),
            OpCode::Pong => Ok(Some(Incoming::Pong)),
            OpCode::Close if !is_reason_utf8(&payload) => Err(CloseCode::NotUtf8),
            OpCode::Close => match Parser::try_parse_close_payload(&payload) {
                Ok(_reason) => Ok(Some(Incoming::Close)),
                Err(why) => Err(close_code(&why)),
            },
            OpCode::Text | OpCode::Binary if self.joined.is_some() => Err(CloseCode::Protocol),
            OpCode::Text | OpCode::Binary => {
                let is_text = code == OpCode::Text;
                if is_final {
                    return whole(is_text, &payload).map(Some);
                }
                self.joined = Some(Joined { is_text, bytes: payload });
                Ok(None)
            }
            OpCode::Continue => {
                let Some(mut joined) = self.joined.take() else {
                    return Err(CloseCode::Protocol);
                };
                joined.bytes.extend_from_slice(&payload);
                if is_final {
                    return whole(joined.is_text, &joined.bytes).map(Some);
                }
                self.joined = Some(joined);
                Ok(None)
            }
            OpCode::Bad => Err(CloseCode::Protocol),
        }
    }
}

fn whole(is_text: bool, bytes: &[u8]) -> Result<Incoming, CloseCode> {
    if !is_text {
        return Ok(Incoming::Binary);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Incoming::Text(text.to_owned())),
        Err(_not_utf8) => Err(CloseCode::NotUtf8),
    }
}

/// The reason behind the two bytes of the code is text (section 5.5.1).
fn is_reason_utf8(payload: &[u8]) -> bool {
    payload.get(2..).is_none_or(|reason| std::str::from_utf8(reason).is_ok())
}

fn close_code(why: &ProtocolError) -> CloseCode {
    match why {
        ProtocolError::Overflow => CloseCode::TooBig,
        _broken => CloseCode::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut out = vec![first];
        match payload.len() {
            short @ 0..=125 => out.push(0x80 | short as u8),
            medium @ 126..=65_535 => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&mask);
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        out
    }

    fn read(bytes: &[u8]) -> Result<Vec<Incoming>, CloseCode> {
        let mut reader = Reader::default();
        reader.feed(bytes);
        let mut all = Vec::new();
        while let Some(message) = reader.next()? {
            all.push(message);
        }
        Ok(all)
    }

    #[test]
    fn fragments_join_around_a_ping() {
        let bytes =
            [frame(0x01, b"he"), frame(0x89, b"p"), frame(0x00, b"l"), frame(0x80, b"lo")].concat();
        let ping = Incoming::Ping(Bytes::from_static(b"p"));
        assert_eq!(read(&bytes), Ok(vec![ping, Incoming::Text("hello".into())]));
    }

    #[test]
    fn what_breaks_the_protocol_is_told_apart() {
        let mut unmasked = frame(0x81, b"hi");
        unmasked[1] &= 0x7f;
        assert_eq!(read(&unmasked), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0xc1, b"rsv")), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0x80, b"no start")), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0x09, b"fragmented ping")), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0x89, &[0; 126])), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0x83, b"reserved opcode")), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0x88, b"x")), Err(CloseCode::Protocol));
        assert_eq!(read(&frame(0x88, &[0x03, 0xe8, 0xff])), Err(CloseCode::NotUtf8));
        assert_eq!(read(&frame(0x81, &[0xff])), Err(CloseCode::NotUtf8));
        let twice = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
        assert_eq!(read(&twice), Err(CloseCode::Protocol));
    }

    #[test]
    fn a_frame_that_is_too_big_is_refused_by_its_header() {
        let huge = [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes()].concat();
        assert_eq!(read(&huge), Err(CloseCode::TooBig));
        assert!(read(&frame(0x81, &vec![b'a'; limits::FRAME_BYTES])).is_ok());
        assert_eq!(
            read(&frame(0x81, &vec![b'a'; limits::FRAME_BYTES + 1])),
            Err(CloseCode::TooBig)
        );
        let joined = [frame(0x01, &vec![b'a'; 40_000]), frame(0x80, &vec![b'a'; 40_000])].concat();
        assert_eq!(read(&joined), Err(CloseCode::TooBig));
    }

    #[test]
    fn an_announced_frame_reserves_nothing() {
        let mut reader = Reader::default();
        reader.feed(&frame(0x81, &vec![b'a'; 60_000])[..14]);
        assert_eq!(reader.next(), Ok(None));
        assert!(reader.bytes.capacity() < 256);
    }

    #[test]
    fn nothing_is_held_between_messages() {
        let mut reader = Reader::default();
        reader.feed(&frame(0x81, &vec![b'a'; 60_000]));
        assert!(matches!(reader.next(), Ok(Some(Incoming::Text(_)))));
        assert_eq!(reader.next(), Ok(None));
        assert_eq!(reader.bytes.capacity(), 0);
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            texts in prop::collection::vec(".{0,300}", 1..5),
            cut in 1..50usize,
        ) {
            let bytes: Vec<u8> = texts.iter().flat_map(|t| frame(0x81, t.as_bytes())).collect();
            let mut reader = Reader::default();
            let mut got = Vec::new();
            for part in bytes.chunks(cut) {
                reader.feed(part);
                while let Some(message) = reader.next().unwrap() {
                    got.push(message);
                }
            }
            let sent: Vec<_> = texts.into_iter().map(Incoming::Text).collect();
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _any_answer = read(&bytes);
        }
    }
}
