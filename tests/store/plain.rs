//! Batches of plain messages go a shorter way, and arrive at the same.

use moim::domain::{Millis, Notify, RoomId, UserId};
use moim::store::{Append, Appended, Blocked, StoredEvent, Window};

use crate::harness::{World, message, on_both, reply};

on_both!(
    the_short_way_leaves_what_the_careful_one_does,
    what_is_told_is_what_is_kept,
    a_large_batch_goes_the_short_way_too,
    what_is_not_plain_is_answered_all_the_same,
    no_batch_passes_a_block,
);

/// A club of its own with three members.
async fn club(world: &World, name: &str, users: [UserId; 3]) -> RoomId {
    let (club, room) = world.club(name, users[0]).await;
    for user in &users[1..] {
        world.join(club.id, *user).await;
    }
    room
}

fn talk(room: RoomId, users: [UserId; 3]) -> Vec<Append> {
    let texts = ["one", "두 번째 🙂", "three \u{1}\u{2} \"quoted\" \\ \n", "a@b.c", "five", "six"];
    let message = |(i, text): (usize, &&str)| message(room, users[i % 2], &format!("c{i}"), text);
    texts.iter().enumerate().map(message).collect()
}

/// All that the store shows of a room to its members.
async fn shown(world: &World, room: RoomId, users: [UserId; 3]) -> String {
    let log = world.log(room).await;
    let log: Vec<_> = log
        .into_iter()
        .filter(|event| event.n > 0)
        .map(|event| (event.seq, event.n, event.at, event.body))
        .collect();
    let head = world.store.log_head(room).await.unwrap().unwrap();
    let messages = world.messages(room, Window::Newest, 100).await;
    let messages: Vec<_> = messages
        .into_iter()
        .map(|it| (it.seq, it.n, it.at, it.author, it.cid, it.text, it.reply_to, it.rev))
        .collect();
    let views = world.store.rooms_of(&users).await.unwrap();
    let seats: Vec<_> = views
        .into_iter()
        .filter(|(_user, view)| view.room == room)
        .map(|(user, view)| (user, view.read_n, view.head, view.n, view.mentions))
        .collect();
    format!("{log:#?} {:?} {messages:#?} {seats:#?}", (head.head, head.n))
}

async fn the_short_way_leaves_what_the_careful_one_does(world: World) {
    let users = [world.user("mina").await, world.user("bob").await, world.user("eve").await];
    let rooms = [club(&world, "Chess", users).await, club(&world, "Go", users).await];
    let mut spent = Vec::new();
    for (room, is_careful) in rooms.into_iter().zip([false, true]) {
        let mut batch = talk(room, users);
        if is_careful {
            batch.push(Append::Mark { room, user: users[2], seq: 0, at: Millis(0) });
        }
        let before = world.store.statements();
        world.append(&batch).await;
        spent.push(world.store.statements() - before);
    }
    let [short, careful] = rooms;
    let (short, careful) = (shown(&world, short, users).await, shown(&world, careful, users).await);
    let (short, careful) = (without_rooms(&short, rooms), without_rooms(&careful, rooms));
    assert_eq!(short, careful);
    assert!(spent[0] < spent[1], "{spent:?}: the first was to go the short way");
}

/// The two clubs differ in the names of their rooms.
fn without_rooms(shown: &str, rooms: [RoomId; 2]) -> String {
    rooms.iter().fold(shown.to_owned(), |shown, room| shown.replace(&room.to_string(), "room"))
}

fn event(appended: &Appended) -> &StoredEvent {
    match appended {
        Appended::Message { event, .. } => event,
        other => panic!("not stored: {other:?}"),
    }
}

async fn what_is_told_is_what_is_kept(world: World) {
    let users = [world.user("mina").await, world.user("bob").await, world.user("eve").await];
    let rooms = [club(&world, "Chess", users).await, club(&world, "Go", users).await];
    world.say(rooms[1], users[0], "before").await;
    let batch: Vec<Append> = (0..9)
        .flat_map(|_| rooms)
        .zip(0..)
        .map(|(room, i)| message(room, users[i % 3], &format!("{i}"), &format!("text {i}")))
        .collect();
    let done = world.append(&batch).await;
    for (place, room) in rooms.into_iter().enumerate() {
        let told: Vec<_> = done.iter().skip(place).step_by(2).map(event).collect();
        let log = world.log(room).await;
        let kept = &log[log.len() - told.len()..];
        for (told, kept) in told.into_iter().zip(kept) {
            assert_eq!((told.seq, told.n, told.at), (kept.seq, kept.n, kept.at));
            assert_eq!(told.body, kept.body);
            assert!(told.body.contains(&format!("seq={} n={} ", told.seq, told.n)));
        }
    }
}

