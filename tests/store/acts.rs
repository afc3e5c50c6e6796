//! What is done to messages, many at a time and by several nodes.

use std::sync::Arc;

use futures_util::future::join_all;
use moim::domain::{Emoji, MessageId, RoomId, RoomKind, Text, UserId};
use moim::store::{
    Act, Append, AppendRefusal, Appended, Called, Deed, NewMessage, NoticeFilter, Page, Reading,
    Window,
};

use crate::harness::{Plain, World, first, message, on_both, whole};

on_both!(
    reactions_of_a_batch_are_counted_in_its_order,
    reactions_of_several_nodes_are_counted_once_each,
    a_thousand_reactions_are_a_handful_of_statements,
    everybody_is_told_piece_by_piece_and_once,
    what_is_left_to_tell_is_found,
    who_goes_meanwhile_is_not_told,
    a_crowded_thread_is_told_piece_by_piece,
    who_reacted_is_known_also_where_many_did,
    of_many_edits_the_last_hundred_are_kept,
    inboxes_that_cross_make_nobody_fail,
);

fn act(world: &World, room: RoomId, by: UserId, deed: Deed) -> Append {
    Append::Act(Act { room, by, deed, at: world.now() })
}

fn react(world: &World, room: RoomId, by: UserId, message: i64, emoji: &str) -> Append {
    let emoji = Emoji::parse(emoji).unwrap();
    act(world, room, by, Deed::React { message, emoji })
}

fn unreact(world: &World, room: RoomId, by: UserId, message: i64, emoji: &str) -> Append {
    let emoji = Emoji::parse(emoji).unwrap();
    act(world, room, by, Deed::Unreact { message, emoji })
}

fn edit(world: &World, room: RoomId, by: UserId, message: i64, text: &str) -> Append {
    let text = Text::parse(text).unwrap();
    act(world, room, by, Deed::Edit { message, text, cid: None, called: None, flagged: None })
}

/// Emoji, count and whether it is the reader's.
async fn reactions(
    world: &World,
    room: RoomId,
    reader: UserId,
    seq: i64,
) -> Vec<(String, i64, bool)> {
    let of = Reading { reach: whole(room), reader, thread: None };
    let message = world.store.message(of, seq).await.unwrap().unwrap();
    message.reactions.into_iter().map(|r| (r.emoji, r.count, r.is_mine)).collect()
}

async fn reactions_of_a_batch_are_counted_in_its_order(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    world.say(lobby, mina, "one").await;
    let done = world
        .append(&[
            react(&world, lobby, mina, 1, "👍"),
            react(&world, lobby, bob, 1, "👍"),
            react(&world, lobby, mina, 1, "👍"),
            unreact(&world, lobby, mina, 1, "👍"),
            message(lobby, bob, "c", "between"),
            react(&world, lobby, mina, 1, "👍"),
            unreact(&world, lobby, mina, 1, "🎉"),
            react(&world, lobby, mina, 9, "👍"),
        ])
        .await;
    let seq = |one: &Appended| match one {
        Appended::Acted(acted) => Some(acted.events[0].seq),
        Appended::Message { event, .. } => Some(event.seq),
        _other => None,
    };
    let seqs: Vec<_> = done.iter().map(seq).collect();
    assert_eq!(seqs, [Some(2), Some(3), None, Some(4), Some(5), Some(6), None, None]);
    assert!(matches!(done[2], Appended::Unchanged { seq: Some(2), .. }));
    assert!(matches!(done[6], Appended::Unchanged { seq: None, .. }));
    assert!(matches!(done[7], Appended::Refused(AppendRefusal::NotThere)));
    let counts: Vec<String> = world.log(lobby).await.iter().map(|e| e.body.to_string()).collect();
    assert!(counts[1].contains("count: 1") && counts[2].contains("count: 2"), "{counts:?}");
    assert!(counts[3].contains("count: 1") && counts[5].contains("count: 2"), "{counts:?}");
    assert_eq!(reactions(&world, lobby, mina, 1).await, [("👍".to_owned(), 2, true)]);
    world.one(unreact(&world, lobby, mina, 1, "👍")).await;
    world.one(unreact(&world, lobby, bob, 1, "👍")).await;
    assert!(reactions(&world, lobby, mina, 1).await.is_empty());
}

async fn reactions_of_several_nodes_are_counted_once_each(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    let other = world.again().await;
    world.say(lobby, mina, "one").await;
    let mut users = Vec::new();
    for n in 0..10 {
        users.push(world.user(&format!("user{n}")).await);
    }
    let batch: Vec<Append> =
        users.iter().map(|user| react(&world, lobby, *user, 1, "👍")).collect();
    let batches = (0..8).map(|n| {
        let store = if n % 2 == 0 { &world.store } else { &other };
        store.append(&batch, &Plain)
    });
    let done: Vec<Appended> =
        join_all(batches).await.into_iter().flat_map(Result::unwrap).collect();
    let count = done.iter().filter(|one| matches!(one, Appended::Acted(_))).count();
    assert_eq!((done.len(), count), (80, 10));
    assert_eq!(reactions(&world, lobby, mina, 1).await, [("👍".to_owned(), 10, false)]);
}

