//! The program itself, in a process that can be killed.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::Rest;

/// A running `moim`. Killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) rest: Rest,
}

impl Process {
    /// Starts the program on a folder and waits until it is ready.
    pub(crate) async fn start(folder: &Path, address: SocketAddr) -> Self {
        Self::start_with(folder, address, &[]).await
    }

    /// The same with some settings of one's own.
    pub(crate) async fn start_with(
        folder: &Path,
        address: SocketAddr,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = command(folder, address);
        command.envs(settings.iter().copied());
        let child = command.spawn().unwrap();
        let rest = Rest::new(address);
        rest.ready().await;
        Self { child, address, rest }
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The program with settings that suit tests, not started yet.
pub(crate) fn command(folder: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moim"));
    command
        .env("MOIM_LISTEN", address.to_string())
        .env("MOIM_DATA_DIR", folder.join("data"))
        .env("MOIM_PASSWORD_MEMORY_KIB", "64")
        .env("MOIM_LOG", "warn")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
