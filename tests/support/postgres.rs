//! A PostgreSQL cluster for the tests of one process: on a Unix socket in a temporary folder, as an
//! ordinary user (the server refuses root), gone when the process is gone, however it ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Connection, PgConnection};

/// The server is a child of this script. It waits for the end of its standard input, which the
/// system closes when the test process ends, and then takes the server and the folder away.
const KEEPER: &str = r#"
bin=$1 dir=$2 prepare=$3
shift 3
trap '' INT TERM
"$bin/initdb" -A trust --no-sync -E UTF8 --no-locale -U postgres -D "$dir/data" >"$dir/log" 2>&1 || exit 1
eval "$prepare" >>"$dir/log" 2>&1 || exit 1
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off \
    -c max_connections=400 -c shared_buffers=32MB -c max_wal_size=128MB -c full_page_writes=off \
    -c wal_level=minimal -c max_wal_senders=0 "$@" </dev/null >>"$dir/log" 2>&1 &
server=$!
until "$bin/pg_isready" -q -h "$dir"; do
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.05
done
echo ready
cat >/dev/null
kill -QUIT "$server"
wait "$server"
rm -rf "$dir"
"#;

/// A running cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    made: AtomicU64,
    _keeper: Child,
    _lifeline: ChildStdin,
}

impl Cluster {
    /// The cluster of this process. `None`, with a word on why, when there is no PostgreSQL here
    /// and the environment does not insist on it.
    #[expect(clippy::print_stdout, clippy::panic, reason = "that is how a test says so")]
    pub(crate) fn of_this_process() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
        match CLUSTER.get_or_init(|| Self::start("", None, &[])) {
            Ok(cluster) => Some(cluster),
            Err(why) if std::env::var_os("REQUIRE_POSTGRES").is_some_and(|it| it == "1") => {
                panic!("PostgreSQL is required: {why}")
            }
            Err(why) => {
                println!("SKIP {why}");
                None
            }
        }
    }

    /// Starts a cluster: `prepare` is run when its files are there, in the shell, with its folder as
    /// `$dir`; `options` are the server's. On a port it listens only if these say so.
    pub(crate) fn start(
        prepare: &str,
        port: Option<u16>,
        options: &[&str],
    ) -> Result<Self, String> {
        let bin = binaries().ok_or("no PostgreSQL server is installed")?;
        let folder = tempfile::Builder::new()
            .prefix("moim-pg-")
            .tempdir()
            .map_err(|why| format!("no temporary folder: {why}"))?
            .keep();
        let mut keeper = Command::new("sh");
        keeper
            .arg("-c")
            .arg(KEEPER)
            .arg("keeper")
            .arg(&bin)
            .arg(&folder)
            .arg(prepare)
            .args(options);
        keeper.env("PGPORT", port.unwrap_or(5_432).to_string());
        keeper.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some((uid, gid)) = ordinary_user(&folder)? {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid))
                .map_err(|why| format!("cannot give the folder away: {why}"))?;
            keeper.uid(uid).gid(gid);
        }
        let mut keeper = keeper.spawn().map_err(|why| format!("sh does not start: {why}"))?;
        let lifeline = keeper.stdin.take().ok_or("no pipe to the keeper")?;
        let mut word = String::new();
        let stdout = keeper.stdout.take().ok_or("no pipe from the keeper")?;
        let read = BufReader::new(stdout).read_line(&mut word);
        if read.is_err() || word != "ready\n" {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            return Err(format!("PostgreSQL does not start: {log}"));
        }
        Ok(Self { folder, made: AtomicU64::new(0), _keeper: keeper, _lifeline: lifeline })
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database and gives its URL.
    pub(crate) async fn fresh_database(&self) -> String {
        self.make("template1").await
    }

    /// Makes a copy of a database to which nobody is connected, and gives its URL.
    pub(crate) async fn copy_of(&self, url: &str) -> String {
        self.make(name_of(url)).await
    }

    #[expect(clippy::expect_used, reason = "a test that has no database stops there")]
    async fn make(&self, model: &str) -> String {
        let name = format!("moim_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let mut conn = PgConnection::connect(&self.url("postgres")).await.expect("connect");
        let make = format!("CREATE DATABASE {name} TEMPLATE {model}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(&mut conn).await.expect("create database");
        conn.close().await.expect("close");
        self.url(&name)
    }

    /// Takes a database away again: hundreds of them would fill the disk of a small machine.
    #[expect(clippy::expect_used, reason = "a test whose database is stuck stops there")]
    async fn drop_database(&self, url: &str) {
        let name = name_of(url);
        let mut conn = PgConnection::connect(&self.url("postgres")).await.expect("connect");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
            .execute(&mut conn)
            .await
            .expect("drop database");
        conn.close().await.expect("close");
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder().display())
    }
}

/// The name of a database, of its URL.
#[expect(clippy::expect_used, reason = "only URLs of the cluster come here")]
fn name_of(url: &str) -> &str {
    let (path, _host) = url.split_once('?').expect("a URL of this cluster");
    path.rsplit_once('/').expect("a URL of this cluster").1
}

/// Takes a database of this process's cluster away again.
pub(crate) async fn drop_database(url: &str) {
    if let Some(cluster) = Cluster::of_this_process() {
        cluster.drop_database(url).await;
    }
}

/// The folder of `initdb` and `postgres`: on the path, or where Debian keeps them, newest first.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let needed = ["initdb", "postgres", "pg_isready"];
    folders.into_iter().find(|bin| needed.iter().all(|name| bin.join(name).is_file()))
}

/// Whose process the server shall be, when this one is root's.
fn ordinary_user(mine: &Path) -> Result<Option<(u32, u32)>, String> {
    use std::os::unix::fs::MetadataExt;

    let owner = std::fs::metadata(mine).map_err(|why| why.to_string())?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").map_err(|why| why.to_string())?;
    let ids_of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let ids = ids_of("postgres").or_else(|| ids_of("nobody"));
    ids.map(Some).ok_or_else(|| "root cannot run PostgreSQL, and there is nobody else".to_owned())
}
