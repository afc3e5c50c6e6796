//! Clubs: making, finding, changing, deleting, and what is in them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::Api;
use super::caller::{Caller, Person};
use super::club_body::{ClubBody, ClubPatchBody, NewClubBody};
use super::club_form::{RawTexts, Texts};
use super::error::{ApiError, OnConstraint};
use super::json::{Body, Fields, Id, search};
use super::page::{List, Listing, PageParams, Paging};
use crate::actors::entry;
use crate::domain::{
    Category, ClubId, ClubKind, ClubName, ClubRole, InvalidWord, JoinPolicy, MembershipStatus,
    Millis, Visibility, access,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Club, ClubChange, ClubDeleted, ClubPatch, ClubQuery, ClubSort, NewClub};

/// Which clubs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ClubsQuery {
    /// The name contains this.
    query: Option<String>,
    /// `study`, `project` or `community`.
    #[param(schema_with = super::words::club_kind)]
    kind: Option<String>,
    /// One of the categories.
    #[param(schema_with = super::words::category)]
    category: Option<String>,
    /// `new` (default) or `members`.
    #[param(schema_with = super::words::club_sort)]
    sort: Option<String>,
}

/// Makes a club. The caller owns it; a room `general` is made with it.
#[utoipa::path(post, path = "/v1/clubs", tag = "clubs", request_body = NewClubBody,
    responses((status = 201, body = ClubBody)))]
pub(super) async fn make(
    Person(caller): Person,
    api: web::Data<Api>,
    body: Body<NewClubBody>,
) -> Result<HttpResponse, ApiError> {
    let form = Form::read(&body)?;
    let new = NewClub {
        name: &form.name,
        greeting: &form.greeting,
        description: &form.description,
        kind: form.kind.word(),
        category: form.category.word(),
        visibility: form.access.0.word(),
        join_policy: form.access.1.word(),
        capacity: form.capacity,
    };
    let made = api.store.create_club(&new, caller.user(), Millis::now()).await;
    let (club, _general) = made.on_constraint("name_key", name_taken)?;
    for view in api.store.club_rooms(club.id, caller.user()).await? {
        api.rooms.opened(vec![caller.user()], entry(view)).await;
    }
    Ok(HttpResponse::Created().json(ClubBody::from(club)))
}

/// A club to make, read.
struct Form {
    name: ClubName,
    greeting: String,
    description: String,
    kind: ClubKind,
    category: Category,
    access: (Visibility, JoinPolicy),
    capacity: Option<i64>,
}

impl Form {
    fn read(body: &NewClubBody) -> Result<Self, ApiError> {
        let mut fields = Fields::default();
        let raw = RawTexts {
            name: Some(Some(&body.name)),
            greeting: body.greeting.as_deref().map(Some),
            description: body.description.as_deref().map(Some),
            category: body.category.as_deref().map(Some),
            visibility: body.visibility.as_deref().map(Some),
            policy: body.join_policy.as_deref().map(Some),
        };
        let texts = Texts::read(raw, &mut fields);
        let kind = body.kind.as_deref().map_or(Ok(ClubKind::Community), str::parse);
        let kind = fields.take("kind", kind).unwrap_or(ClubKind::Community);
        let capacity = fields.take("capacity", kind.new_capacity(body.capacity)).flatten();
        let wish = (texts.visibility, texts.policy);
        let access = access(wish, (Visibility::Public, JoinPolicy::Open));
        let access = fields.take("join_policy", access);
        fields.check()?;
        let (Some(name), Some(access)) = (texts.name, access) else {
            return Err(ApiError::Internal);
        };
        let greeting = texts.greeting.unwrap_or_default();
        let description = texts.description.unwrap_or_default();
        let category = texts.category.unwrap_or(Category::Other);
        Ok(Self { name, greeting, description, kind, category, access, capacity })
    }
}

fn name_taken() -> ApiError {
    let refusal = Refusal::new(ErrorCode::Conflict, "a club has this name");
    refusal.because("name_taken").into()
}

