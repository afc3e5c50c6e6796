//! The assistant: asking, drafts, runs, what was used.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::caller::{Caller, Person};
use super::error::ApiError;
use super::json::{Body, Fields, Id, given};
use super::moderation::permissions::{ranked, require};
use super::rooms::readable;
use super::run_body::{RunBody, UseBody};
use crate::actors::{NewText, no_bots, too_far};
use crate::domain::{
    Cid, Denied, HINT_CHARS, InstanceRole, InvalidText, MessageId, Millis, Permission, RoomId,
    RunId, Text, UserId, Waking, limits, optional_text,
};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Budget, RoomInfo, Spent};

/// What answers on this server.
#[derive(Serialize, ToSchema)]
pub(super) struct AssistantBody {
    /// Id of its account.
    #[schema(value_type = String, example = "u_ai")]
    user: UserId,
    /// Whether there is an assistant; if not, it is off in all rooms.
    enabled: bool,
    /// Whether a model is connected; without one it quotes what rooms said.
    connected: bool,
    /// Models that a club or a room may choose, in any place; `offline` is to be answered without one.
    models: Vec<String>,
}

/// A question.
#[derive(Deserialize, ToSchema)]
pub(super) struct QuestionBody {
    /// 1–4,000 characters; it becomes a message of the caller.
    #[serde(default)]
    #[schema(required = true, min_length = 1, max_length = 4000)]
    text: String,
    /// The caller's own id of this send: sent again, it is one message.
    #[schema(max_length = 64)]
    cid: Option<String>,
}

/// What became of a question.
#[derive(Serialize, ToSchema)]
pub(super) struct AskedBody {
    /// The run that answers it.
    #[schema(value_type = String, example = "run_5")]
    run: RunId,
    /// The message that it became.
    #[schema(value_type = Option<String>, example = "m_12_1043")]
    message: Option<MessageId>,
}

/// A draft to write.
#[derive(Deserialize, ToSchema)]
pub(super) struct HintBody {
    /// What it should say, at most 200 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 200)]
    hint: Option<Option<String>>,
}

/// A draft, for the caller alone.
#[derive(Serialize, ToSchema)]
pub(super) struct DraftBody {
    /// The text.
    text: String,
    /// The model that wrote it.
    model: String,
    /// What it used.
    #[serde(rename = "use")]
    usage: UseBody,
    /// What it has read.
    context: DraftContextBody,
}

/// What a draft has read.
#[derive(Serialize, ToSchema)]
pub(super) struct DraftContextBody {
    /// Seq of the first message.
    from: i64,
    /// Seq of the last.
    to: i64,
    /// How many.
    used: i64,
}

/// What was used today, and the limits; null is none.
#[derive(Serialize, ToSchema)]
pub(super) struct UsageBody {
    /// Tokens, those put aside for running answers among them.
    tokens: i64,
    /// Money, in millionths of a US dollar.
    micro_usd: i64,
    /// Answers.
    runs: i64,
    /// Most tokens in a day, which begins by the server's clock for people
    /// (`MOIM_AI_MINUTES_AHEAD`), and not at midnight UTC.
    tokens_limit: Option<i64>,
    /// Most money in a day.
    micro_usd_limit: Option<i64>,
}

impl UsageBody {
    pub(super) fn of(spent: Spent, budget: Budget) -> Self {
        let limit = |limit: i64| (limit > 0).then_some(limit);
        Self {
            tokens: spent.tokens,
            micro_usd: spent.micro_usd,
            runs: spent.runs,
            tokens_limit: limit(budget.tokens),
            micro_usd_limit: limit(budget.micro_usd),
        }
    }
}

/// What answers on this server.
#[utoipa::path(get, path = "/v1/ai", tag = "ai", responses((status = 200, body = AssistantBody)))]
pub(super) async fn about(_caller: Caller, api: web::Data<Api>) -> web::Json<AssistantBody> {
    let (user, models) = (crate::domain::ASSISTANT, api.settings.ai_models.clone());
    let assistant = &api.rooms.assistant;
    let (enabled, connected) = (assistant.is_on(), !assistant.is_offline());
    web::Json(AssistantBody { user, enabled, connected, models })
}

