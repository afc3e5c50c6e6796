//! The caller's own account: profile, password, devices.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::auth::{check_password, end};
use super::caller::{Caller, ClientAddress, Person};
use super::error::ApiError;
use super::json::{Body, Fields, Id, given};
use super::locale::Locale;
use super::page::{List, Listing, PageParams, Paging};
use super::users::UserBody;
use crate::domain::{DeviceId, DisplayName, InstanceRole, Millis, Password, limits, optional_text};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Device, User};

/// A new name counts for at most so many of the people whom one may bring somewhere in a minute.
const RENAMED: usize = 100;

/// The caller, with what only they may see.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// What others see.
    user: UserBody,
    /// `human`, `bot`, `guest` or `assistant`.
    kind: String,
    /// Role on the instance.
    #[schema(value_type = String, example = "user")]
    role: InstanceRole,
    /// `ko` or `en`.
    locale: String,
    /// When the account was made (UTC ms).
    #[schema(value_type = i64)]
    created_at: Millis,
    /// Inbox entries that were not read.
    unread_inbox: i64,
}

/// A change to the caller's account: what is absent stays, null clears.
#[derive(Deserialize, ToSchema)]
pub(super) struct MePatchBody {
    /// How the caller is called, 1–64 characters; null is the username.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    display_name: Option<Option<String>>,
    /// In which language the server writes to the caller.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::words::locale, required = false)]
    locale: Option<Option<String>>,
    /// What the caller says of themselves, at most 60 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 60)]
    status_text: Option<Option<String>>,
}

/// Body of a change of password.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewPassword {
    /// The password until now.
    #[serde(default)]
    #[schema(required = true)]
    old: String,
    /// 8–128 characters, not the username.
    #[serde(default)]
    #[schema(required = true, min_length = 8, max_length = 128)]
    new: String,
}

/// One sign-in.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceBody {
    /// Id.
    #[schema(value_type = String, example = "d_3")]
    id: DeviceId,
    /// What the client called itself.
    name: String,
    /// From where, shortened.
    ip: String,
    /// When it signed in (UTC ms).
    #[schema(value_type = i64)]
    created_at: Millis,
    /// When its tokens were last renewed (UTC ms).
    #[schema(value_type = i64)]
    seen_at: Millis,
    /// Whether it is the one that asks.
    current: bool,
}

impl From<(Device, bool)> for DeviceBody {
    fn from((device, current): (Device, bool)) -> Self {
        let Device { id, name, ip, created_at, seen_at, .. } = device;
        Self { id, name, ip, created_at, seen_at, current }
    }
}

/// The account behind a token.
pub(super) async fn account(api: &Api, caller: Caller) -> Result<User, ApiError> {
    let user = api.store.users(&[caller.user()]).await?.into_iter().next();
    user.ok_or_else(|| ApiError::new(ErrorCode::Unauthorized, "this account is gone"))
}

/// The caller's own account.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = 200, body = Me)))]
pub(super) async fn show(caller: Caller, api: web::Data<Api>) -> Result<web::Json<Me>, ApiError> {
    Ok(web::Json(shown(&api, caller).await?))
}

async fn shown(api: &Api, caller: Caller) -> Result<Me, ApiError> {
    let user = account(api, caller).await?;
    let unread_inbox = api.store.inbox_head(user.id).await?.unread;
    let (kind, role, locale) = (user.kind.clone(), user.role, user.locale.clone());
    let created_at = user.created_at;
    Ok(Me { user: user.into(), kind, role, locale, created_at, unread_inbox })
}

/// Changes the caller's own account.
#[utoipa::path(patch, path = "/v1/me", tag = "me", request_body = MePatchBody,
    responses((status = 200, body = Me)))]
