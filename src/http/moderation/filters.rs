//! What a club does not want to read in its rooms, and admins of the instance in its lobbies.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Two, moderates, not_any_more};
use crate::domain::{
    ClubId, FILTER_BYTES, Filter, FilterAction, FilterId, FilterKind, FilterRule, InvalidPattern,
    Millis, Pattern, Text, Verdict,
};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::erasures::admin;
use crate::http::error::ApiError;
use crate::http::json::{Body, Fields, Id};
use crate::http::page::{List, Listing, PageParams, Paging};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{FilterAdded, FilterRemoved, FilterScope, FilterStamp, NewFilter};

/// One rule for texts.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct FilterBody {
    /// Id.
    #[schema(value_type = String, example = "fl_2")]
    id: FilterId,
    /// `word` or `regex`.
    #[schema(value_type = String, example = "word")]
    kind: FilterKind,
    /// What it looks for.
    pattern: String,
    /// `reject`, `mask` or `report`.
    #[schema(value_type = String, example = "mask")]
    action: FilterAction,
}

impl From<FilterRule> for FilterBody {
    fn from(rule: FilterRule) -> Self {
        let (kind, pattern) = (rule.pattern.kind(), rule.pattern.as_str().to_owned());
        Self { id: rule.id, kind, pattern, action: rule.action }
    }
}

/// A rule to make.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct NewFilterBody {
    /// `word` (default) or `regex`.
    #[schema(schema_with = crate::http::words::filter_kind_or_null, required = false)]
    kind: Option<String>,
    /// 1–200 characters. An expression is looked for in one pass: no references back, no looking
    /// around.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 200)]
    pattern: String,
    /// What is done with a text in which it is found.
    #[serde(default)]
    #[schema(schema_with = crate::http::words::filter_action, required = true)]
    action: String,
}

/// A text to try the rules on.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct TriedBody {
    /// As somebody would write it.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 4000)]
    text: String,
}

/// What the rules would make of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VerdictBody {
    /// `reject`, `mask`, `report`, or null: it would stand as it is.
    #[schema(value_type = Option<String>)]
    action: Option<FilterAction>,
    /// As it would stand; null where it would not.
    text: Option<String>,
    /// The rules that find something in it.
    #[schema(value_type = Vec<String>)]
    found_by: Vec<FilterId>,
}

/// The rules of a club, oldest first. For managers and the owner.
#[utoipa::path(get, path = "/v1/clubs/{id}/filters", tag = "filters",
    params(("id" = String, Path), PageParams),
    responses((status = 200, body = Listing<FilterBody>)))]
pub(in crate::http) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    paging: Paging,
) -> Result<web::Json<Listing<FilterBody>>, ApiError> {
    rules(&api, FilterScope::Club(club), caller, paging).await
}

/// The rules of the lobbies, oldest first. For admins of the instance.
#[utoipa::path(get, path = "/v1/admin/filters", tag = "filters", operation_id = "of_lobbies",
    params(PageParams), responses((status = 200, body = Listing<FilterBody>)))]
pub(in crate::http) async fn of_lobbies(
    caller: Caller,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<FilterBody>>, ApiError> {
    rules(&api, FilterScope::Lobbies, caller, paging).await
}

async fn rules(
    api: &Api,
    scope: FilterScope,
    caller: Caller,
    paging: Paging,
) -> Result<web::Json<Listing<FilterBody>>, ApiError> {
    may_rule(api, scope, caller).await?;
    let rules = api.store.filters(scope).await?;
    Ok(web::Json(paging.cut_whole(List::Filters, rules, |rule| rule.id.0)?))
}

/// Makes a rule. When this answers, the rooms of the club obey it.
#[utoipa::path(post, path = "/v1/clubs/{id}/filters", tag = "filters",
    params(("id" = String, Path)), request_body = NewFilterBody,
    responses((status = 201, body = FilterBody)))]
