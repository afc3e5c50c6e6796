//! Joining and leaving: the state table, the lines, the capacity.

use futures_util::future::join_all;
use moim::domain::{MembershipStatus, Millis, RoomId, RoomKind, UserId};
use moim::store::{Append, AppendRefusal, Appended, Membership, Move, Passage, RoomChange};

use crate::harness::{Plain, World, on_both};

on_both!(
    joining_opens_the_member_rooms_and_writes_one_line,
    joining_again_changes_nothing,
    what_was_said_before_joining_is_read,
    coming_back_revives_the_one_row,
    a_ban_holds_until_it_ends,
    only_open_clubs_are_joined_so,
    the_last_place_goes_to_one,
    leaving_writes_lines_where_the_user_was_seen,
    a_first_opening_is_noted_for_who_may_read,
    a_manager_loses_the_manager_rooms_too,
    the_owner_stays_and_strangers_cannot_leave,
    a_lobby_is_left_and_joined,
    a_club_room_is_neither_entered_nor_left_by_itself,
);

fn rooms(appended: Appended) -> Vec<RoomChange> {
    match appended {
        Appended::Member { rooms, .. } => rooms,
        other => panic!("{other:?}"),
    }
}

fn moves(appended: Appended) -> Vec<Move> {
    match appended {
        Appended::Moved(moves) => moves.moves,
        other => panic!("{other:?}"),
    }
}

fn refusal(appended: &Appended) -> AppendRefusal {
    match appended {
        Appended::Refused(why) => why.clone(),
        other => panic!("{other:?}"),
    }
}

/// Each room with whether it got a line.
fn lines(rooms: &[RoomChange]) -> Vec<(RoomId, bool)> {
    rooms.iter().map(|change| (change.room, change.line.is_some())).collect()
}

async fn standing(world: &World, club: moim::domain::ClubId, user: UserId) -> Membership {
    world.store.membership(club, user).await.unwrap().unwrap()
}

async fn joining_opens_the_member_rooms_and_writes_one_line(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    let openings = world.room(club.id, "openings", mina, RoomKind::Member).await;
    let board = world.room(club.id, "board", mina, RoomKind::Manager).await;
    assert!(!world.store.may_read(general, bob).await.unwrap());
    let opened = rooms(world.join(club.id, bob).await);
    assert_eq!(lines(&opened), [(general, true), (openings, false)]);
    let line = opened[0].line.clone().unwrap();
    assert_eq!((line.seq, line.n), (1, 0));
    assert_eq!(&*line.body, format!("Join room={general} user={bob} seq=1"));
    assert_eq!(world.log(general).await.len(), 1);
    assert!(world.store.may_read(general, bob).await.unwrap());
    assert!(world.store.may_read(openings, bob).await.unwrap());
    assert!(!world.store.may_read(board, bob).await.unwrap());
    let seen = world.store.club(club.id, bob).await.unwrap().unwrap();
    assert_eq!(seen.member_count, 2);
}

async fn joining_again_changes_nothing(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let before = standing(&world, club.id, bob).await;
    assert!(rooms(world.join(club.id, bob).await).is_empty());
    assert!(rooms(world.join(club.id, mina).await).is_empty(), "the owner is inside as well");
    assert_eq!(standing(&world, club.id, bob).await, before);
    assert_eq!(world.log(general).await.len(), 1);
    let at = world.now();
    let user = world.user("carol").await;
    let twice = Append::JoinClub { club: club.id, user, at };
    let done = world.append(&[twice.clone(), twice]).await;
    let opened: Vec<usize> = done.into_iter().map(|one| rooms(one).len()).collect();
    assert_eq!(opened, [1, 0], "twice in one batch");
    assert_eq!(world.store.club(club.id, bob).await.unwrap().unwrap().member_count, 3);
}

async fn what_was_said_before_joining_is_read(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    for _ in 0..3 {
        world.say(general, mina, "before").await;
    }
    world.join(club.id, bob).await;
    world.say(general, mina, "after").await;
    let view = world.store.club_rooms(club.id, bob).await.unwrap().remove(0);
    assert_eq!((view.head, view.n, view.read_n), (5, 4, 3));
    let roster = world.store.roster(general).await.unwrap();
    let row = roster.iter().find(|row| row.user == bob).unwrap();
    assert_eq!(row.join_seq, 3, "the own line is news to them");
}

