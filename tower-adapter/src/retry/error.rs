use std::{error, fmt};

/// Why [`Retry`](super::Retry) gives no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The service within failed, and another attempt was not possible, not allowed, or failed alike.
    Service(E),
    /// The last attempt took longer than one may.
    TryTimedOut,
    /// All attempts together took longer than they may.
    TimedOut,
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(_) => "the retried service failed",
            Self::TryTimedOut => "the last attempt took too long",
            Self::TimedOut => "the attempts together took too long",
        })
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Service(error) => Some(error),
            Self::TryTimedOut | Self::TimedOut => None,
        }
    }
}
