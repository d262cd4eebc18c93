//! Copies: as many as said, whole, marked, and never to the main request's harm.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{convert::Infallible, io, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tenantry::{Balancer, Config, PoolSpec, TenantSpec};
use tenantry_tower::{
    balance::{BalanceLayer, PickedEndpoint},
    mirror::{MIRRORED, MirrorLayer},
    replay::ReplayBody,
    share::Share,
    tenant::TenantId,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

type Body = ReplayBody<Full<Bytes>>;
type Seen = (HeaderMap, Option<TenantId>, Bytes);

/// A service that tells what it was sent.
fn telling<B>(
    tell: UnboundedSender<Seen>,
) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    service_fn(move |request: Request<B>| {
        let tell = tell.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            tell.send((head.headers, head.extensions.get().cloned(), body)).unwrap();
            Ok(Response::new(Full::from("told")))
        }
    })
}

fn request(body: &'static str) -> Request<Full<Bytes>> {
    let mut request =
        Request::post("/").header("x-mine", "1").header(MIRRORED, "forged").body(Full::from(body)).unwrap();
    request.extensions_mut().insert(TenantId::new("acme"));
    request
}

/// What has come by the time that nothing more is to be done.
async fn settled(seen: &mut UnboundedReceiver<Seen>) -> Vec<Seen> {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    std::iter::from_fn(|| seen.try_recv().ok()).collect()
}

#[tokio::test]
async fn a_copy_is_whole_marked_and_the_tenants_that_was_said() {
    let ((main, mut mains), (copy, mut copies)) = (unbounded_channel(), unbounded_channel());
    let layer = MirrorLayer::new(telling::<Body>(copy), Share::ALL).with_tenant("mirror");
    let answer = layer.layer(telling::<Body>(main)).oneshot(request("hello")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "told");
    let [(headers, tenant, body)] = &settled(&mut mains).await[..] else { panic!("one request") };
    assert_eq!(
        (headers.get(MIRRORED), tenant, &body[..]),
        (None, &Some(TenantId::new("acme")), &b"hello"[..])
    );
    let [(headers, tenant, body)] = &settled(&mut copies).await[..] else { panic!("one copy") };
    assert_eq!((&headers[MIRRORED], &headers["x-mine"]), (&"true".parse().unwrap(), &"1".parse().unwrap()));
    assert_eq!((tenant, &body[..]), (&Some(TenantId::new("mirror")), &b"hello"[..]));
    assert_eq!(layer.counts().answered(), 1);
}

#[tokio::test]
async fn a_share_is_copied_the_same_one_for_the_same_seed() {
    let run = async |seed| {
        let (copy, mut copies) = unbounded_channel();
        let main =
            service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
        let room = NonZeroU32::new(10_000).unwrap();
        let layer = MirrorLayer::new(telling::<Body>(copy), Share::new(0.05).unwrap());
        let service = layer.with_seed(seed).with_concurrency(room).layer(main);
        for _ in 0..4_000 {
            service.clone().oneshot(request("")).await.unwrap();
        }
        settled(&mut copies).await.len()
    };
    let first = run(1).await;
    assert!((150..250).contains(&first), "{first} of 4000");
    assert_eq!(first, run(1).await);
}

