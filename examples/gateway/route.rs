//! From a request to the lane that serves it: who it is, which route it takes, what stands on the way.

use std::{error, future::ready, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use tenantry::Balancer;
use tenantry_tower::{
    balance::{BalanceLayer, LeaseBody},
    guard::{ByTenant, ByTenantLayer, GuardLayer, Guarded},
    hedge::HedgeLayer,
    identity::Identified,
    log::{CountedBody, LogBody, Logged, Note, NoteLayer},
    metrics::{Metrics, RequestsLayer},
    proxy::{ResponseBody, ReverseProxy},
    rate_limit::{RateLimitLayer, ResetForm},
    rejection::{Problem, RejectionBody, RejectionLayer, Respond},
    replay::ReplayBody,
    retry::{RetryBody, RetryLayer},
    route::{RouteLayer, Routed},
};
use tower::{
    Layer, Service, ServiceBuilder, service_fn,
    util::{Either, option_layer},
};

use crate::{
    again::{self, Retry},
    config::{RateLimitHeaders, Settings},
    identify::Gate,
    lanes::{AllLanes, Lanes, RouteLane},
    listener::InboundBody,
    log::LogTable,
    meter::Meter,
    mirror::MirrorTable,
    otel::{self, ServerSpans},
    refusals::Refusals,
    routes::RouteTable,
    stack,
};

/// The body of a gateway's answers.
pub type Body = LogBody<RejectionBody<LaneBody>>;

/// A client's body, counted for the log.
pub(crate) type Inbound = CountedBody<InboundBody>;

pub(crate) type LaneBody = RejectionBody<RetryBody<LeaseBody<ResponseBody>>>;
/// What stands before a route's stack, as far as it is wanted.
pub(crate) type Lane =
    Note<Optional<Meter, Optional<RequestsLayer, Optional<RateLimitLayer, Stack<Inbound>>>>>;
type Optional<L, S> = Either<<L as Layer<S>>::Service, S>;
type Stack<B> = stack::Stack<Request<B>, Response<LaneBody>>;

/// Who it is, which route it takes, and then the route's own stack of layers; all share the connections to the endpoints. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Router {
    front: Front,
    refusals: Arc<Refusals>,
}

/// An answer on its way.
pub(crate) type Answering = <Front as Service<Request<InboundBody>>>::Future;

/// What every request passes.
type Front = Logged<ServerSpans<Either<Watched, Plain>>>;

type Plain = Respond<Identified<Note<Routed<Lanes>>, Gate>>;
type Watched = Guarded<Respond<Identified<Note<ByTenant<Routed<Lanes>>>, Gate>>>;

impl Router {
    /// Routes as the settings say; a meter, where there is one, sees every request that names a tenant.
    #[must_use]
    pub fn new(balancer: &Balancer, settings: &Settings, meter: Option<&Meter>) -> Self {
        Self::measured(balancer, settings, meter, None)
    }

    /// The same; these metrics are told how requests end, and how long they and endpoints take.
    #[must_use]
    pub fn measured(
        balancer: &Balancer,
        settings: &Settings,
        meter: Option<&Meter>,
        metrics: Option<&Metrics>,
    ) -> Self {
        let (proxies, mirrored) = (Proxies::new(settings), Proxies::new(settings));
        let build = Build { balancer, settings, meter, metrics, proxies, mirrored };
        let routes = settings.routes().iter();
        let to_lane = |route: &RouteTable| RouteLane {
            lane: build.lane(route),
            hears_grpc: settings.hears_grpc(route.pool()),
        };
        let lanes = AllLanes {
            reserved: routes.clone().filter_map(RouteTable::mirror).map(MirrorTable::tenant).collect(),
            lanes: routes.map(to_lane).collect(),
            refusing: lane(refusing(), None, None, None),
        };
        let lanes = Lanes::from(lanes);
        let (identity, routes) = (settings.gate().layer(), RouteLayer::new(settings.map().clone()));
        let front = ServiceBuilder::new();
        let front = match settings.guard().cloned() {
            None => {
                let front = front.layer(RejectionLayer::new()).layer(identity).layer(NoteLayer::new());
                Either::Right(front.layer(routes).service(lanes))
            }
            Some(guard) => {
                let (by_client, by_tenant) = (GuardLayer::new(guard.clone()), ByTenantLayer::new(guard));
                let front = front.layer(by_client).layer(RejectionLayer::new()).layer(identity);
                let front = front.layer(NoteLayer::new());
                Either::Left(front.layer(by_tenant).layer(routes).service(lanes))
            }
        };
        let refusals = Arc::new(Refusals::new(settings, metrics.map(Metrics::refusals)));
        Self { front: LogTable::layer(settings).layer(otel::server_spans(settings).layer(front)), refusals }
    }

    /// Answers what is refused on the way here.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The answer to one request.
    pub(crate) fn answer(&self, request: Request<InboundBody>) -> Answering {
        // Always ready, as its layers are, or what they stand around.
        self.front.clone().call(request)
    }
}

/// What lanes are made of.
struct Build<'a> {
    balancer: &'a Balancer,
    settings: &'a Settings,
    meter: Option<&'a Meter>,
    metrics: Option<&'a Metrics>,
    proxies: Proxies<Inbound>,
    /// For routes with a mirror: their requests' bodies are kept, for copies.
    mirrored: Proxies<ReplayBody<Inbound>>,
}

