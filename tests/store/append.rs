//! The journal's transaction: numbers, repeated sends, answers.

use futures_util::future::join_all;
use moim::domain::{RoomId, UserId};
use moim::store::{Append, AppendRefusal, Appended};

use crate::harness::{Plain, World, message, on_both, reply};

on_both!(
    messages_get_numbers_in_the_order_of_the_batch,
    a_batch_of_a_thousand_over_many_rooms,
    concurrent_batches_leave_no_hole,
    a_repeated_cid_answers_the_first_numbers,
    a_repeat_within_a_batch_is_the_first_of_the_batch,
    a_cid_belongs_to_author_and_room,
    an_answer_needs_a_message_of_the_same_room,
    nothing_goes_into_a_room_that_is_gone,
    who_has_left_writes_no_more,
    every_character_comes_back,
    an_empty_batch_is_done,
    reopening_keeps_everything,
);

async fn two(world: &World) -> (RoomId, UserId, UserId) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    (world.lobby().await, mina, bob)
}

async fn messages_get_numbers_in_the_order_of_the_batch(world: World) {
    let (lobby, mina, bob) = two(&world).await;
    let (club, general) = world.club("Chess", mina).await;
    let done = world
        .append(&[
            message(lobby, mina, "1", "a"),
            message(general, mina, "2", "b"),
            message(lobby, bob, "3", "c"),
            Append::JoinClub { club: club.id, user: bob, at: world.now() },
            message(general, bob, "4", "d"),
            message(lobby, mina, "5", "e"),
        ])
        .await;
    let numbers: Vec<(i64, i64)> = done
        .iter()
        .map(|one| match one {
            Appended::Message { event, .. } => (event.seq, event.n),
            Appended::Member { rooms, .. } => {
                let line = rooms[0].line.as_ref().unwrap();
                (line.seq, line.n)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [(1, 1), (1, 1), (2, 2), (2, 1), (3, 2), (3, 3)]);
    let log = world.log(general).await;
    let bodies: Vec<&str> = log.iter().map(|event| &*event.body).collect();
    assert_eq!(bodies[0], format!("msg seq=1 n=1 by={mina} mentions=[] \"b\""));
    assert_eq!(bodies[1], format!("Join room={general} user={bob} seq=2"));
    assert_eq!(bodies[2], format!("msg seq=3 n=2 by={bob} mentions=[] \"d\""));
    let head = world.store.log_head(general).await.unwrap().unwrap();
    assert_eq!((head.head, head.n), (3, 2));
}

async fn a_batch_of_a_thousand_over_many_rooms(world: World) {
    let mina = world.user("mina").await;
    let mut rooms = Vec::new();
    for i in 0..20 {
        rooms.push(world.club(&format!("Club {i}"), mina).await.1);
    }
    let batch: Vec<Append> = (0..1_000)
        .map(|i| message(rooms[i % 20], mina, &format!("c{i}"), &format!("text {i}")))
        .collect();
    let done = world.append(&batch).await;
    for (i, one) in done.iter().enumerate() {
        let Appended::Message { event, .. } = one else { panic!("{one:?}") };
        assert_eq!(event.seq, i64::try_from(i / 20 + 1).unwrap());
    }
    for room in rooms {
        let seqs: Vec<i64> = world.log(room).await.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=50).collect::<Vec<_>>());
    }
}

async fn concurrent_batches_leave_no_hole(world: World) {
    let (lobby, mina, bob) = two(&world).await;
    let general = world.club("Chess", mina).await.1;
    let batches: Vec<Vec<Append>> = (0..24)
        .map(|b| {
            (0..10)
                .map(|i| {
                    let cid = format!("{b}-{i}");
                    if (b + i) % 3 == 0 {
                        message(general, mina, &cid, "x")
                    } else {
                        message(lobby, if i % 2 == 0 { mina } else { bob }, &cid, "y")
                    }
                })
                .collect()
        })
        .collect();
    let done = join_all(batches.iter().map(|batch| world.store.append(batch, &Plain))).await;
    assert!(done.iter().all(Result::is_ok));
    let mut total = 0;
    for room in [lobby, general] {
        let log = world.log(room).await;
        let numbers: Vec<(i64, i64)> = log.iter().map(|event| (event.seq, event.n)).collect();
        let count = i64::try_from(log.len()).unwrap();
        assert_eq!(numbers, (1..=count).map(|i| (i, i)).collect::<Vec<_>>());
        let head = world.store.log_head(room).await.unwrap().unwrap();
        assert_eq!((head.head, head.n), (count, count));
        total += count;
    }
    assert_eq!(total, 240);
}

async fn a_repeated_cid_answers_the_first_numbers(world: World) {
    let (lobby, mina, _bob) = two(&world).await;
    let first = world.one(message(lobby, mina, "same", "one")).await;
    let Appended::Message { event, .. } = first else { panic!("{first:?}") };
    world.say(lobby, mina, "between").await;
    let again = world.one(message(lobby, mina, "same", "another text")).await;
    let Appended::Duplicate { seq, n, at } = again else { panic!("{again:?}") };
    assert_eq!((seq, n, at), (event.seq, event.n, event.at));
    assert_eq!(world.log(lobby).await.len(), 2);
    let head = world.store.log_head(lobby).await.unwrap().unwrap();
    assert_eq!((head.head, head.n), (2, 2), "no number was spent on it");
}