/// Asks the assistant in a room: the text becomes a message of the caller, the answer another one.
/// Where it is known that there will be none, for the queue or a budget, nothing is written.
#[utoipa::path(post, path = "/v1/rooms/{id}/ai", tag = "ai", params(("id" = String, Path)),
    request_body = QuestionBody, responses((status = 202, body = AskedBody)))]
pub(super) async fn ask(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<QuestionBody>,
) -> Result<HttpResponse, ApiError> {
    let (info, _rank) = ranked(&api, room, caller).await?;
    if info.waking == Waking::Off || !api.rooms.assistant.is_on() {
        return Err(off());
    }
    let is_bots = caller.claims.is_bots;
    if is_bots && !info.lets_bots_ask {
        return Err(no_bots().into());
    }
    let text = Text::parse(&body.text);
    if let Err(why @ InvalidText::TooLong(_)) = &text {
        return Err(ApiError::new(ErrorCode::TooLarge, &format!("the text {why}")));
    }
    let mut fields = Fields::default();
    let text = fields.take("text", text);
    let cid = fields.take_some("cid", body.cid.as_deref().map(Cid::parse));
    fields.check()?;
    let text = text.ok_or(ApiError::Internal)?;
    api.throttle.send(caller.user())?;
    let cid = cid.unwrap_or_else(|| api.rooms.own_cid());
    api.rooms.may_ask((room, caller.user()), (&cid, &text)).await?;
    let (reply_to, thread, files, is_asked) = (None, None, Vec::new(), true);
    let new = NewText { cid, text, reply_to, thread, files, is_asked, is_bots };
    let sent = api.rooms.send(room, caller.user(), new).await?;
    let run = api.store.run_of(room, sent.seq).await?;
    let Some(run) = run else {
        if is_bots && api.store.hop(room, sent.seq).await? > limits::HOPS {
            return Err(too_far().into());
        }
        // Another question was faster; the message stands.
        let msg = "the assistant is answering here already";
        let busy = Refusal::new(ErrorCode::AiBusy, msg);
        return Err(busy.retry_in(std::time::Duration::from_secs(5)).into());
    };
    Ok(HttpResponse::Accepted().json(AskedBody { run: run.id, message: Some(sent.id) }))
}

/// Writes the caller's next line in the caller's own voice. Nobody else hears of it. For who may
/// write in the room.
#[utoipa::path(post, path = "/v1/rooms/{id}/ai/draft", tag = "ai", params(("id" = String, Path)),
    request_body = HintBody, responses((status = 200, body = DraftBody)))]
pub(super) async fn draft(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<HintBody>,
) -> Result<web::Json<DraftBody>, ApiError> {
    let info = writable(&api, room, caller).await?;
    if info.waking == Waking::Off || !api.rooms.assistant.is_on() {
        return Err(off());
    }
    let mut fields = Fields::default();
    let hint = body.hint.clone().flatten().map(|hint| optional_text(&hint, HINT_CHARS));
    let hint = fields.take_some("hint", hint).filter(|hint| !hint.is_empty());
    fields.check()?;
    api.throttle.call(caller.user(), 1)?;
    let drafted = api.rooms.draft(room, caller.user(), hint).await?;
    let ((input, output), (from, to, used)) = (drafted.tokens, drafted.context);
    let guessed = drafted.is_guessed.then_some(true);
    Ok(web::Json(DraftBody {
        text: drafted.text,
        model: drafted.model,
        usage: UseBody { input, output, micro_usd: drafted.micro_usd, guessed },
        context: DraftContextBody { from, to, used },
    }))
}

/// A room that the caller may write in now: who may not has nothing said there by others either.
async fn writable(api: &Api, room: RoomId, caller: Caller) -> Result<RoomInfo, ApiError> {
    let (info, rank) = ranked(api, room, caller).await?;
    require(&info, rank, Permission::Send)?;
    if let Some(mute) = api.store.own_mute(room, caller.user(), Millis::now()).await? {
        return Err(Refusal::from(Denied::Muted(mute.until)).into());
    }
    if info.is_shut {
        return Err(Refusal::from(Denied::Blocked).into());
    }
    Ok(info)
}

