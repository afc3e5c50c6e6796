//! Pages of lists: `?limit=` and an opaque `?cursor=`.
//!
//! A cursor is the sort key of the last row that was given, with the number of its list before it,
//! so that a cursor of another list, or of another version, is refused rather than misread.

use std::future::{Ready, ready};

use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest, dev};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::json::Fields;
use super::wrong::Wrong;
use crate::domain::limits;
use crate::protocol::ErrorCode;
use crate::store::Page;

/// First byte of every cursor.
const VERSION: u8 = 1;

/// Which list a cursor belongs to; the number is part of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum List {
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
pub(super) trait Key: Copy {
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
pub(super) fn cursor(list: List, key: impl Key) -> String {
    let mut bytes = vec![VERSION, list as u8];
    for number in key.numbers() {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor of this list.
fn key<K: Key>(list: List, cursor: &str) -> Option<K> {
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
        List::Pins,
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

/// The entries that a query asks for, if it can be read. For who looks for queries that are misread.
#[cfg(feature = "faults")]
pub(crate) fn limit_of(query: &str) -> Option<usize> {
    read(query).ok().map(|paging| paging.limit())
}

/// What a caller says about the page it wants.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of what `Paging` reads")]
pub(super) struct PageParams {
    /// Most entries to give.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    limit: Option<String>,
    cursor: Option<String>,
}

/// The page that a caller wants.
#[derive(Debug, Clone)]
pub(super) struct Paging {
    limit: usize,
    cursor: Option<String>,
}

impl Paging {
    /// Entries of a page.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// A page from the same place, of so many entries at most.
    pub(super) fn upto(self, most: usize) -> Self {
        Self { limit: self.limit.min(most), ..self }
    }

    /// Whether a cursor was sent.
    pub(super) const fn has_cursor(&self) -> bool {
        self.cursor.is_some()
    }

    /// Where the page before ended.
    ///
    /// # Errors
    /// 422 for what is no cursor of this list.
    pub(super) fn after<K: Key>(&self, list: List) -> Result<Option<K>, ApiError> {
        let read = |cursor: &String| {
            key(list, cursor).ok_or_else(|| {
                ApiError::field("cursor", Wrong::new("cursor", "is no cursor of this list"))
            })
        };
        self.cursor.as_ref().map(read).transpose()
    }

    /// What to ask of the store: one row more than is given, to know whether there is a next page.
    ///
    /// # Errors
    /// As [`Self::after`].
    pub(super) fn page<K: Key>(&self, list: List) -> Result<Page<K>, ApiError> {
        let limit = i64::try_from(self.limit + 1).unwrap_or(i64::MAX);
        Ok(Page { after: self.after(list)?, limit })
    }

    /// A page of the rows that the store gave.
    pub(super) fn cut<Row, Item, K: Key>(
        &self,
        list: List,
        mut rows: Vec<Row>,
        key_of: impl Fn(&Row) -> K,
    ) -> Listing<Item>
    where
        Item: From<Row>,
    {
        let has_more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_last| has_more).map(|last| cursor(list, key_of(last)));
        Listing { items: rows.into_iter().map(Item::from).collect(), next }
    }

    /// A page of a list that is here as a whole.
    ///
    /// # Errors
    /// As [`Self::after`].
    pub(super) fn cut_whole<Row, Item>(
        &self,
        list: List,
        mut rows: Vec<Row>,
        key_of: impl Fn(&Row) -> i64,
    ) -> Result<Listing<Item>, ApiError>
    where
        Item: From<Row>,
    {
        if let Some(after) = self.after::<i64>(list)? {
            // What vanished meanwhile cannot be gone on from: better twice than never.
            let seen = rows.iter().position(|row| key_of(row) == after);
            rows.drain(..seen.map_or(0, |place| place + 1));
        }
        Ok(self.cut(list, rows, key_of))
    }
}

impl FromRequest for Paging {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        ready(read(request.query_string()))
    }
}

fn read(query: &str) -> Result<Paging, ApiError> {
    let Ok(Query(asked)) = Query::<Asked>::from_query(query) else {
        return Err(ApiError::new(ErrorCode::BadRequest, "the query string was not understood"));
    };
    let (default, most) = limits::PAGE;
    let limit = asked.limit.map(|limit| match limit.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _odd => Err(Wrong::range(1, i64::try_from(most).unwrap_or(i64::MAX), "")),
    });
    let mut fields = Fields::default();
    let limit = fields.take_some("limit", limit).unwrap_or(default);
    fields.check()?;
    Ok(Paging { limit, cursor: asked.cursor })
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing<Item> {
    /// The entries.
    pub(super) items: Vec<Item>,
    /// Cursor of the next page; null at the end.
    pub(super) next: Option<String>,
}

impl<Item> Listing<Item> {
    /// The same page with other entries.
    pub(super) fn map<Other>(self, to: impl Fn(Item) -> Other) -> Listing<Other> {
        Listing { items: self.items.into_iter().map(to).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(query: &str) -> Paging {
        read(query).unwrap()
    }

    #[test]
    fn a_cursor_reads_back_and_only_for_its_own_list() {
        let text = cursor(List::NewClubs, (1_766_000_000_123, 7));
        assert_eq!(key(List::NewClubs, &text), Some((1_766_000_000_123_i64, 7_i64)));
        assert_eq!(key::<(i64, i64)>(List::LargeClubs, &text), None);
        assert_eq!(key::<i64>(List::NewClubs, &text), None);
        assert_eq!(key(List::Rooms, &cursor(List::Rooms, -5)), Some(-5_i64));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for odd in ["", "AQ", "AQY", "!!!", "AQYAAAAAAAAABw==", "AgYAAAAAAAAABw", "AQYAAAAAAAAABwA"]
        {
            let asked = Paging { limit: 1, cursor: Some(odd.to_owned()) };
            assert!(asked.page::<i64>(List::Rooms).is_err(), "{odd}");
        }
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(paging("").limit(), 50);
        assert_eq!(paging("limit=200&x=1").limit(), 200);
        for odd in ["0", "201", "-1", "1.5", "x", "", "99999999999999999999"] {
            let query = format!("limit={odd}");
            assert!(matches!(read(&query), Err(ApiError::Fields(_))), "{odd}");
        }
    }

    #[test]
    fn pages_follow_one_another() {
        let rows: Vec<i64> = (1..=5).collect();
        let mut seen: Vec<i64> = Vec::new();
        let mut next = None;
        loop {
            let asked = Paging { limit: 2, cursor: next };
            let page: Listing<i64> =
                asked.cut_whole(List::Rooms, rows.clone(), |row| *row).unwrap();
            seen.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(seen, rows);
    }
}
