//! Server-sent events, read by hand.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::{Rest, SOON};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SseEvent {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// An open event stream.
pub(crate) struct Sse {
    pub(crate) response: Response,
    read: Vec<u8>,
}

impl Sse {
    /// Opens a stream and waits until it is open.
    pub(crate) async fn open(rest: &Rest, token: &str, path: &str) -> Self {
        Self::open_with(rest, path, &[("authorization", &format!("Bearer {token}"))]).await.unwrap()
    }

    /// Opens a stream behind a position.
    pub(crate) async fn open_after(rest: &Rest, token: &str, path: &str, id: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("last-event-id", id)];
        Self::open_with(rest, path, &headers).await.unwrap()
    }

    /// Opens a stream with headers of one's own; the status when it is refused.
    pub(crate) async fn open_with(
        rest: &Rest,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, u16> {
        // A client of its own: a stream has no end, and dropped it takes its connection along.
        let http = reqwest::Client::new();
        let mut request = http.get(format!("{}{path}", rest.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        if response.status() != StatusCode::OK {
            return Err(response.status().as_u16());
        }
        let mut stream = Self { response, read: Vec::new() };
        assert_eq!(stream.block().await.as_deref(), Some(": open"));
        Ok(stream)
    }

    /// The next event; comments are skipped. `None` when the stream has ended as it should.
    pub(crate) async fn try_next(&mut self) -> Option<SseEvent> {
        loop {
            let block = self.block().await?;
            if let Some(event) = parse(&block) {
                return Some(event);
            }
        }
    }

    /// The next event, which must come.
    pub(crate) async fn next(&mut self) -> SseEvent {
        self.try_next().await.expect("the stream has ended")
    }

    /// The stream ends; what it still says before is given back.
    pub(crate) async fn rest(&mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.try_next().await {
            events.push(event);
        }
        events
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(String::from_utf8(block).unwrap().trim_end().to_owned());
            }
            let chunk = tokio::time::timeout(SOON, self.response.chunk()).await;
            match chunk.expect("the stream says nothing").unwrap() {
                Some(bytes) => self.read.extend_from_slice(&bytes),
                None => {
                    assert!(self.read.is_empty(), "ended within an event");
                    return None;
                }
            }
        }
    }
}

fn parse(block: &str) -> Option<SseEvent> {
    let mut event = SseEvent { id: String::new(), event: String::new(), data: Value::Null };
    for line in block.lines().filter(|line| !line.starts_with(':')) {
        let (field, value) = line.split_once(": ").unwrap();
        match field {
            "id" => value.clone_into(&mut event.id),
            "event" => value.clone_into(&mut event.event),
            "data" => event.data = serde_json::from_str(value).unwrap(),
            other => panic!("no field of ours: {other}"),
        }
    }
    (!event.event.is_empty()).then_some(event)
}
