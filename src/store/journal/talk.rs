//! A run of messages, reactions and marks: judged, numbered and written together.

mod answer;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::domain::{Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::act::{Act, ActEvent, Acted, Deed, Happened};
use crate::store::append::{Append, AppendRefusal, Appended, NewMessage, StoredEvent};
use crate::store::db::Conn;
use crate::store::files::File;
use crate::store::given::Script;
use crate::store::moderation::flag;
use crate::store::writer::EventWriter;

use self::answer::{Left, answer};
use super::cause::Cause;
use super::facts::{self, Facts, First};
use super::marks::{self, Mark};
use super::pace::Pace;
use super::places::{Head, Places};
use super::reactions::{self, Board, Verdict};
use super::reads::{self, Readers};
use super::rows::{self, Seat, Seats, raise};
use super::{attached, fanouts, hops, mentions, notices, runs, screen, threads, watchers};

/// A message that will stand in the log.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) message: &'a NewMessage,
    pub(super) cause: Cause<'a>,
    /// Who began the thread that it goes into.
    pub(super) began: Option<UserId>,
    /// Whether too many follow that thread to be told at once.
    pub(super) has_crowd: bool,
    /// Whether entries of the room wait unread in the inbox of the author.
    pub(super) is_called: bool,
    /// What it brings.
    pub(super) files: Vec<File>,
    /// What moderators are to see in the names of these.
    pub(super) found: Option<screen::Found>,
    answered: Option<UserId>,
    /// Zero until it is numbered.
    pub(super) n: i64,
    /// Machines between it and the last human; known when it is numbered.
    pub(super) hop: i64,
}

impl<'a> Draft<'a> {
    fn new(message: &'a NewMessage, facts: Option<Facts>) -> Self {
        let mut cause = Cause::of(message);
        let (mut began, mut is_called, mut answered) = (None, false, None);
        if let Some(facts) = facts {
            cause.answered.extend(facts.answered);
            (began, is_called, answered) = (facts.began, facts.is_called, facts.answered);
        }
        Self {
            message,
            cause,
            began,
            has_crowd: false,
            is_called,
            files: Vec::new(),
            found: None,
            answered,
            n: 0,
            hop: 0,
        }
    }

    /// Whether it answers something of this user.
    pub(super) fn is_answer_to(&self, user: UserId) -> bool {
        self.answered == Some(user)
    }

    /// The root of its thread.
    pub(super) fn root(&self) -> Option<(RoomId, i64)> {
        Some((self.message.room, self.message.thread?))
    }
}

/// What is to become of one append of the run.
enum Turn<'a> {
    Refused(AppendRefusal),
    /// It was stored in an earlier batch.
    Duplicate(First),
    /// The same `cid` stands earlier in this run, as the draft of this place.
    Repeat(usize),
    /// It becomes the next draft.
    Fresh,
    /// It is a reaction, and this its place in the run.
    React(usize, &'a Act),
    /// It is a mark of this room by this user, up to a seq.
    Mark {
        room: RoomId,
        user: UserId,
        seq: i64,
        at: Millis,
    },
}

