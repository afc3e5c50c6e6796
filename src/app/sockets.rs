//! The sockets that are open: when each is answered, and how all end.

use std::rc::Rc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_service::boxed::{self, BoxService};
use actix_service::{Service, fn_service};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// An idle connection is kept for the next request so long, and a new one for the first.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Answers the connections of one thread.
pub(super) type Answers = BoxService<TcpStream, (), DispatchError>;

/// All of them: each holds a receiver as long as it is open, which says when to end.
#[derive(Clone, Default)]
pub(super) struct Sockets(watch::Sender<bool>);

impl Sockets {
    /// Ends those on which nothing is under way, now, the others behind their call; returns when the
    /// last is gone. The server by itself would look for that once a second.
    pub(super) async fn end(&self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }

    /// Comes with their end.
    pub(super) fn ending(&self) -> impl Future<Output = ()> + use<> {
        over(self.0.subscribe())
    }

    /// Answers on a connection when its client begins to speak, and ends one on which nobody ever does
    /// without a word. Browsers and HTTP clients open connections ahead of need: told there that time
    /// is up, a client takes it for the answer to the request that it sends at this moment.
    pub(super) fn when_asked(&self, answers: Answers) -> Answers {
        let (all, answers) = (self.clone(), Rc::new(answers));
        boxed::service(fn_service(move |socket: TcpStream| {
            let (open, answers) = (all.0.subscribe(), Rc::clone(&answers));
            async move {
                // On the heap: it is gone while the connection lives on.
                let is_asked = Box::pin(speaks(&socket, open.clone())).await;
                let answered = if is_asked { answers.call(socket).await } else { Ok(()) };
                drop(open);
                answered
            }
        }))
    }
}

/// Waits for the first bytes of a client; `false` when none come in time.
async fn speaks(socket: &TcpStream, open: watch::Receiver<bool>) -> bool {
    tokio::select! {
        first = timeout(KEEP_ALIVE, socket.readable()) => matches!(first, Ok(Ok(()))),
        () = over(open) => false,
    }
}

async fn over(mut open: watch::Receiver<bool>) {
    // Without a sender there is no server.
    let _gone = open.wait_for(|is_over| *is_over).await;
}
