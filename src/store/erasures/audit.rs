//! What admins of the instance did.

use crate::domain::{AuditId, Millis, UserId};
use crate::store::db::fetch_all;
use crate::store::page::Page;
use crate::store::{Store, StoreError};

/// One act of an admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceEntry {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Millis,
    /// Who.
    pub by: UserId,
    /// What.
    pub action: String,
    /// To whom.
    pub user: Option<UserId>,
    /// In the words of the admin.
    pub reason: String,
}

impl Store {
    /// What admins did, newest first. The key of a page is the id.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn instance_audit(&self, page: Page<i64>) -> Result<Vec<InstanceEntry>, StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (i64, i64, i64, String, Option<i64>, String),
            "SELECT audit_id, at, by_id, action, user_id, reason FROM instance_audit
              WHERE audit_id < $1 ORDER BY audit_id DESC LIMIT $2",
            page.below(),
            page.limit
        )?;
        let entry = |(id, at, by, action, user, reason): (_, _, _, _, Option<i64>, _)| {
            let (id, at, by, user) = (AuditId(id), Millis(at), UserId(by), user.map(UserId));
            InstanceEntry { id, at, by, action, user, reason }
        };
        Ok(rows.into_iter().map(entry).collect())
    }
}
