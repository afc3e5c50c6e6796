//! A Redis for one test: on a Unix socket in a temporary folder, kept nowhere, gone when the test is
//! gone, however it ends.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The server is a child of this script. It waits for the end of its standard input, which the
/// system closes when the test process ends, and then takes the server away.
const KEEPER: &str = r#"
trap '' INT TERM
"$1" --port 0 --unixsocket "$2/redis.sock" --save "" --appendonly no --dir "$2" </dev/null >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -KILL "$server"
wait "$server" 2>/dev/null
"#;

/// A Redis that can be killed and started again, empty.
pub(crate) struct Redis {
    program: PathBuf,
    folder: TempDir,
    running: Option<(Child, ChildStdin)>,
}

impl Redis {
    /// Starts one. `None`, with a word on why, when there is no Redis here and the environment does
    /// not insist on it.
    #[expect(clippy::print_stdout, clippy::panic, reason = "that is how a test says so")]
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            let is_required = std::env::var_os("REQUIRE_REDIS").is_some_and(|it| it == "1");
            assert!(!is_required, "Redis is required: no redis-server is installed");
            println!("SKIP no redis-server is installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("moim-redis-").tempdir();
        let folder = folder.unwrap_or_else(|why| panic!("no temporary folder: {why}"));
        let mut redis = Self { program, folder, running: None };
        redis.again();
        Some(redis)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it; everything that it knew is gone.
    pub(crate) fn kill(&mut self) {
        if let Some((mut keeper, lifeline)) = self.running.take() {
            drop(lifeline);
            let _ended = keeper.wait();
            let _gone = std::fs::remove_file(self.socket());
        }
    }

    /// Starts it again and waits until it answers.
    #[expect(clippy::panic, reason = "a test that has no Redis stops there")]
    pub(crate) fn again(&mut self) {
        let mut keeper = Command::new("sh");
        keeper.arg("-c").arg(KEEPER).arg("keeper").arg(&self.program).arg(self.folder.path());
        keeper.stdin(Stdio::piped());
        let started = keeper.spawn().map(|mut child| (child.stdin.take(), child));
        let Ok((Some(lifeline), child)) = started else {
            panic!("no keeper for Redis: {started:?}");
        };
        self.running = Some((child, lifeline));
        let deadline = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(self.socket()).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log"));
            assert!(Instant::now() < deadline, "Redis does not start: {:?}", log());
            std::thread::yield_now();
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server, or the one that took its place in some distributions.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["redis-server", "valkey-server"];
    let mut found = names.iter().flat_map(|name| folders.iter().map(move |dir| dir.join(name)));
    found.find(|program| program.is_file())
}
