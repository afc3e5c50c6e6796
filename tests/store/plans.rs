//! What PostgreSQL does for the statements that run all the time, in tables of fifty thousand rows: with
//! and without statistics it looks up what is wanted and little more, and it plans each statement once.
//! The server itself says so, of the store's own statements on the store's own connections.

mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use moim::domain::{ClubId, Emoji, Millis, RoomId, SearchText, UserId};
use moim::store::{
    Act, Append, Appended, Behind, DatabaseTarget, Deed, FirstUser, Page, Reading, Search, Store,
    Window,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use self::read::Ran;
use crate::harness::{Plain, first, message, register, reply, whole};
use crate::postgres::Cluster;

const OPTIONS: [&str; 10] = [
    "shared_preload_libraries=auto_explain,pg_stat_statements",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_buffers=on",
    "auto_explain.log_timing=off",
    "auto_explain.log_format=json",
    "pg_stat_statements.track_planning=on",
    // Nothing is counted or tidied up behind our back.
    "autovacuum=off",
    "track_counts=off",
    "log_statement=none",
];

/// Tables with many rows.
const MANY: [&str; 12] = [
    "account",
    "club",
    "inbox",
    "membership",
    "mention",
    "message",
    "notice",
    "room",
    "room_event",
    "room_member",
    "search_entry",
    "search_place",
];
/// Rows that one statement may look at. The largest here are asked for 200 rows of several tables; a
/// whole table has 50,000, and 200 rows compared with 200 are 40,000.
const MOST: u64 = 12_000;
/// Connections of a store: what each of them plans for itself.
const CONNECTIONS: i64 = 16;

/// The statements that must have been seen, by a part of their text.
const SEEN: [&str; 14] = [
    "FOR NO KEY UPDATE OF room) locked",
    "INSERT INTO room_event",
    "INSERT INTO message",
    "INSERT INTO room_member",
    "sum(bytes) OVER",
    "FROM room_event WHERE room_id = $1 AND seq > $2",
    "FROM room_event WHERE room_id = $1 ORDER BY seq DESC",
    "WITH asker",
    "string_agg",
    "INSERT INTO search_entry",
    "UPDATE search_place",
    "FROM search_entry",
    "SELECT count(*) FROM (",
    "FROM room_member i",
];

/// Who and what is in the filled tables.
struct People {
    mina: UserId,
    lobby: RoomId,
    /// Mina's rooms, the one with much talk first.
    rooms: Vec<RoomId>,
    clubs: Vec<ClubId>,
    others: Vec<UserId>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_all_the_time_looks_up_what_is_wanted_and_is_planned_once() {
    if Cluster::of_this_process().is_none() {
        return;
    }
    let options: Vec<_> = OPTIONS.iter().flat_map(|option| ["-c", *option]).collect();
    let cluster = match Cluster::start("", None, &options) {
        Ok(cluster) => cluster,
        Err(why) if std::env::var_os("REQUIRE_POSTGRES").is_none() => {
            println!("SKIP perhaps without the modules that come with PostgreSQL: {why}");
            return;
        }
        Err(why) => panic!("{why}"),
    };
    let url = cluster.fresh_database().await;
    let target = DatabaseTarget::Postgres(url.clone());
    let store = Store::open(&target).await.unwrap();
    store.migrate().await.unwrap();
    let mut beside = PgConnection::connect(&url).await.unwrap();
    let people = fill(&store, &mut beside).await;
    store.close().await;
    run(&mut beside, "CREATE EXTENSION pg_stat_statements").await;
    let words = SearchText::parse("well").unwrap();
    let (mut faults, mut often) = (BTreeMap::new(), Vec::new());
    for round in ["without statistics", "with statistics"] {
        run(&mut beside, "SELECT pg_stat_statements_reset()").await;
        let before = log(&cluster).len();
        let store = Store::open(&target).await.unwrap();
        for time in 0..3 {
            talk(&store, &people, &format!("{round} {time}")).await;
            look(&store, &people).await;
            // All of it, the last thousand in the index, and what is not in it yet.
            for since in [0, 48_000, 49_500] {
                let since = Some(Millis(1_766_000_000_000 + since));
                let found = store.search(&Search { since, ..search(people.mina, &words) }).await;
                assert!(found.unwrap().is_some(), "{since:?}");
            }
        }
        for user in &people.others {
            assert_eq!(store.rooms_of(&[*user]).await.unwrap().len(), 11, "{user:?}");
        }
        store.close().await;
        all_have_gone(&mut beside).await;
        let ran = Ran::all(&log(&cluster)[before..]);
        for part in SEEN {
            assert!(ran.iter().any(|ran| ran.text.contains(part)), "no {part}, {round}");
        }
        for ran in &ran {
            if let Some(what) = ran.fault(&MANY, MOST) {
                faults.entry((round, ran.beginning())).or_insert_with(|| (what, ran.plan()));
            }
        }
        often.extend(planned_often(&mut beside).await);
        run(&mut beside, "ANALYZE").await;
    }
    for ((round, beginning), (what, plan)) in &faults {
        println!("{round}: {what}: {beginning}\n{plan}\n");
    }
    assert!(faults.is_empty(), "{} statements", faults.len());
    assert_eq!(often, Vec::<String>::new());
    can_fail(&cluster, &mut beside).await;
    beside.close().await.unwrap();
}

/// A statement that goes along a table is noticed, and one that compares all with all.
async fn can_fail(cluster: &Cluster, beside: &mut PgConnection) {
    run(
        beside,
        "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off",
    )
    .await;
    let before = log(cluster).len();
    run(beside, "SELECT * FROM message WHERE n = 7").await;
    run(
        beside,
        "SELECT count(*) FROM generate_series(1, 200) a JOIN generate_series(1, 200) b ON a = b",
    )
    .await;
    run(beside, "SELECT 1").await;
    let ran = Ran::all(&log(cluster)[before..]);
    assert!(ran[0].fault(&MANY, u64::MAX).unwrap().contains("message"), "{}", ran[0].plan());
    assert!(ran[1].fault(&MANY, MOST).is_some(), "{}", ran[1].plan());
    assert!(ran[2].fault(&MANY, 0).is_none() && ran[2].looked_at() == 0);
}

/// Messages and marks, and the index behind them.
async fn talk(store: &Store, people: &People, name: &str) {
    let (mina, big) = (people.mina, people.rooms[0]);
    let append = async |batch: Vec<Append>| {
        let done = store.append(&batch, &Plain).await.unwrap();
        let is_done = |done: &Appended| !matches!(done, Appended::Refused(_) | Appended::Failed);
        assert!(done.len() == batch.len() && done.iter().all(is_done), "{done:?}");
    };
    let cid = |i: usize| format!("{name} {i}").replace(' ', "-");
    let say = |(i, room): (usize, &RoomId)| message(*room, mina, &cid(i), "well, well");
    append(people.rooms.iter().enumerate().map(say).collect()).await;
    append((1_000..1_200).map(|i| message(big, mina, &cid(i), "and on")).collect()).await;
    append((2_000..2_050).map(|i| reply(big, mina, &cid(i), 40_000 + i as i64)).collect()).await;
    append(vec![message(big, mina, &cid(3_000), "do you see this, @many-7?")]).await;
    let at = Millis(1_766_000_100_000);
    let mark = |room: &RoomId| Append::Mark { room: *room, user: mina, seq: 1, at };
    append(people.rooms.iter().map(mark).collect()).await;
    let emoji = Emoji::parse("👍").unwrap();
    let react = Deed::React { message: 40_000 + name.len() as i64, emoji };
    append(vec![Append::Act(Act { room: big, by: mina, deed: react, at })]).await;
    store.note_opened(big, &[mina]).await.unwrap();
    let behind: Vec<Behind> = store.search_behind(&people.rooms).await.unwrap();
    assert_eq!(store.follow_search(&behind).await.unwrap().messages, 128);
}

/// Those who come, open rooms, pull, read and search.
async fn look(store: &Store, people: &People) {
    let (mina, big, lobby, club) = (people.mina, people.rooms[0], people.lobby, people.clubs[0]);
    let some = &people.others;
    assert_eq!(store.rooms_of(some).await.unwrap().len(), some.len() * 11);
    assert_eq!(store.arrivals(some).await.unwrap().len(), some.len());
    assert_eq!(store.rooms_of(&[mina]).await.unwrap().len(), people.rooms.len() + 1);
    assert_eq!(store.users(some).await.unwrap().len(), some.len());
    assert!(store.credentials("many-40000").await.unwrap().is_some());
    assert_eq!(store.heads(&people.rooms).await.unwrap().len(), people.rooms.len());
    assert!(store.log_head(big).await.unwrap().is_some());
    assert_eq!(store.events_after(big, 20_000, 500).await.unwrap().len(), 500);
    assert_eq!(store.next_events(big, 20_000, (500, 128 * 1_024)).await.unwrap().len(), 500);
    assert!(store.next_events(big, 20_000, (500, 128)).await.unwrap().len() < 20);
    assert_eq!(store.newest_events(big, 200).await.unwrap().len(), 200);
    assert_eq!(store.snapshot(big, 50, &[mina]).await.unwrap().unwrap().messages.len(), 50);
    let of = Reading { reach: whole(big), reader: mina, thread: None };
    for window in [Window::Newest, Window::Before(9_000), Window::After(9), Window::Around(30_000)]
    {
        assert_eq!(store.messages(of, window, 50).await.unwrap().len(), 50);
    }
    assert!(store.message(of, 25_000).await.unwrap().is_some());
    assert!(store.pins(of, first()).await.unwrap().is_empty());
    assert!(store.threads(whole(big), mina, first()).await.unwrap().is_empty());
    assert!(store.room(big).await.unwrap().is_some());
    assert!(store.room_view(big, mina).await.unwrap().is_some());
    assert!(store.standing(big, mina).await.unwrap().is_some());
    assert!(store.reach(lobby, mina).await.unwrap().is_some());
    assert!(store.rank(lobby, some[0]).await.unwrap().is_some());
    assert_eq!(store.club_rooms(club, mina).await.unwrap().len(), 10);
    assert!(!store.roster(big).await.unwrap().is_empty());
    assert!(!store.club_members(club, first()).await.unwrap().is_empty());
    assert!(!store.room_members(people.rooms[7], first()).await.unwrap().is_empty());
    // From its beginning, from its middle, to its end.
    for after in [None, Some((25_000, 25_000)), Some((20, 20))] {
        let page = store.room_members(lobby, Page { after, limit: 51 }).await.unwrap();
        assert!(!page.is_empty(), "{after:?}");
    }
    assert_eq!(store.my_clubs(mina).await.unwrap().len(), people.clubs.len());
    assert_eq!(store.inbox_heads(some).await.unwrap().len(), some.len());
    assert!(!store.inbox_events_after(some[0], 0, 50).await.unwrap().is_empty());
    let words = SearchText::parse("well").unwrap();
    find(store, search(mina, &words)).await;
    find(store, Search { room: Some(people.rooms[7]), ..search(mina, &words) }).await;
}

fn search(reader: UserId, words: &SearchText) -> Search<'_> {
    Search {
        reader,
        text: Some(words),
        room: None,
        club: None,
        author: None,
        since: None,
        until: None,
        has: None,
        after: None,
        limit: 20,
    }
}

async fn find(store: &Store, search: Search<'_>) {
    let found = store.search(&search).await.unwrap().unwrap();
    assert!(!found.messages.is_empty(), "{search:?}");
}

/// Statements that were planned again and again.
async fn planned_often(beside: &mut PgConnection) -> Vec<String> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT query, plans, calls FROM pg_stat_statements WHERE plans > $1 ORDER BY plans DESC",
    )
    .bind(CONNECTIONS)
    .fetch_all(beside)
    .await
    .unwrap();
    rows.into_iter().map(|(text, plans, calls)| format!("{plans} of {calls}: {text}")).collect()
}

