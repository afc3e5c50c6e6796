//! Files and previews: whose they are, what they count for, and how they go.

use std::time::Duration;

use moim::domain::{FileId, FileName, LinkPreview, Millis, RoomId, Text, UserId};
use moim::store::{
    Act, Append, AppendRefusal, Appended, Deed, File, FileLimits, NewFile, NewMessage, NewPreviews,
    NoRoomForFile, StoreError, Whose, Window,
};

use crate::harness::{World, message, on_both};

on_both!(
    a_message_takes_its_files_along,
    two_messages_of_a_batch_do_not_share_a_file,
    the_files_of_deleted_messages_are_gone_at_once,
    room_is_counted_exactly,
    many_at_once_stay_within_their_limits,
    an_upload_that_is_swept_cannot_be_used,
    previews_are_events_of_the_log_and_go_with_their_message,
    a_preview_of_another_version_is_not_kept,
    what_a_page_said_is_known_for_a_while,
);

const PLENTY: FileLimits = FileLimits { day: 1 << 40, all: 1 << 40 };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn new<'a>(room: RoomId, uploader: UserId, blob: &'a str, name: &'a FileName) -> NewFile<'a> {
    let at = Millis(1_766_000_000_000);
    let (mime, size) = ("text/plain", 10_000);
    NewFile { room, uploader, blob, name, mime, size, sides: None, preview: None, at }
}

async fn add(world: &World, room: RoomId, uploader: UserId, blob: &str) -> FileId {
    let name = FileName::clean(blob);
    let added = world.store.add_file(new(room, uploader, blob, &name), PLENTY).await;
    added.unwrap().unwrap()
}

fn with(room: RoomId, author: UserId, cid: &str, files: &[FileId]) -> Append {
    let Append::Message(plain) = message(room, author, cid, "look") else { unreachable!() };
    Append::Message(NewMessage { files: files.to_vec(), ..plain })
}

fn refusal(appended: &Appended) -> Option<AppendRefusal> {
    match appended {
        Appended::Refused(why) => Some(why.clone()),
        _done => None,
    }
}

async fn delete(world: &World, room: RoomId, by: UserId, message: i64) {
    let deed = Deed::Delete { message, whose: Whose::Own };
    let done = world.one(Append::Act(Act { room, by, deed, at: world.now() })).await;
    assert!(matches!(done, Appended::Acted(_)), "{done:?}");
}

fn ids(files: &[File]) -> Vec<FileId> {
    files.iter().map(|file| file.id).collect()
}

async fn a_message_takes_its_files_along(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let (one, two) = (add(&world, lobby, mina, "one").await, add(&world, lobby, mina, "two").await);
    assert!(world.store.open_file(one, mina).await.unwrap().is_some());
    assert!(world.store.open_file(one, bob).await.unwrap().is_none(), "not sent yet");
    world.say(lobby, bob, "before").await;
    let done = world.one(with(lobby, mina, "c", &[two, one])).await;
    let Appended::Message { event, .. } = done else { panic!("{done:?}") };
    assert!(event.body.contains(&format!(" {two} {one} ")), "{}", event.body);
    world.say(lobby, bob, "behind").await;
    for read in [
        world.messages(lobby, Window::Newest, 10).await,
        world.messages(lobby, Window::After(0), 10).await,
        world.messages(lobby, Window::Around(2), 10).await,
        world.store.snapshot(lobby, 10, &[]).await.unwrap().unwrap().messages,
    ] {
        let files: Vec<_> = read.iter().map(|message| ids(&message.files)).collect();
        assert_eq!(files, [vec![], vec![two, one], vec![]]);
    }
    let open = world.store.open_file(one, bob).await.unwrap().unwrap();
    assert_eq!((open.room, open.blob.as_str(), open.file.size), (lobby, "one", 10_000));
    // The same again is the same message.
    let again = world.one(with(lobby, mina, "c", &[two, one])).await;
    assert!(matches!(again, Appended::Duplicate { .. }), "{again:?}");
    let (club, room) = world.club("Chess", mina).await;
    let inside = add(&world, room, mina, "inside").await;
    world.one(with(room, mina, "c", &[inside])).await;
    assert!(world.store.open_file(inside, bob).await.unwrap().is_none());
    world.join(club.id, bob).await;
    assert!(world.store.open_file(inside, bob).await.unwrap().is_some());
    world.leave(club.id, bob).await;
    assert!(world.store.open_file(inside, bob).await.unwrap().is_none());
}