/// One for each form that a request's body has on its way: as it comes, kept for retries, and kept for hedges.
struct Proxies<B: Streamed> {
    plain: ReverseProxy<B>,
    retried: ReverseProxy<ReplayBody<B>>,
    hedged: ReverseProxy<ReplayBody<ReplayBody<B>>>,
}

impl<B: Streamed> Proxies<B> {
    fn new(settings: &Settings) -> Self {
        Self { plain: proxy(settings), retried: proxy(settings), hedged: proxy(settings) }
    }
}

/// A body that goes to an endpoint.
trait Streamed:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn error::Error + Send + Sync>>> + Send + Unpin + 'static
{
}

impl<B> Streamed for B where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static
{
}

impl Build<'_> {
    fn lane(&self, route: &RouteTable) -> Lane {
        let stack = match route.mirror() {
            None => self.stack(&self.proxies, route),
            Some(mirror) => {
                let balance = BalanceLayer::new(self.balancer.clone()).pool(mirror.pool());
                let copies = ServiceBuilder::new().layer(RejectionLayer::new()).layer(balance);
                let layer = mirror.layer(copies.service(self.mirrored.plain.clone()));
                Stack::new(layer.layer(self.stack(&self.mirrored, route)))
            }
        };
        let requests = self.metrics.map(Metrics::requests);
        lane(stack, self.meter.cloned(), requests, rate_limits(self.balancer, self.settings))
    }

    /// The route's own layers.
    fn stack<B: Streamed>(&self, proxies: &Proxies<B>, route: &RouteTable) -> Stack<B> {
        let (refusals, balance) = (RejectionLayer::new(), balance(self.balancer, route));
        let retry = |retry: &Retry| RetryLayer::new(retry.policy()).classify(retry.classifier());
        // Around a hedge alone, too, which wants one around it.
        let unseen = || RetryLayer::new(again::unseen()).classify(again::is_unseen);
        let reaches_http2 = self.settings.reaches_http2(route.pool());
        let timed = || {
            let latencies = option_layer(self.metrics.map(Metrics::latencies));
            (NoteLayer::new(), latencies, otel::attempt_spans(self.settings))
        };
        let builder = ServiceBuilder::new().layer(refusals);
        let Proxies { plain, retried, hedged } = proxies;
        match (route.retry().map(retry), route.hedge()) {
            (None, None) if reaches_http2 => {
                Stack::new(builder.layer(unseen()).layer(balance).layer(timed()).service(retried.clone()))
            }
            (None, None) => {
                let streamed = |answer: Response<LeaseBody<ResponseBody>>| answer.map(RetryBody::from);
                Stack::new(
                    builder.map_response(streamed).layer(balance).layer(timed()).service(plain.clone()),
                )
            }
            (Some(retry), None) => {
                Stack::new(builder.layer(retry).layer(balance).layer(timed()).service(retried.clone()))
            }
            (None, Some(hedge)) => {
                let (hedge, builder) = (HedgeLayer::new(hedge.policy()), builder.layer(unseen()));
                Stack::new(builder.layer(hedge).layer(balance).layer(timed()).service(hedged.clone()))
            }
            (Some(retry), Some(hedge)) => {
                let hedge = HedgeLayer::new(hedge.policy());
                Stack::new(
                    builder.layer(retry).layer(hedge).layer(balance).layer(timed()).service(hedged.clone()),
                )
            }
        }
    }
}

/// Written out, not boxed, so that a request finds its way through it with the fewest allocations.
fn lane(
    stack: Stack<Inbound>,
    meter: Option<Meter>,
    requests: Option<RequestsLayer>,
    rate_limits: Option<RateLimitLayer>,
) -> Lane {
    let builder = ServiceBuilder::new().layer(NoteLayer::new());
    let builder = builder.layer(option_layer(meter)).layer(option_layer(requests));
    builder.layer(option_layer(rate_limits)).service(stack)
}

fn proxy<B: Streamed>(settings: &Settings) -> ReverseProxy<B> {
    let proxy = ReverseProxy::new().with_tunnel_idle_timeout(settings.limits().tunnel_idle_timeout());
    let proxy = proxy.with_trusted_hops(settings.forwarding_hops().clone());
    let transports = settings.transports().iter();
    transports.fold(proxy, |proxy, (pool, transport)| proxy.with_transport(pool.as_str(), transport))
}

/// Refuses whoever comes.
fn refusing() -> Stack<Inbound> {
    let title = "The tenant is one that copies of requests are sent as";
    let refusal = Problem::new(StatusCode::FORBIDDEN, "RESERVED_TENANT", title);
    Stack::new(service_fn(move |_| ready(Ok(refusal.into_response()))))
}

fn rate_limits(balancer: &Balancer, settings: &Settings) -> Option<RateLimitLayer> {
    let layer = RateLimitLayer::new(balancer.clone());
    match settings.rate_limit_headers() {
        RateLimitHeaders::Off => None,
        RateLimitHeaders::Current => Some(layer),
        RateLimitHeaders::Older => Some(layer.with_older_fields(ResetForm::DeltaSeconds)),
    }
}

fn balance(balancer: &Balancer, route: &RouteTable) -> BalanceLayer {
    let layer = BalanceLayer::new(balancer.clone());
    match route.key_header().cloned() {
        Some(name) => layer.key(move |request| key(request, &name)),
        None => layer,
    }
}

fn key<'a>(request: &'a http::request::Parts, name: &HeaderName) -> Option<std::borrow::Cow<'a, [u8]>> {
    Some(request.headers.get(name)?.as_bytes().into())
}
