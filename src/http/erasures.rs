//! Accounts go: by their own wish, or by an admin's.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::Api;
use super::auth::{check_password, end};
use super::caller::{Caller, ClientAddress, Person};
use super::error::ApiError;
use super::json::{Body, Id};
use super::me::account;
use super::moderation::audit::AuditBody;
use super::page::{List, Listing, PageParams, Paging};
use crate::domain::{InstanceRole, Millis, REASON_CHARS, UserId, optional_text};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{AuditEntry, Shut};

/// Body of one's own leaving.
#[derive(Deserialize, ToSchema)]
pub(super) struct LeaveBody {
    /// The password, once more.
    #[serde(default)]
    #[schema(required = true)]
    password: String,
}

/// Body of an erasure by an admin.
#[derive(Deserialize, ToSchema)]
pub(super) struct EraseBody {
    /// Why, for the audit log of the instance; at most 255 characters.
    #[serde(default)]
    #[schema(max_length = 255, required = false)]
    reason: String,
}

/// Erases the caller's own account: it is shut at once and all its sessions end; what it wrote goes
/// by and by, and its messages keep their places.
#[utoipa::path(delete, path = "/v1/me", tag = "me", request_body = LeaveBody,
    responses((status = 204)))]
pub(super) async fn leave(
    Person(caller): Person,
    from: ClientAddress,
    api: web::Data<Api>,
    body: Body<LeaveBody>,
) -> Result<HttpResponse, ApiError> {
    let user = account(&api, caller).await?;
    let name = user.username.to_lowercase();
    if check_password(&api, from.0, &name, body.into_inner().password).await?.is_none() {
        let refusal = Refusal::new(ErrorCode::Forbidden, "the password is wrong");
        return Err(refusal.because("wrong_password").into());
    }
    shut(&api, user.id, user.id, "").await
}

/// Erases an account. For admins of the instance.
#[utoipa::path(delete, path = "/v1/admin/users/{id}", tag = "admin",
    params(("id" = String, Path)), request_body = EraseBody, responses((status = 204)))]
pub(super) async fn erase(
    caller: Caller,
    api: web::Data<Api>,
    Id(user): Id<UserId>,
    body: Body<EraseBody>,
) -> Result<HttpResponse, ApiError> {
    admin(&api, caller).await?;
    let reason = optional_text(&body.reason, REASON_CHARS);
    let reason = reason.map_err(|why| ApiError::field("reason", why))?;
    shut(&api, user, caller.user(), &reason).await
}

/// Checks that an admin of the instance calls. A pass of the machine may look, and do nothing.
pub(super) async fn admin(api: &Api, caller: Caller) -> Result<(), ApiError> {
    match account(api, caller).await?.role {
        InstanceRole::Admin => Ok(()),
        InstanceRole::User => Err(ApiError::new(ErrorCode::Forbidden, "this is for admins")),
    }
}

/// Shuts an account, and ends what is open of it and of its bots.
pub(super) async fn shut(
    api: &Api,
    user: UserId,
    by: UserId,
    reason: &str,
) -> Result<HttpResponse, ApiError> {
    match api.store.shut_account(user, (by, Millis::now()), reason).await? {
        Shut::Done { devices, rooms, bots } => {
            end(api, user, devices).await;
            for (bot, devices) in bots {
                end(api, bot, devices).await;
                api.rooms.account_shut(bot, Vec::new());
            }
            api.rooms.account_shut(user, rooms);
            Ok(HttpResponse::NoContent().finish())
        }
        Shut::Before => Ok(HttpResponse::NoContent().finish()),
        Shut::Gone => Err(ApiError::not_found()),
        Shut::OwnsClubs(clubs) => {
            let clubs: Vec<_> = clubs.iter().map(ToString::to_string).collect();
            let msg = format!("these clubs are to be handed over first: {}", clubs.join(", "));
            Err(Refusal::new(ErrorCode::Conflict, msg).because("owns_clubs").into())
        }
    }
}

/// What admins of the instance did, in lobbies as well, newest first. For admins.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "admin", params(PageParams),
    responses((status = 200, body = Listing<AuditBody>)))]
pub(super) async fn audit(
    caller: Caller,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<AuditBody>>, ApiError> {
    admin(&api, caller).await?;
    let entries = api.store.instance_audit(paging.page(List::InstanceAudit)?).await?;
    Ok(web::Json(paging.cut(List::InstanceAudit, entries, |entry: &AuditEntry| entry.id.0)))
}
