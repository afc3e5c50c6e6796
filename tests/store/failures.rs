//! What fails, fails alone and honestly: no false success, and service returns.

use std::time::Duration;

use moim::domain::{RoomId, UserId};
use moim::store::{Append, Appended, DatabaseTarget, Store, StoreError};

use crate::harness::{Engine, Plain, World, message, on_both, reply, run};

on_both!(
    a_poisoned_append_fails_alone,
    many_culprits_are_all_found,
    a_culprit_alone_fails,
    a_cancelled_append_leaves_nothing_open,
);

fn outcome(appended: &Appended) -> &'static str {
    match appended {
        Appended::Message { .. } => "stored",
        Appended::Duplicate { .. } => "duplicate",
        Appended::Marked(..) => "marked",
        Appended::Moved(_) => "moved",
        Appended::Acted(_) => "acted",
        Appended::Run(_) => "run",
        Appended::Unchanged { .. } => "unchanged",
        Appended::FannedOut { .. } => "told",
        Appended::Event(_) => "event",
        Appended::Member { .. } => "member",
        Appended::Refused(_) => "refused",
        Appended::Failed => "failed",
    }
}

async fn check_no_hole(store: &Store, room: RoomId) -> usize {
    let log = store.events_after(room, 0, 1_000_000).await.unwrap();
    let seqs: Vec<i64> = log.iter().map(|event| event.seq).collect();
    let count = i64::try_from(seqs.len()).unwrap();
    assert_eq!(seqs, (1..=count).collect::<Vec<_>>());
    let head = store.log_head(room).await.unwrap().unwrap();
    assert_eq!(head.head, count);
    log.len()
}

async fn a_poisoned_append_fails_alone(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let (club, general) = world.club("Chess", mina).await;
    let done = world
        .append(&[
            message(lobby, mina, "1", "@bob one"),
            message(general, mina, "2", "two"),
            Append::JoinClub { club: club.id, user: bob, at: world.now() },
            message(lobby, mina, "3", "poison"),
            message(lobby, mina, "1", "again"),
            message(general, bob, "4", "four"),
            Append::Mark { room: lobby, user: bob, seq: i64::MAX, at: world.now() },
            reply(lobby, bob, "5", 1),
            reply(lobby, bob, "6", 99),
        ])
        .await;
    assert_eq!(
        done.iter().map(outcome).collect::<Vec<_>>(),
        [
            "stored",
            "stored",
            "member",
            "failed",
            "duplicate",
            "stored",
            "marked",
            "stored",
            "refused"
        ]
    );
    assert_eq!(check_no_hole(&world.store, lobby).await, 2);
    assert_eq!(check_no_hole(&world.store, general).await, 3);
    assert_eq!(world.store.inbox_head(bob).await.unwrap().head, 1);
    assert_eq!(world.store.inbox_head(mina).await.unwrap().head, 1);
    let retry = world.one(message(lobby, mina, "3", "antidote")).await;
    assert_eq!(outcome(&retry), "stored", "nothing of the culprit was kept, its cid neither");
}

async fn many_culprits_are_all_found(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    let batch: Vec<Append> = (0..40)
        .map(|i| message(lobby, mina, &format!("{i}"), if i % 7 == 3 { "poison" } else { "ok" }))
        .collect();
    let done = world.append(&batch).await;
    for (i, one) in done.iter().enumerate() {
        assert_eq!(outcome(one), if i % 7 == 3 { "failed" } else { "stored" }, "{i}");
    }
    assert_eq!(check_no_hole(&world.store, lobby).await, 34);
}

async fn a_culprit_alone_fails(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    assert_eq!(outcome(&world.one(message(lobby, mina, "1", "poison")).await), "failed");
    let ghost = Append::Mark { room: lobby, user: UserId(99_999), seq: 1, at: world.now() };
    assert_eq!(outcome(&world.one(ghost).await), "failed", "a mark of nobody");
    assert_eq!(check_no_hole(&world.store, lobby).await, 0);
    world.say(lobby, mina, "fine").await;
}

async fn a_cancelled_append_leaves_nothing_open(world: World) {
    let (mina, lobby) = (world.user("mina").await, world.lobby().await);
    for i in 0..40 {
        let batch = [message(lobby, mina, &format!("{i}"), "perhaps")];
        let patience = Duration::from_micros(i * 150);
        let _perhaps = tokio::time::timeout(patience, world.store.append(&batch, &Plain)).await;
    }
    world.say(lobby, mina, "surely").await;
    let count = check_no_hole(&world.store, lobby).await;
    assert!((1..=41).contains(&count), "{count}");
    world.user("after").await;
}

