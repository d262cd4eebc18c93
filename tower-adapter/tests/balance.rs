//! The balance layer around services of the tests' own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    convert::Infallible,
    future::{pending, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{
    BodyExt, Empty, Full,
    channel::{Channel, Sender},
};
use support::BoxError;
use tenantry::{
    Balancer, CapacitySpec, Config, LeastLoadedSpec, LoadKind, Outcome, PoolSpec, Rejection, TenantSpec,
};
use tenantry_tower::{
    balance::{BalanceLayer, Error, PickedEndpoint},
    rejection::{Problem, RejectionLayer},
    tenant::TenantId,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::{Layer, Service, ServiceExt, service_fn};

const ENDPOINT: &str = "http://10.0.0.1:8080";

fn balancer(seats: u32) -> Balancer {
    let pool = PoolSpec::new([ENDPOINT]).with_capacity(CapacitySpec::fixed(seats));
    Balancer::new(Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::default())).unwrap()
}

fn request() -> Request<()> {
    of("acme")
}

fn of(tenant: &str) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(TenantId::new(tenant));
    request
}

fn in_flight(balancer: &Balancer) -> u64 {
    balancer.stats().pool("api").unwrap().in_flight().into()
}

fn waiting(balancer: &Balancer) -> u64 {
    balancer.stats().pool("api").unwrap().waiting().into()
}

/// How many requests the endpoint has completed, and how many of them it failed.
fn taught(balancer: &Balancer) -> (u64, u64) {
    let stats = balancer.stats();
    let endpoint = &stats.pool("api").unwrap().endpoints()[0];
    (endpoint.completed(), endpoint.failed())
}

trait Streaming:
    Service<Request<()>, Response = Response<Channel<Bytes, BoxError>>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Streaming for S where
    S: Service<Request<()>, Response = Response<Channel<Bytes, BoxError>>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Answers with a body that the test feeds.
fn streaming() -> (impl Streaming, UnboundedReceiver<Sender<Bytes, BoxError>>) {
    let (senders, bodies) = unbounded_channel();
    let service = service_fn(move |_| {
        let (sender, body) = Channel::new(4);
        senders.send(sender).unwrap();
        ready(Ok(Response::new(body)))
    });
    (service, bodies)
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_request_is_in_flight_until_the_last_byte_of_its_response() {
    let balancer = balancer(4);
    let (service, mut bodies) = streaming();
    let response = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap();
    let mut sender = bodies.recv().await.unwrap();
    let mut body = response.into_body();
    for part in ["a", "b"] {
        sender.send_data(part.into()).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), part);
        assert_eq!(in_flight(&balancer), 1);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
    assert_eq!((in_flight(&balancer), taught(&balancer)), (0, (1, 0)));
}

#[tokio::test]
async fn a_body_of_known_length_ends_with_its_last_frame() {
    let balancer = balancer(4);
    let service =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("x"))));
    let response = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap();
    assert_eq!(in_flight(&balancer), 1);
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!((in_flight(&balancer), taught(&balancer)), (0, (1, 0)));
}

#[tokio::test]
async fn an_answer_without_a_body_ends_the_lease_at_once() {
    let balancer = balancer(4);
    let service =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    let response = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap();
    assert_eq!((in_flight(&balancer), taught(&balancer)), (0, (1, 0)));
    drop(response);
    assert_eq!(taught(&balancer), (1, 0));
}

#[tokio::test]
async fn a_body_dropped_before_its_end_teaches_nothing() {
    let balancer = balancer(4);
    let (service, _bodies) = streaming();
    let response = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap();
    drop(response);
    assert_eq!((in_flight(&balancer), taught(&balancer).1), (0, 0));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure() {
    let balancer = balancer(4);
    let (service, mut bodies) = streaming();
    let response = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap();
    bodies.recv().await.unwrap().abort("broken".into());
    assert!(response.into_body().collect().await.is_err());
    assert_eq!((in_flight(&balancer), taught(&balancer).1), (0, 1));
}

#[tokio::test]
async fn a_failing_status_counts_even_if_its_body_is_not_read() {
    for status in [500, 503, 429] {
        let balancer = balancer(4);
        let service = service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(
                Response::builder().status(status).body(Full::<Bytes>::from("x")).unwrap(),
            ))
        });
        drop(BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap());
        assert_eq!((in_flight(&balancer), taught(&balancer).1), (0, 1), "{status}");
    }
}

