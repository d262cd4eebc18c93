use std::{error, fmt};

/// Why a [`ReplayBody`](super::ReplayBody) breaks off.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The body itself did.
    Source(Box<dyn error::Error + Send + Sync>),
    /// Another attempt has taken over: this one's answer is wanted no more.
    Superseded,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source(_) => "the request's body broke off",
            Self::Superseded => "another attempt at the request has taken over",
        })
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(&**error),
            Self::Superseded => None,
        }
    }
}
