use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderValue, uri::Scheme};

/// Who is at the other end of the client's connection: put it into the extensions of each request that comes over it.
///
/// ```
/// use http::Request;
/// use tenantry_tower::proxy::Peer;
///
/// let peer = Peer::new("192.0.2.43:47011".parse().unwrap());
/// let mut request = Request::new(());
/// request.extensions_mut().insert(peer);
/// ```
#[derive(Clone, Debug)]
pub struct Peer {
    address: SocketAddr,
    scheme: Scheme,
    told: Arc<Mutex<Option<Told>>>,
}

/// What endpoints were told of it with its last request: a connection's requests are for one host, mostly.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) host: HeaderValue,
    /// The element of `Forwarded`.
    pub(super) element: HeaderValue,
    /// That of `X-Forwarded-For`.
    pub(super) client: HeaderValue,
}

impl Peer {
    /// A client that came over plain HTTP from this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, scheme: Scheme::HTTP, told: Arc::default() }
    }

    /// It came over this scheme (`https`, where TLS ends here).
    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..Self::new(self.address) }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The scheme it came over.
    #[must_use]
    pub const fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// What is told of it with a request for this host.
    pub(super) fn told(&self, host: &HeaderValue, tell: impl FnOnce() -> Told) -> Told {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match &*told {
            Some(told) if told.host == host => told.clone(),
            _ => told.insert(tell()).clone(),
        }
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        (self.address, &self.scheme) == (other.address, &other.scheme)
    }
}

impl Eq for Peer {}
