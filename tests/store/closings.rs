//! A club closes: its members hear of it, each once, whoever tells them.

use futures_util::future::join_all;
use moim::domain::UserId;
use moim::store::{Append, Appended, NoticeFilter, Page};

use crate::harness::{Plain, World, on_both};

on_both!(
    the_members_of_a_closed_club_are_told_in_pieces,
    nodes_that_tell_at_once_tell_nobody_twice,
    a_club_without_others_tells_nobody,
);

/// Lets so many people into a club; the last of them.
async fn fill(world: &World, club: i64, count: i64) -> UserId {
    let mut last = UserId(0);
    for n in 0..count {
        let name = format!("many{n}");
        last = world.user(&name).await;
        let values = format!("({club}, {}, 'member', 'active', 1)", last.0);
        let into = "INSERT INTO membership (club_id, user_id, role, status, joined_at) VALUES";
        world.sql(&format!("{into} {values}")).await;
    }
    world.sql(&format!("UPDATE club SET member_count = member_count + {count}")).await;
    last
}

async fn told(world: &World) -> i64 {
    world.count("SELECT count(*) FROM notice WHERE kind = 'club_removed'").await
}

async fn the_members_of_a_closed_club_are_told_in_pieces(world: World) {
    let (mina, gone) = (world.user("mina").await, world.user("gone").await);
    let (club, _general) = world.club("Chess", mina).await;
    world.join(club.id, gone).await;
    world.leave(club.id, gone).await;
    let one = fill(&world, club.id.0, 130).await;
    let next = async || world.one(Append::TellClosed { club: club.id }).await;
    let pieces = async || match next().await {
        Appended::Moved(moves) => moves.notices.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pieces().await, 0, "it lives");
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(world.store.next_closing().await.unwrap(), Some(club.id));
    assert_eq!((pieces().await, pieces().await, pieces().await), (100, 30, 0));
    assert_eq!(world.store.next_closing().await.unwrap(), None);
    assert_eq!(told(&world).await, 130, "neither who closed it nor who had left");
    let entries = world.store.notices(one, NoticeFilter::All, Page::first(9)).await.unwrap();
    assert_eq!((entries.len(), entries[0].title.as_str()), (1, "Chess closed"));
    assert_eq!((entries[0].from, entries[0].body.as_str()), (None, ""));
    let again = world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(again, moim::store::ClubDeleted::Done(Vec::new()));
    assert_eq!(world.store.next_closing().await.unwrap(), None, "once");
}

async fn nodes_that_tell_at_once_tell_nobody_twice(world: World) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club("Chess", mina).await;
    fill(&world, club.id.0, 120).await;
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    let nodes = [world.store.clone(), world.again().await];
    let piece = [Append::TellClosed { club: club.id }];
    join_all((0..6).map(|n| nodes[n % 2].append(&piece, &Plain))).await;
    assert_eq!(told(&world).await, 120);
    let users = "SELECT count(DISTINCT user_id) FROM notice WHERE kind = 'club_removed'";
    assert_eq!(world.count(users).await, 120);
}

async fn a_club_without_others_tells_nobody(world: World) {
    let mina = world.user("mina").await;
    let (club, _general) = world.club("Chess", mina).await;
    world.store.delete_club(club.id, (mina, world.now())).await.unwrap();
    assert_eq!(world.store.next_closing().await.unwrap(), None);
}
