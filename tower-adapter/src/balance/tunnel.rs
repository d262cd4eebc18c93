use std::sync::{Arc, Mutex, PoisonError};

use tenantry::{Lease, Outcome};

/// Keeps a lease for as long as a tunnel is open: a service that answers by 101 (Switching Protocols) puts a clone among its answer's extensions,
/// and [`Balance`](super::Balance) leaves the lease there, whose seat would else be free as soon as the answer's head is out.
///
/// [`ReverseProxy`](crate::proxy::ReverseProxy) does so. A tunnel that is [closed](Tunnel::close) was a success, however it ended; where all clones are
/// dropped without that, it never was open, and the lease ends as cancelled.
#[derive(Clone, Debug, Default)]
pub struct Tunnel {
    lease: Arc<Mutex<Option<Lease>>>,
}

impl Tunnel {
    /// One that keeps nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tunnel was open, and is no more.
    pub fn close(self) {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lease) = lease {
            lease.finish(Outcome::success());
        }
    }

    pub(super) fn keep(&self, lease: Lease) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }
}
