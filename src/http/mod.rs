//! The edge: REST, event streams, the page, and the way to a WebSocket.
//!
//! *Belongs here:* URLs, status codes, bodies of calls, tokens and passwords on their way in.
//! *Does not belong here:* SQL, what a room allows, who is online.
//!
//! One file per resource; `error.rs` has the one table of status codes. A handler reads as a
//! story: who calls, what is asked, what the store or the rooms say, how it looks on the wire.
//! **Invariant:** who calls is known, and limited, before a body is read.

mod acts;
mod admin;
mod again;
mod api;
mod assets;
mod assistant;
mod auth;
mod blocks;
mod bot_token;
mod bots;
mod caller;
mod club_assistant;
mod club_body;
mod club_form;
mod clubs;
mod dms;
mod erasures;
mod error;
mod events;
mod export;
mod files;
mod groups;
mod health;
mod inbox;
mod json;
mod locale;
mod me;
mod members;
mod message_body;
mod messages;
mod moderation;
mod openapi;
mod page;
mod password;
mod proxies;
mod reading;
mod request;
mod revisions;
mod roles;
mod room_settings;
mod rooms;
mod run_body;
mod search;
mod secret;
mod security;
mod survey_body;
mod threads;
mod token;
mod unread;
mod upgrade;
mod users;
mod words;
mod wrong;

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig, resource, scope, to};
use actix_web::{App, Error, HttpRequest, HttpResponse, ResponseError};

pub use self::api::{Api, ApiSettings};
pub use self::assets::Assets;
pub use self::files::Uploads;
pub use self::locale::Locale;
#[cfg(feature = "faults")]
pub(crate) use self::page::{limit_of, rewritten};
pub use self::password::{Passwords, UnusableCost};
pub use self::proxies::Proxies;
pub use self::token::Tokens;
pub use self::upgrade::{INHERITS, Upgrade, prepare, upgrade};
use crate::actors::Worker;
use crate::protocol::ErrorCode;

/// Everything but WebSockets, for one HTTP worker.
pub fn service(
    api: Data<Api>,
    worker: Rc<Worker>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let origins = security::origins(&api.settings);
    let document = openapi::Document::write(api.settings.public_url.as_deref());
    App::new()
        .app_data(api)
        .app_data(worker)
        .app_data(Data::new(document))
        .app_data(json::bodies())
        .app_data(json::queries())
        .configure(routes)
        .default_service(to(nothing))
        .wrap(from_fn(again::once))
        .wrap(from_fn(caller::introduce))
        .wrap(origins)
        .wrap(security::everywhere())
        .wrap(from_fn(request::follow))
        .wrap(from_fn(unread::hold))
}

