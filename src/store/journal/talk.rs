//! A run of messages and marks: judged, numbered and written together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::domain::{Millis, RoomId, UserId};
use crate::store::StoreError;
use crate::store::append::{
    Append, AppendRefusal, Appended, EventWriter, NewMessage, ReadMark, StoredEvent, StoredNotice,
};
use crate::store::db::Conn;
use crate::store::given::Script;

use super::facts::{self, Facts, First};
use super::marks::{self, Mark};
use super::places::{Head, Places};
use super::reads::{self, Readers};
use super::rows::{self, Seat, Seats, raise};
use super::{mentions, notices, watchers};

/// A message that will stand in the log.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) message: &'a NewMessage,
    /// Who wrote the answered message, if they are to hear of it.
    pub(super) answered: Option<UserId>,
    pub(super) mentions: Vec<UserId>,
    /// Who of those it calls or answers wants no entry from this room.
    pub(super) silent: Vec<UserId>,
    /// Who else is to hear of it, and as what.
    pub(super) watchers: Vec<UserId>,
    pub(super) news: &'static str,
    /// Name of the room, where somebody hears of it by that.
    pub(super) place: String,
    /// Whether entries of the room wait unread in the inbox of the author.
    pub(super) is_called: bool,
    /// Zero until it is numbered.
    pub(super) seq: i64,
    pub(super) n: i64,
}

impl<'a> Draft<'a> {
    fn new(message: &'a NewMessage, facts: Option<&Facts>) -> Self {
        Self {
            message,
            answered: facts.and_then(|facts| facts.answered),
            mentions: Vec::new(),
            silent: Vec::new(),
            watchers: Vec::new(),
            news: "chat",
            place: String::new(),
            is_called: facts.is_some_and(|facts| facts.is_called),
            seq: 0,
            n: 0,
        }
    }
}

/// What is to become of one append of the run.
enum Turn {
    Refused(AppendRefusal),
    /// It was stored in an earlier batch.
    Duplicate(First),
    /// The same `cid` stands earlier in this run, as the draft of this place.
    Repeat(usize),
    /// It becomes the next draft.
    Fresh,
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
    let mut facts = facts::read(conn, &messages).await?;
    let (turns, mut drafts) = judge(places, run, &mut facts);
    mentions::resolve(conn, &mut drafts).await?;
    let Numbered { events, marks, mut seats } = number(places, &turns, &mut drafts, writer);
    let mut script = Script::new();
    rows::events(&mut script, places, &events);
    rows::messages(&mut script, &drafts);
    if !marks.is_empty() {
        // Explicit marks count events, those of this run among them: they must stand first.
        std::mem::take(&mut script).run(conn).await?;
        marks::count(conn, &marks, &mut seats).await?;
    }
    rows::seats(&mut script, &seats);
    script.run(conn).await?;
    let read = reads::read(conn, &readers(&marks, &drafts)).await?;
    watchers::find(conn, places, &mut drafts, writer).await?;
    let notices = notices::write(conn, places, &drafts, writer).await?;
    let standing = marks::standing(conn, places, &marks).await?;
    Ok(answer(turns, drafts, events, Left { notices, standing, read }))
}

/// Decides about each append, on what the live room could not know.
fn judge<'a>(
    places: &Places,
    run: &'a [Append],
    facts: &mut HashMap<usize, Facts>,
) -> (Vec<Turn>, Vec<Draft<'a>>) {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    let mut seen: HashMap<(RoomId, UserId, &str), usize> = HashMap::new();
    let mut turn = |(place, append): (usize, &'a Append)| match append {
        Append::Message(message) if places.rooms.contains_key(&message.room) => {
            let facts = facts.remove(&place);
            if let Some(turn) = facts.as_ref().and_then(|facts| settled(message, facts)) {
                return turn;
            }
            match seen.entry((message.room, message.author, message.cid.as_str())) {
                Entry::Occupied(first) => Turn::Repeat(*first.get()),
                Entry::Vacant(place) => {
                    place.insert(drafts.len());
                    drafts.push(Draft::new(message, facts.as_ref()));
                    Turn::Fresh
                }
            }
        }
        Append::Mark { room, user, seq, at } if places.rooms.contains_key(room) => {
            Turn::Mark { room: *room, user: *user, seq: *seq, at: *at }
        }
        _elsewhere => Turn::Refused(AppendRefusal::Gone),
    };
    let turns = run.iter().enumerate().map(&mut turn).collect();
    (turns, drafts)
}

