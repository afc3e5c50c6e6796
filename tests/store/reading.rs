//! Reading logs and messages: windows, snapshots that agree with their head.

use std::sync::atomic::{AtomicBool, Ordering};

use moim::domain::{RoomId, UserId};
use moim::store::{Message, RoomPlace, Window};

use crate::harness::{Plain, World, message, on_both};

on_both!(
    windows_of_messages_ascend,
    windows_of_events_ascend,
    heads_of_many_rooms_come_at_once,
    a_message_reads_back_whole,
    a_tombstone_has_no_text,
    a_snapshot_agrees_with_its_head_while_others_write,
    an_empty_room_has_a_snapshot,
);

async fn filled(world: &World, count: usize) -> (RoomId, UserId) {
    let mina = world.user("mina").await;
    let (club, general) = world.club("Chess", mina).await;
    world.say(general, mina, "1").await;
    let bob = world.user("bob").await;
    // A line in between: seq and n are not the same.
    world.join(club.id, bob).await;
    for i in 2..=count {
        world.say(general, mina, &format!("{i}")).await;
    }
    (general, mina)
}

async fn windows_of_messages_ascend(world: World) {
    let (room, _mina) = filled(&world, 9).await;
    let read = async |window, limit| -> Vec<i64> {
        let messages = world.messages(room, window, limit).await;
        messages.into_iter().map(|message| message.seq).collect()
    };
    assert_eq!(read(Window::Newest, 3).await, [8, 9, 10]);
    assert_eq!(read(Window::Before(8), 3).await, [5, 6, 7]);
    assert_eq!(read(Window::Before(4), 9).await, [1, 3], "seq 2 is a line");
    assert_eq!(read(Window::After(8), 9).await, [9, 10]);
    assert_eq!(read(Window::After(1), 2).await, [3, 4]);
    assert_eq!(read(Window::Around(6), 4).await, [5, 6, 7, 8]);
    assert_eq!(read(Window::Around(2), 4).await, [1, 3, 4]);
    assert_eq!(read(Window::Around(99), 3).await, [9, 10]);
    assert!(read(Window::Before(i64::MIN), 3).await.is_empty());
    assert!(read(Window::After(i64::MAX), 3).await.is_empty());
}

async fn windows_of_events_ascend(world: World) {
    let (room, _mina) = filled(&world, 9).await;
    let seqs = |events: Vec<moim::store::StoredEvent>| -> Vec<i64> {
        events.into_iter().map(|event| event.seq).collect()
    };
    let store = &world.store;
    assert_eq!(seqs(store.events_after(room, 0, 3).await.unwrap()), [1, 2, 3]);
    assert_eq!(seqs(store.events_after(room, 8, 10).await.unwrap()), [9, 10]);
    assert!(store.events_after(room, 10, 10).await.unwrap().is_empty());
    let all = store.events_after(room, 0, 10).await.unwrap();
    let bytes = |upto: usize| all[..upto].iter().map(|event| event.body.len() as i64).sum::<i64>();
    for (part, last) in [
        ((10, 1), 1),
        ((10, bytes(3)), 3),
        ((10, bytes(3) + 1), 4),
        ((2, bytes(3)), 2),
        ((10, i64::MAX), 10),
    ] {
        let next = seqs(store.next_events(room, 0, part).await.unwrap());
        assert_eq!(next, (1..=last).collect::<Vec<i64>>(), "{part:?}");
    }
    assert_eq!(seqs(store.next_events(room, 8, (10, 1)).await.unwrap()), [9]);
    assert!(store.next_events(room, 10, (10, 10)).await.unwrap().is_empty());
    let newest = store.newest_events(room, 3).await.unwrap();
    assert_eq!(newest.last().unwrap().n, 9);
    assert_eq!(seqs(newest), [8, 9, 10]);
    assert_eq!(store.newest_events(room, 100).await.unwrap().len(), 10);
    let line = &store.events_after(room, 1, 1).await.unwrap()[0];
    assert_eq!((line.seq, line.n), (2, 1), "a line keeps the ordinal");
}