async fn a_thousand_reactions_are_a_handful_of_statements(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    for n in 0..50 {
        world.say(lobby, mina, &format!("{n}")).await;
    }
    let emoji: Vec<String> = ('🍇'..).take(20).map(String::from).collect();
    let batch: Vec<Append> = (0..1_000)
        .map(|n| react(&world, lobby, mina, n % 50 + 1, &emoji[usize::try_from(n / 50).unwrap()]))
        .collect();
    let before = world.store.statements();
    let done = world.append(&batch).await;
    assert!(done.iter().all(|one| matches!(one, Appended::Acted(_))));
    let statements = world.store.statements() - before;
    assert!(statements < 100, "{statements} statements");
    assert_eq!(reactions(&world, lobby, mina, 50).await.len(), 20);
}

/// A message that calls everybody, as one would be that the room admitted.
fn calling(room: RoomId, author: UserId, called: Called) -> Append {
    let Append::Message(new) = message(room, author, "all", "@all hear") else { unreachable!() };
    Append::Message(NewMessage { called: Some(called), ..new })
}

/// A club with so many members besides its owner.
async fn crowd(world: &World, count: usize) -> (RoomId, UserId, Vec<UserId>) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club("Crowd", mina).await;
    let room = world.room(club.id, "plans", mina, RoomKind::Member).await;
    let mut members = Vec::new();
    for n in 0..count {
        let user = world.user(&format!("member{n}")).await;
        world.join(club.id, user).await;
        members.push(user);
    }
    (room, mina, members)
}

async fn mentions(world: &World, room: RoomId, user: UserId) -> i64 {
    let rooms = world.store.rooms_of(&[user]).await.unwrap();
    rooms.into_iter().find(|(_user, view)| view.room == room).unwrap().1.mentions
}

async fn entries(world: &World, user: UserId) -> Vec<String> {
    let all = world.store.notices(user, NoticeFilter::All, first()).await.unwrap();
    all.into_iter().map(|notice| notice.kind).collect()
}

/// Tells everything that is left to tell of a message; how many pieces that took.
async fn tell_all(world: &World, room: RoomId, message: i64) -> usize {
    let mut pieces = 0;
    loop {
        match world.one(Append::FanOut { room, message }).await {
            Appended::FannedOut { has_more: true, notices, .. } => {
                assert!(notices.len() <= 100, "a piece is small");
                pieces += 1;
            }
            Appended::FannedOut { .. } => return pieces,
            other => panic!("{other:?}"),
        }
    }
}

async fn everybody_is_told_piece_by_piece_and_once(world: World) {
    let (room, mina, members) = crowd(&world, 230).await;
    let named = members[7];
    let Append::Message(mut new) = calling(room, mina, Called::All) else { unreachable!() };
    new.text = Text::parse("@all and @member7").unwrap();
    new.at = world.now();
    let Appended::Message { event, mentions: told, has_fanout, .. } =
        world.one(Append::Message(new)).await
    else {
        panic!("not stored")
    };
    assert_eq!((told, has_fanout), (vec![named], true));
    assert_eq!(mentions(&world, room, members[0]).await, 0, "not yet");
    let other = world.again().await;
    // Two nodes at once: each piece is done by one of them.
    let batch = [Append::FanOut { room, message: event.seq }];
    let (here, there) =
        tokio::join!(world.store.append(&batch, &Plain), other.append(&batch, &Plain));
    assert!(here.is_ok() && there.is_ok());
    tell_all(&world, room, event.seq).await;
    for user in &members {
        assert_eq!(mentions(&world, room, *user).await, 1);
        assert_eq!(entries(&world, *user).await, ["mention"]);
    }
    assert!(entries(&world, mina).await.is_empty());
    assert!(world.store.fanouts_undone(world.now(), 10).await.unwrap().is_empty());
    assert_eq!(tell_all(&world, room, event.seq).await, 0, "nothing is left");
}

async fn what_is_left_to_tell_is_found(world: World) {
    let (room, mina, members) = crowd(&world, 3).await;
    world.one(calling(room, mina, Called::Here(members.clone().into()))).await;
    let undone = world.store.fanouts_undone(world.now(), 10).await.unwrap();
    assert_eq!(undone, [(room, 1)]);
    tell_all(&world, room, 1).await;
    assert!(world.store.fanouts_undone(world.now(), 10).await.unwrap().is_empty());
    assert_eq!(mentions(&world, room, members[2]).await, 1);
    // A deletion leaves nothing to tell.
    let Append::Message(new) = calling(room, mina, Called::All) else { unreachable!() };
    let cid = moim::domain::Cid::parse("again").unwrap();
    world.one(Append::Message(NewMessage { cid, ..new })).await;
    let delete = Deed::DeleteMany { messages: [2].into() };
    world.one(act(&world, room, mina, delete)).await;
    assert!(world.store.fanouts_undone(world.now(), 10).await.unwrap().is_empty());
    assert_eq!(tell_all(&world, room, 2).await, 0);
}

