use std::{error, fmt};

use super::Refusal;

/// Why [`Identified`](super::Identified) gives no response: it refused, or the service within failed with its own `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The credentials do not identify anybody.
    Refused(Refusal),
    /// The service within failed.
    Service(E),
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Service(_) => f.write_str("the service behind the identity failed"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Service(error) => Some(error),
        }
    }
}
