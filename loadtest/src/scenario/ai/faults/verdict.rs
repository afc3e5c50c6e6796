//! Whether every question came to exactly one end, in the rooms and in what was shown.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::places::{Asked, Company, Place};
use super::witness::{Witness, text_of};
use crate::report::Report;
use crate::table::Table;

/// The account of the assistant.
const ASSISTANT: &str = "u_ai";

#[derive(Default)]
struct Findings {
    without_end: Vec<String>,
    answered_twice: Vec<String>,
    nobody_asked: Vec<String>,
    shown_otherwise: Vec<String>,
}

/// How often the questions to one kind of model came to what.
#[derive(Default)]
struct Outcomes {
    stop: u32,
    length: u32,
    error: u32,
    crash: u32,
}

pub(super) async fn judge(report: &mut Report, company: &Company, witness: &Witness) -> Result<()> {
    let mut findings = Findings::default();
    let mut outcomes: BTreeMap<&str, Outcomes> = BTreeMap::new();
    for place in &company.places {
        let messages = company.messages(&place.id).await?;
        let by_it = |message: &&Value| field(message, "by") == Some(ASSISTANT);
        let answers: Vec<&Value> = messages.iter().filter(by_it).collect();
        examine(place, &answers, witness, &mut findings)?;
        let outcomes = outcomes.entry(place.behaviour).or_default();
        place.asked.borrow().iter().for_each(|asked| outcomes.count(asked));
    }
    let known: Vec<String> = company
        .places
        .iter()
        .flat_map(|place| place.asked.borrow().iter().map(|a| a.run.clone()).collect::<Vec<_>>())
        .collect();
    let strange = witness.runs().into_iter().filter(|run| !known.contains(run));
    findings.nobody_asked.extend(strange);

    report.figure("questions", company.asked() as f64, "", "asked, each once");
    let crashes: u32 = outcomes.values().map(|outcomes| outcomes.crash).sum();
    report.figure("broken_off", f64::from(crashes), "", "answers that a kill broke off");
    report.figure("comebacks", witness.connects() as f64, "", "connections of the witness");
    let columns = ["model", "stop", "length", "error", "broken off by a kill"];
    let mut table = Table::new("outcomes", "What questions came to", &columns);
    for (behaviour, Outcomes { stop, length, error, crash }) in outcomes {
        let counts = [stop, length, error, crash].map(|count| Some(f64::from(count)));
        table.row(behaviour, counts);
    }
    report.table(table);
    let Findings { without_end, answered_twice, nobody_asked, shown_otherwise } = findings;
    report.none_of("without_end", without_end);
    report.none_of("answered_twice", answered_twice);
    report.none_of("nobody_asked", nobody_asked);
    report.none_of("shown_otherwise", shown_otherwise);
    report.none_of("witness", witness.broken());
    Ok(())
}

fn examine(
    place: &Place,
    answers: &[&Value],
    witness: &Witness,
    findings: &mut Findings,
) -> Result<()> {
    let asked = place.asked.borrow();
    for Asked { run, message, end } in asked.iter() {
        let its: Vec<_> =
            answers.iter().filter(|answer| field(answer, "reply_to") == Some(message)).collect();
        let told = || format!("{}: {run} of {message}: {end:?}", place.behaviour);
        let Some(answer) = its.first() else {
            findings.without_end.push(told());
            continue;
        };
        if its.len() > 1 {
            findings.answered_twice.push(told());
        }
        if answer.pointer("/ai/state").and_then(Value::as_str) != Some("done") {
            findings.without_end.push(told());
        }
        let shown = witness.shown(run);
        let is_as_it_is = (shown.starts, shown.ends) == (1, 1) && shown.text == text_of(answer)?;
        if !is_as_it_is {
            findings.shown_otherwise.push(format!("{}; {shown:?}", told()));
        }
    }
    let answers_one = |answer: &&&Value| {
        asked.iter().any(|asked| field(answer, "reply_to") == Some(&asked.message))
    };
    let strange = answers.iter().filter(|answer| !answers_one(answer));
    findings.nobody_asked.extend(strange.map(|answer| (*answer).to_string()));
    Ok(())
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

impl Outcomes {
    fn count(&mut self, asked: &Asked) {
        let Some(end) = &asked.end else { return };
        match (field(end, "finish"), field(end, "error")) {
            (_, Some("crash")) => self.crash += 1,
            (Some("stop"), _) => self.stop += 1,
            (Some("length"), _) => self.length += 1,
            _failed => self.error += 1,
        }
    }
}
