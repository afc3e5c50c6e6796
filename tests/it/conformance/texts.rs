//! Text is UTF-8, all of it, and what is not is refused at once: group 6.

use super::{CONTINUE, Case, PING, PONG, TEXT, fragments, part, run, whole};
use crate::support::{Raw, TestApp};

/// "kosme", with accents.
const KOSME: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// A payload and whether it is UTF-8, by the number of its part of the group.
type Payload = (u8, bool, Vec<u8>);

fn all(part: u8, is_text: bool, payloads: &[&[u8]]) -> Vec<Payload> {
    payloads.iter().map(|bytes| (part, is_text, bytes.to_vec())).collect()
}

/// Well-formed texts and the borders of what is one.
fn borders() -> Vec<Payload> {
    let mut found = all(
        5,
        true,
        &[
            b"hello$world",
            b"hello\xc2\xa2world",
            b"hello\xe2\x82\xacworld",
            b"hello\xf0\xa4\xad\xa2world",
            KOSME,
        ],
    );
    // A text that ends within a character is none.
    found.extend((1..=KOSME.len()).map(|end| {
        let ends_well = [2, 5, 7, 9, 11].contains(&end);
        (6, ends_well, KOSME[..end].to_vec())
    }));
    let parts = [
        all(7, true, &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
        all(8, false, &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
        all(9, true, &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
        all(
            10,
            false,
            &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
        ),
        all(11, true, &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
        all(11, false, &[b"\xf4\x90\x80\x80"]),
    ];
    found.extend(parts.concat());
    found
}

/// Continuations without a beginning, beginnings without continuation, bytes that never occur.
fn torn() -> Vec<Payload> {
    let mut found = all(12, false, &[b"\x80", b"\xbf"]);
    found.extend((2..=6).map(|length| {
        let bytes = [0x80, 0xbf].into_iter().cycle().take(length);
        (12, false, bytes.collect())
    }));
    found.push((12, false, (0x80..0xbf).collect()));
    for (from, to) in [(0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd)] {
        found.push((13, false, (from..to).flat_map(|byte| [byte, b' ']).collect()));
    }
    let unfinished: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    found.extend(all(14, false, &unfinished));
    found.push((15, false, unfinished.concat()));
    found.extend(all(16, false, &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]));
    found
}

/// Characters written longer than they are.
fn overlong() -> Vec<Payload> {
    [
        all(
            17,
            false,
            &[
                b"\xc0\xaf",
                b"\xe0\x80\xaf",
                b"\xf0\x80\x80\xaf",
                b"\xf8\x80\x80\x80\xaf",
                b"\xfc\x80\x80\x80\x80\xaf",
            ],
        ),
        all(
            18,
            false,
            &[
                b"\xc1\xbf",
                b"\xe0\x9f\xbf",
                b"\xf0\x8f\xbf\xbf",
                b"\xf8\x87\xbf\xbf\xbf",
                b"\xfc\x83\xbf\xbf\xbf\xbf",
            ],
        ),
        all(
            19,
            false,
            &[
                b"\xc0\x80",
                b"\xe0\x80\x80",
                b"\xf0\x80\x80\x80",
                b"\xf8\x80\x80\x80\x80",
                b"\xfc\x80\x80\x80\x80\x80",
            ],
        ),
    ]
    .concat()
}

/// Surrogates are no characters; the last two of each plane are, though nobody may assign them.
fn odd() -> Vec<Payload> {
    let surrogate = |second: u8, third: u8| vec![0xed, second, third];
    let (high, low) =
        ([(0xa0, 0x80), (0xad, 0xbf), (0xae, 0x80), (0xaf, 0xbf)], [(0xb0, 0x80), (0xbf, 0xbf)]);
    let alone = [high.as_slice(), &[(0xb0, 0x80), (0xbe, 0x80), (0xbf, 0xbf)]].concat();
    let mut found: Vec<Payload> =
        alone.into_iter().map(|(second, third)| (20, false, surrogate(second, third))).collect();
    for first in high {
        for second in low {
            let pair = [surrogate(first.0, first.1), surrogate(second.0, second.1)].concat();
            found.push((21, false, pair));
        }
    }
    let last_two = |plane: u32| [plane << 16 | 0xfffe, plane << 16 | 0xffff];
    for code in (0..=16).flat_map(last_two) {
        found.push((22, true, char::from_u32(code).unwrap().to_string().into_bytes()));
    }
    for code in 0xfff9..=0xffff {
        found.push((23, true, char::from_u32(code).unwrap().to_string().into_bytes()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_utf8_comes_back_and_what_is_not_ends_the_connection() {
    let mut cases = Vec::new();
    let mut before = (0, 0);
    for (group, is_text, payload) in [borders(), torn(), overlong(), odd()].concat() {
        before = if before.0 == group { (group, before.1 + 1) } else { (group, 1) };
        let number = format!("6.{group}.{}", before.1);
        let frames = vec![whole(TEXT, &payload)];
        cases.push(match is_text {
            true => Case::well(number, frames).hears(TEXT, &payload),
            false => Case::ends(number, frames, 1007),
        });
    }
    assert_eq!(cases.len(), 132);
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_may_be_cut_within_its_characters() {
    let mixed = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    let (front, back) = mixed.split_at("Hello-µ@ßöä".len());
    let spoilt = [KOSME, b"\xed\xa0\x80edited"].concat();
    let empty = vec![part(TEXT, b""), part(CONTINUE, b""), whole(CONTINUE, b"")];
    let middle = vec![part(TEXT, b""), part(CONTINUE, b"middle"), whole(CONTINUE, b"")];
    let cases = vec![
        Case::well("6.1.1", vec![whole(TEXT, b"")]).hears(TEXT, b""),
        Case::well("6.1.2", empty).hears(TEXT, b""),
        Case::well("6.1.3", middle).hears(TEXT, b"middle"),
        Case::well("6.2.1", vec![whole(TEXT, mixed)]).hears(TEXT, mixed),
        Case::well("6.2.2", vec![part(TEXT, front), whole(CONTINUE, back)]).hears(TEXT, mixed),
        Case::well("6.2.3", fragments(TEXT, mixed, 1)).hears(TEXT, mixed),
        Case::well("6.2.4", fragments(TEXT, KOSME, 1)).hears(TEXT, KOSME),
        Case::ends("6.3.1", vec![whole(TEXT, &spoilt)], 1007),
        Case::ends("6.3.2", fragments(TEXT, &spoilt, 1), 1007),
    ];
    run(cases).await;
}

/// The server must close without waiting for the rest, which is never sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_refused_at_the_byte_that_spoils_it() {
    let app = TestApp::spawn().await;
    // The eighth character would be above the last one there is; its second byte tells.
    let spoilt = [KOSME, b"\xf4\x90\x80\x80edited"].concat();
    for (number, good, until) in [("6.4.1", 11, 15), ("6.4.2", 12, 13)] {
        let mut raw = Raw::upgraded_at(app.address, "/v1/echo", b"").await;
        raw.write(&part(TEXT, &spoilt[..good])).await;
        raw.write(&whole(PING, b"good so far")).await;
        assert_eq!(raw.frame().await.unwrap().first, 0x80 | PONG, "{number}");
        raw.write(&part(CONTINUE, &spoilt[good..until])).await;
        assert_eq!(raw.close_code().await, 1007, "{number}");
    }
    for (number, good, until) in [("6.4.3", 11, 15), ("6.4.4", 12, 13)] {
        let mut raw = Raw::upgraded_at(app.address, "/v1/echo", b"").await;
        let frame = whole(TEXT, &spoilt);
        let head = frame.len() - spoilt.len();
        raw.write(&frame[..head + good]).await;
        raw.write(&frame[head + good..head + until]).await;
        assert_eq!(raw.close_code().await, 1007, "{number}");
    }
    app.end().await;
}
