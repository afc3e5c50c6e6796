//! The bytes of a socket.

use bytes::{Bytes, BytesMut};

use crate::actors::{Incoming, Reader};
use crate::domain::limits;
use crate::protocol::{CloseCode, Frame};

/// What came of reading some bytes.
type Outcome = (Vec<Incoming>, Option<CloseCode>);

fn read<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Outcome {
    let mut reader = Reader::new(BytesMut::new(), limits::FRAME_BYTES);
    let (mut all, mut fed) = (Vec::new(), 0);
    for piece in pieces {
        reader.feed(piece);
        fed += piece.len();
        loop {
            match reader.next() {
                Ok(Some(message)) => all.push(message),
                Ok(None) => break,
                Err(code) => return (all, Some(code)),
            }
        }
        assert!(reader.held() <= 4 * fed + 1_024, "{} held of {fed}", reader.held());
    }
    (all, None)
}

/// Any bytes: where they are cut does not matter, nothing is held that was not sent, and only
/// codes come out that RFC 6455 has. The first byte says how they are cut.
pub fn frames(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(std::iter::once(bytes));
    assert_eq!(whole, read(bytes.chunks(usize::from(cut).max(1))), "cut by {cut}");
    assert_eq!(whole, read(bytes.chunks(1)), "cut by one");
    let (messages, code) = whole;
    let known = [CloseCode::Protocol, CloseCode::NotUtf8, CloseCode::TooBig];
    assert!(code.is_none_or(|code| known.contains(&code)), "{code:?}");
    for message in messages {
        match message {
            Incoming::Text(text) => assert!(text.len() <= limits::FRAME_BYTES),
            Incoming::Binary(bytes) => assert!(bytes.len() <= limits::FRAME_BYTES),
            Incoming::Ping(bytes) => assert!(bytes.len() <= 125),
            Incoming::Pong | Incoming::Close => {}
        }
    }
}

/// Messages made of any bytes, in any fragments with pings between them: they are read as they
/// were sent, and a frame of ours around the same text carries it unchanged.
pub fn messages(data: &[u8]) {
    let (mut bytes, mut sent) = (Vec::new(), Vec::new());
    let mut rest = data;
    while let &[kind, length, fragment, ref behind @ ..] = rest {
        let (payload, behind) = behind.split_at(behind.len().min(usize::from(length) * 8));
        rest = behind;
        let text = std::str::from_utf8(payload).ok().filter(|_| kind & 1 == 0);
        let fragments: Vec<&[u8]> = match fragment {
            0 => vec![payload],
            of if payload.is_empty() => vec![payload; usize::from(of % 4) + 1],
            of => payload.chunks(usize::from(of)).collect(),
        };
        let last = fragments.len().saturating_sub(1);
        for (at, part) in fragments.into_iter().enumerate() {
            let code = if at > 0 { 0 } else { 1 + u8::from(text.is_none()) };
            put(&mut bytes, if at == last { 0x80 | code } else { code }, part, kind);
            if at < last && kind & 2 != 0 {
                let ping = part.get(..part.len().min(125)).unwrap_or_default();
                put(&mut bytes, 0x89, ping, length);
                sent.push(Incoming::Ping(Bytes::copy_from_slice(ping)));
            }
        }
        sent.push(match text {
            Some(text) => {
                assert_eq!(Frame::text(text).line(), text);
                Incoming::Text(text.to_owned())
            }
            None => Incoming::Binary(Bytes::copy_from_slice(payload)),
        });
    }
    assert_eq!(read(std::iter::once(&*bytes)), (sent, None));
}

/// A frame as a client sends it.
fn put(out: &mut Vec<u8>, first: u8, payload: &[u8], seed: u8) {
    let mask = [seed, seed.wrapping_mul(31), seed.rotate_left(3), !seed];
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0xfe);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _long => {
            out.push(0xff);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}
