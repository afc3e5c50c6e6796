//! Who may do what in a room: what is kept of it.

use moim::domain::{InvalidOverride, Least, Permission, Rank, RoomId, RoomKind};
use moim::store::{Page, PermissionChange};

use crate::harness::{World, on_both};
use crate::moderation::club;

on_both!(
    a_change_is_kept_whole_or_not_at_all,
    only_who_may_configure_changes,
    ranks_are_those_of_the_club_the_host_and_the_admin,
);

async fn a_change_is_kept_whole_or_not_at_all(world: World) {
    let club = club(&world).await;
    let room = club.general;
    let set = async |wishes: &[(Permission, Option<Least>)]| {
        let who = (club.owner, world.now());
        world.store.set_permissions(room, wishes, who).await.unwrap()
    };
    let info = async || world.store.room(room).await.unwrap().unwrap();
    let before = info().await;
    let wishes = [
        (Permission::Pin, Some(Least::Member)),
        (Permission::Attach, Some(Least::Nobody)),
        (Permission::Send, Some(Least::Moderator)),
    ];
    assert_eq!(set(&wishes).await, PermissionChange::Done);
    let after = info().await;
    assert_eq!(
        (after.write.as_str(), after.permissions.as_str()),
        ("moderators", "attach=nobody pin=member")
    );
    assert!(after.rev > before.rev);
    let rules = after.settings().rules;
    assert!(rules.allows(Permission::Pin, Rank::Member));
    assert!(!rules.allows(Permission::Send, Rank::Member));
    let odd = [(Permission::Pin, None), (Permission::Read, Some(Least::Owner))];
    let why = InvalidOverride::Fixed;
    assert_eq!(set(&odd).await, PermissionChange::Invalid(Permission::Read, why));
    assert_eq!(info().await, after, "nothing of it");
    assert_eq!(set(&wishes).await, PermissionChange::Done);
    assert_eq!(info().await.rev, after.rev, "nothing changed");
    let all = wishes.map(|(permission, _)| (permission, None));
    assert_eq!(set(&all).await, PermissionChange::Done);
    let back = info().await;
    assert_eq!((back.write, back.permissions), (before.write, before.permissions));
    let audit = world.store.audit(club.id, Page::first(9)).await.unwrap();
    let told: Vec<_> =
        audit.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    assert_eq!(
        told,
        [
            ("room.permissions", "pin=default attach=default send=default"),
            ("room.permissions", "pin=member attach=nobody send=moderator"),
        ]
    );
    assert_eq!(audit[0].room, Some(room));
}

async fn only_who_may_configure_changes(world: World) {
    let club = club(&world).await;
    let board = world.room(club.id, "board", club.owner, RoomKind::Manager).await;
    let pin = [(Permission::Pin, Some(Least::Member))];
    let set = async |room, by, wishes: &[_]| {
        world.store.set_permissions(room, wishes, (by, world.now())).await.unwrap()
    };
    assert_eq!(set(club.general, club.member, &pin).await, PermissionChange::Denied);
    assert_eq!(set(board, club.member, &pin).await, PermissionChange::Gone);
    assert_eq!(set(RoomId(999), club.owner, &pin).await, PermissionChange::Gone);
    assert_eq!(set(club.general, club.manager, &pin).await, PermissionChange::Done);
    let mine = [(Permission::Configure, Some(Least::Owner))];
    let above = PermissionChange::Invalid(Permission::Configure, InvalidOverride::AboveYou);
    assert_eq!(set(club.general, club.manager, &mine).await, above);
    assert_eq!(set(club.general, club.owner, &mine).await, PermissionChange::Done);
    assert_eq!(set(club.general, club.manager, &pin).await, PermissionChange::Denied);
}

async fn ranks_are_those_of_the_club_the_host_and_the_admin(world: World) {
    let club = club(&world).await;
    let lobby = world.lobby().await;
    world.store.set_instance_role("member", moim::domain::InstanceRole::Admin).await.unwrap();
    let rank = async |room, user| world.store.rank(room, user).await.unwrap();
    assert_eq!(rank(club.general, club.owner).await, Some(Rank::Owner));
    assert_eq!(rank(club.general, club.manager).await, Some(Rank::Moderator));
    assert_eq!(rank(club.general, club.member).await, Some(Rank::Member), "no master key");
    assert_eq!(rank(lobby, club.member).await, Some(Rank::Owner));
    assert_eq!(rank(lobby, club.owner).await, Some(Rank::Member));
    let stranger = world.user("stranger").await;
    assert_eq!(rank(club.general, stranger).await, None);
    for room in [club.general, lobby] {
        for row in world.store.roster(room).await.unwrap() {
            assert_eq!(Some(row.standing.rank), rank(room, row.user).await);
        }
    }
}
