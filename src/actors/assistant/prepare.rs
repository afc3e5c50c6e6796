//! What a run reads, and what is asked of a model with it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::answering::Question;
use super::discretion::Discretion;
use super::message::{AssistantSettings, Seen};
use super::wish;
use crate::domain::{
    ASSISTANT, Addresses, MessageId, Mode, RoomId, RunId, UserId, Waking, question,
};
use crate::llm::prompts::{self, CatchUp, Language, Line, Place, Reply};
use crate::llm::{Request, Role, Turn, estimate_request, estimate_text};
use crate::store::{Context, ContextLine, Manifest, Run, RunStatus, Store, StoreError};

/// Tokens that a line costs beside its text and name.
const LINE: u64 = 24;
/// Messages that a catch-up reads at most.
const MISSED: i64 = 200;
/// Tokens that a catch-up reads, as a multiple of what an answer does.
const MISSED_TOKENS: u64 = 3;
/// The seq of a question that does not stand yet.
pub(super) const NOT_YET: i64 = i64::MAX;
/// The name of the assistant in prompts.
pub(super) const NAME: &str = "AI";

/// A question, as it stands or before it does.
pub(super) struct Ask {
    pub(super) room: RoomId,
    pub(super) asker: UserId,
    /// Its seq, or [`NOT_YET`].
    pub(super) seq: i64,
    /// What it says.
    pub(super) text: String,
    /// How far the asker has read.
    pub(super) read_seq: i64,
    /// What it read the first time.
    pub(super) range: Option<(i64, i64)>,
    /// What was left out then.
    pub(super) left_out: BTreeMap<String, i64>,
    /// The broken run that it goes on with.
    pub(super) goes_on: Option<RunId>,
}

impl Ask {
    /// The question of a run.
    pub(super) fn of(run: &Run, text: String) -> Self {
        let Run { room, asker, question: seq, read_seq, range, goes_on, .. } = *run;
        let left_out = run.left_out.clone();
        Self { room, asker, seq, text, read_seq, range, left_out, goes_on }
    }
}

/// Everything that a run needs.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) room: RoomId,
    pub(super) asker: UserId,
    /// The seq of the question.
    pub(super) seq: i64,
    pub(super) mode: Mode,
    pub(super) language: Language,
    /// What the asker wants to know.
    pub(super) question: String,
    pub(super) context: Context,
    pub(super) request: Request,
    /// Tokens of it, guessed.
    pub(super) input: i64,
    /// What is read.
    pub(super) manifest: Manifest,
    /// What the run before had said, to go on from.
    pub(super) begun: String,
    /// The addresses that people have told the model: those may be links. What it made up itself in an
    /// earlier answer is none of them.
    pub(super) told: Addresses,
}

impl Prepared {
    /// Holds an answer to say nothing of how it was asked for.
    pub(super) fn discretion(&self) -> Discretion {
        let open = by_people(&self.context).chain([self.question.as_str()]);
        let mut discretion = Discretion::of(&self.request, &self.context.manner.persona, open);
        // That was let out before.
        discretion.take(&self.begun);
        discretion.rest();
        discretion
    }
}

/// Why a run is not to begin.
#[derive(Debug)]
pub(super) enum Unprepared {
    /// Somebody else has taken it.
    Stale,
    /// The question is gone, or the asker.
    Gone,
    /// The room has turned the assistant off since.
    Off,
    /// The store does not answer.
    Store(StoreError),
}

impl From<StoreError> for Unprepared {
    fn from(why: StoreError) -> Self {
        Self::Store(why)
    }
}

/// Reads what a run may read and puts it into words.
pub(super) async fn prepare(
    store: &Store,
    settings: &AssistantSettings,
    asked: Question,
) -> Result<Prepared, Unprepared> {
    let run = store.run(asked.run).await?.ok_or(Unprepared::Stale)?;
    if run.status != RunStatus::Queued {
        return Err(Unprepared::Stale);
    }
    let text = store.text_of(run.room, run.question).await?.ok_or(Unprepared::Gone)?;
    if store.room(run.room).await?.is_some_and(|room| room.waking == Waking::Off) {
        return Err(Unprepared::Off);
    }
    read(store, settings, Ask::of(&run, text)).await
}

