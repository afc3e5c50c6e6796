//! The bare group commit beside the server: a copy of its database, and the proof that both write
//! the same rows.

use anyhow::{Context, Result};

use crate::baseline::groupcommit::GroupCommit;
use crate::database::{Census, Database};
use crate::report::Report;
use crate::scenario::Stage;
use crate::server::Target;

/// Rows per message of one table may differ by so much: sign-ins and the like write a few.
const TOLERANCE: f64 = 0.05;
/// The server fills these behind the messages, when it has nothing to write.
const BEHIND: &str = "search_";

pub(super) struct Bare {
    original: Database,
    copy: Database,
    before: Census,
}

impl Bare {
    /// Stops the server, copies its database, and starts it again. `None` for a server that is not
    /// ours to stop.
    pub(super) async fn copy(target: &mut Target, stage: &Stage<'_>) -> Result<Option<Self>> {
        let (Some(server), Some(original)) = (&mut target.server, &target.database) else {
            return Ok(None);
        };
        server.stop().await?;
        let name = stage.name().replace('-', "_");
        let copy = original.copy(server.folder(), &name).await?;
        let before = copy.census().await?;
        server.start(stage.pins.as_ref()).await?;
        target.process = server.process();
        Ok(Some(Self { original: original.clone(), copy, before }))
    }

    /// Starts the writer on the copy, for events as long as those that the server has kept.
    pub(super) async fn start(&self, text: usize, stage: &Stage<'_>) -> Result<GroupCommit> {
        let event = usize::try_from(self.original.event_bytes().await?)?;
        GroupCommit::start(&self.copy, (text, event), stage.pins.as_ref())
    }

    /// The comparison stands only if both leave the same rows for a message.
    pub(super) async fn compare(self, acked: u64, report: &mut Report) -> Result<()> {
        let (ours, bare) = (self.original.census().await?, self.copy.census().await?);
        let written = grown(&self.before, &bare, "message");
        let acked = i64::try_from(acked).context("too many messages")?;
        report.none_of("unequal_rows", unequal(&self.before, (&ours, acked), (&bare, written)));
        self.copy.discard().await
    }
}

fn grown(before: &Census, after: &Census, table: &str) -> i64 {
    let count = |census: &Census| census.get(table).copied().unwrap_or(0);
    count(after) - count(before)
}

/// The tables to which the two sides added another number of rows per message.
fn unequal(before: &Census, ours: (&Census, i64), bare: (&Census, i64)) -> Vec<String> {
    let per_message = |(census, messages): (&Census, i64), table: &str| {
        grown(before, census, table) as f64 / messages.max(1) as f64
    };
    let differs = |table: &&String| {
        let (ours, bare) = (per_message(ours, table), per_message(bare, table));
        ((ours - bare).abs() > TOLERANCE)
            .then(|| format!("{table}: server {ours:.3}, bare {bare:.3} rows per message"))
    };
    let is_hot = |table: &&String| !table.starts_with(BEHIND);
    ours.0.keys().filter(is_hot).filter_map(|table| differs(&table)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(rows: &[(&str, i64)]) -> Census {
        rows.iter().map(|(table, rows)| ((*table).to_owned(), *rows)).collect()
    }

    #[test]
    fn a_table_that_only_the_server_writes_is_found() {
        let before = census(&[("message", 0), ("notice", 0), ("device", 9)]);
        let ours = census(&[("message", 1_000), ("notice", 1_000), ("device", 12)]);
        let bare = census(&[("message", 500), ("notice", 500), ("device", 9)]);
        assert!(unequal(&before, (&ours, 1_000), (&bare, 500)).is_empty());
        let forgot = census(&[("message", 500), ("notice", 0), ("device", 9)]);
        let found = unequal(&before, (&ours, 1_000), (&forgot, 500));
        assert_eq!(found, ["notice: server 1.000, bare 0.000 rows per message"]);
    }
}