/// What the facts decide by themselves. A repeat is answered even to who may write no more.
fn settled(message: &NewMessage, facts: &Facts) -> Option<Turn> {
    if let Some(first) = facts.first {
        Some(Turn::Duplicate(first))
    } else if !facts.is_inside {
        Some(Turn::Refused(AppendRefusal::NotMember))
    } else if message.reply_to.is_some() && !facts.is_answer {
        Some(Turn::Refused(AppendRefusal::NoSuchMessage))
    } else {
        None
    }
}

/// What the numbering leaves to write.
struct Numbered {
    /// One per draft, in the same order.
    events: Vec<(RoomId, StoredEvent)>,
    /// Cut to the heads.
    marks: Vec<Mark>,
    /// The authors': who writes has read.
    seats: Seats,
}

/// Gives numbers in the order of the batch.
fn number(
    places: &mut Places,
    turns: &[Turn],
    drafts: &mut [Draft<'_>],
    writer: &dyn EventWriter,
) -> Numbered {
    let mut numbered = Numbered { events: Vec::new(), marks: Vec::new(), seats: Seats::new() };
    let mut drafts = drafts.iter_mut();
    for turn in turns {
        match turn {
            Turn::Fresh => {
                let Some(draft) = drafts.next() else { continue };
                let message = draft.message;
                let Some(head) = places.rooms.get_mut(&message.room) else { continue };
                (draft.seq, draft.n) = next(head);
                let body = writer.message(message, draft.seq, draft.n, &draft.mentions).into();
                let event = StoredEvent { seq: draft.seq, n: draft.n, at: message.at, body };
                numbered.events.push((message.room, event));
                let seat = Seat { read_n: draft.n, read_seq: draft.seq };
                raise(&mut numbered.seats, (message.room, message.author), seat);
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

/// Who has read what: who marks it, and who writes while entries of the room wait unread.
fn readers(marks: &[Mark], drafts: &[Draft<'_>]) -> Readers {
    let mut readers = Readers::new();
    for mark in marks {
        reads::add(&mut readers, (mark.room, mark.user), mark.seq, mark.at);
    }
    for draft in drafts.iter().filter(|draft| draft.is_called) {
        let message = draft.message;
        reads::add(&mut readers, (message.room, message.author), draft.seq, message.at);
    }
    readers
}

/// What else the run has left.
struct Left {
    /// Of each draft.
    notices: Vec<Vec<StoredNotice>>,
    /// Of each mark.
    standing: Vec<ReadMark>,
    read: reads::Read,
}

/// The answers, in the order of the batch.
fn answer(
    turns: Vec<Turn>,
    drafts: Vec<Draft<'_>>,
    events: Vec<(RoomId, StoredEvent)>,
    Left { notices, standing, mut read }: Left,
) -> Vec<Appended> {
    let firsts: Vec<First> = drafts
        .iter()
        .map(|draft| First { seq: draft.seq, n: draft.n, at: draft.message.at })
        .collect();
    let mut written = drafts.into_iter().zip(events).zip(notices);
    let mut standing = standing.into_iter();
    let duplicate = |first: First| Appended::Duplicate { seq: first.seq, n: first.n, at: first.at };
    turns
        .into_iter()
        .map(|turn| match turn {
            Turn::Refused(why) => Appended::Refused(why),
            Turn::Duplicate(first) => duplicate(first),
            Turn::Repeat(place) => firsts.get(place).copied().map_or(Appended::Failed, duplicate),
            Turn::Fresh => match written.next() {
                Some(((draft, (_room, event)), notices)) => {
                    let Draft { message, mentions, .. } = draft;
                    let read = read.remove(&(message.room, message.author));
                    Appended::Message { event, mentions, notices, read }
                }
                None => Appended::Failed,
            },
            Turn::Mark { room, user, .. } => match standing.next() {
                Some(mark) => Appended::Marked(mark, read.remove(&(room, user))),
                None => Appended::Failed,
            },
        })
        .collect()
}
