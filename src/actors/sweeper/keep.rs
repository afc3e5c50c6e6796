//! Rooms that keep what is said for a time only: what is older goes, a piece of a room at a time.

use std::time::{Duration, Instant};

use super::{LEASE, NotDone, Sweeper};
use crate::domain::{Millis, UserId};
use crate::protocol::{ErrorCode, RoomUpdateData};
use crate::store::{Act, Deed};

/// How often all rooms are looked at. What is kept for days may stay so much longer.
const EVERY: Duration = Duration::from_secs(600);
/// Nobody does it: no person has this number.
const NOBODY: UserId = UserId(0);
/// By what nodes agree on who does it.
const JOB: (&str, &str) = ("retention", "rooms");

/// How far a round over the rooms is.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// In a round: rooms up to this id are done.
    after: Option<i64>,
    /// When the last round began.
    began: Option<Instant>,
    /// What this node is called by the others; made up at the first need.
    node: Option<String>,
}

impl Keeping {
    /// Begins a round when one is due.
    pub(super) fn look(&mut self, now: Instant) {
        let is_due = self.began.is_none_or(|began| now.duration_since(began) >= EVERY);
        if is_due && self.after.is_none() {
            (self.after, self.began) = (Some(0), Some(now));
        }
    }

    /// Begins a round at once, also while one is under way: a room that it has passed may be meant.
    pub(super) fn called(&mut self) {
        self.after = Some(0);
    }
}

impl Sweeper {
    /// Does a piece of a round. False when there is none, or another node does it.
    pub(super) async fn keep(&self, keeping: &mut Keeping) -> Result<bool, NotDone> {
        let Some(after) = keeping.after else { return Ok(false) };
        let (store, now) = (&self.rooms.store, Millis::now());
        let deleted = store.next_deleted().await?;
        let overdue = match deleted {
            Some(_first) => None,
            None => store.next_overdue(after, now).await?,
        };
        if deleted.is_none() && overdue.is_none() {
            keeping.after = None;
            return Ok(false);
        }
        let node = keeping.node.get_or_insert_with(|| self.rooms.own_cid().as_str().to_owned());
        let (name, key) = JOB;
        let is_ours = store.renew(name, key, node, now, LEASE).await?
            || store.claim(name, key, node, now, LEASE).await?;
        if !is_ours {
            // Whoever does it does this room, too; should that node end, the next look finds it.
            (keeping.after, keeping.began) = (None, None);
            return Ok(false);
        }
        let act = |room, before| Act { room, by: NOBODY, deed: Deed::Sweep { before }, at: now };
        if let Some(room) = deleted {
            // It has no log any more to say it in.
            self.rooms.sweep_deleted(&act(room, Millis(i64::MAX))).await?;
        } else if let Some((room, before)) = overdue {
            self.keep_less(act(room, before), keeping).await?;
        }
        Ok(true)
    }

    /// Sweeps a piece of a room that lives.
    async fn keep_less(&self, act: Act, keeping: &mut Keeping) -> Result<(), NotDone> {
        let (store, room) = (&self.rooms.store, act.room);
        match self.rooms.append_act(act).await {
            // Deleted meanwhile.
            Err(refusal) if refusal.code == ErrorCode::NotFound => keeping.after = Some(room.0),
            Err(refusal) => return Err(refusal.into()),
            Ok(done) if done.dup => keeping.after = Some(room.0),
            Ok(_done) => {
                if let Some(info) = store.room(room).await? {
                    let (horizon, horizon_n) = (Some(info.horizon), Some(info.horizon_n));
                    let news = RoomUpdateData { horizon, horizon_n, ..Default::default() };
                    self.rooms.updated(room, news).await;
                }
            }
        }
        Ok(())
    }
}
