//! Accounts come in: register, sign in, renew, sign out, tickets.

use std::net::IpAddr;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::api::Api;
use super::caller::{Caller, ClientAddress, Person};
use super::error::{ApiError, OnConstraint};
use super::json::{Body, Fields};
use super::locale::Locale;
use super::secret::{self, Fresh};
use super::users::UserBody;
use crate::actors::Claims;
use crate::domain::{
    DeviceId, DisplayName, InvalidName, Millis, Password, UserId, Username, limits,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{FirstUser, NewFamily, NewUser, Rotation, User};

/// Characters of the name of a device. Browsers say last which they are.
const DEVICE_NAME_CHARS: usize = 240;

/// Body of a registration.
#[derive(Deserialize, ToSchema)]
pub(super) struct Registration {
    /// 2–64 of `A-Za-z0-9._-` and Hangul syllables.
    #[serde(default)]
    #[schema(
        required = true,
        min_length = 2,
        max_length = 64,
        pattern = r"^[A-Za-z0-9._\-가-힣]+$"
    )]
    username: String,
    /// 8–128 characters, not the username.
    #[serde(default)]
    #[schema(required = true, min_length = 8, max_length = 128)]
    password: String,
    /// 1–64 characters; the username if absent.
    #[schema(max_length = 64)]
    display_name: Option<String>,
}

/// Body of a sign-in.
#[derive(Deserialize, ToSchema)]
pub(super) struct Credentials {
    /// The username, in whatever case.
    #[serde(default)]
    #[schema(required = true)]
    username: String,
    /// The password.
    #[serde(default)]
    #[schema(required = true)]
    password: String,
}

/// Body of a renewal.
#[derive(Deserialize, ToSchema)]
pub(super) struct Renewal {
    /// The last refresh token; it works once.
    #[serde(default)]
    #[schema(required = true)]
    refresh_token: String,
}

/// What a sign-in gives.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedIn {
    /// Who signed in.
    user: UserBody,
    /// For `Authorization: Bearer`.
    access_token: String,
    /// For the next renewal, once.
    refresh_token: String,
    /// Seconds until the access token runs out.
    expires_in: u64,
}

/// What a ticket request gives.
#[derive(Serialize, ToSchema)]
pub(super) struct TicketBody {
    /// Signs in once, in a URL that cannot carry a header.
    ticket: String,
    /// Seconds until it runs out.
    expires_in: u64,
}

/// Which name to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NameQuery {
    /// The name that one would like.
    #[serde(default)]
    #[param(required = true)]
    username: String,
}

/// Whether a name can be had.
#[derive(Serialize, ToSchema)]
pub(super) struct Availability {
    /// Whether nobody has it and it is a name at all.
    available: bool,
}

/// Makes an account and signs it in.
#[utoipa::path(post, path = "/v1/auth/register", tag = "auth", security(()),
    request_body = Registration, responses((status = 201, body = SignedIn)))]
pub(super) async fn register(
    request: HttpRequest,
    from: ClientAddress,
    api: web::Data<Api>,
    body: Body<Registration>,
) -> Result<HttpResponse, ApiError> {
    api.throttle.register(from.0)?;
    let (username, display_name, password) = parse(&body)?;
    if api.store.credentials(&username.key()).await?.is_some() {
        return Err(taken());
    }
    let password_hash = api.passwords.hash(password).await?;
    let new = NewUser {
        username: &username,
        display_name: &display_name,
        password_hash: &password_hash,
        locale: Locale::of(&request, api.settings.default_locale).word(),
        at: Millis::now(),
    };
    let first = if api.settings.first_user_is_admin { FirstUser::Admin } else { FirstUser::User };
    let made = api.store.create_user(&new, first).await;
    let user = made.on_constraint("username_key", taken)?;
    let rooms = api.store.rooms_of(&[user.id]).await?;
    let rooms: Vec<_> = rooms.iter().map(|(_user, view)| view.room).collect();
    api.rooms.registered(user.id, &rooms);
    Ok(HttpResponse::Created().json(open(&api, user, &request, from).await?))
}

