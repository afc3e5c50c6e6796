//! The rooms of the run, and whether their logs hold what was acknowledged.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Options;
use crate::check::{Faults, Kind, SeqWatch};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::report::Report;
use crate::setup::{self, User};

/// Who sends where: user `i` writes to room `i % rooms`, each room in a club of its own.
pub(super) struct Places {
    pub owner: User,
    pub users: Vec<User>,
    pub rooms: Vec<String>,
}

impl Places {
    pub(super) async fn make(endpoint: &Endpoint, name: &str, options: &Options) -> Result<Self> {
        let owner = setup::register(endpoint, &format!("{name}-owner"), 1).await?;
        let owner = owner.into_iter().next().context("no owner")?;
        let users = setup::register(endpoint, name, options.senders).await?;
        let (mut clubs, mut rooms) = (Vec::new(), Vec::new());
        for number in 0..options.rooms {
            let club = setup::make_club(endpoint, &owner, &format!("{name}-{number}"), 1).await?;
            rooms.extend(club.rooms);
            clubs.push(club.id);
        }
        let club_of = move |user: usize| clubs.get(user % clubs.len()).cloned().unwrap_or_default();
        setup::join(endpoint, &users, club_of).await?;
        Ok(Self { owner, users, rooms })
    }

    /// The newest seq of each room.
    pub(super) async fn heads(&self, observer: &mut Client) -> Result<Vec<u64>> {
        let mut heads = Vec::with_capacity(self.rooms.len());
        for (room, id) in self.rooms.iter().zip(10..) {
            let opened = observer.open(id, room).await?;
            let head = opened.get("head").and_then(Value::as_u64);
            heads.push(head.context("open told no head")?);
            let close = json!({"op": "close", "room": room}).to_string();
            observer.writer().send(&close).await.context("the observer cannot send")?;
        }
        Ok(heads)
    }
}

/// Every seq between the two heads of a room must have been acknowledged to one sender, once.
pub(super) fn judge(report: &mut Report, acked: &[Vec<u64>], heads: &[u64], ends: &[u64]) {
    let mut all = Faults::default();
    for ((seqs, head), end) in acked.iter().zip(heads).zip(ends) {
        let mut watch = SeqWatch::after(*head);
        for seq in seqs {
            watch.see(*seq);
        }
        all.add(watch.verdict(*end));
        let beyond = seqs.iter().filter(|seq| *seq > end).count() as u64;
        all.differing += beyond;
        if beyond > 0 {
            all.example(|| format!("{beyond} messages were acknowledged above the head {end}"));
        }
    }
    let kinds = [
        ("acked_holes", Kind::Lost),
        ("acked_twice", Kind::Doubled),
        ("acked_beyond_head", Kind::Differing),
    ];
    report.faults(&kinds, all);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(acked: &[u64], head: u64, end: u64) -> bool {
        let mut report = Report::new("test", &[], &[], 1).unwrap();
        judge(&mut report, &[acked.to_vec()], &[head], &[end]);
        report.passed
    }

    #[test]
    fn a_log_must_hold_each_acknowledged_message_once() {
        assert!(verdict(&[4, 5, 6], 3, 6));
        assert!(!verdict(&[4, 6], 3, 6), "a message in the log that nobody was told of");
        assert!(!verdict(&[4, 5, 5, 6], 3, 6), "one place given to two messages");
        assert!(!verdict(&[4, 5, 6, 7], 3, 6), "an acknowledged message that the log lost");
    }
}
