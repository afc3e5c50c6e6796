//! The edge against RFC 6455, in the order and by the numbers of the Autobahn test suite (groups
//! 1–7, 9 and 10), so that its outcome is known where that suite cannot run. Each case says which
//! bytes are sent and which frames must come back. The echo behind `/v1/echo` has the reader and
//! the writer of the sessions, without their rules.

mod closing;
mod framing;
mod large;
mod texts;

use crate::support::{Raw, TestApp, frame};

const CONTINUE: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FIN: u8 = 0x80;

/// What is sent, and what must come back before the server closes.
struct Case {
    number: String,
    /// Each is written by itself.
    writes: Vec<Vec<u8>>,
    /// First byte and payload of each frame, without the close frame.
    heard: Vec<(u8, Vec<u8>)>,
    /// The code that the server closes with.
    code: u16,
    /// Whether a close frame is sent behind everything else.
    says_goodbye: bool,
}

impl Case {
    /// A case in which all is well and the client closes at the end.
    fn well(number: impl Into<String>, frames: Vec<Vec<u8>>) -> Self {
        let number = number.into();
        Self { number, writes: frames, heard: Vec::new(), code: 1000, says_goodbye: true }
    }

    /// A case that the server ends with this code.
    fn ends(number: impl Into<String>, frames: Vec<Vec<u8>>, code: u16) -> Self {
        Self { code, says_goodbye: false, ..Self::well(number, frames) }
    }

    /// The next frame that must come back.
    fn hears(mut self, opcode: u8, payload: &[u8]) -> Self {
        self.heard.push((FIN | opcode, payload.to_vec()));
        self
    }

    /// All bytes in one write.
    fn at_once(mut self) -> Self {
        self.writes = vec![self.writes.concat()];
        self
    }

    /// The same bytes in writes of so many.
    fn in_pieces(mut self, of: usize) -> Self {
        self.writes = self.writes.concat().chunks(of).map(<[u8]>::to_vec).collect();
        self
    }

    async fn run(self, app: &TestApp) {
        let number = self.number;
        let mut raw = Raw::upgraded_at(app.address, "/v1/echo", b"").await;
        raw.socket.set_nodelay(true).unwrap();
        for bytes in &self.writes {
            raw.write(bytes).await;
        }
        if self.says_goodbye {
            raw.write(&whole(CLOSE, &1000_u16.to_be_bytes())).await;
        }
        for (first, payload) in self.heard {
            let frame = raw.frame().await.unwrap_or_else(|| panic!("{number}: it closed early"));
            assert_eq!(frame.first, first, "{number}");
            assert!(frame.payload == payload, "{number}: another payload came back");
        }
        let goodbye = raw.frame().await.unwrap_or_else(|| panic!("{number}: no close frame"));
        assert_eq!(goodbye.first, FIN | CLOSE, "{number}: {goodbye:?}");
        let code = goodbye.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        assert_eq!(code, Some(self.code), "{number}");
        assert!(std::str::from_utf8(&goodbye.payload[2..]).is_ok(), "{number}");
        assert_eq!(raw.frame().await, None, "{number}: something came behind the close frame");
    }
}

/// A frame that is a message by itself.
fn whole(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(FIN | opcode, payload)
}

/// A frame after which more of its message follows.
fn part(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(opcode, payload)
}

/// A message in fragments of so many bytes.
fn fragments(opcode: u8, payload: &[u8], of: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(of);
    let of_place = |at: usize| {
        let opcode = if at == 0 { opcode } else { CONTINUE };
        if at + 1 == count { FIN | opcode } else { opcode }
    };
    payload.chunks(of).enumerate().map(|(at, bytes)| frame(of_place(at), bytes)).collect()
}

/// Runs cases one after the other against one server.
async fn run(cases: Vec<Case>) {
    let app = TestApp::spawn().await;
    for case in cases {
        case.run(&app).await;
    }
    app.end().await;
}
