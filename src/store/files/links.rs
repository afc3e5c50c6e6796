//! Pages that were looked at, for a while: a link that goes round is asked once.

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
    /// What is known of links now; `None` for one whose page tells nothing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn known_links(
        &self,
        urls: &[String],
        now: Millis,
    ) -> Result<HashMap<String, Option<LinkPreview>>, StoreError> {
        let given =
            Given::new().texts(urls.iter().map(String::as_str)).ints(urls.iter().map(|_url| now.0));
        let mut conn = self.db.read().await?;
        let rows: Vec<(String, Option<String>)> = conn.given_all(&KNOWN, given).await?;
        let read = |(url, body): (String, Option<String>)| {
            let preview = body.map(|body| serde_json::from_str(&body)).transpose();
            let preview = preview.map_err(|why| StoreError::Corrupt(format!("a link: {why}")))?;
            Ok((url, preview))
        };
        rows.into_iter().map(read).collect()
    }

    /// Keeps what a page said, or that it said nothing, until a moment.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keep_link(
        &self,
        url: &str,
        preview: Option<&LinkPreview>,
        until: Millis,
    ) -> Result<(), StoreError> {
        let body = preview.map(serde_json::to_string).transpose();
        let body = body.map_err(|why| StoreError::Corrupt(format!("a link: {why}")))?;
        let mut conn = self.db.write().await?;
        execute!(
            conn,
            "INSERT INTO link (url, body, until) VALUES ($1, $2, $3)
             ON CONFLICT (url) DO UPDATE SET body = excluded.body, until = excluded.until",
            url,
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
