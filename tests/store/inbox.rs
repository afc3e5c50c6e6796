//! Mentions, answers, and the inbox entries that they cause.

use futures_util::future::join_all;
use moim::domain::{Millis, NoticeId, RoomId, UserId};
use moim::store::{
    Append, Appended, InboxMarks, Notice, NoticeFilter, Page, ReadSelection, ShownNotices,
    StoredNotice,
};

use crate::harness::{Plain, World, first, message, on_both, reply};

on_both!(
    a_mention_names_the_longest_name_that_there_is,
    nobody_is_named_who_may_not_read,
    a_name_twice_is_one_entry_and_oneself_none,
    an_answer_tells_its_author,
    being_named_wins_over_being_answered,
    who_has_left_hears_nothing,
    entries_are_numbered_per_user_across_batches,
    entries_read_back,
    reading_marks_only_ones_own,
    the_first_time_that_an_entry_is_shown_stays,
    reading_a_room_reads_its_entries,
    the_inbox_is_made_with_the_account,
);

async fn send(world: &World, append: Append) -> (Vec<UserId>, Vec<StoredNotice>) {
    match world.one(append).await {
        Appended::Message { mentions, notices, .. } => (mentions, notices),
        other => panic!("{other:?}"),
    }
}

async fn named(world: &World, room: RoomId, author: UserId, text: &str) -> Vec<UserId> {
    let cid = format!("m{}", world.now().0);
    send(world, message(room, author, &cid, text)).await.0
}

async fn list(world: &World, user: UserId) -> Vec<Notice> {
    world.store.notices(user, NoticeFilter::All, first()).await.unwrap()
}

async fn a_mention_names_the_longest_name_that_there_is(world: World) {
    let author = world.user("author").await;
    let (mina, minami, hangul) =
        (world.user("Mina").await, world.user("minami").await, world.user("미나").await);
    let lobby = world.lobby().await;
    assert_eq!(named(&world, lobby, author, "@mina hi").await, [mina]);
    assert_eq!(named(&world, lobby, author, "@MINAMI, @mina.").await, [minami, mina]);
    assert_eq!(named(&world, lobby, author, "@미나님 안녕").await, [hangul]);
    assert_eq!(named(&world, lobby, author, "`@mina` a@mina @nobody-here").await, []);
    world.one(Append::LeaveRoom { room: lobby, user: minami, at: world.now() }).await;
    assert_eq!(
        named(&world, lobby, author, "@minami").await,
        [],
        "she was called, and is not here"
    );
    assert_eq!(named(&world, lobby, author, "@minam").await, [mina], "nobody has the longer name");
}

async fn nobody_is_named_who_may_not_read(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    let board = world.room(club.id, "board", mina, moim::domain::RoomKind::Manager).await;
    assert_eq!(named(&world, general, mina, "@bob").await, []);
    world.join(club.id, bob).await;
    assert_eq!(named(&world, general, mina, "@bob").await, [bob]);
    assert_eq!(named(&world, board, mina, "@bob").await, [], "not in the managers' room");
    assert_eq!(list(&world, bob).await.len(), 1);
}

async fn a_name_twice_is_one_entry_and_oneself_none(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let (mentions, notices) =
        send(&world, message(lobby, mina, "1", "@bob @Bob @mina and @bob!")).await;
    assert_eq!(mentions, [bob]);
    assert_eq!(notices.len(), 1);
    assert_eq!((notices[0].user, notices[0].seq), (bob, 1));
    assert!(list(&world, mina).await.is_empty());
}

async fn an_answer_tells_its_author(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let asked = world.say(lobby, mina, "how?").await.seq;
    let (mentions, notices) = send(&world, reply(lobby, bob, "1", asked)).await;
    assert!(mentions.is_empty());
    assert_eq!(notices.iter().map(|notice| notice.user).collect::<Vec<_>>(), [mina]);
    let entry = list(&world, mina).await.remove(0);
    assert_eq!((entry.kind.as_str(), entry.room, entry.from), ("reply", Some(lobby), Some(bob)));
    assert_eq!((entry.message_seq, entry.title.as_str()), (Some(2), "reply by bob"));
    assert_eq!((entry.body.as_str(), entry.read_at), ("yes", None));
    let (_mentions, notices) = send(&world, reply(lobby, mina, "2", asked)).await;
    assert!(notices.is_empty(), "an answer to oneself");
}

