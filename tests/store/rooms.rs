//! Rooms: who may read them, and what is new in them for many users at once.

use moim::domain::{ClubId, History, Millis, Notify, RoomId, RoomKind, RoomName, UserId};
use moim::store::{Page, RoomMade, RoomView};

use crate::harness::{World, club_room, on_both};

on_both!(
    a_room_reads_back,
    a_room_needs_a_living_club,
    a_lobby_is_made_once_and_takes_no_name_away,
    managers_rooms_do_not_exist_for_members,
    the_roster_tells_who_moderates_and_who_is_muted,
    a_group_is_read_by_who_is_inside,
    lobby_members_are_listed_in_pages,
    rooms_of_many_users_in_one_statement,
    what_is_ones_own_in_a_room_is_told_when_they_come,
);

async fn a_room_reads_back(world: World) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club("Chess", mina).await;
    let name = RoomName::parse("Openings").unwrap();
    let at = world.now();
    let new = club_room(club.id, &name, RoomKind::Member, mina, at);
    let made = world.store.create_room(new).await.unwrap();
    let RoomMade::Done(view) = made else { panic!("{made:?}") };
    assert_eq!((&*view.name, view.kind, view.club), ("Openings", RoomKind::Member, Some(club.id)));
    assert_eq!((view.head, view.n, view.read_n, view.mentions), (0, 0, 0, 0));
    let views = world.store.club_rooms(club.id, mina).await.unwrap();
    assert_eq!(views[1], *view);
    let info = world.store.room(view.room).await.unwrap().unwrap();
    assert_eq!((info.epoch.clone(), info.created_at), (view.epoch, at));
    assert_eq!((info.topic.as_str(), info.history, info.write.as_str()), ("", History::All, "all"));
    assert_eq!((info.slow_mode_s, info.head, info.n), (0, 0, 0));
    assert!(world.store.room(RoomId(999)).await.unwrap().is_none());
}

async fn a_room_needs_a_living_club(world: World) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club("Chess", mina).await;
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    let name = RoomName::parse("late").unwrap();
    for club in [club.id, ClubId(999)] {
        let at = world.now();
        let new = club_room(club, &name, RoomKind::Member, mina, at);
        assert_eq!(world.store.create_room(new).await.unwrap(), RoomMade::Gone);
    }
}

async fn a_lobby_is_made_once_and_takes_no_name_away(world: World) {
    let mina = world.user("mina").await;
    let name = |text: &str| RoomName::parse(text).unwrap();
    let ensure =
        async |text: &str| world.store.ensure_lobby(&name(text), world.now()).await.unwrap();
    for lounge in ["Lounge", "lounge", "general"] {
        assert!(ensure(lounge).await, "{lounge}");
    }
    let group = moim::store::NewGroup {
        name: name("trips"),
        is_listed: true,
        by: mina,
        members: Vec::new(),
        at: world.now(),
    };
    world.one(moim::store::Append::MakeGroup(group)).await;
    assert!(!ensure("Trips").await);
    assert_eq!(world.count("SELECT count(*) FROM room WHERE kind = 'lobby'").await, 2);
    let views = world.store.rooms_of(&[mina]).await.unwrap();
    let names: Vec<_> = views.iter().map(|(_user, view)| view.name.to_string()).collect();
    assert_eq!(names, ["general", "trips"], "everybody is in general, into others one goes");
    let lounge = world.count("SELECT room_id FROM room WHERE name = 'Lounge'").await;
    let at = world.now();
    let join = moim::store::Append::JoinRoom { room: RoomId(lounge), user: mina, at };
    assert!(matches!(world.one(join).await, moim::store::Appended::Moved(_)));
    assert!(world.store.may_read(RoomId(lounge), mina).await.unwrap());
}

async fn managers_rooms_do_not_exist_for_members(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    let board = world.room(club.id, "board", mina, RoomKind::Manager).await;
    world.join(club.id, bob).await;
    let rooms = |views: Vec<RoomView>| views.iter().map(|view| view.room).collect::<Vec<_>>();
    assert_eq!(rooms(world.store.club_rooms(club.id, mina).await.unwrap()), [general, board]);
    assert_eq!(rooms(world.store.club_rooms(club.id, bob).await.unwrap()), [general]);
    assert!(!world.store.may_read(board, bob).await.unwrap());
    assert!(world.store.may_read(board, mina).await.unwrap());
    let roster = world.store.roster(board).await.unwrap();
    assert_eq!(roster.iter().map(|row| row.user).collect::<Vec<_>>(), [mina]);
    world.sql("UPDATE membership SET role = 'manager' WHERE role = 'member'").await;
    assert!(world.store.may_read(board, bob).await.unwrap());
    assert_eq!(world.store.roster(board).await.unwrap().len(), 2);
}

async fn the_roster_tells_who_moderates_and_who_is_muted(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    world.sql("UPDATE membership SET muted_until = 77 WHERE role = 'member'").await;
    let mut roster = world.store.roster(general).await.unwrap();
    roster.sort_by_key(|row| row.user);
    let seen: Vec<(UserId, bool, Option<i64>)> = roster
        .iter()
        .map(|row| (row.user, row.standing.is_moderator(), row.standing.muted_until.map(|at| at.0)))
        .collect();
    assert_eq!(seen, [(mina, true, None), (bob, false, Some(77))]);
    let lobby = world.lobby().await;
    world.store.set_instance_role("bob", moim::domain::InstanceRole::Admin).await.unwrap();
    let roster = world.store.roster(lobby).await.unwrap();
    assert_eq!(roster.len(), 3);
    let moderators: Vec<UserId> =
        roster.iter().filter(|row| row.standing.is_moderator()).map(|row| row.user).collect();
    assert_eq!(moderators, [bob], "an admin, in the lobby only");
    assert!(world.store.roster(RoomId(999)).await.unwrap().is_empty());
}

