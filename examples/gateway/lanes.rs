//! From a request whose route is known to the layers that serve it.

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tenantry_tower::{route::MatchedRoute, tenant::TenantId};
use tower::Service;

use crate::{
    listener,
    route::{Inbound, Lane, LaneBody},
};

/// Where requests go on. One list, shared: services are cloned for every request.
#[derive(Clone)]
pub(crate) struct Lanes(Arc<AllLanes>);

pub(crate) struct AllLanes {
    /// One for each route, in the order of the settings.
    pub(crate) lanes: Vec<RouteLane>,
    /// The tenants that copies are sent as, which no client may be.
    pub(crate) reserved: Vec<TenantId>,
    pub(crate) refusing: Lane,
}

/// The lane of one route.
pub(crate) struct RouteLane {
    pub(crate) lane: Lane,
    /// Whether all endpoints that it may reach hear HTTP/2, which gRPC is spoken over.
    pub(crate) hears_grpc: bool,
}

impl From<AllLanes> for Lanes {
    fn from(lanes: AllLanes) -> Self {
        Self(Arc::new(lanes))
    }
}

impl Service<Request<Inbound>> for Lanes {
    type Response = Response<LaneBody>;
    type Error = Infallible;
    type Future = <Lane as Service<Request<Inbound>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Inbound>) -> Self::Future {
        let tenant = request.extensions().get::<TenantId>();
        if tenant.is_some_and(|tenant| self.0.reserved.contains(tenant)) {
            return self.0.refusing.clone().call(request);
        }
        let route = request.extensions().get::<MatchedRoute>().expect("RouteLayer stands before it");
        let RouteLane { lane, hears_grpc } = &self.0.lanes[route.index()];
        if *hears_grpc && listener::is_grpc(&request) {
            // A stream of messages may pause for as long as it likes; pings tell whether its client is there.
            request.body_mut().inner_mut().wait_for_ever();
        }
        lane.clone().call(request)
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({})", self.0.lanes.len())
    }
}