async fn being_named_wins_over_being_answered(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let asked = world.say(lobby, bob, "how?").await.seq;
    let Append::Message(mut answer) = message(lobby, mina, "1", "@bob so") else { unreachable!() };
    answer.reply_to = Some(asked);
    let (_mentions, notices) = send(&world, Append::Message(answer)).await;
    assert_eq!(notices.len(), 1);
    assert_eq!(list(&world, bob).await[0].kind, "mention");
}

async fn who_has_left_hears_nothing(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let asked = world.say(general, bob, "bye").await.seq;
    world.leave(club.id, bob).await;
    let (_mentions, notices) = send(&world, reply(general, mina, "1", asked)).await;
    assert!(notices.is_empty());
}

async fn entries_are_numbered_per_user_across_batches(world: World) {
    let (mina, bob, carol) =
        (world.user("mina").await, world.user("bob").await, world.user("carol").await);
    let lobby = world.lobby().await;
    let batches: Vec<Vec<Append>> = (0..8)
        .map(|b| {
            (0..4)
                .map(|i| {
                    let text = if i % 2 == 0 { "@bob @carol" } else { "@carol" };
                    message(lobby, mina, &format!("{b}-{i}"), text)
                })
                .collect()
        })
        .collect();
    for done in join_all(batches.iter().map(|batch| world.store.append(batch, &Plain))).await {
        done.unwrap();
    }
    let mut ids = Vec::new();
    for (user, count) in [(bob, 16), (carol, 32)] {
        let events = world.store.inbox_events_after(user, 0, 100).await.unwrap();
        let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=count).collect::<Vec<_>>());
        let head = world.store.inbox_head(user).await.unwrap();
        assert_eq!((head.head, head.unread), (count, count));
        ids.extend(list(&world, user).await.iter().map(|notice| notice.id.0));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 48, "an id is never given twice");
}

async fn entries_read_back(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let long = format!("@bob {}", "가".repeat(300));
    let (_mentions, notices) = send(&world, message(lobby, mina, "1", &long)).await;
    let entry = list(&world, bob).await.remove(0);
    assert_eq!(entry.body.chars().count(), 200);
    let event = &world.store.inbox_events_after(bob, 0, 10).await.unwrap()[0];
    assert_eq!(event.body, notices[0].body);
    assert_eq!(&*event.body, format!("{} mention seq=1 message=1 club=None en", entry.id));
    for i in 0..3 {
        world.say(lobby, mina, &format!("@bob {i}")).await;
    }
    let page = Page { after: None, limit: 3 };
    let seqs = |page: Vec<Notice>| page.iter().map(|entry| entry.seq).collect::<Vec<_>>();
    let newest = world.store.notices(bob, NoticeFilter::All, page).await.unwrap();
    assert_eq!(seqs(newest), [4, 3, 2]);
    let page = Page { after: Some(2), limit: 3 };
    assert_eq!(seqs(world.store.notices(bob, NoticeFilter::All, page).await.unwrap()), [1]);
    let after = world.store.inbox_events_after(bob, 2, 1).await.unwrap();
    assert_eq!(after.iter().map(|event| event.seq).collect::<Vec<_>>(), [3]);
}

async fn the_first_time_that_an_entry_is_shown_stays(world: World) {
    let (mina, bob, eve) =
        (world.user("mina").await, world.user("bob").await, world.user("eve").await);
    let lobby = world.lobby().await;
    for _ in 0..6 {
        world.say(lobby, mina, "@bob @eve").await;
    }
    let shown = |user, (first, last), at| ShownNotices { user, first, last, at: Millis(at) };
    let times = async |user| {
        let entries = list(&world, user).await;
        let times = entries.iter().rev().map(|entry| entry.delivered_at.map_or(0, |at| at.0));
        times.collect::<Vec<_>>()
    };
    // Two devices, the later one first, and an inbox that ends before.
    let two = [shown(bob, (2, 4), 50), shown(bob, (3, 5), 40), shown(mina, (1, 9), 30)];
    world.store.note_shown(&two).await.unwrap();
    assert_eq!(times(bob).await, [0, 50, 40, 40, 40, 0]);
    assert_eq!(times(eve).await, [0; 6]);
    world.store.note_shown(&[shown(bob, (1, 6), 20), shown(eve, (6, 6), 20)]).await.unwrap();
    assert_eq!(times(bob).await, [20, 50, 40, 40, 40, 20], "none is written anew");
    assert_eq!(times(eve).await, [0, 0, 0, 0, 0, 20]);
    world.store.note_shown(&[]).await.unwrap();
    assert_eq!(world.store.inbox_head(bob).await.unwrap().unread, 6, "shown is not read");
    let logged = world.store.inbox_events_after(eve, 4, 9).await.unwrap();
    assert_eq!(logged.iter().map(|one| one.is_shown).collect::<Vec<_>>(), [false, true]);
    // Many at once, each user in their own row.
    let many = (1..=1_500).map(|n| shown(eve, (n, n), 70)).collect::<Vec<_>>();
    world.store.note_shown(&many).await.unwrap();
    assert_eq!(times(eve).await, [70, 70, 70, 70, 70, 20]);
}

