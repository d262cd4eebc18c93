use std::{
    collections::BTreeMap,
    fmt,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
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
    pools: Arc<RwLock<Pools>>,
}

/// By pool and address.
type Pools = BTreeMap<Box<str>, BTreeMap<Box<str>, Histogram>>;

impl Latencies {
    fn observe(&self, picked: &PickedEndpoint, took: Duration) {
        let (pool, address) = (picked.pool(), picked.address());
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = pools.get(pool).and_then(|endpoints| endpoints.get(address)) {
            return histogram.observe(took.as_secs_f64());
        }
        drop(pools);
        self.enter(pool, address).observe(took.as_secs_f64());
    }

    fn enter(&self, pool: &str, address: &str) -> Histogram {
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        let endpoints = pools.entry(pool.into()).or_default();
        endpoints.entry(address.into()).or_insert_with(|| Histogram::new(BOUNDS)).clone()
    }

    /// Those of endpoints that are still there, each with its pool and its address; the others are forgotten.
    pub(super) fn of(&self, is_there: impl Fn(&str, &str) -> bool) -> Vec<((String, String), Histogram)> {
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool, endpoints| {
            endpoints.retain(|address, _| is_there(pool, address));
            !endpoints.is_empty()
        });
        let all = pools.iter().flat_map(|(pool, endpoints)| endpoints.iter().map(move |each| (pool, each)));
        all.map(|(pool, (address, histogram))| ((pool.to_string(), address.to_string()), histogram.clone()))
            .collect()
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
