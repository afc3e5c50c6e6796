//! Pages of lists: `?limit=` and an opaque `?cursor=`.

mod cursor;

use std::future::{Ready, ready};

use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest, dev};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[cfg(feature = "faults")]
pub(crate) use self::cursor::rewritten;
use self::cursor::{Key, key};
pub(super) use self::cursor::{List, cursor};
use super::error::ApiError;
use super::json::Fields;
use super::wrong::Wrong;
use crate::domain::limits;
use crate::protocol::ErrorCode;
use crate::store::Page;

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
    /// None where the caller does not say.
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Paging {
    /// Entries of a page.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(limits::PAGE.0)
    }

    /// A page from the same place, of so many entries at most.
    pub(super) fn upto(self, most: usize) -> Self {
        Self { limit: Some(self.limit().min(most)), ..self }
    }

    /// A page of so many entries, unless the caller says how many.
    pub(super) fn unless_said(self, usual: usize) -> Self {
        Self { limit: self.limit.or(Some(usual)), ..self }
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
        let limit = i64::try_from(self.limit() + 1).unwrap_or(i64::MAX);
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
        let has_more = rows.len() > self.limit();
        rows.truncate(self.limit());
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
    let (_usual, most) = limits::PAGE;
    let limit = asked.limit.map(|limit| match limit.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _odd => Err(Wrong::range(1, i64::try_from(most).unwrap_or(i64::MAX), "")),
    });
    let mut fields = Fields::default();
    let limit = fields.take_some("limit", limit);
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
    fn what_is_no_cursor_is_refused() {
        for odd in ["", "AQ", "AQY", "!!!", "AQYAAAAAAAAABw==", "AgYAAAAAAAAABw", "AQYAAAAAAAAABwA"]
        {
            let asked = Paging { limit: Some(1), cursor: Some(odd.to_owned()) };
            assert!(asked.page::<i64>(List::Rooms).is_err(), "{odd}");
        }
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(paging("").limit(), 50);
        assert_eq!(paging("").unless_said(100).limit(), 100);
        assert_eq!(paging("limit=3").unless_said(100).upto(2).limit(), 2);
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
            let asked = Paging { limit: Some(2), cursor: next };
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
