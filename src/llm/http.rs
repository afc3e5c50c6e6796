//! A model behind HTTP.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use serde_json::Value;

use super::address::is_own;
use super::answer::Finish;
use super::error::{LlmError, Wait};
use super::model::{Asked, ChatModel, Part, Parts};
use super::request::Request;
use super::sse::{Sse, SseError, SseEvent};
use super::wire::{Queue, Thinking, gemini, openai, refusal};

/// Bytes of one answer as it comes over the wire, behind its last thought.
const RAW_BYTES: usize = 1 << 20;
/// The same with its thoughts. Nothing of them is kept; they end in time anyway.
const ALL_BYTES: usize = 32 << 20;
/// Bytes of a refusal that are looked at.
const REFUSAL_BYTES: usize = 16 * 1024;

/// What a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// OpenAI chat completions, as many do.
    OpenAi,
    /// Gemini.
    Gemini,
}

/// A key of a provider. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a model is and how it is asked.
#[derive(Clone)]
pub struct Endpoint {
    /// What it speaks.
    pub speaks: Speaks,
    /// Where it is; the provider's own place when absent. May hold a name and a password.
    pub base_url: Option<String>,
    /// Its key; local ones need none.
    pub key: Option<Key>,
    /// The model that is asked unless a request wishes for another.
    pub model: String,
    /// Other models that a request may wish for.
    pub models: Vec<String>,
    /// How much it is to think; as it likes when absent.
    pub thinking: Option<Thinking>,
    /// A proxy to go through, as a URL; those of the environment are never used.
    pub proxy: Option<Key>,
    /// Addresses of this server: a model is never there.
    pub own: Vec<SocketAddr>,
}

/// A model that cannot be set up so. Names no value: an address may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// The address is no URL of HTTP.
    #[error("the address of the model is no http:// or https:// URL")]
    Url,
    /// The key cannot stand in a header.
    #[error("the key of the model holds characters that no key has")]
    Key,
    /// No model is named.
    #[error("the model has no name")]
    NoModel,
    /// The proxy is none.
    #[error("the proxy of the model cannot be used")]
    Proxy,
    /// No client could be made: no certificates to trust.
    #[error("no connections can be made: are there any certificates on this system?")]
    NoClient,
}

/// A model behind HTTP.
pub struct HttpModel {
    client: Client,
    base: Url,
    headers: HeaderMap,
    endpoint: Endpoint,
}

impl HttpModel {
    /// Sets a model up; nobody is asked yet.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub fn new(endpoint: Endpoint, connect: Duration) -> Result<Self, InvalidEndpoint> {
        let place = endpoint.base_url.as_deref().unwrap_or(match endpoint.speaks {
            Speaks::OpenAi => openai::BASE,
            Speaks::Gemini => gemini::BASE,
        });
        let base = Url::parse(place).map_err(|_odd| InvalidEndpoint::Url)?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(InvalidEndpoint::Url);
        }
        if endpoint.model.trim().is_empty() {
            return Err(InvalidEndpoint::NoModel);
        }
        let headers = headers(&endpoint)?;
        // A redirect would carry the key, and what people wrote, to wherever an answer points.
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect)
            .no_proxy();
        if base.scheme() == "http" {
            client = client.tls_certs_only([]); // None are needed, and some systems have none.
        }
        if let Some(Key(proxy)) = &endpoint.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_odd| InvalidEndpoint::Proxy)?;
            client = client.proxy(proxy);
        }
        let client = client.build().map_err(|_why| InvalidEndpoint::NoClient)?;
        Ok(Self { client, base, headers, endpoint })
    }

    /// The model that answers this request.
    fn model<'a>(&'a self, request: &'a Request) -> &'a str {
        let wished = request.model.as_deref();
        let offered = wished.filter(|wished| self.endpoint.models.iter().any(|m| m == wished));
        offered.unwrap_or(&self.endpoint.model)
    }

    async fn call(&self, request: &Request) -> Result<HttpParts, LlmError> {
        let limits = request.limits;
        match self.post(request, limits.tokens()).await {
            // More than this model can write, or than has room behind the question; it need not think.
            Err(LlmError::TooLarge | LlmError::Refused(400 | 422)) if limits.thought_tokens > 0 => {
                self.post(request, limits.output_tokens).await
            }
            answered => answered,
        }
    }

    async fn post(&self, request: &Request, tokens: u32) -> Result<HttpParts, LlmError> {
        let (model, thinking) = (self.model(request), self.endpoint.thinking.as_ref());
        let (url, body) = match self.endpoint.speaks {
            Speaks::OpenAi => {
                let body = openai::body((request, tokens), model, &self.base, thinking);
                (openai::place(&self.base), body)
            }
            Speaks::Gemini => {
                (gemini::place(&self.base, model), gemini::body(request, tokens, thinking))
            }
        };
        let asked = self.client.post(url).headers(self.headers.clone()).json(&body).send();
        let response = asked.await.map_err(|why| failed(&why))?;
        let is_own = response.remote_addr().is_some_and(|peer| is_own(peer, &self.endpoint.own));
        if is_own {
            return Err(LlmError::OwnAddress);
        }
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_plain = kind.is_some_and(|kind| kind.contains("json"));
        Ok(HttpParts {
            response,
            speaks: self.endpoint.speaks,
            sse: Sse::default(),
            plain: is_plain.then(Vec::new),
            queue: Queue::new(),
            raw_left: RAW_BYTES,
            all_left: ALL_BYTES,
            has_finish: false,
            state: State::Open,
        })
    }
}

