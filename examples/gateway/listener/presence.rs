use tenantry_tower::{guard::ClientNetwork, proxy::Hangup};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::crowd::{Crowd, Place};

/// That a connection is there, whatever is spoken over it: it has one of the listener's seats, and the listener does not end before it, in its drain time.
#[derive(Debug)]
pub(super) struct Presence {
    _seat: OwnedSemaphorePermit,
    stopped: watch::Receiver<()>,
    hangup: Hangup,
    crowd: Crowd,
    /// Among its client's, where those are counted.
    place: Option<Place>,
}

impl Presence {
    pub(super) const fn new(
        seat: OwnedSemaphorePermit,
        stopped: watch::Receiver<()>,
        hangup: Hangup,
        crowd: Crowd,
    ) -> Self {
        Self { _seat: seat, stopped, hangup, crowd, place: None }
    }

    /// Whether its client may have it, too, beside those that it has.
    pub(super) fn enter(&mut self, client: ClientNetwork, most: usize) -> bool {
        self.place = self.crowd.enter(client, most);
        self.place.is_some()
    }

    /// Tells when the listener is to stop.
    pub(super) fn stopped(&self) -> watch::Receiver<()> {
        self.stopped.clone()
    }

    /// Ends its tunnels, when the time to drain is over.
    pub(super) fn hangup(&self) -> Hangup {
        self.hangup.clone()
    }
}
