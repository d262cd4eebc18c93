//! Accepts connections until told to stop, then lets what is in flight finish.

use std::{io, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tenantry_tower::proxy::Peer;
use tokio::{
    net::{TcpListener, TcpStream},
    pin,
    signal::unix::{Signal, SignalKind, signal as listen_for},
    time::{sleep, timeout},
};

use crate::route::Router;

/// Serves until `stop` is ready, then drains for at most `drain`. Whether all that was in flight finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
    drain: Duration,
) -> bool {
    let connections = GracefulShutdown::new();
    pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(connection(stream, Peer::new(peer), router.clone(), connections.watcher()));
                }
                // Out of file descriptors, most likely: the next attempt at once would fail too.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    timeout(drain, connections.shutdown()).await.is_ok()
}

/// Ctrl-C and `SIGTERM`, as often as they come.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn new() -> io::Result<Self> {
        let interrupt = listen_for(SignalKind::interrupt())?;
        let terminate = listen_for(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Becomes ready at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, watcher: Watcher) {
    // Small frames (events, the last bytes of a body) shall not wait for an acknowledgement. A socket that cannot do
    // this still works.
    stream.set_nodelay(true).ok();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.clone().answer(request)
    });
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // What breaks a connection is the client's going, or an endpoint's; both were accounted for where they happened.
    watcher.watch(served).await.ok();
}
