//! Two nodes on one PostgreSQL: the database gives the order, and nobody waits for ever.

use std::collections::HashMap;

use futures_util::future::join_all;
use moim::domain::RoomId;
use moim::store::{Append, Appended, FirstUser};

use crate::harness::{Engine, Plain, World, message, register, run};

#[test]
fn two_nodes_write_the_same_rooms_without_deadlock() {
    run(Engine::Postgres, two_nodes_write);
}

#[test]
fn two_nodes_write_plain_messages_without_deadlock() {
    run(Engine::Postgres, two_nodes_write_plainly);
}

#[test]
fn nodes_that_start_together_make_one_lobby_and_one_admin() {
    run(Engine::Postgres, start_together);
}

#[test]
fn a_node_waits_for_the_commit_of_another() {
    run(Engine::Postgres, waits_for_the_other);
}

async fn two_nodes_write(world: World) {
    let mina = world.user("mina").await;
    let bob = world.user("bob").await;
    let mut rooms = Vec::new();
    let mut clubs = Vec::new();
    for i in 0..4 {
        let (club, room) = world.club(&format!("Club {i}"), mina).await;
        world.join(club.id, bob).await;
        rooms.push(room);
        clubs.push(club.id);
    }
    let nodes = [world.store.clone(), world.again().await];
    // Each batch names the rooms in another order, and some join and leave clubs or are named.
    let batches: Vec<Vec<Append>> = (0..40)
        .map(|b| {
            let mut batch: Vec<Append> = (0..12)
                .map(|i| {
                    let room = rooms[(i * 7 + b * 5) % rooms.len()];
                    let (author, text) = if i % 2 == 0 { (mina, "@bob") } else { (bob, "@mina") };
                    message(room, author, &format!("{b}-{i}"), text)
                })
                .collect();
            if b % 4 == 0 {
                let user = mina;
                let club = clubs[b % clubs.len()];
                batch.push(Append::JoinClub { club, user, at: world.now() });
                batch.push(Append::Mark {
                    room: rooms[b % 3],
                    user: bob,
                    seq: i64::MAX,
                    at: world_time(),
                });
            }
            batch
        })
        .collect();
    let writes = batches.iter().enumerate().map(|(i, batch)| nodes[i % 2].append(batch, &Plain));
    let mut written: HashMap<i64, usize> = HashMap::new();
    for done in join_all(writes).await {
        for one in done.expect("no deadlock, no timeout") {
            if let Appended::Message { event, .. } = one {
                *written.entry(event.seq).or_default() += 1;
            }
        }
    }
    assert_eq!(written.values().sum::<usize>(), 480);
    for room in &rooms {
        check_log(&world, *room).await;
    }
    for (user, _count) in [(bob, 0), (mina, 0)] {
        let events = world.store.inbox_events_after(user, 0, 1_000).await.unwrap();
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=240).collect::<Vec<_>>());
    }
}

async fn two_nodes_write_plainly(world: World) {
    let mina = world.user("mina").await;
    let mut rooms = Vec::new();
    for i in 0..6 {
        rooms.push(world.club(&format!("Club {i}"), mina).await.1);
    }
    let nodes = [world.store.clone(), world.again().await];
    let batches: Vec<Vec<Append>> = (0..60)
        .map(|b| {
            let room = |i: usize| rooms[(i * 5 + b * 7) % rooms.len()];
            (0..10).map(|i| message(room(i), mina, &format!("{b}-{i}"), "plain")).collect()
        })
        .collect();
    let writes = batches.iter().enumerate().map(|(i, batch)| nodes[i % 2].append(batch, &Plain));
    let mut told = Vec::new();
    for (done, batch) in join_all(writes).await.into_iter().zip(&batches) {
        for (one, append) in done.expect("no deadlock, no timeout").into_iter().zip(batch) {
            let (Appended::Message { event, .. }, Append::Message(message)) = (one, append) else {
                panic!("not stored");
            };
            told.push((message.room.0, event.seq, event.n, event.body));
        }
    }
    let mut kept = Vec::new();
    for room in &rooms {
        let log = world.log(*room).await;
        let ns: Vec<i64> = log.iter().map(|event| event.n).collect();
        assert_eq!(ns, (1..=100).collect::<Vec<_>>());
        kept.extend(log.into_iter().map(|event| (room.0, event.seq, event.n, event.body)));
    }
    told.sort();
    kept.sort();
    assert_eq!(told, kept);
}

/// No hole, and the head is the last. The join lines of bob come first.
async fn check_log(world: &World, room: RoomId) {
    let log = world.log(room).await;
    let seqs: Vec<i64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=121).collect::<Vec<_>>());
    let ns: Vec<i64> = log.iter().map(|event| event.n).collect();
    assert_eq!(ns, (0..=120).collect::<Vec<_>>());
    let head = world.store.log_head(room).await.unwrap().unwrap();
    assert_eq!((head.head, head.n), (121, 120));
}

async fn start_together(world: World) {
    // This world has migrated already: a database of its own shows the race.
    let cluster = crate::postgres::Cluster::of_this_process().unwrap();
    let target = moim::store::DatabaseTarget::Postgres(cluster.fresh_database().await);
    let nodes = join_all((0..4).map(|_i| async {
        let store = moim::store::Store::open(&target).await.expect("open");
        store.migrate().await.expect("migrate");
        store
    }))
    .await;
    let users = join_all(nodes.iter().enumerate().map(|(i, node)| async move {
        register(node, &format!("user{i}"), FirstUser::Admin, world_time()).await.unwrap()
    }))
    .await;
    let admins = users.iter().filter(|user| user.role == moim::domain::InstanceRole::Admin).count();
    assert_eq!(admins, 1);
    for user in users {
        let rooms = nodes[0].rooms_of(&[user.id]).await.unwrap();
        assert_eq!(rooms.len(), 1, "one lobby");
    }
    let secrets = join_all(nodes.iter().enumerate().map(|(i, node)| async move {
        node.keep_secret("key", &[u8::try_from(i).unwrap()]).await.unwrap()
    }))
    .await;
    assert!(secrets.windows(2).all(|two| two[0] == two[1]), "{secrets:?}");
    drop(world);
}

const fn world_time() -> moim::domain::Millis {
    moim::domain::Millis(1_766_000_000_000)
}

async fn waits_for_the_other(world: World) {
    use sqlx::Connection;

    let mina = world.user("mina").await;
    let (_club, room) = world.club("Chess", mina).await;
    let moim::store::DatabaseTarget::Postgres(url) = &world.target else { unreachable!() };
    let mut other = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT head FROM room FOR NO KEY UPDATE;")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::query("UPDATE room SET head = 7, n = 7 WHERE room_id = $1")
        .bind(room.0)
        .execute(&mut other)
        .await
        .unwrap();
    let batch = [message(room, mina, "1", "hi")];
    let write = world.store.append(&batch, &Plain);
    let commit = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    };
    let (done, ()) = tokio::join!(write, commit);
    let Appended::Message { event, .. } = done.unwrap().remove(0) else { panic!() };
    assert_eq!((event.seq, event.n), (8, 8), "after what the other committed");
}