pub(in crate::http) async fn add(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    body: Body<NewFilterBody>,
) -> Result<HttpResponse, ApiError> {
    make(&api, FilterScope::Club(club), caller, body.into_inner()).await
}

/// Makes a rule for the lobbies. When this answers, they obey it.
#[utoipa::path(post, path = "/v1/admin/filters", tag = "filters", operation_id = "add_for_lobbies",
    request_body = NewFilterBody, responses((status = 201, body = FilterBody)))]
pub(in crate::http) async fn add_for_lobbies(
    caller: Caller,
    api: web::Data<Api>,
    body: Body<NewFilterBody>,
) -> Result<HttpResponse, ApiError> {
    make(&api, FilterScope::Lobbies, caller, body.into_inner()).await
}

async fn make(
    api: &Api,
    scope: FilterScope,
    caller: Caller,
    body: NewFilterBody,
) -> Result<HttpResponse, ApiError> {
    may_rule(api, scope, caller).await?;
    api.throttle.filter(caller.user())?;
    let (pattern, action) = read(api, body).await?;
    check_size(api, scope, &pattern, action).await?;
    let new = NewFilter { scope, pattern: &pattern, action, by: caller.user(), at: Millis::now() };
    match api.store.add_filter(new).await? {
        FilterAdded::Done(rule, rooms) => {
            api.rooms.refresh(&rooms).await;
            Ok(HttpResponse::Created().json(FilterBody::from(rule)))
        }
        FilterAdded::Full => Err(full()),
        FilterAdded::Gone => Err(ApiError::not_found()),
        FilterAdded::Denied => Err(not_any_more(api, club_of(scope), caller).await),
    }
}

/// Removes a rule.
#[utoipa::path(delete, path = "/v1/clubs/{id}/filters/{filter}", tag = "filters",
    params(("id" = String, Path), ("filter" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    caller: Caller,
    api: web::Data<Api>,
    Two(club, filter): Two<ClubId, FilterId>,
) -> Result<HttpResponse, ApiError> {
    drop_rule(&api, (FilterScope::Club(club), filter), caller).await
}

/// Removes a rule of the lobbies.
#[utoipa::path(delete, path = "/v1/admin/filters/{id}", tag = "filters",
    operation_id = "remove_for_lobbies", params(("id" = String, Path)),
    responses((status = 204)))]
pub(in crate::http) async fn remove_for_lobbies(
    caller: Caller,
    api: web::Data<Api>,
    Id(filter): Id<FilterId>,
) -> Result<HttpResponse, ApiError> {
    drop_rule(&api, (FilterScope::Lobbies, filter), caller).await
}

async fn drop_rule(
    api: &Api,
    (scope, filter): (FilterScope, FilterId),
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    may_rule(api, scope, caller).await?;
    match api.store.remove_filter((scope, filter), caller.user(), Millis::now()).await? {
        FilterRemoved::Done(rooms) => {
            api.rooms.refresh(&rooms).await;
            Ok(HttpResponse::NoContent().finish())
        }
        FilterRemoved::Denied => Err(not_any_more(api, club_of(scope), caller).await),
    }
}

/// Tries the rules of a club on a text. Nothing is sent, and nothing is kept.
#[utoipa::path(post, path = "/v1/clubs/{id}/filters/test", tag = "filters",
    params(("id" = String, Path)), request_body = TriedBody,
    responses((status = 200, body = VerdictBody)))]
pub(in crate::http) async fn test(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    body: Body<TriedBody>,
) -> Result<web::Json<VerdictBody>, ApiError> {
    tried(&api, FilterScope::Club(club), caller, &body).await
}

/// Tries the rules of the lobbies on a text.
#[utoipa::path(post, path = "/v1/admin/filters/test", tag = "filters",
    operation_id = "test_for_lobbies", request_body = TriedBody,
    responses((status = 200, body = VerdictBody)))]
