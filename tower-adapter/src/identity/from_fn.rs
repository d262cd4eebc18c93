use std::{any, fmt, future::Future};

use http::request::Parts;

use super::{Authenticate, Decision, Identity, Refusal};

/// Asks an async function. An example: [`IdentityLayer`](super::IdentityLayer).
pub struct FromFn<F> {
    function: F,
}

impl<F> FromFn<F> {
    /// Asks this function, with what it shall keep of the request moved into its future.
    pub const fn new<Fut>(function: F) -> Self
    where
        F: Fn(&Parts) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
    {
        Self { function }
    }
}

impl<F, Fut> Authenticate for FromFn<F>
where
    F: Fn(&Parts) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Identity, Refusal>> + Send + 'static,
{
    fn authenticate(&self, request: &mut Parts) -> Decision {
        Decision::later((self.function)(request))
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromFn({})", any::type_name::<F>())
    }
}
