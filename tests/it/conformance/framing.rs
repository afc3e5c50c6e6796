//! Frames, pings, reserved bits and codes, fragments: groups 1 to 5, and 10.

use super::{BINARY, CONTINUE, Case, FIN, PING, PONG, TEXT, fragments, part, run, whole};
use crate::support::frame;

const HELLO: &[u8] = b"Hello, world!";

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_every_length_come_back() {
    let mut cases = Vec::new();
    for (kind, opcode, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        for (at, length) in [0, 125, 126, 127, 128, 65_535, 65_536].into_iter().enumerate() {
            let payload = vec![byte; length];
            let number = format!("1.{kind}.{}", at + 1);
            cases.push(Case::well(number, vec![whole(opcode, &payload)]).hears(opcode, &payload));
        }
        let payload = vec![byte; 65_536];
        let case = Case::well(format!("1.{kind}.8"), vec![whole(opcode, &payload)]);
        cases.push(case.hears(opcode, &payload).in_pieces(997));
    }
    let auto = fragments(TEXT, &[b'*'; 65_536], 1_300);
    assert_eq!(auto.len(), 51);
    cases.push(Case::well("10.1.1", auto).hears(TEXT, &[b'*'; 65_536]));
    assert_eq!(cases.len(), 16 + 1);
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_and_a_pong_is_not() {
    let ping = |number, payload: &[u8]| {
        Case::well(number, vec![whole(PING, payload)]).hears(PONG, payload)
    };
    let unsolicited = || whole(PONG, b"unsolicited pong payload");
    let ten = |number| {
        let payloads = (0..10).map(|n| format!("payload-{n}"));
        let frames = payloads.clone().map(|payload| whole(PING, payload.as_bytes())).collect();
        payloads
            .fold(Case::well(number, frames), |case, payload| case.hears(PONG, payload.as_bytes()))
    };
    let cases = vec![
        ping("2.1", b""),
        ping("2.2", HELLO),
        ping("2.3", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
        ping("2.4", &[0xfe; 125]),
        Case::ends("2.5", vec![whole(PING, &[0xfe; 126])], 1002),
        ping("2.6", &[0xfe; 125]).in_pieces(1),
        Case::well("2.7", vec![whole(PONG, b"")]),
        Case::well("2.8", vec![unsolicited()]),
        Case::well("2.9", vec![unsolicited(), whole(PING, b"ping")]).hears(PONG, b"ping"),
        ten("2.10"),
        ten("2.11").in_pieces(1),
    ];
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_bits_and_opcodes_end_the_connection() {
    let bad = |number, first: u8, payload: &[u8]| {
        Case::ends(number, vec![frame(FIN | first, payload)], 1002)
    };
    // What came before the bad frame is answered, what comes behind it is not.
    let between = |number, first: u8, payload: &[u8]| {
        let bad = frame(FIN | first, payload);
        Case::ends(number, vec![whole(TEXT, HELLO), bad, whole(PING, b"")], 1002).hears(TEXT, HELLO)
    };
    let cases = vec![
        bad("3.1", 0x10 | TEXT, HELLO),
        between("3.2", 0x20 | TEXT, HELLO).at_once(),
        between("3.3", 0x30 | TEXT, HELLO),
        between("3.4", 0x40 | TEXT, HELLO).in_pieces(1),
        bad("3.5", 0x50 | BINARY, b"\x00\xff\xfe"),
        bad("3.6", 0x60 | BINARY, b"\x00\xff\xfe"),
        bad("3.7", 0x70 | super::CLOSE, b""),
        bad("4.1.1", 3, b""),
        bad("4.1.2", 4, b"reserved opcode payload"),
        between("4.1.3", 5, b"").at_once(),
        between("4.1.4", 6, HELLO).at_once(),
        between("4.1.5", 7, HELLO).in_pieces(1),
        bad("4.2.1", 11, b""),
        bad("4.2.2", 12, b"reserved opcode payload"),
        between("4.2.3", 13, b"").at_once(),
        between("4.2.4", 14, HELLO).at_once(),
        between("4.2.5", 15, HELLO).in_pieces(1),
    ];
    assert_eq!(cases.len(), 7 + 10);
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_join_and_control_frames_may_stand_between_them() {
    let first = || part(TEXT, b"fragment1");
    let last = || whole(CONTINUE, b"fragment2");
    let two = |number| Case::well(number, vec![first(), last()]).hears(TEXT, b"fragment1fragment2");
    let around = |number| {
        let ping = whole(PING, b"ping payload");
        let case = Case::well(number, vec![first(), ping, last()]);
        case.hears(PONG, b"ping payload").hears(TEXT, b"fragment1fragment2")
    };
    let five = |number| {
        let more = |text: &[u8]| part(CONTINUE, text);
        let frames = vec![
            part(TEXT, b"a"),
            more(b"b"),
            whole(PING, b"pongme 1!"),
            more(b"c"),
            more(b"d"),
            whole(PING, b"pongme 2!"),
            whole(CONTINUE, b"e"),
        ];
        let case = Case::well(number, frames).hears(PONG, b"pongme 1!");
        case.hears(PONG, b"pongme 2!").hears(TEXT, b"abcde")
    };
    let cases = vec![
        two("5.3").at_once(),
        two("5.4"),
        two("5.5").in_pieces(1),
        around("5.6").at_once(),
        around("5.7"),
        around("5.8").in_pieces(1),
        five("5.19").at_once(),
        five("5.20"),
    ];
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_out_of_place_end_the_connection() {
    let last = || whole(CONTINUE, b"fragment2");
    let orphan = |number, first: u8| {
        let frames = vec![frame(first | CONTINUE, b"nothing to continue"), whole(TEXT, HELLO)];
        Case::ends(number, frames, 1002)
    };
    let twice = |number, first: u8| {
        let frames = vec![frame(first | CONTINUE, b"1"), part(TEXT, b"2"), whole(CONTINUE, b"3")];
        Case::ends(number, [frames.clone(), frames].concat(), 1002).at_once()
    };
    let more = part(CONTINUE, b"fragment3");
    let behind = vec![part(TEXT, b"fragment1"), last(), more, whole(TEXT, b"fragment4")];
    let cases = vec![
        Case::ends("5.1", vec![part(PING, b"fragment1"), last()], 1002),
        Case::ends("5.2", vec![part(PONG, b"fragment1"), last()], 1002),
        orphan("5.9", FIN).at_once(),
        orphan("5.10", FIN),
        orphan("5.11", FIN).in_pieces(1),
        orphan("5.12", 0).at_once(),
        orphan("5.13", 0),
        orphan("5.14", 0).in_pieces(1),
        Case::ends("5.15", behind, 1002).at_once().hears(TEXT, b"fragment1fragment2"),
        twice("5.16", 0),
        twice("5.17", FIN),
        Case::ends("5.18", vec![part(TEXT, b"a"), whole(TEXT, b"b")], 1002).at_once(),
    ];
    assert_eq!(cases.len() + 8, 20);
    run(cases).await;
}
