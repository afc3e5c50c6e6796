//! The search: whatever the index has or does not have yet, what is found is what is there.

mod many;
mod steps;

use std::collections::BTreeSet;

use moim::domain::{MessageId, Millis, RoomId, RoomKind, SearchText, UserId};
use moim::store::{Carried, Search, Spot, Store};

use self::steps::{all, follow, say_at, seem_large};
use crate::harness::{World, on_both};

on_both!(
    in_few_rooms_it_is_the_same_however_far_the_index_is,
    in_many_rooms_it_is_the_same_however_far_the_index_is,
    messages_of_one_moment_are_all_found,
    edits_and_deletes_are_found_by_what_they_are_now,
    what_may_not_be_read_is_not_found,
    history_since_joining_begins_there,
    a_long_text_is_a_chunk_of_its_own,
    nodes_that_follow_together_do_it_once,
    authors_times_links_and_clubs_narrow,
    what_is_indexed_twice_stands_once,
);

/// Some minutes between messages, rooms in turns; the words come often, at times and once.
const WORDS: [&str; 7] = [
    "내일회의실에서 만나요",
    "회의 자료 v2 https://moim.dev/a",
    "明日の会議室で打ち合わせ",
    "在会议室见，带上资料",
    "The quick brown fox, again",
    "quick: brown 🎉 fox",
    "아무 말이나 합니다",
];

fn search<'a>(reader: UserId, text: Option<&'a SearchText>) -> Search<'a> {
    Search {
        reader,
        text,
        room: None,
        club: None,
        author: None,
        since: None,
        until: None,
        has: None,
        after: None,
        limit: 50,
    }
}

fn words(query: &str) -> SearchText {
    SearchText::parse(query).unwrap()
}

/// The beginning of the talk.
const BEGIN: i64 = 1_766_000_000_000;

/// A reader's rooms with some talk in them: each message with its time, room, seq and text, newest
/// first.
async fn talk(world: &World, rooms: usize, messages: usize) -> (UserId, Vec<Said>) {
    let mina = world.user("mina").await;
    let (club, general) = world.club("Talkers", mina).await;
    let mut places = vec![general];
    for n in 1..rooms {
        places.push(world.room(club.id, &format!("room {n}"), mina, RoomKind::Member).await);
    }
    let mut said = Vec::new();
    for n in 0..messages {
        let (room, text) = (places[n * 7 % rooms], WORDS[n * 5 % 7]);
        let text = format!("{text} {n}");
        let at = BEGIN + (n as i64 / 2) * 60_000;
        let seq = say_at(world, room, mina, &text, at).await;
        said.push(Said { at, room: room.0, seq, text });
    }
    said.sort_by_key(|said| (-said.at, -(said.room & 1_023), -said.room, -said.seq));
    (mina, said)
}

struct Said {
    at: i64,
    room: i64,
    seq: i64,
    text: String,
}

fn meant(said: &[Said], query: &SearchText) -> Vec<(i64, i64)> {
    let meant = said.iter().filter(|said| query.is_in(&said.text));
    meant.map(|said| (said.room, said.seq)).collect()
}

/// The index is told few rooms; of many, those that are not meant are sorted out.
async fn in_few_rooms_it_is_the_same_however_far_the_index_is(world: World) {
    is_the_same_however_far_the_index_is(world, 3).await;
}

async fn in_many_rooms_it_is_the_same_however_far_the_index_is(world: World) {
    is_the_same_however_far_the_index_is(world, 20).await;
}

async fn is_the_same_however_far_the_index_is(world: World, rooms: usize) {
    let (mina, said) = talk(&world, rooms, 300).await;
    let is_found = async |steps: usize| {
        for query in
            ["회의", "会議", "会议室", "quick -🎉", "\"brown fox\"", "v2 자료", "없는 말", "299"]
        {
            let query = words(query);
            let wanted = meant(&said, &query);
            for limit in [2, 50] {
                let search = Search { limit, ..search(mina, Some(&query)) };
                assert_eq!(all(&world.store, search).await, wanted, "{query:?} after {steps}");
            }
        }
    };
    let mut steps = 0;
    loop {
        is_found(steps).await;
        if !follow(&world.store).await {
            break;
        }
        steps += 1;
    }
    assert!(steps > 2, "{steps}");
    seem_large(&world).await;
    is_found(steps).await;
    let query = words("회의");
    let wanted = meant(&said, &query);
    for room in wanted.iter().map(|(room, _seq)| *room).collect::<BTreeSet<_>>() {
        let search = Search { room: Some(RoomId(room)), limit: 2, ..search(mina, Some(&query)) };
        let wanted: Vec<_> = wanted.iter().copied().filter(|place| place.0 == room).collect();
        assert_eq!(all(&world.store, search).await, wanted);
    }
}

