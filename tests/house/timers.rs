//! A session owns no timer: ten thousand of them are served by the one clock of their relay.

use super::rust::tokens;
use super::tree::{self, Source, none};

/// Where a session lives, and all that is done for one.
const SESSION: &[&str] = &["src/actors/session/", "src/actors/outbox", "src/actors/relay/"];
/// Words that start a timer, in tokio and in actix.
const TIMERS: &[&str] = &[
    "interval",
    "interval_at",
    "notify_later",
    "run_interval",
    "run_later",
    "sleep",
    "sleep_until",
    "timeout",
    "timeout_at",
];
/// The clock of a relay, how long answers linger in it, and three waits for the answers of all
/// relays.
const ALLOWED: &[(&str, &str, usize)] = &[
    ("src/actors/relay/run.rs", "run_interval", 1),
    ("src/actors/relay/run.rs", "timeout", 1),
    ("src/actors/relay/message.rs", "timeout", 2),
    ("src/actors/relay/survey.rs", "timeout_at", 1),
];

fn timers(source: &Source) -> Vec<(&'static str, usize)> {
    let of = |word: &'static str| {
        let times = tokens(&source.text).iter().filter(|token| token.text == word).count();
        (times > 0).then_some((word, times))
    };
    TIMERS.iter().filter_map(|word| of(word)).collect()
}

#[test]
fn no_session_has_a_timer_of_its_own() {
    let mut slips = Vec::new();
    let mut found = Vec::new();
    for source in tree::kept() {
        if !SESSION.iter().any(|place| source.path.starts_with(place)) {
            continue;
        }
        for (word, times) in timers(&source) {
            let known = ALLOWED
                .iter()
                .find(|(path, w, t)| (*path, *w, *t) == (source.path.as_str(), word, times));
            match known {
                Some(known) => found.push(*known),
                None => slips.push(format!("{}: {times} × {word}", source.path)),
            }
        }
    }
    none("timers beside a session", &slips);
    assert_eq!(found.len(), ALLOWED.len(), "an allowed timer is not there any more");
}

#[test]
fn a_timer_is_seen_in_code_and_not_in_words() {
    let of = |text: &str| timers(&Source { path: "x".to_owned(), text: text.to_owned() });
    assert_eq!(of("tokio::time::sleep(span).await"), [("sleep", 1)]);
    assert_eq!(of("context.run_later(span, |_, _| ())"), [("run_later", 1)]);
    assert!(of("// sleep\nlet asleep = \"timeout\";").is_empty());
}
