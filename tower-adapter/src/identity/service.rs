use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderName, HeaderValue, Request, request::Parts};
use tower::Service;

use super::{Authenticate, Decision, Error, Identity, Refusal, ResponseFuture, event};
use crate::field;

/// The service of [`IdentityLayer`](super::IdentityLayer).
///
/// It is always ready; the inner service is driven to readiness once somebody is identified, on a clone of its own.
pub struct Identified<S, A> {
    inner: S,
    authenticate: Arc<A>,
    tell: Option<HeaderName>,
}

impl<S, A> Identified<S, A> {
    pub(super) const fn new(inner: S, authenticate: Arc<A>, tell: Option<HeaderName>) -> Self {
        Self { inner, authenticate, tell }
    }
}

impl<S, A, B> Service<Request<B>> for Identified<S, A>
where
    S: Service<Request<B>> + Clone,
    A: Authenticate,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let inner = self.inner.clone();
        match self.authenticate.authenticate(&mut parts) {
            Decision::Now(decided) => match admit(decided, &mut parts, self.tell.as_ref()) {
                Ok(()) => ResponseFuture::calling(inner, Request::from_parts(parts, body)),
                Err(refusal) => ResponseFuture::refused(refusal),
            },
            Decision::Later(asking) => {
                ResponseFuture::asking(asking, inner, Request::from_parts(parts, body), self.tell.clone())
            }
        }
    }
}

/// Writes down who it is, for those within; or that nobody was identified, for the log.
pub(super) fn admit(
    decided: Result<Identity, Refusal>,
    parts: &mut Parts,
    tell: Option<&HeaderName>,
) -> Result<(), Refusal> {
    let admitted = decided.and_then(|identity| {
        if let Some(name) = tell {
            let id = HeaderValue::from_str(identity.tenant().as_str());
            let id = id.map_err(|_| Refusal::Unknown(identity.scheme()))?;
            field::remove_lookalikes(&mut parts.headers, name);
            parts.headers.insert(name.clone(), id);
        }
        parts.extensions.insert(identity.tenant().clone());
        parts.extensions.insert(identity);
        Ok(())
    });
    admitted.inspect_err(|refusal| event::refused(*refusal, &parts.extensions))
}

impl<S: Clone, A> Clone for Identified<S, A> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            authenticate: Arc::clone(&self.authenticate),
            tell: self.tell.clone(),
        }
    }
}

impl<S: fmt::Debug, A> fmt::Debug for Identified<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identified")
            .field("inner", &self.inner)
            .field("tell", &self.tell)
            .finish_non_exhaustive()
    }
}
