use std::{error, fmt};

/// Why a [`FaultBody`](super::FaultBody) broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError<E> {
    /// On purpose.
    Reset,
    /// The body within broke off by itself.
    Inner(E),
}

impl<E> fmt::Display for BodyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "the body was broken off on purpose",
            Self::Inner(_) => "the body within broke off",
        })
    }
}

impl<E: error::Error + 'static> error::Error for BodyError<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Reset => None,
            Self::Inner(error) => Some(error),
        }
    }
}
