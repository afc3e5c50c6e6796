//! Who was demoted or put out while a call of theirs was under way changes nothing with it: what they
//! may do is asked in the transaction that does it.

use moim::domain::{
    ClubRole, FilterAction, FilterId, FilterKind, History, Least, Millis, Pattern, Permission,
    ReportReason, RoomId, RoomKind, RoomName, UserId,
};
use moim::store::{
    Append, AppendRefusal, Appended, FilterAdded, FilterRemoved, FilterScope, Measure, NewFilter,
    NewReport, Page, Reported, RoomChanged, RoomMade, RoomPatch, Settling,
};

use crate::harness::{World, club_room, on_both};
use crate::moderation::{Club, club, done, refusal, take};

on_both!(
    who_was_demoted_changes_nothing,
    who_was_banned_changes_nothing,
    a_host_who_left_changes_nothing,
    a_room_says_who_configures_it,
    a_group_says_who_brings_others_in,
);

/// Everything that a moderator does beside the journal, as it is answered.
async fn all(world: &World, club: &Club, by: UserId) -> [String; 6] {
    let (who, name) = ((by, world.now()), RoomName::parse("more").unwrap());
    let room = world.room(club.id, "plans", club.owner, RoomKind::Member).await;
    let seq = world.say(club.general, club.owner, "hi").await.seq;
    let (reason, at) = (ReportReason::Spam, world.now());
    let new = NewReport {
        room: club.general,
        message_seq: seq,
        by: club.other_member,
        reason,
        note: "",
        at,
    };
    let report = match world.store.report(&new).await.unwrap() {
        Reported::New(report) => report,
        other => panic!("{other:?}"),
    };
    let pattern = Pattern::parse(FilterKind::Word, "bad").unwrap();
    let rule = |by| NewFilter {
        scope: FilterScope::Club(club.id),
        pattern: &pattern,
        action: FilterAction::Mask,
        by,
        at: Millis(1),
    };
    let standing = match world.store.add_filter(rule(club.owner)).await.unwrap() {
        FilterAdded::Done(rule, _rooms) => rule.id,
        other => panic!("{other:?}"),
    };
    let made = club_room(club.id, &name, RoomKind::Member, by, world.now());
    let made = match world.store.create_room(made).await.unwrap() {
        RoomMade::Done(_room) => "done".to_owned(),
        other => format!("{other:?}"),
    };
    let patch = RoomPatch { topic: Some("theirs"), ..RoomPatch::default() };
    let short = |changed| match changed {
        RoomChanged::Done(_room) => "done".to_owned(),
        other => format!("{other:?}"),
    };
    let changed = short(world.store.update_room(room, patch, who).await.unwrap());
    let deleted = short(world.store.delete_room(room, who).await.unwrap());
    let added = match world.store.add_filter(rule(by)).await.unwrap() {
        FilterAdded::Done(..) => "done".to_owned(),
        other => format!("{other:?}"),
    };
    let removed = remove(world, club, standing, by).await;
    let dismissed = match world.store.dismiss((Some(club.id), report), "", who).await.unwrap() {
        Settling::Done => "done".to_owned(),
        other => format!("{other:?}"),
    };
    [made, changed, deleted, added, removed, dismissed]
}

