//! A small HTTP/1.1 client for JSON: one kept-alive connection, one call at a time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::endpoint::Endpoint;

/// A call that takes longer is a failure of the server.
const CALL_LIMIT: Duration = Duration::from_secs(30);
const MAX_HEAD: usize = 64 * 1024;
const MAX_TRIES: u32 = 20;
/// Who is put off for longer, as by a limit of an hour or a day, does not wait.
const MOST_PATIENCE: Duration = Duration::from_secs(120);

/// The server said no.
#[derive(Debug)]
pub(crate) struct Refused {
    pub status: u16,
    pub what: String,
    pub body: Value,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.body.get("code").and_then(Value::as_str).unwrap_or("no code");
        write!(f, "{} was answered with {} ({code})", self.what, self.status)
    }
}

impl std::error::Error for Refused {}

/// The first lines of an answer.
pub(crate) struct Head {
    pub status: u16,
    content_length: Option<usize>,
    content_range: Option<String>,
    retry_after: Option<u64>,
    is_chunked: bool,
    closes: bool,
}

impl Head {
    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .context("the answer has no status line")?;
        let mut head = Self {
            status,
            content_length: None,
            content_range: None,
            retry_after: None,
            is_chunked: false,
            closes: false,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.content_length = Some(value.parse()?),
                "content-range" => head.content_range = Some(value.to_owned()),
                "retry-after" => head.retry_after = value.parse().ok(),
                "transfer-encoding" => head.is_chunked = value.eq_ignore_ascii_case("chunked"),
                "connection" => head.closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        Ok(head)
    }
}

/// Reads until the end of the head; what came behind it stays in `buffer`.
pub(crate) async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Head> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = buffer.split_off(end + 4);
            let head = Head::parse(std::str::from_utf8(buffer)?)?;
            *buffer = body;
            return Ok(head);
        }
        ensure!(buffer.len() < MAX_HEAD, "the answer has no end of its head");
        ensure!(stream.read_buf(buffer).await? > 0, "the server hung up");
    }
}

pub(crate) struct Http {
    endpoint: Endpoint,
    stream: Option<TcpStream>,
}

