//! A stream of server-sent events, as far as this server writes them.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::endpoint::Endpoint;
use crate::http::{Refused, read_head};

/// One event, or rather its fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub id: String,
    pub name: String,
    pub data: String,
}

/// An open stream.
pub(crate) struct Events {
    stream: TcpStream,
    parser: Parser,
}

impl Events {
    /// Asks for the stream behind `last_id`.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        path: &str,
        token: &str,
        last_id: &str,
    ) -> Result<Self> {
        let mut stream = endpoint.connect().await.context("cannot connect")?;
        let Endpoint { authority, prefix, .. } = endpoint;
        let request = format!(
            "GET {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {token}\r\n\
             Accept: text/event-stream\r\nLast-Event-ID: {last_id}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut early = Vec::new();
        let head = read_head(&mut stream, &mut early).await?;
        if head.status != 200 {
            bail!(Refused { status: head.status, what: path.to_owned(), body: Value::Null });
        }
        let parser = Parser { raw: early, ..Parser::default() };
        Ok(Self { stream, parser })
    }

    /// Waits for one read, and hands on each event that is whole. A comment is a read without
    /// events. False at the end of the stream.
    pub(crate) async fn read(&mut self, mut on_event: impl FnMut(Event)) -> Result<bool> {
        // What came with the head is looked at first.
        if !self.parser.is_fresh {
            self.parser.is_fresh = true;
            self.parser.events(&mut on_event)?;
        }
        if self.stream.read_buf(&mut self.parser.raw).await? == 0 {
            return Ok(false);
        }
        self.parser.events(&mut on_event)?;
        Ok(!self.parser.has_ended)
    }
}

/// Takes the chunks of the transfer apart, then the blocks of the stream.
#[derive(Default)]
struct Parser {
    raw: Vec<u8>,
    text: Vec<u8>,
    is_fresh: bool,
    has_ended: bool,
}

impl Parser {
    fn events(&mut self, on_event: &mut impl FnMut(Event)) -> Result<()> {
        while self.take_chunk()? {}
        while let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.text.drain(..end + 2).collect();
            if let Some(event) = event(std::str::from_utf8(&block)?) {
                on_event(event);
            }
        }
        Ok(())
    }

    /// Moves one whole chunk to the text; false when there is none.
    fn take_chunk(&mut self) -> Result<bool> {
        let Some(end) = self.raw.windows(2).position(|two| two == b"\r\n") else {
            return Ok(false);
        };
        let size = std::str::from_utf8(self.raw.get(..end).unwrap_or_default())?;
        let size = usize::from_str_radix(size, 16).context("no size of a chunk")?;
        let (start, stop) = (end + 2, end + 2 + size);
        let Some(chunk) = self.raw.get(start..stop).filter(|_| self.raw.len() >= stop + 2) else {
            return Ok(false);
        };
        ensure!(!self.has_ended, "a chunk behind the last one");
        self.text.extend_from_slice(chunk);
        self.raw.drain(..stop + 2);
        self.has_ended = size == 0;
        Ok(true)
    }
}

/// `None` for a block of comments.
fn event(block: &str) -> Option<Event> {
    let mut event = Event::default();
    for (field, value) in block.lines().filter_map(|line| line.split_once(": ")) {
        match field {
            "id" => value.clone_into(&mut event.id),
            "event" => value.clone_into(&mut event.name),
            "data" => value.clone_into(&mut event.data),
            _ => {}
        }
    }
    (!event.name.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_when_its_last_byte_is_there_wherever_it_was_cut() {
        let text =
            ["8\r\n: open\n\n\r\n", "19\r\nid: a-1\nevent: msg.new\nda\r\n", "8\r\nta: {}\n\n\r\n"];
        let mut parser = Parser::default();
        let mut seen = Vec::new();
        for byte in text.concat().bytes() {
            assert!(seen.is_empty());
            parser.raw.push(byte);
            parser.events(&mut |event| seen.push(event)).unwrap();
        }
        let event = Event { id: "a-1".into(), name: "msg.new".into(), data: "{}".into() };
        assert_eq!(seen, [event]);
        parser.raw.extend_from_slice(b"0\r\n\r\n");
        parser.events(&mut |_| {}).unwrap();
        assert!(parser.has_ended);
    }
}
