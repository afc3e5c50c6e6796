//! What is done to messages that stand: editing, deleting, reacting, pinning. Each is what the op of
//! the same name is. And who has reacted.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::json::{AtMessage, Body, Fields, Id, at_message};
use super::message_body::{ActBody, DeleteManyBody, EditBody};
use super::messages::find;
use super::rooms::readable;
use super::users::UserBody;
use super::wrong::Wrong;
use crate::domain::{Cid, Emoji, InvalidId, InvalidText, MessageId, RoomId, Text, limits};
use crate::protocol::{ActOk, ErrorCode, Refusal};
use crate::store::{Deed, Whose};

type Answer = Result<web::Json<ActOk>, ApiError>;

/// Gives one's own message another text.
#[utoipa::path(patch, path = "/v1/rooms/{id}/messages/{message}", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)), request_body = EditBody,
    responses((status = 200, body = ActBody)))]
pub(super) async fn edit(
    caller: Caller,
    api: web::Data<Api>,
    AtMessage(at): AtMessage,
    body: Body<EditBody>,
) -> Answer {
    readable(&api, at.room, caller).await?;
    let (text, cid) = parse(&body)?;
    let deed = Deed::Edit { message: at.seq, text, cid, called: None, flagged: None };
    act(&api, caller, at.room, deed).await
}

fn parse(body: &EditBody) -> Result<(Text, Option<Cid>), ApiError> {
    let text = Text::parse(&body.text);
    if let Err(why @ InvalidText::TooLong(_)) = &text {
        return Err(ApiError::new(ErrorCode::TooLarge, &format!("the text {why}")));
    }
    let mut fields = Fields::default();
    let text = fields.take("text", text);
    let cid = fields.take_some("cid", body.cid.as_deref().map(Cid::parse));
    fields.check()?;
    Ok((text.ok_or(ApiError::Internal)?, cid))
}

/// Deletes a message: one's own, or as a moderator anybody's. What it said is erased everywhere.
#[utoipa::path(delete, path = "/v1/rooms/{id}/messages/{message}", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = ActBody)))]
pub(super) async fn delete(
    caller: Caller,
    api: web::Data<Api>,
    AtMessage(at): AtMessage,
) -> Answer {
    readable(&api, at.room, caller).await?;
    let deed = Deed::Delete { message: at.seq, whose: Whose::Own };
    act(&api, caller, at.room, deed).await
}

/// Deletes many messages. For moderators.
#[utoipa::path(post, path = "/v1/rooms/{id}/messages/delete", tag = "messages",
    params(("id" = String, Path)), request_body = DeleteManyBody,
    responses((status = 200, body = ActBody)))]
pub(super) async fn delete_many(
    caller: Caller,
    api: web::Data<Api>,
    Id(room): Id<RoomId>,
    body: Body<DeleteManyBody>,
) -> Answer {
    readable(&api, room, caller).await?;
    let messages = seqs(room, &body)?.into();
    act(&api, caller, room, Deed::DeleteMany { messages }).await
}

fn seqs(room: RoomId, body: &DeleteManyBody) -> Result<Vec<i64>, ApiError> {
    let most = limits::DELETE_MANY;
    if body.messages.is_empty() || body.messages.len() > most {
        return Err(ApiError::field(
            "messages",
            Wrong::range(1, i64::try_from(most).unwrap_or(i64::MAX), ""),
        ));
    }
    let ids: Result<Vec<MessageId>, InvalidId> =
        body.messages.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|why| ApiError::field("messages", why))?;
    if ids.iter().any(|id| id.room != room) {
        return Err(ApiError::not_found());
    }
    let mut seqs: Vec<i64> = ids.iter().map(|id| id.seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    Ok(seqs)
}

/// A message and an emoji.
#[derive(Deserialize)]
pub(super) struct ReactionPath {
    id: String,
    message: String,
    emoji: String,
}

/// Adds a reaction.
#[utoipa::path(put, path = "/v1/rooms/{id}/messages/{message}/reactions/{emoji}",
    tag = "messages",
    params(("id" = String, Path), ("message" = String, Path), ("emoji" = String, Path)),
    responses((status = 200, body = ActBody)))]
