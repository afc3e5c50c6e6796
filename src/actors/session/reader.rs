//! From bytes to WebSocket messages (RFC 6455): masks, fragments, control frames, limits.
//!
//! A frame is refused by its header, before its payload comes, and memory is taken only for bytes
//! that are here: fourteen bytes cannot reserve 64 KiB. Text that can no longer become UTF-8 is
//! refused at that byte, in the middle of a frame too.

use bytes::{Buf, Bytes, BytesMut};

use super::header::{Header, Kind, unmask};
use super::utf8::{Beginning, NotUtf8};
use crate::protocol::CloseCode;

/// A message of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Bytes),
    /// To be answered with the same payload.
    Ping(Bytes),
    /// A sign of life.
    Pong,
    /// The peer says goodbye.
    Close,
}

/// Puts frames together. Holds memory only while a frame or a message is incomplete.
#[derive(Debug)]
pub(crate) struct Reader {
    bytes: BytesMut,
    /// Bytes of the payload in front that were unmasked already.
    opened: usize,
    /// The text that is on its way.
    text: Beginning,
    joined: Option<Box<Joined>>,
    most: usize,
}

/// A fragmented message so far.
#[derive(Debug)]
struct Joined {
    is_text: bool,
    bytes: BytesMut,
}

impl Reader {
    /// Begins with what was read with the handshake. A message, its fragments joined, has at most
    /// `most` bytes.
    pub(crate) fn new(bytes: BytesMut, most: usize) -> Self {
        Self { bytes, opened: 0, text: Beginning::default(), joined: None, most }
    }

    /// Adds what came from the socket.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes of memory held.
    #[cfg(feature = "faults")]
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity() + self.joined.as_ref().map_or(0, |joined| joined.bytes.capacity())
    }

    /// The next message, if one is complete.
    ///
    /// # Errors
    /// The code to close with, when the peer broke the protocol or a limit.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, CloseCode> {
        loop {
            let Some(header) = Header::read(&self.bytes)? else {
                if self.bytes.is_empty() {
                    self.bytes = BytesMut::new();
                }
                return Ok(None);
            };
            let length = self.admit(header)?;
            let Some(payload) = self.open(header, length)? else {
                return Ok(None);
            };
            if let Some(message) = self.take(header, payload)? {
                return Ok(Some(message));
            }
        }
    }

    /// Whether a frame may come now and has room here; the bytes of its payload.
    fn admit(&self, header: Header) -> Result<usize, CloseCode> {
        let has_begun = match (header.kind, &self.joined) {
            (Kind::Continue, None) | (Kind::Text | Kind::Binary, Some(_)) => {
                return Err(CloseCode::Protocol);
            }
            (Kind::Continue, Some(joined)) => joined.bytes.len(),
            (_whole, _) => 0,
        };
        let length = usize::try_from(header.length).ok().filter(|length| *length <= self.most);
        let length = length.filter(|length| has_begun + length <= self.most);
        length.ok_or(CloseCode::TooBig)
    }

    /// Unmasks what is here of the payload in front; takes it out when all of it is.
    fn open(&mut self, header: Header, length: usize) -> Result<Option<BytesMut>, CloseCode> {
        let Some((head, payload)) = self.bytes.split_at_mut_checked(header.size) else {
            return Ok(None);
        };
        let mask = head.last_chunk().copied().unwrap_or_default();
        let here = payload.len().min(length);
        let fresh = payload.get_mut(self.opened..here).unwrap_or_default();
        unmask(fresh, mask, self.opened);
        let is_whole = here == length;
        let is_text = match header.kind {
            Kind::Continue => self.joined.as_ref().is_some_and(|joined| joined.is_text),
            kind => kind == Kind::Text,
        };
        // A text is looked at again as a whole, so what ends here need not be looked at twice.
        if is_text && !(is_whole && header.is_final) {
            self.text.go_on(fresh).map_err(|NotUtf8| CloseCode::NotUtf8)?;
        }
        if !is_whole {
            self.opened = here;
            return Ok(None);
        }
        self.opened = 0;
        self.bytes.advance(header.size);
        Ok(Some(self.bytes.split_to(length)))
    }

    fn take(&mut self, header: Header, payload: BytesMut) -> Result<Option<Incoming>, CloseCode> {
        match (header.kind, &mut self.joined) {
            (Kind::Ping, _) => Ok(Some(Incoming::Ping(payload.freeze()))),
            (Kind::Pong, _) => Ok(Some(Incoming::Pong)),
            (Kind::Close, _) => goodbye(&payload).map(Some),
            (kind, None) if header.is_final => self.whole(kind == Kind::Text, payload),
            (kind, None) => {
                let is_text = kind == Kind::Text;
                self.joined = Some(Box::new(Joined { is_text, bytes: payload }));
                Ok(None)
            }
            (_more, Some(joined)) => {
                joined.bytes.extend_from_slice(&payload);
                match self.joined.take_if(|_| header.is_final) {
                    Some(joined) => self.whole(joined.is_text, joined.bytes),
                    None => Ok(None),
                }
            }
        }
    }

    fn whole(&mut self, is_text: bool, bytes: BytesMut) -> Result<Option<Incoming>, CloseCode> {
        self.text = Beginning::default();
        if !is_text {
            return Ok(Some(Incoming::Binary(bytes.freeze())));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Incoming::Text(text.to_owned()))),
            Err(_not_utf8) => Err(CloseCode::NotUtf8),
        }
    }
}

/// A close frame carries nothing, or a code that may be sent and a reason that is text
/// (sections 5.5.1 and 7.4).
fn goodbye(payload: &[u8]) -> Result<Incoming, CloseCode> {
    match *payload {
        [] => Ok(Incoming::Close),
        [a, b, ref reason @ ..] => match u16::from_be_bytes([a, b]) {
            1000..=1003 | 1007..=1014 | 3000..=4999 if std::str::from_utf8(reason).is_ok() => {
                Ok(Incoming::Close)
            }
            1000..=1003 | 1007..=1014 | 3000..=4999 => Err(CloseCode::NotUtf8),
            _not_to_be_sent => Err(CloseCode::Protocol),
        },
        [_half] => Err(CloseCode::Protocol),
    }
}

#[cfg(test)]
mod tests;
