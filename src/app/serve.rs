//! Listening, and what answers on a connection.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::boxed::{self, BoxService};
use actix_service::{Service, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::web::Data;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::StartError;
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
/// An idle connection is kept for the next request so long, and a new one for the first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What [`open_heap`] takes and gives back: so many pieces of so many bytes, which must stay under
/// what the system's allocator asks the kernel for apart (128 KiB), and together under what it sets
/// aside for one thread (64 MiB).
const HEAP_PIECES: (usize, usize) = (480, 100 << 10);

/// Answers the connections of one thread.
type Answers = BoxService<TcpStream, (), DispatchError>;

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
    api: &Data<Api>,
    shared: &Arc<Shared>,
) -> Result<Server, StartError> {
    let mut server = Server::build().workers(edge.threads()).disable_signals().shutdown_timeout(2);
    let (api, shared, end) = (api.clone(), Arc::clone(shared), server.graceful_shutdown_signal());
    // Called on each worker for each queue, one after the other: what is made stays on that thread.
    let factory = move || {
        let (api, shared, end) = (api.clone(), Arc::clone(&shared), end.clone());
        fn_factory(move || {
            let (api, shared, end) = (api.clone(), Arc::clone(&shared), end.clone());
            async move {
                if let Some(known) = ANSWERS.with_borrow(Weak::upgrade) {
                    return Ok(known);
                }
                open_heap();
                let made = Rc::new(when_asked(answers(&api, &shared).await?, end));
                ANSWERS.set(Rc::downgrade(&made));
                Ok::<_, ()>(made)
            }
        })
    };
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

/// Answers on a connection when its client begins to speak, and ends one on which nobody ever does
/// without a word. Browsers and HTTP clients open connections ahead of need: told there that time is
/// up, a client takes it for the answer to the request that it sends at this moment.
fn when_asked(answers: Answers, end: GracefulShutdownSignal) -> Answers {
    let answers = Rc::new(answers);
    boxed::service(fn_service(move |socket: TcpStream| {
        let (answers, end) = (Rc::clone(&answers), end.clone());
        async move {
            let speaks = tokio::select! {
                speaks = timeout(KEEP_ALIVE, socket.readable()) => matches!(speaks, Ok(Ok(()))),
                () = end.notified() => false,
            };
            if speaks { answers.call(socket).await } else { Ok(()) }
        }
    }))
}

async fn answers(api: &Data<Api>, shared: &Arc<Shared>) -> Result<Answers, ()> {
    let worker = Worker::start(shared);
    let (page_api, page_worker) = (api.clone(), Rc::clone(&worker));
    let api = api.clone();
    let service = HttpService::<TcpStream, _, _, _, _>::build()
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
        .tcp();
    Ok(boxed::service(service.new_service(()).await?))
}
