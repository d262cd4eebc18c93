use std::{sync::OnceLock, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::Balancer;
use tenantry_tower::{
    identity::Networks,
    otel::{AttemptSpanLayer, Otlp, ServerSpan, ServerSpanLayer, Telemetry, observe},
};

use crate::{
    config::Settings,
    identify::Gate,
    unfit::Unfit,
    values::{Span, networks},
};

/// `otel = { endpoint = "http://127.0.0.1:4318", service = "tenantry-gateway", sample = 1.0, trusted = ["10.0.0.0/8"], every = "30s" }`; only the endpoint must be there.
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
    /// The networks whose peers' word on traces counts; those that `identify` trusts where it is left out.
    trusted: Option<Vec<String>>,
    /// How often metrics are sent.
    #[serde(default = "every")]
    every: Span,
}

/// What is on its way to the collector.
#[derive(Debug)]
pub struct Sending(Telemetry);

/// A service within the requests' spans.
pub(crate) type ServerSpans<S> = ServerSpan<S>;

/// Makes one.
pub(crate) type ServerSpansLayer = ServerSpanLayer;

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
    pub(crate) fn check(&self, gate: &Gate) -> Result<(), Unfit> {
        if !(0.0..=1.0).contains(&self.sample) {
            let fix = "write a number from 0 to 1, as 0.01";
            return Err(Unfit::new("gateway.otel.sample", self.sample.to_string(), fix));
        }
        self.hops(gate)?;
        // It may hold a password.
        self.otlp().check().map_err(|error| Unfit::hidden(ENDPOINT, error))
    }

    /// Whether they send the same to the same place: whom they trust can be exchanged.
    pub(crate) fn are_sent_alike(one: Option<&Self>, other: Option<&Self>) -> bool {
        let sent = |table: &Self| Self { trusted: None, ..table.clone() };
        one.map(sent) == other.map(sent)
    }

    /// With who is trusted where it is not said.
    pub(crate) fn with_defaults(&self, trusted: &[String]) -> Self {
        let trusted = self.trusted.clone().unwrap_or_else(|| trusted.to_vec());
        Self { trusted: Some(trusted), ..self.clone() }
    }

    /// `gate` says whose word counts, unless the table does.
    fn hops(&self, gate: &Gate) -> Result<Networks, Unfit> {
        match &self.trusted {
            Some(list) => networks("gateway.otel.trusted", list),
            None => Ok(gate.hops().clone()),
        }
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
    let Some((table, telemetry)) = started(settings) else { return ServerSpanLayer::off() };
    let hops = table.hops(settings.gate()).expect("they were checked");
    ServerSpanLayer::new(telemetry.tracer()).with_meter(&telemetry.meter()).with_trusted_hops(hops)
}

pub(crate) fn attempt_spans(settings: &Settings) -> AttemptSpanLayer {
    started(settings)
        .map_or_else(AttemptSpanLayer::off, |(_, telemetry)| AttemptSpanLayer::new(telemetry.tracer()))
}

fn started(settings: &Settings) -> Option<(&OtelTable, &'static Telemetry)> {
    settings.otel().zip(STARTED.get())
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
