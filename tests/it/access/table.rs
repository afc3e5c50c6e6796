//! The table: who is answered what, read from the text files beside this one.
//!
//! A row begins with what is asked, a call or an op, where a word in braces stands for a thing of
//! the scene (`scene.rs`, `Scene::thing`). The indented lines below it are its rules. A rule says
//! `who … = outcome`, of sets and persons (`places.rs`), for some kinds of rooms where it begins
//! with `@kind …:`; a later one wins. Outcomes are the words of the wire, `code` or `code/reason`,
//! and `ok`; `sees` and `blind` are `ok` with and without what `look` names (else what was said last
//! in the room). `at` names the kinds of rooms that a row is about. What `alone` marks changes who
//! asks, or ends what they ask about.
//!
//! Without a rule: a row about a `{room}` is `ok` for who is in it, `banned` for who is banned and
//! `not_found` for all others. A row about a `{club}` and none of its rooms is for moderators: others
//! in it are answered `forbidden/role`, others `forbidden/not_member`, and of a private club that it
//! is not there. All other rows are `ok` for everybody who has signed in. Who has not is
//! `unauthorized`.

use reqwest::Method;

use super::places::{ANONYMOUS, PLACES, Place, is_name};

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Call { method: Method, path: String, body: String },
    Op { name: String, fields: String },
}

/// A row of the table.
pub(super) struct Row {
    pub(super) ask: Ask,
    /// As it stands in the file.
    pub(super) line: String,
    pub(super) look: String,
    /// Its right answer changes the scene.
    pub(super) is_alone: bool,
    places: Vec<&'static Place>,
    rules: Vec<Rule>,
}

/// Who is answered what, and where.
struct Rule {
    places: Vec<&'static Place>,
    who: Vec<String>,
    outcome: String,
}

impl Row {
    /// The row of an op, or of a call.
    fn new(line: &str) -> Self {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let ask = if first.chars().all(|c| c.is_ascii_uppercase()) {
            let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
            let (path, body) = (path.to_owned(), body.to_owned());
            Ask::Call { method: first.parse().unwrap(), path, body }
        } else {
            Ask::Op { name: first.to_owned(), fields: rest.to_owned() }
        };
        let (line, look) = (line.to_owned(), "{t}now".to_owned());
        let mut row = Self { ask, line, look, is_alone: false, places: vec![], rules: vec![] };
        row.places = match () {
            () if row.is_about("{room}") => PLACES.iter().collect(),
            () if row.is_about("{club}") => places("club closed"),
            () => places("club"),
        };
        row
    }

    pub(super) fn is_about(&self, thing: &str) -> bool {
        self.line.contains(thing)
    }

    fn rule(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("look", what)) => what.clone_into(&mut self.look),
            Some(("at", "*")) => self.places = PLACES.iter().collect(),
            Some(("at", names)) => self.places = places(names),
            None if line == "alone" => self.is_alone = true,
            _rule => self.rules.push(Rule::read(line)),
        }
    }

    /// The kinds of rooms that it is about.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.places.iter().any(|one| one.name == place.name)
    }

    /// What somebody is answered there.
    pub(super) fn outcome(&self, place: &'static Place, who: &str) -> &str {
        let is_club_row = self.is_about("{club}") && !self.is_about("{room}");
        let said = self.rules.iter().rev().find(|rule| rule.is_for(place, who));
        // Nothing about a private club is told to others, but where that is said.
        let is_hidden = is_club_row && place.name == "closed" && place.has("outside", who);
        match said {
            Some(rule) if !is_hidden || !rule.places.is_empty() => &rule.outcome,
            _none if who == ANONYMOUS => "unauthorized",
            _none if is_hidden => "not_found",
            _none if is_club_row && place.has("outside", who) => "forbidden/not_member",
            _none if is_club_row && !place.has("mod", who) => "forbidden/role",
            _none if self.is_about("{room}") && who == "banned" => "banned",
            _none if self.is_about("{room}") && !place.has("in", who) => "not_found",
            _none => "ok",
        }
    }

    /// What it is a row of: `GET /v1/rooms/{}` whatever stands in the braces, or the name of an op.
    pub(super) fn operation(&self) -> String {
        match &self.ask {
            Ask::Call { method, path, .. } => {
                format!("{method} {}", anonymous(path.split('?').next().unwrap()))
            }
            Ask::Op { name, .. } => name.clone(),
        }
    }
}

