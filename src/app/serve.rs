//! Listening, and what answers on a connection.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::web::Data;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use super::StartError;
use crate::actors::{Shared, Worker};
use crate::config::Edge;
use crate::http::{self, Api};

/// Connections that the kernel holds for us while many come at once.
const BACKLOG: i32 = 4_096;
/// A client that takes longer to say what it wants is sent away.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// An idle connection is kept for the next request so long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Listens on an address; what is accepted there is as the edge wants it.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        http::prepare(&socket);
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|why| StartError::Listen { address, why })
}

pub(super) fn serve_on(
    listener: TcpListener,
    edge: &Edge,
    api: &Data<Api>,
    shared: &Arc<Shared>,
) -> Result<Server, StartError> {
    let (api, shared) = (api.clone(), Arc::clone(shared));
    // Called once on each worker: what it makes stays on that thread.
    let factory = move || {
        let worker = Worker::start(&shared);
        let (page_api, page_worker) = (api.clone(), Rc::clone(&worker));
        let api = api.clone();
        HttpService::<TcpStream, _, _, _, _>::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(REQUEST_WITHIN)
            .h1_allow_half_closed(false)
            .on_connect_ext(|socket: &TcpStream, _| {
                if !http::INHERITS {
                    http::prepare(socket);
                }
            })
            .upgrade(fn_service(move |upgrade: http::Upgrade| {
                http::upgrade(api.clone(), Rc::clone(&worker), upgrade)
            }))
            .finish(map_config(http::service(page_api, page_worker), |()| AppConfig::default()))
            .tcp()
    };
    let server = Server::build()
        .workers(edge.threads())
        .disable_signals()
        .shutdown_timeout(2)
        .listen("moim", listener, factory)?
        .run();
    Ok(server)
}
