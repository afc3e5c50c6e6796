//! Mutes and bans in rooms of no club: what the journal and the readers of the store make of them.

use moim::domain::{Millis, ReportId, ReportReason, ReportStatus, RoomId, UserId};
use moim::store::{
    Append, AppendRefusal, Appended, Measure, Moderation, NewReport, OwnBan, Page, Reported, Within,
};

use crate::harness::{World, message, on_both};
use crate::moderation::{KICK, done, refusal};

on_both!(
    a_mute_breaks_the_plain_way_and_holds_until_it_ends,
    everything_that_the_log_does_not_tell_moves_the_rev,
    a_ban_outlives_going_and_ends_by_itself,
    a_report_is_a_warrant_for_its_room_and_author_alone,
);

const FOREVER: Millis = Millis(i64::MAX);

/// The lobby, an admin, and two others in it.
async fn lobby(world: &World) -> (RoomId, UserId, UserId, UserId) {
    let (lobby, admin) = (world.lobby().await, world.user("admin").await);
    world.sql("UPDATE account SET role = 'admin' WHERE username = 'admin'").await;
    (lobby, admin, world.user("bob").await, world.user("carol").await)
}

async fn take(
    world: &World,
    room: RoomId,
    (by, on): (UserId, UserId),
    (what, settles): (Measure, Option<ReportId>),
) -> Appended {
    let (within, reason, at) = (Within::Room(room), "because".into(), world.now());
    world.one(Append::Moderate(Moderation { within, by, on, what, reason, settles, at })).await
}

async fn mute(world: &World, room: RoomId, who: (UserId, UserId), until: Millis) {
    done(take(world, room, who, (Measure::Mute { until }, None)).await);
}

async fn a_mute_breaks_the_plain_way_and_holds_until_it_ends(world: World) {
    let (lobby, admin, bob, carol) = lobby(&world).await;
    let said = Millis(1_766_000_000_000);
    mute(&world, lobby, (admin, bob), Millis(said.0 + 1)).await;
    // All of them look plain; the batch is done the careful way then.
    let all = [
        message(lobby, carol, "1", "one"),
        message(lobby, bob, "1", "two"),
        message(lobby, carol, "2", "three"),
    ];
    let appended = world.append(&all).await;
    assert_eq!(refusal(&appended[1]), AppendRefusal::Muted { until: Millis(said.0 + 1) });
    for other in [&appended[0], &appended[2]] {
        assert!(matches!(other, Appended::Message { .. }), "{other:?}");
    }
    let roster = world.store.roster(lobby).await.unwrap();
    let of = |user| roster.iter().find(|row| row.user == user).unwrap().standing.muted_until;
    assert_eq!((of(bob), of(carol)), (Some(Millis(said.0 + 1)), None));
    let standing = world.store.standing(lobby, bob).await.unwrap().unwrap();
    assert_eq!(standing.muted_until, Some(Millis(said.0 + 1)));
    // At its end it is over.
    mute(&world, lobby, (admin, bob), said).await;
    let again = world.one(message(lobby, bob, "2", "at last")).await;
    assert!(matches!(again, Appended::Message { .. }), "{again:?}");
}

async fn everything_that_the_log_does_not_tell_moves_the_rev(world: World) {
    let (lobby, admin, bob, carol) = lobby(&world).await;
    let rev = async || world.store.room(lobby).await.unwrap().unwrap().rev;
    let mut last = rev().await;
    for (what, on, name) in [
        (Measure::Mute { until: FOREVER }, bob, "a mute"),
        (Measure::Unmute, bob, "its end"),
        (Measure::Ban { until: None }, bob, "a ban"),
        (Measure::Ban { until: Some(FOREVER) }, bob, "another end of it"),
        (Measure::Unban, bob, "its end"),
        (KICK, carol, "a kick"),
    ] {
        done(take(&world, lobby, (admin, on), (what, None)).await);
        assert!(rev().await > last, "{name}");
        last = rev().await;
    }
    for (what, on) in [(Measure::Unmute, bob), (Measure::Unban, bob), (KICK, carol)] {
        done(take(&world, lobby, (admin, on), (what, None)).await);
    }
    assert_eq!(rev().await, last, "it was so before");
    let audit = world.store.instance_audit(Page::first(99)).await.unwrap();
    assert_eq!(audit.len(), 6);
}

async fn a_ban_outlives_going_and_ends_by_itself(world: World) {
    let (lobby, admin, bob, _carol) = lobby(&world).await;
    let leave = Append::LeaveRoom { room: lobby, user: bob, at: world.now() };
    world.one(leave).await;
    let until = Millis(world.now().0 + 1_000);
    let ban = (Measure::Ban { until: Some(until) }, None);
    let (moves, _notice) = done(take(&world, lobby, (admin, bob), ban).await);
    assert!(moves.is_empty(), "who is outside goes nowhere");
    let join = |at| Append::JoinRoom { room: lobby, user: bob, at };
    let refused = world.one(join(world.now())).await;
    let own = OwnBan { until: Some(until), reason: "because".into() };
    let why = AppendRefusal::Banned { until: own.until, reason: own.reason.clone() };
    assert_eq!(refusal(&refused), why);
    let now = world.now();
    assert_eq!(world.store.ban_from(lobby, bob, now).await.unwrap(), Some(own));
    assert_eq!(world.store.room_bans(lobby, now, Page::first(9)).await.unwrap().len(), 1);
    assert_eq!(world.store.ban_from(lobby, bob, until).await.unwrap(), None);
    assert!(world.store.room_bans(lobby, until, Page::first(9)).await.unwrap().is_empty());
    let joined = world.one(join(until)).await;
    assert!(matches!(joined, Appended::Moved(moves) if moves.moves.len() == 1));
    world.sql("UPDATE room_member SET is_inside = FALSE").await;
    assert_eq!(world.store.ban_from(lobby, bob, now).await.unwrap(), None, "forgotten");
}

async fn a_report_is_a_warrant_for_its_room_and_author_alone(world: World) {
    let (lobby, admin, bob, carol) = lobby(&world).await;
    let seq = world.say(lobby, bob, "bad").await.seq;
    let (reason, at) = (ReportReason::Spam, world.now());
    let new = NewReport { room: lobby, message_seq: seq, by: carol, reason, note: "", at };
    let Reported::New(id) = world.store.report(&new).await.unwrap() else { panic!("reported") };
    let until = FOREVER;
    let mute = (Measure::Mute { until }, Some(id));
    for (who, why) in [
        ((admin, carol), AppendRefusal::Gone),
        ((carol, bob), AppendRefusal::Role),
        ((bob, bob), AppendRefusal::Role),
    ] {
        assert_eq!(refusal(&take(&world, lobby, who, mute).await), why, "{who:?}");
    }
    let nothing = (Measure::Mute { until }, Some(ReportId(999)));
    assert_eq!(refusal(&take(&world, lobby, (admin, bob), nothing).await), AppendRefusal::Gone);
    let open = world.store.reports(None, ReportStatus::Open, Page::first(9)).await.unwrap();
    assert_eq!(open.len(), 1, "what was not done decides nothing");
    done(take(&world, lobby, (admin, bob), mute).await);
    let again = take(&world, lobby, (admin, bob), mute).await;
    assert_eq!(refusal(&again), AppendRefusal::Decided);
    let decided = world.store.reports(None, ReportStatus::Decided, Page::first(9)).await.unwrap();
    assert_eq!(decided.len(), 1);
    assert_eq!(decided[0].text, None);
}
