//! Serving, and the end of it: each step has its time, all together have [`GRACE`].
//!
//! Whoever asks a process to end waits only so long and then kills it. So a step that hangs is left
//! behind, and the log says which. Nothing is lost by that which a `kill -9` would not lose: what was
//! acknowledged is on the disk.

use std::future::Future;
use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use actix_server::ServerHandle;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::sockets::Sockets;
use super::{App, StartError};
use crate::actors::Tree;
use crate::config::{Config, Database};
use crate::faults::Snag;
use crate::store::Store;

/// From the signal to the end of the process, whatever hangs.
const GRACE: Duration = Duration::from_secs(10);
/// From the signal until nobody is waited for any longer, and until actors that do not say so either
/// are left.
const DRAINED_BY: Duration = Duration::from_secs(8);
const TOLD_BY: Duration = Duration::from_millis(8_100);
/// How long the calls under way are waited for then, and until when after the signal.
const CALLS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(8_700));
/// The same for the store. A write that takes longer is as if the power went: what it was part of is
/// not kept, and nobody was told that it was.
const CLOSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(9_300));
/// The same for what cannot be broken off: the look-up of a name, a file that is read, a picture.
const LEAVE: Duration = Duration::from_millis(400);
/// So long before the end of its time a process that hangs says so: the log may be what hangs.
const TO_SAY: Duration = Duration::from_millis(100);

/// How long a step may take that begins so long after the signal.
fn time_for((within, by): (Duration, Duration), since: Duration) -> Duration {
    within.min(by.saturating_sub(since))
}

impl App {
    /// Serves until `end` comes, then drains: nothing new is taken, what was accepted is committed
    /// and told, clients learn when to come back. It ends within ten seconds of `end`.
    ///
    /// # Errors
    /// When the server itself fails, or the actors give up.
    pub async fn run_until(self, end: impl Future<Output = ()>) -> Result<(), StartError> {
        let handle = self.server.handle();
        let faults = self.tree.rooms.faults.clone();
        let mut server = self.server;
        let (mut gave_up, mut asked) = (false, None);
        tokio::select! {
            ended = &mut server => ended?,
            () = self.chores.run() => {}
            () = self.previews.run() => {}
            () = self.tree.ended() => gave_up = true,
            () = end => {
                let began = *asked.insert(Instant::now());
                tracing::info!("ending: nothing new is taken");
                self.is_draining.store(true, Ordering::Release);
                tokio::select! {
                    () = drain(&self.tree, (&handle, &self.sockets), self.drain_window, began) => {}
                    _ended = &mut server => {}
                }
                tracing::info!(ms = began.elapsed().as_millis(), "everybody was told");
            }
        }
        if gave_up {
            // Nothing works any more: no draining, only an end that whoever watches can see.
            tokio::select! {
                _stopped = timeout(CALLS.0, handle.stop(false)) => {}
                _ended = &mut server => {}
            }
            return Err(StartError::GaveUp);
        }
        self.tree.stop();
        faults.snag(Snag::Blocking).await;
        faults.snag(Snag::Thread).await;
        let since = asked.map_or(Duration::ZERO, |asked| asked.elapsed());
        close(&self.store, time_for(CLOSE, since), faults.snag(Snag::Store)).await;
        Ok(())
    }
}

async fn drain(
    tree: &Tree,
    (handle, sockets): (&ServerHandle, &Sockets),
    window: Duration,
    began: Instant,
) {
    // New connections are still answered, with 503: a health check must see why, not hang.
    let told = async {
        tree.rooms.faults.snag(Snag::Drain).await;
        tree.drain(window, began + DRAINED_BY).await;
    };
    if timeout(TOLD_BY, told).await.is_err() {
        tracing::warn!("not everybody was told in time; left as they are");
    }
    let calls = time_for(CALLS, began.elapsed());
    let done = async {
        sockets.end().await;
        handle.stop(true).await;
    };
    if timeout(calls, done).await.is_err() {
        tracing::warn!("calls are still under way; broken off");
    }
}

/// Closes the store; `snag` is what a test puts in the way.
async fn close(store: &Store, within: Duration, snag: impl Future<Output = ()>) {
    let began = Instant::now();
    let closed = async {
        snag.await;
        store.close().await;
    };
    match timeout(within, closed).await {
        Ok(()) => tracing::info!(ms = began.elapsed().as_millis(), "the store is closed"),
        Err(_elapsed) => tracing::warn!("the store is still busy; left as it is"),
    }
}

/// Serves until the process is asked to end.
///
/// # Errors
/// When a part cannot be started, or the server fails.
pub fn serve(config: &Config) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let began = Instant::now();
        let app = App::build(config).await?;
        greet(&app, config, began.elapsed());
        app.run_until(end_signal()?).await
    });
    leave(runtime);
    done
}

/// Ends the threads. Dropped, the runtime would wait for what cannot be broken off, however long.
fn leave(runtime: Runtime) {
    let began = Instant::now();
    runtime.shutdown_timeout(LEAVE);
    if began.elapsed() >= LEAVE {
        tracing::warn!("something cannot be broken off; left as it is");
    }
}

/// Comes with SIGTERM or Ctrl-C. From then on the process has its grace time and no more.
pub(super) fn end_signal() -> Result<impl Future<Output = ()>, StartError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _signal = terminate.recv() => {}
            _signal = interrupt.recv() => {}
        }
        if let Err(why) = guard() {
            tracing::warn!("nobody sees to it that the process ends in time: {why}");
        }
        tracing::info!("ending: clients are told, what was accepted is finished");
    })
}

/// Ends the process, should it be there when its grace time is over. On a thread of its own: what
/// hangs may be any other.
#[expect(clippy::disallowed_methods, reason = "nothing else is on that thread")]
fn guard() -> io::Result<()> {
    let guard = || {
        thread::sleep(GRACE.saturating_sub(TO_SAY));
        let say = || tracing::error!("the end takes longer than {GRACE:?}; broken off");
        let _unsaid = thread::Builder::new().spawn(say);
        thread::sleep(TO_SAY);
        std::process::exit(1);
    };
    thread::Builder::new().name("guard".to_owned()).spawn(guard).map(drop)
}

/// Says what to do next, to whoever started the program by hand.
#[expect(clippy::print_stderr, reason = "this is where the program talks to its operator")]
fn greet(app: &App, config: &Config, took: Duration) {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(address = %app.address(), ready_ms = ms, "ready");
    if !io::stderr().is_terminal() {
        return;
    }
    let data = match &config.storage.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    };
    eprintln!(
        "\n  Moim is ready: open http://{} and register.\n  \
         The first account is the admin. Open the page in a second window to talk.\n  \
         Data: {data} · the API: http://{}/v1/docs · watch it: moim top · end with Ctrl-C\n",
        app.address(),
        app.address()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_hangs_the_steps_fit_into_the_grace_time() {
        // The worst: every step takes all that it is given, one after the other.
        let mut since = TOLD_BY;
        for step in [CALLS, CLOSE] {
            let time = time_for(step, since);
            assert!(time >= Duration::from_millis(500), "{step:?} has {time:?}");
            since += time;
        }
        assert!(since + LEAVE + TO_SAY < GRACE, "{since:?}");
        assert_eq!(time_for(CLOSE, Duration::from_secs(1)), CLOSE.0);
    }
}
