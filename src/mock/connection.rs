//! One connection, one request: as much of HTTP/1.1 as clients of models use.

use std::io::{self, ErrorKind};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::behaviour::{Behaviour, WORDS};
use super::speak::{Speaker, error_body};
use super::{Call, Calls};

/// Bytes of the head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// Bytes of the body of a request.
const BODY_BYTES: usize = 8 << 20;
/// A request that takes longer is no request.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

struct Request {
    method: String,
    target: String,
    key: Option<String>,
    body: Vec<u8>,
}

pub(super) async fn serve(mut socket: TcpStream, calls: &Calls) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let late = |_elapsed| io::Error::from(ErrorKind::TimedOut);
    let request = timeout(REQUEST_WITHIN, read(&mut socket)).await.map_err(late)??;
    answer(&mut socket, request, calls).await?;
    socket.shutdown().await
}

async fn read(socket: &mut TcpStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > HEAD_BYTES || socket.read_buf(&mut bytes).await? == 0 {
            return Err(ErrorKind::InvalidData.into());
        }
    };
    let rest = bytes.split_off(head);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let length = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if length > BODY_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut body = rest;
    while body.len() < length {
        if socket.read_buf(&mut body).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let bearer =
        field("authorization").and_then(|key| key.strip_prefix("Bearer ").map(str::to_owned));
    let key = field("x-goog-api-key").or(bearer);
    Ok(Request { method: method.to_owned(), target: target.to_owned(), key, body })
}

async fn answer(socket: &mut TcpStream, request: Request, calls: &Calls) -> io::Result<()> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if request.method != "POST" {
        let lines = WORDS.iter().map(|(word, does)| format!("{word:14} {does}\n"));
        let help = format!(
            "A mock of a model. Ask for a model by these words, joined with +:\n\n{}",
            lines.collect::<String>()
        );
        return whole(socket, "200 OK", "text/plain", "", &help).await;
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let (speaks, model) = if path.ends_with("/chat/completions") {
        ("openai", body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned())
    } else if let Some(front) = path.strip_suffix(":streamGenerateContent") {
        ("gemini", front.rsplit('/').next().unwrap_or_default().to_owned())
    } else {
        return refuse(socket, 404, None).await;
    };
    let behave = query.split('&').find_map(|pair| pair.strip_prefix("behave="));
    let behaviour = Behaviour::of(behave.unwrap_or(&model));
    let (key, target) = (request.key.clone(), request.target.clone());
    let before = calls.note(Call { speaks, model, target, key, body: body.clone() });
    let Some(behaviour) = behaviour else {
        return refuse(socket, 404, None).await;
    };
    if behaviour.key.is_some() && behaviour.key != request.key {
        // Gemini says 400 to a wrong key, and names the reason.
        return refuse(socket, if speaks == "gemini" { 400 } else { 401 }, None).await;
    }
    if let Some((status, after)) = behaviour.status {
        return refuse(socket, status, after).await;
    }
    if before < behaviour.failures {
        return refuse(socket, 500, None).await;
    }
    let speaker = Speaker::new(speaks, behaviour, &body);
    if speaker.wants_too_much() {
        let why = error_body(413);
        return whole(socket, "400 No", "application/json", "", &why).await;
    }
    speaker.speak(socket).await
}

async fn refuse(socket: &mut TcpStream, status: u16, after: Option<u64>) -> io::Result<()> {
    let after = after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    let more = if status == 301 { "Location: /elsewhere\r\n".to_owned() } else { after };
    whole(socket, &format!("{status} No"), "application/json", &more, &error_body(status)).await
}

pub(super) async fn whole(
    socket: &mut TcpStream,
    status: &str,
    kind: &str,
    more: &str,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(body.as_bytes()).await
}
