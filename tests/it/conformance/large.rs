//! Messages of many megabytes, whole, in fragments and in small writes, and a thousand in a row:
//! group 9.

use super::{BINARY, Case, FIN, TEXT, fragments, run, whole};
use crate::support::{Raw, TestApp};

/// Number, code and content of the texts and of the binary messages.
const KINDS: [(usize, u8, &[u8]); 2] =
    [(0, TEXT, b"BAsd7&jh23"), (1, BINARY, b"\x00\xfe\x23\xfa\xf0")];

fn payload(content: &[u8], length: usize) -> Vec<u8> {
    content.iter().copied().cycle().take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn megabytes_come_back() {
    let mut cases = Vec::new();
    for (kind, opcode, content) in KINDS {
        for (at, kib) in [64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10].into_iter().enumerate() {
            let payload = payload(content, kib << 10);
            let number = format!("9.{}.{}", 1 + kind, at + 1);
            cases.push(Case::well(number, vec![whole(opcode, &payload)]).hears(opcode, &payload));
        }
    }
    assert_eq!(cases.len(), 12);
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn megabytes_in_fragments_come_back() {
    let mut cases = Vec::new();
    for (kind, opcode, content) in KINDS {
        let payload = payload(content, 4 << 20);
        for (at, power) in (6..=22).step_by(2).enumerate() {
            let frames = fragments(opcode, &payload, 1 << power);
            let number = format!("9.{}.{}", 3 + kind, at + 1);
            cases.push(Case::well(number, frames).at_once().hears(opcode, &payload));
        }
    }
    assert_eq!(cases.len(), 18);
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_in_small_writes_comes_back() {
    let mut cases = Vec::new();
    for (kind, opcode, content) in KINDS {
        let payload = payload(content, 1 << 20);
        for (at, power) in (6..=11).enumerate() {
            let number = format!("9.{}.{}", 5 + kind, at + 1);
            let case = Case::well(number, vec![whole(opcode, &payload)]).in_pieces(1 << power);
            cases.push(case.hears(opcode, &payload));
        }
    }
    assert_eq!(cases.len(), 12);
    run(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_come_back_one_after_the_other() {
    let app = TestApp::spawn().await;
    for (kind, opcode, content) in KINDS {
        for (at, length) in [0, 16, 64, 256, 1_024, 4_096].into_iter().enumerate() {
            let payload = payload(content, length);
            let frame = whole(opcode, &payload);
            let mut raw = Raw::upgraded_at(app.address, "/v1/echo", b"").await;
            raw.socket.set_nodelay(true).unwrap();
            for _ in 0..1_000 {
                raw.write(&frame).await;
                let echo = raw.frame().await.unwrap();
                let is_same = (echo.first, &echo.payload) == (FIN | opcode, &payload);
                assert!(is_same, "9.{}.{}", 7 + kind, at + 1);
            }
        }
    }
    app.end().await;
}
