//! Messages that moderators are to look at.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::members::{ban_of, mute_of};
use super::{Two, moderates, not_any_more, reason};
use crate::domain::{
    ClubId, FilterId, InvalidWord, MessageId, Millis, NOTE_CHARS, ReportId, ReportReason,
    ReportStatus, RoomId, Settlement, UserId, optional_text,
};
use crate::http::api::Api;
use crate::http::caller::Caller;
use crate::http::erasures::admin;
use crate::http::error::ApiError;
use crate::http::json::{Body, Fields, Id};
use crate::http::page::{List, Listing, PageParams, Paging};
use crate::http::rooms::readable;
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Deed, Measure, Moderation, NewReport, Report, Reported, Settling, Within};

/// What people may say of why; rules of clubs have a word of their own.
pub(in crate::http) const REASONS: &[&str] =
    &["spam", "harassment", "hate", "sexual", "violence", "privacy", "other"];

/// Why a message is reported.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct NewReportBody {
    /// One word.
    #[serde(default)]
    #[schema(schema_with = crate::http::words::report_reason, required = true)]
    reason: String,
    /// In one's own words.
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// A report that stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ReportedBody {
    /// Id.
    #[schema(value_type = String, example = "rp_5")]
    id: ReportId,
    /// Whether the caller had reported this message before.
    dup: bool,
}

/// A report as moderators see it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ReportBody {
    /// Id.
    #[schema(value_type = String, example = "rp_5")]
    id: ReportId,
    /// `open` or `decided`.
    #[schema(value_type = String, example = "open")]
    status: ReportStatus,
    /// Where the message stands.
    #[schema(value_type = String, example = "r_12")]
    room: RoomId,
    /// Which message.
    #[schema(value_type = String, example = "m_12_1043")]
    message: MessageId,
    /// Who wrote it.
    #[schema(value_type = String, example = "u_3")]
    author: UserId,
    /// Who reported it; null is a rule of the club.
    #[schema(value_type = Option<String>, example = "u_7")]
    by: Option<UserId>,
    /// Which rule.
    #[schema(value_type = Option<String>, example = "fl_2")]
    filter: Option<FilterId>,
    /// One word.
    #[schema(value_type = String, example = "spam")]
    reason: ReportReason,
    /// In the words of who reported; may be empty.
    note: String,
    /// The message as it stood then; null once decided.
    text: Option<String>,
    /// When (UTC ms).
    #[schema(value_type = i64)]
    at: Millis,
    /// How it ended.
    #[schema(value_type = Option<String>, example = "mute")]
    settlement: Option<Settlement>,
    /// When (UTC ms).
    #[schema(value_type = Option<i64>)]
    decided_at: Option<Millis>,
    /// Who decided.
    #[schema(value_type = Option<String>, example = "u_1")]
    decided_by: Option<UserId>,
}

impl From<Report> for ReportBody {
    fn from(report: Report) -> Self {
        let status = match report.decided {
            Some(_) => ReportStatus::Decided,
            None => ReportStatus::Open,
        };
        Self {
            id: report.id,
            status,
            room: report.room,
            message: MessageId { room: report.room, seq: report.message_seq },
            author: report.author,
            by: report.by,
            filter: report.filter,
            reason: report.reason,
            note: report.note,
            text: report.text,
            at: report.at,
            settlement: report.decided.map(|(how, ..)| how),
            decided_at: report.decided.map(|(_, at, _)| at),
            decided_by: report.decided.map(|(.., by)| by),
        }
    }
}

/// Which reports.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct ReportsQuery {
    /// `open` (default) or `decided`.
    #[param(schema_with = crate::http::words::report_status)]
    status: Option<String>,
}

/// How a report ends.
#[derive(Deserialize, ToSchema)]
pub(in crate::http) struct DecisionBody {
    /// What is done.
    #[serde(default)]
    #[schema(schema_with = crate::http::words::settlement, required = true)]
    action: String,
    /// For how long, of a mute or a ban; a ban without is for ever.
    seconds: Option<i64>,
    /// Kept in the audit log; told to who is put out.
    #[schema(max_length = 255)]
    reason: Option<String>,
}