fn off() -> ApiError {
    Refusal::new(ErrorCode::Forbidden, "the assistant is off in this room").because("ai_off").into()
}

/// A run, for who may read its question.
#[utoipa::path(get, path = "/v1/ai/runs/{id}", tag = "ai", params(("id" = String, Path)),
    responses((status = 200, body = RunBody)))]
pub(super) async fn show(
    caller: Caller,
    api: web::Data<Api>,
    Id(run): Id<RunId>,
) -> Result<web::Json<RunBody>, ApiError> {
    let run = api.rooms.run_for(run, caller.user()).await?;
    let users = api.store.users(&[caller.user()]).await?;
    let is_admin = users.first().is_some_and(|user| user.role == InstanceRole::Admin);
    let cost = api.store.run_cost(&run).await?;
    let place = api.rooms.assistant.place(run.id);
    Ok(web::Json(RunBody::of(run, place, cost, is_admin)))
}

/// Ends a running answer; what was said stays. Or takes a waiting question back. For who asked, and
/// moderators.
#[utoipa::path(post, path = "/v1/ai/runs/{id}/stop", tag = "ai", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn stop(
    caller: Caller,
    api: web::Data<Api>,
    Id(run): Id<RunId>,
) -> Result<HttpResponse, ApiError> {
    api.rooms.stop_run(run, caller.user()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Asks the question of a run again, with the same messages to read. For who asked, and moderators,
/// if they may write in the room.
#[utoipa::path(post, path = "/v1/ai/runs/{id}/retry", tag = "ai", params(("id" = String, Path)),
    responses((status = 202, body = AskedBody)))]
pub(super) async fn retry(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(run): Id<RunId>,
) -> Result<HttpResponse, ApiError> {
    again(&api, caller, run, false).await
}

/// Has an answer go on that broke off. For who asked, and moderators, if they may write in the room.
#[utoipa::path(post, path = "/v1/ai/runs/{id}/continue", tag = "ai",
    params(("id" = String, Path)), responses((status = 202, body = AskedBody)))]
pub(super) async fn go_on(
    Person(caller): Person,
    api: web::Data<Api>,
    Id(run): Id<RunId>,
) -> Result<HttpResponse, ApiError> {
    again(&api, caller, run, true).await
}

async fn again(
    api: &Api,
    caller: Caller,
    run: RunId,
    goes_on: bool,
) -> Result<HttpResponse, ApiError> {
    api.throttle.send(caller.user())?;
    let known = api.rooms.run_for(run, caller.user()).await?;
    writable(api, known.room, caller).await?;
    let run = api.rooms.ask_again(run, caller.user(), goes_on).await?;
    Ok(HttpResponse::Accepted().json(AskedBody { run, message: None }))
}

/// What the caller has used today.
#[utoipa::path(get, path = "/v1/me/ai/usage", tag = "ai",
    responses((status = 200, body = UsageBody)))]
pub(super) async fn mine(
    caller: Caller,
    api: web::Data<Api>,
) -> Result<web::Json<UsageBody>, ApiError> {
    let [own, ..] = api.store.ai_spent((caller.user(), None), api.rooms.assistant.today()).await?;
    Ok(web::Json(UsageBody::of(own, api.rooms.assistant.budgets().user)))
}

/// What a room has used today. For its moderators.
#[utoipa::path(get, path = "/v1/rooms/{id}/ai/usage", tag = "ai", params(("id" = String, Path)),
    responses((status = 200, body = UsageBody)))]
pub(super) async fn of_room(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
) -> Result<web::Json<UsageBody>, ApiError> {
    readable(&api, room, caller).await?;
    let (info, rank) = ranked(&api, room, caller).await?;
    require(&info, rank, Permission::Configure)?;
    let today = api.rooms.assistant.today();
    let [_own, spent, _all] = api.store.ai_spent((caller.user(), Some(room)), today).await?;
    Ok(web::Json(UsageBody::of(spent, api.rooms.assistant.budgets().room)))
}
