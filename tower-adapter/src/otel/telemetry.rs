use opentelemetry::{
    global::BoxedTracer,
    metrics::{Meter, MeterProvider},
    trace::TracerProvider,
};
use opentelemetry_sdk::{metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tokio::task::spawn_blocking;

/// What is on its way to a collector. Clones are the same.
#[derive(Clone, Debug)]
pub struct Telemetry {
    traces: SdkTracerProvider,
    meters: SdkMeterProvider,
}

impl Telemetry {
    pub(super) const fn new(traces: SdkTracerProvider, meters: SdkMeterProvider) -> Self {
        Self { traces, meters }
    }

    /// Makes spans.
    #[must_use]
    pub fn tracer(&self) -> BoxedTracer {
        BoxedTracer::new(Box::new(self.traces.tracer(SCOPE)))
    }

    /// Takes measurements.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meters.meter(SCOPE)
    }

    /// Sends what is still here, and nothing after it. A collector that does not answer is waited for, for a few seconds.
    pub async fn stop(self) {
        // Both block, and they need the runtime that goes on meanwhile. What could not be sent is lost: nobody could do anything about it.
        let stopped = spawn_blocking(move || {
            self.traces.shutdown().ok();
            self.meters.shutdown().ok();
        });
        stopped.await.ok();
    }
}

const SCOPE: &str = "tenantry";