/// Fills the tables through the back door.
async fn fill(store: &Store, beside: &mut PgConnection) -> People {
    let mina = register(store, "mina", FirstUser::User, Millis(1)).await.unwrap().id;
    let lobby = store.rooms_of(&[mina]).await.unwrap()[0].1.room;
    let text = include_str!("plans/fill.sql");
    let text = text.replace("$mina", &mina.0.to_string()).replace("$lobby", &lobby.0.to_string());
    run(beside, &text).await;
    run(beside, "SET session_replication_role = origin").await;
    let mut rooms: Vec<_> = store.rooms_of(&[mina]).await.unwrap();
    rooms.retain(|(_user, view)| view.room != lobby);
    let rooms: Vec<_> = rooms.into_iter().map(|(_user, view)| view.room).collect();
    assert_eq!(rooms.len(), 200);
    let clubs = store.my_clubs(mina).await.unwrap().into_iter().map(|club| club.id).collect();
    let others = (1..=50).map(|i| UserId(mina.0 + 500 * i)).collect();
    People { mina, lobby, rooms, clubs, others }
}

async fn run(conn: &mut PgConnection, text: &str) {
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(conn).await.unwrap();
}

/// What a connection did stands in the log and the counts before its process ends.
async fn all_have_gone(beside: &mut PgConnection) {
    loop {
        let (here,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'moim'")
                .fetch_one(&mut *beside)
                .await
                .unwrap();
        if here == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn log(cluster: &Cluster) -> String {
    std::fs::read_to_string(cluster.folder().join("log")).unwrap()
}
