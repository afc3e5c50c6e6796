//! Slow mode as the last word: exact, over nodes and after a crash of the room.

use moim::domain::{Millis, RoomId, UserId};
use moim::store::{Append, AppendRefusal, Appended};

use crate::harness::{Engine, Plain, World, message, on_both, run};
use crate::moderation::{Club, club, refusal};

on_both!(
    the_pace_is_exact_to_the_millisecond,
    moderators_and_rooms_without_a_pace_keep_none,
    a_repeat_costs_nothing,
    two_in_one_batch_are_one,
    a_pace_that_is_taken_away_holds_nobody_up,
);

#[test]
fn two_nodes_keep_one_pace() {
    run(Engine::Postgres, two_nodes);
}

fn at(room: RoomId, author: UserId, cid: &str, at: i64) -> Append {
    let Append::Message(mut message) = message(room, author, cid, "hi") else { unreachable!() };
    message.at = Millis(at);
    Append::Message(message)
}

async fn slow(world: &World, seconds: i64) -> Club {
    let club = club(world).await;
    pace(world, club.general, seconds).await;
    club
}

async fn pace(world: &World, room: RoomId, seconds: i64) {
    world.sql(&format!("UPDATE room SET slow_mode_s = {seconds} WHERE room_id = {}", room.0)).await;
}

async fn the_pace_is_exact_to_the_millisecond(world: World) {
    let club = slow(&world, 30).await;
    let begin = world.now().0;
    let send = async |cid: &str, when: i64| {
        world.one(at(club.general, club.member, cid, begin + when)).await
    };
    assert!(matches!(send("1", 0).await, Appended::Message { .. }));
    let slow = |retry_ms| AppendRefusal::Slow { wrote_at: Millis(begin), retry_ms };
    assert_eq!(refusal(&send("2", 1).await), slow(29_999));
    assert_eq!(refusal(&send("2", 29_999).await), slow(1), "a refusal does not begin anew");
    assert!(matches!(send("2", 30_000).await, Appended::Message { .. }));
    let wrote_at = Millis(begin + 30_000);
    let refused = AppendRefusal::Slow { wrote_at, retry_ms: 30_000 };
    assert_eq!(refusal(&send("3", 30_000).await), refused);
    // Everybody has a pace of their own.
    let other = world.one(at(club.general, club.other_member, "1", begin + 30_000)).await;
    assert!(matches!(other, Appended::Message { .. }));
    // A clock that was set back holds nobody up for longer than the room does.
    assert!(matches!(send("4", 10_000).await, Appended::Message { .. }));
}

async fn moderators_and_rooms_without_a_pace_keep_none(world: World) {
    let club = slow(&world, 30).await;
    let lobby = world.lobby().await;
    pace(&world, lobby, 30).await;
    world.store.set_instance_role("member", moim::domain::InstanceRole::Admin).await.unwrap();
    for n in 0..3 {
        for (room, author) in [
            (club.general, club.owner),
            (club.general, club.manager),
            // An admin moderates the lobby, and no club.
            (lobby, club.member),
        ] {
            let sent = world.one(at(room, author, &format!("{n}"), 1_000)).await;
            assert!(matches!(sent, Appended::Message { .. }), "{author}: {sent:?}");
        }
    }
    let sent = world.one(at(club.general, club.member, "1", 1_000)).await;
    assert!(matches!(sent, Appended::Message { .. }));
    let sent = world.one(at(club.general, club.member, "2", 1_000)).await;
    assert!(matches!(refusal(&sent), AppendRefusal::Slow { .. }));
    let sent = world.one(at(lobby, club.owner, "1", 1_000)).await;
    assert!(matches!(sent, Appended::Message { .. }));
    let sent = world.one(at(lobby, club.owner, "2", 1_000)).await;
    assert!(matches!(refusal(&sent), AppendRefusal::Slow { .. }), "an owner of some club");
}

async fn a_repeat_costs_nothing(world: World) {
    let club = slow(&world, 30).await;
    let send = async |cid: &str| world.one(at(club.general, club.member, cid, 1_000)).await;
    assert!(matches!(send("1").await, Appended::Message { .. }));
    assert!(matches!(send("1").await, Appended::Duplicate { .. }));
    assert!(matches!(refusal(&send("2").await), AppendRefusal::Slow { retry_ms: 30_000, .. }));
    assert!(matches!(send("1").await, Appended::Duplicate { .. }));
}

async fn two_in_one_batch_are_one(world: World) {
    let club = slow(&world, 30).await;
    let done = world
        .append(&[
            at(club.general, club.member, "1", 1_000),
            at(club.general, club.other_member, "1", 1_000),
            at(club.general, club.member, "1", 1_000),
            at(club.general, club.member, "2", 1_001),
        ])
        .await;
    assert!(matches!(done[0], Appended::Message { .. }));
    assert!(matches!(done[1], Appended::Message { .. }));
    assert!(matches!(done[2], Appended::Duplicate { .. }));
    assert!(matches!(refusal(&done[3]), AppendRefusal::Slow { retry_ms: 29_999, .. }));
}

async fn a_pace_that_is_taken_away_holds_nobody_up(world: World) {
    let club = slow(&world, 30).await;
    let send = async |cid: &str| world.one(at(club.general, club.member, cid, 1_000)).await;
    assert!(matches!(send("1").await, Appended::Message { .. }));
    pace(&world, club.general, 0).await;
    assert!(matches!(send("2").await, Appended::Message { .. }));
    pace(&world, club.general, 10).await;
    assert!(matches!(refusal(&send("3").await), AppendRefusal::Slow { retry_ms: 10_000, .. }));
}

async fn two_nodes(world: World) {
    let club = slow(&world, 30).await;
    let nodes = [world.store.clone(), world.again().await];
    let sends = (0..20).map(|n| {
        let batch = [at(club.general, club.member, &format!("{n}"), 1_000 + n)];
        let node = &nodes[usize::try_from(n).unwrap() % 2];
        async move { node.append(&batch, &Plain).await.unwrap().remove(0) }
    });
    let done = futures_util::future::join_all(sends).await;
    let stood = done.iter().filter(|one| matches!(one, Appended::Message { .. })).count();
    // Whoever came first has set the pace; one that was taken earlier by its clock is no later.
    assert!(stood >= 1);
    for one in done.iter().filter(|one| !matches!(one, Appended::Message { .. })) {
        assert!(matches!(refusal(one), AppendRefusal::Slow { .. }));
    }
    let late = nodes[1].append(&[at(club.general, club.member, "x", 1_020)], &Plain).await;
    assert!(matches!(refusal(&late.unwrap()[0]), AppendRefusal::Slow { .. }));
}