impl Http {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, stream: None }
    }

    pub(crate) async fn get(&mut self, path: &str, token: Option<&str>) -> Result<Value> {
        self.call("GET", path, token, None).await
    }

    /// A GET, and how long it took until its last byte was here.
    pub(crate) async fn timed(&mut self, path: &str, token: &str) -> Result<(Value, Duration)> {
        let request = self.request("GET", path, Some(token), None);
        let begin = Instant::now();
        let (head, body) = timeout(CALL_LIMIT, self.exchange(&request))
            .await
            .with_context(|| format!("GET {path} was not answered in time"))??;
        let took = begin.elapsed();
        ensure!(head.status == 200, "GET {path} was answered with {}", head.status);
        Ok((serde_json::from_slice(&body)?, took))
    }

    /// What stands at a path that is no JSON.
    pub(crate) async fn text(&mut self, path: &str) -> Result<String> {
        let request = self.request("GET", path, None, None);
        let (head, body) = timeout(CALL_LIMIT, self.exchange(&request))
            .await
            .with_context(|| format!("GET {path} was not answered in time"))??;
        ensure!(head.status == 200, "GET {path} was answered with {}", head.status);
        Ok(String::from_utf8(body)?)
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Value> {
        self.call("POST", path, token, Some(body)).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn upload(&mut self, path: &str, token: &str, bytes: &[u8]) -> Result<Value> {
        let Endpoint { authority, prefix, .. } = &self.endpoint;
        let head = format!(
            "POST {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        let request = [head.as_bytes(), bytes].concat();
        let (status, body) = self.patiently(&format!("POST {path}"), &request).await?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        match status {
            200..=299 => Ok(body),
            status => bail!(Refused { status, what: format!("POST {path}"), body }),
        }
    }

    /// A GET of what need not be JSON, and need not be given.
    pub(crate) async fn fetch(&mut self, path: &str, token: &str) -> Result<(u16, Vec<u8>)> {
        let request = self.request("GET", path, Some(token), None);
        self.patiently(&format!("GET {path}"), &request).await
    }

    /// Some bytes of what stands there: the status, where they lie in the whole, and they.
    pub(crate) async fn part(
        &mut self,
        path: &str,
        token: &str,
        range: &str,
    ) -> Result<(u16, String, Vec<u8>)> {
        let Endpoint { authority, prefix, .. } = &self.endpoint;
        let request = format!(
            "GET {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {token}\r\n\
             Range: bytes={range}\r\n\r\n"
        );
        let (head, body) = timeout(CALL_LIMIT, self.exchange(request.as_bytes()))
            .await
            .with_context(|| format!("GET {path} was not answered in time"))??;
        Ok((head.status, head.content_range.unwrap_or_default(), body))
    }

    /// A POST that may be put off: its first answer, whatever that is.
    pub(crate) async fn post_once(
        &mut self,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Result<(u16, Value)> {
        let request = self.request("POST", path, Some(token), Some(body));
        let (head, body) = timeout(CALL_LIMIT, self.exchange(&request))
            .await
            .with_context(|| format!("POST {path} was not answered in time"))??;
        Ok((head.status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    pub(crate) async fn patch(&mut self, path: &str, token: &str, body: &Value) -> Result<Value> {
        self.call("PATCH", path, Some(token), Some(body)).await
    }

    pub(crate) async fn delete(&mut self, path: &str, token: &str) -> Result<()> {
        self.call("DELETE", path, Some(token), None).await.map(drop)
    }

    /// A number of `/metrics`, of all nodes together; nothing when the server does not count it.
    pub(crate) async fn metric(&mut self, name: &str) -> Result<Option<f64>> {
        if !self.endpoint.has_nodes() {
            return self.metric_here(name).await;
        }
        let mut sum = None;
        for node in self.endpoint.each() {
            let value = Self::new(node).metric_here(name).await?;
            sum = value.map(|value| value + sum.unwrap_or(0.0)).or(sum);
        }
        Ok(sum)
    }

    async fn metric_here(&mut self, name: &str) -> Result<Option<f64>> {
        let request = self.request("GET", "/metrics", None, None);
        let exchange = timeout(CALL_LIMIT, self.exchange(&request));
        let (head, body) = exchange.await.context("/metrics was not answered in time")??;
        ensure!(head.status == 200, "/metrics was answered with {}", head.status);
        let text = std::str::from_utf8(&body)?;
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
        Ok(text.lines().find_map(value))
    }

    /// Makes a call; waits and tries again while the server asks for patience.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value> {
        let request = self.request(method, path, token, body);
        let (status, body) = self.patiently(&format!("{method} {path}"), &request).await?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        match status {
            200..=299 => Ok(body),
            status => bail!(Refused { status, what: format!("{method} {path}"), body }),
        }
    }

    /// The first answer that does not ask for patience.
    async fn patiently(&mut self, what: &str, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        for _ in 0..MAX_TRIES {
            let (head, body) = timeout(CALL_LIMIT, self.exchange(request))
                .await
                .with_context(|| format!("{what} was not answered in time"))?
                .with_context(|| format!("{what} failed"))?;
            let wait = Duration::from_secs(head.retry_after.unwrap_or(1));
            match head.status {
                429 | 503 if wait <= MOST_PATIENCE => sleep(wait).await,
                429 | 503 => bail!("{what} was put off for {} s", wait.as_secs()),
                status => return Ok((status, body)),
            }
        }
        bail!("{what}: the server still asks for patience after {MAX_TRIES} tries")
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Vec<u8> {
        let Endpoint { authority, prefix, .. } = &self.endpoint;
        let mut request = format!("{method} {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(token) = token {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if method != "GET" {
            request.push_str("Content-Type: application/json\r\n");
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(&body);
        request.into_bytes()
    }

    /// A kept-alive connection may have been closed meanwhile: then a fresh one gets the request.
    async fn exchange(&mut self, request: &[u8]) -> Result<(Head, Vec<u8>)> {
        if let Some(stream) = self.stream.take()
            && let Ok(answer) = self.exchange_on(stream, request).await
        {
            return Ok(answer);
        }
        let stream = self.endpoint.connect().await?;
        self.exchange_on(stream, request).await
    }

    async fn exchange_on(
        &mut self,
        mut stream: TcpStream,
        request: &[u8],
    ) -> Result<(Head, Vec<u8>)> {
        stream.write_all(request).await?;
        let mut buffer = Vec::with_capacity(1024);
        let head = read_head(&mut stream, &mut buffer).await?;
        let body = if head.is_chunked {
            read_chunks(&mut stream, buffer).await?
        } else {
            let length = head.content_length.unwrap_or(0);
            while buffer.len() < length {
                ensure!(stream.read_buf(&mut buffer).await? > 0, "the server hung up in a body");
            }
            buffer.truncate(length);
            buffer
        };
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok((head, body))
    }
}

async fn read_chunks(stream: &mut TcpStream, mut buffer: Vec<u8>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        if let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") {
            let line = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)?;
            let (start, stop) = (end + 2, end + 2 + size);
            if let Some(chunk) = buffer.get(start..stop)
                && buffer.len() >= stop + 2
            {
                body.extend_from_slice(chunk);
                buffer.drain(..stop + 2);
                if size == 0 {
                    return Ok(body);
                }
                continue;
            }
        }
        ensure!(stream.read_buf(&mut buffer).await? > 0, "the server hung up in a body");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_how_long_the_body_is() {
        let head = Head::parse(
            "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 12\r\nretry-after: 3\r\n\r\n",
        )
        .unwrap();
        assert_eq!((head.status, head.content_length, head.retry_after), (429, Some(12), Some(3)));
        assert!(Head::parse("nonsense").is_err());
    }
}