impl ChatModel for HttpModel {
    fn provider(&self) -> &'static str {
        match self.endpoint.speaks {
            Speaks::OpenAi => "openai",
            Speaks::Gemini => "gemini",
        }
    }

    fn model_for(&self, request: &Request) -> String {
        self.model(request).to_owned()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> Asked<'a> {
        async move { Ok(Box::new(self.call(request).await?) as Box<dyn Parts>) }.boxed()
    }
}

// An address may hold a password.
impl fmt::Debug for HttpModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpModel").field(&self.endpoint).finish()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("speaks", &self.speaks)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

fn headers(endpoint: &Endpoint) -> Result<HeaderMap, InvalidEndpoint> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    let Some(Key(key)) = &endpoint.key else {
        return Ok(headers);
    };
    let (name, value) = match endpoint.speaks {
        Speaks::OpenAi => (AUTHORIZATION, format!("Bearer {key}")),
        Speaks::Gemini => (HeaderName::from_static("x-goog-api-key"), key.clone()),
    };
    let mut value = HeaderValue::from_str(&value).map_err(|_odd| InvalidEndpoint::Key)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

/// What went wrong before there was an answer. The error itself holds the address: it goes no
/// further.
fn failed(why: &reqwest::Error) -> LlmError {
    match (why.is_timeout(), why.is_connect()) {
        (true, _) => LlmError::Timeout(Wait::Connect),
        (false, true) => LlmError::Unreachable,
        (false, false) => LlmError::BrokenOff,
    }
}

async fn refused(mut response: Response) -> LlmError {
    let status = response.status().as_u16();
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let seconds = after.and_then(|text| text.trim().parse::<f64>().ok());
    let after = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let mut body = Vec::new();
    while body.len() < REFUSAL_BYTES {
        match response.chunk().await {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            _end_or_cut => break,
        }
    }
    refusal(status, after, &body)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// More may come.
    Open,
    /// The connection ended as it should.
    Ended,
    /// All is said.
    Done,
}

struct HttpParts {
    response: Response,
    speaks: Speaks,
    sse: Sse,
    /// An answer in one piece, from a server that does not stream.
    plain: Option<Vec<u8>>,
    queue: Queue,
    raw_left: usize,
    all_left: usize,
    has_finish: bool,
    state: State,
}

impl HttpParts {
    async fn pull(&mut self) -> Result<Option<Part>, LlmError> {
        loop {
            if let Some(part) = self.queue.pop_front() {
                self.has_finish |= matches!(part, Part::Finish(_));
                return Ok(Some(part));
            }
            if self.state == State::Done {
                return Ok(None);
            }
            match self.sse.event() {
                Ok(Some(event)) => {
                    self.take(&event)?;
                    continue;
                }
                Ok(None) => {}
                Err(SseError::NotUtf8) => return Err(LlmError::BadAnswer("it is not UTF-8")),
                Err(SseError::LongLine | SseError::LongEvent) => {
                    return Err(LlmError::BadAnswer("a part of it is too long"));
                }
            }
            if self.state == State::Ended {
                self.state = State::Done;
                return if self.has_finish { Ok(None) } else { Err(LlmError::BrokenOff) };
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.feed(&bytes),
                Ok(None) => self.end()?,
                Err(_cut) => return Err(LlmError::BrokenOff),
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let most = self.raw_left.min(self.all_left);
        let taken = bytes.get(..bytes.len().min(most)).unwrap_or_default();
        self.raw_left -= taken.len();
        self.all_left -= taken.len();
        match &mut self.plain {
            Some(plain) => plain.extend_from_slice(taken),
            None => self.sse.feed(taken),
        }
        if self.raw_left == 0 || self.all_left == 0 {
            self.drain();
        }
    }

    /// The limit is met: what was read so far counts, and the rest is not waited for.
    fn drain(&mut self) {
        while let Ok(Some(event)) = self.sse.event() {
            if self.take(&event).is_err() {
                break;
            }
        }
        self.queue.push_back(Part::Finish(Finish::Length));
        self.state = State::Done;
    }

    fn end(&mut self) -> Result<(), LlmError> {
        self.state = State::Ended;
        match self.plain.take() {
            Some(plain) => {
                let data = String::from_utf8(plain)
                    .map_err(|_odd| LlmError::BadAnswer("it is not UTF-8"))?;
                self.take(&SseEvent { name: None, data })
            }
            None => {
                self.sse.end();
                Ok(())
            }
        }
    }

    fn take(&mut self, event: &SseEvent) -> Result<(), LlmError> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            if !self.has_finish && !self.queue.iter().any(|part| matches!(part, Part::Finish(_))) {
                self.queue.push_back(Part::Finish(Finish::Stop));
            }
            self.state = State::Done;
            return Ok(());
        }
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            // Half an event at the end is a stream that was cut.
            let is_half = self.state == State::Ended && self.all_left < ALL_BYTES;
            let why = LlmError::BadAnswer("it is not JSON");
            return Err(if is_half { LlmError::BrokenOff } else { why });
        };
        if event.name.as_deref() == Some("error") && chunk.get("error").is_none() {
            return Err(LlmError::Failing(500));
        }
        let known = self.queue.len();
        match self.speaks {
            Speaks::OpenAi => openai::read(&chunk, &mut self.queue)?,
            Speaks::Gemini => gemini::read(&chunk, &mut self.queue)?,
        }
        if self.queue.iter().skip(known).any(|part| matches!(part, Part::Thought(_))) {
            self.raw_left = RAW_BYTES;
        }
        Ok(())
    }
}

impl Parts for HttpParts {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Part>, LlmError>> {
        self.pull().boxed()
    }
}
