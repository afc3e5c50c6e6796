//! Event streams of readers that are slow or far behind: they end or say so, and never skip.

use serde_json::json;

use crate::support::{Raw, Sse, TestApp};

/// The data of the chunks of a response, as far as they came whole.
fn joined(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16);
        let length = length.unwrap();
        let Some(chunk) = bytes.get(end + 2..end + 2 + length) else {
            break;
        };
        out.extend_from_slice(chunk);
        bytes = bytes.get(end + 4 + length..).unwrap_or_default();
    }
    out
}

/// Some people who can say more than one is allowed to, and a way to make them say it.
async fn say_much(app: &TestApp, room: &str, (people, each): (usize, usize), text: &str) {
    let mut talking = Vec::new();
    for n in 0..people {
        let person = app.person(&format!("talker{n}")).await;
        let mut talker = app.session(&person).await;
        let (room, text) = (room.to_owned(), text.to_owned());
        talking.push(tokio::spawn(async move {
            for n in 0..each {
                talker.send(&room, &format!("c-{n}"), &text).await;
            }
        }));
    }
    for talker in talking {
        talker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_ends_and_resumes_where_it_ended() {
    let app = TestApp::spawn().await;
    let (mina, lazy) = (app.person("mina").await, app.person("lazy").await);
    let room = app.lobby(&mina).await;
    let path = format!("/v1/rooms/{room}/events");
    let mut quick = Sse::open(&app.rest, &mina.token, &path).await;
    let mut raw = Raw::connect(app.address).await;
    let ask = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        lazy.token
    );
    raw.write(ask.as_bytes()).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 200"));
    let text = "가".repeat(4_000);
    let talking = say_much(&app, &room, (5, 180), &text);
    let reading = async {
        for seq in 1..=900 {
            assert_eq!(quick.next().await.data["seq"], seq, "nobody else waits");
        }
    };
    tokio::join!(talking, reading);

    // Now it reads: what it has is whole from the start, then the stream ends.
    let mut bytes = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut raw.socket, &mut bytes);
    // Broken off or closed: both say that there was more.
    let _reset = tokio::time::timeout(crate::support::SOON, read).await.expect("it ends");
    let text = String::from_utf8_lossy(&joined(&bytes)).into_owned();
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _half)| whole);
    let ids: Vec<_> = whole.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let seqs: Vec<i64> =
        ids.iter().map(|id| id.rsplit_once('-').unwrap().1.parse().unwrap()).collect();
    assert!(!seqs.is_empty() && seqs.len() < 900, "{}", seqs.len());
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());
    let mut again = Sse::open_after(&app.rest, &lazy.token, &path, ids.last().unwrap()).await;
    for seq in seqs.len() as i64 + 1..=900 {
        assert_eq!(again.next().await.data["seq"], seq);
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_is_resumed_a_thousand_entries_back_and_no_further() {
    let app = TestApp::spawn().await;
    let bob = app.person("bob").await;
    let room = app.lobby(&bob).await;
    // As long as the entries of an inbox can be.
    let text = format!("@bob {}", "가\u{1}".repeat(300));
    say_much(&app, &room, (7, 150), &text).await;
    let path = "/v1/inbox/events";
    let mut stream = Sse::open_after(&app.rest, &bob.token, path, "nonsense").await;
    let gap = stream.next().await;
    assert_eq!(gap.data["head"], 1_050);
    let epoch = gap.data["epoch"].as_str().unwrap();
    for (back, first) in [(1_001, "gap"), (1_000, "inbox")] {
        let position = format!("{epoch}-{}", 1_050 - back);
        let mut stream = Sse::open_after(&app.rest, &bob.token, path, &position).await;
        let event = stream.next().await;
        assert_eq!(event.event, first, "{back}");
        if first == "inbox" {
            assert_eq!(event.data["seq"], 51);
            for seq in 52..=1_050 {
                assert_eq!(stream.next().await.data["seq"], seq);
            }
        }
    }
    let mut session = app.session(&bob).await;
    for (back, resumed) in [(1_001, false), (1_000, true)] {
        let since = json!({ "epoch": epoch, "seq": 1_050 - back });
        let opened = session.ok(json!({ "op": "inbox.open", "since": since })).await;
        assert_eq!(opened["resumed"], resumed, "{back}");
    }
    let events = session.expect_many("inbox", 1_000).await;
    assert_eq!(crate::support::seqs(&events), (51..=1_050).collect::<Vec<_>>());
    app.end().await;
}
