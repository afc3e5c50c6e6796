//! What was deleted is in no file of SQLite any more.

use moim::store::{Act, Append, DatabaseTarget, Deed, Whose};

use crate::harness::{Engine, World, message, run};

const SAID: &str = "the zebra is behind the third door";

#[test]
fn deleted_text_is_in_no_file() {
    run(Engine::Sqlite, deleted_text_goes);
}

async fn deleted_text_goes(world: World) {
    let mina = world.user("mina").await;
    let room = world.lobby().await;
    for n in 0..20 {
        world.one(message(room, mina, &format!("c-{n}"), &format!("{SAID} {n}"))).await;
    }
    assert!(holds(&world), "what is said stands in the files");
    for seq in world.store.events_after(room, 0, 100).await.unwrap() {
        let deed = Deed::Delete { message: seq.seq, whose: Whose::Own };
        let _lines_of_members_are_refused =
            world.one(Append::Act(Act { room, by: mina, deed, at: world.now() })).await;
    }
    world.store.empty_wal().await.unwrap();
    assert!(!holds(&world));
}

fn holds(world: &World) -> bool {
    let DatabaseTarget::Sqlite(file) = &world.target else { unreachable!() };
    let folder = file.parent().unwrap();
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(SAID.len()).any(|part| part == SAID.as_bytes())
    })
}
