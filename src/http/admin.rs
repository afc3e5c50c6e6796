//! What admins of the instance see of it.

use std::future::Future;
use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev, web};
use utoipa::IntoParams;

use super::api::{self, Api};
use super::caller::{bearer, caller};
use super::error::ApiError;
use super::page::Paging;
use super::survey_body::SurveyBody;
use crate::domain::{InstanceRole, UserId};
use crate::protocol::ErrorCode;

/// The bucket that all operators share who come with a pass: no user has this number.
const OPERATORS: UserId = UserId(0);

/// Proof that an admin of the instance calls, or an operator with a pass.
pub(super) struct Admin;

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _body: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { admit(&request).await })
    }
}

async fn admit(request: &HttpRequest) -> Result<Admin, ApiError> {
    let api = api::of(request).ok_or(ApiError::Internal)?;
    if bearer(request).is_some_and(|token| api.tokens.is_pass(token)) {
        api.throttle.request(OPERATORS)?;
        return Ok(Admin);
    }
    let user = caller(request)?.user();
    // Asked of the store, not of the token: who is no admin any more is none at once.
    let is_admin = |role| role == InstanceRole::Admin;
    match api.store.users(&[user]).await?.first() {
        Some(user) if is_admin(user.role) => Ok(Admin),
        Some(_user) => Err(ApiError::new(ErrorCode::Forbidden, "this is for admins")),
        None => Err(ApiError::new(ErrorCode::Unauthorized, "this account is gone")),
    }
}

/// How much a caller wants to see.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description of what `Paging` reads")]
pub(super) struct SurveyParams {
    /// Most rooms to tell of one by one: the busiest.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

/// The actors of this node, as a tree: what waits where, for how long, how much is done. For
/// admins of the instance.
#[utoipa::path(get, path = "/v1/admin/actors", tag = "admin", params(SurveyParams),
    responses((status = 200, body = SurveyBody)))]
pub(super) async fn actors(
    _admin: Admin,
    api: web::Data<Api>,
    paging: Paging,
) -> web::Json<SurveyBody> {
    let survey = api.surveyor.take(paging.limit()).await;
    web::Json(SurveyBody::of(survey, &api.metrics))
}