/// Writes the run and answers each of it in order.
pub(super) async fn write(
    conn: &mut Conn,
    places: &mut Places,
    run: &[Append],
    writer: &dyn EventWriter,
) -> Result<Vec<Appended>, StoreError> {
    let messages: Vec<(usize, &NewMessage)> = run
        .iter()
        .enumerate()
        .filter_map(|(place, append)| match append {
            Append::Message(message) if places.rooms.contains_key(&message.room) => {
                Some((place, message))
            }
            _other => None,
        })
        .collect();
    let mut known = Known {
        facts: facts::read(conn, &messages).await?,
        files: attached::read(conn, &messages).await?,
        pace: Pace::read(conn, places, &messages).await?,
    };
    let acts: Vec<(usize, &Act)> = run
        .iter()
        .enumerate()
        .filter_map(|(place, append)| match append {
            Append::Act(act) if places.rooms.contains_key(&act.room) => Some((place, act)),
            _other => None,
        })
        .collect();
    let mut board = reactions::read(conn, &acts).await?;
    let (turns, mut drafts) = judge(places, run, &mut known);
    threads::followers(conn, &mut drafts).await?;
    let mut causes: Vec<_> = drafts.iter_mut().map(|draft| &mut draft.cause).collect();
    mentions::resolve(conn, &mut causes).await?;
    let mut hops = hops::read(conn, &drafts).await?;
    drafts.iter_mut().for_each(|draft| draft.hop = hops.next(draft.message));
    let Numbered { events, marks, mut seats, reacted } =
        number(places, &turns, (&mut drafts, &mut board), writer);
    let questions = runs::ask(conn, &drafts).await?;
    let new_fanouts = fanouts::of(&drafts);
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    rows::messages(&mut script, &drafts);
    known.pace.keep(&mut script, &drafts);
    flag(&mut script, &screen::flagged(places, &drafts));
    threads::write(&mut script, &drafts);
    fanouts::note(&mut script, &new_fanouts);
    board.write(&mut script);
    if !marks.is_empty() {
        // Explicit marks count events, those of this run among them: they must stand first.
        std::mem::take(&mut script).run(conn).await?;
        marks::count(conn, &marks, &mut seats).await?;
    }
    rows::seats(&mut script, &seats);
    script.run(conn).await?;
    let read = reads::read(conn, &readers(&marks, &drafts)).await?;
    watchers::find(conn, places, &mut drafts, writer).await?;
    let causes: Vec<&Cause<'_>> = drafts.iter().map(|draft| &draft.cause).collect();
    let notices = notices::write(conn, places, &causes, writer).await?;
    let standing = marks::standing(conn, places, &marks).await?;
    Ok(answer(turns, drafts, events, Left { notices, standing, reacted, read, questions }))
}

/// What was read about the messages of a run; the first two by their places in it.
struct Known {
    facts: HashMap<usize, Facts>,
    files: HashMap<usize, Vec<File>>,
    pace: Pace,
}

/// Decides about each append, on what the live room could not know.
fn judge<'a>(
    places: &Places,
    run: &'a [Append],
    known: &mut Known,
) -> (Vec<Turn<'a>>, Vec<Draft<'a>>) {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    let mut seen: HashMap<(RoomId, UserId, &str), usize> = HashMap::new();
    let mut used = HashSet::new();
    let mut turn = |(place, append): (usize, &'a Append)| match append {
        Append::Message(message) if places.rooms.contains_key(&message.room) => {
            let (facts, files) = (known.facts.remove(&place), known.files.remove(&place));
            if let Some(turn) = facts.as_ref().and_then(|facts| settled(message, facts)) {
                return turn;
            }
            if places.is_shut(message.room) {
                return Turn::Refused(AppendRefusal::Blocked);
            }
            match seen.entry((message.room, message.author, message.cid.as_str())) {
                Entry::Occupied(first) => Turn::Repeat(*first.get()),
                Entry::Vacant(place) => {
                    let mut files = files.unwrap_or_default();
                    let are_free = files.iter().all(|file| !used.contains(&file.id));
                    if !are_free || files.len() != message.files.len() {
                        return Turn::Refused(AppendRefusal::NoSuchFile);
                    }
                    let found = match screen::names(message, &mut files) {
                        Ok(found) => found,
                        Err(why) => return Turn::Refused(why),
                    };
                    if let Some(why) = known.pace.take(places, message) {
                        return Turn::Refused(why);
                    }
                    place.insert(drafts.len());
                    used.extend(files.iter().map(|file| file.id));
                    drafts.push(Draft { files, found, ..Draft::new(message, facts) });
                    Turn::Fresh
                }
            }
        }
        Append::Act(Act { room, deed: Deed::React { .. }, .. }) if places.is_shut(*room) => {
            Turn::Refused(AppendRefusal::Blocked)
        }
        Append::Act(act) if places.rooms.contains_key(&act.room) => Turn::React(place, act),
        Append::Mark { room, user, seq, at } if places.rooms.contains_key(room) => {
            Turn::Mark { room: *room, user: *user, seq: *seq, at: *at }
        }
        _elsewhere => Turn::Refused(AppendRefusal::Gone),
    };
    let turns = run.iter().enumerate().map(&mut turn).collect();
    (turns, drafts)
}

/// What the facts decide by themselves. A repeat is answered even to who may write no more.
fn settled<'a>(message: &NewMessage, facts: &Facts) -> Option<Turn<'a>> {
    if let Some(first) = facts.first {
        Some(Turn::Duplicate(first))
    } else if !facts.is_inside {
        Some(Turn::Refused(AppendRefusal::NotMember))
    } else if let Some(until) = facts.muted_until.filter(|until| *until > message.at) {
        Some(Turn::Refused(AppendRefusal::Muted { until }))
    } else if message.reply_to.is_some() && !facts.is_answer {
        Some(Turn::Refused(AppendRefusal::NoSuchMessage))
    } else if message.thread.is_some() && facts.began.is_none() {
        Some(Turn::Refused(AppendRefusal::NoSuchThread))
    } else {
        None
    }
}

