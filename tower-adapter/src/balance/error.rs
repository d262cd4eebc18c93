use std::{error, fmt};

use tenantry::Rejection;

/// Why [`Balance`](super::Balance) gives no response: it refused, or the service within failed with its own `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// No [`TenantId`](crate::tenant::TenantId) among the request's extensions: no
    /// [`TenantLayer`](crate::tenant::TenantLayer) found one.
    MissingTenant,
    /// The balancer refused, and says why and for how long.
    Rejected(Rejection),
    /// The service within failed.
    Service(E),
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingTenant => f.write_str("the request names no tenant"),
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Service(_) => f.write_str("the balanced service failed"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::MissingTenant | Self::Rejected(_) => None,
            Self::Service(error) => Some(error),
        }
    }
}
