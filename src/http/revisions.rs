//! What an edited message said before.

use actix_web::web;
use utoipa::IntoParams;

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::AtMessage;
use super::message_body::RevisionBody;
use super::messages::find;
use super::page::{List, Listing, Paging};
use super::rooms::readable;
use crate::domain::limits;
use crate::store::Revision;

/// What a caller says about the page it wants.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of what `Paging` reads here")]
pub(super) struct RevisionParams {
    /// Most entries to give; as many as are kept where it is not said.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The texts that an edited message had and has, oldest first; the last hundred are kept. None of
/// one that never was edited or is deleted. A page says 256 KiB at most, and leads on to the rest.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages/{message}/revisions", tag = "messages",
    operation_id = "revisions",
    params(("id" = String, Path), ("message" = String, Path), RevisionParams),
    responses((status = 200, body = Listing<RevisionBody>)))]
pub(super) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    AtMessage(at): AtMessage,
    paging: Paging,
) -> Result<web::Json<Listing<RevisionBody>>, ApiError> {
    let paging = paging.unless_said(usize::try_from(limits::REVISIONS).unwrap_or(usize::MAX));
    let page = paging.page(List::Revisions)?;
    let reach = readable(&api, at.room, caller).await?;
    find(&api, (caller, reach), at).await?;
    let revisions = api.store.revisions(at, page).await?;
    let paging = paging.upto(Revision::fitting(&revisions));
    Ok(web::Json(paging.cut(List::Revisions, revisions, |revision: &Revision| revision.rev)))
}