/// Every URL there is.
#[rustfmt::skip]
pub fn routes(config: &mut ServiceConfig) {
    config
        .configure(moderation_routes)
        .service(resource("/v1/auth/register").post(auth::register))
        .service(resource("/v1/auth/login").post(auth::login))
        .service(resource("/v1/auth/refresh").post(auth::refresh))
        .service(resource("/v1/auth/logout").post(auth::logout))
        .service(resource("/v1/auth/ticket").post(auth::ticket))
        .service(resource("/v1/auth/available").get(auth::available))
        .service(resource("/v1/me").get(me::show).patch(me::change).delete(erasures::leave))
        .service(resource("/v1/me/password").put(me::set_password))
        .service(resource("/v1/me/devices").get(me::devices).delete(me::end_devices))
        .service(resource("/v1/me/devices/{id}").delete(me::end_device))
        .service(resource("/v1/me/export").get(export::export))
        .service(resource("/v1/me/clubs").get(clubs::mine))
        .service(resource("/v1/bots").get(bots::list).post(bots::make))
        .service(resource("/v1/bots/{id}").delete(bots::delete))
        .service(resource("/v1/bots/{id}/token").post(bots::renew))
        .service(resource("/v1/users").get(users::find))
        .service(resource("/v1/users/{id}").get(users::show))
        .service(resource("/v1/users/{id}/block").put(blocks::block).delete(blocks::unblock))
        .service(resource("/v1/me/blocks").get(blocks::list))
        .service(resource("/v1/clubs").get(clubs::find).post(clubs::make))
        .service(resource("/v1/clubs/{id}")
            .get(clubs::show).patch(clubs::change).delete(clubs::delete))
        .service(resource("/v1/clubs/{id}/join").post(members::join))
        .service(resource("/v1/clubs/{id}/leave").post(members::leave))
        .service(resource("/v1/clubs/{id}/members").get(members::list))
        .service(resource("/v1/clubs/{id}/rooms").get(rooms::of_club).post(rooms::make))
        .service(resource("/v1/clubs/{id}/members/{user}").patch(roles::set_role))
        .service(resource("/v1/clubs/{id}/owner").post(roles::hand_over))
        .service(resource("/v1/dms").post(dms::open))
        .service(resource("/v1/rooms").get(rooms::mine).post(groups::make))
        .service(resource("/v1/rooms/directory").get(groups::directory))
        .service(resource("/v1/rooms/{id}")
            .get(rooms::show).patch(room_settings::change).delete(room_settings::delete))
        .service(resource("/v1/rooms/{id}/members").get(rooms::members).post(groups::invite))
        .service(resource("/v1/rooms/{id}/join").post(rooms::join))
        .service(resource("/v1/rooms/{id}/leave").post(rooms::leave))
        .service(resource("/v1/rooms/{id}/read").post(reading::read))
        .service(resource("/v1/rooms/{id}/unread").post(reading::unread))
        .service(resource("/v1/rooms/{id}/notify").put(reading::notify))
        .service(resource("/v1/rooms/{id}/hidden").put(dms::hide).delete(dms::show))
        .service(resource("/v1/rooms/{id}/messages/{message}/seen").get(reading::seen))
        .service(resource("/v1/rooms/{id}/messages").get(messages::list).post(messages::send))
        .service(resource("/v1/rooms/{id}/messages/delete").post(acts::delete_many))
        .service(resource("/v1/rooms/{id}/messages/{message}")
            .get(messages::show).patch(acts::edit).delete(acts::delete))
        .service(resource("/v1/rooms/{id}/messages/{message}/revisions").get(revisions::list))
        .service(resource("/v1/rooms/{id}/messages/{message}/reactions/{emoji}")
            .get(acts::reactors).put(acts::react).delete(acts::unreact))
        .service(resource("/v1/rooms/{id}/messages/{message}/pin")
            .put(acts::pin).delete(acts::unpin))
        .service(resource("/v1/rooms/{id}/pins").get(messages::pins))
        .service(resource("/v1/rooms/{id}/threads").get(threads::mine))
        .service(resource("/v1/rooms/{id}/threads/{message}/messages").get(threads::messages))
        .service(resource("/v1/rooms/{id}/threads/{message}/read").post(threads::read))
        .service(resource("/v1/rooms/{id}/events").get(events::of_room))
        .service(resource("/v1/search").get(search::find))
        .configure(assistant_routes)
        .configure(the_rest);
}

#[rustfmt::skip]
fn the_rest(config: &mut ServiceConfig) {
    config
        .service(resource("/v1/rooms/{id}/files").post(files::upload))
        .service(resource("/v1/files/keys").post(files::keys))
        .service(resource("/files/{id}/preview").get(files::preview))
        .service(resource("/files/{id}/{name}").get(files::original))
        .service(resource("/v1/inbox").get(inbox::list))
        .service(resource("/v1/inbox/read").post(inbox::read))
        .service(resource("/v1/inbox/events").get(events::of_inbox))
        .service(resource("/v1/admin/actors").get(admin::actors))
        .service(resource("/v1/admin/users/{id}").delete(erasures::erase))
        .service(resource("/v1/admin/audit").get(erasures::audit))
        .service(resource("/v1/openapi.json").get(openapi::description))
        .service(resource("/v1/docs").get(assets::to_docs))
        .service(scope("/v1/docs").wrap(security::docs()).service(openapi::page()))
        .service(resource("/healthz").get(health::alive))
        .service(resource("/readyz").get(health::ready_for_traffic))
        .service(resource("/metrics").get(health::metrics))
        .service(resource("/").get(assets::file))
        .service(resource("/favicon.svg").get(assets::file))
        .service(resource("/js/{path:.*}").get(assets::file))
        .service(resource("/css/{path:.*}").get(assets::file))
        .service(resource("/rooms/{path:.*}").get(assets::file))
        .service(resource("/admin/{path:.*}").get(assets::file));
}

