use std::{error, fmt};

use tenantry::Rejection;

use super::Refusal;

/// Why [`Routed`](super::Routed) gives no response: it refused, or the service within failed with its own `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The request has no route, or its tenant may not take it.
    Refused(Refusal),
    /// The tenant has used up what the route allows.
    Limited(Rejection),
    /// The service within failed.
    Service(E),
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Limited(rejection) => rejection.fmt(f),
            Self::Service(_) => f.write_str("the service behind the route failed"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Refused(_) | Self::Limited(_) => None,
            Self::Service(error) => Some(error),
        }
    }
}
