//! Whether each question of each cell came to its one end: for who heard it live, for who has the
//! log replayed, and in the history.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::witness::{Shown, Witness};
use super::hall::Hall;
use super::life::{Asked, Must, Tried};
use super::rows::{Act, State};
use crate::report::Report;
use crate::table::Table;

const ASSISTANT: &str = "u_ai";

/// What is known of all rooms when everything is over.
pub(super) struct Known<'k> {
    pub hall: &'k Hall,
    pub late: &'k Witness,
    /// All messages of the assistant, by room.
    pub answers: HashMap<String, Vec<Value>>,
}

/// Reads what the assistant has said in a room.
pub(super) async fn answers(hall: &Hall, room: &str) -> Result<Vec<Value>> {
    let (mut http, mut all, mut after) = (hall.http(), Vec::new(), 0);
    loop {
        let path = format!("/v1/rooms/{room}/messages?after_seq={after}&limit=200");
        let page = http.get(&path, Some(&hall.owner.token)).await?;
        let items = page.get("items").and_then(Value::as_array).context("no items")?;
        let Some(last) = items.last() else { return Ok(all) };
        after = last.get("seq").and_then(Value::as_u64).context("a message without seq")?;
        all.extend(items.iter().filter(|item| field(item, "/by") == ASSISTANT).cloned());
    }
}

impl Known<'_> {
    /// What is wrong with a question.
    fn slips(&self, tried: &Tried, asked: &Asked) -> Vec<String> {
        let run = asked.taken.run.as_str();
        let (live, late) = (self.hall.witness.shown(run), self.late.shown(run));
        let answers = self.answers.get(&tried.room).map(Vec::as_slice).unwrap_or_default();
        let is_its = |answer: &&Value| {
            field(answer, "/ai/run") == run || field(answer, "/id") == live.message
        };
        let its: Vec<&Value> = answers.iter().filter(is_its).collect();
        let counts = [live.starts, live.ends, late.starts, late.ends, its.len() as u32];
        let others = answers.iter().filter(|answer| {
            let is_known = |asked: &Asked| field(answer, "/ai/run") == asked.taken.run;
            field(answer, "/reply_to") == asked.taken.message && !tried.asked.iter().any(is_known)
        });
        let is_right = match asked.must {
            Must::Answer => counts == [1; 5],
            Must::Nothing => counts == [0; 5],
            Must::Either => counts == [0; 5] || counts == [1; 5],
        };
        let mut slips = Vec::new();
        if !is_right {
            let [a, b, c, d, e] = counts;
            let must = asked.must;
            slips.push(format!(
                "{must:?}, but live {a} beginnings and {b} ends, replayed {c} and {d}, kept {e}"
            ));
        }
        slips.extend(others.map(|answer| format!("{} answers it too", field(answer, "/ai/run"))));
        slips.extend(live.slips.iter().chain(&late.slips).cloned());
        if live.behind > 0 {
            slips.push(format!("{} pieces were told behind the end", live.behind));
        }
        if let Some(answer) = its.first() {
            slips.extend(differing(answer, &live, &late));
        }
        if let Some(finish) = asked.finish.filter(|finish| *finish != live.finish) {
            slips.push(format!("it ended with {:?} and not {finish}", live.finish));
        }
        let calls = self.hall.tap.calls(asked.taken.number);
        if let Some(before) = asked.calls.filter(|before| *before != calls) {
            slips.push(format!("a model was asked {before} times before the kill, {calls} in all"));
        }
        slips.iter().map(|slip| format!("{run}: {slip}")).collect()
    }

    /// Answers to what nobody has asked.
    pub(super) fn strange(&self, tried: &[Tried]) -> Vec<String> {
        let runs: Vec<&str> =
            tried.iter().flat_map(|one| &one.asked).map(|asked| asked.taken.run.as_str()).collect();
        let heard = self.hall.witness.runs().into_iter().chain(self.late.runs());
        heard.filter(|run| !runs.contains(&run.as_str())).collect()
    }
}

/// What an answer is to who heard it, and to who reads it.
fn differing(answer: &Value, live: &Shown, late: &Shown) -> Vec<String> {
    let mut slips = Vec::new();
    if answer.get("deleted").and_then(Value::as_bool) == Some(true) {
        return slips;
    }
    if field(answer, "/ai/state") != "done" {
        slips.push(format!("it is kept as {:?}", field(answer, "/ai/state")));
    }
    for (who, shown) in [("live", live), ("replayed", late)] {
        if field(answer, "/text") != shown.text {
            slips.push(format!("its text is another one {who}"));
        }
        if field(answer, "/ai/finish") != shown.finish {
            slips.push(format!("it ended with {:?} {who}", shown.finish));
        }
    }
    slips
}

