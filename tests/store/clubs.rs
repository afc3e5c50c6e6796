//! Clubs: names, lists in pages, changes, deletion.

use moim::domain::{ClubId, ClubName, ClubRole, MembershipStatus, UserId};
use moim::store::{
    Append, Appended, ClubAssistantChange, ClubAssistantPatch, ClubChange, ClubDeleted, ClubPatch,
    ClubQuery, ClubSort, MyMembership, NewClub, Page, StoreError,
};

use crate::harness::{World, first, on_both};

on_both!(
    a_club_is_made_with_owner_and_general,
    a_name_is_unique_among_living_clubs,
    private_clubs_are_shown_to_members_only,
    lists_filter_sort_and_page,
    my_clubs_are_those_i_am_in,
    a_change_keeps_what_it_does_not_name,
    the_capacity_is_never_below_the_members,
    members_are_listed_in_pages,
    deletion_is_soft_and_once,
    who_has_lost_the_role_meanwhile_changes_nothing,
);

const QUERY: ClubQuery<'static> = ClubQuery {
    query: None,
    kind: None,
    category: None,
    sort: ClubSort::New,
    page: Page { after: None, limit: 100 },
};

async fn names(world: &World, query: ClubQuery<'_>, viewer: UserId) -> Vec<String> {
    let clubs = world.store.clubs(query, viewer).await.unwrap();
    clubs.into_iter().map(|club| club.name).collect()
}

async fn a_club_is_made_with_owner_and_general(world: World) {
    let (mina, bob) = (world.account("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina.id).await;
    assert_eq!((club.name.as_str(), club.owner.id, club.member_count), ("Chess", mina.id, 1));
    let my = MyMembership { role: ClubRole::Owner, status: MembershipStatus::Active };
    assert_eq!(club.my, Some(my));
    assert_eq!(world.store.club(club.id, mina.id).await.unwrap(), Some(club.clone()));
    assert_eq!(world.store.club(club.id, bob).await.unwrap().unwrap().my, None);
    assert_eq!(world.store.club(ClubId(99), bob).await.unwrap(), None);
    let rooms = world.store.club_rooms(club.id, mina.id).await.unwrap();
    assert_eq!(rooms.len(), 1);
    assert_eq!((rooms[0].room, &*rooms[0].name), (general, "general"));
    assert_eq!(rooms[0].club, Some(club.id));
    let membership = world.store.membership(club.id, mina.id).await.unwrap().unwrap();
    assert_eq!(membership.role, ClubRole::Owner);
    assert_eq!(world.store.membership(club.id, bob).await.unwrap(), None);
}

async fn a_name_is_unique_among_living_clubs(world: World) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club("Chess", mina).await;
    let name = ClubName::parse("CHESS").unwrap();
    let new = NewClub {
        name: &name,
        greeting: "",
        description: "",
        kind: "community",
        category: "other",
        visibility: "public",
        join_policy: "open",
        capacity: None,
    };
    let again = world.store.create_club(&new, mina, world.now()).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    assert_eq!(names(&world, QUERY, mina).await, ["Chess"], "nothing half-made");
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    world.store.create_club(&new, mina, world.now()).await.unwrap();
    let (other, _general) = world.club("Go", mina).await;
    let patch = ClubPatch { name: Some(&name), ..ClubPatch::default() };
    let renamed = world.store.update_club(other.id, &patch, (mina, world.now())).await;
    assert!(matches!(renamed, Err(StoreError::Conflict { .. })), "{renamed:?}");
}

async fn private_clubs_are_shown_to_members_only(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, _general) = world
        .club_of("Secret", mina, |new| {
            new.visibility = "private";
            new.join_policy = "invite";
        })
        .await;
    assert!(world.store.club(club.id, mina).await.unwrap().is_some());
    assert_eq!(world.store.club(club.id, bob).await.unwrap(), None);
    assert!(names(&world, QUERY, mina).await.is_empty());
    assert_eq!(world.store.my_clubs(mina).await.unwrap().len(), 1);
}