async fn coming_back_revives_the_one_row(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let first = standing(&world, club.id, bob).await;
    world.leave(club.id, bob).await;
    let gone = standing(&world, club.id, bob).await;
    assert_eq!(gone.status, MembershipStatus::Left);
    assert!(gone.left_at.is_some());
    world.say(general, mina, "while away").await;
    assert_eq!(rooms(world.join(club.id, bob).await).len(), 1);
    let back = standing(&world, club.id, bob).await;
    assert_eq!((back.status, back.left_at), (MembershipStatus::Active, None));
    assert!(back.joined_at > first.joined_at);
    let view = world.store.club_rooms(club.id, bob).await.unwrap().remove(0);
    assert_eq!(view.read_n, view.n, "begins anew");
    world
        .sql("UPDATE membership SET status = 'kicked', role = 'manager' WHERE role = 'member'")
        .await;
    assert_eq!(rooms(world.join(club.id, bob).await).len(), 1, "kicked may come back");
    assert_eq!(standing(&world, club.id, bob).await.role, moim::domain::ClubRole::Member);
}

async fn a_ban_holds_until_it_ends(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, _general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    world.leave(club.id, bob).await;
    let join = |at: i64| Append::JoinClub { club: club.id, user: bob, at: Millis(at) };
    world.sql("UPDATE membership SET status = 'banned' WHERE role = 'member'").await;
    assert_eq!(
        refusal(&world.one(join(i64::MAX)).await),
        AppendRefusal::Banned { until: None, reason: "".into() },
        "for ever"
    );
    world.sql("UPDATE membership SET ban_until = 5000 WHERE role = 'member'").await;
    assert_eq!(
        refusal(&world.one(join(4_999)).await),
        AppendRefusal::Banned { until: Some(Millis(5_000)), reason: "".into() }
    );
    assert_eq!(rooms(world.one(join(5_000)).await).len(), 1);
    assert_eq!(standing(&world, club.id, bob).await.ban_until, None);
}

async fn only_open_clubs_are_joined_so(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    for policy in ["request", "form", "quiz", "invite"] {
        let name = format!("Club {policy}");
        let (club, _general) = world.club_of(&name, mina, |new| new.join_policy = policy).await;
        assert_eq!(refusal(&world.join(club.id, bob).await), AppendRefusal::NotOpen);
        assert!(rooms(world.join(club.id, mina).await).is_empty(), "who is inside is inside");
    }
}

async fn the_last_place_goes_to_one(world: World) {
    let owner = world.user("owner").await;
    let (club, general) = world.club_of("Pair", owner, |new| new.capacity = Some(2)).await;
    let mut users = Vec::new();
    for i in 0..10 {
        users.push(world.user(&format!("u{i}")).await);
    }
    let at = world.now();
    let joins: Vec<[Append; 1]> =
        users.iter().map(|user| [Append::JoinClub { club: club.id, user: *user, at }]).collect();
    let done = join_all(joins.iter().map(|join| world.store.append(join, &Plain))).await;
    let done: Vec<Appended> = done.into_iter().map(|one| one.unwrap().remove(0)).collect();
    let inside = done.iter().filter(|one| matches!(one, Appended::Member { .. })).count();
    let full =
        done.iter().filter(|one| matches!(one, Appended::Refused(AppendRefusal::Full))).count();
    assert_eq!((inside, full), (1, 9));
    assert_eq!(world.log(general).await.len(), 1);
    assert_eq!(world.store.club(club.id, owner).await.unwrap().unwrap().member_count, 2);
    let members = world.store.club_members(club.id, crate::harness::first()).await.unwrap();
    world.leave(club.id, members[0].user.id).await;
    let one_batch: Vec<Append> = joins.iter().flatten().cloned().collect();
    let done = world.append(&one_batch).await;
    let inside = done.iter().filter(|one| matches!(one, Appended::Member { .. })).count();
    assert_eq!(inside, 1, "within one batch too");
}

async fn leaving_writes_lines_where_the_user_was_seen(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    let before = world.room(club.id, "before", mina, RoomKind::Member).await;
    world.join(club.id, bob).await;
    let unseen = world.room(club.id, "unseen", mina, RoomKind::Member).await;
    let written = world.room(club.id, "written", mina, RoomKind::Member).await;
    let opened = world.room(club.id, "opened", mina, RoomKind::Member).await;
    let hello = world.room(club.id, "hello", mina, RoomKind::Member).await;
    world.say(written, bob, "hi").await;
    world.store.note_opened(opened, &[bob]).await.unwrap();
    world.one(Append::JoinRoom { room: hello, user: bob, at: world.now() }).await;
    // What one wants of a room says nothing of having been there.
    let none = moim::domain::Notify::None;
    world.store.set_notify(unseen, bob, none).await.unwrap();
    let closed = rooms(world.leave(club.id, bob).await);
    // Who joins a club has a place in each of its rooms, and has not seen them by that.
    let told = [
        (general, true),
        (before, false),
        (unseen, false),
        (written, true),
        (opened, true),
        (hello, true),
    ];
    assert_eq!(lines(&closed), told);
    let line = closed[3].line.clone().unwrap();
    assert_eq!((line.seq, line.n), (2, 1));
    assert_eq!(&*line.body, format!("Leave room={written} user={bob} seq=2"));
    assert!(!world.store.may_read(general, bob).await.unwrap());
    assert!(
        world.store.rooms_of(&[bob]).await.unwrap().iter().all(|(_, view)| view.club.is_none())
    );
    assert_eq!(world.store.club(club.id, mina).await.unwrap().unwrap().member_count, 1);
    // Who is out has opened nothing any more, and begins anew.
    world.store.note_opened(opened, &[bob]).await.unwrap();
    world.join(club.id, bob).await;
    let closed = rooms(world.leave(club.id, bob).await);
    assert_eq!(lines(&closed).iter().filter(|(_room, is_told)| *is_told).count(), 1);
}

