//! Who may do what, and who hears what: every call, op and event, for every kind of person, in
//! every kind of room. The table stands in `calls.txt`, `ops.txt` and `events.txt`; one that has no
//! row there fails here, or in `tests/house`.

mod cells;
mod ears;
mod gone;
mod hear;
mod places;
mod scene;
mod stage;
mod table;
mod things;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

use self::places::{PLACES, Place};
use self::stage::Stage;
use self::table::{Ask, Row, anonymous, audiences, filled, read};
use crate::assistant::Models;
use crate::previews::Site;
use crate::support::{TestApp, fresh, on_both};

on_both!(everybody_is_answered_as_the_table_says, who_loses_a_room_loses_it_at_once,);

const CALLS: &str = include_str!("calls.txt");
const OPS: &str = include_str!("ops.txt");
const EVENTS: &str = include_str!("events.txt");

async fn everybody_is_answered_as_the_table_says(app: &TestApp) {
    let mut rows = read(OPS);
    rows.extend(read(CALLS));
    let found = cells::differences(app, rows).await;
    assert!(found.is_empty(), "{} cells differ:\n{}", found.len(), found.join("\n"));
}

/// Who has heard everything waits for the others without a sign of life, and for the end. The assistant
/// speaks in all rooms at once.
const CALM: [(&str, &str); 5] = [
    ("MOIM_HEARTBEAT_MS", "300000"),
    ("MOIM_DRAIN_WINDOW_MS", "0"),
    ("MOIM_AI_CONCURRENCY", "16"),
    ("MOIM_AI_BETWEEN_TOKENS_MS", "300000"),
    ("MOIM_AI_ANSWER_MS", "600000"),
];

/// A model that says a few words, and then nothing until it is stopped.
const FALTERING: &str = "hang-after:3";

async fn everybody_hears_what_the_table_says_and_nothing_else((mut app, site): (TestApp, Site)) {
    let (stage, table) = (Stage::new(&app).await, audiences(EVENTS));
    let rooms = PLACES.iter().map(|place| hear::differences(&stage, (place, &site), &table));
    let (found, ears): (Vec<_>, Vec<_>) = join_all(rooms).await.into_iter().unzip();
    let found: Vec<_> = found.concat();
    app.begin_end();
    for one in ears.into_iter().flatten() {
        one.drained(&table).await;
    }
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_what_the_table_says_and_nothing_else_on_sqlite() {
    let models = Models::listen().await;
    let settings = [&CALM[..], models.settings(FALTERING).as_slice()].concat();
    let both = crate::previews::spawn(&settings).await;
    everybody_hears_what_the_table_says_and_nothing_else(both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_what_the_table_says_and_nothing_else_on_postgres() {
    let Some(url) = fresh().await else { return };
    let models = Models::listen().await;
    let settings =
        [&CALM[..], models.settings(FALTERING).as_slice(), &[("MOIM_DATABASE_URL", &url)]].concat();
    let both = crate::previews::spawn(&settings).await;
    everybody_hears_what_the_table_says_and_nothing_else(both).await;
}

async fn who_loses_a_room_loses_it_at_once(app: &TestApp) {
    let stage = Stage::new(app).await;
    let ways = gone::WAYS.iter().map(|way| gone::differences(&stage, way));
    let found: Vec<_> = join_all(ways).await.concat();
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_has_a_row_and_no_row_is_of_another() {
    let app = TestApp::spawn().await;
    let answer = app.rest.send(Method::GET, None, "/v1/openapi.json", None).await;
    let description: Value = answer.json().await.unwrap();
    let mut described = BTreeSet::new();
    for (path, calls) in description["paths"].as_object().unwrap() {
        let methods = calls.as_object().unwrap().keys();
        described.extend(methods.map(|one| format!("{} {}", one.to_uppercase(), anonymous(path))));
    }
    let rows = read(CALLS);
    assert!(rows.iter().all(|row| matches!(row.ask, Ask::Call { .. })));
    let in_table: BTreeSet<_> = rows.iter().map(|row| row.operation()).collect();
    assert_eq!(in_table, described);
    app.end().await;
}

#[test]
fn rows_are_read_as_they_are_meant() {
    let text = "# no row\nGET /v1/rooms/{room}\n  muted = muted\n  @dm lobby: in muted = ok\n\
                POST /v1/clubs/{club}/x {\"a\":{seq}}\n  manager = conflict/b\nping\n  at *\n";
    let rows = read(text);
    let said = |at: usize, place: &str, who: &str| {
        let row: &Row = &rows[at];
        row.outcome(Place::named(place), who).to_owned()
    };
    let places: Vec<_> =
        rows.iter().map(|row| PLACES.iter().filter(|place| row.is_at(place)).count()).collect();
    assert_eq!(places, [PLACES.len(), 2, PLACES.len()]);
    let operations: Vec<_> = rows.iter().map(Row::operation).collect();
    assert_eq!(operations, ["GET /v1/rooms/{}", "POST /v1/clubs/{}/x", "ping"]);
    for (who, outcome) in [
        ("anonymous", "unauthorized"),
        ("stranger", "not_found"),
        ("banned", "banned"),
        ("muted", "muted"),
        ("member", "ok"),
    ] {
        assert_eq!(said(0, "club", who), outcome, "{who}");
    }
    assert_eq!(
        (said(0, "managers", "member"), said(0, "dm", "bot")),
        ("not_found".into(), "ok".into())
    );
    for (who, outcome) in [
        ("stranger", "forbidden/not_member"),
        ("member", "forbidden/role"),
        ("manager", "conflict/b"),
        ("owner", "ok"),
    ] {
        assert_eq!(said(1, "club", who), outcome, "{who}");
    }
    assert_eq!(said(1, "closed", "banned"), "not_found");
    assert_eq!(filled("{a}{\"b\":{c}}", |name| name.to_uppercase()), "A{\"b\":C}");
    let heard = audiences("x = in\n  @dm lobby = doer\n");
    assert_eq!(heard[0].at(Place::named("club")), ["in"]);
    assert_eq!(heard[0].at(Place::named("dm")), ["doer"]);
}
