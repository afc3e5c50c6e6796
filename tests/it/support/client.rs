//! A WebSocket client with verbs.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::SOON;

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
}

/// One session.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    lines: VecDeque<Value>,
    /// Lines that were read while another was awaited, in their order.
    kept: VecDeque<Value>,
    next: u32,
}

impl Client {
    /// Connects and reads `hello`.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, "/v1/ws", &[]).await.unwrap()
    }

    /// Connects with a path and headers of one's own; the status when the handshake is refused.
    pub(crate) async fn connect_with(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let socket = match connect_async(request).await {
            Ok((socket, _response)) => socket,
            Err(Error::Http(response)) => return Err(response.status().as_u16()),
            Err(why) => panic!("no connection: {why}"),
        };
        let mut client = Self { socket, lines: VecDeque::new(), kept: VecDeque::new(), next: 1 };
        let hello = client.line().await.unwrap();
        assert_eq!(hello["ev"], "hello");
        Ok(client)
    }

    /// Connects to a server that may be gone.
    pub(crate) async fn try_connect(address: SocketAddr) -> Result<Self, Closed> {
        let gone = Closed { code: 1006 };
        let url = format!("ws://{address}/v1/ws");
        let connected = tokio::time::timeout(SOON, connect_async(url)).await;
        let (socket, _response) = connected.map_err(|_late| gone.clone())?.map_err(|_why| gone)?;
        let mut client = Self { socket, lines: VecDeque::new(), kept: VecDeque::new(), next: 1 };
        client.line().await?;
        Ok(client)
    }

    /// A request to a server that may be killed meanwhile.
    pub(crate) async fn try_request(&mut self, mut op: Value) -> Result<Value, Closed> {
        let id = self.next;
        self.next += 1;
        op["id"] = json!(id);
        let gone = Closed { code: 1006 };
        self.socket.send(Message::text(op.to_string())).await.map_err(|_why| gone.clone())?;
        loop {
            let line =
                tokio::time::timeout(SOON, self.read()).await.map_err(|_late| gone.clone())??;
            if line["re"] == json!(id) {
                return Ok(line);
            }
            self.kept.push_back(line);
        }
    }

    /// Everything that came besides answers.
    pub(crate) fn heard(&mut self) -> Vec<Value> {
        self.kept.drain(..).collect()
    }

    /// Drops some of that.
    pub(crate) fn forget(&mut self, fits: impl Fn(&Value) -> bool) {
        self.kept.retain(|line| !fits(line));
    }

    /// The next line in the order of the socket; `Err` when the server closed.
    pub(crate) async fn line(&mut self) -> Result<Value, Closed> {
        if let Some(kept) = self.kept.pop_front() {
            return Ok(kept);
        }
        self.line_within(SOON).await
    }

    /// The same for what takes its time.
    pub(crate) async fn line_within(&mut self, span: Duration) -> Result<Value, Closed> {
        tokio::time::timeout(span, self.read()).await.expect("the server says nothing")
    }

    async fn read(&mut self) -> Result<Value, Closed> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let lines = text.split('\n').filter(|line| !line.is_empty());
                    self.lines.extend(lines.map(|line| serde_json::from_str(line).unwrap()));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(Closed { code: frame.map_or(1005, |frame| frame.code.into()) });
                }
                Some(Ok(_control)) => {}
                Some(Err(_)) | None => return Err(Closed { code: 1006 }),
            }
        }
    }

    /// The next line that fits; what comes before it is kept for later, heartbeats are dropped.
    pub(crate) async fn wait_for(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at).unwrap();
        }
        let found = tokio::time::timeout(SOON, async {
            loop {
                let line = self.read().await.unwrap_or_else(|closed| panic!("{closed:?}"));
                if fits(&line) {
                    return line;
                }
                if line != json!({}) {
                    self.kept.push_back(line);
                }
            }
        });
        match found.await {
            Ok(line) => line,
            Err(_) => panic!("did not come; kept: {:?}", self.kept),
        }
    }

    /// The next event of this name.
    pub(crate) async fn expect(&mut self, ev: &str) -> Value {
        self.wait_for(|line| line["ev"] == ev).await
    }

    /// Nothing that fits comes before the answer to a ping: what was on its way has arrived.
    pub(crate) async fn expect_none(&mut self, fits: impl Fn(&Value) -> bool) {
        self.request(json!({ "op": "ping" })).await;
        let found = self.kept.iter().find(|line| fits(line));
        assert!(found.is_none(), "came: {found:?}");
    }

    /// The next events of this name, one after the other.
    pub(crate) async fn expect_many(&mut self, ev: &str, count: usize) -> Vec<Value> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            events.push(self.expect(ev).await);
        }
        events
    }

    /// The server closes; what it still says before is dropped.
    pub(crate) async fn expect_close(&mut self) -> Closed {
        self.kept.clear();
        loop {
            if let Err(closed) = self.line().await {
                return closed;
            }
        }
    }

    /// Sends a request; gives its answer whole.
    pub(crate) async fn request(&mut self, op: Value) -> Value {
        let re = self.begin(op).await;
        self.reply(re).await
    }

    /// Sends a request that must be granted; gives its `ok`.
    pub(crate) async fn ok(&mut self, op: Value) -> Value {
        let reply = self.request(op).await;
        assert!(reply["ok"].is_object(), "{reply}");
        reply["ok"].clone()
    }

    /// Sends a request that must be refused; gives its `err`.
    pub(crate) async fn err(&mut self, op: Value) -> Value {
        let reply = self.request(op).await;
        assert!(reply["err"]["code"].is_string(), "{reply}");
        reply["err"].clone()
    }

    /// Sends a request without waiting; gives its id.
    pub(crate) async fn begin(&mut self, mut op: Value) -> u32 {
        let id = self.next;
        self.next += 1;
        op["id"] = json!(id);
        self.say(&op.to_string()).await;
        id
    }

    /// The answer to a request.
    pub(crate) async fn reply(&mut self, id: u32) -> Value {
        self.wait_for(|line| line["re"] == json!(id)).await
    }

    /// Sends a text as it is.
    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a binary message.
    pub(crate) async fn say_binary(&mut self, bytes: &[u8]) {
        self.socket.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// Signs in; gives the `ok`.
    pub(crate) async fn auth(&mut self, token: &str) -> Value {
        self.ok(json!({ "op": "auth", "token": token })).await
    }

    /// Opens a room from its snapshot on; gives the `ok`.
    pub(crate) async fn open(&mut self, room: &str) -> Value {
        self.ok(json!({ "op": "open", "room": room })).await
    }

    /// Opens a room from a position on; gives the `ok`.
    pub(crate) async fn open_since(&mut self, room: &str, epoch: &str, seq: i64) -> Value {
        let since = json!({ "epoch": epoch, "seq": seq });
        self.ok(json!({ "op": "open", "room": room, "since": since })).await
    }

    /// Sends a message; gives the `ok`.
    pub(crate) async fn send(&mut self, room: &str, cid: &str, text: &str) -> Value {
        self.ok(json!({ "op": "send", "room": room, "cid": cid, "text": text })).await
    }

    /// Goes without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }
}
