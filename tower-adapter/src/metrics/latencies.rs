use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use prometheus_client::metrics::histogram::Histogram;
use tower::{Layer, Service};

use super::BOUNDS;
use crate::balance::PickedEndpoint;

/// A layer that times how long endpoints take to answer: from the call to the answer's head. What fails without an answer is not timed.
/// Clones share what they have timed. From [`Metrics::latencies`](super::Metrics::latencies).
#[derive(Clone, Default)]
pub struct Latencies {
    by_endpoint: Arc<Mutex<BTreeMap<Place, Histogram>>>,
}

/// A pool's name and an address.
type Place = (String, String);

impl Latencies {
    fn observe(&self, picked: &PickedEndpoint, took: Duration) {
        let place = (picked.pool().to_owned(), picked.address().to_owned());
        let histogram = self.lock().entry(place).or_insert_with(|| Histogram::new(BOUNDS)).clone();
        histogram.observe(took.as_secs_f64());
    }

    /// Those of endpoints that are still there; the others are forgotten.
    pub(super) fn of(&self, is_there: impl Fn(&str, &str) -> bool) -> Vec<(Place, Histogram)> {
        let mut by_endpoint = self.lock();
        by_endpoint.retain(|(pool, address), _| is_there(pool, address));
        by_endpoint.iter().map(|(place, histogram)| (place.clone(), histogram.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Histogram>> {
        self.by_endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Layer<S> for Latencies {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, latencies: self.clone() }
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latencies").finish_non_exhaustive()
    }
}

/// A service whose answers are timed.
#[derive(Clone, Debug)]
pub struct Timed<S> {
    inner: S,
    latencies: Latencies,
}

impl<S, B, R> Service<Request<B>> for Timed<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let picked = request.extensions().get::<PickedEndpoint>().cloned();
        let timing =
            picked.map(|picked| Timing { picked, latencies: self.latencies.clone(), since: Instant::now() });
        ResponseFuture { call: self.inner.call(request), timing }
    }
}

pin_project! {
    /// The future of [`Timed`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        call: F,
        timing: Option<Timing>,
    }
}

#[derive(Debug)]
struct Timing {
    picked: PickedEndpoint,
    latencies: Latencies,
    since: Instant,
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.call.poll(cx));
        if let (Ok(_), Some(Timing { picked, latencies, since })) = (&answer, this.timing.take()) {
            latencies.observe(&picked, since.elapsed());
        }
        Poll::Ready(answer)
    }
}
