//! A question to the assistant by the word of one message. Without a model it quotes what the room
//! said, so it must name that message.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Rest;
use crate::http::Http;
use crate::scan::Stamp;
use crate::setup::text_at;
use crate::town::book::{Part, Pick};
use crate::town::{Deed, Folk, Room};

/// Between two looks whether the answer is over.
const LOOK: Duration = Duration::from_millis(20);
/// A quoting answer takes milliseconds; one that takes so long does not come.
const PATIENCE: Duration = Duration::from_secs(30);

impl Rest {
    /// Asks about a message of the room.
    pub(crate) fn ask(
        self: &Rc<Self>,
        folk: &Rc<Folk>,
        index: usize,
        (room, about): (&Rc<Room>, Pick),
        due: Instant,
    ) {
        // An answer goes with what it quotes.
        if let Some(book) = room.book() {
            book.keep(&about.id);
        }
        let room = room.clone();
        self.start(folk, async move |http, folk| {
            ask(http, folk, index, (&room, &about), due).await
        });
    }
}

async fn ask(
    http: &mut Http,
    folk: &Folk,
    index: usize,
    (room, about): (&Room, &Pick),
    due: Instant,
) -> Result<()> {
    let (token, tally) = (folk.token(index), folk.tally());
    let stamp = Stamp { serial: tally.next_serial(), due_us: tally.epoch.stamp(due) };
    let text = format!("{}{}", stamp.head(), Stamp::word(about.serial));
    let body = json!({"text": text, "cid": format!("s-{}", stamp.serial)});
    let path = format!("/v1/rooms/{}/ai", room.id);
    let (status, asked) = http.post_once(&path, &token, &body).await?;
    match status {
        202 => tally.done(Deed::Ask, due),
        // It has enough to do here, and says so.
        429 => {
            tally.note(|noted| noted.unasked += 1);
            return Ok(());
        }
        _ => bail!("{path} was answered with {status}: {asked}"),
    }
    let path = format!("/v1/ai/runs/{}", text_at(&asked, "/run")?);
    let run = until(async || {
        let run = http.get(&path, Some(&token)).await?;
        Ok((run.get("status").and_then(Value::as_str) == Some("done")).then_some(run))
    })
    .await?;
    let Some(run) = run else { bail!("{path} does not end") };
    tally.done(Deed::Answer, due);
    let is_heard = until(async || Ok(is_heard(room, &run).then_some(()))).await?.is_some();
    ensure!(is_heard, "nobody heard the answer of {path}");
    if let Some(how) = wrong(&run, &asked, (room, about)) {
        tally.wrong(Part::Answer.wrong(format!("{how}: {run}")));
    }
    Ok(())
}

/// Looks again and again.
async fn until<T>(mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let begin = Instant::now();
    loop {
        let found = look().await?;
        if found.is_some() || begin.elapsed() > PATIENCE {
            return Ok(found);
        }
        sleep(LOOK).await;
    }
}

fn is_heard(room: &Room, run: &Value) -> bool {
    let Some(message) = run.get("message").and_then(Value::as_str) else { return true };
    room.book().is_none_or(|book| book.heard_answer(message))
}

fn wrong(run: &Value, asked: &Value, (room, about): (&Room, &Pick)) -> Option<&'static str> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let cites = run.get("cites").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_named = cites.iter().any(|cite| text(cite, "id").as_deref() == Some(&*about.id));
    // Edited meanwhile, it does not hold the word any more.
    let stands = room.book().is_some_and(|book| book.stands(&about.id, about.serial));
    if text(run, "finish").as_deref() != Some("stop") {
        Some("an answer did not end well")
    } else if text(run, "question") != text(asked, "message") {
        Some("an answer is to another question")
    } else if stands && !is_named {
        Some("an answer does not name what was asked for")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;
    use crate::town::book::{For, Post, Who};

    #[test]
    fn an_answer_that_names_another_message_is_caught() {
        let room = Room::new("r_1".to_owned());
        room.keep_book();
        let (by, acked) = (Some(Who::of("u_1")), Some((0, None)));
        let post = Post { seq: 11, serial: 7, by, acked, ..Post::default() };
        let book = room.book().unwrap();
        book.posted("m_1_11", post).unwrap();
        let about = book.pick(For::Anything, 9, &mut SmallRng::seed_from_u64(1)).unwrap();
        let asked = json!({"run": "run_5", "message": "m_1_12"});
        let run = |finish: &str, question: &str, cite: &str| json!({"finish": finish, "question": question, "cites": [{"id": cite, "seq": 11}]});
        let judge = |run: &Value| wrong(run, &asked, (&room, &about)).is_some();
        assert!(!judge(&run("stop", "m_1_12", "m_1_11")));
        assert!(judge(&run("error", "m_1_12", "m_1_11")));
        assert!(judge(&run("stop", "m_1_10", "m_1_11")));
        assert!(judge(&run("stop", "m_1_12", "m_1_10")));
        book.edit_asked("m_1_11", false);
        assert!(!judge(&run("stop", "m_1_12", "m_1_10")), "it is being edited");
    }
}