async fn two_messages_of_a_batch_do_not_share_a_file(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let (of_mina, of_bob) =
        (add(&world, lobby, mina, "m").await, add(&world, lobby, bob, "b").await);
    let done = world
        .append(&[
            with(lobby, mina, "1", &[of_mina]),
            with(lobby, mina, "2", &[of_mina]),
            with(lobby, mina, "3", &[of_bob]),
            with(lobby, bob, "4", &[of_bob]),
            with(lobby, mina, "1", &[of_mina]),
            message(lobby, mina, "5", "plain"),
        ])
        .await;
    let refusals: Vec<_> = done.iter().map(refusal).collect();
    let no = || Some(AppendRefusal::NoSuchFile);
    assert_eq!(refusals, [None, no(), no(), None, None, None]);
    assert!(matches!(done[4], Appended::Duplicate { seq: 1, .. }), "{:?}", done[4]);
    assert_eq!(world.log(lobby).await.len(), 3);
    // A repeated send whose first was refused is judged anew.
    let again = world.one(with(lobby, mina, "2", &[])).await;
    assert!(matches!(again, Appended::Message { .. }), "{again:?}");
}

async fn the_files_of_deleted_messages_are_gone_at_once(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    let (one, two) = (add(&world, lobby, mina, "one").await, add(&world, lobby, mina, "two").await);
    world.append(&[with(lobby, mina, "1", &[one]), with(lobby, mina, "2", &[two])]).await;
    delete(&world, lobby, mina, 1).await;
    assert!(world.store.open_file(one, mina).await.unwrap().is_none());
    assert!(world.store.open_file(two, mina).await.unwrap().is_some());
    let read = world.messages(lobby, Window::Newest, 10).await;
    assert_eq!(read.iter().map(|m| m.files.len()).collect::<Vec<_>>(), [0, 1]);
    let now = Millis(1_766_000_000_001);
    let dropped = world.store.dropped_files(now, DAY).await.unwrap();
    assert_eq!(dropped, [(one, "one".to_owned())]);
    // Until it is said that the bytes are gone, they are to be removed.
    assert_eq!(world.store.dropped_files(now, DAY).await.unwrap(), dropped);
    world.store.erase_files(&[one, two]).await.unwrap();
    assert!(world.store.dropped_files(now, DAY).await.unwrap().is_empty());
    assert!(world.store.open_file(two, mina).await.unwrap().is_some(), "only what was dropped");
}

async fn room_is_counted_exactly(world: World) {
    let (mina, bob) = (world.user("mina").await, world.user("bob").await);
    let lobby = world.lobby().await;
    let limits = FileLimits { day: 25_000, all: 45_000 };
    let name = FileName::clean("x");
    let add = async |who, blob: &str, size, preview| {
        let new = NewFile { size, preview, ..new(lobby, who, blob, &name) };
        world.store.add_file(new, limits).await.unwrap()
    };
    let now = Millis(1_766_000_000_000);
    let room = async |who| {
        let room = world.store.file_room(who, now, limits).await.unwrap();
        (room.day, room.all)
    };
    assert_eq!(room(mina).await, (25_000, 45_000));
    let one = add(mina, "a", 10_000, Some(("image/jpeg", 5_000))).await.unwrap();
    add(mina, "b", 1, None).await.unwrap();
    assert_eq!(room(mina).await, (25_000 - 15_000 - 4_096, 45_000 - 15_000 - 4_096));
    assert_eq!(add(mina, "c", 5_905, None).await, Err(NoRoomForFile::Day));
    add(mina, "d", 5_904, None).await.unwrap();
    assert_eq!(room(mina).await, (0, 20_000));
    assert_eq!(add(bob, "e", 20_001, None).await, Err(NoRoomForFile::All));
    assert_eq!(room(bob).await, (25_000, 20_000), "what was refused counts for nothing");
    world.store.drop_file(one).await.unwrap();
    world.store.erase_files(&[one]).await.unwrap();
    world.store.erase_files(&[one]).await.unwrap();
    assert_eq!(room(mina).await, (0, 35_000));
    let tomorrow = world.store.file_room(mina, now.plus(DAY), limits).await.unwrap();
    assert_eq!(tomorrow.day, 25_000);
}

async fn many_at_once_stay_within_their_limits(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    let limits = FileLimits { day: 50_000, all: 1 << 40 };
    let adding = (0..12).map(async |n: i64| {
        let (blob, name) = (format!("blob{n}"), FileName::clean("x"));
        let added = world.store.add_file(new(lobby, mina, &blob, &name), limits).await;
        usize::from(added.unwrap().is_ok())
    });
    let taken: usize = futures_util::future::join_all(adding).await.into_iter().sum();
    assert_eq!(taken, 5);
}

async fn an_upload_that_is_swept_cannot_be_used(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    let old = add(&world, lobby, mina, "old").await;
    let now = Millis(1_766_000_000_000);
    assert!(world.store.dropped_files(now.plus(DAY), DAY).await.unwrap().is_empty());
    let later = now.plus(DAY + Duration::from_secs(1));
    assert_eq!(world.store.dropped_files(later, DAY).await.unwrap().len(), 1);
    let done = world.one(with(lobby, mina, "c", &[old])).await;
    assert_eq!(refusal(&done), Some(AppendRefusal::NoSuchFile));
    assert!(world.store.open_file(old, mina).await.unwrap().is_none());
}

