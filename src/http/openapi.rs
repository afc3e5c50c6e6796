//! The description of the calls (OpenAPI), made from the handlers, and the page to read it.

use std::future::{Ready, ready};

use actix_web::{HttpResponse, web};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Description, Ref, Server};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::error::Problem;
use super::{
    acts, admin, assistant, auth, blocks, bots, club_assistant, clubs, dms, erasures, events,
    export, files, groups, health, inbox, me, members, messages, moderation, reading, revisions,
    roles, room_settings, rooms, search, threads, users,
};
use crate::protocol::ErrorCode;

/// Where the description is.
pub(super) const PATH: &str = "/v1/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(title = "Moim", description = "Rooms, inboxes and clubs. Live events come by WebSocket \
        at `/v1/ws` (see the protocol) or by the event streams below."),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, auth::ticket, auth::available,
        me::show, me::change, me::set_password, me::devices, me::end_device, me::end_devices,
        users::find, users::show, blocks::block, blocks::unblock, blocks::list,
        bots::make, bots::list, bots::renew, bots::delete,
        clubs::make, clubs::find, clubs::mine, clubs::show, clubs::change, clubs::delete,
        members::join, members::leave, members::list,
        roles::set_role, roles::hand_over,
        rooms::make, rooms::of_club, rooms::mine, rooms::show, rooms::members, rooms::join,
        rooms::leave, room_settings::change, room_settings::delete,
        dms::open, dms::hide, dms::show,
        groups::make, groups::directory, groups::invite,
        reading::read, reading::unread, reading::notify, reading::seen,
        messages::list, messages::send, messages::show, revisions::list, messages::pins,
        acts::edit, acts::delete, acts::delete_many, acts::react, acts::unreact, acts::reactors,
        acts::pin, acts::unpin,
        search::find,
        assistant::about, assistant::ask, assistant::draft, assistant::show, assistant::stop,
        assistant::retry, assistant::go_on, assistant::mine, assistant::of_room,
        club_assistant::show, club_assistant::change, club_assistant::usage,
        threads::mine, threads::messages, threads::read,
        moderation::members::kick, moderation::members::ban, moderation::members::mute,
        moderation::members::unmute, moderation::members::bans, moderation::members::unban,
        moderation::mutes::of_club, moderation::mutes::of_room,
        moderation::rooms::put_out, moderation::rooms::ban, moderation::rooms::mute,
        moderation::rooms::unmute, moderation::rooms::bans, moderation::rooms::unban,
        moderation::reports::report, moderation::reports::list, moderation::reports::decide,
        moderation::reports::of_instance, moderation::reports::decide_for_instance,
        moderation::audit::list, moderation::audit::of_room, moderation::filters::list, moderation::filters::add,
        moderation::filters::remove, moderation::filters::test,
        moderation::filters::of_lobbies, moderation::filters::add_for_lobbies,
        moderation::filters::remove_for_lobbies, moderation::filters::test_for_lobbies,
        moderation::permissions::show, moderation::permissions::change,
        events::of_room, events::of_inbox,
        files::upload, files::keys, files::original, files::preview,
        inbox::list, inbox::read,
        admin::actors,
        export::export, erasures::leave, erasures::erase, erasures::audit,
        health::alive, health::ready_for_traffic, health::metrics,
        description,
    ),
    components(schemas(Problem)),
    security(("token" = [])),
    modifiers(&Common)
)]
struct Calls;

/// What all calls share.
struct Common;

impl Modify for Common {
    fn modify(&self, description: &mut Description) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        description.paths.paths.values_mut().flat_map(operations).for_each(complete);
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete]
        .into_iter()
        .flatten()
}

/// An id of its own, and the answer of every call that says no.
fn complete(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    let verb = operation.operation_id.take().unwrap_or_default();
    operation.operation_id = Some(format!("{tag}_{verb}"));
    let problem = ResponseBuilder::new()
        .description("A problem (RFC 9457); `code` is stable.")
        .content("application/problem+json", Content::new(Some(Ref::from_schema_name("Problem"))));
    operation.responses.responses.insert("default".to_owned(), problem.into());
}

/// The schema of a code: every one there is.
pub(super) fn code() -> Object {
    let words = ErrorCode::ALL.iter().map(|code| code.word());
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .description(Some("The stable word that programs match."))
        .build()
}

/// The description, written once a worker.
pub(super) struct Document(web::Bytes);

impl Document {
    /// For a server that people reach at `public_url`, if it stands behind a proxy.
    pub(super) fn write(public_url: Option<&str>) -> Self {
        let mut description = Calls::openapi();
        description.servers = public_url.map(|url| vec![Server::new(url)]);
        Self(serde_json::to_vec(&description).unwrap_or_default().into())
    }
}

/// The description of all calls.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "health", security(()),
    responses((status = 200, body = Object)))]
pub(super) fn description(document: web::Data<Document>) -> Ready<HttpResponse> {
    let body = document.into_inner().0.clone();
    ready(HttpResponse::Ok().content_type("application/json").body(body))
}

/// The page to read it, with nothing from elsewhere.
pub(super) fn page() -> SwaggerUi {
    SwaggerUi::new("/{_:.*}").config(Config::new([PATH]).validator_url("none"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_slice(&Document::write(None).0).unwrap()
    }

    fn calls(document: &Value) -> Vec<&Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|path| path.as_object().unwrap().values()).collect()
    }

    #[test]
    fn every_route_is_described() {
        let document = document();
        let described: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let routes: BTreeSet<&str> = include_str!("mod.rs")
            .split("resource(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|path| !["/", "/favicon.svg", "/v1/docs"].contains(path))
            .filter(|path| !path.contains(":.*"))
            .collect();
        assert_eq!(routes, described);
    }

    #[test]
    fn every_call_may_answer_with_a_problem_and_has_its_own_id() {
        let document = document();
        let mut ids = BTreeSet::new();
        for call in calls(&document) {
            let problem = &call["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem");
            assert!(ids.insert(call["operationId"].as_str().unwrap()), "{}", call["operationId"]);
        }
    }

    #[test]
    fn a_stream_may_be_opened_by_whoever_sends_no_header() {
        let document = document();
        for path in ["/v1/rooms/{id}/events", "/v1/inbox/events"] {
            let call = &document["paths"][path]["get"];
            let parameters = call["parameters"].as_array().unwrap();
            for name in ["ticket", "access_token"] {
                let parameter = parameters.iter().find(|p| p["name"] == name).unwrap();
                assert_eq!(parameter["in"], "query");
                assert_ne!(parameter["required"], true);
            }
            assert_eq!(call["security"], serde_json::json!([{ "token": [] }, {}]));
        }
    }

    #[test]
    fn every_code_is_declared() {
        let document = document();
        let code = &document["components"]["schemas"]["Problem"]["properties"]["code"];
        let words: Vec<_> = ErrorCode::ALL.iter().map(|code| Value::from(code.word())).collect();
        assert_eq!(code["enum"], Value::from(words));
    }

    #[test]
    fn references_lead_somewhere() {
        let document = document();
        let text = document.to_string();
        for name in text.split("#/components/schemas/").skip(1) {
            let name = name.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
