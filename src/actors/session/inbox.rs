//! The inbox of the signed-in user, over the socket.

use std::sync::Arc;

use actix::Context;

use super::Session;
use crate::actors::relay::{RelayMsg, Tell};
use crate::domain::{Millis, Position, UserId};
use crate::protocol::{
    ErrorCode, Frame, InboxOpenOk, InboxRead, Refusal, Selection, UnreadOk, ok_line,
};
use crate::store::{InboxHead, InboxMarks, LoggedNotice, ReadSelection, Store, StoreError};

/// Entries that one `inbox.open` replays; the list call pages further back.
const REPLAY: i64 = 1_000;

impl Session {
    /// The op `inbox.open`: what is read, and the events after a position.
    pub(super) fn inbox_open(
        &mut self,
        user: UserId,
        re: Option<u32>,
        since: Option<Position>,
        context: &mut Context<Self>,
    ) {
        // Live entries are held back until the replay is out, so that the order is that of the log.
        self.worker.relay.hold(self.seat);
        let store = self.worker.shared.rooms.store.clone();
        let read = async move { read(&store, user, since).await };
        self.wait_for(context, read, move |session, read, _| match read {
            Ok(read) => session.inbox_opened(re, &read),
            Err(why) => {
                session.worker.relay.release(session.seat, 0);
                session.refuse(re, &unavailable(&why));
            }
        });
    }

    fn inbox_opened(&self, re: Option<u32>, read: &Read) {
        let Read { head, marks, events, resumed } = read;
        if let Some(re) = re {
            self.send(&ok_line(
                re,
                &InboxOpenOk {
                    epoch: &head.epoch,
                    head: head.head,
                    resumed: *resumed,
                    replay: events.len(),
                    undelivered: events.iter().filter(|event| !event.is_shown).count(),
                    unread: marks.unread,
                    read_upto: marks.read_upto,
                    read_ids: &marks.read_ids,
                    dropped: &marks.dropped,
                },
            ));
        }
        for event in events {
            self.send(&Frame::text(&event.body));
            if !event.is_shown {
                self.worker.relay.shows(self.seat, event.seq);
            }
        }
        let upto = events.last().map_or(head.head, |event| event.seq);
        self.worker.relay.release(self.seat, upto);
    }

    /// The op `inbox.read`: marks entries, and tells the user's other sessions.
    pub(super) fn inbox_read(
        &mut self,
        user: UserId,
        re: Option<u32>,
        selection: Selection,
        context: &mut Context<Self>,
    ) {
        let rooms = self.worker.shared.rooms.clone();
        let seat = self.seat;
        let marked = async move {
            let (upto_seq, ids) = match &selection {
                Selection::Upto(seq) => (Some(*seq), None),
                Selection::Ids(ids) => (None, Some(ids.as_slice())),
            };
            let chosen = match &selection {
                Selection::Upto(seq) => ReadSelection::Upto(*seq),
                Selection::Ids(ids) => ReadSelection::Ids(ids.clone()),
            };
            let unread = rooms.store.mark_notices(user, &chosen, Millis::now()).await?;
            let frame = Frame::json(&InboxRead { upto_seq, ids, unread });
            let tell = Tell::Others(frame, Some(seat));
            rooms.bus.tell(&[user], &tell);
            rooms.relays.broadcast(RelayMsg::Tell(Arc::new([user]), tell)).await;
            Ok::<_, StoreError>(unread)
        };
        self.wait_for(context, marked, move |session, marked, _| match (marked, re) {
            (Ok(unread), Some(re)) => session.send(&ok_line(re, &UnreadOk { unread })),
            (Ok(_), None) => {}
            (Err(why), re) => session.refuse(re, &unavailable(&why)),
        });
    }
}

struct Read {
    head: InboxHead,
    marks: InboxMarks,
    events: Vec<LoggedNotice>,
    resumed: bool,
}

async fn read(store: &Store, user: UserId, since: Option<Position>) -> Result<Read, StoreError> {
    let head = store.inbox_head(user).await?;
    let marks = store.inbox_marks(user).await?;
    let after = since.filter(|at| at.epoch == head.epoch && (0..=head.head).contains(&at.seq));
    let after = after.filter(|at| head.head - at.seq <= REPLAY);
    let events = match &after {
        Some(at) => store.inbox_events_after(user, at.seq, REPLAY).await?,
        None => Vec::new(),
    };
    Ok(Read { head, marks, events, resumed: after.is_some() })
}

fn unavailable(why: &StoreError) -> Refusal {
    tracing::error!("an inbox could not be read: {why}");
    Refusal::new(ErrorCode::Unavailable, "the inbox cannot be read now")
        .retry_in(std::time::Duration::from_secs(1))
}