/// Finds public clubs.
#[utoipa::path(get, path = "/v1/clubs", tag = "clubs", params(ClubsQuery, PageParams),
    responses((status = 200, body = Listing<ClubBody>)))]
pub(super) async fn find(
    caller: Caller,
    api: web::Data<Api>,
    query: web::Query<ClubsQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<ClubBody>>, ApiError> {
    let text = search(query.query.as_deref())?;
    let mut fields = Fields::default();
    let kind = fields.take_some("kind", word::<ClubKind>(query.kind.as_deref()));
    let category = fields.take_some("category", word::<Category>(query.category.as_deref()));
    let sort = match query.sort.as_deref().unwrap_or("new") {
        "new" => Ok((ClubSort::New, List::NewClubs)),
        "members" => Ok((ClubSort::Members, List::LargeClubs)),
        _other => Err(InvalidWord(&["new", "members"])),
    };
    let sort = fields.take("sort", sort);
    fields.check()?;
    let (sort, list) = sort.unwrap_or((ClubSort::New, List::NewClubs));
    let asked = ClubQuery {
        query: text.as_deref(),
        kind: kind.map(ClubKind::word),
        category: category.map(Category::word),
        sort,
        page: paging.page(list)?,
    };
    let clubs = api.store.clubs(asked, caller.user()).await?;
    let key_of = |club: &Club| match sort {
        ClubSort::New => (club.created_at.0, club.id.0),
        ClubSort::Members => (club.member_count, club.id.0),
    };
    Ok(web::Json(paging.cut(list, clubs, key_of)))
}

fn word<T: std::str::FromStr>(text: Option<&str>) -> Option<Result<T, T::Err>> {
    text.filter(|text| !text.is_empty()).map(str::parse)
}

/// The clubs that the caller is in.
#[utoipa::path(get, path = "/v1/me/clubs", tag = "clubs", params(PageParams),
    responses((status = 200, body = Listing<ClubBody>)))]
pub(super) async fn mine(
    caller: Caller,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<ClubBody>>, ApiError> {
    let clubs = api.store.my_clubs(caller.user()).await?;
    Ok(web::Json(paging.cut_whole(List::MyClubs, clubs, |club| club.id.0)?))
}

/// One club. A private one exists for its members only.
#[utoipa::path(get, path = "/v1/clubs/{id}", tag = "clubs", params(("id" = String, Path)),
    responses((status = 200, body = ClubBody)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
) -> Result<web::Json<ClubBody>, ApiError> {
    Ok(web::Json(visible(&api, club, caller).await?.into()))
}

/// A club that the caller may know of.
///
/// # Errors
/// 404 for all others.
pub(super) async fn visible(api: &Api, club: ClubId, caller: Caller) -> Result<Club, ApiError> {
    api.store.club(club, caller.user()).await?.ok_or_else(ApiError::not_found)
}

/// Checks that the viewer of a club is in it with this role or a higher one.
///
/// # Errors
/// 403 otherwise.
pub(super) fn require(club: &Club, least: ClubRole) -> Result<(), ApiError> {
    let role = club.my.filter(|my| my.status == MembershipStatus::Active).map(|my| my.role);
    match role {
        Some(role) if role >= least => Ok(()),
        Some(_lower) => {
            let msg = format!("this takes the role {least} or a higher one");
            Err(Refusal::new(ErrorCode::Forbidden, msg).because("role").into())
        }
        None => {
            let refusal = Refusal::new(ErrorCode::Forbidden, "this is for members of the club");
            Err(refusal.because("not_member").into())
        }
    }
}

/// The answer to who had a role when the call began, and did not when it was to be done.
pub(super) async fn no_longer(api: &Api, id: ClubId, caller: Caller, least: ClubRole) -> ApiError {
    let asked = visible(api, id, caller).await.and_then(|club| require(&club, least));
    let again = || Refusal::new(ErrorCode::Forbidden, "this takes another role").because("role");
    asked.err().unwrap_or_else(|| again().into())
}

/// Changes a club. For its owner.
#[utoipa::path(patch, path = "/v1/clubs/{id}", tag = "clubs", params(("id" = String, Path)),
    request_body = ClubPatchBody, responses((status = 200, body = ClubBody)))]
