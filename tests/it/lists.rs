//! Lists: windows, pages and cursors lead through everything, once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

/// Follows the cursors of a list to its end; the pages.
async fn pages(app: &TestApp, who: &Person, path: &str) -> Vec<Vec<Value>> {
    let glue = if path.contains('?') { '&' } else { '?' };
    let (mut pages, mut next) = (Vec::new(), String::new());
    loop {
        let page = app.rest.get(&who.token, &format!("{path}{next}")).await;
        pages.push(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(cursor) => next = format!("{glue}cursor={cursor}"),
            None => return pages,
        }
        assert!(pages.len() < 500, "the pages of {path} have no end");
        // The window of the first page is not asked for again: its cursor knows it.
        assert!(!pages.last().unwrap().is_empty(), "an empty page leads on");
    }
}

fn of(items: &[Value], field: &str) -> Vec<Value> {
    items.iter().map(|item| item.pointer(field).unwrap().clone()).collect()
}

fn once(values: &[Value]) -> usize {
    let mut seen: Vec<String> = values.iter().map(ToString::to_string).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), values.len(), "something came twice");
    seen.len()
}

/// A room with messages at odd places: joins take a seq and are no messages.
async fn room_with_lines(app: &TestApp, owner: &Person) -> (String, Vec<i64>) {
    let club = app.rest.post(&owner.token, "/v1/clubs", &json!({ "name": "readers" })).await;
    let club = club["id"].as_str().unwrap().to_owned();
    let rooms = app.rest.get(&owner.token, &format!("/v1/clubs/{club}/rooms")).await;
    let room = rooms["items"][0]["id"].as_str().unwrap().to_owned();
    let mut session = app.session(owner).await;
    let mut seqs = Vec::new();
    for n in 0..130 {
        if n % 13 == 5 {
            let person = app.person(&format!("p{n}")).await;
            app.join(&person, &club).await;
        }
        let sent = session.send(&room, &format!("c-{n}"), &format!("message {n}")).await;
        seqs.push(sent["seq"].as_i64().unwrap());
    }
    assert_eq!(seqs.last(), Some(&140));
    (room, seqs)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_read_by_windows_around_any_place() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (room, seqs) = room_with_lines(&app, &mina).await;
    let path = format!("/v1/rooms/{room}/messages");
    let window = async |query: &str| {
        let page = app.rest.get(&mina.token, &format!("{path}?{query}")).await;
        let seqs = of(page["items"].as_array().unwrap(), "/seq");
        (seqs.iter().map(|seq| seq.as_i64().unwrap()).collect::<Vec<_>>(), page["next"].clone())
    };
    let newest = window("").await;
    assert_eq!((newest.0.as_slice(), newest.1.is_string()), (&seqs[80..], true));
    assert_eq!(window("limit=200").await, (seqs.clone(), Value::Null));
    assert_eq!(window("limit=130").await, (seqs.clone(), Value::Null), "no page behind the last");
    assert_eq!(window("limit=1").await.0, seqs[129..]);
    assert_eq!(window("before_seq=1").await, (vec![], Value::Null));
    assert_eq!(window("after_seq=140").await, (vec![], Value::Null));
    assert_eq!(window("after_seq=999999").await.0, Vec::<i64>::new());
    assert_eq!(window(&format!("before_seq={}&limit=3", seqs[10])).await.0, seqs[7..10]);
    assert_eq!(window(&format!("after_seq={}&limit=3", seqs[10])).await.0, seqs[11..14]);
    assert_eq!(window("before_seq=999999&limit=2").await.0, seqs[128..]);
    assert_eq!(window("after_seq=0&limit=2").await.0, seqs[..2]);
    // A line without a message is a place like any other.
    let line = (1..=140).find(|seq| !seqs.contains(seq)).unwrap();
    let behind = seqs.iter().position(|seq| *seq > line).unwrap();
    assert_eq!(window(&format!("after_seq={line}&limit=2")).await.0, seqs[behind..behind + 2]);
    assert_eq!(window(&format!("before_seq={line}&limit=2")).await.0, seqs[behind - 2..behind]);
    for at in [0, 5, 64, 129] {
        let (around, next) = window(&format!("around_seq={}&limit=10", seqs[at])).await;
        assert!(around.contains(&seqs[at]) && around.len() <= 10, "{at}: {around:?}");
        let first = seqs.iter().position(|seq| *seq == around[0]).unwrap();
        assert_eq!(around, seqs[first..first + around.len()], "no hole");
        assert_eq!(next, Value::Null);
        let middle = at.saturating_sub(5)..(at + 5).min(130);
        assert!(around.len() >= middle.len() - 1, "{at}: {around:?}");
    }
    let message = app.rest.get(&mina.token, &format!("{path}?limit=1")).await["items"][0].clone();
    assert_eq!(message["id"], format!("m_{}_140", &room[2..]));
    assert_eq!((&message["by"], &message["cid"]), (&json!(mina.id), &json!("c-129")));
    assert_eq!((&message["reply_to"], &message["rev"]), (&Value::Null, &json!(1)));
    assert_eq!((&message["deleted"], &message["pinned"]), (&json!(false), &json!(false)));
    assert_eq!((&message["reactions"], &message["text"]), (&json!([]), &json!("message 129")));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_lead_through_all_messages_in_both_directions() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (room, seqs) = room_with_lines(&app, &mina).await;
    let path = format!("/v1/rooms/{room}/messages");
    for limit in [3, 7, 50, 200] {
        let back = pages(&app, &mina, &format!("{path}?limit={limit}")).await;
        let all: Vec<Value> = back.iter().rev().flatten().cloned().collect();
        assert_eq!(of(&all, "/seq"), seqs.iter().map(|seq| json!(seq)).collect::<Vec<_>>());
        let n: Vec<_> = (1..=130).map(|n| json!(n)).collect();
        assert_eq!(of(&all, "/n"), n);
        // All but the last are full: a page is not cut short.
        assert!(back[..back.len() - 1].iter().all(|page| page.len() == limit));
        let first = app.rest.get(&mina.token, &format!("{path}?after_seq=0&limit={limit}")).await;
        let mut on = first["items"].as_array().unwrap().clone();
        if let Some(cursor) = first["next"].as_str() {
            let mut cursor = cursor.to_owned();
            loop {
                let page = format!("{path}?limit={limit}&cursor={cursor}");
                let page = app.rest.get(&mina.token, &page).await;
                on.extend(page["items"].as_array().unwrap().iter().cloned());
                let Some(next) = page["next"].as_str() else { break };
                next.clone_into(&mut cursor);
            }
        }
        assert_eq!(of(&on, "/seq"), of(&all, "/seq"), "{limit}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_window_or_page_is_told_by_its_name() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    app.club(&mina, "readers").await;
    let room = app.lobby(&mina).await;
    let messages = format!("/v1/rooms/{room}/messages");
    let other = app.rest.get(&mina.token, "/v1/rooms?limit=1").await["next"].clone();
    let other = format!("cursor={}", other.as_str().unwrap());
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=", "cursor"),
        (other.as_str(), "cursor"),
        ("before_seq=x", "before_seq"),
        ("after_seq=1.5", "after_seq"),
        ("around_seq=", "around_seq"),
        ("before_seq=9&after_seq=1", "before_seq"),
    ] {
        let path = format!("{messages}?{query}");
        let (status, body) = app.rest.refused(Method::GET, Some(&mina.token), &path, None).await;
        assert_eq!((status, &body["code"]), (422, &json!("invalid")), "{query}");
        assert_eq!(body["errors"][0]["field"], field, "{query}");
    }
    for list in [
        "/v1/rooms",
        "/v1/clubs",
        "/v1/me/clubs",
        "/v1/me/devices",
        "/v1/inbox",
        "/v1/users?query=m",
    ] {
        let glue = if list.contains('?') { '&' } else { '?' };
        for odd in ["limit=0", "limit=201", "cursor=nonsense"] {
            let path = format!("{list}{glue}{odd}");
            let (status, _) = app.rest.refused(Method::GET, Some(&mina.token), &path, None).await;
            assert_eq!(status, 422, "{path}");
        }
        for limit in [1, 200] {
            app.rest.get(&mina.token, &format!("{list}{glue}limit={limit}")).await;
        }
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_and_clubs_are_listed_whole_in_pages_of_any_size() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let mut clubs = Vec::new();
    for n in 0..7 {
        let (club, _) = app.club(&mina, &format!("club {n}")).await;
        if n % 2 == 0 {
            app.join(&bob, &club).await;
        }
        clubs.push(club);
    }
    for limit in [1, 2, 3, 50] {
        let rooms = pages(&app, &mina, &format!("/v1/rooms?limit={limit}")).await.concat();
        assert_eq!(once(&of(&rooms, "/id")), 15, "two for each club, and the lobby");
        let rooms = pages(&app, &bob, &format!("/v1/rooms?limit={limit}")).await.concat();
        assert_eq!(once(&of(&rooms, "/id")), 9);
        let club = format!("/v1/clubs/{}/rooms?limit={limit}", clubs[0]);
        assert_eq!(once(&of(&pages(&app, &bob, &club).await.concat(), "/id")), 2);
        for sort in ["new", "members"] {
            let path = format!("/v1/clubs?sort={sort}&limit={limit}");
            let found = pages(&app, &bob, &path).await.concat();
            assert_eq!(once(&of(&found, "/id")), 7);
            let ranks: Vec<_> = found
                .iter()
                .map(|club| {
                    let rank =
                        if sort == "new" { &club["created_at"] } else { &club["member_count"] };
                    rank.as_i64().unwrap()
                })
                .collect();
            assert!(ranks.is_sorted_by(|a, b| a >= b), "{sort}: {ranks:?}");
        }
        let mine = pages(&app, &bob, &format!("/v1/me/clubs?limit={limit}")).await.concat();
        assert_eq!(once(&of(&mine, "/id")), 4);
    }
    let room = app.rest.get(&bob.token, "/v1/rooms").await["items"][0].clone();
    let keys: Vec<_> = room.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "club_id", "epoch", "head", "hidden", "id", "kind", "mentions", "n", "name", "notify",
        "read_n", "unread",
    ];
    assert_eq!(keys, wanted);
    let new = app.rest.get(&bob.token, "/v1/clubs?limit=1").await["next"].clone();
    let path = format!("/v1/clubs?sort=members&cursor={}", new.as_str().unwrap());
    let (status, _) = app.rest.refused(Method::GET, Some(&bob.token), &path, None).await;
    assert_eq!(status, 422, "the cursor of another order");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_newest_first_and_once() {
    let app = TestApp::spawn().await;
    let mina = app.person("mina").await;
    let (club, plans) = app.club(&mina, "readers").await;
    let mut joining = Vec::new();
    for n in 0..11 {
        let person = app.person(&format!("p{n}")).await;
        let (rest, path) = (app.rest.clone(), format!("/v1/clubs/{club}/join"));
        // At once, so that some join in the same millisecond.
        joining.push(tokio::spawn(async move {
            rest.post(&person.token, &path, &json!({})).await;
        }));
    }
    for joined in joining {
        joined.await.unwrap();
    }
    let _session = app.session(&mina).await;
    for list in [format!("/v1/clubs/{club}/members"), format!("/v1/rooms/{plans}/members")] {
        for limit in [1, 5, 12, 50] {
            let members = pages(&app, &mina, &format!("{list}?limit={limit}")).await.concat();
            assert_eq!(once(&of(&members, "/user/id")), 12, "{list}");
            let joined: Vec<_> = members.iter().map(|m| m["joined_at"].as_i64().unwrap()).collect();
            assert!(joined.is_sorted_by(|a, b| a >= b), "{joined:?}");
            let owner = members.iter().find(|member| member["user"]["id"] == *mina.id).unwrap();
            assert_eq!((&owner["role"], &owner["online"]), (&json!("owner"), &json!(true)));
            assert_eq!(members.iter().filter(|member| member["role"] == "member").count(), 11);
            assert_eq!(members.iter().filter(|member| member["online"] == true).count(), 1);
        }
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_id_and_by_a_part_of_their_names() {
    let app = TestApp::spawn().await;
    let mina = app.person("Mina_K").await;
    let bob = app.person("bob").await;
    let shown =
        json!({ "username": "carol", "password": "correct horse", "display_name": "미나 100%" });
    app.rest.post("", "/v1/auth/register", &shown).await;
    let ids = async |ids: &str| {
        let found = app.rest.get(&mina.token, &format!("/v1/users?ids={ids}")).await;
        of(found["items"].as_array().unwrap(), "/username")
    };
    let mut found = ids(&format!("{},u_999999,{},{}", mina.id, bob.id, mina.id)).await;
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, ["Mina_K", "bob"], "unknown ones left out, none twice");
    assert_eq!(ids("").await, Vec::<Value>::new());
    let query = async |text: &str| {
        let found = app.rest.get(&mina.token, &format!("/v1/users?query={text}")).await;
        of(found["items"].as_array().unwrap(), "/username")
    };
    assert_eq!(query("INA").await, ["Mina_K"]);
    assert_eq!(query("%EB%AF%B8%EB%82%98").await, ["carol"], "by the shown name");
    assert_eq!(query("_").await, ["Mina_K"], "a wildcard is a character");
    assert_eq!(query("%25").await, ["carol"]);
    assert_eq!(query("!").await, Vec::<Value>::new());
    assert_eq!(query("zzz").await, Vec::<Value>::new());
    let many = |count: i64| (1..=count).map(|id| format!("u_{id}")).collect::<Vec<_>>().join(",");
    assert!(ids(&many(200)).await.len() >= 3);
    for odd in [
        format!("ids={}", many(201)),
        "ids=nonsense".to_owned(),
        "ids=u_1&query=x".to_owned(),
        String::new(),
    ] {
        let path = format!("/v1/users?{odd}");
        let (status, _) = app.rest.refused(Method::GET, Some(&mina.token), &path, None).await;
        assert_eq!(status, 422, "{odd:.30}");
    }
    for n in 0..8 {
        app.person(&format!("walker{n}")).await;
    }
    for limit in [1, 3, 8] {
        let path = format!("/v1/users?query=Walker&limit={limit}");
        let found = pages(&app, &mina, &path).await.concat();
        assert_eq!(once(&of(&found, "/id")), 8);
    }
    for item in app.rest.get(&mina.token, "/v1/users?query=b").await["items"].as_array().unwrap() {
        let keys: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["display_name", "id", "kind", "username"], "nothing private");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_listed_newest_first_and_by_what_is_unread() {
    let app = TestApp::spawn().await;
    let (mina, bob) = (app.person("mina").await, app.person("bob").await);
    let room = app.lobby(&mina).await;
    let mut session = app.session(&mina).await;
    for n in 0..9 {
        session.send(&room, &format!("c-{n}"), &format!("@bob {n}")).await;
    }
    for limit in [1, 4, 9, 50] {
        let list = pages(&app, &bob, &format!("/v1/inbox?limit={limit}")).await.concat();
        let seqs: Vec<_> = (1..=9).rev().map(|seq| json!(seq)).collect();
        assert_eq!(of(&list, "/seq"), seqs);
    }
    let read = async |body: Value| {
        app.rest.post(&bob.token, "/v1/inbox/read", &body).await["unread"].clone()
    };
    assert_eq!(read(json!({ "upto_seq": 3 })).await, 6);
    let ids = app.rest.get(&bob.token, "/v1/inbox?limit=2").await;
    let ids = of(ids["items"].as_array().unwrap(), "/id");
    assert_eq!(read(json!({ "ids": ids })).await, 4);
    assert_eq!(read(json!({ "ids": ids })).await, 4, "a second time");
    assert_eq!(read(json!({ "upto_seq": 1 })).await, 4, "never back");
    let unread = pages(&app, &bob, "/v1/inbox?unread=true&limit=3").await;
    assert_eq!(of(&unread.concat(), "/seq"), [7, 6, 5, 4]);
    assert_eq!(pages(&app, &bob, "/v1/inbox?unread=false").await.concat().len(), 9);
    assert_eq!(app.rest.get(&bob.token, "/v1/me").await["unread_inbox"], 4);
    app.end().await;
}