fn parse(body: &Registration) -> Result<(Username, DisplayName, Password), ApiError> {
    let mut fields = Fields::default();
    let username = fields.take("username", Username::parse(&body.username));
    let password = fields.take("password", Password::parse(&body.password, body.username.trim()));
    let shown = body.display_name.as_deref().filter(|name| !name.trim().is_empty());
    let shown = shown.or(username.as_ref().map(Username::as_str));
    let shown = fields.take_some("display_name", shown.map(DisplayName::parse));
    match (username, shown, password) {
        (Some(username), Some(shown), Some(password)) => Ok((username, shown, password)),
        _missing => Err(fields.refuse()),
    }
}

fn taken() -> ApiError {
    ApiError::new(ErrorCode::UsernameTaken, "this name is taken")
}

/// Signs in with name and password.
#[utoipa::path(post, path = "/v1/auth/login", tag = "auth", security(()),
    request_body = Credentials, responses((status = 200, body = SignedIn)))]
pub(super) async fn login(
    request: HttpRequest,
    from: ClientAddress,
    api: web::Data<Api>,
    body: Body<Credentials>,
) -> Result<HttpResponse, ApiError> {
    let Credentials { username, password } = body.into_inner();
    let known = Username::parse(&username);
    let name = known.as_ref().map(Username::key).unwrap_or_default();
    let user = check_password(&api, from.0, &name, password).await?;
    let user = user.ok_or_else(|| {
        ApiError::new(ErrorCode::BadCredentials, "the name or the password is wrong")
    })?;
    Ok(HttpResponse::Ok().json(open(&api, user, &request, from).await?))
}

/// The account of this lower-case name, if this is its password. Takes as long for an unknown
/// name; only failures count against the limit.
///
/// # Errors
/// `rate_limited` after too many failures, `overloaded`, `unavailable`.
pub(super) async fn check_password(
    api: &Api,
    from: IpAddr,
    name: &str,
    password: String,
) -> Result<Option<User>, ApiError> {
    api.throttle.sign_in(from, name)?;
    let checked = verify(api, name, password).await;
    if !matches!(checked, Ok(None)) {
        api.throttle.signed_in(from, name);
    }
    checked
}

async fn verify(api: &Api, name: &str, password: String) -> Result<Option<User>, ApiError> {
    let (user, hash) = api.store.credentials(name).await?.unzip();
    // An account that was made for somebody who never registered has no password yet.
    let is_bots = user.as_ref().is_some_and(|user| user.kind == "bot");
    let hash = hash.filter(|hash| !hash.is_empty() && !is_bots);
    let is_right = api.passwords.verify(password, hash).await?;
    Ok(user.filter(|_user| is_right))
}

/// Renews a sign-in. The refresh token is used up; shown again, it ends the sign-in.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth", security(()),
    request_body = Renewal, responses((status = 200, body = SignedIn)))]
pub(super) async fn refresh(
    _from: ClientAddress,
    api: web::Data<Api>,
    body: Body<Renewal>,
) -> Result<HttpResponse, ApiError> {
    let (now, fresh) = (Millis::now(), Fresh::make()?);
    let shown = secret::hash(&body.refresh_token);
    let until = now.plus(api.settings.refresh_life);
    match api.store.rotate(&shown, &fresh.hash, now, until).await? {
        Rotation::Rotated { user, device } => {
            let user = api.store.users(&[user]).await?.into_iter().next();
            let user = user.ok_or_else(unknown_token)?;
            Ok(HttpResponse::Ok().json(signed_in(&api, user, device, fresh.text)?))
        }
        Rotation::Reused { user, device } => {
            tracing::warn!(user.id = %user, device.id = %device, "a refresh token came twice");
            end(&api, user, vec![device]).await;
            Err(ApiError::new(ErrorCode::TokenReused, "this token was used before; sign in again"))
        }
        Rotation::Unknown => Err(unknown_token()),
    }
}

fn unknown_token() -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, "this refresh token does not hold; sign in again")
}

/// Signs out: the tokens of this sign-in are dead, its sockets and streams close.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth", responses((status = 204)))]
pub(super) async fn logout(
    Person(caller): Person,
    api: web::Data<Api>,
) -> Result<HttpResponse, ApiError> {
    api.store.revoke_family(caller.device(), Millis::now()).await?;
    end(&api, caller.user(), vec![caller.device()]).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Kills what is live of sign-ins that the store has ended.
pub(super) async fn end(api: &Api, user: UserId, devices: Vec<DeviceId>) {
    if devices.is_empty() {
        return;
    }
    api.tokens.revoke(&devices);
    api.rooms.revoke(user, devices).await;
}

/// Gives a ticket: one sign-in by URL within 30 seconds.
#[utoipa::path(post, path = "/v1/auth/ticket", tag = "auth",
    responses((status = 200, body = TicketBody)))]
