//! One session over one WebSocket: cheap enough for fifteen thousand of them in one process.
//!
//! All sockets of a thread are read through one buffer, so an idle client owns little more than its
//! socket. Heartbeats and pings are answered here; every other line goes to the caller as bytes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::frame::{Frame, FrameReader, OP_CLOSE, OP_PONG, OP_TEXT, write_masked};
use crate::http::{Refused, read_head};

const SCRATCH: usize = 64 * 1024;
/// Signing in and opening a room must not take longer, even while thousands do the same.
pub(crate) const REPLY_LIMIT: Duration = Duration::from_secs(30);

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// Why a session ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Close(u16),
    HungUp,
    Failed(std::io::Error),
    Garbage(crate::frame::FrameError),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(code) => write!(f, "closed with {code}"),
            Self::HungUp => f.write_str("the server hung up"),
            Self::Failed(error) => write!(f, "{error}"),
            Self::Garbage(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Ending {}

/// What one read brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub at: Instant,
    pub heartbeats: u32,
}

/// The sending half; any number of tasks may hold it.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Mutex<Out>>);

struct Out {
    half: OwnedWriteHalf,
    /// Bytes not yet taken by the kernel; whole frames, but for the first.
    pending: Vec<u8>,
}

impl Writer {
    pub(crate) async fn send(&self, text: &str) -> std::io::Result<()> {
        self.frame(OP_TEXT, text.as_bytes()).await
    }

    async fn frame(&self, op: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut out = self.0.lock().await;
        write_masked(&mut out.pending, op, payload);
        out.flush().await
    }
}

