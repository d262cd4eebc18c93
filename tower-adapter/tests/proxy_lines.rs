//! The connections of HTTP/2 that requests to an endpoint share: opened once for all who wait, and closed under some of them.

#![cfg(feature = "tls")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{TestBody, body, empty, to};
use tenantry_tower::proxy::{Error, ReverseProxy, Transport};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use tower::Service;

/// By HTTP/2.
fn proxy() -> ReverseProxy<TestBody> {
    ReverseProxy::new().with_transport("", &Transport::plain().with_http2())
}

fn request(endpoint: &str, upload: TestBody) -> Request<TestBody> {
    let request = Request::builder().uri("/").header("host", "h").body(upload).unwrap();
    to(endpoint, request)
}

/// An endpoint that goes away from each connection after so many requests. How many connections it has accepted.
async fn leaving_after(requests: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap().to_string(), Arc::<AtomicUsize>::default());
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, requests));
        }
    });
    (address, connections)
}

async fn serve(stream: TcpStream, requests: usize) {
    let (leave, seen) = (Arc::new(Notify::new()), AtomicUsize::new(0));
    let is_last = Arc::clone(&leave);
    let answer = service_fn(move |request: Request<Incoming>| {
        if seen.fetch_add(1, Ordering::SeqCst) + 1 == requests {
            is_last.notify_one();
        }
        async {
            let body = request.into_body().collect().await.map(|body| body.to_bytes());
            Ok::<_, Infallible>(Response::new(Full::new(body.unwrap_or_default())))
        }
    });
    let mut served =
        pin!(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        _ = &mut served => return,
        () = leave.notified() => served.as_mut().graceful_shutdown(),
    }
    served.await.ok();
}

/// So many requests by so many clients at once, all of which are answered.
async fn ask(endpoint: &str, clients: usize, requests: usize) {
    let proxy = proxy().with_response_timeout(Duration::from_secs(60));
    let mut asking = JoinSet::new();
    for _ in 0..clients {
        let (mut proxy, endpoint) = (proxy.clone(), endpoint.to_owned());
        asking.spawn(async move {
            for _ in 0..requests {
                let answer = proxy.call(request(&endpoint, empty())).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                answer.into_body().collect().await.unwrap();
            }
        });
    }
    asking.join_all().await;
}

#[tokio::test]
async fn why_a_body_broke_off_is_told_over_http_2_too() {
    let (endpoint, _) = leaving_after(usize::MAX).await;
    let too_large = body(Limited::new(Full::new(Bytes::from(vec![b'x'; 100_000])), 1_000));
    let parts = |error: io::Error| body(StreamBody::new(stream::iter([Err::<Frame<Bytes>, _>(error)])));
    let late = parts(io::ErrorKind::TimedOut.into());
    let gone = parts(io::ErrorKind::ConnectionReset.into());
    let answer = proxy().call(request(&endpoint, too_large)).await;
    assert!(matches!(answer, Err(Error::BodyTooLarge(_))), "{answer:?}");
    let answer = proxy().call(request(&endpoint, late)).await;
    assert!(matches!(answer, Err(Error::ClientStalled)), "{answer:?}");
    let answer = proxy().call(request(&endpoint, gone)).await;
    assert!(matches!(answer, Err(Error::ClientGone(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_connection_is_opened_for_all_who_wait() {
    let (endpoint, connections) = leaving_after(usize::MAX).await;
    ask(&endpoint, 32, 2).await;
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_are_answered_whose_connections_are_closed_under_them() {
    let (endpoint, connections) = leaving_after(20).await;
    ask(&endpoint, 12, 200).await;
    assert!(connections.load(Ordering::SeqCst) > 50, "or nothing was tested");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_who_wait_for_a_connection_are_told_that_there_is_none() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let proxy = proxy();
    let mut asking = JoinSet::new();
    for _ in 0..16 {
        asking.spawn(proxy.clone().call(request(&nobody, empty())));
    }
    for answer in asking.join_all().await {
        assert!(matches!(answer, Err(Error::Connect(_))), "{answer:?}");
    }
}
