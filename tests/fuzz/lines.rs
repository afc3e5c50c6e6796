//! Lines of a session that are nearly right: by chance alone hardly any would name an op with all
//! that it wants.

use moim::protocol::{Line, parse_line};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Each op with everything that it may have, as it is understood.
const UNDERSTOOD: &[&str] = &[
    r#"{"op":"auth","token":"t","want":["head","ai"]}"#,
    r#"{"op":"auth.refresh","token":"t"}"#,
    r#"{"op":"ping"}"#,
    r#"{"op":"open","room":"r_12","since":{"epoch":"a1","seq":1030}}"#,
    r#"{"op":"close","room":"r_12"}"#,
    r#"{"op":"send","room":"r_12","text":"a","cid":"c","reply_to":"m_12_9","thread":"m_12_8","files":["fi_7"]}"#,
    r#"{"op":"edit","room":"r_12","message":"m_12_9","text":"b","cid":"c"}"#,
    r#"{"op":"delete","room":"r_12","message":"m_12_9"}"#,
    r#"{"op":"delete.many","room":"r_12","messages":["m_12_9","m_12_10"]}"#,
    r#"{"op":"react","room":"r_12","message":"m_12_9","emoji":"👍"}"#,
    r#"{"op":"unreact","room":"r_12","message":"m_12_9","emoji":"❤️"}"#,
    r#"{"op":"pin","room":"r_12","message":"m_12_9"}"#,
    r#"{"op":"unpin","room":"r_12","message":"m_12_9"}"#,
    r#"{"op":"typing","room":"r_12"}"#,
    r#"{"op":"status","state":"away","text":"lunch"}"#,
    r#"{"op":"read","room":"r_12","seq":9}"#,
    r#"{"op":"unread","room":"r_12","seq":9}"#,
    r#"{"op":"pull","room":"r_12","after":9}"#,
    r#"{"op":"inbox.open","since":{"epoch":"a1","seq":9}}"#,
    r#"{"op":"inbox.read","upto_seq":9}"#,
    r#"{"op":"inbox.read","ids":["n_1","n_2"]}"#,
    r#"{"op":"ai.stop","run":"run_5"}"#,
];

/// What may stand behind any field.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            "\"r_12\"",
            "\"m_1_2\"",
            "\"fi_7\"",
            "\"run_5\"",
            "[]",
            "{}",
            r#"["n_1","n_2"]"#,
            r#"["m_12_9","m_12_9"]"#,
            r#"["fi_7",7]"#,
        ])
        .prop_map(|text| serde_json::from_str(text).unwrap()),
        (".{0,8}", any::<i64>()).prop_map(|(epoch, seq)| json!({"epoch": epoch, "seq": seq})),
        ".{0,12}".prop_map(Value::from),
    ]
}

/// What becomes of one field of a line.
#[derive(Debug, Clone)]
enum Change {
    Stays,
    Goes,
    Becomes(Value),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => Just(Change::Stays),
        1 => Just(Change::Goes),
        2 => value().prop_map(Change::Becomes),
    ]
}

/// A line that is understood, of which some fields are otherwise, are not there or are strange.
pub(crate) fn line() -> impl Strategy<Value = String> {
    let changes = prop::collection::vec(change(), 7);
    let name = prop::sample::select(vec!["id", "op", "room", "seq", "at", "other"]);
    let others = prop::collection::vec((name, value()), 0..3);
    (prop::sample::select(UNDERSTOOD), changes, others).prop_map(|(line, changes, others)| {
        let fields: Map<String, Value> = serde_json::from_str(line).unwrap();
        let changed = fields.into_iter().zip(changes).filter_map(|((name, was), change)| {
            let is_verb = name == "op";
            match change {
                Change::Goes => None,
                // A verb of chance is hardly ever one.
                Change::Becomes(value) if !is_verb => Some((name, value)),
                Change::Becomes(_) | Change::Stays => Some((name, was)),
            }
        });
        let others = others.into_iter().map(|(name, value)| (name.to_owned(), value));
        // The same field twice, or in any order, is for the reader to judge.
        let pairs: Vec<String> = others
            .chain(changed)
            .map(|(name, value)| format!("{}:{value}", Value::from(name)))
            .collect();
        format!("{{{}}}", pairs.join(","))
    })
}

#[test]
fn what_the_lines_are_made_from_is_understood() {
    for line in UNDERSTOOD {
        let read = parse_line(line);
        assert!(matches!(read, Ok(Line::Request { id: None, .. })), "{line}: {read:?}");
    }
}
