//! A TCP proxy that does to connections what networks do: holds bytes back, breaks them into pieces,
//! cuts, resets, half-closes, and swallows.
//!
//! `rule` is what may be done and the draw of it, `line` one connection, `tally` what was done.
//! The draws follow from the seed, connection by connection; timing stays the machine's own.

mod line;
mod rule;
mod tally;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use clap::Args;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use self::rule::{Ending, Rules};
pub(crate) use self::tally::Tally;
use crate::endpoint::Endpoint;
use crate::progress::warn;
use crate::server::fresh_seed;

/// A proxy that takes connections until it is dropped.
pub(crate) struct Proxy {
    pub(crate) listen: SocketAddr,
    tally: Rc<Tally>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens, and carries every connection to `server` by a rule of its own. After `most` endings
    /// no more come; what is held back or broken into pieces stays so.
    pub(crate) async fn start(
        listen: SocketAddr,
        server: SocketAddr,
        rules: Rules,
        most: Option<usize>,
        seed: u64,
    ) -> Result<Self> {
        let listener = TcpListener::bind(listen).await.context("the proxy cannot listen")?;
        let listen = listener.local_addr()?;
        let tally = Rc::new(Tally::of(most));
        let task = take_all(listener, server, rules, seed, Rc::clone(&tally));
        Ok(Self { listen, tally, task: tokio::task::spawn_local(task) })
    }

    /// What was done so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take_all(
    listener: TcpListener,
    server: SocketAddr,
    rules: Rules,
    seed: u64,
    tally: Rc<Tally>,
) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut lines = JoinSet::new();
    loop {
        let client = tokio::select! {
            taken = listener.accept() => match taken {
                Ok((client, _)) => client,
                Err(error) => return warn(&format!("the proxy takes no connections: {error}")),
            },
            // Lines that have ended; an error is the end of a connection like any other.
            Some(_ended) = lines.join_next() => continue,
        };
        tally.connected();
        let (script, seed, tally) = (rules.draw(&mut random), random.random(), Rc::clone(&tally));
        lines.spawn_local(async move {
            // A server that is not there is told by an end.
            let server = TcpStream::connect(server).await?;
            line::carry(client, server, script, seed, tally).await
        });
    }
}

#[derive(Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// Where the server is
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// What is done to connections
    #[arg(long, value_name = "RULE,…", value_parser = rules)]
    rules: Rules,
    /// After so many endings no more come
    #[arg(long, value_name = "COUNT")]
    most: Option<usize>,
}

fn rules(text: &str) -> Result<Rules, String> {
    text.parse()
}

/// The proxy alone, until it is interrupted.
pub(crate) async fn run(options: &Options, seed: Option<u64>) -> Result<()> {
    let Options { listen, to, rules, most } = options;
    if !listen.ip().is_loopback() {
        bail!("the proxy passes everything on to whoever comes: it listens on loopback only");
    }
    let server = Endpoint::resolve(&format!("http://{to}")).await?.addr;
    let seed = seed.unwrap_or_else(fresh_seed);
    let proxy = Proxy::start(*listen, server, rules.clone(), *most, seed).await?;
    writeln!(std::io::stdout(), "http://{} → http://{server} · seed {seed}", proxy.listen)?;
    std::future::pending().await
}
