//! What tests of the search do over and over.

use moim::domain::{Cid, Millis, RoomId, Text, UserId};
use moim::store::{Append, Appended, NewMessage, Search, Spot, Store};

use crate::harness::World;

/// All pages of a search, as places.
pub(super) async fn all(store: &Store, search: Search<'_>) -> Vec<(i64, i64)> {
    let (mut found, mut after): (Vec<_>, Option<Spot>) = (Vec::new(), None);
    loop {
        let page = store.search(&Search { after, ..search.clone() }).await.unwrap();
        let page = page.unwrap_or_default();
        assert!(page.messages.len() <= search.limit);
        found.extend(page.messages.iter().map(|message| (message.room.0, message.seq)));
        let Some(next) = page.next else { return found };
        assert!(after.is_none_or(|after| next < after), "pages go on");
        after = Some(next);
    }
}

/// Puts one more chunk into the index; false at the end.
pub(super) async fn follow(store: &Store) -> bool {
    let behind = store.all_search_behind().await.unwrap();
    while store.settle_search().await.unwrap() {}
    !store.follow_search(&behind).await.unwrap().places.is_empty()
}

pub(super) async fn say_at(
    world: &World,
    room: RoomId,
    author: UserId,
    text: &str,
    at: i64,
) -> i64 {
    let cid = Cid::parse(&format!("c{}", world.now().0)).unwrap();
    let message = NewMessage::new(room, author, cid, Text::parse(text).unwrap(), Millis(at));
    match world.one(Append::Message(message)).await {
        Appended::Message { event, .. } => event.seq,
        other => panic!("not stored: {other:?}"),
    }
}

/// As if the rooms had many more entries: SQLite's index is told only small ones.
pub(super) async fn seem_large(world: &World) {
    world.sql("UPDATE room SET head = head + 100000").await;
    world.sql("UPDATE search_place SET seq = seq + 100000").await;
}
