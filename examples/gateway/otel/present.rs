use std::{sync::OnceLock, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::Balancer;
use tenantry_tower::otel::{AttemptSpanLayer, Otlp, ServerSpan, ServerSpanLayer, Telemetry, observe};

use crate::{config::Settings, unfit::Unfit, values::Span};

/// `otel = { endpoint = "http://127.0.0.1:4318", service = "tenantry-gateway", sample = 1.0, every = "30s" }`; only the endpoint must be there.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OtelTable {
    /// The collector, over HTTP: `/v1/traces` and `/v1/metrics` are added.
    endpoint: String,
    /// The service's name.
    #[serde(default = "service")]
    service: String,
    /// The share of the traces that begin here which is recorded, 0 to 1.
    #[serde(default = "sample")]
    #[schemars(range(min = 0, max = 1))]
    sample: f64,
    /// How often metrics are sent.
    #[serde(default = "every")]
    every: Span,
}

/// What is on its way to the collector.
#[derive(Debug)]
pub struct Sending(Telemetry);

/// A service within the requests' spans.
pub(crate) type ServerSpans<S> = ServerSpan<S>;

impl OtelTable {
    /// Sends from now on: what routers made after this see, and what the balancer knows. Once in a process.
    ///
    /// # Errors
    /// When a value cannot be used.
    pub fn start(&self, balancer: &Balancer) -> Result<Sending, Unfit> {
        let telemetry = self.otlp().start().map_err(|error| Unfit::hidden(ENDPOINT, error))?;
        observe(&telemetry.meter(), balancer);
        let telemetry = STARTED.get_or_init(|| telemetry).clone();
        Ok(Sending(telemetry))
    }
}

impl OtelTable {
    /// Checks what serde cannot.
    pub(crate) fn check(&self) -> Result<(), Unfit> {
        if !(0.0..=1.0).contains(&self.sample) {
            let fix = "write a number from 0 to 1, as 0.01";
            return Err(Unfit::new("gateway.otel.sample", self.sample.to_string(), fix));
        }
        // It may hold a password.
        self.otlp().check().map_err(|error| Unfit::hidden(ENDPOINT, error))
    }

    fn otlp(&self) -> Otlp {
        let otlp = Otlp::new(&self.endpoint).with_service(&self.service);
        otlp.with_sample(self.sample).with_every(self.every.0)
    }
}

impl Sending {
    /// Sends what is still here.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

pub(crate) fn server_spans(settings: &Settings) -> ServerSpanLayer {
    started(settings).map_or_else(ServerSpanLayer::off, |telemetry| {
        ServerSpanLayer::new(telemetry.tracer()).with_meter(&telemetry.meter())
    })
}

pub(crate) fn attempt_spans(settings: &Settings) -> AttemptSpanLayer {
    started(settings)
        .map_or_else(AttemptSpanLayer::off, |telemetry| AttemptSpanLayer::new(telemetry.tracer()))
}

fn started(settings: &Settings) -> Option<&'static Telemetry> {
    settings.otel().and_then(|_| STARTED.get())
}

fn service() -> String {
    "tenantry-gateway".to_owned()
}

const fn sample() -> f64 {
    1.0
}

const fn every() -> Span {
    Span(Duration::from_secs(30))
}

const ENDPOINT: &str = "gateway.otel.endpoint";

static STARTED: OnceLock<Telemetry> = OnceLock::new();