async fn who_goes_meanwhile_is_not_told(world: World) {
    let (room, mina, members) = crowd(&world, 3).await;
    let Append::Message(mut new) = calling(room, mina, Called::All) else { unreachable!() };
    new.at = world.now();
    world.one(Append::Message(new)).await;
    let club = world.store.room(room).await.unwrap().unwrap().club.unwrap();
    world.leave(club, members[1]).await;
    let late = world.user("late").await;
    world.join(club, late).await;
    tell_all(&world, room, 1).await;
    assert_eq!(entries(&world, members[0]).await, ["mention"]);
    assert!(entries(&world, members[1]).await.is_empty());
    assert!(entries(&world, late).await.is_empty(), "who came later was not there");
}

async fn a_crowded_thread_is_told_piece_by_piece(world: World) {
    let (room, mina, members) = crowd(&world, 30).await;
    world.say(room, mina, "root").await;
    let answer = |by: UserId, cid: &str| {
        let Append::Message(new) = message(room, by, cid, "yes") else { unreachable!() };
        Append::Message(NewMessage { thread: Some(1), ..new })
    };
    let all: Vec<Append> =
        members.iter().enumerate().map(|(n, user)| answer(*user, &format!("c{n}"))).collect();
    let done = world.append(&all).await;
    let crowded = |one: &&Appended| matches!(one, Appended::Message { has_fanout: true, .. });
    assert_eq!(done.iter().filter(crowded).count(), 10, "twenty followers are told at once");
    let of = Reading { reach: whole(room), reader: mina, thread: Some(1) };
    let page = world.store.messages(of, Window::Newest, 100).await.unwrap();
    assert_eq!(page.len(), 30);
    tell_all(&world, room, page.last().unwrap().seq).await;
    assert_eq!(entries(&world, mina).await.len(), 20 + 1, "those told at once, and the last");
    assert_eq!(entries(&world, members[0]).await.len(), 19 + 1);
    assert!(entries(&world, members[29]).await.is_empty(), "the author of the last");
}

async fn who_reacted_is_known_also_where_many_did(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    world.say(lobby, mina, "one").await;
    world.one(react(&world, lobby, mina, 1, "👍")).await;
    let read = async |readers: &[UserId]| {
        world.store.snapshot(lobby, 50, readers).await.unwrap().unwrap().reactors
    };
    let few = read(&[]).await;
    assert_eq!((few.all, few.of), (vec![(1, mina, "👍".to_owned())], None));
    world.sql("UPDATE reaction_count SET count = 5000").await;
    let many = read(&[UserId(99), mina]).await;
    assert_eq!((many.all.len(), many.of), (1, Some(vec![UserId(99), mina])));
    assert!(read(&[UserId(99)]).await.all.is_empty());
}

async fn of_many_edits_the_last_hundred_are_kept(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    world.say(lobby, mina, "0").await;
    let edits: Vec<Append> =
        (1..=120).map(|n| edit(&world, lobby, mina, 1, &n.to_string())).collect();
    world.append(&edits).await;
    let message = MessageId { room: lobby, seq: 1 };
    let revisions = async |page| world.store.revisions(message, page).await.unwrap();
    let kept = revisions(Page::first(200)).await;
    assert_eq!((kept.len(), kept[0].rev, kept[99].rev), (100, 22, 121));
    assert_eq!((kept[0].text.as_str(), kept[99].text.as_str()), ("21", "120"));
    assert_eq!(revisions(Page { after: Some(22), limit: 3 }).await, kept[1..4]);
    // All that ever held a text of it is erased.
    let delete = Deed::DeleteMany { messages: [1].into() };
    world.one(act(&world, lobby, mina, delete)).await;
    let log = world.log(lobby).await;
    assert_eq!(log.iter().filter(|event| event.body.starts_with("erased")).count(), 121);
    assert!(revisions(Page::first(200)).await.is_empty());
}

async fn inboxes_that_cross_make_nobody_fail(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (one, two) = (world.club("One", mina).await.1, world.club("Two", mina).await.1);
    let (lobby, other) = (world.lobby().await, world.again().await);
    assert!(one != two && lobby != one);
    let carol = world.user("carol").await;
    for club in [one, two] {
        let club = world.store.room(club).await.unwrap().unwrap().club.unwrap();
        world.join(club, bob).await;
        world.join(club, carol).await;
    }
    let stores = [Arc::new(world.store.clone()), Arc::new(other)];
    for round in 0..20 {
        // Each edit is a step of its own and locks the inbox of who is called.
        let steps = async |room: RoomId, names: [&str; 2]| -> Vec<Append> {
            let mut steps = Vec::new();
            for name in names {
                let message = world.say(room, mina, &format!("{name} {round}")).await.seq;
                steps.push(edit(&world, room, mina, message, &format!("@{name} {round}")));
            }
            steps
        };
        let ahead = steps(one, ["bob", "carol"]).await;
        let back = steps(two, ["carol", "bob"]).await;
        let (here, there) =
            tokio::join!(stores[0].append(&ahead, &Plain), stores[1].append(&back, &Plain));
        for one in here.unwrap().into_iter().chain(there.unwrap()) {
            assert!(matches!(one, Appended::Acted(_)), "{one:?}");
        }
    }
}
