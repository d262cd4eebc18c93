use std::sync::Arc;

use tower::Layer;

use super::{Report, meter::Meter};

/// Lets a server answer probes: counts the requests of the service within, times them, and answers `GET` of its path itself.
///
/// A request counts until its response's last byte is out. What ends with an error or a 5xx, or breaks off, teaches no latency: else a
/// server that fails fast would praise itself. Services of one layer and its clones are one server.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tenantry_tower::probe::ReportLayer;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ServiceBuilder::new().layer(ReportLayer::new("/prequal")).service(service_fn(async |_: Request<()>| {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from("hello"))))
/// }));
/// let answer = server.oneshot(Request::get("/prequal").body(())?).await?;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), r#"{"latency_us":null,"rif":0}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReportLayer {
    path: Arc<str>,
    meter: Arc<Meter>,
}

impl ReportLayer {
    /// Answers probes at this path.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self { path: path.into(), meter: Arc::default() }
    }
}

impl<S> Layer<S> for ReportLayer {
    type Service = Report<S>;

    fn layer(&self, inner: S) -> Report<S> {
        Report::new(inner, Arc::clone(&self.path), Arc::clone(&self.meter))
    }
}
