//! Listening, and what answers on a connection.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{ServiceFactory, boxed, fn_factory, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::web::Data;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use super::StartError;
use super::sockets::{Answers, KEEP_ALIVE, Sockets};
use crate::actors::{Shared, Worker};
use crate::config::Edge;
use crate::http::{self, Api};

/// Connections that the kernel holds for us in one queue while many come at once; most systems allow
/// no more (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;
/// Queues of one address, between which the kernel spreads who comes. Who finds his full is not
/// refused but tries again after one second, then two: with one queue, a tenth of ten thousand
/// clients that come back at once wait for that.
const QUEUES: usize = if cfg!(target_os = "linux") { 4 } else { 1 };
/// A client that takes longer to say what it wants, once it has begun, is sent away.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// What [`open_heap`] takes and gives back: so many pieces of so many bytes, which must stay under
/// what the system's allocator asks the kernel for apart (128 KiB), and together under what it sets
/// aside for one thread (64 MiB).
const HEAP_PIECES: (usize, usize) = (480, 100 << 10);

thread_local! {
    /// What answers on this thread: all queues lead there.
    static ANSWERS: RefCell<Weak<Answers>> = const { RefCell::new(Weak::new()) };
}

/// Listens on an address, which no other may have; what is accepted there is as the edge wants it.
pub(super) fn listen(address: SocketAddr) -> Result<Vec<TcpListener>, StartError> {
    let bind = || {
        // The first is bound for itself alone: a second server on the same address must fail.
        let first = socket(address)?;
        first.bind(&address.into())?;
        let bound = first.local_addr()?;
        let mut queues = vec![first];
        while queues.len() < QUEUES {
            let further = socket(address)?;
            further.bind(&bound)?;
            queues.push(further);
        }
        queues.iter().try_for_each(|queue| {
            share(queue)?;
            queue.listen(BACKLOG)
        })?;
        Ok(queues.into_iter().map(TcpListener::from).collect())
    };
    bind().map_err(|why| StartError::Listen { address, why })
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    http::prepare(&socket);
    Ok(socket)
}

/// Lets this socket share its address with others of this process.
#[cfg(target_os = "linux")]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn share(_: &Socket) -> io::Result<()> {
    Ok(())
}

pub(super) fn serve_on(
    queues: Vec<TcpListener>,
    edge: &Edge,
    (api, shared): (&Data<Api>, &Arc<Shared>),
    sockets: &Sockets,
) -> Result<Server, StartError> {
    let (api, shared, all) = (api.clone(), Arc::clone(shared), sockets.clone());
    // Called on each worker for each queue, one after the other: what is made stays on that thread.
    let factory = move || {
        let (api, shared, all) = (api.clone(), Arc::clone(&shared), all.clone());
        fn_factory(move || {
            let (api, shared, all) = (api.clone(), Arc::clone(&shared), all.clone());
            async move {
                if let Some(known) = ANSWERS.with_borrow(Weak::upgrade) {
                    return Ok(known);
                }
                open_heap();
                let made = Rc::new(all.when_asked(answers(&api, &shared, &all).await?));
                ANSWERS.set(Rc::downgrade(&made));
                Ok::<_, ()>(made)
            }
        })
    };
    let mut server = Server::build().workers(edge.threads()).disable_signals().shutdown_timeout(2);
    for queue in queues {
        server = server.listen("moim", queue, factory.clone())?;
    }
    Ok(server.run())
}

/// Opens the memory of this thread once. The allocator of glibc opens it by the few KiB that are
/// missing, each time with a system call for which all page faults of the process wait: about two
/// for each of ten thousand clients that come back. What was open once stays so, also when the pages
/// are given back, as they are here: they were never written. Elsewhere this does nothing.
fn open_heap() {
    let (count, bytes) = HEAP_PIECES;
    let pieces: Vec<Vec<u8>> =
        (0..count).map(|_piece| std::hint::black_box(Vec::with_capacity(bytes))).collect();
    drop(std::hint::black_box(pieces));
}

async fn answers(api: &Data<Api>, shared: &Arc<Shared>, sockets: &Sockets) -> Result<Answers, ()> {
    let worker = Worker::start(shared);
    let (page_api, page_worker) = (api.clone(), Rc::clone(&worker));
    let (api, sockets) = (api.clone(), sockets.clone());
    let service = HttpService::<TcpStream, _, _, _, _>::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(REQUEST_WITHIN)
        .h1_allow_half_closed(false)
        // (Not in its documentation; actix-web ends idle connections with it.)
        .graceful_shutdown_signal(move || sockets.ending())
        .on_connect_ext(|socket: &TcpStream, _| {
            if !http::INHERITS {
                http::prepare(socket);
            }
        })
        .upgrade(fn_service(move |upgrade: http::Upgrade| {
            http::upgrade(api.clone(), Rc::clone(&worker), upgrade)
        }))
        .finish(map_config(http::service(page_api, page_worker), |()| AppConfig::default()))
        .tcp();
    Ok(boxed::service(service.new_service(()).await?))
}
