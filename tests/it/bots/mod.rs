//! Bots: made, spoken with, and ended by their makers; never where these are not; and how far from a
//! human the assistant still answers them.

mod hops;
mod life;
mod rights;
mod waking;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

/// Makes a bot of somebody, whose token stands where people have that of their sign-in.
pub(crate) async fn bot(app: &TestApp, maker: &Person, name: &str) -> Person {
    of(&app.rest.post(&maker.token, "/v1/bots", &json!({ "username": name })).await)
}

/// The same of what the call answers.
pub(crate) fn of(made: &Value) -> Person {
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    Person {
        id: text("id"),
        name: text("username"),
        token: text("token"),
        refresh: String::from("none"),
    }
}

/// Status, code and reason of a call that is refused.
async fn refused(
    app: &TestApp,
    who: &Person,
    (method, path): (Method, &str),
    body: Value,
) -> (u16, String) {
    let (status, body) = app.rest.refused(method, Some(&who.token), path, Some(&body)).await;
    let word = |field: &str| body[field].as_str().unwrap_or("").to_owned();
    (status, format!("{}/{}", word("code"), word("reason")))
}
