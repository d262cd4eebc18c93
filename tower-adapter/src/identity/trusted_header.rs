use http::{HeaderName, request::Parts};

use super::{Authenticate, Decision, Fault, Identity, Networks, Refusal, Scheme};
use crate::{
    field::{self, Withheld},
    proxy::Peer,
    tenant::{Header, Identify},
};

/// Believes a header, but only from trusted hops: peers in these networks. Everybody else may not send it.
///
/// The peer is the [`Peer`] among the request's extensions; a request without one comes from nobody trusted. What `X-Forwarded-For` and its
/// kin say does not count: anybody can write them. A header that CGI, WSGI or PHP would take for it (`x_tenant`) is taken off, whoever sends it.
///
/// ```
/// use http::{HeaderName, Request};
/// use tenantry_tower::{
///     identity::{Authenticate, Decision, Networks, Refusal, TrustedHeader},
///     proxy::Peer,
/// };
///
/// let hops = Networks::parse(["10.0.0.0/8"])?;
/// let header = TrustedHeader::new(HeaderName::from_static("x-tenant"), hops);
/// for (peer, is_believed) in [("10.0.0.7:4711", true), ("192.0.2.1:4711", false)] {
///     let mut request = Request::get("/").header("x-tenant", "acme").body(()).unwrap().into_parts().0;
///     request.extensions.insert(Peer::new(peer.parse().unwrap()));
///     let Decision::Now(decided) = header.authenticate(&mut request) else { unreachable!() };
///     assert_eq!(decided.is_ok(), is_believed);
/// }
/// # Ok::<(), tenantry_tower::identity::NetworksError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustedHeader {
    name: HeaderName,
    header: Header,
    trusted: Networks,
    strangers: Strangers,
}

/// What becomes of the header from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strangers {
    Refused,
    Cleared,
}

impl TrustedHeader {
    /// Believes this header from peers in these networks, and [refuses](Refusal::Untrusted) it from others.
    #[must_use]
    pub fn new(name: HeaderName, trusted: Networks) -> Self {
        Self { header: Header::new(name.clone()), name, trusted, strangers: Strangers::Refused }
    }

    /// Takes the header off requests from elsewhere, as if they had none. Useful in an [`AnyOf`](super::AnyOf). Default: they are refused.
    #[must_use]
    pub const fn clearing_strangers(mut self) -> Self {
        self.strangers = Strangers::Cleared;
        self
    }

    fn is_trusted(&self, request: &Parts) -> bool {
        request.extensions.get::<Peer>().is_some_and(|peer| self.trusted.contains(peer.address().ip()))
    }
}

impl Authenticate for TrustedHeader {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        let missing = Refusal::Missing(Scheme::TrustedHeader);
        let is_there = request.headers.contains_key(&self.name);
        field::remove_lookalikes(&mut request.headers, &self.name);
        if !self.is_trusted(request) {
            let is_refused = is_there && self.strangers == Strangers::Refused;
            request.headers.remove(&self.name);
            Withheld::add(request, &self.name);
            return if is_refused { Refusal::Untrusted } else { missing }.into();
        }
        match self.header.identify(request) {
            Some(tenant) => Ok(Identity::new(tenant, Scheme::TrustedHeader)).into(),
            None if is_there => Refusal::Invalid(Scheme::TrustedHeader, Fault::Malformed).into(),
            None => missing.into(),
        }
    }
}