pub(super) async fn ticket(caller: Caller, api: web::Data<Api>) -> Result<HttpResponse, ApiError> {
    let fresh = Fresh::make()?;
    let until = Millis::now().plus(limits::TICKET_LIFE);
    api.store.put_ticket(&fresh.hash, caller.user(), caller.device(), until).await?;
    let expires_in = limits::TICKET_LIFE.as_secs();
    Ok(HttpResponse::Ok().json(TicketBody { ticket: fresh.text, expires_in }))
}

/// Uses a ticket up and tells whose it was.
///
/// # Errors
/// `unauthorized` for one that is unknown, used, too old, or of a sign-in that has ended;
/// `unavailable`.
pub(super) async fn redeem_ticket(api: &Api, ticket: &str) -> Result<Claims, Refusal> {
    let now = Millis::now();
    match api.store.take_ticket(&secret::hash(ticket), now).await {
        Ok(Some((user, device, is_bots))) => {
            Ok(Claims { is_bots, ..api.tokens.claims(user, device, now) })
        }
        Ok(None) => Err(Refusal::new(ErrorCode::Unauthorized, "this ticket does not hold")),
        Err(why) => match ApiError::from(why) {
            ApiError::Refused(refusal) => Err(refusal),
            _defect => Err(Refusal::new(ErrorCode::Internal, "the server made a mistake")),
        },
    }
}

/// Tells whether a username can be had.
#[utoipa::path(get, path = "/v1/auth/available", tag = "auth", security(()),
    params(NameQuery), responses((status = 200, body = Availability)))]
pub(super) async fn available(
    _from: ClientAddress,
    api: web::Data<Api>,
    query: web::Query<NameQuery>,
) -> Result<web::Json<Availability>, ApiError> {
    let available = match Username::parse(&query.username) {
        Ok(name) => !api.store.name_is_held(&name.key()).await?,
        Err(InvalidName::Reserved) => false,
        Err(why) => return Err(ApiError::field("username", why)),
    };
    Ok(web::Json(Availability { available }))
}

/// Opens a sign-in of a user whose right to it was checked.
async fn open(
    api: &Api,
    user: User,
    request: &HttpRequest,
    from: ClientAddress,
) -> Result<SignedIn, ApiError> {
    let (now, fresh) = (Millis::now(), Fresh::make()?);
    let family = NewFamily {
        token_hash: &fresh.hash,
        name: &device_name(request),
        ip: &from.shortened(),
        at: now,
        expires_at: now.plus(api.settings.refresh_life),
    };
    let device = api.store.open_family(user.id, family).await?;
    signed_in(api, user, device, fresh.text)
}

fn signed_in(
    api: &Api,
    user: User,
    device: DeviceId,
    refresh_token: String,
) -> Result<SignedIn, ApiError> {
    let access_token = api.tokens.issue(&user, device, Millis::now())?;
    let expires_in = api.tokens.life().as_secs();
    Ok(SignedIn { user: user.into(), access_token, refresh_token, expires_in })
}

/// What the client calls itself.
fn device_name(request: &HttpRequest) -> String {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default().trim();
    if agent.is_empty() {
        return "unknown".to_owned();
    }
    agent.chars().take(DEVICE_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(username: &str, password: &str, display_name: Option<&str>) -> Registration {
        let display_name = display_name.map(str::to_owned);
        Registration { username: username.to_owned(), password: password.to_owned(), display_name }
    }

    #[test]
    fn the_display_name_is_the_username_unless_said() {
        let shown = |name| parse(&registration("Mina", "correct horse", name)).unwrap().1;
        assert_eq!(shown(None).as_str(), "Mina");
        assert_eq!(shown(Some("  ")).as_str(), "Mina");
        assert_eq!(shown(Some("미나")).as_str(), "미나");
    }

    #[test]
    fn every_field_of_a_registration_is_checked() {
        let long = "x".repeat(65);
        let refused = parse(&registration("a b", "short", Some(&long)));
        let Err(ApiError::Fields(errors)) = refused else { panic!("taken") };
        let names: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(names, ["username", "password", "display_name"]);
        assert!(parse(&registration("minamina", "MinaMina", None)).is_err());
        assert!(parse(&registration("ALL", "correct horse", None)).is_err());
    }
}