async fn a_group_is_read_by_who_is_inside(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    world
        .sql(&format!(
            "INSERT INTO room (kind, name, host_id, created_at) VALUES ('group', 'us', {}, 1);
             INSERT INTO room_member (room_id, user_id, joined_at, is_inside)
             SELECT room_id, {}, 5, TRUE FROM room WHERE kind = 'group'",
            mina.0, mina.0
        ))
        .await;
    let views = world.store.rooms_of(&[mina]).await.unwrap();
    let group = views.iter().find(|(_user, view)| view.kind == RoomKind::Group).unwrap().1.room;
    assert!(world.store.may_read(group, mina).await.unwrap());
    assert!(!world.store.may_read(group, bob).await.unwrap());
    let roster = world.store.roster(group).await.unwrap();
    assert_eq!(roster.len(), 1);
    assert!(roster[0].standing.is_moderator(), "the host");
    let members = world.store.room_members(group, crate::harness::first()).await.unwrap();
    assert_eq!((members[0].user.id, members[0].role), (mina, moim::domain::ClubRole::Owner));
    assert_eq!(world.store.rooms_of(&[bob]).await.unwrap().len(), 1);
    world.tells_arrivals_the_same(&[mina, bob]).await;
}

async fn lobby_members_are_listed_in_pages(world: World) {
    let lobby = world.lobby().await;
    for i in 0..4 {
        world.user(&format!("user{i}")).await;
    }
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let members = world.store.room_members(lobby, Page { after, limit: 2 }).await.unwrap();
        let Some(last) = members.last() else { break };
        after = Some((last.joined_at.0, last.user.id.0));
        read.extend(members.into_iter().map(|member| member.user.username));
    }
    assert_eq!(read, ["user3", "user2", "user1", "user0", "lobby-seeker"]);
}

async fn rooms_of_many_users_in_one_statement(world: World) {
    let owner = world.user("owner").await;
    let (chess, chess_room) = world.club("Chess", owner).await;
    let (_go, go_room) = world.club("Go", owner).await;
    let lobby = world.lobby().await;
    let mut users = vec![owner];
    for i in 0..30 {
        let user = world.user(&format!("user{i}")).await;
        if i % 2 == 0 {
            world.join(chess.id, user).await;
        }
        users.push(user);
    }
    world.say(chess_room, owner, "@user0 hello @user2").await;
    world.say(lobby, owner, "all").await;
    let unknown = UserId(99_999);
    users.push(unknown);
    let views = world.store.rooms_of(&users).await.unwrap();
    assert_eq!(views.len(), 3 + 15 * 2 + 15);
    assert!(views.windows(2).all(|two| { (two[0].0, two[0].1.room) < (two[1].0, two[1].1.room) }));
    let of = |user: UserId| -> Vec<(RoomId, i64, i64)> {
        let own = views.iter().filter(|(owner, _view)| *owner == user);
        own.map(|(_user, view)| (view.room, view.n - view.read_n, view.mentions)).collect()
    };
    assert_eq!(of(owner), [(lobby, 0, 0), (chess_room, 0, 0), (go_room, 0, 0)]);
    assert_eq!(of(users[1]), [(lobby, 1, 0), (chess_room, 1, 1)]);
    assert_eq!(of(users[2]), [(lobby, 1, 0)]);
    assert_eq!(of(users[5]), [(lobby, 1, 0), (chess_room, 1, 0)]);
    assert!(of(unknown).is_empty());
    assert!(world.store.rooms_of(&[]).await.unwrap().is_empty());
    world.tells_arrivals_the_same(&users).await;
    assert_eq!(world.store.arrivals(&[]).await.unwrap(), []);
}

async fn what_is_ones_own_in_a_room_is_told_when_they_come(world: World) {
    let (mina, bob) = (world.account("mina").await, world.account("bob").await);
    let cho = world.user("cho").await;
    let (_club, general) = world.club("Chess", mina.id).await;
    let (lobby, at) = (world.lobby().await, Millis(1));
    world.store.set_status_text(bob.id, "on the \"train\" 🚂").await.unwrap();
    let (pair, _) = world.store.pair(mina.id, bob.id, at).await.unwrap().unwrap();
    let (hidden, _) = world.store.pair(mina.id, cho, at).await.unwrap().unwrap();
    world.say(pair, mina.id, "hi @bob").await;
    world.say(hidden, cho, "hello").await;
    world.store.set_notify(lobby, mina.id, Notify::All).await.unwrap();
    world.store.set_notify(pair, bob.id, Notify::Mentions).await.unwrap();
    for room in [pair, hidden, general] {
        world.store.hide_room(room, mina.id, true).await.unwrap();
    }
    // One is not hidden any more.
    world.say(pair, bob.id, "there").await;
    world.tells_arrivals_the_same(&[mina.id, bob.id, cho]).await;
    let arrivals = world.store.arrivals(&[mina.id]).await.unwrap();
    let told = |room: RoomId| arrivals[0].rooms.iter().find(|view| view.room == room).unwrap();
    assert_eq!((&*told(pair).name, told(pair).peer), (&*bob.display_name, Some(bob.id)));
    assert_eq!((told(pair).is_hidden, told(hidden).is_hidden), (false, true));
    assert_eq!((told(lobby).notify, told(lobby).peer), (Notify::All, None));
    let one = world.store.arrivals(&[bob.id]).await.unwrap();
    assert_eq!(one[0].status_text, "on the \"train\" 🚂");
}
