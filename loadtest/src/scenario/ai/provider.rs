//! The provider that the server asks: a model of our own, on a thread of its own, so that who reads
//! ten thousand sockets does not hold it up. It notes when each question arrives, and each token
//! carries the moment at which it was written.
//!
//! It speaks as much of OpenAI's chat completions as a stream of text needs. How badly providers can
//! behave is the matter of `moim mock-llm`, which the faults mode starts.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::pace::Epoch;

/// Bytes of a token: five digits, and the blank between it and the next.
pub(super) const TOKEN: usize = DIGITS + 1;
const DIGITS: usize = 5;
const RADIX: u32 = 36;
/// Moments are told in microseconds, modulo what five digits hold: a minute.
const SPAN_US: u64 = (RADIX as u64).pow(DIGITS as u32);
/// What stands before the number of a question in its text.
const MARK: &str = "ask-";
const MARK_DIGITS: usize = 9;

/// What the provider is to say to every question that comes from now on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script {
    pub per_second: f64,
    pub tokens: usize,
}

/// What was said to one question.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Saying>);

#[derive(Debug, Default)]
struct Saying {
    arrived: Vec<Instant>,
    text: String,
}

impl Told {
    /// All that was said so far.
    pub(super) fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        look(&lock(&self.0).text)
    }

    /// When the question came to the socket, each time.
    pub(super) fn arrived(&self) -> Vec<Instant> {
        lock(&self.0).arrived.clone()
    }

    #[cfg(test)]
    pub(super) fn say(&self, text: &str) {
        lock(&self.0).text.push_str(text);
    }
}

struct Shared {
    epoch: Epoch,
    script: Mutex<Script>,
    told: Mutex<HashMap<u64, Arc<Told>>>,
}

pub(super) struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<TcpListener>,
    /// The thread ends when this is gone.
    stop: Option<oneshot::Sender<()>>,
}

impl Provider {
    /// Takes a port; nobody is answered before [`Provider::start`].
    pub(super) fn bind(epoch: Epoch) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let script = Mutex::new(Script { per_second: 1.0, tokens: 1 });
        let shared = Arc::new(Shared { epoch, script, told: Mutex::default() });
        let address = listener.local_addr()?;
        Ok(Self { address, shared, listener: Some(listener), stop: None })
    }

    /// The base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Serves from now on. Called when our own CPUs are chosen: the thread keeps to them.
    pub(super) fn start(&mut self) -> Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let (stop, stopped) = oneshot::channel();
        let (shared, runtime) =
            (self.shared.clone(), Builder::new_current_thread().enable_all().build()?);
        std::thread::Builder::new().name("provider".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ended = serve(listener, &shared) => {}
                    _dropped = stopped => {}
                }
            });
        })?;
        self.stop = Some(stop);
        Ok(())
    }

    pub(super) fn plan(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// What is said to the question with this number, now or later.
    pub(super) fn told(&self, number: u64) -> Arc<Told> {
        self.shared.told(number)
    }
}

impl Shared {
    fn told(&self, number: u64) -> Arc<Told> {
        lock(&self.told).entry(number).or_default().clone()
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text of a question.
pub(super) fn question(number: u64) -> String {
    format!("@ai {MARK}{number:0MARK_DIGITS$} please")
}

/// The number of the last question in a text.
pub(super) fn number_in(text: &str) -> Option<u64> {
    let at = text.rfind(MARK)? + MARK.len();
    text.get(at..at + MARK_DIGITS)?.parse().ok()
}

/// A moment as a token, without the blank.
fn token(stamp_us: u64) -> String {
    let mut left = stamp_us % SPAN_US;
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        let value = (left % u64::from(RADIX)) as u32;
        *digit = char::from_digit(value, RADIX).map_or(b'0', |digit| digit as u8);
        left /= u64::from(RADIX);
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// How long before `now_us` a token was written; none when it is no token.
pub(super) fn age_us(token: &str, now_us: u64) -> Option<u64> {
    let digits = token.get(..DIGITS)?;
    let then = u64::from_str_radix(digits, RADIX).ok()?;
    Some((now_us % SPAN_US + SPAN_US - then) % SPAN_US)
}

async fn serve(listener: TcpListener, shared: &Arc<Shared>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (socket, _) = accepted?;
                let shared = shared.clone();
                answers.spawn(async move {
                    // Who hangs up in the middle is the server's business; the viewers see it.
                    let _hung_up = answer(socket, &shared).await;
                });
            }
            Some(_ended) = answers.join_next() => {}
        }
    }
}

async fn answer(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (mut bytes, mut arrived) = (Vec::new(), None);
    while !is_whole(&bytes) {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        arrived.get_or_insert_with(Instant::now);
    }
    let request = String::from_utf8_lossy(&bytes);
    let told = shared.told(number_in(&request).unwrap_or(0));
    lock(&told.0).arrived.extend(arrived);
    let script = *lock(&shared.script);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    let begin = Instant::now();
    for number in 0..script.tokens {
        let due = begin + Duration::from_secs_f64(number as f64 / script.per_second);
        sleep_until(due.into()).await;
        let blank = if number + 1 < script.tokens { " " } else { "" };
        let piece = token(shared.epoch.stamp(Instant::now())) + blank;
        lock(&told.0).text.push_str(&piece);
        let delta = json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
        socket.write_all(format!("data: {delta}\n\n").as_bytes()).await?;
    }
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let counted = json!({"prompt_tokens": 1, "completion_tokens": script.tokens});
    let usage = json!({"choices": [], "usage": counted});
    let end = format!("data: {stop}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    socket.write_all(end.as_bytes()).await?;
    socket.shutdown().await
}

/// Whether a request is here to its last byte.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(bytes.get(..head).unwrap_or_default());
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let length = fields
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, length)| length.trim().parse().ok());
    bytes.len() >= head + 4 + length.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_travels_in_a_token_and_may_wrap() {
        for (then, now, age) in
            [(0, 0, 0), (1_234_567, 1_250_000, 15_433), (SPAN_US - 10, SPAN_US + 5, 15)]
        {
            let token = token(then);
            assert_eq!(token.len() + 1, TOKEN);
            assert_eq!(age_us(&token, now), Some(age), "{token}");
        }
        assert_eq!(age_us("no", 7), None);
        assert_eq!(age_us("it is no number", 7), None);
    }

    #[test]
    fn the_number_of_the_last_question_counts() {
        let told = format!("{} … {}", question(7), question(12));
        assert_eq!(number_in(&told), Some(12));
        assert_eq!(number_in("ask-me"), None);
    }

    #[test]
    fn a_request_is_whole_with_its_last_byte() {
        let head = "POST /v1 HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
        assert!(!is_whole(head.as_bytes()) && !is_whole(format!("{head}ab").as_bytes()));
        assert!(is_whole(format!("{head}abc").as_bytes()));
    }
}