async fn remove(world: &World, club: &Club, rule: FilterId, by: UserId) -> String {
    match world
        .store
        .remove_filter((FilterScope::Club(club.id), rule), by, world.now())
        .await
        .unwrap()
    {
        FilterRemoved::Done(_rooms) => "done".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What of a club can be counted.
async fn state(world: &World, club: &Club) -> (usize, usize, usize) {
    let rooms = world.store.club_rooms(club.id, club.owner).await.unwrap().len();
    let rules = world.store.filters(FilterScope::Club(club.id)).await.unwrap().len();
    let audit = world.store.audit(club.id, Page::first(99)).await.unwrap();
    (rooms, rules, audit.iter().filter(|entry| entry.by != club.owner).count())
}

async fn who_was_demoted_changes_nothing(world: World) {
    let club = club(&world).await;
    assert_eq!(all(&world, &club, club.manager).await, ["done"; 6], "they are a manager");
    let before = state(&world, &club).await;
    let (by, user, role) = (club.owner, club.manager, ClubRole::Member);
    let at = world.now();
    let demoted = world.one(Append::SetRole { club: club.id, by, user, role, at }).await;
    assert!(matches!(demoted, Appended::Moved(_)));
    assert_eq!(all(&world, &club, club.manager).await, ["Denied"; 6]);
    let (rooms, rules, acts) = state(&world, &club).await;
    // The room and the rule that the owner makes for each round stay.
    assert_eq!((rooms, rules, acts), (before.0 + 1, before.1 + 1, before.2));
    let views = world.store.club_rooms(club.id, club.owner).await.unwrap();
    for view in views {
        assert_eq!(world.store.room(view.room).await.unwrap().unwrap().topic, "");
    }
}

async fn who_was_banned_changes_nothing(world: World) {
    let club = club(&world).await;
    let ban = Measure::Ban { until: None };
    done(take(&world, club.id, (club.owner, club.manager), ban).await);
    let before = state(&world, &club).await;
    let answers = all(&world, &club, club.manager).await;
    assert_eq!(answers, ["Denied", "Gone", "Gone", "Denied", "Denied", "Denied"]);
    assert_eq!(state(&world, &club).await, (before.0 + 1, before.1 + 1, before.2));
}

/// A group of two, by the first of them.
async fn group(world: &World, mina: UserId, bob: UserId) -> RoomId {
    let new = moim::store::NewGroup {
        name: RoomName::parse("trip").unwrap(),
        is_listed: false,
        by: mina,
        members: vec![bob],
        at: world.now(),
    };
    let made = world.one(Append::MakeGroup(new)).await;
    let Appended::Moved(moves) = made else { panic!("{made:?}") };
    moves.made.unwrap()
}

async fn a_host_who_left_changes_nothing(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let room = group(&world, mina, bob).await;
    let history = RoomPatch { history: Some(History::SinceJoin), ..RoomPatch::default() };
    let change = async |by| {
        let who = (by, world.now());
        world.store.update_room(room, history, who).await.unwrap()
    };
    assert_eq!(change(bob).await, RoomChanged::Denied);
    world.one(Append::LeaveRoom { room, user: mina, at: world.now() }).await;
    assert_eq!(change(mina).await, RoomChanged::Gone);
    let who = (mina, world.now());
    assert_eq!(world.store.delete_room(room, who).await.unwrap(), RoomChanged::Gone);
    assert!(matches!(change(bob).await, RoomChanged::Done(_)), "the next host");
}

async fn a_room_says_who_configures_it(world: World) {
    let club = club(&world).await;
    let wish = [(Permission::Configure, Some(Least::Owner))];
    let who = |by| (by, world.now());
    world.store.set_permissions(club.general, &wish, who(club.owner)).await.unwrap();
    let patch = RoomPatch { topic: Some("ours"), ..RoomPatch::default() };
    let change = async |by| world.store.update_room(club.general, patch, who(by)).await.unwrap();
    assert_eq!(change(club.manager).await, RoomChanged::Denied);
    let delete = async |by| world.store.delete_room(club.general, who(by)).await.unwrap();
    assert_eq!(delete(club.manager).await, RoomChanged::Denied, "before what it is");
    assert_eq!(delete(club.owner).await, RoomChanged::General);
    assert!(matches!(change(club.owner).await, RoomChanged::Done(_)));
}

async fn a_group_says_who_brings_others_in(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let carol = world.user("carol").await;
    let room = group(&world, mina, bob).await;
    let bring = async |by| {
        world.one(Append::Invite { room, by, users: vec![carol], at: world.now() }).await
    };
    let wish = [(Permission::Invite, Some(Least::Owner))];
    world.store.set_permissions(room, &wish, (mina, world.now())).await.unwrap();
    assert_eq!(refusal(&bring(bob).await), AppendRefusal::Role);
    assert!(matches!(bring(mina).await, Appended::Moved(_)));
    world.one(Append::LeaveRoom { room, user: mina, at: world.now() }).await;
    world.one(Append::LeaveRoom { room, user: carol, at: world.now() }).await;
    assert!(matches!(bring(bob).await, Appended::Moved(_)), "the next host");
}
