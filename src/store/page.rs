//! Pages of a list, by key.

/// A page begins behind the last row of the one before, never at an offset: rows that come and go
/// meanwhile neither repeat nor hide others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<Key> {
    /// Sort key of the last row that was given; none for the first page.
    pub after: Option<Key>,
    /// Most rows to give.
    pub limit: i64,
}

impl<Key> Page<Key> {
    /// The first page.
    #[must_use]
    pub const fn first(limit: i64) -> Self {
        Self { after: None, limit }
    }
}

impl Page<i64> {
    /// The key below which a list in falling order goes on.
    pub(super) fn below(&self) -> i64 {
        self.after.unwrap_or(i64::MAX)
    }
}

impl Page<(i64, i64)> {
    /// The pair below which a list in falling order goes on.
    pub(super) fn below(&self) -> (i64, i64) {
        self.after.unwrap_or((i64::MAX, i64::MAX))
    }
}
