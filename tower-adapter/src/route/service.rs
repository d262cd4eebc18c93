use std::task::{Context, Poll};

use http::{Request, request::Parts};
use tenantry::Rejection;
use tower::Service;
use tracing::info;

use super::{Error, Refusal, ResponseFuture, Routes};
use crate::{identity::Identity, tenant::TenantId};

/// The service of [`RouteLayer`](super::RouteLayer).
///
/// It is always ready; the inner service is driven to readiness for those that may go on, on a clone of its own.
#[derive(Clone, Debug)]
pub struct Routed<S> {
    inner: S,
    routes: Routes,
}

enum Denied {
    Refused(Refusal),
    Limited(Rejection),
}

impl<S> Routed<S> {
    pub(super) const fn new(inner: S, routes: Routes) -> Self {
        Self { inner, routes }
    }

    fn admit(&self, request: &mut Parts) -> Result<(), Denied> {
        let lane = self.routes.lane(request).map_err(Denied::Refused)?;
        let tenant = request.extensions.get::<TenantId>();
        if !lane.route.is_open_to(tenant) {
            return Err(Denied::Refused(Refusal::Tenant));
        }
        if !lane.route.is_allowed_to(request.extensions.get::<Identity>()) {
            return Err(Denied::Refused(Refusal::Scope));
        }
        if let (Some(limits), Some(tenant)) = (&lane.limits, tenant) {
            limits.charge(tenant, lane.route.cost.unwrap_or(1)).map_err(Denied::Limited)?;
        }
        request.extensions.insert(lane.matched().clone());
        Ok(())
    }
}

impl<S, B> Service<Request<B>> for Routed<S>
where
    S: Service<Request<B>> + Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        match self.admit(&mut parts) {
            Ok(()) => ResponseFuture::calling(self.inner.clone(), Request::from_parts(parts, body)),
            Err(Denied::Limited(rejection)) => ResponseFuture::denied(Error::Limited(rejection)),
            Err(Denied::Refused(refusal)) => {
                let tenant = parts.extensions.get::<TenantId>().map(tracing::field::display);
                info!(target: "tenantry::route", code = refusal.code(), tenant, "refused");
                ResponseFuture::denied(Error::Refused(refusal))
            }
        }
    }
}
