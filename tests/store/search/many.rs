//! Where the index names much more than is meant.

use moim::domain::{Cid, Millis, RoomId, RoomKind, Text};
use moim::store::{Append, NewMessage, Search};

use super::steps::{all, follow, say_at, seem_large};
use super::{BEGIN, search, words};
use crate::harness::{Engine, World, on_both};

on_both!(
    a_search_reads_so_much_and_goes_on,
    few_among_many_are_found,
    a_phrase_takes_few_questions
);

async fn a_search_reads_so_much_and_goes_on(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (_club, theirs) = world.club("Theirs", mina).await;
    let (club, mine) = world.club("Mine", bob).await;
    for n in 0..18 {
        world.room(club.id, &format!("room {n}"), bob, RoomKind::Member).await;
    }
    let first = say_at(&world, mine, bob, "회의", BEGIN).await;
    let long = format!("자료 {}", "회의 ".repeat(600));
    let long = Text::parse(&long).unwrap();
    let draft = |n: i64| {
        let cid = Cid::parse(&format!("c-{n}")).unwrap();
        Append::Message(NewMessage::new(theirs, mina, cid, long.clone(), Millis(BEGIN + n)))
    };
    let batch: Vec<_> = (1..=1_500).map(draft).collect();
    for batch in batch.chunks(500) {
        world.append(batch).await;
    }
    while follow(&world.store).await {}
    let query = words("회의");
    let page = world.store.search(&search(bob, Some(&query))).await.unwrap().unwrap();
    let last = all(&world.store, search(bob, Some(&query))).await;
    assert_eq!(last, [(mine.0, first)], "behind all that may not be read");
    let theirs = all(&world.store, Search { limit: 200, ..search(mina, Some(&query)) }).await;
    assert_eq!(theirs.len(), 1_500);
    assert!(page.messages.len() <= 1);
    // Each of them has both words, none has them in this order.
    let phrase = words("\"회의 자료\"");
    let page = world.store.search(&search(mina, Some(&phrase))).await.unwrap().unwrap();
    assert!(page.messages.is_empty() && page.next.is_some(), "it goes on later");
    assert!(all(&world.store, search(mina, Some(&phrase))).await.is_empty());
    let many = Search { limit: 200, room: Some(RoomId(theirs[0].0)), ..search(mina, Some(&query)) };
    let page = world.store.search(&many).await.unwrap().unwrap();
    assert!(page.messages.len() == 200 && page.next.is_some());
}

/// What is named thousands of times in rooms of others, and seldom in one's own.
async fn few_among_many_are_found(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (_club, theirs) = world.club("Theirs", mina).await;
    let (_club, mine) = world.club("Mine", bob).await;
    let mut wanted = vec![(mine.0, say_at(&world, mine, bob, "회의", BEGIN).await)];
    let text = Text::parse("회의").unwrap();
    let draft = |n: i64| {
        let cid = Cid::parse(&format!("c-{n}")).unwrap();
        Append::Message(NewMessage::new(theirs, mina, cid, text.clone(), Millis(BEGIN + n)))
    };
    let batch: Vec<_> = (1..=4_000).map(draft).collect();
    for batch in batch.chunks(500) {
        world.append(batch).await;
    }
    wanted.push((mine.0, say_at(&world, mine, bob, "회의", BEGIN + 2_000).await));
    wanted.push((mine.0, say_at(&world, mine, bob, "회의", BEGIN + 5_000).await));
    wanted.reverse();
    while follow(&world.store).await {}
    let query = words("회의");
    for _ in 0..2 {
        for room in [None, Some(mine)] {
            for limit in [1, 50] {
                let search = Search { room, limit, ..search(bob, Some(&query)) };
                assert_eq!(all(&world.store, search).await, wanted, "{limit} at a time");
            }
        }
        seem_large(&world).await;
    }
}

/// One in twenty of those that have both words has them in this order.
async fn a_phrase_takes_few_questions(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    let draft = |n: i64| {
        let text = if n % 20 == 0 { "the brown fox" } else { "a fox, so brown" };
        let (cid, text) = (Cid::parse(&format!("c-{n}")).unwrap(), Text::parse(text).unwrap());
        Append::Message(NewMessage::new(lobby, mina, cid, text, Millis(BEGIN + n)))
    };
    for from in [0, 500] {
        let batch: Vec<_> = (from..from + 500).map(draft).collect();
        world.append(&batch).await;
    }
    while follow(&world.store).await {}
    // The rooms, the index once or twice, and what is left on those that came with the second time.
    for (query, statements) in [("\"brown fox\"", 4), ("brown fox", 2)] {
        let query = words(query);
        let before = world.store.statements();
        let search = Search { limit: 20, ..search(mina, Some(&query)) };
        let page = world.store.search(&search).await.unwrap().unwrap();
        assert_eq!(page.messages.len(), 20, "{query:?}");
        if world.engine == Engine::Sqlite {
            assert_eq!(world.store.statements() - before, statements, "{query:?}");
        }
    }
}
