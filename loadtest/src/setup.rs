//! The people and places of a run: users, a club, its rooms, memberships.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::progress::Progress;

/// Calls in flight while preparing.
const AT_ONCE: usize = 8;
const PASSWORD: &str = "a load of messages";

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub id: String,
    pub username: String,
    pub token: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Club {
    pub id: String,
    /// The rooms made here, in the order they were named.
    pub rooms: Vec<String>,
}

/// Makes `count` users whose names begin with `prefix`, in order.
pub(crate) async fn register(endpoint: &Endpoint, prefix: &str, count: usize) -> Result<Vec<User>> {
    let prefix = prefix.to_owned();
    let progress = Progress::new("accounts", count);
    in_parallel(endpoint, count, progress, async move |index, http| {
        let username = format!("{prefix}-{index}");
        let body = json!({"username": username, "password": PASSWORD});
        let answer = http.post("/v1/auth/register", None, &body).await?;
        user_of(username, &answer)
    })
    .await
}

/// Signs a user in again, for a fresh token.
pub(crate) async fn login(endpoint: &Endpoint, username: &str) -> Result<User> {
    let body = json!({"username": username, "password": PASSWORD});
    let answer = Http::new(endpoint.clone()).post("/v1/auth/login", None, &body).await?;
    user_of(username.to_owned(), &answer)
}

fn user_of(username: String, answer: &Value) -> Result<User> {
    let (id, token) = (text_at(answer, "/user/id")?, text_at(answer, "/access_token")?);
    Ok(User { id, username, token })
}

/// Makes a club that anyone may join, with `rooms` more rooms than the one it is born with.
pub(crate) async fn make_club(
    endpoint: &Endpoint,
    owner: &User,
    name: &str,
    rooms: usize,
) -> Result<Club> {
    let mut http = Http::new(endpoint.clone());
    let token = Some(owner.token.as_str());
    let body = json!({"name": name, "kind": "community", "join_policy": "open"});
    let club = http.post("/v1/clubs", token, &body).await?;
    let id = text_at(&club, "/id")?;
    let mut made = Vec::new();
    for number in 1..=rooms {
        let body = json!({"name": format!("room-{number}")});
        let room = http.post(&format!("/v1/clubs/{id}/rooms"), token, &body).await?;
        made.push(text_at(&room, "/id")?);
    }
    Ok(Club { id, rooms: made })
}

/// Lets every user join the club that `club_of` names for it.
pub(crate) async fn join(
    endpoint: &Endpoint,
    users: &[User],
    club_of: impl Fn(usize) -> String + Clone + Send + 'static,
) -> Result<()> {
    let tokens: Arc<[String]> = users.iter().map(|user| user.token.clone()).collect();
    let progress = Progress::new("joining", users.len());
    in_parallel(endpoint, users.len(), progress, async move |index, http| {
        let token = tokens.get(index).map(String::as_str);
        let path = format!("/v1/clubs/{}/join", club_of(index));
        http.post(&path, token, &json!({})).await?;
        Ok(())
    })
    .await?;
    Ok(())
}

/// Does `work` for each index with a few connections, and returns the results in order.
pub(crate) async fn in_parallel<T: Send + 'static>(
    endpoint: &Endpoint,
    count: usize,
    progress: Progress,
    work: impl Work<T>,
) -> Result<Vec<T>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE.min(count) {
        let (work, next, progress) = (work.clone(), next.clone(), progress.clone());
        let mut http = Http::new(endpoint.clone());
        workers.spawn_local(async move {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok::<_, anyhow::Error>(done);
                }
                done.push((index, work(index, &mut http).await?));
                progress.step(1);
            }
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(done) = workers.join_next().await {
        all.extend(done??);
    }
    progress.done();
    all.sort_unstable_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

pub(crate) trait Work<T>: AsyncFn(usize, &mut Http) -> Result<T> + Clone + 'static {}
impl<T, W: AsyncFn(usize, &mut Http) -> Result<T> + Clone + 'static> Work<T> for W {}

pub(crate) fn text_at(value: &Value, pointer: &str) -> Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {pointer} in {value}"))?.to_owned())
}
