//! What is taken, what is made of it, and what is refused, as early as can be.

use image::ImageFormat;
use serde_json::{Value, json};

use super::{get, header, lying, picture, refused, try_upload, upload, with_files};
use crate::support::{Person, Raw, TestApp, eventually};

fn head(person: &Person, room: &str, length: &str) -> Vec<u8> {
    let head = format!(
        "POST /v1/rooms/{room}/files?name=big HTTP/1.1\r\nHost: x\r\n{length}\r\n\
         Authorization: Bearer {}\r\n\r\n",
        person.token
    );
    head.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_refused_before_it_comes() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut raw = Raw::connect(app.address).await;
    raw.write(&head(&mina, &room, "Content-Length: 1073741824")).await;
    let answer = raw.head().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(lying(&app.data()).is_empty());
    // Who writes on all the same is not listened to: the connection ends, not the gigabyte.
    let piece = vec![b'x'; 1 << 20];
    let mut pieces = 0;
    while pieces < 1_024
        && tokio::io::AsyncWriteExt::write_all(&mut raw.socket, &piece).await.is_ok()
    {
        pieces += 1;
    }
    assert!(pieces < 64, "{pieces} MiB were taken");
    app.end().await;
}

/// Sends chunks without end: they are answered, and the connection ends before they do.
async fn poured(app: &TestApp, head: &[u8], status: &str) {
    let mut raw = Raw::connect(app.address).await;
    raw.write(head).await;
    let piece = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let (mut reader, mut writer) = raw.socket.into_split();
    let writing = tokio::spawn(async move {
        let mut pieces = 0_u32;
        // A gigabyte at most.
        while pieces < 16_384
            && tokio::io::AsyncWriteExt::write_all(&mut writer, &piece).await.is_ok()
        {
            pieces += 1;
            tokio::task::yield_now().await;
        }
        pieces
    });
    let mut answer = Vec::new();
    while tokio::io::AsyncReadExt::read_buf(&mut reader, &mut answer).await.is_ok_and(|n| n > 0) {}
    let answer = String::from_utf8(answer).unwrap().to_lowercase();
    assert!(answer.starts_with(&format!("http/1.1 {status}")), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let pieces = writing.await.unwrap();
    assert!(pieces < 1_024, "{pieces} pieces of 64 KiB were taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_how_long_it_is_is_cut_where_it_ends() {
    let app = TestApp::spawn_with(&[("MOIM_FILE_MAX_BYTES", "1048576")]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let chunked = "Transfer-Encoding: chunked";
    poured(&app, &head(&mina, &room, chunked), "413").await;
    eventually("nothing is left", async || lying(&app.data()).is_empty()).await;
    // Nor is anybody listened to who is refused before, whatever they want.
    poured(&app, &head(&mina, "r_999999", chunked), "404").await;
    let nobody = format!("POST /v1/clubs HTTP/1.1\r\nHost: x\r\n{chunked}\r\n\r\n");
    poured(&app, nobody.as_bytes(), "401").await;
    // One that fits is taken, whether it says its length or not.
    let fits = upload(&app.rest, &mina, &room, "fits", vec![7; 1_048_576]).await;
    assert_eq!(fits["size"], 1_048_576);
    let over = try_upload(&app.rest, &mina, &room, "over", vec![7; 1_048_577]).await;
    assert_eq!(refused(over).await, (413, "too_large".to_owned(), String::new()));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_nothing() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    for _ in 0..8 {
        // More than may be under way at once: each makes room again.
        let mut raw = Raw::connect(app.address).await;
        raw.write(&head(&mina, &room, "Content-Length: 100000")).await;
        raw.write(&[b'x'; 50_000]).await;
        eventually("it comes in", async || !lying(&app.data()).is_empty()).await;
        drop(raw);
        eventually("it is gone", async || lying(&app.data()).is_empty()).await;
    }
    let empty = try_upload(&app.rest, &mina, &room, "empty", Vec::new()).await;
    assert_eq!(refused(empty).await, (422, "invalid".to_owned(), "empty_file".to_owned()));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_the_disk_have_their_limits() {
    let settings = [("MOIM_FILE_DAY_BYTES", "100000"), ("MOIM_FILE_QUOTA_BYTES", "150000")];
    let app = TestApp::spawn_with(&settings).await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    upload(&app.rest, &mina, &room, "a", vec![1; 60_000]).await;
    let over = try_upload(&app.rest, &mina, &room, "b", vec![1; 60_000]).await;
    assert_eq!(refused(over).await, (429, "rate_limited".to_owned(), "file_day".to_owned()));
    // A small file counts as a few kilobytes.
    upload(&app.rest, &mina, &room, "c", vec![1; 10]).await;
    upload(&app.rest, &bob, &room, "d", vec![1; 80_000]).await;
    let full = try_upload(&app.rest, &bob, &room, "e", vec![1; 15_000]).await;
    assert!(!header(&full, "retry-after").is_empty());
    assert_eq!(refused(full).await, (503, "unavailable".to_owned(), "storage_full".to_owned()));
    assert_eq!(lying(&app.data()).len(), 3);
    // What goes makes room for others, not for another day of its owner.
    app.sweeper.sweep(std::time::Duration::from_secs(25 * 3_600)).await;
    assert!(lying(&app.data()).is_empty());
    upload(&app.rest, &bob, &room, "f", vec![1; 15_000]).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    app.faults.fill_disk(Some(70_000));
    let full = try_upload(&app.rest, &mina, &room, "a", vec![1; 200_000]).await;
    assert_eq!(refused(full).await, (503, "unavailable".to_owned(), "storage_full".to_owned()));
    eventually("nothing is left", async || lying(&app.data()).is_empty()).await;
    let mut session = app.session(&mina).await;
    session.send(&room, "c-1", "we talk on").await;
    app.faults.fill_disk(None);
    upload(&app.rest, &mina, &room, "a", vec![1; 200_000]).await;
    app.end().await;
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(data);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], kind, data, &sum.sum().to_be_bytes()].concat()
}

/// So many zeros, packed.
fn packed(bytes: usize) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes as u64), &mut packer).unwrap();
    packer.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_broken_pictures_are_refused() {
    let app = TestApp::spawn_with(&[("MOIM_PICTURE_MIB", "32")]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let size = [50_000_u32.to_be_bytes(), 50_000_u32.to_be_bytes()].concat();
    let head = [&size[..], &[8, 6, 0, 0, 0]].concat();
    let bomb = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &head), chunk(b"IEND", b"")].concat();
    let whole = picture(400, 300, ImageFormat::Png);
    for (what, bytes) in [
        ("50,000 by 50,000 in few bytes", bomb),
        ("more memory than the operator gives", picture(3_000, 3_000, ImageFormat::Png)),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("rubbish behind a signature", [&b"\xff\xd8\xff\xe0"[..], &[7; 300]].concat()),
    ] {
        let answer = try_upload(&app.rest, &mina, &room, "x.png", bytes).await;
        let wanted = (422, "invalid".to_owned(), "bad_image".to_owned());
        assert_eq!(refused(answer).await, wanted, "{what}");
    }
    eventually("nothing is left", async || lying(&app.data()).is_empty()).await;
    // Words in a picture that are a thousand times as long when they are unpacked.
    let words = packed(100 << 20);
    assert!(words.len() < 200_000);
    let small = picture(40, 30, ImageFormat::Png);
    let behind_head = 8 + 12 + 13;
    let text = chunk(b"zTXt", &[&b"Comment\0\0"[..], &words].concat());
    let talks = [&small[..behind_head], &text, &small[behind_head..]].concat();
    let taken = upload(&app.rest, &mina, &room, "talks.png", talks).await;
    assert_eq!((&taken["mime"], &taken["width"]), (&json!("image/png"), &json!(40)));
    assert!(taken["size"].as_u64().unwrap() <= small.len() as u64, "{taken}");
    // Lines that go on and on behind the last one.
    let header = [&40_u32.to_be_bytes()[..], &30_u32.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    let long = chunk(b"IDAT", &packed(100 << 20));
    let long = [signature, chunk(b"IHDR", &header), long, chunk(b"IEND", b"")].concat();
    let answer = try_upload(&app.rest, &mina, &room, "long.png", long).await;
    assert!([201, 422].contains(&answer.status().as_u16()), "{}", answer.status());
    // A bomb of another kind: an archive is only a file, whatever its name says.
    let zip = [&b"PK\x03\x04"[..], &[0; 100]].concat();
    let taken = upload(&app.rest, &mina, &room, "photo.png", zip).await;
    assert_eq!(taken["mime"], "application/zip");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_loses_what_it_tells_about_its_maker() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let secret = b"37.5665N 126.9780E serial 0042";
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec();
    exif.extend([0x0e, 0x01, 2, 0, secret.len() as u8, 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(secret);
    let plain = picture(1_000, 600, ImageFormat::Jpeg);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let photo = [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat();
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(holds(&photo));
    let file = upload(&app.rest, &mina, &room, "IMG_1234.JPG", photo).await;
    assert_eq!(
        (&file["width"], &file["height"]),
        (&json!(600), &json!(1_000)),
        "it stands upright"
    );
    for url in [&file["url"], &file["preview_url"]] {
        let answer = get(&app.rest, Some(&mina.token), url.as_str().unwrap(), &[]).await;
        assert_eq!(header(&answer, "content-type"), "image/jpeg");
        let bytes = answer.bytes().await.unwrap();
        assert!(!holds(&bytes), "{url}");
        assert!(image::load_from_memory(&bytes).is_ok());
    }
    let small = get(&app.rest, Some(&mina.token), file["preview_url"].as_str().unwrap(), &[]).await;
    let small = image::load_from_memory(&small.bytes().await.unwrap()).unwrap();
    assert_eq!((small.width(), small.height()), (384, 640));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_made_harmless() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    for (given, kept) in [
        ("../../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nX-Evil: 1", "aX-Evil_ 1"),
        ("photo\u{202e}gnp.exe", "photognp.exe"),
        ("<img src=x onerror=alert(1)>.txt", "_img src=x onerror=alert(1)_.txt"),
        ("\0", "file"),
        ("", "file"),
        ("preview", "preview"),
    ] {
        let file = upload(&app.rest, &mina, &room, given, b"words".to_vec()).await;
        assert_eq!(file["name"], kept, "{given:?}");
        let url = file["url"].as_str().unwrap();
        let answer = get(&app.rest, Some(&mina.token), url, &[]).await;
        assert_eq!(answer.status(), 200, "{url}");
        assert!(header(&answer, "x-evil").is_empty());
        assert_eq!(answer.text().await.unwrap(), "words");
    }
    let long = format!("{}.txt", "가".repeat(300));
    let long = upload(&app.rest, &mina, &room, &long, b"x".to_vec()).await;
    assert_eq!(long["name"].as_str().unwrap().chars().count(), 200);
    // Everything lies where it should, under names of our own.
    let outside = lying(&app.data()).into_iter().filter(|path| !path.contains("/files/kept/"));
    assert_eq!(outside.collect::<Vec<_>>(), [""; 0]);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_counts_as_a_message_for_unread_and_answers() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let file = upload(&app.rest, &mina, &room, "a.txt", b"a".to_vec()).await;
    let mut session = app.session(&mina).await;
    let sent = session.ok(with_files(&room, "c-1", "  ", &[&file])).await;
    let mut other = app.session(&bob).await;
    let answer = json!({ "op": "send", "room": room, "text": "thanks", "reply_to": sent["id"] });
    other.ok(answer).await;
    assert_eq!(session.expect("inbox").await["d"]["kind"], "reply");
    let rooms = app.rest.get(&mina.token, "/v1/rooms").await;
    let lobby: Vec<&Value> = rooms["items"].as_array().unwrap().iter().collect();
    assert_eq!((&lobby[0]["n"], &lobby[0]["unread"]), (&json!(2), &json!(1)));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_trickles_in_is_given_up() {
    let app = TestApp::spawn_with(&[("MOIM_UPLOAD_SECONDS", "1")]).await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut raw = Raw::connect(app.address).await;
    raw.write(&head(&mina, &room, "Content-Length: 100000")).await;
    let mut more = tokio::time::interval(std::time::Duration::from_millis(50));
    let (status, body) = loop {
        // It never stands still, and never ends.
        tokio::select! {
            answer = raw.response() => break answer,
            _tick = more.tick() => {}
        }
        let _closed = tokio::io::AsyncWriteExt::write_all(&mut raw.socket, b"x").await;
    };
    assert!(status.starts_with("HTTP/1.1 400 "), "{status}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["code"], &body["reason"]), (&json!("bad_request"), &json!("upload_slow")));
    eventually("nothing is left", async || lying(&app.data()).is_empty()).await;
    upload(&app.rest, &mina, &room, "at once", b"words".to_vec()).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_uploads_so_much_in_an_hour() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    for n in 0..20 {
        upload(&app.rest, &mina, &room, &format!("{n}.txt"), b"words".to_vec()).await;
    }
    let answer = try_upload(&app.rest, &mina, &room, "more.txt", b"words".to_vec()).await;
    assert!(header(&answer, "retry-after").parse::<u64>().unwrap() <= 180);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(
        (&body["code"], &body["reason"]),
        (&json!("rate_limited"), &json!("uploads_per_hour"))
    );
    let wait = body["retry_ms"].as_u64().unwrap();
    assert!((1..=180_000).contains(&wait), "one more each three minutes: {wait}");
    upload(&app.rest, &bob, &room, "of another", b"words".to_vec()).await;
    app.end().await;
}
