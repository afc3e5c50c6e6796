//! The bare group commit: one thread that writes ready-made rows in transactions of a given size, and
//! nothing else. No sockets, no actors, no checks: what a store of these rows costs at the least.
//!
//! It works on a copy of the server's own database, so it writes to the same tables, made by the
//! server's own migrations, with the same rows in them already. Per message it leaves what the
//! server leaves: the room's head, the event, the message, the author's read mark. A run compares
//! the rows by table (`census`), so a table that the server gained and this forgot is found.

mod postgres;
mod rows;
mod sqlite;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::proc::{Pins, Process};

/// Beyond the time that a round was given.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Options {
    /// A SQLite file to write to
    #[arg(long, conflicts_with = "url")]
    file: Option<PathBuf>,
    /// A PostgreSQL server to write to
    #[arg(long)]
    url: Option<String>,
    /// The database there, if the URL names another
    #[arg(long)]
    name: Option<String>,
    /// Characters of a message's text
    #[arg(long)]
    text: usize,
    /// Bytes of an event as it is kept
    #[arg(long)]
    event: usize,
}

/// What a round wrote.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Written {
    pub messages: u64,
    pub commits: u64,
    pub micros: u64,
}

/// The writer's process, ended when this is dropped.
pub(crate) struct GroupCommit {
    child: Child,
    orders: ChildStdin,
    answers: Option<BufReader<ChildStdout>>,
}

impl GroupCommit {
    /// Starts it on a database that nobody else uses.
    pub(crate) fn start(
        database: &Database,
        (text, event): (usize, usize),
        pins: Option<&Pins>,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["group-commit", "--text", &text.to_string(), "--event", &event.to_string()]);
        match database {
            Database::Sqlite(file) => {
                command.arg("--file").arg(file);
            }
            Database::Postgres { url, name } => {
                command.args(["--url", url]);
                if let Some(name) = name {
                    command.args(["--name", name]);
                }
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = match pins {
            Some(pins) => pins.spawn_apart(|| command.spawn())?,
            None => command.spawn(),
        };
        let mut child = child.context("cannot start the group commit")?;
        let orders = child.stdin.take().context("the group commit has no stdin")?;
        let answers = child.stdout.take().map(BufReader::new);
        Ok(Self { child, orders, answers })
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.id())
    }

    /// Writes for so long, so many messages in each transaction.
    pub(crate) async fn round(&mut self, time: Duration, batch: usize) -> Result<Written> {
        writeln!(self.orders, "{} {batch}", time.as_millis())?;
        let mut answers = self.answers.take().context("the group commit has ended")?;
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            answers.read_line(&mut line).map(|_| (line, answers))
        });
        let read = tokio::time::timeout(time + GRACE, read).await;
        let (line, answers) = read.context("the group commit does not answer")???;
        self.answers = Some(answers);
        serde_json::from_str(&line).context("the group commit has failed; see above")
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side: a line `milliseconds batch` for each round, answered by what it wrote.
pub(crate) fn serve(options: &Options) -> Result<()> {
    let filler = (options.text, options.event);
    let mut writer = match (&options.file, &options.url) {
        (Some(file), None) => Writer::Sqlite(sqlite::Writer::open(file, filler)?),
        (None, Some(url)) => {
            Writer::Postgres(postgres::Writer::open(url, options.name.as_deref(), filler)?)
        }
        _ => bail!("either --file or --url"),
    };
    let mut stdout = std::io::stdout();
    for line in std::io::stdin().lines() {
        let line = line?;
        let (millis, batch) = line.split_once(' ').context("an order has two numbers")?;
        let (time, batch) = (Duration::from_millis(millis.parse()?), batch.parse()?);
        let written = match &mut writer {
            Writer::Sqlite(writer) => writer.run(time, batch)?,
            Writer::Postgres(writer) => writer.run(time, batch)?,
        };
        writeln!(stdout, "{}", serde_json::to_string(&written)?)?;
        stdout.flush()?;
    }
    Ok(())
}

enum Writer {
    Sqlite(sqlite::Writer),
    Postgres(postgres::Writer),
}

/// Every author with the room that they write to: the members of the rooms that a run made. The
/// room that a club is born with has no talk.
const SEATS: &str = "
    SELECT room.room_id, membership.user_id
      FROM room JOIN membership ON membership.club_id = room.club_id
     WHERE room.kind = 'member' AND NOT room.is_general AND membership.role = 'member'
     ORDER BY membership.user_id, room.room_id";