impl Rule {
    fn read(line: &str) -> Self {
        let (said, rest) = match line.strip_prefix('@') {
            Some(scoped) => {
                let (names, rest) = scoped.split_once(':').expect("a colon behind the places");
                (places(names), rest.trim())
            }
            None => (Vec::new(), line),
        };
        let (who, outcome) = rest.split_once(" = ").unwrap_or_else(|| panic!("no rule: {line}"));
        let who: Vec<_> = who.split(' ').map(str::to_owned).collect();
        let odd = who.iter().find(|word| !is_name(word));
        assert!(odd.is_none(), "nobody is called {odd:?}: {line}");
        Self { places: said, who, outcome: outcome.to_owned() }
    }

    fn is_for(&self, place: &'static Place, who: &str) -> bool {
        let is_here =
            self.places.is_empty() || self.places.iter().any(|one| one.name == place.name);
        is_here && self.who.iter().any(|set| place.has(set, who))
    }
}

fn places(names: &str) -> Vec<&'static Place> {
    names.split(' ').map(Place::named).collect()
}

/// A path with all names in braces taken out.
pub(super) fn anonymous(path: &str) -> String {
    let mut parts = path.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("{}");
        out.push_str(part.split_once('}').map_or("", |(_name, rest)| rest));
    }
    out
}

/// The rows of a text.
pub(super) fn read(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines() {
        let told = line.trim();
        if told.is_empty() || told.starts_with('#') {
            continue;
        }
        match rows.last_mut().filter(|_| line.starts_with(' ')) {
            Some(row) => row.rule(told),
            None => rows.push(Row::new(told)),
        }
    }
    rows
}

/// Puts things in the place of their names: `{room}` becomes what `of` says of `room`.
pub(super) fn filled(template: &str, of: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        out.push_str(before);
        match name(behind) {
            Some(name) => {
                out.push_str(&of(name));
                rest = &behind[name.len() + 1..];
            }
            None => {
                out.push('{');
                rest = behind;
            }
        }
    }
    out + rest
}

/// The names that stand in braces, each once.
pub(super) fn names(template: &str) -> Vec<&str> {
    let mut names: Vec<_> = template.split('{').skip(1).filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The name in front, up to its closing brace. JSON has quotes behind its braces.
fn name(behind: &str) -> Option<&str> {
    let (name, _rest) = behind.split_once('}')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
    is_name.then_some(name)
}

/// Who hears an event.
pub(super) struct Audience {
    pub(super) event: String,
    everywhere: Vec<String>,
    elsewhere: Vec<(Vec<&'static Place>, Vec<String>)>,
}

impl Audience {
    /// Whether all who have signed in hear it.
    pub(super) fn is_for_all(&self) -> bool {
        self.everywhere == ["all"] && self.elsewhere.is_empty()
    }

    /// The sets and persons that hear it in a kind of room.
    pub(super) fn at(&self, place: &Place) -> &[String] {
        let is_here = |places: &[&Place]| places.iter().any(|one| one.name == place.name);
        let said = self.elsewhere.iter().find(|(places, _)| is_here(places));
        said.map_or(&self.everywhere, |(_, sets)| sets)
    }
}

/// The audiences of a text: `event = who …`, and below it `@kind … = who …`.
pub(super) fn audiences(text: &str) -> Vec<Audience> {
    let mut rows: Vec<Audience> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (what, sets) = line.split_once(" = ").unwrap_or_else(|| panic!("no row: {line}"));
        let sets: Vec<_> = sets.split(' ').map(str::to_owned).collect();
        assert!(sets.iter().all(|set| is_name(set)), "nobody is called so: {line}");
        match what.strip_prefix("  @") {
            Some(names) => rows.last_mut().unwrap().elsewhere.push((places(names), sets)),
            None => rows.push(Audience {
                event: what.to_owned(),
                everywhere: sets,
                elsewhere: Vec::new(),
            }),
        }
    }
    rows
}
