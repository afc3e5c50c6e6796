//! The caller's bots: accounts that programs speak with.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::auth::end;
use super::bot_token;
use super::caller::{ClientAddress, Person};
use super::erasures::shut;
use super::error::{ApiError, OnConstraint};
use super::json::{Body, Fields, Id};
use super::page::{List, Listing, PageParams, Paging};
use crate::domain::{DisplayName, Millis, UserId, Username};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Bot, BotMade, NewBot, User};

/// A bot to make.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewBotBody {
    /// 2–64 of `A-Za-z0-9._-` and Hangul syllables; nobody else's.
    #[serde(default)]
    #[schema(
        required = true,
        min_length = 2,
        max_length = 64,
        pattern = r"^[A-Za-z0-9._\-가-힣]+$"
    )]
    username: String,
    /// 1–64 characters; the username if absent.
    #[schema(max_length = 64)]
    display_name: Option<String>,
}

/// A bot of the caller.
#[derive(Serialize, ToSchema)]
pub(super) struct BotBody {
    /// Id.
    #[schema(value_type = String, example = "u_8")]
    id: UserId,
    /// Unique name.
    username: String,
    /// Shown name.
    display_name: String,
    /// `bot`.
    kind: String,
    /// When it was made (UTC ms).
    #[schema(value_type = i64)]
    created_at: Millis,
    /// When it was here, within half an hour (UTC ms); null before the first time.
    #[schema(value_type = Option<i64>)]
    seen_at: Option<Millis>,
    /// Whether it is online.
    online: bool,
}

/// A bot that was just made, with its token.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeBotBody {
    #[serde(flatten)]
    bot: BotBody,
    /// Its token, shown this once; holds wherever an access token does, until it is renewed.
    token: String,
}

/// A fresh token.
#[derive(Serialize, ToSchema)]
pub(super) struct BotTokenBody {
    /// The bot's token, shown this once. The one before is dead.
    token: String,
}

impl BotBody {
    fn of(api: &Api, user: User, seen_at: Option<Millis>) -> Self {
        let online = api.rooms.is_online(user.id);
        let User { id, username, display_name, kind, created_at, .. } = user;
        Self { id, username, display_name, kind, created_at, seen_at, online }
    }
}

/// Makes a bot of the caller, of whom there may be 20. It may only be where the caller is, and do what
/// members do there.
#[utoipa::path(post, path = "/v1/bots", tag = "bots", request_body = NewBotBody,
    responses((status = 201, body = MadeBotBody)))]
pub(super) async fn make(
    Person(caller): Person,
    from: ClientAddress,
    api: web::Data<Api>,
    body: Body<NewBotBody>,
) -> Result<HttpResponse, ApiError> {
    api.throttle.register(from.0)?;
    let (username, display_name) = parse(&body)?;
    let token = bot_token::fresh()?;
    let new = NewBot {
        maker: caller.user(),
        username: &username,
        display_name: &display_name,
        token_hash: &token.hash,
        at: Millis::now(),
    };
    let made = api.store.make_bot(&new).await;
    let user = match made.on_constraint("username_key", taken)? {
        BotMade::Done(user) => user,
        BotMade::TooMany => return Err(too_many()),
        BotMade::Gone => {
            return Err(ApiError::new(ErrorCode::Unauthorized, "this account is gone"));
        }
    };
    let rooms = api.store.rooms_of(&[user.id]).await?;
    let rooms: Vec<_> = rooms.iter().map(|(_user, view)| view.room).collect();
    api.rooms.registered(user.id, &rooms);
    let bot = BotBody::of(&api, user, None);
    Ok(HttpResponse::Created().json(MadeBotBody { bot, token: token.text }))
}

fn parse(body: &NewBotBody) -> Result<(Username, DisplayName), ApiError> {
    let mut fields = Fields::default();
    let username = fields.take("username", Username::parse(&body.username));
    let shown = body.display_name.as_deref().filter(|name| !name.trim().is_empty());
    let shown = shown.or(username.as_ref().map(Username::as_str));
    let shown = fields.take_some("display_name", shown.map(DisplayName::parse));
    username.zip(shown).ok_or_else(|| fields.refuse())
}

fn taken() -> ApiError {
    Refusal::new(ErrorCode::Conflict, "this name is taken").because("name_taken").into()
}

fn too_many() -> ApiError {
    Refusal::new(ErrorCode::Conflict, "a user has at most 20 bots").because("bot_limit").into()
}

/// The caller's bots, newest first, without their tokens.
#[utoipa::path(get, path = "/v1/bots", tag = "bots", params(PageParams),
    responses((status = 200, body = Listing<BotBody>)))]
pub(super) async fn list(
    Person(caller): Person,
    api: web::Data<Api>,
    paging: Paging,
) -> Result<web::Json<Listing<BotBody>>, ApiError> {
    let bots = api.store.bots(caller.user()).await?;
    let rows: Vec<BotBody> =
        bots.into_iter().map(|Bot { user, seen_at }| BotBody::of(&api, user, seen_at)).collect();
    Ok(web::Json(paging.cut_whole(List::Bots, rows, |bot: &BotBody| bot.id.0)?))
}

/// Gives a bot of the caller another token. The one before is dead, and what was open with it ends.
#[utoipa::path(post, path = "/v1/bots/{id}/token", tag = "bots", params(("id" = String, Path)),
    responses((status = 200, body = BotTokenBody)))]
pub(super) async fn renew(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(bot): Id<UserId>,
) -> Result<web::Json<BotTokenBody>, ApiError> {
    let token = bot_token::fresh()?;
    let ended = api.store.renew_bot((caller.user(), bot), &token.hash, Millis::now()).await?;
    end(&api, bot, ended.ok_or_else(ApiError::not_found)?).await;
    Ok(web::Json(BotTokenBody { token: token.text }))
}

/// Deletes a bot of the caller, as accounts are erased: its messages keep their places.
#[utoipa::path(delete, path = "/v1/bots/{id}", tag = "bots", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(bot): Id<UserId>,
) -> Result<HttpResponse, ApiError> {
    if !api.store.is_maker(caller.user(), bot).await? {
        return Err(ApiError::not_found());
    }
    shut(&api, bot, bot, "").await
}