impl Out {
    /// May be cancelled: what was not written stays in `pending` for the next caller.
    async fn flush(&mut self) -> std::io::Result<()> {
        while !self.pending.is_empty() {
            match self.half.try_write(&self.pending) {
                Ok(written) => drop(self.pending.drain(..written)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.half.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How a session shows who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SignIn {
    /// By header; the server then tells everything.
    Header,
    /// By the first frame, which names no wishes beyond the opened rooms.
    FirstFrame,
    /// The same, with the wish to hear what the assistant says in them.
    ForAnswers,
}

/// What the server said on sign-in.
#[derive(Debug)]
pub(crate) struct Welcome {
    pub server: String,
    /// The rooms that the user may read.
    pub rooms: Vec<String>,
}

/// What the server says until somebody is signed in. Thousands sign in at once: what is not needed
/// is not kept.
#[derive(Default, Deserialize)]
struct Said<'l> {
    #[serde(borrow)]
    ev: Option<Cow<'l, str>>,
    re: Option<u64>,
    #[serde(borrow)]
    server: Option<Cow<'l, str>>,
    #[serde(default)]
    rooms: Vec<Readable>,
    ok: Option<Fields>,
    err: Option<Value>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    rooms: Vec<Readable>,
}

#[derive(Deserialize)]
struct Readable {
    room: String,
}

pub(crate) struct Client {
    stream: OwnedReadHalf,
    frames: FrameReader,
    writer: Writer,
    owed: Owed,
}

/// Answers that the last read called for.
#[derive(Default)]
struct Owed {
    heartbeat: bool,
    pong: Option<Box<[u8]>>,
    close: Option<u16>,
}

impl Client {
    /// Connects, upgrades and signs in.
    pub(crate) async fn connect(
        endpoint: &Endpoint,
        token: &str,
        sign_in: SignIn,
    ) -> Result<(Self, Welcome)> {
        let work = async {
            let token_by_header = matches!(sign_in, SignIn::Header).then_some(token);
            let mut client = Self::upgrade(endpoint, token_by_header).await?;
            let welcome = client.sign_in(token, sign_in).await?;
            Ok((client, welcome))
        };
        timeout(REPLY_LIMIT, work).await.context("sign-in took too long")?
    }

    /// A client on a bare socket that carries server frames from its first byte.
    pub(crate) fn bare(stream: TcpStream) -> Self {
        let (read, half) = stream.into_split();
        let out = Out { half, pending: Vec::new() };
        Self {
            stream: read,
            frames: FrameReader::default(),
            writer: Writer(Arc::new(Mutex::new(out))),
            owed: Owed::default(),
        }
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Connects to a server that speaks WebSocket and asks for no token, and waits until it says
    /// something.
    pub(crate) async fn greeted(endpoint: &Endpoint) -> Result<Self> {
        let work = async {
            let mut client = Self::upgrade(endpoint, None).await?;
            client.expect(Some).await?;
            Ok(client)
        };
        timeout(REPLY_LIMIT, work).await.context("the greeting took too long")?
    }

    /// Connects and upgrades; without a token nobody is signed in yet.
    pub(crate) async fn upgrade(endpoint: &Endpoint, token: Option<&str>) -> Result<Self> {
        let mut stream = endpoint.connect().await.context("cannot connect")?;
        let Endpoint { authority, prefix, .. } = endpoint;
        let mut request = format!(
            "GET {prefix}/v1/ws HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: bW9pbS1sb2FkLXRlc3Rlcg==\r\nSec-WebSocket-Protocol: moim.v1\r\n"
        );
        if let Some(token) = token {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::new();
        let head = read_head(&mut stream, &mut buffer).await?;
        if head.status != 101 {
            let body = serde_json::from_slice(&buffer).unwrap_or(Value::Null);
            bail!(Refused { status: head.status, what: "the upgrade".to_owned(), body });
        }
        let mut client = Self::bare(stream);
        // `hello` may be here already; it is put back in front of the first read.
        client.frames.keep(buffer);
        Ok(client)
    }

    async fn sign_in(&mut self, token: &str, sign_in: SignIn) -> Result<Welcome> {
        if !matches!(sign_in, SignIn::Header) {
            let want: &[&str] = if matches!(sign_in, SignIn::ForAnswers) { &["ai"] } else { &[] };
            let auth = json!({"id": 1, "op": "auth", "token": token, "want": want});
            self.writer.send(&auth.to_string()).await?;
        }
        let (mut server, mut answer) = (String::new(), None);
        while answer.is_none() {
            self.read(|line, _| {
                let said: Said<'_> = serde_json::from_slice(line).unwrap_or_default();
                match (said.ev.as_deref(), said.re) {
                    (Some("hello"), _) => server = said.server.unwrap_or_default().into_owned(),
                    (Some("auth"), _) => answer = Some(Ok(said.rooms)),
                    (_, Some(1)) => {
                        let rooms = said.ok.map(|ok| ok.rooms);
                        answer = Some(rooms.ok_or(said.err.unwrap_or_default()));
                    }
                    _other => {}
                }
            })
            .await?;
        }
        let rooms = answer.context("no answer")?.map_err(|body| {
            anyhow::Error::new(Refused { status: 401, what: "auth".to_owned(), body })
        })?;
        Ok(Welcome { server, rooms: rooms.into_iter().map(|readable| readable.room).collect() })
    }

    /// Opens a room that the caller then follows from the head in the answer.
    pub(crate) async fn open(&mut self, id: u32, room: &str) -> Result<Value> {
        let open = json!({"id": id, "op": "open", "room": room});
        self.writer.send(&open.to_string()).await?;
        let wait = self.expect(|line| {
            (line.get("re").and_then(Value::as_u64) == Some(u64::from(id))).then_some(line)
        });
        let mut reply = timeout(REPLY_LIMIT, wait).await.context("open took too long")??;
        match reply.get_mut("ok") {
            Some(ok) => Ok(ok.take()),
            None => bail!("open was refused: {reply}"),
        }
    }

    /// Reads until `pick` has taken a line. Lines behind it in the same read are lost, so this is
    /// for the quiet time before the load.
    async fn expect(&mut self, mut pick: impl FnMut(Value) -> Option<Value>) -> Result<Value> {
        loop {
            let mut found = None;
            self.read(|line, _| {
                if found.is_none()
                    && let Ok(value) = serde_json::from_slice(line)
                {
                    found = pick(value);
                }
            })
            .await?;
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// Waits for one read and hands on each of its lines. May be cancelled without loss.
    pub(crate) async fn read(
        &mut self,
        mut on_line: impl FnMut(&[u8], Instant),
    ) -> Result<Turn, Ending> {
        self.pay().await.map_err(Ending::Failed)?;
        let turn = poll_fn(|cx| self.poll_turn(cx, &mut on_line)).await?;
        if let Some(code) = self.owed.close {
            let _ = self.writer.frame(OP_CLOSE, &code.to_be_bytes()).await;
            return Err(Ending::Close(code));
        }
        self.pay().await.map_err(Ending::Failed)?;
        Ok(turn)
    }

    fn poll_turn(
        &mut self,
        cx: &mut TaskContext<'_>,
        on_line: &mut impl FnMut(&[u8], Instant),
    ) -> Poll<Result<Turn, Ending>> {
        let Self { stream, frames, owed, .. } = self;
        BUFFER.with_borrow_mut(|buffer| {
            let mut turn = Turn { at: Instant::now(), heartbeats: 0 };
            let mut on_frame = |frame: Frame<'_>, turn: &mut Turn| match frame {
                Frame::Message(text) => {
                    for line in text.split(|byte| *byte == b'\n') {
                        match line.trim_ascii() {
                            b"" => {}
                            b"{}" => {
                                owed.heartbeat = true;
                                turn.heartbeats += 1;
                            }
                            line => on_line(line, turn.at),
                        }
                    }
                }
                Frame::Ping(payload) => owed.pong = Some(payload.into()),
                Frame::Pong => {}
                Frame::Close(code) => owed.close = Some(code),
            };
            if frames.has_kept() {
                frames.feed(&[], |frame| on_frame(frame, &mut turn)).map_err(Ending::Garbage)?;
                return Poll::Ready(Ok(turn));
            }
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(stream).poll_read(cx, &mut read)).map_err(Ending::Failed)?;
            turn.at = Instant::now();
            if read.filled().is_empty() {
                return Poll::Ready(Err(Ending::HungUp));
            }
            frames
                .feed(read.filled(), |frame| on_frame(frame, &mut turn))
                .map_err(Ending::Garbage)?;
            Poll::Ready(Ok(turn))
        })
    }

    /// Answers what was owed. A debt is only forgotten when its frame is with the writer.
    async fn pay(&mut self) -> std::io::Result<()> {
        if let Some(pong) = self.owed.pong.take() {
            self.writer.frame(OP_PONG, &pong).await?;
        }
        if self.owed.heartbeat {
            self.owed.heartbeat = false;
            self.writer.send("{}").await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::frame::{OP_TEXT, write_unmasked};

    async fn pair() -> (Client, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (Client::bare(near), far)
    }

    #[tokio::test]
    async fn one_frame_may_carry_several_lines_and_heartbeats_are_answered() {
        let (mut client, mut server) = pair().await;
        let mut bytes = Vec::new();
        write_unmasked(&mut bytes, OP_TEXT, b"{\"a\":1}\n{}\n{\"b\":2}\n");
        server.write_all(&bytes).await.unwrap();
        let mut lines = Vec::new();
        let turn = client.read(|line, _| lines.push(line.to_vec())).await.unwrap();
        assert_eq!(lines, [b"{\"a\":1}", b"{\"b\":2}"]);
        assert_eq!(turn.heartbeats, 1);
        let mut answer = [0; 8];
        server.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer.first_chunk(), Some(&[0x81, 0x82]));
    }

    #[tokio::test]
    async fn a_close_frame_ends_the_session_with_its_code() {
        let ((mut client, mut server), mut bytes) = (pair().await, Vec::new());
        write_unmasked(&mut bytes, OP_CLOSE, &4009_u16.to_be_bytes());
        server.write_all(&bytes).await.unwrap();
        let ending = client.read(|_, _| {}).await.unwrap_err();
        assert!(matches!(ending, Ending::Close(4009)), "{ending}");
    }
}
