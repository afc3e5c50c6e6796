//! Accounts: names, the first admin, the lobby that everyone comes into.

use futures_util::future::join_all;
use moim::domain::{InstanceRole, UserId};
use moim::store::{FirstUser, Page, StoreError};

use crate::harness::{World, first, on_both, register};

on_both!(
    a_new_account_reads_back_and_is_in_the_lobby,
    a_name_is_taken_in_whatever_case,
    of_many_first_registrations_one_is_admin,
    an_instance_with_people_makes_no_second_admin,
    people_are_found_by_part_of_their_name_in_pages,
    passwords_and_roles_change,
    a_secret_is_kept_once,
);

async fn a_new_account_reads_back_and_is_in_the_lobby(world: World) {
    let speaker = world.user("speaker").await;
    let lobby = world.store.rooms_of(&[speaker]).await.unwrap()[0].1.room;
    world.say(lobby, speaker, "early").await;
    let mina = world.account("Mina.미나").await;
    assert_eq!((mina.username.as_str(), mina.kind.as_str()), ("Mina.미나", "human"));
    let (found, hash) = world.store.credentials("mina.미나").await.unwrap().unwrap();
    assert_eq!((found, hash.as_str()), (mina.clone(), "hash"));
    assert!(world.store.credentials("nobody").await.unwrap().is_none());
    let users = world.store.users(&[mina.id, UserId(999)]).await.unwrap();
    assert_eq!(users.as_slice(), std::slice::from_ref(&mina));
    assert_eq!(world.store.users(&[]).await.unwrap(), []);
    let rooms = world.store.rooms_of(&[mina.id]).await.unwrap();
    let [(user, general)] = rooms.as_slice() else { panic!("{rooms:?}") };
    assert_eq!((*user, &*general.name, general.club), (mina.id, "general", None));
    assert_eq!((general.head, general.n, general.read_n), (1, 1, 1), "what was there is read");
    assert_eq!(general.epoch.0.len(), 12);
    assert!(general.epoch.0.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
}

async fn a_name_is_taken_in_whatever_case(world: World) {
    world.user("Mina").await;
    for name in ["Mina", "mina", "MINA"] {
        let again = register(&world.store, name, FirstUser::User, world.now()).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    }
    // The refused registrations left nothing behind and no transaction open.
    assert_eq!(world.store.find_users("mina", first()).await.unwrap().len(), 1);
    world.user("minb").await;
}

async fn of_many_first_registrations_one_is_admin(world: World) {
    let names: Vec<String> = (0..8).map(|i| format!("user{i}")).collect();
    let all = names.iter().map(|name| register(&world.store, name, FirstUser::Admin, world.now()));
    let users = join_all(all).await;
    let admins = users
        .into_iter()
        .map(|user| user.unwrap().role)
        .filter(|role| *role == InstanceRole::Admin)
        .count();
    assert_eq!(admins, 1);
}

async fn an_instance_with_people_makes_no_second_admin(world: World) {
    assert_eq!(world.account("first").await.role, InstanceRole::User);
    let second = register(&world.store, "second", FirstUser::Admin, world.now()).await.unwrap();
    assert_eq!(second.role, InstanceRole::User);
}

async fn people_are_found_by_part_of_their_name_in_pages(world: World) {
    for i in 0..5 {
        world.user(&format!("Fox_{i}")).await;
    }
    world.user("foxy").await;
    let names = |users: Vec<moim::store::User>| -> Vec<String> {
        users.into_iter().map(|user| user.username).collect()
    };
    let page = Page { after: None, limit: 2 };
    let found = world.store.find_users("OX_", page).await.unwrap();
    let after = found.last().map(|user| user.id.0);
    assert_eq!(names(found), ["Fox_4", "Fox_3"], "an underscore is an underscore");
    let rest = world.store.find_users("ox_", Page { after, limit: 10 }).await.unwrap();
    assert_eq!(names(rest), ["Fox_2", "Fox_1", "Fox_0"]);
    assert!(world.store.find_users("%", first()).await.unwrap().is_empty());
}

async fn passwords_and_roles_change(world: World) {
    let mina = world.user("mina").await;
    world.store.set_password(mina, "new hash").await.unwrap();
    assert_eq!(world.store.credentials("mina").await.unwrap().unwrap().1, "new hash");
    let admin = world.store.set_instance_role("mina", InstanceRole::Admin).await.unwrap();
    assert_eq!(admin.map(|user| (user.id, user.role)), Some((mina, InstanceRole::Admin)));
    assert_eq!(world.store.set_instance_role("nobody", InstanceRole::Admin).await.unwrap(), None);
}

async fn a_secret_is_kept_once(world: World) {
    assert_eq!(world.store.keep_secret("key", b"one").await.unwrap(), b"one");
    assert_eq!(world.store.keep_secret("key", b"two").await.unwrap(), b"one");
    assert_eq!(world.store.keep_secret("other", b"\0\xff").await.unwrap(), b"\0\xff");
    assert_eq!(world.again().await.keep_secret("key", b"three").await.unwrap(), b"one");
}
