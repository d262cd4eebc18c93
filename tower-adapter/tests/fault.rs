//! Faults on purpose: as many as said, the same ones again, and only where they are meant.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use tenantry_tower::{
    fault::{BodyError, Fault, FaultLayer, Injected},
    route::{Route, RouteLayer, Routes},
    share::Share,
    tenant::{TenantId, TenantLayer},
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

type Served = Response<Full<Bytes>>;

fn hello() -> impl Service<Request<()>, Response = Served, Error = Infallible, Future: Send> + Clone {
    service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello")))))
}

fn share(part: f64) -> Share {
    Share::new(part).unwrap()
}

/// Which of so many requests are aborted.
async fn aborted(layer: FaultLayer, requests: usize) -> Vec<usize> {
    let service = layer.layer(hello());
    let mut found = vec![];
    for at in 0..requests {
        let answer = service.clone().oneshot(Request::new(())).await.unwrap();
        assert_eq!(answer.extensions().get::<Injected>().is_some(), answer.status() == 503);
        found.extend((answer.status() == 503).then_some(at));
    }
    found
}

#[tokio::test]
async fn a_share_is_aborted_the_same_one_for_the_same_seed() {
    let layer =
        |seed| FaultLayer::from_seed(seed).with(Fault::abort(StatusCode::SERVICE_UNAVAILABLE).of(share(0.2)));
    let first = aborted(layer(1), 10_000).await;
    assert!((1_850..2_150).contains(&first.len()), "{}", first.len());
    assert_eq!(first, aborted(layer(1), 10_000).await);
    assert_ne!(first, aborted(layer(2), 10_000).await);
    let with = |share| FaultLayer::from_seed(1).with(Fault::abort(StatusCode::SERVICE_UNAVAILABLE).of(share));
    assert_eq!(aborted(with(Share::NONE), 1_000).await.len(), 0);
    assert_eq!(aborted(with(Share::ALL), 1_000).await.len(), 1_000);
}

#[tokio::test]
async fn one_faults_share_says_nothing_of_anothers() {
    let both = FaultLayer::from_seed(1)
        .with(Fault::abort(StatusCode::BAD_GATEWAY).of(share(0.5)))
        .with(Fault::reset_after(0).of(share(0.5)));
    let service = both.layer(hello());
    let (mut aborts, mut resets) = (0, 0);
    for _ in 0..4_000 {
        let answer = service.clone().oneshot(Request::new(())).await.unwrap();
        match answer.status() {
            StatusCode::BAD_GATEWAY => aborts += 1,
            _ => resets += u32::from(answer.into_body().collect().await.is_err()),
        }
    }
    assert!((1_900..2_100).contains(&aborts) && (900..1_100).contains(&resets), "{aborts} {resets}");
}

#[tokio::test(start_paused = true)]
async fn delays_add_up_before_the_service_is_asked() {
    let began = Instant::now();
    let asked =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    let faults = FaultLayer::from_seed(1)
        .with(Fault::delay(Duration::from_millis(200)))
        .with(Fault::delay(Duration::from_millis(50)))
        .with(Fault::delay(Duration::from_secs(9)).of(Share::NONE));
    faults.layer(asked).oneshot(Request::new(())).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(250));
}

#[tokio::test]
async fn a_body_breaks_off_after_so_many_bytes_and_a_shorter_one_does_not() {
    let chunks = || {
        let frames =
            ["ab", "cd", "ef"].map(|text| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(text))));
        StreamBody::new(futures_util::stream::iter(frames))
    };
    for (after, read, is_whole) in
        [(0, "", false), (3, "ab", false), (4, "abcd", false), (6, "abcdef", true), (9, "abcdef", true)]
    {
        let answer = move |_: Request<()>| async move { Ok::<_, Infallible>(Response::new(chunks())) };
        let service = service_fn(answer);
        let service = FaultLayer::from_seed(1).with(Fault::reset_after(after)).layer(service);
        let mut body = service.oneshot(Request::new(())).await.unwrap().into_body();
        let mut seen = Vec::new();
        let ended = loop {
            match body.frame().await {
                Some(Ok(frame)) => seen.extend_from_slice(&frame.into_data().unwrap()),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        assert_eq!(String::from_utf8(seen).unwrap(), read);
        assert_eq!(ended, (!is_whole).then_some(BodyError::Reset), "after {after}");
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn only_whom_it_is_meant_for() {
    let routes = Routes::new([Route::new("/"), Route::new("/reports")]).unwrap();
    let faults = FaultLayer::from_seed(1)
        .with(Fault::abort(StatusCode::IM_A_TEAPOT).for_tenant(TenantId::new("acme")).on_route("/reports"));
    let service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(RouteLayer::new(routes))
        .layer(faults)
        .service(hello());
    for (tenant, path, status) in
        [("acme", "/reports/7", 418), ("acme", "/other", 200), ("umbrella", "/reports/7", 200)]
    {
        let request = Request::get(path).header("x-tenant", tenant).body(()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status, "{tenant} {path}");
    }
}
