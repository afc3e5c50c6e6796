//! Pages that were looked at, for a while: a link that goes round is asked once. They outlive the
//! messages that led to them, so what a link is kept under tells nothing of it: it is a key that the
//! caller makes of it, and `url` has nothing else.

use std::collections::HashMap;

use crate::domain::{LinkPreview, Millis};
use crate::store::db::execute;
use crate::store::given::{Bulk, Given, bulk};
use crate::store::{Store, StoreError};

const KNOWN: Bulk = bulk!(
    "SELECT link.url, link.body FROM ",
    (url text, now bigint),
    " CROSS JOIN link WHERE link.url = given.url AND link.until > given.now"
);

impl Store {
    /// What is known of links now, by their keys; `None` for one whose page tells nothing. The links
    /// themselves are not in it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn known_links(
        &self,
        keys: &[String],
        now: Millis,
    ) -> Result<HashMap<String, Option<LinkPreview>>, StoreError> {
        let given =
            Given::new().texts(keys.iter().map(String::as_str)).ints(keys.iter().map(|_key| now.0));
        let mut conn = self.db.read().await?;
        let rows: Vec<(String, Option<String>)> = conn.given_all(&KNOWN, given).await?;
        let read = |(key, body): (String, Option<String>)| {
            let preview = body.map(|body| serde_json::from_str(&body)).transpose();
            let preview = preview.map_err(|why| StoreError::Corrupt(format!("a link: {why}")))?;
            Ok((key, preview))
        };
        rows.into_iter().map(read).collect()
    }

    /// Keeps what a page said, or that it said nothing, under a key and until a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keep_link(
        &self,
        key: &str,
        preview: Option<&LinkPreview>,
        until: Millis,
    ) -> Result<(), StoreError> {
        let nameless = |page: &LinkPreview| LinkPreview { url: String::new(), ..page.clone() };
        let body = preview.map(|page| serde_json::to_string(&nameless(page))).transpose();
        let body = body.map_err(|why| StoreError::Corrupt(format!("a link: {why}")))?;
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "INSERT INTO link (url, body, until) VALUES ($1, $2, $3)
             ON CONFLICT (url) DO UPDATE SET body = excluded.body, until = excluded.until",
            key,
            body,
            until.0
        )?;
        Ok(())
    }

    /// Forgets links whose time is over.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sweep_links(&self, now: Millis) -> Result<u64, StoreError> {
        let mut conn = self.db.write().await?;
        execute!(conn, "DELETE FROM link WHERE until <= $1", now.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&KNOWN]).await;
    }
}