pub(super) async fn change(
    caller: Caller,
    api: web::Data<Api>,
    Id(id): Id<ClubId>,
    body: Body<ClubPatchBody>,
) -> Result<web::Json<ClubBody>, ApiError> {
    let club = visible(&api, id, caller).await?;
    require(&club, ClubRole::Owner)?;
    let (texts, access, capacity) = read_patch(&club, &body)?;
    let patch = ClubPatch {
        name: texts.name.as_ref(),
        greeting: texts.greeting.as_deref(),
        description: texts.description.as_deref(),
        category: texts.category.map(Category::word),
        visibility: Some(access.0.word()),
        join_policy: Some(access.1.word()),
        capacity,
        seen_by: body.seen_by,
    };
    let changed = api.store.update_club(id, &patch, (caller.user(), Millis::now())).await;
    match changed.on_constraint("name_key", name_taken)? {
        ClubChange::Done => Ok(web::Json(visible(&api, id, caller).await?.into())),
        ClubChange::Gone => Err(ApiError::not_found()),
        ClubChange::Denied => Err(no_longer(&api, id, caller, ClubRole::Owner).await),
        ClubChange::BelowMembers => {
            let msg = "the club has more members than that";
            Err(Refusal::new(ErrorCode::Conflict, msg).because("capacity_limit").into())
        }
    }
}

type Patched = (Texts, (Visibility, JoinPolicy), Option<Option<i64>>);

fn read_patch(club: &Club, body: &ClubPatchBody) -> Result<Patched, ApiError> {
    let mut fields = Fields::default();
    let raw = RawTexts {
        name: body.name.as_ref().map(Option::as_deref),
        greeting: body.greeting.as_ref().map(Option::as_deref),
        description: body.description.as_ref().map(Option::as_deref),
        category: body.category.as_ref().map(Option::as_deref),
        visibility: body.visibility.as_ref().map(Option::as_deref),
        policy: body.join_policy.as_ref().map(Option::as_deref),
    };
    let texts = Texts::read(raw, &mut fields);
    let corrupt = |why: InvalidWord| ApiError::internal(&why);
    let kind: ClubKind = club.kind.parse().map_err(corrupt)?;
    let now =
        (club.visibility.parse().map_err(corrupt)?, club.join_policy.parse().map_err(corrupt)?);
    let capacity = body.capacity.map(|wish| kind.changed_capacity(wish));
    let capacity = fields.take_some("capacity", capacity);
    let access = fields.take("join_policy", access((texts.visibility, texts.policy), now));
    fields.check()?;
    Ok((texts, access.unwrap_or(now), capacity))
}

/// Deletes a club with its rooms. For its owner. Its members hear of it in their inboxes.
#[utoipa::path(delete, path = "/v1/clubs/{id}", tag = "clubs", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    caller: Caller,
    api: web::Data<Api>,
    Id(id): Id<ClubId>,
) -> Result<HttpResponse, ApiError> {
    if let Some(club) = api.store.club(id, caller.user()).await? {
        require(&club, ClubRole::Owner)?;
        return match api.store.delete_club(id, (caller.user(), Millis::now())).await? {
            ClubDeleted::Done(rooms) => {
                api.rooms.deleted(rooms);
                Ok(HttpResponse::NoContent().finish())
            }
            ClubDeleted::Denied => Err(no_longer(&api, id, caller, ClubRole::Owner).await),
        };
    }
    // Whoever owned it is answered the same a second time; for others it never was.
    let was = api.store.membership(id, caller.user()).await?;
    match was.map(|membership| membership.role) {
        Some(ClubRole::Owner) => Ok(HttpResponse::NoContent().finish()),
        Some(ClubRole::Manager | ClubRole::Member) | None => Err(ApiError::not_found()),
    }
}
