use std::{fmt, future::Future, pin::Pin};

use http::request::Parts;

use super::{Identity, Refusal};

/// A way to check who sent a request.
pub trait Authenticate: Send + Sync {
    /// Checks the credentials. It may take off what nobody behind shall see: the credential itself, or a header that the peer may not set.
    fn authenticate(&self, request: &mut Parts) -> Decision;
}

/// What [`Authenticate`] says, or will say.
#[non_exhaustive]
pub enum Decision {
    /// At once.
    Now(Result<Identity, Refusal>),
    /// After some I/O.
    Later(Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send>>),
}

impl Decision {
    /// Asks later.
    pub fn later(future: impl Future<Output = Result<Identity, Refusal>> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl From<Result<Identity, Refusal>> for Decision {
    fn from(result: Result<Identity, Refusal>) -> Self {
        Self::Now(result)
    }
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        Self::Now(Err(refusal))
    }
}

impl<A: Authenticate + ?Sized> Authenticate for std::sync::Arc<A> {
    fn authenticate(&self, request: &mut Parts) -> Decision {
        (**self).authenticate(request)
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(result) => f.debug_tuple("Now").field(result).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}