async fn heads_of_many_rooms_come_at_once(world: World) {
    let (room, mina) = filled(&world, 3).await;
    let lobby = world.lobby().await;
    let (club, gone) = world.club("Gone", mina).await;
    let place = |room, head, n, rev| RoomPlace { room, head, n, rev };
    assert_eq!(world.store.heads(&[gone]).await.unwrap(), [place(gone, 0, 0, 0)]);
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    let asked = [room, RoomId(i64::MAX), gone, lobby];
    let mut heads = world.store.heads(&asked).await.unwrap();
    heads.sort_by_key(|place| place.room);
    let mut expected = [place(lobby, 0, 0, 0), place(room, 4, 3, 0)];
    expected.sort_by_key(|place| place.room);
    assert_eq!(heads, expected);
    assert!(world.store.heads(&[]).await.unwrap().is_empty());
}

async fn a_message_reads_back_whole(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    let done = world.one(message(lobby, mina, "the cid", "the **text**")).await;
    let moim::store::Appended::Message { event, .. } = done else { panic!() };
    let read = world.messages(lobby, Window::Newest, 1).await.remove(0);
    let expected = Message {
        room: lobby,
        seq: 1,
        n: 1,
        at: event.at,
        author: mina,
        cid: "the cid".to_owned(),
        text: Some("the **text**".to_owned()),
        html: Some("<p>the <strong>text</strong></p>".to_owned()),
        reply_to: None,
        rev: 1,
        edited_at: None,
        ai: None,
        reactions: Vec::new(),
        is_pinned: false,
        thread: None,
        files: Vec::new(),
        previews: Vec::new(),
        hop: 0,
    };
    assert_eq!(read, expected);
    let snapshot = world.store.snapshot(lobby, 5, &[]).await.unwrap().unwrap();
    assert_eq!(snapshot.messages, [expected]);
}

async fn a_tombstone_has_no_text(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    world.say(lobby, mina, "gone").await;
    world.say(lobby, mina, "here").await;
    world.sql("UPDATE message SET text = NULL, is_deleted = TRUE WHERE seq = 1").await;
    let messages = world.messages(lobby, Window::Newest, 9).await;
    let texts: Vec<Option<&str>> = messages.iter().map(|message| message.text.as_deref()).collect();
    assert_eq!(texts, [None, Some("here")]);
    let answer = world.one(crate::harness::reply(lobby, mina, "a", 1)).await;
    assert!(matches!(answer, moim::store::Appended::Message { .. }), "{answer:?}");
}

async fn a_snapshot_agrees_with_its_head_while_others_write(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    let done = AtomicBool::new(false);
    let write = async {
        for b in 0..40 {
            let batch: Vec<_> =
                (0..5).map(|i| message(lobby, mina, &format!("{b}-{i}"), "x")).collect();
            world.store.append(&batch, &Plain).await.unwrap();
        }
        done.store(true, Ordering::Relaxed);
    };
    let read = async {
        let mut heads = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let snapshot = world.store.snapshot(lobby, 10, &[]).await.unwrap().unwrap();
            let newest = snapshot.messages.last().map_or((0, 0), |one| (one.seq, one.n));
            assert_eq!((snapshot.at.head, snapshot.at.n), newest);
            assert_eq!(snapshot.at.head % 5, 0, "a batch is seen whole or not at all");
            heads.push(snapshot.at.head);
        }
        assert!(heads.is_sorted());
    };
    tokio::join!(write, read);
    let snapshot = world.store.snapshot(lobby, 10, &[]).await.unwrap().unwrap();
    assert_eq!(snapshot.at.head, 200);
    assert_eq!(snapshot.messages.first().unwrap().seq, 191);
}

async fn an_empty_room_has_a_snapshot(world: World) {
    let lobby = world.lobby().await;
    let snapshot = world.store.snapshot(lobby, 10, &[]).await.unwrap().unwrap();
    assert_eq!((snapshot.at.head, snapshot.at.n, snapshot.messages.len()), (0, 0, 0));
    assert!(world.store.snapshot(RoomId(999), 10, &[]).await.unwrap().is_none());
    assert!(world.messages(RoomId(999), Window::Newest, 10).await.is_empty());
    let head = world.store.log_head(lobby).await.unwrap().unwrap();
    assert_eq!(head, snapshot.at);
}