async fn a_first_opening_is_noted_for_who_may_read(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    let board = world.room(club.id, "board", mina, RoomKind::Manager).await;
    world.join(club.id, bob).await;
    for room in [general, board] {
        for _twice in 0..2 {
            world.store.note_opened(room, &[mina, bob, UserId(999)]).await.unwrap();
        }
    }
    let opened = async |room| {
        let mut roster = world.store.roster(room).await.unwrap();
        roster.retain(|row| row.has_opened);
        roster.sort_by_key(|row| row.user);
        roster.into_iter().map(|row| row.user).collect::<Vec<_>>()
    };
    assert_eq!(opened(general).await, [mina, bob]);
    assert_eq!(opened(board).await, [mina]);
    let rows = world.count("SELECT count(*) FROM room_member WHERE is_opened").await;
    assert_eq!(rows, 3, "a place for each who may read, and for no other");
    // Nothing of it is read.
    world.say(general, mina, "hi").await;
    let view = world.store.club_rooms(club.id, bob).await.unwrap().remove(0);
    assert_eq!((view.n, view.read_n), (1, 0));
}

async fn a_manager_loses_the_manager_rooms_too(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    let board = world.room(club.id, "board", mina, RoomKind::Manager).await;
    world.join(club.id, bob).await;
    world.sql("UPDATE membership SET role = 'manager' WHERE role = 'member'").await;
    assert!(world.store.may_read(board, bob).await.unwrap());
    world.say(board, bob, "psst").await;
    let closed = rooms(world.leave(club.id, bob).await);
    assert_eq!(lines(&closed), [(general, true), (board, true)]);
    assert_eq!(lines(&rooms(world.join(club.id, bob).await)), [(general, true)]);
    let closed = rooms(world.leave(club.id, bob).await);
    assert_eq!(lines(&closed), [(general, true)], "no word in a room they do not know of");
}

async fn the_owner_stays_and_strangers_cannot_leave(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    assert_eq!(refusal(&world.leave(club.id, mina).await), AppendRefusal::OwnerStays);
    assert_eq!(refusal(&world.leave(club.id, bob).await), AppendRefusal::NotMember);
    world.join(club.id, bob).await;
    world.leave(club.id, bob).await;
    assert_eq!(refusal(&world.leave(club.id, bob).await), AppendRefusal::NotMember);
    assert_eq!(world.log(general).await.len(), 2);
}

async fn a_lobby_is_left_and_joined(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    world.say(lobby, mina, "hello").await;
    let join = Append::JoinRoom { room: lobby, user: mina, at: world.now() };
    let leave = Append::LeaveRoom { room: lobby, user: mina, at: world.now() };
    assert!(moves(world.one(join.clone()).await).is_empty(), "inside already");
    let left = moves(world.one(leave.clone()).await);
    assert_eq!(
        &*left[0].line.clone().unwrap().body,
        format!("Leave room={lobby} user={mina} seq=2")
    );
    assert!(!world.store.may_read(lobby, mina).await.unwrap());
    assert!(world.store.rooms_of(&[mina]).await.unwrap().is_empty());
    world.tells_arrivals_the_same(&[mina]).await;
    assert_eq!(refusal(&world.one(leave).await), AppendRefusal::NotMember);
    let joined = moves(world.one(join).await);
    assert_eq!(joined[0].how, Passage::Came { since: 2 });
    assert_eq!(
        &*joined[0].line.clone().unwrap().body,
        format!("Join room={lobby} user={mina} seq=3")
    );
    let view = world.store.rooms_of(&[mina]).await.unwrap().remove(0).1;
    assert_eq!((view.head, view.n, view.read_n), (3, 1, 1));
    let roster = world.store.roster(lobby).await.unwrap();
    assert_eq!(roster.iter().find(|row| row.user == mina).unwrap().join_seq, 2);
}

async fn a_club_room_is_neither_entered_nor_left_by_itself(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (_club, general) = world.club("Chess", mina).await;
    let at = world.now();
    let join = world.one(Append::JoinRoom { room: general, user: bob, at }).await;
    assert_eq!(refusal(&join), AppendRefusal::NotMember);
    let leave = world.one(Append::LeaveRoom { room: general, user: mina, at }).await;
    assert_eq!(refusal(&leave), AppendRefusal::NotGroup);
}