pub(in crate::http) async fn test_for_lobbies(
    caller: Caller,
    api: web::Data<Api>,
    body: Body<TriedBody>,
) -> Result<web::Json<VerdictBody>, ApiError> {
    tried(&api, FilterScope::Lobbies, caller, &body).await
}

async fn tried(
    api: &Api,
    scope: FilterScope,
    caller: Caller,
    body: &TriedBody,
) -> Result<web::Json<VerdictBody>, ApiError> {
    may_rule(api, scope, caller).await?;
    let text = Text::parse(&body.text).map_err(|why| ApiError::field("text", why))?;
    let filter = filter(api, scope).await?;
    let verdict = filter.as_ref().map(|filter| filter.judge(&text));
    let found_by = filter.map(|filter| filter.found_by(&text)).unwrap_or_default();
    let as_written = || Some(text.as_str().to_owned());
    let (action, text) = match verdict {
        Some(Verdict::Rejected(_)) => (Some(FilterAction::Reject), None),
        Some(Verdict::Taken { masked: Some(masked), .. }) => {
            (Some(FilterAction::Mask), Some(masked))
        }
        Some(Verdict::Taken { masked: None, flagged: Some(_) }) => {
            (Some(FilterAction::Report), as_written())
        }
        Some(Verdict::Taken { masked: None, flagged: None }) | None => (None, as_written()),
    };
    Ok(web::Json(VerdictBody { action, text, found_by }))
}

/// Checks that the caller makes the rules here.
async fn may_rule(api: &Api, scope: FilterScope, caller: Caller) -> Result<(), ApiError> {
    match scope {
        FilterScope::Club(club) => moderates(api, club, caller).await,
        FilterScope::Lobbies => admin(api, caller).await,
    }
}

const fn club_of(scope: FilterScope) -> Option<ClubId> {
    match scope {
        FilterScope::Club(club) => Some(club),
        FilterScope::Lobbies => None,
    }
}

async fn read(api: &Api, body: NewFilterBody) -> Result<(Pattern, FilterAction), ApiError> {
    let NewFilterBody { kind, pattern, action } = body;
    let mut fields = Fields::default();
    let kind = kind.as_deref().map_or(Ok(FilterKind::Word), str::parse);
    let kind = fields.take("kind", kind).unwrap_or(FilterKind::Word);
    let action = fields.take("action", action.parse::<FilterAction>());
    // Working an expression out takes its time; the worker has others to serve.
    let parsed: Result<Pattern, InvalidPattern> =
        api.rooms.work_out(move || Pattern::parse(kind, &pattern)).await?;
    let pattern = fields.take("pattern", parsed);
    match (pattern, action) {
        (Some(pattern), Some(action)) => {
            fields.check()?;
            Ok((pattern, action))
        }
        _odd => Err(fields.refuse()),
    }
}

/// All rules that hold somewhere have a size together, too.
async fn check_size(
    api: &Api,
    scope: FilterScope,
    pattern: &Pattern,
    action: FilterAction,
) -> Result<(), ApiError> {
    let others = filter(api, scope).await?.map_or(0, |filter| filter.bytes());
    let rule = FilterRule { id: FilterId(0), pattern: pattern.clone(), action };
    let own = api.rooms.work_out(move || Filter::new(&[rule]).bytes()).await?;
    if others + own > FILTER_BYTES { Err(full()) } else { Ok(()) }
}

/// The rules that hold somewhere, ready to be asked.
async fn filter(api: &Api, scope: FilterScope) -> Result<Option<std::sync::Arc<Filter>>, ApiError> {
    let stamp: FilterStamp = api.store.filter_stamp(scope).await?;
    Ok(api.rooms.filter_of(scope, stamp).await?)
}

fn full() -> ApiError {
    let refusal = Refusal::new(ErrorCode::Conflict, "there are as many rules as there may be");
    refusal.because("filter_limit").into()
}
