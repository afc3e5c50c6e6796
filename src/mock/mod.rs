//! A provider of models that plays its part: it speaks OpenAI chat completions and Gemini, and the
//! name of the model (or `?behave=` in the address) says how it behaves. For tests, for load, and
//! for trying the assistant out without an account anywhere.
//!
//! `slow:300+tps:60+words:200` waits 300 ms and then says 200 words, 60 a second; [`Behaviour`] has
//! all the words.

mod behaviour;
mod connection;
mod speak;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use behaviour::{Behaviour, WORDS};

/// Calls that are remembered.
const CALLS: usize = 10_000;
/// Connections at once.
const CONNECTIONS: usize = 4_096;
/// A connection lives no longer.
const LONGEST: Duration = Duration::from_secs(600);

/// A call, as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `openai` or `gemini`.
    pub speaks: &'static str,
    /// The model that was asked for.
    pub model: String,
    /// Path and query of the address.
    pub target: String,
    /// The key that was shown.
    pub key: Option<String>,
    /// What was asked.
    pub body: Value,
}

/// What was asked so far.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// Keeps a call; how many there were before it for the same model.
    fn note(&self, call: Call) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = calls.iter().filter(|known| known.model == call.model).count();
        if calls.len() < CALLS {
            calls.push(call);
        }
        before
    }

    fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A server that plays a provider until it is dropped.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    calls: Calls,
    serving: JoinSet<()>,
}

impl Mock {
    /// Listens and serves from now on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let calls = Calls::default();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, calls.clone()));
        Ok(Self { address, calls, serving })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked so far, in the order in which it arrived.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.all()
    }

    /// How often a model was asked.
    #[must_use]
    pub fn asked(&self, model: &str) -> usize {
        self.calls().iter().filter(|call| call.model == model).count()
    }

    /// Serves for as long as this is waited for.
    pub async fn run(mut self) {
        let _never = self.serving.join_next().await;
    }
}

async fn accept(listener: TcpListener, calls: Calls) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((socket, _peer)) = accepted
                    && connections.len() < CONNECTIONS
                {
                    let calls = calls.clone();
                    connections.spawn(async move {
                        let _gone_or_late = timeout(LONGEST, connection::serve(socket, &calls)).await;
                    });
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}
