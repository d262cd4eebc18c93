//! How tenants are served, as the gateway sees it: a layer that times every request from its arrival to its answer's head.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use http::{Request, Response};
use tenantry_tower::tenant::TenantId;
use tower::{Layer, Service};

/// Figures per tenant; clones share them. Bounded: past 100 tenants the others are one.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    tenants: Arc<Mutex<BTreeMap<String, Reading>>>,
}

/// One tenant's figures since they were last taken.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reading {
    /// Latencies of what was served (a status below 400), in microseconds.
    pub served: Histogram<u64>,
    /// What got another status.
    pub unserved: u64,
}

impl Meter {
    /// Takes the figures since the last time.
    #[must_use]
    pub fn take(&self) -> BTreeMap<String, Reading> {
        std::mem::take(&mut *self.lock())
    }

    fn record(&self, tenant: &TenantId, latency: Duration, served: bool) {
        let mut tenants = self.lock();
        let id = tenant.as_str();
        let name = if tenants.len() >= MOST_TENANTS && !tenants.contains_key(id) { OTHERS } else { id };
        let reading = tenants.entry(name.to_owned()).or_insert_with(Reading::new);
        if served {
            reading.served.saturating_record(micros(latency));
        } else {
            reading.unserved += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Reading>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    fn new() -> Self {
        Self { served: latencies(), unserved: 0 }
    }
}

/// A histogram for latencies in microseconds, up to an hour, to two digits.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "it cannot panic: these bounds are valid ones")]
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 2).expect("1 < an hour, and two digits are within bounds")
}

/// A latency as the histograms hold it.
#[must_use]
pub fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
}

impl<S> Layer<S> for Meter {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, meter: self.clone() }
    }
}

/// The service of [`Meter`].
#[derive(Clone, Debug)]
pub struct Metered<S> {
    inner: S,
    meter: Meter,
}

impl<S, B, R> Service<Request<B>> for Metered<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let tenant = request.extensions().get::<TenantId>().cloned();
        let arrived = Instant::now();
        let answer = self.inner.call(request);
        let meter = self.meter.clone();
        Box::pin(async move {
            let response = answer.await?;
            if let Some(tenant) = tenant {
                meter.record(&tenant, arrived.elapsed(), response.status().as_u16() < 400);
            }
            Ok(response)
        })
    }
}

const MOST_TENANTS: usize = 100;
const OTHERS: &str = "(other)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_quantiles_of_what_was_served_and_counts_the_rest() {
        let (meter, acme) = (Meter::default(), TenantId::new("acme"));
        for millis in 1..=100 {
            meter.record(&acme, Duration::from_millis(millis), true);
        }
        meter.record(&acme, Duration::from_secs(9), false);
        let readings = meter.take();
        let reading = &readings["acme"];
        assert_eq!((reading.served.len(), reading.unserved), (100, 1));
        assert_eq!(reading.served.value_at_quantile(0.5) / 1000, 50);
        assert!(meter.take().is_empty());
    }

    #[test]
    fn past_a_hundred_tenants_the_others_are_one() {
        let meter = Meter::default();
        for number in 0..1000 {
            meter.record(&TenantId::new(format!("tenant-{number}")), Duration::ZERO, true);
        }
        let readings = meter.take();
        assert_eq!((readings.len(), readings[OTHERS].served.len()), (101, 900));
    }
}
