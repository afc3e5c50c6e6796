//! People who want nothing to do with one another.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::Id;
use super::page::{List, Listing, PageParams, Paging};
use super::users::UserBody;
use super::wrong::Wrong;
use crate::domain::{ASSISTANT, Millis, UserId, limits};
use crate::protocol::{ErrorCode, Refusal, RoomUpdateData};
use crate::store::{Block, Blocked};

/// Somebody whom the caller has blocked.
#[derive(Serialize, ToSchema)]
pub(super) struct BlockBody {
    /// Who.
    user: UserBody,
    /// Since when (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<Block> for BlockBody {
    fn from(block: Block) -> Self {
        Self { user: block.user.into(), at: block.at }
    }
}

/// Blocks somebody: from now on neither writes to the other in their private room, brings the other
/// into a room, calls the other, or makes entries in the inbox of the other. Nobody is told. One may
/// block 1,000 people: 409 `block_limit` then.
#[utoipa::path(put, path = "/v1/users/{id}/block", tag = "blocks", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn block(
    caller: Caller,
    api: web::Data<Api>,
    Id(user): Id<UserId>,
) -> Result<HttpResponse, ApiError> {
    if user == caller.user() {
        return Err(ApiError::field("id", Wrong::new("yourself", "is you")));
    }
    if user == ASSISTANT {
        return Err(ApiError::field("id", Wrong::new("no_person", "is no person")));
    }
    set(&api, caller, user, true).await
}

/// Takes that back. What the other one has blocked stays so.
#[utoipa::path(delete, path = "/v1/users/{id}/block", tag = "blocks",
    params(("id" = String, Path)), responses((status = 204)))]
pub(super) async fn unblock(
    caller: Caller,
    api: web::Data<Api>,
    Id(user): Id<UserId>,
) -> Result<HttpResponse, ApiError> {
    set(&api, caller, user, false).await
}

/// Whom the caller has blocked, newest first.
#[utoipa::path(get, path = "/v1/me/blocks", tag = "blocks", params(PageParams),
    responses((status = 200, body = Listing<BlockBody>)))]
pub(super) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<BlockBody>>, ApiError> {
    let blocks = api.store.blocks(caller.user(), paging.page(List::Blocks)?).await?;
    Ok(web::Json(paging.cut(List::Blocks, blocks, |block| (block.at.0, block.user.id.0))))
}

async fn set(
    api: &Api,
    caller: Caller,
    user: UserId,
    is_blocked: bool,
) -> Result<HttpResponse, ApiError> {
    match api.store.set_block(caller.user(), user, is_blocked, Millis::now()).await? {
        Blocked::Done(room) => {
            if let Some((room, is_shut)) = room {
                let d = RoomUpdateData { blocked: Some(is_shut), ..RoomUpdateData::default() };
                api.rooms.updated(room, d).await;
            }
            Ok(HttpResponse::NoContent().finish())
        }
        Blocked::Gone => Err(ApiError::not_found()),
        Blocked::Full => {
            let msg = format!("nobody blocks more than {} people", limits::BLOCKS);
            Err(Refusal::new(ErrorCode::Conflict, msg).because("block_limit").into())
        }
    }
}