#[test]
fn lost_connections_are_unavailable_and_come_back() {
    run(Engine::Postgres, async |world: World| {
        let (mina, lobby) = (world.user("mina").await, world.lobby().await);
        let mut kept = 0;
        for round in 0..5 {
            world
                .sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
                .await;
            for i in 0..3 {
                let batch = [message(lobby, mina, &format!("{round}-{i}"), "hi")];
                match world.store.append(&batch, &Plain).await {
                    Ok(_done) => kept += 1,
                    Err(StoreError::Unavailable(_)) => assert_eq!(i, 0, "it is back at once"),
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(check_no_hole(&world.store, lobby).await, kept);
    });
}

#[test]
fn a_lock_that_never_comes_is_unavailable() {
    run(Engine::Sqlite, async |world: World| {
        use sqlx::Connection;

        let (mina, lobby) = (world.user("mina").await, world.lobby().await);
        let DatabaseTarget::Sqlite(path) = &world.target else { unreachable!() };
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let batch = [message(lobby, mina, "1", "hi")];
        let refused = world.store.append(&batch, &Plain).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(world.store.snapshot(lobby, 1, &[]).await.unwrap().is_some(), "reading goes on");
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        world.say(lobby, mina, "now").await;
        assert_eq!(check_no_hole(&world.store, lobby).await, 1);
    });
}

/// A disk of two megabytes, where the system lets us mount one.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        println!("SKIP a small disk cannot be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _done = std::process::Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

#[test]
fn a_full_disk_is_unavailable_and_service_returns() {
    let Some(disk) = SmallDisk::mount() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let target = DatabaseTarget::Sqlite(disk.folder.path().join("moim.db"));
        let store = Store::open(&target).await.unwrap();
        store.migrate().await.unwrap();
        let at = moim::domain::Millis(1);
        let first = moim::store::FirstUser::User;
        let mina = crate::harness::register(&store, "mina", first, at).await.unwrap().id;
        let lobby = store.rooms_of(&[mina]).await.unwrap()[0].1.room;
        let send = async |i: usize| {
            let text = format!("{i} {}", "x".repeat(3_900));
            let batch = [0, 1, 2].map(|k| message(lobby, mina, &format!("{i}-{k}"), &text));
            store.append(&batch, &Plain).await
        };
        let (mut acked, mut sent) = (0, 0);
        for _round in 0..3 {
            // Whatever is free is taken by something else.
            let _full = std::fs::write(disk.folder.path().join("ballast"), vec![0; 4 << 20]);
            let mut refusals = 0;
            while refusals < 5 {
                sent += 1;
                match send(sent).await {
                    Ok(done) => acked += done.len(),
                    Err(StoreError::Unavailable(_)) => refusals += 1,
                    Err(other) => panic!("{other:?}"),
                }
                assert!(sent < 400, "the disk never fills");
            }
            let name = format!("late{sent}");
            let late = crate::harness::register(&store, &name, first, at).await;
            assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
            assert!(store.snapshot(lobby, 10, &[]).await.unwrap().is_some(), "reading goes on");
            std::fs::remove_file(disk.folder.path().join("ballast")).unwrap();
            sent += 1;
            acked += send(sent).await.expect("service is back at once").len();
            assert_eq!(check_no_hole(&store, lobby).await, acked, "what was refused is not there");
        }
        store.close().await;
        let store = Store::open(&target).await.unwrap();
        assert_eq!(check_no_hole(&store, lobby).await, acked, "what was acknowledged is");
        store.close().await;
    });
}

#[test]
fn the_log_of_an_earlier_life_is_folded_before_it_is_used() {
    run(Engine::Sqlite, async |world: World| {
        let (mina, lobby) = (world.user("mina").await, world.lobby().await);
        world.say(lobby, mina, "before the kill").await;
        let DatabaseTarget::Sqlite(path) = &world.target else { unreachable!() };
        // As a kill leaves it: the file, and the log beside it.
        let folder = tempfile::tempdir().unwrap();
        let (copy, log) = (folder.path().join("moim.db"), folder.path().join("moim.db-wal"));
        std::fs::copy(path, &copy).unwrap();
        let held = std::fs::copy(path.with_extension("db-wal"), &log).unwrap();
        assert!(held > 0, "the message is in the log");
        let store = Store::open(&DatabaseTarget::Sqlite(copy)).await.unwrap();
        let left = std::fs::metadata(&log).map_or(0, |log| log.len());
        assert_eq!(left, 0, "nothing is built on what may not be on the disk");
        assert_eq!(check_no_hole(&store, lobby).await, 1);
        store.close().await;
    });
}

#[test]
fn a_log_that_somebody_writes_to_is_left_alone() {
    run(Engine::Sqlite, async |world: World| {
        let (mina, lobby) = (world.user("mina").await, world.lobby().await);
        world.say(lobby, mina, "one").await;
        let DatabaseTarget::Sqlite(path) = &world.target else { unreachable!() };
        let log = path.with_extension("db-wal");
        let before = std::fs::read(&log).unwrap();
        let other = Store::open(&world.target).await.unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), before);
        world.say(lobby, mina, "two").await;
        assert_eq!(check_no_hole(&other, lobby).await, 2);
        other.close().await;
    });
}