/// Every URL of the assistant.
#[rustfmt::skip]
fn assistant_routes(config: &mut ServiceConfig) {
    config
        .service(resource("/v1/ai").get(assistant::about))
        .service(resource("/v1/ai/runs/{id}").get(assistant::show))
        .service(resource("/v1/ai/runs/{id}/stop").post(assistant::stop))
        .service(resource("/v1/ai/runs/{id}/retry").post(assistant::retry))
        .service(resource("/v1/ai/runs/{id}/continue").post(assistant::go_on))
        .service(resource("/v1/clubs/{id}/ai")
            .get(club_assistant::show).patch(club_assistant::change))
        .service(resource("/v1/clubs/{id}/ai/usage").get(club_assistant::usage))
        .service(resource("/v1/me/ai/usage").get(assistant::mine))
        .service(resource("/v1/rooms/{id}/ai").post(assistant::ask))
        .service(resource("/v1/rooms/{id}/ai/draft").post(assistant::draft))
        .service(resource("/v1/rooms/{id}/ai/usage").get(assistant::of_room));
}

/// Every URL of moderation.
#[rustfmt::skip]
fn moderation_routes(config: &mut ServiceConfig) {
    config
        .service(resource("/v1/clubs/{id}/members/{user}/kick").post(moderation::members::kick))
        .service(resource("/v1/clubs/{id}/members/{user}/ban").post(moderation::members::ban))
        .service(resource("/v1/clubs/{id}/members/{user}/mute")
            .post(moderation::members::mute).delete(moderation::members::unmute))
        .service(resource("/v1/clubs/{id}/mutes").get(moderation::mutes::of_club))
        .service(resource("/v1/clubs/{id}/bans").get(moderation::members::bans))
        .service(resource("/v1/clubs/{id}/bans/{user}").delete(moderation::members::unban))
        .service(resource("/v1/clubs/{id}/reports").get(moderation::reports::list))
        .service(resource("/v1/clubs/{id}/reports/{report}/decide")
            .post(moderation::reports::decide))
        .service(resource("/v1/clubs/{id}/audit").get(moderation::audit::list))
        .service(resource("/v1/clubs/{id}/filters")
            .get(moderation::filters::list).post(moderation::filters::add))
        .service(resource("/v1/clubs/{id}/filters/test").post(moderation::filters::test))
        .service(resource("/v1/clubs/{id}/filters/{filter}").delete(moderation::filters::remove))
        .service(resource("/v1/rooms/{id}/messages/{message}/report")
            .post(moderation::reports::report))
        .service(resource("/v1/rooms/{id}/audit").get(moderation::audit::of_room))
        .service(resource("/v1/rooms/{id}/members/{user}").delete(moderation::rooms::put_out))
        .service(resource("/v1/rooms/{id}/members/{user}/ban").post(moderation::rooms::ban))
        .service(resource("/v1/rooms/{id}/members/{user}/mute")
            .post(moderation::rooms::mute).delete(moderation::rooms::unmute))
        .service(resource("/v1/rooms/{id}/mutes").get(moderation::mutes::of_room))
        .service(resource("/v1/rooms/{id}/bans").get(moderation::rooms::bans))
        .service(resource("/v1/rooms/{id}/bans/{user}").delete(moderation::rooms::unban))
        .service(resource("/v1/admin/filters")
            .get(moderation::filters::of_lobbies).post(moderation::filters::add_for_lobbies))
        .service(resource("/v1/admin/filters/test").post(moderation::filters::test_for_lobbies))
        .service(resource("/v1/admin/filters/{id}")
            .delete(moderation::filters::remove_for_lobbies))
        .service(resource("/v1/admin/reports").get(moderation::reports::of_instance))
        .service(resource("/v1/admin/reports/{id}/decide")
            .post(moderation::reports::decide_for_instance))
        .service(resource("/v1/rooms/{id}/permissions")
            .get(moderation::permissions::show).patch(moderation::permissions::change));
}

/// What is not on the lists above. Where sockets begin, only a call that has lost its `Upgrade` comes
/// here, most often in a proxy: whoever set that up is to know.
#[expect(clippy::needless_pass_by_value, reason = "a handler owns what it is called with")]
fn nothing(request: HttpRequest) -> Ready<HttpResponse> {
    let error = if request.path() == upgrade::PATH && request.method() == Method::GET {
        let lost = "here a WebSocket begins: `Upgrade` and `Connection` did not come with the call";
        error::ApiError::new(ErrorCode::BadRequest, lost)
    } else {
        error::ApiError::not_found()
    };
    ready(error.error_response())
}
