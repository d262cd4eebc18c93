//! The retry layer around services of the tests' own, in paused time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    collections::VecDeque,
    future::pending,
    io,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, channel::Channel};
use proptest::prelude::*;
use support::{BoxError, TestBody, body, empty, pattern};
use tenantry::{Backoff, Rejection};
use tenantry_tower::{
    rejection::{Problem, RejectionLayer},
    replay::ReplayBody,
    retry::{Attempts, Error, Idempotency, RetryBody, RetryLayer, RetryPolicy},
};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// How an attempt ends.
enum End {
    Answer(Response<TestBody>),
    /// Reads so many frames of the request's body, and breaks the connection.
    Reset {
        after_frames: usize,
    },
    /// No connection.
    Refused,
    Never,
}

/// What arrived.
#[derive(Debug)]
struct Seen {
    at: Instant,
    head: Parts,
    body: Result<Bytes, String>,
    trailers: Option<HeaderMap>,
}

#[derive(Clone, Default)]
struct Script {
    ends: Arc<Mutex<VecDeque<End>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    fn of(ends: impl IntoIterator<Item = End>) -> Self {
        Self { ends: Arc::new(Mutex::new(ends.into_iter().collect())), seen: Arc::default() }
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// When each attempt came, since the first.
    fn times(&self) -> Vec<Duration> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|one| one.at - seen[0].at).collect()
    }

    /// Where nothing is left to end with, it is a 200.
    async fn serve(self, request: Request<ReplayBody<TestBody>>) -> Result<Response<TestBody>, BoxError> {
        let at = Instant::now();
        let end = self.ends.lock().unwrap().pop_front().unwrap_or_else(|| status(200));
        let (head, mut sent) = request.into_parts();
        let see = |body, trailers| self.seen.lock().unwrap().push(Seen { at, head, body, trailers });
        match end {
            End::Answer(answer) => {
                match sent.collect().await {
                    Ok(read) => {
                        let trailers = read.trailers().cloned();
                        see(Ok(read.to_bytes()), trailers);
                    }
                    Err(error) => see(Err(error.to_string()), None),
                }
                Ok(answer)
            }
            End::Reset { after_frames } => {
                for _ in 0..after_frames {
                    drop(sent.frame().await);
                }
                see(Ok(Bytes::new()), None);
                Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
            }
            End::Refused => {
                see(Ok(Bytes::new()), None);
                Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())
            }
            End::Never => {
                drop(sent.collect().await);
                see(Ok(Bytes::new()), None);
                pending().await
            }
        }
    }

    async fn ask(
        &self,
        policy: RetryPolicy,
        request: Request<TestBody>,
    ) -> Result<Response<RetryBody<TestBody>>, Error<BoxError>> {
        let script = self.clone();
        let service = service_fn(move |request| script.clone().serve(request));
        ServiceBuilder::new().layer(RetryLayer::new(policy)).service(service).oneshot(request).await
    }
}

fn status(status: u16) -> End {
    answer(status, &[], "")
}

fn answer(status: u16, headers: &[(&str, &str)], text: &'static str) -> End {
    let answer = Response::builder().status(status);
    let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(*name, *value));
    End::Answer(answer.body(body(Full::from(text))).unwrap())
}

const RESET: End = End::Reset { after_frames: 0 };

fn at_once() -> RetryPolicy {
    RetryPolicy::new().with_backoff(Backoff::none())
}

fn tries(count: u32) -> RetryPolicy {
    at_once().with_attempts(NonZeroU32::new(count).unwrap())
}

fn request(method: &str) -> Request<TestBody> {
    Request::builder().method(method).uri("/").body(empty()).unwrap()
}

#[tokio::test]
async fn a_failure_is_followed_by_another_attempt_and_told() {
    let script = Script::of([status(503), RESET, status(200)]);
    let answer = script.ask(at_once(), request("GET")).await.unwrap();
    assert_eq!((answer.status(), script.count()), (StatusCode::OK, 3));
    assert_eq!(answer.headers()["x-attempt-count"], "3");
    assert_eq!(answer.extensions().get::<Attempts>().unwrap().count(), 3);
    let mark = |seen: &Seen| seen.head.headers.get("x-attempt-count").cloned();
    let marks: Vec<_> = script.seen.lock().unwrap().iter().map(mark).collect();
    assert_eq!(marks, [None, Some("2".parse().unwrap()), Some("3".parse().unwrap())]);

    let script = Script::default();
    let answer = script.ask(at_once(), request("GET")).await.unwrap();
    assert!(!answer.headers().contains_key("x-attempt-count"));
    assert_eq!(answer.extensions().get::<Attempts>().unwrap().count(), 1);
}

