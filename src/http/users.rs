//! Other people: finding them, and what they may see of one another.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{Id, search};
use super::page::{List, Listing, PageParams, Paging};
use super::wrong::Wrong;
use crate::domain::{InvalidId, UserId, limits};
use crate::store::User;

/// A user as others see one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct UserBody {
    /// Id.
    #[schema(value_type = String, example = "u_7")]
    pub(super) id: UserId,
    /// Unique name.
    username: String,
    /// Shown name.
    display_name: String,
    /// `human`, `bot`, `guest` or `assistant`.
    kind: String,
    /// What they say of themselves; absent for nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    status_text: String,
    /// True for an account that was erased, absent for others: what it wrote has gone, its places stay.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    deleted: bool,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        let User { id, username, display_name, kind, status_text, is_deleted, .. } = user;
        Self { id, username, display_name, kind, status_text, deleted: is_deleted }
    }
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UsersQuery {
    /// Username or display name contains this.
    query: Option<String>,
    /// These, with commas between them; at most 200.
    ids: Option<String>,
}

/// Finds users by a part of their name, or by their ids.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(UsersQuery, PageParams),
    responses((status = 200, body = Listing<UserBody>)))]
pub(super) async fn find(
    _caller: Caller,
    api: web::Data<Api>,
    query: web::Query<UsersQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<UserBody>>, ApiError> {
    let UsersQuery { query, ids } = query.into_inner();
    match (search(query.as_deref())?, ids) {
        (None, Some(ids)) => {
            let users = api.store.users(&parse_ids(&ids)?).await?;
            let items = users.into_iter().map(UserBody::from).collect();
            Ok(web::Json(Listing { items, next: None }))
        }
        (Some(text), None) => {
            let users = api.store.find_users(&text, paging.page(List::Users)?).await?;
            Ok(web::Json(paging.cut(List::Users, users, |user| user.id.0)))
        }
        _both_or_none => Err(ApiError::field("query", Wrong::either("query", "ids"))),
    }
}

fn parse_ids(ids: &str) -> Result<Vec<UserId>, ApiError> {
    let (_default, most) = limits::PAGE;
    let ids: Result<Vec<UserId>, InvalidId> =
        ids.split(',').filter(|id| !id.is_empty()).take(most + 1).map(str::parse).collect();
    match ids {
        Ok(mut ids) if ids.len() <= most => {
            // Each once, however often it was asked for.
            ids.sort_unstable();
            ids.dedup();
            Ok(ids)
        }
        Ok(_many) => Err(ApiError::field("ids", Wrong::too_many(most))),
        Err(why) => Err(ApiError::field("ids", why)),
    }
}

/// One user.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = UserBody)))]
pub(super) async fn show(
    _caller: Caller,
    api: web::Data<Api>,
    Id(user): Id<UserId>,
) -> Result<web::Json<UserBody>, ApiError> {
    let user = api.store.users(&[user]).await?.into_iter().next();
    Ok(web::Json(user.ok_or_else(ApiError::not_found)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_listed_with_commas() {
        assert_eq!(parse_ids("u_1,u_2").unwrap(), [UserId(1), UserId(2)]);
        assert_eq!(parse_ids("u_2,u_1,u_2").unwrap(), [UserId(1), UserId(2)]);
        assert_eq!(parse_ids("").unwrap(), []);
        assert!(parse_ids("u_1,r_2").is_err());
        let many =
            |count: i64| (1..=count).map(|id| format!("u_{id}")).collect::<Vec<_>>().join(",");
        assert!(parse_ids(&many(200)).is_ok());
        assert!(parse_ids(&many(201)).is_err());
    }
}
