//! The side that clients see: connections are accepted, kept within [`Limits`], and served.
//!
//! ```text
//! accept ─► (PROXY header ─►) (TLS ─►) WatchedStream ─► hyper ─► screen ─► InboundBody ─► the router
//!                                 │ reads, writes          what no route should see
//!                                 ▼
//!                              Activity ◄── supervise: who idles, trickles a head or reads too slowly is shown the door
//! ```

mod activity;
mod answer;
mod answered;
mod connection;
mod crowd;
mod extended_connect;
mod inbound;
mod limits;
mod live;
mod patience;
mod presence;
mod proxy_protocol;
mod screen;
mod shown;
mod stream;
mod supervise;

use std::{sync::Arc, time::Duration};

use tenantry_tower::proxy::{Hangup, Peer};
use tokio::{
    net::{TcpListener, TcpStream},
    pin,
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use crowd::Crowd;
pub use inbound::InboundBody;
pub use limits::Limits;
pub use live::Live;
use presence::Presence;
pub(crate) use screen::is_grpc;

/// Accepts connections and serves them, until it is told to stop.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    live: Live,
}

impl Listener {
    /// Serves this to whoever comes to the socket.
    #[must_use]
    pub fn new(socket: TcpListener, live: impl Into<Live>) -> Self {
        Self { socket, live: live.into() }
    }

    /// Serves until `stop` is ready, then drains for at most `drain`. Whether all that was in flight finished; tunnels have no end of their own, and end with that time.
    pub async fn serve(self, stop: impl Future<Output = ()>, drain: Duration) -> bool {
        let Self { socket, live } = self;
        let seats = Arc::new(Semaphore::new(live.now().limits.max_connections()));
        let (stopping, stopped) = watch::channel(());
        let (hangup, crowd) = (Hangup::new(), Crowd::default());
        pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (seat, stream, peer) = next(&socket, &seats) => {
                    let presence = Presence::new(seat, stopped.clone(), hangup.clone(), crowd.clone());
                    tokio::spawn(connection::serve(live.clone(), stream, peer, presence));
                }
            }
        }
        drop((socket, stopped));
        stopping.send(()).ok(); // nobody listens where nobody is connected
        if timeout(drain, stopping.closed()).await.is_ok() {
            return true;
        }
        hangup.tell() && timeout(TUNNELS_END, stopping.closed()).await.is_ok()
    }
}

/// The next connection, as soon as there is a seat for it. Who comes before that waits in the system's queue.
async fn next(
    socket: &TcpListener,
    seats: &Arc<Semaphore>,
) -> (tokio::sync::OwnedSemaphorePermit, TcpStream, Peer) {
    let seat = Arc::clone(seats).acquire_owned().await.expect("nobody closes it");
    loop {
        match socket.accept().await {
            Ok((stream, address)) => return (seat, stream, Peer::new(address)),
            // Out of file descriptors, most likely: the next attempt at once would fail too.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// How long tunnels may take to end once they are told to: both sides hear of it, and their connections end. They take milliseconds; the rest is for a busy machine.
const TUNNELS_END: Duration = Duration::from_secs(5);
