//! Read marks: explicit ones, and the author's own.

use moim::domain::{RoomId, UserId};
use moim::store::{Append, Appended};

use crate::harness::{World, message, on_both};

on_both!(
    marks_rise_and_never_fall,
    a_mark_beyond_the_head_is_the_head_at_its_turn,
    who_writes_has_read,
    mentions_are_counted_above_the_mark,
    lines_are_no_messages,
    a_member_without_a_row_has_read_nothing,
    many_marks_in_one_batch,
);

async fn read_n(world: &World, room: RoomId, user: UserId) -> i64 {
    let rooms = world.store.rooms_of(&[user]).await.unwrap();
    rooms.iter().find(|(_user, view)| view.room == room).unwrap().1.read_n
}

async fn marks_rise_and_never_fall(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    for i in 0..5 {
        world.say(lobby, mina, &format!("{i}")).await;
    }
    let mark = world.mark(lobby, bob, 3).await;
    assert_eq!((mark.seq, mark.read_n, mark.n, mark.mentions), (3, 3, 5, 0));
    let lower = world.mark(lobby, bob, 1).await;
    assert_eq!((lower.seq, lower.read_n), (3, 3));
    let odd = world.mark(lobby, bob, -7).await;
    assert_eq!((odd.seq, odd.read_n), (3, 3));
    assert_eq!(read_n(&world, lobby, bob).await, 3);
}

async fn a_mark_beyond_the_head_is_the_head_at_its_turn(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let done = world
        .append(&[
            message(lobby, mina, "1", "a"),
            Append::Mark { room: lobby, user: bob, seq: i64::MAX, at: world.now() },
            message(lobby, mina, "2", "b"),
        ])
        .await;
    let Appended::Marked(mark, _read) = &done[1] else { panic!("{:?}", done[1]) };
    assert_eq!((mark.seq, mark.read_n, mark.n), (1, 1, 2));
    assert_eq!(read_n(&world, lobby, bob).await, 1);
}

async fn who_writes_has_read(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    world.say(lobby, mina, "one").await;
    world.say(lobby, bob, "two").await;
    world.say(lobby, mina, "three").await;
    assert_eq!(read_n(&world, lobby, bob).await, 2);
    assert_eq!(read_n(&world, lobby, mina).await, 3);
    let mark = world.mark(lobby, bob, 1).await;
    assert_eq!((mark.seq, mark.read_n), (2, 2), "the own message counts");
}

async fn mentions_are_counted_above_the_mark(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let mut seqs = Vec::new();
    for text in ["@bob one", "nobody", "@bob two", "@bob three"] {
        seqs.push(world.say(lobby, mina, text).await.seq);
    }
    let view = world.store.rooms_of(&[bob]).await.unwrap()[0].1.clone();
    assert_eq!((view.n, view.read_n, view.mentions), (4, 0, 3));
    let mark = world.mark(lobby, bob, seqs[2]).await;
    assert_eq!((mark.read_n, mark.mentions), (3, 1));
    assert_eq!(world.mark(lobby, bob, seqs[3]).await.mentions, 0);
}

async fn lines_are_no_messages(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    world.say(general, mina, "one").await;
    world.join(club.id, bob).await;
    let carol = world.user("carol").await;
    world.join(club.id, carol).await;
    let head = world.store.log_head(general).await.unwrap().unwrap();
    assert_eq!((head.head, head.n), (3, 1));
    let mark = world.mark(general, bob, 3).await;
    assert_eq!((mark.seq, mark.read_n, mark.n), (3, 1, 1));
}

async fn a_member_without_a_row_has_read_nothing(world: World) {
    let mina = world.user("mina").await;
    let (club, general) = world.club("Chess", mina).await;
    let bob = world.user("bob").await;
    world.join(club.id, bob).await;
    let later = world.room(club.id, "later", mina, moim::domain::RoomKind::Member).await;
    world.say(later, mina, "hello").await;
    assert_eq!(read_n(&world, later, bob).await, 0);
    assert_eq!(read_n(&world, general, bob).await, 0);
    assert_eq!(world.mark(later, bob, 1).await.read_n, 1);
    assert_eq!(read_n(&world, later, bob).await, 1);
}

async fn many_marks_in_one_batch(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    for i in 0..4 {
        world.say(lobby, mina, &format!("{i}")).await;
    }
    let mut users = Vec::new();
    for i in 0..10 {
        users.push(world.user(&format!("reader{i}")).await);
    }
    let batch: Vec<Append> = users
        .iter()
        .flat_map(|user| {
            [4, 2, 3].map(|seq| Append::Mark { room: lobby, user: *user, seq, at: world.now() })
        })
        .collect();
    for one in world.append(&batch).await {
        let Appended::Marked(mark, _read) = one else { panic!("{one:?}") };
        assert_eq!((mark.seq, mark.read_n, mark.n), (4, 4, 4), "they stand together");
    }
}