#[tokio::test(start_paused = true)]
async fn copies_that_hang_or_fail_are_bounded_and_hold_nobody_up() {
    let stuck = service_fn(async |_: Request<Body>| {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let (main, mut mains) = unbounded_channel();
    let room = NonZeroU32::new(3).unwrap();
    let layer =
        MirrorLayer::new(stuck, Share::ALL).with_concurrency(room).with_timeout(Duration::from_secs(5));
    let service = layer.layer(telling::<Body>(main));
    let began = tokio::time::Instant::now();
    for _ in 0..10 {
        service.clone().oneshot(request("x")).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(
        (settled(&mut mains).await.len(), layer.counts().skipped(), layer.counts().failed()),
        (10, 7, 0)
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(layer.counts().failed(), 3, "given up");
    service.oneshot(request("x")).await.unwrap();
    assert_eq!(layer.counts().skipped(), 7, "there is room again");
}

#[tokio::test]
async fn a_failed_copy_is_only_counted_and_a_failed_request_is_copied_too() {
    let failing = service_fn(async |request: Request<Body>| {
        request.into_body().collect().await.unwrap();
        Err::<Response<Full<Bytes>>, _>(io::Error::other("down"))
    });
    let layer = MirrorLayer::new(failing, Share::ALL);
    let answer = layer.layer(failing).oneshot(request("x")).await;
    assert_eq!(answer.unwrap_err().to_string(), "down");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((layer.counts().failed(), layer.counts().answered()), (1, 0));
}

#[tokio::test]
async fn what_is_too_long_or_not_yet_sent_is_not_copied() {
    let ((main, mut mains), (copy, mut copies)) = (unbounded_channel(), unbounded_channel());
    let layer = MirrorLayer::new(telling::<Body>(copy.clone()), Share::ALL).with_body_limit(4);
    let service = layer.layer(telling::<Body>(main));
    service.clone().oneshot(request("12345")).await.unwrap();
    service.oneshot(request("1234")).await.unwrap();
    assert_eq!(settled(&mut mains).await.len(), 2);
    assert_eq!((settled(&mut copies).await.len(), layer.counts().skipped()), (1, 1));
    // An answer that comes before the body's end.
    type Streamed = ReplayBody<StreamBody<futures_util::stream::Pending<Result<Frame<Bytes>, Infallible>>>>;
    let early =
        service_fn(async |_: Request<Streamed>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    let layer = MirrorLayer::new(telling::<Streamed>(copy), Share::ALL);
    layer.layer(early).oneshot(Request::new(StreamBody::new(futures_util::stream::pending()))).await.unwrap();
    assert_eq!((settled(&mut copies).await.len(), layer.counts().skipped()), (0, 1));
}

#[tokio::test]
async fn a_copy_has_a_lease_of_its_own_in_the_other_pool() {
    let pools = ["api", "next"].map(|name| (name, PoolSpec::new([format!("http://{name}:1")])));
    let config = pools.into_iter().fold(Config::new(), |config, (name, pool)| config.with_pool(name, pool));
    let config = config.with_tenant("acme", TenantSpec::new()).with_tenant("mirror", TenantSpec::new());
    let balancer = Balancer::new(config).unwrap();
    let served = service_fn(async |request: Request<Body>| {
        let picked = request.extensions().get::<PickedEndpoint>().unwrap().address().to_owned();
        request.into_body().collect().await.unwrap();
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(picked)))
    });
    let to = |pool: &str| {
        ServiceBuilder::new().layer(BalanceLayer::new(balancer.clone()).pool(pool)).service(served)
    };
    let layer = MirrorLayer::new(to("next"), Share::ALL).with_tenant("mirror");
    let answer = layer.layer(to("api")).oneshot(request("x")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "http://api:1");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let stats = balancer.stats();
    for (pool, tenant) in [("api", "acme"), ("next", "mirror")] {
        let endpoint = &stats.pool(pool).unwrap().endpoints()[0];
        assert_eq!((endpoint.completed(), endpoint.in_flight()), (1, 0), "{pool}");
        let tenant = stats.tenants().iter().find(|stats| stats.id() == tenant).unwrap();
        assert_eq!(tenant.completed(), 1);
    }
}

#[tokio::test]
async fn what_is_refused_is_not_copied() {
    let (copy, mut copies) = unbounded_channel();
    let layer = MirrorLayer::new(telling::<Body>(copy), Share::ALL);
    let refusing = service_fn(async |_: Request<Body>| {
        let mut answer = Response::new(Full::<Bytes>::default());
        answer.extensions_mut().insert(tenantry::Rejection::PoolForbidden);
        Ok::<_, Infallible>(answer)
    });
    layer.layer(refusing).oneshot(request("x")).await.unwrap();
    assert_eq!(settled(&mut copies).await.len(), 0);
}