async fn lists_filter_sort_and_page(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let mut ids = Vec::new();
    for name in ["Chess 1", "Chess 2", "Go", "Chess_3"] {
        ids.push(world.club(name, mina).await.0.id);
    }
    world.club_of("Study", mina, |new| (new.kind, new.category) = ("study", "design")).await;
    world.join(ids[1], bob).await;
    let all = ["Study", "Chess_3", "Go", "Chess 2", "Chess 1"];
    assert_eq!(names(&world, QUERY, bob).await, all);
    let found = ClubQuery { query: Some("cHESS_"), ..QUERY };
    assert_eq!(names(&world, found, bob).await, ["Chess_3"]);
    let study = ClubQuery { kind: Some("study"), category: Some("design"), ..QUERY };
    assert_eq!(names(&world, study, bob).await, ["Study"]);
    let none = ClubQuery { kind: Some("study"), category: Some("music"), ..QUERY };
    assert!(names(&world, none, bob).await.is_empty());
    for (sort, expected) in [
        (ClubSort::New, all.map(str::to_owned).to_vec()),
        (
            ClubSort::Members,
            ["Chess 2", "Study", "Chess_3", "Go", "Chess 1"].map(str::to_owned).to_vec(),
        ),
    ] {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = Page { after, limit: 2 };
            let clubs = world.store.clubs(ClubQuery { sort, page, ..QUERY }, bob).await.unwrap();
            let Some(last) = clubs.last() else { break };
            let rank = match sort {
                ClubSort::New => last.created_at.0,
                ClubSort::Members => last.member_count,
            };
            after = Some((rank, last.id.0));
            read.extend(clubs.into_iter().map(|club| club.name));
        }
        assert_eq!(read, expected);
    }
}

async fn my_clubs_are_those_i_am_in(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (chess, _) = world.club("Chess", mina).await;
    let (go, _) = world.club("Go", mina).await;
    world.join(go.id, bob).await;
    world.join(chess.id, bob).await;
    let mine = world.store.my_clubs(bob).await.unwrap();
    assert_eq!(mine.iter().map(|club| club.id).collect::<Vec<_>>(), [chess.id, go.id]);
    assert_eq!(mine[0].my.unwrap().role, ClubRole::Member);
    world.leave(chess.id, bob).await;
    assert_eq!(world.store.my_clubs(bob).await.unwrap().len(), 1);
    let seen = world.store.club(chess.id, bob).await.unwrap().unwrap();
    assert_eq!(seen.my.unwrap().status, MembershipStatus::Left);
}

async fn a_change_keeps_what_it_does_not_name(world: World) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club_of("Chess", mina, |new| new.capacity = Some(9)).await;
    let nothing =
        world.store.update_club(club.id, &ClubPatch::default(), (mina, world.now())).await.unwrap();
    assert_eq!(nothing, ClubChange::Done);
    assert_eq!(world.store.club(club.id, mina).await.unwrap(), Some(club.clone()));
    let name = ClubName::parse("Chess Club").unwrap();
    let patch = ClubPatch {
        name: Some(&name),
        description: Some(""),
        join_policy: Some("request"),
        capacity: Some(None),
        ..ClubPatch::default()
    };
    assert_eq!(
        world.store.update_club(club.id, &patch, (mina, world.now())).await.unwrap(),
        ClubChange::Done
    );
    let changed = world.store.club(club.id, mina).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("Chess Club", ""));
    assert_eq!((changed.greeting, changed.category), (club.greeting, club.category));
    assert_eq!((changed.join_policy.as_str(), changed.capacity), ("request", None));
    let found = ClubQuery { query: Some("chess club"), ..QUERY };
    assert_eq!(names(&world, found, mina).await.len(), 1);
    assert_eq!(
        world.store.update_club(ClubId(99), &patch, (mina, world.now())).await.unwrap(),
        ClubChange::Gone
    );
}

async fn the_capacity_is_never_below_the_members(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, _general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let to = |capacity| ClubPatch { capacity: Some(Some(capacity)), ..ClubPatch::default() };
    let below = world.store.update_club(club.id, &to(1), (mina, world.now())).await.unwrap();
    assert_eq!(below, ClubChange::BelowMembers);
    assert_eq!(
        world.store.update_club(club.id, &to(2), (mina, world.now())).await.unwrap(),
        ClubChange::Done
    );
}

