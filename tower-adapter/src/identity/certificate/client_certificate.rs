use std::time::SystemTime;

use http::request::Parts;

use super::{CertificateName, PeerCertificate, name::Named};
use crate::identity::{Authenticate, Decision, Fault, Identity, Refusal, Scheme};

/// Reads the tenant from the [`PeerCertificate`] among the request's extensions.
///
/// A connection may live longer than its certificate: the times are looked at with every request.
///
/// ```
/// use tenantry_tower::identity::{
///     IdentityLayer,
///     certificate::{CertificateName, ClientCertificate, NameKind},
/// };
///
/// let name = CertificateName::new(NameKind::Uri).with_prefix("spiffe://example.org/tenant/");
/// let layer = IdentityLayer::new(ClientCertificate::new(name));
/// ```
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    name: CertificateName,
    now: fn() -> SystemTime,
}

impl ClientCertificate {
    /// The tenant is in this name.
    #[must_use]
    pub const fn new(name: CertificateName) -> Self {
        Self { name, now: SystemTime::now }
    }

    /// Reads this clock. Default: the system's.
    #[must_use]
    pub const fn with_clock(mut self, now: fn() -> SystemTime) -> Self {
        self.now = now;
        self
    }

    fn identify(&self, request: &Parts) -> Result<Identity, Refusal> {
        let scheme = Scheme::Certificate;
        let certificate = request.extensions.get::<PeerCertificate>().ok_or(Refusal::Missing(scheme))?;
        let (names, now) = (&*certificate.names, (self.now)());
        if now < names.not_before {
            return Err(Refusal::Invalid(scheme, Fault::NotYetValid));
        }
        if now > names.not_after {
            return Err(Refusal::Invalid(scheme, Fault::Expired));
        }
        match self.name.tenant(names) {
            Named::Tenant(id) => Ok(Identity::new(id, scheme)),
            Named::Nobody => Err(Refusal::Unknown(scheme)),
            Named::Several => Err(Refusal::Invalid(scheme, Fault::Repeated)),
        }
    }
}

impl Authenticate for ClientCertificate {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        self.identify(request).into()
    }
}
