//! How a connection is closed, and which codes may be said: group 7.

use super::{CLOSE, CONTINUE, Case, PING, TEXT, part, run, whole};

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    whole(CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_is_answered_once_and_nothing_behind_it_counts() {
    let large = vec![b'*'; 256 << 10];
    let bye = || close(1000, b"");
    let text = || whole(TEXT, b"Hello World!");
    let fragmented = vec![part(TEXT, b"1"), bye(), whole(CONTINUE, b"2")];
    let behind = vec![whole(TEXT, &large), text(), bye(), whole(PING, b"")];
    let cases = vec![
        Case::well("7.1.1", vec![text()]).hears(TEXT, b"Hello World!"),
        Case::ends("7.1.2", vec![bye(), whole(CLOSE, b"")], 1000).at_once(),
        Case::ends("7.1.3", vec![bye(), whole(PING, b"")], 1000).at_once(),
        Case::ends("7.1.4", vec![bye(), text()], 1000).at_once(),
        Case::ends("7.1.5", fragmented, 1000).at_once(),
        // The suite leaves open whether the texts come back; here everything is done in order.
        Case::ends("7.1.6", behind, 1000)
            .at_once()
            .hears(TEXT, &large)
            .hears(TEXT, b"Hello World!"),
    ];
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_says_nothing_or_a_code_that_may_be_said_and_a_text() {
    let spoilt = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";
    let mut cases = vec![
        Case::ends("7.3.1", vec![whole(CLOSE, b"")], 1000),
        Case::ends("7.3.2", vec![whole(CLOSE, b"a")], 1002),
        Case::ends("7.3.3", vec![close(1000, b"")], 1000),
        Case::ends("7.3.4", vec![close(1000, b"Hello World!")], 1000),
        Case::ends("7.3.5", vec![close(1000, &[b'*'; 123])], 1000),
        Case::ends("7.3.6", vec![close(1000, &[b'*'; 124])], 1002),
        Case::ends("7.5.1", vec![close(1000, spoilt)], 1007),
    ];
    let may_be_said =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (at, code) in may_be_said.into_iter().enumerate() {
        cases.push(Case::ends(format!("7.7.{}", at + 1), vec![close(code, b"")], 1000));
    }
    let may_not = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    for (at, code) in may_not.into_iter().enumerate() {
        cases.push(Case::ends(format!("7.9.{}", at + 1), vec![close(code, b"")], 1002));
    }
    // Here the suite accepts everything.
    cases.push(Case::ends("7.13.1", vec![close(5000, b"")], 1002));
    cases.push(Case::ends("7.13.2", vec![close(65_535, b"")], 1002));
    assert_eq!(cases.len() + 6, 37);
    run(cases).await;
}
