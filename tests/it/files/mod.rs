//! Files: uploaded, sent, shown to who may see them, and to nobody else.

mod life;
mod rights;
mod serving;
mod uploads;

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::on_both;
use crate::support::{Person, Process, Rest, TestApp, free_address};

/// Uploads a file; the answer as it is.
pub(crate) async fn try_upload(
    rest: &Rest,
    person: &Person,
    room: &str,
    name: &str,
    bytes: Vec<u8>,
) -> Response {
    let mut url: reqwest::Url = format!("{}/v1/rooms/{room}/files", rest.base).parse().unwrap();
    url.query_pairs_mut().append_pair("name", name);
    let request = rest.http.post(url).bearer_auth(&person.token);
    request.body(bytes).send().await.unwrap()
}

/// Uploads a file that must be taken.
pub(crate) async fn upload(
    rest: &Rest,
    person: &Person,
    room: &str,
    name: &str,
    bytes: Vec<u8>,
) -> Value {
    let answer = try_upload(rest, person, room, name, bytes).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{name}");
    answer.json().await.unwrap()
}

/// An upload that must be refused: status, code and reason.
pub(crate) async fn refused(answer: Response) -> (u16, String, String) {
    let body: Value = answer.json().await.unwrap();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (body["status"].as_u64().unwrap().try_into().unwrap(), text("code"), text("reason"))
}

/// Asks for a file with headers of one's own.
pub(crate) async fn get(
    rest: &Rest,
    token: Option<&str>,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut request = rest.http.get(format!("{}{path}", rest.base));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let with = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, with).send().await.unwrap()
}

pub(crate) fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map_or_else(String::new, |v| v.to_str().unwrap().to_owned())
}