async fn reading_marks_only_ones_own(world: World) {
    let (mina, bob, eve) =
        (world.user("mina").await, world.user("bob").await, world.user("eve").await);
    let lobby = world.lobby().await;
    for i in 0..5 {
        world.say(lobby, mina, &format!("@bob {i}")).await;
    }
    let ids: Vec<NoticeId> = list(&world, bob).await.iter().rev().map(|entry| entry.id).collect();
    let at = world.now();
    let theft = ReadSelection::Ids(ids.clone());
    assert_eq!(world.store.mark_notices(eve, &theft, at).await.unwrap(), 0);
    assert_eq!(world.store.inbox_head(bob).await.unwrap().unread, 5, "not eve's to read");
    let upto = ReadSelection::Upto(2);
    assert_eq!(world.store.mark_notices(bob, &upto, at).await.unwrap(), 3);
    let one = ReadSelection::Ids(vec![ids[3], NoticeId(9_999)]);
    assert_eq!(world.store.mark_notices(bob, &one, at).await.unwrap(), 2);
    let marks = world.store.inbox_marks(bob).await.unwrap();
    assert_eq!(
        marks,
        InboxMarks { unread: 2, read_upto: 2, read_ids: vec![ids[3]], dropped: vec![] }
    );
    let unread = world.store.notices(bob, NoticeFilter::Unread, first()).await.unwrap();
    assert_eq!(unread.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[4], ids[2]]);
    let none = ReadSelection::Ids(Vec::new());
    assert_eq!(world.store.mark_notices(bob, &none, at).await.unwrap(), 2);
    let all = ReadSelection::Upto(i64::MAX);
    assert_eq!(world.store.mark_notices(bob, &all, at).await.unwrap(), 0);
    let marks = world.store.inbox_marks(bob).await.unwrap();
    assert_eq!(marks, InboxMarks { unread: 0, read_upto: 5, read_ids: vec![], dropped: vec![] });
}

async fn reading_a_room_reads_its_entries(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let (club, general) = world.club("Chess", mina).await;
    world.join(club.id, bob).await;
    let first = world.say(lobby, mina, "@bob 1").await.seq;
    world.say(lobby, mina, "@bob 2").await;
    world.say(general, mina, "@bob 3").await;
    let reads = async |seq| {
        let mark = Append::Mark { room: lobby, user: bob, seq, at: world.now() };
        match world.one(mark).await {
            Appended::Marked(_mark, read) => read.map(|read| (read.ids.len(), read.unread)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reads(first).await, Some((1, 2)));
    assert_eq!(reads(first).await, None, "once");
    // Who writes has read everything, too.
    match world.one(message(lobby, bob, "mine", "here I am")).await {
        Appended::Message { read: Some(read), .. } => assert_eq!(read.unread, 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(reads(99).await, None);
    let entry = list(&world, bob).await.remove(0);
    assert_eq!((entry.room, entry.read_at), (Some(general), None));
}

async fn the_inbox_is_made_with_the_account(world: World) {
    let mina = world.user("mina").await;
    let head = world.store.inbox_head(mina).await.unwrap();
    assert_eq!((head.head, head.unread, head.epoch.0.len()), (0, 0, 12));
    assert_eq!(world.again().await.inbox_head(mina).await.unwrap(), head);
    let marks = world.store.inbox_marks(mina).await.unwrap();
    assert_eq!(marks, InboxMarks { unread: 0, read_upto: 0, read_ids: vec![], dropped: vec![] });
    assert!(world.store.inbox_head(UserId(999)).await.is_err());
    let heads = world.store.inbox_heads(&[mina, UserId(999)]).await.unwrap();
    assert_eq!(heads, [(mina, head)]);
}