async fn messages_of_one_moment_are_all_found(world: World) {
    let mina = world.user("mina").await;
    let (club, one) = world.club("Talkers", mina).await;
    let mut rooms = vec![one];
    for n in 0..3 {
        rooms.push(world.room(club.id, &format!("room {n}"), mina, RoomKind::Member).await);
    }
    let query = words("회의");
    let mut wanted = Vec::new();
    for n in 0..60 {
        let room = rooms[n % 4];
        wanted.push((room.0, world.say(room, mina, &format!("회의 {n}")).await.seq));
        if n % 25 == 24 {
            follow(&world.store).await;
        }
    }
    wanted.sort_by_key(|(room, seq)| (-room, -seq));
    for _ in 0..3 {
        for limit in [1, 7, 50] {
            let search = Search { limit, ..search(mina, Some(&query)) };
            assert_eq!(all(&world.store, search).await, wanted, "{limit} at a time");
        }
        follow(&world.store).await;
    }
}

async fn edits_and_deletes_are_found_by_what_they_are_now(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    let mut seqs = Vec::new();
    for n in 0..6 {
        seqs.push(world.say(lobby, mina, &format!("점심 {n}")).await.seq);
    }
    let find = async |query: &str| {
        let query = words(query);
        all(&world.store, search(mina, Some(&query))).await.iter().map(|(_, seq)| *seq).collect()
    };
    let change = async |seq: i64, set: &str| {
        world.sql(&format!("UPDATE message SET {set} WHERE seq = {seq}")).await;
        world.store.renew_search(&[MessageId { room: lobby, seq }]).await.unwrap();
    };
    // Once before the index has them, once after; all six share one moment.
    for round in 0..2 {
        let (edited, deleted) = (seqs[round], seqs[5 - round]);
        change(edited, "text = '저녁 약속'").await;
        let none: Vec<i64> = find("\"점심 0\"").await;
        assert!(none.is_empty(), "by the new text only");
        change(deleted, "text = NULL, is_deleted = TRUE").await;
        let left: Vec<i64> = find("점심").await;
        assert!(!left.contains(&deleted) && !left.contains(&edited) && left.len() == 4 - 2 * round);
        let found: Vec<i64> = find("저녁").await;
        assert_eq!(found.len(), round + 1, "round {round}");
        while follow(&world.store).await {}
    }
    assert_eq!(rows(&world, "search_entry").await, 4, "what is gone is gone from the index");
    let found: Vec<i64> = find("점심").await;
    assert_eq!(found, [seqs[3], seqs[2]]);
    world.store.renew_search(&[MessageId { room: RoomId(999), seq: 1 }]).await.unwrap();
    world.store.renew_search(&[]).await.unwrap();
}

async fn rows(world: &World, table: &str) -> i64 {
    world.count(&format!("SELECT count(*) FROM {table}")).await
}

async fn what_may_not_be_read_is_not_found(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Talkers", mina).await;
    let managers = world.room(club.id, "managers", mina, RoomKind::Manager).await;
    let lobby = world.lobby().await;
    for room in [general, managers, lobby] {
        world.say(room, mina, "비밀 회의").await;
    }
    let query = words("회의");
    let rooms = async |reader: UserId, room: Option<RoomId>| {
        let search = Search { room, ..search(reader, Some(&query)) };
        let found = all(&world.store, search).await;
        found.into_iter().map(|(room, _)| RoomId(room)).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(rooms(mina, None).await.len(), 3);
        assert_eq!(rooms(bob, None).await, [lobby]);
        for room in [general, managers, RoomId(-1), RoomId(i64::MAX)] {
            assert!(rooms(bob, Some(room)).await.is_empty());
        }
        world.join(club.id, bob).await;
        assert_eq!(rooms(bob, None).await.len(), 2);
        assert!(rooms(bob, Some(managers)).await.is_empty());
        world.leave(club.id, bob).await;
        assert_eq!(rooms(bob, None).await, [lobby]);
        while follow(&world.store).await {}
    }
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(rooms(mina, None).await, [lobby]);
    assert!(rooms(UserId(-5), None).await.is_empty());
}

async fn history_since_joining_begins_there(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Talkers", mina).await;
    world.say(general, mina, "옛날 회의").await;
    world.join(club.id, bob).await;
    let later = world.say(general, mina, "오늘 회의").await.seq;
    let query = words("회의");
    for history in ["all", "since_join", "since_join"] {
        world.sql(&format!("UPDATE room SET history = '{history}'")).await;
        let found = all(&world.store, search(bob, Some(&query))).await;
        if history == "all" {
            assert_eq!(found.len(), 2);
        } else {
            assert_eq!(found, [(general.0, later)]);
            while follow(&world.store).await {}
        }
    }
    assert_eq!(
        all(&world.store, search(mina, Some(&query))).await.len(),
        2,
        "there from the start"
    );
}

