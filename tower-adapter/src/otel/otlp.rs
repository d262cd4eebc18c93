use std::{error, fmt, sync::Arc, time::Duration};

use http::Uri;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::{Sampler, SdkTracerProvider},
};

use super::{Telemetry, carrier::Carrier};

/// Where traces and metrics go: a collector that speaks OTLP over HTTP, in Protobuf.
///
/// ```no_run
/// use tenantry_tower::otel::{Otlp, ServerSpanLayer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), tenantry_tower::otel::OtlpError> {
/// let telemetry = Otlp::new("http://127.0.0.1:4318").with_service("shop").with_sample(0.1).start()?;
/// let layer = ServerSpanLayer::new(telemetry.tracer()).with_meter(&telemetry.meter());
/// telemetry.stop().await; // what is still on its way goes out
/// # drop(layer);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Otlp {
    endpoint: String,
    service: String,
    sample: f64,
    every: Duration,
}

/// Why nothing can be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum OtlpError {
    /// The collector's address is no `http://host:port`.
    Endpoint,
    /// There is no tokio runtime around.
    Runtime,
    /// The exporter does not want to.
    Exporter(opentelemetry_otlp::ExporterBuildError),
}

impl Otlp {
    /// To the collector at this address, as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are added.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            service: "tenantry".to_owned(),
            sample: 1.0,
            every: Duration::from_secs(30),
        }
    }

    /// The service's name. Default `tenantry`.
    #[must_use]
    pub fn with_service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// The share of the traces that begin here which is recorded, 0 to 1; where a trace began elsewhere and a [trusted hop](super::ServerSpanLayer::with_trusted_hops) says so, that decided. Default 1.
    #[must_use]
    pub const fn with_sample(mut self, share: f64) -> Self {
        self.sample = share;
        self
    }

    /// How often metrics are sent. Default 30 s.
    #[must_use]
    pub const fn with_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sends from now on, on the current tokio runtime. A collector that does not answer costs spans, and no request waits for it.
    ///
    /// # Errors
    /// When the address is none, or there is no runtime.
    pub fn start(self) -> Result<Telemetry, OtlpError> {
        self.check()?;
        let base = self.endpoint.trim_end_matches('/');
        let carrier: Arc<dyn HttpClient> = Arc::new(Carrier::new().ok_or(OtlpError::Runtime)?);
        let spans = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&carrier))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .build()?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_shared_http_client(carrier)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/metrics"))
            .build()?;
        let resource = Resource::builder().with_service_name(self.service).build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sample)));
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(sampler)
            .with_batch_exporter(spans)
            .build();
        let reader = PeriodicReader::builder(metrics).with_interval(self.every).build();
        let meters = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        Ok(Telemetry::new(traces, meters))
    }

    /// Whether [`start`](Self::start) can take the endpoint.
    ///
    /// # Errors
    /// [`OtlpError::Endpoint`] when it is not `http://host:port`, with a path or without, or names a user.
    pub fn check(&self) -> Result<(), OtlpError> {
        let uri: Uri = self.endpoint.parse().map_err(|_| OtlpError::Endpoint)?;
        let names_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let is_fit = uri.scheme_str() == Some("http") && uri.host().is_some() && !names_user;
        if is_fit { Ok(()) } else { Err(OtlpError::Endpoint) }
    }
}

impl fmt::Display for OtlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint => f.write_str("write a collector's address, as \"http://127.0.0.1:4318\""),
            Self::Runtime => f.write_str("start it within a tokio runtime"),
            Self::Exporter(error) => error.fmt(f),
        }
    }
}

impl error::Error for OtlpError {}

impl From<opentelemetry_otlp::ExporterBuildError> for OtlpError {
    fn from(error: opentelemetry_otlp::ExporterBuildError) -> Self {
        Self::Exporter(error)
    }
}