#[tokio::test]
async fn an_error_is_a_failure_and_stays_typed() {
    let balancer = balancer(4);
    let service = service_fn(async |_: Request<()>| Err::<Response<Empty<Bytes>>, _>("mine"));
    let error = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap_err();
    assert_eq!(error, Error::Service("mine"));
    assert_eq!((in_flight(&balancer), taught(&balancer).1), (0, 1));
}

#[tokio::test]
async fn an_excused_endpoint_is_taught_nothing() {
    let balancer = balancer(4);
    let service = service_fn(async |request: Request<()>| {
        request.extensions().get::<PickedEndpoint>().unwrap().excuse();
        Err::<Response<Empty<Bytes>>, _>("the client's fault")
    });
    BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap_err();
    assert_eq!((in_flight(&balancer), taught(&balancer).1), (0, 0));
}

#[tokio::test]
async fn a_dropped_future_gives_its_seat_back() {
    let balancer = balancer(1);
    let service = service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    let mut call = Box::pin(BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()));
    assert!(poll_once(&mut call).is_pending());
    assert_eq!(in_flight(&balancer), 1);
    drop(call);
    assert_eq!((in_flight(&balancer), taught(&balancer).1), (0, 0));
}

#[tokio::test]
async fn a_request_waits_for_its_turn_and_not_longer() {
    let balancer = balancer(1);
    let (service, mut bodies) = streaming();
    let service = BalanceLayer::new(balancer.clone()).layer(service);
    let first = service.clone().oneshot(request()).await.unwrap();
    let second = tokio::spawn(service.oneshot(request()));
    while waiting(&balancer) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(in_flight(&balancer), 1);
    drop(bodies.recv().await.unwrap());
    first.into_body().collect().await.unwrap();
    drop(second.await.unwrap().unwrap());
    assert_eq!((in_flight(&balancer), waiting(&balancer)), (0, 0));
}

#[tokio::test]
async fn a_future_dropped_in_the_queue_leaves_it() {
    let balancer = balancer(1);
    let (service, _bodies) = streaming();
    let service = BalanceLayer::new(balancer.clone()).layer(service);
    let _first = service.clone().oneshot(request()).await.unwrap();
    let mut second = Box::pin(service.oneshot(request()));
    assert!(poll_once(&mut second).is_pending());
    assert_eq!(waiting(&balancer), 1);
    drop(second);
    assert_eq!((in_flight(&balancer), waiting(&balancer)), (1, 0));
}

#[tokio::test]
async fn a_request_that_waits_in_vain_is_told_so_at_its_deadline() {
    let balancer = balancer(1);
    let (service, _bodies) = streaming();
    let service = BalanceLayer::new(balancer.clone()).timeout(Duration::from_millis(20)).layer(service);
    let _first = service.clone().oneshot(request()).await.unwrap();
    let error = service.oneshot(request()).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Rejected(Rejection::TimedOut)), "{error:?}");
    assert_eq!((in_flight(&balancer), waiting(&balancer)), (1, 0));
}

