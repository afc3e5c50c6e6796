//! Sign-ins: rotation of refresh tokens, tickets, revocation.

use std::time::Duration;

use futures_util::future::join_all;
use moim::domain::{DeviceId, Millis, UserId};
use moim::store::{NewFamily, Rotation};

use crate::harness::{World, on_both};

on_both!(
    a_token_rotates_and_its_second_use_revokes_the_family,
    of_many_uses_at_once_one_rotates,
    a_token_ends_with_its_time_and_with_its_family,
    a_ticket_is_taken_once,
    of_many_takers_of_a_ticket_one_gets_it,
    signing_out_elsewhere_keeps_this_device,
    sweeping_keeps_what_is_alive,
);

const NOW: Millis = Millis(1_000);
const LATER: Millis = Millis(1_000_000);

async fn sign_in(world: &World, user: UserId, token: &[u8]) -> DeviceId {
    let new = NewFamily {
        token_hash: token,
        name: "Firefox",
        ip: "10.0.0.0",
        at: NOW,
        expires_at: LATER,
    };
    world.store.open_family(user, new).await.unwrap()
}

async fn a_token_rotates_and_its_second_use_revokes_the_family(world: World) {
    let user = world.user("mina").await;
    let device = sign_in(&world, user, b"t1").await;
    let (at, until) = (Millis(2_000), Millis(2_000_000));
    let rotated = world.store.rotate(b"t1", b"t2", at, until).await.unwrap();
    assert_eq!(rotated, Rotation::Rotated { user, device });
    let devices = world.store.devices(user, at).await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].seen_at, devices[0].expires_at), (at, until));
    assert_eq!((devices[0].name.as_str(), devices[0].created_at), ("Firefox", NOW));
    assert!(world.store.family_is_live(device, at).await.unwrap());

    let reused = world.store.rotate(b"t1", b"t3", at, until).await.unwrap();
    assert_eq!(reused, Rotation::Reused { user, device });
    assert!(!world.store.family_is_live(device, at).await.unwrap());
    assert_eq!(world.store.families_revoked_since(at).await.unwrap(), [(user, device)]);
    let newest = world.store.rotate(b"t2", b"t4", at, until).await.unwrap();
    assert_eq!(newest, Rotation::Unknown, "the thief's or the owner's token is dead too");
    assert_eq!(world.store.rotate(b"never", b"t5", at, until).await.unwrap(), Rotation::Unknown);
}

async fn of_many_uses_at_once_one_rotates(world: World) {
    let user = world.user("mina").await;
    for round in 0..5_u8 {
        let token = [round];
        let device = sign_in(&world, user, &token).await;
        let fresh: Vec<Vec<u8>> = (0..6).map(|i| vec![round, i, 9]).collect();
        let uses = fresh.iter().map(|new| world.store.rotate(&token, new, NOW, LATER));
        let done: Vec<Rotation> = join_all(uses).await.into_iter().map(Result::unwrap).collect();
        let rotated = Rotation::Rotated { user, device };
        assert_eq!(done.iter().filter(|one| **one == rotated).count(), 1, "{done:?}");
        assert!(done.contains(&Rotation::Reused { user, device }), "{done:?}");
        assert!(!world.store.family_is_live(device, NOW).await.unwrap());
    }
}

async fn a_token_ends_with_its_time_and_with_its_family(world: World) {
    let user = world.user("mina").await;
    sign_in(&world, user, b"old").await;
    let late = world.store.rotate(b"old", b"new", LATER, Millis(i64::MAX)).await.unwrap();
    assert_eq!(late, Rotation::Unknown);
    assert!(world.store.devices(user, LATER).await.unwrap().is_empty());
    let device = sign_in(&world, user, b"gone").await;
    assert_eq!(world.store.revoke_family(device, NOW).await.unwrap(), Some(user));
    assert_eq!(world.store.revoke_family(device, NOW).await.unwrap(), None, "once");
    let revoked = world.store.rotate(b"gone", b"new", NOW, LATER).await.unwrap();
    assert_eq!(revoked, Rotation::Unknown);
}

async fn a_ticket_is_taken_once(world: World) {
    let user = world.user("mina").await;
    let device = sign_in(&world, user, b"t").await;
    let until = Millis(2_000);
    let store = &world.store;
    for hash in [b"a", b"b", b"c"] {
        store.put_ticket(hash, user, device, until).await.unwrap();
    }
    assert_eq!(store.take_ticket(b"a", NOW).await.unwrap(), Some((user, device, false)));
    assert_eq!(store.take_ticket(b"a", NOW).await.unwrap(), None);
    assert_eq!(store.take_ticket(b"b", until).await.unwrap(), None, "too late");
    store.revoke_family(device, NOW).await.unwrap();
    assert_eq!(store.take_ticket(b"c", NOW).await.unwrap(), None, "of an ended sign-in");
}

async fn of_many_takers_of_a_ticket_one_gets_it(world: World) {
    let user = world.user("mina").await;
    let device = sign_in(&world, user, b"t").await;
    world.store.put_ticket(b"x", user, device, LATER).await.unwrap();
    let takers = join_all((0..8).map(|_i| world.store.take_ticket(b"x", NOW))).await;
    assert_eq!(takers.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count(), 1);
}

async fn signing_out_elsewhere_keeps_this_device(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let here = sign_in(&world, mina, b"1").await;
    let there = sign_in(&world, mina, b"2").await;
    let bobs = sign_in(&world, bob, b"3").await;
    let ended = world.store.revoke_families(mina, Some(here), Millis(50)).await.unwrap();
    assert_eq!(ended, [there]);
    assert!(world.store.family_is_live(here, NOW).await.unwrap());
    assert!(world.store.family_is_live(bobs, NOW).await.unwrap());
    assert_eq!(world.store.revoke_families(mina, None, Millis(60)).await.unwrap(), [here]);
    let since = async |ms| world.store.families_revoked_since(Millis(ms)).await.unwrap();
    assert_eq!(since(50).await, [(mina, there), (mina, here)]);
    assert_eq!(since(51).await, [(mina, here)]);
}

async fn sweeping_keeps_what_is_alive(world: World) {
    let user = world.user("mina").await;
    let device = sign_in(&world, user, b"1").await;
    world.store.put_ticket(b"x", user, device, Millis(1_500)).await.unwrap();
    assert_eq!(world.store.sweep_tokens(Millis(1_400)).await.unwrap(), 0);
    assert_eq!(world.store.sweep_tokens(Millis(1_500)).await.unwrap(), 1, "the ticket");
    assert!(world.store.family_is_live(device, NOW).await.unwrap());
    let long_after = LATER.plus(Duration::from_secs(40 * 24 * 3_600));
    assert_eq!(world.store.sweep_tokens(long_after).await.unwrap(), 1, "the family");
    assert!(!world.store.family_is_live(device, NOW).await.unwrap());
    let next = sign_in(&world, user, b"2").await;
    assert!(next > device, "an id never comes back");
}