/// The same for a question of which no run is known.
pub(super) async fn read(
    store: &Store,
    settings: &AssistantSettings,
    ask: Ask,
) -> Result<Prepared, Unprepared> {
    let wish = question(&ask.text);
    let mode = if wish::is_catch_up(&ask.text) { Mode::CatchUp } else { Mode::Reply };
    let (after, most) = match (ask.range, mode) {
        (Some((from, _to)), Mode::CatchUp) => (from - 1, MISSED),
        (None, Mode::CatchUp) => (ask.read_seq, MISSED),
        // What was answered without a model may have been found long before what is read here.
        (Some((from, _to)), Mode::Reply) => (from - 1, settings.messages + 1),
        (None, Mode::Reply) => (0, settings.messages + i64::from(ask.seq != NOT_YET)),
    };
    let context = store.ai_context((ask.room, ask.asker), (after, ask.seq), most).await?;
    let mut context = context.ok_or(Unprepared::Gone)?;
    inherit(&mut context, settings);
    let begun = match ask.goes_on {
        Some(before) => spoken(store, before).await?,
        None => String::new(),
    };
    let tokens = if mode == Mode::CatchUp { MISSED_TOKENS } else { 1 } * settings.tokens;
    let seen = within(context, ask.seq, tokens);
    Ok(put(settings, &ask, (mode, wish, begun), seen))
}

/// The addresses that people have told a run which somebody else began.
pub(super) async fn told(store: &Store, run: &Run) -> Result<Addresses, StoreError> {
    let (from, to) = run.range.unwrap_or((run.question, run.question));
    let context = store.ai_context((run.room, run.asker), (from - 1, to), MISSED + 1).await?;
    Ok(context.map_or_else(Addresses::default, |context| Addresses::of(by_people(&context))))
}

/// What people have said, and no model.
pub(super) fn by_people(context: &Context) -> impl Iterator<Item = &str> {
    let lines = context.lines.iter().filter(|line| line.author != ASSISTANT);
    lines.map(|line| line.text.as_str())
}

/// What a broken run had said.
async fn spoken(store: &Store, run: RunId) -> Result<String, StoreError> {
    let Some(before) = store.run(run).await? else { return Ok(String::new()) };
    let Some(message) = before.message else { return Ok(String::new()) };
    Ok(store.text_of(before.room, message).await?.unwrap_or_default())
}

/// Leaves out the oldest lines until the others are within so many tokens. The question is none of
/// them: it stays in any case.
fn within(mut context: Context, question: i64, tokens: u64) -> Seen {
    context.lines.retain(|line| line.seq != question);
    let mut left = tokens;
    let fits = |line: &&ContextLine| {
        let cost = LINE + estimate_text(&line.text) + estimate_text(&line.name);
        let fits = cost <= left;
        left = left.saturating_sub(cost);
        fits
    };
    let count = context.lines.iter().rev().take_while(fits).count();
    let over = context.lines.len() - count;
    context.lines.drain(..over);
    Seen { context, over_budget: i64::try_from(over).unwrap_or(i64::MAX) }
}

fn put(
    settings: &AssistantSettings,
    ask: &Ask,
    (mode, wish, begun): (Mode, String, String),
    Seen { context, over_budget }: Seen,
) -> Prepared {
    let language = language(&context);
    let lines = lines(ask.room, &context.lines, ask.asker);
    let place = place(&context, language, settings.minutes_ahead);
    let seed = RandomState::new().build_hasher().finish();
    let asker = context.asker_name.as_str();
    let mut request = match mode {
        Mode::Reply => {
            prompts::reply(&Reply { place, lines: &lines, asker, question: &wish, seed })
        }
        Mode::CatchUp => prompts::catch_up(&CatchUp { place, lines: &lines, asker, seed }),
    };
    if !context.manner.model.is_empty() {
        request.model = Some(context.manner.model.clone());
    }
    if !begun.is_empty() {
        go_on(&mut request, &begun, language);
    }
    request.limits.thought_tokens = settings.thought_tokens;
    let told = Addresses::of(by_people(&context).chain([wish.as_str()]));
    let beyond = if mode == Mode::CatchUp { context.beyond } else { 0 };
    // What was left out the first time is not even looked at now.
    let before = |why: &str| ask.left_out.get(why).copied().unwrap_or(0);
    let left_out = [
        ("budget", over_budget + before("budget")),
        ("limit", beyond + before("limit")),
        ("deleted", context.deleted),
    ];
    let some = |(why, count): (&str, i64)| (count > 0).then(|| (why.to_owned(), count));
    let manifest = Manifest {
        range: (context.lines.first().map_or(ask.seq, |line| line.seq), ask.seq),
        used: i64::try_from(context.lines.len()).unwrap_or(i64::MAX),
        left_out: left_out.into_iter().filter_map(some).collect::<BTreeMap<_, _>>(),
    };
    let input = i64::try_from(estimate_request(&request)).unwrap_or(i64::MAX);
    let Ask { room, asker, seq, .. } = *ask;
    Prepared {
        room,
        asker,
        seq,
        mode,
        language,
        question: wish,
        context,
        request,
        input,
        manifest,
        begun,
        told,
    }
}

