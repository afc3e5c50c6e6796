//! How files are given out: parts, tags, types, and what a browser is told to do with them.

use reqwest::Method;
use serde_json::Value;

use super::{get, header, picture, upload};
use crate::support::{Raw, TestApp};

fn url(file: &Value) -> &str {
    file["url"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_whole_in_parts_or_not_again() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let bytes: Vec<u8> = (0..700_000_u32).map(|n| (n % 253) as u8).collect();
    let file = upload(&app.rest, &mina, &room, "data.bin", bytes.clone()).await;
    let ask = async |headers: &[(&str, &str)]| {
        get(&app.rest, Some(&mina.token), url(&file), headers).await
    };
    let whole = ask(&[]).await;
    assert_eq!((whole.status().as_u16(), header(&whole, "accept-ranges").as_str()), (200, "bytes"));
    assert_eq!(header(&whole, "content-length"), "700000");
    assert_eq!(header(&whole, "cache-control"), "private, no-cache");
    let tag = header(&whole, "etag");
    assert_eq!(whole.bytes().await.unwrap(), bytes);

    let part = ask(&[("range", "bytes=100-199999")]).await;
    assert_eq!(part.status(), 206);
    assert_eq!(header(&part, "content-range"), "bytes 100-199999/700000");
    assert_eq!(header(&part, "content-length"), "199900");
    assert_eq!(part.bytes().await.unwrap(), bytes[100..200_000]);
    let end = ask(&[("range", "bytes=-7"), ("if-range", &tag)]).await;
    assert_eq!(end.bytes().await.unwrap(), bytes[699_993..]);
    let other = ask(&[("range", "bytes=-7"), ("if-range", "\"other\"")]).await;
    assert_eq!(
        (other.status().as_u16(), header(&other, "content-length").as_str()),
        (200, "700000")
    );
    let none = ask(&[("range", "bytes=700000-")]).await;
    assert_eq!(
        (none.status().as_u16(), header(&none, "content-range").as_str()),
        (416, "bytes */700000")
    );

    let known = ask(&[("if-none-match", &tag)]).await;
    assert_eq!((known.status().as_u16(), header(&known, "etag")), (304, tag));
    assert!(known.bytes().await.unwrap().is_empty());

    let request = app.rest.http.head(format!("{}{}", app.rest.base, url(&file)));
    let head = request.bearer_auth(&mina.token).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length").as_str()), (200, "700000"));
    assert!(head.bytes().await.unwrap().is_empty());
    // A connection goes on behind an answer without its body.
    let mut raw = Raw::connect(app.address).await;
    let lines = format!("Host: x\r\nAuthorization: Bearer {}\r\n", mina.token);
    raw.write(format!("HEAD {} HTTP/1.1\r\n{lines}\r\n", url(&file)).as_bytes()).await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: 700000"), "{head}");
    let rest = format!("{lines}Range: bytes=0-3\r\nConnection: close\r\n\r\n");
    raw.write(format!("GET {} HTTP/1.1\r\n{rest}", url(&file)).as_bytes()).await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 206 "), "{answer}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_safe_is_shown() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let script = "<script>alert(document.domain)</script>";
    let svg =
        format!("<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'>{script}</svg>");
    let bare = format!("<svg xmlns='http://www.w3.org/2000/svg'>{script}</svg>");
    for (name, bytes, kind, is_shown) in [
        (
            "page.png",
            format!("<!DOCTYPE html>{script}").into_bytes(),
            "application/octet-stream",
            false,
        ),
        ("page.html", format!("<html >{script}").into_bytes(), "application/octet-stream", false),
        ("drawing.svg", svg.into_bytes(), "application/octet-stream", false),
        ("bare.svg", bare.into_bytes(), "text/plain; charset=utf-8", true),
        ("paper.pdf", b"%PDF-1.7 x".to_vec(), "application/pdf", false),
        ("words.html", "just words, 그냥".into(), "text/plain; charset=utf-8", true),
        ("real.gif", picture(9, 9, image::ImageFormat::Gif), "image/gif", true),
        ("raw", vec![1, 2, 3], "application/octet-stream", false),
    ] {
        let file = upload(&app.rest, &mina, &room, name, bytes).await;
        let answer = get(&app.rest, Some(&mina.token), url(&file), &[]).await;
        assert_eq!(header(&answer, "content-type"), kind, "{name}");
        let disposition = header(&answer, "content-disposition");
        let wanted = if is_shown { "inline; " } else { "attachment; " };
        assert!(disposition.starts_with(wanted), "{name}: {disposition}");
        assert!(disposition.contains(&format!("filename=\"{name}\"")), "{disposition}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{name}");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("script"), "{policy}");
        assert_eq!(header(&answer, "cross-origin-resource-policy"), "same-origin", "{name}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let room = app.lobby(&mina).await;
    let file = upload(&app.rest, &mina, &room, "a.txt", b"a".to_vec()).await;
    let id = file["id"].as_str().unwrap();
    for (path, status) in [
        ("/files/fi_999/a.txt".to_owned(), 404),
        ("/files/nonsense/a.txt".to_owned(), 404),
        (format!("/files/{id}/preview"), 404),
        (format!("/files/{id}/a/b"), 404),
    ] {
        let (got, problem) = app.rest.refused(Method::GET, Some(&mina.token), &path, None).await;
        assert_eq!((got, &problem["code"]), (status, &Value::from("not_found")), "{path}");
    }
    let (got, _) = app.rest.refused(Method::GET, None, url(&file), None).await;
    assert_eq!(got, 401);
    app.end().await;
}
