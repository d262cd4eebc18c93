use tenantry_tower::proxy::Hangup;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// That a connection is there, whatever is spoken over it: it has one of the listener's seats, and the listener does not end before it, in its drain time.
#[derive(Debug)]
pub(super) struct Presence {
    _seat: OwnedSemaphorePermit,
    stopped: watch::Receiver<()>,
    hangup: Hangup,
}

impl Presence {
    pub(super) const fn new(
        seat: OwnedSemaphorePermit,
        stopped: watch::Receiver<()>,
        hangup: Hangup,
    ) -> Self {
        Self { _seat: seat, stopped, hangup }
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
