//! The reader by examples and properties.

use proptest::prelude::*;

use super::*;
use crate::domain::limits;

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

fn reader() -> Reader {
    Reader::new(BytesMut::new(), limits::FRAME_BYTES)
}

fn read(bytes: &[u8]) -> Result<Vec<Incoming>, CloseCode> {
    let mut reader = reader();
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
    assert_eq!(read(&frame(0x81, &vec![b'a'; limits::FRAME_BYTES + 1])), Err(CloseCode::TooBig));
    let joined = [frame(0x01, &vec![b'a'; 40_000]), frame(0x80, &vec![b'a'; 40_000])].concat();
    assert_eq!(read(&joined), Err(CloseCode::TooBig));
}

#[test]
fn an_announced_frame_reserves_nothing() {
    let mut reader = reader();
    reader.feed(&frame(0x81, &vec![b'a'; 60_000])[..14]);
    assert_eq!(reader.next(), Ok(None));
    assert!(reader.bytes.capacity() < 256);
}

#[test]
fn a_text_is_refused_in_the_middle_of_a_frame() {
    let bytes = frame(0x81, b"\xce\xba\xf4\x90\x80\x80edited");
    let mut reader = reader();
    reader.feed(&bytes[..9]);
    assert_eq!(reader.next(), Ok(None), "the first byte of a character can still become one");
    reader.feed(&bytes[9..10]);
    assert_eq!(reader.next(), Err(CloseCode::NotUtf8));
    let fragments = [frame(0x01, b"\xce\xba\xf4"), frame(0x89, b"\xff"), frame(0x00, b"\x90")];
    assert_eq!(read(&fragments.concat()), Err(CloseCode::NotUtf8));
    let ping = Incoming::Ping(Bytes::from_static(b"\xff"));
    assert_eq!(read(&fragments[..2].concat()), Ok(vec![ping]));
}

#[test]
fn one_text_says_nothing_of_the_next() {
    let bytes =
        [frame(0x01, b"\xf0"), frame(0x80, b"\x9f\x8e\x89"), frame(0x01, b"a"), frame(0x80, b"b")];
    let sent = vec![Incoming::Text("🎉".into()), Incoming::Text("ab".into())];
    assert_eq!(read(&bytes.concat()), Ok(sent));
    let binary = [frame(0x02, b"\xf0"), frame(0x80, b"\xf0"), frame(0x81, b"c")].concat();
    let sent = vec![Incoming::Binary(Bytes::from_static(b"\xf0\xf0")), Incoming::Text("c".into())];
    assert_eq!(read(&binary), Ok(sent));
}

#[test]
fn a_close_says_a_code_that_may_be_sent() {
    let close = |code: u16| read(&frame(0x88, &code.to_be_bytes()));
    for code in [1000, 1001, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
        assert_eq!(close(code), Ok(vec![Incoming::Close]), "{code}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(close(code), Err(CloseCode::Protocol), "{code}");
    }
    assert_eq!(read(&frame(0x88, b"")), Ok(vec![Incoming::Close]));
}

#[test]
fn nothing_is_held_between_messages() {
    let mut reader = reader();
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
        let mut reader = reader();
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
