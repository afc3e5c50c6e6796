//! The edge: handshakes, RFC 6455, limits, and everything that is not JSON of ours.

use serde_json::json;

use crate::support::{Client, Closed, Raw, TestApp, frame};

const TEXT: u8 = 0x81;

async fn closes(app: &TestApp, bytes: &[u8]) -> u16 {
    let mut raw = Raw::upgraded(app.address, b"").await;
    raw.write(bytes).await;
    raw.close_code().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_rfc_6455_closes_with_its_code() {
    let app = TestApp::spawn().await;
    let mut unmasked = frame(TEXT, b"{}");
    unmasked[1] &= 0x7f;
    assert_eq!(closes(&app, &unmasked).await, 1002);
    assert_eq!(closes(&app, &frame(0xc1, b"{}")).await, 1002, "reserved bit");
    assert_eq!(closes(&app, &frame(0x80, b"{}")).await, 1002, "continues nothing");
    assert_eq!(closes(&app, &frame(0x83, b"{}")).await, 1002, "reserved opcode");
    assert_eq!(closes(&app, &frame(0x09, b"")).await, 1002, "fragmented ping");
    assert_eq!(closes(&app, &frame(0x89, &[0; 126])).await, 1002, "long ping");
    assert_eq!(closes(&app, &frame(TEXT, &[0xff, 0xfe])).await, 1007);
    assert_eq!(closes(&app, &frame(TEXT, &vec![b'a'; 65_537])).await, 1009);
    assert_eq!(closes(&app, &frame(TEXT, &vec![b'a'; 1 << 20])[..20]).await, 1009, "by its header");
    let huge = [&[TEXT, 0xff][..], &(1_u64 << 40).to_be_bytes()].concat();
    assert_eq!(closes(&app, &huge).await, 1009);
    let joined = [frame(0x01, &vec![b'a'; 40_000]), frame(0x80, &vec![b'a'; 40_000])].concat();
    assert_eq!(closes(&app, &joined).await, 1009);
    assert_eq!(closes(&app, &frame(0x88, &1000_u16.to_be_bytes())).await, 1000);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_frame_may_come_with_the_handshake() {
    let app = TestApp::spawn().await;
    let early = frame(TEXT, br#"{"id":1,"op":"ping"}"#);
    let mut raw = Raw::upgraded(app.address, &early).await;
    let hello = String::from_utf8(raw.frame().await.unwrap().payload).unwrap();
    assert!(hello.starts_with(r#"{"ev":"hello","v":1,"hb":25000,"max_frame":65536,"#), "{hello}");
    assert_eq!(raw.frame().await.unwrap().payload, br#"{"re":1,"ok":{}}"#);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_pings_and_several_lines_are_understood() {
    let app = TestApp::spawn().await;
    let mut raw = Raw::upgraded(app.address, b"").await;
    raw.frame().await.unwrap();
    raw.write(&frame(0x01, br#"{"id":1,"#)).await;
    raw.write(&frame(0x89, b"p")).await;
    raw.write(&frame(0x80, b"\"op\":\"ping\"}\n{\"id\":2,\"op\":\"ping\"}")).await;
    let pong = raw.frame().await.unwrap();
    assert_eq!((pong.first, pong.payload.as_slice()), (0x8a, &b"p"[..]));
    assert_eq!(raw.frame().await.unwrap().payload, br#"{"re":1,"ok":{}}"#);
    assert_eq!(raw.frame().await.unwrap().payload, br#"{"re":2,"ok":{}}"#);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_path_becomes_a_socket() {
    let app = TestApp::spawn().await;
    for path in ["/", "/v1/ws/", "/v1/rooms", "/v1/auth/login", "/healthz"] {
        assert_eq!(Client::connect_with(app.address, path, &[]).await.err(), Some(404), "{path}");
    }
    let mut raw = Raw::connect(app.address).await;
    raw.write(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n").await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_is_not_let_in() {
    let settings = [("MOIM_ALLOWED_ORIGINS", "https://club.example.org")];
    let app = TestApp::spawn_with(&settings).await;
    let from = async |origin: &str| {
        Client::connect_with(app.address, "/v1/ws", &[("origin", origin)]).await.err()
    };
    assert_eq!(from("https://evil.example.org").await, Some(403));
    assert_eq!(from("null").await, Some(403));
    assert_eq!(from("https://club.example.org").await, None);
    assert_eq!(from(&format!("http://{}", app.address)).await, None);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_refused_before_the_upgrade_or_closes_after() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let bad = Client::connect_with(app.address, "/v1/ws?access_token=nonsense", &[]).await;
    assert_eq!(bad.err(), Some(401));
    let header = [("authorization", "Bearer nonsense")];
    assert_eq!(Client::connect_with(app.address, "/v1/ws", &header).await.err(), Some(401));
    assert_eq!(Client::connect_with(app.address, "/v1/ws?ticket=x", &[]).await.err(), Some(401));
    let mut client = Client::connect(app.address).await;
    let err = client.err(json!({ "op": "auth", "token": "nonsense" })).await;
    assert_eq!(err["code"], "unauthorized");
    assert_eq!(client.expect_close().await, Closed { code: 4401 });

    let bearer = format!("Bearer {}", mina.token);
    let header = [("authorization", bearer.as_str())];
    let mut client = Client::connect_with(app.address, "/v1/ws", &header).await.unwrap();
    assert_eq!(client.expect("auth").await["user"]["username"], "mina");
    let path = format!("/v1/ws?access_token={}", mina.token);
    let mut client = Client::connect_with(app.address, &path, &[]).await.unwrap();
    assert!(client.expect("auth").await["rooms"].is_array());
    let ticket = app.rest.post(&mina.token, "/v1/auth/ticket", &json!({})).await;
    let path = format!("/v1/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut client = Client::connect_with(app.address, &path, &[]).await.unwrap();
    client.expect("auth").await;
    assert_eq!(Client::connect_with(app.address, &path, &[]).await.err(), Some(401), "used twice");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_the_protocol_is_not_spoken() {
    let app = TestApp::spawn().await;
    let mut raw = Raw::connect(app.address).await;
    raw.write(
        b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
          Sec-WebSocket-Protocol: moim.v9\r\n\r\n",
    )
    .await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101"));
    assert_eq!(raw.close_code().await, 4505);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_answered_and_twenty_times_is_enough() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let mut client = app.session(&mina).await;
    let rubbish = [
        r#"{"id":90,"op":"open","room":12}"#,
        r#"{"id":91,"op":"fly"}"#,
        r#"{"id":92,"op":"send","room":"r_1","text":7}"#,
    ];
    for (line, id) in rubbish.iter().zip(90..) {
        client.say(line).await;
        assert_eq!(client.reply(id).await["err"]["code"], "bad_request");
    }
    for line in ["{", "[]", "null", "\"op\"", r#"{"id":-1,"op":"ping"}"#, " ", "\u{feff}{}"] {
        client.say(line).await;
        let answer = client.wait_for(|line| line["err"].is_object()).await;
        assert_eq!((&answer["err"]["code"], answer.get("re")), (&json!("bad_request"), None));
    }
    for _ in 0..10 {
        client.say_binary(b"\x00\x01").await;
    }
    assert_eq!(client.expect_close().await, Closed { code: 4500 });
    assert!(app.metric("moim_bad_lines_total").await >= 20.0);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_rooms_and_unsigned_sessions_learn_nothing() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let (_, room) = app.club(&mina, "secret").await;
    let mut stranger = app.session(&bob).await;
    for room in [room.as_str(), "r_999999"] {
        for op in [
            json!({ "op": "open", "room": room }),
            json!({ "op": "send", "room": room, "text": "hi" }),
            json!({ "op": "read", "room": room, "seq": 1 }),
            json!({ "op": "pull", "room": room, "after": 0 }),
        ] {
            assert_eq!(stranger.err(op).await["code"], "not_found");
        }
    }
    let mut nobody = Client::connect(app.address).await;
    let err = nobody.err(json!({ "op": "open", "room": room })).await;
    assert_eq!(err["code"], "unauthorized");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_measured_in_characters_after_composition() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let mut client = app.session(&mina).await;
    client.open(&room).await;
    let send = |text: &str| json!({ "op": "send", "room": room, "text": text });
    assert_eq!(client.err(send(&"a".repeat(4_001))).await["code"], "too_large");
    assert_eq!(client.err(send(" \n ")).await["code"], "invalid");
    assert_eq!(client.err(send("nul \u{0}")).await["code"], "invalid");
    client.ok(send(&"\u{1112}\u{1161}\u{11ab}".repeat(4_000))).await;
    let heard = client.expect("msg.new").await;
    assert_eq!(heard["d"]["text"].as_str().unwrap(), "한".repeat(4_000));
    assert!(heard["d"]["cid"].as_str().unwrap().starts_with("own-"));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_sessions_than_a_user_may_have_are_closed() {
    let app = TestApp::spawn_with(&[("MOIM_SESSIONS_PER_USER", "2")]).await;
    let mina = app.person("mina").await;
    let first = app.session(&mina).await;
    let _second = app.session(&mina).await;
    let mut third = Client::connect(app.address).await;
    third.say(&json!({ "id": 1, "op": "auth", "token": mina.token }).to_string()).await;
    assert_eq!(third.expect_close().await, Closed { code: 4504 });
    first.cut();
    crate::support::eventually("the first is gone", async || {
        app.metric("moim_connections").await < 2.0
    })
    .await;
    app.session(&mina).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_headers_are_not_read() {
    let app = TestApp::spawn().await;
    let mut raw = Raw::connect(app.address).await;
    let mut bytes = b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec();
    for n in 0..20_000 {
        bytes.extend_from_slice(format!("x-{n}: y\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    // The server may answer and close before everything is written.
    let _refused = tokio::io::AsyncWriteExt::write_all(&mut raw.socket, &bytes).await;
    let answer = raw.rest().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(!app.rest.text("/healthz").await.is_empty());
    app.end().await;
}
