//! The link between nodes over Redis: one connection that listens, one that publishes.
//!
//! Both are made by a task each that connects again with a growing pause for as long as the link
//! lives; a Redis that is away is a warning, never an error. Every line goes to one channel, whose
//! name is a secret of the database, so that instances that share a Redis do not mix. Nothing is
//! kept in Redis: it may come back empty. What is lost while it is away, or because a queue was
//! full, is announced as [`Heard::Gap`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError, Value,
};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::link::{Heard, Link, Unsent};

/// Messages that wait to be taken in.
const HEARD: usize = 4_096;
/// Lines that wait to be published.
const UNSENT: usize = 4_096;
/// Most lines in one message.
const LINES: usize = 64;
/// A message is not made longer than this by further lines.
const MESSAGE_BYTES: usize = 64 * 1024;
/// An answer that takes longer means that the connection is gone.
const ANSWER: Duration = Duration::from_secs(2);
/// How often a connection is asked whether it lives.
const ASK: Duration = Duration::from_secs(1);
/// Pause before the second attempt to connect; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);

/// The address cannot be used. It is not repeated, for it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the Redis URL cannot be read: {0}")]
pub struct UnusableRedis(String);

/// A link over Redis. Ends when it is dropped.
pub struct Redis {
    unsent: mpsc::Sender<String>,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

/// What the tasks know of each other.
#[derive(Default)]
struct Shared {
    listener: Mutex<Option<mpsc::Sender<Heard>>>,
    /// Something was lost and nobody was told yet.
    gap: AtomicBool,
    hears: AtomicBool,
    speaks: AtomicBool,
}

impl Redis {
    /// Begins to connect; does not wait for it. `channel` is the same on all nodes of an instance.
    ///
    /// # Errors
    /// When the URL cannot be read.
    #[expect(clippy::disallowed_methods, reason = "the link owns its two tasks and ends them")]
    pub fn connect(url: &str, channel: String) -> Result<Self, UnusableRedis> {
        let unusable = |why: RedisError| UnusableRedis(why.category().to_owned());
        let info = url.into_connection_info().map_err(unusable)?;
        // Messages are pushed between answers, which the older protocol cannot.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(unusable)?;
        let shared = Arc::new(Shared::default());
        let (unsent, lines) = mpsc::channel(UNSENT);
        let tasks = [
            tokio::spawn(hear(client.clone(), channel.clone(), Arc::clone(&shared))),
            tokio::spawn(speak(client, channel, lines, Arc::clone(&shared))),
        ];
        Ok(Self { unsent, shared, tasks })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Link for Redis {
    fn publish(&self, line: String) -> Result<(), Unsent> {
        let sent = self.shared.speaks.load(Ordering::Acquire) && self.unsent.try_send(line).is_ok();
        if sent {
            return Ok(());
        }
        self.shared.gap.store(true, Ordering::Release);
        Err(Unsent)
    }

    fn listen(&self) -> mpsc::Receiver<Heard> {
        let (sender, receiver) = mpsc::channel(HEARD);
        *self.shared.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    fn is_up(&self) -> bool {
        self.shared.hears.load(Ordering::Acquire) && self.shared.speaks.load(Ordering::Acquire)
    }
}

impl Shared {
    /// Hands on what came in; never waits, since it runs within the connection.
    fn take(&self, heard: Heard) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = listener.as_ref().is_some_and(|listener| listener.try_send(heard).is_err());
        if lost {
            self.gap.store(true, Ordering::Release);
        }
    }

    /// Tells of a loss, once lines cross again.
    fn tell_gap(&self) {
        let is_up = self.hears.load(Ordering::Acquire) && self.speaks.load(Ordering::Acquire);
        if is_up && self.gap.swap(false, Ordering::AcqRel) {
            self.take(Heard::Gap);
        }
    }

    fn came_up(&self, which: &AtomicBool, what: &'static str) {
        tracing::info!("the bus {what}");
        self.gap.store(true, Ordering::Release);
        which.store(true, Ordering::Release);
        self.tell_gap();
    }

    fn went_down(&self, which: &AtomicBool, why: &RedisError) {
        if which.swap(false, Ordering::AcqRel) {
            tracing::warn!("Redis is away, chat goes on from the database: {}", plain(why));
        } else {
            tracing::debug!("Redis is still away: {}", plain(why));
        }
        self.gap.store(true, Ordering::Release);
    }
}

/// What went wrong, without anything that might be part of the URL.
fn plain(why: &RedisError) -> String {
    match why.code() {
        Some(code) => code.to_owned(),
        None => why.category().to_owned(),
    }
}

/// Keeps the connection that listens.
async fn hear(client: Client, channel: String, shared: Arc<Shared>) {
    let mut pause = PAUSE;
    loop {
        let gone = Arc::new(Notify::new());
        let (pushed, ended) = (Arc::clone(&shared), Arc::clone(&gone));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(move |push: PushInfo| {
                match push.kind {
                    PushKind::Message => pushed.message(push.data),
                    PushKind::Disconnection => ended.notify_one(),
                    _other => {}
                }
                Ok::<_, Unsent>(())
            });
        let why = match listen(&client, &config, &channel).await {
            Ok(mut conn) => {
                pause = PAUSE;
                shared.came_up(&shared.hears, "listens");
                stay(&mut conn, &gone, &shared).await
            }
            Err(why) => why,
        };
        shared.went_down(&shared.hears, &why);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn listen(
    client: &Client,
    config: &AsyncConnectionConfig,
    channel: &str,
) -> Result<MultiplexedConnection, RedisError> {
    let mut conn = client.get_multiplexed_async_connection_with_config(config).await?;
    conn.subscribe(channel).await?;
    Ok(conn)
}

/// Stays until the connection is gone.
async fn stay(conn: &mut MultiplexedConnection, gone: &Notify, shared: &Shared) -> RedisError {
    loop {
        let asked = async {
            tokio::time::sleep(ASK).await;
            redis::cmd("PING").query_async::<()>(conn).await
        };
        tokio::select! {
            () = gone.notified() => {
                return RedisError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
            }
            answer = asked => match answer {
                Ok(()) => shared.tell_gap(),
                Err(why) => return why,
            },
        }
    }
}

impl Shared {
    fn message(&self, data: Vec<Value>) {
        // Channel and payload.
        if let Some(Value::BulkString(bytes)) = data.into_iter().nth(1) {
            match String::from_utf8(bytes) {
                Ok(lines) => self.take(Heard::Lines(lines)),
                Err(_not_text) => tracing::warn!("the bus carried something that is no text"),
            }
        }
    }
}

/// Keeps the connection that publishes.
async fn speak(
    client: Client,
    channel: String,
    mut lines: mpsc::Receiver<String>,
    shared: Arc<Shared>,
) {
    let mut pause = PAUSE;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(Some(ANSWER));
    loop {
        let why = match client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(mut conn) => {
                pause = PAUSE;
                shared.came_up(&shared.speaks, "speaks");
                match publish(&mut conn, &channel, &mut lines).await {
                    Ok(()) => return,
                    Err(why) => why,
                }
            }
            Err(why) => why,
        };
        shared.went_down(&shared.speaks, &why);
        // What waits is old by the time that Redis is back; the heads repair it.
        while lines.try_recv().is_ok() {}
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Publishes until something fails, or the link ends.
async fn publish(
    conn: &mut MultiplexedConnection,
    channel: &str,
    lines: &mut mpsc::Receiver<String>,
) -> Result<(), RedisError> {
    loop {
        let Ok(first) = tokio::time::timeout(ASK, lines.recv()).await else {
            redis::cmd("PING").query_async::<()>(conn).await?;
            continue;
        };
        let Some(mut message) = first else {
            return Ok(());
        };
        for _ in 1..LINES {
            if message.len() > MESSAGE_BYTES {
                break;
            }
            let Ok(line) = lines.try_recv() else {
                break;
            };
            message.push('\n');
            message.push_str(&line);
        }
        redis::cmd("PUBLISH").arg(channel).arg(message).query_async::<()>(conn).await?;
    }
}
