//! Schemas of fields that take one of a few words. Only of what a client sends: answers may hold
//! words that are new, and a client must skip what it does not know.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::{Category, ClubKind, JoinPolicy, RoomKind, Visibility};

fn one_of(words: &[&'static str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
}

/// What a club is for.
pub(super) fn club_kind() -> Object {
    one_of(ClubKind::WORDS)
}

/// What a club is about.
pub(super) fn category() -> Object {
    one_of(Category::WORDS)
}

/// What a club is about; null is the default.
pub(super) fn category_or_null() -> Object {
    let words = Category::WORDS.iter().map(|word| Some(*word)).chain([None]);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(types).enum_values(Some(words)).build()
}

/// Who may know of a club.
pub(super) fn visibility() -> Object {
    one_of(Visibility::WORDS)
}

/// How one gets into a club.
pub(super) fn join_policy() -> Object {
    one_of(JoinPolicy::WORDS)
}

/// What a room of a club is for.
pub(super) fn club_room_kind() -> Object {
    one_of(&[RoomKind::Member.word(), RoomKind::Manager.word()])
}

/// How a list of clubs is sorted.
pub(super) fn club_sort() -> Object {
    one_of(&["new", "members"])
}