/// A picture as a file.
pub(crate) fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 120]));
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image).write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// Files below a folder, but for locks and databases.
pub(crate) fn lying(folder: &Path) -> Vec<String> {
    let mut folders = vec![folder.join("files")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// A message with files.
pub(crate) fn with_files(room: &str, cid: &str, text: &str, files: &[&Value]) -> Value {
    let ids: Vec<_> = files.iter().map(|file| &file["id"]).collect();
    json!({ "op": "send", "room": room, "cid": cid, "text": text, "files": ids })
}

on_both!(
    a_message_brings_files_and_shows_them_everywhere,
    a_file_is_brought_by_its_owner_once_and_where_it_belongs,
    what_is_not_used_in_a_day_goes,
);

async fn a_message_brings_files_and_shows_them_everywhere(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (mut talker, mut listener) = (app.session(&mina).await, app.session(&bob).await);
    let epoch = listener.open(&room).await["epoch"].as_str().unwrap().to_owned();
    let photo =
        upload(&app.rest, &mina, &room, "산책.jpg", picture(1_300, 650, ImageFormat::Jpeg)).await;
    assert_eq!((&photo["width"], &photo["height"]), (&json!(1_300), &json!(650)));
    assert_eq!((&photo["name"], &photo["mime"]), (&json!("산책.jpg"), &json!("image/jpeg")));
    let id = photo["id"].as_str().unwrap();
    assert_eq!(photo["url"], format!("/files/{id}/%EC%82%B0%EC%B1%85.jpg"));
    assert_eq!(photo["preview_url"], format!("/files/{id}/preview"));
    let notes = upload(&app.rest, &mina, &room, "notes.txt", b"one\ntwo\n".to_vec()).await;
    assert_eq!((&notes["mime"], &notes["size"]), (&json!("text/plain"), &json!(8)));
    assert!(notes.get("preview_url").is_none() && notes.get("width").is_none(), "{notes}");

    let sent = talker.ok(with_files(&room, "c-1", "", &[&photo, &notes])).await;
    let told = listener.expect("msg.new").await;
    assert_eq!(told["d"]["files"], json!([photo, notes]), "as uploaded, in this order");
    assert_eq!((&told["d"]["text"], &told["seq"]), (&json!(""), &sent["seq"]));
    let again = talker.ok(with_files(&room, "c-1", "", &[&photo, &notes])).await;
    assert_eq!(again["dup"], true, "a repeated send is no second use");

    let more = upload(&app.rest, &bob, &room, "b.bin", vec![0, 1, 2]).await;
    let body = json!({ "text": "with words", "files": [more["id"]] });
    let path = format!("/v1/rooms/{room}/messages");
    app.rest.post(&bob.token, &path, &body).await;
    app.rest.post(&bob.token, &path, &json!({ "text": "plain" })).await;
    let listed = app.rest.get(&mina.token, &path).await;
    let files: Vec<_> = listed["items"].as_array().unwrap().iter().map(|m| &m["files"]).collect();
    assert_eq!(files, [&json!([photo, notes]), &json!([more]), &Value::Null]);
    let snapshot = talker.open(&room).await["snapshot"]["items"].clone();
    assert_eq!(snapshot, listed["items"]);
    listener.open_since(&room, &epoch, 0).await;
    listener.expect("caught_up").await;
    let replayed = listener.heard();
    assert!(replayed.contains(&told), "a replay is what was heard");
}

async fn a_file_is_brought_by_its_owner_once_and_where_it_belongs(app: &TestApp) {
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let (club, other) = app.club(&mina, "readers").await;
    app.join(&bob, &club).await;
    let mut session = app.session(&mina).await;
    let of_mina = upload(&app.rest, &mina, &room, "a.txt", b"a".to_vec()).await;
    let of_bob = upload(&app.rest, &bob, &room, "b.txt", b"b".to_vec()).await;
    let elsewhere = upload(&app.rest, &mina, &other, "c.txt", b"c".to_vec()).await;
    let unknown = json!({ "id": "fi_999999" });
    for (cid, files) in [
        ("c-1", vec![&of_bob]),
        ("c-2", vec![&elsewhere]),
        ("c-3", vec![&unknown]),
        ("c-4", vec![&of_mina, &unknown]),
    ] {
        let refusal = session.err(with_files(&room, cid, "look", &files)).await;
        assert_eq!(refusal["code"], "invalid", "{cid}: {refusal}");
        assert_eq!(refusal["reason"], "no_such_file", "{cid}: {refusal}");
    }
    let twice = with_files(&room, "c-5", "look", &[&of_mina, &of_mina]);
    assert_eq!(session.err(twice).await["reason"], "file_twice");
    let eleven: Vec<_> = (1..=11).map(|n| json!({ "id": format!("fi_{n}") })).collect();
    let eleven = with_files(&room, "c-6", "x", &eleven.iter().collect::<Vec<_>>());
    assert_eq!(session.err(eleven).await["reason"], "too_many_files");
    let odd = json!({ "op": "send", "room": room, "text": "x", "files": ["r_1"] });
    assert_eq!(session.err(odd).await["code"], "bad_request");
    let path = format!("/v1/rooms/{room}/messages");
    for (body, reason) in [
        (json!({ "text": "x", "files": [of_bob["id"]] }), json!("no_such_file")),
        (json!({ "text": "x", "files": ["nonsense"] }), Value::Null),
        (json!({ "text": " ", "files": [] }), Value::Null),
    ] {
        let (status, problem) =
            app.rest.refused(Method::POST, Some(&mina.token), &path, Some(&body)).await;
        assert_eq!((status, &problem["reason"]), (422, &reason), "{problem}");
    }
    // Nothing of all that has used it up; two at once use it once.
    let one = session.begin(with_files(&room, "d-1", "mine", &[&of_mina])).await;
    let two = session.begin(with_files(&room, "d-2", "mine", &[&of_mina])).await;
    let replies = [session.reply(one).await, session.reply(two).await];
    assert_eq!(replies.iter().filter(|reply| reply["ok"].is_object()).count(), 1, "{replies:?}");
    let refusal = session.err(with_files(&room, "d-3", "again", &[&of_mina])).await;
    assert_eq!(refusal["reason"], "no_such_file");
}

async fn what_is_not_used_in_a_day_goes(app: &TestApp) {
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let used = upload(&app.rest, &mina, &room, "a.txt", b"used".to_vec()).await;
    let unused =
        upload(&app.rest, &mina, &room, "b.png", picture(900, 900, ImageFormat::Png)).await;
    let mut session = app.session(&mina).await;
    session.ok(with_files(&room, "c-1", "", &[&used])).await;
    assert_eq!(lying(&app.data()).len(), 3);
    app.sweeper.sweep(std::time::Duration::from_secs(23 * 3_600)).await;
    assert_eq!(lying(&app.data()).len(), 3);
    app.sweeper.sweep(std::time::Duration::from_secs(25 * 3_600)).await;
    assert_eq!(lying(&app.data()).len(), 1);
    let url = |file: &Value| file["url"].as_str().unwrap().to_owned();
    assert_eq!(get(&app.rest, Some(&mina.token), &url(&unused), &[]).await.status(), 404);
    let answer = get(&app.rest, Some(&mina.token), &url(&used), &[]).await;
    assert_eq!(answer.text().await.unwrap(), "used");
    let refusal = session.err(with_files(&room, "c-2", "", &[&unused])).await;
    assert_eq!(refusal["reason"], "no_such_file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_an_upload_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path(), free_address()).await;
    let mina = server.rest.register("mina").await;
    let rooms = server.rest.get(&mina.token, "/v1/rooms").await;
    let room = rooms["items"][0]["id"].as_str().unwrap();
    let kept = upload(&server.rest, &mina, room, "kept.txt", b"kept".to_vec()).await;
    let mut raw = crate::support::Raw::connect(server.address).await;
    let head = format!(
        "POST /v1/rooms/{room}/files?name=half HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\
         Authorization: Bearer {}\r\n\r\n",
        mina.token
    );
    raw.write(head.as_bytes()).await;
    raw.write(&vec![b'x'; 1_000_000]).await;
    let data = folder.path().join("data");
    crate::support::eventually("half of it is there", async || {
        let half = |path: &String| {
            path.contains("incoming") && std::fs::metadata(path).is_ok_and(|m| m.len() > 0)
        };
        lying(&data).iter().any(half)
    })
    .await;
    server.kill().await;
    assert_eq!(lying(&data).len(), 2, "the crash left it there");
    let server = Process::start(folder.path(), free_address()).await;
    let left = lying(&data);
    assert!(left.len() == 1 && !left[0].contains("incoming"), "{left:?}");
    let url = kept["url"].as_str().unwrap();
    let answer = get(&server.rest, Some(&mina.token), url, &[]).await;
    assert_eq!(answer.text().await.unwrap(), "kept");
    server.kill().await;
}