/// How many cells there are in one place of the table, and how many of them failed or were missed.
#[derive(Default)]
struct Count {
    cells: u32,
    failed: u32,
    missed: u32,
}

impl Count {
    fn add(&mut self, is_failed: bool, is_met: bool) {
        self.cells += 1;
        self.failed += u32::from(is_failed);
        self.missed += u32::from(!is_met);
    }

    /// For people.
    fn word(&self) -> String {
        let missed = match self.missed {
            0 => String::new(),
            missed => format!(", {missed} over before"),
        };
        match self.failed {
            0 => format!("{} ok{missed}", self.cells),
            failed => format!("{failed} of {} FAILED", self.cells),
        }
    }
}

/// Judges every cell; the tables, the rows and the checks go into the report.
pub(super) fn judge(report: &mut Report, known: &Known<'_>, all: &[Tried]) {
    let mut by_fault: BTreeMap<(&str, State), Count> = BTreeMap::new();
    let mut by_act: BTreeMap<(Act, State), Count> = BTreeMap::new();
    let (mut failed, mut rows) = (Vec::new(), Vec::new());
    for tried in all {
        let (cell, wire) = (&tried.cell, tried.wire);
        let mut slips = tried.slips.clone();
        slips.extend(tried.asked.iter().flat_map(|asked| known.slips(tried, asked)));
        let is_failed = !slips.is_empty();
        by_fault.entry((cell.row.name, cell.state)).or_default().add(is_failed, tried.is_met);
        by_act.entry((cell.act, cell.state)).or_default().add(is_failed, tried.is_met);
        let ends = tried.asked.iter().map(|asked| {
            let shown = known.hall.witness.shown(&asked.taken.run);
            json!([asked.taken.run, shown.finish, shown.error])
        });
        rows.push(json!({
            "fault": cell.row.name, "state": cell.state.word(), "act": cell.act.word(),
            "wire": wire, "met": tried.is_met, "ends": ends.collect::<Vec<_>>(), "slips": slips,
        }));
        failed
            .extend(is_failed.then(|| format!("{} by {wire}: {}", cell.name(), slips.join("; "))));
    }
    report.figure("cells", all.len() as f64, "", "a fault, a state, something from outside");
    let missed = all.iter().filter(|tried| !tried.is_met).count();
    report.figure("over_before", missed as f64, "", "cells whose run had passed the state already");
    report.table(grid(
        "faults",
        ("fault", known.hall.rows().map(|row| (row.name, row.name))),
        &by_fault,
    ));
    report.table(grid("acts", ("act", Act::ALL.map(|act| (act, act.word()))), &by_act));
    report.series("cells", rows);
    report.none_of("cells_failed", failed);
}

fn grid<K: Ord + Copy>(
    name: &'static str,
    (about, keys): (&'static str, impl IntoIterator<Item = (K, &'static str)>),
    counts: &BTreeMap<(K, State), Count>,
) -> Table {
    let columns: Vec<&str> = std::iter::once(about).chain(State::ALL.map(State::word)).collect();
    let mut table = Table::new(name, format!("Cells by {about} and state"), &columns);
    for (key, word) in keys {
        let cell =
            |state| counts.get(&(key, state)).map(Count::word).map_or(Value::Null, Value::from);
        table.rows.push(std::iter::once(word.into()).chain(State::ALL.map(cell)).collect());
    }
    table
}

fn field<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, finish: &str) -> Shown {
        let mut shown = Shown::default();
        (shown.text, shown.finish) = (text.to_owned(), finish.to_owned());
        shown
    }

    #[test]
    fn an_answer_must_be_the_same_to_all() {
        let kept = json!({"text": "so", "ai": {"state": "done", "finish": "stop"}});
        let right = shown("so", "stop");
        assert!(differing(&kept, &right, &right).is_empty());
        for (live, late) in [("so what", "so"), ("so", "")] {
            let slips = differing(&kept, &shown(live, "stop"), &shown(late, "stop"));
            assert_eq!(slips.len(), 1, "{slips:?}");
        }
        assert_eq!(differing(&kept, &shown("so", "error"), &right).len(), 1);
        let running = json!({"text": "so", "ai": {"state": "running", "finish": "stop"}});
        assert_eq!(differing(&running, &right, &right).len(), 1);
        assert!(differing(&json!({"deleted": true}), &right, &shown("", "cancel")).is_empty());
    }

    #[test]
    fn a_place_of_the_table_says_how_many_and_how() {
        let mut count = Count::default();
        count.add(false, true);
        assert_eq!(count.word(), "1 ok");
        count.add(false, false);
        assert_eq!(count.word(), "2 ok, 1 over before");
        count.add(true, true);
        assert_eq!(count.word(), "1 of 3 FAILED");
    }
}
