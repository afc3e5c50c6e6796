//! What an answer has read, what it names as its sources, and what it has cost.

use std::collections::BTreeMap;

use super::ending::public_reason;
use super::message::AssistantSettings;
use super::prepare::Prepared;
use super::purse::{InVain, cost, number};
use super::run::Outcome;
use crate::domain::{MessageId, Mode};
use crate::llm::{Usage, estimate_text, output};
use crate::store::{Manifest, Receipt, Run};

/// The receipt of an answer that is over.
pub(super) fn of(
    settings: &AssistantSettings,
    prepared: &Prepared,
    outcome: &Outcome,
    said: &str,
) -> Receipt {
    let room = prepared.room;
    let input = u64::try_from(prepared.input).unwrap_or(0);
    let usage = outcome.usage.unwrap_or_else(|| {
        if settings.models.is_offline_for(&prepared.request) {
            return Usage::default();
        }
        // It was cut off, and nobody knows whether a model got the question: then it counts.
        let new = said.get(prepared.begun.len()..).unwrap_or_default();
        let thoughts = outcome.thoughts.unwrap_or_else(|| prepared.request.thoughts.tokens());
        Usage { input, output: thoughts.saturating_add(estimate_text(new)) }
    });
    let model = match outcome.model.as_str() {
        "" => settings.models.first_model(&prepared.request),
        known => Some(known.to_owned()),
    };
    let model = model.unwrap_or_else(|| "offline".to_owned());
    let in_vain = InVain::of(&outcome.tried, input);
    let cost = cost(&settings.prices, (&model, usage), &in_vain);
    let used = in_vain.with(usage);
    let ids: Vec<_> =
        prepared.context.lines.iter().map(|line| MessageId { room, seq: line.seq }).collect();
    let lines = output::cited_lines(said, &ids);
    let bare = lines.iter().filter(|line| line.cites.is_empty()).count() as i64;
    let is_summed_up = prepared.mode == Mode::CatchUp && outcome.cites.is_none();
    let cites = match &outcome.cites {
        Some(cites) => cites.clone(),
        None => output::citations(said, &ids).iter().map(|id| id.seq).collect(),
    };
    let is_found = prepared.mode == Mode::Reply && outcome.cites.is_some();
    Receipt {
        provider: outcome.provider.to_owned(),
        model,
        manifest: if is_found { found(prepared, &cites) } else { prepared.manifest.clone() },
        cites,
        input: number(used.input),
        output: number(used.output),
        is_guessed: outcome.usage.is_none() || !in_vain.is_nothing(),
        micro_usd: cost,
        uncited: is_summed_up.then_some(bare),
        first_ms: outcome.first.map(|first| i64::try_from(first.as_millis()).unwrap_or(i64::MAX)),
        error: outcome.error.map(|error| public_reason(error).to_owned()),
    }
}

/// What an answer has read that looked for messages: those that it found, wherever in the room.
fn found(prepared: &Prepared, cites: &[i64]) -> Manifest {
    let (from, to) = prepared.manifest.range;
    let from = cites.iter().copied().min().map_or(from, |first| from.min(first));
    let used = i64::try_from(cites.len()).unwrap_or(i64::MAX);
    Manifest { range: (from, to), used, left_out: BTreeMap::new() }
}

/// The receipt of an answer whose assistant crashed, or its node. What it read was noted when it
/// began; nobody knows whether a model got it, so it counts.
pub(super) fn of_buried(settings: &AssistantSettings, run: Run, said: &str) -> Receipt {
    let input = u64::try_from(run.tokens.0).unwrap_or(0);
    let output = if input == 0 { 0 } else { estimate_text(said) };
    let usage = Usage { input, output };
    let noted = || Manifest { range: run.range.unwrap_or_default(), ..Manifest::default() };
    Receipt {
        micro_usd: settings.prices.cost(&run.model, usage).map(number),
        manifest: run.manifest.unwrap_or_else(noted),
        model: run.model,
        input: run.tokens.0,
        output: number(output),
        is_guessed: true,
        error: Some("crash".to_owned()),
        ..Receipt::default()
    }
}