pub(super) async fn react(
    caller: Caller,
    api: web::Data<Api>,
    path: web::Path<ReactionPath>,
) -> Answer {
    let (at, emoji) = reaction(&api, caller, &path).await?;
    act(&api, caller, at.room, Deed::React { message: at.seq, emoji }).await
}

/// Takes a reaction back.
#[utoipa::path(delete, path = "/v1/rooms/{id}/messages/{message}/reactions/{emoji}",
    tag = "messages",
    params(("id" = String, Path), ("message" = String, Path), ("emoji" = String, Path)),
    responses((status = 200, body = ActBody)))]
pub(super) async fn unreact(
    caller: Caller,
    api: web::Data<Api>,
    path: web::Path<ReactionPath>,
) -> Answer {
    let (at, emoji) = reaction(&api, caller, &path).await?;
    act(&api, caller, at.room, Deed::Unreact { message: at.seq, emoji }).await
}

/// Who has reacted to a message with one emoji.
#[derive(Serialize, ToSchema)]
pub(super) struct ReactorsBody {
    /// How many.
    count: i64,
    /// The first 200 of them, who came first before the others.
    items: Vec<UserBody>,
}

/// Who has reacted to a message with an emoji; nobody for one that it does not have.
#[utoipa::path(get, path = "/v1/rooms/{id}/messages/{message}/reactions/{emoji}",
    tag = "messages",
    params(("id" = String, Path), ("message" = String, Path), ("emoji" = String, Path)),
    responses((status = 200, body = ReactorsBody)))]
pub(super) async fn reactors(
    caller: Caller,
    api: web::Data<Api>,
    path: web::Path<ReactionPath>,
) -> Result<web::Json<ReactorsBody>, ApiError> {
    let (at, emoji) = reaction(&api, caller, &path).await?;
    let reach = readable(&api, at.room, caller).await?;
    find(&api, (caller, reach), at).await?;
    let found = api.store.reactors((at.room, at.seq), emoji, limits::SEEN_NAMES).await?;
    let items = found.users.into_iter().map(UserBody::from).collect();
    Ok(web::Json(ReactorsBody { count: found.count, items }))
}

async fn reaction(
    api: &Api,
    caller: Caller,
    path: &ReactionPath,
) -> Result<(MessageId, Emoji), ApiError> {
    let at = at_message(&path.id, &path.message)?;
    readable(api, at.room, caller).await?;
    let emoji = Emoji::parse(&path.emoji).map_err(|why| {
        let msg = format!("emoji {why}");
        Refusal::new(ErrorCode::Invalid, msg).because("no_emoji")
    })?;
    Ok((at, emoji))
}

/// Pins a message.
#[utoipa::path(put, path = "/v1/rooms/{id}/messages/{message}/pin", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = ActBody)))]
pub(super) async fn pin(caller: Caller, api: web::Data<Api>, AtMessage(at): AtMessage) -> Answer {
    readable(&api, at.room, caller).await?;
    act(&api, caller, at.room, Deed::Pin { message: at.seq }).await
}

/// Lets a pinned message go.
#[utoipa::path(delete, path = "/v1/rooms/{id}/messages/{message}/pin", tag = "messages",
    params(("id" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = ActBody)))]
pub(super) async fn unpin(caller: Caller, api: web::Data<Api>, AtMessage(at): AtMessage) -> Answer {
    readable(&api, at.room, caller).await?;
    act(&api, caller, at.room, Deed::Unpin { message: at.seq }).await
}

async fn act(api: &Api, caller: Caller, room: RoomId, deed: Deed) -> Answer {
    api.throttle.send(caller.user())?;
    Ok(web::Json(api.rooms.act(room, caller.user(), deed).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_to_delete_are_of_the_room_and_each_once() {
        let seqs = |ids: &[&str]| {
            let messages = ids.iter().map(|id| (*id).to_owned()).collect();
            seqs(RoomId(1), &DeleteManyBody { messages })
        };
        assert_eq!(seqs(&["m_1_9", "m_1_2", "m_1_9"]), Ok(vec![2, 9]));
        assert_eq!(seqs(&["m_1_9", "m_2_2"]), Err(ApiError::not_found()));
        for odd in [&[][..], &["x"], &["m_1_1"; 101]] {
            assert!(matches!(seqs(odd), Err(ApiError::Fields(_))));
        }
    }
}