pub(super) async fn change(
    caller: Caller,
    api: web::Data<Api>,
    body: Body<MePatchBody>,
) -> Result<web::Json<Me>, ApiError> {
    let user = account(&api, caller).await?;
    let mut fields = Fields::default();
    let name = body.display_name.as_ref();
    let name = name.map(|name| DisplayName::parse(name.as_deref().unwrap_or(&user.username)));
    let name = fields.take_some("display_name", name);
    let locale = body.locale.as_ref();
    let locale = locale.map(|word| word.as_deref().unwrap_or_default().parse::<Locale>());
    let locale = fields.take_some("locale", locale);
    let text = body.status_text.as_ref().map(|text| text.as_deref().unwrap_or_default());
    let text = text.map(|text| optional_text(text, limits::STATUS_CHARS));
    let text = fields.take_some("status_text", text);
    fields.check()?;
    let name = name.filter(|name| name.as_str() != user.display_name);
    if name.is_some() || locale.is_some() || text.is_some() {
        // Everybody with whom one has a private room hears of the name.
        let pairs = match &name {
            Some(_name) => api.store.haunts(caller.user()).await?.pairs,
            None => Vec::new(),
        };
        api.throttle.call(caller.user(), pairs.len().clamp(1, RENAMED))?;
        let (user, locale) = (caller.user(), locale.map(Locale::word));
        api.store.set_profile(user, name.as_ref(), locale, text.as_deref()).await?;
        if let Some(name) = name {
            api.rooms.renamed(&pairs, name.as_str()).await;
        }
        if let Some(text) = text {
            api.rooms.says_text(user, &text);
        }
    }
    Ok(web::Json(shown(&api, caller).await?))
}

/// Changes the password. All other devices are signed out.
#[utoipa::path(put, path = "/v1/me/password", tag = "me", request_body = NewPassword,
    responses((status = 204)))]
pub(super) async fn set_password(
    Person(caller): Person,
    from: ClientAddress,
    api: web::Data<Api>,
    body: Body<NewPassword>,
) -> Result<HttpResponse, ApiError> {
    let NewPassword { old, new } = body.into_inner();
    let user = account(&api, caller).await?;
    let new = Password::parse(&new, &user.username).map_err(|why| ApiError::field("new", why))?;
    let name = user.username.to_lowercase();
    if check_password(&api, from.0, &name, old).await?.is_none() {
        let refusal = Refusal::new(ErrorCode::Forbidden, "the old password is wrong");
        return Err(refusal.because("wrong_password").into());
    }
    let hash = api.passwords.hash(new).await?;
    api.store.set_password(user.id, &hash).await?;
    end_others(&api, caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The devices that are signed in.
#[utoipa::path(get, path = "/v1/me/devices", tag = "me", params(PageParams),
    responses((status = 200, body = Listing<DeviceBody>)))]
pub(super) async fn devices(
    Person(caller): Person,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<DeviceBody>>, ApiError> {
    let devices = api.store.devices(caller.user(), Millis::now()).await?;
    let rows: Vec<_> = devices
        .into_iter()
        .map(|device| {
            let is_current = device.id == caller.device();
            (device, is_current)
        })
        .collect();
    Ok(web::Json(paging.cut_whole(List::Devices, rows, |(device, _)| device.id.0)?))
}

/// Signs a device out. One that is not there any more is no error.
#[utoipa::path(delete, path = "/v1/me/devices/{id}", tag = "me", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn end_device(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(device): Id<DeviceId>,
) -> Result<HttpResponse, ApiError> {
    let now = Millis::now();
    let is_mine = api.store.devices(caller.user(), now).await?.iter().any(|mine| mine.id == device);
    if is_mine {
        api.store.revoke_family(device, now).await?;
        end(&api, caller.user(), vec![device]).await;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Signs all other devices out.
#[utoipa::path(delete, path = "/v1/me/devices", tag = "me", responses((status = 204)))]
pub(super) async fn end_devices(
    Person(caller): Person,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    end_others(&api, caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn end_others(api: &Api, caller: Caller) -> Result<(), ApiError> {
    let kept = Some(caller.device());
    let ended = api.store.revoke_families(caller.user(), kept, Millis::now()).await?;
    end(api, caller.user(), ended).await;
    Ok(())
}