/// What the numbering leaves to write.
#[derive(Default)]
struct Numbered {
    /// In log order; those of drafts are the messages'.
    events: Vec<(RoomId, StoredEvent)>,
    /// Cut to the heads.
    marks: Vec<Mark>,
    /// The authors': who writes has read.
    seats: Seats,
    /// What became of each reaction.
    reacted: Vec<Appended>,
}

/// Gives numbers in the order of the batch.
fn number(
    places: &mut Places,
    turns: &[Turn<'_>],
    (drafts, board): (&mut [Draft<'_>], &mut Board),
    writer: &dyn EventWriter,
) -> Numbered {
    let mut numbered = Numbered::default();
    let mut drafts = drafts.iter_mut();
    for turn in turns {
        match turn {
            Turn::Fresh => {
                let Some(draft) = drafts.next() else { continue };
                let message = draft.message;
                let Some(head) = places.rooms.get_mut(&message.room) else { continue };
                let (seq, n) = next(head);
                (draft.cause.seq, draft.n) = (seq, n);
                let (mentions, files) = (&draft.cause.mentions, &draft.files);
                let body = match draft.hop {
                    0 => writer.message(message, seq, n, mentions, files),
                    hop => {
                        let message = NewMessage { hop, ..message.clone() };
                        writer.message(&message, seq, n, mentions, files)
                    }
                };
                let body = body.into();
                let event = StoredEvent { seq, n, at: message.at, body };
                numbered.events.push((message.room, event));
                let seat = Seat { read_n: n, read_seq: seq };
                raise(&mut numbered.seats, (message.room, message.author), seat);
            }
            Turn::React(place, act) => {
                let Some(head) = places.rooms.get_mut(&act.room) else { continue };
                let (reacted, event) = react(head, board, (*place, act), writer);
                numbered.reacted.push(reacted);
                numbered.events.extend(event.map(|event| (act.room, event)));
            }
            Turn::Mark { room, user, seq, at } => {
                let head = places.rooms.get(room).map_or(0, |head| head.head);
                let seq = (*seq).clamp(0, head);
                numbered.marks.push(Mark { room: *room, user: *user, seq, at: *at });
            }
            Turn::Refused(_) | Turn::Duplicate(_) | Turn::Repeat(_) => {}
        }
    }
    numbered
}

const fn next(head: &mut Head) -> (i64, i64) {
    head.head += 1;
    head.n += 1;
    (head.head, head.n)
}

/// Decides about a reaction, and numbers it if it is done.
fn react(
    head: &mut Head,
    board: &mut Board,
    (place, act): (usize, &Act),
    writer: &dyn EventWriter,
) -> (Appended, Option<StoredEvent>) {
    let (seq, at) = (head.head + 1, act.at);
    let count = match board.decide(place, act, seq) {
        Verdict::Refused(why) => return (Appended::Refused(why), None),
        Verdict::Unchanged(seq) => return (Appended::Unchanged { seq, at: None }, None),
        Verdict::Done(count) => count,
    };
    let (message, what) = match &act.deed {
        Deed::React { message, emoji } => (*message, Happened::Reacted { emoji: *emoji, count }),
        Deed::Unreact { message, emoji } => {
            (*message, Happened::Unreacted { emoji: *emoji, count })
        }
        _other => return (Appended::Failed, None),
    };
    head.head = seq;
    let event = ActEvent { room: act.room, message, by: act.by, seq, at, what };
    let event = StoredEvent { seq, n: head.n, at, body: writer.act(&event).into() };
    let acted = Acted { events: vec![event.clone()], ..Acted::default() };
    (Appended::Acted(acted), Some(event))
}

/// Who has read what: who marks it, and who writes while entries of the room wait unread.
fn readers(marks: &[Mark], drafts: &[Draft<'_>]) -> Readers {
    let mut readers = Readers::new();
    for mark in marks {
        reads::add(&mut readers, (mark.room, mark.user), mark.seq, mark.at);
    }
    for draft in drafts.iter().filter(|draft| draft.is_called) {
        let message = draft.message;
        reads::add(&mut readers, (message.room, message.author), draft.cause.seq, message.at);
    }
    readers
}