async fn a_large_batch_goes_the_short_way_too(world: World) {
    let users = [world.user("mina").await, world.user("bob").await, world.user("eve").await];
    let mut rooms = Vec::new();
    for i in 0..150 {
        rooms.push(world.club(&format!("Club {i}"), users[i % 3]).await.1);
    }
    let batch: Vec<Append> =
        (0..900).map(|i| message(rooms[i % 150], users[i % 3], &format!("{i}"), "hi")).collect();
    let before = world.store.statements();
    let done = world.append(&batch).await;
    let spent = world.store.statements() - before;
    for (i, one) in done.iter().enumerate() {
        assert_eq!(event(one).n, i64::try_from(i / 150 + 1).unwrap());
    }
    for room in rooms {
        assert_eq!(world.log(room).await.len(), 6);
    }
    assert!(spent <= 6, "{spent} statements");
}

async fn what_is_not_plain_is_answered_all_the_same(world: World) {
    let users = [world.user("mina").await, world.user("bob").await, world.user("eve").await];
    let room = club(&world, "Chess", users).await;
    let first = world.say(room, users[0], "first").await;
    let stranger = world.user("stranger").await;
    let odd_ones = [
        (message(room, stranger, "1", "hi"), "Refused(NotMember)"),
        (message(RoomId(9_999), users[0], "1", "hi"), "Refused(Gone)"),
        (message(room, users[0], "a", "again"), "Duplicate"),
        (message(room, users[1], "poison", "poison"), "Failed"),
        (message(room, users[1], "named", "@eve"), "Message"),
        (reply(room, users[1], "reply", first.seq), "Message"),
        (reply(room, users[1], "reply2", 99), "Refused(NoSuchMessage)"),
    ];
    world.one(message(room, users[0], "a", "there already")).await;
    for (i, (odd, expected)) in odd_ones.into_iter().enumerate() {
        let cid = format!("beside {i}");
        let done = world
            .append(&[
                message(room, users[0], &cid, "before"),
                odd,
                message(room, users[2], &cid, "after"),
            ])
            .await;
        let found = format!("{:?}", done[1]);
        assert!(found.starts_with(expected), "{found} instead of {expected}");
        assert!(event(&done[0]).seq < event(&done[2]).seq);
    }
    let log = world.log(room).await;
    let seqs: Vec<i64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=i64::try_from(log.len()).unwrap()).collect::<Vec<_>>());
}

/// The short way asks nobody about blocks. It need not: a private room makes entries for its two,
/// whatever they want to hear of it, so nothing that is said there is plain.
async fn no_batch_passes_a_block(world: World) {
    let users = [world.user("mina").await, world.user("bob").await, world.user("eve").await];
    let [mina, bob, _eve] = users;
    let open = club(&world, "Chess", users).await;
    let pair = world.store.pair(mina, bob, world.now()).await.unwrap();
    let (room, _is_new) = pair.expect("nothing stands between them");
    for user in [mina, bob] {
        world.store.set_notify(room, user, Notify::None).await.unwrap();
    }
    let spent = async |batch: &[Append]| {
        let before = world.store.statements();
        let done = world.append(batch).await;
        assert!(done.iter().all(|one| matches!(one, Appended::Message { .. })), "{done:?}");
        world.store.statements() - before
    };
    let short = spent(&[message(open, mina, "a", "hi"), message(open, bob, "a", "hi")]).await;
    let careful = spent(&[message(room, mina, "a", "hi"), message(room, bob, "a", "hi")]).await;
    assert!(short < careful, "{short} and {careful} statements: a private room is never plain");
    let plain = "SELECT count(*) FROM room WHERE kind = 'private' AND notify <> 'all'";
    assert_eq!(world.count(plain).await, 0);

    let blocked = world.store.set_block(bob, mina, true, world.now()).await.unwrap();
    assert_eq!(blocked, Blocked::Done(Some((room, true))));
    let before = world.log(room).await.len();
    for size in [1, 2, 40, 400] {
        let said = |room: RoomId, i: usize| {
            message(room, [mina, bob][i % 2], &format!("{size}-{i}"), "hi")
        };
        let alone: Vec<_> = (0..size).map(|i| said(room, i)).collect();
        let mixed: Vec<_> =
            (0..size).map(|i| said(if i % 3 == 0 { room } else { open }, size + i)).collect();
        for one in world.append(&alone).await {
            assert_eq!(format!("{one:?}"), "Refused(Blocked)");
        }
        for (i, one) in world.append(&mixed).await.iter().enumerate() {
            let wanted = if i % 3 == 0 { "Refused(Blocked)" } else { "Message" };
            assert!(format!("{one:?}").starts_with(wanted), "{i} of {size}: {one:?}");
        }
    }
    assert_eq!(world.log(room).await.len(), before, "nothing came through");
    world.store.set_block(bob, mina, false, world.now()).await.unwrap();
    assert!(matches!(world.one(message(room, mina, "b", "hi")).await, Appended::Message { .. }));
}