fn preview(url: &str, title: &str) -> LinkPreview {
    LinkPreview::new(url, title, None, Some("A site")).unwrap()
}

fn previews(room: RoomId, message_seq: i64, text_seq: i64, titles: &[&str]) -> Append {
    let previews = titles.iter().map(|title| preview("https://e.org", title)).collect();
    let at = Millis(1_766_000_000_005);
    Append::Previews(NewPreviews { room, message_seq, text_seq, previews, at })
}

async fn previews_are_events_of_the_log_and_go_with_their_message(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    world.say(lobby, mina, "https://e.org").await;
    world.say(lobby, mina, "and more").await;
    let done = world
        .append(&[previews(lobby, 1, 1, &["One"]), previews(lobby, 1, 1, &["Two", "Three"])])
        .await;
    let [Appended::Event(one), Appended::Event(two)] = &done[..] else { panic!("{done:?}") };
    assert_eq!(((one.seq, one.n), (two.seq, two.n)), ((3, 2), (4, 2)));
    world.say(lobby, mina, "third").await;
    let log = world.log(lobby).await;
    assert_eq!(
        log.iter().map(|event| (event.seq, event.n)).collect::<Vec<_>>(),
        [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3)]
    );
    let read = world.messages(lobby, Window::Newest, 10).await;
    let titles = |at: usize| read[at].previews.iter().map(|p| p.title.as_str()).collect::<Vec<_>>();
    assert_eq!((titles(0), titles(1)), (vec!["Two", "Three"], vec![]), "the last one holds");
    delete(&world, lobby, mina, 1).await;
    let log = world.log(lobby).await;
    for word in ["One", "Two", "Three"] {
        assert!(log.iter().all(|event| !event.body.contains(word)), "{word} is gone");
    }
    assert_eq!(log[2].body.as_ref(), "erased previews seq=3 of=1 [");
    let read = world.messages(lobby, Window::Newest, 10).await;
    assert!(read.iter().all(|message| message.previews.is_empty()));
}

async fn a_preview_of_another_version_is_not_kept(world: World) {
    let mina = world.user("mina").await;
    let lobby = world.lobby().await;
    world.say(lobby, mina, "https://e.org").await;
    let done = world
        .append(&[
            previews(lobby, 1, 2, &["x"]),
            previews(lobby, 9, 9, &["x"]),
            previews(RoomId(999), 1, 1, &["x"]),
        ])
        .await;
    let refusals: Vec<_> = done.iter().map(refusal).collect();
    let no = || Some(AppendRefusal::NoSuchMessage);
    assert_eq!(refusals, [no(), no(), Some(AppendRefusal::Gone)]);
    assert_eq!(world.log(lobby).await.len(), 1);
    // An edit makes those void that were told, and takes those for its own text.
    world.one(previews(lobby, 1, 1, &["Old"])).await;
    let text = Text::parse("https://e.org/other").unwrap();
    let deed = Deed::Edit { message: 1, text, cid: None, called: None, flagged: None };
    world.one(Append::Act(Act { room: lobby, by: mina, deed, at: world.now() })).await;
    let titles = async || {
        let read = world.messages(lobby, Window::Newest, 10).await;
        read[0].previews.iter().map(|preview| preview.title.clone()).collect::<Vec<_>>()
    };
    assert_eq!(titles().await, [""; 0]);
    assert_eq!(refusal(&world.one(previews(lobby, 1, 1, &["Old"])).await), no());
    world.one(previews(lobby, 1, 3, &["New"])).await;
    assert_eq!(titles().await, ["New"]);
}

async fn what_a_page_said_is_known_for_a_while(world: World) {
    let urls = ["https://e.org/a", "https://e.org/b", "https://e.org/c"].map(str::to_owned);
    let (now, hour) = (Millis(1_766_000_000_000), Duration::from_secs(3_600));
    let known = async |at| world.store.known_links(&urls, at).await.unwrap();
    assert!(known(now).await.is_empty());
    let page = preview(&urls[0], "A \"title\" 가");
    world.store.keep_link(&urls[0], Some(&page), now.plus(hour)).await.unwrap();
    world.store.keep_link(&urls[1], None, now.plus(hour * 2)).await.unwrap();
    let found = known(now).await;
    // The caller knows where it is.
    let page = LinkPreview { url: String::new(), ..page };
    assert_eq!((found.get(&urls[0]), found.get(&urls[1])), (Some(&Some(page)), Some(&None)));
    assert_eq!(known(now.plus(hour)).await.len(), 1);
    world.store.keep_link(&urls[1], Some(&preview(&urls[1], "now")), now.plus(hour)).await.unwrap();
    assert_eq!(world.store.sweep_links(now.plus(hour)).await.unwrap(), 2);
    world.sql("INSERT INTO link (url, body, until) VALUES ('https://e.org/a', 'rubbish', 9000000000000)").await;
    let odd = world.store.known_links(&urls, now).await;
    assert!(matches!(odd, Err(StoreError::Corrupt(_))), "{odd:?}");
}
