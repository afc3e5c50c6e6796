//! The programs under test, and what a run left behind.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shows;

const SOON: Duration = Duration::from_secs(60);

/// The server's binary, which cargo puts beside ours.
pub(crate) fn server() -> PathBuf {
    let tool = Path::new(env!("CARGO_BIN_EXE_loadtest"));
    let server = tool.parent().expect("a folder").join("moim");
    assert!(
        server.is_file(),
        "{} is not there: run `cargo build` first, with the profile of this test",
        server.display()
    );
    server
}

/// Runs the tool on a server of its own.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let server = server();
    let mut all = vec!["--server", server.to_str().unwrap()];
    all.extend(arguments);
    run_bare(&all)
}

pub(crate) fn run_bare(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the tool starts")
}

/// Runs the tool on a server of its own, from another folder.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).arg("--server").arg(server()).current_dir(folder);
    command.stdin(Stdio::null()).output().expect("the tool starts")
}

/// A run that was kept: its report and its page.
pub(crate) struct Kept {
    pub(crate) report: Value,
    pub(crate) page: String,
}

impl Kept {
    /// Runs the tool, which must find nothing wrong.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut all = arguments.to_vec();
        all.extend(["--json", "--out", folder.path().to_str().unwrap()]);
        let output = run(&all);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let read = |ending: &str| {
            let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
            let file = files.filter(|file| file.extension().is_some_and(|e| e == ending)).last();
            std::fs::read_to_string(file.expect(ending)).unwrap()
        };
        let kept = read("json");
        assert_eq!(String::from_utf8_lossy(&output.stdout), kept, "printed and kept differ");
        Self { report: serde_json::from_str(&kept).unwrap(), page: read("html") }
    }

    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.report.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {}", self.report))
    }

    pub(crate) fn number(&self, pointer: &str) -> f64 {
        self.at(pointer).as_f64().unwrap_or_else(|| panic!("{pointer} is no number"))
    }

    /// Pictures of the CPU and memory of these processes, and others by their names.
    pub(crate) fn shows(&self, processes: &[(&str, usize)], charts: &[&str]) {
        shows::processes(&self.report, &self.page, processes);
        shows::charts(&self.report, charts);
    }

    pub(crate) fn names(&self, pointer: &str) -> Vec<&str> {
        let list = self.at(pointer).as_array().expect(pointer);
        list.iter().map(|one| one["name"].as_str().expect("a name")).collect()
    }
}

/// A server that runs by itself, as for `--url`.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let child = Command::new(server())
            .env("MOIM_LISTEN", free.to_string())
            .env("MOIM_DATA_DIR", folder.path())
            .env("MOIM_PASSWORD_MEMORY_KIB", "64")
            .env("MOIM_LOG", "warn")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let running = Self { child, address: free, _folder: folder };
        let begin = Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(begin.elapsed() < SOON, "the server does not listen");
            std::thread::yield_now();
        }
        running
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none() && TcpStream::connect(self.address).is_ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