async fn a_long_text_is_a_chunk_of_its_own(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    let long = |n: u32| -> String {
        let syllable = |at| char::from_u32(0xac00 + at * (7 + 2 * n) % 11_000).unwrap();
        (0..3_900).map(syllable).collect()
    };
    for n in 0..4 {
        world.say(lobby, mina, &format!("{} {n}{n}", long(n))).await;
    }
    let mut steps = 0;
    while follow(&world.store).await {
        steps += 1;
    }
    assert_eq!(steps, 4, "not all at once, and not forever");
    for n in 0..4 {
        let part: String = long(n).chars().skip(1_000).take(9).collect();
        for query in [words(&part), words(&format!("{n}{n}"))] {
            assert_eq!(all(&world.store, search(mina, Some(&query))).await.len(), 1);
        }
    }
}

async fn nodes_that_follow_together_do_it_once(world: World) {
    let (mina, said) = talk(&world, 5, 200).await;
    let other = world.again().await;
    let work = async |store: &Store| {
        let mut done = 0;
        loop {
            let behind = store.all_search_behind().await.unwrap();
            if behind.is_empty() {
                return done;
            }
            done += store.follow_search(&behind).await.unwrap().messages;
        }
    };
    let (one, two) = tokio::join!(work(&world.store), work(&other));
    assert_eq!(one + two, said.len());
    assert_eq!(rows(&world, "search_entry").await, said.len() as i64);
    let query = words("회의");
    assert_eq!(all(&other, search(mina, Some(&query))).await, meant(&said, &query));
}

async fn authors_times_links_and_clubs_narrow(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Talkers", mina).await;
    let (other, elsewhere) = world.club("Others", mina).await;
    world.join(club.id, bob).await;
    for (n, (room, author)) in [(general, mina), (general, bob), (elsewhere, mina), (general, mina)]
        .into_iter()
        .enumerate()
    {
        let link = if n == 3 { "https://moim.dev" } else { "link" };
        say_at(&world, room, author, &format!("회의 {link} {n}"), BEGIN + n as i64 * 1_000).await;
    }
    let query = words("회의");
    for _ in 0..2 {
        let find = async |search: Search<'_>| {
            let found = world.store.search(&search).await.unwrap().unwrap_or_default();
            let last = |text: String| text.chars().last().unwrap().to_string();
            found.messages.into_iter().map(|m| last(m.text.unwrap())).collect::<String>()
        };
        let base = search(mina, Some(&query));
        assert_eq!(find(base.clone()).await, "3210");
        assert_eq!(find(Search { author: Some(bob), ..base.clone() }).await, "1");
        assert_eq!(find(Search { club: Some(club.id), ..base.clone() }).await, "310");
        assert_eq!(find(Search { club: Some(other.id), ..base.clone() }).await, "2");
        assert_eq!(find(Search { room: Some(general), ..base.clone() }).await, "310");
        let both = Search { room: Some(general), club: Some(other.id), ..base.clone() };
        assert_eq!(find(both).await, "");
        let since = Search { since: Some(Millis(BEGIN + 1_000)), ..base.clone() };
        assert_eq!(find(since.clone()).await, "321");
        let until = Some(Millis(BEGIN + 3_000));
        assert_eq!(find(Search { until, ..since }).await, "21");
        let ends = Search { since: Some(Millis(i64::MAX)), ..base.clone() };
        assert_eq!(find(ends).await, "");
        let ends = Search { until: Some(Millis(i64::MIN)), ..base.clone() };
        assert_eq!(find(ends).await, "");
        assert_eq!(find(Search { has: Some(Carried::Link), ..base.clone() }).await, "3");
        assert_eq!(find(Search { has: Some(Carried::File), ..base.clone() }).await, "");
        assert_eq!(find(Search { has: Some(Carried::Link), ..search(mina, None) }).await, "3");
        assert_eq!(find(Search { author: Some(bob), ..search(mina, None) }).await, "1");
        for odd in [i64::MIN, -1, 0, i64::MAX] {
            let after = Some(Spot { point: odd, room: RoomId(odd), seq: odd });
            let all = find(Search { after, ..base.clone() }).await;
            assert_eq!(all, if odd == i64::MAX { "3210" } else { "" });
        }
        while follow(&world.store).await {}
    }
}

async fn what_is_indexed_twice_stands_once(world: World) {
    let (mina, said) = talk(&world, 3, 100).await;
    while follow(&world.store).await {}
    // As a restore of an older copy of the places would leave it.
    world.sql("UPDATE search_place SET seq = 0").await;
    while follow(&world.store).await {}
    assert_eq!(rows(&world, "search_entry").await, 100);
    let query = words("회의");
    assert_eq!(all(&world.store, search(mina, Some(&query))).await, meant(&said, &query));
    world.sql("DELETE FROM search_place").await;
    world.sql("DELETE FROM search_entry").await;
    if matches!(world.engine, crate::harness::Engine::Sqlite) {
        world.sql("INSERT INTO search_token (search_token) VALUES ('delete-all')").await;
    }
    assert_eq!(all(&world.store, search(mina, Some(&query))).await, meant(&said, &query));
    while follow(&world.store).await {}
    assert_eq!(all(&world.store, search(mina, Some(&query))).await, meant(&said, &query));
}