#[tokio::test]
async fn a_request_that_is_not_idempotent_is_never_sent_twice() {
    for end in [|| status(503), || RESET, || status(504)] {
        let script = Script::of([end(), status(200)]);
        let ended = script.ask(at_once(), request("POST")).await;
        assert_eq!(script.count(), 1);
        assert!(
            ended.is_ok_and(|answer| answer.status().is_server_error())
                || script.ends.lock().unwrap().len() == 1
        );

        // Neither for a mark, nor for a rule of one's own against it.
        let mut keyed = request("POST");
        keyed.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        let script = Script::of([end(), status(200)]);
        assert_eq!(script.ask(at_once(), keyed).await.unwrap().status(), StatusCode::OK);
        let script = Script::of([end(), status(200)]);
        let policy = at_once().with_idempotency(Idempotency::by(|head| head.method != Method::GET));
        drop(script.ask(policy.clone(), request("GET")).await);
        assert_eq!(script.count(), 1);
        let script = Script::of([end(), status(200)]);
        assert_eq!(script.ask(policy, request("POST")).await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent_and_everything_is_sent_again() {
    let script = Script::of([End::Refused, End::Refused, status(200)]);
    let sent = Request::post("/").body(body(Full::from("once"))).unwrap();
    assert_eq!(script.ask(at_once(), sent).await.unwrap().status(), StatusCode::OK);
    assert_eq!(script.seen.lock().unwrap()[2].body, Ok("once".into()));
    // But not once something of it was.
    let script = Script::of([End::Reset { after_frames: 1 }, status(200)]);
    let sent = Request::post("/").body(body(Full::from("once"))).unwrap();
    assert!(matches!(script.ask(at_once(), sent).await, Err(Error::Service(_))));
    assert_eq!(script.count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_body_is_sent_again_byte_for_byte_or_not_at_all(
        sizes in prop::collection::vec(0_usize..40, 0..8), read in 0_usize..10, limit in 0_usize..200, trailers: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let whole = pattern(sizes.iter().sum());
            let mut rest = Bytes::from(whole.clone());
            let mut frames: Vec<Result<Frame<Bytes>, BoxError>> =
                sizes.iter().map(|size| Ok(Frame::data(rest.split_to(*size)))).collect();
            let end = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
            if trailers {
                frames.push(Ok(Frame::trailers(end.clone())));
            }
            let sent: usize = sizes.iter().take(read).sum();
            let script = Script::of([End::Reset { after_frames: read }]);
            let stream = body(StreamBody::new(futures_util::stream::iter(frames)));
            let request = Request::put("/").body(stream).unwrap();
            let ended = script.ask(at_once().with_body_limit(limit), request).await;
            if sent <= limit {
                assert_eq!(ended.unwrap().status(), StatusCode::OK);
                let seen = script.seen.lock().unwrap();
                assert_eq!(seen[1].body.as_deref(), Ok(&*whole));
                assert_eq!(seen[1].trailers, trailers.then_some(end));
            } else {
                assert!(matches!(ended, Err(Error::Service(_))) && script.count() == 1);
            }
        });
    }
}

#[tokio::test]
async fn what_is_sent_again_is_not_copied() {
    let whole = Bytes::from(pattern(1_000));
    let addresses = Arc::new(Mutex::new(vec![]));
    let kept = Arc::clone(&addresses);
    let service = service_fn(move |request: Request<ReplayBody<TestBody>>| {
        let kept = Arc::clone(&kept);
        async move {
            let frame = request.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
            kept.lock().unwrap().push(frame.as_ptr() as usize);
            Ok::<_, BoxError>(Response::builder().status(503).body(empty()).unwrap())
        }
    });
    let service = ServiceBuilder::new().layer(RetryLayer::new(at_once())).service(service);
    service.oneshot(Request::put("/").body(body(Full::from(whole.clone()))).unwrap()).await.unwrap();
    assert_eq!(*addresses.lock().unwrap(), [whole.as_ptr() as usize; 3]);
}

#[tokio::test]
async fn an_attempt_that_is_over_cannot_read_on() {
    // An endpoint that answers early goes on reading in the background.
    let readers = Arc::new(Mutex::new(vec![]));
    let background = Arc::clone(&readers);
    let service = service_fn(move |request: Request<ReplayBody<TestBody>>| {
        let mut readers = background.lock().unwrap();
        readers.push(request.into_body());
        let status = if readers.len() == 1 { 503 } else { 200 };
        async move { Ok::<_, BoxError>(Response::builder().status(status).body(empty()).unwrap()) }
    });
    let service = ServiceBuilder::new().layer(RetryLayer::new(at_once())).service(service);
    let (mut sender, upload) = Channel::<Bytes, BoxError>::new(4);
    sender.send_data("late".into()).await.unwrap();
    drop(sender);
    service.oneshot(Request::put("/").body(body(upload)).unwrap()).await.unwrap();
    let (mut first, second) = {
        let mut readers = readers.lock().unwrap();
        (readers.remove(0), readers.remove(0))
    };
    let stale = first.frame().await.unwrap().unwrap_err();
    assert!(matches!(stale, tenantry_tower::replay::Error::Superseded), "half a request must not look whole");
    assert_eq!(second.collect().await.unwrap().to_bytes(), "late");
}

#[tokio::test(start_paused = true)]
async fn an_answers_wait_is_kept_and_a_longer_one_than_allowed_ends_it() {
    let script = Script::of([answer(503, &[("retry-after", "2")], "")]);
    script.ask(at_once(), request("GET")).await.unwrap();
    assert_eq!(script.times(), [Duration::ZERO, Duration::from_secs(2)]);

    for (wait, policy) in [("6", at_once()), ("3", at_once().with_timeout(Duration::from_secs(3)))] {
        let script = Script::of([answer(503, &[("retry-after", wait)], "busy")]);
        let begun = Instant::now();
        let ended = script.ask(policy, request("GET")).await.unwrap();
        assert_eq!((script.count(), begun.elapsed(), ended.status().as_u16()), (1, Duration::ZERO, 503));
        assert_eq!(ended.into_body().collect().await.unwrap().to_bytes(), "busy");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_are_those_of_the_backoff() {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4)).with_seed(7);
    let policy = tries(4).with_backoff(backoff).with_longest_wait(Duration::ZERO);
    let script = Script::of([status(503), status(503), status(503)]);
    script.ask(policy, request("GET")).await.unwrap();
    let mut due = vec![Duration::ZERO];
    for retry in 1..=3 {
        due.push(due[due.len() - 1] + backoff.wait(retry, 0));
    }
    // The timer's grain is a millisecond.
    for (time, due) in script.times().into_iter().zip(due) {
        assert!(time >= due && time - due < Duration::from_millis(4), "{time:?} and not {due:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_takes_too_long_is_given_up_and_all_of_them_together_too() {
    let script = Script::of([End::Never, End::Never]);
    let policy = at_once().with_try_timeout(Duration::from_secs(1));
    assert_eq!(script.ask(policy.clone(), request("GET")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(script.times(), [0, 1, 2].map(Duration::from_secs));

    let script = Script::of([End::Never, End::Never, End::Never]);
    let ended = script.ask(policy.clone(), request("GET")).await;
    assert!(matches!(ended, Err(Error::TryTimedOut)) && script.count() == 3);
    let script = Script::of([End::Never]);
    let ended = script.ask(policy, request("POST")).await;
    assert!(matches!(ended, Err(Error::TryTimedOut)) && script.count() == 1, "it may have been done");

    let (begun, limit) = (Instant::now(), Duration::from_secs(3));
    let script = Script::of([answer(503, &[], "the last word"), End::Never]);
    let ended = script.ask(at_once().with_timeout(limit), request("GET")).await.unwrap();
    assert_eq!((ended.status().as_u16(), begun.elapsed()), (503, limit));
    // An endpoint may be at work on the second one: whoever asked shall not begin anew.
    assert_eq!(ended.extensions().get::<Attempts>().unwrap().count(), 2);
    assert_eq!(ended.headers()["x-attempt-count"], "2");
    assert_eq!(ended.into_body().collect().await.unwrap().to_bytes(), "the last word");
    let script = Script::of([End::Never]);
    assert!(matches!(script.ask(at_once().with_timeout(limit), request("GET")).await, Err(Error::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_is_not_a_slow_endpoint() {
    let script = Script::default();
    let (mut sender, upload) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        for part in ["sl", "ow", "ly"] {
            tokio::time::sleep(Duration::from_secs(5)).await;
            sender.send_data(part.into()).await.unwrap();
        }
    });
    let policy = at_once().with_try_timeout(Duration::from_secs(1));
    script.ask(policy, Request::put("/").body(body(upload)).unwrap()).await.unwrap();
    assert_eq!(script.seen.lock().unwrap()[0].body, Ok("slowly".into()));
    assert_eq!(script.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_answer_that_is_long_or_slow_stands_and_loses_nothing() {
    let long: &'static str = Box::leak("x".repeat(5_000).into_boxed_str());
    let script = Script::of([answer(503, &[], long)]);
    let ended = script.ask(at_once().with_body_limit(4_999), request("GET")).await.unwrap();
    assert_eq!(ended.into_body().collect().await.unwrap().to_bytes(), long);
    assert_eq!(script.count(), 1);

    for unknown_length in [5_000, 100] {
        let (mut sender, slow) = Channel::<Bytes, BoxError>::new(1);
        tokio::spawn(async move {
            for _ in 0..unknown_length / 100 {
                sender.send_data("y".repeat(100).into()).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            sender.send_data("z".into()).await.unwrap();
        });
        let script = Script::of([End::Answer(Response::builder().status(503).body(body(slow)).unwrap())]);
        let ended = script.ask(at_once().with_body_limit(1_000), request("GET")).await.unwrap();
        let text = ended.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((text.len(), script.count()), (unknown_length + 1, 1));
    }
}

#[tokio::test]
async fn when_every_attempt_fails_the_last_answer_is_given_whole() {
    let script = Script::of([RESET, answer(502, &[], "one"), answer(503, &[("x-reason", "two")], "two")]);
    let ended = script.ask(at_once(), request("GET")).await.unwrap();
    assert_eq!((ended.status().as_u16(), &ended.headers()["x-reason"]), (503, &"two".parse().unwrap()));
    assert_eq!(ended.headers()["x-attempt-count"], "3");
    assert_eq!(ended.into_body().collect().await.unwrap().to_bytes(), "two");
}

#[tokio::test(start_paused = true)]
async fn alone_the_layers_own_budget_stops_the_storm() {
    let calls = Arc::new(Mutex::new(0_u32));
    let counter = Arc::clone(&calls);
    let service = service_fn(move |_: Request<ReplayBody<TestBody>>| {
        *counter.lock().unwrap() += 1;
        async { Ok::<_, BoxError>(Response::builder().status(503).body(empty()).unwrap()) }
    });
    let mut service = ServiceBuilder::new().layer(RetryLayer::new(tries(10))).service(service);
    for _ in 0..5_000 {
        let answer = service.ready().await.unwrap().call(request("GET")).await.unwrap();
        assert_eq!(answer.status(), 503);
    }
    let calls = *calls.lock().unwrap();
    assert!((6_000..=6_100).contains(&calls), "5000 requests, 20 %, and 100 in reserve: {calls}");
}

#[tokio::test]
async fn retries_within_retries_do_not_multiply() {
    let script = Script::of((0..100).map(|_| status(503)));
    let inner = script.clone();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(tries(4)))
        .layer(RetryLayer::new(tries(4)))
        .layer(RetryLayer::new(tries(4)))
        .service(service_fn(move |request: Request<ReplayBody<ReplayBody<ReplayBody<TestBody>>>>| {
            let script = inner.clone();
            async move {
                script.seen.lock().unwrap().push(Seen {
                    at: Instant::now(),
                    head: request.into_parts().0,
                    body: Ok(Bytes::new()),
                    trailers: None,
                });
                Ok::<_, BoxError>(Response::builder().status(503).body(empty()).unwrap())
            }
        }));
    service.oneshot(request("GET")).await.unwrap();
    assert_eq!(script.count(), 4);
}

#[tokio::test]
async fn what_another_process_tries_again_is_tried_once() {
    for mark in [("x-attempt-count", "2"), ("grpc-previous-rpc-attempts", "1")] {
        let script = Script::of([status(503)]);
        let mut again = request("GET");
        again.headers_mut().insert(mark.0, mark.1.parse().unwrap());
        assert_eq!(script.ask(at_once(), again).await.unwrap().status(), 503);
        assert_eq!(script.count(), 1, "{mark:?}");
    }
    // And an answer that says it has been tried is not tried again.
    let script = Script::of([answer(503, &[("x-attempt-count", "3")], "")]);
    assert_eq!(script.ask(at_once(), request("GET")).await.unwrap().status(), 503);
    assert_eq!(script.count(), 1);
}

#[tokio::test]
async fn an_upgrade_is_tried_once() {
    let mut upgrade = request("GET");
    upgrade.headers_mut().insert("connection", "upgrade".parse().unwrap());
    upgrade.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    for upgrade in [upgrade, request("CONNECT")] {
        let script = Script::of([End::Refused]);
        let policy = at_once().with_idempotency(Idempotency::by(|_| true));
        assert!(script.ask(policy, upgrade).await.is_err());
        assert_eq!(script.count(), 1);
    }
}

#[tokio::test]
async fn a_wish_that_nobody_passes_on_costs_no_retry() {
    // Java's HttpClient and curl --http2 begin so; and whoever names a protocol without `Connection` asks for nothing.
    for (connection, protocol) in
        [("upgrade, http2-settings", "h2c"), ("keep-alive", "websocket"), ("upgrade", "TLS/1.2")]
    {
        let mut wish = request("GET");
        wish.headers_mut().insert("connection", connection.parse().unwrap());
        wish.headers_mut().insert("upgrade", protocol.parse().unwrap());
        let script = Script::of([RESET]);
        assert_eq!(script.ask(at_once(), wish).await.unwrap().status(), StatusCode::OK, "{protocol}");
        assert_eq!(script.count(), 2, "{protocol}");
    }
}

#[tokio::test]
async fn a_grpc_call_is_retried_by_its_status_and_marked() {
    let grpc = ("content-type", "application/grpc");
    let script = Script::of([answer(200, &[grpc, ("grpc-status", "14")], "")]);
    let mut call = request("POST");
    call.headers_mut().insert(grpc.0, grpc.1.parse().unwrap());
    let policy = at_once().with_idempotency(Idempotency::by(|head| head.uri.path() == "/"));
    let ended = script.ask(policy, call).await.unwrap();
    assert!(!ended.headers().contains_key("grpc-status"));
    assert_eq!(script.seen.lock().unwrap()[1].head.headers["grpc-previous-rpc-attempts"], "1");
}

#[tokio::test(start_paused = true)]
async fn our_own_refusals_are_answers_unless_they_are_waited_out() {
    let refuse_twice = || {
        let refusals = Arc::new(Mutex::new(2_u32));
        let service = service_fn(move |_: Request<ReplayBody<TestBody>>| {
            let mut left = refusals.lock().unwrap();
            let rejection = Rejection::RateLimited { retry_after: Duration::from_secs(2) };
            let refusal = (*left > 0).then(|| Problem::from(rejection));
            *left = left.saturating_sub(1);
            async move { refusal.map_or_else(|| Ok(Response::new(empty())), Err) }
        });
        ServiceBuilder::new().layer(RejectionLayer::new()).service(service)
    };
    let ask = async |policy| {
        let service = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(refuse_twice());
        let begun = Instant::now();
        let answer = service.oneshot(request("POST")).await.unwrap();
        (
            answer.status().as_u16(),
            begun.elapsed().as_secs(),
            answer.extensions().get::<Attempts>().unwrap().count(),
        )
    };
    assert_eq!(ask(at_once()).await, (429, 0, 1));
    assert_eq!(ask(at_once().waiting_out_refusals()).await, (200, 4, 1));
    assert_eq!(ask(at_once().waiting_out_refusals().with_timeout(Duration::from_secs(3))).await, (429, 2, 1));
    assert_eq!(
        ask(at_once().waiting_out_refusals().with_longest_wait(Duration::from_secs(1))).await,
        (429, 0, 1)
    );
}
