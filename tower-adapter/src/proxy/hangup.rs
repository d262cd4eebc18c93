use std::sync::Arc;

use tokio::sync::watch;

/// Ends tunnels: whoever serves puts a clone among a request's extensions, and tells it when there is no more time. The tunnel that the request has become (an upgraded connection: a WebSocket, say) then ends on
/// both sides, in the middle of whatever goes over it: a tunnel has no end of its own that could be waited for. Clones are the same.
///
/// ```
/// use http::Request;
/// use tenantry_tower::proxy::Hangup;
///
/// let hangup = Hangup::new();
/// let mut request = Request::new(());
/// request.extensions_mut().insert(hangup.clone());
/// assert!(!hangup.tell()); // no tunnel was open
/// ```
#[derive(Clone, Debug)]
pub struct Hangup {
    told: Arc<watch::Sender<bool>>,
}

impl Hangup {
    /// Nobody has been told yet.
    #[must_use]
    pub fn new() -> Self {
        Self { told: Arc::new(watch::Sender::new(false)) }
    }

    /// Ends the tunnels that are open, which they are as soon as their endpoints have granted them, and at once those that will be. Whether any was.
    pub fn tell(&self) -> bool {
        let is_heard = self.told.receiver_count() > 0;
        self.told.send_replace(true);
        is_heard
    }

    /// Whoever holds what this returns is an open tunnel, which reads there whether it is told.
    pub(super) fn listen(&self) -> watch::Receiver<bool> {
        self.told.subscribe()
    }
}

impl Default for Hangup {
    fn default() -> Self {
        Self::new()
    }
}
