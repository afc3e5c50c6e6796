//! A small chat over the crate actix-ws, in the manner of its documentation: a list of sessions
//! behind a lock, and two tasks for each connection, one that reads and one that keeps it alive.
//!
//! A text goes to one session after the other, and is shared between them.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, Session};
use anyhow::Result;
use tokio::sync::Mutex;

use crate::baseline::GREETING;

const HEARTBEAT: Duration = Duration::from_secs(5);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Chat {
    sessions: Mutex<Vec<(usize, Session)>>,
    last_id: AtomicUsize,
}

pub(super) fn serve(listener: TcpListener) -> Result<()> {
    actix_web::rt::System::new().block_on(async {
        let chat = web::Data::new(Chat::default());
        HttpServer::new(move || {
            App::new().app_data(chat.clone()).route("/v1/ws", web::get().to(talk))
        })
        .listen(listener)?
        .run()
        .await?;
        Ok(())
    })
}

async fn talk(
    request: HttpRequest,
    body: web::Payload,
    chat: web::Data<Chat>,
) -> Result<HttpResponse, actix_web::Error> {
    let (response, session, stream) = actix_ws::handle(&request, body)?;
    let id = chat.last_id.fetch_add(1, Ordering::Relaxed);
    chat.sessions.lock().await.push((id, session.clone()));
    let heard_at = Arc::new(Mutex::new(Instant::now()));
    actix_web::rt::spawn(keep_alive(session.clone(), heard_at.clone()));
    actix_web::rt::spawn(listen(chat, id, session, stream.aggregate_continuations(), heard_at));
    Ok(response)
}

async fn keep_alive(mut session: Session, heard_at: Arc<Mutex<Instant>>) {
    let mut beats = actix_web::rt::time::interval(HEARTBEAT);
    loop {
        beats.tick().await;
        if session.ping(b"").await.is_err() {
            return;
        }
        if heard_at.lock().await.elapsed() > CLIENT_TIMEOUT {
            let _ = session.close(None).await;
            return;
        }
    }
}

async fn listen(
    chat: web::Data<Chat>,
    id: usize,
    mut session: Session,
    mut stream: AggregatedMessageStream,
    heard_at: Arc<Mutex<Instant>>,
) {
    let mut is_open = session.text(GREETING).await.is_ok();
    while is_open && let Some(Ok(message)) = stream.recv().await {
        match message {
            AggregatedMessage::Ping(payload) => is_open = session.pong(&payload).await.is_ok(),
            AggregatedMessage::Pong(_) => *heard_at.lock().await = Instant::now(),
            AggregatedMessage::Text(text) => {
                let mut sessions = chat.sessions.lock().await;
                for (_, other) in sessions.iter_mut().filter(|(other, _)| *other != id) {
                    // One that is gone is taken out by its own task.
                    let _ = other.text(text.clone()).await;
                }
            }
            AggregatedMessage::Binary(_) => {}
            AggregatedMessage::Close(_) => is_open = false,
        }
    }
    chat.sessions.lock().await.retain(|(other, _)| *other != id);
    let _ = session.close(None).await;
}