#[tokio::test]
async fn who_waits_in_the_queue_takes_nothing_of_the_inner_service() {
    #[derive(Clone)]
    struct Counting(Arc<AtomicUsize>);
    impl Service<Request<()>> for Counting {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Ok(Response::new(Full::from("x"))))
        }
    }
    let readied = Arc::new(AtomicUsize::new(0));
    let service = BalanceLayer::new(balancer(1)).layer(Counting(Arc::clone(&readied)));
    let first = service.clone().oneshot(request()).await.unwrap();
    let mut second = pin!(service.oneshot(request()));
    assert!(poll_once(&mut second).is_pending());
    assert_eq!(readied.load(Ordering::SeqCst), 1);
    drop(first);
    second.await.unwrap();
    assert_eq!(readied.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_inner_service_is_told_the_endpoint_and_the_layer_the_key_and_cost() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (key_asked, cost_asked) = (Arc::clone(&asked), Arc::clone(&asked));
    let layer = BalanceLayer::new(balancer(4)).pool("api").key(move |request| {
        key_asked.fetch_add(1, Ordering::SeqCst);
        Some(request.uri.path().as_bytes().into())
    });
    let layer = layer.cost(move |_| {
        cost_asked.fetch_add(1, Ordering::SeqCst);
        3
    });
    let service = service_fn(async |request: Request<()>| {
        let picked = request.extensions().get::<PickedEndpoint>().unwrap();
        Ok::<_, Infallible>(Response::new(picked.address().to_owned()))
    });
    let response = layer.layer(service).oneshot(request()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), ENDPOINT);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn refusals_become_answers() {
    let service =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    let balanced =
        |pool: &str| RejectionLayer::new().layer(BalanceLayer::new(balancer(4)).pool(pool).layer(service));
    for (pool, request, status, code) in [
        ("api", request(), 200, ""),
        ("api", of("nobody-of-this-name"), 403, "UNKNOWN_TENANT"),
        ("web", request(), 404, "UNKNOWN_POOL"),
        ("api", Request::new(()), 400, "MISSING_TENANT"),
    ] {
        let response = balanced(pool).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = std::str::from_utf8(&body).unwrap();
        assert!(body.contains(code) && !body.contains("nobody"), "{body}");
    }
}

#[tokio::test]
async fn an_error_of_ones_own_can_be_answered_too() {
    #[derive(Debug)]
    struct OutOfTea;
    impl From<OutOfTea> for Problem {
        fn from(_: OutOfTea) -> Self {
            Self::new(http::StatusCode::IM_A_TEAPOT, "OUT_OF_TEA", "No tea")
                .with_retry_after(Duration::from_secs(90))
        }
    }
    let service = service_fn(async |_: Request<()>| Err::<Response<Empty<Bytes>>, _>(OutOfTea));
    let response =
        RejectionLayer::new().layer(BalanceLayer::new(balancer(4)).layer(service)).oneshot(request());
    let response = response.await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (418, &"90".parse().unwrap())
    );
    assert_eq!(response.headers()["x-should-retry"], "false");
}

#[tokio::test]
async fn urgency_and_width_are_asked_of_each_request() {
    let balancer = balancer(2);
    let layer = BalanceLayer::new(balancer.clone())
        .pool("api")
        .priority(|request| if request.uri.path() == "/urgent" { 0 } else { 7 })
        .seats(|_| 2);
    let (service, mut bodies) = streaming();
    let service = layer.layer(service);
    let held = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 2, "it takes two seats");
    let mut late = pin!(service.clone().oneshot(request()));
    let mut urgent = request();
    *urgent.uri_mut() = "/urgent".parse().unwrap();
    let mut urgent = pin!(service.oneshot(urgent));
    let mut context = Context::from_waker(Waker::noop());
    assert!(late.as_mut().poll(&mut context).is_pending() && urgent.as_mut().poll(&mut context).is_pending());
    drop((held, bodies.recv().await));
    assert!(late.as_mut().poll(&mut context).is_pending(), "it came first, and is less urgent");
    let Poll::Ready(Ok(answer)) = urgent.as_mut().poll(&mut context) else {
        unreachable!("its turn has come")
    };
    drop(answer);
    assert!(late.as_mut().poll(&mut context).is_ready());
}

#[tokio::test]
async fn load_reports_steer_the_picks_and_do_not_reach_the_tenant() {
    let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"])
        .with_strategy(LeastLoadedSpec::new().with_load(LoadKind::Reported))
        .with_capacity(CapacitySpec::fixed(8));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::default());
    let balancer = Balancer::new(config).unwrap();
    // The first endpoint says so in a header, the second in a trailer.
    let service = service_fn(async |request: Request<()>| {
        let picked = request.extensions().get::<PickedEndpoint>().unwrap();
        let (name, report) = ("endpoint-load-metrics", "TEXT cpu_utilization:0.9");
        let mut response = Response::builder().header("x-from", picked.address());
        let mut trailers = http::HeaderMap::new();
        if picked.address().contains("10.0.0.1") {
            response = response.header(name, report);
        } else {
            trailers.insert("endpoint-load-metrics-bin", "CQAAAAAAAOA/".parse().unwrap());
        }
        trailers.insert("grpc-status", "0".parse().unwrap());
        let body = Full::<Bytes>::from("x").with_trailers(ready(Some(Ok(trailers))));
        Ok::<_, Infallible>(response.body(body).unwrap())
    });
    let service = BalanceLayer::new(balancer).layer(service);
    let mut served = vec![];
    for _ in 0..20 {
        let response = service.clone().oneshot(request()).await.unwrap();
        assert!(!response.headers().contains_key("endpoint-load-metrics"));
        served.push(response.headers()["x-from"].to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap().keys().collect::<Vec<_>>(), ["grpc-status"]);
    }
    let idler = served.iter().filter(|address| address.contains("10.0.0.2")).count();
    assert!(idler >= 18, "{served:?}");
}

