use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::proxy::without_credential;

/// Where a request shall go: [`Balance`](super::Balance) puts it into the request's extensions, for the service within.
///
/// ```
/// use http::Request;
/// use tenantry_tower::balance::PickedEndpoint;
///
/// fn target(request: &Request<()>) -> Option<&str> {
///     Some(request.extensions().get::<PickedEndpoint>()?.address())
/// }
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(PickedEndpoint::new("http://10.0.0.1:8080"));
/// assert_eq!(target(&request), Some("http://10.0.0.1:8080"));
/// ```
#[derive(Clone)]
pub struct PickedEndpoint {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Box<str>,
    address: Box<str>,
    excused: AtomicBool,
}

impl PickedEndpoint {
    /// The endpoint of this address, of no pool: for tests of what stands within.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self::of_pool(String::new(), address)
    }

    pub(super) fn of_pool(pool: String, address: &str) -> Self {
        let (pool, address) = (pool.into_boxed_str(), address.into());
        Self { shared: Arc::new(Shared { pool, address, excused: AtomicBool::new(false) }) }
    }

    /// The pool that serves it, which may be a fallback of the one that was asked.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.shared.pool
    }

    /// The address as it stands in the pool.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Says that how this request ends is not the endpoint's doing: its client broke off, say, or sent what cannot be
    /// forwarded. The balancer then learns nothing from it. Without this, a tenant could have endpoints ejected for
    /// everyone by breaking off its own uploads.
    pub fn excuse(&self) {
        // Relaxed: a flag of its own that guards no other data; who reads it either polled the future that set it or
        // would have settled before.
        self.shared.excused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_excused(&self) -> bool {
        self.shared.excused.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for PickedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PickedEndpoint").field(&without_credential(self.address())).finish()
    }
}
