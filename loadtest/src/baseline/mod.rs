//! What the server is compared with, in the same run on the same machine.
//!
//! Belongs here: one file per baseline, each a child process of this program.
//! Does not belong here: reading figures; a baseline is measured like the server.

mod actix_ws;
pub(crate) mod groupcommit;
mod line;
mod raw;
mod raw_tokio;
mod textbook;
pub(crate) mod upgrade;

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

pub(crate) use self::line::Template;
use self::raw_tokio::Writes;
use crate::proc::{Pins, Process};

/// The first line of a chat server to a client: from now on it is heard.
const GREETING: &str = r#"{"ev":"hello"}"#;

/// A baseline, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    Raw,
    RawTokio,
    RawCoalesced,
    ActixWs,
    Textbook,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawTokio => "raw-tokio",
            Self::RawCoalesced => "raw-coalesced",
            Self::ActixWs => "actix-ws",
            Self::Textbook => "textbook",
        }
    }

    /// Whether it is a chat server that clients talk to; the others make their own messages when
    /// they are told to, and speak no handshake.
    pub(crate) fn is_chat(self) -> bool {
        matches!(self, Self::ActixWs | Self::Textbook)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Baselines by their names with commas in between, or `all`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Against(pub Vec<Kind>);

impl FromStr for Against {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Kind::value_variants().to_vec()));
        }
        let mut kinds = text
            .split(',')
            .map(|name| Kind::from_str(name.trim(), false))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|why| {
                let names: Vec<_> = Kind::value_variants().iter().map(|kind| kind.name()).collect();
                format!("{why}; there are {}, and `all`", names.join(", "))
            })?;
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Self(kinds))
    }
}

/// The child's side of the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Which one to be
    #[arg(value_enum)]
    kind: Kind,
    /// Bytes of the payload of one frame
    #[arg(long)]
    bytes: usize,
    /// Sockets to wait for, besides the trigger
    #[arg(long)]
    members: usize,
}

/// A baseline's process, ended when this is dropped.
pub(crate) struct Baseline {
    child: Child,
    pub addr: SocketAddr,
}

impl Baseline {
    pub(crate) fn start(
        kind: Kind,
        bytes: usize,
        members: usize,
        pins: Option<&Pins>,
    ) -> Result<Self> {
        let (bytes, members) = (bytes.to_string(), members.to_string());
        let size = ["--bytes", &bytes, "--members", &members];
        Self::launch(&[&["baseline", kind.name()], &size[..]].concat(), pins)
    }

    /// The one that accepts and upgrades, and says nothing more.
    pub(crate) fn upgrading(pins: Option<&Pins>) -> Result<Self> {
        Self::launch(&["upgrade-server"], pins)
    }

    fn launch(arguments: &[&str], pins: Option<&Pins>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = match pins {
            Some(pins) => pins.spawn_apart(|| command.spawn())?,
            None => command.spawn(),
        };
        let mut child = child.with_context(|| format!("cannot start {arguments:?}"))?;
        let stdout = child.stdout.take().context("the baseline has no stdout")?;
        let mut baseline = Self { child, addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse();
        baseline.addr.set_port(port.with_context(|| format!("{arguments:?} named no port"))?);
        Ok(baseline)
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.id())
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's life: names its port on stdout, and ends with its parent.
pub(crate) fn serve(options: &Options) -> Result<()> {
    end_with_the_parent();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?.port())?;
    stdout.flush()?;
    let Options { kind, bytes, members } = *options;
    match kind {
        Kind::Raw => raw::serve(&listener, bytes, members),
        Kind::RawTokio => raw_tokio::serve(listener, bytes, members, Writes::Each),
        Kind::RawCoalesced => raw_tokio::serve(listener, bytes, members, Writes::Together),
        Kind::ActixWs => actix_ws::serve(listener),
        Kind::Textbook => textbook::serve(listener),
    }
}

/// The parent holds the other end of stdin; however it ends, that closes.
fn end_with_the_parent() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_are_named_in_any_order_and_kept_in_ours() {
        let against = |text: &str| text.parse::<Against>().map(|against| against.0);
        assert_eq!(against("textbook,raw,raw"), Ok(vec![Kind::Raw, Kind::Textbook]));
        assert_eq!(against("all").map(|kinds| kinds.len()), Ok(5));
        assert!(against("raw,faster").unwrap_err().contains("raw-coalesced"));
        for kind in Kind::value_variants() {
            assert_eq!(against(kind.name()), Ok(vec![*kind]));
        }
    }
}
