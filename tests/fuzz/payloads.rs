//! Thousands of ways to smuggle a script into a page: `tests/xss/families.json`, which the tests of
//! the page read too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

/// Patterns of one kind. `«word»` in one stands for each of the pieces of that slot.
#[derive(Deserialize)]
struct Family {
    templates: Vec<String>,
    slots: BTreeMap<String, Vec<String>>,
}

/// All of them, each once.
pub(crate) fn payloads() -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xss/families.json");
    let families: Vec<Family> =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut payloads = BTreeSet::new();
    for Family { templates, slots } in families {
        for template in templates {
            spread(template, &slots, &mut payloads);
        }
    }
    payloads
}

fn spread(text: String, slots: &BTreeMap<String, Vec<String>>, into: &mut BTreeSet<String>) {
    let name =
        text.split_once('«').and_then(|(_, rest)| rest.split_once('»')).map(|(name, _)| name);
    let Some(pieces) = name.and_then(|name| slots.get(name)) else {
        into.insert(text);
        return;
    };
    let slot = format!("«{}»", name.unwrap_or_default());
    for piece in pieces {
        spread(text.replace(&slot, piece), slots, into);
    }
}