async fn members_are_listed_in_pages(world: World) {
    let mina = world.user("mina").await;
    let (club, general) = world.club("Chess", mina).await;
    let mut expected = vec!["mina".to_owned()];
    for i in 0..4 {
        let user = world.account(&format!("user{i}")).await;
        world.join(club.id, user.id).await;
        expected.insert(0, user.username);
    }
    let (mut of_club, mut of_room, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = Page { after, limit: 2 };
        let members = world.store.club_members(club.id, page).await.unwrap();
        let in_room = world.store.room_members(general, page).await.unwrap();
        let Some(last) = members.last() else { break };
        after = Some((last.joined_at.0, last.user.id.0));
        of_room.extend(in_room.into_iter().map(|member| (member.user, member.role)));
        of_club.extend(members.into_iter().map(|member| (member.user, member.role)));
    }
    assert_eq!(of_club, of_room);
    assert_eq!(of_club.iter().map(|(user, _)| user.username.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(of_club.last().unwrap().1, ClubRole::Owner);
    assert_eq!(of_club[0].1, ClubRole::Member);
}

async fn deletion_is_soft_and_once(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let other = world.room(club.id, "other", mina, moim::domain::RoomKind::Member).await;
    let rooms = world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(rooms, ClubDeleted::Done(vec![general, other]));
    let again = world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(again, ClubDeleted::Done(Vec::new()));
    assert_eq!(world.store.club(club.id, mina).await.unwrap(), None);
    assert!(world.store.my_clubs(mina).await.unwrap().is_empty());
    assert!(names(&world, QUERY, mina).await.is_empty());
    assert!(world.store.room(general).await.unwrap().is_none());
    assert!(!world.store.may_read(general, mina).await.unwrap());
    assert!(world.store.roster(general).await.unwrap().is_empty());
    assert!(world.store.club_rooms(club.id, mina).await.unwrap().is_empty());
    let views = world.store.rooms_of(&[mina, bob]).await.unwrap();
    assert!(views.iter().all(|(_user, view)| view.club.is_none()));
    world.tells_arrivals_the_same(&[mina, bob]).await;
    assert!(world.store.snapshot(general, 10, &[]).await.unwrap().is_none());
    assert!(world.store.log_head(general).await.unwrap().is_none());
    assert_eq!(world.store.room_members(general, first()).await.unwrap(), []);
}

async fn who_has_lost_the_role_meanwhile_changes_nothing(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, _general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let patch = ClubPatch { greeting: Some("mine now"), ..ClubPatch::default() };
    let says = ClubAssistantPatch { persona: Some("mine now"), ..ClubAssistantPatch::default() };
    let stranger = world.user("eve").await;
    for who in [bob, stranger] {
        let who = (who, world.now());
        let changed = world.store.update_club(club.id, &patch, who).await.unwrap();
        assert_eq!(changed, ClubChange::Denied);
        let changed = world.store.set_club_assistant(club.id, &says, who).await.unwrap();
        assert_eq!(changed, ClubAssistantChange::Denied);
        let deleted = world.store.delete_club(club.id, who).await.unwrap();
        assert_eq!(deleted, ClubDeleted::Denied);
    }
    let club = world.store.club(club.id, mina).await.unwrap().expect("it lives");
    assert_ne!(club.greeting, "mine now");
    let said = world.store.club_assistant(club.id).await.unwrap().unwrap();
    assert_eq!(said.manner.persona, "");
    // A manager has a say in the one, and not in the others.
    let (role, at) = (ClubRole::Manager, world.now());
    let promote = Append::SetRole { club: club.id, by: mina, user: bob, role, at };
    assert!(matches!(world.one(promote).await, Appended::Moved(_)));
    let who = (bob, world.now());
    let changed = world.store.set_club_assistant(club.id, &says, who).await.unwrap();
    assert!(matches!(changed, ClubAssistantChange::Done(..)), "{changed:?}");
    assert_eq!(world.store.update_club(club.id, &patch, who).await.unwrap(), ClubChange::Denied);
    assert_eq!(world.store.delete_club(club.id, who).await.unwrap(), ClubDeleted::Denied);
}