/// Reports a message to the moderators of its club, or where there is none to the admins of the
/// instance, who are shown this message and no other. Once: a second report changes nothing.
#[utoipa::path(post, path = "/v1/rooms/{id}/messages/{message}/report", tag = "reports",
    params(("id" = String, Path), ("message" = String, Path)), request_body = NewReportBody,
    responses((status = 201, body = ReportedBody),
        (status = 200, body = ReportedBody, description = "the caller had reported it before")))]
pub(in crate::http) async fn report(
    caller: Caller,
    api: web::Data<Api>,
    Two(room, message): Two<RoomId, MessageId>,
    body: Body<NewReportBody>,
) -> Result<HttpResponse, ApiError> {
    let reach = readable(&api, room, caller).await?;
    if message.room != room || message.seq <= reach.after {
        return Err(ApiError::not_found());
    }
    let (reason, note) = read(&body)?;
    let (by, at) = (caller.user(), Millis::now());
    let new = NewReport { room, message_seq: message.seq, by, reason, note: &note, at };
    match api.store.report(&new).await? {
        Reported::New(id) => Ok(HttpResponse::Created().json(ReportedBody { id, dup: false })),
        Reported::Before(id) => Ok(HttpResponse::Ok().json(ReportedBody { id, dup: true })),
        Reported::NoMessage => Err(ApiError::not_found()),
        Reported::Own => {
            let refusal = Refusal::new(ErrorCode::Forbidden, "this is your own message");
            Err(refusal.because("own_message").into())
        }
    }
}

fn read(body: &NewReportBody) -> Result<(ReportReason, String), ApiError> {
    let mut fields = Fields::default();
    let reason = match body.reason.parse() {
        Ok(ReportReason::Filter) | Err(_) => Err(InvalidWord(REASONS)),
        Ok(reason) => Ok(reason),
    };
    let reason = fields.take("reason", reason);
    let note = optional_text(body.note.as_deref().unwrap_or_default(), NOTE_CHARS);
    let note = fields.take("note", note);
    match (reason, note) {
        (Some(reason), Some(note)) => Ok((reason, note)),
        _odd => Err(fields.refuse()),
    }
}

/// The reports of a club, newest first. For managers and the owner.
#[utoipa::path(get, path = "/v1/clubs/{id}/reports", tag = "reports",
    params(("id" = String, Path), ReportsQuery, PageParams),
    responses((status = 200, body = Listing<ReportBody>)))]
pub(in crate::http) async fn list(
    caller: Caller,
    api: web::Data<Api>,
    Id(club): Id<ClubId>,
    query: web::Query<ReportsQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<ReportBody>>, ApiError> {
    moderates(&api, club, caller).await?;
    queue(&api, Some(club), &query, &paging).await
}

/// The reports from rooms of no club, newest first. For admins of the instance.
#[utoipa::path(get, path = "/v1/admin/reports", tag = "admin",
    params(ReportsQuery, PageParams),
    responses((status = 200, body = Listing<ReportBody>)))]
pub(in crate::http) async fn of_instance(
    caller: Caller,
    api: web::Data<Api>,
    query: web::Query<ReportsQuery>,
    paging: Paging,
) -> Result<web::Json<Listing<ReportBody>>, ApiError> {
    admin(&api, caller).await?;
    queue(&api, None, &query, &paging).await
}

async fn queue(
    api: &Api,
    club: Option<ClubId>,
    query: &ReportsQuery,
    paging: &Paging,
) -> Result<web::Json<Listing<ReportBody>>, ApiError> {
    let status = query.status.as_deref().filter(|word| !word.is_empty());
    let status = status.map_or(Ok(ReportStatus::Open), str::parse);
    let status = status.map_err(|why| ApiError::field("status", why))?;
    let list = match (club, status) {
        (Some(_), ReportStatus::Open) => List::OpenReports,
        (Some(_), ReportStatus::Decided) => List::DecidedReports,
        (None, ReportStatus::Open) => List::InstanceReports,
        (None, ReportStatus::Decided) => List::InstanceDecided,
    };
    let reports = api.store.reports(club, status, paging.page(list)?).await?;
    Ok(web::Json(paging.cut(list, reports, |report: &Report| report.id.0)))
}

