//! Where a page ended.
//!
//! A cursor is the sort key of the last row that was given, with the number of its list before it,
//! so that a cursor of another list, or of another version, is refused rather than misread.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// First byte of every cursor.
const VERSION: u8 = 1;

/// Which list a cursor belongs to; the number is part of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::http) enum List {
    /// Users found.
    Users = 1,
    /// Clubs, newest first.
    NewClubs = 2,
    /// Clubs, largest first.
    LargeClubs = 3,
    /// My clubs.
    MyClubs = 4,
    /// Members of a club.
    ClubMembers = 5,
    /// Rooms, mine or of a club.
    Rooms = 6,
    /// Members of a room.
    RoomMembers = 7,
    /// Messages, going back.
    OlderMessages = 8,
    /// Messages, going on.
    NewerMessages = 9,
    /// Inbox entries.
    Notices = 10,
    /// My sign-ins.
    Devices = 11,
    /// Messages found.
    Found = 12,
    /// Rooms that people may find.
    Directory = 20,
    /// Threads, the one with the newest message first.
    Threads = 23,
    /// Messages of a thread, going back.
    OlderInThread = 21,
    /// Messages of a thread, going on.
    NewerInThread = 22,
    /// Whom the caller has blocked.
    Blocks = 24,
    /// The caller's bots.
    Bots = 25,
    /// Pinned messages, the last one pinned first.
    Pins = 26,
    /// Texts of an edited message, the oldest first.
    Revisions = 27,
    /// Who stays out of a club.
    Bans = 40,
    /// What moderators did.
    Audit = 41,
    /// Rules of a club.
    Filters = 42,
    /// Reports that nobody has decided.
    OpenReports = 43,
    /// Reports that were decided.
    DecidedReports = 44,
    /// What admins of the instance did.
    InstanceAudit = 45,
    /// What moderators did in a room.
    RoomAudit = 46,
    /// Who stays out of a room.
    RoomBans = 47,
    /// Reports from rooms of no club that nobody has decided.
    InstanceReports = 48,
    /// Those that were decided.
    InstanceDecided = 49,
    /// Who may not write in a club.
    Mutes = 50,
    /// Who may not write in a room.
    RoomMutes = 51,
}

/// A sort key that a cursor can hold.
pub(in crate::http) trait Key: Copy {
    /// The numbers of the key.
    fn numbers(self) -> Vec<i64>;
    /// The key of these numbers, if they are as many as they should be.
    fn of(numbers: &[i64]) -> Option<Self>;
}

impl Key for i64 {
    fn numbers(self) -> Vec<i64> {
        vec![self]
    }

    fn of(numbers: &[i64]) -> Option<Self> {
        let [key] = numbers else { return None };
        Some(*key)
    }
}

impl Key for (i64, i64) {
    fn numbers(self) -> Vec<i64> {
        vec![self.0, self.1]
    }

    fn of(numbers: &[i64]) -> Option<Self> {
        let [first, second] = numbers else { return None };
        Some((*first, *second))
    }
}

impl Key for (i64, i64, i64) {
    fn numbers(self) -> Vec<i64> {
        vec![self.0, self.1, self.2]
    }

    fn of(numbers: &[i64]) -> Option<Self> {
        let [first, second, third] = numbers else { return None };
        Some((*first, *second, *third))
    }
}

/// Writes a cursor.
pub(in crate::http) fn cursor(list: List, key: impl Key) -> String {
    let mut bytes = vec![VERSION, list as u8];
    for number in key.numbers() {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor of this list.
pub(super) fn key<K: Key>(list: List, cursor: &str) -> Option<K> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (head, rest) = bytes.split_at_checked(2)?;
    if head != [VERSION, list as u8] {
        return None;
    }
    let (numbers, []) = rest.as_chunks::<8>() else { return None };
    let numbers: Vec<i64> = numbers.iter().map(|bytes| i64::from_be_bytes(*bytes)).collect();
    K::of(&numbers)
}

/// Reads a cursor of any list and writes it again. For who looks for cursors that are misread.
#[cfg(feature = "faults")]
pub(crate) fn rewritten(text: &str) -> Vec<String> {
    let lists = [
        List::Users,
        List::NewClubs,
        List::LargeClubs,
        List::MyClubs,
        List::ClubMembers,
        List::Rooms,
        List::RoomMembers,
        List::OlderMessages,
        List::NewerMessages,
        List::Notices,
        List::Devices,
        List::Found,
        List::Directory,
        List::Threads,
        List::OlderInThread,
        List::NewerInThread,
        List::Blocks,
        List::Bots,
        List::Pins,
        List::Revisions,
        List::Bans,
        List::Audit,
        List::Filters,
        List::OpenReports,
        List::DecidedReports,
        List::InstanceAudit,
        List::RoomAudit,
        List::RoomBans,
        List::InstanceReports,
        List::InstanceDecided,
        List::Mutes,
        List::RoomMutes,
    ];
    let one = |list| key::<i64>(list, text).map(|key| cursor(list, key));
    let two = |list| key::<(i64, i64)>(list, text).map(|key| cursor(list, key));
    let three = |list| key::<(i64, i64, i64)>(list, text).map(|key| cursor(list, key));
    lists.into_iter().flat_map(|list| [one(list), two(list), three(list)]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_only_for_its_own_list() {
        let text = cursor(List::NewClubs, (1_766_000_000_123, 7));
        assert_eq!(key(List::NewClubs, &text), Some((1_766_000_000_123_i64, 7_i64)));
        assert_eq!(key::<(i64, i64)>(List::LargeClubs, &text), None);
        assert_eq!(key::<i64>(List::NewClubs, &text), None);
        assert_eq!(key(List::Rooms, &cursor(List::Rooms, -5)), Some(-5_i64));
    }
}
