//! A client by hand, for what well-behaved ones never do.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::SOON;

/// A TCP connection and what was read from it.
pub(crate) struct Raw {
    pub(crate) socket: TcpStream,
    read: Vec<u8>,
}

/// A frame of the server: first byte and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawFrame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { socket: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// A connection whose handshake was accepted; `early` goes out in the same segment.
    pub(crate) async fn upgraded(address: SocketAddr, early: &[u8]) -> Self {
        Self::upgraded_at(address, "/v1/ws", early).await
    }

    /// The same on another path.
    pub(crate) async fn upgraded_at(address: SocketAddr, path: &str, early: &[u8]) -> Self {
        let mut raw = Self::connect(address).await;
        let mut bytes = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(early);
        raw.write(&bytes).await;
        let head = raw.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        raw
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// The head of a response.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more().await, "closed before the head was whole");
        }
    }

    /// A response whole: its head and its body.
    pub(crate) async fn response(&mut self) -> (String, String) {
        let head = self.head().await;
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map_or(0, |(_, length)| length.parse().unwrap());
        while self.read.len() < length {
            assert!(self.more().await, "closed before the body was whole");
        }
        let body = self.read.drain(..length).collect();
        (head, String::from_utf8(body).unwrap())
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        self.rest_within(SOON).await
    }

    /// The same from a server that takes its time.
    pub(crate) async fn rest_within(&mut self, span: Duration) -> String {
        while self.more_within(span).await {}
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// The next frame of the server; `None` when it closed the connection.
    pub(crate) async fn frame(&mut self) -> Option<RawFrame> {
        self.try_frame(SOON).await
    }

    /// The same from a server that takes its time.
    pub(crate) async fn try_frame(&mut self, span: Duration) -> Option<RawFrame> {
        loop {
            if let Some((frame, length)) = parse(&self.read) {
                self.read.drain(..length);
                return Some(frame);
            }
            if !self.more_within(span).await {
                return None;
            }
        }
    }

    /// The code of the close frame; text frames before it are dropped.
    pub(crate) async fn close_code(&mut self) -> u16 {
        while let Some(frame) = self.frame().await {
            if frame.first == 0x88 {
                return u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
            }
        }
        panic!("closed without a close frame");
    }

    async fn more(&mut self) -> bool {
        self.more_within(SOON).await
    }

    async fn more_within(&mut self, span: Duration) -> bool {
        self.read.reserve(16 * 1_024);
        let read = tokio::time::timeout(span, self.socket.read_buf(&mut self.read)).await;
        read.expect("the server says nothing").unwrap_or(0) > 0
    }
}

fn parse(bytes: &[u8]) -> Option<(RawFrame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server does not mask");
    let (length, head) = match second {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize, 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(head..head + length)?.to_vec();
    Some((RawFrame { first, payload }, head + length))
}

/// A masked frame of a client.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
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
