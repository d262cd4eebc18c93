use std::{error, fmt, time::Duration};

use http::StatusCode;

use super::guard::Banned;
use crate::rejection::Problem;

/// Why [`ByTenant`](super::ByTenant) gives no response: the tenant is banned, or the service within failed with its own `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The tenant is banned.
    Banned {
        /// For how long yet.
        remaining: Duration,
    },
    /// The service within failed.
    Service(E),
}

/// How a client's ban is told. 429 and not 403: it ends, and `Retry-After` belongs to it (RFC 6585 §4); clients that honour it come back when they may.
pub(super) fn client(Banned(remaining): Banned) -> Problem {
    let title = "Too many requests of this client were refused";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "CLIENT_BANNED", title).with_retry_after(remaining)
}

impl<E: Into<Self>> From<Error<E>> for Problem {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Banned { remaining } => {
                let title = "The tenant is shut out for a while";
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TENANT_BANNED", title).with_retry_after(remaining)
            }
            Error::Service(error) => error.into(),
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Banned { remaining } => write!(f, "the tenant is banned for {remaining:?} yet"),
            Self::Service(_) => f.write_str("the service behind the guard failed"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Banned { .. } => None,
            Self::Service(error) => Some(error),
        }
    }
}
