//! The textbook: a chat as the documentation of actix and actix-web-actors teaches it. An actor for
//! each connection, with its own heartbeat; one actor for all rooms, which sends a `String` of its
//! own to each recipient.
//!
//! It differs where the comparison asks for it: a newcomer is greeted alone instead of being
//! announced to everybody, so that its client knows when it is heard, and nothing is logged.

use std::collections::{HashMap, HashSet};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws;
use anyhow::Result;

use crate::baseline::GREETING;

const HEARTBEAT: Duration = Duration::from_secs(5);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
const MAIN_ROOM: &str = "main";

pub(super) fn serve(listener: TcpListener) -> Result<()> {
    actix_web::rt::System::new().block_on(async {
        let server = ChatServer::default().start();
        HttpServer::new(move || {
            App::new().app_data(web::Data::new(server.clone())).route("/v1/ws", web::get().to(talk))
        })
        .listen(listener)?
        .run()
        .await?;
        Ok(())
    })
}

async fn talk(
    request: HttpRequest,
    stream: web::Payload,
    server: web::Data<Addr<ChatServer>>,
) -> Result<HttpResponse, actix_web::Error> {
    let session = Session {
        id: 0,
        heard_at: Instant::now(),
        room: MAIN_ROOM.to_owned(),
        server: server.get_ref().clone(),
    };
    ws::start(session, &request, stream)
}

/// What a session is told.
#[derive(Message)]
#[rtype(result = "()")]
struct Line(String);

#[derive(Message)]
#[rtype(usize)]
struct Connect {
    addr: Recipient<Line>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Disconnect {
    id: usize,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Said {
    id: usize,
    room: String,
    text: String,
}

/// All rooms and who is in them.
#[derive(Default)]
struct ChatServer {
    sessions: HashMap<usize, Recipient<Line>>,
    rooms: HashMap<String, HashSet<usize>>,
    last_id: usize,
}

impl ChatServer {
    fn tell(&self, room: &str, text: &str, but_not: usize) {
        for id in self.rooms.get(room).into_iter().flatten() {
            if *id != but_not
                && let Some(addr) = self.sessions.get(id)
            {
                addr.do_send(Line(text.to_owned()));
            }
        }
    }
}

impl Actor for ChatServer {
    type Context = Context<Self>;
}

impl Handler<Connect> for ChatServer {
    type Result = usize;

    fn handle(&mut self, Connect { addr }: Connect, _: &mut Context<Self>) -> usize {
        self.last_id += 1;
        addr.do_send(Line(GREETING.to_owned()));
        self.sessions.insert(self.last_id, addr);
        self.rooms.entry(MAIN_ROOM.to_owned()).or_default().insert(self.last_id);
        self.last_id
    }
}

impl Handler<Disconnect> for ChatServer {
    type Result = ();

    fn handle(&mut self, Disconnect { id }: Disconnect, _: &mut Context<Self>) {
        self.sessions.remove(&id);
        for members in self.rooms.values_mut() {
            members.remove(&id);
        }
    }
}

impl Handler<Said> for ChatServer {
    type Result = ();

    fn handle(&mut self, Said { id, room, text }: Said, _: &mut Context<Self>) {
        self.tell(&room, &text, id);
    }
}

/// One connection.
struct Session {
    id: usize,
    heard_at: Instant,
    room: String,
    server: Addr<ChatServer>,
}

impl Actor for Session {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(HEARTBEAT, |session, ctx| {
            if session.heard_at.elapsed() > CLIENT_TIMEOUT {
                ctx.stop();
            } else {
                ctx.ping(b"");
            }
        });
        self.server
            .send(Connect { addr: ctx.address().recipient() })
            .into_actor(self)
            .then(|answer, session, ctx| {
                match answer {
                    Ok(id) => session.id = id,
                    Err(_gone) => ctx.stop(),
                }
                fut::ready(())
            })
            .wait(ctx);
    }

    #[expect(clippy::disallowed_methods, reason = "the textbook does, and it is what is measured")]
    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.server.do_send(Disconnect { id: self.id });
        Running::Stop
    }
}

impl Handler<Line> for Session {
    type Result = ();

    fn handle(&mut self, Line(text): Line, ctx: &mut Self::Context) {
        ctx.text(text);
    }
}

impl StreamHandler<Result<ws::Message, ws::ProtocolError>> for Session {
    #[expect(clippy::disallowed_methods, reason = "the textbook does, and it is what is measured")]
    fn handle(&mut self, message: Result<ws::Message, ws::ProtocolError>, ctx: &mut Self::Context) {
        match message {
            Ok(ws::Message::Ping(payload)) => {
                self.heard_at = Instant::now();
                ctx.pong(&payload);
            }
            Ok(ws::Message::Pong(_)) => self.heard_at = Instant::now(),
            Ok(ws::Message::Text(text)) => {
                let (id, room) = (self.id, self.room.clone());
                self.server.do_send(Said { id, room, text: text.trim().to_owned() });
            }
            Ok(ws::Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(ws::Message::Binary(_) | ws::Message::Nop) => {}
            Ok(ws::Message::Continuation(_)) | Err(_) => ctx.stop(),
        }
    }
}
