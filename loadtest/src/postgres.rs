//! A PostgreSQL cluster of our own for one run: on a Unix socket in a temporary folder, with its
//! syncs on, as an ordinary user (the server refuses root), gone when this process is gone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};
use tokio::time::{Duration, Instant, sleep};

use crate::database::{config, connect};
use crate::proc::Pins;
use crate::report::Report;
use crate::subject::Family;

/// What the database has counted is known by then.
const SETTLED: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(250);

/// Keeps the server until standard input ends, which it does however this process ends.
const KEEPER: &str = r#"
bin=$1 dir=$2
trap '' INT TERM
"$bin/initdb" -A trust --no-sync -E UTF8 --no-locale -U postgres -D "$dir/data" >"$dir/log" 2>&1 || exit 1
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=on -c synchronous_commit=on \
    -c max_connections=200 -c shared_buffers=128MB </dev/null >>"$dir/log" 2>&1 &
server=$!
until "$bin/pg_isready" -q -h "$dir"; do
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.05
done
echo "$server"
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf "$dir"
"#;

/// A running cluster.
pub(crate) struct Cluster {
    folder: PathBuf,
    server: u32,
    keeper: Child,
    lifeline: Option<ChildStdin>,
}

impl Cluster {
    pub(crate) fn start(pins: Option<&Pins>) -> Result<Self> {
        let bin = binaries().context("no PostgreSQL server is installed (initdb, postgres)")?;
        let folder = tempfile::Builder::new().prefix("moim-loadtest-pg-").tempdir()?.keep();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&bin).arg(&folder);
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some((uid, gid)) = ordinary_user(&folder)? {
            chown(&folder, Some(uid), Some(gid)).context("cannot give the folder away")?;
            command.uid(uid).gid(gid);
        }
        let keeper = match pins {
            Some(pins) => pins.spawn_apart(|| command.spawn())?,
            None => command.spawn(),
        };
        let mut keeper = keeper.context("cannot start sh")?;
        let lifeline = keeper.stdin.take();
        let mut word = String::new();
        let stdout = keeper.stdout.take().context("no pipe from the keeper")?;
        BufReader::new(stdout).read_line(&mut word)?;
        let Ok(pid) = word.trim().parse() else {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            bail!("PostgreSQL does not start: {log}");
        };
        Ok(Self { folder, server: pid, keeper, lifeline })
    }

    /// The URL of the database that a new cluster has.
    pub(crate) fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.display())
    }

    /// Two transactions that waited for each other fail the run. Call it when the server has ended.
    pub(crate) async fn report(&self, report: &mut Report) {
        let found = self.deadlocks().await;
        report.none_of("deadlocks", found.unwrap_or_else(|why| vec![format!("{why:#}")]));
    }

    /// How often a transaction was ended because it and another waited for each other, in one line for
    /// each. A process of the database tells what it has counted when it ends, and now and then before.
    async fn deadlocks(&self) -> Result<Vec<String>> {
        const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        // What is counted here and does not change by counting.
        const COUNTED: &str = "SELECT deadlocks, xact_rollback, tup_inserted
              FROM pg_stat_database WHERE datname = current_database()";
        let client = connect(&config(&self.url(), None)?).await?;
        let (mut before, deadline) = (None, Instant::now() + SETTLED);
        let deadlocks = loop {
            let others: i64 = client.query_one(OTHERS, &[]).await?.try_get(0)?;
            let row = client.query_one(COUNTED, &[]).await?;
            let counted: [i64; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
            let [deadlocks, ..] = counted;
            if (others == 0 && before == Some(counted)) || Instant::now() > deadline {
                break deadlocks;
            }
            before = Some(counted);
            sleep(POLL).await;
        };
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let count = usize::try_from(deadlocks)?;
        let unknown = std::iter::repeat_with(|| "it is not in the log of the database".to_owned());
        Ok(places_of(&log).chain(unknown).take(count).collect())
    }

    /// The postmaster and its children; those that serve a pool live as long as it.
    pub(crate) fn family(&self) -> Family {
        Family(self.server)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.keeper.wait();
    }
}

/// Where each deadlock of a log was found.
fn places_of(log: &str) -> impl Iterator<Item = String> {
    let mut errors = log.split("ERROR:  ").skip(1);
    std::iter::from_fn(move || {
        let error = errors.find(|error| error.starts_with("deadlock detected"))?;
        let line = error.lines().find_map(|line| line.split_once("CONTEXT:  "));
        Some(line.map_or_else(|| "deadlock detected".to_owned(), |(_head, at)| at.to_owned()))
    })
}

/// The folder of the programs: on the path, or where Debian keeps them, newest first.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let needed = ["initdb", "postgres", "pg_isready"];
    folders.into_iter().find(|bin| needed.iter().all(|name| bin.join(name).is_file()))
}

/// Whose process the server shall be, when this one is root's.
fn ordinary_user(ours: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(ours)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = ids_of("postgres", &users).or_else(|| ids_of("nobody", &users));
    ids.map(Some).context("root cannot run PostgreSQL, and there is nobody else")
}

fn ids_of(name: &str, users: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_is_found_in_the_log() {
        let log = "12:00 [7] LOG:  ready\n12:01 [8] ERROR:  deadlock detected\n\
                   12:01 [8] DETAIL:  Process 8 waits for 9.\n\tProcess 9 waits for 8.\n\
                   12:01 [8] CONTEXT:  while locking tuple (0,1) in relation \"inbox\"\n\
                   12:02 [9] ERROR:  duplicate key\n12:02 [9] CONTEXT:  elsewhere\n\
                   12:03 [9] ERROR:  deadlock detected\n12:03 [9] STATEMENT:  SELECT 1\n";
        let found: Vec<String> = places_of(log).collect();
        let first = r#"while locking tuple (0,1) in relation "inbox""#;
        assert_eq!(found, [first, "deadlock detected"]);
    }

    #[test]
    fn a_user_is_found_by_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres:x:105:110::/var/lib:/bin/sh\n";
        assert_eq!(ids_of("postgres", users), Some((105, 110)));
        assert_eq!(ids_of("nobody", users), None);
    }
}
