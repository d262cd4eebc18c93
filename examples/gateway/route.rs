//! Which pool serves a request: the route whose path is the longest that the request's path starts with.

use std::{convert::Infallible, fmt, sync::Arc};

use http::{HeaderName, Request, Response, StatusCode};
use hyper::body::Incoming;
use tenantry::Balancer;
use tenantry_tower::{
    balance::{BalanceLayer, LeaseBody},
    proxy::ReverseProxy,
    rate_limit::{RateLimitLayer, ResetForm},
    rejection::{Problem, RejectionBody, RejectionLayer},
    tenant::{Header, TenantLayer},
};
use tower::{
    ServiceBuilder, ServiceExt,
    util::{BoxCloneSyncService, option_layer},
};

use crate::{
    config::{RateLimitHeaders, Route, Settings},
    meter::Meter,
};

/// The body of a gateway's answers.
pub type Body = RejectionBody<LeaseBody<Incoming>>;

type Lane = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// All routes, each with its own stack of layers; they share the connections to the endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    lanes: Arc<[(String, Lane)]>,
}

impl Router {
    /// Routes as the settings say; a meter, where there is one, sees every request that names a tenant.
    #[must_use]
    pub fn new(balancer: &Balancer, settings: &Settings, meter: Option<&Meter>) -> Self {
        let proxy = ReverseProxy::new();
        let lane = |route: &Route| {
            let stack = ServiceBuilder::new()
                .layer(TenantLayer::new(Header::new(settings.tenant_header().clone())))
                .layer(option_layer(meter.cloned()))
                .layer(option_layer(rate_limits(balancer, settings)))
                .layer(RejectionLayer::new())
                .layer(balance(balancer, route))
                .service(proxy.clone());
            (route.path().to_owned(), BoxCloneSyncService::new(stack))
        };
        let mut lanes: Vec<_> = settings.routes().iter().map(lane).collect();
        lanes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Self { lanes: lanes.into() }
    }

    /// The answer to one request.
    ///
    /// # Errors
    /// Never.
    pub async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path();
        match self.lanes.iter().find(|(prefix, _)| covers(prefix, path)) {
            Some((_, lane)) => lane.clone().oneshot(request).await,
            None => {
                Ok(Problem::new(StatusCode::NOT_FOUND, "NO_ROUTE", "No route leads there").into_response())
            }
        }
    }
}

fn rate_limits(balancer: &Balancer, settings: &Settings) -> Option<RateLimitLayer> {
    let layer = RateLimitLayer::new(balancer.clone());
    match settings.rate_limit_headers() {
        RateLimitHeaders::Off => None,
        RateLimitHeaders::Current => Some(layer),
        RateLimitHeaders::Older => Some(layer.with_older_fields(ResetForm::DeltaSeconds)),
    }
}

fn balance(balancer: &Balancer, route: &Route) -> BalanceLayer {
    let layer = BalanceLayer::new(balancer.clone()).pool(route.pool());
    match route.key_header().cloned() {
        Some(name) => layer.key(move |request| key(request, &name)),
        None => layer,
    }
}

fn key<'a>(request: &'a http::request::Parts, name: &HeaderName) -> Option<std::borrow::Cow<'a, [u8]>> {
    Some(request.headers.get(name)?.as_bytes().into())
}

/// Whole segments only: `/api` covers `/api` and `/api/x`, not `/apix`. `/` covers everything, the targets that are no
/// paths (`OPTIONS *`, `CONNECT`) included.
fn covers(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lanes.iter().map(|(path, _)| path)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_route_covers_whole_segments() {
        assert!(covers("/", "/") && covers("/", "/x") && covers("/api", "/api") && covers("/api", "/api/x"));
        assert!(covers("/api/", "/api/x") && covers("/", "*") && covers("/", ""));
        assert!(!covers("/api", "/apix") && !covers("/api/", "/api") && !covers("/api", "/"));
    }
}
