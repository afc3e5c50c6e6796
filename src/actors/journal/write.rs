//! How a batch gets into the store.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{Outcomes, Pending, unavailable};
use crate::actors::wire::Writer;
use crate::domain::MessageId;
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{
    Acted, Append, Appended, Deed, NoticesRead, RunStepped, Store, StoreError, StoredNotice,
};
use crate::telemetry::Metrics;

/// A commit that takes longer is given up; whether it happened, the repeated `cid` will tell.
const DEADLINE: Duration = Duration::from_secs(20);
/// An append that makes the store panic is tried so often, alone.
const TRIES: u32 = 3;

/// Writes a batch and tells what became of it. False when the store failed. A batch that makes the
/// store panic is written in pieces, in its order, until the culprit stands alone; that one is tried
/// a few times, then set aside.
pub(super) async fn write(
    store: &Store,
    outcomes: &dyn Outcomes,
    metrics: &Metrics,
    batch: Vec<Pending>,
) -> bool {
    let (mut is_well, mut next, mut behind) = (true, Some((batch, 1)), Vec::new());
    while let Some((mut piece, tries)) = next.take().or_else(|| behind.pop()) {
        let write = AssertUnwindSafe(write_once(store, outcomes, metrics, &mut piece));
        match write.catch_unwind().await {
            Ok(written) => is_well &= written,
            // It was stored, and the telling of it crashed: a repeated `cid` will say so.
            Err(_panic) if piece.iter().any(|pending| pending.ticket.is_none()) => is_well = false,
            Err(_panic) if piece.len() > 1 => {
                let rest = piece.split_off(piece.len() / 2);
                behind.extend([(rest, 1), (piece, 1)]);
            }
            Err(_panic) if tries < TRIES => next = Some((piece, tries + 1)),
            Err(_panic) => set_aside(outcomes, metrics, piece),
        }
    }
    is_well
}

fn set_aside(outcomes: &dyn Outcomes, metrics: &Metrics, culprit: Vec<Pending>) {
    tracing::error!("an append crashed its batch {TRIES} times; set aside");
    for mut pending in culprit {
        if let Some(ticket) = pending.ticket.take() {
            metrics.set_aside.inc();
            let refusal = Refusal::new(ErrorCode::Internal, "this could not be done");
            outcomes.arrived(vec![(ticket, Err(refusal))]);
        }
    }
}

/// A text stands: that of a new message, or another one of an edited.
fn tell_text(outcomes: &dyn Outcomes, append: &Append, appended: &Appended) {
    match (append, appended) {
        (Append::Message(message), Appended::Message { event, .. }) => {
            let id = MessageId { room: message.room, seq: event.seq };
            outcomes.spoken(id, event.seq, &message.text);
        }
        (Append::Act(act), Appended::Acted(Acted { events, .. })) => {
            if let (Deed::Edit { message, text, .. }, [event]) = (&act.deed, events.as_slice()) {
                outcomes.spoken(MessageId { room: act.room, seq: *message }, event.seq, text);
            }
        }
        _no_text => {}
    }
}

/// One attempt. The tickets stay with the batch until the store has answered.
async fn write_once(
    store: &Store,
    outcomes: &dyn Outcomes,
    metrics: &Metrics,
    batch: &mut [Pending],
) -> bool {
    let began = Instant::now();
    let appends: Vec<Append> = batch.iter().map(|pending| pending.append.clone()).collect();
    let writer = Writer { metrics, live: outcomes };
    let written = tokio::time::timeout(DEADLINE, store.append(&appends, &writer)).await;
    metrics.commit(batch.len(), began.elapsed());
    let tickets = batch.iter_mut().filter_map(|pending| pending.ticket.take());
    match written {
        Ok(Ok(mut appended)) => {
            for (append, appended) in appends.iter().zip(&appended) {
                tell_text(outcomes, append, appended);
            }
            let notices: Vec<_> = appended.iter_mut().flat_map(take_notices).collect();
            let read: Vec<_> = appended.iter_mut().filter_map(take_read).collect();
            outcomes.arrived(tickets.zip(appended.into_iter().map(Ok)).collect());
            if !read.is_empty() {
                outcomes.tell_read(read).await;
            }
            if !notices.is_empty() {
                outcomes.tell(notices).await;
            }
            true
        }
        Ok(Err(why)) => {
            report(&why);
            outcomes.arrived(tickets.map(|ticket| (ticket, Err(unavailable()))).collect());
            false
        }
        Err(_elapsed) => {
            tracing::error!("a commit took longer than {} s", DEADLINE.as_secs());
            outcomes.arrived(tickets.map(|ticket| (ticket, Err(unavailable()))).collect());
            false
        }
    }
}

fn take_notices(appended: &mut Appended) -> Vec<StoredNotice> {
    match appended {
        Appended::Message { notices, .. }
        | Appended::FannedOut { notices, .. }
        | Appended::Acted(Acted { notices, .. }) => std::mem::take(notices),
        Appended::Moved(moves) => std::mem::take(&mut moves.notices),
        Appended::Run(RunStepped::Ended { notices, .. }) => std::mem::take(notices),
        _silent => Vec::new(),
    }
}

fn take_read(appended: &mut Appended) -> Option<NoticesRead> {
    match appended {
        Appended::Message { read, .. } | Appended::Marked(_, read) => read.take(),
        _silent => None,
    }
}

fn report(why: &StoreError) {
    let source = std::error::Error::source(why).map(ToString::to_string);
    tracing::error!(source, "a batch could not be stored: {why}");
}
