//! What the table has: the faults of a model, the states of a run, and what comes from outside.

use clap::ValueEnum;

/// A fault of a model.
#[derive(Debug)]
pub(super) struct Row {
    pub name: &'static str,
    /// The model that has it before its first word.
    first: &'static str,
    /// The one that has it behind some words, where it can.
    later: Option<&'static str>,
    /// Whether the model closes the line by itself.
    pub closes: bool,
}

impl Row {
    /// Whether nothing can be heard of its answers before they end.
    pub(super) const fn is_speechless(&self) -> bool {
        self.later.is_none()
    }
}

const fn row(
    name: &'static str,
    first: &'static str,
    later: Option<&'static str>,
    closes: bool,
) -> Row {
    Row { name, first, later, closes }
}

pub(super) const ROWS: &[Row] = &[
    row("none", "words:12", Some("words:12"), true),
    row("delay", "slow:400+words:12", Some("slow:100+tps:40+words:20"), true),
    row("thinks first", "think:40+words:12", None, true),
    row("hangs", "hang", Some("hang-after:9"), false),
    row("429", "429", None, true),
    row("429 for a minute", "429:60", None, true),
    row("500", "500", None, true),
    row("503", "503", None, true),
    row("half a stream", "half+words:0", Some("words:12+half"), true),
    row("breaks off", "cut+words:0", Some("words:12+cut"), true),
    row("error in the stream", "error+words:0", Some("words:12+error"), true),
    row("garbage", "garbage", Some("garbage+words:12"), true),
    row("wrong JSON", "wrong-json", Some("wrong-json+words:12"), true),
    row("invalid UTF-8", "bad-utf8", Some("bad-utf8+words:12"), true),
    row("endless", "tps:400+endless", Some("tps:400+endless"), false),
    row("10 MB", "huge:10MB", None, false),
    row("2 MB in one line", "line:2MB", None, false),
    row("says nothing", "silent", None, true),
    row("held back", "filter", Some("filter+words:12"), true),
    row("no end mark", "no-done+words:12", Some("no-done+words:12"), true),
    row("keeps the line", "linger+words:12", Some("linger+words:12"), false),
    row("no stream", "plain", None, true),
    row("strange events", "odd+words:12", None, true),
    row("wrong key", "key:other", None, true),
    row("unknown model", "nobody-knows", None, true),
    row("400", "400", None, true),
    row("too large", "413", None, true),
    row("moved", "301", None, true),
];

/// Every model of the table, each once.
pub(super) fn models() -> Vec<&'static str> {
    let mut models: Vec<_> =
        ROWS.iter().flat_map(|row| [Some(row.first), row.later]).flatten().collect();
    models.sort_unstable();
    models.dedup();
    models
}

/// How far a run has come when something happens from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(in super::super) enum State {
    /// It waits behind another of its room.
    Queued,
    /// The question is on the provider's socket, and nothing came back.
    Asked,
    /// The head of the provider's answer is here, and no word.
    Headed,
    /// Some of it was told in the room.
    Speaking,
    /// The provider's last bytes go to the server; or, of one that never ends, the end was told.
    Ending,
}

impl State {
    pub(super) const ALL: [Self; 5] =
        [Self::Queued, Self::Asked, Self::Headed, Self::Speaking, Self::Ending];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Asked => "provider asked",
            Self::Headed => "before the first token",
            Self::Speaking => "speaking",
            Self::Ending => "ending",
        }
    }
}

/// What happens from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(in super::super) enum Act {
    Nothing,
    /// `ai.stop`.
    Stop,
    /// The question is deleted.
    Delete,
    /// The answer is deleted.
    Erase,
    /// Who asks is put out of the club.
    Kick,
    /// The assistant is turned off in the room.
    Off,
    /// When it is over: gone on with, or asked again.
    Again,
    /// SIGKILL, and another start.
    Kill,
}

impl Act {
    /// SIGKILL comes last: it meets whatever the others have left.
    pub(super) const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Stop,
        Self::Delete,
        Self::Erase,
        Self::Kick,
        Self::Off,
        Self::Again,
        Self::Kill,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Stop => "stop",
            Self::Delete => "question deleted",
            Self::Erase => "answer deleted",
            Self::Kick => "asker kicked",
            Self::Off => "turned off",
            Self::Again => "again",
            Self::Kill => "kill -9",
        }
    }
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub row: &'static Row,
    pub state: State,
    pub act: Act,
}

impl Cell {
    /// The cell of a fault, if it can come to this state.
    pub(super) fn of(row: &'static Row, state: State, act: Act) -> Option<Self> {
        let is_speechless = state == State::Speaking && row.is_speechless();
        let is_nothing_there = state == State::Queued && act == Act::Erase;
        (!is_speechless && !is_nothing_there).then_some(Self { row, state, act })
    }

    pub(super) fn model(&self) -> &'static str {
        let is_late = matches!(self.state, State::Speaking | State::Ending);
        self.row.later.filter(|_| is_late).unwrap_or(self.row.first)
    }

    /// Whether its question must get no answer at all: it was taken back in time.
    pub(super) fn is_taken_back(&self) -> bool {
        self.state == State::Queued && matches!(self.act, Act::Stop | Act::Delete | Act::Kick)
    }

    /// How an answer must end that was met in this state; none where others are right as well.
    pub(super) fn finish(&self) -> Option<&'static str> {
        let is_held = matches!(self.state, State::Asked | State::Headed | State::Speaking);
        match self.act {
            Act::Stop if is_held => Some("cancel"),
            Act::Kill if is_held => Some("error"),
            _any => None,
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{} · {} · {}", self.row.name, self.state.word(), self.act.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_fit_into_one_setting() {
        let models = models();
        assert!(models.iter().all(|model| !model.contains(',')));
        assert!(models.len() > ROWS.len());
    }
}