async fn a_repeat_within_a_batch_is_the_first_of_the_batch(world: World) {
    let (lobby, mina, _bob) = two(&world).await;
    let done = world
        .append(&[
            message(lobby, mina, "a", "1"),
            message(lobby, mina, "b", "2"),
            message(lobby, mina, "a", "3"),
            message(lobby, mina, "a", "4"),
        ])
        .await;
    for one in &done[2..] {
        assert!(matches!(one, Appended::Duplicate { seq: 1, n: 1, .. }), "{one:?}");
    }
    assert_eq!(world.log(lobby).await.len(), 2);
}

async fn a_cid_belongs_to_author_and_room(world: World) {
    let (lobby, mina, bob) = two(&world).await;
    let general = world.club("Chess", mina).await.1;
    let done = world
        .append(&[
            message(lobby, mina, "x", "1"),
            message(lobby, bob, "x", "2"),
            message(general, mina, "x", "3"),
            message(lobby, mina, "X", "4"),
        ])
        .await;
    assert!(done.iter().all(|one| matches!(one, Appended::Message { .. })), "{done:?}");
}

async fn an_answer_needs_a_message_of_the_same_room(world: World) {
    let (lobby, mina, bob) = two(&world).await;
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let asked = world.say(lobby, mina, "how?").await.seq;
    world.say(general, mina, "in the club").await;
    let ok = world.one(reply(lobby, bob, "r1", asked)).await;
    assert!(matches!(ok, Appended::Message { .. }), "{ok:?}");
    let line = 1;
    for (room, to) in [(lobby, 99), (general, line), (general, 99), (lobby, 0), (lobby, -1)] {
        let none = world.one(reply(room, bob, &format!("r{to}"), to)).await;
        let refused = Appended::Refused(AppendRefusal::NoSuchMessage);
        assert_eq!(format!("{none:?}"), format!("{refused:?}"), "{room} {to}");
    }
    let messages = world.messages(lobby, moim::store::Window::Newest, 10).await;
    assert_eq!(messages.last().unwrap().reply_to, Some(asked));
}

async fn nothing_goes_into_a_room_that_is_gone(world: World) {
    let (lobby, mina, _bob) = two(&world).await;
    let (club, general) = world.club("Chess", mina).await;
    let deleted = world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(deleted, moim::store::ClubDeleted::Done(vec![general]));
    let done = world
        .append(&[
            message(general, mina, "1", "late"),
            message(lobby, mina, "2", "fine"),
            message(RoomId(9_999), mina, "3", "nowhere"),
            Append::Mark { room: general, user: mina, seq: 1, at: world.now() },
            Append::JoinClub { club: club.id, user: mina, at: world.now() },
            Append::LeaveClub { club: club.id, user: mina, at: world.now() },
            Append::JoinRoom { room: general, user: mina, at: world.now() },
        ])
        .await;
    for (i, one) in done.iter().enumerate() {
        let gone = matches!(one, Appended::Refused(AppendRefusal::Gone));
        assert_eq!(gone, i != 1, "{i}: {one:?}");
    }
}

async fn who_has_left_writes_no_more(world: World) {
    let (_lobby, mina, bob) = two(&world).await;
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let at = world.now();
    let done = world
        .append(&[
            message(general, bob, "1", "bye"),
            Append::LeaveClub { club: club.id, user: bob, at },
            message(general, bob, "2", "one more thing"),
        ])
        .await;
    assert!(matches!(done[0], Appended::Message { .. }));
    assert!(matches!(done[2], Appended::Refused(AppendRefusal::NotMember)), "{:?}", done[2]);
    let stranger = world.user("stranger").await;
    let done = world.one(message(general, stranger, "1", "hi")).await;
    assert!(matches!(done, Appended::Refused(AppendRefusal::NotMember)), "{done:?}");
}

async fn every_character_comes_back(world: World) {
    let (lobby, mina, _bob) = two(&world).await;
    let texts =
        ["quote \" back \\ slash / \u{1}\u{1f} tab\t line\n", "한글 🙂 \u{2028}", "'; DROP--"];
    for (i, text) in texts.iter().enumerate() {
        world.one(message(lobby, mina, &format!("\"\\{i}"), text)).await;
    }
    let messages = world.messages(lobby, moim::store::Window::Newest, 10).await;
    let read: Vec<&str> = messages.iter().filter_map(|message| message.text.as_deref()).collect();
    assert_eq!(read, texts);
    assert_eq!(messages[1].cid, "\"\\1");
    let again = world.one(message(lobby, mina, "\"\\1", "x")).await;
    assert!(matches!(again, Appended::Duplicate { seq: 2, .. }), "{again:?}");
}

async fn an_empty_batch_is_done(world: World) {
    assert!(world.append(&[]).await.is_empty());
}

async fn reopening_keeps_everything(world: World) {
    let (lobby, mina, _bob) = two(&world).await;
    world.say(lobby, mina, "kept").await;
    let before = world.store.snapshot(lobby, 50, &[]).await.unwrap().unwrap();
    world.store.close().await;
    let store = world.again().await;
    let after = store.snapshot(lobby, 50, &[]).await.unwrap().unwrap();
    assert_eq!(before, after);
    assert_eq!(after.messages.len(), 1);
    let done = store.append(&[message(lobby, mina, "next", "on")], &Plain).await.unwrap();
    assert!(matches!(&done[0], Appended::Message { event, .. } if event.seq == 2));
}
