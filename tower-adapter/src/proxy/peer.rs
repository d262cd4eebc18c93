use std::net::SocketAddr;

use http::uri::Scheme;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    address: SocketAddr,
    scheme: Scheme,
}

impl Peer {
    /// A client that came over plain HTTP from this address.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, scheme: Scheme::HTTP }
    }

    /// It came over this scheme (`https`, where TLS ends here).
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
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
}
