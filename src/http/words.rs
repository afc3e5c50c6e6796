//! Schemas of fields that take one of a few words. Only of what a client sends: answers may hold
//! words that are new, and a client must skip what it does not know.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::{
    Category, ClubKind, ClubRole, FilterAction, FilterKind, History, JoinPolicy, Notify,
    ReportStatus, RoomKind, Settlement, Visibility, Waking, Writers,
};

type Words<'a> = &'a [&'static str];

fn one_of(words: Words<'_>, what: &str) -> Object {
    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(what));
    schema.enum_values(Some(words.iter().copied())).build()
}

fn one_of_or_null(words: Words<'_>, what: &str) -> Object {
    let words = words.iter().copied().map(Some).chain([None]);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    let schema = ObjectBuilder::new().schema_type(types).description(Some(what));
    schema.enum_values(Some(words)).build()
}

/// What a list of clubs is narrowed to; an empty word, as a form sends it, is none.
pub(super) fn club_kind() -> Object {
    one_of(&[ClubKind::WORDS, &[""]].concat(), "What the club is for.")
}

/// What a list of clubs is narrowed to; an empty word is none.
pub(super) fn category() -> Object {
    one_of(&[Category::WORDS, &[""]].concat(), "What the club is about.")
}

/// What a message carries.
pub(super) fn carried() -> Object {
    one_of(&["file", "link"], "What a message carries.")
}

/// What wakes the assistant.
pub(super) fn waking() -> Object {
    one_of(Waking::WORDS, "What wakes the assistant.")
}

/// What wakes the assistant; null is what the club says.
pub(super) fn waking_or_null() -> Object {
    one_of_or_null(Waking::WORDS, "What wakes the assistant; null is what the club says.")
}

/// In which language the assistant speaks; null is the asker's.
pub(super) fn language_or_null() -> Object {
    one_of_or_null(&["ko", "en"], "In which language the assistant speaks.")
}

/// In which language the server writes to somebody.
pub(super) fn locale() -> Object {
    one_of(super::locale::Locale::WORDS, "In which language the server writes to the caller.")
}

/// How a list of clubs is sorted.
pub(super) fn club_sort() -> Object {
    one_of(&["new", "members"], "`new` by default.")
}

/// What a club is for; null is the default.
pub(super) fn club_kind_or_null() -> Object {
    one_of_or_null(ClubKind::WORDS, "What the club is for; `community` by default.")
}

/// What a club is about; null is the default.
pub(super) fn category_or_null() -> Object {
    one_of_or_null(Category::WORDS, "What the club is about; `other` by default.")
}

/// Who may know of a club that is made; null is the default.
pub(super) fn visibility_or_null() -> Object {
    one_of_or_null(Visibility::WORDS, "Who may know of the club; `public` by default.")
}

/// How one gets into a club that is made; null is the default.
pub(super) fn join_policy_or_null() -> Object {
    one_of_or_null(JoinPolicy::WORDS, "How one gets in; `open` by default.")
}

/// Who may know of a club; it cannot be taken away.
pub(super) fn visibility() -> Object {
    one_of(Visibility::WORDS, "Who may know of the club.")
}

/// How one gets into a club; it cannot be taken away.
pub(super) fn join_policy() -> Object {
    one_of(JoinPolicy::WORDS, "How one gets in.")
}

/// What a room of a club is for; null is the default.
pub(super) fn room_kind_or_null() -> Object {
    one_of_or_null(
        &[RoomKind::Member.word(), RoomKind::Manager.word()],
        "Who reads and writes here; `member` by default.",
    )
}

/// From where on a reader sees the log of a room; null is the default.
pub(super) fn history_or_null() -> Object {
    one_of_or_null(History::WORDS, "From where on a reader sees the log; `all` by default.")
}

/// Who may write in a room; null is the default.
pub(super) fn writers_or_null() -> Object {
    one_of_or_null(Writers::WORDS, "Who may write; `all` by default.")
}

/// From where on a reader sees the log of a room.
pub(super) fn history() -> Object {
    one_of(History::WORDS, "From where on a reader sees the log.")
}

/// Who may write in a room.
pub(super) fn writers() -> Object {
    one_of(Writers::WORDS, "Who may write.")
}

/// Which messages of a room make an inbox entry.
pub(super) fn notify() -> Object {
    one_of(Notify::WORDS, "Which messages make an inbox entry.")
}

/// What the directory of rooms is narrowed to; an empty word is none.
pub(super) fn listed_kind() -> Object {
    one_of(&[RoomKind::Group.word(), RoomKind::Lobby.word(), ""], "What the room is for.")
}

/// A role that can be given.
pub(super) fn given_role() -> Object {
    one_of(&[ClubRole::Member.word(), ClubRole::Manager.word()], "The role from now on.")
}

/// How a rule of a club reads; null is the default.
pub(super) fn filter_kind_or_null() -> Object {
    one_of_or_null(FilterKind::WORDS, "How it reads; `word` by default.")
}

/// What is done with a text in which a rule finds something.
pub(super) fn filter_action() -> Object {
    one_of(FilterAction::WORDS, "What is done with a text in which it is found.")
}

/// Why a message is reported.
pub(super) fn report_reason() -> Object {
    one_of(crate::http::moderation::reports::REASONS, "Why it is reported.")
}

/// Which reports; an empty word is the default.
pub(super) fn report_status() -> Object {
    one_of(&[ReportStatus::WORDS, &[""]].concat(), "`open` by default.")
}

/// How a report ends.
pub(super) fn settlement() -> Object {
    one_of(Settlement::WORDS, "What is done.")
}