/// Decides a report, and with it all open ones of the same message. For managers and the owner.
#[utoipa::path(post, path = "/v1/clubs/{id}/reports/{report}/decide", tag = "reports",
    params(("id" = String, Path), ("report" = String, Path)), request_body = DecisionBody,
    responses((status = 200, body = ReportBody)))]
pub(in crate::http) async fn decide(
    caller: Caller,
    api: web::Data<Api>,
    Two(club, report): Two<ClubId, ReportId>,
    body: Body<DecisionBody>,
) -> Result<web::Json<ReportBody>, ApiError> {
    moderates(&api, club, caller).await?;
    settle(&api, caller, (Some(club), report), &body).await
}

/// Decides a report from a room of no club, and with it all open ones of the same message. For admins
/// of the instance, who need not be in the room.
#[utoipa::path(post, path = "/v1/admin/reports/{id}/decide", tag = "admin",
    params(("id" = String, Path)), request_body = DecisionBody,
    responses((status = 200, body = ReportBody)))]
pub(in crate::http) async fn decide_for_instance(
    caller: Caller,
    api: web::Data<Api>,
    Id(report): Id<ReportId>,
    body: Body<DecisionBody>,
) -> Result<web::Json<ReportBody>, ApiError> {
    admin(&api, caller).await?;
    settle(&api, caller, (None, report), &body).await
}

async fn settle(
    api: &Api,
    caller: Caller,
    (club, report): (Option<ClubId>, ReportId),
    body: &DecisionBody,
) -> Result<web::Json<ReportBody>, ApiError> {
    let (decision, reason) = decision(body)?;
    let asked = api.store.report_of(club, report).await?.ok_or_else(ApiError::not_found)?;
    match decision {
        Decision::Dismiss => {
            let who = (caller.user(), Millis::now());
            match api.store.dismiss((club, report), &reason, who).await? {
                Settling::Done => {}
                Settling::Decided => return Err(decided()),
                Settling::Gone => return Err(ApiError::not_found()),
                Settling::Denied => return Err(not_any_more(api, club, caller).await),
            }
        }
        Decision::Delete => {
            let (message, reason) = (asked.message_seq, reason.into());
            let deed = Deed::Judge { message, report, reason };
            if club.is_some() {
                api.rooms.act(asked.room, caller.user(), deed).await?;
            } else {
                api.store.room(asked.room).await?.ok_or_else(ApiError::not_found)?;
                api.rooms.judge(asked.room, caller.user(), deed).await?;
            }
        }
        Decision::Take(what) => {
            let (by, on, at) = (caller.user(), asked.author, Millis::now());
            let (reason, settles) = (reason.into(), Some(report));
            let within = club.map_or(Within::Room(asked.room), Within::Club);
            let act = Moderation { within, by, on, what, reason, settles, at };
            api.rooms.moderate(act).await?;
        }
    }
    let now = api.store.report_of(club, report).await?;
    Ok(web::Json(now.ok_or_else(ApiError::not_found)?.into()))
}

/// What is done about a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Dismiss,
    Delete,
    Take(Measure),
}

fn decision(body: &DecisionBody) -> Result<(Decision, String), ApiError> {
    let mut fields = Fields::default();
    let reason = reason(body.reason.as_deref(), &mut fields);
    let decision = match fields.take("action", body.action.parse()) {
        Some(Settlement::Dismiss) => Some(Decision::Dismiss),
        Some(Settlement::Kick) => Some(Decision::Take(Measure::Kick)),
        Some(Settlement::Ban) => fields.take("seconds", ban_of(body.seconds)).map(Decision::Take),
        Some(Settlement::Mute) => fields.take("seconds", mute_of(body.seconds)).map(Decision::Take),
        Some(Settlement::Delete) => Some(Decision::Delete),
        None => None,
    };
    fields.check()?;
    Ok((decision.ok_or(ApiError::Internal)?, reason))
}

fn decided() -> ApiError {
    Refusal::new(ErrorCode::Conflict, "this report is decided").because("decided").into()
}