/// What the endpoint of one gRPC answer is taught: how many requests it completed, and how many of them it failed.
async fn taught_by_grpc(head: &[(&str, &str)], message: &str, trailers: &[(&str, &str)]) -> (u64, u64) {
    let balancer = balancer(4);
    let (head, message) = (headers(head), Bytes::from(message.to_owned()));
    let trailers = Some(headers(trailers)).filter(|trailers| !trailers.is_empty());
    let service = service_fn(move |_: Request<()>| {
        let body = Full::new(message.clone()).with_trailers(ready(trailers.clone().map(Ok)));
        let mut response = Response::new(body);
        response.headers_mut().extend(head.clone());
        ready(Ok::<_, Infallible>(response))
    });
    let response = BalanceLayer::new(balancer.clone()).layer(service).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(in_flight(&balancer), 0);
    taught(&balancer)
}

fn headers(fields: &[(&str, &str)]) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    for (name, value) in fields {
        headers.insert(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

#[tokio::test]
async fn grpc_fails_by_its_status_whatever_http_says() {
    let grpc = ("content-type", "application/grpc");
    assert_eq!(taught_by_grpc(&[grpc, ("grpc-status", "14")], "", &[]).await, (1, 1), "in the head alone");
    assert_eq!(taught_by_grpc(&[grpc], "m", &[("grpc-status", "14")]).await, (1, 1), "in the trailers");
    assert_eq!(taught_by_grpc(&[grpc], "m", &[("grpc-status", "0")]).await, (1, 0));
    assert_eq!(taught_by_grpc(&[grpc], "m", &[("grpc-status", "5")]).await, (1, 0), "the client's own");
    assert_eq!(taught_by_grpc(&[grpc], "m", &[]).await, (1, 1), "no status is none");
    let json = ("content-type", "application/json");
    assert_eq!(taught_by_grpc(&[json], "m", &[("grpc-status", "14")]).await, (1, 0), "it is not gRPC");
}

#[tokio::test]
async fn a_grpc_endpoint_that_fails_at_once_attracts_nobody() {
    let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]);
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::default());
    let balancer = Balancer::new(config).unwrap();
    let service = service_fn(async |request: Request<()>| {
        let works = request.extensions().get::<PickedEndpoint>().unwrap().address().contains("10.0.0.1");
        let response = Response::builder().header("content-type", "application/grpc");
        let response = if works {
            tokio::time::sleep(Duration::from_millis(5)).await;
            response.header("grpc-status", "0")
        } else {
            response.header("grpc-status", "14")
        };
        Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap())
    });
    let service = BalanceLayer::new(balancer.clone()).layer(service);
    for _ in 0..100 {
        service.clone().oneshot(request()).await.unwrap();
    }
    let stats = balancer.stats();
    let [works, fails] = stats.pool("api").unwrap().endpoints() else { unreachable!("there are two") };
    assert!(works.completed() > 80, "{} and {}", works.completed(), fails.completed());
    assert_eq!(fails.failed(), fails.completed());
}

#[tokio::test]
async fn a_classifier_of_ones_own_says_what_is_a_failure() {
    let balancer = balancer(4);
    let layer = BalanceLayer::new(balancer.clone()).classify(|head: &http::response::Parts| {
        if head.headers.contains_key("x-stale") { Outcome::failure() } else { Outcome::success() }
    });
    for (status, field, expected) in [(200, "x-stale", (1, 1)), (500, "x-fresh", (2, 1))] {
        let service = service_fn(move |_: Request<()>| {
            let response = Response::builder().status(status).header(field, "1");
            ready(Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap()))
        });
        layer.layer(service).oneshot(request()).await.unwrap();
        assert_eq!(taught(&balancer), expected);
    }
}
