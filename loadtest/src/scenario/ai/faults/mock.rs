//! The mock of a provider that comes with the server, as a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;

use super::eventually;
use crate::port::free_port;

const READY: Duration = Duration::from_secs(20);

/// A model without fault.
pub(super) const SOUND: &str = "fast";
/// The ways in which a model behaves here, a room for each; `moim mock-llm` says what they mean.
pub(super) const BEHAVIOURS: &[&str] = &[
    "tps:60+words:60",
    "slow:400",
    "think:40+tps:100",
    "hang",
    "hang-after:9",
    "429",
    "429:60",
    "500",
    "503",
    "400",
    "401",
    "404",
    "413",
    "301",
    "flaky:1",
    "error",
    "tps:60+half",
    "cut",
    "garbage",
    "bad-utf8",
    "silent",
    "filter",
    "endless",
    "tps:200+endless",
    "huge:10MB",
    "line:2MB",
    "no-done",
    "linger",
    "plain",
    "odd",
    "echo",
    "obedient",
    "key:other",
];

pub(super) struct Mock(Child);

/// Where nobody listens yet.
pub(super) fn free_address() -> Result<String> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)).to_string())
}

impl Mock {
    pub(super) async fn start(binary: &Path, address: &str) -> Result<Self> {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("MOIM_")) {
                command.env_remove(name);
            }
        }
        command.args(["mock-llm", "--listen", address]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mock = Self(command.spawn().context("cannot start the mock of a model")?);
        let is_ready = eventually(READY, async || TcpStream::connect(address).await.is_ok()).await;
        ensure!(is_ready, "the mock of a model does not listen");
        Ok(mock)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
