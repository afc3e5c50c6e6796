//! Brings a room back from the store.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::filters::Filters;
use crate::actors::relay::{About, LiveEvent};
use crate::actors::room::{Facts, Floors, RING_EVENTS, RuleBook, Settings};
use crate::domain::{History, RoomId, RoomKind};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{FilterScope, RoomInfo, RosterRow, Store, StoreError};

/// A read that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a room starts with.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) facts: Facts,
    pub(crate) newest: Vec<Arc<LiveEvent>>,
    /// Who may read it, as the store had them.
    pub(crate) roster: Vec<RosterRow>,
}

impl Loaded {
    /// Which room this is.
    pub(super) fn room(&self) -> RoomId {
        self.facts.room
    }

    /// What whoever watches is told of it. An admin has no master key: what people among
    /// themselves call their room is not for them.
    pub(super) fn about(&self, restarts: u32) -> About {
        let Facts { kind, name, club, .. } = &self.facts;
        let is_open = match kind {
            RoomKind::Member | RoomKind::Manager | RoomKind::Lobby => true,
            RoomKind::Group | RoomKind::Private => false,
        };
        About { name: is_open.then(|| name.as_str().into()), club: *club, restarts }
    }
}

/// Reads a room; `None` when there is none of this id, or none any more.
pub(super) async fn load(
    store: &Store,
    filters: &Filters,
    room: RoomId,
) -> Result<Option<Box<Loaded>>, Refusal> {
    match tokio::time::timeout(DEADLINE, read(store, filters, room)).await {
        Ok(Ok(loaded)) => Ok(loaded.map(Box::new)),
        Ok(Err(why)) => {
            tracing::error!(room.id = %room, "a room could not be loaded: {why}");
            Err(unavailable(Duration::from_secs(1)))
        }
        Err(_elapsed) => Err(unavailable(Duration::from_secs(5))),
    }
}

/// The answer for a room that crashed too often.
pub(super) fn resting(rest: Duration) -> Refusal {
    unavailable(rest)
}

fn unavailable(retry: Duration) -> Refusal {
    Refusal::new(ErrorCode::Unavailable, "the room cannot be opened now").retry_in(retry)
}

/// What a room is set to, as the store has it; `None` when there is no such room.
pub(super) async fn settings(
    store: &Store,
    filters: &Filters,
    room: RoomId,
) -> Result<Option<Settings>, StoreError> {
    let Some(info) = store.room(room).await? else {
        return Ok(None);
    };
    let rules = rules(store, filters, &info).await?;
    let readers = match info.history {
        History::All => Vec::new(),
        History::SinceJoin => store.roster(room).await?,
    };
    Ok(Some(Settings { info, rules, readers }))
}

/// The rules of a room.
async fn rules(store: &Store, filters: &Filters, info: &RoomInfo) -> Result<RuleBook, StoreError> {
    let filter = match FilterScope::of(info.kind, info.club) {
        Some(scope) => filters.of(store, scope, info.filters).await?,
        None => None,
    };
    Ok(RuleBook { settings: info.settings(), filter, rev: info.rev, horizon: info.horizon })
}

async fn read(
    store: &Store,
    filters: &Filters,
    room: RoomId,
) -> Result<Option<Loaded>, StoreError> {
    // The roster is read first and the log last: a membership that changes in between comes as a
    // commit of the journal, which waits until the room lives.
    let Some(info) = store.room(room).await? else {
        return Ok(None);
    };
    let rules = rules(store, filters, &info).await?;
    let roster = store.roster(room).await?;
    let newest = store.newest_events(room, i64::try_from(RING_EVENTS).unwrap_or(i64::MAX)).await?;
    let (head, n) = newest.last().map_or((info.head, info.n), |last| (last.seq, last.n));
    let live = |event: crate::store::StoredEvent| {
        Arc::new(LiveEvent::new(room, event.seq, event.n, &event.body))
    };
    let facts = Facts {
        room,
        name: info.name,
        kind: info.kind,
        club: info.club,
        epoch: info.epoch,
        head,
        n,
        notify: info.notify,
        floors: Floors::new(info.history, &roster),
        roster: roster.iter().map(|row| (row.user, row.standing)).collect(),
        rules,
    };
    Ok(Some(Loaded { facts, newest: newest.into_iter().map(live).collect(), roster }))
}
