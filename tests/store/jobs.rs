//! Jobs: each name and key succeeds once in the cluster.

use std::time::Duration;

use futures_util::future::join_all;
use moim::domain::Millis;
use moim::store::JobEnd;

use crate::harness::{World, on_both};

on_both!(
    of_many_nodes_one_runs_it_and_it_succeeds_once,
    a_lost_lease_is_taken_over,
    a_failed_run_waits_and_is_tried_again,
);

const MINUTE: Duration = Duration::from_secs(60);

async fn of_many_nodes_one_runs_it_and_it_succeeds_once(world: World) {
    let store = &world.store;
    let nodes: Vec<String> = (0..6).map(|i| format!("node{i}")).collect();
    let claims = nodes.iter().map(|node| store.claim("sweep", "d1", node, Millis(0), MINUTE));
    let claimed: Vec<bool> = join_all(claims).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(claimed.iter().filter(|one| **one).count(), 1);
    let winner = &nodes[claimed.iter().position(|one| *one).unwrap()];
    let done = JobEnd::Success { rows: 7 };
    assert!(!store.finish("sweep", "d1", "nobody", Millis(5), done).await.unwrap());
    assert!(store.finish("sweep", "d1", winner, Millis(5), done).await.unwrap());
    let later = Millis(10_000_000);
    assert!(!store.claim("sweep", "d1", "node9", later, MINUTE).await.unwrap(), "it is done");
    assert!(store.claim("sweep", "d2", "node9", later, MINUTE).await.unwrap(), "the next day");
}

async fn a_lost_lease_is_taken_over(world: World) {
    let store = &world.store;
    assert!(store.claim("job", "k", "a", Millis(0), MINUTE).await.unwrap());
    assert!(!store.claim("job", "k", "b", Millis(59_999), MINUTE).await.unwrap());
    assert!(store.renew("job", "k", "a", Millis(50_000), MINUTE).await.unwrap());
    assert!(!store.claim("job", "k", "b", Millis(100_000), MINUTE).await.unwrap());
    assert!(store.claim("job", "k", "b", Millis(110_000), MINUTE).await.unwrap());
    assert!(!store.renew("job", "k", "a", Millis(110_001), MINUTE).await.unwrap());
    let done = JobEnd::Success { rows: 0 };
    assert!(!store.finish("job", "k", "a", Millis(110_001), done).await.unwrap());
    assert!(store.finish("job", "k", "b", Millis(110_002), done).await.unwrap());
}

async fn a_failed_run_waits_and_is_tried_again(world: World) {
    let store = &world.store;
    assert!(store.claim("job", "k", "a", Millis(0), MINUTE).await.unwrap());
    let failed = JobEnd::Fail { error: "no network", retry_at: Millis(300_000) };
    assert!(store.finish("job", "k", "a", Millis(10), failed).await.unwrap());
    assert!(!store.claim("job", "k", "b", Millis(299_999), MINUTE).await.unwrap());
    assert!(store.claim("job", "k", "b", Millis(300_000), MINUTE).await.unwrap());
}
