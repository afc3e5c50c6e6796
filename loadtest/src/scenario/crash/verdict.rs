//! What the crashes left: the log as it is, beside what every client was told.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::company::{Company, Parting};
use super::history;
use crate::check::{Faults, Kind, Message, audit, compare};
use crate::client::{Client, SignIn};
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::report::Report;

/// One room, and the clients who talk there.
pub(in crate::scenario) struct Talk {
    pub company: Company,
    pub room: String,
    /// The head before anybody has sent.
    pub start: u64,
    /// The history, read when all is over.
    pub log: Vec<Message>,
}

impl Talk {
    pub(in crate::scenario) async fn read(&mut self, http: &mut Http, token: &str) -> Result<()> {
        self.log = history::read(http, token, &self.room).await?;
        Ok(())
    }

    pub(in crate::scenario) fn head(&self) -> u64 {
        self.log.last().map_or(self.start, |message| message.seq)
    }
}

/// Compares each log with what its clients sent, were acknowledged, and saw.
pub(in crate::scenario) fn judge(report: &mut Report, talks: &[Talk], is_finished: bool) {
    let (mut in_log, mut seen, mut by_seq) =
        (Faults::default(), Faults::default(), Faults::default());
    let (mut broken, mut refusals) = (Vec::new(), Vec::new());
    let mut unacknowledged = 0;
    for Talk { company, log, start, .. } in talks {
        let head = log.last().map_or(*start, |message| message.seq);
        let (mut sent, mut acked) = (BTreeSet::new(), Vec::new());
        for player in company.players() {
            let memory = player.memory.borrow();
            sent.extend(memory.sent.iter().cloned());
            acked.extend(memory.acked.iter().cloned());
            let told = log.partition_point(|message| message.seq <= memory.start());
            seen.add(compare(&memory.name, log.get(told..).unwrap_or_default(), &memory.seen));
            // Other events than messages have seqs too.
            by_seq.add(memory.watch().verdict(head));
            broken.extend(memory.broken.iter().map(|what| format!("{}: {what}", memory.name)));
            refusals.extend(player.refusals.borrow().iter().cloned());
        }
        in_log.add(audit(log, start + 1, &acked, &sent));
        unacknowledged += sent.len().saturating_sub(acked.len());
    }
    let in_log_kinds = [
        ("log_lost", Kind::Lost),
        ("log_doubled", Kind::Doubled),
        ("log_reordered", Kind::Reordered),
        ("log_differs", Kind::Differing),
    ];
    report.faults(&in_log_kinds, in_log);
    let seen_kinds = [
        ("seen_lost", Kind::Lost),
        ("seen_doubled", Kind::Doubled),
        ("seen_reordered", Kind::Reordered),
        ("seen_differs", Kind::Differing),
    ];
    report.faults(&seen_kinds, seen);
    let odd = by_seq.lost + by_seq.doubled + by_seq.reordered;
    report.check("seqs_broken", odd, by_seq.examples);
    report.none_of("contract_broken", broken);
    report.check("unacknowledged", unacknowledged as u64, Vec::new());
    report.check("not_finished", u64::from(!is_finished), Vec::new());
    if let Some(first) = refusals.first() {
        report.note(format!("{} sign-ins were refused, the first with: {first}", refusals.len()));
    }
}

/// Sessions that were not told and closed as the contract says, in the lives that ended in order.
pub(super) fn rude_partings(talks: &[Talk], in_order: &BTreeSet<usize>) -> Vec<String> {
    /// The server ends.
    const ENDS: u16 = 4001;
    let players = talks.iter().flat_map(|talk| talk.company.players());
    let mut rude = Vec::new();
    for player in players {
        let name = &player.memory.borrow().name;
        for Parting { life, was_told, code } in player.partings.borrow().iter().copied() {
            if in_order.contains(&life) && !(was_told && code == Some(ENDS)) {
                rude.push(format!("{name} in life {life}: drain {was_told}, close {code:?}"));
            }
        }
    }
    rude
}

/// What SQLite itself finds wrong in a file. Nobody else may have it open.
pub(in crate::scenario) fn examine(file: &Path) -> Result<Vec<String>> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .with_context(|| format!("cannot open {}", file.display()))?;
    let mut found = Vec::new();
    for pragma in ["PRAGMA integrity_check(5)", "PRAGMA foreign_key_check"] {
        let mut statement = database.prepare(pragma)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let line: String = row.get(0)?;
            if line != "ok" {
                found.push(format!("{pragma}: {line}"));
            }
        }
    }
    Ok(found)
}

/// The server's name, and the newest seq of the room before anybody has sent.
pub(in crate::scenario) async fn look(
    endpoint: &Endpoint,
    token: &str,
    room: &str,
) -> Result<(String, u64)> {
    let (mut client, welcome) = Client::connect(endpoint, token, SignIn::Header).await?;
    let opened = client.open(2, room).await?;
    let head = opened.get("head").and_then(Value::as_u64).context("open told no head")?;
    Ok((welcome.server, head))
}
