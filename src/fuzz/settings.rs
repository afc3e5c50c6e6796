//! Settings: the file and the environment.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::config::{Config, SETTINGS, Values};

/// Stands in a secret and in the password of the database, and nowhere else.
const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

/// Any text up to a line `---` is the file, `NAME=value` behind it the environment: what does not
/// fit is told in one line, and neither that line nor the list of settings shows a secret.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains(SECRET) {
        return; // Then it stands where no secret is expected.
    }
    let (file, environment) = text.split_once("\n---\n").unwrap_or((text, ""));
    let mut given: HashMap<&str, &str> =
        environment.lines().filter_map(|line| line.split_once('=')).collect();
    // Not a file of this machine, whatever the name is.
    given.retain(|name, _| !name.ends_with("_FILE"));
    let secret = SETTINGS.iter().find(|setting| setting.is_secret).map(|s| s.variable());
    let secret = secret.unwrap_or_default();
    given.entry(&secret).or_insert(SECRET);
    let url = match file.len() % 4 {
        0 => format!("postgres://moim:{SECRET}@127.0.0.1/moim"),
        1 => format!("postgre://moim:{SECRET}@127.0.0.1/moim"),
        2 => format!("postgres:moim:{SECRET}@{SECRET}@127.0.0.1"),
        _absent => String::new(),
    };
    given.entry("MOIM_DATABASE_URL").or_insert(&url);
    let look = |name: &str| given.get(name).map(|value| (*value).to_owned());
    let values = match Values::gather_text(&look, file) {
        Ok(values) => values,
        Err(why) => return tells_little(&why.to_string()),
    };
    tells_nothing_secret(&values.lines());
    // A name would be looked up in the network.
    let is_address = values.text("listen").is_some_and(|text| text.parse::<SocketAddr>().is_ok());
    if is_address && let Err(why) = Config::parse(&values) {
        tells_little(&why.to_string());
    }
}

fn tells_little(why: &str) {
    assert!(!why.contains('\n'), "{why}");
    tells_nothing_secret(why);
}

fn tells_nothing_secret(text: &str) {
    assert!(!text.contains(SECRET), "{text}");
}