/// Has a model go on where it broke off.
fn go_on(request: &mut Request, begun: &str, language: Language) {
    let more = match language {
        Language::Ko => "끊긴 곳에서 바로 이어서 쓰세요. 이미 쓴 말은 되풀이하지 마세요.",
        Language::En => {
            "Go on exactly where you broke off. Repeat nothing of what you have written."
        }
    };
    request.turns.push(Turn { role: Role::Assistant, text: begun.to_owned() });
    request.turns.push(Turn { role: Role::User, text: more.to_owned() });
    let said = begun.chars().count();
    request.limits.text_chars = request.limits.text_chars.saturating_sub(said).max(1);
}

/// What neither the room nor its club says of the assistant, the operator may.
pub(super) fn inherit(context: &mut Context, settings: &AssistantSettings) {
    let manner = &mut context.manner;
    for (own, other) in [
        (&mut manner.persona, &settings.manner.persona),
        (&mut manner.language, &settings.manner.language),
    ] {
        if own.is_empty() {
            own.clone_from(other);
        }
    }
}

/// The language of the room, else of the asker.
pub(super) fn language(context: &Context) -> Language {
    let own = context.manner.language.as_str();
    let word = if own.is_empty() { context.asker_locale.as_str() } else { own };
    if word == "en" { Language::En } else { Language::Ko }
}

/// Where the talk is.
pub(super) fn place(context: &Context, language: Language, minutes_ahead: i32) -> Place<'_> {
    let persona = Some(context.manner.persona.as_str()).filter(|persona| !persona.is_empty());
    let (club, room) = (context.club_name.as_deref(), context.room_name.as_str());
    Place { language, club, room, persona, assistant: NAME, minutes_ahead }
}

/// The lines as a model reads them.
pub(super) fn lines<'c>(room: RoomId, lines: &'c [ContextLine], asker: UserId) -> Vec<Line<'c>> {
    let line = |known: &'c ContextLine| Line {
        id: MessageId { room, seq: known.seq },
        at: known.at,
        by: known.name.as_str(),
        text: known.text.as_str(),
        is_mine: known.author == asker,
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Millis, RoomKind};
    use crate::store::Manner;

    fn context(texts: &[&str]) -> Context {
        let line = |(at, text): (usize, &&str)| ContextLine {
            seq: at as i64 + 1,
            at: Millis(0),
            author: UserId(1),
            name: "Mina".to_owned(),
            text: (*text).to_owned(),
            calls_asker: false,
        };
        Context {
            room_name: "general".to_owned(),
            kind: RoomKind::Member,
            club: None,
            club_name: None,
            manner: Manner::default(),
            asker_name: "Bob".to_owned(),
            asker_locale: "en".to_owned(),
            floor: 0,
            lines: texts.iter().enumerate().map(line).collect(),
            deleted: 0,
            beyond: 0,
        }
    }

    #[test]
    fn the_oldest_lines_are_left_out_first() {
        let long = "x".repeat(400);
        let seen = within(context(&[&long, "b", &long, "d", "question?"]), 5, 160);
        let seqs: Vec<_> = seen.context.lines.iter().map(|line| line.seq).collect();
        assert_eq!((seqs, seen.over_budget), (vec![3, 4], 2));
        let seen = within(context(&[&long, "question?"]), 2, 0);
        assert_eq!((seen.context.lines.len(), seen.over_budget), (0, 1));
    }
}
